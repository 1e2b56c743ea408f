/**
 * The undo layer: a differencing disk over an image that stays as it is. In a file it is an ordinary differencing VHD with the
 * extension `.vud`, as the original products made them, and survives the machine until it is committed or discarded.
 */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { unixTime, vhdTime } from '../../vhd/bytes.ts';
import { createDifferencing } from '../../vhd/create.ts';
import type { NewLocator } from '../../vhd/dynamic-header.ts';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import type { DiskImage } from '../../vhd/image.ts';
import { MemoryFile } from '../../vhd/memory-file.ts';
import { mergeInto } from '../../vhd/merge.ts';
import { openVhd } from '../../vhd/open.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { SparseImage } from '../../vhd/sparse-image.ts';
import { openDiskFile } from './disk-file.ts';
import { createDurably, flushFolder } from './durable.ts';
import { lockFile } from './lock-file.ts';
import { hostError, NodeFile } from './node-file.ts';
import { asBeforeCommit, checkDiscard, hexIdentity, removeJournals, writeJournals } from './undo-journal.ts';

/**
 * The name that the original products gave the undo disk of a drive, which lies beside the `.vmc`:
 * `VirtualPCUndo_<disk>_<controller>_<location>_hhmmssMMDDYYYY.vud`, with the time in UTC.
 */
export function productUndoName(diskPath: string, controller: number, location: number, time: Date): string {
  const [date, clock] = time.toISOString().split('T');
  const [year, month, day] = date.split('-');
  const disk = path.basename(diskPath).replace(/\.[^.]*$/, '');
  return `VirtualPCUndo_${disk}_${controller}_${location}_${clock.slice(0, 8).replaceAll(':', '')}${month}${day}${year}.vud`;
}

/** The undo file of an image when no other place is given: beside it, `.vud` appended to the whole name. */
export function undoPathFor(imagePath: string): string {
  return `${imagePath}.vud`;
}

/** How a differencing disk at `childPath` names its parent: relative, absolute on Windows, and as a URL. */
export function locatorsFor(childPath: string, parentPath: string): NewLocator[] {
  const relative = path.relative(path.dirname(childPath), parentPath).replaceAll('/', '\\');
  const locators: NewLocator[] = [
    { platform: 'W2ru', text: relative.startsWith('..') ? relative : `.\\${relative}` },
    { platform: 'MacX', text: pathToFileURL(parentPath).href },
  ];
  if (path.sep === '\\') locators.push({ platform: 'W2ku', text: parentPath });
  return locators;
}

/**
 * Opens the undo file of `base`, or makes a new one. The caller holds the lock of `undoPath`. On success `base` belongs to the result.
 * @throws DiskError `disk-parent-mismatch` when the undo file belongs to another disk, `disk-access-denied`.
 */
export function openFileUndo(base: DiskImage, basePath: string, undoPath: string): DiskImage {
  let file: NodeFile | undefined;
  try {
    if (!fs.existsSync(undoPath)) createUndoFile(base, basePath, undoPath);
    file = NodeFile.open(undoPath, false);
    return openVhd(file, { parent: asBeforeCommit(base, undoPath) });
  } catch (error) {
    file?.close();
    if (error instanceof DiskError && error.code === DiskErrorCode.AccessDenied) {
      throw new DiskError(DiskErrorCode.AccessDenied, `the undo disk ${undoPath} cannot be written`, {
        fileName: basePath,
        remedy: 'Name another place for the undo disk, or keep the changes in memory.',
        cause: error,
      });
    }
    throw error;
  }
}

/** A sentence when the image was changed after its undo disk was made: their contents may then not fit together any more. */
export function touchedParentWarning(undo: DiskImage, basePath: string): string | undefined {
  const recorded = undo instanceof SparseImage ? undo.header.parentTimeStamp : 0;
  const now = vhdTime(fs.statSync(basePath).mtimeMs);
  if (recorded === 0 || recorded === now) return undefined;
  const time = (timeStamp: number): string => new Date(unixTime(timeStamp)).toISOString();
  return (
    `${basePath}: it was changed (${time(now)}) after its undo disk was made (for the state of ${time(recorded)}); ` +
    'if more than the time changed, discard the undo disk'
  );
}

/**
 * An undo layer that is lost at close. On success `base` belongs to the result.
 * @param saved the file of an earlier one
 * @throws DiskError `disk-parent-mismatch` if that one belongs to another disk
 */
export function openMemoryUndo(base: DiskImage, saved?: MemoryFile): { image: DiskImage; file: MemoryFile } {
  const file = saved ?? new MemoryFile(`${base.name} (changes in memory)`);
  if (!saved) createDifferencing(file, { parent: base, parentName: path.basename(base.name), locators: [] });
  return { image: openVhd(file, { parent: base }), file };
}

function createUndoFile(base: DiskImage, basePath: string, undoPath: string): void {
  createDurably(undoPath, (file) =>
    createDifferencing(file, {
      parent: base,
      parentName: path.basename(basePath),
      parentTime: fs.statSync(basePath).mtimeMs,
      locators: locatorsFor(undoPath, basePath),
    }),
  );
}

/**
 * Writes the changes of an undo disk into the image and deletes the undo disk. Interrupted at any point it can be repeated.
 * @param openBase opens the image for writing.
 * @param progress see `mergeInto`.
 * @returns false when it was stopped; the undo disk is then still there.
 * @throws DiskError `disk-not-found` when there is no undo disk, `disk-parent-mismatch`, `disk-locked`, `disk-host-full`.
 */
export function commitUndoFile(
  basePath: string,
  undoPath: string,
  openBase: (file: RandomAccessFile) => DiskImage,
  progress?: (done: number, total: number) => boolean,
): boolean {
  const undoLock = lockFile(undoPath);
  try {
    const baseLock = lockFile(basePath);
    try {
      if (!mergeUndoFile(basePath, undoPath, openBase, progress)) return false;
      removeUndoFile(undoPath);
      removeJournals([{ path: basePath, undoPath }]);
      return true;
    } finally {
      baseLock.unlock();
    }
  } finally {
    undoLock.unlock();
  }
}

function mergeUndoFile(
  basePath: string,
  undoPath: string,
  openBase: (file: RandomAccessFile) => DiskImage,
  progress?: (done: number, total: number) => boolean,
): boolean {
  const undoFile = NodeFile.open(undoPath, true);
  try {
    const baseFile = openDiskFile(basePath, false);
    try {
      const target = openBase(baseFile);
      // The undo disk is opened over the very image that it is merged into, and only for reading.
      const layer = openVhd(undoFile, { parent: asBeforeCommit(target, undoPath) });
      if (!(layer instanceof SparseImage) || layer.parent === undefined) {
        throw new DiskError(DiskErrorCode.WrongKind, 'this is not an undo disk', { fileName: undoPath });
      }
      writeJournals({ action: 'commit', disks: [{ path: basePath, undoPath, identity: hexIdentity(target) }] });
      const finished = mergeInto(layer, target, progress);
      target.close();
      return finished;
    } finally {
      baseFile.close();
    }
  } finally {
    undoFile.close();
  }
}

/**
 * Deletes an undo disk: the image is again as it was.
 * @throws DiskError `disk-locked` while a machine uses it; `disk-not-found`; `disk-unsupported` after a commit has begun.
 */
export function discardUndoFile(undoPath: string): void {
  checkDiscard([{ undoPath }]);
  const lock = lockFile(undoPath);
  try {
    removeUndoFile(undoPath);
  } finally {
    lock.unlock();
  }
}

/** Deletes the file, durably. @throws DiskError `disk-not-found`, `disk-access-denied` */
export function removeUndoFile(undoPath: string): void {
  try {
    fs.rmSync(undoPath);
  } catch (error) {
    throw hostError(error, undoPath, 'deleting');
  }
  flushFolder(path.dirname(undoPath));
}
