/** Decimal adjust instructions (Intel SDM volume 2). Flags the SDM leaves undefined follow the result where processors agree. */
import type { Helper } from '../helpers.ts';
import { CpuFault, EFLAGS, STATUS_FLAGS, VECTOR } from '../state.ts';

const AL = 0;
const AH = 4;

/** SF, ZF and PF of a byte. */
function resultFlags(byte: number): number {
  let parity = byte ^ (byte >> 4);
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (byte & 0x80 ? EFLAGS.SF : 0) | (byte === 0 ? EFLAGS.ZF : 0) | (parity & 1 ? 0 : EFLAGS.PF);
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
    state.updateStatusFlags(
      STATUS_FLAGS & ~EFLAGS.OF,
      resultFlags(value) | (high || carry ? EFLAGS.CF : 0) | (low ? EFLAGS.AF : 0),
    );
  };
}

/** AAA and AAS. */
function adjustUnpacked(direction: 1 | -1): Helper {
  return (core) => {
    const { state } = core;
    const adjust = (state.reg8(AL) & 15) > 9 || (state.eflags & EFLAGS.AF) !== 0;
    if (adjust) state.setReg16(0, (state.reg16(0) + 0x106 * direction) & 0xffff);
    const value = state.reg8(AL) & 15;
    state.setReg8(AL, value);
    state.updateStatusFlags(STATUS_FLAGS & ~EFLAGS.OF, resultFlags(value) | (adjust ? EFLAGS.CF | EFLAGS.AF : 0));
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
  state.updateStatusFlags(STATUS_FLAGS, resultFlags(al % base));
};

/** AAD imm8. */
const aad: Helper = (core, op) => {
  const { state } = core;
  const value = (state.reg8(AL) + state.reg8(AH) * (op.imm & 0xff)) & 0xff;
  state.setReg16(0, value);
  state.updateStatusFlags(STATUS_FLAGS, resultFlags(value));
};

export const decimalHelpers: Record<string, Helper> = {
  daa: adjustPacked(1),
  das: adjustPacked(-1),
  aaa: adjustUnpacked(1),
  aas: adjustUnpacked(-1),
  aam,
  aad,
};
