/**
 * Merging a differencing disk into its parent, so that it can be interrupted at any instant.
 *
 * The scheme. The child never changes; only when the parent holds everything is the child deleted.
 *
 *   1. The parent's footer gets a mark: a merge of the child with this id is going on. From now on the parent is opened read-only.
 *   2. The sectors that the child holds are written into the parent, and flushed.
 *   3. One footer write changes the mark to "merged" and gives the parent the child's identity, since it has the child's content now:
 *      children of the child stay valid, other children of the parent are refused instead of reading garbage.
 *   4. The child is deleted, then the mark.
 *
 * Interrupted before 3, the child still reads as before (what it holds hides what was merged), and the merge is repeated from the start.
 * Interrupted between 3 and 4, repeating it finds the child's identity and the mark in the parent and only deletes the child.
 */
import { equalBytes, vhdTime } from './bytes.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { checkNotSaved, locateFooter, VhdType, type LocatedFooter } from './footer.ts';
import type { DiskImage } from './image.ts';
import { copyHeld } from './merge.ts';
import { headerOf, openVhd } from './open.ts';
import { openParent, searchParent, type ParentResolver } from './parents.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { SparseImage } from './sparse-image.ts';
import type { DiskStore } from './store.ts';
import { changeFooter, settle, unfinishedMerge } from './structure.ts';
import { DiskTask, type TaskSteps } from './task.ts';

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

function* mergeSteps(store: DiskStore, childPath: string, options: MergeIntoParentOptions): TaskSteps<MergeReport> {
  const unlockChild = store.lock(childPath);
  try {
    const found = findParent(store, childPath, options);
    const unlockParent = store.lock(found.path);
    try {
      const mergedBytes = found.merged ? 0 : yield* mergeFiles(store, childPath, found, options);
      if (options.keepChild !== true) {
        store.remove(childPath);
        clearMark(store, found.path);
      }
      return { parent: found.path, mergedBytes, wasComplete: found.merged };
    } finally {
      unlockParent();
    }
  } finally {
    unlockChild();
  }
}

/** The parent of a child that can be merged. */
interface FoundParent {
  readonly path: string;
  readonly childId: Uint8Array;
  /** It holds everything already. */
  readonly merged: boolean;
}

function findParent(store: DiskStore, childPath: string, options: MergeIntoParentOptions): FoundParent {
  const file = store.open(childPath, 'read');
  try {
    const located = locateFooter(file);
    const { footer } = located;
    if (footer.diskType !== VhdType.Differencing) {
      throw new DiskError(DiskErrorCode.WrongKind, 'only a differencing disk has a parent to be merged into', {
        fileName: childPath,
      });
    }
    checkNotSaved(footer, childPath, options.ignoreSavedState);
    const [unfinished] = unfinishedMerge(located, undefined);
    if (unfinished !== undefined) {
      throw new DiskError(DiskErrorCode.MergePending, unfinished, {
        fileName: childPath,
        remedy: 'Merge that disk into this one first.',
      });
    }
    const header = headerOf(file, located);
    const childId = footer.uniqueId;
    const parent = searchParent(header, childPath, options.resolver, header.parentId).file;
    if (parent !== undefined) {
      parent.close();
      return { path: parent.name, childId, merged: false };
    }
    const merged = searchParent(header, childPath, options.resolver, childId).file;
    if (merged !== undefined) {
      const { pending } = locateFooter(merged).footer;
      merged.close();
      if (pending?.kind === 'merged' && equalBytes(pending.childId, childId)) {
        return { path: merged.name, childId, merged: true };
      }
    }
    // For its message.
    openParent(header, childPath, options.resolver).close();
    throw new DiskError(DiskErrorCode.ParentMissing, 'its parent went away', { fileName: childPath });
  } finally {
    file.close();
  }
}

function* mergeFiles(
  store: DiskStore,
  childPath: string,
  { path, childId }: FoundParent,
  options: MergeIntoParentOptions,
): TaskSteps<number> {
  const { resolver } = options;
  markParent(store, path, childId, options);
  const childFile = store.open(childPath, 'read');
  try {
    const parentFile = store.open(path, 'write');
    let parent: DiskImage | undefined;
    let merged: number;
    try {
      parent = openVhd(parentFile, { resolver, mergingChild: childId });
      if (parent.readOnly) {
        throw new DiskError(DiskErrorCode.ReadOnly, `the parent ${path} cannot be written`, { fileName: childPath });
      }
      // Over the very image that it is merged into; only its own sectors are read.
      const child = openVhd(childFile, { parent });
      if (!(child instanceof SparseImage)) throw new DiskError(DiskErrorCode.WrongKind, 'this has no parent');
      merged = yield* copyHeld(child, parent);
    } finally {
      if (parent === undefined) parentFile.close();
      else parent.close();
    }
    finishParent(store, path, childId, options);
    return merged;
  } finally {
    childFile.close();
  }
}

/** Step 1: nobody takes the parent for a whole disk from now on. */
function markParent(store: DiskStore, path: string, childId: Uint8Array, options: MergeIntoParentOptions): void {
  withFooter(store, path, (file, located) => {
    checkNotSaved(located.footer, path, options.ignoreSavedState);
    const [otherMerge] = unfinishedMerge(located, childId);
    if (otherMerge !== undefined) {
      throw new DiskError(DiskErrorCode.MergePending, otherMerge, {
        fileName: path,
        remedy: 'Repeat that merge first.',
      });
    }
    changeFooter(file, settle(file, located), { pending: { kind: 'merge', childId } });
  });
}

/** Step 3: from now on it is the child. */
function finishParent(store: DiskStore, path: string, childId: Uint8Array, options: MergeIntoParentOptions): void {
  withFooter(store, path, (file, located) => {
    const timeStamp = vhdTime(Date.now());
    if (options.identity === 'keep') changeFooter(file, located, { pending: undefined, timeStamp });
    else changeFooter(file, located, { pending: { kind: 'merged', childId }, uniqueId: childId, timeStamp });
  });
}

function clearMark(store: DiskStore, path: string): void {
  withFooter(store, path, (file, located) => {
    if (located.footer.pending !== undefined) changeFooter(file, located, { pending: undefined });
  });
}

function withFooter(
  store: DiskStore,
  path: string,
  change: (file: RandomAccessFile, located: LocatedFooter) => void,
): void {
  const file = store.open(path, 'write');
  try {
    change(file, locateFooter(file));
  } finally {
    file.close();
  }
}
