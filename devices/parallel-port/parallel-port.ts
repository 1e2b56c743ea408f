/**
 * Parallel port (SPP with bidirectional data, as PS/2 introduced it) with a printer behind it.
 *
 * Data sheet: IBM PS/2 parallel port controller; National PC87306 (SPP mode); IEEE 1284-1994 compatibility mode timing.
 * Models: data, status and control registers, direction bit, strobe with BUSY and ACK#, interrupt at the end of ACK#.
 * Does not model: EPP, ECP (its registers at +400h float), nibble and byte mode answers of an IEEE 1284 device.
 */
import type { BusRegion } from '../bus.ts';
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';

/** Control register. */
const STROBE = 0x01;
const INIT = 0x04;
const IRQ_ENABLE = 0x10;
const INPUT = 0x20;
/** Status register; BUSY and ACK read inverted with respect to the signal's name. */
const NOT_BUSY = 0x80;
const NOT_ACK = 0x40;
const PAPER_OUT = 0x20;
const SELECTED = 0x10;
const NOT_ERROR = 0x08;
const STATUS_UNUSED = 0x07;

/** BUSY after a strobe, then the length of the ACK# pulse. */
const BUSY_TIME: Nanoseconds = 10_000;
const ACK_TIME: Nanoseconds = 5_000;

const Handshake = { Idle: 0, Busy: 1, Acknowledging: 2 } as const;

export interface PrinterStatus {
  readonly online: boolean;
  readonly paperOut: boolean;
  readonly error: boolean;
}

export interface ParallelPortOptions {
  /** Suffix of the device name: 0 for LPT1. */
  readonly instance?: number;
  /** IRQ 7. */
  readonly irq: EdgeLine;
  /** A byte was strobed out to the printer. */
  readonly onByte: (byte: number) => void;
  /** The printer is being initialised (INIT# low). */
  readonly onInitialise?: () => void;
}

export class ParallelPort implements Device {
  readonly name: string;
  /** Three ports: data, status, control. */
  readonly registers: BusRegion;
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #options: ParallelPortOptions;
  readonly #alarm: Alarm;
  #printer: PrinterStatus = { online: true, paperOut: false, error: false };
  private data = 0;
  private control = 0;
  private handshake: number = Handshake.Idle;
  private deadline: Nanoseconds = 0;
  /** Level of the interrupt wire. */
  private requesting = false;

  constructor(host: DeviceHost, options: ParallelPortOptions) {
    this.name = `parallel-port.${options.instance ?? 0}`;
    this.#clock = host.clock;
    this.#log = host.log;
    this.#options = options;
    this.#alarm = host.clock.alarm(this.name, () => this.#step());
    this.registers = {
      name: this.name,
      length: 3,
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value),
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'data', type: 'u8' },
        { name: 'control', type: 'u8' },
        { name: 'handshake', type: 'u8' },
        { name: 'deadline', type: 'f64' },
        { name: 'requesting', type: 'bool' },
      ],
      loaded: () => {
        this.#request(this.requesting);
        if (this.handshake === Handshake.Idle) this.#alarm.cancel();
        else this.#alarm.set(this.deadline);
      },
    };
    this.reset(ResetCause.PowerOn);
  }

  reset(_cause: ResetCause): void {
    this.data = 0;
    this.control = 0;
    this.handshake = Handshake.Idle;
    this.#alarm.cancel();
    this.#request(false);
  }

  /** What the printer reports on its status lines. */
  set printer(status: PrinterStatus) {
    this.#printer = status;
  }

  #request(high: boolean): void {
    this.requesting = high;
    this.#options.irq.set(high);
  }

  #status(): number {
    const { online, paperOut, error } = this.#printer;
    return (
      STATUS_UNUSED |
      (this.handshake === Handshake.Idle && online ? NOT_BUSY : 0) |
      (this.handshake === Handshake.Acknowledging ? 0 : NOT_ACK) |
      (paperOut ? PAPER_OUT : 0) |
      (online ? SELECTED : 0) |
      (error ? 0 : NOT_ERROR)
    );
  }

  #read(offset: number): number {
    if (offset === 1) return this.#status();
    if (offset === 2) return 0xc0 | this.control;
    // The pins float high when the drivers are off and no device answers.
    return this.control & INPUT ? 0xff : this.data;
  }

  #write(offset: number, value: number): void {
    if (offset === 0) {
      this.data = value;
    } else if (offset === 2) {
      const before = this.control;
      this.control = value & 0x3f;
      if (before & INIT && !(value & INIT)) this.#options.onInitialise?.();
      if (value & ~before & STROBE) this.#strobe();
      if (!(value & IRQ_ENABLE)) this.#request(false);
    }
  }

  #strobe(): void {
    if (this.handshake !== Handshake.Idle) {
      this.#log.guestError(this.name, 'strobe while the printer is busy', this.data);
      return;
    }
    if (!this.#printer.online) return;
    this.#options.onByte(this.control & INPUT ? 0xff : this.data);
    this.#enter(Handshake.Busy, BUSY_TIME);
  }

  #enter(handshake: number, time: Nanoseconds): void {
    this.handshake = handshake;
    this.deadline = this.#clock.now() + time;
    this.#alarm.set(this.deadline);
  }

  #step(): void {
    if (this.handshake === Handshake.Busy) {
      this.#enter(Handshake.Acknowledging, ACK_TIME);
      this.#request(false);
    } else {
      this.handshake = Handshake.Idle;
      // The request is the rising edge at the end of ACK#.
      if (this.control & IRQ_ENABLE) this.#request(true);
    }
  }
}
