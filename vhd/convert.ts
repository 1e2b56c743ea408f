/** Copying a disk, with everything its parents hold, into a new file of any format. */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { NewLocator } from './dynamic-header.ts';
import type { DiskImage } from './image.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import type { DiskStore } from './store.ts';
import { DiskTask } from './task.ts';

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

// eslint-disable-next-line require-yield
function* convertSteps(
  source: DiskImage,
  _store: DiskStore,
  _target: string,
  _options: ConvertOptions,
): Generator<never, ConvertReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: source.name });
}
// eslint-disable-next-line require-yield
function* convertIntoSteps(
  source: DiskImage,
  _target: RandomAccessFile,
  _options: ConvertOptions,
): Generator<never, ConvertReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: source.name });
}
// eslint-disable-next-line require-yield
function* mergeToNewSteps(
  source: DiskImage,
  _store: DiskStore,
  _target: string,
  _options: MergeToNewOptions,
): Generator<never, ConvertReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: source.name });
}
