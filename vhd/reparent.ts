/** Telling a differencing disk where its parent is now. */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { NewLocator } from './dynamic-header.ts';
import type { DiskImage } from './image.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { DiskTask } from './task.ts';

/** The new parent and the ways to it. */
export interface ReparentOptions {
  readonly parent: Pick<DiskImage, 'name' | 'identity' | 'sectorCount'>;
  /** Name for the header: a Windows path or a bare file name. */
  readonly parentName: string;
  /** When the parent file was last changed, milliseconds since the Unix epoch; 0 in the header when absent. */
  readonly parentTime?: number | undefined;
  /** Relative and absolute paths, at most eight. */
  readonly locators: readonly NewLocator[];
  /**
   * Takes a parent of another identity and records it. What the child does not hold itself then comes from there: right only for a
   * parent of the same content.
   */
  readonly acceptIdentity?: boolean | undefined;
}

/** What changed. */
export interface ReparentReport {
  /** UUIDs as text. */
  readonly oldParentId: string;
  readonly newParentId: string;
  readonly oldParentName: string;
  readonly newParentName: string;
}

/**
 * Writes a new parent name, new locators and the parent's time into a differencing disk. The step from the old to the new header is the
 * write of one sector, so a crash leaves one or the other.
 * @throws DiskError `disk-parent-mismatch` when the parent has another identity or another size, `disk-wrong-kind`, `disk-bad-field` for
 * a path that is too long, what opening throws.
 */
export function reparentDisk(file: RandomAccessFile, options: ReparentOptions): DiskTask<ReparentReport> {
  return new DiskTask(`reparent ${file.name}`, reparentSteps(file, options));
}

// eslint-disable-next-line require-yield
function* reparentSteps(file: RandomAccessFile, _options: ReparentOptions): Generator<never, ReparentReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: file.name });
}
