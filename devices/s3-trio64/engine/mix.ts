/**
 * The sixteen mixes of the graphics engine in one form, so that pixels need no branch:
 * `result = a ^ (b & source) ^ (c & destination) ^ (e & source & destination)`, with masks of all zeros or all ones.
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.3, "Mixes" (registers B6E8 and BAE8).
 */

/** Masks of one mix; the write mask can be folded in, see `masked`. */
export interface Mix {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly e: number;
}

/** Result bit for (source, destination) = 00, 01, 10, 11, by mix code. */
const TRUTH: readonly (readonly [number, number, number, number])[] = [
  [1, 0, 1, 0], // not D
  [0, 0, 0, 0], // 0
  [1, 1, 1, 1], // 1
  [0, 1, 0, 1], // D
  [1, 1, 0, 0], // not S
  [0, 1, 1, 0], // S xor D
  [1, 0, 0, 1], // not (S xor D)
  [0, 0, 1, 1], // S
  [1, 1, 1, 0], // not S or not D
  [1, 1, 0, 1], // not S or D
  [1, 0, 1, 1], // S or not D
  [0, 1, 1, 1], // S or D
  [0, 0, 0, 1], // S and D
  [0, 0, 1, 0], // S and not D
  [0, 1, 0, 0], // not S and D
  [1, 0, 0, 0], // not S and not D
];

const MIXES: readonly Mix[] = TRUTH.map(([f00, f01, f10, f11]) => ({
  a: -f00,
  b: -(f00 ^ f10),
  c: -(f00 ^ f01),
  e: -(f00 ^ f01 ^ f10 ^ f11),
}));

/** The mix of a code, with the bits of the destination that `writeMask` protects kept. */
export function masked(code: number, writeMask: number): Mix {
  const { a, b, c, e } = MIXES[code & 15]!;
  return { a: a & writeMask, b: b & writeMask, c: (c & writeMask) | ~writeMask, e: e & writeMask };
}

/** A mix whose source is known: `result = base ^ (keep & destination)`. */
export interface Fixed {
  readonly base: number;
  readonly keep: number;
}

export function fix({ a, b, c, e }: Mix, source: number): Fixed {
  return { base: a ^ (b & source), keep: c ^ (e & source) };
}

export function apply({ a, b, c, e }: Mix, source: number, destination: number): number {
  return a ^ (b & source) ^ (c & destination) ^ (e & source & destination);
}
