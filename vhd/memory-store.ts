import { DiskError, DiskErrorCode } from './errors.ts';
import { MemoryFile } from './memory-file.ts';
import { baseName, type ParentResolver } from './parents.ts';
import type { DiskStore } from './store.ts';

/** Files in memory by name, as one folder. They are lost with it. */
export class MemoryStore implements DiskStore {
  readonly files = new Map<string, MemoryFile>();
  /** Finds parents by the last part of their recorded path. */
  readonly resolver: ParentResolver = {
    places: ({ text }) => [baseName(text)],
    open: (place) => this.files.get(place),
  };
  private readonly locked = new Set<string>();

  lock(path: string): () => void {
    if (this.locked.has(path)) throw new DiskError(DiskErrorCode.Locked, 'it is in use', { fileName: path });
    this.locked.add(path);
    return () => this.locked.delete(path);
  }

  /** The file itself, not a copy; closing it does nothing. */
  open(path: string): MemoryFile {
    const file = this.files.get(path);
    if (file === undefined) throw new DiskError(DiskErrorCode.NotFound, 'the file does not exist', { fileName: path });
    return file;
  }

  create(path: string): MemoryFile {
    if (this.exists(path)) throw new DiskError(DiskErrorCode.Exists, 'the file exists already', { fileName: path });
    const file = new MemoryFile(path);
    this.files.set(path, file);
    return file;
  }

  exists(path: string): boolean {
    return this.files.has(path);
  }

  replace(from: string, to: string): void {
    const file = this.open(from);
    this.files.delete(from);
    this.files.set(to, file.renamed(to));
  }

  remove(path: string): void {
    if (!this.files.delete(path)) this.open(path);
  }
}
