/** Reads a saved state. Memory is read block by block, when somebody wants it; nothing is believed before it is checked. */
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import type { Compression } from './compression.ts';
import { SavedStateError, SavedStateErrorCode } from './errors.ts';
import { BLOCK_BYTES, HEADER_BYTES, readHeader, type Header } from './format.ts';
import { parseState, type StateObject } from './values.ts';

interface Block {
  readonly offset: number;
  readonly stored: number;
  readonly crc: number;
}

/** A memory of the saved machine; blocks that are not in the file are zeros. */
export interface SavedMemory {
  readonly bytes: number;
  readonly blocks: ReadonlyMap<number, Block>;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isObject = (value: unknown): value is StateObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);

export class StateReader {
  /** The directory without its list of memories. */
  readonly document: StateObject;
  readonly memories: ReadonlyMap<string, SavedMemory>;
  readonly #file: RandomAccessFile;
  readonly #compression: Compression;
  readonly #header: Header;

  /**
   * @param file belongs to the reader from now on, unless this throws
   * @throws SavedStateError
   */
  constructor(file: RandomAccessFile, compression: Compression) {
    this.#file = file;
    this.#compression = compression;
    this.#header = readHeader(file, compression);
    const { memory, ...document } = this.#readDirectory();
    this.document = document;
    this.memories = this.#memories(memory);
  }

  get fileName(): string {
    return this.#file.name;
  }

  #fail(code: SavedStateErrorCode, problem: string, offset: number, cause?: unknown): SavedStateError {
    return new SavedStateError(code, problem, {
      fileName: this.#file.name,
      offset,
      remedy: 'Copy the file again from its source, or discard the state: the disks are as after a power cut',
      cause,
    });
  }

  #stored(block: Block, what: string): Uint8Array {
    const stored = new Uint8Array(block.stored);
    const count = this.#file.read(block.offset, stored);
    if (count < stored.length)
      throw this.#fail(SavedStateErrorCode.Truncated, `${what} is cut off`, block.offset + count);
    if (this.#compression.crc32(stored) !== block.crc)
      throw this.#fail(SavedStateErrorCode.Checksum, `${what} is damaged`, block.offset);
    return stored;
  }

  #unpack(block: Block, into: Uint8Array, what: string): void {
    const stored = this.#stored(block, what);
    if (stored.length === into.length) {
      into.set(stored);
      return;
    }
    try {
      this.#compression.inflate(stored, into);
    } catch (cause) {
      throw this.#fail(SavedStateErrorCode.Damaged, `${what} cannot be unpacked`, block.offset, cause);
    }
  }

  #readDirectory(): StateObject {
    const raw = new Uint8Array(this.#header.raw);
    this.#unpack(this.#header, raw, 'the directory');
    try {
      return parseState(new TextDecoder('utf-8', { fatal: true }).decode(raw));
    } catch (cause) {
      throw this.#fail(SavedStateErrorCode.Damaged, 'the directory cannot be read', this.#header.offset, cause);
    }
  }

  #memories(listed: unknown): ReadonlyMap<string, SavedMemory> {
    const wrong = (what: string): SavedStateError =>
      this.#fail(SavedStateErrorCode.Damaged, `the directory lists an impossible ${what}`, this.#header.offset);
    if (!isObject(listed)) throw wrong('memory');
    const memories = new Map<string, SavedMemory>();
    for (const [name, memory] of Object.entries(listed)) {
      if (!isObject(memory)) throw wrong(`memory ${name}`);
      const { bytes, blockBytes, blocks } = memory;
      if (!isCount(bytes) || blockBytes !== BLOCK_BYTES || !Array.isArray(blocks)) throw wrong(`memory ${name}`);
      const found = new Map<number, Block>();
      let before = -1;
      for (const entry of blocks as unknown[]) {
        if (!Array.isArray(entry) || !entry.every(isCount)) throw wrong(`block of ${name}`);
        const [index, offset, stored, crc] = entry as number[];
        const inside = index! > before && index! * BLOCK_BYTES < bytes;
        const length = Math.min(BLOCK_BYTES, bytes - index! * BLOCK_BYTES);
        if (!inside || offset! < HEADER_BYTES || offset! + stored! > this.#header.offset || stored! > length)
          throw wrong(`block of ${name}`);
        before = index!;
        found.set(index!, { offset: offset!, stored: stored!, crc: crc! });
      }
      memories.set(name, { bytes, blocks: found });
    }
    return memories;
  }

  /** The memory of that name, whose length must be `bytes`. @throws SavedStateError */
  memory(name: string, bytes: number): SavedMemory {
    const memory = this.memories.get(name);
    if (!memory || memory.bytes !== bytes)
      throw this.#fail(
        SavedStateErrorCode.Hardware,
        `it holds ${memory ? `${memory.bytes} bytes` : 'nothing'} of ${name}, the machine has ${bytes}`,
        this.#header.offset,
      );
    return memory;
  }

  /** Checks every block, so that reading them later can fail for reasons of the host alone. @throws SavedStateError */
  verify(): void {
    for (const [name, { blocks }] of this.memories)
      for (const [index, block] of blocks) this.#stored(block, `block ${index} of ${name}`);
  }

  /** Fills `into`, the whole of block `index`; zeros if the file has none. @throws SavedStateError */
  readBlock(name: string, index: number, into: Uint8Array): void {
    const block = this.memories.get(name)?.blocks.get(index);
    if (block) this.#unpack(block, into, `block ${index} of ${name}`);
    else into.fill(0);
  }

  /** Gives the blocks that are in the file to `take`, in order; its bytes are its own to keep. @throws SavedStateError */
  eachBlock(name: string, take: (offset: number, bytes: Uint8Array) => void): void {
    const memory = this.memories.get(name);
    if (!memory) return;
    for (const index of memory.blocks.keys()) {
      const offset = index * BLOCK_BYTES;
      const bytes = new Uint8Array(Math.min(BLOCK_BYTES, memory.bytes - offset));
      this.readBlock(name, index, bytes);
      take(offset, bytes);
    }
  }

  close(): void {
    this.#file.close();
  }
}
