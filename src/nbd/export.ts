/** A disk as an NBD export: any alignment, and what is known about holes. */
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { SECTOR_SIZE } from '../../vhd/geometry.ts';
import type { DiskImage } from '../../vhd/image.ts';
import { extentAt } from '../../vhd/map.ts';
import { NBD_ERROR } from './protocol.ts';

export interface NbdExport {
  readonly name: string;
  readonly description: string;
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** @throws DiskError. The range lies inside the export. */
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  flush(): void;
  /** The content of the range is not needed any more. */
  trim(offset: number, length: number): void;
  /** How far from `offset` on, at most `length` bytes, the bytes are known to be zeros or are data. */
  extent(offset: number, length: number): { readonly length: number; readonly zero: boolean };
}

/** Sectors looked at for one answer about holes. */
const EXTENT_SECTORS = 1 << 21;

export function exportOfImage(image: DiskImage, name: string, description: string): NbdExport {
  /** The sectors around a range, and where in them it begins. */
  const around = (offset: number, length: number): { lba: number; skip: number; sectors: Uint8Array } => {
    const skip = offset % SECTOR_SIZE;
    const sectors = new Uint8Array(Math.ceil((skip + length) / SECTOR_SIZE) * SECTOR_SIZE);
    return { lba: (offset - skip) / SECTOR_SIZE, skip, sectors };
  };
  const isAligned = (offset: number, length: number): boolean =>
    offset % SECTOR_SIZE === 0 && length % SECTOR_SIZE === 0;
  return {
    name,
    description,
    size: image.sectorCount * SECTOR_SIZE,
    readOnly: image.readOnly,
    read(offset, into) {
      if (isAligned(offset, into.length)) return image.read(offset / SECTOR_SIZE, into);
      const { lba, skip, sectors } = around(offset, into.length);
      image.read(lba, sectors);
      into.set(sectors.subarray(skip, skip + into.length));
    },
    write(offset, from) {
      if (isAligned(offset, from.length)) return image.write(offset / SECTOR_SIZE, from);
      const { lba, skip, sectors } = around(offset, from.length);
      image.read(lba, sectors);
      sectors.set(from, skip);
      image.write(lba, sectors);
    },
    flush: () => image.flush(),
    trim(offset, length) {
      // Only whole sectors inside the range; what is left over keeps its content, which trimming allows.
      const first = Math.ceil(offset / SECTOR_SIZE);
      const end = Math.floor((offset + length) / SECTOR_SIZE);
      if (end > first) image.trim?.(first, end - first);
    },
    extent(offset, length) {
      const lba = Math.floor(offset / SECTOR_SIZE);
      const limit = Math.min(EXTENT_SECTORS, Math.ceil((offset + length) / SECTOR_SIZE) - lba);
      const { kind, count } = extentAt(image, lba, limit);
      return { length: Math.min(length, (lba + count) * SECTOR_SIZE - offset), zero: kind === 'zero' };
    },
  };
}

/** The protocol's number for what went wrong. */
export function errorNumber(error: unknown): number {
  if (!(error instanceof DiskError)) return NBD_ERROR.io;
  switch (error.code) {
    case DiskErrorCode.ReadOnly:
    case DiskErrorCode.AccessDenied:
      return NBD_ERROR.permission;
    case DiskErrorCode.HostFull:
      return NBD_ERROR.noSpace;
    case DiskErrorCode.OutOfRange:
      return NBD_ERROR.invalid;
    default:
      return NBD_ERROR.io;
  }
}
