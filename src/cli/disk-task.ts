/** Running long operations on disks for the command line: a line of progress on a terminal, Ctrl-C between two steps. */
import type { Writable } from 'node:stream';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import type { DiskTask, TaskProgress } from '../../vhd/task.ts';
import { exitCodeOfSignal } from './exit-codes.ts';
import type { Surroundings } from './run-machine.ts';
import { formatBytes, formatDuration } from './status-line.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Milliseconds between two lines of progress, and before the first. */
const PROGRESS_MS = 100;

/** Ended by a signal, with everything in order. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;

  constructor(signal: (typeof SIGNALS)[number], what: string) {
    super(`${what} was cancelled.`);
    this.exitCode = exitCodeOfSignal(signal);
  }
}

/** What the commands for disks share. */
export interface DiskCommandContext {
  readonly around: Surroundings;
  /** No progress, no remarks. */
  readonly quiet: boolean;
}

/** Calls `act` with a signal that INT, TERM and HUP abort. @throws Interrupted when it ends because of that */
export async function interruptible<T>(
  { around }: DiskCommandContext,
  what: string,
  act: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let by: (typeof SIGNALS)[number] = 'SIGINT';
  const listeners = SIGNALS.map((name) => {
    const listener = (): void => {
      by = name;
      controller.abort();
    };
    around.signals.on(name, listener);
    return [name, listener] as const;
  });
  try {
    return await act(controller.signal);
  } catch (error) {
    const cancelled = error instanceof DiskError && error.code === DiskErrorCode.Cancelled;
    throw cancelled && controller.signal.aborted ? new Interrupted(by, what) : error;
  } finally {
    for (const [name, listener] of listeners) around.signals.off(name, listener);
  }
}

/**
 * Runs a task to its end.
 * @throws Interrupted after a signal; what the task throws.
 */
export async function runTask<T>(context: DiskCommandContext, task: DiskTask<T>): Promise<T> {
  const line = progressLine(context, task.name);
  try {
    return await interruptible(context, task.name, (signal) =>
      task.run({ signal, onProgress: (progress) => line.show(progress) }),
    );
  } finally {
    line.clear();
  }
}

/** The line of progress: on a terminal only, and only for what takes a while. */
export function progressLine({ around, quiet }: DiskCommandContext, name: string): ProgressLine {
  const isTerminal = (around.talk as { isTTY?: boolean }).isTTY === true && process.env['TERM'] !== 'dumb';
  return new ProgressLine(isTerminal && !quiet ? around.talk : undefined, name);
}

export class ProgressLine {
  readonly #terminal: (Writable & { columns?: number }) | undefined;
  readonly #name: string;
  readonly #start = performance.now();
  #last = performance.now();
  #shown = false;
  /** Beginning of the present phase, for the estimate. */
  #phase = { name: '', start: 0, done: 0 };

  constructor(terminal: Writable | undefined, name: string) {
    this.#terminal = terminal;
    this.#name = name;
  }

  show({ phase, done, total }: TaskProgress): void {
    const now = performance.now();
    if (phase !== this.#phase.name) this.#phase = { name: phase, start: now, done };
    if (this.#terminal === undefined || now - this.#last < PROGRESS_MS) return;
    this.#last = now;
    const percent = Math.floor((100 * done) / Math.max(1, total));
    const rate = (done - this.#phase.done) / Math.max(1, now - this.#phase.start);
    const left = rate > 0 && now - this.#start > 1000 ? `, ${formatDuration((total - done) / rate / 1000)} left` : '';
    // Counts of blocks or entries are small numbers; anything large is bytes.
    const amount = total > 1 << 20 ? ` (${formatBytes(done)} of ${formatBytes(total)})` : '';
    const text = `${this.#name}: ${phase} ${percent} %${amount}${left}`;
    const width = (this.#terminal.columns ?? 80) - 1;
    const shown = text.length <= width ? text : `...${text.slice(text.length - width + 3)}`;
    this.#terminal.write(`\r\x1b[K${shown}`);
    this.#shown = true;
  }

  clear(): void {
    if (this.#shown) this.#terminal?.write('\r\x1b[K');
    this.#shown = false;
  }
}
