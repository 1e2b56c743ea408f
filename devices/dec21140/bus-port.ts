/** What the two processes of the chip share: access to guest memory, descriptors, interrupt causes. */
import type { DmaMemory } from '../bus.ts';
import { Chain } from './registers.ts';

export interface BusPortOptions {
  readonly memory: DmaMemory;
  /** Whether something on the bus answers the whole range; otherwise the chip sees a master abort. */
  readonly reaches: (address: number, length: number) => boolean;
  /** Whether the command register lets the chip master the bus and no bus error has stopped it. */
  readonly enabled: () => boolean;
  /** Longwords between descriptors (CSR0). */
  readonly skip: () => number;
  readonly onMasterAbort: () => void;
}

const DESCRIPTOR = 16;

/** One descriptor as last fetched. */
export interface Descriptor {
  status: number;
  control: number;
  buffer1: number;
  buffer2: number;
}

export class BusPort {
  readonly #options: BusPortOptions;
  readonly #bytes = new Uint8Array(DESCRIPTOR);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #status = new Uint8Array(4);

  constructor(options: BusPortOptions) {
    this.#options = options;
  }

  get enabled(): boolean {
    return this.#options.enabled();
  }

  /** Fetches a descriptor. @returns false after a master abort */
  fetch(address: number, into: Descriptor): boolean {
    if (!this.#check(address, DESCRIPTOR)) return false;
    this.#options.memory.read(address, this.#bytes);
    into.status = this.#view.getUint32(0, true);
    into.control = this.#view.getUint32(4, true);
    into.buffer1 = this.#view.getUint32(8, true);
    into.buffer2 = this.#view.getUint32(12, true);
    return true;
  }

  /** Writes the first longword of a descriptor: this is what hands it back. */
  close(address: number, status: number): void {
    new DataView(this.#status.buffer).setUint32(0, status, true);
    this.#options.memory.write(address, this.#status);
  }

  read(address: number, into: Uint8Array): boolean {
    if (into.length === 0) return true;
    if (!this.#check(address, into.length)) return false;
    this.#options.memory.read(address, into);
    return true;
  }

  write(address: number, from: Uint8Array): boolean {
    if (from.length === 0) return true;
    if (!this.#check(address, from.length)) return false;
    this.#options.memory.write(address, from);
    return true;
  }

  #check(address: number, length: number): boolean {
    if (this.#options.reaches(address, length)) return true;
    this.#options.onMasterAbort();
    return false;
  }

  /** Address of the descriptor after one at `address`. The end of the ring wins over the chain. */
  next(address: number, descriptor: Descriptor, base: number): number {
    if (descriptor.control & Chain.EndOfRing) return base;
    if (descriptor.control & Chain.SecondAddressChained) return (descriptor.buffer2 & ~3) >>> 0;
    return (address + DESCRIPTOR + 4 * this.#options.skip()) >>> 0;
  }
}

/** Bytes of the first and of the second buffer, from RDES1 or TDES1. */
export const bufferSize1 = (control: number): number => control & 0x7ff;
export const bufferSize2 = (control: number): number =>
  control & Chain.SecondAddressChained ? 0 : (control >>> 11) & 0x7ff;
