/** Repairing VHD structures in place. */
import type { CheckReport, Finding } from './check.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { DiskTask } from './task.ts';

/** How far a repair may go. */
export interface RepairOptions {
  /** Also does what gives up data that the file does not hold any more; without it such findings are left. */
  readonly allowLoss?: boolean | undefined;
  /** The size of the disk in bytes, when both footers are lost and it is known from elsewhere. */
  readonly size?: number | undefined;
  /** Changes nothing; the report says what would be done. */
  readonly dryRun?: boolean | undefined;
}

/** What a repair did. */
export interface RepairReport {
  /** One sentence for each change. */
  readonly actions: readonly string[];
  /** Ranges of sectors whose content is lost; they read as zeros, or as the parent. */
  readonly lost: readonly { readonly lba: number; readonly count: number }[];
  /** Findings that were left. */
  readonly remaining: readonly Finding[];
  /** The check afterwards; of the unchanged file in a dry run. */
  readonly check: CheckReport;
}

/**
 * Repairs what `checkDisk` finds. Every single change is one write of one sector, or a write to space that nothing uses yet, made durable
 * before the next: interrupted at any instant the file is no worse than before, and repeating the repair completes it.
 * @throws DiskError `disk-not-repairable`, `disk-read-only`, `disk-host-full`, `disk-io`, `disk-cancelled`.
 */
export function repairDisk(file: RandomAccessFile, options: RepairOptions = {}): DiskTask<RepairReport> {
  return new DiskTask(`repair ${file.name}`, repairSteps(file, options));
}

// eslint-disable-next-line require-yield
function* repairSteps(file: RandomAccessFile, _options: RepairOptions): Generator<never, RepairReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: file.name });
}
