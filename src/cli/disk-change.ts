/**
 * `disk create`, `flatten`, `convert`, `repair`, `compact`, `merge`, `reparent`, `resize`: commands that make or change files. Only what
 * the command is for changes; with `--output` it is a copy.
 */
import fs from 'node:fs';
import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import { equalBytes } from '../../vhd/bytes.ts';
import { compactDisk } from '../../vhd/compact.ts';
import { convertDisk, mergeToNew } from '../../vhd/convert.ts';
import { readDynamicHeader } from '../../vhd/dynamic-header.ts';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { locateFooter, VhdType } from '../../vhd/footer.ts';
import { mergeIntoParent } from '../../vhd/merge-into-parent.ts';
import { repairDisk } from '../../vhd/repair.ts';
import { reparentDisk } from '../../vhd/reparent.ts';
import { resizeDisk } from '../../vhd/resize.ts';
import { readExactly, type RandomAccessFile } from '../../vhd/random-access-file.ts';
import { checkAbsent, writeNewFile } from '../../vhd/store.ts';
import { DiskTask, type TaskSteps } from '../../vhd/task.ts';
import { createDisk } from '../disks/create-disk.ts';
import { openDiskFile } from '../disks/disk-file.ts';
import { checkUnlocked } from '../disks/lock-file.ts';
import { NodeParentResolver } from '../disks/node-parents.ts';
import { NodeDiskStore } from '../disks/node-store.ts';
import { locatorsFor, undoPathFor } from '../disks/undo.ts';
import { findDisk, openPlace, openUnused, type SourceFlags } from './disk-source.ts';
import { formatFinding, type JsonFlag } from './disk-report.ts';
import { runTask, type DiskCommandContext } from './disk-task.ts';
import { ExitCode } from './exit-codes.ts';
import { printable } from './plain-text.ts';
import { formatBytes } from './status-line.ts';

export type NewType = 'raw' | 'fixed' | 'dynamic';

export interface NewFileFlags {
  readonly type?: NewType;
  /** Bytes. */
  readonly blockSize?: number;
}

export interface ChangeFlags {
  /** Work on a copy of this name. */
  readonly output?: string;
  readonly search?: string[];
  /** Change a disk that others depend on. */
  readonly ignoreChildren?: boolean;
  readonly ignoreSavedState?: boolean;
}

const store = new NodeDiskStore();

function tell({ quiet, around }: DiskCommandContext, text: string): void {
  if (!quiet) around.talk.write(`${printable(text)}\n`);
}

/** What a new file is when nothing is said: a VHD by its name, else plain sectors. */
const typeFor = (output: string, { type }: NewFileFlags): NewType =>
  type ?? (/\.(vhd|avhd)$/i.test(output) ? 'dynamic' : 'raw');

export interface CreateFlags {
  readonly size?: number;
  readonly type?: 'fixed' | 'dynamic' | 'differencing';
  readonly parent?: string;
  readonly blockSize?: number;
  readonly search?: string[];
}

export function create(context: DiskCommandContext, target: string, flags: CreateFlags): number {
  const { size, parent, blockSize } = flags;
  const type = flags.type ?? (parent === undefined ? 'dynamic' : 'differencing');
  if (type === 'differencing') {
    if (parent === undefined) throw new InvalidArgumentError('A differencing disk needs --parent.');
    if (size !== undefined)
      throw new InvalidArgumentError('A differencing disk has the size of its parent; leave out --size.');
    createDisk(target, { type, parent, blockSize, parentFolders: flags.search });
  } else {
    if (size === undefined) throw new InvalidArgumentError('How large? Give --size.');
    if (parent !== undefined) throw new InvalidArgumentError('--parent goes with differencing disks.');
    createDisk(target, type === 'fixed' ? { type, size } : { type, size, blockSize });
  }
  tell(context, `${target} is made`);
  return ExitCode.Success;
}

/** The newest state of a disk, all layers together, into one new file. */
export async function flatten(
  context: DiskCommandContext,
  target: string,
  output: string,
  flags: NewFileFlags & SourceFlags,
): Promise<number> {
  const place = findDisk(target, flags);
  for (const remark of place.remarks) tell(context, remark);
  const image = openPlace(place);
  try {
    for (const problem of image.problems) tell(context, `warning: ${problem}`);
    const { blockSize } = flags;
    const task = convertDisk(image, store, path.resolve(output), { type: typeFor(output, flags), blockSize });
    const { diskSize, fileSize } = await runTask(context, task);
    tell(
      context,
      `${output}: a disk of ${formatBytes(diskSize)} in a file of ${formatBytes(fileSize)}; nothing else changed`,
    );
  } finally {
    image.close();
  }
  return ExitCode.Success;
}

/** Copies a file piece by piece under another name. */
function copyTask(from: string, to: string): DiskTask<void> {
  return new DiskTask(`copy ${path.basename(from)}`, copySteps(from, to));
}

const PIECE = 1024 * 1024;

function* copySteps(from: string, to: string): TaskSteps<void> {
  // A copy of a file that is being written would fit no moment.
  checkUnlocked(from);
  const unlock = store.lock(to);
  try {
    checkAbsent(store, to);
    const source = openDiskFile(from, true);
    try {
      yield* writeNewFile(store, `${to}.new`, to, (target) => copyContent(source, target));
    } finally {
      source.close();
    }
  } finally {
    unlock();
  }
}

function* copyContent(source: RandomAccessFile, target: RandomAccessFile): TaskSteps<void> {
  const total = source.size();
  const piece = new Uint8Array(PIECE);
  for (let done = 0; done < total;) {
    const part = piece.subarray(0, Math.min(PIECE, total - done));
    readExactly(source, done, part, 'the disk');
    target.write(done, part);
    done += part.length;
    yield { phase: 'copying', done, total };
  }
}

/** The file to work on: the disk itself, or the copy that is made of it first. */
async function workingFile(context: DiskCommandContext, target: string, { output }: ChangeFlags): Promise<string> {
  const full = path.resolve(target);
  if (output === undefined) return full;
  const copy = path.resolve(output);
  await runTask(context, copyTask(full, copy));
  if (path.dirname(copy) !== path.dirname(full) && isDifferencing(copy)) {
    tell(context, `${output} is in another folder than ${target}: record its parent again with "disk reparent"`);
  }
  return copy;
}

function isDifferencing(place: string): boolean {
  const file = openDiskFile(place, true);
  try {
    return locateFooter(file).footer.diskType === VhdType.Differencing;
  } catch (error) {
    if (error instanceof DiskError) return false;
    throw error;
  } finally {
    file.close();
  }
}

/** Opens a file for writing with its lock; gives both back in the end. */
async function withFile<T>(place: string, act: (file: RandomAccessFile) => Promise<T>): Promise<T> {
  const unlock = store.lock(place);
  try {
    const file = store.open(place, 'write');
    try {
      return await act(file);
    } finally {
      file.close();
    }
  } finally {
    unlock();
  }
}

/** Disks in the same folder whose parent `place` is, and its undo disk. */
function childrenOf(place: string): string[] {
  const identity = footerId(place);
  const folder = path.dirname(place);
  const names = fs.readdirSync(folder).filter((name) => /\.(vhd|vud|avhd)$/i.test(name));
  return names
    .map((name) => path.join(folder, name))
    .filter((file) => file !== place && identity !== undefined && isChildOf(file, identity));
}

function footerId(place: string): Uint8Array | undefined {
  return look(place, (file) => locateFooter(file).footer.uniqueId);
}

function isChildOf(place: string, parentId: Uint8Array): boolean {
  const isChild = look(place, (file) => {
    const { footer } = locateFooter(file);
    if (footer.diskType !== VhdType.Differencing) return false;
    return equalBytes(readDynamicHeader(file, footer.dataOffset, footer.currentSize).parentId, parentId);
  });
  return isChild === true;
}

/** What can be read of a file; undefined for files that are damaged or no disks. */
function look<T>(place: string, read: (file: RandomAccessFile) => T): T | undefined {
  let file: RandomAccessFile | undefined;
  try {
    file = openDiskFile(place, true);
    return read(file);
  } catch (error) {
    if (error instanceof DiskError) return undefined;
    throw error;
  } finally {
    file?.close();
  }
}

/** @throws DiskError `disk-has-child` */
function refuseChildren(place: string, flags: ChangeFlags, apart?: string): void {
  if (flags.ignoreChildren) return;
  const undo = undoPathFor(place);
  const children = new Set([...childrenOf(place), ...(fs.existsSync(undo) ? [undo] : [])]);
  if (apart !== undefined) children.delete(apart);
  if (children.size === 0) return;
  throw new DiskError(
    DiskErrorCode.HasChild,
    `other disks depend on it, which would become useless: ${[...children].join(', ')}`,
    {
      fileName: place,
      remedy: 'Merge or delete them first; --ignore-children goes on all the same.',
    },
  );
}

export async function repair(
  context: DiskCommandContext,
  target: string,
  flags: ChangeFlags & JsonFlag & { readonly allowLoss?: boolean; readonly size?: number; readonly dryRun?: boolean },
): Promise<number> {
  const { allowLoss, size, dryRun } = flags;
  if (dryRun && flags.output !== undefined)
    throw new InvalidArgumentError('--dry-run changes nothing; leave out --output.');
  const place = await workingFile(context, target, flags);
  const work = (file: RandomAccessFile) => runTask(context, repairDisk(file, { allowLoss, size, dryRun }));
  let report;
  if (dryRun) {
    const file = openDiskFile(place, true);
    try {
      report = await work(file);
    } finally {
      file.close();
    }
  } else report = await withFile(place, work);
  if (flags.json) context.around.output.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else {
    const { output } = context.around;
    if (report.actions.length === 0) output.write('nothing to repair\n');
    for (const action of report.actions) output.write(`${dryRun ? 'would be done' : 'done'}: ${printable(action)}\n`);
    for (const { lba, count } of report.lost) output.write(`lost: ${count} sectors from ${lba} on\n`);
    for (const finding of report.remaining) output.write(`left: ${formatFinding(finding)}\n`);
  }
  const wrong =
    report.remaining.some(({ severity }) => severity !== 'note') || (dryRun === true && report.actions.length > 0);
  return wrong ? ExitCode.Image : ExitCode.Success;
}

export async function compact(context: DiskCommandContext, target: string, flags: ChangeFlags): Promise<number> {
  const place = await workingFile(context, target, flags);
  const resolver = new NodeParentResolver(flags.search);
  const task = compactDisk(store, place, { resolver, ignoreSavedState: flags.ignoreSavedState });
  const { oldFileSize, newFileSize, oldBlocks, newBlocks } = await runTask(context, task);
  const sizes = `${formatBytes(oldFileSize)} are now ${formatBytes(newFileSize)}`;
  tell(
    context,
    `${flags.output ?? target}: ${sizes}, ${oldBlocks} blocks are now ${newBlocks}; the content is the same`,
  );
  return ExitCode.Success;
}

export interface MergeFlags extends ChangeFlags, NewFileFlags {
  readonly keepChild?: boolean;
}

/** A child into its parent, or with `--output` a whole chain into a new file. */
export async function merge(context: DiskCommandContext, target: string, flags: MergeFlags): Promise<number> {
  const child = path.resolve(target);
  if (flags.output !== undefined) {
    const image = openUnused(child, flags.search ?? []);
    try {
      const { output, blockSize } = flags;
      const task = mergeToNew(image, store, path.resolve(output), { type: typeFor(output, flags), blockSize });
      const { fileSize } = await runTask(context, task);
      tell(context, `${output}: the whole chain in a file of ${formatBytes(fileSize)}; nothing else changed`);
    } finally {
      image.close();
    }
    return ExitCode.Success;
  }
  if (flags.type !== undefined || flags.blockSize !== undefined) {
    throw new InvalidArgumentError('--type and --block-size go with --output.');
  }
  const undo = undoPathFor(child);
  if (fs.existsSync(undo)) refuseChildren(child, flags);
  const parent = parentOf(child, flags);
  if (parent !== undefined) refuseChildren(parent, flags, child);
  const resolver = new NodeParentResolver(flags.search);
  const task = mergeIntoParent(store, child, {
    resolver,
    keepChild: flags.keepChild,
    ignoreSavedState: flags.ignoreSavedState,
  });
  const report = await runTask(context, task);
  const gone = flags.keepChild ? 'stays, and is of no use any more' : 'is deleted';
  tell(
    context,
    `${report.parent} holds everything now; ${formatBytes(report.mergedBytes)} were written to it; ${target} ${gone}`,
  );
  return ExitCode.Success;
}

function parentOf(child: string, flags: ChangeFlags): string | undefined {
  const image = openUnused(child, flags.search ?? []);
  try {
    return image.parent === undefined ? undefined : path.resolve(image.parent.name);
  } finally {
    image.close();
  }
}

export async function reparent(
  context: DiskCommandContext,
  target: string,
  parentName: string,
  flags: ChangeFlags & { readonly acceptIdentity?: boolean },
): Promise<number> {
  const place = await workingFile(context, target, flags);
  const parentPath = path.resolve(parentName);
  const parent = openUnused(parentPath, flags.search ?? []);
  try {
    const options = {
      parent,
      parentName: path.basename(parentPath),
      parentTime: fs.statSync(parentPath).mtimeMs,
      locators: locatorsFor(place, parentPath),
      acceptIdentity: flags.acceptIdentity,
    };
    const report = await withFile(place, (file) => runTask(context, reparentDisk(file, options)));
    const identity =
      report.oldParentId === report.newParentId
        ? ''
        : `; its identity ${report.newParentId} replaces ${report.oldParentId}`;
    tell(context, `${flags.output ?? target}: the parent is ${parentPath}, was "${report.oldParentName}"${identity}`);
  } finally {
    parent.close();
  }
  return ExitCode.Success;
}

export async function resize(
  context: DiskCommandContext,
  target: string,
  size: number,
  flags: ChangeFlags,
): Promise<number> {
  if (flags.output === undefined) refuseChildren(path.resolve(target), flags);
  const place = await workingFile(context, target, flags);
  const { ignoreSavedState } = flags;
  const report = await withFile(place, (file) => runTask(context, resizeDisk(file, { size, ignoreSavedState })));
  tell(
    context,
    `${flags.output ?? target}: ${formatBytes(report.oldSize)} are now ${formatBytes(report.newSize)}; partitions are as they were`,
  );
  return ExitCode.Success;
}
