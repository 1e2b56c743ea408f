/** What every kind of vector file looks like to those who run it. */

/** A case as its file describes it, and what is different after running it. */
export interface Outcome {
  /** Name of the instruction form. */
  readonly form: string;
  /** The case in short: code bytes and initial registers, or operands. */
  readonly description: string;
  /** What differs from the capture; empty if nothing does. */
  readonly differences: readonly string[];
  /** Id of the entry of `differences.ts` that changed what is expected. */
  readonly listed?: string | undefined;
}

/** The cases of one file, ready to run. */
export interface Suite {
  /** Where the answers come from. */
  readonly source: string;
  /** Name under which the list of differences and the page know the file's cases: int, x87 … realmode, testfloat. */
  readonly group: string;
  readonly length: number;
  form(n: number): string;
  run(n: number): Outcome;
}

export interface MemoryRange {
  readonly address: number;
  readonly bytes: Uint8Array;
}

export const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');
export const hexOf = (value: number): string => (value >>> 0).toString(16);

/**
 * Differences between memory and what is expected of it, at most a few of them.
 * @param masks bits to compare, by address; bytes not named count in full
 */
export function compareMemory(
  actual: Uint8Array,
  expected: Uint8Array,
  masks: ReadonlyMap<number, number>,
  ignore: readonly [from: number, to: number],
): string[] {
  const found: string[] = [];
  const [from, to] = ignore;
  if (
    Buffer.compare(expected.subarray(0, from), actual.subarray(0, from)) === 0 &&
    Buffer.compare(expected.subarray(to), actual.subarray(to)) === 0
  )
    return found;
  for (let at = 0; at < expected.length && found.length < 6; at++) {
    if (at >= from && at < to) continue;
    if (((expected[at]! ^ actual[at]!) & (masks.get(at) ?? 0xff)) !== 0)
      found.push(`[${hexOf(at)}] ${hexOf(actual[at]!)}, expected ${hexOf(expected[at]!)}`);
  }
  return found;
}
