/** Bytes written to a connection and not yet acknowledged, as the pieces in which they came. */
export class TcpSendBuffer {
  /** Sequence number of the first byte. */
  first: number;
  length = 0;
  #pieces: Uint8Array[] = [];
  #head = 0;
  /** Bytes of the first piece that are acknowledged. */
  #offset = 0;

  constructor(first: number) {
    this.first = first;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.length += bytes.length;
  }

  /** A copy of `size` bytes from `offset` on; both lie inside. */
  read(offset: number, size: number): Uint8Array {
    const out = new Uint8Array(size);
    let skip = offset + this.#offset;
    let done = 0;
    for (let i = this.#head; done < size; i++) {
      const piece = this.#pieces[i]!;
      if (skip >= piece.length) {
        skip -= piece.length;
        continue;
      }
      const part = piece.subarray(skip, skip + size - done);
      out.set(part, done);
      done += part.length;
      skip = 0;
    }
    return out;
  }

  /** Forgets the first bytes. */
  release(bytes: number): void {
    this.length -= bytes;
    this.first = (this.first + bytes) >>> 0;
    this.#offset += bytes;
    while (this.#head < this.#pieces.length && this.#offset >= this.#pieces[this.#head]!.length) {
      this.#offset -= this.#pieces[this.#head++]!.length;
    }
    if (this.#head > 64 || this.#head === this.#pieces.length) {
      this.#pieces.splice(0, this.#head);
      this.#head = 0;
    }
  }

  clear(): void {
    this.#pieces = [];
    this.#head = 0;
    this.#offset = 0;
    this.length = 0;
  }
}
