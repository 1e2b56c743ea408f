/** Where the sectors of a disk come from: which file of the chain, and which place in it. */
import type { DiskExtent, DiskImage } from './image.ts';
import { SECTOR_SIZE } from './geometry.ts';

/** A run of sectors of one origin. */
export interface MapExtent extends DiskExtent {
  readonly lba: number;
  /** Name of the file; undefined for sectors that no file of the chain holds. */
  readonly fileName: string | undefined;
  /** 0 for the disk itself, 1 for its parent and so on; the depth of the base for sectors that no file holds. */
  readonly level: number;
}

/**
 * The origin of the sectors from `lba` on, as far as it is the same, at most `limit` of them.
 * An image that cannot tell (no `extentAt`) is taken for data at an unknown place.
 */
export function extentAt(image: DiskImage, lba: number, limit: number): MapExtent {
  let count = limit;
  let level = 0;
  for (let layer: DiskImage = image; ; layer = layer.parent, level++) {
    const own: DiskExtent = layer.extentAt?.(lba, count) ?? { kind: 'data', count };
    count = own.count;
    if (own.kind === 'data') return { ...own, lba, fileName: layer.name, level };
    if (layer.parent === undefined) return { kind: 'zero', count, lba, fileName: undefined, level };
  }
}

/** All sectors of a disk in order, in runs that are as long as possible. Nothing is kept: a map of any size can be walked. */
export function* mapDisk(image: DiskImage): Generator<MapExtent, void, void> {
  let run: MapExtent | undefined;
  for (let lba = 0; lba < image.sectorCount;) {
    const next = extentAt(image, lba, image.sectorCount - lba);
    lba += next.count;
    if (run !== undefined && continues(run, next)) run = { ...run, count: run.count + next.count };
    else {
      if (run !== undefined) yield run;
      run = next;
    }
  }
  if (run !== undefined) yield run;
}

function continues(run: MapExtent, next: MapExtent): boolean {
  if (run.kind !== next.kind || run.level !== next.level || run.fileName !== next.fileName) return false;
  if (run.offset === undefined || next.offset === undefined) return run.offset === next.offset;
  return run.offset + run.count * SECTOR_SIZE === next.offset;
}
