/** The volumes of a disk: its partitions, or the whole disk where there are none, with the file systems in them. */
import { partOf, type ByteSource } from './byte-source.ts';
import { FileSystemError, FileSystemErrorCode } from './errors.ts';
import { fatLayout, FatFileSystem } from './fat.ts';
import type { FileSystem } from './file-system.ts';
import { IsoFileSystem, isoVolumes } from './iso9660.ts';
import { readPartitions, type Partition, type PartitionTable } from './partitions.ts';
import { identify, type Identified } from './signatures.ts';

export interface Volume {
  /** Number of the partition; 0 for the whole disk. */
  readonly number: number;
  readonly partition: Partition | undefined;
  /** Byte offset on the disk. */
  readonly start: number;
  /** Bytes, as far as the disk reaches. */
  readonly length: number;
  readonly fileSystem: Identified | undefined;
  readonly source: ByteSource;
}

export interface DiskVolumes {
  readonly scheme: PartitionTable['scheme'];
  readonly volumes: readonly Volume[];
  readonly problems: readonly string[];
}

/** Never throws for contents. @throws DiskError of the image. */
export function findVolumes(source: ByteSource): DiskVolumes {
  const whole = identify(source);
  const table = readPartitions(source);
  const wholeDisk: Volume = {
    number: 0,
    partition: undefined,
    start: 0,
    length: source.size,
    fileSystem: whole,
    source,
  };
  const volumes: Volume[] = table.partitions.map((partition) => {
    const name = `${source.name}, partition ${partition.number}`;
    const part = partOf(source, partition.start, partition.length, name);
    return {
      number: partition.number,
      partition,
      start: partition.start,
      length: part.size,
      fileSystem: isExtended(partition) ? undefined : identify(part),
      source: part,
    };
  });
  // Discs that boot as a disk too have a partition table besides their volume.
  const both = whole !== undefined && (table.scheme === 'none' || whole.type === 'ISO 9660');
  return {
    scheme: table.scheme,
    volumes: both || table.scheme === 'none' ? [wholeDisk, ...volumes] : volumes,
    problems: table.problems,
  };
}

/** The box around logical drives; it has no file system of its own. */
export const isExtended = ({ typeCode }: Partition): boolean => ['05', '0F', '85'].includes(typeCode);

/**
 * The volume of that number; without a number the only one, or the first one, that has a file system which can be read.
 * @throws FileSystemError `fs-none`.
 */
export function chooseVolume(disk: DiskVolumes, name: string, number?: number): Volume {
  const found =
    number === undefined
      ? disk.volumes.find(({ fileSystem }) => fileSystem?.readable === true)
      : disk.volumes.find((volume) => volume.number === number);
  if (found !== undefined) return found;
  const there = disk.volumes
    .filter(({ fileSystem }) => fileSystem !== undefined)
    .map((volume) => `${volume.number} (${volume.fileSystem!.type})`);
  throw new FileSystemError(
    FileSystemErrorCode.NoFileSystem,
    name,
    number === undefined ? 'no file system was found that can be read here' : `there is no partition ${number}`,
    there.length === 0
      ? 'Nothing is recognized on this disk.'
      : `On it are: ${there.join(', ')}. "disk serve" makes the disk readable for the tools of the host.`,
  );
}

/** @throws FileSystemError `fs-unsupported`, `fs-none`, `fs-damaged`; DiskError of the image. */
export function openFileSystem(volume: Volume): FileSystem {
  const { source, fileSystem } = volume;
  const iso = fileSystem?.type === 'ISO 9660' ? isoVolumes(source) : undefined;
  if (iso !== undefined) return new IsoFileSystem(source, iso);
  const fat = fileSystem?.readable === true ? fatLayout(source) : undefined;
  if (fat !== undefined) return new FatFileSystem(source, fat);
  if (fileSystem === undefined) {
    throw new FileSystemError(FileSystemErrorCode.NoFileSystem, source.name, 'no file system is recognized');
  }
  throw new FileSystemError(
    FileSystemErrorCode.Unsupported,
    source.name,
    `${fileSystem.type} is recognized but not read`,
    'Use "disk serve" and mount the disk with the tools of the host.',
  );
}
