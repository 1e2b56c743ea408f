/**
 * Partition tables: MBR with logical drives, and GPT.
 * Sources: IBM PC/AT and DOS practice as in the "PC BIOS partition table" of the UEFI specification 2.10, section 5.2 (MBR) and 5.3
 * (GPT); extended partitions as DOS 3.3 made them, one table per logical drive. Sectors have 512 bytes.
 */
import { peek, type ByteSource } from './byte-source.ts';
import { crc32 } from './crc32.ts';
import { GPT_TYPES, MBR_TYPES } from './partition-types.ts';

export interface Partition {
  /** 1 to 4 for the entries of an MBR, from 5 on for logical drives; the entry's number in a GPT. */
  readonly number: number;
  /** Two hexadecimal digits (MBR) or a GUID (GPT). */
  readonly typeCode: string;
  /** What the type code stands for. */
  readonly typeName: string;
  /** Byte offset on the disk. */
  readonly start: number;
  /** Bytes. */
  readonly length: number;
  readonly active: boolean;
  /** Name in a GPT; empty otherwise. */
  readonly name: string;
}

export interface PartitionTable {
  readonly scheme: 'mbr' | 'gpt' | 'none';
  readonly partitions: readonly Partition[];
  readonly problems: readonly string[];
}

const SECTOR = 512;
const SIGNATURE_OFFSET = 510;
const TABLE_OFFSET = 446;
const ENTRY_SIZE = 16;
/** Logical drives that are followed: DOS gives letters to 23. */
const MAXIMUM_LOGICAL = 128;
const MAXIMUM_GPT_ENTRIES = 1024;
const EXTENDED_TYPES = new Set([0x05, 0x0f, 0x85]);
const PROTECTIVE_TYPE = 0xee;

interface RawEntry {
  readonly status: number;
  readonly type: number;
  /** Sectors. */
  readonly first: number;
  readonly count: number;
}

function rawEntries(sector: Uint8Array): RawEntry[] {
  const view = new DataView(sector.buffer, sector.byteOffset);
  return [0, 1, 2, 3].map((index) => {
    const at = TABLE_OFFSET + index * ENTRY_SIZE;
    return {
      status: sector[at],
      type: sector[at + 4],
      first: view.getUint32(at + 8, true),
      count: view.getUint32(at + 12, true),
    };
  });
}

const hasSignature = (sector: Uint8Array): boolean =>
  sector[SIGNATURE_OFFSET] === 0x55 && sector[SIGNATURE_OFFSET + 1] === 0xaa;

/** A boot sector without a table has code or text where the table would be; its status bytes are then not 00h or 80h. */
function looksLikeTable(entries: readonly RawEntry[]): boolean {
  const used = entries.filter(({ type }) => type !== 0);
  return (
    used.length > 0 &&
    entries.every(({ status }) => status === 0 || status === 0x80) &&
    used.every(({ first, count }) => first > 0 && count > 0)
  );
}

/** Never throws for contents. @throws DiskError of the image. */
export function readPartitions(source: ByteSource): PartitionTable {
  const sector = peek(source, 0, SECTOR);
  if (sector === undefined || !hasSignature(sector)) return { scheme: 'none', partitions: [], problems: [] };
  const entries = rawEntries(sector);
  if (!looksLikeTable(entries)) return { scheme: 'none', partitions: [], problems: [] };
  if (entries.some(({ type }) => type === PROTECTIVE_TYPE)) {
    const gpt = readGpt(source);
    if (gpt !== undefined) return gpt;
  }
  return readMbr(source, entries);
}

function readMbr(source: ByteSource, entries: readonly RawEntry[]): PartitionTable {
  const problems: string[] = [];
  const partitions: Partition[] = [];
  for (const [index, entry] of entries.entries()) {
    if (entry.type === 0) continue;
    partitions.push(mbrPartition(index + 1, entry, 0));
    if (EXTENDED_TYPES.has(entry.type)) readLogical(source, entry.first, partitions, problems);
  }
  checkPlaces(source, partitions, problems);
  return { scheme: 'mbr', partitions, problems };
}

function mbrPartition(number: number, entry: RawEntry, base: number): Partition {
  const typeCode = entry.type.toString(16).toUpperCase().padStart(2, '0');
  return {
    number,
    typeCode,
    typeName: MBR_TYPES.get(entry.type) ?? 'unknown type',
    start: (base + entry.first) * SECTOR,
    length: entry.count * SECTOR,
    active: entry.status === 0x80,
    name: '',
  };
}

/** Each logical drive has a table of its own: the drive, relative to that table, and the next table, relative to the first one. */
function readLogical(source: ByteSource, extendedStart: number, partitions: Partition[], problems: string[]): void {
  const seen = new Set<number>();
  let at = extendedStart;
  const logical = (): number => partitions.filter(({ number }) => number >= 5).length;
  while (!seen.has(at) && logical() < MAXIMUM_LOGICAL) {
    seen.add(at);
    const sector = peek(source, at * SECTOR, SECTOR);
    if (sector === undefined || !hasSignature(sector)) {
      problems.push(`the list of logical drives breaks off at sector ${at}`);
      return;
    }
    const entries = rawEntries(sector);
    for (const entry of entries) {
      if (entry.type === 0 || EXTENDED_TYPES.has(entry.type) || entry.count === 0) continue;
      if (logical() < MAXIMUM_LOGICAL) partitions.push(mbrPartition(5 + logical(), entry, at));
    }
    const next = entries.find(({ type, count }) => EXTENDED_TYPES.has(type) && count > 0);
    if (next === undefined) return;
    at = extendedStart + next.first;
  }
  problems.push(seen.has(at) ? 'the list of logical drives runs in a circle' : 'there are too many logical drives');
}

function checkPlaces(source: ByteSource, partitions: readonly Partition[], problems: string[]): void {
  for (const { number, start, length } of partitions) {
    if (start >= source.size) problems.push(`partition ${number} begins behind the end of the disk`);
    else if (start + length > source.size) {
      problems.push(
        `partition ${number} ends ${start + length - source.size} bytes behind the end of the disk: the size of the disk is read too small, or its end is missing`,
      );
    }
  }
}

interface GptHeader {
  readonly tableSector: number;
  readonly count: number;
  readonly entrySize: number;
}

function readGptHeader(source: ByteSource, sector: number): GptHeader | undefined {
  const bytes = peek(source, sector * SECTOR, SECTOR);
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer);
  if (String.fromCharCode(...bytes.subarray(0, 8)) !== 'EFI PART') return undefined;
  const headerSize = view.getUint32(12, true);
  if (headerSize < 92 || headerSize > SECTOR) return undefined;
  const checked = bytes.slice(0, headerSize);
  checked.fill(0, 16, 20);
  if (crc32(checked) !== view.getUint32(16, true)) return undefined;
  const tableSector = view.getUint32(72, true) + view.getUint32(76, true) * 2 ** 32;
  const count = view.getUint32(80, true);
  const entrySize = view.getUint32(84, true);
  if (entrySize < 128 || entrySize > 4096) return undefined;
  const header = { tableSector, count: Math.min(count, MAXIMUM_GPT_ENTRIES), entrySize };
  const table = peek(source, tableSector * SECTOR, header.count * entrySize);
  if (table === undefined || (count === header.count && crc32(table) !== view.getUint32(88, true))) return undefined;
  return header;
}

function readGpt(source: ByteSource): PartitionTable | undefined {
  const problems: string[] = [];
  let header = readGptHeader(source, 1);
  if (header === undefined) {
    header = readGptHeader(source, Math.floor(source.size / SECTOR) - 1);
    if (header === undefined) return undefined;
    problems.push('the partition table at the start of the disk is damaged; the copy at the end is used');
  }
  const { tableSector, count, entrySize } = header;
  const partitions: Partition[] = [];
  const entry = new Uint8Array(entrySize);
  const view = new DataView(entry.buffer);
  for (let index = 0; index < count; index++) {
    source.read(tableSector * SECTOR + index * entrySize, entry);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const lba = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
    const [first, last] = [lba(32), lba(40)];
    const typeCode = guid(entry);
    let name = '';
    for (let at = 56; at < 128 && view.getUint16(at, true) !== 0; at += 2) {
      name += String.fromCharCode(view.getUint16(at, true));
    }
    partitions.push({
      number: index + 1,
      typeCode,
      typeName: GPT_TYPES.get(typeCode) ?? 'unknown type',
      start: first * SECTOR,
      length: Math.max(0, last - first + 1) * SECTOR,
      // Attribute bit 2, "legacy BIOS bootable".
      active: (entry[48] & 4) !== 0,
      name,
    });
  }
  checkPlaces(source, partitions, problems);
  return { scheme: 'gpt', partitions, problems };
}

/** The first three fields of a GUID are little-endian. */
function guid(bytes: Uint8Array): string {
  const order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
  const hex = order.map((index) => bytes[index].toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)]
    .join('-')
    .toUpperCase();
}
