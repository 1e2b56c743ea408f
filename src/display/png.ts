/** Pictures as PNG files. */
import { encode } from 'fast-png';
import type { Picture } from './frame.ts';

/** Encodes a picture without its alpha channel, which is opaque everywhere. */
export function encodePng(picture: Picture): Uint8Array {
  const { width, height, data } = picture;
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from]!;
    rgb[to + 1] = data[from + 1]!;
    rgb[to + 2] = data[from + 2]!;
  }
  return encode({ width, height, data: rgb, channels: 3, depth: 8 });
}
