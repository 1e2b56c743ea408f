/** The files of the CPU conformance data in the shared folder beside the checkout: schema `x86case-1` of its README. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const FOLDER = new URL('../../../shared/conformance/hw/', import.meta.url);

export type RegisterValue = number | string;
/** [address, bytes in hexadecimal] */
export type MemoryPatch = readonly [number, string];

export interface Header {
  readonly group: string;
  readonly memsize: number;
  readonly fill: number;
  readonly mem: readonly MemoryPatch[];
  readonly gdtr: readonly [number, number];
  readonly idtr: readonly [number, number];
  readonly ldtr: number;
  readonly tr: number;
  readonly cr0: number;
  readonly cr4: number;
  readonly code: number;
  /** Memory not to compare, [from, to). */
  readonly ignore: readonly [number, number];
  readonly default: Readonly<Record<string, RegisterValue>>;
}

export interface Case {
  /** Name of the form. */
  readonly f: string;
  /** Code bytes. */
  readonly b: string;
  /** Initial registers and memory. */
  readonly i?: Readonly<Record<string, RegisterValue>>;
  readonly m?: readonly MemoryPatch[];
  /** Registers and memory that differ afterwards. */
  readonly o?: Readonly<Record<string, RegisterValue>>;
  readonly w?: readonly MemoryPatch[];
  /** Exception and its error code. */
  readonly x?: number;
  readonly e?: number;
  /** Undefined bits: of EFLAGS, of the x87 status word, of registers. */
  readonly u?: number;
  readonly us?: number;
  readonly ru?: Readonly<Record<string, number>>;
  /** Memory masks. */
  readonly k?: readonly MemoryPatch[];
  /** Tolerance: 1, 2 transcendental, 3 approximation. */
  readonly t?: number;
}

export interface CaseFile {
  readonly header: Header;
  /** Every `step`-th case from number `first` on. */
  cases(step?: number, first?: number): Generator<Case>;
}

/** True if the files are there; on CI they must be. */
export const vectorsPresent = existsSync(FOLDER) || process.env['CI'] !== undefined;
/** For the title of a skipped suite. */
export const absence = vectorsPresent ? '' : ' (skipped: no ../shared/conformance beside the checkout)';

export function openVectors(name: string): CaseFile {
  const lines = gunzipSync(readFileSync(new URL(`${name}.jsonl.gz`, FOLDER)))
    .toString('utf8')
    .split('\n')
    .filter(Boolean);
  return {
    header: JSON.parse(lines[0]!) as Header,
    *cases(step = 1, first = 0) {
      for (let n = 1 + first; n < lines.length; n += step) yield JSON.parse(lines[n]!) as Case;
    },
  };
}
