/** The screen of a machine: turns what the adapter scans out into frames, drawing only what changed. */
import type { CursorOverlay } from '../../devices/vga/cursor.ts';
import { PAGE_BYTES } from '../../devices/vga/memory.ts';
import type { PixelFormat, Scanout } from '../../devices/vga/scanout.ts';
import type { CursorSnapshot } from './cursor.ts';
import { covers, drawCursor, sameCursor, snapshot } from './cursor.ts';
import type { Frame, GraphicsFrame } from './frame.ts';
import type { LineSource } from './graphics.ts';
import { packedLines, planarLines } from './graphics.ts';
import { textFrame } from './text.ts';

/** What the display needs of a video adapter; `Vga` is one. */
export interface VideoAdapter {
  readonly memory: {
    readonly bytes: Uint8Array;
    readonly words: Uint32Array;
    takeDirty(first: number, pages: number, into: Uint8Array): boolean;
  };
  readonly dac: { readonly generation: number; colors(into: Uint32Array): void };
  scanout(): Scanout;
  /** The hardware cursor over a packed mode, where the adapter has one. */
  cursorOverlay?(): CursorOverlay | undefined;
}

const BLACK = 0xff000000;

/** Text memory, plane addresses 0 .. FFFFh, in bytes. */
const PLANE_BYTES = 4 * 0x10000;

/**
 * Watches one adapter. It consumes the adapter's dirty marks, so there is one `Display` per adapter.
 */
export class Display {
  readonly #adapter: VideoAdapter;
  readonly #colors = new Uint32Array(256);
  readonly #dirty: Uint8Array;
  #generation = -1;
  #mode = '';
  #frame: Frame | undefined;
  #pixels = new Uint32Array(0);
  /** Of the present graphics mode, and the bytes of video memory it shows. */
  #lines: LineSource | undefined;
  #from = 0;
  #to = 0;
  /** The cursor in the present frame. */
  #cursor: CursorSnapshot | undefined;

  constructor(adapter: VideoAdapter) {
    this.#adapter = adapter;
    this.#dirty = new Uint8Array(Math.ceil(adapter.memory.bytes.length / PAGE_BYTES));
  }

  /** The screen now. The pixels of a graphics frame are overwritten by later calls. */
  frame(): Frame {
    this.poll();
    return this.#frame!;
  }

  /** The screen if it differs from the one returned last, else `undefined`. Same lifetime as of `frame`. */
  poll(): Frame | undefined {
    const adapter = this.#adapter;
    const scan = adapter.scanout();
    const mode = JSON.stringify(scan);
    const recolored = adapter.dac.generation !== this.#generation;
    const fresh = mode !== this.#mode || recolored || !this.#frame;
    if (recolored) {
      this.#generation = adapter.dac.generation;
      adapter.dac.colors(this.#colors);
    }
    this.#mode = mode;

    switch (scan.kind) {
      case 'blank':
        return fresh ? (this.#frame = this.#blank(scan.width, scan.height)) : undefined;
      case 'text':
        if (!this.#takeDirty(0, Math.min(PLANE_BYTES, adapter.memory.bytes.length)) && !fresh) return undefined;
        return (this.#frame = textFrame(scan, adapter.memory.words, this.#colors));
      case 'packed':
        if (fresh) this.#lines = packedLines(scan, adapter.memory.bytes, this.#colors);
        return this.#draw(fresh, scan.format);
      case 'planar':
        if (fresh) this.#lines = planarLines(scan, adapter.memory.words, this.#colors);
        return this.#draw(fresh);
    }
  }

  #blank(width: number, height: number): GraphicsFrame {
    const pixels = new Uint32Array(width * height).fill(BLACK);
    return { kind: 'graphics', blank: true, width, height, pixels: new Uint8Array(pixels.buffer) };
  }

  #draw(fresh: boolean, format?: PixelFormat): GraphicsFrame | undefined {
    const overlay = format && this.#adapter.cursorOverlay?.();
    const before = this.#cursor;
    const moved = !sameCursor(before, overlay);
    if (moved || fresh) this.#cursor = format && overlay ? snapshot(overlay, format) : undefined;
    const cursor = this.#cursor;
    const lines = this.#lines!;
    const { width, height } = lines;
    if (fresh) {
      this.#from = Infinity;
      this.#to = 0;
      for (let y = 0; y < height; y++) {
        const [first, end] = lines.bytes(y);
        this.#from = Math.min(this.#from, first);
        this.#to = Math.max(this.#to, end);
      }
      this.#to = Math.min(this.#to, this.#adapter.memory.bytes.length);
      if (this.#pixels.length !== width * height) this.#pixels = new Uint32Array(width * height);
    }
    if (!this.#takeDirty(this.#from, this.#to) && !fresh && !moved) return undefined;
    for (let y = 0; y < height; y++) {
      const restored = moved && (covers(before, y) || covers(cursor, y));
      if (!fresh && !restored && !this.#touched(lines.bytes(y))) continue;
      lines.draw(y, this.#pixels, y * width);
      if (cursor && covers(cursor, y)) drawCursor(cursor, y, this.#pixels, y * width, width, this.#colors);
    }
    const pixels = new Uint8Array(this.#pixels.buffer);
    return (this.#frame = { kind: 'graphics', blank: false, width, height, pixels });
  }

  /** Collects the dirty marks of the pages from byte `from` to before `to`. */
  #takeDirty(from: number, to: number): boolean {
    const first = Math.floor(from / PAGE_BYTES);
    const end = Math.ceil(to / PAGE_BYTES);
    this.#dirty.fill(0);
    if (end <= first) return false;
    return this.#adapter.memory.takeDirty(first, end - first, this.#dirty.subarray(first, end));
  }

  #touched([from, to]: readonly [number, number]): boolean {
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page++) if (this.#dirty[page]) return true;
    return false;
  }
}
