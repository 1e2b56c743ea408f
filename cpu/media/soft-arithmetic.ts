/**
 * Addition, multiplication, division and square root with integer operations: exact in all rounding modes, with all exceptions of the
 * Intel SDM, volume 1, sections 4.9 and 11.5. Used where the host's floating point cannot tell the exceptions.
 */
import { type Expr, type FunctionBuilder, i32, i64, type ModuleBuilder, select } from '../emitter/index.ts';
import { multiplyWide } from '../x87/arithmetic.ts';
import { type Exceptions, mxcsr, MXCSR, signal } from './mxcsr.ts';
import {
  applyDaz,
  type Bits,
  defineNaN,
  defineRound,
  DOUBLE,
  type Format,
  type I64Function,
  isDenormal,
  isNaN,
  magnitude,
  shiftSticky,
  SINGLE,
  unpack,
} from './soft-format.ts';

/** (a, b) -> result, as bit patterns; flags are added to those of the instruction in progress. */
export interface SoftFormat {
  readonly add: I64Function;
  readonly sub: I64Function;
  readonly mul: I64Function;
  readonly div: I64Function;
  /** (a) -> result */
  readonly sqrt: I64Function;
}
export interface Soft {
  readonly single: SoftFormat;
  readonly double: SoftFormat;
  /** Double to single precision, and back. */
  readonly narrow: I64Function;
  readonly widen: I64Function;
}

interface Pair {
  readonly a: Bits;
  readonly b: Bits;
  /** Magnitudes. */
  readonly x: Bits;
  readonly y: Bits;
}

class FormatBuilder {
  readonly m: ModuleBuilder;
  readonly e: Exceptions;
  readonly format: Format;
  readonly nan: I64Function;
  readonly round: I64Function;
  readonly signShift: bigint;

  constructor(m: ModuleBuilder, e: Exceptions, format: Format) {
    this.m = m;
    this.e = e;
    this.format = format;
    this.nan = defineNaN(m, e, format);
    this.round = defineRound(m, e, format);
    this.signShift = format === SINGLE ? 31n : 63n;
  }

  signOf(a: Expr<'i64'>): Expr<'i32'> {
    return i32.wrap(i64.shr_u(a, this.signShift));
  }
  invalid(f: FunctionBuilder): void {
    signal(f, this.e, MXCSR.IE);
    f.return(i64.const(this.format.indefinite));
  }

  /** DAZ and NaN operands; then `build` sees two numbers. */
  operands(f: FunctionBuilder, build: (pair: Pair) => void): void {
    const { format } = this;
    const [a, b] = f.params as [Bits, Bits];
    applyDaz(f, format, a);
    applyDaz(f, format, b);
    const x = f.let(magnitude(format, a));
    const y = f.let(magnitude(format, b));
    f.if(i32.or(isNaN(format, x), isNaN(format, y)), () => f.return(f.call(this.nan, a, b)));
    build({ a, b, x, y });
    f.unreachable();
  }
  denormals(f: FunctionBuilder, { x, y }: Pair): void {
    f.if(i32.or(isDenormal(this.format, x), isDenormal(this.format, y)), () => signal(f, this.e, MXCSR.DE));
  }

  sum(subtract: boolean): I64Function {
    const { format, round } = this;
    const infinity = format.infinity;
    return this.m.function(['i64', 'i64'], 'i64', (f) =>
      this.operands(f, (pair) => {
        const { a, b, x, y } = pair;
        if (subtract) f.set(b, i64.xor(b, format.sign));
        const opposite = f.let(i64.ne(i64.and(i64.xor(a, b), format.sign), 0n));
        f.if(i32.and(i32.and(i64.eq(x, infinity), i64.eq(y, infinity)), opposite), () => this.invalid(f));
        this.denormals(f, pair);
        f.if(i64.eq(x, infinity), () => f.return(a));
        f.if(i64.eq(y, infinity), () => f.return(b));
        const zero = f.let(select(i32.eq(i32.and(mxcsr(), MXCSR.RC), 0x2000), i64.const(format.sign), i64.const(0n)));
        f.if(i64.eqz(i64.or(x, y)), () => f.return(select(opposite, zero as Expr<'i64'>, a)));
        // The operand of the larger magnitude first.
        const swap = f.let(i64.lt_u(x, y));
        const larger = f.let(select(swap, y as Expr<'i64'>, x));
        const smaller = f.let(select(swap, x as Expr<'i64'>, y));
        const sign = f.let(this.signOf(select(swap, b as Expr<'i64'>, a)));
        const p = unpack(f, format, larger);
        const q = unpack(f, format, smaller);
        const distance = f.let(i32.sub(p.exponent, q.exponent));
        f.set(
          q.significand,
          shiftSticky(q.significand, i64.extend_u(select(i32.lt_u(distance, 63), distance, i32.const(63)))),
        );
        const total = p.significand;
        f.if(
          opposite,
          () => {
            f.set(total, i64.sub(total, q.significand));
            f.if(i64.eqz(total), () => f.return(zero));
            const shift = f.let(i64.sub(i64.clz(total), 1n));
            f.set(total, i64.shl(total, shift));
            f.set(p.exponent, i32.sub(p.exponent, i32.wrap(shift)));
          },
          () => {
            f.set(total, i64.add(total, q.significand));
            f.if(i64.lt_s(total, 0n), () => {
              f.set(total, shiftSticky(total, i64.const(1n)));
              f.set(p.exponent, i32.add(p.exponent, 1));
            });
          },
        );
        f.return(f.call(round, sign, p.exponent, total));
      }),
    );
  }

  product(): I64Function {
    const { format, round } = this;
    const infinity = format.infinity;
    return this.m.function(['i64', 'i64'], 'i64', (f) =>
      this.operands(f, (pair) => {
        const { a, b, x, y } = pair;
        const signBit = f.let(i64.and(i64.xor(a, b), format.sign));
        const infinite = f.let(i32.or(i64.eq(x, infinity), i64.eq(y, infinity)));
        const zero = f.let(i32.or(i64.eqz(x), i64.eqz(y)));
        f.if(i32.and(infinite, zero), () => this.invalid(f));
        this.denormals(f, pair);
        f.if(infinite, () => f.return(i64.or(signBit, infinity)));
        f.if(zero, () => f.return(signBit));
        const p = unpack(f, format, x);
        const q = unpack(f, format, y);
        const { high, low } = multiplyWide(f, i64.shl(p.significand, 1n), i64.shl(q.significand, 1n));
        f.set(high, i64.or(high, i64.extend_u(i64.ne(low, 0n))));
        f.set(p.exponent, i32.sub(i32.add(p.exponent, q.exponent), format.bias));
        f.if(i64.lt_s(high, 0n), () => {
          f.set(high, shiftSticky(high, i64.const(1n)));
          f.set(p.exponent, i32.add(p.exponent, 1));
        });
        f.return(f.call(round, this.signOf(signBit), p.exponent, high));
      }),
    );
  }

  quotient(): I64Function {
    const { format, round } = this;
    const infinity = format.infinity;
    return this.m.function(['i64', 'i64'], 'i64', (f) =>
      this.operands(f, (pair) => {
        const { a, b, x, y } = pair;
        const signBit = f.let(i64.and(i64.xor(a, b), format.sign));
        f.if(i32.or(i32.and(i64.eq(x, infinity), i64.eq(y, infinity)), i64.eqz(i64.or(x, y))), () => this.invalid(f));
        f.if(i32.and(i64.eqz(y), i64.ne(x, infinity)), () => {
          signal(f, this.e, MXCSR.ZE);
          f.return(i64.or(signBit, infinity));
        });
        this.denormals(f, pair);
        f.if(i64.eq(x, infinity), () => f.return(i64.or(signBit, infinity)));
        f.if(i32.or(i64.eqz(x), i64.eq(y, infinity)), () => f.return(signBit));
        const p = unpack(f, format, x);
        const q = unpack(f, format, y);
        f.set(p.exponent, i32.add(i32.sub(p.exponent, q.exponent), format.bias));
        const remainder = p.significand;
        const divisor = q.significand;
        f.if(i64.lt_u(remainder, divisor), () => {
          f.set(remainder, i64.shl(remainder, 1n));
          f.set(p.exponent, i32.sub(p.exponent, 1));
        });
        // One quotient bit a round, two more than the precision.
        const digits = format.fraction + 3;
        const left = f.let(i32.const(digits));
        const result = f.let(i64.const(0n));
        f.loop((again) => {
          const bit = f.let(i64.extend_u(i64.ge_u(remainder, divisor)));
          f.set(result, i64.or(i64.shl(result, 1n), bit));
          f.set(remainder, i64.shl(i64.sub(remainder, i64.and(divisor, i64.sub(0n, bit))), 1n));
          f.set(left, i32.sub(left, 1));
          f.brIf(again, left);
        });
        f.set(result, i64.or(i64.shl(result, BigInt(63 - digits)), i64.extend_u(i64.ne(remainder, 0n))));
        f.return(f.call(round, this.signOf(signBit), p.exponent, result));
      }),
    );
  }

  root(): I64Function {
    const { format, round } = this;
    return this.m.function(['i64'], 'i64', (f) => {
      const a = f.params[0] as Bits;
      applyDaz(f, format, a);
      const x = f.let(magnitude(format, a));
      f.if(isNaN(format, x), () => f.return(f.call(this.nan, a, a)));
      f.if(i64.eqz(x), () => f.return(a));
      f.if(i64.ne(a, x), () => this.invalid(f));
      f.if(i64.eq(x, format.infinity), () => f.return(a));
      f.if(isDenormal(format, x), () => signal(f, this.e, MXCSR.DE));
      const { exponent, significand } = unpack(f, format, x);
      f.set(exponent, i32.sub(exponent, format.bias));
      f.if(i32.and(exponent, 1), () => f.set(significand, i64.shl(significand, 1n)));
      f.set(exponent, i32.add(i32.shr_s(exponent, 1), format.bias));
      // Digit by digit: two bits of the radicand give one of the root.
      const digits = format.fraction + 3;
      const left = f.let(i32.const(digits));
      const remainder = f.let(i64.const(0n));
      const root = f.let(i64.const(0n));
      f.loop((again) => {
        f.set(remainder, i64.or(i64.shl(remainder, 2n), i64.shr_u(significand, 62n)));
        f.set(significand, i64.shl(significand, 2n));
        const trial = f.let(i64.or(i64.shl(root, 2n), 1n));
        const bit = f.let(i64.extend_u(i64.ge_u(remainder, trial)));
        f.set(remainder, i64.sub(remainder, i64.and(trial, i64.sub(0n, bit))));
        f.set(root, i64.or(i64.shl(root, 1n), bit));
        f.set(left, i32.sub(left, 1));
        f.brIf(again, left);
      });
      const inexact = i64.extend_u(i64.ne(i64.or(remainder, significand), 0n));
      f.return(f.call(round, 0, exponent, i64.or(i64.shl(root, BigInt(63 - digits)), inexact)));
      f.unreachable();
    });
  }

  functions(): SoftFormat {
    return {
      add: this.sum(false),
      sub: this.sum(true),
      mul: this.product(),
      div: this.quotient(),
      sqrt: this.root(),
    };
  }
}

export function defineSoft(m: ModuleBuilder, e: Exceptions): Soft {
  const single = new FormatBuilder(m, e, SINGLE);
  const double = new FormatBuilder(m, e, DOUBLE);
  /** Quiet NaN in the other format; the payload keeps its leading bits. */
  const convertNaN = (f: FunctionBuilder, from: Format, a: Bits, payload: Expr<'i64'>, to: Format): void => {
    f.if(i64.eqz(i64.and(a, from.quiet)), () => signal(f, e, MXCSR.IE));
    const negative = i64.ne(i64.and(a, from.sign), 0n);
    f.return(i64.or(i64.or(payload, to.infinity | to.quiet), select(negative, i64.const(to.sign), i64.const(0n))));
  };
  const narrow = m.function(['i64'], 'i64', (f) => {
    const a = f.params[0] as Bits;
    applyDaz(f, DOUBLE, a);
    const x = f.let(magnitude(DOUBLE, a));
    f.if(isNaN(DOUBLE, x), () => convertNaN(f, DOUBLE, a, i64.shr_u(i64.and(a, 0xf_ffff_ffff_ffffn), 29n), SINGLE));
    const sign = f.let(double.signOf(a));
    const signBit = i64.shl(i64.extend_u(sign), 31n);
    f.if(i64.eqz(x), () => f.return(signBit));
    f.if(i64.eq(x, DOUBLE.infinity), () => f.return(i64.or(signBit, SINGLE.infinity)));
    f.if(isDenormal(DOUBLE, x), () => signal(f, e, MXCSR.DE));
    const { exponent, significand } = unpack(f, DOUBLE, x);
    f.return(f.call(single.round, sign, i32.sub(exponent, DOUBLE.bias - SINGLE.bias), significand));
    f.unreachable();
  });
  const widen = m.function(['i64'], 'i64', (f) => {
    const a = f.params[0] as Bits;
    applyDaz(f, SINGLE, a);
    const x = f.let(magnitude(SINGLE, a));
    f.if(isNaN(SINGLE, x), () => convertNaN(f, SINGLE, a, i64.shl(i64.and(a, 0x7f_ffffn), 29n), DOUBLE));
    const sign = f.let(i64.shl(i64.shr_u(a, 31n), 63n));
    f.if(i64.eqz(x), () => f.return(sign));
    f.if(i64.eq(x, SINGLE.infinity), () => f.return(i64.or(sign, DOUBLE.infinity)));
    f.if(isDenormal(SINGLE, x), () => signal(f, e, MXCSR.DE));
    const { exponent, significand } = unpack(f, SINGLE, x);
    const biased = i64.extend_s(i32.add(exponent, DOUBLE.bias - SINGLE.bias - 1));
    f.return(i64.or(sign, i64.add(i64.shl(biased, 52n), i64.shr_u(significand, 10n))));
    f.unreachable();
  });
  return { single: single.functions(), double: double.functions(), narrow, widen };
}
