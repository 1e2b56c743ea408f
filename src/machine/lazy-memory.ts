/**
 * RAM that is provided when somebody wants it: blocks of a restored machine come out of the saved state at the first access,
 * so that the guest goes on at once, and in the background. Until then the processor's map sends accesses of such a block
 * to the memory bus, where this answers: it loads the block, maps it, and carries out the access.
 */
import type { AccessSize, BusRegion, Mapping } from '../../devices/bus.ts';
import type { SavableProcessor } from '../../cpu/processor.ts';
import type { MemoryBus } from './bus-map.ts';

export interface LazyMemoryOptions {
  readonly processor: Pick<SavableProcessor, 'ram' | 'mapPages' | 'onPhysicalAccess' | 'linearMemory'>;
  readonly bus: Pick<MemoryBus, 'map'>;
  /** Bytes of a block, whole pages; the last one may be shorter. */
  readonly blockBytes: number;
  /** Blocks that are to come; the others are as they shall be (zero). */
  readonly blocks: Iterable<number>;
  /** Fills a block. */
  readonly load: (index: number, into: Uint8Array) => void;
  /** A block could not be loaded: the guest cannot go on. Called from inside an access. */
  readonly failed: (error: unknown) => void;
}

const PAGE = 0x1000;
/** Below lie shadow RAM and device windows, whose mapping changes: loaded at once. */
const FIRST_LAZY = 0x100000;
/** Where RAM is, nothing else answers, wherever a guest may place it. */
const PRIORITY = 1000;

export class LazyMemory {
  readonly #options: LazyMemoryOptions;
  readonly #missing = new Set<number>();
  readonly #mapping: Mapping | undefined;
  readonly #view: DataView;

  constructor(options: LazyMemoryOptions) {
    this.#options = options;
    const { processor, blockBytes, blocks } = options;
    const { ram } = processor;
    this.#view = new DataView(ram.buffer, ram.byteOffset, ram.length);
    for (const index of blocks) {
      if (index * blockBytes < FIRST_LAZY) this.#fill(index);
      else this.#missing.add(index);
    }
    if (this.#missing.size === 0) return;
    this.#unmap();
    this.#mapping = options.bus.map(FIRST_LAZY, this.#region(ram.length - FIRST_LAZY), PRIORITY);
    processor.onPhysicalAccess = (address, length) => this.provide(address, length);
  }

  /** Blocks that are still to come. */
  get missing(): number {
    return this.#missing.size;
  }

  #extent(index: number): { start: number; length: number } {
    const { blockBytes, processor } = this.#options;
    const start = index * blockBytes;
    return { start, length: Math.min(blockBytes, processor.ram.length - start) };
  }

  /** Takes runs of missing blocks out of the processor's map. */
  #unmap(): void {
    const { processor } = this.#options;
    let from = -1;
    let to = -1;
    const flush = (): void => {
      if (from >= 0) processor.mapPages(from, (to - from) / PAGE, { read: undefined, write: undefined });
    };
    for (const index of this.#missing) {
      const { start, length } = this.#extent(index);
      if (start !== to) {
        flush();
        from = start;
      }
      to = start + length;
    }
    flush();
  }

  #fill(index: number): void {
    const { start, length } = this.#extent(index);
    const into = this.#options.processor.ram.subarray(start, start + length);
    try {
      this.#options.load(index, into);
    } catch (error) {
      into.fill(0);
      this.#options.failed(error);
    }
  }

  #provideBlock(index: number): void {
    if (!this.#missing.delete(index)) return;
    this.#fill(index);
    const { processor } = this.#options;
    const { start, length } = this.#extent(index);
    const at = processor.ram.byteOffset + start;
    processor.mapPages(start, length / PAGE, { read: at, write: at });
    if (this.#missing.size === 0) this.#end();
  }

  #end(): void {
    this.#mapping?.unmap();
    this.#options.processor.onPhysicalAccess = undefined;
  }

  /** Loads what is missing of a range of physical addresses. */
  provide(address: number, length: number): void {
    const { blockBytes, processor } = this.#options;
    const last = Math.min(address + length, processor.ram.length) - 1;
    for (let index = Math.floor(address / blockBytes); index * blockBytes <= last; index++) this.#provideBlock(index);
  }

  /** Loads the next blocks that are missing, at most `count`. */
  provideSome(count: number): void {
    for (const index of this.#missing) {
      if (count-- <= 0) return;
      this.#provideBlock(index);
    }
  }

  /** Loads all that is missing. */
  provideAll(): void {
    this.provideSome(Infinity);
  }

  /** Memory is about to be cleared: what is missing will not be wanted. */
  abandon(): void {
    const { processor } = this.#options;
    for (const index of this.#missing) {
      const { start, length } = this.#extent(index);
      const at = processor.ram.byteOffset + start;
      processor.mapPages(start, length / PAGE, { read: at, write: at });
    }
    this.#missing.clear();
    this.#end();
  }

  #region(length: number): BusRegion {
    const view = this.#view;
    return {
      name: 'memory of a saved state',
      length,
      widest: 4,
      read: (offset: number, size: AccessSize): number => {
        const at = FIRST_LAZY + offset;
        this.provide(at, size);
        if (size === 1) return view.getUint8(at);
        return size === 2 ? view.getUint16(at, true) : view.getUint32(at, true);
      },
      write: (offset: number, size: AccessSize, value: number): void => {
        const at = FIRST_LAZY + offset;
        this.provide(at, size);
        if (size === 1) view.setUint8(at, value);
        else if (size === 2) view.setUint16(at, value, true);
        else view.setUint32(at, value, true);
      },
    };
  }
}
