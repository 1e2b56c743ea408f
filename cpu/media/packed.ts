/**
 * Packed integer operations on 16 bytes, each written once for MMX and XMM registers (Intel SDM volume 2). An MMX operand fills
 * the low half.
 */
import { shared } from './access.ts';
import { type Expr, type FunctionBuilder, i32, type Local, select, type V128 } from '../emitter/index.ts';
import {
  bits,
  bytes,
  dwords,
  i16x8,
  i32x4,
  i64,
  i64x2,
  i8x16,
  laneBytes,
  qwords,
  shuffle,
  words,
  ZERO,
} from './simd.ts';

type Vector = Local<'v128'>;
/** Destination and source to result. */
export type Packed = (a: Vector, b: Vector, f: FunctionBuilder) => V128;

const EVEN_WORDS = laneBytes(2, 0, 2, 4, 6, 8, 10, 12, 14);
const ODD_WORDS = laneBytes(2, 1, 3, 5, 7, 9, 11, 13, 15);
const EVEN_DWORDS = laneBytes(4, 0, 2, 4, 6);
const ODD_DWORDS = laneBytes(4, 1, 3, 5, 7);

/** Lanes of a and b in turn, from the low or the high half. */
const interleave = (size: number, high: boolean): Packed => {
  const count = 16 / size;
  const first = high ? count / 2 : 0;
  const lanes = Array.from({ length: count / 2 }, (_, i) => [first + i, count + first + i]).flat();
  return (a, b) => shuffle(a, b, laneBytes(size, ...lanes));
};
export const unpackLow = shared((size: 1 | 2 | 4 | 8): Packed => interleave(size, false));
export const unpackHigh = shared((size: 1 | 2 | 4 | 8): Packed => interleave(size, true));
/** PANDN, ANDN: the complement of the destination and the source. */
export const andNot: Packed = (a, b) => bits.andnot(b, a);

/** High halves of the eight 32-bit products. */
const highProducts = (low: (a: V128, b: V128) => V128, high: (a: V128, b: V128) => V128): Packed => {
  return (a, b) => shuffle(low(a, b), high(a, b), ODD_WORDS);
};
export const multiplyHighSigned = highProducts(i32x4.extmul_low_i16x8_s, i32x4.extmul_high_i16x8_s);
export const multiplyHighUnsigned = highProducts(i32x4.extmul_low_i16x8_u, i32x4.extmul_high_i16x8_u);

/** PMULUDQ: products of the even doublewords. */
export const multiplyEvenDwords: Packed = (a, b) => {
  const low = qwords(0xffff_ffffn, 0xffff_ffffn);
  return i64x2.mul(bits.and(a, low), bits.and(b, low));
};

/** PSADBW: sums of absolute differences of each eight bytes. */
export const sumOfDifferences: Packed = (a, b, f) => {
  const difference = bits.or(i8x16.sub_sat_u(a, b), i8x16.sub_sat_u(b, a));
  const sums = f.let(i32x4.extadd_i16x8_u(i16x8.extadd_i8x16_u(difference)));
  return bits.and(i64x2.add(sums, i64x2.shr_u(sums, i32.const(32))), qwords(0xffffn, 0xffffn));
};

/** Horizontal operations: neighbouring lanes of a (low half of the result) and b (high half). */
const horizontal =
  (operator: (a: V128, b: V128) => V128, even: number[], odd: number[]): Packed =>
  (a, b) =>
    operator(shuffle(a, b, even), shuffle(a, b, odd));
export const horizontalWords = (operator: (a: V128, b: V128) => V128): Packed =>
  horizontal(operator, EVEN_WORDS, ODD_WORDS);
export const horizontalDwords = (operator: (a: V128, b: V128) => V128): Packed =>
  horizontal(operator, EVEN_DWORDS, ODD_DWORDS);

/** PMADDUBSW: unsigned bytes of a times signed bytes of b, neighbouring products added with saturation. */
export const multiplyAddBytes: Packed = (a, b, f) => {
  const low = f.let(i16x8.mul(i16x8.extend_low_i8x16_u(a), i16x8.extend_low_i8x16_s(b)));
  const high = f.let(i16x8.mul(i16x8.extend_high_i8x16_u(a), i16x8.extend_high_i8x16_s(b)));
  return i16x8.add_sat_s(shuffle(low, high, EVEN_WORDS), shuffle(low, high, ODD_WORDS));
};

/** PMULHRSW: (a * b + 2^14) >> 15; 8000h * 8000h wraps to 8000h. */
export const multiplyHighRounded: Packed = (a, b) => {
  const scaled = (product: V128): V128 =>
    i32x4.shr_u(i32x4.add(product, dwords(0x4000, 0x4000, 0x4000, 0x4000)), i32.const(15));
  return shuffle(scaled(i32x4.extmul_low_i16x8_s(a, b)), scaled(i32x4.extmul_high_i16x8_s(a, b)), EVEN_WORDS);
};

/** PSIGN: a, -a or 0 by the sign of b. */
export const sign =
  (lanes: { neg(a: V128): V128; eq(a: V128, b: V128): V128; lt_s(a: V128, b: V128): V128 }): Packed =>
  (a, b) =>
    bits.andnot(bits.select(lanes.neg(a), a, lanes.lt_s(b, ZERO)), lanes.eq(b, ZERO));

/** PSHUFB. `mmx`: indices count modulo 8. */
export const shuffleBytes =
  (mmx: boolean): Packed =>
  (a, b) =>
    i8x16.swizzle(a, bits.and(b, i8x16.splat(i32.const(mmx ? 0x87 : 0x8f))));

/** PACKSS, PACKUS of two MMX operands, packed as one XMM operand. */
export const packPair =
  (narrow: (a: V128, b: V128) => V128): Packed =>
  (a, b, f) => {
    const both = f.let(shuffle(a, b, laneBytes(8, 0, 2)));
    return narrow(both, both);
  };
/** Horizontal operation of two MMX operands. */
export const pairwise =
  (operation: Packed): Packed =>
  (a, b, f) => {
    const both = f.let(shuffle(a, b, laneBytes(8, 0, 2)));
    return operation(both, both, f);
  };
/** PUNPCKH of MMX operands: what the 16-byte PUNPCKL leaves in its high half. */
export const highHalf =
  (operation: Packed): Packed =>
  (a, b, f) => {
    const whole = f.let(operation(a, b, f));
    return shuffle(whole, whole, laneBytes(8, 1, 1));
  };

export interface Shift {
  readonly width: 16 | 32 | 64;
  readonly kind: 'left' | 'right' | 'arithmetic';
}
const lanesOf = (width: 16 | 32 | 64) => (width === 16 ? i16x8 : width === 32 ? i32x4 : i64x2);
const signedLanesOf = (width: 16 | 32 | 64) => (width === 16 ? i16x8 : i32x4);
/** Shifts all lanes by one count; counts beyond the width give zeros, or copies of the sign. */
export function shiftLanes({ width, kind }: Shift, a: V128, count: Local<'i64'>): V128 {
  const lanes = lanesOf(width);
  const within = i64.lt_u(count, BigInt(width));
  if (kind === 'arithmetic')
    return signedLanesOf(width).shr_s(a, select(within, i32.wrap(count), i32.const(width - 1)));
  const amount = i32.wrap(count);
  return select(within, kind === 'left' ? lanes.shl(a, amount) : lanes.shr_u(a, amount), ZERO);
}
/** The same with a count known when code is generated. */
export function shiftLanesBy({ width, kind }: Shift, a: V128, count: number): V128 {
  if (kind === 'arithmetic') return signedLanesOf(width).shr_s(a, i32.const(Math.min(count, width - 1)));
  if (count >= width) return ZERO;
  const lanes = lanesOf(width);
  return kind === 'left' ? lanes.shl(a, i32.const(count)) : lanes.shr_u(a, i32.const(count));
}

const IOTA = bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
/** Bytes `from` to `from` + 15 of low:high, 32 bytes. */
const window = (low: V128, high: V128, from: number): V128 =>
  shuffle(
    low,
    high,
    Array.from({ length: 16 }, (_, i) => from + i),
  );
/** PSLLDQ, PSRLDQ: by whole bytes. */
export function shiftBytes(left: boolean, a: V128, count: Expr<'i32'>): V128 {
  const known = count.constant;
  if (known !== undefined) {
    const n = Math.min(known & 0xff, 16);
    return left ? window(ZERO, a, 16 - n) : window(a, ZERO, n);
  }
  const limited = i8x16.splat(select(i32.lt_u(count, 16), count, i32.const(16)));
  return i8x16.swizzle(a, left ? i8x16.sub(IOTA, limited) : i8x16.add(IOTA, limited));
}
/** PALIGNR: 16 bytes of a:b from byte `count` on. */
export function align(a: V128, b: V128, count: Expr<'i32'>): V128 {
  const known = count.constant;
  if (known !== undefined) {
    const n = Math.min(known & 0xff, 32);
    return n <= 16 ? window(b, a, n) : window(a, ZERO, n - 16);
  }
  const limited = i8x16.splat(select(i32.lt_u(count, 32), count, i32.const(32)));
  const low = i8x16.add(IOTA, limited);
  return bits.or(i8x16.swizzle(b, low), i8x16.swizzle(a, i8x16.sub(low, i8x16.splat(i32.const(16)))));
}

/**
 * Two-bit fields of the immediate to byte indices: a multiplication moves field i of each lane to the same place.
 * Lanes with multiplier 0 get their `base`.
 */
const dwordIndices = (immediate: Local<'i32'>, base: number): V128 => {
  const fields = bits.and(
    i32x4.shr_u(i32x4.mul(i32x4.splat(immediate), dwords(64, 16, 4, 1)), i32.const(6)),
    dwords(3, 3, 3, 3),
  );
  return i32x4.add(i32x4.mul(fields, i32x4.splat(i32.const(0x04040404))), i32x4.splat(i32.const(base)));
};
const wordIndices = (immediate: Local<'i32'>, high: boolean): V128 => {
  const factors = [64, 16, 4, 1];
  const none = [0, 0, 0, 0];
  const fields = bits.and(
    i16x8.shr_u(
      i16x8.mul(i16x8.splat(immediate), high ? words(...none, ...factors) : words(...factors, ...none)),
      i32.const(6),
    ),
    i16x8.splat(i32.const(3)),
  );
  const same = [0x0100, 0x0302, 0x0504, 0x0706, 0x0908, 0x0b0a, 0x0d0c, 0x0f0e];
  const base = high
    ? [...same.slice(0, 4), 0x0908, 0x0908, 0x0908, 0x0908]
    : [0x0100, 0x0100, 0x0100, 0x0100, ...same.slice(4)];
  return i16x8.add(i16x8.mul(fields, i16x8.splat(i32.const(0x0202))), words(...base));
};

/** An operation with an 8-bit immediate: a local, or a constant when it is known as code is generated. */
export type PackedImmediate = (a: V128, b: V128, immediate: Expr<'i32'>) => V128;

/** Chooses the way by whether the immediate is known. `lanes`: the four two-bit fields to indices of lanes of `size` bytes in a:b. */
const byFields =
  (
    size: 2 | 4,
    lanes: (fields: readonly number[]) => readonly number[],
    general: (a: V128, b: V128, immediate: Local<'i32'>) => V128,
  ): PackedImmediate =>
  (a, b, immediate) => {
    const known = immediate.constant;
    if (known === undefined) return general(a, b, immediate as Local<'i32'>);
    return shuffle(a, b, laneBytes(size, ...lanes([0, 2, 4, 6].map((at) => (known >> at) & 3))));
  };
export const pshufd: PackedImmediate = byFields(
  4,
  (fields) => fields.map((n) => 4 + n),
  (_a, b, immediate) => i8x16.swizzle(b, dwordIndices(immediate, 0x03020100)),
);
export const pshuflw: PackedImmediate = byFields(
  2,
  (fields) => [...fields.map((n) => 8 + n), 12, 13, 14, 15],
  (_a, b, immediate) => i8x16.swizzle(b, wordIndices(immediate, false)),
);
export const pshufhw: PackedImmediate = byFields(
  2,
  (fields) => [8, 9, 10, 11, ...fields.map((n) => 12 + n)],
  (_a, b, immediate) => i8x16.swizzle(b, wordIndices(immediate, true)),
);
export const shufps: PackedImmediate = byFields(
  4,
  ([p, q, r, s]) => [p!, q!, 4 + r!, 4 + s!],
  (a, b, immediate) => {
    // Indices beyond 15 yield zero: the two halves are joined by OR.
    const beyond = 0xffffffff;
    return bits.or(
      i8x16.swizzle(a, bits.or(dwordIndices(immediate, 0x03020100), dwords(0, 0, beyond, beyond))),
      i8x16.swizzle(b, bits.or(dwordIndices(immediate, 0x03020100), dwords(beyond, beyond, 0, 0))),
    );
  },
);
export const shufpd: PackedImmediate = (a, b, immediate) => {
  const known = immediate.constant;
  if (known !== undefined) return shuffle(a, b, laneBytes(8, known & 1, 2 + ((known >> 1) & 1)));
  return i64x2.replace(
    i64x2.splat(select(i32.and(immediate, 1), i64x2.extract(a, 1), i64x2.extract(a, 0))),
    1,
    select(i32.and(immediate, 2), i64x2.extract(b, 1), i64x2.extract(b, 0)),
  );
};
export const palignr: PackedImmediate = (a, b, immediate) => align(a, b, immediate);
