/** Endings of helpers that changed what the next instruction depends on. */
import type { Core } from '../helpers.ts';
import { CpuFault, VECTOR } from '../state.ts';

/** Goes on with the next instruction, looked up anew. */
export function resume(core: Core): 'jump' {
  core.state.eip = core.nextEip;
  return 'jump';
}

/** @throws CpuFault #GP(0) unless the privilege level is 0 */
export function requireRing0(core: Core): void {
  if (core.state.cpl !== 0) throw new CpuFault(VECTOR.GP, 0);
}

/** A general register by width, zero-extended. */
export function readGpr(core: Core, n: number, width: 1 | 2 | 4): number {
  const { state } = core;
  if (width === 1) return state.reg8(n);
  return width === 2 ? state.reg16(n) : state.reg32(n);
}
export function writeGpr(core: Core, n: number, width: 1 | 2 | 4, value: number): void {
  const { state } = core;
  if (width === 1) state.setReg8(n, value);
  else if (width === 2) state.setReg16(n, value);
  else state.setReg32(n, value);
}

/** An index register of the address size. */
export function readIndex(core: Core, n: number, addressSize: 2 | 4): number {
  return addressSize === 4 ? core.state.reg32(n) : core.state.reg16(n);
}
export function writeIndex(core: Core, n: number, addressSize: 2 | 4, value: number): void {
  if (addressSize === 4) core.state.setReg32(n, value);
  else core.state.setReg16(n, value & 0xffff);
}
