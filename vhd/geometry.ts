/** Cylinders, heads and sectors per track of a disk. */
export interface DiskGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
}

/** Bytes. */
export const SECTOR_SIZE = 512;

/** The largest sector count that a VHD geometry expresses: 65535 cylinders, 16 heads, 255 sectors. */
const MAXIMUM_CHS_SECTORS: number = 65535 * 16 * 255;

/**
 * The geometry of a disk of `sectors` sectors, by the algorithm of the VHD specification 1.0, appendix "CHS calculation".
 * All divisions round down, so the product is at most the size (for sizes that a geometry can express).
 */
export function geometryForSectors(sectors: number): DiskGeometry {
  const total = Math.min(Math.max(0, Math.floor(sectors)), MAXIMUM_CHS_SECTORS);
  let sectorsPerTrack: number;
  let heads: number;
  let cylinderTimesHeads: number;
  if (total >= 65535 * 16 * 63) {
    sectorsPerTrack = 255;
    heads = 16;
    cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
  } else {
    sectorsPerTrack = 17;
    cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
    heads = Math.max(4, Math.floor((cylinderTimesHeads + 1023) / 1024));
    if (cylinderTimesHeads >= heads * 1024 || heads > 16) {
      sectorsPerTrack = 31;
      heads = 16;
      cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
    }
    if (cylinderTimesHeads >= heads * 1024) {
      sectorsPerTrack = 63;
      heads = 16;
      cylinderTimesHeads = Math.floor(total / sectorsPerTrack);
    }
  }
  return { cylinders: Math.floor(cylinderTimesHeads / heads), heads, sectorsPerTrack };
}

/** Bytes that a geometry covers. */
export function geometryBytes(geometry: DiskGeometry): number {
  return geometry.cylinders * geometry.heads * geometry.sectorsPerTrack * SECTOR_SIZE;
}

/**
 * The smallest size of at least `bytes` whose geometry covers it exactly, so that readers by geometry and readers by size agree.
 * Returns `bytes` rounded up to a sector when no geometry reaches that far.
 */
export function sizeWithExactGeometry(bytes: number): number {
  const wanted = Math.ceil(bytes / SECTOR_SIZE);
  if (wanted > MAXIMUM_CHS_SECTORS) return wanted * SECTOR_SIZE;
  for (let sectors = wanted; sectors <= MAXIMUM_CHS_SECTORS;) {
    const geometry = geometryForSectors(sectors);
    const product = geometry.cylinders * geometry.heads * geometry.sectorsPerTrack;
    if (product >= wanted) return product * SECTOR_SIZE;
    // One more cylinder; its geometry may fall into another class, so the loop looks again.
    sectors = product + geometry.heads * geometry.sectorsPerTrack;
  }
  return wanted * SECTOR_SIZE;
}
