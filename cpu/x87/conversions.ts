/** Conversions between the register format and what memory holds: single, double, integers. */
import { type Expr, type FunctionBuilder, i32, i64, type Local, type ModuleBuilder, select } from '../emitter/index.ts';
import {
  control,
  CONVERTED,
  EXPONENT_BIAS,
  EXPONENT_MAX,
  INTEGER_BIT,
  QUIET_BIT,
  STATUS,
  storeRegister,
  unpack,
} from './format.ts';
import { type I32Function, roundsUp, shiftRightSticky } from './rounding.ts';
import {
  isDenormal,
  isNaN,
  isSignalling,
  isUnsupported,
  normalize,
  signalDenormal,
  type Specials,
} from './specials.ts';

export interface Conversions {
  /**
   * Memory formats into a register slot, exactly; a signalling NaN stays signalling.
   * (destination, bits) -> DE if the source is denormal, IE if it is a signalling NaN, else 0.
   */
  fromSingle: I32Function;
  fromDouble: I32Function;
  /** (destination, value) -> 0 */
  fromInteger: I32Function;
  /** (source) -> 1 if the memory image has been left at CONVERTED, 0 if an unmasked exception forbids the store. */
  toSingle: I32Function;
  toDouble: I32Function;
  /** (source, size in bytes 2 4 8, rounding mode) */
  toInteger: I32Function;
  /** FRNDINT. (destination, source) -> 1 if written */
  roundToInteger: I32Function;
}

interface Format {
  /** Bits of the fraction field. */
  readonly fraction: number;
  readonly exponentBits: number;
}
const SINGLE: Format = { fraction: 23, exponentBits: 8 };
const DOUBLE: Format = { fraction: 52, exponentBits: 11 };

/** Unpacks an IEEE image held in an i64. */
function emitFrom(
  f: FunctionBuilder,
  destination: Local<'i32'>,
  bits: Expr<'i64'>,
  { fraction, exponentBits }: Format,
): void {
  const image = f.let(bits);
  const maximum = (1 << exponentBits) - 1;
  const sign = f.let(i32.and(i32.shl(i32.wrap(i64.shr_u(image, BigInt(fraction + exponentBits))), 15), 0x8000));
  const exponent = f.let(i32.and(i32.wrap(i64.shr_u(image, BigInt(fraction))), maximum));
  const significand = f.let(i64.shl(image, BigInt(64 - fraction)));
  f.if(i32.lt_u(i32.sub(exponent, 1), maximum - 1), () => {
    storeRegister(
      f,
      destination,
      i32.or(sign, i32.add(exponent, EXPONENT_BIAS - (maximum >> 1))),
      i64.or(i64.shr_u(significand, 1n), INTEGER_BIT),
    );
    f.return(0);
  });
  f.if(exponent, () => {
    // infinity or NaN
    f.set(exponent, i32.and(i64.ne(significand, 0n), i64.ge_s(significand, 0n)));
    storeRegister(f, destination, i32.or(sign, EXPONENT_MAX), i64.or(i64.shr_u(significand, 1n), INTEGER_BIT));
    f.return(exponent);
  });
  f.if(i64.eqz(significand), () => {
    storeRegister(f, destination, sign, significand);
    f.return(0);
  });
  const zeros = f.let(i64.clz(significand));
  storeRegister(
    f,
    destination,
    i32.or(sign, i32.sub(EXPONENT_BIAS - (maximum >> 1), i32.wrap(zeros))),
    i64.shl(significand, zeros),
  );
  f.return(STATUS.DE);
}

/** Rounds a register to an IEEE image at CONVERTED. */
function emitTo(f: FunctionBuilder, signal: I32Function, { fraction, exponentBits }: Format): void {
  const maximum = (1 << exponentBits) - 1;
  const drop = BigInt(63 - fraction);
  const source = f.params[0] as Local<'i32'>;
  const x = unpack(f, source);
  const sign = f.let(i64.shl(i64.extend_u(x.sign), BigInt(fraction + exponentBits - 15)));
  const store = (bits: Expr<'i64'>): void => f.store64(0, i64.or(sign, bits), CONVERTED);
  const infinity = BigInt(maximum) << BigInt(fraction);
  f.if(i32.or(i32.eq(x.exponent, EXPONENT_MAX), isUnsupported(x.exponent, x.significand)), () => {
    f.if(i64.ge_s(x.significand, 0n), () => {
      f.if(i32.and(f.call(signal, STATUS.IE), STATUS.IE), () => f.return(0));
      f.store64(
        0,
        i64.const(infinity | (1n << BigInt(fraction - 1)) | (1n << BigInt(fraction + exponentBits))),
        CONVERTED,
      );
      f.return(1);
    });
    const nan = f.let(isNaN(x.exponent, x.significand));
    f.if(
      i32.and(
        f.call(signal, select(i32.and(nan, isSignalling(x.significand)), i32.const(STATUS.IE), i32.const(0))),
        STATUS.IE,
      ),
      () => f.return(0),
    );
    f.if(nan, () => f.set(x.significand, i64.or(x.significand, QUIET_BIT)));
    store(i64.or(i64.shr_u(i64.shl(x.significand, 1n), drop + 1n), infinity));
    f.return(1);
  });
  f.if(i64.eqz(x.significand), () => {
    f.run(signal, 0);
    store(i64.const(0n));
    f.return(1);
  });
  normalize(f, x);
  const cw = f.let(control());
  const mode = f.let(i32.and(i32.shr_u(cw, 10), 3));
  const exponent = f.let(i32.sub(x.exponent, EXPONENT_BIAS - (maximum >> 1)));
  const kept = f.local('i64');
  const extra = f.let(i64.const(0n));
  const below = f.local('i64');
  const up = f.local('i32');
  const split = (): void => {
    f.set(kept, i64.shr_u(x.significand, drop));
    f.set(below, i64.or(i64.shl(x.significand, 64n - drop), i64.extend_u(i64.ne(extra, 0n))));
    f.set(up, roundsUp(mode, x.sign, kept, below));
  };
  split();
  const flags = f.let(i32.const(0));
  f.if(
    i32.le_s(exponent, 0),
    () => {
      // Tiny unless rounding with an unbounded exponent reaches the smallest normal number.
      const tiny = f.let(
        i32.or(i32.lt_s(exponent, 0), i64.ne(i64.add(kept, i64.extend_u(up)), 1n << BigInt(fraction + 1))),
      );
      const count = f.let(i32.sub(1, exponent));
      shiftRightSticky(f, x.significand, extra, count);
      split();
      f.if(i32.and(tiny, i32.or(i64.ne(below, 0n), i32.eqz(i32.and(cw, STATUS.UE)))), () => f.set(flags, STATUS.UE));
      f.set(exponent, 0);
      // The integer bit of a denormal that rounds up to a normal number becomes the exponent 1.
      f.set(kept, i64.add(kept, i64.extend_u(up)));
    },
    () => {
      f.set(kept, i64.add(kept, i64.extend_u(up)));
      // The integer bit adds one to the exponent field; a carry out of the significand another one.
      f.set(exponent, i32.sub(exponent, 1));
    },
  );
  f.set(flags, i32.or(flags, i32.shl(i64.ne(below, 0n), 5)));
  f.set(kept, i64.add(kept, i64.shl(i64.extend_s(exponent), BigInt(fraction))));
  f.if(i32.or(i32.ge_s(exponent, maximum), i64.ge_u(kept, infinity)), () => {
    f.if(i32.eqz(i32.and(cw, STATUS.OE)), () => {
      f.run(signal, STATUS.OE);
      f.return(0);
    });
    f.set(flags, STATUS.OE | STATUS.PE);
    f.set(up, i32.or(i32.eqz(mode), i32.eq(mode, select(x.sign, i32.const(1), i32.const(2)))));
    f.set(kept, select(up, i64.const(infinity), i64.const(infinity - 1n)));
  });
  // An unmasked underflow is reported alone, before rounding could be inexact.
  f.if(i32.and(i32.and(flags, STATUS.UE), i32.not(cw)), () => {
    f.run(signal, STATUS.UE);
    f.return(0);
  });
  f.run(signal, i32.or(flags, i32.shl(up, 9)));
  store(kept);
  f.return(1);
}

export function defineConversions(m: ModuleBuilder, signal: I32Function, specials: Specials): Conversions {
  const fromSingle = m.function(['i32', 'i32'], 'i32', (f) => {
    const [destination, bits] = f.params as unknown as [Local<'i32'>, Local<'i32'>];
    emitFrom(f, destination, i64.extend_u(bits), SINGLE);
  });
  const fromDouble = m.function(['i32', 'i64'], 'i32', (f) => {
    const [destination, bits] = f.params as unknown as [Local<'i32'>, Local<'i64'>];
    emitFrom(f, destination, bits, DOUBLE);
  });
  const fromInteger = m.function(['i32', 'i64'], 'i32', (f) => {
    const [destination, value] = f.params as unknown as [Local<'i32'>, Local<'i64'>];
    f.if(i64.eqz(value), () => {
      storeRegister(f, destination, 0, 0n);
      f.return(0);
    });
    const negative = f.let(i64.lt_s(value, 0n));
    f.if(negative, () => f.set(value, i64.sub(0n, value)));
    const zeros = f.let(i64.clz(value));
    storeRegister(
      f,
      destination,
      i32.or(i32.shl(negative, 15), i32.sub(EXPONENT_BIAS + 63, i32.wrap(zeros))),
      i64.shl(value, zeros),
    );
    f.return(0);
  });
  const toSingle = m.function(['i32'], 'i32', (f) => emitTo(f, signal, SINGLE));
  const toDouble = m.function(['i32'], 'i32', (f) => emitTo(f, signal, DOUBLE));

  const toInteger = m.function(['i32', 'i32', 'i32'], 'i32', (f) => {
    const [source, size, mode] = f.params as unknown as [Local<'i32'>, Local<'i32'>, Local<'i32'>];
    /** Bits of the magnitude of the most negative value, less one. */
    const limit = f.let(i64.shl(1n, i64.extend_u(i32.sub(i32.shl(size, 3), 1))));
    const x = unpack(f, source);
    const count = f.let(i32.sub(EXPONENT_BIAS + 63, x.exponent));
    const extra = f.let(i64.const(0n));
    f.block((invalid) => {
      f.brIf(invalid, i32.or(isUnsupported(x.exponent, x.significand), i32.lt_s(count, 0)));
      f.if(count, () => shiftRightSticky(f, x.significand, extra, count));
      const up = f.let(roundsUp(mode, x.sign, x.significand, extra));
      f.set(x.significand, i64.add(x.significand, i64.extend_u(up)));
      f.brIf(invalid, i64.gt_u(x.significand, select(x.sign, limit, i64.sub(limit, 1n))));
      f.run(signal, i32.or(i32.shl(i64.ne(extra, 0n), 5), i32.shl(up, 9)));
      f.store64(0, select(x.sign, i64.sub(0n, x.significand), x.significand), CONVERTED);
      f.return(1);
    });
    f.if(i32.and(f.call(signal, STATUS.IE), STATUS.IE), () => f.return(0));
    f.store64(0, limit, CONVERTED);
    f.return(1);
  });

  const roundToInteger = m.function(['i32', 'i32'], 'i32', (f) => {
    const [destination, source] = f.params as unknown as [Local<'i32'>, Local<'i32'>];
    const special = f.let(f.call(specials.nanUnary, destination, source));
    f.if(i32.ge_s(special, 0), () => f.return(special));
    const x = unpack(f, source);
    signalDenormal(f, signal, isDenormal(x.exponent, x.significand));
    const count = f.let(i32.sub(EXPONENT_BIAS + 63, x.exponent));
    f.if(i32.or(i32.le_s(count, 0), i64.eqz(x.significand)), () => {
      f.run(signal, 0);
      storeRegister(f, destination, i32.or(x.sign, x.exponent), x.significand);
      f.return(1);
    });
    const extra = f.let(i64.const(0n));
    shiftRightSticky(f, x.significand, extra, count);
    const mode = f.let(i32.and(i32.shr_u(control(), 10), 3));
    const up = f.let(roundsUp(mode, x.sign, x.significand, extra));
    f.set(x.significand, i64.add(x.significand, i64.extend_u(up)));
    const zeros = f.let(i64.clz(x.significand));
    f.set(x.exponent, select(i64.eqz(x.significand), i32.const(0), i32.sub(EXPONENT_BIAS + 63, i32.wrap(zeros))));
    storeRegister(f, destination, i32.or(x.sign, x.exponent), i64.shl(x.significand, zeros));
    f.run(signal, i32.or(i32.shl(i64.ne(extra, 0n), 5), i32.shl(up, 9)));
    f.return(1);
  });
  return { fromSingle, fromDouble, fromInteger, toSingle, toDouble, toInteger, roundToInteger };
}
