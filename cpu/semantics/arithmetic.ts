/** ADD ADC SUB SBB CMP AND OR XOR TEST INC DEC NEG NOT, XADD CMPXCHG, and the accumulator conversions. Intel SDM volume 2. */
import { type Expr, i32, type Local } from '../emitter/index.ts';
import type { InstructionContext, Width } from './context.ts';
import type { CoreContext } from './context-control.ts';
import { addCarries, carryFlag, flagsAdd, flagsKeepCarry, flagsLogic, flagsSub, subBorrows } from './flags.ts';

export type Emit = (c: InstructionContext) => void;
/** Integer semantics see the wider context. */
export const core = (emit: (c: CoreContext) => void): Emit => emit as Emit;

/** Where an ALU form finds its operands: r/m with register, register with r/m, r/m with immediate, accumulator with immediate. */
export type AluForm = 'rm,reg' | 'reg,rm' | 'rm,imm' | 'acc,imm';

type AluOperation = (c: CoreContext, width: Width, a: Local<'i32'>, b: Local<'i32'>) => Expr<'i32'> | undefined;

/** The eight ALU operations in opcode order. Each returns the value to write back after setting flags, or undefined for CMP. */
const OPERATIONS = {
  add: (c, w, a, b) => {
    const r = c.f.let(i32.add(a, b));
    flagsAdd(c, w, a, b, r);
    return r;
  },
  or: (c, w, a, b) => {
    const r = c.f.let(i32.or(a, b));
    flagsLogic(c, w, r);
    return r;
  },
  adc: (c, w, a, b) => {
    const r = c.f.let(i32.add(i32.add(a, b), carryFlag(c)));
    flagsAdd(c, w, a, b, r, true);
    return r;
  },
  sbb: (c, w, a, b) => {
    const r = c.f.let(i32.sub(i32.sub(a, b), carryFlag(c)));
    flagsSub(c, w, a, b, r, true);
    return r;
  },
  and: (c, w, a, b) => {
    const r = c.f.let(i32.and(a, b));
    flagsLogic(c, w, r);
    return r;
  },
  sub: (c, w, a, b) => {
    const r = c.f.let(i32.sub(a, b));
    flagsSub(c, w, a, b, r);
    return r;
  },
  xor: (c, w, a, b) => {
    const r = c.f.let(i32.xor(a, b));
    flagsLogic(c, w, r);
    return r;
  },
  cmp: (c, w, a, b) => {
    const r = c.f.let(i32.sub(a, b));
    flagsSub(c, w, a, b, r);
    return undefined;
  },
} satisfies Record<string, AluOperation>;

export type AluName = keyof typeof OPERATIONS;
export const ALU_NAMES = Object.keys(OPERATIONS) as AluName[];

/** An immediate as an operand of the given width: the record holds it sign-extended. */
export function immediateOf(c: InstructionContext, width: Width): Expr<'i32'> {
  return width === 4 ? c.immediate() : i32.and(c.immediate(), width === 1 ? 0xff : 0xffff);
}

/**
 * An ALU instruction. The write comes before the flags are lost only where it cannot fail: a memory destination has been
 * made writable by `readForWrite`.
 */
export function alu(name: AluName, form: AluForm): Emit {
  const operation: AluOperation = OPERATIONS[name];
  const writes = name !== 'cmp';
  return core((c) => {
    const w = c.width;
    const { f } = c;
    if (form === 'reg,rm') {
      const b = f.let(c.readRm(w));
      const a = f.let(c.readReg(w));
      const r = operation(c, w, a, b);
      if (r) c.writeReg(w, r);
      return;
    }
    const fromMemory = form !== 'acc,imm';
    const a = f.let(!fromMemory ? c.readGpr(0, w) : writes ? c.readForWrite(w) : c.readRm(w));
    const b = f.let(form === 'rm,reg' ? c.readReg(w) : immediateOf(c, w));
    const r = operation(c, w, a, b);
    if (!r) return;
    if (fromMemory) c.writeBack(w, r);
    else c.writeGpr(0, w, r);
  });
}

export function test(form: 'rm,reg' | 'rm,imm' | 'acc,imm'): Emit {
  return core((c) => {
    const w = c.width;
    const a = c.f.let(form === 'acc,imm' ? c.readGpr(0, w) : c.readRm(w));
    flagsLogic(c, w, c.f.let(i32.and(a, form === 'rm,reg' ? c.readReg(w) : immediateOf(c, w))));
  });
}

export const incRm: Emit = core((c) => {
  const a = c.f.let(c.readForWrite(c.width));
  const r = c.f.let(i32.add(a, 1));
  flagsKeepCarry(c, c.width, r, addCarries(a, 1, r));
  c.writeBack(c.width, r);
});

export const decRm: Emit = core((c) => {
  const a = c.f.let(c.readForWrite(c.width));
  const r = c.f.let(i32.sub(a, 1));
  flagsKeepCarry(c, c.width, r, subBorrows(a, 1, r));
  c.writeBack(c.width, r);
});

export const incReg: Emit = core((c) => {
  const a = c.f.let(c.readReg(c.width));
  const r = c.f.let(i32.add(a, 1));
  flagsKeepCarry(c, c.width, r, addCarries(a, 1, r));
  c.writeReg(c.width, r);
});

export const decReg: Emit = core((c) => {
  const a = c.f.let(c.readReg(c.width));
  const r = c.f.let(i32.sub(a, 1));
  flagsKeepCarry(c, c.width, r, subBorrows(a, 1, r));
  c.writeReg(c.width, r);
});

export const not: Emit = core((c) => {
  const a = c.f.let(c.readForWrite(c.width));
  c.writeBack(c.width, i32.not(a));
});

export const neg: Emit = core((c) => {
  const b = c.f.let(c.readForWrite(c.width));
  const r = c.f.let(i32.sub(0, b));
  flagsSub(c, c.width, 0, b, r);
  c.writeBack(c.width, r);
});

export const xadd: Emit = core((c) => {
  const w = c.width;
  const a = c.f.let(c.readForWrite(w));
  const b = c.f.let(c.readReg(w));
  const r = c.f.let(i32.add(a, b));
  flagsAdd(c, w, a, b, r);
  // With the same register on both sides the sum wins: the register is written first.
  c.writeReg(w, a);
  c.writeBack(w, r);
});

export const cmpxchg: Emit = core((c) => {
  const w = c.width;
  const old = c.f.let(c.readForWrite(w));
  const accumulator = c.f.let(c.readGpr(0, w));
  const r = c.f.let(i32.sub(accumulator, old));
  flagsSub(c, w, accumulator, old, r);
  const source = c.f.let(c.readReg(w));
  const equal = c.f.let(i32.eq(accumulator, old));
  // The destination is written in either case, as the bus cycle of the real instruction is.
  c.f.if(
    equal,
    () => c.writeBack(w, source),
    () => {
      c.writeBack(w, old);
      c.writeGpr(0, w, old);
    },
  );
});

/** CBW / CWDE. */
export const convertByte: Emit = core((c) => {
  if (c.width === 4) c.writeGpr(0, 4, i32.extend16_s(c.readGpr(0, 2)));
  else c.writeGpr(0, 2, i32.extend8_s(c.readGpr(0, 1)));
});

/** CWD / CDQ. */
export const convertWord: Emit = core((c) => {
  if (c.width === 4) c.writeGpr(2, 4, i32.shr_s(c.readGpr(0, 4), 31));
  else c.writeGpr(2, 2, i32.shr_s(i32.extend16_s(c.readGpr(0, 2)), 15));
});
