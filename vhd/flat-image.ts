/** Images whose sectors lie in the file in order: fixed VHDs and raw images. */
import { DiskError, DiskErrorCode } from './errors.ts';
import { FOOTER_SIZE, type LocatedFooter } from './footer.ts';
import { geometryForSectors, SECTOR_SIZE, type DiskGeometry } from './geometry.ts';
import { checkRange, checkWritable, type DiskExtent, type DiskImage } from './image.ts';
import { readExactly, type RandomAccessFile } from './random-access-file.ts';
import { settle, unfinishedMerge } from './structure.ts';

/** The geometry a footer states, or the algorithm's where a zero makes it impossible. */
export function usableGeometry(stated: DiskGeometry, sectors: number): DiskGeometry {
  const { cylinders, heads, sectorsPerTrack } = stated;
  return cylinders > 0 && heads > 0 && sectorsPerTrack > 0 ? stated : geometryForSectors(sectors);
}

abstract class FlatImage implements DiskImage {
  abstract readonly format: 'raw' | 'fixed';
  abstract readonly geometry: DiskGeometry;
  abstract readonly identity: Uint8Array;
  abstract readonly creator: string;
  abstract readonly savedState: boolean;
  abstract readonly problems: readonly string[];
  readonly sectorCount: number;
  protected readonly file: RandomAccessFile;
  private closed = false;

  constructor(file: RandomAccessFile, sectorCount: number) {
    this.file = file;
    this.sectorCount = sectorCount;
  }

  get name(): string {
    return this.file.name;
  }

  get readOnly(): boolean {
    return this.file.readOnly;
  }

  read(lba: number, into: Uint8Array): void {
    checkRange(this, lba, into);
    readExactly(this.file, lba * SECTOR_SIZE, into, 'the disk data');
  }

  write(lba: number, from: Uint8Array): void {
    checkRange(this, lba, from);
    checkWritable(this);
    this.file.write(lba * SECTOR_SIZE, from);
  }

  extentAt(lba: number, limit: number): DiskExtent {
    return { kind: 'data', count: limit, offset: lba * SECTOR_SIZE };
  }

  flush(): void {
    if (!this.readOnly) this.file.flush();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.flush();
    } finally {
      this.file.close();
    }
  }
}

/** A fixed VHD: the sectors, then the footer, which is never written in normal use. */
export class FixedImage extends FlatImage {
  readonly format = 'fixed';
  readonly geometry: DiskGeometry;
  readonly identity: Uint8Array;
  readonly creator: string;
  readonly savedState: boolean;
  readonly problems: readonly string[];

  private readonly unwritable: boolean;
  private readonly located: LocatedFooter;
  /** Byte offset of the footer of the disk before it was made larger, which nobody has overwritten with zeros yet. */
  private oldFooter: number | undefined;

  /** @throws DiskError `disk-truncated` when the file is shorter than the footer says. */
  constructor(file: RandomAccessFile, located: LocatedFooter, mergingChild?: Uint8Array) {
    const { footer, endOffset } = located;
    const dataEnd = endOffset ?? file.size();
    if (footer.currentSize > dataEnd) {
      throw new DiskError(
        DiskErrorCode.Truncated,
        `the footer states a disk of ${footer.currentSize} bytes, but only ${dataEnd} bytes are before it`,
        {
          fileName: file.name,
          offset: dataEnd,
          remedy: 'A part of the file is missing; copy it again from its source.',
        },
      );
    }
    super(file, footer.currentSize / SECTOR_SIZE);
    this.geometry = usableGeometry(footer.geometry, this.sectorCount);
    this.identity = footer.uniqueId;
    this.creator = footer.creatorApplication;
    this.savedState = footer.savedState;
    const mergeProblem = unfinishedMerge(located, mergingChild);
    this.problems = [...located.problems, ...mergeProblem].map((problem) => `${file.name}: ${problem}`);
    this.unwritable = mergeProblem.length > 0;
    this.located = located;
    const { pending } = footer;
    const inData = pending?.kind === 'zero' && pending.offset <= footer.currentSize - FOOTER_SIZE;
    if (inData && pending.offset % SECTOR_SIZE === 0) this.oldFooter = pending.offset;
  }

  override get readOnly(): boolean {
    return super.readOnly || this.unwritable;
  }

  override read(lba: number, into: Uint8Array): void {
    super.read(lba, into);
    if (this.oldFooter === undefined) return;
    const at = this.oldFooter - lba * SECTOR_SIZE;
    if (at >= 0 && at < into.length) into.fill(0, at, at + FOOTER_SIZE);
  }

  override write(lba: number, from: Uint8Array): void {
    checkRange(this, lba, from);
    checkWritable(this);
    if (this.oldFooter !== undefined) {
      settle(this.file, this.located);
      this.oldFooter = undefined;
    }
    super.write(lba, from);
  }
}

/** The plain sectors of a disk. A last part of a sector reads as if filled up with zeros. */
export class RawImage extends FlatImage {
  readonly format = 'raw';
  readonly geometry: DiskGeometry;
  readonly identity: Uint8Array;
  readonly creator = '';
  readonly savedState = false;
  readonly problems: readonly string[];

  /** @throws DiskError `disk-not-an-image` for an empty file. */
  constructor(file: RandomAccessFile) {
    const size = file.size();
    if (size === 0) {
      throw new DiskError(DiskErrorCode.NotAnImage, 'the file is empty', {
        fileName: file.name,
        remedy: 'Copy the image again from its source, or create a new disk.',
      });
    }
    super(file, Math.ceil(size / SECTOR_SIZE));
    this.geometry = geometryForSectors(this.sectorCount);
    this.identity = fingerprint(file);
    const tail = size % SECTOR_SIZE;
    this.problems = tail === 0 ? [] : [`${file.name}: the last sector has only ${tail} bytes; zeros are added`];
  }

  override read(lba: number, into: Uint8Array): void {
    checkRange(this, lba, into);
    const count = this.file.read(lba * SECTOR_SIZE, into);
    if (into.length - count >= SECTOR_SIZE) {
      throw new DiskError(DiskErrorCode.Truncated, 'the file has become shorter while it was open', {
        fileName: this.name,
        offset: lba * SECTOR_SIZE + count,
      });
    }
    into.fill(0, count);
  }
}

/**
 * An identity for a raw image, which has none of its own: its size and two 32-bit FNV-1a sums of its first 64 KiB (partition table,
 * boot sectors, first file system structures). It tells an undo disk that its parent was exchanged; it is no proof against forgery.
 */
function fingerprint(file: RandomAccessFile): Uint8Array {
  const head = new Uint8Array(Math.min(65536, file.size()));
  file.read(0, head);
  let low = 0x811c9dc5;
  let high = 0x01000193;
  for (const byte of head) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x85ebca6b) ^ (high >>> 13);
  }
  const identity = new Uint8Array(16);
  const view = new DataView(identity.buffer);
  view.setUint32(0, Math.floor(file.size() / 2 ** 32));
  view.setUint32(4, file.size() % 2 ** 32);
  view.setUint32(8, low >>> 0);
  view.setUint32(12, high >>> 0);
  return identity;
}
