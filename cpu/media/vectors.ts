/** The two lane types of XMM floating point: classification of lanes, and access to single lanes as bit patterns. */
import { type Expr, type FunctionBuilder, i32, type Local, type V128 } from '../emitter/index.ts';
import { mxcsr, MXCSR } from './mxcsr.ts';
import { bits, dwords, f32x4, f64x2, i32x4, i64, i64x2, laneBytes, qwords, shuffle } from './simd.ts';
import { DOUBLE, type Format, SINGLE } from './soft-format.ts';

export type Vector = Local<'v128'>;

export interface LaneType {
  readonly format: Format;
  readonly count: 4 | 2;
  readonly float: typeof f32x4 | typeof f64x2;
  /** Every lane holds this bit pattern. */
  fill(pattern: bigint): V128;
  /** Lane as a bit pattern, zero-extended. */
  extract(a: V128, lane: number): Expr<'i64'>;
  replace(a: V128, lane: number, value: Expr<'i64'>): V128;
  add(a: V128, b: V128): V128;
  sub(a: V128, b: V128): V128;
  eq(a: V128, b: V128): V128;
  lt_s(a: V128, b: V128): V128;
  all(a: V128): Expr<'i32'>;
  bitmask(a: V128): Expr<'i32'>;
}

export const SINGLES: LaneType = {
  format: SINGLE,
  count: 4,
  float: f32x4,
  fill: (pattern) => dwords(...Array<number>(4).fill(Number(BigInt.asUintN(32, pattern)))),
  extract: (a, lane) => i64.extend_u(i32x4.extract(a, lane)),
  replace: (a, lane, value) => i32x4.replace(a, lane, i32.wrap(value)),
  add: i32x4.add,
  sub: i32x4.sub,
  eq: i32x4.eq,
  lt_s: i32x4.lt_s,
  all: i32x4.all,
  bitmask: i32x4.bitmask,
};
export const DOUBLES: LaneType = {
  format: DOUBLE,
  count: 2,
  float: f64x2,
  fill: (pattern) => qwords(BigInt.asUintN(64, pattern), BigInt.asUintN(64, pattern)),
  extract: (a, lane) => i64x2.extract(a, lane),
  replace: (a, lane, value) => i64x2.replace(a, lane, value),
  add: i64x2.add,
  sub: i64x2.sub,
  eq: i64x2.eq,
  lt_s: i64x2.lt_s,
  all: i64x2.all,
  bitmask: i64x2.bitmask,
};

/** Magnitudes: sign bits cleared. */
export const magnitudes = (t: LaneType, a: V128): V128 => bits.and(a, t.fill(t.format.sign - 1n));

/** Lanes of magnitude `from` <= |a| < `to` (bit patterns), as masks. `a` holds magnitudes. */
export function within(t: LaneType, a: V128, from: bigint, to: bigint): V128 {
  // Unsigned comparison through a signed one: both sides biased by half the range.
  const lowest = t.format.sign;
  return t.lt_s(t.sub(a, t.fill(from - lowest)), t.fill(to - from - lowest));
}
/** Masks of lanes that hold a normal number; `from`: smallest accepted bit pattern. */
export const normal = (t: LaneType, a: V128, from = 1n << BigInt(t.format.fraction)): V128 =>
  within(t, a, from, t.format.infinity);
export const isZero = (t: LaneType, a: V128): V128 => t.eq(a, t.fill(0n));
export const isDenormal = (t: LaneType, a: V128): V128 => within(t, a, 1n, 1n << BigInt(t.format.fraction));

/** 1 if all lanes of both are zero or normal numbers: no operand exception is possible. */
export function plain(t: LaneType, f: FunctionBuilder, a: Vector, b: Vector): Expr<'i32'> {
  const ok = (v: Vector): V128 => {
    const x = f.let(magnitudes(t, v));
    return bits.or(normal(t, x), isZero(t, x));
  };
  return t.all(bits.and(ok(a), ok(b)));
}

/** Denormal lanes become zero if MXCSR says so. */
export function applyDaz(t: LaneType, f: FunctionBuilder, a: Vector): void {
  f.if(i32.and(mxcsr(), MXCSR.DAZ), () => {
    const denormal = f.let(isDenormal(t, magnitudes(t, a)));
    f.set(a, bits.andnot(a, bits.and(denormal, t.fill(t.format.sign - 1n))));
  });
}

/** Lane 0 alone, the others zero. */
export const firstLane = (t: LaneType, a: V128): V128 => {
  const keep = t === SINGLES ? dwords(0xffffffff, 0, 0, 0) : qwords(0xffff_ffff_ffff_ffffn, 0n);
  return bits.and(a, keep);
};
/** Lane 0 of `low`, the others of `rest`. */
export const withFirstLane = (t: LaneType, low: V128, rest: V128): V128 => {
  const size = t === SINGLES ? 4 : 8;
  const others = Array.from({ length: 16 - size }, (_, i) => 16 + size + i);
  return shuffle(low, rest, [...laneBytes(size, 0), ...others]);
};
