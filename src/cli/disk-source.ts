/** What a command of the `disk` family reads: a disk with everything that belongs to it, or a CD or diskette image. */
import fs from 'node:fs';
import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { DiskImage } from '../../vhd/image.ts';
import { openVhd } from '../../vhd/open.ts';
import { RawImage } from '../../vhd/flat-image.ts';
import { looksLikeVhd } from '../../vhd/footer.ts';
import { detectImage } from '../disks/detect.ts';
import { openDiskFile } from '../disks/disk-file.ts';
import { checkUnlocked } from '../disks/lock-file.ts';
import { findVmcInFolder } from '../disks/machine-folder.ts';
import { DISK_EXTENSION, NodeParentResolver } from '../disks/node-parents.ts';
import { NodeFile } from '../disks/node-file.ts';
import { sessionUndoPath } from '../disks/undo-session.ts';
import { undoPathFor } from '../disks/undo.ts';
import { sourceOfFile, sourceOfImage, type ByteSource } from '../filesystems/index.ts';
import { loadVmc, locateImage, resolvePath } from '../vmc/index.ts';
import type { VmcDrive } from '../vmc/configuration.ts';

/** Options that say which disk is meant. */
export interface SourceFlags {
  /** `CHANNEL:POSITION` of a machine's disk, or `scsi:ADAPTER:ID`. */
  readonly drive?: string;
  /** `--without-undo` makes it false. */
  readonly undo?: boolean;
  readonly search?: string[];
}

export interface DiskPlace {
  /** The file to open: the image, or the undo disk of the product over it. */
  readonly top: string;
  /** Our own undo disk over that. */
  readonly undo: string | undefined;
  readonly folders: readonly string[];
  /** What the user should know. */
  readonly remarks: readonly string[];
}

/**
 * Finds the disk that `target` means: an image, or the disk of a machine.
 * @throws VmcError, DiskError; InvalidArgumentError when a machine has several disks and none is named
 */
export function findDisk(target: string, flags: SourceFlags): DiskPlace {
  const isFolder = fs.statSync(target, { throwIfNoEntry: false })?.isDirectory() === true;
  const withUndo = flags.undo !== false;
  const place =
    isFolder || /\.vmc$/i.test(target) ? diskOfMachine(isFolder ? findVmcInFolder(target) : target, flags) : undefined;
  if (place === undefined && flags.drive !== undefined) throw new InvalidArgumentError('--drive goes with a machine.');
  const top = place?.top ?? path.resolve(target);
  const own = undoPathFor(top);
  const exists = fs.existsSync(own);
  const remarks = [...(place?.remarks ?? [])];
  if (exists) remarks.push(withUndo ? `with the changes in ${own}` : `without the changes in ${own}`);
  return {
    top,
    undo: exists && withUndo ? own : undefined,
    folders: [...(place?.folders ?? []), path.dirname(top), ...(flags.search ?? [])],
    remarks,
  };
}

function diskOfMachine(vmcPath: string, flags: SourceFlags): Pick<DiskPlace, 'top' | 'folders' | 'remarks'> {
  const { configuration } = loadVmc(vmcPath);
  const drive = chooseDrive(
    configuration.drives.filter(({ kind, image }) => kind === 'disk' && image !== undefined),
    flags.drive,
    vmcPath,
  );
  const options = { vmcPath, searchFolders: flags.search };
  const image = locateImage(drive.image!, drive.key, options);
  const folders = [path.dirname(path.resolve(vmcPath)), path.dirname(image)];
  if (drive.undo === undefined) {
    const session = sessionUndoPath(folders[0]!, image, drive.controller, drive.location, new Date());
    const remark = `without ${session}, an undo disk that the configuration does not name; to have its changes, name it in place of the machine`;
    return { top: image, folders, remarks: fs.existsSync(session) && flags.undo !== false ? [remark] : [] };
  }
  const undo = resolvePath(drive.undo, options);
  const name = drive.undo.relative ?? drive.undo.absolute ?? '';
  if (undo === undefined) {
    return {
      top: image,
      folders,
      remarks: [`the undo disk ${name} was not found: this is the state before the last session`],
    };
  }
  if (flags.undo === false) return { top: image, folders, remarks: [`without the changes in ${undo}`] };
  return { top: undo, folders, remarks: [`with the changes in ${undo}`] };
}

const nameOf = ({ bus, controller, location }: VmcDrive): string =>
  bus === 'ide' ? `${controller}:${location}` : `scsi:${controller}:${location}`;

function chooseDrive(drives: readonly VmcDrive[], wanted: string | undefined, vmcPath: string): VmcDrive {
  const names = drives.map(nameOf).join(', ');
  if (drives.length === 0) throw new InvalidArgumentError(`${vmcPath} has no hard disk.`);
  if (wanted === undefined) {
    if (drives.length > 1)
      throw new InvalidArgumentError(`${vmcPath} has several disks; choose with --drive: ${names}.`);
    return drives[0]!;
  }
  const found = drives.find((drive) => nameOf(drive) === wanted.toLowerCase().replace(/^ide:/, ''));
  if (found === undefined) throw new InvalidArgumentError(`${vmcPath} has no disk ${wanted}; it has ${names}.`);
  return found;
}

/**
 * Opens a disk with its parents, for reading only.
 * @throws DiskError also `disk-locked` when a file of the chain is being written: what is read would fit no moment
 */
export function openUnused(place: string, folders: readonly string[]): DiskImage {
  checkUnlocked(place);
  const file = openDiskFile(place, true);
  try {
    const isVhd = looksLikeVhd(file) || DISK_EXTENSION.test(place);
    return isVhd ? openVhd(file, { resolver: new NodeParentResolver(folders) }) : new RawImage(file);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** As `openUnused`, with the undo disk. @throws DiskError */
export function openPlace({ top, undo, folders }: DiskPlace): DiskImage {
  const image = openUnused(top, folders);
  if (undo === undefined) return image;
  let file;
  try {
    checkUnlocked(undo);
    file = openDiskFile(undo, true);
    return openVhd(file, { parent: image });
  } catch (error) {
    file?.close();
    image.close();
    throw error;
  }
}

export interface OpenSource {
  readonly source: ByteSource;
  readonly remarks: readonly string[];
  close(): void;
}

/** Opens whatever can have a file system: disks as above, CD and diskette images. @throws as `findDisk`; DiskError */
export function openSource(target: string, flags: SourceFlags): OpenSource {
  const status = fs.statSync(target, { throwIfNoEntry: false });
  if (status?.isFile() === true && !/\.vmc$/i.test(target)) {
    const file = NodeFile.open(path.resolve(target), true);
    const { kind } = detectImage(file);
    if (kind === 'iso') return { source: sourceOfFile(file), remarks: [], close: () => file.close() };
    file.close();
  }
  const place = findDisk(target, flags);
  const image = openPlace(place);
  return { source: sourceOfImage(image), remarks: place.remarks, close: () => image.close() };
}
