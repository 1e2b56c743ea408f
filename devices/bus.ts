/** The buses as a device sees them: it is asked for an offset into its own range and never learns its address. */

export type AccessSize = 1 | 2 | 4;

/** A range of I/O ports or of device memory, implemented by a device and placed by the board. */
export interface BusRegion {
  /** For logs and the bus map, e.g. `i8254 counters`. */
  readonly name: string;
  /** Length in ports or bytes. */
  readonly length: number;
  /** Widest access the device handles itself (default 1); the bus splits wider ones, low byte first. */
  readonly widest?: AccessSize;
  /** Returns an unsigned value of `size` bytes. `offset` is 0 .. length - 1. Must not throw whatever the guest does. */
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): void;
}

/** A placed region. */
export interface Mapping {
  readonly base: number;
  readonly region: BusRegion;
  unmap(): void;
}

export interface Bus {
  /**
   * Places a region. Overlap with a mapping of the same priority throws a `RangeError` naming both; a higher
   * priority covers a lower one (default 0).
   */
  map(base: number, region: BusRegion, priority?: number): Mapping;
}

/** Guest physical memory as a bus master sees it; addresses beyond RAM read as ones and ignore writes, never throw. */
export interface DmaMemory {
  read(address: number, into: Uint8Array): void;
  /** Writes invalidate decoded instructions and mark pages dirty like the processor's own. */
  write(address: number, from: Uint8Array): void;
}
