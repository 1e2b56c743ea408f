/**
 * SSE floating point on the host's operations, emitted in place, for what cannot change MXCSR: no operand is denormal or a NaN, rounding is to
 * nearest, an inexact result is on record already, and the result is a normal number or an exact zero. The tests are a few
 * integer operations on bit patterns. Everything else is left to the functions of `defineMedia`, which are complete by themselves.
 */
import {
  type Expr,
  f32,
  f64,
  type FunctionBuilder,
  i32,
  i64,
  type Label,
  type Local,
  type V128,
} from '../emitter/index.ts';
import { mxcsr, MXCSR, quietRounding } from './mxcsr.ts';
import { bits, f32x4, f64x2, i32x4, i64x2, ZERO } from './simd.ts';
import { DOUBLES, type LaneType, magnitudes, SINGLES, type Vector } from './vectors.ts';

/** Result of an instruction, or a branch to `general` before anything has changed. */
type Fast<S, R> = (f: FunctionBuilder, destination: Vector, source: S, general: Label) => R;
export type FastVector = Fast<Vector, V128>;
/** The source is the bit pattern of the operand: i32 for single, i64 for double precision. */
export type FastScalar = Fast<Local, V128>;

type Operation = 'add' | 'sub' | 'mul' | 'div';
const isSum = (operation: string): boolean => operation === 'add' || operation === 'sub';

/** Twice the smallest normal pattern: from it on rounding cannot have hidden an underflow. */
const safeFrom = (t: LaneType): bigint => 2n << BigInt(t.format.fraction);
/** 2^(bits of a lane - 1), which is the sign bit's pattern. */
const half = (t: LaneType): bigint => t.format.sign;

/** Lanes of magnitude 1 to `below` - 1 as patterns: zero and all others pass. Doubling takes the sign away; 0 becomes the largest number. */
const between = (t: LaneType, a: V128, below: bigint): V128 =>
  t.lt_s(t.add(t.add(a, a), t.fill(half(t) - 1n)), t.fill(2n * below - 1n - half(t)));
const denormal = (t: LaneType, a: V128): V128 => between(t, a, 1n << BigInt(t.format.fraction));
const notFinite = (t: LaneType, magnitude: V128): V128 => t.lt_s(t.fill(t.format.infinity - 1n), magnitude);

const packedArithmetic =
  (t: LaneType, operation: Operation): FastVector =>
  (f, a, b, general) => {
    f.brIf(general, i32.eqz(quietRounding()));
    const r = f.let(t.float[operation](a, b));
    const z = f.let(magnitudes(t, r));
    // A sum of normal numbers that is zero is exact; products and quotients that are zero need a look at the operands.
    const small = isSum(operation) ? between(t, r, safeFrom(t)) : t.lt_s(z, t.fill(safeFrom(t)));
    const bad = bits.or(bits.or(denormal(t, a), denormal(t, b)), bits.or(small, notFinite(t, z)));
    f.brIf(general, bits.any(bad));
    return r;
  };
const packedRoot =
  (t: LaneType): FastVector =>
  (f, _a, b, general) => {
    f.brIf(general, i32.eqz(quietRounding()));
    // Positive normal numbers.
    const bad = bits.or(t.lt_s(b, t.fill(1n << BigInt(t.format.fraction))), notFinite(t, b));
    f.brIf(general, bits.any(bad));
    return t.float.sqrt(b);
  };
const packedExtreme =
  (t: LaneType, isMax: boolean): FastVector =>
  (f, a, b, general) => {
    const nan = bits.or(t.float.ne(a, a), t.float.ne(b, b));
    f.brIf(general, bits.any(bits.or(nan, bits.or(denormal(t, a), denormal(t, b)))));
    // The first operand unless the second is less (pmin) or greater (pmax): the source if they are equal.
    return isMax ? t.float.pmax(b, a) : t.float.pmin(b, a);
  };

// Scalar operations work on bit patterns in integer registers.

interface Scalar {
  readonly t: LaneType;
  /** Pattern of lane 0. */
  first(a: V128): Expr;
  replace(a: V128, value: Expr): V128;
  float(pattern: Expr): Expr;
  pattern(value: Expr): Expr;
  /** 1 if 2 * pattern - `from` as an unsigned number is below `count`. */
  inRange(pattern: Expr, from: bigint, count: bigint): Expr<'i32'>;
  readonly ops: Readonly<Record<'add' | 'sub' | 'mul' | 'div', (a: never, b: never) => Expr>> & {
    sqrt(a: never): Expr;
    lt(a: never, b: never): Expr<'i32'>;
    gt(a: never, b: never): Expr<'i32'>;
    eq(a: never, b: never): Expr<'i32'>;
  };
}
const SINGLE: Scalar = {
  t: SINGLES,
  first: (a) => i32x4.extract(a, 0),
  replace: (a, value) => f32x4.replace(a, 0, value as Expr<'f32'>),
  float: (pattern) => f32.reinterpret(pattern as Expr<'i32'>),
  pattern: (value) => i32.reinterpret(value as Expr<'f32'>),
  inRange: (pattern, from, count) =>
    i32.lt_u(i32.sub(i32.shl(pattern as Expr<'i32'>, 1), Number(from)), Number(count) | 0),
  ops: f32,
};
const DOUBLE: Scalar = {
  t: DOUBLES,
  first: (a) => i64x2.extract(a, 0),
  replace: (a, value) => f64x2.replace(a, 0, value as Expr<'f64'>),
  float: (pattern) => f64.reinterpret(pattern as Expr<'i64'>),
  pattern: (value) => i64.reinterpret(value as Expr<'f64'>),
  inRange: (pattern, from, count) =>
    i64.lt_u(i64.sub(i64.shl(pattern as Expr<'i64'>, 1n), BigInt.asIntN(64, from)), BigInt.asIntN(64, count)),
  ops: f64,
};
/** 1 for patterns of magnitude 1 to `below` - 1. */
const tiny = (s: Scalar, pattern: Expr, below: bigint): Expr<'i32'> => s.inRange(pattern, 1n, 2n * below - 1n);
const isDenormal = (s: Scalar, pattern: Expr): Expr<'i32'> => tiny(s, pattern, 1n << BigInt(s.t.format.fraction));
/** 1 for finite numbers of magnitude `from` and more. */
const isFinite = (s: Scalar, pattern: Expr, from: bigint): Expr<'i32'> =>
  s.inRange(pattern, 2n * from, 2n * (s.t.format.infinity - from));

const scalarArithmetic =
  (s: Scalar, operation: Operation): FastScalar =>
  (f, destination, b, general) => {
    const a = f.let(s.first(destination));
    const r = f.let(s.ops[operation](s.float(a) as never, s.float(b) as never));
    const z = f.let(s.pattern(r));
    const result = isSum(operation)
      ? i32.or(i32.eqz(isFinite(s, z, 0n)), tiny(s, z, safeFrom(s.t)))
      : i32.eqz(isFinite(s, z, safeFrom(s.t)));
    f.brIf(general, i32.or(i32.or(isDenormal(s, a), isDenormal(s, b)), i32.or(result, i32.eqz(quietRounding()))));
    return s.replace(destination, r);
  };
const scalarRoot =
  (s: Scalar): FastScalar =>
  (f, destination, b, general) => {
    const negative = s === DOUBLE ? i64.lt_s(b as Local<'i64'>, 0n) : i32.lt_s(b as Local<'i32'>, 0);
    const normal = isFinite(s, b, 1n << BigInt(s.t.format.fraction));
    f.brIf(general, i32.or(negative, i32.eqz(i32.and(normal, quietRounding()))));
    return s.replace(destination, s.ops.sqrt(s.float(b) as never));
  };

/** Both as floating-point numbers that a comparison raises no exception for. */
function comparable(f: FunctionBuilder, s: Scalar, destination: Vector, b: Local, general: Label): [Local, Local] {
  const a = f.let(s.first(destination));
  const x = f.let(s.float(a));
  const y = f.let(s.float(b));
  const { lt, gt, eq } = s.ops;
  const ordered = i32.or(i32.or(lt(x as never, y as never), gt(x as never, y as never)), eq(x as never, y as never));
  f.brIf(general, i32.or(i32.eqz(ordered), i32.or(isDenormal(s, a), isDenormal(s, b))));
  return [x, y];
}
const scalarExtreme =
  (s: Scalar, isMax: boolean): FastScalar =>
  (f, destination, b, general) => {
    const [x, y] = comparable(f, s, destination, b, general);
    const kept = isMax ? s.ops.gt(x as never, y as never) : s.ops.lt(x as never, y as never);
    const r = f.let(y as Expr);
    f.if(kept, () => f.set(r, x as Expr as never));
    return s.replace(destination, r);
  };
/** COMIS, UCOMIS: image of ZF and CF. */
export const fastFlags =
  (s: 'ss' | 'sd'): Fast<Local, Expr<'i32'>> =>
  (f, destination, b, general) => {
    const scalar = s === 'ss' ? SINGLE : DOUBLE;
    const [x, y] = comparable(f, scalar, destination, b, general);
    const { lt, eq } = scalar.ops;
    return i32.or(lt(x as never, y as never), i32.shl(eq(x as never, y as never), 6));
  };

/** CMPcc with a predicate 0-7 known as code is generated: EQ LT LE UNORD and their negations. */
export const fastCompareVector =
  (name: string, predicate: number): FastVector =>
  (f, a, b, general) => {
    const t = name.endsWith('ps') ? SINGLES : DOUBLES;
    const nan = bits.or(t.float.ne(a, a), t.float.ne(b, b));
    f.brIf(general, bits.any(bits.or(nan, bits.or(denormal(t, a), denormal(t, b)))));
    const kind = predicate & 3;
    const holds = kind === 3 ? ZERO : t.float[(['eq', 'lt', 'le'] as const)[kind]!](a, b);
    return predicate & 4 ? bits.not(holds) : holds;
  };
export const fastCompareScalar =
  (size: 4 | 8, predicate: number): FastScalar =>
  (f, destination, b, general) => {
    const s = size === 4 ? SINGLE : DOUBLE;
    const [x, y] = comparable(f, s, destination, b, general);
    const { eq, lt, gt } = s.ops;
    const kind = predicate & 3;
    const holds = [
      () => eq(x as never, y as never),
      () => lt(x as never, y as never),
      () => i32.eqz(gt(x as never, y as never)),
      () => i32.const(0),
    ][kind]!();
    const truth = predicate & 4 ? i32.eqz(holds) : holds;
    return size === 4
      ? i32x4.replace(destination, 0, i32.sub(0, truth))
      : i64x2.replace(destination, 0, i64.sub(0n, i64.extend_u(truth)));
  };

// Conversions.

/** Doubles from 2^-125 up to 2^127: normal as single precision whatever the rounding. */
const NARROW_FROM = BigInt(1023 - 125) << 52n;
const NARROW_TO = BigInt(1023 + 127) << 52n;

const narrow: FastScalar = (f, destination, b, general) => {
  const inRange = DOUBLE.inRange(b, 2n * NARROW_FROM, 2n * (NARROW_TO - NARROW_FROM));
  f.brIf(general, i32.eqz(i32.and(inRange, quietRounding())));
  return f32x4.replace(destination, 0, f32.demote(f64.reinterpret(b as Local<'i64'>)));
};
const widen: FastScalar = (f, destination, b, general) => {
  // A zero is none either: it needs the test for denormal operands anyway.
  f.brIf(general, i32.or(i32.eqz(isFinite(SINGLE, b, 0n)), isDenormal(SINGLE, b)));
  return f64x2.replace(destination, 0, f64.promote(f32.reinterpret(b as Local<'i32'>)));
};
const toDoublewords =
  (truncate: boolean): FastVector =>
  (f, _a, b, general) => {
    // Truncation looks at no rounding mode; both need an inexact result on record.
    const quiet = truncate ? inexactRecorded() : quietRounding();
    const below = i32x4.lt_s(magnitudes(SINGLES, b), SINGLES.fill(BigInt(127 + 31) << 23n));
    f.brIf(general, i32.eqz(i32.and(quiet, i32x4.all(below))));
    return i32x4.trunc_sat_f32x4_s(truncate ? b : f32x4.nearest(b));
  };
const inexactRecorded = (): Expr<'i32'> => i32.eq(i32.and(mxcsr(), MXCSR.PM | MXCSR.PE), MXCSR.PM | MXCSR.PE);

/** CVTSS2SI, CVTSD2SI and the truncating ones: a value in range whose inexactness is on record. */
export function fastToInteger(
  f: FunctionBuilder,
  size: 4 | 8,
  b: Local,
  truncate: boolean,
  general: Label,
): Expr<'i32'> {
  const s = size === 4 ? SINGLE : DOUBLE;
  const value = s.float(b);
  const x = f.let(size === 4 ? f64.promote(value as Expr<'f32'>) : (value as Expr<'f64'>));
  const r = truncate ? x : f.let(f64.nearest(x));
  const inRange = i32.and(f64.gt(r, truncate ? -2147483649 : -2147483648.5), f64.lt(r, 2147483648));
  const quiet = truncate ? inexactRecorded() : quietRounding();
  f.brIf(general, i32.eqz(i32.and(inRange, quiet)));
  return i32.trunc_f64_s(r);
}

/** CVTSI2SS and CVTSI2SD. */
export function fastFromInteger(
  f: FunctionBuilder,
  name: string,
  destination: V128,
  value: Local<'i32'>,
  general: Label,
): V128 {
  if (name === 'cvtsi2sd') return f64x2.replace(destination, 0, f64.convert_i32_s(value));
  f.brIf(general, i32.eqz(quietRounding()));
  return f32x4.replace(destination, 0, f32.convert_i32_s(value));
}

const OPERATIONS: readonly Operation[] = ['add', 'sub', 'mul', 'div'];
const both = [
  ['ps', SINGLES],
  ['pd', DOUBLES],
] as const;
const single = [
  ['ss', SINGLE],
  ['sd', DOUBLE],
] as const;
/** By the names of the functions that are complete. */
export const FAST_VECTOR: Readonly<Record<string, FastVector>> = {
  ...Object.fromEntries(
    both.flatMap(([suffix, t]): [string, FastVector][] => [
      ...OPERATIONS.map((operation): [string, FastVector] => [operation + suffix, packedArithmetic(t, operation)]),
      [`sqrt${suffix}`, packedRoot(t)],
      [`min${suffix}`, packedExtreme(t, false)],
      [`max${suffix}`, packedExtreme(t, true)],
    ]),
  ),
  cvttps2dq: toDoublewords(true),
  cvtps2dq: toDoublewords(false),
  cvtdq2ps: (f, _a, b, general) => {
    f.brIf(general, i32.eqz(quietRounding()));
    return f32x4.convert_i32x4_s(b);
  },
};
export const FAST_SCALAR: Readonly<Record<string, FastScalar>> = {
  ...Object.fromEntries(
    single.flatMap(([suffix, s]): [string, FastScalar][] => [
      ...OPERATIONS.map((operation): [string, FastScalar] => [operation + suffix, scalarArithmetic(s, operation)]),
      [`sqrt${suffix}`, scalarRoot(s)],
      [`min${suffix}`, scalarExtreme(s, false)],
      [`max${suffix}`, scalarExtreme(s, true)],
    ]),
  ),
  cvtsd2ss: narrow,
  cvtss2sd: widen,
};
