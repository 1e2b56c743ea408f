/**
 * The adapter's only PHY, at address 0, behind the two-wire management interface.
 *
 * Standards: IEEE 802.3u clause 22 (management frames, registers 0-6). The values are those that a driver printed in a guest of
 * the original product. Models: management frames bit by bit, absent PHY addresses (all ones), reset, the latched link
 * bit, negotiation that ends at once. Does not model: loopback and isolation of the PHY, interrupts, the vendor registers
 * beyond storage of their values.
 */
import type { Field } from '../state.ts';

const PHY_ADDRESS = 0;
const REGISTERS = 32;
const CONTROL = 0;
const STATUS = 1;
const ADVERTISEMENT = 4;
const PARTNER = 5;

const CONTROL_RESET = 1 << 15;
const CONTROL_RESTART_NEGOTIATION = 1 << 9;
/** Speed, negotiation enable, duplex, power-down and the like; the self-clearing bits apart. */
const CONTROL_WRITABLE = 0x7d80;
const STATUS_LINK = 1 << 2;
const STATUS_NEGOTIATED = 1 << 5;

const DEFAULTS: readonly (readonly [register: number, value: number])[] = [
  [CONTROL, 0x3100],
  [STATUS, 0x7808],
  [2, 0x0fff],
  [3, 0xfc41],
  [ADVERTISEMENT, 0x01e1],
  [PARTNER, 0x41e1],
  [16, 0x0400],
  [17, 0x8008],
  [18, 0x7800],
];

const Phase = { Idle: 0, Start: 1, Header: 2, Read: 3, Write: 4, Foreign: 5 } as const;
const HEADER_BITS = 12;
/** Turnaround and data. */
const TAIL_BITS = 18;
const OP_READ = 2;
const OP_WRITE = 1;

export class MiiPhy {
  readonly registers = new Uint16Array(REGISTERS);
  /** The link as it is. */
  link = true;
  /** The link was down since the status register was read last. */
  linkLost = false;
  phase = 0;
  count = 0;
  shift = 0;
  clock = false;
  /** MDIO as the PHY drives it; high while it does not. */
  output = true;
  readonly fields: readonly Field[] = [
    { name: 'registers', type: { u16s: REGISTERS } },
    { name: 'linkLost', type: 'bool' },
    { name: 'phase', type: 'u8' },
    { name: 'count', type: 'u8' },
    { name: 'shift', type: 'u32' },
    { name: 'clock', type: 'bool' },
    { name: 'output', type: 'bool' },
  ];

  constructor() {
    this.reset();
  }

  reset(): void {
    this.registers.fill(0);
    for (const [register, value] of DEFAULTS) this.registers[register] = value;
    this.linkLost = false;
    this.phase = Phase.Idle;
    this.count = 0;
    this.shift = 0;
    this.clock = false;
    this.output = true;
  }

  setLink(up: boolean): void {
    this.link = up;
    if (!up) this.linkLost = true;
  }

  /** Drives MDC and, unless the station listens, MDIO. @param data undefined: the station has released the line */
  drive(clock: boolean, data: boolean | undefined): void {
    const rising = clock && !this.clock;
    this.clock = clock;
    if (rising) this.#shift(data ?? true);
  }

  #shift(data: boolean): void {
    switch (this.phase) {
      case Phase.Idle:
        if (!data) this.phase = Phase.Start;
        return;
      case Phase.Start:
        this.phase = data ? Phase.Header : Phase.Idle;
        this.count = 0;
        this.shift = 0;
        return;
      case Phase.Header:
        this.shift = (this.shift << 1) | Number(data);
        if (++this.count === HEADER_BITS) this.#decode();
        return;
      case Phase.Read:
        // After the first edge of the turnaround the PHY drives a zero, then sixteen data bits.
        this.output = this.count === 0 ? false : ((this.shift >> (16 - this.count)) & 1) === 1;
        if (++this.count === TAIL_BITS) this.#idle();
        return;
      case Phase.Write:
        this.shift = ((this.shift << 1) | Number(data)) >>> 0;
        if (++this.count < TAIL_BITS) return;
        this.#write((this.shift >>> 18) & 31, this.shift & 0xffff);
        this.#idle();
        return;
      default:
        if (++this.count === TAIL_BITS) this.#idle();
    }
  }

  #idle(): void {
    this.phase = Phase.Idle;
    this.output = true;
  }

  #decode(): void {
    const operation = this.shift >> 10;
    const phy = (this.shift >> 5) & 31;
    const register = this.shift & 31;
    this.count = 0;
    if (phy !== PHY_ADDRESS || (operation !== OP_READ && operation !== OP_WRITE)) {
      this.phase = Phase.Foreign;
    } else if (operation === OP_READ) {
      this.phase = Phase.Read;
      this.shift = this.read(register);
    } else {
      this.phase = Phase.Write;
      this.shift = register;
    }
  }

  /** Reads a register, with the side effect of the link latch. */
  read(register: number): number {
    const value = this.registers[register]!;
    if (register === STATUS) {
      const up = this.link && !this.linkLost;
      this.linkLost = false;
      return value | (up ? STATUS_LINK : 0) | (this.link ? STATUS_NEGOTIATED : 0);
    }
    return register === PARTNER && !this.link ? 0 : value;
  }

  #write(register: number, value: number): void {
    if (register === CONTROL) {
      if (value & CONTROL_RESET) {
        for (const [at, standard] of DEFAULTS) this.registers[at] = standard;
      } else {
        this.registers[CONTROL] = value & CONTROL_WRITABLE & ~CONTROL_RESTART_NEGOTIATION;
      }
    } else if (register === ADVERTISEMENT || register >= 16) {
      this.registers[register] = value;
    }
  }
}
