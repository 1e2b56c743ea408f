/**
 * Long operations as tasks: they report progress, can be cancelled between two small steps, and can be driven in three ways: step by
 * step, to the end at once (in a thread of its own), or giving way to the host's other work in between.
 */
import { DiskError, DiskErrorCode } from './errors.ts';

/** How far a task is. */
export interface TaskProgress {
  /** What it is doing, in a word or two, for people: "copying", "checking blocks". */
  readonly phase: string;
  /** Of `total`; the unit is bytes unless the phase counts something else. */
  readonly done: number;
  /** At least 1. It can change between phases. */
  readonly total: number;
}

/** How a task is run. */
export interface RunOptions {
  /** Cancels the task when it is aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Called after every step, some hundred times a second at most in `run`. */
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
}

/** `ready` until the first step; the other three last are final. */
export type TaskState = 'ready' | 'running' | 'done' | 'cancelled' | 'failed';

/** The body of a task: yields between small pieces of work; its `finally` parts clean up when it is cancelled. */
export type TaskSteps<T> = Generator<TaskProgress, T, void>;

/** Milliseconds of work between two looks at the host's other work. */
const TIME_SLICE = 12;

/**
 * A long operation that has not begun yet. Cancelled or failed, it leaves everything as it was, unless the operation says otherwise.
 * What it needs (files, images) belongs to it from the first step until it ends.
 */
export class DiskTask<T> {
  /** What the operation is, for people: "compact disk.vhd". */
  readonly name: string;
  private readonly steps: TaskSteps<T>;
  private latest: TaskProgress = { phase: 'starting', done: 0, total: 1 };
  private currentState: TaskState = 'ready';
  private cancelWanted = false;
  private outcome: T | undefined;

  constructor(name: string, steps: TaskSteps<T>) {
    this.name = name;
    this.steps = steps;
  }

  get progress(): TaskProgress {
    return this.latest;
  }

  get state(): TaskState {
    return this.currentState;
  }

  /** Asks the task to stop before its next step; without effect once it has ended. */
  cancel(): void {
    this.cancelWanted = true;
  }

  /**
   * Does one small piece of work.
   * @returns false when the task is done; its result is then in `result`.
   * @throws DiskError `disk-cancelled` after `cancel`; whatever the operation throws.
   */
  step(): boolean {
    if (this.currentState === 'done') return false;
    if (this.currentState === 'cancelled' || this.currentState === 'failed') {
      throw new DiskError(DiskErrorCode.Cancelled, `the task "${this.name}" has ended already`);
    }
    if (this.cancelWanted) {
      this.currentState = 'cancelled';
      this.steps.return(undefined as never);
      throw new DiskError(DiskErrorCode.Cancelled, `the task "${this.name}" was cancelled`);
    }
    this.currentState = 'running';
    try {
      const next = this.steps.next();
      if (next.done !== true) {
        this.latest = next.value;
        return true;
      }
      this.outcome = next.value;
      this.currentState = 'done';
      this.latest = { ...this.latest, done: this.latest.total };
      return false;
    } catch (error) {
      this.currentState = 'failed';
      throw error;
    }
  }

  /** What the operation gave. Only after it is done. */
  get result(): T {
    if (this.currentState !== 'done') throw new DiskError(DiskErrorCode.Cancelled, `"${this.name}" is not done`);
    return this.outcome as T;
  }

  /**
   * Runs to the end without giving way.
   * @throws as `step`.
   */
  runSync(options: RunOptions = {}): T {
    for (;;) {
      if (options.signal?.aborted === true) this.cancel();
      const more = this.step();
      options.onProgress?.(this.latest);
      if (!more) return this.result;
    }
  }

  /**
   * Runs to the end in slices of about 12 ms, between which the host's other work goes on.
   * @throws as `step`.
   */
  async run(options: RunOptions = {}): Promise<T> {
    const channel = new MessageChannel();
    try {
      for (;;) {
        const sliceEnd = Date.now() + TIME_SLICE;
        let more = true;
        while (more && Date.now() < sliceEnd) {
          if (options.signal?.aborted === true) this.cancel();
          more = this.step();
        }
        options.onProgress?.(this.latest);
        if (!more) return this.result;
        await giveWay(channel);
      }
    } finally {
      channel.port1.close();
    }
  }
}

/** Resolves after the messages, timers and input that are due now were handled. */
function giveWay(channel: MessageChannel): Promise<void> {
  return new Promise((resolve) => {
    channel.port1.addEventListener('message', () => resolve(), { once: true });
    channel.port1.start();
    channel.port2.postMessage(undefined);
  });
}
