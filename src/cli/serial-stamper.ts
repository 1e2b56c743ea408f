/** Puts the time since the program started in front of serial lines, on demand. */

const LINE_FEED = 0x0a;

export class SerialStamper {
  enabled = false;
  #lineStart = true;
  readonly #now: () => number;

  /** @param now milliseconds since the start of the program */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The bytes to show for what arrived. */
  take(bytes: Uint8Array): Uint8Array {
    if (!this.enabled) {
      if (bytes.length > 0) this.#lineStart = bytes.at(-1) === LINE_FEED;
      return bytes;
    }
    const out: number[] = [];
    for (const byte of bytes) {
      if (this.#lineStart) {
        const stamp = `[${(this.#now() / 1000).toFixed(3).padStart(9)}] `;
        for (let i = 0; i < stamp.length; i++) out.push(stamp.charCodeAt(i));
      }
      out.push(byte);
      this.#lineStart = byte === LINE_FEED;
    }
    return Uint8Array.from(out);
  }
}
