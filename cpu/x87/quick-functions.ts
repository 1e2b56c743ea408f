/**
 * The transcendental instructions on pairs of doubles, some ten times as fast as the big integers of functions.ts. The error stays far below
 * 2^-20 of a register's last place; where a result is so near to a number or to the middle between two that this might matter for
 * rounding or C1, where operands are not normal or of unusual size, and unless rounding is to nearest and masked, nothing
 * happens and the caller goes the exact way. The results are therefore the same.
 */
import { STATE } from '../layout.ts';
import type { CpuState } from '../state.ts';
import { add, divide, evaluate, fromFixed, multiply, polynomial, result, settle } from './double-double.ts';
import { EXPONENT_BIAS, STATUS } from './format.ts';
import * as exact from './functions.ts';

const SINE = polynomial(exact.SINE, exact.BITS, 7);
const COSINE = polynomial(exact.COSINE, exact.BITS, 7);
const EXPONENTIAL = polynomial(exact.EXPONENTIAL, exact.BITS, 13);
const HYPERBOLIC = polynomial(exact.HYPERBOLIC, exact.BITS, 8);
const ARCTANGENT = polynomial(exact.ARCTANGENT, exact.BITS, 5);
const [LN2_HIGH, LN2_LOW] = fromFixed(exact.LN2, exact.BITS);
const [TWO_OVER_LN2_HIGH, TWO_OVER_LN2_LOW] = fromFixed(exact.TWO_OVER_LN2, exact.BITS);
const [PI_HIGH, PI_LOW] = fromFixed(exact.PI, exact.BITS);
/** Half of the 66-bit pi in parts of 33 bits, whose products with small numbers are exact. */
const HALF_PI_FIRST = Number(exact.PI_66.value >> 34n) * 2 ** (34 + exact.PI_66.scale - 1);
const HALF_PI_SECOND = Number(exact.PI_66.value & 0x3_ffff_ffffn) * 2 ** (exact.PI_66.scale - 1);
const TWO_OVER_PI = 2 / Math.PI;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/** 2^n for normal doubles. */
function power(n: number): number {
  words[0] = 0;
  words[1] = (n + 1023) << 20;
  return double[0]!;
}

/** How near to a number, or to the middle of two, in units of the last place, a result may not be. */
const MARGIN = 2 ** -20;
/** Operands between 2^-RANGE and 2^RANGE are taken. */
const RANGE = 300;
/** Round to nearest and inexact masked. */
const isUsualControl = (state: CpuState): boolean => (state.get(STATE.X87_CONTROL) & 0xc20) === 0x20;

/** Registers of an instruction, by their places in memory. */
const place = (state: CpuState, i: number): number => STATE.X87_REGISTERS + 16 * ((state.get(STATE.X87_TOP) + i) & 7);
const inUse = (state: CpuState, i: number): boolean =>
  ((state.get(STATE.X87_IN_USE) >> ((state.get(STATE.X87_TOP) + i) & 7)) & 1) !== 0;
const signAndExponent = (state: CpuState, at: number): number => state.u16[(at + 8) >> 1]!;

/** Leaves significand * 2^(exponent - 63) of a normal register. */
function readSignificand(state: CpuState, at: number, exponent: number): void {
  const low = state.u32[at >> 2]!;
  const high = state.u32[(at >> 2) + 1]!;
  const unit = power(exponent - 63);
  settle((high * 0x1_0000_0000 + (low >>> 11) * 2048) * unit, (low & 0x7ff) * unit);
}
/** Leaves the magnitude of a normal register and is true if it is of usual size. */
function read(state: CpuState, at: number): boolean {
  const exponent = (signAndExponent(state, at) & 0x7fff) - EXPONENT_BIAS;
  if (exponent > RANGE || exponent < -RANGE || state.i32[(at >> 2) + 1]! >= 0) return false;
  readSignificand(state, at, exponent);
  return true;
}

/** Rounded results that wait for their instruction's end: significand halves, sign and exponent; and C1. */
interface Rounded {
  low: number;
  high: number;
  word: number;
  c1: number;
}
const first: Rounded = { low: 0, high: 0, word: 0, c1: 0 };
const second: Rounded = { low: 0, high: 0, word: 0, c1: 0 };

/** Rounds high + low; false if the error of the two could be seen. */
function round(into: Rounded, high: number, low: number, negate: boolean): boolean {
  const negative = high < 0;
  double[0] = negative ? -high : high;
  const top = words[1]!;
  const bottom = words[0]!;
  const exponent = (top >>> 20) - 1023;
  if (exponent > 2 * RANGE || exponent < -2 * RANGE) return false;
  // In units of the last of 64 places; the double's own last place is worth 2048.
  const below = (negative ? -low : low) * power(63 - exponent);
  const whole = Math.floor(below + 0.5);
  const fraction = below - whole;
  const distance = Math.abs(fraction);
  if (!(distance > MARGIN && distance < 0.5 - MARGIN)) return false;
  let lower = ((bottom << 11) >>> 0) + whole;
  let upper = (((top & 0xfffff) | 0x100000) << 11) | (bottom >>> 21);
  upper >>>= 0;
  if (lower < 0) {
    lower += 0x1_0000_0000;
    upper--;
  } else if (lower > 0xffff_ffff) {
    lower -= 0x1_0000_0000;
    upper++;
  }
  // Powers of two are left by a step to either side.
  if (upper < 0x8000_0000 || upper > 0xffff_ffff) return false;
  into.low = lower;
  into.high = upper;
  into.word = (exponent + EXPONENT_BIAS) | (negative !== negate ? 0x8000 : 0);
  into.c1 = fraction < 0 ? STATUS.C1 : 0;
  return true;
}
function write(state: CpuState, at: number, { low, high, word }: Rounded): void {
  state.u32[at >> 2] = low;
  state.u32[(at >> 2) + 1] = high;
  state.u16[(at + 8) >> 1] = word;
}
/** Reports an inexact result. `cleared`: condition codes that become 0 besides C1. */
function report(state: CpuState, { c1 }: Rounded, cleared = 0): void {
  state.set(STATE.X87_STATUS, (state.get(STATE.X87_STATUS) & ~(STATUS.C1 | cleared)) | STATUS.PE | c1);
}
function pop(state: CpuState): void {
  const top = state.get(STATE.X87_TOP);
  state.set(STATE.X87_IN_USE, state.get(STATE.X87_IN_USE) & ~(1 << top));
  state.set(STATE.X87_TOP, (top + 1) & 7);
}
function pushPlace(state: CpuState): number {
  const top = (state.get(STATE.X87_TOP) - 1) & 7;
  state.set(STATE.X87_TOP, top);
  state.set(STATE.X87_IN_USE, state.get(STATE.X87_IN_USE) | (1 << top));
  return STATE.X87_REGISTERS + 16 * top;
}

/** Largest multiple of pi/2 that is taken off: products with it stay exact. */
const QUADRANTS = 1 << 19;

/** Leaves ST(0) reduced to |rest| <= pi/4 and returns the quadrant 0-3, or -1. */
function reducedAngle(state: CpuState): number {
  const at = place(state, 0);
  if (!inUse(state, 0) || !read(state, at)) return -1;
  let high = result[0]!;
  let low = result[1]!;
  if (signAndExponent(state, at) & 0x8000) {
    high = -high;
    low = -low;
  }
  // The same rule as in functions.ts: small angles are their own rest.
  if (Math.abs(high) < 0.5) {
    settle(high, low);
    return 0;
  }
  const n = Math.round(high * TWO_OVER_PI);
  if (n > QUADRANTS || n < -QUADRANTS) return -1;
  let rest = 0;
  for (const part of [-n * HALF_PI_FIRST, -n * HALF_PI_SECOND, low]) {
    const sum = high + part;
    const b = sum - high;
    rest += high - (sum - b) + (part - b);
    high = sum;
  }
  settle(high, rest);
  // Near pi/4 the multiple might be the other one.
  const size = Math.abs(result[0]!);
  return size > 0.78539 || size < 2 ** -60 ? -1 : n & 3;
}
/** Sine or cosine of the reduced angle. */
function sine(high: number, low: number): void {
  multiply(high, low, high, low);
  evaluate(SINE, result[0]!, result[1]!);
  multiply(result[0]!, result[1]!, high, low);
}
function cosine(high: number, low: number): void {
  multiply(high, low, high, low);
  evaluate(COSINE, result[0]!, result[1]!);
}
function roundCircular(into: Rounded, high: number, low: number, turn: number): boolean {
  if (turn & 1) cosine(high, low);
  else sine(high, low);
  return round(into, result[0]!, result[1]!, (turn & 2) !== 0);
}

/** Does the whole instruction but traps and bookkeeping and returns true, or returns false with nothing changed. */
export type Quick = (state: CpuState) => boolean;

/** FSIN (0) and FCOS (1). */
export const quickSine =
  (shift: 0 | 1): Quick =>
  (state) => {
    if (!isUsualControl(state)) return false;
    const quadrant = reducedAngle(state);
    if (quadrant < 0 || !roundCircular(first, result[0]!, result[1]!, quadrant + shift)) return false;
    write(state, place(state, 0), first);
    report(state, first, STATUS.C2);
    return true;
  };
export const quickSineCosine: Quick = (state) => {
  if (!isUsualControl(state) || inUse(state, 7)) return false;
  const quadrant = reducedAngle(state);
  if (quadrant < 0) return false;
  const high = result[0]!;
  const low = result[1]!;
  if (!roundCircular(first, high, low, quadrant) || !roundCircular(second, high, low, quadrant + 1)) return false;
  write(state, place(state, 0), first);
  write(state, pushPlace(state), second);
  report(state, first, STATUS.C2);
  return true;
};
const ONE: Rounded = { low: 0, high: 0x8000_0000, word: EXPONENT_BIAS, c1: 0 };
export const quickTangent: Quick = (state) => {
  if (!isUsualControl(state) || inUse(state, 7)) return false;
  const quadrant = reducedAngle(state);
  if (quadrant < 0) return false;
  const high = result[0]!;
  const low = result[1]!;
  sine(high, low);
  const sineHigh = result[0]!;
  const sineLow = result[1]!;
  cosine(high, low);
  if (quadrant & 1) divide(result[0]!, result[1]!, sineHigh, sineLow);
  else divide(sineHigh, sineLow, result[0]!, result[1]!);
  if (!round(first, result[0]!, result[1]!, (quadrant & 1) !== 0)) return false;
  write(state, place(state, 0), first);
  write(state, pushPlace(state), ONE);
  report(state, first, STATUS.C2);
  return true;
};

/** F2XM1 of |x| < 1. */
export const quickExponential: Quick = (state) => {
  const at = place(state, 0);
  if (!isUsualControl(state) || !inUse(state, 0) || !read(state, at) || result[0]! >= 1) return false;
  const sign = signAndExponent(state, at) & 0x8000 ? -1 : 1;
  multiply(sign * result[0]!, sign * result[1]!, LN2_HIGH, LN2_LOW);
  const high = result[0]!;
  const low = result[1]!;
  evaluate(EXPONENTIAL, high, low);
  multiply(result[0]!, result[1]!, high, low);
  if (!round(first, result[0]!, result[1]!, false)) return false;
  write(state, at, first);
  report(state, first);
  return true;
};

/** Leaves log2((1 + z) / (1 - z)) of z = a / b. */
function logarithmOfRatio(ah: number, al: number, bh: number, bl: number): void {
  divide(ah, al, bh, bl);
  const high = result[0]!;
  const low = result[1]!;
  multiply(high, low, high, low);
  evaluate(HYPERBOLIC, result[0]!, result[1]!);
  multiply(result[0]!, result[1]!, TWO_OVER_LN2_HIGH, TWO_OVER_LN2_LOW);
  multiply(result[0]!, result[1]!, high, low);
}
/** ST(1) times the logarithm just left; the result replaces ST(1) and the stack is popped. */
function finishLogarithm(state: CpuState): boolean {
  const high = result[0]!;
  const low = result[1]!;
  const to = place(state, 1);
  if (!read(state, to)) return false;
  multiply(result[0]!, result[1]!, high, low);
  if (!round(first, result[0]!, result[1]!, (signAndExponent(state, to) & 0x8000) !== 0)) return false;
  write(state, to, first);
  report(state, first);
  pop(state);
  return true;
}
/** FYL2X of a normal number that is no power of two. */
export const quickLogarithm: Quick = (state) => {
  const at = place(state, 0);
  const word = signAndExponent(state, at);
  if (!isUsualControl(state) || !inUse(state, 0) || !inUse(state, 1)) return false;
  if (word === 0 || word >= 0x7fff || state.i32[(at >> 2) + 1]! >= 0) return false;
  let exponent = word - EXPONENT_BIAS;
  readSignificand(state, at, 0);
  let high = result[0]!;
  let low = result[1]!;
  if (high === 1 && low === 0) return false;
  if (high > Math.SQRT2) {
    high /= 2;
    low /= 2;
    exponent++;
  }
  settle(high - 1, low);
  const numerator = result[0]!;
  const rest = result[1]!;
  add(high, low, 1, 0);
  logarithmOfRatio(numerator, rest, result[0]!, result[1]!);
  if (exponent) add(exponent, 0, result[0]!, result[1]!);
  return finishLogarithm(state);
};
/** FYL2XP1 of |x| < 1/4. */
export const quickLogarithmOnePlus: Quick = (state) => {
  const at = place(state, 0);
  if (!isUsualControl(state) || !inUse(state, 0) || !inUse(state, 1)) return false;
  if (!read(state, at) || result[0]! >= 0.25) return false;
  const sign = signAndExponent(state, at) & 0x8000 ? -1 : 1;
  const high = sign * result[0]!;
  const low = sign * result[1]!;
  add(2, 0, high, low);
  logarithmOfRatio(high, low, result[0]!, result[1]!);
  return finishLogarithm(state);
};

const TABLE = exact.arctangentTable().map((value) => fromFixed(value, exact.BITS));

/** FPATAN of two normal numbers. */
export const quickArctangent: Quick = (state) => {
  if (!isUsualControl(state) || !inUse(state, 0) || !inUse(state, 1)) return false;
  const to = place(state, 1);
  const from = place(state, 0);
  if (!read(state, from)) return false;
  const xh = result[0]!;
  const xl = result[1]!;
  if (!read(state, to)) return false;
  const yh = result[0]!;
  const yl = result[1]!;
  const steep = yh > xh;
  if (steep) divide(xh, xl, yh, yl);
  else divide(yh, yl, xh, xl);
  // atan(t) = atan(k/16) + atan((16 t - k) / (16 + k t))
  const k = Math.round(result[0]! * 16);
  if (k) {
    const th = result[0]!;
    const tl = result[1]!;
    settle(16 * th - k, 16 * tl);
    const nh = result[0]!;
    const nl = result[1]!;
    multiply(k, 0, th, tl);
    add(16, 0, result[0]!, result[1]!);
    divide(nh, nl, result[0]!, result[1]!);
  }
  const dh = result[0]!;
  const dl = result[1]!;
  multiply(dh, dl, dh, dl);
  evaluate(ARCTANGENT, result[0]!, result[1]!);
  multiply(result[0]!, result[1]!, dh, dl);
  if (k) add(TABLE[k]![0], TABLE[k]![1], result[0]!, result[1]!);
  if (steep) add(PI_HIGH / 2, PI_LOW / 2, -result[0]!, -result[1]!);
  if (signAndExponent(state, from) & 0x8000) add(PI_HIGH, PI_LOW, -result[0]!, -result[1]!);
  if (!round(first, result[0]!, result[1]!, (signAndExponent(state, to) & 0x8000) !== 0)) return false;
  write(state, to, first);
  report(state, first);
  pop(state);
  return true;
};
