/**
 * Undo sessions as the original product had them: the undo disks of all hard disks of a machine belong together. When the machine
 * is turned off they are kept, committed (written into the images) or discarded, all of them.
 *
 * Several files cannot change at one instant, so a journal beside the undo disks says what has begun:
 * - `discard`: it is finished before the disks are used again, so that never some disks are old and others new;
 * - `commit`: the images hold part of the changes. As the undo disks still hold all of them, the machine can go on, and the commit
 *   can be repeated; only discarding is impossible from there on.
 */
import fs from 'node:fs';
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { copyHeld } from '../../vhd/merge.ts';
import { openVhd } from '../../vhd/open.ts';
import { SECTOR_SIZE } from '../../vhd/geometry.ts';
import { SparseImage } from '../../vhd/sparse-image.ts';
import { DiskTask, type TaskSteps } from '../../vhd/task.ts';
import { openDiskFile } from './disk-file.ts';
import { type FileLock, lockFile } from './lock-file.ts';
import { NodeFile } from './node-file.ts';
import { openImage } from './open-disk.ts';
import {
  asBeforeCommit,
  checkDiscard,
  hexIdentity,
  readJournal,
  removeJournals,
  writeJournals,
} from './undo-journal.ts';
import type { JournalDisk, UndoDisk } from './undo-journal.ts';
import { productUndoName, removeUndoFile } from './undo.ts';

/** What becomes of undo disks. The product's numbers: 0 discard, 1 keep, 2 commit. */
export type UndoAction = 'keep' | 'commit' | 'discard';

/** The time in a name made by `productUndoName`, as a sortable text. */
function stampOf(name: string): string | undefined {
  const found = /_(\d{6})(\d{2})(\d{2})(\d{4})\.vud$/i.exec(name);
  return found ? `${found[4]}${found[2]}${found[3]}${found[1]}` : undefined;
}

/**
 * Where the undo disk of a drive is: the newest that has the product's name for it in the folder of the `.vmc`, or a new one of that
 * name.
 * @param now for the new name
 */
export function sessionUndoPath(
  folder: string,
  diskPath: string,
  controller: number,
  location: number,
  now: Date,
): string {
  const fresh = productUndoName(diskPath, controller, location, now);
  const stem = fresh.slice(0, -'hhmmssMMDDYYYY.vud'.length).toLowerCase();
  let names: string[] = [];
  try {
    names = fs.readdirSync(folder);
  } catch {
    // Opening the disks says what is wrong with the folder.
  }
  const newest = names
    .filter((name) => name.toLowerCase().startsWith(stem) && stampOf(name) !== undefined)
    .filter((name) => name.length === fresh.length)
    .sort((a, b) => (stampOf(a)! < stampOf(b)! ? -1 : 1))
    .at(-1);
  return path.join(folder, newest ?? fresh);
}

/** Undo disks that exist. */
const present = (disks: readonly UndoDisk[]): UndoDisk[] => disks.filter(({ undoPath }) => fs.existsSync(undoPath));

/** Locks everything or nothing. @throws DiskError `disk-locked` */
function lockAll(files: readonly string[]): Disposable {
  const locks: FileLock[] = [];
  const unlock = (): void => locks.forEach((lock) => lock.unlock());
  try {
    for (const file of files) locks.push(lockFile(file));
  } catch (error) {
    unlock();
    throw error;
  }
  return { [Symbol.dispose]: unlock };
}

function* commitDisk({ path: basePath, undoPath, parentFolders }: UndoDisk): TaskSteps<void> {
  const undoFile = NodeFile.open(undoPath, true);
  try {
    const baseFile = openDiskFile(basePath, false);
    try {
      const target = openImage(baseFile, { parentFolders });
      // The undo disk is opened over the very image that it is merged into, and only for reading.
      const layer = openVhd(undoFile, { parent: asBeforeCommit(target, undoPath) });
      if (!(layer instanceof SparseImage) || layer.parent === undefined)
        throw new DiskError(DiskErrorCode.WrongKind, 'this is not an undo disk', { fileName: undoPath });
      yield { phase: 'committing', done: 0, total: target.sectorCount * SECTOR_SIZE };
      yield* copyHeld(layer, target);
      target.close();
    } finally {
      baseFile.close();
    }
  } finally {
    undoFile.close();
  }
  removeUndoFile(undoPath);
}

/** The disk with the identity that its image has now. */
function identified(disk: UndoDisk): JournalDisk {
  const file = openDiskFile(disk.path, true);
  try {
    return { ...disk, identity: hexIdentity(openImage(file, disk)) };
  } finally {
    file.close();
  }
}

function* commitSteps(disks: readonly UndoDisk[]): TaskSteps<void> {
  const changed = present(disks);
  const locks = lockAll(changed.flatMap((disk) => [disk.undoPath, disk.path]));
  try {
    writeJournals({ action: 'commit', disks: changed.map(identified) });
    for (const [n, disk] of changed.entries()) {
      for (const { done, total } of commitDisk(disk))
        yield {
          phase: `committing ${path.basename(disk.path)}`,
          done: n * total + done,
          total: changed.length * total,
        };
    }
    removeJournals(disks);
  } finally {
    locks[Symbol.dispose]();
  }
}

function* discardSteps(disks: readonly UndoDisk[]): TaskSteps<void> {
  checkDiscard(disks);
  const changed = present(disks);
  const locks = lockAll(changed.map(({ undoPath }) => undoPath));
  try {
    if (changed.length > 1) writeJournals({ action: 'discard', disks });
    for (const [n, { undoPath }] of changed.entries()) {
      yield { phase: 'discarding', done: n, total: changed.length };
      removeUndoFile(undoPath);
    }
    removeJournals(disks);
  } finally {
    locks[Symbol.dispose]();
  }
}

/**
 * Ends the undo session of a machine that is off. Cancelled or killed at any instant nothing is lost that was flushed: the undo disks
 * that are left still hold what is in them, and the task can be repeated.
 * @throws (the task) DiskError `disk-locked`, `disk-parent-mismatch`, `disk-host-full`, `disk-io`; `disk-unsupported` for discarding
 * after a commit has begun
 */
export function endUndoSession(disks: readonly UndoDisk[], action: UndoAction): DiskTask<void> {
  const names = disks.map(({ path: name }) => path.basename(name)).join(', ');
  const steps = { keep: keepSteps, commit: commitSteps, discard: discardSteps }[action](disks);
  return new DiskTask(`${action} changes of ${names}`, steps);
}

function* keepSteps(): TaskSteps<void> {
  // The undo disks stay as they are.
}

/**
 * To be called before the disks are used: finishes a discard that was interrupted.
 * @returns what had begun: after `commit` the undo disks can be used, kept and committed, but not discarded
 * @throws DiskError as the task of `endUndoSession`
 */
export function recoverUndoSession(undoPath: string): 'commit' | 'discard' | undefined {
  const found = readJournal(undoPath);
  if (found?.action === 'discard') endUndoSession(found.disks, 'discard').runSync();
  // Committed to the last disk, but for the journals.
  if (found?.action === 'commit' && present(found.disks).length === 0) removeJournals(found.disks);
  return found?.action;
}
