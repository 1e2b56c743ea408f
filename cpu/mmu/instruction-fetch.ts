/** Fetch of the bytes of one instruction through paging and the limit of CS, where the decoder cannot read them in place. */
import { SEGMENT, STATE, TLB_SLOW } from '../layout.ts';
import { CpuFault, type CpuState, VECTOR } from '../state.ts';
import type { Mmu } from './mmu.ts';

/** Longest instruction in bytes (Intel SDM volume 2, section 2.3.11). */
const LONGEST = 15;

export class InstructionFetch {
  readonly #state: CpuState;
  readonly #mmu: Mmu;
  /** The fault of the first byte behind the window. */
  #fault: CpuFault | undefined;
  /** CR2 as it was before the instruction was fetched; after a fault kept for later, as that fault sets it. */
  #cr2 = 0;

  constructor(state: CpuState, mmu: Mmu) {
    this.#state = state;
    this.#mmu = mmu;
  }

  /**
   * Gathers up to 15 bytes from a linear address into STATE.FETCH_WINDOW, as far as paging and the segment limit allow, and
   * keeps the fault of the next one. Returns how many there are.
   */
  window(linear: number): number {
    const state = this.#state;
    this.#fault = undefined;
    this.#cr2 = state.get(STATE.CR2);
    const base = state.segmentBase(SEGMENT.CS);
    const limit = state.segmentLimit(SEGMENT.CS);
    state.u8.fill(0, STATE.FETCH_WINDOW, STATE.FETCH_WINDOW + 32);
    for (let i = this.#mapped(linear, base, limit); i < LONGEST; i++) {
      try {
        const at = (linear + i) >>> 0;
        if ((at - base) >>> 0 > limit) throw new CpuFault(VECTOR.GP, 0);
        state.u8[STATE.FETCH_WINDOW + i] = this.#mmu.fetchByte(at);
      } catch (error) {
        if (!(error instanceof CpuFault)) throw error;
        this.#fault = error;
        // The instruction may end before the byte: CR2 is set when the fault is taken.
        const cr2 = state.get(STATE.CR2);
        state.set(STATE.CR2, this.#cr2);
        this.#cr2 = cr2;
        return i;
      }
    }
    return LONGEST;
  }

  /** The fault kept by `window`, now to be taken. */
  takeFault(): CpuFault | undefined {
    this.#state.set(STATE.CR2, this.#cr2);
    return this.#fault;
  }

  /** The part of the window that lies in pages the fetch table has and inside the segment; returns how many bytes. */
  #mapped(linear: number, base: number, limit: number): number {
    const { i32, u8 } = this.#state;
    const table = i32[STATE.TLB_FETCH >> 2]! >> 2;
    const eip = (linear - base) >>> 0;
    if (eip + LONGEST - 1 > limit) return 0;
    let entry = TLB_SLOW as number;
    for (let i = 0; i < LONGEST; i++) {
      const at = (linear + i) >>> 0;
      if (i === 0 || (at & 0xfff) === 0) entry = i32[table + (at >>> 12)]!;
      if (entry === TLB_SLOW) return i;
      u8[STATE.FETCH_WINDOW + i] = u8[(at + entry) >>> 0]!;
    }
    return LONGEST;
  }
}
