/** MOV MOVZX MOVSX LEA XCHG LAHF SAHF and the flag instructions without privilege. Intel SDM volume 2. */
import { i32 } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { EFLAGS } from '../state.ts';
import type { Width } from './context.ts';
import { core, type Emit, immediateOf } from './arithmetic.ts';
import { carryFlag, setCarryOnly } from './flags.ts';

export const movRmReg: Emit = core((c) => c.writeRm(c.width, c.readReg(c.width)));
export const movRegRm: Emit = core((c) => c.writeReg(c.width, c.readRm(c.width)));
export const movRmImm: Emit = core((c) => c.writeRm(c.width, immediateOf(c, c.width)));
export const movRegImm: Emit = core((c) => c.writeReg(c.width, immediateOf(c, c.width)));
/** MOV between the accumulator and an absolute address: the memory operand is the r/m operand. */
export const movAccMem: Emit = core((c) => c.writeGpr(0, c.width, c.readRm(c.width)));
export const movMemAcc: Emit = core((c) => c.writeRm(c.width, c.readGpr(0, c.width)));

export const movzx = (source: Width): Emit => core((c) => c.writeReg(c.width, c.readRm(source)));
export const movsx = (source: 1 | 2): Emit =>
  core((c) => c.writeReg(c.width, source === 1 ? i32.extend8_s(c.readRm(1)) : i32.extend16_s(c.readRm(2))));

/** LEA: the decoder gives the offset as the operand's address. */
export const lea: Emit = core((c) => c.writeReg(c.width, c.address()));

export const xchg: Emit = core((c) => {
  const a = c.f.let(c.readForWrite(c.width));
  const b = c.f.let(c.readReg(c.width));
  c.writeBack(c.width, b);
  c.writeReg(c.width, a);
});

/** XCHG of a register with the accumulator (90+r). */
export const xchgAccumulator: Emit = core((c) => {
  const a = c.f.let(c.readGpr(0, c.width));
  c.writeGpr(0, c.width, c.readReg(c.width));
  c.writeReg(c.width, a);
});

export const nop: Emit = () => {};

export const clc: Emit = core((c) => setCarryOnly(c, i32.const(0)));
export const stc: Emit = core((c) => setCarryOnly(c, i32.const(1)));
export const cmc: Emit = core((c) => setCarryOnly(c, c.f.let(i32.xor(carryFlag(c), 1))));
export const cld: Emit = core((c) => c.f.store(0, i32.and(i32.load(0, STATE.EFLAGS), ~EFLAGS.DF), STATE.EFLAGS));
export const std: Emit = core((c) => c.f.store(0, i32.or(i32.load(0, STATE.EFLAGS), EFLAGS.DF), STATE.EFLAGS));

/** LAHF: SF ZF AF PF CF and the constant bit 1 into AH. */
export const lahf: Emit = core((c) => {
  const { f } = c;
  const flags = f.let(i32.or(carryFlag(c), 2));
  f.set(flags, i32.or(flags, i32.shl(c.condition(0xa), 2)));
  f.set(flags, i32.or(flags, i32.shl(i32.and(c.carry(), 8), 1)));
  f.set(flags, i32.or(flags, i32.shl(c.condition(4), 6)));
  f.set(flags, i32.or(flags, i32.shl(c.condition(8), 7)));
  c.writeGpr(4, 1, flags);
});

/** SAHF: SF ZF AF PF CF from AH; OF stays. */
export const sahf: Emit = core((c) => {
  const { f } = c;
  const of = f.let(i32.shl(c.condition(0), 11));
  c.setStatusFlags(i32.or(i32.and(c.readGpr(4, 1), 0xd5), of));
});
