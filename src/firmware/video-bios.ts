/**
 * Completes the video BIOS of `src/video-bios`: it has room for the VGA's three character sets and a directory that says
 * where, but not the sets. They are copied from the SeaVGABIOS image that comes with the package (and its licence).
 */

/** Precedes the offsets of the sets with 8, 14 and 16 lines. */
const DIRECTORY = [...'FONTSETS'].map((letter) => letter.charCodeAt(0));
const CHARACTERS = 256;
const BLOCK = 512;

/** Lines of the characters, and how a set of a VGA begins: a blank, then the face. */
const SETS: readonly (readonly [lines: number, face: readonly number[]])[] = [
  [8, [0x7e, 0x81, 0xa5, 0x81, 0xbd, 0x99, 0x81, 0x7e]],
  [14, [0x00, 0x00, 0x7e, 0x81, 0xa5, 0x81, 0x81, 0xbd, 0x99, 0x81, 0x7e, 0x00, 0x00, 0x00]],
  [16, [0x00, 0x00, 0x7e, 0x81, 0xa5, 0x81, 0x81, 0xbd, 0x99, 0x81, 0x81, 0x7e, 0x00, 0x00, 0x00, 0x00]],
];

function find(bytes: Uint8Array, pattern: readonly number[]): number {
  const last = bytes.length - pattern.length;
  for (let at = 0; at <= last; at++) if (pattern.every((byte, i) => bytes[at + i] === byte)) return at;
  return -1;
}

/**
 * Fills character sets and checksum in; returns a new image.
 * @param rom an image as it was assembled
 * @param fonts a VGA BIOS image that holds the usual character sets
 * @throws RangeError if one of them is not what it should be
 */
export function completeVideoBios(rom: Uint8Array, fonts: Uint8Array): Uint8Array {
  const image = new Uint8Array(rom);
  const directory = find(image, DIRECTORY);
  if (directory < 0) throw new RangeError('the video BIOS has no directory of character sets');
  SETS.forEach(([lines, face], i) => {
    const from = find(fonts, [...Array<number>(lines).fill(0), ...face]);
    const length = CHARACTERS * lines;
    if (from < 0 || from + length > fonts.length)
      throw new RangeError(`no character set of ${lines} lines in the image that should give it`);
    const entry = directory + DIRECTORY.length + 2 * i;
    image.set(fonts.subarray(from, from + length), image[entry]! | (image[entry + 1]! << 8));
  });
  // Option ROMs add up to zero.
  const size = image[2]! * BLOCK;
  image[size - 1] = 0;
  image[size - 1] = -image.subarray(0, size).reduce((sum, byte) => sum + byte, 0);
  return image;
}
