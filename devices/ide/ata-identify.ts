/** IDENTIFY DEVICE data of a hard disk; ATA/ATAPI-6 (T13/1410D) clause 8.15, ATA8-ACS for data set management. */
import type { TransferMode } from './identify.ts';
import { describeTransferModes, IdentifyData } from './identify.ts';

export interface DiskGeometry {
  /** 1-65535. */
  readonly cylinders: number;
  /** 1-16. */
  readonly heads: number;
  /** 1-63 (255 at most by the register). */
  readonly sectorsPerTrack: number;
}

/** Sectors that a 28-bit address can name. */
export const LBA28_SECTORS = 0x0fffffff;
/** Sectors per block of READ and WRITE MULTIPLE. */
export const MULTIPLE_MAX = 128;

export interface DiskDescription {
  readonly geometry: DiskGeometry;
  /** Translation in force, as INITIALIZE DEVICE PARAMETERS left it. */
  readonly current: DiskGeometry;
  readonly model: string;
  readonly serial: string;
  readonly firmware: string;
  readonly sectors: number;
  readonly multiple: number;
  readonly mode: TransferMode;
  readonly writeCache: boolean;
  readonly lookAhead: boolean;
  readonly lba48: boolean;
  readonly trim: boolean;
}

/** Feature sets, words 82 and 85: NOP, READ and WRITE BUFFER, host protected area, power management. */
const FEATURES = 0x7408;
const WRITE_CACHE = 0x0020;
const LOOK_AHEAD = 0x0040;
/** Words 83 and 86: FLUSH CACHE; FLUSH CACHE EXT and 48-bit addresses. */
const FLUSH_CACHE = 0x1000;
const ADDRESS_48 = 0x2400;
const VALID = 0x4000;

/** @param buffer where the 512 bytes go */
export function describeDisk(buffer: Uint8Array, disk: DiskDescription): void {
  const { geometry, current } = disk;
  const commands = FLUSH_CACHE | (disk.lba48 ? ADDRESS_48 : 0);
  const enabled = FEATURES | (disk.writeCache ? WRITE_CACHE : 0) | (disk.lookAhead ? LOOK_AHEAD : 0);
  const data = new IdentifyData(buffer)
    .word(0, 0x0040)
    .word(1, geometry.cylinders)
    .word(3, geometry.heads)
    .word(6, geometry.sectorsPerTrack)
    .string(10, 10, disk.serial)
    .word(20, 3)
    .word(21, 128) // 64 KiB of cache
    .word(22, 4)
    .string(23, 4, disk.firmware)
    .string(27, 20, disk.model)
    .word(47, 0x8000 | MULTIPLE_MAX)
    .word(49, 0x0f00)
    .word(50, VALID)
    .word(51, 0x0200)
    .word(52, 0x0200)
    .word(54, current.cylinders)
    .word(55, current.heads)
    .word(56, current.sectorsPerTrack)
    .double(57, current.cylinders * current.heads * current.sectorsPerTrack)
    .word(59, disk.multiple ? 0x0100 | disk.multiple : 0)
    .double(60, Math.min(disk.sectors, LBA28_SECTORS))
    // Guests look for data set management from ATA-7 on only.
    .word(80, disk.trim ? 0x00fe : disk.lba48 ? 0x007e : 0x003e)
    .word(82, FEATURES | WRITE_CACHE | LOOK_AHEAD)
    .word(83, VALID | commands)
    .word(84, VALID)
    .word(85, enabled)
    .word(86, commands)
    .word(87, VALID)
    .word(93, 0x400b);
  describeTransferModes(data, disk.mode);
  if (disk.lba48) data.double(100, disk.sectors % 0x100000000).double(102, Math.floor(disk.sectors / 0x100000000));
  if (disk.trim) data.word(105, TRIM_BLOCKS_MAX).word(169, 1);
  data.seal();
}

/** 512-byte blocks of ranges that one DATA SET MANAGEMENT command may carry. */
export const TRIM_BLOCKS_MAX = 8;
