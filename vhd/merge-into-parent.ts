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
 *
 * A raw parent has no room for a mark, and its fingerprint changes with its content. There the child gets the mark, by which its parent is
 * accepted whatever the fingerprint says; steps 2 and 4 follow.
 */
import { equalBytes, formatUuid, vhdTime } from './bytes.ts';
import type { DynamicHeader } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { RawImage } from './flat-image.ts';
import { checkNotSaved, locateFooter, looksLikeVhd, VhdType, type LocatedFooter, type VhdFooter } from './footer.ts';
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
  readonly resolver?: ParentResolver | undefined;
  /** Path of the parent, when it is known; a raw parent is only found this way. It must still be the one that the child records. */
  readonly parent?: string | undefined;
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
      const mergedBytes = found.state === 'merged' ? 0 : yield* mergeFiles(store, childPath, found, options);
      if (options.keepChild !== true) {
        store.remove(childPath);
        if (found.state !== 'raw') clearMark(store, found.path);
      }
      return { parent: found.path, mergedBytes, wasComplete: found.state === 'merged' };
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
  /** `merged`: it holds everything already. */
  readonly state: 'vhd' | 'raw' | 'merged';
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
    return options.parent === undefined
      ? searchAround(childPath, footer, header, options.resolver)
      : judgeParent(store, options.parent, childPath, footer, header);
  } finally {
    file.close();
  }
}

function searchAround(
  childPath: string,
  footer: VhdFooter,
  header: DynamicHeader,
  resolver: ParentResolver | undefined,
): FoundParent {
  const childId = footer.uniqueId;
  const parent = searchParent(header, childPath, resolver, header.parentId).file;
  if (parent !== undefined) {
    parent.close();
    return { path: parent.name, childId, state: 'vhd' };
  }
  const merged = searchParent(header, childPath, resolver, childId).file;
  if (merged !== undefined) {
    const complete = holdsAlready(locateFooter(merged).footer, childId);
    merged.close();
    if (complete) return { path: merged.name, childId, state: 'merged' };
  }
  // For its message.
  openParent(header, childPath, resolver).close();
  throw new DiskError(DiskErrorCode.ParentMissing, 'its parent went away', { fileName: childPath });
}

/** A parent that was named: whether it is the one. */
function judgeParent(
  store: DiskStore,
  path: string,
  childPath: string,
  { uniqueId: childId, pending }: VhdFooter,
  header: DynamicHeader,
): FoundParent {
  const file = store.open(path, 'read');
  try {
    let identity: Uint8Array;
    if (looksLikeVhd(file)) {
      const { footer } = locateFooter(file);
      if (holdsAlready(footer, childId)) return { path, childId, state: 'merged' };
      if (equalBytes(footer.uniqueId, header.parentId)) return { path, childId, state: 'vhd' };
      identity = footer.uniqueId;
    } else {
      identity = new RawImage(file).identity;
      if (equalBytes(identity, header.parentId) || pending?.kind === 'merge-into-raw') {
        return { path, childId, state: 'raw' };
      }
    }
    throw new DiskError(
      DiskErrorCode.ParentMismatch,
      `its parent has the id ${formatUuid(header.parentId)}, but ${path} has ${formatUuid(identity)}`,
      { fileName: childPath, remedy: 'Name the disk with that id; another one has other contents.' },
    );
  } finally {
    file.close();
  }
}

function holdsAlready({ pending, uniqueId }: VhdFooter, childId: Uint8Array): boolean {
  return pending?.kind === 'merged' && equalBytes(pending.childId, childId) && equalBytes(uniqueId, childId);
}

function* mergeFiles(
  store: DiskStore,
  childPath: string,
  { path, childId, state }: FoundParent,
  options: MergeIntoParentOptions,
): TaskSteps<number> {
  const { resolver } = options;
  if (state === 'raw') markChild(store, childPath);
  else markParent(store, path, childId, options);
  const childFile = store.open(childPath, 'read');
  try {
    const parentFile = store.open(path, 'write');
    let parent: DiskImage | undefined;
    let merged: number;
    try {
      parent = state === 'raw' ? new RawImage(parentFile) : openVhd(parentFile, { resolver, mergingChild: childId });
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
    if (state !== 'raw') finishParent(store, path, childId, options);
    return merged;
  } finally {
    childFile.close();
  }
}

function markChild(store: DiskStore, childPath: string): void {
  withFooter(store, childPath, (file, located) => {
    changeFooter(file, settle(file, located), { pending: { kind: 'merge-into-raw' } });
  });
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
