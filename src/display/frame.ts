/** What a screen shows, as plain data that can be sent between threads. */

/** A 32-bit colour whose bytes in memory are R, G, B, A. */
export type Rgba = number;

export interface TextCursor {
  readonly column: number;
  readonly row: number;
  /** First and last scan line within the cell. */
  readonly startLine: number;
  readonly endLine: number;
}

/** A text mode. Cells are stored row by row, `stride` to a row, of which the first `columns` are fully visible. */
export interface TextFrame {
  readonly kind: 'text';
  readonly columns: number;
  readonly rows: number;
  /** Cells per row in the arrays: `columns`, or one more while the picture is shifted sideways. */
  readonly stride: number;
  /** `stride * rows` character codes. */
  readonly characters: Uint8Array;
  /** As many attributes: bits 0-3 foreground, 4-6 background, 7 blinking or bright background. */
  readonly attributes: Uint8Array;
  /** Where the cursor is, or `undefined` if it is switched off or elsewhere. */
  readonly cursor: TextCursor | undefined;
  /** Attribute bit 7 means blinking. */
  readonly blink: boolean;
  readonly palette: Uint32Array;
  /** Dots. */
  readonly cellWidth: 8 | 9;
  /** Scan lines. */
  readonly cellHeight: number;
  /** 32 bytes for each of 256 characters, for attribute bit 3 clear; then 256 more for it set. Leftmost dot in bit 7. */
  readonly fonts: Uint8Array;
  /** The ninth dot of characters C0h-DFh repeats the eighth. */
  readonly lineGraphics: boolean;
  /** Scan line of the underline in cells with attribute foreground 1, background 0. */
  readonly underlineLine: number;
  /** For each scan line of the picture: row * 32 + scan line within the cell. */
  readonly scanLines: Uint16Array;
  /** For each row: dots by which it is shifted to the left. */
  readonly pan: Uint8Array;
  /** Times each scan line is shown. */
  readonly repeat: number;
}

/** A graphics mode, or a blank screen. */
export interface GraphicsFrame {
  readonly kind: 'graphics';
  /** Nothing is displayed; all pixels are black. */
  readonly blank: boolean;
  readonly width: number;
  readonly height: number;
  /** `width * height` pixels, R G B A. */
  readonly pixels: Uint8Array;
}

export type Frame = TextFrame | GraphicsFrame;

/** A picture: `width * height` pixels, four bytes R G B A each. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}
