/** CMPccPS … CMPccSD, COMIS and UCOMIS as functions on XMM values (Intel SDM volume 2). */
import {
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { type Exceptions, signal } from './mxcsr.ts';
import { bits } from './simd.ts';
import {
  applyDaz,
  DOUBLES,
  firstLane,
  isDenormal,
  type LaneType,
  magnitudes,
  plain,
  SINGLES,
  type Vector,
  withFirstLane,
} from './vectors.ts';

/** Operand exceptions of a comparison: quiet NaNs are invalid too if `strict`. */
function operandExceptions(
  t: LaneType,
  f: FunctionBuilder,
  e: Exceptions,
  a: Vector,
  b: Vector,
  strict: Expr<'i32'>,
): void {
  f.if(i32.eqz(plain(t, f, a, b)), () => {
    applyDaz(t, f, a);
    applyDaz(t, f, b);
    const nanA = f.let(t.float.ne(a, a));
    const nanB = f.let(t.float.ne(b, b));
    const nan = f.let(bits.or(nanA, nanB));
    // Quiet bits of NaNs taken away leave a NaN that is not signalling as 0 in that bit.
    const quiet = t.fill(t.format.quiet);
    const signalling = bits.or(bits.and(bits.andnot(quiet, a), nanA), bits.and(bits.andnot(quiet, b), nanB));
    signal(f, e, select(strict, bits.any(nan), bits.any(signalling)));
    const denormal = bits.or(isDenormal(t, magnitudes(t, a)), isDenormal(t, magnitudes(t, b)));
    signal(f, e, i32.shl(bits.any(bits.andnot(denormal, nan)), 1));
    f.run(e.settle);
  });
}

/** (destination, source, predicate 0-7) -> masks. */
function definePredicate(m: ModuleBuilder, e: Exceptions, t: LaneType, isScalar: boolean): FunctionRef {
  return m.function(['v128', 'v128', 'i32'], 'v128', (f) => {
    const [destination, source, immediate] = f.params as [Vector, Vector, Local<'i32'>];
    const a = f.let((isScalar ? firstLane(t, destination) : destination) as Expr<'v128'>);
    const b = f.let((isScalar ? firstLane(t, source) : source) as Expr<'v128'>);
    const kind = f.let(i32.and(immediate, 3));
    // LT, LE and their negations are strict.
    operandExceptions(t, f, e, a, b, i32.lt_u(i32.sub(kind, 1), 2));
    const r = f.local('v128');
    f.block((done) => {
      f.block((unordered) => {
        f.block((le) => {
          f.block((lt) => {
            f.block((eq) => f.brTable(kind, [eq, lt, le], unordered));
            f.set(r, t.float.eq(a, b));
            f.br(done);
          });
          f.set(r, t.float.lt(a, b));
          f.br(done);
        });
        f.set(r, t.float.le(a, b));
        f.br(done);
      });
      f.set(r, bits.or(t.float.ne(a, a), t.float.ne(b, b)));
    });
    f.if(i32.and(immediate, 4), () => f.set(r, bits.not(r)));
    f.return(isScalar ? withFirstLane(t, r, destination) : r);
    f.unreachable();
  });
}

/** (destination, source) -> EFLAGS image: ZF PF CF. */
function defineFlags(m: ModuleBuilder, e: Exceptions, t: LaneType, strict: boolean): FunctionRef {
  return m.function(['v128', 'v128'], 'i32', (f) => {
    const [a, b] = f.params as [Vector, Vector];
    f.set(a, firstLane(t, a));
    f.set(b, firstLane(t, b));
    operandExceptions(t, f, e, a, b, i32.const(strict ? 1 : 0));
    const first = (mask: Expr<'v128'>): Expr<'i32'> => i32.and(t.bitmask(mask), 1);
    f.if(first(bits.or(t.float.ne(a, a), t.float.ne(b, b))), () => f.return(0x45));
    f.return(i32.or(first(t.float.lt(a, b)), i32.shl(first(t.float.eq(a, b)), 6)));
    f.unreachable();
  });
}

export function defineVectorCompare(m: ModuleBuilder, e: Exceptions): Record<string, FunctionRef> {
  return {
    cmpps: definePredicate(m, e, SINGLES, false),
    cmpss: definePredicate(m, e, SINGLES, true),
    cmppd: definePredicate(m, e, DOUBLES, false),
    cmpsd: definePredicate(m, e, DOUBLES, true),
    ucomiss: defineFlags(m, e, SINGLES, false),
    ucomisd: defineFlags(m, e, DOUBLES, false),
    comiss: defineFlags(m, e, SINGLES, true),
    comisd: defineFlags(m, e, DOUBLES, true),
  };
}
