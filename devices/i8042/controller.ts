/**
 * 8042 keyboard controller with auxiliary (PS/2 mouse) port.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device controller"; Intel 8042 (UPI-42).
 * Models: status, command byte and internal RAM, both ports with their interrupts, set 2 to set 1 translation, self
 * tests, loop commands D2 and D3, output port with A20 and reset, output pulses. One output buffer, filled again only
 * after it was read; controller answers first, then keyboard, then mouse, a byte at the pace of the serial link.
 * Does not model: parity and time-out errors, the password security commands, input port polling (C1, C2), keylock.
 */
import type { BusRegion } from '../bus.ts';
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';
import type { Ps2Device } from './ps2-port.ts';
import { BREAK_PREFIX, translate } from './translation.ts';

/** Status register (port 64h). */
const OUTPUT_FULL = 0x01;
const SYSTEM_FLAG = 0x04;
const LAST_WAS_COMMAND = 0x08;
const NOT_LOCKED = 0x10;
const AUX_DATA = 0x20;
/** Command byte. */
const KEYBOARD_INTERRUPT = 0x01;
const AUX_INTERRUPT = 0x02;
const COMMAND_SYSTEM_FLAG = 0x04;
const KEYBOARD_DISABLED = 0x10;
const AUX_DISABLED = 0x20;
const TRANSLATE = 0x40;
/** Output port. */
const NOT_RESET = 0x01;
const A20 = 0x02;

/** Time a byte needs from a device into the output buffer (11 bits at about 16 kHz take 0.7 ms; 0.4 ms keeps wheels lively). */
const BYTE_TIME: Nanoseconds = 400_000;
/** Answers of the controller itself that wait behind each other. */
const MAX_ANSWERS = 8;

const Source = { Keyboard: 0, Aux: 1 } as const;

export interface I8042Options {
  /** IRQ 1. */
  readonly keyboardIrq: EdgeLine;
  /** IRQ 12. */
  readonly auxIrq: EdgeLine;
  readonly keyboard: Ps2Device;
  readonly mouse: Ps2Device;
  /** A20 gate bit of the output port was written. */
  readonly onA20: (enabled: boolean) => void;
  /** The reset output was pulsed. */
  readonly onReset: () => void;
}

export class I8042 implements Device {
  readonly name = 'i8042';
  /** Port 60h. */
  readonly data: BusRegion;
  /** Port 64h: status and commands. */
  readonly command: BusRegion;
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #options: I8042Options;
  readonly #alarm: Alarm;
  /** RAM bytes 20h-3Fh; the first is the command byte. */
  private readonly ram = new Uint8Array(32);
  private status = 0;
  private output = 0;
  private outputPort = 0;
  /** Command that waits for its data byte on port 60h; 0 = none. */
  private waiting = 0;
  /** Answers not yet in the output buffer: pairs of a byte and its `Source`. */
  private answers: number[] = [];
  /** Translation saw the break prefix. */
  private released = false;
  private deadline: Nanoseconds = Infinity;

  constructor(host: DeviceHost, options: I8042Options) {
    this.#clock = host.clock;
    this.#log = host.log;
    this.#options = options;
    this.#alarm = host.clock.alarm('i8042', () => this.#deliver());
    this.data = {
      name: 'i8042 data',
      length: 1,
      read: () => this.#readData(),
      write: (_offset, _size, value) => this.#writeData(value),
    };
    this.command = {
      name: 'i8042 command',
      length: 1,
      read: () => this.status | NOT_LOCKED,
      write: (_offset, _size, value) => this.#writeCommand(value),
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'ram', type: { bytes: 32 } },
        { name: 'status', type: 'u8' },
        { name: 'output', type: 'u8' },
        { name: 'outputPort', type: 'u8' },
        { name: 'waiting', type: 'u8' },
        { name: 'answers', type: { buffer: 2 * MAX_ANSWERS } },
        { name: 'released', type: 'bool' },
        { name: 'deadline', type: 'f64' },
      ],
      loaded: () => {
        this.answers = [...this.answers];
        this.#alarm.set(this.deadline);
        this.#options.onA20((this.outputPort & A20) !== 0);
        this.#interrupt();
      },
    };
    options.keyboard.attach(() => this.#schedule());
    options.mouse.attach(() => this.#schedule());
    this.reset(ResetCause.PowerOn);
  }

  /** A system reset does not reach the devices' own state: they have no reset wire. */
  reset(_cause: ResetCause): void {
    this.ram.fill(0);
    this.#commandByte = KEYBOARD_DISABLED | AUX_DISABLED | TRANSLATE;
    this.status = 0;
    this.output = 0;
    this.outputPort = 0xc0 | NOT_RESET | A20;
    this.waiting = 0;
    this.answers = [];
    this.released = false;
    this.#cancel();
    this.#options.onA20(true);
    this.#interrupt();
  }

  get #commandByte(): number {
    return this.ram[0]!;
  }

  set #commandByte(value: number) {
    this.ram[0] = value;
  }

  #cancel(): void {
    this.deadline = Infinity;
    this.#alarm.cancel();
  }

  /** Starts clocking in the next byte if there is one and nothing stands in its way. */
  #schedule(): void {
    if (this.status & OUTPUT_FULL || this.deadline !== Infinity) return;
    const command = this.#commandByte;
    const { keyboard, mouse } = this.#options;
    if ((keyboard.pending && !(command & KEYBOARD_DISABLED)) || (mouse.pending && !(command & AUX_DISABLED))) {
      this.deadline = this.#clock.now() + BYTE_TIME;
      this.#alarm.set(this.deadline);
    }
  }

  #deliver(): void {
    this.deadline = Infinity;
    if (this.status & OUTPUT_FULL) return;
    const command = this.#commandByte;
    const { keyboard, mouse } = this.#options;
    if (keyboard.pending && !(command & KEYBOARD_DISABLED)) this.#fromKeyboard(keyboard.take());
    else if (mouse.pending && !(command & AUX_DISABLED)) this.#fill(mouse.take(), Source.Aux);
    this.#schedule();
  }

  #fromKeyboard(byte: number): void {
    if (!(this.#commandByte & TRANSLATE)) {
      this.released = false;
      this.#fill(byte, Source.Keyboard);
    } else if (byte === BREAK_PREFIX) {
      this.released = true;
    } else {
      const code = translate(byte);
      this.#fill(this.released ? code | 0x80 : code, Source.Keyboard);
      this.released = false;
    }
  }

  #fill(byte: number, source: number): void {
    this.output = byte;
    this.status = (this.status & ~AUX_DATA) | OUTPUT_FULL | (source === Source.Aux ? AUX_DATA : 0);
    this.#interrupt();
  }

  /** Queues an answer of the controller; it overtakes device bytes that are not in the output buffer yet. */
  #answer(byte: number, source: number = Source.Keyboard): void {
    if (!(this.status & OUTPUT_FULL)) {
      this.#cancel();
      this.#fill(byte, source);
    } else if (this.answers.length < 2 * MAX_ANSWERS) {
      this.answers.push(byte, source);
    } else {
      this.#log.guestError(this.name, 'answer lost: the output buffer is never read', byte);
    }
  }

  #interrupt(): void {
    const full = (this.status & OUTPUT_FULL) !== 0;
    const aux = (this.status & AUX_DATA) !== 0;
    const command = this.#commandByte;
    this.#options.keyboardIrq.set(full && !aux && (command & KEYBOARD_INTERRUPT) !== 0);
    this.#options.auxIrq.set(full && aux && (command & AUX_INTERRUPT) !== 0);
  }

  #readData(): number {
    const value = this.output;
    if (this.status & OUTPUT_FULL) {
      this.status &= ~OUTPUT_FULL;
      // The wire goes low before the next byte raises it, so that each byte is an edge of its own.
      this.#interrupt();
      const answer = this.answers.shift();
      if (answer !== undefined) this.#fill(answer, this.answers.shift() ?? Source.Keyboard);
      else this.#schedule();
    }
    return value;
  }

  #writeData(value: number): void {
    this.status &= ~LAST_WAS_COMMAND;
    const command = this.waiting;
    this.waiting = 0;
    if (command >= 0x60 && command < 0x80) {
      this.#writeRam(command & 0x1f, value);
      return;
    }
    switch (command) {
      case 0:
        // Sending to a device lets its clock run again.
        this.#commandByte &= ~KEYBOARD_DISABLED;
        this.#options.keyboard.receive(value);
        this.#schedule();
        break;
      case 0xd1:
        this.#writeOutputPort(value);
        break;
      case 0xd2:
        this.#answer(value);
        break;
      case 0xd3:
        this.#answer(value, Source.Aux);
        break;
      case 0xd4:
        this.#commandByte &= ~AUX_DISABLED;
        this.#options.mouse.receive(value);
        this.#schedule();
        break;
    }
  }

  #writeRam(index: number, value: number): void {
    this.ram[index] = value;
    if (index !== 0) return;
    this.status = (this.status & ~SYSTEM_FLAG) | (value & COMMAND_SYSTEM_FLAG ? SYSTEM_FLAG : 0);
    this.#interrupt();
    this.#schedule();
  }

  #writeOutputPort(value: number): void {
    this.outputPort = value;
    this.#options.onA20((value & A20) !== 0);
    if (!(value & NOT_RESET)) this.#options.onReset();
  }

  /** Output port as it reads: bits 4 and 5 follow the two interrupt wires. */
  #readOutputPort(): number {
    const full = (this.status & OUTPUT_FULL) !== 0;
    const aux = (this.status & AUX_DATA) !== 0;
    return (this.outputPort & 0xcf) | (full && !aux ? 0x10 : 0) | (full && aux ? 0x20 : 0);
  }

  #setCommandBit(bit: number, on: boolean): void {
    this.#commandByte = on ? this.#commandByte | bit : this.#commandByte & ~bit;
    this.#schedule();
  }

  #writeCommand(value: number): void {
    this.status |= LAST_WAS_COMMAND;
    this.waiting = 0;
    if (value >= 0xf0) {
      if (!(value & NOT_RESET)) this.#options.onReset();
    } else if (value >= 0x60 && value < 0x80) {
      this.waiting = value;
    } else if (value >= 0x20 && value < 0x40) {
      this.#answer(this.ram[value & 0x1f]!);
    } else {
      this.#execute(value);
    }
  }

  #execute(command: number): void {
    switch (command) {
      case 0xa4:
        // No password installed.
        this.#answer(0xf1);
        break;
      case 0xa7:
        this.#setCommandBit(AUX_DISABLED, true);
        break;
      case 0xa8:
        this.#setCommandBit(AUX_DISABLED, false);
        break;
      case 0xa9:
      case 0xab:
        this.#answer(0x00);
        break;
      case 0xaa:
        this.status |= SYSTEM_FLAG;
        this.#commandByte |= COMMAND_SYSTEM_FLAG;
        this.#answer(0x55);
        break;
      case 0xad:
        this.#setCommandBit(KEYBOARD_DISABLED, true);
        break;
      case 0xae:
        this.#setCommandBit(KEYBOARD_DISABLED, false);
        break;
      case 0xc0:
        // Input port: keyboard not inhibited, colour display, manufacturing jumper open.
        this.#answer(0xbf);
        break;
      case 0xd0:
        this.#answer(this.#readOutputPort());
        break;
      case 0xd1:
      case 0xd2:
      case 0xd3:
      case 0xd4:
        this.waiting = command;
        break;
      case 0xdd:
        this.#writeOutputPort(this.outputPort & ~A20);
        break;
      case 0xdf:
        this.#writeOutputPort(this.outputPort | A20);
        break;
      default:
        this.#log.unimplemented(this.name, 'command', command);
    }
  }
}
