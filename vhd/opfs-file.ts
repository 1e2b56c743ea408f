/** Files of a page's private file system (OPFS), in a worker. */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { RandomAccessFile } from './random-access-file.ts';

/** What is used of a `FileSystemSyncAccessHandle` (File System Standard, WHATWG, section 3.3). */
export interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(from: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

/**
 * An image in the private file system of a page: `new OpfsFile(name, await fileHandle.createSyncAccessHandle())`, in a worker. The handle
 * belongs to it. Nobody else can open the file as long as it is open.
 */
export class OpfsFile implements RandomAccessFile {
  readonly name: string;
  readonly readOnly: boolean;
  private readonly handle: SyncAccessHandle;
  private length: number;
  private open = true;

  /** @param readOnly refuses writing; the handle may allow it. */
  constructor(name: string, handle: SyncAccessHandle, readOnly = false) {
    this.name = name;
    this.handle = handle;
    this.readOnly = readOnly;
    this.length = this.guard('reading', () => handle.getSize());
  }

  size(): number {
    return this.length;
  }

  read(offset: number, into: Uint8Array): number {
    let done = 0;
    while (done < into.length) {
      const count = this.guard('reading', () => this.handle.read(into.subarray(done), { at: offset + done }));
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  write(offset: number, from: Uint8Array): void {
    this.checkWritable();
    for (let done = 0; done < from.length;) {
      const count = this.guard('writing', () => this.handle.write(from.subarray(done), { at: offset + done }));
      if (count === 0) {
        throw new DiskError(DiskErrorCode.HostFull, 'the storage of this page is full', { fileName: this.name });
      }
      done += count;
    }
    this.length = Math.max(this.length, offset + from.length);
  }

  truncate(size: number): void {
    this.checkWritable();
    this.guard('changing the size', () => this.handle.truncate(size));
    this.length = size;
  }

  flush(): void {
    this.guard('flushing', () => this.handle.flush());
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    this.handle.close();
  }

  private checkWritable(): void {
    if (this.readOnly) throw new DiskError(DiskErrorCode.ReadOnly, 'the file is read-only', { fileName: this.name });
  }

  private guard<T>(doing: string, run: () => T): T {
    try {
      return run();
    } catch (error) {
      const { name, message } = error as { name?: string; message?: string };
      if (name === 'QuotaExceededError') {
        throw new DiskError(DiskErrorCode.HostFull, 'the storage of this page is full', {
          fileName: this.name,
          remedy: 'Delete files of this page, or allow it more storage.',
          cause: error,
        });
      }
      throw new DiskError(DiskErrorCode.Io, `${doing} failed: ${message}`, { fileName: this.name, cause: error });
    }
  }
}
