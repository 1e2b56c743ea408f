/** Writing the changes that a differencing disk holds into its parent: what "commit" of an undo disk does. */
import { DiskError, DiskErrorCode } from './errors.ts';
import { SECTOR_SIZE } from './geometry.ts';
import type { DiskImage } from './image.ts';
import { SparseImage } from './sparse-image.ts';

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
  if (target.sectorCount !== child.sectorCount) {
    throw new DiskError(DiskErrorCode.ParentMismatch, `${target.name} has another size than the disk to merge`, {
      fileName: child.name,
    });
  }
  const perBlock = child.blockSize / SECTOR_SIZE;
  const blocks = Math.ceil(child.sectorCount / perBlock);
  const buffer = new Uint8Array(Math.min(child.blockSize, 1024 * 1024));
  const step = buffer.length / SECTOR_SIZE;
  for (let block = 0; block < blocks; block++) {
    if (!progress(block, blocks)) return false;
    if (!child.isAllocated(block)) continue;
    const end = Math.min((block + 1) * perBlock, child.sectorCount);
    for (let lba = block * perBlock; lba < end;) {
      if (!child.holds(lba)) {
        lba++;
        continue;
      }
      let next = lba + 1;
      while (next < end && next - lba < step && child.holds(next)) next++;
      const part = buffer.subarray(0, (next - lba) * SECTOR_SIZE);
      child.read(lba, part);
      target.write(lba, part);
      lba = next;
    }
  }
  target.flush();
  progress(blocks, blocks);
  return true;
}
