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

export const OPAQUE = 0xff000000;

/** Bytes per pixel. */
const PIXEL_BYTES = { indexed8: 1, rgb555: 2, rgb565: 2, rgb888: 3, rgb8888: 4 } as const;

/** All 65 536 colours of a 16-bit format with `greenBits` of green; full scale of every gun becomes 255. */
function highColors(greenBits: 5 | 6): Uint32Array {
  const five = (v: number): number => ((v & 31) << 3) | ((v & 31) >> 2);
  const green = greenBits === 5 ? five : (v: number): number => ((v & 63) << 2) | ((v & 63) >> 4);
  const colors = new Uint32Array(0x10000);
  for (let v = 0; v < colors.length; v++)
    colors[v] = OPAQUE | (five(v) << 16) | (green(v >> 5) << 8) | five(v >> (5 + greenBits));
  return colors;
}

/** A pixel of a packed format as a colour. @param colors the 256 DAC colours */
export function pixelColor(format: PixelFormat, pixel: number, colors: Uint32Array): number {
  switch (format) {
    case 'indexed8':
      return colors[pixel & 0xff]!;
    case 'rgb555':
      return (colors555 ??= highColors(5))[pixel & 0xffff]!;
    case 'rgb565':
      return (colors565 ??= highColors(6))[pixel & 0xffff]!;
    default:
      return (OPAQUE | ((pixel & 0xff) << 16) | (pixel & 0xff00) | ((pixel >>> 16) & 0xff)) >>> 0;
  }
}

let colors555: Uint32Array | undefined;
let colors565: Uint32Array | undefined;

export function packedLines(scan: PackedScanout, memory: Uint8Array, colors: Uint32Array): LineSource {
  const { width, height, start, pitch, format, splitLine = height, wrap = Infinity } = scan;
  const size = PIXEL_BYTES[format];
  const bytes = (y: number): readonly [number, number] => {
    const from = (y < splitLine ? start + y * pitch : (y - splitLine) * pitch) % wrap;
    // A line that goes over the end of memory is drawn as far as memory goes.
    return [from, from + width * size];
  };
  let draw: LineSource['draw'];
  if (size === 1) {
    draw = (y, into, at) => {
      const [from] = bytes(y);
      for (let x = 0; x < width; x++) into[at + x] = colors[memory[from + x]!]!;
    };
  } else if (size === 2) {
    const table = format === 'rgb555' ? (colors555 ??= highColors(5)) : (colors565 ??= highColors(6));
    draw = (y, into, at) => {
      let [from] = bytes(y);
      for (let x = 0; x < width; x++, from += 2) into[at + x] = table[memory[from]! | (memory[from + 1]! << 8)]!;
    };
  } else {
    draw = (y, into, at) => {
      let [from] = bytes(y);
      for (let x = 0; x < width; x++, from += size)
        into[at + x] = memory[from + 2]! | (memory[from + 1]! << 8) | (memory[from]! << 16) | OPAQUE;
    };
  }
  return { width, height, draw, bytes };
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
