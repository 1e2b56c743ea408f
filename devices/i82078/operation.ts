/**
 * A sector command in execution: its position on the disk, and the status it will report.
 *
 * Source: Intel 82078 data sheet (290468), "Data transfer commands" and the result table "Result phase, C H R N".
 */
import type { Field } from '../state.ts';
import { MFM, MULTI_TRACK, SKIP } from './commands.ts';

/** Status register 0. */
export const St0 = {
  Abnormal: 0x40,
  Invalid: 0x80,
  Ready: 0xc0,
  SeekEnd: 0x20,
  EquipmentCheck: 0x10,
  NotReady: 0x08,
} as const;
/** Status register 1. */
export const St1 = { EndOfCylinder: 0x80, Overrun: 0x10, NoData: 0x04, NotWritable: 0x02, MissingMark: 0x01 } as const;
/** Status register 2. */
export const St2 = { ControlMark: 0x40, WrongCylinder: 0x10, ScanEqual: 0x08, ScanNotSatisfied: 0x04 } as const;

export class Operation {
  static readonly fields: readonly Field[] = [
    { name: 'active', type: 'bool' },
    ...['opcode', 'flags', 'drive', 'head', 'c', 'h', 'r', 'n', 'eot', 'dtl', 'fill', 'st1', 'st2'].map(
      (name) => ({ name, type: 'u8' }) as const,
    ),
    { name: 'left', type: 'u16' },
  ];

  active = false;
  opcode = 0;
  /** First command byte. */
  flags = 0;
  drive = 0;
  /** Physical head. */
  head = 0;
  c = 0;
  h = 0;
  r = 0;
  n = 0;
  /** Last sector number on a track. */
  eot = 0;
  /** Last parameter: data length, sector count of VERIFY or step of SCAN. */
  dtl = 0;
  /** FORMAT: filler byte. */
  fill = 0;
  /** Sectors to go where the command counts them itself (FORMAT, VERIFY with EC, READ TRACK). */
  left = 0;
  st1 = 0;
  st2 = 0;

  /** Takes the parameters of a nine-byte sector command. */
  start(opcode: number, command: readonly number[]): void {
    this.active = true;
    this.opcode = opcode;
    this.flags = command[0]!;
    this.drive = command[1]! & 3;
    this.head = (command[1]! >> 2) & 1;
    this.c = command[2] ?? 0;
    this.h = command[3] ?? 0;
    this.r = command[4] ?? 0;
    this.n = command[5] ?? 0;
    this.eot = command[6] ?? 0;
    this.dtl = command[8] ?? 0;
    this.fill = 0;
    this.left = 0;
    this.st1 = 0;
    this.st2 = 0;
  }

  get multiTrack(): boolean {
    return (this.flags & MULTI_TRACK) !== 0;
  }

  get mfm(): boolean {
    return (this.flags & MFM) !== 0;
  }

  get skip(): boolean {
    return (this.flags & SKIP) !== 0;
  }

  /**
   * Goes to the next sector, or to the values the result phase reports after the last one.
   * @returns whether the command may go on there: false past the last sector (of side 1 with multi-track)
   */
  advance(step = 1): boolean {
    if (this.r !== this.eot) {
      this.r = (this.r + step) & 0xff;
      return true;
    }
    this.r = 1;
    if (this.multiTrack) {
      this.h ^= 1;
      if (this.head === 0) {
        this.head = 1;
        return true;
      }
    }
    this.c = (this.c + 1) & 0xff;
    return false;
  }

  /** ST0 without the interrupt code. */
  get unit(): number {
    return (this.head << 2) | this.drive;
  }
}
