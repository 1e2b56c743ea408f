/** What arithmetic does with NaNs, unsupported encodings, denormals and invalid operations (Intel SDM volume 1, sections 4.8.3 and 8.2.2). */
import {
  type Expr,
  type FunctionBuilder,
  i32,
  i64,
  type I32,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import {
  EXPONENT_MAX,
  INDEFINITE_EXPONENT,
  INDEFINITE_SIGNIFICAND,
  loadExponent,
  loadSignificand,
  QUIET_BIT,
  STATUS,
  storeRegister,
  type Unpacked,
} from './format.ts';
import type { I32Function } from './rounding.ts';

/** Unnormal, pseudo-infinity or pseudo-NaN: exponent not 0 and integer bit clear. */
export const isUnsupported = (exponent: Expr<'i32'>, significand: Expr<'i64'>): Expr<'i32'> =>
  i32.and(i32.ne(exponent, 0), i64.ge_s(significand, 0n));
/** NaN, given that the encoding is supported. */
export const isNaN = (exponent: Expr<'i32'>, significand: Expr<'i64'>): Expr<'i32'> =>
  i32.and(i32.eq(exponent, EXPONENT_MAX), i64.ne(i64.shl(significand, 1n), 0n));
/** Signalling, given that it is a NaN. */
export const isSignalling = (significand: Expr<'i64'>): Expr<'i32'> => i64.eqz(i64.and(significand, QUIET_BIT));
/** Denormal or pseudo-denormal. */
export const isDenormal = (exponent: Expr<'i32'>, significand: Expr<'i64'>): Expr<'i32'> =>
  i32.and(i32.eqz(exponent), i64.ne(significand, 0n));
/** Finite, not zero, not denormal, supported: what the fast paths take. */
export const isNormal = (exponent: Expr<'i32'>, significand: Expr<'i64'>): Expr<'i32'> =>
  i32.and(i32.lt_u(i32.sub(i32.and(exponent, EXPONENT_MAX), 1), EXPONENT_MAX - 1), i64.lt_s(significand, 0n));

/** Brings a denormal into the form of normal numbers, with an exponent of 0 or less. */
export function normalize(f: FunctionBuilder, { exponent, significand }: Unpacked): void {
  f.if(i32.eqz(exponent), () => {
    const zeros = f.let(i64.clz(significand));
    f.set(significand, i64.shl(significand, zeros));
    f.set(exponent, i32.sub(1, i32.wrap(zeros)));
  });
}

export interface Specials {
  /** Masked response to an invalid operation: the indefinite. (destination) -> 1 if written. */
  invalid: I32Function;
  /** Stack fault, the same with SF and C1 = 0. (destination) -> 1 if written. */
  underflow: I32Function;
  /** Result of an operation of which an operand may be a NaN or unsupported. (destination, a, b) -> 1 written, 0 not written, -1 neither is. */
  nan: I32Function;
  /** The same for one operand. (destination, a). */
  nanUnary: I32Function;
}

export function defineSpecials(m: ModuleBuilder, signal: I32Function): Specials {
  const indefinite = (flags: number): I32Function =>
    m.function(['i32'], 'i32', (f) => {
      const destination = f.params[0] as Local<'i32'>;
      f.if(i32.and(f.call(signal, flags), STATUS.IE), () => f.return(0));
      storeRegister(f, destination, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
      f.return(1);
    });
  const invalid = indefinite(STATUS.IE);
  const underflow = indefinite(STATUS.IE | STATUS.SF);

  const nan = m.function(['i32', 'i32', 'i32'], 'i32', (f) => {
    const [destination, a, b] = f.params as unknown as [Local<'i32'>, Local<'i32'>, Local<'i32'>];
    const exponentA = f.let(i32.and(loadExponent(a), EXPONENT_MAX));
    const exponentB = f.let(i32.and(loadExponent(b), EXPONENT_MAX));
    const significandA = f.let(loadSignificand(a));
    const significandB = f.let(loadSignificand(b));
    f.if(i32.or(isUnsupported(exponentA, significandA), isUnsupported(exponentB, significandB)), () =>
      f.return(f.call(invalid, destination)),
    );
    const nanA = f.let(isNaN(exponentA, significandA));
    const nanB = f.let(isNaN(exponentB, significandB));
    f.if(i32.eqz(i32.or(nanA, nanB)), () => f.return(-1));
    const signallingA = f.let(i32.and(nanA, isSignalling(significandA)));
    const signallingB = f.let(i32.and(nanB, isSignalling(significandB)));
    f.if(i32.and(f.call(signal, i32.and(i32.or(signallingA, signallingB), STATUS.IE)), STATUS.IE), () => f.return(0));
    // One NaN: that one. A signalling and a quiet one: the quiet one. Else the larger significand, else the positive one.
    const chooseA = f.let(
      select(
        i32.and(nanA, nanB),
        select(
          i32.eq(signallingA, signallingB),
          select(
            i64.eq(significandA, significandB),
            i32.lt_u(loadExponent(a), loadExponent(b)),
            i64.gt_u(significandA, significandB),
          ),
          signallingB,
        ),
        nanA,
      ),
    );
    const exponent = f.let(select(chooseA, loadExponent(a), loadExponent(b)));
    storeRegister(f, destination, exponent, i64.or(select(chooseA, significandA, significandB), QUIET_BIT));
    f.return(1);
  });

  const nanUnary = m.function(['i32', 'i32'], 'i32', (f) => {
    const [destination, a] = f.params as unknown as [Local<'i32'>, Local<'i32'>];
    f.return(f.call(nan, destination, a, a));
  });
  return { invalid, underflow, nan, nanUnary };
}

/** Signals DE if `condition`; leaves the function with 0 if it is unmasked. */
export function signalDenormal(f: FunctionBuilder, signal: I32Function, condition: I32): void {
  f.if(condition, () => f.if(i32.and(f.call(signal, STATUS.DE), STATUS.DE), () => f.return(0)));
}
