/**
 * A CD made in memory that boots a kernel by itself, without a boot loader or a disk image.
 * Source: ECMA-119 (ISO 9660), clauses 6.8, 8.4 and 9; El Torito Bootable CD-ROM Format Specification 1.0, section 2.
 */
import { ErrorCode, VirtualServerError } from '../../machine/errors.ts';
import { isLinux, planLinux } from './linux.ts';
import type { KernelExtras, LoadItem, LoadPlan } from './load-plan.ts';
import { isMultiboot, planMultiboot } from './multiboot.ts';

const SECTOR = 2048;
/** Length of loader.bin; its last 512 bytes take the load list. */
export const LOADER_BYTES = 2048;
const LIST_AT = LOADER_BYTES - 512;
const LIST_ITEM_BYTES = 12;
const NO_DATA = 0xffffffff;

/** Sectors of the disc. */
const DESCRIPTOR = 16;
const BOOT_RECORD = 17;
const TERMINATOR = 18;
const CATALOG = 19;
const PATH_TABLE_LITTLE = 20;
const PATH_TABLE_BIG = 21;
const ROOT = 22;
const LOADER = 23;
const FILES = 24;

const PATH_TABLE_BYTES = 10;
const DIRECTORY = 0x02;

/**
 * @param loader the bytes of loader.bin
 * @param kernel a Linux `bzImage` or a multiboot kernel
 * @throws VirtualServerError `VS_MEDIA` when the file is neither or cannot be loaded, `VS_INVALID_CONFIGURATION` for too little memory
 */
export function makeKernelDisc(
  loader: Uint8Array,
  kernel: Uint8Array,
  fileName: string,
  extras: KernelExtras,
): Uint8Array {
  if (isLinux(kernel)) return makeDisc(loader, planLinux(kernel, fileName, extras));
  if (isMultiboot(kernel)) return makeDisc(loader, planMultiboot(kernel, fileName, extras));
  throw new VirtualServerError(ErrorCode.Media, `${fileName}: neither a Linux bzImage nor a multiboot kernel`, {
    subject: fileName,
  });
}

interface PlacedItem extends LoadItem {
  readonly sector: number;
}

function makeDisc(loader: Uint8Array, plan: LoadPlan): Uint8Array {
  let next = FILES;
  const items = plan.items.map((item): PlacedItem => {
    if (!item.data) return { ...item, sector: NO_DATA };
    const sector = next;
    next += Math.max(1, Math.ceil(item.length / SECTOR));
    return { ...item, sector };
  });
  const disc = new Uint8Array(next * SECTOR);
  const at = (sector: number): Uint8Array => disc.subarray(sector * SECTOR);
  writeDescriptors(at, next);
  at(ROOT).set(rootDirectory(items));
  at(LOADER).set(loader);
  at(LOADER).set(loadList(plan, items), LIST_AT);
  for (const { data, sector } of items) if (data) at(sector).set(data);
  return disc;
}

function loadList({ protocol, entry, info }: LoadPlan, items: readonly PlacedItem[]): Uint8Array {
  const bytes = new Uint8Array(LOADER_BYTES - LIST_AT);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, protocol === 'linux' ? 0 : 1, true);
  view.setUint32(4, entry, true);
  view.setUint32(8, info, true);
  items.forEach(({ to, length, sector }, i) => {
    const offset = 12 + LIST_ITEM_BYTES * i;
    view.setUint32(offset, to, true);
    view.setUint32(offset + 4, length, true);
    view.setUint32(offset + 8, sector, true);
  });
  return bytes;
}

/** Numbers recorded in both byte orders (ECMA-119, 7.2.3 and 7.3.3). */
function both16(bytes: Uint8Array, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint16(at, value, true);
  view.setUint16(at + 2, value, false);
}

function both32(bytes: Uint8Array, at: number, value: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value, false);
}

const ascii = (bytes: Uint8Array, at: number, text: string): void => {
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
};

/** Directory record (9.1). `name`: an identifier, or the byte 0 or 1 for the directory itself and its parent. */
function record(name: string, sector: number, length: number, flags: number): Uint8Array {
  const size = 33 + name.length + ((name.length + 1) % 2);
  const bytes = new Uint8Array(size);
  bytes[0] = size;
  both32(bytes, 2, sector);
  both32(bytes, 10, length);
  // Recorded on 1 January 1980, so that the same kernel gives the same disc.
  bytes.set([80, 1, 1], 18);
  bytes[25] = flags;
  both16(bytes, 28, 1);
  bytes[32] = name.length;
  ascii(bytes, 33, name);
  return bytes;
}

function rootDirectory(items: readonly PlacedItem[]): Uint8Array {
  const files = items
    .filter(({ data }) => data)
    .map(({ name, sector, length }) => ({ name: `${name};1`, sector, length }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const records = [
    record('\0', ROOT, SECTOR, DIRECTORY),
    record('\x01', ROOT, SECTOR, DIRECTORY),
    ...files.map(({ name, sector, length }) => record(name, sector, length, 0)),
  ];
  const bytes = new Uint8Array(SECTOR);
  let at = 0;
  for (const part of records) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function writeDescriptors(at: (sector: number) => Uint8Array, sectors: number): void {
  const primary = at(DESCRIPTOR);
  primary[0] = 1;
  ascii(primary, 1, 'CD001\x01');
  ascii(primary, 8, ' '.repeat(32));
  ascii(primary, 40, 'KERNEL'.padEnd(32));
  both32(primary, 80, sectors);
  both16(primary, 120, 1);
  both16(primary, 124, 1);
  both16(primary, 128, SECTOR);
  both32(primary, 132, PATH_TABLE_BYTES);
  new DataView(primary.buffer, primary.byteOffset).setUint32(140, PATH_TABLE_LITTLE, true);
  new DataView(primary.buffer, primary.byteOffset).setUint32(148, PATH_TABLE_BIG, false);
  primary.set(record('\0', ROOT, SECTOR, DIRECTORY), 156);
  ascii(primary, 190, ' '.repeat(623));
  for (const date of [813, 830, 847, 864]) ascii(primary, date, '0'.repeat(16));
  primary[881] = 1;

  const boot = at(BOOT_RECORD);
  ascii(boot, 1, 'CD001\x01');
  ascii(boot, 7, 'EL TORITO SPECIFICATION');
  new DataView(boot.buffer, boot.byteOffset).setUint32(71, CATALOG, true);

  const terminator = at(TERMINATOR);
  terminator[0] = 255;
  ascii(terminator, 1, 'CD001\x01');

  const catalog = at(CATALOG);
  const entries = new DataView(catalog.buffer, catalog.byteOffset);
  catalog[0] = 1; // validation entry: its 16 words add up to 0
  catalog.set([0x55, 0xaa], 30);
  let sum = 0;
  for (let i = 0; i < 32; i += 2) sum += entries.getUint16(i, true);
  entries.setUint16(28, -sum & 0xffff, true);
  catalog[32] = 0x88; // bootable, no emulation
  entries.setUint16(38, LOADER_BYTES / 512, true);
  entries.setUint32(40, LOADER, true);

  for (const [sector, little] of [
    [PATH_TABLE_LITTLE, true],
    [PATH_TABLE_BIG, false],
  ] as const) {
    const table = at(sector);
    table[0] = 1;
    const view = new DataView(table.buffer, table.byteOffset);
    view.setUint32(2, ROOT, little);
    view.setUint16(6, 1, little);
  }
}
