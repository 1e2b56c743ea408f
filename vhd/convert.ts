/** Copying a disk, with everything its parents hold, into a new file of any format. */
import { isZero } from './bytes.ts';
import { createDifferencing, createDynamic, createFixed } from './create.ts';
import type { NewLocator } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { RawImage } from './flat-image.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import { extentAt } from './map.ts';
import { COPY_STEP } from './merge.ts';
import { openVhd } from './open.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { checkAbsent, writeNewFile, type DiskStore } from './store.ts';
import { DiskTask, type TaskSteps } from './task.ts';

/** What the new file is. */
export interface ConvertOptions {
  readonly type: 'fixed' | 'dynamic' | 'raw';
  /** Bytes of a block of a dynamic disk; 2 MiB by default. */
  readonly blockSize?: number | undefined;
  /** 16 bytes; random by default: a copy is another disk. */
  readonly uniqueId?: Uint8Array | undefined;
  /** Milliseconds since the Unix epoch; now by default. */
  readonly time?: number | undefined;
}

/** What a copy gave. */
export interface ConvertReport {
  /** Bytes that were not zeros and were copied. */
  readonly copiedBytes: number;
  /** Bytes of the new disk, and of its file. */
  readonly diskSize: number;
  readonly fileSize: number;
}

/**
 * Copies `source` as a whole (through all its parents) into the new file `target`. The source is only read and stays open. The file is
 * written as `<target>.new` and appears under its name when it is complete and durable.
 * @throws DiskError `disk-exists`, `disk-bad-size`, `disk-host-full`, what reading throws.
 */
export function convertDisk(
  source: DiskImage,
  store: DiskStore,
  target: string,
  options: ConvertOptions,
): DiskTask<ConvertReport> {
  return new DiskTask(`convert ${source.name}`, convertSteps(source, store, target, options));
}

/** As `convertDisk`, into an empty file that is open already; for hosts without a `DiskStore`. It is flushed, not closed. */
export function convertInto(
  source: DiskImage,
  target: RandomAccessFile,
  options: ConvertOptions,
): DiskTask<ConvertReport> {
  return new DiskTask(`convert ${source.name}`, convertIntoSteps(source, target, options));
}

/** How much of a chain is merged, and into what. */
export interface MergeToNewOptions extends Omit<ConvertOptions, 'type'> {
  /** `differencing` only together with `levels`. Dynamic by default. */
  readonly type?: 'fixed' | 'dynamic' | 'raw' | 'differencing' | undefined;
  /** How many files of the chain, from the top, go into the new one; the rest stays as its parent. All by default. */
  readonly levels?: number | undefined;
  /** How a differencing result names its parent. */
  readonly parentName?: string | undefined;
  readonly parentTime?: number | undefined;
  readonly locators?: readonly NewLocator[] | undefined;
}

/**
 * Merges a chain into a new file: all of it, or the upper `levels` of it into a differencing disk over the rest. No file of the chain
 * changes. Otherwise as `convertDisk`.
 * @throws DiskError as `convertDisk`; `disk-wrong-kind` when the chain has no such level.
 */
export function mergeToNew(
  source: DiskImage,
  store: DiskStore,
  target: string,
  options: MergeToNewOptions = {},
): DiskTask<ConvertReport> {
  return new DiskTask(`merge ${source.name}`, mergeToNewSteps(source, store, target, options));
}

function* convertSteps(
  source: DiskImage,
  store: DiskStore,
  target: string,
  options: ConvertOptions,
): TaskSteps<ConvertReport> {
  return yield* intoNewFile(store, target, (file) => convertIntoSteps(source, file, options));
}

function* intoNewFile<T>(
  store: DiskStore,
  target: string,
  fill: (file: RandomAccessFile) => TaskSteps<T>,
): TaskSteps<T> {
  const unlock = store.lock(target);
  try {
    checkAbsent(store, target);
    return yield* writeNewFile(store, `${target}.new`, target, fill);
  } finally {
    unlock();
  }
}

function* convertIntoSteps(
  source: DiskImage,
  target: RandomAccessFile,
  options: ConvertOptions,
): TaskSteps<ConvertReport> {
  const size = source.sectorCount * SECTOR_SIZE;
  if (options.type === 'raw') target.truncate(size);
  else if (options.type === 'fixed') createFixed(target, { ...options, size });
  else createDynamic(target, { ...options, size });
  // The file stays the caller's: the image over it is flushed, not closed.
  const image = options.type === 'raw' ? new RawImage(target) : openVhd(target);
  const copiedBytes = yield* copyContent(source, image, Infinity);
  return { copiedBytes, diskSize: size, fileSize: target.size() };
}

function* mergeToNewSteps(
  source: DiskImage,
  store: DiskStore,
  target: string,
  options: MergeToNewOptions,
): TaskSteps<ConvertReport> {
  const { type = 'dynamic', levels } = options;
  if (type !== 'differencing') {
    if (levels !== undefined && layerAt(source, levels) !== undefined) {
      throw new DiskError(DiskErrorCode.WrongKind, 'the upper part of a chain can only become a differencing disk', {
        fileName: source.name,
      });
    }
    return yield* convertSteps(source, store, target, { ...options, type });
  }
  const parent = layerAt(source, levels ?? 1);
  if (parent === undefined || (levels ?? 1) < 1) {
    throw new DiskError(DiskErrorCode.WrongKind, `the chain has no disk below its upper ${levels ?? 1}`, {
      fileName: source.name,
    });
  }
  return yield* intoNewFile(store, target, function* (file) {
    createDifferencing(file, {
      ...options,
      parent,
      parentName: options.parentName ?? parent.name,
      locators: options.locators ?? [],
    });
    const image = openVhd(file, { parent });
    const copiedBytes = yield* copyContent(source, image, levels ?? 1);
    return { copiedBytes, diskSize: source.sectorCount * SECTOR_SIZE, fileSize: file.size() };
  });
}

function layerAt(image: DiskImage, level: number): DiskImage | undefined {
  let layer: DiskImage | undefined = image;
  for (let i = 0; i < level && layer !== undefined; i++) layer = layer.parent;
  return layer;
}

/** Zeros are looked for in pieces of this many bytes. */
const ZERO_STEP = 65536;

/**
 * Writes what the upper `levels` of a chain hold into `target`, which reads as the rest, and flushes it. Into a disk without a parent zeros
 * are not written.
 * @returns the bytes written.
 */
function* copyContent(source: DiskImage, target: DiskImage, levels: number): TaskSteps<number> {
  const total = source.sectorCount * SECTOR_SIZE;
  const buffer = new Uint8Array(COPY_STEP);
  let copied = 0;
  for (let lba = 0; lba < source.sectorCount;) {
    const extent = extentAt(source, lba, source.sectorCount - lba);
    if (extent.kind === 'zero' || extent.level >= levels) {
      lba += extent.count;
    } else {
      const sectors = Math.min(extent.count, buffer.length / SECTOR_SIZE);
      const part = buffer.subarray(0, sectors * SECTOR_SIZE);
      source.read(lba, part);
      for (let done = 0; done < part.length; done += ZERO_STEP) {
        const piece = part.subarray(done, done + ZERO_STEP);
        if (target.parent === undefined && isZero(piece)) continue;
        target.write(lba + done / SECTOR_SIZE, piece);
        copied += piece.length;
      }
      lba += sectors;
    }
    yield { phase: 'copying', done: lba * SECTOR_SIZE, total };
  }
  target.flush();
  return copied;
}
