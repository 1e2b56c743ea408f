/**
 * Where this processor differs from the one that the hardware vectors were captured on, and why. An entry replaces what such a
 * case expects; everything else about the case is compared as always, so a listed case can fail.
 *
 * Undefined flags are no entries here: the vectors mark them (`u`, `us`, `ru`, `k`), after the Intel SDM's descriptions of the
 * instructions.
 */
import { bytesOf } from './suite.ts';
import type { Case, MemoryPatch, RegisterValue } from './vectors.ts';

export interface Situation {
  /** Group of the file: int, x87 … */
  readonly group: string;
  readonly test: Case;
  readonly initial: Readonly<Record<string, RegisterValue>>;
  /** Memory before the case; not to be changed. */
  readonly memory: Uint8Array;
}

export interface Difference {
  readonly id: string;
  readonly title: string;
  /** What the capture shows, what is expected instead. */
  readonly reason: string;
  /** The manual that decides. */
  readonly source: string;
  /** The case with the expectation changed, or undefined if the entry does not apply. */
  adjust(situation: Situation): Case | undefined;
}

const ADDRESS_SIZE = 0x67;
const OPERAND_SIZE = 0x66;
const REP = [0xf2, 0xf3];
const MOVS = [0xa4, 0xa5];
const DIRECTION = 0x400;
/** Longest case there is: a whole 16-bit segment. */
const LONGEST = 0x10000;

/** Memory that differs, as a case lists it. */
function changes(before: Uint8Array, after: Uint8Array): MemoryPatch[] {
  const patches: MemoryPatch[] = [];
  for (let at = 0; at < before.length; at++) {
    if (before[at] === after[at]) continue;
    let end = at + 1;
    while (end < before.length && before[end] !== after[end]) end++;
    patches.push([at, Buffer.from(after.subarray(at, end)).toString('hex')]);
    at = end;
  }
  return patches;
}

/** REP MOVS with a 67h prefix in the flat 32-bit segment: SI, DI, CX, and the same steps one element at a time. */
function copyByElements({ test, initial, memory }: Situation): Uint8Array | undefined {
  const code = bytesOf(test.b);
  const opcode = code.findIndex((byte) => MOVS.includes(byte));
  if (opcode < 1 || opcode !== code.length - 1 || test.x !== undefined) return undefined;
  const prefixes = [...code.subarray(0, opcode)];
  const known = prefixes.every((byte) => [ADDRESS_SIZE, OPERAND_SIZE, ...REP].includes(byte));
  if (!known || !prefixes.includes(ADDRESS_SIZE) || !prefixes.some((byte) => REP.includes(byte))) return undefined;
  const width = code[opcode] === 0xa4 ? 1 : prefixes.includes(OPERAND_SIZE) ? 2 : 4;
  const number = (name: string): number => initial[name] as number;
  const [esi, edi, count] = [number('esi'), number('edi'), number('ecx') & 0xffff];
  const from = esi & 0xffff;
  const to = edi & 0xffff;
  const forward = (number('efl') & DIRECTION) === 0;
  const overlap = to > from && to < from + count * width;
  if (!forward || !overlap || esi >>> 16 === edi >>> 16 || to + count * width > LONGEST) return undefined;
  const after = memory.slice();
  for (let n = 0; n < count; n++) {
    const at = n * width;
    after.copyWithin(to + at, from + at, from + at + width);
  }
  return after;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    id: 'int1-eip',
    title: 'INT1 (opcode F1h): saved EIP',
    reason:
      'The capture shows EIP at the INT1 instruction when #DB is reported. Here, as on the parts the manual describes, the saved EIP is ' +
      'that of the next instruction. What stood between the program and the processor during the capture may account for it.',
    source: 'Intel SDM volume 2, "INT n/INTO/INT3/INT1": the saved EIP is the instruction following the INT',
    adjust({ test, initial }) {
      const captured = test.o?.['eip'] ?? initial['eip'];
      if (test.b !== 'f1' || test.x !== 1 || captured !== initial['eip']) return undefined;
      return { ...test, o: { ...test.o, eip: (initial['eip'] as number) + 1 } };
    },
  },
  {
    id: 'rep-movs-overlap',
    title: 'REP MOVS with a 67h prefix onto an overlapping destination',
    reason:
      'With 16-bit addresses in a 32-bit segment, DF = 0, the destination a few bytes above the source and different upper halves of ' +
      'ESI and EDI, the captured part copies several bytes at a time, as if it compared the whole registers to find the overlap and ' +
      'missed it. The same instruction without the prefix, or with DF = 1, copies element by element there, too. Here every REP MOVS does.',
    source: 'Intel SDM volume 2, "MOVS" and "REP": each iteration moves one element before SI and DI advance',
    adjust(situation) {
      if (situation.group !== 'int') return undefined;
      const after = copyByElements(situation);
      if (after === undefined) return undefined;
      const w = changes(situation.memory, after);
      const captured = situation.memory.slice();
      for (const [at, hex] of situation.test.w ?? []) captured.set(bytesOf(hex), at);
      if (Buffer.compare(captured, after) === 0) return undefined;
      return { ...situation.test, w };
    },
  },
];

/** The case as it is expected here, and the entry that changed it. */
export function adjusted(situation: Situation): { test: Case; listed: string | undefined } {
  for (const difference of DIFFERENCES) {
    const test = difference.adjust(situation);
    if (test) return { test, listed: difference.id };
  }
  return { test: situation.test, listed: undefined };
}
