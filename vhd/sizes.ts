/**
 * The two readings of a VHD's size. The footer states bytes and a geometry, whose product is usually a little less, and products disagree
 * which of the two is the disk. This library presents the bytes: nothing is lost, and guests installed under a product that presented the
 * geometry have all their partitions inside it.
 * Source: behaviour of the products, and of QEMU's vpc driver for the creator codes.
 */
import type { VhdFooter } from './footer.ts';
import { geometryBytes } from './geometry.ts';

/** What the disk is in each reading, in bytes. */
export interface DiskSizes {
  /** The size field: what this library presents. */
  readonly currentSize: number;
  /** Cylinders times heads times sectors per track. */
  readonly geometrySize: number;
  /** What the product that made the disk presents to a guest. */
  readonly makerSize: number;
  /** From which of the two that comes. */
  readonly makerReads: 'current-size' | 'geometry';
}

/** Makers that present the geometry: Virtual PC, Virtual Server, and qemu-img without `force_size`. */
const GEOMETRY_MAKERS: readonly string[] = ['vpc ', 'vs  ', 'qemu'];
/** 65535 cylinders, 16 heads, 255 sectors: the largest geometry says nothing about the size. */
const LARGEST_GEOMETRY: number = 65535 * 16 * 255 * 512;

/** Both readings of a footer's size, and its maker's. */
export function diskSizes(footer: Pick<VhdFooter, 'currentSize' | 'geometry' | 'creatorApplication'>): DiskSizes {
  const { currentSize } = footer;
  const geometrySize = geometryBytes(footer.geometry);
  const byGeometry =
    GEOMETRY_MAKERS.includes(footer.creatorApplication) && geometrySize > 0 && geometrySize !== LARGEST_GEOMETRY;
  return {
    currentSize,
    geometrySize,
    makerSize: byGeometry ? geometrySize : currentSize,
    makerReads: byGeometry ? 'geometry' : 'current-size',
  };
}
