/** Graphics modes: pixels out of video memory, a line at a time. */
import type { PackedScanout, PixelFormat, PlanarScanout } from '../../devices/vga/scanout.ts';
import { linesPerPictureLine, planeAddress, scanoutSize } from '../../devices/vga/scanout.ts';

/** A graphics picture resolved into lines that can be drawn independently. */
export interface LineSource {
  readonly width: number;
  readonly height: number;
  /** Draws line `y` to `into[at ...]`. */
  draw(y: number, into: Uint32Array, at: number): void;
  /** Bytes of video memory that line `y` may come from: first, and one past the last. Wraps are covered. */
  bytes(y: number): readonly [from: number, to: number];
}

/** Expansion of 5- and 6-bit guns so that full scale becomes 255. */
const FIVE = Uint8Array.from({ length: 32 }, (_, v) => (v << 3) | (v >> 2));
const SIX = Uint8Array.from({ length: 64 }, (_, v) => (v << 2) | (v >> 4));
const OPAQUE = 0xff000000;

/** Bytes per pixel. */
const PIXEL_BYTES = { indexed8: 1, rgb555: 2, rgb565: 2, rgb888: 3, rgb8888: 4 } as const;

export function packedLines(scan: PackedScanout, memory: Uint8Array, colors: Uint32Array): LineSource {
  const { width, height, start, pitch, format } = scan;
  const size = PIXEL_BYTES[format];
  const pixel: Readonly<Record<PixelFormat, (at: number) => number>> = {
    indexed8: (at) => colors[memory[at]!]!,
    rgb555: (at) => {
      const v = memory[at]! | (memory[at + 1]! << 8);
      return FIVE[(v >> 10) & 31]! | (FIVE[(v >> 5) & 31]! << 8) | (FIVE[v & 31]! << 16);
    },
    rgb565: (at) => {
      const v = memory[at]! | (memory[at + 1]! << 8);
      return FIVE[v >> 11]! | (SIX[(v >> 5) & 63]! << 8) | (FIVE[v & 31]! << 16);
    },
    rgb888: (at) => memory[at + 2]! | (memory[at + 1]! << 8) | (memory[at]! << 16),
    rgb8888: (at) => memory[at + 2]! | (memory[at + 1]! << 8) | (memory[at]! << 16),
  };
  const color = pixel[format];
  const draw = (y: number, into: Uint32Array, at: number): void => {
    let from = start + y * pitch;
    for (let x = 0; x < width; x++, from += size) into[at + x] = color(from) | OPAQUE;
  };
  return { width, height, draw, bytes: (y) => [start + y * pitch, start + y * pitch + width * size] };
}

/** What the address counter and the row scan counter hold on one line of the picture. */
interface PlanarLine {
  readonly counter: number;
  readonly rowScan: number;
  readonly pan: number;
}

function layoutLines(scan: PlanarScanout): PlanarLine[] {
  const step = linesPerPictureLine(scan);
  const { height } = scanoutSize(scan);
  const rowScans = scan.repeat * scan.rowHeight;
  const lines: PlanarLine[] = [];
  const preset = Math.min(scan.presetRowScan, scan.rowHeight - 1) * scan.repeat;
  for (let y = 0; y < height; y++) {
    // The last of the scan lines of a picture line decides, so that a split in their middle shows from there on.
    const below = y * step + step - 1 - scan.splitLine;
    const split = below >= 0;
    const line = split ? Math.floor(below / step) * step : y * step + preset;
    lines.push({
      counter: (split ? scan.splitStart : scan.start) + Math.floor(line / rowScans) * scan.pitch,
      rowScan: Math.floor((line % rowScans) / scan.repeat),
      pan: split ? scan.splitPan : scan.pan,
    });
  }
  return lines;
}

/** Planes' bits 7 .. 0 as eight 4-bit pixels, leftmost in the top nibble. */
const SPREAD = Uint32Array.from({ length: 256 }, (_, byte) => {
  let spread = 0;
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) spread |= 1 << (4 * bit);
  return spread;
});

export function planarLines(scan: PlanarScanout, words: Uint32Array, colors: Uint32Array): LineSource {
  const lines = layoutLines(scan);
  const { width, addressing, countShift, shift } = scan;
  const perAddress = shift === 'bytes' ? 4 : 8;
  const palette = Uint32Array.from(scan.palette, (index) => colors[index]!);
  const groups = Math.ceil(width / perAddress) + 1;
  const buffer = new Uint32Array((groups + 1) * 8);

  const draw = (y: number, into: Uint32Array, at: number): void => {
    const { counter, rowScan, pan } = lines[y]!;
    let x = 0;
    for (let group = 0; group < groups; group++) {
      const address = planeAddress(addressing, (counter + (group >> countShift)) & 0xffffff, rowScan);
      const word = words[address] ?? 0;
      if (shift === 'bytes') {
        buffer[x++] = colors[word & 0xff]!;
        buffer[x++] = colors[(word >>> 8) & 0xff]!;
        buffer[x++] = colors[(word >>> 16) & 0xff]!;
        buffer[x++] = colors[word >>> 24]!;
      } else if (shift === 'planes') {
        const spread =
          SPREAD[word & 0xff]! |
          (SPREAD[(word >>> 8) & 0xff]! << 1) |
          (SPREAD[(word >>> 16) & 0xff]! << 2) |
          (SPREAD[word >>> 24]! << 3);
        for (let bit = 28; bit >= 0; bit -= 4) buffer[x++] = palette[(spread >>> bit) & 15]!;
      } else {
        // Planes 0 and 2 make the first four pixels, planes 1 and 3 the next four.
        for (let half = 0; half < 2; half++) {
          const low = (word >>> (8 * half)) & 0xff;
          const high = (word >>> (8 * half + 16)) & 0xff;
          for (let bit = 6; bit >= 0; bit -= 2) buffer[x++] = palette[((low >> bit) & 3) | (((high >> bit) & 3) << 2)]!;
        }
      }
    }
    into.set(buffer.subarray(pan, pan + width), at);
  };

  const bytes = (y: number): readonly [number, number] => {
    const { counter, rowScan } = lines[y]!;
    const last = (groups - 1) >> countShift;
    const from = planeAddress(addressing, counter, rowScan);
    const to = planeAddress(addressing, counter + last, rowScan);
    // A line that wraps, or whose addresses are scattered, may come from anywhere.
    return to >= from ? [4 * from, 4 * (to + 1)] : [0, 4 * (addressing.mask + 1)];
  };
  return { width, height: lines.length, draw, bytes };
}
