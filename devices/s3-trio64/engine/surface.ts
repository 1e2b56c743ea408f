/**
 * Video memory as the graphics engine addresses it: pixels of 8, 16 or 32 bits in lines of the engine's own pitch. Spans
 * are runs of pixels within one line; they work in tight loops on the typed array of their depth.
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13, registers CR50 (pixel length, width) and BEE8 index D and E (bases).
 */
import type { Fixed, Mix } from './mix.ts';
import { fix } from './mix.ts';

type Pixels = Uint8Array | Uint16Array | Uint32Array;

/** Where one operation reads and writes, in pixels. */
export interface Layout {
  /** 1, 2 or 4. */
  readonly bytes: 1 | 2 | 4;
  /** Pixels from line to line. */
  readonly pitch: number;
  /** First pixel of the destination and of the source, by the base address registers. */
  readonly destination: number;
  readonly source: number;
}

export type MarkDirty = (from: number, bytes: number) => void;

export class Surface {
  readonly #views: Readonly<Record<1 | 2 | 4, Pixels>>;
  readonly #markDirty: MarkDirty;
  #pixels: Pixels;
  #layout: Layout;
  /** Pixels of memory less one, if that is a mask. */
  #last: number;
  /** All bits of a pixel. */
  depthMask = 0xff;

  /** @param memory a multiple of 4 bytes long, aligned to 4 bytes */
  constructor(memory: Uint8Array, markDirty: MarkDirty) {
    const { buffer, byteOffset, length } = memory;
    this.#views = {
      1: memory,
      2: new Uint16Array(buffer, byteOffset, length >> 1),
      4: new Uint32Array(buffer, byteOffset, length >> 2),
    };
    this.#markDirty = markDirty;
    this.#pixels = this.#views[1];
    this.#last = this.#pixels.length;
    this.#layout = { bytes: 1, pitch: 1024, destination: 0, source: 0 };
  }

  get layout(): Layout {
    return this.#layout;
  }

  use(layout: Layout): void {
    this.#layout = layout;
    this.#pixels = this.#views[layout.bytes];
    this.#last = this.#pixels.length;
    this.depthMask = layout.bytes === 4 ? -1 : (1 << (8 * layout.bytes)) - 1;
  }

  /** Index of a destination pixel. */
  at(x: number, y: number): number {
    return this.#layout.destination + y * this.#layout.pitch + x;
  }

  sourceAt(x: number, y: number): number {
    return this.#layout.source + y * this.#layout.pitch + x;
  }

  /** Pixels beyond memory read as ones. */
  read(index: number): number {
    return index < this.#last ? this.#pixels[index]! : this.depthMask;
  }

  write(index: number, value: number): void {
    if (index >= this.#last) return;
    this.#pixels[index] = value;
    this.#touch(index, 1);
  }

  #touch(index: number, count: number): void {
    const { bytes } = this.#layout;
    this.#markDirty(index * bytes, count * bytes);
  }

  /** How many of `count` pixels from `index` are inside memory. */
  #inside(index: number, count: number): number {
    return Math.max(0, Math.min(count, this.#last - index));
  }

  /** Mixes one colour into a span. */
  fill(index: number, length: number, color: number, mix: Mix): void {
    const count = this.#inside(index, length);
    if (count === 0) return;
    const pixels = this.#pixels;
    const end = index + count;
    const { base, keep } = fix(mix, color);
    if ((keep & this.depthMask) === 0) {
      pixels.fill(base, index, end);
    } else {
      for (let i = index; i < end; i++) pixels[i] = base ^ (keep & pixels[i]!);
    }
    this.#touch(index, count);
  }

  /** Mixes eight pixels in turn into a span; `phase` says which comes first. */
  tile(index: number, length: number, pixels8: readonly Fixed[], phase: number): void {
    const count = this.#inside(index, length);
    if (count === 0) return;
    const pixels = this.#pixels;
    const bases = Int32Array.from(pixels8, ({ base }) => base);
    const keeps = Int32Array.from(pixels8, ({ keep }) => keep);
    for (let i = 0; i < count; i++) {
      const n = (phase + i) & 7;
      pixels[index + i] = bases[n]! ^ (keeps[n]! & pixels[index + i]!);
    }
    this.#touch(index, count);
  }

  /** Mixes one of two colours into each pixel of a span: `set` where all bits of `mask` are 1 in the source pixel. */
  expand(to: number, from: number, length: number, forward: boolean, mask: number, set: Fixed, clear: Fixed): void {
    const count = this.#inside(to, length);
    if (count === 0) return;
    const pixels = this.#pixels;
    const step = forward ? 1 : -1;
    let at = forward ? 0 : count - 1;
    for (let n = 0; n < count; n++, at += step) {
      const { base, keep } = (this.read(from + at) & mask) === mask ? set : clear;
      pixels[to + at] = base ^ (keep & pixels[to + at]!);
    }
    this.#touch(to, count);
  }

  /**
   * Mixes a span of source pixels into a span, in the order that `forward` says: where the two overlap, what was written
   * first is read again, as the chip does it.
   */
  copy(to: number, from: number, length: number, forward: boolean, mix: Mix): void {
    const count = Math.min(this.#inside(to, length), this.#inside(from, length));
    if (count < length) {
      this.#copySlowly(to, from, length, forward, mix);
      return;
    }
    const pixels = this.#pixels;
    const { a, b, c, e } = mix;
    const all = this.depthMask;
    const plain = (a & all) === 0 && (b & all) === all && (c & all) === 0 && (e & all) === 0;
    const apart = to + count <= from || from + count <= to;
    // Moving as if through a buffer gives the same while no pixel is written before it is read.
    if (plain && (apart || to === from || to < from === forward)) {
      pixels.copyWithin(to, from, from + count);
    } else if (forward) {
      for (let i = 0; i < count; i++) {
        const s = pixels[from + i]!;
        const d = pixels[to + i]!;
        pixels[to + i] = a ^ (b & s) ^ (c & d) ^ (e & s & d);
      }
    } else {
      for (let i = count - 1; i >= 0; i--) {
        const s = pixels[from + i]!;
        const d = pixels[to + i]!;
        pixels[to + i] = a ^ (b & s) ^ (c & d) ^ (e & s & d);
      }
    }
    this.#touch(to, count);
  }

  #copySlowly(to: number, from: number, length: number, forward: boolean, mix: Mix): void {
    for (let n = 0; n < length; n++) {
      const i = forward ? n : length - 1 - n;
      const s = this.read(from + i);
      const d = this.read(to + i);
      this.write(to + i, mix.a ^ (mix.b & s) ^ (mix.c & d) ^ (mix.e & s & d));
    }
  }
}
