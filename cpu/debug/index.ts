/**
 * Debug registers (Intel SDM volume 3, section 17.2): breakpoint matching, general detect, single step, DR6 and DR7.
 * Not modelled: branch trace, last-branch records, restricted transactional memory bits.
 */
import type { Core } from '../helpers.ts';
import { STATE } from '../layout.ts';
import { CpuFault, CR4, EFLAGS, VECTOR } from '../state.ts';

/** DR6 bits. B0-B3 are bits 0-3. */
export const DR6 = { BD: 0x2000, BS: 0x4000, BT: 0x8000 } as const;
const DR6_ONES = 0xffff0ff0;
const DR6_WRITABLE = 0xe00f;
/** DR7: general detect enable; local enable bits, which a task switch clears. */
const DR7_GD = 0x2000;
const DR7_LOCAL = 0x155;
const DR7_ENABLES = 0xff;
const DR7_ONES = 0x400;
const DR7_ZEROS = 0xd800;

/** Conditions of the R/W fields of DR7. */
const CONDITION = { EXECUTE: 0, WRITE: 1, IO: 2, READ_WRITE: 3 } as const;

const dr = (n: number): number => STATE.DR + (n << 2);

/** #DB of a MOV to or from a debug register while DR7.GD is set: a fault, unlike the other #DB the restart flag is set. */
export class GeneralDetectFault extends CpuFault {
  constructor() {
    super(VECTOR.DB, undefined);
  }
}

/** Adds causes to DR6, which only software clears. */
export function mergeDr6(core: Core, bits: number): void {
  core.state.set(dr(6), core.state.get(dr(6)) | bits | DR6_ONES);
}

/** Entering a #DB handler clears DR7.GD. */
export function enterDebugHandler(core: Core): void {
  core.state.set(dr(7), core.state.get(dr(7)) & ~DR7_GD);
}

/** A task switch disables the local breakpoints. */
export function clearLocalBreakpoints(core: Core): void {
  core.state.set(dr(7), core.state.get(dr(7)) & ~DR7_LOCAL);
}

/** True while any breakpoint is enabled: the run loop has to watch addresses then. */
export function breakpointsEnabled(core: Core): boolean {
  return (core.state.get(dr(7)) & DR7_ENABLES) !== 0;
}

/** B0-B3 for the enabled breakpoints whose condition satisfies `wanted` and whose range meets [address, address + size). */
function matches(core: Core, address: number, size: number, wanted: (condition: number) => boolean): number {
  const { state } = core;
  const dr7 = state.get(dr(7));
  let hits = 0;
  for (let n = 0; n < 4; n++) {
    if (((dr7 >> (n * 2)) & 3) === 0) continue;
    const control = (dr7 >>> (16 + n * 4)) & 15;
    if (!wanted(control & 3)) continue;
    // LEN 00, 01, 11 are 1, 2, 4 bytes; 10 is undefined on 32-bit processors and taken as 4 here.
    const length = [1, 2, 4, 4][control >> 2]!;
    const start = (state.getU(dr(n)) & ~(length - 1)) >>> 0;
    if (address < start + length && start < address + size) hits |= 1 << n;
  }
  return hits;
}

/**
 * True if an instruction breakpoint is set on the instruction at `linear` and RF does not suppress it; DR6 then names it and the
 * caller delivers #DB before the instruction.
 */
export function instructionBreakpoint(core: Core, linear: number): boolean {
  if (core.state.get(STATE.EFLAGS) & EFLAGS.RF) return false;
  const hits = matches(core, linear >>> 0, 1, (condition) => condition === CONDITION.EXECUTE);
  if (hits !== 0) mergeDr6(core, hits);
  return hits !== 0;
}

/**
 * Tells of a data access at a linear address, or of an I/O access to a port. True if a breakpoint matches: DR6 names
 * it and #DB is due after the instruction.
 */
export function dataBreakpoint(core: Core, linear: number, size: number, kind: 'read' | 'write' | 'io'): boolean {
  let wanted: (condition: number) => boolean;
  if (kind === 'io') {
    if ((core.state.cr4 & CR4.DE) === 0) return false;
    wanted = (condition) => condition === CONDITION.IO;
  } else if (kind === 'write')
    wanted = (condition) => condition === CONDITION.WRITE || condition === CONDITION.READ_WRITE;
  else wanted = (condition) => condition === CONDITION.READ_WRITE;
  const hits = matches(core, linear >>> 0, size, wanted);
  if (hits !== 0) mergeDr6(core, hits);
  return hits !== 0;
}

/** Single step: to be called after an instruction that began with TF set; DR6.BS is set and the fault to deliver returned. */
export function singleStepTrap(core: Core): CpuFault {
  mergeDr6(core, DR6.BS);
  return new CpuFault(VECTOR.DB, undefined);
}

/** Checks common to MOV from and to DRn; answers the register meant, DR4 and DR5 being other names of DR6 and DR7. */
function accessedRegister(core: Core, n: number): number {
  const { state } = core;
  if (state.cpl !== 0) throw new CpuFault(VECTOR.GP, 0);
  if (n === 4 || n === 5) {
    if (state.cr4 & CR4.DE) throw new CpuFault(VECTOR.UD, undefined);
    n += 2;
  }
  if (state.get(dr(7)) & DR7_GD) {
    mergeDr6(core, DR6.BD);
    throw new GeneralDetectFault();
  }
  return n;
}

/** MOV r32, DRn. @throws CpuFault #GP(0), #UD, #DB */
export function readDebugRegister(core: Core, n: number): number {
  const register = accessedRegister(core, n);
  const value = core.state.getU(dr(register));
  if (register === 6) return ((value & DR6_WRITABLE) | DR6_ONES) >>> 0;
  if (register === 7) return ((value & ~DR7_ZEROS) | DR7_ONES) >>> 0;
  return value;
}

/** MOV DRn, r32. @throws CpuFault #GP(0), #UD, #DB */
export function writeDebugRegister(core: Core, n: number, value: number): void {
  const register = accessedRegister(core, n);
  if (register === 6) value = (value & DR6_WRITABLE) | DR6_ONES;
  else if (register === 7) value = (value & ~DR7_ZEROS) | DR7_ONES;
  core.state.set(dr(register), value);
}
