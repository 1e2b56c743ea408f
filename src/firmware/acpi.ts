/**
 * ACPI tables as the original product's BIOS identified them: RSDP, RSDT, FADT (revision 1), FACS, DSDT. There is no MADT
 * and no HPET table: the machine has neither. Built into two blobs, and the script that links them once the firmware
 * has placed them. Source: ACPI 1.0b sections 5.2.3 to 5.2.6.
 */
import { PM_BASE, SCI_IRQ } from '../machine/board-layout.ts';
import { dsdtBody } from './dsdt.ts';
import type { DsdtOptions } from './dsdt.ts';
import { TableLoader } from './table-loader.ts';

export const TABLES_FILE = 'etc/acpi/tables';
export const RSDP_FILE = 'etc/acpi/rsdp';

const HEADER = 36;
const CHECKSUM = 9;
const FACS_LENGTH = 64;
const FADT_LENGTH = 116;
const RSDP_LENGTH = 20;

/** Offsets of FADT fields. */
const Fadt = {
  FirmwareControl: 36,
  Dsdt: 40,
  SciInterrupt: 46,
  SmiCommand: 48,
  AcpiEnable: 52,
  AcpiDisable: 53,
  Pm1aEvent: 56,
  Pm1aControl: 64,
  PmTimer: 76,
  Gpe0: 80,
  Pm1EventLength: 88,
  Pm1ControlLength: 89,
  PmTimerLength: 91,
  Gpe0Length: 92,
  C2Latency: 96,
  C3Latency: 98,
  DayAlarm: 106,
  MonthAlarm: 107,
  Century: 108,
  Flags: 112,
} as const;

/** FADT flags. */
const WBINVD = 1 << 0;
const PROC_C1 = 1 << 2;
const SLP_BUTTON = 1 << 5;
const FIX_RTC = 1 << 6;

/** Latencies above 100 and 1000 microseconds say that the states do not exist. */
const NO_C2 = 101;
const NO_C3 = 1001;
const APM_CONTROL_PORT = 0xb2;
const ACPI_ENABLE = 0xf1;
const ACPI_DISABLE = 0xf0;
const RTC_CENTURY = 0x32;

/** Identifies Virtual Server 2005 R2 SP1 among the products that share this BIOS: 22 February 2006. */
const OEM_REVISION = 0x02000622;

interface Header {
  readonly signature: string;
  readonly revision: number;
  readonly oemId: string;
  readonly oemTableId: string;
  readonly oemRevision: number;
  readonly creatorId: string;
  readonly creatorRevision: number;
}

const OEM = { oemId: 'A M I ', oemRevision: OEM_REVISION, creatorId: 'MSFT', creatorRevision: 0x97 } as const;

function putText(bytes: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
}

/** A table of `length` bytes with its header; the checksum is set by the loader script. */
function table(header: Header, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  putText(bytes, 0, header.signature);
  view.setUint32(4, length, true);
  bytes[8] = header.revision;
  putText(bytes, 10, header.oemId.padEnd(6));
  putText(bytes, 16, header.oemTableId.padEnd(8));
  view.setUint32(24, header.oemRevision, true);
  putText(bytes, 28, header.creatorId);
  view.setUint32(32, header.creatorRevision, true);
  return bytes;
}

/** The complete DSDT with a valid checksum. */
export function buildDsdt(options: DsdtOptions): Uint8Array {
  const body = dsdtBody(options);
  const bytes = table(
    {
      signature: 'DSDT',
      revision: 1,
      oemId: 'AMIBI',
      oemTableId: 'AMIBI002',
      oemRevision: 2,
      creatorId: 'INTL',
      creatorRevision: 0x02002026,
    },
    HEADER + body.length,
  );
  bytes.set(body, HEADER);
  bytes[CHECKSUM] = -bytes.reduce((sum, byte) => sum + byte, 0);
  return bytes;
}

function buildFadt(): Uint8Array {
  const bytes = table({ signature: 'FACP', revision: 1, oemTableId: 'OEMFACP ', ...OEM }, FADT_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint16(Fadt.SciInterrupt, SCI_IRQ, true);
  view.setUint32(Fadt.SmiCommand, APM_CONTROL_PORT, true);
  bytes[Fadt.AcpiEnable] = ACPI_ENABLE;
  bytes[Fadt.AcpiDisable] = ACPI_DISABLE;
  view.setUint32(Fadt.Pm1aEvent, PM_BASE, true);
  view.setUint32(Fadt.Pm1aControl, PM_BASE + 4, true);
  view.setUint32(Fadt.PmTimer, PM_BASE + 8, true);
  view.setUint32(Fadt.Gpe0, PM_BASE + 0xc, true);
  bytes[Fadt.Pm1EventLength] = 4;
  bytes[Fadt.Pm1ControlLength] = 2;
  bytes[Fadt.PmTimerLength] = 4;
  bytes[Fadt.Gpe0Length] = 4;
  view.setUint16(Fadt.C2Latency, NO_C2, true);
  view.setUint16(Fadt.C3Latency, NO_C3, true);
  bytes[Fadt.Century] = RTC_CENTURY;
  view.setUint32(Fadt.Flags, WBINVD | PROC_C1 | SLP_BUTTON | FIX_RTC, true);
  return bytes;
}

function buildFacs(): Uint8Array {
  const bytes = new Uint8Array(FACS_LENGTH);
  putText(bytes, 0, 'FACS');
  bytes[4] = FACS_LENGTH;
  return bytes;
}

function buildRsdp(): Uint8Array {
  const bytes = new Uint8Array(RSDP_LENGTH);
  putText(bytes, 0, 'RSD PTR ');
  putText(bytes, 9, 'ACPIAM');
  return bytes;
}

export interface AcpiBlobs {
  readonly tables: Uint8Array;
  readonly rsdp: Uint8Array;
}

/** Builds the tables, and adds to `loader` the commands that place and link them. */
export function buildAcpi(options: DsdtOptions, loader: TableLoader): AcpiBlobs {
  const rsdt = table({ signature: 'RSDT', revision: 1, oemTableId: 'OEMRSDT ', ...OEM }, HEADER + 4);
  const parts = { facs: buildFacs(), dsdt: buildDsdt(options), fadt: buildFadt(), rsdt };
  const offsets: Record<string, number> = {};
  let length = 0;
  for (const [key, part] of Object.entries(parts)) {
    offsets[key] = length;
    length += (part.length + 15) & ~15;
  }
  const tables = new Uint8Array(length);
  for (const [key, part] of Object.entries(parts)) tables.set(part, offsets[key]!);
  const rsdp = buildRsdp();

  loader.allocate(RSDP_FILE, 16, 'fseg');
  loader.allocate(TABLES_FILE, FACS_LENGTH, 'high');
  const pointer = (file: string, bytes: Uint8Array, at: number, target: string): void => {
    new DataView(bytes.buffer).setUint32(at, offsets[target]!, true);
    loader.addPointer(file, TABLES_FILE, at, 4);
  };
  pointer(TABLES_FILE, tables, offsets['fadt']! + Fadt.FirmwareControl, 'facs');
  pointer(TABLES_FILE, tables, offsets['fadt']! + Fadt.Dsdt, 'dsdt');
  pointer(TABLES_FILE, tables, offsets['rsdt']! + HEADER, 'fadt');
  pointer(RSDP_FILE, rsdp, 16, 'rsdt');
  for (const key of ['fadt', 'rsdt'] as const)
    loader.addChecksum(TABLES_FILE, offsets[key]! + CHECKSUM, offsets[key]!, parts[key].length);
  loader.addChecksum(RSDP_FILE, 8, 0, RSDP_LENGTH);
  return { tables, rsdp };
}
