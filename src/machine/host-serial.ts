/** `SerialPort` on the host's side. */
import type { SerialPort, WaitOptions } from './api.ts';
import { disposable } from './event-hub.ts';
import { waitForText } from './text-wait.ts';

export interface SerialBackend {
  readonly name: string;
  /** @returns how many bytes the machine took into its queue */
  send(bytes: Uint8Array): Promise<number>;
  onEnd(listener: () => void): Disposable;
}

/** Characters of output kept for `text`, at least. */
const KEPT = 1 << 20;
/** Chunks that an iterator may fall behind. */
const QUEUE_LIMIT = 10_000;
const RETRY_MS = 20;

export class HostSerial implements SerialPort {
  readonly #backend: SerialBackend;
  readonly #listeners = new Set<(bytes: Uint8Array) => void>();
  #decoder = new TextDecoder();
  #text = '';

  constructor(backend: SerialBackend) {
    this.#backend = backend;
  }

  get text(): string {
    return this.#text;
  }

  async write(data: Uint8Array | string): Promise<void> {
    let bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
    while (bytes.length > 0) {
      const taken = await this.#backend.send(bytes);
      bytes = bytes.subarray(taken);
      if (bytes.length > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  waitForText(text: string | RegExp, options?: WaitOptions): Promise<string> {
    return waitForText(
      {
        name: this.#backend.name,
        text: () => this.#text,
        subscribe: (changed, ended) => {
          const data = this.onData(changed);
          const end = this.#backend.onEnd(ended);
          return disposable(() => {
            data[Symbol.dispose]();
            end[Symbol.dispose]();
          });
        },
      },
      text,
      options,
    );
  }

  onData(listener: (bytes: Uint8Array) => void): Disposable {
    const own = (bytes: Uint8Array): void => listener(bytes);
    this.#listeners.add(own);
    return disposable(() => this.#listeners.delete(own));
  }

  /** Output from now on until the machine ends. */
  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const queue: Uint8Array[] = [];
    let wake: (() => void) | undefined;
    let ended = false;
    const data = this.onData((bytes) => {
      if (queue.length >= QUEUE_LIMIT) queue.shift();
      queue.push(bytes);
      wake?.();
    });
    const end = this.#backend.onEnd(() => {
      ended = true;
      wake?.();
    });
    try {
      for (;;) {
        const bytes = queue.shift();
        if (bytes) yield bytes;
        else if (ended) return;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      data[Symbol.dispose]();
      end[Symbol.dispose]();
    }
  }

  /** Bytes came from the guest. */
  received(bytes: Uint8Array): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    // Cut seldom: each cut copies what stays.
    if (this.#text.length > 2 * KEPT) this.#text = this.#text.slice(-KEPT);
    for (const listener of [...this.#listeners]) listener(bytes);
  }

  /** Begins anew at a power-on. */
  clear(): void {
    this.#text = '';
    this.#decoder = new TextDecoder();
  }
}
