/** Comparison and classification (FCOM, FUCOM, FCOMI, FTST, FXAM): condition codes as in tables 8-6 and 3-22 of the Intel SDM. */
import { i32, i64, type Local, type ModuleBuilder, select } from '../emitter/index.ts';
import { EXPONENT_MAX, loadExponent, STATUS, unpack } from './format.ts';
import type { I32Function } from './rounding.ts';
import { isDenormal, isNaN, isSignalling, isUnsupported } from './specials.ts';

/** Flag for `compare`: quiet NaNs do not signal (FUCOM). May be combined with DE for a memory operand that was denormal. */
export const QUIET = 0x100;
export const UNORDERED = STATUS.C3 | STATUS.C2 | STATUS.C0;

/**
 * (a, b, flags) -> C3, C2, C0 at their places in the status word; with bit 0 also set if an unmasked exception ended it. C1 becomes 0;
 * the other condition codes are left to the caller.
 */
export function defineCompare(m: ModuleBuilder, signal: I32Function): I32Function {
  return m.function(['i32', 'i32', 'i32'], 'i32', (f) => {
    const [a, b, flags] = f.params as unknown as [Local<'i32'>, Local<'i32'>, Local<'i32'>];
    const x = unpack(f, a);
    const y = unpack(f, b);
    const unsupported = f.let(
      i32.or(isUnsupported(x.exponent, x.significand), isUnsupported(y.exponent, y.significand)),
    );
    const nanX = f.let(isNaN(x.exponent, x.significand));
    const nanY = f.let(isNaN(y.exponent, y.significand));
    f.if(i32.or(unsupported, i32.or(nanX, nanY)), () => {
      const signalling = i32.or(
        unsupported,
        i32.or(i32.and(nanX, isSignalling(x.significand)), i32.and(nanY, isSignalling(y.significand))),
      );
      const invalid = f.let(select(i32.and(flags, QUIET), signalling, i32.const(1)));
      f.return(i32.or(i32.and(f.call(signal, invalid), STATUS.IE), UNORDERED));
    });
    const result = f.local('i32');
    f.if(
      i64.eqz(i64.or(x.significand, y.significand)),
      () => f.set(result, STATUS.C3),
      () =>
        f.if(
          i32.ne(x.sign, y.sign),
          () => f.set(result, select(x.sign, i32.const(STATUS.C0), i32.const(0))),
          () => {
            // Pseudo-denormals have the exponent of the smallest normal numbers.
            const ex = f.let(i32.or(x.exponent, i32.eqz(x.exponent)));
            const ey = f.let(i32.or(y.exponent, i32.eqz(y.exponent)));
            const equal = i32.and(i32.eq(ex, ey), i64.eq(x.significand, y.significand));
            const less = f.let(select(i32.eq(ex, ey), i64.lt_u(x.significand, y.significand), i32.lt_u(ex, ey)));
            // A zero has the exponent of denormals and is told apart by its significand.
            f.set(
              result,
              select(
                equal,
                i32.const(STATUS.C3),
                select(i32.xor(less, i32.shr_u(x.sign, 15)), i32.const(STATUS.C0), i32.const(0)),
              ),
            );
          },
        ),
    );
    f.if(
      i32.or(
        i32.and(flags, STATUS.DE),
        i32.or(isDenormal(x.exponent, x.significand), isDenormal(y.exponent, y.significand)),
      ),
      () => f.return(i32.or(result, i32.shr_u(i32.and(f.call(signal, STATUS.DE), STATUS.DE), 1))),
    );
    f.run(signal, 0);
    f.return(result);
  });
}

/** FXAM's class of a register in use: C3, C2, C0 at their places. (address) -> codes, without C1. */
export function defineExamine(m: ModuleBuilder): I32Function {
  const NAN = STATUS.C0;
  const NORMAL = STATUS.C2;
  const INFINITE = STATUS.C2 | STATUS.C0;
  const ZERO = STATUS.C3;
  const DENORMAL = STATUS.C3 | STATUS.C2;
  return m.function(['i32'], 'i32', (f) => {
    const address = f.params[0] as Local<'i32'>;
    const significand = f.let(i64.load(address));
    const exponent = f.let(i32.and(loadExponent(address), EXPONENT_MAX));
    f.if(i32.eqz(exponent), () => f.return(select(i64.eqz(significand), i32.const(ZERO), i32.const(DENORMAL))));
    f.if(isUnsupported(exponent, significand), () => f.return(0));
    f.if(isNaN(exponent, significand), () => f.return(NAN));
    f.return(select(i32.eq(exponent, EXPONENT_MAX), i32.const(INFINITE), i32.const(NORMAL)));
  });
}
