/**
 * The command set of the 82078: opcodes and lengths.
 *
 * Source: Intel 82078 data sheet (290468), "Command set/descriptions".
 */

export const Opcode = {
  ReadTrack: 0x02,
  Specify: 0x03,
  SenseDrive: 0x04,
  Write: 0x05,
  Read: 0x06,
  Recalibrate: 0x07,
  SenseInterrupt: 0x08,
  WriteDeleted: 0x09,
  ReadId: 0x0a,
  ReadDeleted: 0x0c,
  Format: 0x0d,
  DumpRegisters: 0x0e,
  Seek: 0x0f,
  Version: 0x10,
  ScanEqual: 0x11,
  Perpendicular: 0x12,
  Configure: 0x13,
  Lock: 0x14,
  Verify: 0x16,
  PowerDown: 0x17,
  PartId: 0x18,
  ScanLowOrEqual: 0x19,
  ScanHighOrEqual: 0x1d,
  Option: 0x33,
  DriveSpecification: 0x8e,
  RelativeSeek: 0x8f,
} as const;

/** Flags in the first byte of commands that work on sectors. */
export const MULTI_TRACK = 0x80;
export const MFM = 0x40;
export const SKIP = 0x20;

/** Bytes of a command with its parameters, and the flags its first byte may carry. */
const COMMANDS: readonly (readonly [opcode: number, length: number, flags: number])[] = [
  [Opcode.ReadTrack, 9, MFM | SKIP],
  [Opcode.Specify, 3, 0],
  [Opcode.SenseDrive, 2, 0],
  [Opcode.Write, 9, MULTI_TRACK | MFM],
  [Opcode.Read, 9, MULTI_TRACK | MFM | SKIP],
  [Opcode.Recalibrate, 2, 0],
  [Opcode.SenseInterrupt, 1, 0],
  [Opcode.WriteDeleted, 9, MULTI_TRACK | MFM],
  [Opcode.ReadId, 2, MFM],
  [Opcode.ReadDeleted, 9, MULTI_TRACK | MFM | SKIP],
  [Opcode.Format, 6, MFM],
  [Opcode.DumpRegisters, 1, 0],
  [Opcode.Seek, 3, 0],
  [Opcode.Version, 1, 0],
  [Opcode.ScanEqual, 9, MULTI_TRACK | MFM | SKIP],
  [Opcode.Perpendicular, 2, 0],
  [Opcode.Configure, 4, 0],
  [Opcode.Lock, 1, MULTI_TRACK],
  [Opcode.Verify, 9, MULTI_TRACK | MFM | SKIP],
  [Opcode.PowerDown, 2, 0],
  [Opcode.PartId, 1, 0],
  [Opcode.ScanLowOrEqual, 9, MULTI_TRACK | MFM | SKIP],
  [Opcode.ScanHighOrEqual, 9, MULTI_TRACK | MFM | SKIP],
  [Opcode.Option, 2, 0],
  [Opcode.RelativeSeek, 3, MFM],
  // At least; the list is as long as the guest makes it.
  [Opcode.DriveSpecification, 2, 0],
];

/** The command a first byte starts, or `undefined` for an invalid one. Exact opcodes go before those with flags. */
export function decodeCommand(byte: number): { readonly opcode: number; readonly length: number } | undefined {
  const found =
    COMMANDS.find(([opcode]) => opcode === byte) ?? COMMANDS.find(([opcode, , flags]) => (byte & ~flags) === opcode);
  return found && { opcode: found[0], length: found[1] };
}
