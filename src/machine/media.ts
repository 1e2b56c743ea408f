/** Media as the drives take them, from bytes; files are opened by node-media.ts behind the same interface. */
import type { BlockMedia, CdMedia } from '../../devices/ide/media.ts';
import { CD_BLOCK_BYTES } from '../../devices/ide/media.ts';
import type { UndoDisk } from '../disks/undo-journal.ts';
import type { DiskGeometry } from '../../devices/ide/ata-disk.ts';
import { MemoryFile, RawImage, looksLikeVhd, openVhd } from '../../vhd/index.ts';
import type { DiskImage, RandomAccessFile } from '../../vhd/index.ts';
import type { MediaSource } from './configuration.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';

/** What a saved state keeps of a medium itself, because it is in no file of the host: bytes, or changes held in memory. */
export interface MediumContents {
  size(): number;
  read(offset: number, into: Uint8Array): number;
}

/** The same on its way back. */
export interface SavedContents {
  /** Bytes. */
  readonly size: number;
  /** Gives the parts that are not zero, in order. */
  each(take: (offset: number, bytes: Uint8Array) => void): void;
}

/** What saved states need to know of a medium. */
export interface OpenedMedium {
  /** The undo disk, if changes go to one. */
  readonly undo?: UndoDisk | undefined;
  /** Files of the host that it is made of: image, parents, undo disk. */
  readonly files?: readonly string[];
  readonly contents?: MediumContents | undefined;
}

/** A hard disk image in a machine. */
export interface OpenedDisk extends BlockMedia, OpenedMedium {
  readonly geometry: DiskGeometry;
  /** What is wrong with the image, one sentence each; it can be used all the same. */
  readonly problems: readonly string[];
  close(): void;
}

export interface OpenedCd extends CdMedia, OpenedMedium {
  close(): void;
}

/** A floppy image, byte-addressed in whole sectors. */
export interface OpenedFloppy extends OpenedMedium {
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  flush(): void;
  close(): void;
}

/**
 * Opens what a configuration names. All three throw `VirtualServerError` with code `VS_MEDIA`.
 * With `saved` the medium is as it was when the machine was saved.
 */
export interface MediaOpener {
  disk(source: MediaSource, saved?: SavedContents): OpenedDisk;
  cd(source: MediaSource, saved?: SavedContents): OpenedCd;
  floppy(source: MediaSource, saved?: SavedContents): OpenedFloppy;
}

const SECTOR = 512;

/** A file over bytes that belong to the caller and change with it. What is written beyond their end is lost. */
function sharedFile(bytes: Uint8Array): RandomAccessFile {
  const part = (offset: number, length: number): Uint8Array =>
    bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + length, bytes.length));
  return {
    name: 'bytes',
    readOnly: false,
    size: () => bytes.length,
    read: (offset, into) => {
      const from = part(offset, into.length);
      into.set(from);
      return from.length;
    },
    write: (offset, from) => {
      const into = part(offset, from.length);
      into.set(from.subarray(0, into.length));
    },
    truncate: () => {},
    flush: () => {},
    close: () => {},
  };
}

/** A file in memory with what a state holds. */
export function savedFile(name: string, saved: SavedContents): MemoryFile {
  const file = new MemoryFile(name);
  file.truncate(saved.size);
  saved.each((offset, bytes) => file.write(offset, bytes));
  return file;
}

function fileOf(source: MediaSource, saved: SavedContents | undefined): RandomAccessFile {
  const { bytes, mode = 'memory' } = source;
  if (saved) {
    if (mode !== 'direct' || !bytes) return savedFile('bytes', saved);
    bytes.fill(0);
    saved.each((offset, part) => bytes.set(part.subarray(0, Math.max(0, bytes.length - offset)), offset));
    return sharedFile(bytes);
  }
  if (!bytes)
    throw new VirtualServerError(ErrorCode.Media, `${source.path}: files cannot be opened on this host; give bytes`, {
      subject: source.path,
    });
  if (mode === 'direct') return sharedFile(bytes);
  return new MemoryFile('bytes', bytes, mode === 'read-only');
}

/** Runs `open`, turning any failure into a `VirtualServerError` that names the medium. */
export function asMediaError<T>(source: MediaSource, open: () => T): T {
  try {
    return open();
  } catch (cause) {
    if (cause instanceof VirtualServerError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    const detail = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
    throw new VirtualServerError(ErrorCode.Media, message, { subject: source.path ?? 'bytes', detail, cause });
  }
}

function floppyOver(image: DiskImage, contents: MediumContents): OpenedFloppy {
  return {
    contents,
    size: image.sectorCount * SECTOR,
    readOnly: image.readOnly,
    read: (offset, into) => image.read(offset / SECTOR, into),
    write: (offset, from) => image.write(offset / SECTOR, from),
    flush: () => image.flush(),
    close: () => image.close(),
  };
}

/** Opens media given as bytes. */
export const bytesOpener: MediaOpener = {
  disk: (source, saved) =>
    asMediaError(source, () => {
      const file = fileOf(source, saved);
      return Object.assign(looksLikeVhd(file) ? openVhd(file) : new RawImage(file), { contents: file });
    }),
  cd: (source, saved) =>
    asMediaError(source, () => {
      const file = fileOf({ ...source, mode: 'read-only' }, saved);
      return {
        contents: file,
        blockCount: Math.ceil(file.size() / CD_BLOCK_BYTES),
        read: (block, into) => void into.fill(0, file.read(block * CD_BLOCK_BYTES, into)),
        close: () => file.close(),
      };
    }),
  floppy: (source, saved) =>
    asMediaError(source, () => {
      const file = fileOf(source, saved);
      return floppyOver(new RawImage(file), file);
    }),
};
