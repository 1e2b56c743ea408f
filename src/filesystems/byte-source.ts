/** Bytes at offsets: what partition tables and file systems read from. */
import { SECTOR_SIZE } from '../../vhd/geometry.ts';
import type { DiskImage } from '../../vhd/image.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { FileSystemError, FileSystemErrorCode } from './errors.ts';

export interface ByteSource {
  /** For messages. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * Fills `into` from `offset` on.
   * @throws FileSystemError `fs-damaged` when the range is not inside the source; DiskError of the image below.
   */
  read(offset: number, into: Uint8Array): void;
}

function checkInside(source: Pick<ByteSource, 'name' | 'size'>, offset: number, length: number): void {
  if (Number.isInteger(offset) && offset >= 0 && offset + length <= source.size) return;
  throw new FileSystemError(
    FileSystemErrorCode.Damaged,
    source.name,
    `a structure points at byte ${offset}, outside the ${source.size} bytes there are`,
  );
}

/** The content of a disk. Requests need not be whole sectors. */
export function sourceOfImage(image: DiskImage): ByteSource {
  const size = image.sectorCount * SECTOR_SIZE;
  const { name } = image;
  return {
    name,
    size,
    read(offset, into) {
      checkInside({ name, size }, offset, into.length);
      const skip = offset % SECTOR_SIZE;
      if (skip === 0 && into.length % SECTOR_SIZE === 0) return image.read(offset / SECTOR_SIZE, into);
      const sectors = new Uint8Array(Math.ceil((skip + into.length) / SECTOR_SIZE) * SECTOR_SIZE);
      image.read((offset - skip) / SECTOR_SIZE, sectors);
      into.set(sectors.subarray(skip, skip + into.length));
    },
  };
}

/** The content of a file, for CD and diskette images. */
export function sourceOfFile(file: RandomAccessFile): ByteSource {
  const size = file.size();
  const { name } = file;
  return {
    name,
    size,
    read(offset, into) {
      checkInside({ name, size }, offset, into.length);
      into.fill(0, file.read(offset, into));
    },
  };
}

/** A range of another source, cut where that one ends. */
export function partOf(source: ByteSource, start: number, length: number, name: string): ByteSource {
  const size = Math.max(0, Math.min(length, source.size - start));
  return {
    name,
    size,
    read(offset, into) {
      checkInside({ name, size }, offset, into.length);
      source.read(start + offset, into);
    },
  };
}

/** `length` bytes from `offset`; undefined when the source ends before. */
export function peek(source: ByteSource, offset: number, length: number): Uint8Array | undefined {
  if (offset + length > source.size) return undefined;
  const bytes = new Uint8Array(length);
  source.read(offset, bytes);
  return bytes;
}

/** One byte per character. */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
