/** Frames in a stream of bytes: the length in four bytes, high byte first, then the frame. */

const LENGTH_BYTES = 4;
/** Longer than any frame: what claims to be is no such stream. */
const MAX_FRAME = 65_536 + 18;

export function withLength(frame: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES + frame.length);
  new DataView(bytes.buffer).setUint32(0, frame.length);
  bytes.set(frame, LENGTH_BYTES);
  return bytes;
}

export class FrameSplitter {
  readonly #receive: (frame: Uint8Array) => void;
  #rest = new Uint8Array(0);

  constructor(receive: (frame: Uint8Array) => void) {
    this.#receive = receive;
  }

  /** @returns false if the bytes cannot be such a stream; nothing more is to be read from it */
  push(bytes: Uint8Array): boolean {
    let all = bytes;
    if (this.#rest.length > 0) {
      all = new Uint8Array(this.#rest.length + bytes.length);
      all.set(this.#rest);
      all.set(bytes, this.#rest.length);
    }
    let at = 0;
    const view = new DataView(all.buffer, all.byteOffset, all.byteLength);
    while (at + LENGTH_BYTES <= all.length) {
      const length = view.getUint32(at);
      if (length > MAX_FRAME) return false;
      if (at + LENGTH_BYTES + length > all.length) break;
      this.#receive(all.slice(at + LENGTH_BYTES, at + LENGTH_BYTES + length));
      at += LENGTH_BYTES + length;
    }
    this.#rest = all.slice(at);
    return true;
  }
}
