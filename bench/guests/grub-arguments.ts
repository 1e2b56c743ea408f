/**
 * Makes a copy of a guest's disk that boots with other words on the kernel's command line. The words stand in GRUB's
 * environment block (GNU GRUB manual, "The GRUB environment block"): a file of 1,024 bytes that begins with a fixed line, holds
 * `name=value` lines and is padded with `#`. The guests' GRUB configuration takes the variable `args` from it.
 */
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

const SIGNATURE = Buffer.from('# GRUB Environment Block\n');
const BLOCK_BYTES = 1024;
const SECTOR = 512;
/** GRUB itself lies before the first partition and holds the same text as a string. */
const FIRST_PARTITION = 2048 * SECTOR;
const CHUNK = 1 << 20;

/** The block that makes the guest boot with these words. @throws RangeError when they are too long for it */
export function environmentBlock(words: string): Buffer {
  const text = `${SIGNATURE.toString()}args=${words.replaceAll(/[\\\n]/g, String.raw`\$&`)}\n`;
  if (text.length > BLOCK_BYTES)
    throw new RangeError(`${words.length} characters do not fit into GRUB's environment block`);
  return Buffer.from(text.padEnd(BLOCK_BYTES, '#'), 'latin1');
}

/** Offsets of environment blocks in a part of a disk that begins at `position`. */
function* blocksIn(chunk: Buffer, position: number): Generator<number> {
  for (let at = 0; at + SIGNATURE.length <= chunk.length; at += SECTOR)
    if (position + at >= FIRST_PARTITION && chunk.subarray(at, at + SIGNATURE.length).equals(SIGNATURE)) yield at;
}

const isEmpty = (chunk: Buffer): boolean => chunk.every((byte) => byte === 0);

/**
 * Writes the copy, unless there is one already that is newer than the disk; parts that are zero take no room.
 * @param copy named after the words by the caller
 * @throws Error when the disk has no environment block
 */
export function copyWithArguments(disk: string, copy: string, words: string): void {
  if (existsSync(copy) && statSync(copy).mtimeMs > statSync(disk).mtimeMs) return;
  const block = environmentBlock(words);
  mkdirSync(dirname(copy), { recursive: true });
  const from = openSync(disk, 'r');
  const part = `${copy}-${process.pid}`;
  const to = openSync(part, 'w');
  let found = false;
  try {
    const { size } = fstatSync(from);
    ftruncateSync(to, size);
    const buffer = Buffer.alloc(CHUNK);
    for (let position = 0; position < size; position += CHUNK) {
      const chunk = buffer.subarray(0, readSync(from, buffer, 0, CHUNK, position));
      for (const at of blocksIn(chunk, position)) {
        block.copy(chunk, at);
        found = true;
      }
      if (!isEmpty(chunk)) writeSync(to, chunk, 0, chunk.length, position);
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
  if (!found) {
    rmSync(part);
    throw new Error(`no GRUB environment block in ${disk}`);
  }
  renameSync(part, copy);
}
