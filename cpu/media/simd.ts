/** Operators of fixed-width SIMD that the media instructions use, by their names in the WebAssembly specification (2.0, section 5.4.7). */
import { asI64, type Expr, i32, i64, type I64, v128, type V128 } from '../emitter/index.ts';

const unary =
  (code: number) =>
  (a: V128): V128 =>
    v128.op(code, [a]);
const binary =
  (code: number) =>
  (a: V128, b: V128): V128 =>
    v128.op(code, [a, b]);
const shift =
  (code: number) =>
  (a: V128, count: Expr<'i32'>): V128 =>
    v128.op(code, [a, count]);
const test =
  (code: number) =>
  (a: V128): Expr<'i32'> =>
    v128.scalar('i32', code, [a]);

export const bits = {
  not: unary(77),
  and: binary(78),
  /** a & ~b */
  andnot: binary(79),
  or: binary(80),
  xor: binary(81),
  /** Bits of `a` where `mask` is 1, of `b` where it is 0. */
  select: (a: V128, b: V128, mask: V128): V128 => v128.op(82, [a, b, mask]),
  any: test(83),
};

export const i8x16 = {
  swizzle: binary(14),
  splat: (a: Expr<'i32'>): V128 => v128.op(15, [a]),
  eq: binary(35),
  gt_s: binary(39),
  abs: unary(96),
  neg: unary(97),
  bitmask: test(100),
  narrow_s: binary(101),
  narrow_u: binary(102),
  add: binary(110),
  add_sat_s: binary(111),
  add_sat_u: binary(112),
  sub: binary(113),
  sub_sat_s: binary(114),
  sub_sat_u: binary(115),
  min_u: binary(119),
  max_u: binary(121),
  avgr_u: binary(123),
  lt_s: binary(37),
};

export const i16x8 = {
  extract_u: (a: V128, lane: number): Expr<'i32'> => v128.scalar('i32', 25, [a], [lane]),
  replace: (a: V128, lane: number, value: Expr<'i32'>): V128 => v128.op(26, [a, value], [lane]),
  splat: (a: Expr<'i32'>): V128 => v128.op(16, [a]),
  eq: binary(45),
  lt_s: binary(47),
  gt_s: binary(49),
  extadd_i8x16_u: unary(125),
  abs: unary(128),
  neg: unary(129),
  narrow_s: binary(133),
  extend_low_i8x16_s: unary(135),
  extend_high_i8x16_s: unary(136),
  extend_low_i8x16_u: unary(137),
  extend_high_i8x16_u: unary(138),
  shl: shift(139),
  shr_s: shift(140),
  shr_u: shift(141),
  add: binary(142),
  add_sat_s: binary(143),
  add_sat_u: binary(144),
  sub: binary(145),
  sub_sat_s: binary(146),
  sub_sat_u: binary(147),
  mul: binary(149),
  min_s: binary(150),
  max_s: binary(152),
  avgr_u: binary(155),
};

export const i32x4 = {
  splat: (a: Expr<'i32'>): V128 => v128.op(17, [a]),
  extract: (a: V128, lane: number): Expr<'i32'> => v128.scalar('i32', 27, [a], [lane]),
  replace: (a: V128, lane: number, value: Expr<'i32'>): V128 => v128.op(28, [a, value], [lane]),
  eq: binary(55),
  lt_s: binary(57),
  gt_s: binary(59),
  extadd_i16x8_u: unary(127),
  abs: unary(160),
  neg: unary(161),
  all: test(163),
  bitmask: test(164),
  shl: shift(171),
  shr_s: shift(172),
  shr_u: shift(173),
  add: binary(174),
  sub: binary(177),
  mul: binary(181),
  dot: binary(186),
  extmul_low_i16x8_s: binary(188),
  extmul_high_i16x8_s: binary(189),
  extmul_low_i16x8_u: binary(190),
  extmul_high_i16x8_u: binary(191),
  trunc_sat_f32x4_s: unary(248),
};

export const i64x2 = {
  splat: (a: I64): V128 => v128.op(18, [asI64(a)]),
  extract: (a: V128, lane: number): Expr<'i64'> => v128.scalar('i64', 29, [a], [lane]),
  replace: (a: V128, lane: number, value: I64): V128 => v128.op(30, [a, asI64(value)], [lane]),
  all: test(195),
  bitmask: test(196),
  shl: shift(203),
  shr_u: shift(205),
  add: binary(206),
  sub: binary(209),
  mul: binary(213),
  eq: binary(214),
  lt_s: binary(216),
};

export const f32x4 = {
  nearest: unary(106),
  abs: unary(224),
  pmin: binary(234),
  pmax: binary(235),
  extract: (a: V128, lane: number): Expr<'f32'> => v128.scalar('f32', 31, [a], [lane]),
  replace: (a: V128, lane: number, value: Expr<'f32'>): V128 => v128.op(32, [a, value], [lane]),
  eq: binary(65),
  ne: binary(66),
  lt: binary(67),
  le: binary(69),
  sqrt: unary(227),
  add: binary(228),
  sub: binary(229),
  mul: binary(230),
  div: binary(231),
  convert_i32x4_s: unary(250),
};

export const f64x2 = {
  pmin: binary(246),
  pmax: binary(247),
  extract: (a: V128, lane: number): Expr<'f64'> => v128.scalar('f64', 33, [a], [lane]),
  replace: (a: V128, lane: number, value: Expr<'f64'>): V128 => v128.op(34, [a, value], [lane]),
  eq: binary(71),
  ne: binary(72),
  lt: binary(73),
  le: binary(75),
  promote_low: unary(95),
  demote_zero: unary(94),
  sqrt: unary(239),
  add: binary(240),
  sub: binary(241),
  mul: binary(242),
  div: binary(243),
  convert_low_i32x4_s: unary(254),
};

/** Bytes chosen by constant index: 0-15 from `a`, 16-31 from `b`. */
export const shuffle = (a: V128, b: V128, lanes: readonly number[]): V128 => v128.op(13, [a, b], lanes);

export const bytes = (...values: number[]): V128 => v128.const(Uint8Array.from(values));
export const words = (...values: number[]): V128 => v128.const(new Uint8Array(Uint16Array.from(values).buffer));
export const dwords = (...values: number[]): V128 => v128.const(new Uint8Array(Uint32Array.from(values).buffer));
export const qwords = (...values: bigint[]): V128 => v128.const(new Uint8Array(BigUint64Array.from(values).buffer));
export const ZERO: V128 = dwords(0, 0, 0, 0);

/** A 64-bit value in lane 0, the rest zero. */
export const low64 = (value: I64): V128 => i64x2.replace(ZERO, 0, value);

/** Byte indices for `shuffle` from indices of wider lanes (`size` bytes each). */
export const laneBytes = (size: number, ...lanes: number[]): number[] =>
  lanes.flatMap((lane) => Array.from({ length: size }, (_, i) => lane * size + i));

export { i32, i64 };
