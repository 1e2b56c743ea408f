/**
 * Add, subtract, multiply, divide, square root on registers in linear memory: 64-bit significands in i64, exact 128-bit
 * intermediate results, rounded once. Each operation has a short path for normal operands in front of one function for the rest.
 */
import {
  type Expr,
  f64,
  type FunctionBuilder,
  i32,
  i64,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import {
  clearC1,
  control,
  EXPONENT_BIAS,
  EXPONENT_MAX,
  INTEGER_BIT,
  loadExponent,
  loadSignificand,
  STATUS,
  storeRegister,
  unpack,
  type Unpacked,
} from './format.ts';
import type { I32Function } from './rounding.ts';
import { isDenormal, isNormal, normalize, signalDenormal, type Specials } from './specials.ts';

/** An operation on two numbers. */
export interface BinaryOperation {
  /** (destination, a, b, flags) -> 1 if the result was written, 0 if an unmasked exception kept it back. Addresses of registers. */
  complete: I32Function;
  /**
   * (destination, exponent and significand of a, of b) -> 1 if zeros and infinities decide the result and it was written without
   * an exception, else 0.
   */
  special: I32Function;
}
export interface Arithmetic {
  add: BinaryOperation;
  subtract: BinaryOperation;
  multiply: BinaryOperation;
  divide: BinaryOperation;
  /** (destination, sign, exponent, a, b) -> 1: quotient of the significands of normal numbers, rounded; `exponent` if it is below 1. */
  divideNormal: I32Function;
  /** (destination, a) -> 1 if written. */
  squareRoot: I32Function;
}

type Finite = (f: FunctionBuilder, a: Unpacked, b: Unpacked, destination: Local<'i32'>) => void;

/** High and low half of the 128-bit product, into locals. */
export function multiplyWide(
  f: FunctionBuilder,
  a: Expr<'i64'>,
  b: Expr<'i64'>,
): { high: Local<'i64'>; low: Local<'i64'> } {
  const mask = 0xffff_ffffn;
  const a0 = f.let(i64.and(a, mask));
  const a1 = f.let(i64.shr_u(a, 32n));
  const b0 = f.let(i64.and(b, mask));
  const b1 = f.let(i64.shr_u(b, 32n));
  const low = f.let(i64.mul(a0, b0));
  const middle = f.let(i64.add(i64.mul(a1, b0), i64.shr_u(low, 32n)));
  const middle2 = f.let(i64.add(i64.mul(a0, b1), i64.and(middle, mask)));
  const high = f.let(i64.add(i64.add(i64.mul(a1, b1), i64.shr_u(middle, 32n)), i64.shr_u(middle2, 32n)));
  f.set(low, i64.or(i64.shl(middle2, 32n), i64.and(low, mask)));
  return { high, low };
}

function swap(f: FunctionBuilder, a: Unpacked, b: Unpacked): void {
  f.scope(() => {
    const exponent = f.let(a.exponent);
    const significand = f.let(a.significand);
    const sign = f.let(a.sign);
    f.set(a.exponent, b.exponent);
    f.set(a.significand, b.significand);
    f.set(a.sign, b.sign);
    f.set(b.exponent, exponent);
    f.set(b.significand, significand);
    f.set(b.sign, sign);
  });
}

/** Sum of two normalised numbers. */
const addFinite =
  (round: I32Function): Finite =>
  (f, a, b, destination) => {
    const difference = f.let(i32.sub(a.exponent, b.exponent));
    f.if(i32.or(i32.lt_s(difference, 0), i32.and(i32.eqz(difference), i64.lt_u(a.significand, b.significand))), () => {
      swap(f, a, b);
      f.set(difference, i32.sub(0, difference));
    });
    // a is the larger in magnitude; b becomes b.significand:extra aligned to it.
    const extra = f.let(i64.const(0n));
    f.if(difference, () =>
      f.if(
        i32.lt_u(difference, 64),
        () => {
          const wide = f.let(i64.extend_u(difference));
          f.set(extra, i64.shl(b.significand, i64.sub(64n, wide)));
          f.set(b.significand, i64.shr_u(b.significand, wide));
        },
        () => {
          // Bits from 128 places down on only make the result inexact.
          const wide = f.let(i64.extend_u(i32.sub(difference, 64)));
          f.set(extra, i64.shr_u(b.significand, wide));
          f.set(
            extra,
            select(
              i32.lt_u(difference, 128),
              i64.or(extra, i64.extend_u(i64.ne(i64.shl(extra, wide), b.significand))),
              i64.const(1n),
            ),
          );
          f.set(b.significand, 0n);
        },
      ),
    );
    const sum = f.local('i64');
    f.if(i32.eq(a.sign, b.sign), () => {
      f.set(sum, i64.add(a.significand, b.significand));
      f.if(i64.lt_u(sum, a.significand), () => {
        f.set(extra, i64.or(i64.or(i64.shl(sum, 63n), i64.shr_u(extra, 1n)), i64.and(extra, 1n)));
        f.set(sum, i64.or(i64.shr_u(sum, 1n), INTEGER_BIT));
        f.set(a.exponent, i32.add(a.exponent, 1));
      });
      f.return(f.call(round, destination, a.sign, a.exponent, sum, extra));
    });
    f.set(sum, i64.sub(i64.sub(a.significand, b.significand), i64.extend_u(i64.ne(extra, 0n))));
    f.set(extra, i64.sub(0n, extra));
    f.if(i64.eqz(sum), () => {
      f.set(sum, extra);
      f.set(extra, 0n);
      f.set(a.exponent, i32.sub(a.exponent, 64));
    });
    const zeros = f.let(i64.clz(sum));
    f.if(i32.wrap(zeros), () => {
      f.set(sum, i64.or(i64.shl(sum, zeros), i64.shr_u(extra, i64.sub(64n, zeros))));
      f.set(extra, i64.shl(extra, zeros));
      f.set(a.exponent, i32.sub(a.exponent, i32.wrap(zeros)));
    });
    f.return(f.call(round, destination, a.sign, a.exponent, sum, extra));
  };

const multiplyFinite =
  (round: I32Function): Finite =>
  (f, a, b, destination) => {
    const { high, low } = multiplyWide(f, a.significand, b.significand);
    const exponent = f.let(i32.sub(i32.add(a.exponent, b.exponent), EXPONENT_BIAS - 1));
    f.if(i64.ge_s(high, 0n), () => {
      f.set(high, i64.or(i64.shl(high, 1n), i64.shr_u(low, 63n)));
      f.set(low, i64.shl(low, 1n));
      f.set(exponent, i32.sub(exponent, 1));
    });
    f.return(f.call(round, destination, i32.xor(a.sign, b.sign), exponent, high, low));
  };

/**
 * high:low / divisor where high < divisor and the divisor's top bit is set; leaves quotient and remainder in locals.
 * Knuth, The Art of Computer Programming 2, 4.3.1 algorithm D with 32-bit digits.
 */
function divideWide(
  f: FunctionBuilder,
  high: Local<'i64'>,
  low: Local<'i64'>,
  divisor: Local<'i64'>,
): { quotient: Local<'i64'>; remainder: Local<'i64'> } {
  const d1 = f.let(i64.shr_u(divisor, 32n));
  const d0 = f.let(i64.and(divisor, 0xffff_ffffn));
  const digit = (remainder: Local<'i64'>, next: Expr<'i64'>): Local<'i64'> => {
    const q = f.let(i64.div_u(remainder, d1));
    const r = f.let(i64.sub(remainder, i64.mul(q, d1)));
    const below = f.let(next);
    f.block((done) =>
      f.loop((again) => {
        f.brIf(
          done,
          i32.eqz(i32.or(i64.gt_u(q, 0xffff_ffffn), i64.gt_u(i64.mul(q, d0), i64.or(i64.shl(r, 32n), below)))),
        );
        f.set(q, i64.sub(q, 1n));
        f.set(r, i64.add(r, d1));
        f.brIf(again, i64.le_u(r, 0xffff_ffffn));
      }),
    );
    f.set(remainder, i64.sub(i64.or(i64.shl(remainder, 32n), below), i64.mul(q, divisor)));
    return q;
  };
  const remainder = f.let(high);
  const q1 = digit(remainder, i64.shr_u(low, 32n));
  const q0 = digit(remainder, i64.and(low, 0xffff_ffffn));
  return { quotient: f.let(i64.or(i64.shl(q1, 32n), q0)), remainder };
}

/** (destination, sign, exponent, a, b): quotient of significands with their top bits set; the exponent is for a quotient below 1. */
function defineDivideNormal(m: ModuleBuilder, round: I32Function): I32Function {
  return m.function(['i32', 'i32', 'i32', 'i64', 'i64'], 'i32', (f) => {
    const [destination, sign, exponent, a, b] = f.params as unknown as [
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i64'>,
      Local<'i64'>,
    ];
    const low = f.let(i64.const(0n));
    f.if(i64.ge_u(a, b), () => {
      f.set(low, i64.shl(a, 63n));
      f.set(a, i64.shr_u(a, 1n));
      f.set(exponent, i32.add(exponent, 1));
    });
    const { quotient, remainder } = divideWide(f, a, low, b);
    // The fraction beyond the 64 bits is never exactly one half: only zero, below, above count.
    const extra = f.let(
      select(
        i64.eqz(remainder),
        i64.const(0n),
        select(i64.gt_u(remainder, i64.sub(b, remainder)), i64.const(3n << 62n), i64.const(1n)),
      ),
    );
    f.return(f.call(round, destination, sign, exponent, quotient, extra));
  });
}
const divideFinite =
  (divideNormal: I32Function): Finite =>
  (f, a, b, destination) => {
    const exponent = i32.add(i32.sub(a.exponent, b.exponent), EXPONENT_BIAS - 1);
    f.return(f.call(divideNormal, destination, i32.xor(a.sign, b.sign), exponent, a.significand, b.significand));
  };

/** Flags argument of the operations: the memory operand was denormal before its conversion. */
const OPERAND_DENORMAL = STATUS.DE;

export function defineArithmetic(
  m: ModuleBuilder,
  signal: I32Function,
  round: I32Function,
  specials: Specials,
): Arithmetic {
  const PARAMETERS = ['i32', 'i32', 'i32', 'i32'] as const;
  type Parameters = [Local<'i32'>, Local<'i32'>, Local<'i32'>, Local<'i32'>];

  /** What the rules for zeros and infinities do in cases that are exceptions; each leaves the function or goes on. */
  interface Exceptional {
    invalid(): void;
    divisionByZero(sign: Local<'i32'>): void;
    denormal(): void;
  }
  type Rules = (f: FunctionBuilder, a: Unpacked, b: Unpacked, destination: Local<'i32'>, on: Exceptional) => void;

  /** Normal numbers, zeros and infinities, which raise no exception as operands. */
  const isPlain = ({ exponent, significand }: Unpacked): Expr<'i32'> =>
    i32.or(
      isNormal(exponent, significand),
      i32.or(
        i64.eqz(i64.or(significand, i64.extend_u(exponent))),
        i32.and(i32.eq(exponent, EXPONENT_MAX), i64.eq(significand, INTEGER_BIT)),
      ),
    );

  /** An operation on two operands: `finite` for normalised numbers, `rules` for what has zeros and infinities and returns. */
  const binary = (finite: Finite, rules: Rules, negateB = false): BinaryOperation => {
    const negate = (f: FunctionBuilder, b: Unpacked): Unpacked => {
      if (negateB) f.set(b.sign, i32.xor(b.sign, 0x8000));
      return b;
    };
    const complete = m.function(PARAMETERS, 'i32', (f) => {
      const [destination, a, b, flags] = f.params as unknown as Parameters;
      const left = unpack(f, a);
      const right = unpack(f, b);
      const plain = f.let(i32.and(i32.eqz(flags), i32.and(isPlain(left), isPlain(right))));
      f.if(i32.eqz(plain), () => {
        const special = f.let(f.call(specials.nan, destination, a, b));
        f.if(i32.ge_s(special, 0), () => f.return(special));
      });
      negate(f, right);
      rules(f, left, right, destination, {
        invalid: () => f.return(f.call(specials.invalid, destination)),
        divisionByZero: (sign) => {
          f.if(i32.and(f.call(signal, STATUS.ZE), STATUS.ZE), () => f.return(0));
          storeRegister(f, destination, i32.or(sign, EXPONENT_MAX), INTEGER_BIT);
          f.return(1);
        },
        denormal: () =>
          f.if(i32.eqz(plain), () =>
            signalDenormal(
              f,
              signal,
              i32.or(
                i32.and(flags, OPERAND_DENORMAL),
                i32.or(isDenormal(left.exponent, left.significand), isDenormal(right.exponent, right.significand)),
              ),
            ),
          ),
      });
      normalize(f, left);
      normalize(f, right);
      finite(f, left, right, destination);
    });
    const special = m.function(['i32', 'i32', 'i64', 'i32', 'i64'], 'i32', (f) => {
      const [destination, exponentA, a, exponentB, b] = f.params as unknown as [
        Local<'i32'>,
        Local<'i32'>,
        Local<'i64'>,
        Local<'i32'>,
        Local<'i64'>,
      ];
      const take = (exponent: Local<'i32'>, significand: Local<'i64'>): Unpacked => {
        const sign = f.let(i32.and(exponent, 0x8000));
        f.set(exponent, i32.and(exponent, EXPONENT_MAX));
        return { sign, exponent, significand };
      };
      const left = take(exponentA, a);
      const right = negate(f, take(exponentB, b));
      f.if(i32.eqz(i32.and(isPlain(left), isPlain(right))), () => f.return(0));
      const leave = (): void => f.return(0);
      rules(f, left, right, destination, { invalid: leave, divisionByZero: leave, denormal: () => {} });
      f.return(0);
    });
    return { complete, special };
  };

  const isInfinite = (x: Unpacked): Expr<'i32'> => i32.eq(x.exponent, EXPONENT_MAX);
  const isZero = (x: Unpacked): Expr<'i32'> => i64.eqz(x.significand);
  /** Stores an exact result and clears C1. */
  const exact = (
    f: FunctionBuilder,
    destination: Local<'i32'>,
    exponent: Expr<'i32'>,
    significand: Expr<'i64'>,
  ): void => {
    clearC1(f);
    storeRegister(f, destination, exponent, significand);
    f.return(1);
  };
  const infinity = (f: FunctionBuilder, destination: Local<'i32'>, sign: Expr<'i32'>): void =>
    exact(f, destination, i32.or(sign, EXPONENT_MAX), i64.const(INTEGER_BIT));
  const zero = (f: FunctionBuilder, destination: Local<'i32'>, sign: Expr<'i32'>): void =>
    exact(f, destination, sign, i64.const(0n));
  /** Sign of an exact zero sum of opposite signs: minus when rounding down. */
  const zeroSign = (): Expr<'i32'> => i32.shl(i32.eq(i32.and(control(), 0xc00), 0x400), 15);

  const sum = (negateB: boolean): BinaryOperation => {
    const finite = addFinite(round);
    return binary(
      (f, a, b, destination) => {
        f.if(
          i32.and(
            i32.and(i32.eq(a.exponent, b.exponent), i64.eq(a.significand, b.significand)),
            i32.ne(a.sign, b.sign),
          ),
          () => zero(f, destination, zeroSign()),
        );
        finite(f, a, b, destination);
      },
      (f, a, b, destination, on) => {
        f.if(i32.and(i32.and(isInfinite(a), isInfinite(b)), i32.ne(a.sign, b.sign)), on.invalid);
        on.denormal();
        f.if(isInfinite(a), () => infinity(f, destination, a.sign));
        f.if(isInfinite(b), () => infinity(f, destination, b.sign));
        f.if(isZero(a), () => {
          f.if(isZero(b), () => zero(f, destination, select(i32.eq(a.sign, b.sign), a.sign, zeroSign())));
          normalize(f, b);
          f.return(f.call(round, destination, b.sign, b.exponent, b.significand, i64.const(0n)));
        });
        f.if(isZero(b), () => {
          normalize(f, a);
          f.return(f.call(round, destination, a.sign, a.exponent, a.significand, i64.const(0n)));
        });
      },
      negateB,
    );
  };

  const multiply = binary(multiplyFinite(round), (f, a, b, destination, on) => {
    f.if(i32.or(i32.and(isInfinite(a), isZero(b)), i32.and(isInfinite(b), isZero(a))), on.invalid);
    on.denormal();
    const sign = f.let(i32.xor(a.sign, b.sign));
    f.if(i32.or(isInfinite(a), isInfinite(b)), () => infinity(f, destination, sign));
    f.if(i32.or(isZero(a), isZero(b)), () => zero(f, destination, sign));
  });

  const divideNormal = defineDivideNormal(m, round);
  const divide = binary(divideFinite(divideNormal), (f, a, b, destination, on) => {
    f.if(i32.or(i32.and(isInfinite(a), isInfinite(b)), i32.and(isZero(a), isZero(b))), on.invalid);
    const sign = f.let(i32.xor(a.sign, b.sign));
    f.if(i32.and(isZero(b), i32.eqz(isInfinite(a))), () => on.divisionByZero(sign));
    on.denormal();
    f.if(isInfinite(a), () => infinity(f, destination, sign));
    f.if(i32.or(isInfinite(b), isZero(a)), () => zero(f, destination, sign));
  });

  const squareRoot = m.function(['i32', 'i32'], 'i32', (f) => {
    const [destination, a] = f.params as unknown as [Local<'i32'>, Local<'i32'>];
    f.if(i32.eqz(isNormal(loadExponent(a), loadSignificand(a))), () => {
      const special = f.let(f.call(specials.nanUnary, destination, a));
      f.if(i32.ge_s(special, 0), () => f.return(special));
    });
    const x = unpack(f, a);
    f.if(isZero(x), () => zero(f, destination, x.sign));
    f.if(x.sign, () => f.return(f.call(specials.invalid, destination)));
    signalDenormal(f, signal, isDenormal(x.exponent, x.significand));
    f.if(isInfinite(x), () => infinity(f, destination, x.sign));
    normalize(f, x);
    // Radicand high:low = significand * 2^63 or 2^64, so that the exponent is even and the root has 64 bits.
    const odd = f.let(i64.extend_u(i32.and(x.exponent, 1)));
    const high = f.let(i64.shr_u(x.significand, odd));
    const low = f.let(i64.shl(i64.and(x.significand, odd), 63n));
    const exponent = f.let(i32.add(i32.shr_s(i32.sub(x.exponent, EXPONENT_BIAS), 1), EXPONENT_BIAS));
    const root = integerRoot(f, high, low);
    f.return(f.call(round, destination, i32.const(0), exponent, root.root, root.extra));
  });

  return { add: sum(false), subtract: sum(true), multiply, divide, divideNormal, squareRoot };
}

/**
 * floor(sqrt(high:low)) for high >= 2^62, and the fraction as `round` takes it: a double-precision estimate, one correction
 * by the remainder, then single steps.
 */
function integerRoot(
  f: FunctionBuilder,
  high: Local<'i64'>,
  low: Local<'i64'>,
): { root: Local<'i64'>; extra: Local<'i64'> } {
  const TWO_32 = 4294967296;
  /** An unsigned 64-bit number as a double. */
  const toDouble = (value: Expr<'i64'>): Expr<'f64'> =>
    f64.add(f64.mul(f64.convert_i64_s(i64.shr_u(value, 32n)), TWO_32), f64.convert_i64_s(i64.and(value, 0xffff_ffffn)));
  const estimate = f.let(f64.mul(f64.sqrt(toDouble(high)), TWO_32));
  // Kept below 2^64: the estimate of the largest radicands would round up to it.
  const root = f.let(
    select(f64.ge(estimate, 2 ** 64), i64.const(-1n), i64.shl(i64.trunc_sat_f64_s(f64.mul(estimate, 1 / 2048)), 11n)),
  );
  // remainder = radicand - root^2, a signed 128-bit number of about 77 bits
  const rest = (): { high: Local<'i64'>; low: Local<'i64'> } => {
    const square = multiplyWide(f, root, root);
    const borrow = f.let(i64.extend_u(i64.lt_u(low, square.low)));
    f.set(square.low, i64.sub(low, square.low));
    f.set(square.high, i64.sub(i64.sub(high, square.high), borrow));
    return square;
  };
  const first = rest();
  const correction = f.let(
    i64.trunc_sat_f64_s(
      f64.nearest(
        f64.div(f64.add(f64.mul(f64.convert_i64_s(first.high), 2 ** 64), toDouble(first.low)), f64.mul(estimate, 2)),
      ),
    ),
  );
  const corrected = f.let(i64.add(root, correction));
  // A root just below 2^64 corrected upwards wraps to small values.
  f.set(root, select(i64.ge_s(corrected, 0n), select(i64.gt_s(correction, 0n), i64.const(-1n), corrected), corrected));
  const remainder = rest();
  f.block((done) =>
    f.loop((again) => {
      f.brIf(done, i64.ge_s(remainder.high, 0n));
      // root too large: remainder += 2 root - 1, root -= 1
      addWide(f, remainder, i64.sub(i64.shl(root, 1n), 1n), i64.shr_u(root, 63n));
      f.set(root, i64.sub(root, 1n));
      f.br(again);
    }),
  );
  f.block((done) =>
    f.loop((again) => {
      // remainder > 2 root: root too small
      const doubledHigh = i64.shr_u(root, 63n);
      f.brIf(
        done,
        i32.eqz(
          i32.or(
            i64.gt_u(remainder.high, doubledHigh),
            i32.and(i64.eq(remainder.high, doubledHigh), i64.gt_u(remainder.low, i64.shl(root, 1n))),
          ),
        ),
      );
      const next = f.let(i64.add(i64.shl(root, 1n), 1n));
      const borrow = f.let(i64.extend_u(i64.lt_u(remainder.low, next)));
      f.set(remainder.low, i64.sub(remainder.low, next));
      f.set(remainder.high, i64.sub(i64.sub(remainder.high, i64.shr_u(root, 63n)), borrow));
      f.set(root, i64.add(root, 1n));
      f.br(again);
    }),
  );
  // (root + 1/2)^2 = root^2 + root + 1/4: the fraction is above one half if the remainder exceeds the root.
  const above = i32.or(i64.ne(remainder.high, 0n), i64.gt_u(remainder.low, root));
  const extra = f.let(
    select(
      i64.eqz(i64.or(remainder.high, remainder.low)),
      i64.const(0n),
      select(above, i64.const(3n << 62n), i64.const(1n)),
    ),
  );
  return { root, extra };
}

/** wide += high:low. */
function addWide(
  f: FunctionBuilder,
  wide: { high: Local<'i64'>; low: Local<'i64'> },
  low: Expr<'i64'>,
  high: Expr<'i64'>,
): void {
  const addend = f.let(low);
  f.set(wide.low, i64.add(wide.low, addend));
  f.set(wide.high, i64.add(i64.add(wide.high, high), i64.extend_u(i64.lt_u(wide.low, addend))));
}
