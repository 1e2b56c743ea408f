/**
 * 16550A universal asynchronous receiver/transmitter as wired in a PC.
 *
 * Data sheet: National Semiconductor NS16550A/PC16550D (TL/C/8652).
 * Models: both 16-byte FIFOs with trigger levels and the character time-out, the interrupt priorities and the THRE
 * interrupt's re-arming, modem control and status with delta bits, loopback, break, error flags per character, timing
 * from the divisor latch and the frame format.
 * Does not model: the DMA signals (FCR bit 3), stick parity on a real line, frames of differing format at both ends.
 * The PC gates the interrupt with OUT2; the gate here follows MCR bit 3 in loopback too, as integrated UARTs have it.
 */
import type { BusRegion } from '../bus.ts';
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';

const FIFO_SIZE = 16;
/** Input clock of the baud generator in Hz; a divisor of 1 gives 115200 baud. */
const CLOCK = 1_843_200;
const TRIGGERS = [1, 4, 8, 14] as const;

/** Interrupt enable register. */
const ERBFI = 0x01;
const ETBEI = 0x02;
const ELSI = 0x04;
const EDSSI = 0x08;
/** Line control register. */
const LCR_PARITY = 0x08;
const LCR_STOP = 0x04;
const LCR_BREAK = 0x40;
const LCR_DLAB = 0x80;
/** Modem control register. */
const MCR_DTR = 0x01;
const MCR_RTS = 0x02;
const MCR_OUT1 = 0x04;
const MCR_OUT2 = 0x08;
const MCR_LOOP = 0x10;
/** Line status register. */
const DR = 0x01;
const OE = 0x02;
const PE = 0x04;
const FE = 0x08;
const BI = 0x10;
const THRE = 0x20;
const TEMT = 0x40;
const RX_FIFO_ERROR = 0x80;
/** Modem status register: CTS, DSR, RI, DCD in bits 4-7, their changes in bits 0-3. */
const CTS = 0x10;
const DSR = 0x20;
const RI = 0x40;
const DCD = 0x80;
const TERI = 0x04;

/** LSR error bits that a host may attach to a received character. */
export const LineError = { Parity: PE, Framing: FE, Break: BI } as const;

export interface ModemStatus {
  readonly cts: boolean;
  readonly dsr: boolean;
  readonly ri: boolean;
  readonly dcd: boolean;
}

export interface Ns16550Options {
  /** Suffix of the device name: 0 for COM1. */
  readonly instance: number;
  readonly irq: EdgeLine;
  /** A character left the transmitter; its value is masked to the word length. */
  readonly onTransmit: (byte: number) => void;
  /** `canReceive` became true. */
  readonly onReceiveReady?: () => void;
  /** DTR and RTS as the line sees them, called when either changes. */
  readonly onModemControl?: (dtr: boolean, rts: boolean) => void;
  /** The guest holds the line in the break state, or released it. */
  readonly onBreak?: (active: boolean) => void;
  /** Characters take no time (but never less than one alarm), whatever the divisor says. */
  readonly fast?: boolean;
}

export class Ns16550 implements Device {
  readonly name: string;
  /** Eight ports. */
  readonly registers: BusRegion;
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #options: Ns16550Options;
  readonly #transmitAlarm: Alarm;
  readonly #receiveAlarm: Alarm;
  readonly #timeoutAlarm: Alarm;
  private ier = 0;
  private fcr = 0;
  private lcr = 0;
  private mcr = 0;
  private scratch = 0;
  private divisor = 12;
  /** OE only; the other bits of LSR are computed. */
  private overrun = false;
  /** Modem status register. */
  private msr = 0;
  /** Levels of CTS, DSR, RI, DCD pins. */
  private pins = 0;
  private received: number[] = [];
  /** Receiver buffer register: outside FIFO mode the last character stays readable. */
  private buffer = 0;
  /** LSR error bits of each character in `received`. */
  private errors: number[] = [];
  private transmit: number[] = [];
  private shifting: number | undefined = undefined;
  private shiftEnd: Nanoseconds = 0;
  /** Character on its way in, with its error bits in the high byte. */
  private arriving: number | undefined = undefined;
  private arrivalEnd: Nanoseconds = 0;
  private timeoutAt: Nanoseconds = Infinity;
  private thrInterrupt = false;
  private timedOut = false;

  constructor(host: DeviceHost, options: Ns16550Options) {
    this.name = `ns16550.${options.instance}`;
    this.#clock = host.clock;
    this.#options = options;
    this.#transmitAlarm = host.clock.alarm(`${this.name} transmit`, () => this.#sent());
    this.#receiveAlarm = host.clock.alarm(`${this.name} receive`, () => this.#arrived());
    this.#timeoutAlarm = host.clock.alarm(`${this.name} time-out`, () => this.#timeout());
    this.registers = {
      name: this.name,
      length: 8,
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value),
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        ...['ier', 'fcr', 'lcr', 'mcr', 'scratch', 'msr', 'pins', 'buffer'].map(
          (name) => ({ name, type: 'u8' }) as const,
        ),
        { name: 'divisor', type: 'u16' },
        { name: 'overrun', type: 'bool' },
        { name: 'received', type: { buffer: FIFO_SIZE } },
        { name: 'errors', type: { buffer: FIFO_SIZE } },
        { name: 'transmit', type: { buffer: FIFO_SIZE } },
        { name: 'shifting', type: { optional: 'u8' } },
        { name: 'shiftEnd', type: 'f64' },
        { name: 'arriving', type: { optional: 'u16' } },
        { name: 'arrivalEnd', type: 'f64' },
        { name: 'timeoutAt', type: 'f64' },
        { name: 'thrInterrupt', type: 'bool' },
        { name: 'timedOut', type: 'bool' },
      ],
      loaded: () => this.#loaded(),
    };
    this.reset(ResetCause.PowerOn);
  }

  #loaded(): void {
    // Each character has its error byte, whatever the saved lists say.
    this.received = [...this.received];
    this.errors = this.received.map((_, i) => this.errors[i] ?? 0);
    this.transmit = [...this.transmit];
    this.#transmitAlarm.cancel();
    this.#receiveAlarm.cancel();
    if (this.shifting !== undefined) this.#transmitAlarm.set(this.shiftEnd);
    if (this.arriving !== undefined) this.#receiveAlarm.set(this.arrivalEnd);
    this.#timeoutAlarm.set(this.timeoutAt);
    this.#driveModem();
    this.#interrupt();
  }

  reset(_cause: ResetCause): void {
    this.ier = this.fcr = this.lcr = this.mcr = this.scratch = this.buffer = 0;
    this.divisor = 12;
    this.overrun = this.thrInterrupt = this.timedOut = false;
    this.received = [];
    this.errors = [];
    this.transmit = [];
    this.shifting = this.arriving = undefined;
    this.timeoutAt = Infinity;
    this.#transmitAlarm.cancel();
    this.#receiveAlarm.cancel();
    this.#timeoutAlarm.cancel();
    this.msr = this.pins;
    this.#driveModem();
    this.#interrupt();
  }

  // ---- the line side

  /** Whether `receive` would take a character now: the receiver is idle and has room. */
  get canReceive(): boolean {
    return this.arriving === undefined && !(this.mcr & MCR_LOOP) && this.received.length < this.#capacity;
  }

  /**
   * Puts a character on the receive line, with `LineError` bits if it arrives damaged.
   * @returns false, with the character not taken, while `canReceive` is false; `onReceiveReady` tells when to go on
   */
  receive(byte: number, errors = 0): boolean {
    return this.#accept((byte & this.#wordMask) | ((errors & (PE | FE | BI)) << 8));
  }

  /** Puts a break condition on the receive line, seen as one null character with BI and FE. Returns as `receive`. */
  receiveBreak(): boolean {
    return this.#accept((BI | FE) << 8);
  }

  #accept(character: number): boolean {
    if (!this.canReceive) return false;
    this.arriving = character;
    this.arrivalEnd = this.#clock.now() + this.#characterTime;
    this.#receiveAlarm.set(this.arrivalEnd);
    return true;
  }

  /** Drives the modem's inputs (carrier, ring...). */
  set modemStatus(status: ModemStatus) {
    this.pins = (status.cts ? CTS : 0) | (status.dsr ? DSR : 0) | (status.ri ? RI : 0) | (status.dcd ? DCD : 0);
    if (!(this.mcr & MCR_LOOP)) this.#setModem(this.pins);
  }

  get modemStatus(): ModemStatus {
    const { pins } = this;
    return { cts: !!(pins & CTS), dsr: !!(pins & DSR), ri: !!(pins & RI), dcd: !!(pins & DCD) };
  }

  // ---- timing

  get #capacity(): number {
    return this.fcr & 1 ? FIFO_SIZE : 1;
  }

  get #wordMask(): number {
    return 0xff >> (3 - (this.lcr & 3));
  }

  get #characterTime(): Nanoseconds {
    if (this.#options.fast) return 0;
    const bits = 1 + 5 + (this.lcr & 3) + (this.lcr & LCR_PARITY ? 1 : 0) + (this.lcr & LCR_STOP ? 2 : 1);
    return (bits * 16 * (this.divisor || 1) * 1e9) / CLOCK;
  }

  // ---- transmitter

  #send(byte: number): void {
    this.thrInterrupt = false;
    // Without the FIFO (or with a full one) a character written too early replaces the last.
    if (this.transmit.length >= this.#capacity) this.transmit.pop();
    this.transmit.push(byte & this.#wordMask);
    if (this.shifting === undefined) this.#shift();
  }

  #shift(): void {
    this.shifting = this.transmit.shift();
    if (this.shifting === undefined) return;
    this.shiftEnd = this.#clock.now() + this.#characterTime;
    this.#transmitAlarm.set(this.shiftEnd);
    if (this.transmit.length === 0) this.thrInterrupt = true;
  }

  #sent(): void {
    do {
      const byte = this.shifting;
      if (byte === undefined) break;
      if (this.mcr & MCR_LOOP) this.#store(byte, 0);
      else if (!(this.lcr & LCR_BREAK)) this.#options.onTransmit(byte);
      this.#shift();
    } while (this.#options.fast);
    this.#interrupt();
  }

  // ---- receiver

  #arrived(): void {
    const character = this.arriving;
    if (character === undefined) return;
    this.arriving = undefined;
    this.#store(character & 0xff, character >> 8);
    this.#interrupt();
    this.#offer();
  }

  #store(byte: number, errors: number): void {
    if (this.received.length >= this.#capacity) {
      this.overrun = true;
      // In character mode the new character overwrites the old; a full FIFO keeps its contents.
      if (this.fcr & 1) return;
      this.received.pop();
      this.errors.pop();
    }
    this.received.push(byte);
    this.errors.push(errors);
    if (!(this.fcr & 1)) this.buffer = byte;
    this.#restartTimeout();
  }

  #offer(): void {
    if (this.canReceive) this.#options.onReceiveReady?.();
  }

  #take(): number {
    if (this.received.length === 0) return this.fcr & 1 ? 0 : this.buffer;
    const couldReceive = this.canReceive;
    const byte = this.received.shift()!;
    this.errors.shift();
    this.timedOut = false;
    this.#restartTimeout();
    if (!couldReceive) this.#offer();
    return byte;
  }

  /** The time-out runs four character times after the last FIFO access while characters wait below the trigger. */
  #restartTimeout(): void {
    const waiting = (this.fcr & 1) !== 0 && this.received.length > 0;
    this.timeoutAt = waiting ? this.#clock.now() + 4 * this.#characterTime : Infinity;
    this.#timeoutAlarm.set(this.timeoutAt);
  }

  #timeout(): void {
    this.timeoutAt = Infinity;
    this.timedOut = this.received.length > 0;
    this.#interrupt();
  }

  // ---- modem lines

  /** Inputs that loopback feeds from the modem control outputs. */
  get #looped(): number {
    const { mcr } = this;
    return (
      (mcr & MCR_RTS ? CTS : 0) | (mcr & MCR_DTR ? DSR : 0) | (mcr & MCR_OUT1 ? RI : 0) | (mcr & MCR_OUT2 ? DCD : 0)
    );
  }

  #setModem(levels: number): void {
    const changed = (this.msr ^ levels) & 0xf0;
    // TERI marks the trailing edge of RI only.
    const deltas = (changed >> 4) & (levels & RI ? ~TERI : 0x0f);
    this.msr = levels | (this.msr & 0x0f) | deltas;
    this.#interrupt();
  }

  #driveModem(): void {
    const active = !(this.mcr & MCR_LOOP);
    this.#options.onModemControl?.(active && (this.mcr & MCR_DTR) !== 0, active && (this.mcr & MCR_RTS) !== 0);
  }

  // ---- registers

  /** Pending interrupt as IIR shows it, without the FIFO bits. */
  #identify(): number {
    const { ier } = this;
    if (ier & ELSI && (this.overrun || (this.errors[0] ?? 0) !== 0)) return 0x06;
    if (ier & ERBFI && this.received.length >= (this.fcr & 1 ? TRIGGERS[(this.fcr >> 6) as 0 | 1 | 2 | 3] : 1))
      return 0x04;
    if (ier & ERBFI && this.timedOut) return 0x0c;
    if (ier & ETBEI && this.thrInterrupt) return 0x02;
    if (ier & EDSSI && this.msr & 0x0f) return 0x00;
    return 0x01;
  }

  #interrupt(): void {
    this.#options.irq.set((this.mcr & MCR_OUT2) !== 0 && this.#identify() !== 0x01);
  }

  #lineStatus(): number {
    return (
      (this.received.length > 0 ? DR : 0) |
      (this.overrun ? OE : 0) |
      (this.errors[0] ?? 0) |
      (this.transmit.length === 0 ? THRE : 0) |
      (this.transmit.length === 0 && this.shifting === undefined ? TEMT : 0) |
      (this.fcr & 1 && this.errors.some((bits) => bits !== 0) ? RX_FIFO_ERROR : 0)
    );
  }

  #read(offset: number): number {
    const value = this.#readRegister(offset);
    this.#interrupt();
    return value;
  }

  #readRegister(offset: number): number {
    switch (offset) {
      case 0:
        return this.lcr & LCR_DLAB ? this.divisor & 0xff : this.#take();
      case 1:
        return this.lcr & LCR_DLAB ? this.divisor >> 8 : this.ier;
      case 2: {
        const source = this.#identify();
        if (source === 0x02) this.thrInterrupt = false;
        return source | (this.fcr & 1 ? 0xc0 : 0);
      }
      case 3:
        return this.lcr;
      case 4:
        return this.mcr;
      case 5: {
        const status = this.#lineStatus();
        this.overrun = false;
        if (this.errors.length > 0) this.errors[0] = 0;
        return status;
      }
      case 6: {
        const status = this.msr;
        this.msr &= 0xf0;
        return status;
      }
      default:
        return this.scratch;
    }
  }

  #write(offset: number, value: number): void {
    switch (offset) {
      case 0:
        if (this.lcr & LCR_DLAB) this.divisor = (this.divisor & 0xff00) | value;
        else this.#send(value);
        break;
      case 1:
        if (this.lcr & LCR_DLAB) this.divisor = (this.divisor & 0xff) | (value << 8);
        else this.#enable(value);
        break;
      case 2:
        this.#fifoControl(value);
        break;
      case 3: {
        const changed = this.lcr ^ value;
        this.lcr = value;
        if (changed & LCR_BREAK) this.#breakChanged((value & LCR_BREAK) !== 0);
        break;
      }
      case 4:
        this.#modemControl(value & 0x1f);
        break;
      case 7:
        this.scratch = value;
        break;
    }
    this.#interrupt();
  }

  #enable(value: number): void {
    // Enabling the interrupt while the holding register is empty raises it at once.
    if (value & ~this.ier & ETBEI && this.transmit.length === 0) this.thrInterrupt = true;
    this.ier = value & 0x0f;
  }

  #breakChanged(active: boolean): void {
    if (!(this.mcr & MCR_LOOP)) this.#options.onBreak?.(active);
    else if (active) this.#store(0, BI | FE);
  }

  #fifoControl(value: number): void {
    const toggled = ((this.fcr ^ value) & 1) !== 0;
    // The other bits are only taken together with the enable bit.
    this.fcr = value & 1 ? value & 0xc9 : 0;
    if (toggled || (value & 1 && value & 2)) {
      this.received = [];
      this.errors = [];
      this.timedOut = false;
      this.#restartTimeout();
      this.#offer();
    }
    if (toggled || (value & 1 && value & 4)) {
      this.transmit = [];
      this.thrInterrupt = true;
    }
  }

  #modemControl(value: number): void {
    const changed = this.mcr ^ value;
    this.mcr = value;
    if (changed & (MCR_DTR | MCR_RTS | MCR_LOOP)) this.#driveModem();
    this.#setModem(value & MCR_LOOP ? this.#looped : this.pins);
    if (changed & MCR_LOOP) this.#offer();
  }
}
