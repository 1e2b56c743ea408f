/** Reading and judging the block allocation table of a dynamic or differencing VHD. */
import { viewOf } from './bytes.ts';
import { DYNAMIC_HEADER_SIZE, UNALLOCATED, type DynamicHeader } from './dynamic-header.ts';
import { FOOTER_SIZE } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import { readExactly, type RandomAccessFile } from './random-access-file.ts';

const READ_SIZE = 65536;

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

/**
 * What is wrong with the entries: outside the file, over the metadata, or over each other. Such a file can still be read where its
 * entries are right, but must not be written. One sentence for each kind of damage.
 */
export function checkBlockTable(
  file: RandomAccessFile,
  table: Uint32Array,
  header: DynamicHeader,
  headerOffset: number,
  bitmapSize: number,
  diskBytes: number,
): string[] {
  const fileSize = file.size();
  const blockSectors = (bitmapSize + header.blockSize) / SECTOR_SIZE;
  const metadata = [
    [0, FOOTER_SIZE],
    [headerOffset, headerOffset + DYNAMIC_HEADER_SIZE],
    [header.tableOffset, header.tableOffset + table.length * 4],
    ...header.locators.filter((l) => l.text !== undefined).map((l) => [l.dataOffset, l.dataOffset + l.dataLength]),
  ];
  const sorted = new Uint32Array(table.length);
  let allocated = 0;
  let outside: number | undefined;
  let cut: number | undefined;
  let overMetadata: number | undefined;
  for (let block = 0; block < table.length; block++) {
    const sector = table[block];
    if (sector === UNALLOCATED) continue;
    sorted[allocated++] = sector;
    const start = sector * SECTOR_SIZE;
    // The last block may be cut where the disk ends: the sectors behind do not exist.
    const end = start + bitmapSize + Math.min(header.blockSize, diskBytes - block * header.blockSize);
    if (start >= fileSize) outside ??= block;
    else if (end > fileSize) cut ??= block;
    if (metadata.some(([from, to]) => start < to && from < end)) overMetadata ??= block;
  }
  const used = sorted.subarray(0, allocated).sort();
  const overlap = used.findIndex((sector, index) => index > 0 && sector < used[index - 1] + blockSectors);
  const problems: string[] = [];
  if (outside !== undefined)
    problems.push(`block ${outside} lies behind the end of the file; the file is opened read-only`);
  if (cut !== undefined) problems.push(`the file ends inside block ${cut}; the file is opened read-only`);
  if (overMetadata !== undefined) {
    problems.push(`block ${overMetadata} lies over the header or the block table; the file is opened read-only`);
  }
  if (overlap > 0)
    problems.push(`two blocks overlap at sector ${used[overlap]} of the file; the file is opened read-only`);
  return problems;
}
