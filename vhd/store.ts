/** Files by path, for operations that make, replace or delete whole files. */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import type { TaskSteps } from './task.ts';

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

/**
 * Fills a new file and gives it the name `target` when it is complete and durable. Ends the filling early (an error, a cancelled task), the
 * unfinished file is deleted; one that a killed process left is overwritten.
 * @param unfinished the name until then.
 * @throws DiskError as the store.
 */
export function* writeNewFile<T>(
  store: DiskStore,
  unfinished: string,
  target: string,
  fill: (file: RandomAccessFile) => TaskSteps<T>,
): TaskSteps<T> {
  if (store.exists(unfinished)) store.remove(unfinished);
  const file = store.create(unfinished);
  let complete = false;
  try {
    const result = yield* fill(file);
    file.flush();
    file.close();
    store.replace(unfinished, target);
    complete = true;
    return result;
  } finally {
    if (!complete) {
      file.close();
      if (store.exists(unfinished)) store.remove(unfinished);
    }
  }
}

/** @throws DiskError `disk-exists`. */
export function checkAbsent(store: DiskStore, path: string): void {
  if (!store.exists(path)) return;
  throw new DiskError(DiskErrorCode.Exists, 'the file exists already', {
    fileName: path,
    remedy: 'Choose another name or move the existing file away.',
  });
}
