/** The physical page map, and physical access past the processor's caches of it: bus masters, loaders, debuggers. */
import type { CodeCache } from './decoder/code-cache.ts';
import { PAGE_SIZE, PHYSICAL_BUS, REGION } from './layout.ts';
import type { Mmu } from './mmu/mmu.ts';
import type { PageTarget } from './processor.ts';
import type { CpuState } from './state.ts';

const PAGES = 1 << 20;

export class PhysicalMemory {
  readonly #state: CpuState;
  readonly #mmu: Mmu;
  readonly #code: CodeCache;

  constructor(state: CpuState, mmu: Mmu, code: CodeCache) {
    this.#state = state;
    this.#mmu = mmu;
    this.#code = code;
  }

  /** Changes the map; the caller flushes. @throws RangeError for pages that do not exist */
  map(address: number, count: number, target: PageTarget): void {
    if (address % PAGE_SIZE || !Number.isInteger(count) || count < 0 || address / PAGE_SIZE + count > PAGES)
      throw new RangeError(`cannot map ${count} pages at ${address.toString(16)}`);
    const { i32 } = this.#state;
    const first = address / PAGE_SIZE;
    for (let i = 0; i < count; i++) {
      i32[(REGION.PHYSICAL_READ >> 2) + first + i] =
        target.read === undefined ? PHYSICAL_BUS : target.read + i * PAGE_SIZE;
      i32[(REGION.PHYSICAL_WRITE >> 2) + first + i] =
        target.write === undefined ? PHYSICAL_BUS : target.write + i * PAGE_SIZE;
    }
  }

  #eachPage(
    table: number,
    address: number,
    length: number,
    visit: (host: number | undefined, offset: number, count: number) => void,
  ): void {
    for (let done = 0; done < length;) {
      const at = address + done;
      const count = Math.min(length - done, PAGE_SIZE - (at % PAGE_SIZE));
      const page = Math.floor(at / PAGE_SIZE);
      const map = page < PAGES ? this.#state.i32[(table >> 2) + page]! : PHYSICAL_BUS;
      visit(map === PHYSICAL_BUS ? undefined : (map >>> 0) + (at % PAGE_SIZE), done, count);
      done += count;
    }
  }

  /** Holes read FFh. */
  read(address: number, into: Uint8Array): void {
    this.#eachPage(REGION.PHYSICAL_READ, address, into.length, (host, offset, count) => {
      if (host === undefined) into.fill(0xff, offset, offset + count);
      else into.set(this.#state.u8.subarray(host, host + count), offset);
    });
  }

  /** Code decoded from what is written over is decoded anew. */
  write(address: number, from: Uint8Array): void {
    this.#eachPage(REGION.PHYSICAL_WRITE, address, from.length, (host, offset, count) => {
      if (host === undefined) return;
      if (this.#code.hasCode(host)) this.#code.written(host, count);
      this.#mmu.dirty[host >>> 12] = 1;
      this.#state.u8.set(from.subarray(offset, offset + count), host);
    });
  }
}
