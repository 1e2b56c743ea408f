/**
 * Merging a differencing disk into its parent, so that it can be interrupted at any instant.
 *
 * The scheme. The child never changes; only when the parent holds everything is the child deleted.
 *
 *   1. The parent's footer gets a mark: a merge of the child with this id is going on. From now on the parent is opened read-only.
 *   2. The sectors that the child holds are written into the parent, and flushed.
 *   3. One footer write takes the mark away and gives the parent the child's identity, since it has the child's content now: children of
 *      the child stay valid, other children of the parent are refused instead of reading garbage.
 *   4. The child is deleted.
 *
 * Interrupted before 3, the child still reads as before (what it holds hides what was merged), and the merge is repeated from the start.
 * Interrupted between 3 and 4, repeating it finds the child's identity in the parent and only deletes the child. A raw parent has no
 * footer: there only the order of 2 and 4 protects.
 */
import { DiskError, DiskErrorCode } from './errors.ts';
import type { ParentResolver } from './parents.ts';
import type { DiskStore } from './store.ts';
import { DiskTask } from './task.ts';

/** How a child is merged into its parent. */
export interface MergeIntoParentOptions {
  /** Where the child's parents are. */
  readonly resolver: ParentResolver;
  /** `keep` leaves the parent its identity, as the original products did; other children of it then read garbage. Default `child`. */
  readonly identity?: 'child' | 'keep' | undefined;
  /** Merges although one of the two belongs to a machine in saved state. */
  readonly ignoreSavedState?: boolean | undefined;
  /** Leaves the child in place; the caller deletes it. */
  readonly keepChild?: boolean | undefined;
}

/** What a merge did. */
export interface MergeReport {
  /** Path of the parent, which holds everything now. */
  readonly parent: string;
  readonly mergedBytes: number;
  /** The merge had been done before and only the child was left to delete. */
  readonly wasComplete: boolean;
}

/**
 * Merges the differencing disk at `childPath` into its parent and deletes it. Cancelled, it can be repeated, and until then only the child
 * may be used.
 * @throws DiskError `disk-wrong-kind`, `disk-saved-state`, `disk-locked`, `disk-merge-pending` when another child's merge was interrupted,
 * `disk-unsupported` when the child itself waits for a merge, what opening the chain throws.
 */
export function mergeIntoParent(
  store: DiskStore,
  childPath: string,
  options: MergeIntoParentOptions,
): DiskTask<MergeReport> {
  return new DiskTask(`merge ${childPath}`, mergeSteps(store, childPath, options));
}

// eslint-disable-next-line require-yield
function* mergeSteps(
  _store: DiskStore,
  childPath: string,
  _options: MergeIntoParentOptions,
): Generator<never, MergeReport, void> {
  throw new DiskError(DiskErrorCode.Unsupported, 'not yet', { fileName: childPath });
}
