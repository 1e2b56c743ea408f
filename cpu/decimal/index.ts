/**
 * Decimal adjust instructions (Intel SDM volume 2). Flags that the SDM leaves undefined are those of the addition or
 * subtraction that adjusts, as on real parts.
 */
import type { Helper } from '../helpers.ts';
import { CpuFault, EFLAGS, VECTOR } from '../state.ts';

const AL = 0;
const AH = 4;

/** SF, ZF and PF of a byte. */
function resultFlags(byte: number): number {
  let parity = byte ^ (byte >> 4);
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (byte & 0x80 ? EFLAGS.SF : 0) | (byte === 0 ? EFLAGS.ZF : 0) | (parity & 1 ? 0 : EFLAGS.PF);
}

/** OF of a + b, or of a - b, with result r, for operands with the given sign bit. */
function overflowFlag(direction: 1 | -1, a: number, b: number, r: number, sign: number): number {
  return (direction > 0 ? ~(a ^ b) : a ^ b) & (a ^ r) & sign ? EFLAGS.OF : 0;
}

/** DAA and DAS differ in direction alone. */
function adjustPacked(direction: 1 | -1): Helper {
  return (core) => {
    const { state } = core;
    const { eflags } = state;
    const old = state.reg8(AL);
    let carry = (eflags & EFLAGS.CF) !== 0;
    const high = old > 0x99 || carry;
    const low = (old & 15) > 9 || (eflags & EFLAGS.AF) !== 0;
    let value = old;
    // SUB's borrow out of the low digit is a carry of DAS even without adjustment of the high one.
    if (low) {
      value += 6 * direction;
      carry ||= direction < 0 && value < 0;
    }
    if (high) value += 0x60 * direction;
    value &= 0xff;
    state.setReg8(AL, value);
    const adjustment = (low ? 6 : 0) + (high ? 0x60 : 0);
    state.setStatusFlags(
      resultFlags(value) |
        (high || carry ? EFLAGS.CF : 0) |
        (low ? EFLAGS.AF : 0) |
        overflowFlag(direction, old, adjustment, value, 0x80),
    );
  };
}

/** AAA and AAS. */
function adjustUnpacked(direction: 1 | -1): Helper {
  return (core) => {
    const { state } = core;
    const adjust = (state.reg8(AL) & 15) > 9 || (state.eflags & EFLAGS.AF) !== 0;
    const old = state.reg16(0);
    const adjustment = adjust ? 0x106 : 0;
    // A 16-bit operation but for PF; AL loses its high digit only afterwards.
    const sum = (old + adjustment * direction) & 0xffff;
    state.setReg16(0, sum & 0xff0f);
    state.setStatusFlags(
      (resultFlags(sum & 0xff) & EFLAGS.PF) |
        (sum & 0x8000 ? EFLAGS.SF : 0) |
        (sum === 0 ? EFLAGS.ZF : 0) |
        (adjust ? EFLAGS.CF | EFLAGS.AF : 0) |
        overflowFlag(direction, old, adjustment, sum, 0x8000),
    );
  };
}

/** AAM imm8. @throws CpuFault #DE if the base is 0 */
const aam: Helper = (core, op) => {
  const { state } = core;
  const base = op.imm & 0xff;
  if (base === 0) throw new CpuFault(VECTOR.DE, undefined);
  const al = state.reg8(AL);
  state.setReg8(AH, Math.floor(al / base));
  state.setReg8(AL, al % base);
  state.setStatusFlags(resultFlags(al % base));
};

/** AAD imm8. */
const aad: Helper = (core, op) => {
  const { state } = core;
  const al = state.reg8(AL);
  const product = (state.reg8(AH) * (op.imm & 0xff)) & 0xff;
  const value = (al + product) & 0xff;
  state.setReg16(0, value);
  const carries = (al & product) | ((al | product) & ~value);
  state.setStatusFlags(
    resultFlags(value) |
      (carries & 0x80 ? EFLAGS.CF : 0) |
      (carries & 8 ? EFLAGS.AF : 0) |
      overflowFlag(1, al, product, value, 0x80),
  );
};

export const decimalHelpers: Record<string, Helper> = {
  daa: adjustPacked(1),
  das: adjustPacked(-1),
  aaa: adjustUnpacked(1),
  aas: adjustUnpacked(-1),
  aam,
  aad,
};
