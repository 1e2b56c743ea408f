/** Compacting: a dynamic or differencing disk without the blocks that hold nothing. */
import { equalBytes, isZero } from './bytes.ts';
import { writeEmptySparse } from './create.ts';
import { rawLocators, type DynamicHeader } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { checkNotSaved, FOOTER_SIZE, locateFooter, VhdType, type LocatedFooter } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import { COPY_STEP } from './merge.ts';
import { headerOf, openVhd } from './open.ts';
import type { ParentResolver } from './parents.ts';
import { isFinishedByWriting } from './pending.ts';
import type { RandomAccessFile } from './random-access-file.ts';
import { SparseImage } from './sparse-image.ts';
import { SplitFile } from './split-file.ts';
import { writeNewFile, type DiskStore } from './store.ts';
import { DiskTask, type TaskSteps } from './task.ts';

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

function* compactSteps(store: DiskStore, path: string, options: CompactOptions): TaskSteps<CompactReport> {
  const unlock = store.lock(path);
  try {
    const file = store.open(path, 'read');
    let source: DiskImage | undefined;
    try {
      const located = locateFooter(file);
      const header = compactableHeader(file, located, options);
      source = openVhd(file, { resolver: options.resolver });
      if (!(source instanceof SparseImage)) throw notCompactable(path);
      if (source.problems.length > 0) {
        throw new DiskError(DiskErrorCode.NotRepairable, `it has damage: ${source.problems[0]}`, {
          fileName: path,
          remedy: 'Check and repair it first.',
        });
      }
      const image = source;
      const oldFileSize = file.size();
      const finish = (): void => image.close();
      return yield* writeNewFile(store, `${path}.compact`, path, function* (target) {
        const { pending } = located.footer;
        const footer = {
          ...located.footer,
          dataOffset: FOOTER_SIZE,
          pending: isFinishedByWriting(pending) ? undefined : pending,
        };
        writeEmptySparse(target, footer, header.blockSize, {
          parentId: header.parentId,
          parentName: header.parentName,
          parentTimeStamp: header.parentTimeStamp,
          locators: rawLocators(file, header),
        });
        const smaller = openVhd(target, { parent: image.parent });
        yield* copyNeeded(image, smaller);
        const report = {
          oldFileSize,
          newFileSize: target.size(),
          oldBlocks: image.allocatedBlocks,
          newBlocks: (smaller as SparseImage).allocatedBlocks,
        };
        // Some hosts replace no file that is open.
        finish();
        return report;
      });
    } finally {
      if (source === undefined) file.close();
      else source.close();
    }
  } finally {
    unlock();
  }
}

function notCompactable(path: string): DiskError {
  return new DiskError(DiskErrorCode.WrongKind, 'only dynamic and differencing disks can be compacted', {
    fileName: path,
    remedy: 'A fixed disk has the size of its disk; convert it to a dynamic one.',
  });
}

/** @throws DiskError when the disk must not be compacted. */
function compactableHeader(file: RandomAccessFile, located: LocatedFooter, options: CompactOptions): DynamicHeader {
  const { footer } = located;
  if (footer.diskType === VhdType.Fixed) throw notCompactable(file.name);
  if (file instanceof SplitFile) {
    throw new DiskError(DiskErrorCode.Unsupported, 'a disk split into pieces is not compacted', {
      fileName: file.name,
      remedy: 'Convert it into a new dynamic disk.',
    });
  }
  checkNotSaved(footer, file.name, options.ignoreSavedState);
  return headerOf(file, located);
}

/** Sectors compared at once. */
const STEP: number = COPY_STEP / SECTOR_SIZE;

/** Copies what `source` itself holds and what would read otherwise without it. */
function* copyNeeded(source: SparseImage, target: DiskImage): TaskSteps<void> {
  const { parent } = source;
  const total = source.sectorCount * SECTOR_SIZE;
  const own = new Uint8Array(STEP * SECTOR_SIZE);
  const below = new Uint8Array(parent === undefined ? 0 : own.length);
  let sinceYield = 0;
  for (let lba = 0; lba < source.sectorCount;) {
    const extent = source.extentAt(lba, source.sectorCount - lba);
    if (extent.kind === 'zero') {
      lba += extent.count;
      continue;
    }
    const count = Math.min(extent.count, STEP);
    const data = own.subarray(0, count * SECTOR_SIZE);
    source.read(lba, data);
    if (parent !== undefined) {
      const old = below.subarray(0, data.length);
      parent.read(lba, old);
      writeDifferent(target, lba, data, old);
    } else if (!isZero(data)) {
      target.write(lba, data);
    }
    lba += count;
    if ((sinceYield += data.length) >= COPY_STEP / 4) {
      sinceYield = 0;
      yield { phase: 'copying', done: lba * SECTOR_SIZE, total };
    }
  }
  target.flush();
}

function writeDifferent(target: DiskImage, lba: number, data: Uint8Array, old: Uint8Array): void {
  let from = -1;
  for (let at = 0; at <= data.length; at += SECTOR_SIZE) {
    const same =
      at === data.length || equalBytes(data.subarray(at, at + SECTOR_SIZE), old.subarray(at, at + SECTOR_SIZE));
    if (!same && from < 0) from = at;
    if (same && from >= 0) {
      target.write(lba + from / SECTOR_SIZE, data.subarray(from, at));
      from = -1;
    }
  }
}
