/** Lays a hardware cursor over lines of a picture. */
import type { CursorOverlay } from '../../devices/vga/cursor.ts';
import { CURSOR_SIZE } from '../../devices/vga/cursor.ts';
import type { PixelFormat } from '../../devices/vga/scanout.ts';
import { pixelColor } from './graphics.ts';

const ROW_BYTES = 16;
const RGB = 0x00ffffff;

/** A cursor as it was at one moment, to be compared with later ones. */
export interface CursorSnapshot extends CursorOverlay {
  readonly format: PixelFormat;
}

/** Copies a cursor out of video memory. */
export function snapshot(cursor: CursorOverlay, format: PixelFormat): CursorSnapshot {
  return { ...cursor, format, pattern: cursor.pattern.slice() };
}

export function sameCursor(a: CursorSnapshot | undefined, b: CursorOverlay | undefined): boolean {
  if (!a || !b) return !a && !b;
  return (
    a.x === b.x &&
    a.y === b.y &&
    a.originX === b.originX &&
    a.originY === b.originY &&
    a.encoding === b.encoding &&
    a.foreground === b.foreground &&
    a.background === b.background &&
    a.pattern.length === b.pattern.length &&
    a.pattern.every((byte, i) => byte === b.pattern[i])
  );
}

/** Whether the cursor may show on line `y`. */
export function covers(cursor: CursorOverlay | undefined, y: number): boolean {
  return cursor !== undefined && y >= cursor.y && y < cursor.y + CURSOR_SIZE - cursor.originY;
}

/** Draws the cursor's part of line `y` over `into[at ...]`, `width` pixels of the picture. */
export function drawCursor(
  cursor: CursorSnapshot,
  y: number,
  into: Uint32Array,
  at: number,
  width: number,
  colors: Uint32Array,
): void {
  const row = (y - cursor.y + cursor.originY) * ROW_BYTES;
  const foreground = pixelColor(cursor.format, cursor.foreground, colors);
  const background = pixelColor(cursor.format, cursor.background, colors);
  const windows = cursor.encoding === 'windows';
  const columns = Math.min(CURSOR_SIZE - cursor.originX, width - cursor.x);
  for (let i = 0; i < columns; i++) {
    const column = cursor.originX + i;
    // Sixteen columns have two bytes of AND mask, then two of XOR mask.
    const byte = row + (column >> 4) * 4 + ((column >> 3) & 1);
    const bit = 0x80 >> (column & 7);
    const and = ((cursor.pattern[byte] ?? 0xff) & bit) !== 0;
    const xor = ((cursor.pattern[byte + 2] ?? 0) & bit) !== 0;
    const to = at + cursor.x + i;
    if (windows) {
      if (!and) into[to] = xor ? foreground : background;
      else if (xor) into[to] = into[to]! ^ RGB;
    } else if (and) {
      into[to] = xor ? foreground : background;
    }
  }
}
