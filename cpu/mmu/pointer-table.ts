/** CR3, and the page-directory-pointer table of PAE paging (Intel SDM volume 3, section 4.4.1), read when CR3 is loaded and kept since. */
import type { Core } from '../helpers.ts';
import { STATE } from '../layout.ts';
import { CpuFault, CR0, CR4, VECTOR } from '../state.ts';

const PRESENT = 1;
/** Bits 1-2 and 5-8 of a present entry are reserved, and all address bits from 36 on. */
const RESERVED_LOW = 0x1e6;
const RESERVED_HIGH = 0xfffffff0;

/**
 * Loads the four entries from the table that `cr3` names.
 * @throws CpuFault #GP(0), with nothing loaded, if a present entry has a reserved bit set
 */
export function loadPointerTable(core: Core, cr3: number): void {
  const at = (cr3 & 0xffffffe0) >>> 0;
  const bytes = new Uint8Array(32);
  core.readPhysical(at, bytes);
  const words = new DataView(bytes.buffer);
  const entries = [0, 1, 2, 3].map((n) => {
    const low = words.getUint32(8 * n, true);
    const high = words.getUint32(8 * n + 4, true);
    if (low & PRESENT && (low & RESERVED_LOW || high & RESERVED_HIGH)) throw new CpuFault(VECTOR.GP, 0);
    // A directory above 4 GiB lies outside the memory of this machine: bit 1, reserved otherwise, marks it.
    return high & 0xf ? low | 2 : low;
  });
  entries.forEach((entry, n) => core.state.set(STATE.PDPTE + 4 * n, entry));
}

/** Page-directory base and the two cache bits; with PAE the pointer table is aligned to 32 bytes only. */
const CR3_WRITABLE = 0xfffff018;
const CR3_WRITABLE_PAE = 0xfffffff8;

/** MOV to CR3, and the CR3 a task switch loads. @throws CpuFault #GP(0) for reserved bits in a PAE pointer table */
export function writeCr3(core: Core, value: number): void {
  const { state } = core;
  const pae = (state.cr4 & CR4.PAE) !== 0;
  if (pae && state.cr0 & CR0.PG) loadPointerTable(core, value);
  state.set(STATE.CR3, value & (pae ? CR3_WRITABLE_PAE : CR3_WRITABLE));
  core.flushTlb(true);
}
