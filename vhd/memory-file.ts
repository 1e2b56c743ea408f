import { DiskError, DiskErrorCode } from './errors.ts';
import type { RandomAccessFile } from './random-access-file.ts';

const CHUNK_BITS = 16;
const CHUNK_SIZE = 1 << CHUNK_BITS;

/**
 * A file in memory. Only chunks of 64 KiB that were written take memory, so an image of any nominal size can lie in it.
 */
export class MemoryFile implements RandomAccessFile {
  readonly name: string;
  private protectedNow = false;
  private length: number;
  private chunks = new Map<number, Uint8Array>();

  /** @param content initial bytes; copied. */
  constructor(name = 'memory', content?: Uint8Array, readOnly = false) {
    this.name = name;
    this.length = 0;
    if (content !== undefined) this.write(0, content);
    this.protectedNow = readOnly;
  }

  get readOnly(): boolean {
    return this.protectedNow;
  }

  size(): number {
    return this.length;
  }

  read(offset: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, this.length - offset));
    for (let done = 0; done < count;) {
      const position = offset + done;
      const inChunk = position % CHUNK_SIZE;
      const part = Math.min(count - done, CHUNK_SIZE - inChunk);
      const chunk = this.chunks.get(Math.floor(position / CHUNK_SIZE));
      if (chunk === undefined) into.fill(0, done, done + part);
      else into.set(chunk.subarray(inChunk, inChunk + part), done);
      done += part;
    }
    return count;
  }

  write(offset: number, from: Uint8Array): void {
    if (this.readOnly) throw new DiskError(DiskErrorCode.ReadOnly, 'the file is read-only', { fileName: this.name });
    for (let done = 0; done < from.length;) {
      const position = offset + done;
      const inChunk = position % CHUNK_SIZE;
      const part = Math.min(from.length - done, CHUNK_SIZE - inChunk);
      const index = Math.floor(position / CHUNK_SIZE);
      let chunk = this.chunks.get(index);
      if (chunk === undefined) {
        chunk = new Uint8Array(CHUNK_SIZE);
        this.chunks.set(index, chunk);
      }
      chunk.set(from.subarray(done, done + part), inChunk);
      done += part;
    }
    this.length = Math.max(this.length, offset + from.length);
  }

  truncate(size: number): void {
    if (this.readOnly) throw new DiskError(DiskErrorCode.ReadOnly, 'the file is read-only', { fileName: this.name });
    if (size < this.length) {
      const last = Math.floor(size / CHUNK_SIZE);
      for (const index of [...this.chunks.keys()]) if (index > last) this.chunks.delete(index);
      this.chunks.get(last)?.fill(0, size % CHUNK_SIZE);
    }
    this.length = size;
  }

  flush(): void {}

  close(): void {}

  /** A file of another name with this one's content, which this one loses. */
  renamed(name: string): MemoryFile {
    const file = new MemoryFile(name);
    file.chunks = this.chunks;
    file.length = this.length;
    this.chunks = new Map();
    this.length = 0;
    return file;
  }

  /** A copy of the whole content. For small files. */
  toBytes(): Uint8Array {
    const bytes = new Uint8Array(this.length);
    this.read(0, bytes);
    return bytes;
  }
}
