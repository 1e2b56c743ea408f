/** `Screen` on the host's side: one stream of screens from the machine, shared by all who watch. */
import type { Screen, ScreenImage, ScreenState, WaitOptions } from './api.ts';
import { disposable } from './event-hub.ts';
import { waitForText } from './text-wait.ts';

export interface ScreenBackend {
  read(): Promise<ScreenState>;
  image(): Promise<ScreenImage>;
  /** Asks the machine for screens, or with `undefined` for no more. */
  watch(intervalMs: number | undefined, pixels: boolean): void;
  /** Calls `listener` when the machine ends. */
  onEnd(listener: () => void): Disposable;
}

interface Watcher {
  readonly listener: (screen: ScreenState) => void;
  readonly intervalMs: number;
  readonly pixels: boolean;
  last: number;
  timer: ReturnType<typeof setTimeout> | undefined;
}

const DEFAULT_INTERVAL_MS = 33;
const WAIT_INTERVAL_MS = 50;

export class HostScreen implements Screen {
  readonly #backend: ScreenBackend;
  readonly #watchers = new Set<Watcher>();
  #latest: ScreenState | undefined;

  constructor(backend: ScreenBackend) {
    this.#backend = backend;
  }

  read(): Promise<ScreenState> {
    return this.#backend.read();
  }

  image(): Promise<ScreenImage> {
    return this.#backend.image();
  }

  waitForText(text: string | RegExp, options?: WaitOptions): Promise<string> {
    return waitForText(
      {
        name: 'the screen',
        text: () => (this.#latest?.mode === 'text' ? this.#latest.lines.join('\n') : ''),
        subscribe: (changed, ended) => {
          const watch = this.watch(changed, { intervalMs: WAIT_INTERVAL_MS });
          const end = this.#backend.onEnd(ended);
          return disposable(() => {
            watch[Symbol.dispose]();
            end[Symbol.dispose]();
          });
        },
      },
      text,
      options,
    );
  }

  watch(
    listener: (screen: ScreenState) => void,
    options: { readonly intervalMs?: number; readonly pixels?: boolean } = {},
  ): Disposable {
    const { intervalMs = DEFAULT_INTERVAL_MS, pixels = false } = options;
    const watcher: Watcher = { listener, intervalMs, pixels, last: -Infinity, timer: undefined };
    this.#watchers.add(watcher);
    this.request();
    return disposable(() => {
      clearTimeout(watcher.timer);
      if (this.#watchers.delete(watcher)) this.request();
    });
  }

  /** Tells the machine what is wanted now; also after it was started. */
  request(): void {
    if (this.#watchers.size === 0) {
      // What was seen last is out of date from now on.
      this.#latest = undefined;
      this.#backend.watch(undefined, false);
      return;
    }
    const watchers = [...this.#watchers];
    this.#backend.watch(
      Math.min(...watchers.map((w) => w.intervalMs)),
      watchers.some((w) => w.pixels),
    );
  }

  /** A screen arrived. */
  update(screen: ScreenState): void {
    this.#latest = screen;
    for (const watcher of [...this.#watchers]) this.#offer(watcher);
  }

  #offer(watcher: Watcher): void {
    if (watcher.timer !== undefined) return;
    const wait = watcher.last + watcher.intervalMs - performance.now();
    // The machine keeps the smallest interval itself, so a moment too early is on time.
    if (wait <= 2) this.#deliver(watcher);
    else watcher.timer = setTimeout(() => this.#deliver(watcher), wait);
  }

  #deliver(watcher: Watcher): void {
    watcher.timer = undefined;
    watcher.last = performance.now();
    if (this.#latest && this.#watchers.has(watcher)) watcher.listener(this.#latest);
  }

  /** The machine is off: nothing is shown. */
  clear(): void {
    this.#latest = undefined;
  }
}
