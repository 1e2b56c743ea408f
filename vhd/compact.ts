/** Compacting: a dynamic or differencing disk without the blocks that hold nothing. */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { ParentResolver } from './parents.ts';
import type { DiskStore } from './store.ts';
import { DiskTask } from './task.ts';

/** How a disk is compacted. */
export interface CompactOptions {
  /** For differencing disks: where their parents are. Sectors that equal the parent's are dropped too. */
  readonly resolver?: ParentResolver | undefined;
  /** Compacts a disk that belongs to a machine in saved state. The content does not change, so the state stays good. */
  readonly ignoreSavedState?: boolean | undefined;
}

/** What compacting did. */
export interface CompactReport {
  /** Bytes of the file. */
  readonly oldFileSize: number;
  readonly newFileSize: number;
  readonly oldBlocks: number;
  readonly newBlocks: number;
}

/**
 * Compacts a dynamic or differencing disk: blocks of zeros (of a differencing disk: what equals the parent) and unused space go. Content
 * and identity stay, so children stay valid. A new file is written beside it, `<path>.compact`, and takes its place at the end: at any
 * instant the path names the old or the new file.
 * @throws DiskError `disk-wrong-kind` for fixed and raw disks, `disk-saved-state`, `disk-locked`, what opening throws.
 */
export function compactDisk(store: DiskStore, path: string, options: CompactOptions = {}): DiskTask<CompactReport> {
  return new DiskTask(`compact ${path}`, compactSteps(store, path, options));
}

// eslint-disable-next-line require-yield
function* compactSteps(
  _store: DiskStore,
  path: string,
  _options: CompactOptions,
): Generator<never, CompactReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: path });
}
