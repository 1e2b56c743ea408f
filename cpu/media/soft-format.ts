/**
 * Single and double precision as bit patterns (IEEE 754, Intel SDM volume 1, section 4.2): taking apart, NaN rules and rounding,
 * generated once for each format. Patterns travel as i64, single precision in the low half.
 */
import {
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  i64,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { type Exceptions, mxcsr, MXCSR, RC_SHIFT, signal } from './mxcsr.ts';

export interface Format {
  readonly name: 'single' | 'double';
  /** Bits of the fraction. */
  readonly fraction: number;
  readonly exponentMax: number;
  readonly bias: number;
  readonly sign: bigint;
  readonly infinity: bigint;
  /** The bit that makes a NaN quiet. */
  readonly quiet: bigint;
  readonly indefinite: bigint;
  /** Significands are worked on with the leading one at bit 62: places below the last one of the format. */
  readonly extra: number;
}
export const SINGLE: Format = {
  name: 'single',
  fraction: 23,
  exponentMax: 0xff,
  bias: 127,
  sign: 0x8000_0000n,
  infinity: 0x7f80_0000n,
  quiet: 0x0040_0000n,
  indefinite: 0xffc0_0000n,
  extra: 39,
};
export const DOUBLE: Format = {
  name: 'double',
  fraction: 52,
  exponentMax: 0x7ff,
  bias: 1023,
  sign: 0x8000_0000_0000_0000n,
  infinity: 0x7ff0_0000_0000_0000n,
  quiet: 0x0008_0000_0000_0000n,
  indefinite: 0xfff8_0000_0000_0000n,
  extra: 10,
};

export type Bits = Local<'i64'>;
export type I64Function = FunctionRef & { result: 'i64' };

export const magnitude = (format: Format, a: Expr<'i64'>): Expr<'i64'> => i64.and(a, format.sign - 1n);
/** 1 for a NaN, given the magnitude. */
export const isNaN = (format: Format, a: Expr<'i64'>): Expr<'i32'> => i64.gt_u(a, format.infinity);
/** 1 for a denormal number, given the magnitude. */
export const isDenormal = (format: Format, a: Expr<'i64'>): Expr<'i32'> =>
  i64.lt_u(i64.sub(a, 1n), (1n << BigInt(format.fraction)) - 1n);

/** Denormal operands become zero if MXCSR says so. */
export function applyDaz(f: FunctionBuilder, format: Format, a: Bits): void {
  f.if(i32.and(isDenormal(format, magnitude(format, a)), i32.ne(i32.and(mxcsr(), MXCSR.DAZ), 0)), () =>
    f.set(a, i64.and(a, format.sign)),
  );
}

export interface Unpacked {
  /** Biased; may be below 1 for a denormal number. */
  readonly exponent: Local<'i32'>;
  /** Leading one at bit 62; 0 for zero. */
  readonly significand: Local<'i64'>;
}
/** Takes a finite number apart, given its magnitude. Zero gets an exponent below all others. */
export function unpack(f: FunctionBuilder, format: Format, a: Bits): Unpacked {
  const exponent = f.let(i32.wrap(i64.shr_u(a, BigInt(format.fraction))));
  const significand = f.let(i64.and(a, (1n << BigInt(format.fraction)) - 1n));
  f.if(
    exponent,
    () => f.set(significand, i64.shl(i64.or(significand, 1n << BigInt(format.fraction)), BigInt(format.extra))),
    () => {
      const shift = f.let(i64.sub(i64.clz(significand), 1n));
      f.set(exponent, select(i64.eqz(significand), i32.const(-5000), i32.sub(1 + format.extra, i32.wrap(shift))));
      f.set(significand, i64.shl(significand, shift));
    },
  );
  return { exponent, significand };
}

/** A right shift that keeps the last bit as OR of everything shifted out. `count` 0-63. */
export const shiftSticky = (a: Bits, count: Expr<'i64'>): Expr<'i64'> =>
  i64.or(i64.shr_u(a, count), i64.extend_u(i64.ne(i64.and(a, i64.sub(i64.shl(1n, count), 1n)), 0n)));

/**
 * The NaN that an operation on a and b (at least one a NaN) yields: the first one, made quiet; signals invalid for
 * signalling ones.
 */
export function defineNaN(m: ModuleBuilder, e: Exceptions, format: Format): I64Function {
  return m.function(['i64', 'i64'], 'i64', (f) => {
    const [a, b] = f.params as [Bits, Bits];
    const isSignalling = (x: Bits): Expr<'i32'> =>
      i32.and(isNaN(format, magnitude(format, x)), i64.eqz(i64.and(x, format.quiet)));
    f.if(i32.or(isSignalling(a), isSignalling(b)), () => signal(f, e, MXCSR.IE));
    f.return(i64.or(select(isNaN(format, magnitude(format, a)), a as Expr<'i64'>, b as Expr<'i64'>), format.quiet));
    f.unreachable();
  });
}

/**
 * (sign 0/1, exponent, significand) -> bit pattern. The significand has its leading one at bit 62 and a sticky last bit; exponents
 * may lie outside the format. Signals overflow, underflow and inexact. Tininess is detected after rounding.
 */
export function defineRound(m: ModuleBuilder, e: Exceptions, format: Format): I64Function {
  const extra = BigInt(format.extra);
  const fraction = BigInt(format.fraction);
  return m.function(['i32', 'i32', 'i64'], 'i64', (f) => {
    const [sign, exponent, significand] = f.params as [Local<'i32'>, Local<'i32'>, Bits];
    const control = f.let(mxcsr());
    const mode = f.let(i32.and(i32.shr_u(control, RC_SHIFT), 3));
    const signBit = f.let(i64.shl(i64.extend_u(sign), fraction === 23n ? 31n : 63n));
    const kept = f.local('i64');
    const rest = f.local('i64');
    /** Rounds the significand: `kept` in units of the last place, `rest` what was discarded. */
    const split = (): void => {
      f.set(kept, i64.shr_u(significand, extra));
      f.set(rest, i64.and(significand, (1n << extra) - 1n));
      const half = 1n << (extra - 1n);
      const nearest = i32.or(i64.gt_u(rest, half), i32.and(i64.eq(rest, half), i32.wrap(i64.and(kept, 1n))));
      // Down (1) takes negative values away from zero, up (2) positive ones, zero (3) none.
      const directed = i32.and(i64.ne(rest, 0n), i32.eq(mode, i32.sub(2, sign)));
      f.set(kept, i64.add(kept, i64.extend_u(select(mode, directed, nearest))));
    };
    split();
    const tiny = f.let(i32.const(0));
    f.if(i32.le_s(exponent, 0), () => {
      // Tiny unless rounding to full precision reaches the smallest normal number.
      f.set(tiny, i32.or(i32.lt_s(exponent, 0), i64.eqz(i64.shr_u(kept, fraction + 1n))));
      f.if(tiny, () => {
        f.if(i32.eqz(i32.and(control, MXCSR.UM)), () => {
          signal(f, e, i32.or(MXCSR.UE, i32.shl(i64.ne(rest, 0n), 5)));
          f.return(i64.const(0n));
        });
        f.if(i32.and(control, MXCSR.FZ), () => {
          signal(f, e, MXCSR.UE | MXCSR.PE);
          f.return(signBit);
        });
      });
      const count = f.let(i32.sub(1, exponent));
      f.set(significand, shiftSticky(significand, i64.extend_u(select(i32.lt_u(count, 63), count, i32.const(63)))));
      f.set(exponent, 1);
      split();
    });
    f.if(i64.ne(rest, 0n), () => signal(f, e, i32.or(MXCSR.PE, i32.shl(tiny, 4))));
    // The leading one adds 1 to the exponent field; a denormal number has none.
    const result = f.let(i64.add(i64.shl(i64.extend_s(i32.sub(exponent, 1)), fraction), kept));
    f.if(i32.or(i32.ge_s(exponent, format.exponentMax), i64.ge_u(result, format.infinity)), () => {
      signal(f, e, MXCSR.OE);
      f.if(i32.and(control, MXCSR.OM), () => {
        signal(f, e, MXCSR.PE);
        const outward = i32.or(i32.eqz(mode), i32.eq(mode, i32.sub(2, sign)));
        f.set(result, select(outward, i64.const(format.infinity), i64.const(format.infinity - 1n)));
      });
    });
    f.return(i64.or(result, signBit));
    f.unreachable();
  });
}
