/**
 * SMBIOS tables with the strings by which guests know this product: Linux, for one, keys quirks on the exact product
 * version. Source: System Management BIOS Reference Specification 2.3; strings as seen in guests of the original.
 */
import type { SmbiosConfiguration } from '../machine/configuration.ts';

const MANUFACTURER = 'Microsoft Corporation';
const PRODUCT = 'Virtual Machine';
const PRODUCT_VERSION = 'VS2005R2';
const BIOS_VENDOR = 'American Megatrends Inc.';
const BIOS_VERSION = '080002 ';
const BIOS_DATE = '02/22/2006';

const ANCHOR_LENGTH = 31;
const INTERMEDIATE = 16;
const MIB = 1 << 20;

export interface SmbiosOptions extends SmbiosConfiguration {
  readonly memoryBytes: number;
  readonly cpuVendor?: string;
}

export interface SmbiosBlobs {
  readonly anchor: Uint8Array;
  readonly tables: Uint8Array;
}

/** Collects structures; strings are numbered from 1 and follow the formatted part. */
class Writer {
  readonly bytes: number[] = [];
  count = 0;
  largest = 0;

  /** @param body the formatted part after the four header bytes */
  add(type: number, handle: number, body: readonly number[], strings: readonly string[] = []): void {
    const start = this.bytes.length;
    this.bytes.push(type, 4 + body.length, ...u16(handle), ...body);
    for (const text of strings) this.bytes.push(...Array.from(text, (c) => c.charCodeAt(0) & 0x7f), 0);
    this.bytes.push(...(strings.length > 0 ? [0] : [0, 0]));
    this.count++;
    this.largest = Math.max(this.largest, this.bytes.length - start);
  }
}

const u16 = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const u32 = (value: number): number[] => [...u16(value), ...u16(value >>> 16)];

/** A UUID in the order the product's era stored it: the first three fields little-endian. */
function uuidBytes(uuid: string): number[] {
  const hex = uuid.replaceAll(/[{}-]/g, '');
  if (!/^[0-9a-fA-F]{32}$/.test(hex)) return Array.from({ length: 16 }, () => 0);
  const b = Array.from({ length: 16 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16));
  return [b[3]!, b[2]!, b[1]!, b[0]!, b[5]!, b[4]!, b[7]!, b[6]!, ...b.slice(8)];
}

const DEFAULT_SERIAL = '0000-0000-0000-0000-0000-0000-00';

const Handle = {
  Bios: 0,
  System: 1,
  Board: 2,
  Chassis: 3,
  Processor: 4,
  Memory: 0x10,
  Device: 0x11,
  Range: 0x13,
  Boot: 0x20,
  End: 0x7f,
} as const;

export function buildSmbios(options: SmbiosOptions): SmbiosBlobs {
  const writer = new Writer();
  const { serialNumber = DEFAULT_SERIAL } = options;
  // ISA, PCI, PnP, APM, upgradeable, shadowing, CD boot, selectable boot, EDD; then floppy 5.25/3.5, print, 8042, serial, printer, CGA.
  const characteristics = 0x0001de90 | 0x00080000 | 0x7f800000;
  writer.add(
    0,
    Handle.Bios,
    [1, 2, ...u16(0xf000), 3, 0x03, ...u32(characteristics), ...u32(0), 0x03, 0x01],
    [BIOS_VENDOR, BIOS_VERSION, BIOS_DATE],
  );
  const POWER_SWITCH = 6;
  writer.add(
    1,
    Handle.System,
    [1, 2, 3, 4, ...uuidBytes(options.uuid ?? ''), POWER_SWITCH],
    [MANUFACTURER, PRODUCT, PRODUCT_VERSION, serialNumber],
  );
  writer.add(
    2,
    Handle.Board,
    [1, 2, 3, 4],
    [MANUFACTURER, PRODUCT, PRODUCT_VERSION, options.baseBoardSerialNumber ?? serialNumber],
  );
  const DESKTOP = 3;
  const SAFE = 3;
  const NO_SECURITY = 3;
  writer.add(
    3,
    Handle.Chassis,
    [1, DESKTOP, 2, 3, 4, SAFE, SAFE, SAFE, NO_SECURITY, ...u32(0)],
    [
      MANUFACTURER,
      PRODUCT_VERSION,
      options.chassisSerialNumber ?? serialNumber,
      options.chassisAssetTag ?? serialNumber,
    ],
  );
  processor(writer, options);
  memory(writer, options.memoryBytes);
  writer.add(32, Handle.Boot, [0, 0, 0, 0, 0, 0, 0]);
  writer.add(127, Handle.End, []);
  const tables = Uint8Array.from(writer.bytes);
  return { tables, anchor: anchor(writer, tables.length) };
}

function processor(writer: Writer, options: SmbiosOptions): void {
  const CENTRAL = 3;
  const OTHER_FAMILY = 1;
  const ENABLED = 0x41; // socket populated, processor enabled
  const UPGRADE_NONE = 6;
  const NO_CACHE = 0xffff;
  writer.add(
    4,
    Handle.Processor,
    [
      1,
      CENTRAL,
      OTHER_FAMILY,
      2,
      ...u32(0),
      ...u32(0),
      3,
      0,
      ...u16(0),
      ...u16(0),
      ...u16(0),
      ENABLED,
      UPGRADE_NONE,
      ...u16(NO_CACHE),
      ...u16(NO_CACHE),
      ...u16(NO_CACHE),
      0,
      0,
      0,
    ],
    ['None', options.cpuVendor ?? 'GenuineIntel', 'None'],
  );
}

function memory(writer: Writer, memoryBytes: number): void {
  const SYSTEM_BOARD = 3;
  const SYSTEM_MEMORY = 3;
  const NO_CORRECTION = 3;
  const NO_ERRORS = 0xfffe;
  const DIMM = 9;
  const DRAM = 3;
  const UNKNOWN_DETAIL = 0x0004;
  const kib = Math.floor(memoryBytes / 1024);
  writer.add(16, Handle.Memory, [
    SYSTEM_BOARD,
    SYSTEM_MEMORY,
    NO_CORRECTION,
    ...u32(kib),
    ...u16(NO_ERRORS),
    ...u16(1),
  ]);
  writer.add(
    17,
    Handle.Device,
    [
      ...u16(Handle.Memory),
      ...u16(NO_ERRORS),
      ...u16(64),
      ...u16(64),
      ...u16(Math.floor(memoryBytes / MIB)),
      DIMM,
      0,
      1,
      0,
      DRAM,
      ...u16(UNKNOWN_DETAIL),
      ...u16(0),
      0,
      0,
      0,
      0,
    ],
    ['M0'],
  );
  writer.add(19, Handle.Range, [...u32(0), ...u32(Math.max(0, kib - 1)), ...u16(Handle.Memory), 1]);
}

/** The entry point; the firmware fills in the tables' address and renews the checksums. */
function anchor(writer: Writer, length: number): Uint8Array {
  const bytes = new Uint8Array(ANCHOR_LENGTH);
  const view = new DataView(bytes.buffer);
  bytes.set([0x5f, 0x53, 0x4d, 0x5f]); // _SM_
  bytes[5] = ANCHOR_LENGTH;
  bytes[6] = 2;
  bytes[7] = 3;
  view.setUint16(8, writer.largest, true);
  bytes.set([0x5f, 0x44, 0x4d, 0x49, 0x5f], INTERMEDIATE); // _DMI_
  view.setUint16(22, length, true);
  view.setUint16(28, writer.count, true);
  bytes[30] = 0x23;
  const sum = (from: number): number => bytes.subarray(from).reduce((total, byte) => total + byte, 0);
  bytes[INTERMEDIATE + 5] = -sum(INTERMEDIATE);
  bytes[4] = -sum(0);
  return bytes;
}
