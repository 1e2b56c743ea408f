/**
 * A single 8259A: request, service and mask registers, priorities and the command words.
 *
 * Source: Intel 8259A data sheet (231468). The pair and its wiring are in i8259.ts.
 */
import type { DeviceLog } from '../device.ts';
import type { Field } from '../state.ts';

export class Controller {
  static readonly fields: readonly Field[] = [
    { name: 'irr', type: 'u8' },
    { name: 'isr', type: 'u8' },
    { name: 'imr', type: 'u8' },
    { name: 'lines', type: 'u8' },
    { name: 'elcr', type: 'u8' },
    { name: 'base', type: 'u8' },
    { name: 'icw1', type: 'u8' },
    { name: 'icw3', type: 'u8' },
    { name: 'icw4', type: 'u8' },
    { name: 'expected', type: 'u8' },
    { name: 'ready', type: 'bool' },
    { name: 'lowest', type: 'u8' },
    { name: 'rotateOnAutoEoi', type: 'bool' },
    { name: 'specialMask', type: 'bool' },
    { name: 'readIsr', type: 'bool' },
    { name: 'poll', type: 'bool' },
  ];

  irr = 0;
  isr = 0;
  imr = 0;
  /** Present levels of IR0-IR7. */
  lines = 0;
  /** Edge/level control: a set bit makes the input level-triggered. */
  elcr = 0;
  /** ICW2: vector of IR0. */
  base = 0;
  icw1 = 0;
  icw3 = 0;
  icw4 = 0;
  /** Number of the initialisation word that port A0 = 1 takes next (2, 3, 4); 0 = none, writes are OCW1. */
  expected = 0;
  /** Initialised since power-on; until then no interrupt is requested. */
  ready = false;
  /** Input that has the lowest priority at present. */
  lowest = 7;
  rotateOnAutoEoi = false;
  specialMask = false;
  readIsr = false;
  poll = false;

  readonly #name: string;
  readonly #log: DeviceLog;
  /** Inputs that carry a slave's INT: they follow it instead of latching edges. */
  readonly #cascade: number;

  constructor(name: string, log: DeviceLog, cascade: number) {
    this.#name = name;
    this.#log = log;
    this.#cascade = cascade;
  }

  powerOn(): void {
    this.irr = this.isr = this.imr = 0;
    this.elcr = this.base = this.icw1 = this.icw3 = this.icw4 = this.expected = 0;
    this.ready = this.rotateOnAutoEoi = this.specialMask = this.readIsr = this.poll = false;
    this.lowest = 7;
  }

  get #levels(): number {
    return this.elcr | this.#cascade;
  }

  setLine(input: number, high: boolean): void {
    const bit = 1 << input;
    if (high === ((this.lines & bit) !== 0)) return;
    this.lines ^= bit;
    if (high) this.irr |= bit;
    else if (this.#levels & bit) this.irr &= ~bit;
  }

  setElcr(value: number): void {
    this.elcr = value;
    this.irr = (this.irr & ~this.#levels) | (this.lines & this.#levels);
  }

  /** Input to be served now, or -1: what INT and the acknowledge cycle are made from. */
  pending(): number {
    if (!this.ready || this.expected) return -1;
    const requests = this.irr & ~this.imr;
    if (!requests) return -1;
    const blocking = this.specialMask ? this.isr & ~this.imr : this.isr;
    // Special fully nested: a slave in service may interrupt again with a request of higher priority.
    const nested = this.icw4 & 0x10 ? this.#cascade : 0;
    for (let i = 1; i <= 8; i++) {
      const input = (this.lowest + i) & 7;
      const bit = 1 << input;
      if (requests & bit && !(blocking & bit & ~nested)) return input;
      if (blocking & bit) return -1;
    }
    return -1;
  }

  /** Acknowledge cycle for an input that `pending` gave. */
  accept(input: number): void {
    const bit = 1 << input;
    if (!(this.#levels & bit)) this.irr &= ~bit;
    if (!(this.icw4 & 2)) this.isr |= bit;
    else if (this.rotateOnAutoEoi) this.lowest = input;
  }

  /** Vector of an input; 7 is also what an acknowledge cycle without a request yields. */
  vector(input: number): number {
    return this.base | input;
  }

  read(a0: number): number {
    if (this.poll) {
      this.poll = false;
      const input = this.pending();
      if (input < 0) return 0x07;
      this.accept(input);
      return 0x80 | input;
    }
    if (a0) return this.imr;
    return this.readIsr ? this.isr : this.irr;
  }

  write(a0: number, value: number): void {
    if (!a0) {
      if (value & 0x10) this.#initialise(value);
      else if (value & 0x08) this.#ocw3(value);
      else this.#ocw2(value);
      return;
    }
    switch (this.expected) {
      case 2:
        this.base = value & 0xf8;
        this.expected = this.icw1 & 2 ? (this.icw1 & 1 ? 4 : 0) : 3;
        break;
      case 3:
        this.icw3 = value;
        this.expected = this.icw1 & 1 ? 4 : 0;
        break;
      case 4:
        this.icw4 = value;
        this.expected = 0;
        if (!(value & 1)) this.#log.unimplemented(this.#name, 'MCS-80/85 mode (ICW4)', value);
        break;
      default:
        this.imr = value;
        return;
    }
    if (this.expected === 0) this.ready = true;
  }

  #initialise(icw1: number): void {
    this.icw1 = icw1;
    this.icw3 = this.icw4 = 0;
    this.imr = this.isr = 0;
    // Edge memory is cleared: an input that is already high needs a new transition.
    this.irr = this.lines & this.#levels;
    this.lowest = 7;
    this.rotateOnAutoEoi = this.specialMask = this.readIsr = this.poll = false;
    this.expected = 2;
    if (icw1 & 8) this.#log.guestError(this.#name, 'LTIM in ICW1: edge or level is set by ELCR on this part', icw1);
  }

  #ocw3(value: number): void {
    if (value & 0x40) this.specialMask = (value & 0x20) !== 0;
    if (value & 4) this.poll = true;
    else if (value & 2) this.readIsr = (value & 1) !== 0;
  }

  #ocw2(value: number): void {
    const level = value & 7;
    switch (value >> 5) {
      case 0:
        this.rotateOnAutoEoi = false;
        break;
      case 1:
        this.#endHighest();
        break;
      case 3:
        this.isr &= ~(1 << level);
        break;
      case 4:
        this.rotateOnAutoEoi = true;
        break;
      case 5: {
        const ended = this.#endHighest();
        if (ended >= 0) this.lowest = ended;
        break;
      }
      case 6:
        this.lowest = level;
        break;
      case 7:
        this.isr &= ~(1 << level);
        this.lowest = level;
        break;
    }
  }

  /** Non-specific end of interrupt; in special mask mode levels that are masked are passed over. */
  #endHighest(): number {
    const candidates = this.specialMask ? this.isr & ~this.imr : this.isr;
    for (let i = 1; i <= 8; i++) {
      const input = (this.lowest + i) & 7;
      if (candidates & (1 << input)) {
        this.isr &= ~(1 << input);
        return input;
      }
    }
    return -1;
  }
}
