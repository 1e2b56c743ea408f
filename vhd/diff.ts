/** Comparing the contents of two disks. */
import { equalBytes } from './bytes.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import { extentAt } from './map.ts';
import { DiskTask, type TaskSteps } from './task.ts';

/** A run of sectors that differ. */
export interface DiffRange {
  readonly lba: number;
  readonly count: number;
}

/** How two disks are compared. */
export interface DiffOptions {
  /** Called with each run as it is found, in order. */
  readonly onRange?: ((range: DiffRange) => void) | undefined;
  /** Runs kept for the report; 1000 by default. */
  readonly keepRanges?: number | undefined;
}

/** What the comparison gave. */
export interface DiffReport {
  readonly equal: boolean;
  readonly differingSectors: number;
  readonly rangeCount: number;
  /** The first of them. */
  readonly ranges: readonly DiffRange[];
  /** Sectors of the two disks; what the longer one has more counts as different where it is not zeros. */
  readonly sectorCounts: readonly [number, number];
}

/**
 * Compares two disks sector by sector, each through its chain. Both are only read; what neither holds is
 * skipped.
 * @throws DiskError what reading throws, `disk-cancelled`.
 */
export function diffDisks(a: DiskImage, b: DiskImage, options: DiffOptions = {}): DiskTask<DiffReport> {
  return new DiskTask(`compare ${a.name} and ${b.name}`, diffSteps(a, b, options));
}

/** Sectors compared at once. */
const STEP = 2048;

function* diffSteps(a: DiskImage, b: DiskImage, options: DiffOptions): TaskSteps<DiffReport> {
  const total = Math.max(a.sectorCount, b.sectorCount);
  const keep = options.keepRanges ?? 1000;
  const ranges: DiffRange[] = [];
  let rangeCount = 0;
  let differingSectors = 0;
  let start: number | undefined;
  const endRun = (lba: number): void => {
    if (start === undefined) return;
    const range = { lba: start, count: lba - start };
    start = undefined;
    rangeCount++;
    differingSectors += range.count;
    if (ranges.length < keep) ranges.push(range);
    options.onRange?.(range);
  };
  const left = new Uint8Array(STEP * SECTOR_SIZE);
  const right = new Uint8Array(STEP * SECTOR_SIZE);
  for (let lba = 0; lba < total;) {
    const one = extentIn(a, lba, total - lba);
    const other = extentIn(b, lba, one.count);
    let count = other.count;
    if (one.kind === 'zero' && other.kind === 'zero') {
      endRun(lba);
    } else {
      count = Math.min(count, STEP);
      readPadded(a, lba, left.subarray(0, count * SECTOR_SIZE));
      readPadded(b, lba, right.subarray(0, count * SECTOR_SIZE));
      for (let i = 0; i < count; i++) {
        const from = i * SECTOR_SIZE;
        const same = equalBytes(left.subarray(from, from + SECTOR_SIZE), right.subarray(from, from + SECTOR_SIZE));
        if (same) endRun(lba + i);
        else start ??= lba + i;
      }
    }
    lba += count;
    yield { phase: 'comparing', done: lba * SECTOR_SIZE, total: total * SECTOR_SIZE };
  }
  endRun(total);
  return {
    equal: rangeCount === 0,
    differingSectors,
    rangeCount,
    ranges,
    sectorCounts: [a.sectorCount, b.sectorCount],
  };
}

function extentIn(image: DiskImage, lba: number, limit: number): { kind: string; count: number } {
  if (lba >= image.sectorCount) return { kind: 'zero', count: limit };
  return extentAt(image, lba, Math.min(limit, image.sectorCount - lba));
}

function readPadded(image: DiskImage, lba: number, into: Uint8Array): void {
  const sectors = Math.max(0, Math.min(into.length / SECTOR_SIZE, image.sectorCount - lba));
  if (sectors > 0) image.read(lba, into.subarray(0, sectors * SECTOR_SIZE));
  into.fill(0, sectors * SECTOR_SIZE);
}
