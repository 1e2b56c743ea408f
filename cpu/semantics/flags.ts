/** Status-flag arithmetic shared by all integer semantics. See STATE.FLAG_RESULT and STATE.FLAG_CARRY for the representation. */
import { type Expr, i32, type I32 } from '../emitter/index.ts';
import type { Width } from './context.ts';
import type { CoreContext } from './context-control.ts';

/** Aligns a vector of carries out of each bit of a `width`-byte operation to the carry word: CF and its neighbour on top, AF at bit 3. */
function alignCarries(width: Width, carries: Expr<'i32'>, c: CoreContext): Expr<'i32'> {
  if (width === 4) return carries;
  const word = c.f.let(carries);
  return i32.or(i32.shl(word, 32 - 8 * width), i32.and(word, 8));
}

/** Carries of r = a + b (+ carry). Operands zero-extended. */
export const addCarries = (a: I32, b: I32, r: I32): Expr<'i32'> =>
  i32.or(i32.and(a, b), i32.and(i32.or(a, b), i32.not(r)));
/** Borrows of r = a - b (- borrow). */
export const subBorrows = (a: I32, b: I32, r: I32): Expr<'i32'> =>
  i32.or(i32.and(i32.not(a), b), i32.and(i32.not(i32.xor(a, b)), r));

/** @param withCarry r = a + b + CF: comparing a and r does not tell the carry then */
export function flagsAdd(c: CoreContext, width: Width, a: I32, b: I32, r: I32, withCarry = false): void {
  c.flagsFrom(withCarry ? 'result' : 'sum', width, a, b, r);
  if (c.flagsUnused) return;
  c.setResult(width, r);
  c.setCarry(alignCarries(width, addCarries(a, b, r), c));
}

/** @param withBorrow r = a - b - CF: comparing a and b does not tell the conditions then */
export function flagsSub(c: CoreContext, width: Width, a: I32, b: I32, r: I32, withBorrow = false): void {
  c.flagsFrom(withBorrow ? 'result' : 'difference', width, a, b, r);
  if (c.flagsUnused) return;
  c.setResult(width, r);
  c.setCarry(alignCarries(width, subBorrows(a, b, r), c));
}

/** AND OR XOR TEST: CF = OF = 0, AF (undefined) = 0. */
export function flagsLogic(c: CoreContext, width: Width, r: I32): void {
  c.flagsFrom('logic', width, r, 0, r);
  if (c.flagsUnused) return;
  c.setResult(width, r);
  c.setCarry(0);
}

/** CF as 0 or 1. */
export const carryFlag = (c: CoreContext): Expr<'i32'> => c.condition(2);

/** INC and DEC: all flags but CF from the carries of the operation. */
export function flagsKeepCarry(c: CoreContext, width: Width, r: I32, carries: Expr<'i32'>): void {
  c.flagsFrom('result', width, r, 0, r);
  if (c.flagsUnused) return;
  const word = c.f.let(alignCarries(width, carries, c));
  const cf = c.f.let(i32.and(c.carry(), 0x80000000));
  const of = i32.and(i32.xor(word, i32.shl(word, 1)), 0x80000000);
  c.setResult(width, r);
  c.setCarry(i32.or(i32.or(cf, i32.shr_u(i32.xor(cf, of), 1)), i32.and(word, 8)));
}

/** A carry word from CF and OF, each 0 or 1 in bit 0; AF = 0. */
export const carryWord = (cf: Expr<'i32'>, of: Expr<'i32'>): Expr<'i32'> =>
  i32.or(i32.shl(cf, 31), i32.shl(i32.xor(cf, of), 30));

/** Changes CF and OF only (rotates). `cf` and `of` are locals or constants with 0 or 1. */
export function setCarryOverflow(c: CoreContext, cf: Expr<'i32'>, of: Expr<'i32'>): void {
  c.setCarry(i32.or(i32.and(c.carry(), 8), carryWord(cf, of)));
}

/** Changes CF only. `cf` is a local or constant with 0 or 1. */
export function setCarryOnly(c: CoreContext, cf: Expr<'i32'>): void {
  const old = c.f.let(c.carry());
  const of = i32.shr_u(i32.xor(old, i32.shl(old, 1)), 31);
  c.setCarry(i32.or(i32.and(old, 8), carryWord(cf, of)));
}
