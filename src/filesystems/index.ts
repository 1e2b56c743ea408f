/** Partition tables and file systems inside disk images, read-only. */
export { partOf, sourceOfFile, sourceOfImage, type ByteSource } from './byte-source.ts';
export { FileSystemError, FileSystemErrorCode } from './errors.ts';
export { findEntry, MAXIMUM_DEPTH, splitPath, type Entry, type FileSystem, type ReadableType } from './file-system.ts';
export { readPartitions, type Partition, type PartitionTable } from './partitions.ts';
export { identify, type Identified } from './signatures.ts';
export { walk, type Visit } from './walk.ts';
export { chooseVolume, findVolumes, isExtended, openFileSystem, type DiskVolumes, type Volume } from './volumes.ts';
