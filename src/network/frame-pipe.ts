/**
 * Frames between threads over a message port, with credits: neither side can make the other's queue grow without bound.
 */

/** A `MessagePort` of Node or of a page. */
export interface FramePort {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  start(): void;
  close(): void;
}

export interface FramePipeEvents {
  /** @returns whether the frame was taken; what is not taken is lost */
  receive(frame: Uint8Array): boolean;
  /** There is room again after a frame was refused. */
  writable?(): void;
  closed?(): void;
}

/** Frames under way in one direction. */
const CREDITS = 512;
/** Credits are given back in lots. */
const LOT = 32;
const CLOSED = 'closed';

export class FramePipe {
  readonly #port: FramePort;
  readonly #events: FramePipeEvents;
  #credits = CREDITS;
  #refused = false;
  #received = 0;
  #open = true;
  /** Frames lost because the other side did not keep up. */
  dropped = 0;

  constructor(port: FramePort, events: FramePipeEvents) {
    this.#port = port;
    this.#events = events;
    port.addEventListener('message', (event) => this.#message(event.data));
    port.start();
  }

  /** @returns false if the frame was refused: the other side has too many already */
  send(frame: Uint8Array): boolean {
    if (!this.#open) return false;
    if (this.#credits === 0) {
      this.#refused = true;
      this.dropped++;
      return false;
    }
    this.#credits--;
    this.#post(frame);
    return true;
  }

  #post(message: unknown): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a message port, not a window
    this.#port.postMessage(message);
  }

  #message(data: unknown): void {
    if (!this.#open) return;
    if (data instanceof Uint8Array) {
      this.#events.receive(data);
      if (++this.#received < LOT) return;
      this.#post(this.#received);
      this.#received = 0;
    } else if (typeof data === 'number') {
      this.#credits = Math.min(CREDITS, this.#credits + data);
      if (!this.#refused) return;
      this.#refused = false;
      this.#events.writable?.();
    } else if (data === CLOSED) {
      this.#open = false;
      this.#port.close();
      this.#events.closed?.();
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#post(CLOSED);
    this.#port.close();
  }
}
