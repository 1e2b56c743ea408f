/** GRUB's environment block inside a raw, fixed or dynamic VHD image, rewritten in place: the words go on the guest's command line. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';

const MAGIC = Buffer.from('# GRUB Environment Block\n');
const BLOCK_BYTES = 1024;
const SECTOR = 512;
/** GRUB's own core image, which holds the text too, lies before the first partition. */
const FIRST_PARTITION = 2048 * SECTOR;

/** @throws Error if the image has no environment block or the words do not fit it */
export function setGuestArguments(path: string, words: readonly string[]): void {
  const text = `${MAGIC.toString()}args=${words.join(' ').replace(/[\\\n]/g, '\\$&')}\n`;
  if (text.length > BLOCK_BYTES) throw new Error(`too long for the environment block: ${text}`);
  const file = openSync(path, 'r+');
  let found = 0;
  try {
    const { size } = fstatSync(file);
    const chunk = Buffer.alloc(1 << 20);
    for (let position = 0; position < size; position += chunk.length) {
      const read = readSync(file, chunk, 0, chunk.length, position);
      for (let offset = 0; offset + MAGIC.length <= read; offset += SECTOR) {
        if (
          position + offset < FIRST_PARTITION ||
          chunk.compare(MAGIC, 0, MAGIC.length, offset, offset + MAGIC.length) !== 0
        )
          continue;
        writeSync(file, Buffer.from(text.padEnd(BLOCK_BYTES, '#')), 0, BLOCK_BYTES, position + offset);
        found++;
      }
    }
  } finally {
    closeSync(file);
  }
  if (found === 0) throw new Error(`${path} has no GRUB environment block`);
}
