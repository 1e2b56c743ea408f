/**
 * CMOS RAM as a set-up program would have left it.
 * Source: IBM PC/AT Technical Reference (bytes 10h-2Fh); SeaBIOS for what it reads beyond (34h/35h, 38h-3Dh, 5Bh-5Fh).
 */

export interface CmosDescription {
  readonly memoryBytes: number;
  /** Number of 1.44 MB drives, 0 to 2. */
  readonly floppies: number;
  /** Hard disks by IDE location (channel * 2 + position). */
  readonly disks: readonly ({ readonly cylinders: number } | undefined)[];
}

/** What `fillCmos` needs of the clock chip. */
export interface CmosRam {
  preload(index: number, values: ArrayLike<number>): void;
  updateChecksum(): void;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const BASE_KIB = 640;
const FLOPPY_144 = 4;
const EQUIPMENT_FPU = 0x02;
const EQUIPMENT_MOUSE = 0x04;
const TYPE_47 = 0x2f;
/** Translation of cylinder, head and sector, two bits per disk. */
const TRANSLATION_NONE = 0;
const TRANSLATION_LBA = 1;
const MAX_CHS_CYLINDERS = 1024;

const u16 = (value: number): number[] => [value & 0xff, value >> 8];

export function fillCmos(cmos: CmosRam, description: CmosDescription): void {
  const { memoryBytes, floppies, disks } = description;
  cmos.preload(0x0f, [0]);
  cmos.preload(0x10, [(floppies > 0 ? FLOPPY_144 << 4 : 0) | (floppies > 1 ? FLOPPY_144 : 0)]);
  const [first, second] = disks;
  cmos.preload(0x12, [(first ? 0xf0 : 0) | (second ? 0x0f : 0)]);
  const drives = floppies > 0 ? 1 | ((floppies - 1) << 6) : 0;
  cmos.preload(0x14, [drives | EQUIPMENT_FPU | EQUIPMENT_MOUSE]);
  cmos.preload(0x15, u16(BASE_KIB));
  const extended = Math.min(0xffff, Math.max(0, memoryBytes - MIB) / KIB);
  cmos.preload(0x17, u16(extended));
  cmos.preload(0x19, [first ? TYPE_47 : 0, second ? TYPE_47 : 0]);
  cmos.preload(0x30, u16(extended));
  cmos.preload(0x34, u16(Math.min(0xffff, Math.max(0, memoryBytes - 16 * MIB) / (64 * KIB))));
  // Boot order comes through fw_cfg; bit 0 lets floppies without a signature boot, as the original's BIOS does.
  cmos.preload(0x38, [0x01]);
  let translations = 0;
  disks.forEach((disk, i) => {
    const translation = disk && disk.cylinders > MAX_CHS_CYLINDERS ? TRANSLATION_LBA : TRANSLATION_NONE;
    translations |= translation << (2 * i);
  });
  cmos.preload(0x39, [translations, 0]);
  cmos.preload(0x5b, [0, 0, 0]);
  cmos.preload(0x5f, [0]);
  cmos.updateChecksum();
}
