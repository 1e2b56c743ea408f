/** Looks again and again whether the host has space for what a guest wrote. */

/** Between two looks. */
const INTERVAL_MS = 1000;

export class SpaceWatch {
  readonly #retry: () => boolean;
  readonly #back: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param retry writes what waits, and tells whether nothing waits any more @param back called then */
  constructor(retry: () => boolean, back: () => void) {
    this.#retry = retry;
    this.#back = back;
  }

  get active(): boolean {
    return this.#timer !== undefined;
  }

  start(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#retry()) this.#back();
      else this.start();
    }, INTERVAL_MS);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
