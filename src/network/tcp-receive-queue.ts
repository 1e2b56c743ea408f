/** Puts the segments of a connection in order. What lies beyond the window is not kept. */
import { sequenceDifference } from './tcp-segment.ts';

/** Pieces that wait for others before them. */
const MAX_PIECES = 1024;

export class TcpReceiveQueue {
  /** Sequence number expected next. */
  next: number;
  /** The other side's end has been reached. */
  finished = false;
  readonly #limit: number;
  #waiting: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #fin: number | undefined;

  constructor(next: number, limit: number) {
    this.next = next;
    this.#limit = limit;
  }

  /** Pieces that wait for what is missing before them. */
  get gaps(): number {
    return this.#waiting.length;
  }

  /**
   * Takes a segment.
   * @param room bytes of window that may be filled @returns what is now in order
   */
  accept(sequence: number, data: Uint8Array, fin: boolean, room: number): Uint8Array[] {
    if (fin) this.#fin ??= (sequence + data.length) >>> 0;
    const skip = Math.max(0, -sequenceDifference(sequence, this.next));
    const ahead = Math.max(0, sequenceDifference(sequence, this.next));
    const bytes = data.subarray(skip, skip + Math.max(0, Math.min(room, this.#limit) - ahead));
    if (bytes.length < data.length - skip) this.#fin = undefined; // cut off: the end will come again
    if (bytes.length > 0) this.#insert((sequence + skip) >>> 0, bytes);
    const ready = this.#collect();
    if (this.#fin !== undefined && this.#fin === this.next && !this.finished) {
      this.finished = true;
      this.next = (this.next + 1) >>> 0;
    }
    return ready;
  }

  #insert(at: number, bytes: Uint8Array): void {
    const list = this.#waiting;
    let place = list.length;
    while (place > 0 && sequenceDifference(list[place - 1]!.at, at) > 0) place--;
    const before = list[place - 1];
    // The same piece once more.
    if (before && sequenceDifference((before.at + before.bytes.length) >>> 0, (at + bytes.length) >>> 0) >= 0) return;
    if (list.length >= MAX_PIECES) return;
    list.splice(place, 0, { at, bytes: bytes.slice() });
  }

  /** Takes out what follows without a gap. */
  #collect(): Uint8Array[] {
    const ready: Uint8Array[] = [];
    let used = 0;
    for (const { at, bytes } of this.#waiting) {
      const offset = sequenceDifference(this.next, at);
      if (offset < 0) break;
      used++;
      if (offset >= bytes.length) continue;
      ready.push(offset === 0 ? bytes : bytes.subarray(offset));
      this.next = (at + bytes.length) >>> 0;
    }
    this.#waiting.splice(0, used);
    return ready;
  }

  clear(): void {
    this.#waiting = [];
  }
}
