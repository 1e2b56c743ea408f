/**
 * Stack operations that commit as a whole (Intel SDM volume 1, section 6.2): pushes are checked at once and written by
 * `commit`; pops move a private pointer until `commit`.
 */
import type { Core } from '../helpers.ts';
import { GPR, PAGE_SIZE, SEGMENT, STATE } from '../layout.ts';
import { CpuFault, VECTOR } from '../state.ts';
import { inRange } from './access.ts';
import { ATTRIBUTE } from './descriptor.ts';
import { offsetRange, type SegmentCache } from './segment.ts';

type Size = 2 | 4;

interface StackSegment {
  readonly base: number;
  /** Valid offsets for reads and for writes; a stack segment is always writable, save SS in odd real-mode states. */
  readonly readLo: number;
  readonly readHi: number;
  readonly writeLo: number;
  readonly writeHi: number;
  /** SS.B: ESP rather than SP is the stack pointer. */
  readonly big: boolean;
}

export class Stack {
  /** Stack pointer after the operations so far: 32 bits, of which 16 count when SS.B is 0. */
  pointer: number;
  readonly #core: Core;
  readonly #segment: StackSegment;
  /** Accesses are made as supervisor whatever the present privilege is: the stack of an inner level. */
  readonly #system: boolean;
  readonly #error: number;
  /** Page number of the last push, whose page accepts writes. */
  #probedPage = -1;
  readonly #pending: { address: number; size: Size; value: number }[] = [];

  private constructor(core: Core, segment: StackSegment, pointer: number, system: boolean, error: number) {
    this.#core = core;
    this.#segment = segment;
    this.pointer = pointer >>> 0;
    this.#system = system;
    this.#error = error;
  }

  /** The stack SS:ESP names now; overruns raise #SS(`error`). */
  static current(core: Core, error = 0): Stack {
    const { state } = core;
    const slot = SEGMENT.SS << 2;
    const segment = {
      base: state.segmentBase(SEGMENT.SS),
      readLo: state.getU(STATE.SEGMENT_READ_LO + slot),
      readHi: state.getU(STATE.SEGMENT_READ_HI + slot),
      writeLo: state.getU(STATE.SEGMENT_WRITE_LO + slot),
      writeHi: state.getU(STATE.SEGMENT_WRITE_HI + slot),
      big: (state.segmentAttributes(SEGMENT.SS) & ATTRIBUTE.BIG) !== 0,
    };
    return new Stack(core, segment, state.reg32(GPR.ESP), false, error);
  }

  /** The stack of an inner privilege level, not yet loaded; overruns raise #SS(`error`). */
  static inner(core: Core, cache: SegmentCache, pointer: number, error: number): Stack {
    const { lo, hi } = offsetRange(cache);
    const segment = {
      base: cache.base,
      readLo: lo,
      readHi: hi,
      writeLo: lo,
      writeHi: hi,
      big: (cache.attributes & ATTRIBUTE.BIG) !== 0,
    };
    return new Stack(core, segment, pointer, true, error);
  }

  #move(delta: number): number {
    const next = this.pointer + delta;
    this.pointer = this.#segment.big ? next >>> 0 : ((this.pointer & 0xffff0000) | (next & 0xffff)) >>> 0;
    return this.offset;
  }

  /** The part of the pointer that counts. */
  get offset(): number {
    return this.#segment.big ? this.pointer : this.pointer & 0xffff;
  }

  /** Checks and queues a push. @throws CpuFault #SS, #PF */
  push(size: Size, value: number): void {
    const before = this.pointer;
    const offset = this.#move(-size);
    const { base, writeLo, writeHi } = this.#segment;
    if (!inRange(offset, size, writeLo, writeHi)) {
      this.pointer = before;
      throw new CpuFault(VECTOR.SS, this.#error);
    }
    const address = (base + offset) >>> 0;
    // Pushes follow each other downwards: one probe serves a page.
    if (address >>> 12 !== this.#probedPage || (address & 0xfff) + size > PAGE_SIZE) {
      this.#core.memory.probeWrite(address, size, this.#system);
      this.#probedPage = address >>> 12;
    }
    this.#pending.push({ address, size, value });
  }
  push16(value: number): void {
    this.push(2, value);
  }
  push32(value: number): void {
    this.push(4, value);
  }

  /** Reads at the pointer plus `distance` without moving it. @throws CpuFault #SS, #PF */
  peek(size: Size, distance = 0): number {
    const { base, readLo, readHi, big } = this.#segment;
    const sum = this.pointer + distance;
    const offset = big ? sum >>> 0 : sum & 0xffff;
    if (!inRange(offset, size, readLo, readHi)) throw new CpuFault(VECTOR.SS, this.#error);
    const address = (base + offset) >>> 0;
    const { memory } = this.#core;
    let value: number;
    if (this.#system) value = size === 2 ? memory.readSystem16(address) : memory.readSystem32(address);
    else value = size === 2 ? memory.read16(address) : memory.read32(address);
    return this.#pending.length === 0 ? value : this.#overlay(address, size, value);
  }
  /** Puts bytes pushed but not yet written over a value read: ENTER may read what it has just pushed. */
  #overlay(address: number, size: Size, value: number): number {
    for (const pushed of this.#pending) {
      for (let n = 0; n < size; n++) {
        const byte = (address + n - pushed.address) >>> 0;
        if (byte >= pushed.size) continue;
        value = (value & ~(0xff << (n * 8))) | (((pushed.value >>> (byte * 8)) & 0xff) << (n * 8));
      }
    }
    return value >>> 0;
  }
  /** Raises what a write of `size` bytes at the pointer would raise. @throws CpuFault #SS, #PF */
  probe(size: Size): void {
    const { base, writeLo, writeHi } = this.#segment;
    const { offset } = this;
    if (!inRange(offset, size, writeLo, writeHi)) throw new CpuFault(VECTOR.SS, this.#error);
    this.#core.memory.probeWrite((base + offset) >>> 0, size, this.#system);
  }
  /** Reads and moves the pointer. @throws CpuFault #SS, #PF */
  pop(size: Size): number {
    const value = this.peek(size);
    this.#move(size);
    return value;
  }
  pop16(): number {
    return this.pop(2);
  }
  pop32(): number {
    return this.pop(4);
  }
  /** Moves the pointer up over `bytes` without access. */
  release(bytes: number): void {
    this.#move(bytes);
  }

  /** Writes what was pushed. Cannot fail, each push having been checked. */
  flush(): void {
    const { memory } = this.#core;
    for (const { address, size, value } of this.#pending) {
      if (this.#system) {
        if (size === 2) memory.writeSystem16(address, value & 0xffff);
        else memory.writeSystem32(address, value >>> 0);
      } else if (size === 2) memory.write16(address, value & 0xffff);
      else memory.write32(address, value >>> 0);
    }
    this.#pending.length = 0;
  }
  /** Writes what was pushed and sets ESP (or SP). */
  commit(): void {
    this.flush();
    setStackPointer(this.#core, this.pointer, this.#segment.big);
  }
}

/** Sets ESP, or SP alone for a 16-bit stack. */
export function setStackPointer(core: Core, pointer: number, big: boolean): void {
  if (big) core.state.setReg32(GPR.ESP, pointer);
  else core.state.setReg16(GPR.ESP, pointer & 0xffff);
}
