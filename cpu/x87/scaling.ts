/** FSCALE, FXTRACT, FPREM and FPREM1: operations that work on exponents. Intel SDM volume 2; precision control does not apply to them. */
import { type Expr, type FunctionBuilder, i32, i64, type Local, type ModuleBuilder, select } from '../emitter/index.ts';
import {
  CONDITION_CODES,
  EXPONENT_BIAS,
  EXPONENT_MAX,
  INTEGER_BIT,
  loadExponent,
  loadSignificand,
  STATUS,
  status,
  storeRegister,
  unpack,
  type Unpacked,
} from './format.ts';
import { STATE } from '../layout.ts';
import type { I32Function } from './rounding.ts';
import { isDenormal, normalize, signalDenormal, type Specials } from './specials.ts';

export interface Scaling {
  /** (a, b): a = a * 2^trunc(b) -> 1 if written */
  scale: I32Function;
  /** (a, b, 1 = to nearest): a = remainder of a / b, condition codes set -> 1 if written */
  remainder: I32Function;
  /** (exponent, significand): splits the register at `exponent` into both -> 1 if written */
  extract: I32Function;
}

/** Largest scale factor worth telling apart: any number leaves the range by it. */
const SCALE_LIMIT = 0x1_0000;

export function defineScaling(
  m: ModuleBuilder,
  signal: I32Function,
  roundFull: I32Function,
  fromInteger: I32Function,
  specials: Specials,
): Scaling {
  const isInfinite = (x: Unpacked): Expr<'i32'> => i32.eq(x.exponent, EXPONENT_MAX);
  const isZero = (x: Unpacked): Expr<'i32'> => i64.eqz(x.significand);
  const keep = (f: FunctionBuilder, address: Local<'i32'>, x: Unpacked): void => {
    storeRegister(f, address, i32.or(x.sign, x.exponent), x.significand);
    f.return(1);
  };
  /** NaNs and denormals of a two-operand instruction whose destination is the first. */
  const operands = (
    f: FunctionBuilder,
    a: Local<'i32'>,
    b: Local<'i32'>,
    invalid: (x: Unpacked, y: Unpacked) => Expr<'i32'>,
  ): [Unpacked, Unpacked] => {
    const special = f.let(f.call(specials.nan, a, a, b));
    f.if(i32.ge_s(special, 0), () => f.return(special));
    const x = unpack(f, a);
    const y = unpack(f, b);
    f.if(invalid(x, y), () => f.return(f.call(specials.invalid, a)));
    f.run(signal, 0);
    signalDenormal(f, signal, i32.or(isDenormal(x.exponent, x.significand), isDenormal(y.exponent, y.significand)));
    return [x, y];
  };

  const scale = m.function(['i32', 'i32'], 'i32', (f) => {
    const [a, b] = f.params as unknown as [Local<'i32'>, Local<'i32'>];
    const [x, y] = operands(f, a, b, (p, q) => i32.and(isInfinite(q), select(q.sign, isInfinite(p), isZero(p))));
    f.if(i32.or(isZero(x), isInfinite(x)), () => keep(f, a, x));
    f.if(isInfinite(y), () => {
      f.set(x.exponent, select(y.sign, i32.const(0), i32.const(EXPONENT_MAX)));
      f.set(x.significand, select(y.sign, i64.const(0n), i64.const(INTEGER_BIT)));
      keep(f, a, x);
    });
    const n = f.let(i32.const(0));
    f.if(i32.ge_s(y.exponent, EXPONENT_BIAS), () => {
      f.set(n, SCALE_LIMIT);
      f.if(i32.lt_s(y.exponent, EXPONENT_BIAS + 16), () =>
        f.set(n, i32.wrap(i64.shr_u(y.significand, i64.extend_u(i32.sub(EXPONENT_BIAS + 63, y.exponent))))),
      );
      f.if(y.sign, () => f.set(n, i32.sub(0, n)));
    });
    normalize(f, x);
    f.return(f.call(roundFull, a, x.sign, i32.add(x.exponent, n), x.significand, i64.const(0n)));
  });

  const extract = m.function(['i32', 'i32'], 'i32', (f) => {
    const [exponent, significand] = f.params as unknown as [Local<'i32'>, Local<'i32'>];
    const special = f.let(f.call(specials.nanUnary, exponent, exponent));
    f.if(i32.ge_s(special, 0), () => {
      storeRegister(f, significand, loadExponent(exponent), loadSignificand(exponent));
      f.return(special);
    });
    const x = unpack(f, exponent);
    f.run(signal, 0);
    f.if(isInfinite(x), () => {
      storeRegister(f, significand, i32.or(x.sign, EXPONENT_MAX), x.significand);
      storeRegister(f, exponent, EXPONENT_MAX, INTEGER_BIT);
      f.return(1);
    });
    f.if(isZero(x), () => {
      f.if(i32.and(f.call(signal, STATUS.ZE), STATUS.ZE), () => f.return(0));
      storeRegister(f, significand, x.sign, 0n);
      storeRegister(f, exponent, EXPONENT_MAX | 0x8000, INTEGER_BIT);
      f.return(1);
    });
    signalDenormal(f, signal, isDenormal(x.exponent, x.significand));
    normalize(f, x);
    storeRegister(f, significand, i32.or(x.sign, EXPONENT_BIAS), x.significand);
    f.run(fromInteger, exponent, i64.extend_s(i32.sub(x.exponent, EXPONENT_BIAS)));
    f.return(1);
  });

  const remainder = m.function(['i32', 'i32', 'i32'], 'i32', (f) => {
    const [a, b, nearest] = f.params as unknown as [Local<'i32'>, Local<'i32'>, Local<'i32'>];
    const [x, y] = operands(f, a, b, (p, q) => i32.or(isInfinite(p), isZero(q)));
    f.if(isZero(x), () => {
      f.store(0, i32.and(status(), ~CONDITION_CODES), STATE.X87_STATUS);
      keep(f, a, x);
    });
    normalize(f, x);
    f.if(isInfinite(y), () => {
      // The dividend itself, as a result: pseudo-denormals normal, denormals tiny if underflow is unmasked.
      f.run(roundFull, a, x.sign, x.exponent, x.significand, i64.const(0n));
      f.store(0, i32.and(status(), ~CONDITION_CODES), STATE.X87_STATUS);
      f.return(1);
    });
    normalize(f, y);
    const quotient = f.let(i32.const(0));
    const difference = f.let(i32.sub(x.exponent, y.exponent));
    const r = f.let(x.significand);
    f.if(
      i32.ge_s(difference, 0),
      () => {
        // Up to 63 bits of quotient at a time; beyond that 32 to 63 of them and C2 = 1.
        const left = f.let(i32.const(0));
        f.if(i32.ge_s(difference, 64), () => {
          const steps = i32.or(32, i32.and(difference, 31));
          f.set(left, i32.sub(difference, steps));
          f.set(difference, steps);
        });
        f.set(x.exponent, i32.add(y.exponent, left));
        const carry = f.let(i32.const(0));
        f.block((done) =>
          f.loop((again) => {
            f.set(quotient, i32.shl(quotient, 1));
            f.if(i32.or(carry, i64.ge_u(r, y.significand)), () => {
              f.set(r, i64.sub(r, y.significand));
              f.set(quotient, i32.or(quotient, 1));
            });
            f.brIf(done, i32.eqz(difference));
            f.set(difference, i32.sub(difference, 1));
            f.set(carry, i64.lt_s(r, 0n));
            f.set(r, i64.shl(r, 1n));
            f.br(again);
          }),
        );
        f.if(
          left,
          () => f.set(quotient, STATUS.C2),
          () =>
            f.if(nearest, () => {
              const complement = f.let(i64.sub(y.significand, r));
              f.if(i32.or(i64.gt_u(r, complement), i32.and(i64.eq(r, complement), i32.and(quotient, 1))), () => {
                f.set(r, complement);
                f.set(quotient, i32.add(quotient, 1));
                f.set(x.sign, i32.xor(x.sign, 0x8000));
              });
            }),
        );
        f.if(i32.eqz(left), () => f.set(quotient, quotientCodes(f, quotient)));
      },
      () =>
        // |a| < |b|; only from one half of b on rounding to nearest makes a difference.
        f.if(i32.and(nearest, i32.and(i32.eq(difference, -1), i64.gt_u(r, y.significand))), () => {
          f.set(r, i64.sub(i64.shl(y.significand, 1n), r));
          f.set(quotient, quotientCodes(f, i32.const(1)));
          f.set(x.sign, i32.xor(x.sign, 0x8000));
        }),
    );
    f.if(
      i64.eqz(r),
      () => storeRegister(f, a, x.sign, 0n),
      () => {
        const zeros = f.let(i64.clz(r));
        f.run(roundFull, a, x.sign, i32.sub(x.exponent, i32.wrap(zeros)), i64.shl(r, zeros), i64.const(0n));
      },
    );
    f.store(0, i32.or(i32.and(status(), ~CONDITION_CODES), quotient), STATE.X87_STATUS);
    f.return(1);
  });
  return { scale, remainder, extract };
}

/** Bits 2, 1, 0 of the quotient in C0, C3, C1. */
function quotientCodes(f: FunctionBuilder, quotient: Expr<'i32'>): Expr<'i32'> {
  const q = f.let(quotient);
  return i32.or(i32.or(i32.shl(i32.and(q, 4), 6), i32.shl(i32.and(q, 2), 13)), i32.shl(i32.and(q, 1), 9));
}
