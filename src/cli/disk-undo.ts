/**
 * `undo status`, `commit`, `discard`: the undo disks of an image, or of all hard disks of a machine at once. Of a machine it is the
 * topmost layer that counts: the undo disks that this product keeps beside images or, where there are none, those of the machine's session.
 */
import fs from 'node:fs';
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { checkUnlocked } from '../disks/lock-file.ts';
import { findVmcInFolder } from '../disks/machine-folder.ts';
import { readJournal, type UndoDisk } from '../disks/undo-journal.ts';
import { endUndoSession, sessionUndoPath } from '../disks/undo-session.ts';
import { undoPathFor } from '../disks/undo.ts';
import { loadVmc, locateImage, resolvePath } from '../vmc/index.ts';
import type { JsonFlag } from './disk-report.ts';
import { runTask, type DiskCommandContext } from './disk-task.ts';
import { ExitCode } from './exit-codes.ts';
import { formatBytes } from './status-line.ts';

export interface UndoFlags {
  readonly search?: string[];
}

/** The undo disks that are there. */
function undoDisks(target: string, flags: UndoFlags): UndoDisk[] {
  const isFolder = fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder || /\.vmc$/i.test(target)) return undoDisksOf(isFolder ? findVmcInFolder(target) : target, flags);
  const image = path.resolve(target);
  if (!fs.existsSync(image))
    throw new DiskError(DiskErrorCode.NotFound, 'the file does not exist', { fileName: image });
  return [{ path: image, undoPath: undoPathFor(image), parentFolders: flags.search }].filter(exists);
}

const exists = ({ undoPath }: UndoDisk): boolean => fs.existsSync(undoPath);

/** @throws VmcError; DiskError `disk-not-found` for an image */
function undoDisksOf(vmcPath: string, { search }: UndoFlags): UndoDisk[] {
  const { configuration } = loadVmc(vmcPath);
  const folder = path.dirname(path.resolve(vmcPath));
  const options = { vmcPath, searchFolders: search };
  const drives = configuration.drives.flatMap((drive) => {
    if (drive.kind !== 'disk' || drive.image === undefined) return [];
    const image = locateImage(drive.image, drive.key, options);
    const named = drive.undo && resolvePath(drive.undo, options);
    const session = named ?? sessionUndoPath(folder, image, drive.controller, drive.location, new Date());
    const parentFolders = [folder, path.dirname(image), ...(search ?? [])];
    const below = named ?? image;
    return [
      {
        beside: { path: below, undoPath: undoPathFor(below), parentFolders },
        session: { path: image, undoPath: session, parentFolders },
      },
    ];
  });
  const beside = drives.map((drive) => drive.beside).filter(exists);
  return beside.length > 0 ? beside : drives.map(({ session }) => session).filter(exists);
}

function required(disks: readonly UndoDisk[], target: string): readonly UndoDisk[] {
  if (disks.length > 0) return disks;
  throw new DiskError(DiskErrorCode.NotFound, 'there is no undo disk', {
    fileName: target,
    remedy: 'There is nothing to commit or to discard.',
  });
}

export function undoStatus(context: DiskCommandContext, target: string, flags: UndoFlags & JsonFlag): number {
  const disks = undoDisks(target, flags).map(({ path: image, undoPath }) => {
    const { size, mtime } = fs.statSync(undoPath);
    const unfinished = readJournal(undoPath)?.action;
    return {
      image,
      undo: undoPath,
      fileSize: size,
      modified: mtime.toISOString(),
      inUse: isLocked(undoPath),
      ...(unfinished === undefined ? {} : { unfinished }),
    };
  });
  const { output } = context.around;
  if (flags.json) output.write(`${JSON.stringify(disks, undefined, 2)}\n`);
  else if (disks.length === 0) output.write(`${target}: no undo disk\n`);
  for (const { image, undo, fileSize, modified, inUse, unfinished } of flags.json ? [] : disks) {
    const facts = [
      formatBytes(fileSize),
      `changed ${modified}`,
      inUse && 'in use',
      unfinished && `a ${unfinished} has begun`,
    ];
    output.write(`${image}: undo disk ${undo}, ${facts.filter(Boolean).join(', ')}\n`);
  }
  return ExitCode.Success;
}

function isLocked(place: string): boolean {
  try {
    checkUnlocked(place);
    return false;
  } catch (error) {
    if (error instanceof DiskError && error.code === DiskErrorCode.Locked) return true;
    throw error;
  }
}

/** Writes the changes into the images for good. Interrupted it can be repeated. */
export async function undoCommit(context: DiskCommandContext, target: string, flags: UndoFlags): Promise<number> {
  const disks = required(undoDisks(target, flags), target);
  await runTask(context, endUndoSession(disks, 'commit'));
  for (const { path: image, undoPath } of disks)
    tell(context, `${image} holds the changes now; ${undoPath} is deleted`);
  return ExitCode.Success;
}

/** Deletes the undo disks: the images are as they were before. */
export async function undoDiscard(context: DiskCommandContext, target: string, flags: UndoFlags): Promise<number> {
  const disks = required(undoDisks(target, flags), target);
  await runTask(context, endUndoSession(disks, 'discard'));
  for (const { path: image, undoPath } of disks) tell(context, `${undoPath} is deleted; ${image} is as it was before`);
  return ExitCode.Success;
}

function tell({ quiet, around }: DiskCommandContext, text: string): void {
  if (!quiet) around.talk.write(`${text}\n`);
}
