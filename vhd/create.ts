/** Making new VHD files. */
import { randomUuid, vhdTime } from './bytes.ts';
import { encodeDynamicHeader, type NewDynamicHeader, type NewLocator } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import {
  encodeFooter,
  FOOTER_SIZE,
  MAXIMUM_DISK_BYTES,
  newFooter,
  NO_DATA_OFFSET,
  VhdType,
  type VhdFooter,
} from './footer.ts';
import { geometryForSectors, SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import type { RandomAccessFile } from './random-access-file.ts';

/** Bytes of a block of new dynamic and differencing disks. */
export const DEFAULT_BLOCK_SIZE = 2 * 1024 * 1024;
const TABLE_OFFSET = 1536;

/** What every new disk has. */
export interface CreateOptions {
  /** 16 bytes; random when absent. */
  readonly uniqueId?: Uint8Array | undefined;
  /** Milliseconds since the Unix epoch; now when absent. */
  readonly time?: number | undefined;
}

/** A new disk of a given size. */
export interface CreateSizedOptions extends CreateOptions {
  /** Bytes; whole sectors, at most 2040 GiB. */
  readonly size: number;
}

/** A new disk that grows. */
export interface CreateDynamicOptions extends CreateSizedOptions {
  /** Bytes of a block: a power of two from 4 KiB to 256 MiB, 2 MiB by default (512 KiB is the other size the products offered). */
  readonly blockSize?: number | undefined;
}

/** A new disk over a parent. */
export interface CreateDifferencingOptions extends CreateOptions {
  readonly parent: Pick<DiskImage, 'sectorCount' | 'geometry' | 'identity'>;
  /** Name of the parent for the header: a Windows path or a bare file name. */
  readonly parentName: string;
  /** When the parent file was last changed, milliseconds since the Unix epoch. */
  readonly parentTime?: number | undefined;
  readonly locators: readonly NewLocator[];
  readonly blockSize?: number | undefined;
}

/** @throws DiskError `disk-bad-size` for a size that no VHD has. */
export function checkSize(file: RandomAccessFile, size: number): void {
  if (!Number.isInteger(size) || size < SECTOR_SIZE || size > MAXIMUM_DISK_BYTES || size % SECTOR_SIZE !== 0) {
    throw new DiskError(DiskErrorCode.BadSize, `a disk of ${size} bytes cannot be made`, {
      fileName: file.name,
      remedy: `Choose a multiple of 512 bytes up to 2040 GiB.`,
    });
  }
}

/**
 * Writes a fixed VHD of zeros into an empty file.
 * @throws DiskError `disk-bad-size`, `disk-host-full`, `disk-io`.
 */
export function createFixed(file: RandomAccessFile, options: CreateSizedOptions): void {
  checkSize(file, options.size);
  const footer = newFooter({
    diskType: VhdType.Fixed,
    dataOffset: NO_DATA_OFFSET,
    currentSize: options.size,
    geometry: geometryForSectors(options.size / SECTOR_SIZE),
    uniqueId: options.uniqueId ?? randomUuid(),
    timeStamp: vhdTime(options.time ?? Date.now()),
  });
  file.truncate(options.size);
  file.write(options.size, encodeFooter(footer));
  file.flush();
}

/**
 * Writes an empty dynamic VHD into an empty file.
 * @throws DiskError `disk-bad-size`, `disk-host-full`, `disk-io`.
 */
export function createDynamic(file: RandomAccessFile, options: CreateDynamicOptions): void {
  checkSize(file, options.size);
  writeSparse(file, {
    diskType: VhdType.Dynamic,
    size: options.size,
    geometry: geometryForSectors(options.size / SECTOR_SIZE),
    options,
    parent: {},
  });
}

/**
 * Writes an empty differencing VHD into an empty file: it reads as its parent until it is written.
 * @throws DiskError `disk-bad-size`, `disk-host-full`, `disk-io`.
 */
export function createDifferencing(file: RandomAccessFile, options: CreateDifferencingOptions): void {
  const size = options.parent.sectorCount * SECTOR_SIZE;
  checkSize(file, size);
  writeSparse(file, {
    diskType: VhdType.Differencing,
    size,
    geometry: options.parent.geometry,
    options,
    parent: {
      parentId: options.parent.identity,
      parentName: options.parentName,
      parentTimeStamp: options.parentTime === undefined ? 0 : vhdTime(options.parentTime),
      locators: options.locators,
    },
  });
}

interface SparsePlan {
  readonly diskType: VhdType;
  readonly size: number;
  readonly geometry: DiskImage['geometry'];
  readonly options: CreateOptions & { readonly blockSize?: number | undefined };
  readonly parent: Pick<NewDynamicHeader, 'parentId' | 'parentName' | 'parentTimeStamp' | 'locators'>;
}

function writeSparse(file: RandomAccessFile, plan: SparsePlan): void {
  const footer = newFooter({
    diskType: plan.diskType,
    dataOffset: FOOTER_SIZE,
    currentSize: plan.size,
    geometry: plan.geometry,
    uniqueId: plan.options.uniqueId ?? randomUuid(),
    timeStamp: vhdTime(plan.options.time ?? Date.now()),
  });
  writeEmptySparse(file, footer, plan.options.blockSize ?? DEFAULT_BLOCK_SIZE, plan.parent);
}

/**
 * Writes a dynamic or differencing VHD without any block into an empty file.
 * @param footer complete; its header is to be at offset 512.
 * @throws DiskError `disk-bad-size`, `disk-bad-field`, `disk-host-full`, `disk-io`.
 */
export function writeEmptySparse(
  file: RandomAccessFile,
  footer: VhdFooter,
  blockSize: number,
  parent: SparsePlan['parent'],
): void {
  if (blockSize < 4096 || blockSize > 256 * 1024 * 1024 || (blockSize & (blockSize - 1)) !== 0) {
    throw new DiskError(DiskErrorCode.BadSize, `a block size of ${blockSize} bytes is not possible`, {
      fileName: file.name,
    });
  }
  const maxTableEntries = Math.ceil(footer.currentSize / blockSize);
  const tableBytes = Math.ceil((maxTableEntries * 4) / SECTOR_SIZE) * SECTOR_SIZE;
  const header = encodeDynamicHeader(
    { tableOffset: TABLE_OFFSET, maxTableEntries, blockSize, ...parent },
    TABLE_OFFSET + tableBytes,
  );
  const footerBytes = encodeFooter(footer);
  file.write(FOOTER_SIZE, header.bytes);
  const unallocated = new Uint8Array(Math.min(tableBytes, 65536)).fill(0xff);
  for (let done = 0; done < tableBytes; done += unallocated.length) {
    file.write(TABLE_OFFSET + done, unallocated.subarray(0, Math.min(unallocated.length, tableBytes - done)));
  }
  let end = TABLE_OFFSET + tableBytes;
  for (const { offset, bytes } of header.data) {
    file.write(offset, bytes);
    end = offset + bytes.length;
  }
  // The footers come last: a file that was not finished is not taken for a disk.
  file.write(end, footerBytes);
  file.write(0, footerBytes);
  file.flush();
}
