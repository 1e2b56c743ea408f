/** Media as the drives take them, from bytes; files are opened by node-media.ts behind the same interface. */
import type { BlockMedia, CdMedia } from '../../devices/ide/media.ts';
import { CD_BLOCK_BYTES } from '../../devices/ide/media.ts';
import type { DiskGeometry } from '../../devices/ide/ata-disk.ts';
import { MemoryFile, RawImage, looksLikeVhd, openVhd } from '../../vhd/index.ts';
import type { DiskImage, RandomAccessFile } from '../../vhd/index.ts';
import type { MediaSource } from './configuration.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';

/** A hard disk image in a machine. */
export interface OpenedDisk extends BlockMedia {
  readonly geometry: DiskGeometry;
  /** What is wrong with the image, one sentence each; it can be used all the same. */
  readonly problems: readonly string[];
  close(): void;
}

export interface OpenedCd extends CdMedia {
  close(): void;
}

/** A floppy image, byte-addressed in whole sectors. */
export interface OpenedFloppy {
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  flush(): void;
  close(): void;
}

/** Opens what a configuration names. All three throw `VirtualServerError` with code `VS_MEDIA`. */
export interface MediaOpener {
  disk(source: MediaSource): OpenedDisk;
  cd(source: MediaSource): OpenedCd;
  floppy(source: MediaSource): OpenedFloppy;
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

function fileOf(source: MediaSource): RandomAccessFile {
  const { bytes, mode = 'memory' } = source;
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

function floppyOver(image: DiskImage): OpenedFloppy {
  return {
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
  disk: (source) =>
    asMediaError(source, () => {
      const file = fileOf(source);
      return looksLikeVhd(file) ? openVhd(file) : new RawImage(file);
    }),
  cd: (source) =>
    asMediaError(source, () => {
      const file = fileOf({ ...source, mode: 'read-only' });
      return {
        blockCount: Math.ceil(file.size() / CD_BLOCK_BYTES),
        read: (block, into) => void into.fill(0, file.read(block * CD_BLOCK_BYTES, into)),
        close: () => file.close(),
      };
    }),
  floppy: (source) => asMediaError(source, () => floppyOver(new RawImage(fileOf(source)))),
};
