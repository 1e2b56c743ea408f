/** Diskette and CD images. */
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { RawImage } from '../../vhd/flat-image.ts';
import type { MemoryFile } from '../../vhd/memory-file.ts';
import { SECTOR_SIZE } from '../../vhd/geometry.ts';
import { readExactly, type RandomAccessFile } from '../../vhd/random-access-file.ts';
import { detectImage, explainWrongKind, FLOPPY_SIZES } from './detect.ts';
import { NodeFile } from './node-file.ts';
import { chooseMode, openInMode, type OpenOptions } from './open-disk.ts';

/** A diskette image as the diskette controller takes it. */
export interface OpenFloppy {
  readonly path: string;
  /** As of `OpenDisk`. */
  readonly files: readonly string[];
  readonly contents: MemoryFile | undefined;
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** @param offset byte offset, a multiple of 512; `into` holds whole sectors. */
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  flush(): void;
  close(): void;
}

function refuseFloppy(file: RandomAccessFile): void {
  const kind = detectImage(file);
  if (kind.kind === 'floppy') return;
  const size = file.size();
  const next = [...FLOPPY_SIZES].find(([bytes]) => bytes > size);
  if (kind.kind === 'raw-disk' && next !== undefined) {
    throw new DiskError(DiskErrorCode.Truncated, `${size} bytes are not the size of a diskette`, {
      fileName: file.name,
      offset: size,
      remedy: `If it is only the beginning of one, extend a copy with zeros to ${next[0]} bytes (${next[1]}): truncate -s ${next[0]} <copy>`,
    });
  }
  throw explainWrongKind(kind, file.name, 'diskette drive');
}

/**
 * Opens a raw diskette image (`.vfd`, `.img`, `.flp`, `.ima`). Writes go to an undo layer unless the mode says otherwise.
 * @throws DiskError, exit code 4.
 */
export function openFloppy(floppyPath: string, options: OpenOptions = {}): OpenFloppy {
  const full = path.resolve(floppyPath);
  const mode = chooseMode(options.mode ?? 'auto', false);
  const disk = openInMode(full, mode, options, (file) => {
    refuseFloppy(file);
    return new RawImage(file);
  });
  return {
    path: full,
    files: disk.files,
    contents: disk.contents,
    size: disk.sectorCount * SECTOR_SIZE,
    readOnly: disk.readOnly,
    read: (offset, into) => disk.read(offset / SECTOR_SIZE, into),
    write: (offset, from) => disk.write(offset / SECTOR_SIZE, from),
    flush: () => disk.flush(),
    close: () => disk.close(),
  };
}

export const CD_BLOCK_SIZE = 2048;

/** A CD image as the CD-ROM drive takes it: blocks of 2048 bytes. */
export interface OpenCd {
  readonly path: string;
  readonly blockCount: number;
  /** Reads `into.length / 2048` blocks. */
  read(block: number, into: Uint8Array): void;
  close(): void;
}

/**
 * Opens an ISO image, read-only.
 * @throws DiskError, exit code 4; raw images with 2352 bytes per sector are refused with the way to convert them.
 */
export function openCd(cdPath: string): OpenCd {
  const full = path.resolve(cdPath);
  const file = NodeFile.open(full, true);
  try {
    const kind = detectImage(file);
    if (kind.kind !== 'iso')
      throw notACd(kind.kind === 'raw-disk' ? undefined : explainWrongKind(kind, full, 'CD drive'), full);
    checkVolumeSize(file);
  } catch (error) {
    file.close();
    throw error;
  }
  const blockCount = Math.ceil(file.size() / CD_BLOCK_SIZE);
  return {
    path: full,
    blockCount,
    read(block, into) {
      if (!Number.isInteger(block) || block < 0 || block + into.length / CD_BLOCK_SIZE > blockCount) {
        throw new DiskError(DiskErrorCode.OutOfRange, `block ${block} lies outside the disc of ${blockCount} blocks`, {
          fileName: full,
        });
      }
      into.fill(0, file.read(block * CD_BLOCK_SIZE, into));
    },
    close: () => file.close(),
  };
}

function notACd(known: DiskError | undefined, fileName: string): DiskError {
  if (known !== undefined) return known;
  return new DiskError(
    DiskErrorCode.NotAnImage,
    'this is not a CD image: sector 16 has no ISO 9660 volume descriptor',
    {
      fileName,
      offset: 16 * CD_BLOCK_SIZE,
      remedy: 'Formats of other products (.cue/.bin, .nrg, .mdf, .ccd) must be converted to an ISO image first.',
    },
  );
}

/**
 * Refuses an image that ends before the volume does. The primary volume descriptor holds the number of blocks, little-endian at byte 80
 * (ECMA-119, 8.4.8); images of hybrid or multi-session discs may be longer, and many are a few blocks of padding shorter.
 */
function checkVolumeSize(file: RandomAccessFile): void {
  const descriptor = new Uint8Array(CD_BLOCK_SIZE);
  readExactly(file, 16 * CD_BLOCK_SIZE, descriptor, 'the volume descriptor');
  if (descriptor[0] !== 1 || descriptor[1] !== 0x43) return;
  const view = new DataView(descriptor.buffer);
  const stated = view.getUint32(80, true) * CD_BLOCK_SIZE;
  const allowedMissing = 150 * CD_BLOCK_SIZE;
  if (view.getUint16(128, true) === CD_BLOCK_SIZE && stated > file.size() + allowedMissing) {
    throw new DiskError(DiskErrorCode.Truncated, `the volume has ${stated} bytes, but the file only ${file.size()}`, {
      fileName: file.name,
      offset: file.size(),
      remedy: 'The image was not copied completely; copy it again from its source.',
    });
  }
}
