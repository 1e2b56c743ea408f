/** Making a disk larger, in place. */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { DiskTask } from './task.ts';

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

// eslint-disable-next-line require-yield
function* resizeSteps(file: RandomAccessFile, _options: ResizeOptions): Generator<never, ResizeReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: file.name });
}
