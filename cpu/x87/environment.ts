/**
 * FNSTENV, FLDENV, FNSAVE, FRSTOR, FXSAVE, FXRSTOR: the FPU's memory images in their four 14/28-byte forms and the 512-byte
 * form. Intel SDM volume 1, sections 8.1.10 and 10.5, figures 8-9 to 8-12.
 */
import type { Core, DecodedOperands, Helper } from '../helpers.ts';
import { SEGMENT, STATE } from '../layout.ts';
import { CpuFault, type CpuState, CR4, VECTOR } from '../state.ts';
import {
  CONTROL_DEFAULT,
  CONTROL_FIXED,
  CONTROL_WRITABLE,
  EXCEPTIONS,
  EXPONENT_MAX,
  ERROR,
  STATUS,
  SUMMARY,
} from './format.ts';

/** #NM as every x87 instruction raises it; `wait` adds #MF for a pending exception. */
export function enter(state: CpuState, wait: boolean): void {
  if (state.get(STATE.FPU_TRAP)) throw new CpuFault(VECTOR.NM, undefined);
  const ignored = state.get(STATE.X87_ERROR) & ERROR.IGNNE;
  if (wait && state.get(STATE.X87_STATUS) & STATUS.ES && !ignored) throw new CpuFault(VECTOR.MF, undefined);
}

const registerOffset = (physical: number): number => STATE.X87_REGISTERS + physical * 16;

export const statusWord = (state: CpuState): number => state.get(STATE.X87_STATUS) | (state.get(STATE.X87_TOP) << 11);

/** Sets the control word and recomputes the summary bits. */
function setControlAndStatus(state: CpuState, control: number, status: number): void {
  const cw = (control & CONTROL_WRITABLE) | CONTROL_FIXED;
  const pending = status & ~cw & EXCEPTIONS;
  state.set(STATE.X87_CONTROL, cw);
  state.set(STATE.X87_TOP, (status >> 11) & 7);
  state.set(STATE.X87_STATUS, (status & ~(SUMMARY | 0x3800) & 0xffff) | (pending ? SUMMARY : 0));
  if (!pending) state.set(STATE.X87_ERROR, 0);
}

/** The two-bit tags of the full tag word: 0 valid, 1 zero, 2 special, 3 empty. */
function fullTagWord(state: CpuState): number {
  const inUse = state.get(STATE.X87_IN_USE);
  let word = 0;
  for (let i = 0; i < 8; i++) {
    let tag = 3;
    if (inUse & (1 << i)) {
      const at = registerOffset(i);
      const high = state.getU(at + 4);
      const exponent = state.view.getUint16(at + 8, true) & EXPONENT_MAX;
      if (exponent === 0 && high === 0 && state.get(at) === 0) tag = 1;
      else tag = exponent === 0 || exponent === EXPONENT_MAX || high < 0x8000_0000 ? 2 : 0;
    }
    word |= tag << (2 * i);
  }
  return word;
}
function setFullTagWord(state: CpuState, word: number): void {
  let inUse = 0;
  for (let i = 0; i < 8; i++) if (((word >> (2 * i)) & 3) !== 3) inUse |= 1 << i;
  state.set(STATE.X87_IN_USE, inUse);
}

/** Real-address format: 20-bit linear addresses instead of selector and offset. */
const isRealFormat = (state: CpuState): boolean => !state.protectedMode || state.virtual8086;

/**
 * Limit check of an image that is longer than the shortest form of its instruction, which is what the decoder's check covers.
 * @throws CpuFault #GP(0), or #SS(0) in the stack segment
 */
function checkLimit({ state }: Core, op: DecodedOperands, size: number, write: boolean): void {
  const limit = state.getU((write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI) + 4 * op.segment);
  const offset = (op.address - state.segmentBase(op.segment)) >>> 0;
  if (limit !== 0xffff_ffff && offset + size - 1 > limit)
    throw new CpuFault(op.segment === SEGMENT.SS ? VECTOR.SS : VECTOR.GP, 0);
}

const environmentSize = (op: DecodedOperands): number => (op.operandSize === 4 ? 28 : 14);

function writeEnvironment({ state, memory }: Core, op: DecodedOperands): void {
  const at = op.address;
  const ip = state.getU(STATE.X87_IP);
  const dp = state.getU(STATE.X87_DP);
  const cs = state.get(STATE.X87_CS);
  const ds = state.get(STATE.X87_DS);
  const opcode = state.get(STATE.X87_OPCODE) & 0x7ff;
  const real = isRealFormat(state);
  const linearIp = (ip + cs * 16) >>> 0;
  const linearDp = (dp + ds * 16) >>> 0;
  const words = [state.get(STATE.X87_CONTROL), statusWord(state), fullTagWord(state)];
  if (op.operandSize === 4) {
    words.forEach((word, i) => memory.write32(at + 4 * i, word | 0xffff_0000));
    if (real) {
      memory.write32(at + 12, (linearIp & 0xffff) | 0xffff_0000);
      memory.write32(at + 16, ((linearIp >>> 16) << 12) | opcode);
      memory.write32(at + 20, (linearDp & 0xffff) | 0xffff_0000);
      memory.write32(at + 24, (linearDp >>> 16) << 12);
    } else {
      memory.write32(at + 12, ip);
      memory.write32(at + 16, (opcode << 16) | cs);
      memory.write32(at + 20, dp);
      memory.write32(at + 24, 0xffff_0000 | ds);
    }
    return;
  }
  words.forEach((word, i) => memory.write16(at + 2 * i, word));
  if (real) {
    memory.write16(at + 6, linearIp & 0xffff);
    memory.write16(at + 8, (((linearIp >>> 16) & 15) << 12) | opcode);
    memory.write16(at + 10, linearDp & 0xffff);
    memory.write16(at + 12, ((linearDp >>> 16) & 15) << 12);
  } else {
    memory.write16(at + 6, ip & 0xffff);
    memory.write16(at + 8, cs);
    memory.write16(at + 10, dp & 0xffff);
    memory.write16(at + 12, ds);
  }
}

function readEnvironment({ state, memory }: Core, op: DecodedOperands): void {
  const wide = op.operandSize === 4;
  const read = (i: number): number => (wide ? memory.read32(op.address + 4 * i) : memory.read16(op.address + 2 * i));
  const [control, status, tags, ip, cs, dp, ds] = [0, 1, 2, 3, 4, 5, 6].map(read) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  setControlAndStatus(state, control & 0xffff, status & 0xffff);
  setFullTagWord(state, tags & 0xffff);
  if (isRealFormat(state)) {
    state.set(STATE.X87_IP, (ip & 0xffff) | (((cs >>> 12) & 0xffff) << 16));
    state.set(STATE.X87_DP, (dp & 0xffff) | (((ds >>> 12) & 0xffff) << 16));
    state.set(STATE.X87_CS, 0);
    state.set(STATE.X87_DS, 0);
    state.set(STATE.X87_OPCODE, cs & 0x7ff);
    return;
  }
  state.set(STATE.X87_IP, ip);
  state.set(STATE.X87_CS, cs & 0xffff);
  state.set(STATE.X87_DP, dp);
  state.set(STATE.X87_DS, ds & 0xffff);
  // The 16-bit protected image has no opcode.
  state.set(STATE.X87_OPCODE, wide ? (cs >>> 16) & 0x7ff : 0);
}

function initialize(state: CpuState): void {
  state.set(STATE.X87_CONTROL, CONTROL_DEFAULT);
  for (const offset of [
    STATE.X87_STATUS,
    STATE.X87_TOP,
    STATE.X87_IN_USE,
    STATE.X87_IP,
    STATE.X87_CS,
    STATE.X87_DP,
    STATE.X87_DS,
    STATE.X87_OPCODE,
    STATE.X87_ERROR,
  ])
    state.set(offset, 0);
}

/** FNSTENV also masks all exceptions. */
const fnstenv: Helper = (core, op) => {
  enter(core.state, false);
  checkLimit(core, op, environmentSize(op), true);
  core.memory.probeWrite(op.address, environmentSize(op));
  writeEnvironment(core, op);
  setControlAndStatus(core.state, core.state.get(STATE.X87_CONTROL) | EXCEPTIONS, statusWord(core.state));
};

const fldenv: Helper = (core, op) => {
  enter(core.state, true);
  checkLimit(core, op, environmentSize(op), false);
  core.memory.probeRead(op.address, environmentSize(op));
  readEnvironment(core, op);
};

const fnsave: Helper = (core, op) => {
  const { state, memory } = core;
  enter(state, false);
  const size = environmentSize(op);
  checkLimit(core, op, size + 80, true);
  memory.probeWrite(op.address, size + 80);
  writeEnvironment(core, op);
  const top = state.get(STATE.X87_TOP);
  for (let i = 0; i < 8; i++) {
    const from = registerOffset((top + i) & 7);
    const to = op.address + size + 10 * i;
    memory.write32(to, state.get(from));
    memory.write32(to + 4, state.get(from + 4));
    memory.write16(to + 8, state.get(from + 8) & 0xffff);
  }
  initialize(state);
};

const frstor: Helper = (core, op) => {
  const { state, memory } = core;
  enter(state, true);
  const size = environmentSize(op);
  checkLimit(core, op, size + 80, false);
  memory.probeRead(op.address, size + 80);
  readEnvironment(core, op);
  const top = state.get(STATE.X87_TOP);
  for (let i = 0; i < 8; i++) {
    const to = registerOffset((top + i) & 7);
    const from = op.address + size + 10 * i;
    state.set(to, memory.read32(from));
    state.set(to + 4, memory.read32(from + 4));
    state.set(to + 8, memory.read16(from + 8));
  }
};

/** Bits of MXCSR that can be set; also stored as MXCSR_MASK. */
const MXCSR_MASK = 0xffff;

function checkAligned(op: DecodedOperands): void {
  if (op.address & 15) throw new CpuFault(VECTOR.GP, 0);
}

const fxsave: Helper = (core, op) => {
  const { state, memory } = core;
  enter(state, false);
  checkAligned(op);
  memory.probeWrite(op.address, 512);
  const at = op.address;
  memory.write16(at, state.get(STATE.X87_CONTROL));
  memory.write16(at + 2, statusWord(state));
  memory.write16(at + 4, state.get(STATE.X87_IN_USE));
  memory.write16(at + 6, state.get(STATE.X87_OPCODE) & 0x7ff);
  memory.write32(at + 8, state.get(STATE.X87_IP));
  memory.write32(at + 12, state.get(STATE.X87_CS));
  memory.write32(at + 16, state.get(STATE.X87_DP));
  memory.write32(at + 20, state.get(STATE.X87_DS));
  memory.write32(at + 24, state.get(STATE.MXCSR));
  memory.write32(at + 28, MXCSR_MASK);
  const top = state.get(STATE.X87_TOP);
  for (let i = 0; i < 8; i++) {
    const from = registerOffset((top + i) & 7);
    const to = at + 32 + 16 * i;
    memory.write32(to, state.get(from));
    memory.write32(to + 4, state.get(from + 4));
    memory.write32(to + 8, state.get(from + 8) & 0xffff);
    memory.write32(to + 12, 0);
  }
  if (state.cr4 & CR4.OSFXSR) for (let i = 0; i < 128; i += 4) memory.write32(at + 160 + i, state.get(STATE.XMM + i));
};

const fxrstor: Helper = (core, op) => {
  const { state, memory } = core;
  enter(state, false);
  checkAligned(op);
  memory.probeRead(op.address, 512);
  const at = op.address;
  const sse = (state.cr4 & CR4.OSFXSR) !== 0;
  const mxcsr = memory.read32(at + 24);
  if (sse && mxcsr & ~MXCSR_MASK) throw new CpuFault(VECTOR.GP, 0);
  setControlAndStatus(state, memory.read16(at), memory.read16(at + 2));
  state.set(STATE.X87_IN_USE, memory.read8(at + 4));
  state.set(STATE.X87_OPCODE, memory.read16(at + 6) & 0x7ff);
  state.set(STATE.X87_IP, memory.read32(at + 8));
  state.set(STATE.X87_CS, memory.read16(at + 12));
  state.set(STATE.X87_DP, memory.read32(at + 16));
  state.set(STATE.X87_DS, memory.read16(at + 20));
  const top = state.get(STATE.X87_TOP);
  for (let i = 0; i < 8; i++) {
    const to = registerOffset((top + i) & 7);
    const from = at + 32 + 16 * i;
    state.set(to, memory.read32(from));
    state.set(to + 4, memory.read32(from + 4));
    state.set(to + 8, memory.read16(from + 8));
  }
  if (!sse) return;
  state.set(STATE.MXCSR, mxcsr);
  for (let i = 0; i < 128; i += 4) state.set(STATE.XMM + i, memory.read32(at + 160 + i));
};

export const environmentHelpers: Record<string, Helper> = {
  x87_fnstenv: fnstenv,
  x87_fldenv: fldenv,
  x87_fnsave: fnsave,
  x87_frstor: frstor,
  x87_fxsave: fxsave,
  x87_fxrstor: fxrstor,
};
