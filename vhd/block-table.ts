/** Reading and judging the block allocation table of a dynamic or differencing VHD. */
import { viewOf } from './bytes.ts';
import { DYNAMIC_HEADER_SIZE, UNALLOCATED, type DynamicHeader } from './dynamic-header.ts';
import { FOOTER_SIZE } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import { readExactly, type RandomAccessFile } from './random-access-file.ts';
import { bitmapSizeOf } from './sector-bitmaps.ts';

const READ_SIZE = 65536;
const ENTRIES_PER_SECTOR = SECTOR_SIZE / 4;

/** The first `entries` entries. The header was checked: they lie inside the file. */
export function readBlockTable(file: RandomAccessFile, header: DynamicHeader, entries: number): Uint32Array {
  const table = new Uint32Array(entries);
  const buffer = new Uint8Array(Math.min(READ_SIZE, entries * 4));
  for (let first = 0; first < entries; first += READ_SIZE / 4) {
    const part = buffer.subarray(0, Math.min(READ_SIZE, (entries - first) * 4));
    readExactly(file, header.tableOffset + first * 4, part, 'the block table');
    const view = viewOf(part);
    for (let i = 0; i < part.length / 4; i++) table[first + i] = view.getUint32(i * 4);
  }
  return table;
}

/** Writes every sector of the table that holds one of `blocks`, each once. */
export function writeTableEntries(
  file: RandomAccessFile,
  tableOffset: number,
  table: Uint32Array,
  blocks: Iterable<number>,
): void {
  const sectors = new Set<number>();
  for (const block of blocks) sectors.add(Math.floor(block / ENTRIES_PER_SECTOR));
  for (const sector of sectors) {
    const first = sector * ENTRIES_PER_SECTOR;
    file.write(tableOffset + first * 4, encodeTable(table.subarray(first, first + ENTRIES_PER_SECTOR)));
  }
}

/** Entries as the file holds them. */
export function encodeTable(entries: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(entries.length * 4);
  const view = viewOf(bytes);
  for (let i = 0; i < entries.length; i++) view.setUint32(i * 4, entries[i]);
  return bytes;
}

/** A part of the file: from the first byte to the one behind the last. */
export type ByteRange = readonly [from: number, to: number];

/** The parts of a dynamic file that are neither blocks nor the footer at the end. */
export function metadataRanges(header: DynamicHeader, headerOffset: number, entries: number): ByteRange[] {
  return [
    [0, FOOTER_SIZE],
    [headerOffset, headerOffset + DYNAMIC_HEADER_SIZE],
    [header.tableOffset, header.tableOffset + entries * 4],
    ...header.locators
      .filter((l) => l.text !== undefined)
      .map((l): ByteRange => [l.dataOffset, l.dataOffset + l.dataLength]),
  ];
}

/** What is wrong with one entry of the table. */
export interface EntryProblem {
  readonly kind: 'outside' | 'cut' | 'metadata' | 'overlap';
  readonly block: number;
  /** For an overlap: the block that lies there too and comes first in the file. */
  readonly other?: number;
}

/** A judged table. */
export interface TableLayout {
  readonly allocated: number;
  /** First sectors of the allocated blocks, in file order. */
  readonly starts: Uint32Array;
  /** The first few problems of each kind. */
  readonly problems: readonly EntryProblem[];
  /** How many there are of each kind. */
  readonly counts: Readonly<Record<EntryProblem['kind'], number>>;
  /** Behind the last byte of the last block. */
  readonly end: number;
}

/** Problems listed one by one, of each kind, where nobody needs all. */
export const LISTED = 100;

/**
 * Judges the entries: outside the file, over the metadata, over each other.
 * @param dataEnd where the footer at the end begins, or the end of a file without one.
 * @param listed problems of each kind that are listed; the rest is counted.
 */
export function judgeTable(
  dataEnd: number,
  table: Uint32Array,
  header: DynamicHeader,
  headerOffset: number,
  diskBytes: number,
  listed: number = LISTED,
): TableLayout {
  const span = bitmapSizeOf(header.blockSize) + header.blockSize;
  const spanSectors = span / SECTOR_SIZE;
  const metadata = metadataRanges(header, headerOffset, table.length);
  const lastMetadata = Math.max(...metadata.map(([, to]) => to));
  const problems: EntryProblem[] = [];
  const counts = { outside: 0, cut: 0, metadata: 0, overlap: 0 };
  const found = (kind: EntryProblem['kind'], block: number, other?: number): void => {
    if (counts[kind]++ < listed) problems.push(other === undefined ? { kind, block } : { kind, block, other });
  };
  const sorted = new Uint32Array(table.length);
  let allocated = 0;
  let end = 0;
  for (let block = 0; block < table.length; block++) {
    const sector = table[block];
    if (sector === UNALLOCATED) continue;
    sorted[allocated++] = sector;
    const start = sector * SECTOR_SIZE;
    // The last block may be cut where the disk ends: the sectors behind do not exist.
    const needed = start + span - header.blockSize + Math.min(header.blockSize, diskBytes - block * header.blockSize);
    if (start >= dataEnd) found('outside', block);
    else if (needed > dataEnd) found('cut', block);
    if (start < dataEnd) end = Math.max(end, start + span);
    if (start < lastMetadata && metadata.some(([from, to]) => start < to && from < start + span))
      found('metadata', block);
  }
  const starts = sorted.subarray(0, allocated).sort();
  let overlaps = false;
  for (let i = 1; i < allocated && !overlaps; i++) overlaps = starts[i] < starts[i - 1] + spanSectors;
  if (overlaps) findOverlaps(table, spanSectors, found);
  return { allocated, starts, problems, counts, end };
}

function findOverlaps(
  table: Uint32Array,
  spanSectors: number,
  found: (kind: 'overlap', block: number, other: number) => void,
): void {
  const blocks = new Uint32Array(table.length);
  let count = 0;
  for (let block = 0; block < table.length; block++) if (table[block] !== UNALLOCATED) blocks[count++] = block;
  const inFileOrder = blocks.subarray(0, count).sort((a, b) => table[a] - table[b] || a - b);
  let keeper = 0;
  for (let i = 1; i < count; i++) {
    if (table[inFileOrder[i]] < table[inFileOrder[keeper]] + spanSectors)
      found('overlap', inFileOrder[i], inFileOrder[keeper]);
    else keeper = i;
  }
}

/** One sentence for each kind of damage, for people who open the disk. */
export function tableSentences(layout: TableLayout): string[] {
  const first = (kind: EntryProblem['kind']): EntryProblem | undefined => layout.problems.find((p) => p.kind === kind);
  const sentences: string[] = [];
  const add = (kind: EntryProblem['kind'], say: (problem: EntryProblem) => string): void => {
    const problem = first(kind);
    if (problem !== undefined) sentences.push(`${say(problem)}; the file is opened read-only`);
  };
  add('outside', ({ block }) => `block ${block} lies behind the end of the file`);
  add('cut', ({ block }) => `the file ends inside block ${block}`);
  add('metadata', ({ block }) => `block ${block} lies over the header or the block table`);
  add('overlap', ({ block, other }) => `blocks ${other} and ${block} overlap in the file`);
  return sentences;
}

/**
 * Where another block fits: first sectors of space that neither blocks nor metadata use, at most `limit`.
 * @param end of the space, in bytes: the place of the footer.
 */
export function freeSpans(
  layout: TableLayout,
  spanSectors: number,
  metadata: readonly ByteRange[],
  end: number,
  limit: number,
): number[] {
  const spans: number[] = [];
  const addBetween = (from: number, to: number): void => {
    for (let start = from; start + spanSectors <= to && spans.length < limit; start += spanSectors) {
      const bytes = start * SECTOR_SIZE;
      if (!metadata.some(([a, b]) => bytes < b && a < bytes + spanSectors * SECTOR_SIZE)) spans.push(start);
    }
  };
  const { starts } = layout;
  const endSector = Math.floor(end / SECTOR_SIZE);
  const first = starts.length > 0 ? starts[0] : endSector;
  // What lies before the first block.
  const before = metadata.filter(([from]) => from < first * SECTOR_SIZE).map(([, to]) => to);
  addBetween(Math.ceil(Math.max(...before) / SECTOR_SIZE), first);
  for (let i = 1; i < starts.length && spans.length < limit; i++) addBetween(starts[i - 1] + spanSectors, starts[i]);
  if (starts.length > 0) addBetween(starts[starts.length - 1] + spanSectors, endSector);
  return spans;
}
