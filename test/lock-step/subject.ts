/** One of the two machines that are run side by side, and what is compared of them. */
import { createProcessor } from '../../cpu/index.ts';
import type { ProcessorBus, ProcessorOptions, SavableProcessor } from '../../cpu/processor.ts';
import type { X86Processor } from '../../cpu/core.ts';

export type LockStepProcessor = X86Processor & SavableProcessor;

/** A machine without host time that runs as many instructions as it is told. */
export interface Subject {
  readonly processor: LockStepProcessor;
  readonly trace: Trace;
  /** Runs at most so many instructions, and on to the end of a block; says how that ended. */
  step(instructions: number): string;
  /** What it printed so far: COM1 and the debug ports. */
  readonly output: string;
  /** Why it does not go on: powered off, triple fault … */
  readonly ended: string | undefined;
  /** Virtual nanoseconds since power-on. */
  now(): number;
  close(): void;
}

/** What the processor said to the rest of the machine, as a hash over every transaction and the instruction it happened in. */
export class Trace {
  count = 0;
  hash = 0;

  add(...values: readonly number[]): void {
    this.count++;
    for (const value of values) {
      // Counts of instructions and times have more than 32 bits.
      this.hash = Math.imul(this.hash ^ (value | 0), 0x01000193);
      this.hash = Math.imul(this.hash ^ ((value / 0x1_0000_0000) | 0), 0x01000193);
    }
  }
}

const KIND = {
  ReadPort: 1,
  WritePort: 2,
  ReadMemory: 3,
  WriteMemory: 4,
  Acknowledge: 5,
  TimeStamp: 6,
  Ferr: 7,
} as const;

/** Makes a processor all of whose transactions are traced. */
export function tracedProcessor(options: ProcessorOptions, bus: ProcessorBus, trace: Trace): LockStepProcessor {
  // The constructor may call back, with nothing to count yet.
  const count = (): number => processor?.executed ?? 0;
  const noted = <T extends number>(kind: number, address: number, value: T): T => {
    trace.add(kind, count(), address, value);
    return value;
  };
  let processor: LockStepProcessor | undefined = undefined;
  processor = createProcessor(options, {
    readPort: (port, size) => noted(KIND.ReadPort, port * 8 + size, bus.readPort(port, size)),
    writePort: (port, size, value) => bus.writePort(port, size, noted(KIND.WritePort, port * 8 + size, value)),
    readMemory: (address, size) => noted(KIND.ReadMemory, address * 8 + size, bus.readMemory(address, size)),
    writeMemory: (address, size, value) =>
      bus.writeMemory(address, size, noted(KIND.WriteMemory, address * 8 + size, value)),
    acknowledgeInterrupt: () => noted(KIND.Acknowledge, 0, bus.acknowledgeInterrupt()),
    timeStamp: () => noted(KIND.TimeStamp, 0, bus.timeStamp()),
    log: (message) => bus.log(message),
    setFerr: (asserted) => {
      noted(KIND.Ferr, 0, Number(asserted));
      bus.setFerr(asserted);
    },
  });
  return processor;
}

const hex = (value: unknown): unknown => {
  if (typeof value === 'number') return value.toString(16);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(hex);
  if (typeof value === 'object' && value)
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, hex(part)]));
  return value;
};

/** Everything compared after a run, as text. */
export function stateOf(subject: Subject, reason: string): string {
  const { processor, trace, output, ended } = subject;
  return JSON.stringify({
    reason,
    executed: processor.executed,
    time: subject.now(),
    transactions: trace.count,
    transactionHash: trace.hash,
    output: output.length,
    ended,
    ...(hex(processor.capture()) as object),
  });
}

/** `path: one | other` wherever two states differ. */
export function differences(one: string, other: string): string[] {
  const found: string[] = [];
  const walk = (path: string, a: unknown, b: unknown): void => {
    if (typeof a === 'object' && a && typeof b === 'object' && b)
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)]))
        walk(path ? `${path}.${key}` : key, (a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]);
    else if (a !== b) found.push(`${path}: ${String(a)} | ${String(b)}`);
  };
  walk('', JSON.parse(one), JSON.parse(other));
  return found;
}

/** First address at which the memories differ; undefined if they are equal. */
export function differingMemory(one: Subject, other: Subject): string | undefined {
  for (const part of ['ram', 'video'] as const) {
    const a = one.processor[part];
    const b = other.processor[part];
    if (Buffer.compare(a, b) === 0) continue;
    let at = 0;
    while (a[at] === b[at]) at++;
    return `${part} at ${at.toString(16)}: ${a[at]!.toString(16)} | ${b[at]!.toString(16)}`;
  }
  return undefined;
}
