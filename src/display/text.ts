/** Text modes: the cells and fonts out of video memory, and their picture. */
import type { TextScanout } from '../../devices/vga/scanout.ts';
import { planeAddress } from '../../devices/vga/scanout.ts';
import { fromCp437 } from './cp437.ts';
import type { Picture, TextCursor, TextFrame } from './frame.ts';

const FONT_BYTES = 256 * 32;

/** Which counter row and which of its scan lines each scan line of the picture shows. */
interface RowLayout {
  /** Address counter at the start of each row. */
  readonly starts: number[];
  readonly pan: number[];
  readonly scanLines: Uint16Array;
}

function layoutRows(scan: TextScanout): RowLayout {
  const shown = Math.ceil(scan.lines / scan.repeat);
  const scanLines = new Uint16Array(shown);
  const starts = [scan.start];
  const pan = [scan.pan];
  let counter = scan.start;
  let line = Math.min(scan.presetRowScan, scan.rowHeight - 1);
  for (let y = 0; y < shown; y++) {
    if (y > 0 && y * scan.repeat >= scan.splitLine && (y - 1) * scan.repeat < scan.splitLine) {
      counter = scan.splitStart;
      line = 0;
      starts.push(counter);
      pan.push(scan.splitPan);
    } else if (line === scan.rowHeight) {
      counter += scan.pitch;
      line = 0;
      starts.push(counter);
      pan.push(pan.at(-1)!);
    }
    scanLines[y] = ((starts.length - 1) << 5) | line;
    line++;
  }
  return { starts, pan, scanLines };
}

/** Takes a snapshot. `words` are the four planes of each address, `colors` the 256 DAC colours. */
export function textFrame(scan: TextScanout, words: Uint32Array, colors: Uint32Array): TextFrame {
  const { starts, pan, scanLines } = layoutRows(scan);
  const rows = starts.length;
  const stride = scan.columns + (pan.some((dots) => dots > 0) ? 1 : 0);
  const characters = new Uint8Array(rows * stride);
  const attributes = new Uint8Array(rows * stride);
  let cursor: TextCursor | undefined;
  starts.forEach((start, row) => {
    for (let column = 0; column < stride; column++) {
      const counter = (start + column) & 0xffff;
      const word = words[planeAddress(scan.addressing, counter, 0)] ?? 0;
      const at = row * stride + column;
      characters[at] = word;
      attributes[at] = word >>> 8;
      if (counter === scan.cursor.address && scan.cursor.enabled && column < scan.columns)
        cursor ??= { column, row, startLine: scan.cursor.startLine, endLine: scan.cursor.endLine };
    }
  });
  const fonts = new Uint8Array(2 * FONT_BYTES);
  scan.fonts.forEach((address, which) => {
    for (let i = 0; i < FONT_BYTES; i++) fonts[which * FONT_BYTES + i] = words[address + i]! >>> 16;
  });
  return {
    kind: 'text',
    columns: scan.columns,
    rows,
    stride,
    characters,
    attributes,
    cursor,
    blink: scan.blink,
    palette: Uint32Array.from(scan.palette, (index) => colors[index]!),
    cellWidth: scan.cellWidth === 9 ? 9 : 8,
    cellHeight: scan.rowHeight,
    fonts,
    lineGraphics: scan.lineGraphics,
    underlineLine: scan.underlineLine,
    scanLines,
    pan: Uint8Array.from(pan),
    repeat: scan.repeat,
  };
}

/** The rows in Unicode, trailing blanks removed. */
export function textLines(frame: TextFrame): string[] {
  return Array.from({ length: frame.rows }, (_, row) => {
    const from = row * frame.stride;
    return fromCp437(frame.characters.subarray(from, from + frame.columns)).trimEnd();
  });
}

export interface BlinkPhase {
  /** The cursor is in the visible half of its blinking. */
  readonly cursor: boolean;
  /** Blinking characters are in the visible half. */
  readonly characters: boolean;
}

const VISIBLE: BlinkPhase = { cursor: true, characters: true };

/** Draws a text frame, by default with everything that blinks visible. */
export function renderText(frame: TextFrame, phase: BlinkPhase = VISIBLE): Picture {
  const { cellWidth, columns, stride, fonts, palette, cursor } = frame;
  const width = columns * cellWidth;
  const height = frame.scanLines.length * frame.repeat;
  const pixels = new Uint32Array(width * height);
  const dots = new Uint32Array(stride * cellWidth);
  frame.scanLines.forEach((packed, y) => {
    const row = packed >> 5;
    const line = packed & 31;
    for (let column = 0; column < stride; column++) {
      const code = frame.characters[row * stride + column]!;
      const attribute = frame.attributes[row * stride + column]!;
      const background = (attribute >> 4) & (frame.blink ? 7 : 15);
      let pattern = fonts[(attribute & 8 ? FONT_BYTES : 0) + code * 32 + line]! << 1;
      if (frame.lineGraphics && (code & 0xe0) === 0xc0) pattern |= (pattern >> 1) & 1;
      if (frame.blink && attribute & 0x80 && !phase.characters) pattern = 0;
      if (line === frame.underlineLine && (attribute & 0x77) === 0x01) pattern = 0x1ff;
      if (
        cursor &&
        phase.cursor &&
        cursor.row === row &&
        cursor.column === column &&
        line >= cursor.startLine &&
        line <= cursor.endLine
      )
        pattern = 0x1ff;
      const on = palette[attribute & 15]!;
      const off = palette[background]!;
      for (let dot = 0; dot < cellWidth; dot++) dots[column * cellWidth + dot] = pattern & (0x100 >> dot) ? on : off;
    }
    const pan = Math.min(frame.pan[row]!, dots.length - width);
    for (let i = 0; i < frame.repeat; i++) pixels.set(dots.subarray(pan, pan + width), (y * frame.repeat + i) * width);
  });
  return { width, height, data: new Uint8Array(pixels.buffer) };
}
