/** MASKMOVQ and MASKMOVDQU: single bytes to DS:(E)DI (Intel SDM volume 2). */
import type { Core, DecodedOperands, Helper } from '../helpers.ts';
import { GPR, STATE } from '../layout.ts';
import { segmentedWrite, writeAddress } from '../segmentation/access.ts';
import { CpuFault, VECTOR } from '../state.ts';
import { ERROR, STATUS } from '../x87/format.ts';

/** Writes the bytes of `data` whose mask byte has its high bit set; nothing unless all can be written. */
function maskedStore(core: Core, op: DecodedOperands, data: number, mask: number, count: number): void {
  const { state } = core;
  const wide = op.addressSize === 4;
  const start = wide ? state.reg32(GPR.EDI) : state.reg16(GPR.EDI);
  const offset = (n: number): number => (wide ? (start + n) >>> 0 : (start + n) & 0xffff);
  const selected = Array.from({ length: count }, (_, n) => n).filter((n) => state.u8[mask + n]! & 0x80);
  for (const n of selected) core.memory.probeWrite(writeAddress(core, op.segment, offset(n), 1), 1);
  for (const n of selected) segmentedWrite(core, op.segment, offset(n), 1, state.u8[data + n]!);
}
function check(vector: number): void {
  if (vector !== 0) throw new CpuFault(vector, undefined);
}

// The record holds 16 * number for media registers.
const maskmovq: Helper = (core, op) => {
  const { state } = core;
  check(state.get(STATE.MMX_TRAP));
  if (state.get(STATE.X87_STATUS) & STATUS.ES && !(state.get(STATE.X87_ERROR) & ERROR.IGNNE))
    throw new CpuFault(VECTOR.MF, undefined);
  maskedStore(core, op, STATE.X87_REGISTERS + op.reg, STATE.X87_REGISTERS + op.rm, 8);
  state.set(STATE.X87_TOP, 0);
  state.set(STATE.X87_IN_USE, 0xff);
};
const maskmovdqu: Helper = (core, op) => {
  check(core.state.get(STATE.SSE_TRAP));
  maskedStore(core, op, STATE.XMM + op.reg, STATE.XMM + op.rm, 16);
};

export const mediaHelpers: Record<string, Helper> = { media_maskmovq: maskmovq, media_maskmovdqu: maskmovdqu };
