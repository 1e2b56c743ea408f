/**
 * PCI function as the host bridge sees it: configuration space with write masks, and base address registers.
 * Source: PCI Local Bus Specification 2.1, section 6.
 */
import type { AccessSize, BusRegion } from './bus.ts';

/** One base address register. `region.length` must be a power of two: >= 4 ports for I/O, >= 16 bytes for memory. */
export interface PciBar {
  readonly kind: 'io' | 'memory';
  readonly region: BusRegion;
}

/** A range that a configuration write moved: what was decoded before and what is now (`undefined`: not decoded). */
export interface RangeChange {
  readonly kind: 'io' | 'memory';
  readonly region: BusRegion;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

/** A range that a function may decode and the address at which it does now (`undefined`: not decoded). */
export interface PciRange {
  readonly kind: 'io' | 'memory';
  readonly region: BusRegion;
  readonly at: number | undefined;
}

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly revision: number;
  /** 24 bits: base class, sub-class, programming interface. */
  readonly classCode: number;
  readonly subsystemVendor?: number;
  readonly subsystem?: number;
  readonly multifunction?: boolean;
  /** 0 = none, 1 = INTA# … 4 = INTD#. */
  readonly interruptPin?: 0 | 1 | 2 | 3 | 4;
}

const COMMAND = 0x04;
const BAR0 = 0x10;

export class PciFunction {
  readonly config = new Uint8Array(256);
  /** Bits of `config` that a write may change. */
  readonly writable = new Uint8Array(256);
  /** Bits that a write of 1 clears. */
  readonly clearable = new Uint8Array(256);
  readonly identity: PciIdentity;
  readonly bars: readonly (PciBar | undefined)[];

  constructor(identity: PciIdentity, bars: readonly (PciBar | undefined)[] = []) {
    this.identity = identity;
    this.bars = bars;
    this.#identify();
  }

  #identify(): void {
    const { identity: id, config } = this;
    const put16 = (at: number, value: number): void => {
      config[at] = value;
      config[at + 1] = value >> 8;
    };
    put16(0x00, id.vendor);
    put16(0x02, id.device);
    config[0x08] = id.revision;
    config[0x09] = id.classCode;
    put16(0x0a, id.classCode >> 8);
    config[0x0e] = id.multifunction ? 0x80 : 0;
    put16(0x2c, id.subsystemVendor ?? 0);
    put16(0x2e, id.subsystem ?? 0);
    config[0x3d] = id.interruptPin ?? 0;
    if (id.interruptPin) this.writable[0x3c] = 0xff;
    this.bars.forEach((bar, i) => {
      if (!bar) return;
      const mask = ~(bar.region.length - 1) >>> 0;
      for (let b = 0; b < 4; b++) this.writable[BAR0 + 4 * i + b] = mask >>> (8 * b);
      this.writable[BAR0 + 4 * i]! &= bar.kind === 'io' ? 0xfc : 0xf0;
      if (bar.kind === 'io') config[BAR0 + 4 * i] = 1;
      this.writable[COMMAND]! |= bar.kind === 'io' ? 1 : 2;
    });
  }

  /** Address a BAR decodes now, or `undefined`: disabled in the command register or left at 0. */
  barAddress(index: number): number | undefined {
    const bar = this.bars[index];
    if (!bar || !(this.config[COMMAND]! & (bar.kind === 'io' ? 1 : 2))) return undefined;
    const at = BAR0 + 4 * index;
    const value =
      (this.config[at]! | (this.config[at + 1]! << 8) | (this.config[at + 2]! << 16) | (this.config[at + 3]! << 24)) >>>
      0;
    const address = bar.kind === 'io' ? value & 0xfffc : (value & ~0xf) >>> 0;
    return address === 0 ? undefined : address;
  }

  readConfig(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.config[(offset + i) & 0xff]! << (8 * i);
    return value >>> 0;
  }

  /** Writes configuration space; returns the ranges that moved, for the host bridge to map. Subclasses extend this. */
  writeConfig(offset: number, size: AccessSize, value: number): RangeChange[] {
    const before = this.ranges();
    for (let i = 0; i < size; i++) {
      const at = (offset + i) & 0xff;
      const byte = (value >>> (8 * i)) & 0xff;
      const mask = this.writable[at]!;
      this.config[at] = ((this.config[at]! & ~mask) | (byte & mask)) & ~(byte & this.clearable[at]!);
    }
    return this.changesFrom(before);
  }

  /** Back to power-on configuration; returns the ranges that are no longer decoded. Subclasses set their own defaults after it. */
  resetConfig(): RangeChange[] {
    const before = this.ranges();
    this.config.fill(0);
    this.#identify();
    return this.changesFrom(before);
  }

  /**
   * Every range this function may decode, always the same regions in the same order. Subclasses whose part decodes ranges
   * outside its base address registers (legacy IDE ports, PMBASE) extend it.
   */
  ranges(): PciRange[] {
    return this.bars.flatMap((bar, i) => (bar ? [{ kind: bar.kind, region: bar.region, at: this.barAddress(i) }] : []));
  }

  protected changesFrom(before: readonly PciRange[]): RangeChange[] {
    return this.ranges().flatMap(({ kind, region, at: to }, i) => {
      const from = before[i]?.at;
      return from === to ? [] : [{ kind, region, from, to }];
    });
  }
}
