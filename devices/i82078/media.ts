/** Floppy disks: what a drive needs of an image, and the formats that sizes stand for. */

/** A disk image, sectors in the order of cylinder, head, sector number. Offsets and lengths are in bytes. */
export interface FloppyMedia {
  readonly size: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
  flush(): void;
}

/** Data rate select codes of CCR and DSR. */
const DataRate = { Kbps500: 0, Kbps300: 1, Kbps250: 2, Mbps1: 3 } as const;

export interface FloppyGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectorsPerTrack: number;
  /** Data rates at which the disk can be read; a double-density 5.25" disk turns faster in a 1.2M drive. */
  readonly rates: readonly number[];
  /** Turns per minute. */
  readonly speed: number;
}

export const SECTOR_SIZE = 512;

const { Kbps500, Kbps300, Kbps250, Mbps1 } = DataRate;

function format(
  cylinders: number,
  heads: number,
  sectorsPerTrack: number,
  rates: readonly number[],
  speed = 300,
): FloppyGeometry {
  return { cylinders, heads, sectorsPerTrack, rates, speed };
}

/** By size in KiB: the PC formats, then the over-formatted ones that distributions used (DMF 1680K, 1722K, 820K). */
const FORMATS: Readonly<Record<number, FloppyGeometry>> = {
  160: format(40, 1, 8, [Kbps250, Kbps300]),
  180: format(40, 1, 9, [Kbps250, Kbps300]),
  320: format(40, 2, 8, [Kbps250, Kbps300]),
  360: format(40, 2, 9, [Kbps250, Kbps300]),
  720: format(80, 2, 9, [Kbps250]),
  820: format(82, 2, 10, [Kbps250]),
  1200: format(80, 2, 15, [Kbps500], 360),
  1440: format(80, 2, 18, [Kbps500]),
  1680: format(80, 2, 21, [Kbps500]),
  1722: format(82, 2, 21, [Kbps500]),
  2880: format(80, 2, 36, [Mbps1]),
};

/**
 * Format of an image. A size between two formats is taken as the next larger one, so that a truncated image still
 * boots; the missing end reads as the image gives it.
 * @throws RangeError if no format is large enough or the image is empty
 */
export function floppyGeometry(size: number): FloppyGeometry {
  const fitting = Object.keys(FORMATS)
    .map(Number)
    .sort((a, b) => a - b)
    .find((kib) => size <= kib * 1024);
  if (size <= 0 || fitting === undefined) throw new RangeError(`no floppy format holds ${size} bytes`);
  return FORMATS[fitting]!;
}
