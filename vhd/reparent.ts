/** Telling a differencing disk where its parent is now. */
import { equalBytes, formatUuid, vhdTime } from './bytes.ts';
import { encodeDynamicHeader, type DynamicHeader, type NewLocator } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { locateFooter, VhdType, type LocatedFooter } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import { headerOf } from './open.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { changeStructure, settle, structureSpace } from './structure.ts';
import { DiskTask, type TaskSteps } from './task.ts';

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

function* reparentSteps(file: RandomAccessFile, options: ReparentOptions): TaskSteps<ReparentReport> {
  let located = locateFooter(file);
  const { footer } = located;
  if (footer.diskType !== VhdType.Differencing) {
    throw new DiskError(DiskErrorCode.WrongKind, 'only a differencing disk has a parent', { fileName: file.name });
  }
  const header = headerOf(file, located);
  checkParent(file.name, located, header, options);
  if (footer.pending?.kind === 'merge-into-raw') {
    throw new DiskError(DiskErrorCode.MergePending, 'merging it into its parent was interrupted', {
      fileName: file.name,
      remedy: 'Repeat the merge first.',
    });
  }
  yield { phase: 'writing', done: 0, total: 1 };
  located = settle(file, located);
  const encoded = encodeDynamicHeader(
    {
      tableOffset: header.tableOffset,
      maxTableEntries: header.maxTableEntries,
      blockSize: header.blockSize,
      parentId: options.parent.identity,
      parentTimeStamp: options.parentTime === undefined ? 0 : vhdTime(options.parentTime),
      parentName: options.parentName,
      locators: options.locators,
    },
    structureSpace(located),
  );
  const end = encoded.data.reduce(
    (last, { offset, bytes }) => Math.max(last, offset + bytes.length),
    structureSpace(located),
  );
  changeStructure(file, located, { footer: {}, header: encoded.bytes, appended: encoded.data, end });
  return {
    oldParentId: formatUuid(header.parentId),
    newParentId: formatUuid(options.parent.identity),
    oldParentName: header.parentName,
    newParentName: options.parentName,
  };
}

function checkParent(
  fileName: string,
  { footer }: LocatedFooter,
  header: DynamicHeader,
  { parent, acceptIdentity }: ReparentOptions,
): void {
  if (equalBytes(parent.identity, footer.uniqueId)) {
    throw new DiskError(DiskErrorCode.ChainLoop, 'a disk cannot be its own parent', { fileName });
  }
  if (!equalBytes(parent.identity, header.parentId) && acceptIdentity !== true) {
    throw new DiskError(
      DiskErrorCode.ParentMismatch,
      `its parent has the id ${formatUuid(header.parentId)}, but ${parent.name} has ${formatUuid(parent.identity)}`,
      { fileName, remedy: 'Name the disk with that id; another one has other contents.' },
    );
  }
  const sectors = footer.currentSize / SECTOR_SIZE;
  if (parent.sectorCount !== sectors) {
    throw new DiskError(
      DiskErrorCode.ParentMismatch,
      `it has ${sectors} sectors, but ${parent.name} has ${parent.sectorCount}`,
      { fileName, remedy: 'A parent of another size cannot be its parent.' },
    );
  }
}
