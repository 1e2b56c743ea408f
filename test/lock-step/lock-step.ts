/**
 * Two machines with the same guest, one of them compiling, run side by side: the same number of instructions at a time, and after each
 * run everything that a guest could see is compared. Both tiers look at the budget at the same places, so that they must stop
 * at the same instruction.
 */
import { spawnSync } from 'node:child_process';
import type { JitConfiguration } from './configurations.ts';
import type { MakeSubject } from './guests.ts';
import { differences, differingMemory, stateOf, type Subject } from './subject.ts';

export interface LockStepOptions {
  /** The two configurations; the interpreter and the default one without. */
  readonly configurations?: readonly [JitConfiguration, JitConfiguration];
  /** Instructions at a time. */
  readonly chunk?: number;
  /** Compare memory after so many chunks. */
  readonly memoryEvery?: number;
  /** Stop when this has been printed … */
  readonly until?: string | undefined;
  /** … or after so many instructions. */
  readonly instructions?: number;
  readonly progress?: ((executed: number, subjects: readonly [Subject, Subject]) => void) | undefined;
}

export interface LockStepOutcome {
  readonly chunks: number;
  readonly executed: number;
  readonly output: string;
  readonly ended: string | undefined;
  /** What the second machine's compiler has done. */
  readonly statistics: Subject['processor']['jitStatistics'];
  /** Milliseconds spent in either machine. */
  readonly milliseconds: readonly [number, number];
  /** Empty if all was the same. */
  readonly differences: readonly string[];
}

const DEFAULT_CHUNK = 20_000;
const MEMORY_EVERY = 2000;
const PROGRESS_EVERY = 50e6;

interface Found {
  /** Chunks that were the same, and those after which memory was the same for certain. */
  readonly same: number;
  readonly memorySame: number;
  readonly differences: readonly string[];
}

class Pair {
  readonly subjects: readonly [Subject, Subject];
  readonly milliseconds: [number, number] = [0, 0];
  /** State after the last step that was compared. */
  last = '';

  constructor(make: MakeSubject, [first, second]: readonly [JitConfiguration, JitConfiguration]) {
    this.subjects = [make(first), make(second)];
  }

  /** Runs both; what differs afterwards. */
  step(chunk: number, memory: boolean): string[] {
    const [one, other] = this.subjects;
    const reasons = this.subjects.map((subject, i) => {
      const start = performance.now();
      const reason = subject.step(chunk);
      this.milliseconds[i]! += performance.now() - start;
      return reason;
    });
    const [a, b] = [stateOf(one, reasons[0]!), stateOf(other, reasons[1]!)];
    const found = a === b ? [] : differences(a, b);
    if (found.length === 0 && memory) {
      const place = differingMemory(one, other);
      if (place) found.push(place);
    }
    if (found.length === 0) this.last = a;
    return found;
  }

  skip(chunk: number, chunks: number): void {
    for (let n = 0; n < chunks; n++) for (const subject of this.subjects) subject.step(chunk);
  }

  close(): void {
    for (const subject of this.subjects) subject.close();
  }
}

/** Runs a guest on two machines until it is done or they differ; then once more, to say where. */
export function runLockStep(make: MakeSubject, options: LockStepOptions = {}): LockStepOutcome {
  const { configurations = [false, true], chunk = DEFAULT_CHUNK, memoryEvery = MEMORY_EVERY } = options;
  const { until, instructions = Infinity, progress } = options;
  const pair = new Pair(make, configurations);
  const [one, other] = pair.subjects;
  let chunks = 0;
  let memorySame = 0;
  let reported = 0;
  let found: string[] = [];
  let searched = 0;
  try {
    for (;;) {
      const memory = chunks % memoryEvery === memoryEvery - 1;
      found = pair.step(chunk, memory);
      if (found.length > 0) break;
      chunks++;
      if (memory) memorySame = chunks;
      const { executed } = one.processor;
      if (progress && executed - reported >= PROGRESS_EVERY) progress((reported = executed), pair.subjects);
      const { output } = one;
      const printed =
        until !== undefined && output.length > searched && output.includes(until, searched - until.length);
      searched = output.length;
      if (!printed && one.ended === undefined && executed < instructions) continue;
      const place = differingMemory(one, other);
      if (place) found = [place];
      break;
    }
    const where = found.length
      ? locate(make, configurations, chunk, { same: chunks, memorySame, differences: found })
      : [];
    return {
      chunks,
      executed: one.processor.executed,
      output: one.output,
      ended: one.ended,
      statistics: other.processor.jitStatistics,
      milliseconds: pair.milliseconds,
      differences: [...found, ...where],
    };
  } finally {
    pair.close();
  }
}

/** Steps this small are looked at in the chunk that differs, at most so many; and so many last ones are shown. */
const FINE = 1;
const FINE_STEPS = 100_000;
const SHOWN = 6;

/** Runs anew up to the chunk in which a difference arises, then in the smallest steps: the last equal point and what comes after it. */
function locate(
  make: MakeSubject,
  configurations: readonly [JitConfiguration, JitConfiguration],
  chunk: number,
  { same, memorySame, differences: first }: Found,
): string[] {
  const memory = /^(?:ram|video) /.test(first[0]!);
  let chunks = same;
  if (memory) {
    const pair = new Pair(make, configurations);
    try {
      pair.skip(chunk, memorySame);
      for (chunks = memorySame; chunks < same && pair.step(chunk, true).length === 0;) chunks++;
    } finally {
      pair.close();
    }
  }
  const pair = new Pair(make, configurations);
  try {
    pair.skip(chunk, chunks);
    const points: string[] = [];
    for (let n = 0; n < FINE_STEPS; n++) {
      const [{ processor }] = pair.subjects;
      const { eip, cs } = processor.registers();
      points.push(`${processor.executed}: ${cs.selector.toString(16)}:${eip.toString(16)}`);
      const code = codeAt(pair.subjects[0]);
      const found = pair.step(FINE, memory);
      if (found.length === 0) continue;
      return [
        `equal after ${chunks} chunks; in steps, points that were equal: ${points.slice(-SHOWN).join(', ')}`,
        ...found.map((line) => `in steps: ${line}`),
        `last equal state: ${pair.last}`,
        `code from there:\n${disassembly(code)}`,
      ];
    }
    return [`in steps there is no difference within ${FINE_STEPS} steps after chunk ${chunks}`];
  } finally {
    pair.close();
  }
}

const CODE_BYTES = 96;

/** Where execution is, and the bytes of the code there. */
function codeAt({ processor }: Subject): { eip: number; bits: string; bytes: Uint8Array } {
  const { cs, eip } = processor.registers();
  const bytes = new Uint8Array(CODE_BYTES);
  for (let i = 0; i < CODE_BYTES; i++) {
    const physical = processor.translate((cs.base + eip + i) >>> 0);
    if (physical !== undefined) processor.readPhysical(physical, bytes.subarray(i, i + 1));
  }
  return { eip, bits: cs.attributes & 0x4000 ? '32' : '16', bytes };
}

/** By NASM's disassembler if there is one. */
function disassembly({ eip, bits, bytes }: ReturnType<typeof codeAt>): string {
  const { stdout, error } = spawnSync('ndisasm', ['-b', bits, '-o', String(eip), '-'], {
    input: bytes,
    encoding: 'latin1',
  });
  return error ? Buffer.from(bytes).toString('hex') : stdout;
}
