/** Control and debug registers, LMSW, SMSW, CLTS, cache and TLB instructions, SYSENTER and SYSEXIT (Intel SDM volumes 2 and 3). */
import { readDebugRegister, writeDebugRegister } from '../debug/index.ts';
import type { Core, Helper } from '../helpers.ts';
import { GPR, SEGMENT, STATE } from '../layout.ts';
import { writeSegment } from '../segmentation/segment.ts';
import { loadPointerTable, writeCr3 } from '../mmu/pointer-table.ts';
import { CpuFault, CR0, CR4, EFLAGS, VECTOR } from '../state.ts';
import { storeWord } from './descriptor-tables.ts';
import { requireRing0, resume } from './resume.ts';

const CR0_WRITABLE = CR0.PE | CR0.MP | CR0.EM | CR0.TS | CR0.NE | CR0.WP | CR0.AM | CR0.NW | CR0.CD | CR0.PG;
const CR0_LMSW = CR0.PE | CR0.MP | CR0.EM | CR0.TS;
/** Changes of these bits empty the TLB. */
const CR0_TRANSLATION = CR0.PG | CR0.WP | CR0.PE;
const CR4_TRANSLATION = CR4.PSE | CR4.PAE | CR4.PGE;

/** Sets CR0 with the consequences of the change. @throws CpuFault #GP(0) for PG without PE and NW without CD */
function writeCr0(core: Core, value: number): void {
  const { state } = core;
  const next = (value & CR0_WRITABLE) | CR0.ET;
  if ((next & CR0.PG && !(next & CR0.PE)) || (next & CR0.NW && !(next & CR0.CD))) throw new CpuFault(VECTOR.GP, 0);
  const changed = next ^ state.cr0;
  if (changed & (CR0.PG | CR0.CD | CR0.NW) && next & CR0.PG && state.cr4 & CR4.PAE)
    loadPointerTable(core, state.get(STATE.CR3));
  state.set(STATE.CR0, next);
  if (changed & CR0_TRANSLATION) core.flushTlb(false);
  core.modeChanged();
}

function writeCr4(core: Core, value: number): void {
  const { state } = core;
  if (value & ~core.cpuid.cr4Mask) throw new CpuFault(VECTOR.GP, 0);
  const changed = value ^ state.cr4;
  if (value & CR4.PAE && changed & CR4_TRANSLATION && state.cr0 & CR0.PG) loadPointerTable(core, state.get(STATE.CR3));
  state.set(STATE.CR4, value);
  if (changed & CR4_TRANSLATION) core.flushTlb(false);
  core.modeChanged();
}

function requireControlRegister(core: Core, n: number): void {
  if (n !== 0 && n !== 2 && n !== 3 && n !== 4) throw new CpuFault(VECTOR.UD, undefined);
  requireRing0(core);
}

const movFromCr: Helper = (core, op) => {
  requireControlRegister(core, op.reg);
  const slots = [STATE.CR0, 0, STATE.CR2, STATE.CR3, STATE.CR4];
  core.state.setReg32(op.rm, core.state.getU(slots[op.reg]!));
};

const movToCr: Helper = (core, op) => {
  requireControlRegister(core, op.reg);
  const { state } = core;
  const value = state.reg32(op.rm);
  switch (op.reg) {
    case 0:
      writeCr0(core, value);
      break;
    case 2:
      state.set(STATE.CR2, value);
      break;
    case 3:
      writeCr3(core, value);
      break;
    default:
      writeCr4(core, value);
  }
  return resume(core);
};

const lmsw: Helper = (core, op) => {
  requireRing0(core);
  const { state } = core;
  const value = op.isMemory ? core.memory.read16(op.address) : state.reg16(op.rm);
  // LMSW can set PE but not clear it.
  writeCr0(core, (state.cr0 & ~CR0_LMSW) | (value & CR0_LMSW) | (state.cr0 & CR0.PE));
  return resume(core);
};

const clts: Helper = (core) => {
  requireRing0(core);
  core.state.set(STATE.CR0, core.state.cr0 & ~CR0.TS);
  core.modeChanged();
};

const invlpg: Helper = (core, op) => {
  if (!op.isMemory) throw new CpuFault(VECTOR.UD, undefined);
  requireRing0(core);
  core.invalidatePage(op.address);
};

/** Flat segments as SYSENTER and SYSEXIT load them: 4 GiB, 32 bits, not looked up in a table. */
const FLAT_ATTRIBUTES = 0xc010 | 0x80;
const FLAT_CODE = FLAT_ATTRIBUTES | 0x0b;
const FLAT_DATA = FLAT_ATTRIBUTES | 0x03;

function enterFlat(core: Core, cs: number, ss: number, cpl: number, eip: number, esp: number): 'jump' {
  const { state } = core;
  const dpl = cpl << 5;
  state.set(STATE.CPL, cpl);
  writeSegment(core, SEGMENT.CS, (cs & 0xfffc) | cpl, { base: 0, limit: 0xffffffff, attributes: FLAT_CODE | dpl });
  writeSegment(core, SEGMENT.SS, (ss & 0xfffc) | cpl, { base: 0, limit: 0xffffffff, attributes: FLAT_DATA | dpl });
  state.setReg32(GPR.ESP, esp);
  state.eip = eip;
  core.modeChanged();
  return 'jump';
}

const sysenter: Helper = (core) => {
  const { state } = core;
  const cs = state.get(STATE.SYSENTER_CS);
  if (!state.protectedMode || (cs & 0xfffc) === 0) throw new CpuFault(VECTOR.GP, 0);
  state.set(STATE.EFLAGS, state.get(STATE.EFLAGS) & ~(EFLAGS.VM | EFLAGS.IF | EFLAGS.RF));
  return enterFlat(core, cs, cs + 8, 0, state.getU(STATE.SYSENTER_EIP), state.getU(STATE.SYSENTER_ESP));
};

const sysexit: Helper = (core) => {
  const { state } = core;
  const cs = state.get(STATE.SYSENTER_CS);
  if (!state.protectedMode || (cs & 0xfffc) === 0) throw new CpuFault(VECTOR.GP, 0);
  requireRing0(core);
  return enterFlat(core, cs + 16, cs + 24, 3, state.reg32(GPR.EDX), state.reg32(GPR.ECX));
};

/** INVD and WBINVD: there is no cache to write back. */
const flushCaches: Helper = requireRing0;

export const controlHelpers: Record<string, Helper> = {
  mov_from_cr: movFromCr,
  mov_to_cr: movToCr,
  mov_from_dr: (core, op) => {
    core.state.setReg32(op.rm, readDebugRegister(core, op.reg));
  },
  mov_to_dr: (core, op) => {
    writeDebugRegister(core, op.reg, core.state.reg32(op.rm));
    core.modeChanged();
    return resume(core);
  },
  lmsw,
  smsw: (core, op) => storeWord(core, op, core.state.cr0),
  clts,
  invlpg,
  invd: flushCaches,
  wbinvd: flushCaches,
  sysenter,
  sysexit,
};
