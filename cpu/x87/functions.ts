/**
 * Elementary functions in fixed-point arithmetic on big integers, with at least 100 good bits: more than the 64 of a register, so
 * that the result is off by no more than its last rounding. All are written as x * P(x^2) or with an error relative to the result.
 * Polynomials are Taylor series; constants are computed when first needed.
 */
import { bitLength } from './register-file.ts';

/** A number value * 2^scale. */
export interface Scaled {
  readonly value: bigint;
  readonly scale: number;
}

/** Fraction bits of series arguments and sums. */
export const BITS = 128;
const FRACTION = BigInt(BITS);
const ONE = 1n << FRACTION;

/** value * 2^scale as a fixed-point number with BITS fraction bits, rounded down. */
function toFixed({ value, scale }: Scaled): bigint {
  const shift = scale + BITS;
  if (shift >= 0) return value << BigInt(shift);
  // Numbers too small to matter need no long shift.
  return shift < -4096 ? 0n : value >> BigInt(-shift);
}

/** c[0] + x (c[1] + x (c[2] + …)) in fixed point. */
function polynomial(coefficients: readonly bigint[], x: bigint): bigint {
  let sum = 0n;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = coefficients[i]! + ((sum * x) >> FRACTION);
  return sum;
}

/** Coefficients 1/n! for n = first, first + step, …, alternating in sign if `alternate`. */
function factorials(first: number, step: number, count: number, alternate: boolean): bigint[] {
  const coefficients: bigint[] = [];
  let factorial = 1n;
  for (let n = 1; coefficients.length < count; n++) {
    if (n >= first && (n - first) % step === 0) {
      const sign = alternate && coefficients.length & 1 ? -1n : 1n;
      coefficients.push((sign * ONE) / factorial);
    }
    factorial *= BigInt(n + 1);
  }
  return coefficients;
}
/** Coefficients 1/(2n + 1), alternating in sign if `alternate`. */
const oddReciprocals = (count: number, alternate: boolean): bigint[] =>
  Array.from({ length: count }, (_, n) => ((alternate && n & 1 ? -1n : 1n) * ONE) / BigInt(2 * n + 1));

/** sin(x)/x and cos(x) by x^2 for |x| <= pi/4; (e^x - 1)/x for |x| <= ln 2. */
export const SINE = factorials(1, 2, 15, true);
export const COSINE = [ONE, ...factorials(2, 2, 15, true).map((c) => -c)];
export const EXPONENTIAL = factorials(1, 1, 28, false);
/** atan(x)/x for |x| <= 1/32 and atanh(x)/x for |x| <= 0.172, by x^2. */
export const ARCTANGENT = oddReciprocals(12, true);
export const HYPERBOLIC = oddReciprocals(23, false);

/** atanh(1/n) and atan(1/n), n > 1. */
function inverseSeries(n: bigint, alternate: boolean): bigint {
  let power = ONE / n;
  let sum = power;
  for (let k = 3n, sign = alternate ? -1n : 1n; power > 0n; k += 2n, sign = alternate ? -sign : sign) {
    power /= n * n;
    sum += (sign * power) / k;
  }
  return sum;
}
/** ln 2 = 2 atanh(1/3); pi = 16 atan(1/5) - 4 atan(1/239) (Machin). */
export const LN2 = 2n * inverseSeries(3n, false);
export const PI = 16n * inverseSeries(5n, true) - 4n * inverseSeries(239n, true);
/** 2 / ln 2 */
export const TWO_OVER_LN2 = (2n * ONE * ONE) / LN2;

/**
 * pi to 66 bits, as the processors use it to reduce arguments of trigonometric instructions (Intel SDM volume 1, section
 * 8.3.8): 0.C90FDAA2 2168C234 C * 2^2.
 */
export const PI_66: Scaled = { value: 0xc90fdaa22168c234cn, scale: -66 };

/** x reduced by multiples of pi/2: the rest, |rest| <= pi/4, and the multiple modulo 4. */
export function reduceAngle({ value, scale }: Scaled): { rest: Scaled; quadrant: number } {
  // In units of 2^-67, or of x's last place if that is finer: pi/2 = PI_66.value units of 2^-67.
  const unit = Math.min(scale, PI_66.scale - 1);
  // Small arguments (and only they have fine units) are their own rest.
  if (scale + bitLength(value < 0n ? -value : value) < 0) return { rest: { value, scale }, quadrant: 0 };
  const x = value << BigInt(scale - unit);
  const half = PI_66.value << BigInt(PI_66.scale - 1 - unit);
  // Nearest multiple: floor(x / half + 1/2).
  const doubled = 2n * x + half;
  let n = doubled / (2n * half);
  if (doubled < 0n && n * 2n * half !== doubled) n--;
  return { rest: { value: x - n * half, scale: unit }, quadrant: Number(BigInt.asUintN(2, n)) };
}

/** Keeps a factor that is less than 1 by too little to see on that side, for directed rounding. */
const below1 = (factor: bigint): bigint => (factor === ONE ? ONE - 1n : factor);

/** sin and cos of a reduced angle. */
export function sine({ value, scale }: Scaled): Scaled {
  const x = toFixed({ value, scale });
  const factor = below1(polynomial(SINE, (x * x) >> FRACTION));
  return { value: value * factor, scale: scale - BITS };
}
export function cosine(angle: Scaled): Scaled {
  const x = toFixed(angle);
  return { value: below1(polynomial(COSINE, (x * x) >> FRACTION)), scale: -BITS };
}

/** Quotient to 128 significant bits. */
export function divide(a: Scaled, b: Scaled): Scaled {
  const magnitude = (x: bigint): bigint => (x < 0n ? -x : x);
  const shift = Math.max(0, BITS + bitLength(magnitude(b.value)) - bitLength(magnitude(a.value) || 1n));
  return { value: (a.value << BigInt(shift)) / b.value, scale: a.scale - b.scale - shift };
}

/** 2^x - 1 for |x| <= 1. */
export function exponentialLessOne({ value, scale }: Scaled): Scaled {
  const factor = polynomial(EXPONENTIAL, (toFixed({ value, scale }) * LN2) >> FRACTION);
  return { value: value * ((factor * LN2) >> FRACTION), scale: scale - BITS };
}

/** log2((1 + z) / (1 - z)) for |z| <= 0.172. */
function logarithmOfRatio(z: Scaled): Scaled {
  const x = toFixed(z);
  const factor = polynomial(HYPERBOLIC, (x * x) >> FRACTION);
  return { value: z.value * ((factor * TWO_OVER_LN2) >> FRACTION), scale: z.scale - BITS };
}
/** Significand of sqrt 2 in 64 bits, to split there. */
const SQRT2 = 0xb504_f333_f9de_6484n;
/** log2 of a positive number. */
export function logarithm({ value, scale }: Scaled): Scaled {
  const length = bitLength(value);
  const significand = length > 64 ? value >> BigInt(length - 64) : value << BigInt(64 - length);
  // x = m * 2^e with m between sqrt(1/2) and sqrt(2)
  const e = scale + length - (significand > SQRT2 ? 0 : 1);
  const one = 1n << BigInt(Math.max(0, e - scale));
  const m = value << BigInt(Math.max(0, scale - e));
  if (m === one) return { value: BigInt(e), scale: 0 };
  const rest = logarithmOfRatio(divide({ value: m - one, scale: 0 }, { value: m + one, scale: 0 }));
  if (e === 0) return rest;
  return { value: (BigInt(e) << FRACTION) + toFixed(rest), scale: -BITS };
}
/** log2(1 + x), x > -1. */
export function logarithmOnePlus({ value, scale }: Scaled): Scaled {
  // For |x| < 0.25 the sum 1 + x would cost places, or be very long.
  if (scale + bitLength(value < 0n ? -value : value) <= -2) {
    // z = x / (2 + x)
    const small = scale < -4 * BITS ? 2n << FRACTION : (2n << BigInt(-scale)) + value;
    return logarithmOfRatio(divide({ value, scale }, { value: small, scale: scale < -4 * BITS ? -BITS : scale }));
  }
  if (scale >= 0) return logarithm({ value: (value << BigInt(scale)) + 1n, scale: 0 });
  return logarithm({ value: value + (1n << BigInt(-scale)), scale });
}

/** atan(k/16) for k = 0 to 16. */
let arctangents: bigint[] | undefined;
export function arctangentTable(): bigint[] {
  if (!arctangents) {
    // atan((k+1)/16) = atan(k/16) + atan(d) with d = 16 / (256 + k (k + 1))
    arctangents = [0n];
    for (let k = 0n; k < 16n; k++) {
      const d = (16n * ONE) / (256n + k * (k + 1n));
      const step = (d * polynomial(ARCTANGENT_WIDE, (d * d) >> FRACTION)) >> FRACTION;
      arctangents.push(arctangents[Number(k)]! + step);
    }
  }
  return arctangents;
}
const ARCTANGENT_WIDE = oddReciprocals(18, true);

/** Angle of the point (x, y), both positive: 0 to pi/2. */
function firstQuadrant(y: Scaled, x: Scaled): Scaled {
  const ratio = divide(y, x);
  const t = toFixed(ratio);
  if (t > ONE) {
    // atan(t) = pi/2 - atan(1/t)
    const complement = toFixed(firstQuadrant(x, y));
    return { value: PI / 2n - complement, scale: -BITS };
  }
  const k = (t * 16n + ONE / 2n) >> FRACTION;
  if (k === 0n)
    return { value: ratio.value * below1(polynomial(ARCTANGENT, (t * t) >> FRACTION)), scale: ratio.scale - BITS };
  const d = ((16n * t - k * ONE) << FRACTION) / (16n * ONE + k * t);
  const part = (d * polynomial(ARCTANGENT, (d * d) >> FRACTION)) >> FRACTION;
  return { value: arctangentTable()[Number(k)]! + part, scale: -BITS };
}
/** Angle of the point (x, y) for positive y, from 0 to pi. `x` negative means the second quadrant. */
export function arctangent(y: Scaled, x: Scaled): Scaled {
  if (x.value > 0n) return firstQuadrant(y, x);
  const acute = firstQuadrant(y, { value: -x.value, scale: x.scale });
  return { value: PI - toFixed(acute), scale: -BITS };
}

/** n/4 * pi, for the exact directions of arctangents. */
export const quarterTurns = (n: number): Scaled => ({ value: BigInt(n) * PI, scale: -BITS - 2 });
