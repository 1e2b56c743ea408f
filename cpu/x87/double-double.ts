/**
 * Numbers as unevaluated sums of two doubles, about 106 bits, without allocation: results are left in HIGH and LOW. The
 * algorithms are those of Dekker, "A floating-point technique for extending the available precision" (1971), and Knuth, The Art of Computer
 * Programming 2, 4.2.2.
 */

/** The result of the last operation: its leading double and the rest, at most half a unit in the last place of that. */
export const result: Float64Array = new Float64Array(2);

/** 2^27 + 1, which splits a double into two halves of 26 bits. */
const SPLITTER = 134217729;

/** Leaves the sum of a larger and a smaller part. */
export function settle(high: number, low: number): void {
  const sum = high + low;
  result[0] = sum;
  result[1] = low - (sum - high);
}

/** Error of the product p of two doubles. */
function productError(a: number, b: number, p: number): number {
  let t = SPLITTER * a;
  const a1 = t - (t - a);
  const a0 = a - a1;
  t = SPLITTER * b;
  const b1 = t - (t - b);
  const b0 = b - b1;
  return a1 * b1 - p + a1 * b0 + a0 * b1 + a0 * b0;
}

export function multiply(ah: number, al: number, bh: number, bl: number): void {
  const p = ah * bh;
  settle(p, productError(ah, bh, p) + (ah * bl + al * bh));
}

/** Sum of numbers that do not nearly cancel. */
export function add(ah: number, al: number, bh: number, bl: number): void {
  const s = ah + bh;
  const b = s - ah;
  settle(s, ah - (s - b) + (bh - b) + (al + bl));
}

export function divide(ah: number, al: number, bh: number, bl: number): void {
  const q = ah / bh;
  const p = q * bh;
  // The remainder of the first digit is exact to the places that count.
  const r = ah - p - productError(q, bh, p) + al - q * bl;
  const q2 = r / bh;
  const s = q + q2;
  // One more digit.
  const low = q2 - (s - q);
  multiply(bh, bl, s, low);
  const d = ah - result[0]! + (al - result[1]!);
  settle(s, low + d / bh);
}

/** Coefficients c[0], c[1] …: the first `exact` ones with both parts. */
export interface Polynomial {
  readonly high: Float64Array;
  readonly low: Float64Array;
  readonly exact: number;
}

/** A fixed-point number with `bits` fraction bits in two doubles. */
export function fromFixed(value: bigint, bits: number): readonly [number, number] {
  const high = Number(value);
  return [high * 2 ** -bits, Number(value - BigInt(high)) * 2 ** -bits];
}

/** `exact`: how many coefficients matter beyond the precision of a double. */
export function polynomial(coefficients: readonly bigint[], bits: number, exact: number): Polynomial {
  const pairs = coefficients.map((c) => fromFixed(c, bits));
  return { high: Float64Array.from(pairs, (p) => p[0]), low: Float64Array.from(pairs, (p) => p[1]), exact };
}

/** c[0] + z (c[1] + z (c[2] + …)), where each step is smaller than the coefficient before it. */
export function evaluate({ high, low, exact }: Polynomial, zh: number, zl: number): void {
  let sh = 0;
  for (let i = high.length - 1; i >= exact; i--) sh = high[i]! + sh * zh;
  let t = SPLITTER * zh;
  const z1 = t - (t - zh);
  const z0 = zh - z1;
  let sl = 0;
  for (let i = exact - 1; i >= 0; i--) {
    const p = sh * zh;
    t = SPLITTER * sh;
    const s1 = t - (t - sh);
    const s0 = sh - s1;
    const e = s1 * z1 - p + s1 * z0 + s0 * z1 + s0 * z0 + (sh * zl + sl * zh);
    const c = high[i]!;
    const sum = c + p;
    const rest = p - (sum - c) + (low[i]! + e);
    sh = sum + rest;
    sl = rest - (sh - sum);
  }
  result[0] = sh;
  result[1] = sl;
}
