/**
 * One of the three counters of an 82C54, advanced by whole clock periods in constant time.
 *
 * Source: Intel 82C54 data sheet (231244), "Mode definitions" and "Read operations". Counts are kept as plain numbers
 * 1 .. modulus, and turned into BCD only where the guest reads or writes them.
 */
import type { Field } from '../state.ts';

/** RW field of the control word: which bytes of the count an access carries. */
const Access = { Low: 1, High: 2, Both: 3 } as const;

function fromBcd(value: number): number {
  return (value >> 12) * 1000 + ((value >> 8) & 15) * 100 + ((value >> 4) & 15) * 10 + (value & 15);
}

function toBcd(value: number): number {
  return (
    (Math.floor(value / 1000) << 12) |
    (Math.floor((value / 100) % 10) << 8) |
    (Math.floor((value / 10) % 10) << 4) |
    (value % 10)
  );
}

export class Counter {
  static readonly fields: readonly Field[] = [
    { name: 'control', type: 'u8' },
    { name: 'register', type: 'u16' },
    { name: 'writeLow', type: 'u8' },
    { name: 'writeHighNext', type: 'bool' },
    { name: 'readHighNext', type: 'bool' },
    { name: 'element', type: 'u32' },
    { name: 'odd', type: 'bool' },
    { name: 'loadPending', type: 'bool' },
    { name: 'counting', type: 'bool' },
    { name: 'armed', type: 'bool' },
    { name: 'initial', type: 'bool' },
    { name: 'nullCount', type: 'bool' },
    { name: 'out', type: 'bool' },
    { name: 'gate', type: 'bool' },
    { name: 'latchedCount', type: { optional: 'u16' } },
    { name: 'latchedStatus', type: { optional: 'u8' } },
  ];

  /** RW, mode and BCD bits (5-0) of the last control word. */
  control = 0;
  /** Count register CR as the guest wrote it. */
  register = 0;
  writeLow = 0;
  writeHighNext = false;
  readHighNext = false;
  /** Counting element CE: 0 .. modulus; modulus reads as 0. */
  element = 0;
  /** Mode 3: the running half cycles come from an odd count. */
  odd = false;
  /** CR goes to CE at the next clock. */
  loadPending = false;
  counting = false;
  /** Modes 0, 1, 4, 5: terminal count has not been reached since the last load. */
  armed = false;
  /** No count has been written since the control word. */
  initial = true;
  nullCount = true;
  out = false;
  gate = false;
  latchedCount: number | undefined = undefined;
  latchedStatus: number | undefined = undefined;
  /** OUT went from low to high since this was last cleared. */
  rose = false;

  /** 0 .. 5; the control word's don't-care forms 6 and 7 are 2 and 3. */
  get mode(): number {
    const mode = (this.control >> 1) & 7;
    return mode > 5 ? mode - 4 : mode;
  }

  get #modulus(): number {
    return this.control & 1 ? 10000 : 65536;
  }

  /** Count that a load takes from CR: 1 .. modulus. */
  get #reload(): number {
    const value = this.control & 1 ? fromBcd(this.register) % 10000 : this.register;
    return value === 0 ? this.#modulus : value;
  }

  get #gateStops(): boolean {
    const mode = this.mode;
    return mode !== 1 && mode !== 5;
  }

  #setOut(high: boolean): void {
    if (high && !this.out) this.rose = true;
    this.out = high;
  }

  writeControl(value: number): void {
    this.control = value & 0x3f;
    this.writeHighNext = false;
    this.readHighNext = false;
    this.latchedCount = undefined;
    this.latchedStatus = undefined;
    this.loadPending = false;
    this.counting = false;
    this.armed = false;
    this.initial = true;
    this.nullCount = true;
    this.#setOut(this.mode !== 0);
  }

  /** Writes one byte of the count. Returns the count when it is one the data sheet calls illegal for the mode, else `undefined`. */
  writeCount(value: number): number | undefined {
    switch ((this.control >> 4) & 3) {
      case Access.Low:
        this.register = value;
        break;
      case Access.High:
        this.register = value << 8;
        break;
      default:
        if (!this.writeHighNext) {
          this.writeHighNext = true;
          this.writeLow = value;
          if (this.mode === 0) {
            this.counting = false;
            this.loadPending = false;
            this.#setOut(false);
          }
          return undefined;
        }
        this.writeHighNext = false;
        this.register = this.writeLow | (value << 8);
    }
    this.nullCount = true;
    const mode = this.mode;
    if (mode === 0) this.#setOut(false);
    // Modes 1 and 5 wait for a trigger; 2 and 3 take a later count when the present cycle ends.
    if (mode === 0 || mode === 4 || ((mode === 2 || mode === 3) && this.initial)) this.loadPending = true;
    this.initial = false;
    return (mode === 2 || mode === 3) && this.#reload === 1 ? 1 : undefined;
  }

  setGate(high: boolean): void {
    if (high === this.gate) return;
    this.gate = high;
    const mode = this.mode;
    if (high) {
      if (mode !== 0 && mode !== 4 && !this.initial) this.loadPending = true;
    } else if (mode === 2 || mode === 3) {
      this.#setOut(true);
    }
  }

  latchCount(): void {
    this.latchedCount ??= this.#value();
  }

  latchStatus(): void {
    this.latchedStatus ??= (this.out ? 0x80 : 0) | (this.nullCount ? 0x40 : 0) | this.control;
  }

  /**
   * Count as read now. A load that waits for the next clock counts as done: on the real bus an access takes longer than
   * a clock, so software (the fast calibration of Linux among it) has never seen the state in between.
   */
  #value(): number {
    const element = this.loadPending ? this.#loaded : this.element;
    const value = element % this.#modulus;
    return this.control & 1 ? toBcd(value) : value;
  }

  readByte(): number {
    if (this.latchedStatus !== undefined) {
      const status = this.latchedStatus;
      this.latchedStatus = undefined;
      return status;
    }
    const value = this.latchedCount ?? this.#value();
    const access = (this.control >> 4) & 3;
    const high = access === Access.High || (access === Access.Both && this.readHighNext);
    if (access === Access.Both) this.readHighNext = !this.readHighNext;
    if (access !== Access.Both || high) this.latchedCount = undefined;
    return high ? value >> 8 : value & 0xff;
  }

  /** What a load puts into CE: mode 3 counts by two from the even number below an odd count. */
  get #loaded(): number {
    const count = this.#reload;
    return this.mode === 3 ? count & ~1 : count;
  }

  #load(): void {
    this.element = this.#loaded;
    this.odd = this.mode === 3 && (this.#reload & 1) === 1;
    this.loadPending = false;
    this.nullCount = false;
    this.counting = true;
    this.armed = true;
    if (this.mode === 1) this.#setOut(false);
    else if (this.mode !== 0) this.#setOut(true);
  }

  /** Lets `clocks` (a whole number) pulses of CLK pass. */
  advance(clocks: number): void {
    if (clocks <= 0) return;
    const mode = this.mode;
    if ((mode === 4 || mode === 5) && !this.out) this.#setOut(true);
    if (this.loadPending) {
      this.#load();
      clocks--;
    }
    if (clocks === 0 || !this.counting || (this.#gateStops && !this.gate)) return;
    if (mode === 2) this.#advanceRate(clocks);
    else if (mode === 3) this.#advanceSquare(clocks);
    else this.#advanceOnce(clocks);
  }

  /** Modes 0, 1, 4, 5: one event at terminal count, then counting goes on around the modulus. */
  #advanceOnce(clocks: number): void {
    const modulus = this.#modulus;
    const toZero = this.element === 0 ? modulus : this.element;
    if (this.armed && clocks >= toZero) {
      this.armed = false;
      if (this.mode < 2) {
        this.#setOut(true);
      } else {
        this.#setOut(false);
        if (clocks > toZero) this.#setOut(true);
      }
    }
    this.element = (((this.element - clocks) % modulus) + modulus) % modulus;
  }

  #advanceRate(clocks: number): void {
    if (clocks < this.element) {
      this.element -= clocks;
    } else {
      clocks -= this.element;
      const count = this.#reload;
      this.nullCount = false;
      if (count > 1) this.#setOut(false);
      this.#setOut(true);
      const periods = Math.floor(clocks / count);
      this.element = count - (clocks - periods * count);
    }
    this.#setOut(this.element !== 1 || this.#reload === 1);
  }

  #advanceSquare(clocks: number): void {
    let remaining = this.#halfRemaining();
    if (clocks < remaining) {
      this.element = Math.max(0, this.element - 2 * clocks);
      return;
    }
    clocks -= remaining;
    const count = this.#reload;
    this.nullCount = false;
    this.odd = (count & 1) === 1;
    if (count === 1) {
      this.#setOut(true);
      this.element = 0;
      return;
    }
    this.#setOut(!this.out);
    if (clocks >= count) {
      // Whole cycles pass both levels, so at least one rising edge.
      clocks %= count;
      this.rose = true;
    }
    for (;;) {
      this.element = this.odd ? count - 1 : count;
      remaining = this.#halfRemaining();
      if (clocks < remaining) break;
      clocks -= remaining;
      this.#setOut(!this.out);
    }
    this.element = Math.max(0, this.element - 2 * clocks);
  }

  /** Mode 3: clocks to the next change of OUT; an odd count keeps OUT high one clock longer. */
  #halfRemaining(): number {
    return this.element / 2 + (this.odd && this.out ? 1 : 0);
  }

  /**
   * Clocks until OUT next rises or, in the modes whose low phase lasts long, falls; `Infinity` if nothing changes by
   * itself. One-clock strobes are reported at their end only.
   */
  clocksToEdge(): number {
    const mode = this.mode;
    if (this.#gateStops && !this.gate) return this.out || mode === 0 ? Infinity : 1;
    const count = this.#reload;
    if (this.loadPending) {
      switch (mode) {
        case 0:
          return 1 + count;
        case 1:
          return 1;
        case 2:
          return count === 1 ? Infinity : 1 + count;
        case 3:
          return count === 1 ? Infinity : 1 + ((count + 1) >> 1);
        default:
          return 2 + count;
      }
    }
    if (!this.counting) return this.out || mode < 4 ? Infinity : 1;
    switch (mode) {
      case 0:
      case 1:
        return this.armed ? this.element || this.#modulus : Infinity;
      case 2:
        return count === 1 && this.element === 1 ? Infinity : this.element;
      case 3:
        return count === 1 && this.odd && this.element === 0 ? Infinity : this.#halfRemaining();
      default:
        if (!this.out) return 1;
        return this.armed ? (this.element || this.#modulus) + 1 : Infinity;
    }
  }
}
