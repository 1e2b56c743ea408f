/**
 * The hardware cursor: a 64 by 64 pattern of two bits per pixel that the chip lays over the picture as it is displayed.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.5 "Hardware cursor", registers CR45-CR4F and CR55.
 * Models: both encodings (CR55 bit 4: Windows, X11), position, pattern origin, colour stacks and their pointers.
 * Does not model: the latching of the position until the low byte is written: each byte acts at once.
 */
import type { Field } from '../state.ts';
import type { CursorOverlay } from '../vga/cursor.ts';
import { CURSOR_BYTES } from '../vga/cursor.ts';
import { Cr } from './registers.ts';

const STACK = 3;

export class HardwareCursor {
  /** CR4A and CR4B: three bytes each, and which comes next. */
  readonly foreground = new Uint8Array(STACK);
  readonly background = new Uint8Array(STACK);
  foregroundNext = 0;
  backgroundNext = 0;

  /** Reading CR45 starts both stacks over. */
  rewind(): void {
    this.foregroundNext = 0;
    this.backgroundNext = 0;
  }

  readForeground(): number {
    const value = this.foreground[this.foregroundNext]!;
    this.foregroundNext = (this.foregroundNext + 1) % STACK;
    return value;
  }

  readBackground(): number {
    const value = this.background[this.backgroundNext]!;
    this.backgroundNext = (this.backgroundNext + 1) % STACK;
    return value;
  }

  writeForeground(value: number): void {
    this.foreground[this.foregroundNext] = value;
    this.foregroundNext = (this.foregroundNext + 1) % STACK;
  }

  writeBackground(value: number): void {
    this.background[this.backgroundNext] = value;
    this.backgroundNext = (this.backgroundNext + 1) % STACK;
  }

  reset(): void {
    this.foreground.fill(0);
    this.background.fill(0);
    this.rewind();
  }

  /** After loading a state. */
  loaded(): void {
    this.foregroundNext %= STACK;
    this.backgroundNext %= STACK;
  }

  /** What lies over the picture now. */
  overlay(crtc: Uint8Array, memory: Uint8Array): CursorOverlay | undefined {
    if (!(crtc[Cr.CursorMode]! & 0x01)) return undefined;
    const word = (high: number, mask: number): number => ((crtc[high]! << 8) | crtc[high + 1]!) & mask;
    const from = (word(Cr.CursorAddressHigh, 0xfff) * 1024) % memory.length;
    const x11 = (crtc[Cr.DacControl]! & 0x10) !== 0;
    const color = (stack: Uint8Array): number => stack[0]! | (stack[1]! << 8) | (stack[2]! << 16);
    return {
      x: word(Cr.CursorXHigh, 0x7ff),
      y: word(Cr.CursorYHigh, 0x7ff),
      originX: crtc[Cr.CursorOriginX]! & 0x3f,
      originY: crtc[Cr.CursorOriginY]! & 0x3f,
      encoding: x11 ? 'x11' : 'windows',
      foreground: color(this.foreground),
      background: color(this.background),
      pattern: memory.subarray(from, from + CURSOR_BYTES),
    };
  }
}

/** What a saved state holds of a `HardwareCursor`. */
export const CURSOR_FIELDS: readonly Field[] = [
  { name: 'foreground', type: { bytes: STACK } },
  { name: 'background', type: { bytes: STACK } },
  { name: 'foregroundNext', type: 'u8' },
  { name: 'backgroundNext', type: 'u8' },
];
