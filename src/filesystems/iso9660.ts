/**
 * ISO 9660 with Rock Ridge and Joliet names, read-only. Rock Ridge is preferred, then Joliet, then the plain names.
 * Sources: ECMA-119 (ISO 9660); Microsoft Joliet Recording Specification 1.0; IEEE P1281 (System Use Sharing Protocol) and P1282
 * (Rock Ridge). Not read: interleaved files, extended attribute records (they are skipped), zisofs compression.
 */
import { latin1, peek, type ByteSource } from './byte-source.ts';
import { FileSystemError, FileSystemErrorCode } from './errors.ts';
import { MAXIMUM_FOLDER_ENTRIES, PIECE_BYTES, type Entry, type FileSystem } from './file-system.ts';
import { recordTime } from './iso9660-time.ts';
import { readRockRidge, suspSkip } from './rock-ridge.ts';

const SECTOR = 2048;
const FIRST_DESCRIPTOR = 16;
const MAXIMUM_DESCRIPTORS = 64;
const MAXIMUM_FOLDER_BYTES = 32 * 1024 * 1024;
/** Parts that one file may consist of (ECMA-119, multi-extent files); 4 GiB each. */
const MAXIMUM_EXTENTS = 4096;

const FLAG = { hidden: 0x01, folder: 0x02, associated: 0x04, multiExtent: 0x80 } as const;

/** A volume as its descriptor states it. */
export interface IsoVolume {
  readonly label: string;
  /** Bytes. */
  readonly blockSize: number;
  /** Bytes. */
  readonly size: number;
  readonly rootRecord: Uint8Array;
  readonly joliet: boolean;
}

/** The primary volume and, if there is one, the Joliet volume. Undefined when the source holds no ISO 9660. */
export function isoVolumes(source: ByteSource): { primary: IsoVolume; joliet: IsoVolume | undefined } | undefined {
  let primary: IsoVolume | undefined;
  let joliet: IsoVolume | undefined;
  for (let index = 0; index < MAXIMUM_DESCRIPTORS; index++) {
    const bytes = peek(source, (FIRST_DESCRIPTOR + index) * SECTOR, SECTOR);
    if (bytes === undefined || latin1(bytes.subarray(1, 6)) !== 'CD001' || bytes[0] === 255) break;
    if (bytes[0] === 1) primary ??= volumeOf(bytes, false);
    // UCS-2 level 1, 2 or 3 (Joliet specification, "SVD Escape Sequences").
    else if (bytes[0] === 2 && /^%\/[@CE]/.test(latin1(bytes.subarray(88, 91)))) joliet ??= volumeOf(bytes, true);
  }
  return primary === undefined ? undefined : { primary, joliet };
}

function volumeOf(descriptor: Uint8Array, joliet: boolean): IsoVolume | undefined {
  const view = new DataView(descriptor.buffer, descriptor.byteOffset);
  const blockSize = view.getUint16(128, true);
  if (![512, 1024, 2048].includes(blockSize)) return undefined;
  return {
    label: decodeName(descriptor.subarray(40, 72), joliet).replace(/[ \0]+$/, ''),
    blockSize,
    size: view.getUint32(80, true) * blockSize,
    rootRecord: descriptor.slice(156, 190),
    joliet,
  };
}

function decodeName(bytes: Uint8Array, ucs2: boolean): string {
  if (!ucs2) return latin1(bytes);
  let text = '';
  for (let i = 0; i + 1 < bytes.length; i += 2) text += String.fromCharCode((bytes[i] << 8) | bytes[i + 1]);
  return text;
}

interface Extent {
  /** Bytes from the start of the source. */
  readonly start: number;
  readonly length: number;
}

export interface IsoEntry extends Entry {
  readonly extents: readonly Extent[];
  /** Its data is interleaved with other files, which is not read. */
  readonly interleaved: boolean;
}

/** A directory record (ECMA-119, 9.1), not yet judged. */
interface DirectoryRecord {
  readonly extent: Extent;
  readonly flags: number;
  readonly interleaved: boolean;
  readonly identifier: Uint8Array;
  readonly modified: string | undefined;
  /** The system use area. */
  readonly systemUse: Uint8Array;
}

export class IsoFileSystem implements FileSystem<IsoEntry> {
  readonly type = 'ISO 9660';
  readonly label: string;
  readonly ignoresCase: boolean;
  readonly root: IsoEntry;
  readonly problems: string[] = [];
  /** Where the names come from. */
  readonly names: 'Rock Ridge' | 'Joliet' | 'plain';
  private readonly source: ByteSource;
  private readonly volume: IsoVolume;
  /** Bytes to leave out at the start of each system use area; undefined without Rock Ridge. */
  private readonly skip: number | undefined;

  /** @throws FileSystemError `fs-damaged` when the root folder lies outside; DiskError of the image. */
  constructor(source: ByteSource, volumes: { primary: IsoVolume; joliet: IsoVolume | undefined }) {
    this.source = source;
    const { primary, joliet } = volumes;
    this.volume = primary;
    this.skip = this.findRockRidge(primary);
    if (this.skip === undefined && joliet !== undefined) this.volume = joliet;
    this.names = this.skip !== undefined ? 'Rock Ridge' : this.volume.joliet ? 'Joliet' : 'plain';
    this.ignoresCase = this.names !== 'Rock Ridge';
    this.label = (joliet ?? primary).label || primary.label;
    if (primary.size > source.size) {
      this.problems.push(
        `the volume has ${primary.size} bytes, but the image only ${source.size}; files at its end may be incomplete`,
      );
    }
    const { extent } = this.record(this.volume.rootRecord);
    this.root = {
      name: '',
      kind: 'folder',
      size: 0,
      modified: undefined,
      hidden: false,
      place: extent.start,
      extents: [extent],
      interleaved: false,
    };
  }

  entries(folder: IsoEntry): IsoEntry[] {
    const entries: IsoEntry[] = [];
    let pending: Extent[] = [];
    for (const record of this.records(folder.extents[0], folder.name || '/')) {
      const { identifier, flags } = record;
      // 00h and 01h stand for the folder itself and its parent.
      if ((identifier.length === 1 && identifier[0] <= 1) || (flags & FLAG.associated) !== 0) continue;
      pending.push(record.extent);
      if ((flags & FLAG.multiExtent) !== 0 && pending.length < MAXIMUM_EXTENTS) continue;
      const entry = this.entry(record, pending);
      pending = [];
      if (entry !== undefined) entries.push(entry);
      if (entries.length >= MAXIMUM_FOLDER_ENTRIES) break;
    }
    return entries;
  }

  *content(file: IsoEntry): Generator<Uint8Array> {
    if (file.kind !== 'file') {
      throw new FileSystemError(FileSystemErrorCode.NotAFile, file.name, 'this is not a file');
    }
    if (file.interleaved) {
      throw new FileSystemError(FileSystemErrorCode.Unsupported, file.name, 'its data is interleaved with other files');
    }
    if (file.size > this.source.size) {
      throw new FileSystemError(FileSystemErrorCode.Damaged, file.name, 'it is larger than the image that holds it');
    }
    for (const { start, length } of file.extents) {
      if (start + length > this.source.size) {
        const problem = `its data ends at byte ${start + length}, behind the end of the image at ${this.source.size}`;
        throw new FileSystemError(FileSystemErrorCode.Damaged, file.name, problem);
      }
      for (let done = 0; done < length;) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, length - done));
        this.source.read(start + done, piece);
        done += piece.length;
        yield piece;
      }
    }
  }

  private entry(record: DirectoryRecord, extents: readonly Extent[]): IsoEntry | undefined {
    const { flags, identifier, interleaved } = record;
    const rock = this.skip === undefined ? undefined : readRockRidge(this.source, record.systemUse, this.skip, SECTOR);
    // A folder moved up because of its depth is shown at its old place only.
    if (rock?.relocated === true) return undefined;
    const plain = decodeName(identifier, this.volume.joliet).replace(/;\d+$/, '').replace(/\.$/, '');
    const moved = rock?.childBlock;
    const place = moved === undefined ? undefined : this.movedFolder(moved);
    const isFolder = (flags & FLAG.folder) !== 0 || place !== undefined;
    const kind = rock?.kind ?? (isFolder ? 'folder' : 'file');
    return {
      name: rock?.name ?? plain,
      alias: rock?.name === undefined ? undefined : plain,
      kind: isFolder ? 'folder' : kind === 'folder' ? 'file' : kind,
      size: kind === 'file' && !isFolder ? extents.reduce((sum, { length }) => sum + length, 0) : 0,
      modified: rock?.modified ?? record.modified,
      target: rock?.target,
      hidden: (flags & FLAG.hidden) !== 0,
      place: (place ?? extents[0]).start,
      extents: place === undefined ? extents : [place],
      interleaved,
    };
  }

  /** A relocated folder has only its first block recorded; its own "." record has the length. */
  private movedFolder(block: number): Extent | undefined {
    const bytes = peek(this.source, block * this.volume.blockSize, 34);
    return bytes === undefined || bytes[0] < 34 ? undefined : this.record(bytes).extent;
  }

  private *records(extent: Extent, name: string): Generator<DirectoryRecord> {
    const end = Math.min(extent.length, MAXIMUM_FOLDER_BYTES);
    for (let done = 0; done < end; done += SECTOR) {
      const sector = new Uint8Array(Math.min(SECTOR, end - done));
      if (extent.start + done + sector.length > this.source.size) {
        const problem = `the folder lies at byte ${extent.start + done}, behind the end of the image`;
        throw new FileSystemError(FileSystemErrorCode.Damaged, name, problem);
      }
      this.source.read(extent.start + done, sector);
      // Records do not cross sectors; a length of 0 means that the rest of the sector is unused.
      for (let at = 0; at + 34 <= sector.length && sector[at] !== 0; at += sector[at]) {
        const length = sector[at];
        const nameLength = sector[at + 32];
        if (length < 34 || at + length > sector.length || 33 + nameLength > length) {
          throw new FileSystemError(FileSystemErrorCode.Damaged, name, 'the folder has a record of impossible length');
        }
        yield this.record(sector.subarray(at, at + length));
      }
    }
  }

  private record(bytes: Uint8Array): DirectoryRecord {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const nameLength = bytes[32];
    const attributeBlocks = bytes[1];
    const nameEnd = 33 + nameLength;
    return {
      extent: {
        start: (view.getUint32(2, true) + attributeBlocks) * this.volume.blockSize,
        length: view.getUint32(10, true),
      },
      flags: bytes[25],
      interleaved: bytes[26] !== 0 || bytes[27] !== 0,
      identifier: bytes.subarray(33, nameEnd),
      modified: recordTime(bytes.subarray(18, 25)),
      // The identifier is padded to an even end.
      systemUse: bytes.subarray(Math.min(bytes.length, nameEnd + (nameLength % 2 === 0 ? 1 : 0))),
    };
  }

  /** The SP entry in the "." record of the root says that the system use sharing protocol is used. */
  private findRockRidge(primary: IsoVolume): number | undefined {
    const { extent } = this.record(primary.rootRecord);
    const sector = peek(this.source, extent.start, Math.min(SECTOR, Math.max(0, this.source.size - extent.start)));
    if (sector === undefined || sector.length < 34 || sector[0] < 34 || sector[0] > sector.length) return undefined;
    return suspSkip(this.record(sector.subarray(0, sector[0])).systemUse);
  }
}
