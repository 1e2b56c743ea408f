/**
 * Dynamic and differencing VHDs: blocks that are allocated when first written, each with a bitmap of its sectors.
 *
 * Durability. Sector data goes to the file at once; what makes it visible (table entries and bitmap bits) is kept in memory until
 * `flush` and written in this order:
 *
 *   1. bitmaps of blocks that no table entry names yet
 *   2. flush: data, footer and those bitmaps are stable
 *   3. bitmap bits of blocks that were there before, and table entries
 *   4. flush
 *
 * So a crash at any instant leaves either the old or the new content of a sector that was being written, everything flushed before
 * is there, and no table entry ever names a block that is not stable. When a block is added, a new footer is written behind it before
 * the old one is overwritten; the copy at offset 0 never moves.
 *
 * Source: Virtual Hard Disk Image Format Specification 1.0, "Block Allocation Table and Data Blocks".
 */
import { viewOf } from './bytes.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { UNALLOCATED, type DynamicHeader } from './dynamic-header.ts';
import { usableGeometry } from './flat-image.ts';
import { FOOTER_SIZE, type LocatedFooter } from './footer.ts';
import { SECTOR_SIZE, type DiskGeometry } from './geometry.ts';
import { checkRange, checkWritable, type DiskImage } from './image.ts';
import { readExactly, type RandomAccessFile } from './random-access-file.ts';
import { checkBlockTable, readBlockTable } from './block-table.ts';

/** Bitmaps kept in memory, at most. */
const BITMAP_CACHE_BYTES = 4 * 1024 * 1024;
/** Blocks with metadata not yet in the file, at most; more make a flush happen by itself, which bounds what a crash loses. */
const MAXIMUM_PENDING_BLOCKS = 128;

interface BlockBitmap {
  /** One bit per sector, most significant first; as long as in the file. */
  readonly bits: Uint8Array;
  /** Every sector's bit is set: no need to look. */
  full: boolean;
}

/** A dynamic disk, or a differencing disk over its parent. */
export class SparseImage implements DiskImage {
  readonly format: 'dynamic' | 'differencing';
  readonly sectorCount: number;
  readonly geometry: DiskGeometry;
  readonly identity: Uint8Array;
  readonly creator: string;
  readonly savedState: boolean;
  readonly problems: readonly string[];
  readonly parent: DiskImage | undefined;
  readonly header: DynamicHeader;
  /** Data bytes of a block. */
  readonly blockSize: number;
  private readonly file: RandomAccessFile;
  private readonly footerBytes: Uint8Array;
  /** Sector number of each block's bitmap; `UNALLOCATED` where there is none. */
  private readonly table: Uint32Array;
  private readonly bitmapSize: number;
  private readonly bitmaps = new Map<number, BlockBitmap>();
  /** Blocks whose bitmap in memory is newer than in the file. */
  private readonly dirtyBitmaps = new Set<number>();
  /** Blocks whose table entry is not in the file yet. */
  private readonly pendingBlocks = new Set<number>();
  private readonly damaged: boolean;
  /** Where the next block goes: the place of the footer at the end. */
  private end: number;
  private footerNeedsWriting: boolean;
  private copyNeedsWriting: boolean;
  private unflushed = false;
  private closed = false;

  /**
   * @param parent the disk below a differencing disk; its size must be this disk's size.
   * @throws DiskError for a table outside the file.
   */
  constructor(file: RandomAccessFile, located: LocatedFooter, header: DynamicHeader, parent?: DiskImage) {
    const { footer } = located;
    this.file = file;
    this.header = header;
    this.parent = parent;
    this.format = parent === undefined ? 'dynamic' : 'differencing';
    this.sectorCount = footer.currentSize / SECTOR_SIZE;
    this.geometry = usableGeometry(footer.geometry, this.sectorCount);
    this.identity = footer.uniqueId;
    this.creator = footer.creatorApplication;
    this.savedState = footer.savedState;
    this.blockSize = header.blockSize;
    this.bitmapSize = Math.ceil(header.blockSize / SECTOR_SIZE / 8 / SECTOR_SIZE) * SECTOR_SIZE;
    this.footerBytes = located.bytes;
    this.table = readBlockTable(file, header, Math.ceil(footer.currentSize / header.blockSize));
    const check = checkBlockTable(file, this.table, header, footer.dataOffset, this.bitmapSize, footer.currentSize);
    this.damaged = check.length > 0;
    this.problems = [...located.problems, ...check]
      .map((problem) => `${file.name}: ${problem}`)
      .concat(parent?.problems ?? []);
    this.end = Math.ceil((located.endOffset ?? file.size()) / SECTOR_SIZE) * SECTOR_SIZE;
    this.footerNeedsWriting = located.endOffset === undefined;
    this.copyNeedsWriting = !located.copyGood;
  }

  get name(): string {
    return this.file.name;
  }

  /** A file with a damaged table is never written. */
  get readOnly(): boolean {
    return this.file.readOnly || this.damaged;
  }

  read(lba: number, into: Uint8Array): void {
    checkRange(this, lba, into);
    this.eachBlock(lba, into, (block, first, count, part) => {
      if (this.table[block] === UNALLOCATED) {
        this.readBelow(lbaOf(block, first, this.blockSize), part);
        return;
      }
      const bitmap = this.bitmap(block);
      for (let sector = first; sector < first + count;) {
        const present = hasBit(bitmap, sector);
        let next = bitmap.full ? first + count : sector + 1;
        while (next < first + count && hasBit(bitmap, next) === present) next++;
        const run = part.subarray((sector - first) * SECTOR_SIZE, (next - first) * SECTOR_SIZE);
        if (present) readExactly(this.file, this.dataOffset(block, sector), run, `block ${block}`);
        else this.readBelow(lbaOf(block, sector, this.blockSize), run);
        sector = next;
      }
    });
  }

  write(lba: number, from: Uint8Array): void {
    checkRange(this, lba, from);
    checkWritable(this);
    this.repairFooters();
    this.eachBlock(lba, from, (block, first, count, part) => {
      if (this.table[block] === UNALLOCATED) {
        // Without a parent an absent block reads as zeros already.
        if (this.parent === undefined && isZero(part)) return;
        this.allocate(block);
      }
      this.unflushed = true;
      this.file.write(this.dataOffset(block, first), part);
      const bitmap = this.bitmap(block);
      if (!bitmap.full) {
        for (let sector = first; sector < first + count; sector++) bitmap.bits[sector >> 3] |= 0x80 >> (sector & 7);
        bitmap.full = isFull(bitmap.bits, this.blockSize / SECTOR_SIZE);
        if (!this.pendingBlocks.has(block)) this.dirtyBitmaps.add(block);
      }
      if (this.pendingBlocks.size + this.dirtyBitmaps.size >= MAXIMUM_PENDING_BLOCKS) this.flush();
    });
  }

  flush(): void {
    if (this.readOnly || !this.unflushed) return;
    for (const block of this.pendingBlocks) this.writeBitmap(block);
    this.file.flush();
    if (this.pendingBlocks.size + this.dirtyBitmaps.size > 0) {
      for (const block of this.dirtyBitmaps) this.writeBitmap(block);
      this.writeTableEntries();
      this.file.flush();
    }
    this.dirtyBitmaps.clear();
    this.pendingBlocks.clear();
    this.unflushed = false;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.flush();
    } finally {
      this.file.close();
      this.parent?.close();
    }
  }

  /** True when this file itself, not a parent, holds sector `lba`. */
  holds(lba: number): boolean {
    const sectorsPerBlock = this.blockSize / SECTOR_SIZE;
    const block = Math.floor(lba / sectorsPerBlock);
    return this.table[block] !== UNALLOCATED && hasBit(this.bitmap(block), lba % sectorsPerBlock);
  }

  /** True when the block of `blockSize` bytes with this number has space in the file. */
  isAllocated(block: number): boolean {
    return this.table[block] !== UNALLOCATED;
  }

  private eachBlock(
    lba: number,
    buffer: Uint8Array,
    visit: (block: number, first: number, count: number, part: Uint8Array) => void,
  ): void {
    const sectorsPerBlock = this.blockSize / SECTOR_SIZE;
    for (let done = 0; done < buffer.length;) {
      const sector = lba + done / SECTOR_SIZE;
      const block = Math.floor(sector / sectorsPerBlock);
      const first = sector % sectorsPerBlock;
      const count = Math.min(sectorsPerBlock - first, (buffer.length - done) / SECTOR_SIZE);
      visit(block, first, count, buffer.subarray(done, done + count * SECTOR_SIZE));
      done += count * SECTOR_SIZE;
    }
  }

  private readBelow(lba: number, into: Uint8Array): void {
    if (this.parent === undefined) into.fill(0);
    else this.parent.read(lba, into);
  }

  private dataOffset(block: number, sector: number): number {
    return this.table[block] * SECTOR_SIZE + this.bitmapSize + sector * SECTOR_SIZE;
  }

  private bitmap(block: number): BlockBitmap {
    let bitmap = this.bitmaps.get(block);
    if (bitmap === undefined) {
      const bits = new Uint8Array(this.bitmapSize);
      readExactly(this.file, this.table[block] * SECTOR_SIZE, bits, `the sector bitmap of block ${block}`);
      bitmap = { bits, full: isFull(bits, this.blockSize / SECTOR_SIZE) };
      this.remember(block, bitmap);
    }
    return bitmap;
  }

  private remember(block: number, bitmap: BlockBitmap): void {
    if ((this.bitmaps.size + 1) * this.bitmapSize > BITMAP_CACHE_BYTES) {
      for (const old of this.bitmaps.keys()) {
        if (this.dirtyBitmaps.has(old) || this.pendingBlocks.has(old)) continue;
        this.bitmaps.delete(old);
        break;
      }
    }
    this.bitmaps.set(block, bitmap);
  }

  /** Gives `block` space at the end of the file. The table entry stays in memory until `flush`. */
  private allocate(block: number): void {
    const start = this.end;
    const newEnd = start + this.bitmapSize + this.blockSize;
    if (start / SECTOR_SIZE >= UNALLOCATED) {
      throw new DiskError(DiskErrorCode.BadSize, 'the file has grown to the 2 TiB that a VHD can have', {
        fileName: this.name,
      });
    }
    try {
      this.file.write(newEnd, this.footerBytes);
    } catch (error) {
      this.cutBack(start);
      throw error;
    }
    const bits = new Uint8Array(this.bitmapSize);
    // A fresh block is all zeros, which is what an unset sector of a dynamic disk means: set bits suit every reader.
    const full = this.parent === undefined;
    if (full) bits.fill(0xff);
    this.pendingBlocks.add(block);
    this.remember(block, { bits, full });
    this.table[block] = start / SECTOR_SIZE;
    this.end = newEnd;
  }

  /** After a failed extension: the footer back to the end. Failures here leave the copy at offset 0, so they are not reported. */
  private cutBack(footerOffset: number): void {
    try {
      this.file.write(footerOffset, this.footerBytes);
      this.file.truncate(footerOffset + FOOTER_SIZE);
    } catch {
      this.footerNeedsWriting = true;
    }
  }

  /** Writes a footer that was found missing or damaged when the file was opened, before anything else is written. */
  private repairFooters(): void {
    if (!this.footerNeedsWriting && !this.copyNeedsWriting) return;
    if (this.footerNeedsWriting) this.file.write(this.end, this.footerBytes);
    this.file.flush();
    this.footerNeedsWriting = false;
    if (this.copyNeedsWriting) this.file.write(0, this.footerBytes);
    this.file.flush();
    this.copyNeedsWriting = false;
  }

  private writeBitmap(block: number): void {
    const bitmap = this.bitmaps.get(block);
    if (bitmap !== undefined) this.file.write(this.table[block] * SECTOR_SIZE, bitmap.bits);
  }

  /** Writes each sector of the table that has new entries once. */
  private writeTableEntries(): void {
    const perSector = SECTOR_SIZE / 4;
    const sectors = new Set([...this.pendingBlocks].map((block) => Math.floor(block / perSector)));
    for (const sector of sectors) {
      const first = sector * perSector;
      const count = Math.min(perSector, this.table.length - first);
      const bytes = new Uint8Array(count * 4);
      const view = viewOf(bytes);
      for (let i = 0; i < count; i++) view.setUint32(i * 4, this.table[first + i]);
      this.file.write(this.header.tableOffset + first * 4, bytes);
    }
  }
}

function lbaOf(block: number, sector: number, blockSize: number): number {
  return block * (blockSize / SECTOR_SIZE) + sector;
}

function hasBit(bitmap: BlockBitmap, sector: number): boolean {
  return bitmap.full || (bitmap.bits[sector >> 3] & (0x80 >> (sector & 7))) !== 0;
}

/** True when the bits of all `sectors` sectors are set. */
function isFull(bits: Uint8Array, sectors: number): boolean {
  const whole = sectors >> 3;
  for (let i = 0; i < whole; i++) if (bits[i] !== 0xff) return false;
  const rest = (0xff00 >> (sectors & 7)) & 0xff;
  return (bits[whole] & rest) === rest;
}

function isZero(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 0) return false;
  return true;
}
