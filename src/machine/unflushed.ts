/** Host milliseconds after which writes that the guest has not flushed reach the disk all the same. */
export const FLUSH_AFTER_MS = 1000;

/**
 * Media with writes since their last flush. Guests without a flush of their own (DOS) lose at most the last second if the
 * host ends the process.
 */
export class Unflushed {
  readonly #waiting = new Map<string, () => void>();
  /** Host time at which the oldest of the writes was first seen by `settle`. */
  #since: number | undefined;

  written(medium: string, flush: () => void): void {
    this.#waiting.set(medium, flush);
  }

  /** The medium has been flushed, or is gone. */
  forget(medium: string): void {
    this.#waiting.delete(medium);
  }

  /**
   * Flushes what has waited for `FLUSH_AFTER_MS`. A medium that fails has reported that itself; the others are flushed all the same.
   * @param now host milliseconds
   * @returns milliseconds until there is something to do again, `Infinity` while nothing waits
   */
  settle(now: number): number {
    if (this.#waiting.size === 0) {
      this.#since = undefined;
      return Infinity;
    }
    this.#since ??= now;
    const left = this.#since + FLUSH_AFTER_MS - now;
    if (left > 0) return left;
    const due = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#since = undefined;
    for (const flush of due) {
      try {
        flush();
      } catch {
        // The guest did not ask for this flush, so no drive has a command to fail.
      }
    }
    return Infinity;
  }
}
