/** Conversions between single, double and doubleword lanes, as functions on XMM values (Intel SDM volume 2, CVT…). */
import {
  type Expr,
  f32,
  f64,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type Local,
  type ModuleBuilder,
} from '../emitter/index.ts';
import { type Exceptions, mxcsr, MXCSR, quietRounding, RC_SHIFT, signal } from './mxcsr.ts';
import { bits, f32x4, f64x2, i32x4, i64, i64x2, low64, qwords, ZERO } from './simd.ts';
import type { Soft } from './soft-arithmetic.ts';
import { DOUBLES, isZero, type LaneType, magnitudes, normal, SINGLES, type Vector, withFirstLane } from './vectors.ts';

type Scalar = Local<'f64'>;
const ROUND_ZERO = 3;

/**
 * (value, rounding 0-3) -> doubleword; NaN and values out of range are invalid and give 80000000h. The value is no denormal that
 * DAZ would clear.
 */
function defineToInteger(m: ModuleBuilder, e: Exceptions): FunctionRef & { result: 'i32' } {
  return m.function(['f64', 'i32'], 'i32', (f) => {
    const [x, mode] = f.params as unknown as [Scalar, Local<'i32'>];
    const r = f.local('f64');
    f.block((done) => {
      f.block((zero) => {
        f.block((up) => {
          f.block((down) => {
            f.block((nearest) => f.brTable(mode, [nearest, down, up], zero));
            f.set(r, f64.nearest(x));
            f.br(done);
          });
          f.set(r, f64.floor(x));
          f.br(done);
        });
        f.set(r, f64.ceil(x));
        f.br(done);
      });
      f.set(r, f64.trunc(x));
    });
    // A NaN fails both comparisons.
    f.if(i32.eqz(i32.and(f64.ge(r, -2147483648), f64.lt(r, 2147483648))), () => {
      signal(f, e, MXCSR.IE);
      f.return(0x80000000 | 0);
    });
    f.if(f64.ne(r, x), () => signal(f, e, MXCSR.PE));
    f.return(i32.trunc_f64_s(r));
    f.unreachable();
  });
}

const roundingMode = (): Expr<'i32'> => i32.and(i32.shr_u(mxcsr(), RC_SHIFT), 3);

/** A lane as double, zero instead of a denormal that DAZ clears. A NaN stays one. */
function laneValue(t: LaneType, f: FunctionBuilder, source: Vector, lane: number): Scalar {
  const value = f.let(t === SINGLES ? f64.promote(f32x4.extract(source, lane)) : f64x2.extract(source, lane));
  const smallest = t === SINGLES ? 2 ** -126 : 2 ** -1022;
  f.if(i32.and(f64.lt(f64.abs(value), smallest), i32.ne(i32.and(mxcsr(), MXCSR.DAZ), 0)), () =>
    f.set(value, f64.const(0)),
  );
  return value;
}

/** CVTPS2DQ, CVTPD2DQ and the truncating ones: (unused, source) -> doublewords. */
function defineToIntegers(
  m: ModuleBuilder,
  e: Exceptions,
  t: LaneType,
  toInteger: FunctionRef & { result: 'i32' },
  truncate: boolean,
): FunctionRef {
  return m.function(['v128', 'v128'], 'v128', (f) => {
    const source = f.params[1] as Vector;
    const r = f.let(ZERO);
    for (let n = 0; n < t.count; n++)
      f.scope(() => {
        const value = laneValue(t, f, source, n);
        f.set(r, i32x4.replace(r, n, f.call(toInteger, value, truncate ? ROUND_ZERO : roundingMode())));
      });
    f.run(e.settle);
    f.return(r);
    f.unreachable();
  });
}
/** CVTSS2SI, CVTSD2SI and the truncating ones: (source) -> doubleword. */
function defineToOneInteger(
  m: ModuleBuilder,
  e: Exceptions,
  t: LaneType,
  toInteger: FunctionRef & { result: 'i32' },
  truncate: boolean,
): FunctionRef {
  return m.function(['v128'], 'i32', (f) => {
    const source = f.params[0] as Vector;
    if (truncate) {
      // A value in range, its truncation exact or inexact results on record already: nothing to report.
      const host = f.let(t === SINGLES ? f64.promote(f32x4.extract(source, 0)) : f64x2.extract(source, 0));
      f.if(
        i32.and(
          i32.and(f64.gt(host, -2147483648), f64.lt(host, 2147483648)),
          i32.eq(i32.and(mxcsr(), MXCSR.PM | MXCSR.PE), MXCSR.PM | MXCSR.PE),
        ),
        () => f.return(i32.trunc_f64_s(host)),
      );
    }
    const value = laneValue(t, f, source, 0);
    const r = f.let(f.call(toInteger, value, truncate ? ROUND_ZERO : roundingMode()));
    f.run(e.settle);
    f.return(r);
    f.unreachable();
  });
}

export function defineConversions(m: ModuleBuilder, e: Exceptions, soft: Soft): Record<string, FunctionRef> {
  const toInteger = defineToInteger(m, e);

  /** Rounds lanes given as doubles to single precision; `lanes` results, the rest zero. */
  const narrowLanes = (f: FunctionBuilder, lanes: readonly Expr<'i64'>[]): Vector => {
    const r = f.let(ZERO);
    lanes.forEach((lane, n) => f.set(r, SINGLES.replace(r, n, f.call(soft.narrow, lane))));
    f.run(e.settle);
    return r;
  };
  const fromInteger = (source: Vector, lane: number): Expr<'i64'> =>
    i64.reinterpret(f64.convert_i32_s(i32x4.extract(source, lane)));
  const pair = m.function(['v128', 'v128'], 'v128', (f) => {
    const source = f.params[1] as Vector;
    const x = f.let(magnitudes(DOUBLES, source));
    // Between 2^-125 and 2^127 the result is a normal number.
    f.if(i32.and(quietRounding(), DOUBLES.all(bits.or(isZero(DOUBLES, x), normalSingle(x)))), () =>
      f.return(f64x2.demote_zero(source)),
    );
    f.return(narrowLanes(f, [i64x2.extract(source, 0), i64x2.extract(source, 1)]));
    f.unreachable();
  });
  const sd2ss = m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    const x = f.let(i64.and(i64x2.extract(b, 0), 0x7fff_ffff_ffff_ffffn));
    f.if(i32.and(quietRounding(), i32.or(i64.lt_u(i64.sub(x, NARROW_FROM), NARROW_TO - NARROW_FROM), i64.eqz(x))), () =>
      f.return(f32x4.replace(a, 0, f32.demote(f64x2.extract(b, 0)))),
    );
    f.return(withFirstLane(SINGLES, narrowLanes(f, [i64x2.extract(b, 0)]), a));
    f.unreachable();
  });
  const ps2pd = m.function(['v128', 'v128'], 'v128', (f) => {
    const source = f.let(low64(i64x2.extract(f.params[1] as Vector, 0)));
    const x = f.let(magnitudes(SINGLES, source));
    f.if(SINGLES.all(bits.or(normal(SINGLES, x), isZero(SINGLES, x))), () => f.return(f64x2.promote_low(source)));
    const r = f.let(ZERO);
    for (let n = 0; n < 2; n++) f.set(r, i64x2.replace(r, n, f.call(soft.widen, SINGLES.extract(source, n))));
    f.run(e.settle);
    f.return(r);
    f.unreachable();
  });
  const ss2sd = m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    const r = f.let(f.call(soft.widen, SINGLES.extract(b, 0)));
    f.run(e.settle);
    f.return(i64x2.replace(a, 0, r));
    f.unreachable();
  });
  const dq2ps = m.function(['v128', 'v128'], 'v128', (f) => {
    const source = f.params[1] as Vector;
    f.if(quietRounding(), () => f.return(f32x4.convert_i32x4_s(source)));
    f.return(
      narrowLanes(
        f,
        [0, 1, 2, 3].map((n) => fromInteger(source, n)),
      ),
    );
    f.unreachable();
  });
  const pi2ps = m.function(['v128', 'v128'], 'v128', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    const r = narrowLanes(f, [fromInteger(b, 0), fromInteger(b, 1)]);
    f.return(i64x2.replace(a, 0, i64x2.extract(r, 0)));
    f.unreachable();
  });
  const si2ss = m.function(['v128', 'i32'], 'v128', (f) => {
    const [a, value] = f.params as unknown as [Vector, Local<'i32'>];
    f.if(quietRounding(), () => f.return(f32x4.replace(a, 0, f32.convert_i32_s(value))));
    f.return(withFirstLane(SINGLES, narrowLanes(f, [i64.reinterpret(f64.convert_i32_s(value))]), a));
    f.unreachable();
  });
  const si2sd = m.function(['v128', 'i32'], 'v128', (f) => {
    const [a, value] = f.params as unknown as [Vector, Local<'i32'>];
    f.return(f64x2.replace(a, 0, f64.convert_i32_s(value)));
    f.unreachable();
  });
  const dq2pd = m.function(['v128', 'v128'], 'v128', (f) => {
    f.return(f64x2.convert_low_i32x4_s(f.params[1] as Vector));
    f.unreachable();
  });
  return {
    cvtpd2ps: pair,
    cvtsd2ss: sd2ss,
    cvtps2pd: ps2pd,
    cvtss2sd: ss2sd,
    cvtdq2ps: dq2ps,
    cvtdq2pd: dq2pd,
    cvtpi2ps: pi2ps,
    cvtsi2ss: si2ss,
    cvtsi2sd: si2sd,
    cvtps2dq: defineToIntegers(m, e, SINGLES, toInteger, false),
    cvttps2dq: defineToIntegers(m, e, SINGLES, toInteger, true),
    cvtpd2dq: defineToIntegers(m, e, DOUBLES, toInteger, false),
    cvttpd2dq: defineToIntegers(m, e, DOUBLES, toInteger, true),
    cvtss2si: defineToOneInteger(m, e, SINGLES, toInteger, false),
    cvttss2si: defineToOneInteger(m, e, SINGLES, toInteger, true),
    cvtsd2si: defineToOneInteger(m, e, DOUBLES, toInteger, false),
    cvttsd2si: defineToOneInteger(m, e, DOUBLES, toInteger, true),
  };
}

/** Doubles from 2^-125 up to 2^127: normal as single precision whatever the rounding. */
const NARROW_FROM = BigInt(1023 - 125) << 52n;
const NARROW_TO = BigInt(1023 + 127) << 52n;
function normalSingle(x: Vector): Expr<'v128'> {
  const half = 1n << 63n;
  return i64x2.lt_s(i64x2.sub(x, fill(NARROW_FROM - half)), fill(NARROW_TO - NARROW_FROM - half));
}
const fill = (pattern: bigint): Expr<'v128'> => {
  const value = BigInt.asUintN(64, pattern);
  return qwords(value, value);
};
