/**
 * Disk images: fixed, dynamic and differencing VHDs and raw images over any random-access file, on Node and in pages.
 *
 * `openVhd` opens an image, `createFixed`, `createDynamic` and `createDifferencing` fill an empty file. Operations on whole disks are
 * tasks (`DiskTask`): nothing happens until `run()`, `runSync()` or `step()`; `progress` says how far they are and `cancel()`, or an
 * `AbortSignal` given to `run`, stops them. Those that make or replace files work on a `DiskStore`.
 */
export { formatUuid, unixTime, vhdTime } from './bytes.ts';
export {
  createDifferencing,
  createDynamic,
  createFixed,
  DEFAULT_BLOCK_SIZE,
  type CreateDifferencingOptions,
  type CreateDynamicOptions,
  type CreateOptions,
  type CreateSizedOptions,
} from './create.ts';
export type { DynamicHeader, NewLocator, ParentLocator } from './dynamic-header.ts';
export { checkDisk, type CheckOptions, type CheckReport, type Finding, type FindingKind } from './check.ts';
export { compactDisk, type CompactOptions, type CompactReport } from './compact.ts';
export {
  convertDisk,
  convertInto,
  mergeToNew,
  type ConvertOptions,
  type ConvertReport,
  type MergeToNewOptions,
} from './convert.ts';
export { diffDisks, type DiffOptions, type DiffRange, type DiffReport } from './diff.ts';
export { extentAt, mapDisk, type MapExtent } from './map.ts';
export { mergeIntoParent, type MergeIntoParentOptions, type MergeReport } from './merge-into-parent.ts';
export { repairDisk, type RepairOptions, type RepairReport } from './repair.ts';
export { reparentDisk, type ReparentOptions, type ReparentReport } from './reparent.ts';
export { resizeDisk, type ResizeOptions, type ResizeReport } from './resize.ts';
export type { DiskStore } from './store.ts';
export { DiskTask, type RunOptions, type TaskProgress, type TaskState } from './task.ts';
export { DiskError, DiskErrorCode, type DiskErrorDetail } from './errors.ts';
export { RawImage } from './flat-image.ts';
export { locateFooter, looksLikeVhd, MAXIMUM_DISK_BYTES, OWN_CREATOR, VhdType, type VhdFooter } from './footer.ts';
export {
  geometryBytes,
  geometryForSectors,
  SECTOR_SIZE,
  sizeWithExactGeometry,
  type DiskGeometry,
} from './geometry.ts';
export type { DiskExtent, DiskImage, ImageFormat } from './image.ts';
export { MemoryFile } from './memory-file.ts';
export { MemoryStore } from './memory-store.ts';
export { OpfsFile, type SyncAccessHandle } from './opfs-file.ts';
export type { PendingOperation } from './pending.ts';
export { diskSizes, type DiskSizes } from './sizes.ts';
export { mergeInto } from './merge.ts';
export { openVhd, type OpenVhdOptions } from './open.ts';
export { baseName, parentCandidates, type ParentCandidate, type ParentResolver } from './parents.ts';
export { readExactly, type RandomAccessFile } from './random-access-file.ts';
export { SparseImage } from './sparse-image.ts';
export { SplitFile } from './split-file.ts';
