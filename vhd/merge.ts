/** Writing the changes that a differencing disk holds into its parent: what "commit" of an undo disk does. */
import { DiskError, DiskErrorCode } from './errors.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import type { SparseImage } from './sparse-image.ts';
import type { TaskSteps } from './task.ts';

/** Bytes copied in one step. */
export const COPY_STEP = 1024 * 1024;

/**
 * Copies every sector that `child` itself holds into `target`, which is the same disk as its parent, opened for writing, and flushes.
 * The child is not changed, so an interrupted merge is simply repeated; the caller deletes the child afterwards.
 * @param progress called with blocks done and blocks in all; returning false stops between two blocks.
 * @returns false when it was stopped.
 * @throws DiskError `disk-parent-mismatch`, `disk-read-only`, `disk-host-full`, `disk-io`.
 */
export function mergeInto(
  child: SparseImage,
  target: DiskImage,
  progress: (done: number, total: number) => boolean = () => true,
): boolean {
  const total = Math.ceil((child.sectorCount * SECTOR_SIZE) / child.blockSize);
  if (!progress(0, total)) return false;
  const steps = copyHeld(child, target);
  for (let next = steps.next(); next.done !== true; next = steps.next()) {
    if (!progress(Math.floor(next.value.done / child.blockSize), total)) return false;
  }
  progress(total, total);
  return true;
}

/**
 * The steps of `mergeInto`.
 * @returns the bytes copied.
 */
export function* copyHeld(child: SparseImage, target: DiskImage): TaskSteps<number> {
  if (target.sectorCount !== child.sectorCount) {
    throw new DiskError(DiskErrorCode.ParentMismatch, `${target.name} has another size than the disk to merge`, {
      fileName: child.name,
    });
  }
  const total = child.sectorCount * SECTOR_SIZE;
  const buffer = new Uint8Array(COPY_STEP);
  let copied = 0;
  let reported = 0;
  for (let lba = 0; lba < child.sectorCount;) {
    const { kind, count } = child.extentAt(lba, child.sectorCount - lba);
    if (kind === 'zero') {
      lba += count;
      continue;
    }
    const sectors = Math.min(count, buffer.length / SECTOR_SIZE);
    const part = buffer.subarray(0, sectors * SECTOR_SIZE);
    child.read(lba, part);
    target.write(lba, part);
    copied += part.length;
    lba += sectors;
    if (copied - reported >= COPY_STEP / 4) {
      reported = copied;
      yield { phase: 'copying', done: lba * SECTOR_SIZE, total };
    }
  }
  yield { phase: 'flushing', done: total, total };
  target.flush();
  return copied;
}
