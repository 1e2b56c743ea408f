/** `undo status`, `commit`, `discard`: the undo disk that this product keeps beside an image. */
import fs from 'node:fs';
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { mergeIntoParent } from '../../vhd/merge-into-parent.ts';
import { looksLikeVhd } from '../../vhd/footer.ts';
import type { ParentResolver } from '../../vhd/parents.ts';
import { openDiskFile } from '../disks/disk-file.ts';
import { checkUnlocked } from '../disks/lock-file.ts';
import { NodeParentResolver } from '../disks/node-parents.ts';
import { NodeDiskStore } from '../disks/node-store.ts';
import { commitUndo, discardUndo } from '../disks/open-disk.ts';
import { undoPathFor } from '../disks/undo.ts';
import { findDisk, type SourceFlags } from './disk-source.ts';
import type { JsonFlag } from './disk-report.ts';
import { runTask, type DiskCommandContext } from './disk-task.ts';
import { ExitCode } from './exit-codes.ts';
import { formatBytes } from './status-line.ts';

/** The disk that is meant, without its undo disk, and where that is. */
function places(target: string, flags: SourceFlags): { image: string; undo: string; folders: readonly string[] } {
  const { top, folders } = findDisk(target, { ...flags, undo: true });
  return { image: top, undo: undoPathFor(top), folders };
}

function required(undo: string, image: string): void {
  if (fs.existsSync(undo)) return;
  throw new DiskError(DiskErrorCode.NotFound, 'there is no undo disk', {
    fileName: image,
    remedy: 'There is nothing to commit or to discard.',
  });
}

export function undoStatus(context: DiskCommandContext, target: string, flags: SourceFlags & JsonFlag): number {
  const { image, undo } = places(target, flags);
  const stat = fs.statSync(undo, { throwIfNoEntry: false });
  const inUse = stat !== undefined && isLocked(undo);
  const { output } = context.around;
  if (flags.json) {
    const status =
      stat === undefined ? null : { path: undo, fileSize: stat.size, modified: stat.mtime.toISOString(), inUse };
    output.write(`${JSON.stringify({ image, undo: status })}\n`);
  } else if (stat === undefined) output.write(`${image}: no undo disk\n`);
  else {
    output.write(
      `${image}: undo disk ${undo}, ${formatBytes(stat.size)}, changed ${stat.mtime.toISOString()}${inUse ? ', in use' : ''}\n`,
    );
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

/** Writes the changes into the image for good. Interrupted it can be repeated. */
export async function undoCommit(context: DiskCommandContext, target: string, flags: SourceFlags): Promise<number> {
  const { image, undo, folders } = places(target, flags);
  required(undo, image);
  const probe = openDiskFile(image, true);
  const isVhd = looksLikeVhd(probe);
  probe.close();
  if (isVhd) {
    const task = mergeIntoParent(new NodeDiskStore(), undo, { resolver: new UndoneImage(image, undo, folders) });
    await runTask(context, task);
  } else commitUndo(image, { undoPath: undo, parentFolders: folders });
  if (!context.quiet) context.around.talk.write(`${image} holds the changes now; ${undo} is deleted\n`);
  return ExitCode.Success;
}

/** The parent of our undo disk is the image that it belongs to, whatever it is called. */
class UndoneImage extends NodeParentResolver implements ParentResolver {
  readonly #image: string;
  readonly #undo: string;

  constructor(image: string, undo: string, folders: readonly string[]) {
    super(folders);
    this.#image = image;
    this.#undo = undo;
  }

  override places(...[candidate, childName]: Parameters<NodeParentResolver['places']>): string[] {
    const found = super.places(candidate, childName);
    return path.resolve(childName) === this.#undo ? [this.#image, ...found] : found;
  }
}

/** Deletes the undo disk: the image is as it was before. */
export function undoDiscard(context: DiskCommandContext, target: string, flags: SourceFlags): number {
  const { image, undo } = places(target, flags);
  required(undo, image);
  discardUndo(image, { undoPath: undo });
  if (!context.quiet) context.around.talk.write(`${undo} is deleted; ${image} is as it was before\n`);
  return ExitCode.Success;
}
