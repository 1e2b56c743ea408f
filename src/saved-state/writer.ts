/** Writes a saved state: memory first, in blocks, then the directory, then the header that makes the file valid. */
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import type { Compression } from './compression.ts';
import { BLOCK_BYTES, HEADER_BYTES, MAX_DIRECTORY_BYTES, encodeHeader } from './format.ts';
import { SavedStateError, SavedStateErrorCode } from './errors.ts';
import { stringifyState, type StateObject } from './values.ts';

/** Something that is written in blocks: bytes, or a file. */
export interface BlockSource {
  /** Bytes. */
  readonly length: number;
  /** A view or a copy of `length` bytes from `offset` on; used before the next call only. */
  block(offset: number, length: number): Uint8Array;
}

export const bytesSource = (bytes: Uint8Array): BlockSource => ({
  length: bytes.length,
  block: (offset, length) => bytes.subarray(offset, offset + length),
});

export function fileSource(file: Pick<RandomAccessFile, 'size' | 'read'>): BlockSource {
  const buffer = new Uint8Array(BLOCK_BYTES);
  return {
    length: file.size(),
    block: (offset, length) => {
      const into = buffer.subarray(0, length);
      into.fill(0, file.read(offset, into));
      return into;
    },
  };
}

/** A block in the directory: index, offset in the file, stored bytes (as many as the block has: not compressed), CRC-32 of those. */
export type BlockEntry = readonly [index: number, offset: number, stored: number, crc: number];

function isZero(block: Uint8Array): boolean {
  const aligned = block.byteOffset % 4 === 0;
  const words = new Int32Array(
    aligned ? block.buffer : block.slice().buffer,
    aligned ? block.byteOffset : 0,
    block.length >> 2,
  );
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return block.subarray(words.length * 4).every((byte) => byte === 0);
}

export class StateWriter {
  readonly #file: RandomAccessFile;
  readonly #compression: Compression;
  readonly #memory: Record<string, StateObject> = {};
  #at = HEADER_BYTES;

  /** @param file empty, or one whose content is given up */
  constructor(file: RandomAccessFile, compression: Compression) {
    this.#file = file;
    this.#compression = compression;
    // A file that is used anew must not look like a state before it is one.
    file.write(0, new Uint8Array(HEADER_BYTES));
  }

  /** Bytes written so far. */
  get written(): number {
    return this.#at;
  }

  /** Writes a memory block by block; gives the bytes of each block dealt with, so that the caller may pause or stop. */
  *addMemory(name: string, source: BlockSource): Generator<number, void> {
    const blocks: BlockEntry[] = [];
    for (let index = 0, offset = 0; offset < source.length; index++, offset += BLOCK_BYTES) {
      const raw = source.block(offset, Math.min(BLOCK_BYTES, source.length - offset));
      if (!isZero(raw)) {
        const packed = this.#compression.deflate(raw);
        const stored = packed.length < raw.length ? packed : raw;
        blocks.push([index, this.#at, stored.length, this.#compression.crc32(stored)]);
        this.#file.write(this.#at, stored);
        this.#at += stored.length;
      }
      yield raw.length;
    }
    this.#memory[name] = { bytes: source.length, blockBytes: BLOCK_BYTES, blocks };
  }

  /** Writes directory and header. The file is durable afterwards, and a state. */
  finish(document: StateObject): void {
    const raw = new TextEncoder().encode(stringifyState({ ...document, memory: this.#memory }));
    if (raw.length > MAX_DIRECTORY_BYTES)
      throw new SavedStateError(SavedStateErrorCode.Damaged, `the directory would have ${raw.length} bytes`, {
        fileName: this.#file.name,
      });
    const packed = this.#compression.deflate(raw);
    const stored = packed.length < raw.length ? packed : raw;
    this.#file.write(this.#at, stored);
    const fileBytes = this.#at + stored.length;
    this.#file.truncate(fileBytes);
    this.#file.flush();
    const crc = this.#compression.crc32(stored);
    const header = { offset: this.#at, stored: stored.length, raw: raw.length, crc, fileBytes };
    this.#file.write(0, encodeHeader(header, this.#compression));
    this.#file.flush();
    this.#at = fileBytes;
  }
}
