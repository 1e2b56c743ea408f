import { DiskError, DiskErrorCode } from './errors.ts';
import { SECTOR_SIZE, type DiskGeometry } from './geometry.ts';

/** Formats of hard disk images. */
export type ImageFormat = 'raw' | 'fixed' | 'dynamic' | 'differencing';

/** A run of sectors that are all in one place, or all not in this image. */
export interface DiskExtent {
  /** `data`: this image itself holds them. `zero`: it does not; they come from its parent or, without one, read as zeros. */
  readonly kind: 'data' | 'zero';
  /** Sectors. */
  readonly count: number;
  /** Byte offset in the file, where there is one. */
  readonly offset?: number | undefined;
}

/**
 * A disk as a machine sees it: sectors of 512 bytes. Also what a differencing disk needs of its parent.
 */
export interface DiskImage {
  /** Name of the file, for messages. */
  readonly name: string;
  readonly format: ImageFormat;
  readonly sectorCount: number;
  readonly readOnly: boolean;
  /** What the image states, or what the VHD algorithm gives where it states nothing possible. */
  readonly geometry: DiskGeometry;
  /** 16 bytes by which a child knows its parent: the unique id of a VHD, a fingerprint of a raw image. */
  readonly identity: Uint8Array;
  /** Four characters of a VHD's creator application; empty for raw images. */
  readonly creator: string;
  /** The disk belongs to a machine in saved state. */
  readonly savedState: boolean;
  /** What is wrong with the image though it can be read, one sentence each; its parents' problems included. */
  readonly problems: readonly string[];
  readonly parent?: DiskImage | undefined;
  /**
   * Reads `into.length / 512` sectors from `lba` on.
   * @throws DiskError `disk-out-of-range`, `disk-truncated`, `disk-block-table`, `disk-io`.
   */
  read(lba: number, into: Uint8Array): void;
  /**
   * Writes `from.length / 512` sectors from `lba` on. They are durable after the next `flush`.
   * @throws DiskError `disk-out-of-range`, `disk-read-only`, `disk-host-full`, `disk-io`.
   */
  write(lba: number, from: Uint8Array): void;
  /**
   * The content of these sectors is not needed any more. Each reads afterwards as zeros or as before, the same at every reading: as zeros
   * on a dynamic disk, which gives whole blocks back; on a differencing disk sectors that it does not hold stay. Images without it keep
   * everything. Durable after the next `flush`.
   * @throws DiskError as `write`.
   */
  trim?(lba: number, count: number): void;
  /** The place of the sectors from `lba` on as far as it is the same, at most `limit` of them; the parents are not asked. */
  extentAt?(lba: number, limit: number): DiskExtent;
  /** Returns when every sector written before survives a crash of the host. */
  flush(): void;
  /** Flushes and closes the image and its parents. A second call does nothing. */
  close(): void;
}

/** @throws DiskError `disk-out-of-range` when the request is not whole sectors inside the disk. */
export function checkRange(
  image: Pick<DiskImage, 'name' | 'sectorCount'>,
  lba: number,
  buffer: { readonly length: number },
): void {
  const sectors = buffer.length / SECTOR_SIZE;
  if (!Number.isInteger(lba) || lba < 0 || !Number.isInteger(sectors) || lba + sectors > image.sectorCount) {
    const problem = `${buffer.length} bytes at sector ${lba} lie outside the disk of ${image.sectorCount} sectors`;
    throw new DiskError(DiskErrorCode.OutOfRange, problem, { fileName: image.name });
  }
}

/** @throws DiskError `disk-read-only`. */
export function checkWritable(image: Pick<DiskImage, 'name' | 'readOnly'>): void {
  if (image.readOnly) {
    throw new DiskError(DiskErrorCode.ReadOnly, 'the image is open read-only', { fileName: image.name });
  }
}
