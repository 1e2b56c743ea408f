/** Opening hard disk images for a machine. */
import fs from 'node:fs';
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { RawImage } from '../../vhd/flat-image.ts';
import { looksLikeVhd, OWN_CREATOR } from '../../vhd/footer.ts';
import type { DiskImage } from '../../vhd/image.ts';
import type { MemoryFile } from '../../vhd/memory-file.ts';
import { openVhd } from '../../vhd/open.ts';
import { detectImage, explainWrongKind } from './detect.ts';
import { checkUnlocked, lockFile, type FileLock } from './lock-file.ts';
import { openDiskFile } from './disk-file.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { DISK_EXTENSION, NodeParentResolver } from './node-parents.ts';
import { DelegatedImage } from './delegated-image.ts';
import {
  commitUndoFile,
  discardUndoFile,
  openFileUndo,
  openMemoryUndo,
  touchedParentWarning,
  undoPathFor,
} from './undo.ts';

/**
 * Where a guest's writes go.
 * `auto`: an undo file, or straight into the image when this product created it and there is no undo file.
 * `undo-file`: a differencing disk beside the image; kept until it is committed or discarded.
 * `undo-memory`: nowhere; lost at close.
 * `write-through`: into the image.
 * `read-only`: refused.
 */
export type WriteMode = 'auto' | 'undo-file' | 'undo-memory' | 'write-through' | 'read-only';

export interface OpenOptions {
  readonly mode?: WriteMode | undefined;
  /** Path of the undo file; by default the image's path with `.vud` appended. */
  readonly undoPath?: string | undefined;
  /** In mode `undo-memory`: the changes to begin with, a differencing VHD over the image, as `contents` gave them. */
  readonly memoryUndo?: MemoryFile | undefined;
}

export interface OpenDiskOptions extends OpenOptions {
  /** Folders besides the disk's own in which parents of differencing disks are looked for. */
  readonly parentFolders?: readonly string[] | undefined;
  /** `raw` takes any file as plain sectors; `vhd` refuses anything else. Found out from the content by default. */
  readonly format?: 'vhd' | 'raw' | undefined;
}

/** An open disk, as a machine's disk controller takes it, with what the host needs to know about it. */
export interface OpenDisk extends DiskImage {
  /** Full path of the image. */
  readonly path: string;
  readonly mode: Exclude<WriteMode, 'auto'>;
  /** The undo file, in mode `undo-file`. */
  readonly undoPath: string | undefined;
  /** Host files that hold the disk: image, parents, undo file. */
  readonly files: readonly string[];
  /** In mode `undo-memory` the changes, a differencing VHD. */
  readonly contents: MemoryFile | undefined;
}

/**
 * Opens a VHD (fixed, dynamic, differencing with its parents) or a raw image.
 * Unless the mode is `write-through` the image is opened read-only and stays as it is.
 * @throws DiskError, exit code 4: see `DiskErrorCode`.
 */
export function openDisk(diskPath: string, options: OpenDiskOptions = {}): OpenDisk {
  const full = path.resolve(diskPath);
  const probe = openDiskFile(full, true);
  let creator: string;
  try {
    checkKind(probe, options.format);
    const image = openImage(probe, options);
    creator = image.creator;
    image.close();
  } catch (error) {
    probe.close();
    throw error;
  }
  const undone = fs.existsSync(path.resolve(options.undoPath ?? undoPathFor(full)));
  const mode = chooseMode(options.mode ?? 'auto', creator === OWN_CREATOR && !undone);
  return openInMode(full, mode, options, (file) => openImage(file, options));
}

/**
 * Writes what an undo disk holds into the image for good and deletes the undo disk.
 * @returns false when `progress` stopped it.
 * @throws DiskError, exit code 4.
 */
export function commitUndo(
  diskPath: string,
  options: Pick<OpenDiskOptions, 'undoPath' | 'parentFolders' | 'format'> = {},
  progress?: (done: number, total: number) => boolean,
): boolean {
  const full = path.resolve(diskPath);
  const undo = path.resolve(options.undoPath ?? undoPathFor(full));
  return commitUndoFile(full, undo, (file) => openImage(file, options), progress);
}

/**
 * Deletes an undo disk with everything in it.
 * @throws DiskError, exit code 4.
 */
export function discardUndo(diskPath: string, options: Pick<OpenDiskOptions, 'undoPath'> = {}): void {
  discardUndoFile(path.resolve(options.undoPath ?? undoPathFor(path.resolve(diskPath))));
}

/** @param own the image may be written without asking. */
export function chooseMode(mode: WriteMode, own: boolean): Exclude<WriteMode, 'auto'> {
  if (mode !== 'auto') return mode;
  return own ? 'write-through' : 'undo-file';
}

/** The part that disks and diskettes share: the lock, the undo layer, closing in the right order. */
export function openInMode(
  full: string,
  mode: Exclude<WriteMode, 'auto'>,
  options: Pick<OpenOptions, 'undoPath' | 'memoryUndo'>,
  openBase: (file: RandomAccessFile) => DiskImage,
): OpenDisk {
  const undo = path.resolve(options.undoPath ?? undoPathFor(full));
  if (mode === 'write-through' && fs.existsSync(undo)) {
    throw new DiskError(
      DiskErrorCode.HasChild,
      `there is an undo disk for it, ${undo}, which writing would make useless`,
      {
        fileName: full,
        remedy: 'Open the disk with its undo disk; or delete the undo disk, and with it what the guest wrote.',
      },
    );
  }
  const writes = mode === 'write-through';
  if (!writes) checkUnlocked(full);
  const lock = writes ? lockFile(full) : mode === 'undo-file' ? lockFile(undo) : undefined;
  const warnings = lock?.warning === undefined ? [] : [lock.warning];
  let file: RandomAccessFile | undefined;
  let image: DiskImage | undefined;
  let contents: MemoryFile | undefined;
  try {
    file = openDiskFile(full, !writes);
    image = openBase(file);
    if (image.savedState) {
      warnings.push(
        `${full}: the disk belongs to a machine in saved state; used elsewhere, that state will not fit it any more`,
      );
    }
    if (mode === 'undo-file') {
      image = openFileUndo(image, full, undo);
      const touched = touchedParentWarning(image, full);
      if (touched !== undefined) warnings.push(touched);
    } else if (mode === 'undo-memory') {
      const undone = openMemoryUndo(image, options.memoryUndo);
      image = undone.image;
      contents = undone.file;
    }
  } catch (error) {
    if (image !== undefined) image.close();
    else file?.close();
    lock?.unlock();
    throw error;
  }
  return new LockedDisk(image, full, mode, mode === 'undo-file' ? undo : undefined, contents, lock, warnings);
}

/** An image without lock and undo layer. @throws DiskError */
export function openImage(file: RandomAccessFile, options: OpenDiskOptions): DiskImage {
  // A file that is called a VHD and has no footer was probably cut off: it is not silently taken for plain sectors.
  const isVhd = options.format === 'vhd' || looksLikeVhd(file) || DISK_EXTENSION.test(file.name);
  if (options.format === 'raw' || !isVhd) return new RawImage(file);
  const resolver = new NodeParentResolver(options.parentFolders);
  return openVhd(file, { resolver });
}

function checkKind(file: RandomAccessFile, format: 'vhd' | 'raw' | undefined): void {
  if (format !== undefined) return;
  const kind = detectImage(file);
  if (kind.kind !== 'vhd' && kind.kind !== 'raw-disk' && kind.kind !== 'floppy')
    throw explainWrongKind(kind, file.name, 'hard disk');
}

class LockedDisk extends DelegatedImage implements OpenDisk {
  readonly path: string;
  readonly mode: Exclude<WriteMode, 'auto'>;
  readonly undoPath: string | undefined;
  readonly contents: MemoryFile | undefined;
  readonly #lock: FileLock | undefined;
  readonly #warnings: readonly string[];

  constructor(
    image: DiskImage,
    fullPath: string,
    mode: Exclude<WriteMode, 'auto'>,
    undoPath: string | undefined,
    contents: MemoryFile | undefined,
    lock: FileLock | undefined,
    warnings: readonly string[],
  ) {
    super(image);
    this.path = fullPath;
    this.mode = mode;
    this.undoPath = undoPath;
    this.contents = contents;
    this.#lock = lock;
    this.#warnings = warnings;
  }

  get files(): readonly string[] {
    const names: string[] = [];
    for (let image: DiskImage | undefined = this.image; image; image = image.parent) names.push(image.name);
    return this.contents === undefined ? names : names.filter((name) => name !== this.contents!.name);
  }
  override get problems(): readonly string[] {
    return [...this.#warnings, ...super.problems];
  }
  override close(): void {
    try {
      super.close();
    } finally {
      this.#lock?.unlock();
    }
  }
}
