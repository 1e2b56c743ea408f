/** A client's socket as bytes to ask for and bytes to send, both only as fast as they are wanted. */
import type { Socket } from 'node:net';

/** The client went away, or was sent away. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** A client that takes or sends nothing for so long in the middle of something is cut off; milliseconds. */
export const STALL_MS = 120_000;

export class Channel {
  readonly #socket: Socket;
  readonly #stallMs: number;
  #gone = false;
  #waiting: { readonly name: 'readable' | 'drain'; readonly resolve: () => void } | undefined;

  constructor(socket: Socket, stallMs: number = STALL_MS) {
    this.#socket = socket;
    this.#stallMs = stallMs;
    socket.setNoDelay(true);
    // Whatever goes wrong with a client's connection ends with that connection.
    socket.on('error', () => this.close());
    socket.on('close', () => this.close());
    // One listener each, for good: a new one for `readable` would be told at once of bytes that are too few.
    for (const name of ['readable', 'drain', 'end', 'close'] as const) socket.on(name, () => this.#wake(name));
  }

  /**
   * Exactly `length` bytes; at most a megabyte.
   * @param patient waits for the first byte without limit: between two requests a client may do nothing
   * @throws ClientGone
   */
  async receive(length: number, patient = false): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0);
    for (;;) {
      if (this.#gone) throw new ClientGone();
      const bytes = this.#socket.read(length) as Buffer | null;
      if (bytes !== null) {
        // At the end of the stream what is left comes, however little it is.
        if (bytes.length < length) throw new ClientGone();
        return bytes;
      }
      if (this.#socket.readableEnded) throw new ClientGone();
      await this.#event('readable', patient && this.#socket.readableLength === 0);
    }
  }

  /** Reads and forgets. @throws ClientGone */
  async discard(length: number): Promise<void> {
    for (let left = length; left > 0; left -= Math.min(left, 65_536)) await this.receive(Math.min(left, 65_536));
  }

  /** Returns when the host has room for more. @throws ClientGone */
  async send(...parts: readonly Uint8Array[]): Promise<void> {
    if (this.#gone) throw new ClientGone();
    let room = true;
    this.#socket.cork();
    for (const part of parts) room = this.#socket.write(part);
    this.#socket.uncork();
    if (!room) await this.#event('drain', false);
  }

  /** Sends what was written and ends the connection. */
  end(): void {
    this.#socket.end();
    setTimeout(() => this.close(), 1000).unref();
  }

  close(): void {
    this.#gone = true;
    this.#socket.destroy();
    this.#wake('close');
  }

  /** Resolves at the next event of that name, or when nothing more will come. */
  async #event(name: 'readable' | 'drain', patient: boolean): Promise<void> {
    const timer = patient ? undefined : setTimeout(() => this.close(), this.#stallMs);
    await new Promise<void>((resolve) => {
      this.#waiting = { name, resolve };
    });
    clearTimeout(timer);
    if (this.#gone) throw new ClientGone();
  }

  #wake(name: 'readable' | 'drain' | 'end' | 'close'): void {
    if (this.#waiting === undefined || (name !== this.#waiting.name && name !== 'end' && name !== 'close')) return;
    const { resolve } = this.#waiting;
    this.#waiting = undefined;
    resolve();
  }
}
