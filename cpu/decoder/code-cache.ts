/** What has been decoded from which page, and how writes to those pages take it back. */
import { BLOCK, CODE_PAGE, PAGE_SIZE, RECORD, REGION, STATE } from '../layout.ts';
import type { CpuState } from '../state.ts';

export class CodeCache {
  readonly #state: CpuState;
  readonly #revokeWrites: (hostPage: number) => void;
  readonly #changed: (header: number) => void;
  readonly #cleared: () => void;

  /**
   * @param revokeWrites makes all translation entries that allow writing to a page of linear memory slow
   * @param changed is told of every block that a write has taken back, by its header
   * @param cleared is told that everything decoded goes
   */
  constructor(
    state: CpuState,
    revokeWrites: (hostPage: number) => void,
    changed: (header: number) => void,
    cleared: () => void,
  ) {
    this.#state = state;
    this.#revokeWrites = revokeWrites;
    this.#changed = changed;
    this.#cleared = cleared;
    this.clear();
  }

  /** Forgets everything decoded. */
  clear(): void {
    this.#cleared();
    const state = this.#state;
    const words = (from: number, bytes: number): void => {
      state.i32.fill(0, from >> 2, (from + bytes) >> 2);
    };
    words(REGION.JUMP_CACHE, REGION.JUMP_CACHE_ENTRIES * 16);
    words(REGION.BLOCK_HASH, REGION.BLOCK_HASH_ENTRIES * 16);
    words(REGION.CODE_PAGES, state.u8.length >>> 10);
    state.set(STATE.NEXT_RECORD, REGION.RECORDS);
    state.set(STATE.RECORD_EPOCH, state.get(STATE.RECORD_EPOCH) + 1);
  }

  hasCode(host: number): boolean {
    return this.#state.i32[(REGION.CODE_PAGES >> 2) + (host >>> 12)] !== 0;
  }

  /** A page is about to hold decoded code. */
  protect(hostPage: number): void {
    this.#revokeWrites(hostPage >>> 0);
  }

  /** Bytes of linear memory are about to change (or just have): blocks that contain any of them go. May cross pages. */
  written(host: number, length: number): void {
    const end = host + length;
    for (let at = host; at < end;) {
      const pageEnd = (Math.floor(at / PAGE_SIZE) + 1) * PAGE_SIZE;
      const stop = Math.min(end, pageEnd);
      this.#writtenInPage(at, stop);
      at = stop;
    }
  }

  #writtenInPage(from: number, to: number): void {
    const { i32, u16 } = this.#state;
    const slot = (REGION.CODE_PAGES >> 2) + Math.floor(from / PAGE_SIZE);
    const descriptor = i32[slot]!;
    if (descriptor === 0) return;
    const page = Math.floor(from / PAGE_SIZE) * PAGE_SIZE;
    const first = from - page;
    const last = to - 1 - page;
    if (!this.#covered(descriptor, first, last)) return;
    const survivors: number[] = [];
    let goneFrom = PAGE_SIZE;
    let goneTo = 0;
    for (let block = i32[descriptor >> 2]!; block !== 0;) {
      const next = i32[(block + BLOCK.NEXT) >> 2]!;
      const start = u16[(block + BLOCK.START) >> 1]!;
      const end = u16[(block + BLOCK.END) >> 1]!;
      if (start <= last && end > first) {
        this.#kill(page, block, start);
        goneFrom = Math.min(goneFrom, start);
        goneTo = Math.max(goneTo, end);
      } else survivors.push(block);
      block = next;
    }
    if (survivors.length === 0) {
      i32[slot] = 0;
      return;
    }
    // What the survivors cover of what the others did.
    this.#mark(descriptor, goneFrom, goneTo, false);
    let list = 0;
    for (const block of survivors) {
      i32[(block + BLOCK.NEXT) >> 2] = list;
      list = block;
      const start = Math.max(goneFrom, u16[(block + BLOCK.START) >> 1]!);
      this.#mark(descriptor, start, Math.min(goneTo, u16[(block + BLOCK.END) >> 1]!), true);
    }
    i32[descriptor >> 2] = list;
  }

  #mark(descriptor: number, from: number, to: number, covered: boolean): void {
    const { i32 } = this.#state;
    const bits = (descriptor + CODE_PAGE.COVERED) >> 2;
    for (let at = from; at < to; at++) {
      if (covered) i32[bits + (at >> 5)]! |= 1 << (at & 31);
      else i32[bits + (at >> 5)]! &= ~(1 << (at & 31));
    }
  }

  /** True if a block covers a byte of the page from `first` to `last`. */
  #covered(descriptor: number, first: number, last: number): boolean {
    const { i32 } = this.#state;
    const bits = (descriptor + CODE_PAGE.COVERED) >> 2;
    for (let at = first; at <= last; at++) {
      const word = i32[bits + (at >> 5)]!;
      if (word === 0) at |= 31;
      else if (word & (1 << (at & 31))) return true;
    }
    return false;
  }

  /** Makes every record of a block stale: whoever is inside it or jumps to it looks the address up anew. */
  #kill(page: number, block: number, start: number): void {
    const { i32, u16 } = this.#state;
    const count = u16[(block + BLOCK.COUNT) >> 1]!;
    const firstRecord = block + BLOCK.SIZE;
    for (let i = 0; i < count; i++) {
      const record = firstRecord + i * RECORD.SIZE;
      const handler = (record + RECORD.HANDLER) >> 1;
      // Continuation records have no place of their own; their target is in DISP.
      if (u16[(record + RECORD.PLACE) >> 1] === 0 && i > 0 && u16[handler]! > 0 && u16[handler]! <= 2) {
        const offset = i32[(record + RECORD.DISP) >> 2]!;
        if (offset >= PAGE_SIZE) continue;
        u16[(record + RECORD.PLACE) >> 1] = offset << 4;
      }
      u16[handler] = 0;
    }
    const host = page + start;
    const slot = (REGION.BLOCK_HASH >> 2) + (((host ^ (host >>> 14)) & (REGION.BLOCK_HASH_ENTRIES - 1)) << 2);
    if (i32[slot + 2] === firstRecord) i32[slot] = 0;
    this.#changed(block);
  }
}
