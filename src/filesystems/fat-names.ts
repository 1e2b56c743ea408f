/**
 * Names and times in the folders of FAT.
 * Source: Microsoft FAT32 File System Specification 1.03, "FAT Long Directory Entries" and "Date and Time Formats".
 */
import { fromCp437 } from '../display/cp437.ts';

/** Where the 13 characters of a part lie in its record. */
const CHARACTER_OFFSETS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
const LAST_PART = 0x40;
const MAXIMUM_PARTS = 20;

/** Windows NT keeps a name that is all lower case in one record: bits for base and extension. */
const LOWER_BASE = 0x08;
const LOWER_EXTENSION = 0x10;

/** Puts long names together from the records before the one they belong to. */
export class FatNames {
  private parts: string[] = [];
  /** Number of the part that has to come next; 0 when the name is complete or there is none. */
  private expected = 0;
  private checksum = 0;

  addPart(record: Uint8Array): void {
    const number = record[0] & 0x3f;
    if ((record[0] & LAST_PART) !== 0 && record[0] !== 0xe5) {
      this.parts = [];
      this.expected = number;
      this.checksum = record[13];
    }
    if (number === 0 || number > MAXIMUM_PARTS || number !== this.expected || record[13] !== this.checksum) {
      this.reset();
      return;
    }
    const view = new DataView(record.buffer, record.byteOffset);
    let part = '';
    for (const at of CHARACTER_OFFSETS) {
      const unit = view.getUint16(at, true);
      if (unit === 0) break;
      part += String.fromCharCode(unit);
    }
    this.parts.unshift(part);
    this.expected--;
  }

  /** The names of the entry that `record` is; a long name only where its parts are complete and belong to it. */
  take(record: Uint8Array): { long: string | undefined; short: string } {
    const complete = this.parts.length > 0 && this.expected === 0 && this.checksum === shortChecksum(record);
    const long = complete ? this.parts.join('') : undefined;
    this.reset();
    return { long: long === '' ? undefined : long, short: shortName(record) };
  }

  private reset(): void {
    this.parts = [];
    this.expected = 0;
  }
}

function shortChecksum(record: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < 11; i++) sum = (((sum & 1) << 7) + (sum >> 1) + record[i]) & 0xff;
  return sum;
}

function shortName(record: Uint8Array): string {
  const codes = record.slice(0, 11);
  // E5h marks deleted entries; a name that begins with it is stored with 05h.
  if (codes[0] === 0x05) codes[0] = 0xe5;
  let base = fromCp437(codes.subarray(0, 8)).trimEnd();
  let extension = fromCp437(codes.subarray(8)).trimEnd();
  if ((record[12] & LOWER_BASE) !== 0) base = base.toLowerCase();
  if ((record[12] & LOWER_EXTENSION) !== 0) extension = extension.toLowerCase();
  return extension === '' ? base : `${base}.${extension}`;
}

/** Local time as ISO 8601 without a zone; undefined for 0 and for dates that do not exist. */
export function dosTime(date: number, time: number): string | undefined {
  const day = date & 31;
  const month = (date >> 5) & 15;
  const year = 1980 + (date >> 9);
  const [hour, minute, second] = [time >> 11, (time >> 5) & 63, (time & 31) * 2];
  if (day === 0 || month === 0 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined;
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}`;
}
