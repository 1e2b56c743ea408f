/**
 * Memory access by linear address: fills the translation tables that generated code reads, and carries out every access they
 * do not answer (device memory, page crossings, pages with decoded code, watched accesses).
 */
import type { CodeCache } from '../decoder/code-cache.ts';
import type { LinearMemory } from '../helpers.ts';
import { PAGE_SIZE, PHYSICAL_BUS, REGION, STATE, TLB_SLOW } from '../layout.ts';
import type { AccessSize, ProcessorBus } from '../processor.ts';
import { CpuFault, CR0, type CpuState, EFLAGS, VECTOR } from '../state.ts';
import { Paging } from './paging.ts';

const SUPERVISOR_READ = REGION.TLB_SUPERVISOR_READ >> 2;
const SUPERVISOR_WRITE = REGION.TLB_SUPERVISOR_WRITE >> 2;
const USER_READ = REGION.TLB_USER_READ >> 2;
const USER_WRITE = REGION.TLB_USER_WRITE >> 2;
const MAP_READ = REGION.PHYSICAL_READ >> 2;
const MAP_WRITE = REGION.PHYSICAL_WRITE >> 2;
const PAGES = 1 << 20;

const IN_LIST = 1;
const GLOBAL = 2;

/** Told of every access while breakpoints watch data. */
export type WatchAccess = (linear: number, size: number, kind: 'read' | 'write') => void;

export class Mmu implements LinearMemory {
  readonly paging: Paging;
  /** Set while debug registers watch data accesses. */
  watch: WatchAccess | undefined;
  readonly #state: CpuState;
  readonly #bus: ProcessorBus;
  #code: CodeCache | undefined;
  /** Pages with a filled entry, and per page whether it is in the list and global. */
  #filled = new Uint32Array(4096);
  #filledCount = 0;
  readonly #marks = new Uint8Array(PAGES);
  /** One byte for each 4 MiB of linear addresses: some entry comes from a large page, so that INVLPG drops them all. */
  readonly #large = new Uint8Array(PAGES >> 10);
  /** One byte a page of linear memory: written since last asked. */
  readonly dirty: Uint8Array;

  constructor(state: CpuState, bus: ProcessorBus) {
    this.#state = state;
    this.#bus = bus;
    this.paging = new Paging(state, bus);
    this.dirty = new Uint8Array(Math.ceil(state.u8.length / PAGE_SIZE));
    for (const table of [SUPERVISOR_READ, SUPERVISOR_WRITE, USER_READ, USER_WRITE])
      state.i32.fill(TLB_SLOW, table, table + PAGES);
    state.i32.fill(PHYSICAL_BUS, MAP_READ, MAP_READ + PAGES);
    state.i32.fill(PHYSICAL_BUS, MAP_WRITE, MAP_WRITE + PAGES);
  }

  set codeCache(cache: CodeCache) {
    this.#code = cache;
  }

  // Translation tables

  #remember(page: number): void {
    const { global, large } = this.paging.found;
    const mark = this.#marks[page]!;
    if (!(mark & IN_LIST)) {
      if (this.#filledCount === this.#filled.length) {
        const grown = new Uint32Array(this.#filled.length * 2);
        grown.set(this.#filled);
        this.#filled = grown;
      }
      this.#filled[this.#filledCount++] = page;
    }
    this.#marks[page] = IN_LIST | (global ? GLOBAL : 0);
    if (large) this.#large[page >> 10] = 1;
  }

  #forget(page: number): void {
    const { i32 } = this.#state;
    i32[SUPERVISOR_READ + page] = TLB_SLOW;
    i32[SUPERVISOR_WRITE + page] = TLB_SLOW;
    i32[USER_READ + page] = TLB_SLOW;
    i32[USER_WRITE + page] = TLB_SLOW;
  }

  flush(keepGlobal: boolean): void {
    let kept = 0;
    for (let i = 0; i < this.#filledCount; i++) {
      const page = this.#filled[i]!;
      if (keepGlobal && this.#marks[page]! & GLOBAL) {
        this.#filled[kept++] = page;
        continue;
      }
      this.#forget(page);
      this.#marks[page] = 0;
    }
    this.#filledCount = kept;
    if (kept === 0) this.#large.fill(0);
  }

  /** INVLPG: the entry, or all those of the large page around it. True if code may have been decoded through one of them. */
  invalidate(linear: number): boolean {
    const page = linear >>> 12;
    if (this.#large[page >> 10] === 0) return this.#invalidatePage(page);
    this.#large[page >> 10] = 0;
    let code = false;
    const first = page & ~0x3ff;
    for (let n = first; n < first + 0x400; n++) code = this.#invalidatePage(n) || code;
    return code;
  }

  #invalidatePage(page: number): boolean {
    const entry = this.#state.i32[SUPERVISOR_READ + page]!;
    if (entry === TLB_SLOW) return false;
    this.#forget(page);
    return this.#code!.hasCode(((page << 12) + entry) >>> 0);
  }

  /** No entry may allow writing to this page of linear memory any more. */
  revokeWrites(hostPage: number): void {
    const { i32 } = this.#state;
    for (let i = 0; i < this.#filledCount; i++) {
      const page = this.#filled[i]!;
      const entry = i32[SUPERVISOR_WRITE + page]!;
      if (entry !== TLB_SLOW && (((page << 12) + entry) & 0xfffff000) >>> 0 === hostPage) {
        i32[SUPERVISOR_WRITE + page] = TLB_SLOW;
        i32[USER_WRITE + page] = TLB_SLOW;
      } else {
        const user = i32[USER_WRITE + page]!;
        if (user !== TLB_SLOW && (((page << 12) + user) & 0xfffff000) >>> 0 === hostPage)
          i32[USER_WRITE + page] = TLB_SLOW;
      }
    }
  }

  /** Reports and clears the dirty marks of a range of linear memory; true if there was one. */
  takeDirty(offset: number, pages: number, into: Uint8Array): boolean {
    const first = offset / PAGE_SIZE;
    let any = false;
    for (let i = 0; i < pages; i++) {
      into[i] = this.dirty[first + i]!;
      if (into[i]) any = true;
    }
    if (!any) return false;
    this.dirty.fill(0, first, first + pages);
    const { i32 } = this.#state;
    for (let i = 0; i < this.#filledCount; i++) {
      const page = this.#filled[i]!;
      const entry =
        i32[SUPERVISOR_WRITE + page]! !== TLB_SLOW ? i32[SUPERVISOR_WRITE + page]! : i32[USER_WRITE + page]!;
      if (entry === TLB_SLOW) continue;
      const host = (((page << 12) + entry) >>> 12) - first;
      if (host >= 0 && host < pages) {
        i32[SUPERVISOR_WRITE + page] = TLB_SLOW;
        i32[USER_WRITE + page] = TLB_SLOW;
      }
    }
    return true;
  }

  /** Enters the translation just found by `paging.walk`. */
  #fill(linear: number): void {
    const { i32 } = this.#state;
    const { page, user, writable, dirty } = this.paging.found;
    const n = linear >>> 12;
    const base = linear & 0xfffff000;
    const readHost = i32[MAP_READ + (page >>> 12)]!;
    const writeHost = i32[MAP_WRITE + (page >>> 12)]!;
    this.#remember(n);
    const readEntry = readHost === PHYSICAL_BUS ? TLB_SLOW : readHost - base;
    i32[SUPERVISOR_READ + n] = readEntry;
    i32[USER_READ + n] = user ? readEntry : TLB_SLOW;
    let supervisorWrite: number = TLB_SLOW;
    let userWrite: number = TLB_SLOW;
    // Read-modify-write goes through the write entry alone: reading and writing must meet the same memory.
    if (dirty && writeHost !== PHYSICAL_BUS && writeHost === readHost && !this.#code!.hasCode(writeHost >>> 0)) {
      const entry = writeHost - base;
      if (writable || (this.#state.cr0 & CR0.WP) === 0) supervisorWrite = entry;
      if (writable && user) userWrite = entry;
      this.dirty[writeHost >>> 12] = 1;
    }
    i32[SUPERVISOR_WRITE + n] = supervisorWrite;
    i32[USER_WRITE + n] = userWrite;
  }

  /** @throws CpuFault #PF with CR2 set */
  #translate(linear: number, write: boolean, user: boolean): number {
    if (!this.paging.walk(linear, write, user)) {
      this.#state.set(STATE.CR2, linear);
      throw new CpuFault(VECTOR.PF, this.paging.errorCode);
    }
    this.#fill(linear);
    return this.paging.found.page + (linear & 0xfff);
  }

  /** For instruction fetch: fills the entry. True if it can be decoded in place. @throws CpuFault #PF */
  translateCode(linear: number): boolean {
    this.#translate(linear, false, this.#state.cpl === 3);
    return this.#state.i32[SUPERVISOR_READ + (linear >>> 12)] !== TLB_SLOW;
  }

  /** True if code at a linear address would be fetched from this page of linear memory, found without touching anything. */
  leadsTo(linear: number, host: number): boolean {
    const physical = this.paging.accessed(linear, this.#state.cpl === 3);
    return physical !== undefined && this.#state.i32[MAP_READ + (physical >>> 12)]! >>> 0 === host;
  }

  /** One byte for instruction fetch, not watched. @throws CpuFault #PF */
  fetchByte(linear: number): number {
    return this.#readPhysical(this.#translate(linear, false, this.#state.cpl === 3), 1);
  }

  #readPhysical(physical: number, size: AccessSize): number {
    const state = this.#state;
    const map = state.i32[MAP_READ + (physical >>> 12)]!;
    if (map === PHYSICAL_BUS) return this.#bus.readMemory(physical >>> 0, size) >>> 0;
    const host = (map >>> 0) + (physical & 0xfff);
    if (size === 1) return state.u8[host]!;
    return size === 2 ? state.view.getUint16(host, true) : state.view.getUint32(host, true);
  }

  #writePhysical(physical: number, size: AccessSize, value: number): void {
    const state = this.#state;
    const map = state.i32[MAP_WRITE + (physical >>> 12)]!;
    if (map === PHYSICAL_BUS) {
      this.#bus.writeMemory(
        physical >>> 0,
        size,
        size === 4 ? value >>> 0 : size === 2 ? value & 0xffff : value & 0xff,
      );
      return;
    }
    const host = (map >>> 0) + (physical & 0xfff);
    if (this.#code!.hasCode(host)) this.#code!.written(host, size);
    this.dirty[host >>> 12] = 1;
    if (size === 1) state.u8[host] = value;
    else if (size === 2) state.view.setUint16(host, value, true);
    else state.view.setUint32(host, value, true);
  }

  /** @throws CpuFault #AC if a user access of `size` bytes, a power of two, is not aligned and alignment checks are on */
  checkAlignment(linear: number, size: number): void {
    const state = this.#state;
    if (linear & (size - 1) && state.cr0 & CR0.AM && state.get(STATE.EFLAGS) & EFLAGS.AC && state.cpl === 3)
      throw new CpuFault(VECTOR.AC, 0);
  }

  // Slow accesses. They throw CpuFault with nothing written.

  readSlow(linear: number, size: AccessSize, user: boolean): number {
    linear >>>= 0;
    if (user) this.checkAlignment(linear, size);
    this.watch?.(linear, size, 'read');
    if ((linear & 0xfff) + size <= PAGE_SIZE) return this.#readPhysical(this.#translate(linear, false, user), size);
    let value = 0;
    for (let i = 0; i < size; i++)
      value |= this.#readPhysical(this.#translate((linear + i) >>> 0, false, user), 1) << (8 * i);
    return value >>> 0;
  }

  writeSlow(linear: number, size: AccessSize, value: number, user: boolean): void {
    linear >>>= 0;
    if (user) this.checkAlignment(linear, size);
    this.watch?.(linear, size, 'write');
    if ((linear & 0xfff) + size <= PAGE_SIZE) {
      this.#writePhysical(this.#translate(linear, true, user), size, value);
      return;
    }
    const first = this.#translate(linear, true, user);
    const inFirst = PAGE_SIZE - (linear & 0xfff);
    const second = this.#translate((linear + inFirst) >>> 0, true, user);
    for (let i = 0; i < size; i++)
      this.#writePhysical(i < inFirst ? first + i : second + i - inFirst, 1, (value >>> (8 * i)) & 0xff);
  }

  probe(linear: number, size: number, write: boolean, user: boolean): void {
    linear >>>= 0;
    if (user && size <= 8) this.checkAlignment(linear, size);
    const table = write ? (user ? USER_WRITE : SUPERVISOR_WRITE) : user ? USER_READ : SUPERVISOR_READ;
    if (this.#fast(table, linear, size)) return;
    this.#translate(linear, write, user);
    if ((linear & 0xfff) + size > PAGE_SIZE) this.#translate(((linear & 0xfffff000) + PAGE_SIZE) >>> 0, write, user);
  }

  // LinearMemory

  #user(): boolean {
    return this.#state.cpl === 3;
  }

  #fast(table: number, linear: number, size: number): number {
    const entry = this.#state.i32[table + (linear >>> 12)]!;
    return ((linear | entry) & 0xfff) <= PAGE_SIZE - size && entry !== TLB_SLOW ? (linear + entry) >>> 0 : 0;
  }

  read8(linear: number): number {
    const host = this.#fast(this.#state.i32[STATE.TLB_READ >> 2]! >> 2, linear, 1);
    return host ? this.#state.u8[host]! : this.readSlow(linear, 1, this.#user());
  }
  read16(linear: number): number {
    const host = this.#fast(this.#state.i32[STATE.TLB_READ >> 2]! >> 2, linear, 2);
    return host ? this.#state.view.getUint16(host, true) : this.readSlow(linear, 2, this.#user());
  }
  read32(linear: number): number {
    const host = this.#fast(this.#state.i32[STATE.TLB_READ >> 2]! >> 2, linear, 4);
    return host ? this.#state.view.getUint32(host, true) : this.readSlow(linear, 4, this.#user());
  }
  write8(linear: number, value: number): void {
    const host = this.#fast(this.#state.i32[STATE.TLB_WRITE >> 2]! >> 2, linear, 1);
    if (host) this.#state.u8[host] = value;
    else this.writeSlow(linear, 1, value, this.#user());
  }
  write16(linear: number, value: number): void {
    const host = this.#fast(this.#state.i32[STATE.TLB_WRITE >> 2]! >> 2, linear, 2);
    if (host) this.#state.view.setUint16(host, value, true);
    else this.writeSlow(linear, 2, value, this.#user());
  }
  write32(linear: number, value: number): void {
    const host = this.#fast(this.#state.i32[STATE.TLB_WRITE >> 2]! >> 2, linear, 4);
    if (host) this.#state.view.setUint32(host, value, true);
    else this.writeSlow(linear, 4, value, this.#user());
  }
  /** As #fast; breakpoints watch system accesses too. */
  #fastSystem(table: number, linear: number, size: number): number {
    return this.watch ? 0 : this.#fast(table, linear, size);
  }
  readSystem8(linear: number): number {
    return this.readSlow(linear, 1, false);
  }
  readSystem16(linear: number): number {
    const host = this.#fastSystem(SUPERVISOR_READ, linear, 2);
    return host ? this.#state.view.getUint16(host, true) : this.readSlow(linear, 2, false);
  }
  readSystem32(linear: number): number {
    const host = this.#fastSystem(SUPERVISOR_READ, linear, 4);
    return host ? this.#state.view.getUint32(host, true) : this.readSlow(linear, 4, false);
  }
  writeSystem8(linear: number, value: number): void {
    this.writeSlow(linear, 1, value, false);
  }
  writeSystem16(linear: number, value: number): void {
    const host = this.#fastSystem(SUPERVISOR_WRITE, linear, 2);
    if (host) this.#state.view.setUint16(host, value, true);
    else this.writeSlow(linear, 2, value, false);
  }
  writeSystem32(linear: number, value: number): void {
    const host = this.#fastSystem(SUPERVISOR_WRITE, linear, 4);
    if (host) this.#state.view.setUint32(host, value, true);
    else this.writeSlow(linear, 4, value, false);
  }
  probeWrite(linear: number, size: number, system = false): void {
    this.probe(linear, size, true, !system && this.#user());
  }
  probeRead(linear: number, size: number, system = false): void {
    this.probe(linear, size, false, !system && this.#user());
  }

  /**
   * Linear-memory address of `linear` if a whole run of bytes up to the end of its page can be accessed without side effects
   * by the present privilege, else 0. For string instructions.
   */
  hostOf(linear: number, write: boolean): number {
    const entry =
      this.#state.i32[(this.#state.i32[(write ? STATE.TLB_WRITE : STATE.TLB_READ) >> 2]! >> 2) + (linear >>> 12)]!;
    return entry === TLB_SLOW ? 0 : (linear + entry) >>> 0;
  }
}
