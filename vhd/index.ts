/** Disk images: fixed, dynamic and differencing VHDs and raw images over any random-access file. */
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
export type { DiskImage, ImageFormat } from './image.ts';
export { MemoryFile } from './memory-file.ts';
export { mergeInto } from './merge.ts';
export { openVhd, type OpenVhdOptions } from './open.ts';
export { baseName, parentCandidates, type ParentCandidate, type ParentResolver } from './parents.ts';
export { readExactly, type RandomAccessFile } from './random-access-file.ts';
export { SparseImage } from './sparse-image.ts';
export { SplitFile } from './split-file.ts';
