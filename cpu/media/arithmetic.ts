/**
 * ADD SUB MUL DIV SQRT MIN MAX in their packed and scalar forms, and SSE3's horizontal ones, as functions
 * (destination, source) -> result on XMM values. The host's operations serve where operands and result are normal numbers, rounding is to
 * nearest and an inexact result is already on record; everything else goes lane by lane through the soft functions.
 */
import {
  type Expr,
  f32,
  f64,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type ModuleBuilder,
  type V128,
} from '../emitter/index.ts';
import { type Exceptions, quietRounding, signal } from './mxcsr.ts';
import { bits, f32x4, f64x2, i64, laneBytes, shuffle } from './simd.ts';
import type { Soft, SoftFormat } from './soft-arithmetic.ts';
import {
  applyDaz,
  DOUBLES,
  firstLane,
  isDenormal,
  isZero,
  type LaneType,
  magnitudes,
  normal,
  plain,
  SINGLES,
  type Vector,
  withFirstLane,
} from './vectors.ts';

export type VectorFunction = FunctionRef & { result: 'v128' };
type Operation = 'add' | 'sub' | 'mul' | 'div';
const OPERATIONS: readonly Operation[] = ['add', 'sub', 'mul', 'div'];

/** Result patterns of the second smallest normal exponent on: rounding cannot have hidden an underflow. */
const safeFrom = (t: LaneType): bigint => 2n << BigInt(t.format.fraction);

/** Which lanes have a result zero or infinity that is exact, from magnitudes. */
function exactExtreme(t: LaneType, operation: Operation, z: V128, x: Vector, y: Vector): V128 {
  const isInfinite = (a: V128): V128 => t.eq(a, t.fill(t.format.infinity));
  const infiniteCause = operation === 'div' ? isInfinite(x) : bits.or(isInfinite(x), isInfinite(y));
  const infinite = bits.and(isInfinite(z), infiniteCause);
  const zero = isZero(t, z);
  if (operation === 'add' || operation === 'sub') return bits.or(zero, infinite);
  const zeroCause = bits.or(isZero(t, x), operation === 'mul' ? isZero(t, y) : isInfinite(y));
  return bits.or(bits.and(zero, zeroCause), infinite);
}

/** Applies a soft function lane by lane and enters the exceptions. */
function eachLane(
  t: LaneType,
  f: FunctionBuilder,
  e: Exceptions,
  count: number,
  lane: (n: number) => Expr<'i64'>,
): Vector {
  const r = f.let(t.fill(0n));
  for (let n = 0; n < count; n++) f.set(r, t.replace(r, n, lane(n)));
  f.run(e.settle);
  return r;
}

function packed(m: ModuleBuilder, e: Exceptions, t: LaneType, soft: SoftFormat, operation: Operation): VectorFunction {
  return m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    f.if(quietRounding(), () => {
      const r = f.let(t.float[operation](a, b));
      const x = f.let(magnitudes(t, a));
      const y = f.let(magnitudes(t, b));
      const z = f.let(magnitudes(t, r));
      // A NaN among the operands makes the result one.
      const denormal = bits.or(isDenormal(t, x), isDenormal(t, y));
      const result = bits.or(normal(t, z, safeFrom(t)), exactExtreme(t, operation, z, x, y));
      f.if(t.all(bits.andnot(result, denormal)), () => f.return(r));
    });
    f.return(eachLane(t, f, e, t.count, (n) => f.call(soft[operation], t.extract(a, n), t.extract(b, n))));
    f.unreachable();
  });
}

/** Value of lane 0 computed by the host, as a bit pattern. */
function hostScalar(t: LaneType, operation: Operation, a: V128, b: V128): Expr<'i64'> {
  return t === SINGLES
    ? i64.extend_u(i32.reinterpret(f32[operation](f32x4.extract(a, 0), f32x4.extract(b, 0))))
    : i64.reinterpret(f64[operation](f64x2.extract(a, 0), f64x2.extract(b, 0)));
}
function scalar(m: ModuleBuilder, e: Exceptions, t: LaneType, soft: SoftFormat, operation: Operation): VectorFunction {
  const { format } = t;
  return m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    f.if(quietRounding(), () => {
      const r = f.let(hostScalar(t, operation, a, b));
      const smallest = 1n << BigInt(format.fraction);
      const x = f.let(i64.and(t.extract(a, 0), format.sign - 1n));
      const y = f.let(i64.and(t.extract(b, 0), format.sign - 1n));
      const z = f.let(i64.and(r, format.sign - 1n));
      const isDenormal = (v: Expr<'i64'>): Expr<'i32'> => i64.lt_u(i64.sub(v, 1n), smallest - 1n);
      const isInfinite = (v: Expr<'i64'>): Expr<'i32'> => i64.eq(v, format.infinity);
      const zeroCause =
        operation === 'mul'
          ? i32.or(i64.eqz(x), i64.eqz(y))
          : operation === 'div'
            ? i32.or(i64.eqz(x), isInfinite(y))
            : i32.const(1);
      const infiniteCause = operation === 'div' ? isInfinite(x) : i32.or(isInfinite(x), isInfinite(y));
      const result = i32.or(
        i64.lt_u(i64.sub(z, safeFrom(t)), format.infinity - safeFrom(t)),
        i32.or(i32.and(i64.eqz(z), zeroCause), i32.and(isInfinite(z), infiniteCause)),
      );
      const ok = i32.and(result, i32.eqz(i32.or(isDenormal(x), isDenormal(y))));
      f.if(ok, () => f.return(t.replace(a, 0, r)));
    });
    const r = f.let(f.call(soft[operation], t.extract(a, 0), t.extract(b, 0)));
    f.run(e.settle);
    f.return(t.replace(a, 0, r));
    f.unreachable();
  });
}

function squareRoot(m: ModuleBuilder, e: Exceptions, t: LaneType, soft: SoftFormat, isScalar: boolean): VectorFunction {
  return m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    if (isScalar) f.set(b, firstLane(t, b));
    const finish = (r: V128): V128 => (isScalar ? withFirstLane(t, r, a) : r);
    f.if(quietRounding(), () => {
      // Positive normal numbers and +0, as whole patterns.
      f.if(t.all(bits.or(normal(t, b), isZero(t, b))), () => f.return(finish(t.float.sqrt(b))));
    });
    f.return(finish(eachLane(t, f, e, isScalar ? 1 : t.count, (n) => f.call(soft.sqrt, t.extract(b, n)))));
    f.unreachable();
  });
}

/** MIN and MAX: the source unless the comparison holds; any NaN is invalid. */
function extreme(m: ModuleBuilder, e: Exceptions, t: LaneType, isMax: boolean, isScalar: boolean): VectorFunction {
  return m.function(['v128', 'v128'], 'v128', (f) => {
    const [destination, source] = f.params as [Vector, Vector];
    const a = f.let((isScalar ? firstLane(t, destination) : destination) as Expr<'v128'>);
    const b = f.let((isScalar ? firstLane(t, source) : source) as Expr<'v128'>);
    f.if(i32.eqz(plain(t, f, a, b)), () => {
      applyDaz(t, f, a);
      applyDaz(t, f, b);
      const nan = f.let(bits.or(t.float.ne(a, a), t.float.ne(b, b)));
      const denormal = bits.or(isDenormal(t, magnitudes(t, a)), isDenormal(t, magnitudes(t, b)));
      signal(f, e, bits.any(nan));
      signal(f, e, i32.shl(bits.any(bits.andnot(denormal, nan)), 1));
      f.run(e.settle);
    });
    const chosen = isMax ? t.float.lt(b, a) : t.float.lt(a, b);
    const r = bits.select(a, b, chosen);
    f.return(isScalar ? withFirstLane(t, r, destination) : r);
    f.unreachable();
  });
}

/** HADD, HSUB and ADDSUB in terms of the packed ones. */
function horizontal(m: ModuleBuilder, t: LaneType, inner: VectorFunction): VectorFunction {
  const even = t === SINGLES ? laneBytes(4, 0, 2, 4, 6) : laneBytes(8, 0, 2);
  const odd = t === SINGLES ? laneBytes(4, 1, 3, 5, 7) : laneBytes(8, 1, 3);
  return m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    f.return(f.call(inner, shuffle(a, b, even), shuffle(a, b, odd)));
    f.unreachable();
  });
}
function addSub(m: ModuleBuilder, e: Exceptions, t: LaneType, soft: SoftFormat): VectorFunction {
  return m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    f.return(eachLane(t, f, e, t.count, (n) => f.call(n & 1 ? soft.add : soft.sub, t.extract(a, n), t.extract(b, n))));
    f.unreachable();
  });
}

export function defineVectorArithmetic(m: ModuleBuilder, e: Exceptions, soft: Soft): Record<string, FunctionRef> {
  const functions: Record<string, FunctionRef> = {};
  for (const [suffix, one, t, lanes] of [
    ['ps', 'ss', SINGLES, soft.single],
    ['pd', 'sd', DOUBLES, soft.double],
  ] as const) {
    const byName = {} as Record<Operation, VectorFunction>;
    for (const operation of OPERATIONS) {
      byName[operation] = packed(m, e, t, lanes, operation);
      functions[operation + suffix] = byName[operation];
      functions[operation + one] = scalar(m, e, t, lanes, operation);
    }
    functions[`sqrt${suffix}`] = squareRoot(m, e, t, lanes, false);
    functions[`sqrt${one}`] = squareRoot(m, e, t, lanes, true);
    for (const [name, isMax] of [
      ['min', false],
      ['max', true],
    ] as const) {
      functions[name + suffix] = extreme(m, e, t, isMax, false);
      functions[name + one] = extreme(m, e, t, isMax, true);
    }
    functions[`hadd${suffix}`] = horizontal(m, t, byName.add);
    functions[`hsub${suffix}`] = horizontal(m, t, byName.sub);
    functions[`addsub${suffix}`] = addSub(m, e, t, lanes);
  }
  return functions;
}
