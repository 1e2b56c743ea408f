/** A hardware cursor as an adapter describes it to whoever draws the picture: two bits per pixel over 64 by 64 pixels. */

/** Sixteen bytes per row: four groups of a 16-bit AND mask and a 16-bit XOR mask, leftmost pixel in the top bit. */
export const CURSOR_BYTES = 1024;
export const CURSOR_SIZE = 64;

export interface CursorOverlay {
  /** Where the origin of the pattern shows on the screen, in pixels. */
  readonly x: number;
  readonly y: number;
  /** Column and row of the pattern with which it starts: what lies before them is not shown. */
  readonly originX: number;
  readonly originY: number;
  /**
   * Meaning of an AND and an XOR bit. `windows`: 00 background, 01 foreground, 10 transparent, 11 complement;
   * `x11`: 0x transparent, 10 background, 11 foreground.
   */
  readonly encoding: 'windows' | 'x11';
  /** Colours in the format of the picture: a palette index, or a pixel value. */
  readonly foreground: number;
  readonly background: number;
  /** `CURSOR_BYTES` of video memory; fewer where memory ends. */
  readonly pattern: Uint8Array;
}
