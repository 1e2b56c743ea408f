/**
 * Packed integer operations on 16 bytes, each written once for MMX and XMM registers (Intel SDM volume 2). An MMX operand fills
 * the low half.
 */
import { shared } from './access.ts';
import { type FunctionBuilder, i32, type Local, select, type V128 } from '../emitter/index.ts';
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
/** Shifts all lanes by one count; counts beyond the width give zeros, or copies of the sign. */
export function shiftLanes({ width, kind }: Shift, a: V128, count: Local<'i64'>): V128 {
  const lanes = width === 16 ? i16x8 : width === 32 ? i32x4 : i64x2;
  const within = i64.lt_u(count, BigInt(width));
  if (kind === 'arithmetic') {
    const signed = width === 16 ? i16x8 : i32x4;
    return signed.shr_s(a, select(within, i32.wrap(count), i32.const(width - 1)));
  }
  const amount = i32.wrap(count);
  return select(within, kind === 'left' ? lanes.shl(a, amount) : lanes.shr_u(a, amount), ZERO);
}

const IOTA = bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
/** PSLLDQ, PSRLDQ: by whole bytes. */
export function shiftBytes(left: boolean, a: V128, count: Local<'i32'>): V128 {
  const limited = i8x16.splat(select(i32.lt_u(count, 16), count, i32.const(16)));
  return i8x16.swizzle(a, left ? i8x16.sub(IOTA, limited) : i8x16.add(IOTA, limited));
}
/** PALIGNR: 16 bytes of a:b from byte `count` on. */
export function align(a: V128, b: V128, count: Local<'i32'>): V128 {
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

/** An operation with an 8-bit immediate. */
export type PackedImmediate = (a: V128, b: V128, immediate: Local<'i32'>) => V128;
export const pshufd: PackedImmediate = (_a, b, immediate) => i8x16.swizzle(b, dwordIndices(immediate, 0x03020100));
export const pshuflw: PackedImmediate = (_a, b, immediate) => i8x16.swizzle(b, wordIndices(immediate, false));
export const pshufhw: PackedImmediate = (_a, b, immediate) => i8x16.swizzle(b, wordIndices(immediate, true));
export const shufps: PackedImmediate = (a, b, immediate) => {
  // Indices beyond 15 yield zero: the two halves are joined by OR.
  const beyond = 0xffffffff;
  return bits.or(
    i8x16.swizzle(a, bits.or(dwordIndices(immediate, 0x03020100), dwords(0, 0, beyond, beyond))),
    i8x16.swizzle(b, bits.or(dwordIndices(immediate, 0x03020100), dwords(beyond, beyond, 0, 0))),
  );
};
export const shufpd: PackedImmediate = (a, b, immediate) =>
  i64x2.replace(
    i64x2.splat(select(i32.and(immediate, 1), i64x2.extract(a, 1), i64x2.extract(a, 0))),
    1,
    select(i32.and(immediate, 2), i64x2.extract(b, 1), i64x2.extract(b, 0)),
  );
export const palignr: PackedImmediate = (a, b, immediate) => align(a, b, immediate);
