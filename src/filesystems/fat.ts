/**
 * FAT12, FAT16 and FAT32, read-only, with long names.
 * Sources: Microsoft Extensible Firmware Initiative FAT32 File System Specification 1.03 (boot sector, cluster chains, long names);
 * ECMA-107 (FAT12/FAT16); Microsoft's description of disks made before DOS 2.0, which have no parameter block and are told by the
 * media byte of their file allocation table.
 */
import { fromCp437 } from '../display/cp437.ts';
import { peek, type ByteSource } from './byte-source.ts';
import { FileSystemError, FileSystemErrorCode } from './errors.ts';
import { dosTime, FatNames } from './fat-names.ts';
import { MAXIMUM_FOLDER_ENTRIES, PIECE_BYTES, type Entry, type FileSystem } from './file-system.ts';

const ENTRY_BYTES = 32;
/** Bytes that a folder can have (65,536 entries). */
const MAXIMUM_FOLDER_BYTES = 65_536 * ENTRY_BYTES;
const FAT_PAGE = 4096;
/** Pages of the table kept in memory, at most. */
const FAT_PAGES = 256;

const ATTRIBUTE = { hidden: 0x02, volumeLabel: 0x08, folder: 0x10, longName: 0x0f } as const;

/** Where the parts of the file system lie; bytes from the start of the volume. */
export interface FatLayout {
  readonly type: 'FAT12' | 'FAT16' | 'FAT32';
  readonly clusterBytes: number;
  readonly clusterCount: number;
  readonly fatStart: number;
  /** FAT12 and FAT16: the fixed place of the root folder. */
  readonly rootStart: number;
  readonly rootBytes: number;
  /** FAT32: first cluster of the root folder. */
  readonly rootCluster: number;
  readonly dataStart: number;
  readonly totalBytes: number;
  /** Label of the boot sector; the one in the root folder counts more. */
  readonly label: string;
}

/** Media byte and size of the diskettes that have no parameter block: sectors per cluster, per table, and root entries. */
const OLD_DISKETTES: ReadonlyMap<number, readonly [bytes: number, perCluster: number, perFat: number, root: number]> =
  new Map([
    [0xfe, [163_840, 1, 1, 64]],
    [0xfc, [184_320, 1, 2, 64]],
    [0xff, [327_680, 2, 1, 112]],
    [0xfd, [368_640, 2, 2, 112]],
  ]);

/** The layout of the FAT volume that `source` holds; undefined when it holds none. @throws DiskError of the image. */
export function fatLayout(source: ByteSource): FatLayout | undefined {
  const boot = peek(source, 0, 512);
  return boot === undefined ? undefined : (parameterBlock(boot) ?? oldDiskette(source));
}

const isPowerOfTwo = (value: number): boolean => value > 0 && (value & (value - 1)) === 0;

function parameterBlock(boot: Uint8Array): FatLayout | undefined {
  const view = new DataView(boot.buffer, boot.byteOffset);
  const sector = view.getUint16(11, true);
  const perCluster = boot[13];
  const reserved = view.getUint16(14, true);
  const fats = boot[16];
  const rootEntries = view.getUint16(17, true);
  const total = view.getUint16(19, true) || view.getUint32(32, true);
  const shortFat = view.getUint16(22, true);
  const perFat = shortFat || view.getUint32(36, true);
  const jumps = boot[0] === 0xeb || boot[0] === 0xe9;
  const signed = boot[510] === 0x55 && boot[511] === 0xaa;
  if (!jumps && !signed) return undefined;
  if (!isPowerOfTwo(sector) || sector < 512 || sector > 4096 || !isPowerOfTwo(perCluster)) return undefined;
  if (reserved === 0 || fats === 0 || fats > 4 || perFat === 0 || boot[21] < 0xf0) return undefined;
  const rootSectors = Math.ceil((rootEntries * ENTRY_BYTES) / sector);
  const dataSector = reserved + fats * perFat + rootSectors;
  if (total <= dataSector) return undefined;
  const inTable = (bits: number): number => Math.floor((perFat * sector * 8) / bits) - 2;
  const counted = Math.floor((total - dataSector) / perCluster);
  // A table size in the 32-bit field alone means FAT32, whatever the number of clusters; that is how its makers see small volumes too.
  const type = shortFat === 0 ? 'FAT32' : counted < 4085 ? 'FAT12' : counted < 65_525 ? 'FAT16' : 'FAT32';
  if (type !== 'FAT32' && rootEntries === 0) return undefined;
  const bits = { FAT12: 12, FAT16: 16, FAT32: 32 }[type];
  // FAT32 can use one of its tables alone; the others are then out of date.
  const flags = type === 'FAT32' ? view.getUint16(40, true) : 0;
  const table = (flags & 0x80) !== 0 && (flags & 0x0f) < fats ? flags & 0x0f : 0;
  const extended = type === 'FAT32' ? 64 : 36;
  const hasLabel = boot[extended + 2] === 0x29;
  return {
    type,
    clusterBytes: perCluster * sector,
    clusterCount: Math.min(counted, inTable(bits)),
    fatStart: (reserved + table * perFat) * sector,
    rootStart: (reserved + fats * perFat) * sector,
    rootBytes: rootEntries * ENTRY_BYTES,
    rootCluster: type === 'FAT32' ? view.getUint32(44, true) : 0,
    dataStart: dataSector * sector,
    totalBytes: total * sector,
    label: hasLabel ? cleanLabel(boot.subarray(extended + 7, extended + 18)) : '',
  };
}

function oldDiskette(source: ByteSource): FatLayout | undefined {
  const fat = peek(source, 512, 3);
  if (fat === undefined || fat[1] !== 0xff || fat[2] !== 0xff) return undefined;
  const [size, perCluster, perFat, rootEntries] = OLD_DISKETTES.get(fat[0]) ?? [];
  if (size !== source.size || perCluster === undefined || perFat === undefined || rootEntries === undefined) {
    return undefined;
  }
  const rootStart = (1 + 2 * perFat) * 512;
  const dataStart = rootStart + rootEntries * ENTRY_BYTES;
  return {
    type: 'FAT12',
    clusterBytes: perCluster * 512,
    clusterCount: Math.floor((size - dataStart) / (perCluster * 512)),
    fatStart: 512,
    rootStart,
    rootBytes: rootEntries * ENTRY_BYTES,
    rootCluster: 0,
    dataStart,
    totalBytes: size,
    label: '',
  };
}

function cleanLabel(bytes: Uint8Array): string {
  const text = fromCp437(bytes).trimEnd();
  return text === 'NO NAME' ? '' : text;
}

/** `place` is the first cluster; 0 for an empty file and for the root of FAT12 and FAT16. */
export type FatEntry = Entry;

export class FatFileSystem implements FileSystem<FatEntry> {
  readonly type: FatLayout['type'];
  readonly label: string;
  readonly ignoresCase = true;
  readonly root: FatEntry;
  readonly problems: string[] = [];
  private readonly source: ByteSource;
  private readonly layout: FatLayout;
  private readonly pages = new Map<number, Uint8Array>();

  /** @throws FileSystemError `fs-damaged` when the root folder cannot be read; DiskError of the image. */
  constructor(source: ByteSource, layout: FatLayout) {
    this.source = source;
    this.layout = layout;
    this.type = layout.type;
    this.root = {
      name: '',
      kind: 'folder',
      size: 0,
      modified: undefined,
      hidden: false,
      place: layout.rootCluster,
    };
    if (layout.totalBytes > source.size) {
      this.problems.push(
        `the file system has ${layout.totalBytes} bytes, but its partition or image only ${source.size}; files at its end are incomplete`,
      );
    }
    this.label = this.findLabel() || layout.label;
  }

  entries(folder: FatEntry): FatEntry[] {
    const names = new FatNames();
    const entries: FatEntry[] = [];
    for (const record of this.records(folder)) {
      const attributes = record[11];
      if ((attributes & 0x3f) === ATTRIBUTE.longName) {
        names.addPart(record);
        continue;
      }
      const { long, short } = names.take(record);
      // Deleted, "." and "..", volume label.
      if (record[0] === 0xe5 || short === '.' || short === '..' || (attributes & ATTRIBUTE.volumeLabel) !== 0) continue;
      const view = new DataView(record.buffer, record.byteOffset);
      const isFolder = (attributes & ATTRIBUTE.folder) !== 0;
      const high = this.type === 'FAT32' ? view.getUint16(20, true) : 0;
      entries.push({
        name: long ?? short,
        alias: long === undefined ? undefined : short,
        kind: isFolder ? 'folder' : 'file',
        size: isFolder ? 0 : view.getUint32(28, true),
        modified: dosTime(view.getUint16(24, true), view.getUint16(22, true)),
        hidden: (attributes & ATTRIBUTE.hidden) !== 0,
        place: high * 65_536 + view.getUint16(26, true),
      });
      if (entries.length >= MAXIMUM_FOLDER_ENTRIES) break;
    }
    return entries;
  }

  *content(file: FatEntry): Generator<Uint8Array> {
    if (file.kind !== 'file') {
      throw new FileSystemError(FileSystemErrorCode.NotAFile, file.name, 'this is not a file');
    }
    let left = file.size;
    if (left === 0) return;
    for (const { start, length } of this.runs(file.place, file.name, left)) {
      const piece = new Uint8Array(Math.min(length, left));
      this.source.read(start, piece);
      left -= piece.length;
      yield piece;
    }
    if (left > 0) {
      const problem = `its chain of clusters ends ${left} bytes before the file does`;
      throw new FileSystemError(FileSystemErrorCode.Damaged, file.name, problem);
    }
  }

  /** The 32-byte records of a folder up to the first unused one. */
  private *records(folder: FatEntry): Generator<Uint8Array> {
    for (const bytes of this.folderBytes(folder)) {
      for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
        if (bytes[at] === 0) return;
        yield bytes.subarray(at, at + ENTRY_BYTES);
      }
    }
  }

  private *folderBytes(folder: FatEntry): Generator<Uint8Array> {
    if (folder.place === 0 && this.type !== 'FAT32') {
      const { rootStart, rootBytes } = this.layout;
      const bytes = new Uint8Array(rootBytes);
      this.source.read(rootStart, bytes);
      yield bytes;
      return;
    }
    // A folder directly below the root of FAT32 names its parent, the root, with 0.
    const first = folder.place === 0 ? this.layout.rootCluster : folder.place;
    for (const { start, length } of this.runs(first, folder.name || '/', MAXIMUM_FOLDER_BYTES)) {
      const bytes = new Uint8Array(length);
      this.source.read(start, bytes);
      yield bytes;
    }
  }

  /** Runs of neighbouring clusters of a chain, each at most `PIECE_BYTES` or one cluster long, until `limit` bytes are reached. */
  private *runs(first: number, name: string, limit: number): Generator<{ start: number; length: number }> {
    const { clusterBytes, dataStart } = this.layout;
    const atMost = Math.max(clusterBytes, PIECE_BYTES);
    let start = -1;
    let length = 0;
    let total = 0;
    for (const cluster of this.chain(first, name)) {
      const at = dataStart + (cluster - 2) * clusterBytes;
      if (start >= 0 && (at !== start + length || length + clusterBytes > atMost)) {
        yield { start, length };
        start = -1;
      }
      if (start < 0) [start, length] = [at, 0];
      length += clusterBytes;
      total += clusterBytes;
      if (total >= limit) break;
    }
    if (start >= 0) yield { start, length };
  }

  /** @throws FileSystemError `fs-damaged` for a chain that leaves the volume or runs in a circle. */
  private *chain(first: number, name: string): Generator<number> {
    const damaged = (problem: string): FileSystemError =>
      new FileSystemError(FileSystemErrorCode.Damaged, name, problem);
    let cluster = first;
    // Brent's cycle detection: the mark moves up at powers of two.
    let mark = -1;
    let power = 1;
    let steps = 0;
    for (;;) {
      if (cluster < 2 || cluster >= this.layout.clusterCount + 2) {
        throw damaged(`its chain of clusters leads to cluster ${cluster}, which does not exist`);
      }
      if (cluster === mark) throw damaged('its chain of clusters runs in a circle');
      yield cluster;
      if (++steps === power) [mark, power, steps] = [cluster, power * 2, 0];
      const next = this.next(cluster);
      if (next === undefined) return;
      cluster = next;
    }
  }

  /** The cluster after another one; undefined at the end of a chain. */
  private next(cluster: number): number | undefined {
    switch (this.type) {
      case 'FAT12': {
        const at = cluster + (cluster >> 1);
        const pair = this.tableByte(at) | (this.tableByte(at + 1) << 8);
        const value = (cluster & 1) === 0 ? pair & 0xfff : pair >> 4;
        return value >= 0xff8 ? undefined : value;
      }
      case 'FAT16': {
        const value = this.tableByte(cluster * 2) | (this.tableByte(cluster * 2 + 1) << 8);
        return value >= 0xfff8 ? undefined : value;
      }
      case 'FAT32': {
        const at = cluster * 4;
        const value =
          this.tableByte(at) |
          (this.tableByte(at + 1) << 8) |
          (this.tableByte(at + 2) << 16) |
          ((this.tableByte(at + 3) & 0x0f) << 24);
        return value >= 0x0ffffff8 ? undefined : value;
      }
    }
  }

  private tableByte(offset: number): number {
    const number = Math.floor(offset / FAT_PAGE);
    let page = this.pages.get(number);
    if (page === undefined) {
      if (this.pages.size >= FAT_PAGES) this.pages.delete(this.pages.keys().next().value!);
      const start = this.layout.fatStart + number * FAT_PAGE;
      page = new Uint8Array(Math.max(0, Math.min(FAT_PAGE, this.source.size - start)));
      this.source.read(start, page);
      this.pages.set(number, page);
    }
    if (offset % FAT_PAGE >= page.length) {
      throw new FileSystemError(FileSystemErrorCode.Damaged, this.source.name, 'the file allocation table is cut off');
    }
    return page[offset % FAT_PAGE];
  }

  private findLabel(): string {
    for (const record of this.records(this.root)) {
      const isLabel = (record[11] & (ATTRIBUTE.volumeLabel | ATTRIBUTE.folder)) === ATTRIBUTE.volumeLabel;
      if (isLabel && (record[11] & 0x3f) !== ATTRIBUTE.longName && record[0] !== 0xe5) {
        return cleanLabel(record.subarray(0, 11));
      }
    }
    return '';
  }
}
