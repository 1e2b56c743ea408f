/**
 * Page-table walks over the physical page map: 32-bit paging with 4 KiB and 4 MiB pages, PAE paging with 4 KiB and 2 MiB pages
 * (Intel SDM volume 3, sections 4.3 and 4.4). Not modelled: PSE-36, execute-disable, PAT and cache control.
 */
import { PHYSICAL_BUS, REGION, STATE } from '../layout.ts';
import type { ProcessorBus } from '../processor.ts';
import { CR0, CR4, type CpuState } from '../state.ts';

const PRESENT = 1;
const WRITABLE = 2;
const USER = 4;
const ACCESSED = 0x20;
const DIRTY = 0x40;
const LARGE = 0x80;
const GLOBAL = 0x100;
/** Bits 13-21 of a 4 MiB entry are reserved without PSE-36. */
const LARGE_RESERVED = 0x003fe000;

/** PAE: bits 13-20 of a 2 MiB entry, and the high half of any entry above its four address bits, are reserved. */
const PAE_LARGE_RESERVED = 0x001fe000;
const PAE_HIGH_RESERVED = 0xfffffff0;
/** Where pages above 4 GiB are sent: no machine maps anything there. */
const BEYOND = 0xfffff000;

/** Page-fault error code bits. */
export const PF = { PRESENT: 1, WRITE: 2, USER: 4, RESERVED: 8 } as const;

/** A successful walk. */
export interface Translation {
  /** Physical address of the 4 KiB page, unsigned, A20 applied. */
  page: number;
  user: boolean;
  writable: boolean;
  dirty: boolean;
  global: boolean;
  /** Part of a 4 MiB page: INVLPG drops all of it. */
  large: boolean;
}

export class Paging {
  readonly #state: CpuState;
  readonly #bus: ProcessorBus;
  /** AND mask of physical addresses: bit 20 is 0 while A20 is disabled. */
  a20Mask = 0xffffffff | 0;
  /** Result of the last successful walk. */
  readonly found: Translation = { page: 0, user: true, writable: true, dirty: true, global: false, large: false };
  /** Error code of the last failed walk. */
  errorCode = 0;

  /** Walks leave memory and devices alone, and note an entry that they would have marked. */
  #quiet = false;
  #unmarked = false;

  constructor(state: CpuState, bus: ProcessorBus) {
    this.#state = state;
    this.#bus = bus;
  }

  #readEntry(address: number): number {
    const { i32 } = this.#state;
    const physical = address & this.a20Mask;
    const host = i32[(REGION.PHYSICAL_READ >> 2) + (physical >>> 12)]!;
    if (host === PHYSICAL_BUS) return this.#quiet ? 0 : this.#bus.readMemory(physical >>> 0, 4) | 0;
    return i32[((host >>> 0) + (physical & 0xfff)) / 4]!;
  }
  #writeEntry(address: number, value: number): void {
    if (this.#quiet) {
      this.#unmarked = true;
      return;
    }
    const { i32 } = this.#state;
    const physical = address & this.a20Mask;
    const host = i32[(REGION.PHYSICAL_WRITE >> 2) + (physical >>> 12)]!;
    if (host === PHYSICAL_BUS) this.#bus.writeMemory(physical >>> 0, 4, value >>> 0);
    else i32[((host >>> 0) + (physical & 0xfff)) / 4] = value;
  }

  /**
   * Walks the tables for an access and sets accessed and dirty bits. True: `found` holds the translation. False:
   * `errorCode` holds what #PF pushes.
   */
  walk(linear: number, write: boolean, user: boolean): boolean {
    const { found } = this;
    const state = this.#state;
    const cr0 = state.cr0;
    if (cr0 >= 0) {
      // CR0.PG is bit 31.
      found.page = (linear & 0xfffff000 & this.a20Mask) >>> 0;
      found.user = found.writable = found.dirty = true;
      found.global = found.large = false;
      return true;
    }
    const access = (write ? PF.WRITE : 0) | (user ? PF.USER : 0);
    if (state.cr4 & CR4.PAE) return this.#walkPae(linear, write, user, access);
    const directoryAt = (state.get(STATE.CR3) & 0xfffff000) | ((linear >>> 22) << 2);
    const directory = this.#readEntry(directoryAt);
    if (!(directory & PRESENT)) {
      this.errorCode = access;
      return false;
    }
    const cr4 = state.cr4;
    if (directory & LARGE && cr4 & CR4.PSE) {
      if (directory & LARGE_RESERVED) {
        this.errorCode = access | PF.PRESENT | PF.RESERVED;
        return false;
      }
      if (!this.#allowed(directory, write, user, cr0)) {
        this.errorCode = access | PF.PRESENT;
        return false;
      }
      const marked = directory | ACCESSED | (write ? DIRTY : 0);
      if (marked !== directory) this.#writeEntry(directoryAt, marked);
      found.page = (((directory & 0xffc00000) | (linear & 0x003ff000)) & this.a20Mask) >>> 0;
      this.#describe(directory, marked, cr4);
      found.large = true;
      return true;
    }
    const tableAt = (directory & 0xfffff000) | (((linear >>> 12) & 0x3ff) << 2);
    const entry = this.#readEntry(tableAt);
    if (!(entry & PRESENT)) {
      this.errorCode = access;
      return false;
    }
    const combined = entry & directory;
    if (!this.#allowed(combined, write, user, cr0)) {
      this.errorCode = access | PF.PRESENT;
      return false;
    }
    if (!(directory & ACCESSED)) this.#writeEntry(directoryAt, directory | ACCESSED);
    const marked = entry | ACCESSED | (write ? DIRTY : 0);
    if (marked !== entry) this.#writeEntry(tableAt, marked);
    found.page = (entry & 0xfffff000 & this.a20Mask) >>> 0;
    this.#describe(combined, marked, cr4);
    found.large = false;
    return true;
  }

  /**
   * Physical page that reading at `linear` would go to, if the entries that lead there are marked as accessed already; without any
   * effect.
   */
  accessed(linear: number, user: boolean): number | undefined {
    this.#quiet = true;
    this.#unmarked = false;
    const walked = this.walk(linear, false, user);
    this.#quiet = false;
    return walked && !this.#unmarked ? this.found.page : undefined;
  }

  /** PAE: entries of 8 bytes; the directory comes from the pointer entries loaded with CR3. */
  #walkPae(linear: number, write: boolean, user: boolean, access: number): boolean {
    const { found } = this;
    const state = this.#state;
    const { cr0, cr4 } = state;
    const fail = (bits: number): boolean => {
      this.errorCode = access | bits;
      return false;
    };
    const pointer = state.get(STATE.PDPTE + ((linear >>> 30) << 2));
    if (!(pointer & PRESENT)) return fail(0);
    const directoryAt = (pointer & 2 ? BEYOND : pointer & 0xfffff000) | (((linear >>> 21) & 0x1ff) << 3);
    const directory = this.#readEntry(directoryAt);
    if (!(directory & PRESENT)) return fail(0);
    const directoryHigh = this.#readEntry(directoryAt + 4);
    if (directoryHigh & PAE_HIGH_RESERVED) return fail(PF.PRESENT | PF.RESERVED);
    if (directory & LARGE) {
      if (directory & PAE_LARGE_RESERVED) return fail(PF.PRESENT | PF.RESERVED);
      if (!this.#allowed(directory, write, user, cr0)) return fail(PF.PRESENT);
      const marked = directory | ACCESSED | (write ? DIRTY : 0);
      if (marked !== directory) this.#writeEntry(directoryAt, marked);
      const page = directoryHigh ? BEYOND : (directory & 0xffe00000) | (linear & 0x001ff000);
      found.page = (page & this.a20Mask) >>> 0;
      this.#describe(directory, marked, cr4);
      found.large = true;
      return true;
    }
    const tableAt = (directoryHigh ? BEYOND : directory & 0xfffff000) | (((linear >>> 12) & 0x1ff) << 3);
    const entry = this.#readEntry(tableAt);
    if (!(entry & PRESENT)) return fail(0);
    const entryHigh = this.#readEntry(tableAt + 4);
    if (entryHigh & PAE_HIGH_RESERVED) return fail(PF.PRESENT | PF.RESERVED);
    const combined = entry & directory;
    if (!this.#allowed(combined, write, user, cr0)) return fail(PF.PRESENT);
    if (!(directory & ACCESSED)) this.#writeEntry(directoryAt, directory | ACCESSED);
    const marked = entry | ACCESSED | (write ? DIRTY : 0);
    if (marked !== entry) this.#writeEntry(tableAt, marked);
    found.page = ((entryHigh ? BEYOND : entry & 0xfffff000) & this.a20Mask) >>> 0;
    this.#describe(combined, marked, cr4);
    found.large = false;
    return true;
  }

  #allowed(bits: number, write: boolean, user: boolean, cr0: number): boolean {
    if (user) return (bits & USER) !== 0 && (!write || (bits & WRITABLE) !== 0);
    return !write || (bits & WRITABLE) !== 0 || (cr0 & CR0.WP) === 0;
  }

  #describe(permissions: number, leaf: number, cr4: number): void {
    const { found } = this;
    found.user = (permissions & USER) !== 0;
    found.writable = (permissions & WRITABLE) !== 0;
    found.dirty = (leaf & DIRTY) !== 0;
    found.global = (leaf & GLOBAL) !== 0 && (cr4 & CR4.PGE) !== 0;
  }

  /** Translation without side effects, for debuggers; undefined if not present. */
  probe(linear: number): number | undefined {
    const state = this.#state;
    if (state.cr0 >= 0) return (linear & this.a20Mask) >>> 0;
    if (state.cr4 & CR4.PAE) return this.#probePae(linear);
    const directory = this.#readEntry((state.get(STATE.CR3) & 0xfffff000) | ((linear >>> 22) << 2));
    if (!(directory & PRESENT)) return undefined;
    if (directory & LARGE && state.cr4 & CR4.PSE)
      return (((directory & 0xffc00000) | (linear & 0x003fffff)) & this.a20Mask) >>> 0;
    const entry = this.#readEntry((directory & 0xfffff000) | (((linear >>> 12) & 0x3ff) << 2));
    if (!(entry & PRESENT)) return undefined;
    return (((entry & 0xfffff000) | (linear & 0xfff)) & this.a20Mask) >>> 0;
  }

  #probePae(linear: number): number | undefined {
    const pointer = this.#state.get(STATE.PDPTE + ((linear >>> 30) << 2));
    if (!(pointer & PRESENT) || pointer & 2) return undefined;
    const directoryAt = (pointer & 0xfffff000) | (((linear >>> 21) & 0x1ff) << 3);
    const directory = this.#readEntry(directoryAt);
    if (!(directory & PRESENT) || this.#readEntry(directoryAt + 4)) return undefined;
    if (directory & LARGE) return (((directory & 0xffe00000) | (linear & 0x001fffff)) & this.a20Mask) >>> 0;
    const tableAt = (directory & 0xfffff000) | (((linear >>> 12) & 0x1ff) << 3);
    const entry = this.#readEntry(tableAt);
    if (!(entry & PRESENT) || this.#readEntry(tableAt + 4)) return undefined;
    return (((entry & 0xfffff000) | (linear & 0xfff)) & this.a20Mask) >>> 0;
  }
}
