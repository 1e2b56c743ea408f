/**
 * The undo layer: a differencing disk over an image that stays as it is. In a file it is an ordinary differencing VHD with the
 * extension `.vud`, as the original products made them, and survives the machine until it is committed or discarded.
 */
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { createDifferencing } from '../../vhd/create.ts';
import type { NewLocator } from '../../vhd/dynamic-header.ts';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import type { DiskImage } from '../../vhd/image.ts';
import { MemoryFile } from '../../vhd/memory-file.ts';
import { mergeInto } from '../../vhd/merge.ts';
import { openVhd } from '../../vhd/open.ts';
import { SparseImage } from '../../vhd/sparse-image.ts';
import { lockFile } from './lock-file.ts';
import { hostError, NodeFile } from './node-file.ts';

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
    return openVhd(file, { parent: base });
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

/** An undo layer that is lost at close. On success `base` belongs to the result. */
export function openMemoryUndo(base: DiskImage): DiskImage {
  const file = new MemoryFile(`${base.name} (changes in memory)`);
  createDifferencing(file, { parent: base, parentName: path.basename(base.name), locators: [] });
  return openVhd(file, { parent: base });
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
 * Makes a file so that it is either complete under its name or not there: written beside it, flushed, renamed.
 * @throws DiskError `disk-exists`, `disk-access-denied`, `disk-host-full`.
 */
export function createDurably(target: string, fill: (file: NodeFile) => void): void {
  if (fs.existsSync(target))
    throw hostError(Object.assign(new Error('exists'), { code: 'EEXIST' }), target, 'creating');
  const unfinished = `${target}.${process.pid}.new`;
  fs.rmSync(unfinished, { force: true });
  const file = NodeFile.create(unfinished);
  try {
    fill(file);
    file.flush();
    file.close();
    fs.renameSync(unfinished, target);
    flushFolder(path.dirname(target));
  } catch (error) {
    file.close();
    fs.rmSync(unfinished, { force: true });
    throw hostError(error, target, 'creating');
  }
}

/** Makes creations, renames and deletions in a folder durable. Hosts that cannot open folders do that by themselves. */
function flushFolder(folder: string): void {
  try {
    const descriptor = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    // Not supported here (Windows); the rename itself is then all there is.
  }
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
  openBase: (file: NodeFile) => DiskImage,
  progress?: (done: number, total: number) => boolean,
): boolean {
  const unlockUndo = lockFile(undoPath);
  try {
    const unlockBase = lockFile(basePath);
    try {
      const target = openBase(NodeFile.open(basePath, false));
      try {
        // The undo disk is opened over the very image that it is merged into, and only for reading.
        const layer = openVhd(NodeFile.open(undoPath, true), { parent: target });
        if (!(layer instanceof SparseImage) || layer.parent === undefined) {
          throw new DiskError(DiskErrorCode.WrongKind, 'this is not an undo disk', { fileName: undoPath });
        }
        if (!mergeInto(layer, target, progress)) return false;
      } finally {
        target.close();
      }
      removeUndoFile(undoPath);
      return true;
    } finally {
      unlockBase();
    }
  } finally {
    unlockUndo();
  }
}

/**
 * Deletes an undo disk: the image is again as it was.
 * @throws DiskError `disk-locked` while a machine uses it; `disk-not-found`.
 */
export function discardUndoFile(undoPath: string): void {
  const unlock = lockFile(undoPath);
  try {
    removeUndoFile(undoPath);
  } finally {
    unlock();
  }
}

function removeUndoFile(undoPath: string): void {
  try {
    fs.rmSync(undoPath);
  } catch (error) {
    throw hostError(error, undoPath, 'deleting');
  }
  flushFolder(path.dirname(undoPath));
}
