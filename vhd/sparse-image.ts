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
 * Space that `trim` gave back, and on a disk of our own the gaps that a crash left, is used again only after a flush, when no table entry
 * in the file can name it any more.
 *
 * So a crash at any instant leaves either the old or the new content of a sector that was being written, everything flushed before
 * is there, and no table entry ever names a block that is not stable. When a block is added, a new footer is written behind it before
 * the old one is overwritten; the copy at offset 0 never moves.
 *
 * Source: Virtual Hard Disk Image Format Specification 1.0, "Block Allocation Table and Data Blocks".
 */
import {
  freeSpans,
  judgeTable,
  metadataRanges,
  readBlockTable,
  tableSentences,
  writeTableEntries,
} from './block-table.ts';
import { isZero } from './bytes.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { UNALLOCATED, type DynamicHeader } from './dynamic-header.ts';
import { usableGeometry } from './flat-image.ts';
import { FOOTER_SIZE, OWN_CREATOR, type LocatedFooter } from './footer.ts';
import { SECTOR_SIZE, type DiskGeometry } from './geometry.ts';
import { checkRange, checkWritable, type DiskExtent, type DiskImage } from './image.ts';
import { readExactly, writeZeros, type RandomAccessFile } from './random-access-file.ts';
import { SectorBitmaps, type SectorBitmap } from './sector-bitmaps.ts';
import { isSettled, settle, unfinishedMerge } from './structure.ts';

/** Blocks with metadata not yet in the file, at most; more make a flush happen by itself, which bounds what a crash loses. */
const MAXIMUM_PENDING_BLOCKS = 128;
/** Gaps between blocks that are remembered for new blocks. */
const MAXIMUM_FREE_SPANS = 65536;

/** A part of a request: sectors from `lba` on, and where in the buffer they are. */
interface Piece {
  readonly lba: number;
  readonly from: number;
  readonly to: number;
}

/** What an image is opened with besides its file. */
export interface SparseImageOptions {
  /** The disk below a differencing disk; its size must be this disk's size. */
  readonly parent?: DiskImage | undefined;
  /** The child whose merge into this disk goes on; without it a disk that waits for the end of a merge is read-only. */
  readonly mergingChild?: Uint8Array | undefined;
}

/** A dynamic disk, or a differencing disk over its parent. */
export class SparseImage implements DiskImage {
  readonly format: 'dynamic' | 'differencing';
  readonly sectorCount: number;
  readonly geometry: DiskGeometry;
  readonly identity: Uint8Array;
  readonly creator: string;
  readonly savedState: boolean;
  readonly parent: DiskImage | undefined;
  readonly header: DynamicHeader;
  /** Data bytes of a block. */
  readonly blockSize: number;
  private readonly file: RandomAccessFile;
  private readonly ownProblems: readonly string[];
  private readonly blockSectors: number;
  private readonly bitmapSize: number;
  /** Sector number of each block's bitmap; `UNALLOCATED` where there is none. */
  private readonly table: Uint32Array;
  private readonly bitmaps: SectorBitmaps;
  /** Blocks whose bitmap in memory is newer than in the file. */
  private readonly dirtyBitmaps = new Set<number>();
  /** Blocks whose table entry in memory is newer than in the file. */
  private readonly pendingBlocks = new Set<number>();
  /** Sector numbers of space for a block each: usable at once, and after the next flush. */
  private reusable: number[] = [];
  private freed: number[];
  private readonly unwritable: boolean;
  private located: LocatedFooter;
  /** The place of the footer at the end, where the next block goes. */
  private end: number;
  /** Behind the last block: some products end the file inside a last block that reaches past the disk. */
  private readonly blocksEnd: number;
  private settled: boolean;
  private unflushed = false;
  private closed = false;

  /** @throws DiskError for a table outside the file. */
  constructor(file: RandomAccessFile, located: LocatedFooter, header: DynamicHeader, options: SparseImageOptions = {}) {
    const { footer } = located;
    const { parent } = options;
    this.file = file;
    this.located = located;
    this.header = header;
    this.parent = parent;
    this.format = parent === undefined ? 'dynamic' : 'differencing';
    this.sectorCount = footer.currentSize / SECTOR_SIZE;
    this.geometry = usableGeometry(footer.geometry, this.sectorCount);
    this.identity = footer.uniqueId;
    this.creator = footer.creatorApplication;
    this.savedState = footer.savedState;
    this.blockSize = header.blockSize;
    this.blockSectors = header.blockSize / SECTOR_SIZE;
    this.bitmaps = new SectorBitmaps(
      file,
      header.blockSize,
      (block) => this.dirtyBitmaps.has(block) || this.pendingBlocks.has(block),
    );
    this.bitmapSize = this.bitmaps.size;
    this.table = readBlockTable(file, header, Math.ceil(footer.currentSize / header.blockSize));
    const layout = judgeTable(
      located.endOffset ?? file.size(),
      this.table,
      header,
      footer.dataOffset,
      footer.currentSize,
    );
    const mergeProblem = unfinishedMerge(located, options.mergingChild);
    this.ownProblems = [...located.problems, ...tableSentences(layout), ...mergeProblem].map(
      (problem) => `${file.name}: ${problem}`,
    );
    this.unwritable = layout.problems.length > 0 || mergeProblem.length > 0;
    this.end = Math.ceil((located.endOffset ?? file.size()) / SECTOR_SIZE) * SECTOR_SIZE;
    this.blocksEnd = layout.end;
    this.settled = isSettled(located);
    // What other products leave between blocks is theirs.
    this.freed =
      this.creator === OWN_CREATOR && !this.unwritable
        ? freeSpans(
            layout,
            (this.bitmapSize + this.blockSize) / SECTOR_SIZE,
            metadataRanges(header, footer.dataOffset, this.table.length),
            this.end,
            MAXIMUM_FREE_SPANS,
          )
        : [];
  }

  get name(): string {
    return this.file.name;
  }

  /** A file with a damaged table, or with half of another disk in it, is never written. */
  get readOnly(): boolean {
    return this.file.readOnly || this.unwritable;
  }

  get problems(): readonly string[] {
    const all = [...this.ownProblems];
    for (let below = this.parent; below !== undefined; below = below.parent) {
      if (below instanceof SparseImage) all.push(...below.ownProblems);
      else return [...all, ...below.problems];
    }
    return all;
  }

  read(lba: number, into: Uint8Array): void {
    checkRange(this, lba, into);
    let pieces: Piece[] = [{ lba, from: 0, to: into.length }];
    // Down the chain without recursion: it may have any depth.
    let layer: DiskImage | undefined = this as DiskImage;
    while (pieces.length > 0) {
      if (layer instanceof SparseImage) {
        const missing: Piece[] = [];
        for (const piece of pieces) layer.readOwn(piece, into, missing);
        pieces = missing;
        layer = layer.parent;
      } else {
        for (const piece of pieces) {
          const part = into.subarray(piece.from, piece.to);
          if (layer === undefined) part.fill(0);
          else layer.read(piece.lba, part);
        }
        return;
      }
    }
  }

  write(lba: number, from: Uint8Array): void {
    checkRange(this, lba, from);
    checkWritable(this);
    this.settle();
    for (let done = 0; done < from.length;) {
      const sector = lba + done / SECTOR_SIZE;
      const block = Math.floor(sector / this.blockSectors);
      const first = sector % this.blockSectors;
      const count = Math.min(this.blockSectors - first, (from.length - done) / SECTOR_SIZE);
      this.writeInBlock(block, first, count, from.subarray(done, done + count * SECTOR_SIZE));
      done += count * SECTOR_SIZE;
    }
  }

  trim(lba: number, count: number): void {
    if (count <= 0) return;
    checkRange(this, lba, { length: count * SECTOR_SIZE });
    checkWritable(this);
    this.settle();
    for (let sector = lba; sector < lba + count;) {
      const block = Math.floor(sector / this.blockSectors);
      const first = sector % this.blockSectors;
      const inBlock = Math.min(this.blockSectors - first, lba + count - sector);
      this.trimInBlock(block, first, inBlock, sector + inBlock === this.sectorCount);
      sector += inBlock;
    }
  }

  extentAt(lba: number, limit: number): DiskExtent {
    const block = Math.floor(lba / this.blockSectors);
    const first = lba % this.blockSectors;
    if (this.table[block] === UNALLOCATED) {
      let next = block + 1;
      const blocks = Math.ceil((lba + limit) / this.blockSectors);
      while (next < blocks && this.table[next] === UNALLOCATED) next++;
      return { kind: 'zero', count: Math.min(limit, next * this.blockSectors - lba) };
    }
    const bitmap = this.bitmap(block);
    const count = bitmap.run(first, Math.min(limit, this.blockSectors - first));
    if (!bitmap.has(first)) return { kind: 'zero', count };
    return { kind: 'data', count, offset: this.dataOffset(block, first) };
  }

  flush(): void {
    if (this.readOnly || !this.unflushed) return;
    for (const block of this.pendingBlocks) this.writeBitmap(block);
    this.file.flush();
    if (this.pendingBlocks.size + this.dirtyBitmaps.size > 0) {
      for (const block of this.dirtyBitmaps) this.writeBitmap(block);
      writeTableEntries(this.file, this.header.tableOffset, this.table, this.pendingBlocks);
      this.file.flush();
    }
    this.dirtyBitmaps.clear();
    this.pendingBlocks.clear();
    if (this.freed.length > 0) {
      this.reusable = this.reusable.concat(this.freed).slice(0, MAXIMUM_FREE_SPANS);
      this.freed = [];
    }
    this.unflushed = false;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    try {
      this.flush();
    } finally {
      this.file.close();
      for (let below = this.parent; below !== undefined; below = below.parent) {
        if (!(below instanceof SparseImage)) {
          below.close();
          break;
        }
        if (!below.closed) {
          below.closed = true;
          try {
            below.flush();
          } finally {
            below.file.close();
          }
        }
      }
    }
  }

  /** True when this file itself, not a parent, holds sector `lba`. */
  holds(lba: number): boolean {
    const block = Math.floor(lba / this.blockSectors);
    return this.table[block] !== UNALLOCATED && this.bitmap(block).has(lba % this.blockSectors);
  }

  /** True when the block of `blockSize` bytes with this number has space in the file. */
  isAllocated(block: number): boolean {
    return this.table[block] !== UNALLOCATED;
  }

  /** Blocks that have space in the file. */
  get allocatedBlocks(): number {
    let count = 0;
    for (const sector of this.table) if (sector !== UNALLOCATED) count++;
    return count;
  }

  /** Reads what this file holds of a piece; the rest goes to `missing`, neighbours together. */
  private readOwn(piece: Piece, into: Uint8Array, missing: Piece[]): void {
    for (let from = piece.from; from < piece.to;) {
      const lba = piece.lba + (from - piece.from) / SECTOR_SIZE;
      const extent = this.extentAt(lba, (piece.to - from) / SECTOR_SIZE);
      const to = from + extent.count * SECTOR_SIZE;
      if (extent.kind === 'data') {
        const block = Math.floor(lba / this.blockSectors);
        readExactly(this.file, extent.offset!, into.subarray(from, to), `block ${block}`);
      } else {
        const last = missing.at(-1);
        if (last?.to === from) missing[missing.length - 1] = { ...last, to };
        else missing.push({ lba, from, to });
      }
      from = to;
    }
  }

  private writeInBlock(block: number, first: number, count: number, part: Uint8Array): void {
    if (this.table[block] === UNALLOCATED) {
      // Without a parent an absent block reads as zeros already.
      if (this.parent === undefined && isZero(part)) return;
      this.allocate(block);
    }
    this.unflushed = true;
    this.file.write(this.dataOffset(block, first), part);
    const bitmap = this.bitmap(block);
    if (bitmap.set(first, count) && !this.pendingBlocks.has(block)) this.dirtyBitmaps.add(block);
    if (this.pendingBlocks.size + this.dirtyBitmaps.size >= MAXIMUM_PENDING_BLOCKS) this.flush();
  }

  private trimInBlock(block: number, first: number, count: number, toTheEnd: boolean): void {
    if (this.table[block] === UNALLOCATED) return;
    const whole = first === 0 && (count === this.blockSectors || toTheEnd);
    if (whole && this.readsZeroWithout(block, count)) {
      this.freed.push(this.table[block]);
      this.table[block] = UNALLOCATED;
      this.bitmaps.forget(block);
      this.dirtyBitmaps.delete(block);
      this.pendingBlocks.add(block);
      this.unflushed = true;
      if (this.pendingBlocks.size + this.dirtyBitmaps.size >= MAXIMUM_PENDING_BLOCKS) this.flush();
      return;
    }
    const bitmap = this.bitmap(block);
    for (let sector = first; sector < first + count;) {
      const run = bitmap.run(sector, first + count - sector);
      if (bitmap.has(sector)) writeZeros(this.file, this.dataOffset(block, sector), run * SECTOR_SIZE);
      sector += run;
    }
    this.unflushed = true;
  }

  /** True when the block reads as zeros once its space is given back: nothing below holds any of it. */
  private readsZeroWithout(block: number, count: number): boolean {
    for (let below = this.parent; below !== undefined; below = below.parent) {
      const extent = below.extentAt?.(block * this.blockSectors, count);
      if (extent?.kind !== 'zero' || extent.count < count) return false;
    }
    return true;
  }

  private dataOffset(block: number, sector: number): number {
    return this.table[block] * SECTOR_SIZE + this.bitmapSize + sector * SECTOR_SIZE;
  }

  private bitmap(block: number): SectorBitmap {
    return this.bitmaps.get(block, this.table[block] * SECTOR_SIZE);
  }

  /** Gives `block` space in the file. The table entry stays in memory until `flush`. */
  private allocate(block: number): void {
    // A fresh block of a dynamic disk is all zeros, which is what an unset sector means: set bits suit every reader.
    const full = this.parent === undefined;
    let start = this.reusable.pop();
    if (start === undefined) start = this.appendSpace();
    else if (full) writeZeros(this.file, start * SECTOR_SIZE + this.bitmapSize, this.blockSize);
    this.pendingBlocks.add(block);
    this.bitmaps.create(block, full);
    this.table[block] = start;
  }

  /** @returns the first sector of new space at the end of the file. */
  private appendSpace(): number {
    const place = this.end;
    const start = alignedStart(Math.max(place, this.blocksEnd), this.bitmapSize, this.blockSize);
    const newEnd = start + this.bitmapSize + this.blockSize;
    if (start / SECTOR_SIZE >= UNALLOCATED) {
      throw new DiskError(DiskErrorCode.BadSize, 'the file has grown to the 2 TiB that a VHD can have', {
        fileName: this.name,
      });
    }
    try {
      this.file.write(newEnd, this.located.bytes);
    } catch (error) {
      this.cutBack(place);
      throw error;
    }
    this.end = newEnd;
    return start / SECTOR_SIZE;
  }

  /** After a failed extension: the footer back to the end. Failures here leave the copy at offset 0, so they are not reported. */
  private cutBack(footerOffset: number): void {
    try {
      this.file.write(footerOffset, this.located.bytes);
      this.file.truncate(footerOffset + FOOTER_SIZE);
    } catch {
      this.located = { ...this.located, endOffset: undefined };
      this.settled = false;
    }
  }

  /** Before anything else is written: a lost footer is written again, an interrupted change of the structures finished. */
  private settle(): void {
    if (this.settled) return;
    const place = this.located.endOffset ?? this.end;
    this.located = settle(this.file, { ...this.located, endOffset: place, copyGood: false });
    this.settled = true;
  }

  private writeBitmap(block: number): void {
    if (this.table[block] === UNALLOCATED) return;
    this.file.write(this.table[block] * SECTOR_SIZE, this.bitmap(block).bits);
  }
}

/** Bytes of a page of the host's cache: a block whose data begins on one is written without splitting pages. */
const PAGE = 4096;

/**
 * Where a block goes that is to be placed at `place` or behind: as Windows does it, with its data on a page boundary. Small blocks follow
 * each other instead, since the gaps would cost more than they give.
 */
function alignedStart(place: number, bitmapSize: number, blockSize: number): number {
  if (blockSize < 128 * 1024) return place;
  return Math.ceil((place + bitmapSize) / PAGE) * PAGE - bitmapSize;
}
