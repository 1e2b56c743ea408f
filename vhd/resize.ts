/** Making a disk larger, in place. */
import { encodeTable, judgeTable, metadataRanges, readBlockTable, type TableLayout } from './block-table.ts';
import { checkSize } from './create.ts';
import {
  DYNAMIC_HEADER_SIZE,
  MAXIMUM_TABLE_ENTRIES,
  patchTable,
  UNALLOCATED,
  type DynamicHeader,
} from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { changedFooter, checkNotSaved, locateFooter, VhdType, type LocatedFooter } from './footer.ts';
import { geometryForSectors, SECTOR_SIZE, type DiskGeometry } from './geometry.ts';
import { headerOf } from './open.ts';
import { readExactly, writeZeros, type RandomAccessFile } from './random-access-file.ts';
import { bitmapSizeOf } from './sector-bitmaps.ts';
import { changeFooter, changeStructure, settle, structureSpace, unfinishedMerge } from './structure.ts';
import { DiskTask, type TaskSteps } from './task.ts';

/** How a disk is made larger. */
export interface ResizeOptions {
  /** Bytes of the disk: whole sectors, not less than now, at most 2040 GiB. */
  readonly size: number;
  readonly ignoreSavedState?: boolean | undefined;
}

/** What resizing did. */
export interface ResizeReport {
  readonly oldSize: number;
  readonly newSize: number;
  /** The block table did not fit any more and lies behind the blocks now. */
  readonly tableMoved: boolean;
}

/**
 * Makes a fixed or dynamic disk larger; the new sectors read as zeros. The step from the old to the new disk is the write of one
 * sector, so a crash leaves one or the other. Children become invalid: their size is the old one.
 * @throws DiskError `disk-bad-size`, `disk-wrong-kind` for differencing disks, `disk-saved-state`, `disk-host-full`, what opening throws.
 */
export function resizeDisk(file: RandomAccessFile, options: ResizeOptions): DiskTask<ResizeReport> {
  return new DiskTask(`resize ${file.name}`, resizeSteps(file, options));
}

function* resizeSteps(file: RandomAccessFile, options: ResizeOptions): TaskSteps<ResizeReport> {
  const { size } = options;
  let located = locateFooter(file);
  const { footer } = located;
  const oldSize = footer.currentSize;
  if (footer.diskType === VhdType.Differencing) {
    throw new DiskError(DiskErrorCode.WrongKind, 'a differencing disk has the size of its parent', {
      fileName: file.name,
      remedy: 'Merge it into its parent or into a new disk, and resize that.',
    });
  }
  checkSize(file, size);
  if (size < oldSize) {
    throw new DiskError(DiskErrorCode.BadSize, `a disk of ${oldSize} bytes is not made smaller`, {
      fileName: file.name,
      remedy: 'What lies behind the new end would be lost: copy the partitions to a smaller disk instead.',
    });
  }
  checkNotSaved(footer, file.name, options.ignoreSavedState);
  const [unfinished] = unfinishedMerge(located, undefined);
  if (unfinished !== undefined) throw new DiskError(DiskErrorCode.MergePending, unfinished, { fileName: file.name });
  yield { phase: 'resizing', done: 0, total: 1 };
  located = settle(file, located);
  if (size === oldSize) return { oldSize, newSize: size, tableMoved: false };
  const geometry = geometryForSectors(size / SECTOR_SIZE);
  let tableMoved = false;
  if (footer.diskType === VhdType.Fixed) growFixed(file, located, size);
  else tableMoved = growDynamic(file, located, { currentSize: size, geometry });
  return { oldSize, newSize: size, tableMoved };
}

/**
 * The write of the new footer lengthens the file and makes it the new disk. The old footer is then inside the data: a note in the new one
 * lets it read as zeros until it has been overwritten.
 */
function growFixed(file: RandomAccessFile, located: LocatedFooter, size: number): void {
  const oldEnd = located.endOffset!;
  const { currentSize } = located.footer;
  // Some products leave a gap before the footer, which becomes a part of the disk.
  writeZeros(file, currentSize, oldEnd - currentSize);
  file.flush();
  const geometry = geometryForSectors(size / SECTOR_SIZE);
  if (size <= oldEnd) {
    // The gap is large enough: nothing moves.
    changeFooter(file, located, { currentSize: size, geometry });
    return;
  }
  const grown = changedFooter(located, { currentSize: size, geometry, pending: { kind: 'zero', offset: oldEnd } });
  file.write(size, grown.bytes);
  file.flush();
  settle(file, { ...grown, endOffset: size, copyGood: false, problems: [] });
}

/** @returns whether the block table had to move. */
function growDynamic(
  file: RandomAccessFile,
  located: LocatedFooter,
  change: { readonly currentSize: number; readonly geometry: DiskGeometry },
): boolean {
  const { footer } = located;
  const header = headerOf(file, located);
  const { blockSize } = header;
  const oldCount = Math.ceil(footer.currentSize / blockSize);
  const newCount = Math.ceil(change.currentSize / blockSize);
  if (newCount > MAXIMUM_TABLE_ENTRIES) {
    throw new DiskError(DiskErrorCode.BadSize, `blocks of ${blockSize} bytes are too small for this size`, {
      fileName: file.name,
      remedy: 'Convert it into a new disk with larger blocks first.',
    });
  }
  const table = readBlockTable(file, header, oldCount);
  const layout = judgeTable(located.endOffset!, table, header, footer.dataOffset, footer.currentSize);
  if (layout.problems.length > 0 || layout.end > located.endOffset!) {
    throw new DiskError(DiskErrorCode.BlockTable, 'its block table is damaged, or its last block is cut', {
      fileName: file.name,
      remedy: 'Check and repair it, or convert it into a new disk, first.',
    });
  }
  zeroLastBlock(file, table, blockSize, footer.currentSize);

  const bytes = new Uint8Array(DYNAMIC_HEADER_SIZE);
  readExactly(file, footer.dataOffset, bytes, 'the dynamic header');
  const padded = Math.ceil((newCount * 4) / SECTOR_SIZE) * SECTOR_SIZE;
  const moved = header.tableOffset + padded > roomEnd(located, header, layout, table.length);
  let tableOffset = header.tableOffset;
  const appended: { offset: number; bytes: Uint8Array }[] = [];
  let end = structureSpace(located);
  const entries = new Uint32Array(padded / 4).fill(UNALLOCATED);
  if (moved) {
    entries.set(table);
    tableOffset = end;
    appended.push({ offset: tableOffset, bytes: encodeTable(entries) });
    end += padded;
  } else {
    file.write(tableOffset + oldCount * 4, encodeTable(entries.subarray(oldCount)));
    file.flush();
  }
  patchTable(bytes, tableOffset, newCount);
  changeStructure(file, located, { footer: change, header: bytes, appended, end });
  return moved;
}

/** Where the next thing behind the block table begins. */
function roomEnd(located: LocatedFooter, header: DynamicHeader, layout: TableLayout, entries: number): number {
  const starts = metadataRanges(header, located.footer.dataOffset, entries).map(([from]) => from);
  if (layout.starts.length > 0) starts.push(layout.starts[0] * SECTOR_SIZE);
  return Math.min(located.endOffset!, ...starts.filter((start) => start > header.tableOffset));
}

/** The last block may reach past the old end of the disk; what is there was never seen and becomes a part of it. */
function zeroLastBlock(file: RandomAccessFile, table: Uint32Array, blockSize: number, diskSize: number): void {
  const used = diskSize % blockSize;
  const last = table[table.length - 1];
  if (used === 0 || last === UNALLOCATED) return;
  writeZeros(file, last * SECTOR_SIZE + bitmapSizeOf(blockSize) + used, blockSize - used);
  file.flush();
}
