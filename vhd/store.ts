/** Files by path, for operations that make, replace or delete whole files. */
import type { RandomAccessFile } from './random-access-file.ts';

/** What operations on whole files need of a folder tree. Implementations throw `DiskError` for host failures. */
export interface DiskStore {
  /**
   * Keeps other writers away from `path` until the returned function is called.
   * @throws DiskError `disk-locked`.
   */
  lock(path: string): () => void;
  /**
   * Opens an existing file, split disks as one.
   * @throws DiskError `disk-not-found`, `disk-access-denied`.
   */
  open(path: string, access: 'read' | 'write'): RandomAccessFile;
  /**
   * Makes an empty file.
   * @throws DiskError `disk-exists`.
   */
  create(path: string): RandomAccessFile;
  exists(path: string): boolean;
  /**
   * Gives the file `from` the name `to`; a file of that name is replaced. In one step: after a crash at any instant `to` is the old or the
   * new file. When it returns, the change is durable.
   */
  replace(from: string, to: string): void;
  /** Deletes a file, durably. */
  remove(path: string): void;
}
