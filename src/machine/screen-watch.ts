/** Follows the screen of a running machine: mode changes always, contents for whoever watches. */
import type { Vga } from '../../devices/vga/vga.ts';
import { Display } from '../display/display.ts';
import type { Frame } from '../display/frame.ts';
import { renderFrame } from '../display/render.ts';
import { textLines } from '../display/text.ts';
import type { ScreenImage, ScreenState } from './api.ts';
import type { HostTime } from './pacing.ts';

export interface ScreenMode {
  readonly mode: 'text' | 'graphics';
  readonly width: number;
  readonly height: number;
}

export interface ScreenListener {
  changed(state: ScreenState): void;
  mode(mode: ScreenMode): void;
}

/** Between two looks at the mode. */
const MODE_INTERVAL_MS = 20;

function stateOf(frame: Frame): ScreenState {
  if (frame.kind === 'graphics') return { mode: 'graphics', width: frame.width, height: frame.height };
  const { columns, rows, stride, cursor } = frame;
  const visible = (cells: Uint8Array): Uint8Array => {
    if (stride === columns) return cells;
    const out = new Uint8Array(columns * rows);
    for (let row = 0; row < rows; row++) out.set(cells.subarray(row * stride, row * stride + columns), row * columns);
    return out;
  };
  return {
    mode: 'text',
    columns,
    rows,
    characters: visible(frame.characters),
    attributes: visible(frame.attributes),
    blink: frame.blink,
    cursor: cursor && {
      column: cursor.column,
      row: cursor.row,
      start: cursor.startLine,
      end: cursor.endLine,
      cellHeight: frame.cellHeight,
    },
    // Stored as bytes R, G, B, A.
    palette: Array.from(frame.palette, (c) => ((c & 0xff) << 16) | (c & 0xff00) | ((c >>> 16) & 0xff)),
    lines: textLines(frame),
  };
}

export class ScreenWatch {
  readonly #vga: Vga;
  readonly #display: Display;
  readonly #hostTime: HostTime;
  readonly #listener: ScreenListener;
  #mode = '';
  #modeChecked = -Infinity;
  #interval: number | undefined;
  #pixels = false;
  #reported = -Infinity;
  /** The processor has run since the last report. */
  #stale = true;
  /** A frame was taken for somebody else, so the display will not report it as changed. */
  #taken = true;
  #shown = '';

  constructor(vga: Vga, hostTime: HostTime, listener: ScreenListener) {
    this.#vga = vga;
    this.#display = new Display(vga);
    this.#hostTime = hostTime;
    this.#listener = listener;
  }

  /** Reports changes at most every `intervalMs`, the present screen first; undefined stops. */
  watch(intervalMs: number | undefined, pixels: boolean): void {
    this.#interval = intervalMs;
    this.#pixels = pixels;
    this.#taken = true;
    this.#stale = true;
    this.#shown = '';
    this.#reported = -Infinity;
  }

  /** Milliseconds until a report is due; `Infinity` if none is. */
  nextReport(): number {
    if (this.#interval === undefined || !this.#stale) return Infinity;
    return Math.max(0, this.#reported + this.#interval - this.#hostTime());
  }

  /** The machine ran until host time `now`. */
  ranUntil(now: number): void {
    this.#stale = true;
    if (now - this.#modeChecked >= MODE_INTERVAL_MS) {
      this.#modeChecked = now;
      this.#checkMode();
    }
    if (this.#interval !== undefined && now - this.#reported >= this.#interval) this.#report(now);
  }

  #checkMode(): void {
    const scan = this.#vga.scanout();
    if (scan.kind === 'blank') return;
    const mode: ScreenMode =
      scan.kind === 'text'
        ? { mode: 'text', width: scan.columns, height: Math.floor(scan.lines / scan.repeat / scan.rowHeight) }
        : { mode: 'graphics', width: scan.width, height: scan.kind === 'packed' ? scan.height : scan.lines };
    const key = JSON.stringify(mode);
    if (key === this.#mode) return;
    this.#mode = key;
    this.#listener.mode(mode);
  }

  #report(now: number): void {
    this.#reported = now;
    this.#stale = false;
    const frame = this.#taken ? this.#display.frame() : this.#display.poll();
    this.#taken = false;
    if (!frame) return;
    if (frame.kind === 'graphics' && !this.#pixels) {
      const shown = `${frame.width}x${frame.height}`;
      if (shown === this.#shown) return;
      this.#shown = shown;
    } else {
      this.#shown = '';
    }
    this.#listener.changed(stateOf(frame));
  }

  read(): ScreenState {
    this.#taken = true;
    return stateOf(this.#display.frame());
  }

  image(): ScreenImage {
    this.#taken = true;
    const frame = this.#display.frame();
    const picture = renderFrame(frame);
    // The pixels of graphics belong to the display.
    return frame.kind === 'text' ? picture : { ...picture, data: picture.data.slice() };
  }
}
