/**
 * The sector bitmaps of the blocks of a dynamic or differencing disk, the most recently used ones in memory.
 * Source: Virtual Hard Disk Image Format Specification 1.0, "Block Allocation Table and Data Blocks": one bit per sector, most significant
 * first, set for sectors that the block holds.
 */
import { SECTOR_SIZE } from './geometry.ts';
import { readExactly, type RandomAccessFile } from './random-access-file.ts';

/** Bitmaps kept in memory, at most. */
const CACHE_BYTES = 4 * 1024 * 1024;

/** Which sectors a block holds. */
export class SectorBitmap {
  /** As long as in the file. */
  readonly bits: Uint8Array;
  /** Sectors whose bit is not set. */
  private unset: number;

  /** @param sectors of the block; bits behind them mean nothing. */
  constructor(bits: Uint8Array, sectors: number) {
    this.bits = bits;
    this.unset = sectors;
    const whole = sectors >> 3;
    for (let i = 0; i < whole; i++) this.unset -= BITS_SET[bits[i]];
    if ((sectors & 7) !== 0) this.unset -= BITS_SET[bits[whole] & (0xff00 >> (sectors & 7))];
  }

  /** Every sector is held. */
  get full(): boolean {
    return this.unset === 0;
  }

  has(sector: number): boolean {
    return this.unset === 0 || (this.bits[sector >> 3] & (0x80 >> (sector & 7))) !== 0;
  }

  /** @returns false when all of them were set before. */
  set(first: number, count: number): boolean {
    if (this.unset === 0) return false;
    const before = this.unset;
    for (let sector = first; sector < first + count; sector++) {
      const mask = 0x80 >> (sector & 7);
      if ((this.bits[sector >> 3] & mask) !== 0) continue;
      this.bits[sector >> 3] |= mask;
      this.unset--;
    }
    return this.unset !== before;
  }

  /** How many sectors from `first` on, at most `limit`, are as the first: all held or all not. */
  run(first: number, limit: number): number {
    if (this.unset === 0) return limit;
    const held = this.has(first);
    const end = first + limit;
    const same = held ? 0xff : 0;
    let sector = first + 1;
    while (sector < end) {
      if ((sector & 7) === 0 && end - sector >= 8 && this.bits[sector >> 3] === same) sector += 8;
      else if (this.has(sector) === held) sector++;
      else break;
    }
    return sector - first;
  }
}

const BITS_SET = new Uint8Array(256).map((_, byte) => {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
});

/** Reads bitmaps when they are needed and forgets those that were not needed for long. */
export class SectorBitmaps {
  private readonly file: RandomAccessFile;
  private readonly blockSectors: number;
  /** Bytes of a bitmap in the file: whole sectors. */
  readonly size: number;
  private readonly loaded = new Map<number, SectorBitmap>();
  private readonly keep: (block: number) => boolean;
  private latestBlock = -1;
  private latest: SectorBitmap | undefined;

  /** @param keep says which bitmaps must stay because the file does not have them yet. */
  constructor(file: RandomAccessFile, blockSize: number, keep: (block: number) => boolean) {
    this.file = file;
    this.blockSectors = blockSize / SECTOR_SIZE;
    this.size = bitmapSizeOf(blockSize);
    this.keep = keep;
  }

  /**
   * @param offset of the bitmap in the file.
   * @throws DiskError `disk-truncated`.
   */
  get(block: number, offset: number): SectorBitmap {
    if (block === this.latestBlock) return this.latest!;
    let bitmap = this.loaded.get(block);
    if (bitmap === undefined) {
      const bits = new Uint8Array(this.size);
      readExactly(this.file, offset, bits, `the sector bitmap of block ${block}`);
      bitmap = new SectorBitmap(bits, this.blockSectors);
    } else {
      this.loaded.delete(block);
    }
    this.remember(block, bitmap);
    return bitmap;
  }

  /** The bitmap of a new block. */
  create(block: number, full: boolean): void {
    const bits = new Uint8Array(this.size);
    if (full) bits.fill(0xff);
    this.loaded.delete(block);
    this.remember(block, new SectorBitmap(bits, this.blockSectors));
  }

  forget(block: number): void {
    this.loaded.delete(block);
    if (block === this.latestBlock) this.latestBlock = -1;
  }

  private remember(block: number, bitmap: SectorBitmap): void {
    if ((this.loaded.size + 1) * this.size > CACHE_BYTES) {
      // In order of their last use.
      for (const old of this.loaded.keys()) {
        if (this.keep(old)) continue;
        this.loaded.delete(old);
        break;
      }
    }
    this.loaded.set(block, bitmap);
    this.latestBlock = block;
    this.latest = bitmap;
  }
}

/** Bytes of a block's bitmap in the file. */
export function bitmapSizeOf(blockSize: number): number {
  return Math.ceil(blockSize / SECTOR_SIZE / 8 / SECTOR_SIZE) * SECTOR_SIZE;
}
