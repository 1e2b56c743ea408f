/**
 * Extended registers of the S3 Trio64 behind the CRTC and sequencer indices, their writable bits and their locks.
 *
 * Data sheet: S3 Trio32/Trio64 Integrated Graphics Accelerators (DB014-B), sections 15 to 18; VGADOC4, S3.
 * Models: indices CR2D-CR6F and SR08-SR1C, the keys of CR38, CR39 and SR08, the partial locks of CR33, CR34 and CR35,
 * identification that depends on the locks.
 * Does not model: reads of locked registers other than CR30 giving anything but their contents.
 */
import { CRTC_MASKS, SEQUENCER_MASKS } from '../vga/registers.ts';

/** S3 registers behind the CRTC index. */
export const Cr = {
  DeviceIdHigh: 0x2d,
  DeviceIdLow: 0x2e,
  Revision: 0x2f,
  ChipId: 0x30,
  MemoryConfiguration: 0x31,
  BackwardCompatibility1: 0x32,
  BackwardCompatibility2: 0x33,
  BackwardCompatibility3: 0x34,
  RegisterLock: 0x35,
  Configuration1: 0x36,
  Configuration2: 0x37,
  RegisterLock1: 0x38,
  RegisterLock2: 0x39,
  Miscellaneous1: 0x3a,
  SystemConfiguration: 0x40,
  ModeControl: 0x42,
  ExtendedMode: 0x43,
  CursorMode: 0x45,
  CursorXHigh: 0x46,
  CursorXLow: 0x47,
  CursorYHigh: 0x48,
  CursorYLow: 0x49,
  CursorForeground: 0x4a,
  CursorBackground: 0x4b,
  CursorAddressHigh: 0x4c,
  CursorAddressLow: 0x4d,
  CursorOriginX: 0x4e,
  CursorOriginY: 0x4f,
  SystemControl1: 0x50,
  SystemControl2: 0x51,
  MemoryControl1: 0x53,
  DacControl: 0x55,
  ExternalSync1: 0x56,
  LinearControl: 0x58,
  LinearHigh: 0x59,
  LinearLow: 0x5a,
  GeneralOutput: 0x5c,
  HorizontalOverflow: 0x5d,
  VerticalOverflow: 0x5e,
  ExternalControl: 0x66,
  Miscellaneous2: 0x67,
  Configuration3: 0x68,
  SystemControl3: 0x69,
  SystemControl4: 0x6a,
  BiosFlag3: 0x6b,
  BiosFlag4: 0x6c,
} as const;

/** S3 registers behind the sequencer index. */
export const Sr = {
  Unlock: 0x08,
  Sync: 0x0d,
  MemoryClockLow: 0x10,
  MemoryClockHigh: 0x11,
  DotClockLow: 0x12,
  DotClockHigh: 0x13,
  ClockControl1: 0x14,
  ClockControl2: 0x15,
  ClockTest: 0x17,
  DacControl: 0x18,
} as const;

const READ_ONLY: readonly number[] = [Cr.DeviceIdHigh, Cr.DeviceIdLow, Cr.Revision, Cr.ChipId];

export const TRIO64_MASKS = {
  crtc: Array.from(
    { length: 0x80 },
    (_, index) => CRTC_MASKS[index] ?? (index >= 0x2d && index <= 0x6f && !READ_ONLY.includes(index) ? 0xff : 0),
  ),
  sequencer: Array.from({ length: 0x20 }, (_, index) => SEQUENCER_MASKS[index] ?? (index >= 0x08 ? 0xff : 0)),
} as const;

const s3Unlocked = (crtc: Uint8Array): boolean => (crtc[Cr.RegisterLock1]! & 0xcc) === 0x48;
const systemUnlocked = (crtc: Uint8Array): boolean => (crtc[Cr.RegisterLock2]! & 0xe0) === 0xa0;
const strapsUnlocked = (crtc: Uint8Array): boolean => crtc[Cr.RegisterLock2] === 0xa5;

/** Whether CR30 shows the chip instead of ones. */
export function identified(crtc: Uint8Array): boolean {
  return s3Unlocked(crtc) || systemUnlocked(crtc);
}

/** Whether a write to an S3 register of the CRTC takes effect now. */
export function crtcWritable(index: number, crtc: Uint8Array): boolean {
  switch (index) {
    case Cr.RegisterLock1:
    case Cr.RegisterLock2:
      return true;
    case Cr.Configuration1:
    case Cr.Configuration2:
    case Cr.Configuration3:
      return strapsUnlocked(crtc);
    default:
      return index < 0x40 ? s3Unlocked(crtc) : systemUnlocked(crtc);
  }
}

/** CR07 bits 1 and 6 extend Vertical Display End; CR33 bit 1 takes them out of the protection by CR11 bit 7. */
const DISPLAY_END_BITS = 0x42;
const VERTICAL_OVERFLOW_BITS = 0xaf;

/**
 * Bits of a VGA CRTC register that the partial locks keep from changing.
 * CR35 bit 4 locks the vertical timing registers, bit 5 the horizontal ones; CR11 bit 7 is the VGA's own protection.
 */
export function lockedBits(index: number, crtc: Uint8Array): number {
  let locked = 0;
  if (index <= 0x07 && crtc[0x11]! & 0x80) {
    locked = 0xff;
    if (index === 0x07) locked = crtc[Cr.BackwardCompatibility2]! & 0x02 ? 0xef & ~DISPLAY_END_BITS : 0xef;
  }
  const lock = crtc[Cr.RegisterLock]!;
  if (lock & 0x10) {
    if (index === 0x06 || index === 0x10 || index === 0x15 || index === 0x16) locked = 0xff;
    else if (index === 0x07) locked |= VERTICAL_OVERFLOW_BITS & ~DISPLAY_END_BITS;
    else if (index === 0x09) locked |= 0x20;
    else if (index === 0x11) locked |= 0x0f;
  }
  if (lock & 0x20) {
    if (index <= 0x05) locked = 0xff;
    else if (index === 0x17) locked |= 0x04;
  }
  return locked;
}

/** Whether a write to a sequencer register above the VGA's takes effect now. */
export function sequencerWritable(index: number, sequencer: Uint8Array): boolean {
  return index === Sr.Unlock || (sequencer[Sr.Unlock] === 0x06 && index >= 0x09 && index <= 0x1c);
}

/** Memory size field of CR36 (bits 7-5) by MiB. */
const MEMORY_CODES: Readonly<Record<number, number>> = { 1: 6, 2: 4, 3: 2, 4: 0, 6: 5, 8: 3 };

/**
 * Power-on straps: PCI bus, fast-page memory, video BIOS enabled, and the memory size.
 * @param megabytes 1, 2, 3, 4, 6 or 8
 * @throws RangeError for a size that the straps cannot express
 */
export function straps(megabytes: number): { readonly cr36: number; readonly cr37: number } {
  const code = MEMORY_CODES[megabytes];
  if (code === undefined) throw new RangeError(`a Trio64 has 1, 2, 3, 4, 6 or 8 MiB, not ${megabytes}`);
  return { cr36: (code << 5) | 0x1e, cr37: 0xe5 };
}
