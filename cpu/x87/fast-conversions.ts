/** Memory formats of normal numbers from and to registers, emitted in place; conversions.ts has the complete conversions. */
import { type Expr, type FunctionBuilder, i32, i64, type Label, type Local, select } from '../emitter/index.ts';
import type { Value } from './access.ts';
import { isNormal, nearestUp } from './fast-arithmetic.ts';
import { control, EXPONENT_BIAS, EXPONENT_MAX, INTEGER_BIT } from './format.ts';
import { roundsUp } from './rounding.ts';

/** Takes a normal number or zero apart; branches to `general` for other operands. */
export function fromSingle(f: FunctionBuilder, bits: Local<'i32'>, general: Label): Value {
  const field = f.let(i32.and(i32.shr_u(bits, 23), 0xff));
  const exponent = f.let(i32.or(i32.and(i32.shr_u(bits, 16), 0x8000), i32.add(field, EXPONENT_BIAS - 127)));
  const significand = f.let(i64.or(i64.shl(i64.extend_u(bits), 40n), INTEGER_BIT));
  f.if(i32.gt_u(i32.sub(field, 1), 0xfd), () => {
    f.brIf(general, i32.shl(bits, 1));
    f.set(exponent, i32.and(i32.shr_u(bits, 16), 0x8000));
    f.set(significand, 0n);
  });
  return { exponent, significand };
}
export function fromDouble(f: FunctionBuilder, bits: Local<'i64'>, general: Label): Value {
  const top = f.let(i32.wrap(i64.shr_u(bits, 52n)));
  const field = f.let(i32.and(top, 0x7ff));
  const sign = i32.and(i32.shl(top, 4), 0x8000);
  const exponent = f.let(i32.or(sign, i32.add(field, EXPONENT_BIAS - 1023)));
  const significand = f.let(i64.or(i64.shl(bits, 11n), INTEGER_BIT));
  f.if(i32.gt_u(i32.sub(field, 1), 0x7fd), () => {
    f.brIf(general, i64.ne(i64.shl(bits, 1n), 0n));
    f.set(exponent, sign);
    f.set(significand, 0n);
  });
  return { exponent, significand };
}
export function fromInteger(f: FunctionBuilder, value: Local<'i64'>): Value {
  const negative = f.let(i64.shr_s(value, 63n));
  const size = f.let(i64.sub(i64.xor(value, negative), negative));
  const zeros = f.let(i64.clz(size));
  const exponent = f.let(i32.or(i32.and(i32.wrap(negative), 0x8000), i32.sub(EXPONENT_BIAS + 63, i32.wrap(zeros))));
  const significand = f.let(i64.shl(size, zeros));
  f.if(i64.eqz(value), () => f.set(exponent, 0));
  return { exponent, significand };
}

/** An image for memory, and the status flags of its rounding: PE and C1. */
export interface Rounded<T extends 'i32' | 'i64'> {
  readonly image: Local<T>;
  readonly flags: Expr<'i32'>;
}

/** Rounds to nearest to a format with `fraction` bits of fraction. Branches to `general` unless source and result are normal or zero. */
function toFormat(f: FunctionBuilder, x: Value, fraction: number, maximum: number, general: Label): Rounded<'i64'> {
  const drop = BigInt(63 - fraction);
  f.brIf(general, i32.ne(i32.and(control(), 0xc20), 0x20));
  const exponent = f.let(i32.sub(i32.and(x.exponent, EXPONENT_MAX), EXPONENT_BIAS - (maximum >> 1)));
  const kept = f.let(i64.shr_u(x.significand, drop));
  const below = f.let(i64.shl(x.significand, 64n - drop));
  const up = f.let(nearestUp(kept, below));
  // The integer bit adds 1 to the exponent field.
  f.set(exponent, i32.sub(exponent, 1));
  const image = f.let(i64.add(i64.add(kept, i64.extend_u(up)), i64.shl(i64.extend_u(exponent), BigInt(fraction))));
  f.if(i32.eqz(i32.and(i32.lt_u(exponent, maximum - 2), i64.lt_s(x.significand, 0n))), () => {
    f.brIf(general, i64.ne(i64.or(x.significand, i64.extend_u(i32.and(x.exponent, EXPONENT_MAX))), 0n));
    f.set(image, 0n);
  });
  const sign = i64.shl(i64.extend_u(i32.shr_u(x.exponent, 15)), fraction === 23 ? 31n : 63n);
  f.set(image, i64.or(image, sign));
  return { image, flags: i32.or(i32.shl(i64.ne(below, 0n), 5), i32.shl(up, 9)) };
}
export const toDouble = (f: FunctionBuilder, x: Value, general: Label): Rounded<'i64'> =>
  toFormat(f, x, 52, 0x7ff, general);
export function toSingle(f: FunctionBuilder, x: Value, general: Label): Rounded<'i32'> {
  const { image, flags } = toFormat(f, x, 23, 0xff, general);
  return { image: f.let(i32.wrap(image)), flags };
}

/** A number of magnitude 1 and more as integer of `size` bytes. Branches to `general` for others, out of range, and unmasked PE. */
export function toInteger(
  f: FunctionBuilder,
  x: Value,
  size: 2 | 4 | 8,
  truncate: boolean,
  general: Label,
): Rounded<'i64'> {
  const count = f.let(i32.sub(EXPONENT_BIAS + 63, i32.and(x.exponent, EXPONENT_MAX)));
  f.brIf(
    general,
    i32.eqz(i32.and(isNormal(x), i32.and(i32.lt_u(i32.sub(count, 1), 63), i32.and(i32.shr_u(control(), 5), 1)))),
  );
  const places = f.let(i64.extend_u(count));
  const below = f.let(i64.shl(x.significand, i64.sub(64n, places)));
  const kept = f.let(i64.shr_u(x.significand, places));
  const sign = f.let(i32.and(x.exponent, 0x8000));
  const up = f.let(truncate ? i32.const(0) : roundsUp(i32.and(i32.shr_u(control(), 10), 3), sign, kept, below));
  f.set(kept, i64.add(kept, i64.extend_u(up)));
  const limit = 1n << BigInt(8 * size - 1);
  f.brIf(general, i64.gt_u(kept, select(sign, i64.const(limit), i64.const(limit - 1n))));
  const image = f.let(select(sign, i64.sub(0n, kept), kept as Expr<'i64'>));
  return { image, flags: i32.or(i32.shl(i64.ne(below, 0n), 5), i32.shl(up, 9)) };
}
