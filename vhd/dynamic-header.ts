/**
 * The dynamic disk header and the parent locators in it.
 * Source: Virtual Hard Disk Image Format Specification 1.0, "Dynamic Disk Header Format" and "Parent Locator Entry".
 */
import { decodeUtf16, encodeUtf16, getAscii, getUint64, setAscii, setUint64, viewOf } from './bytes.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { vhdChecksum } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import { readExactly, type RandomAccessFile } from './random-access-file.ts';

/** Bytes. */
export const DYNAMIC_HEADER_SIZE = 1024;
const COOKIE = 'cxsparse';
const CHECKSUM_OFFSET = 36;
const PARENT_NAME_OFFSET = 64;
const PARENT_NAME_SIZE = 512;
const LOCATOR_OFFSET = 576;
const LOCATOR_COUNT = 8;
const LOCATOR_SIZE = 24;
/** No path is longer than this; a locator that says so is left out. */
const MAXIMUM_LOCATOR_BYTES = 65536;
/** Table entries that are loaded at most (16 MiB): enough for 2040 GiB in blocks of 512 KiB. */
export const MAXIMUM_TABLE_ENTRIES = 4 * 1024 * 1024;
const MAXIMUM_BLOCK_SIZE = 256 * 1024 * 1024;

/** A block that has no space in the file. */
export const UNALLOCATED = 0xffffffff;

/** Platform codes of parent locators: Windows relative and absolute paths in UTF-16 or ANSI, Macintosh paths. */
export type LocatorPlatform = 'W2ru' | 'W2ku' | 'Wi2r' | 'Wi2k' | 'MacX' | 'Mac ';

/** A parent locator as the file holds it. `text` is undefined for opaque or damaged data. */
export interface ParentLocator {
  readonly slot: number;
  readonly platform: string;
  /** Space for the data in the file, as stated (writers differ between bytes and sectors). */
  readonly dataSpace: number;
  readonly dataLength: number;
  readonly dataOffset: number;
  readonly text: string | undefined;
}

/** The header of dynamic and differencing disks (VHD specification 1.0, "Dynamic Disk Header Format"). */
export interface DynamicHeader {
  /** Byte offset of the block allocation table. */
  readonly tableOffset: number;
  readonly maxTableEntries: number;
  /** Data bytes of a block. */
  readonly blockSize: number;
  /** 16 bytes; zero on dynamic disks. */
  readonly parentId: Uint8Array;
  readonly parentTimeStamp: number;
  readonly parentName: string;
  readonly locators: readonly ParentLocator[];
}

/**
 * Reads and checks the header at `offset` of a disk of `diskBytes` bytes. Every size is checked before anything is allocated for it.
 * @param ignoreChecksum for examining a damaged file.
 * @throws DiskError `disk-truncated`, `disk-checksum`, `disk-bad-field`, `disk-unsupported`.
 */
export function readDynamicHeader(
  file: RandomAccessFile,
  offset: number,
  diskBytes: number,
  ignoreChecksum = false,
): DynamicHeader {
  const fileSize = file.size();
  const refuse = (code: DiskErrorCode, problem: string, at: number): never => {
    throw new DiskError(code, problem, {
      fileName: file.name,
      offset: at,
      remedy: 'The file is damaged; restore it from a copy, or repair a copy of it.',
    });
  };
  if (offset < SECTOR_SIZE || offset % SECTOR_SIZE !== 0 || offset + DYNAMIC_HEADER_SIZE > fileSize) {
    refuse(DiskErrorCode.BadField, `the footer places the dynamic header at byte ${offset}, outside the file`, 16);
  }
  const bytes = new Uint8Array(DYNAMIC_HEADER_SIZE);
  readExactly(file, offset, bytes, 'the dynamic header');
  const view = viewOf(bytes);
  if (getAscii(bytes, 0, 8) !== COOKIE) {
    refuse(DiskErrorCode.BadField, 'the dynamic header does not begin with "cxsparse"', offset);
  }
  if (!ignoreChecksum && view.getUint32(CHECKSUM_OFFSET) !== vhdChecksum(bytes, CHECKSUM_OFFSET)) {
    refuse(DiskErrorCode.Checksum, 'the dynamic header has a wrong checksum', offset + CHECKSUM_OFFSET);
  }
  if (view.getUint32(24) >>> 16 !== 1) {
    const version = view.getUint32(24).toString(16);
    refuse(DiskErrorCode.Unsupported, `dynamic header version ${version}h is not supported`, offset + 24);
  }
  const tableOffset = getUint64(view, 16);
  const maxTableEntries = view.getUint32(28);
  const blockSize = view.getUint32(32);
  if (blockSize < SECTOR_SIZE || blockSize > MAXIMUM_BLOCK_SIZE || (blockSize & (blockSize - 1)) !== 0) {
    refuse(DiskErrorCode.BadField, `a block size of ${blockSize} bytes is not possible`, offset + 32);
  }
  const needed = Math.ceil(diskBytes / blockSize);
  if (maxTableEntries < needed) {
    const problem = `the block table has ${maxTableEntries} entries, but the disk has ${needed} blocks`;
    refuse(DiskErrorCode.BadField, problem, offset + 28);
  }
  if (needed > MAXIMUM_TABLE_ENTRIES) {
    refuse(DiskErrorCode.Unsupported, `the disk has ${needed} blocks of ${blockSize} bytes, too many`, offset + 32);
  }
  if (tableOffset < SECTOR_SIZE || tableOffset % SECTOR_SIZE !== 0) {
    refuse(DiskErrorCode.BadField, `the block table cannot be at byte ${tableOffset}`, offset + 16);
  }
  if (tableOffset + needed * 4 > fileSize) {
    refuse(
      DiskErrorCode.Truncated,
      `the block table at byte ${tableOffset} reaches past the end of the file`,
      offset + 16,
    );
  }
  return {
    tableOffset,
    maxTableEntries,
    blockSize,
    parentId: bytes.slice(40, 56),
    parentTimeStamp: view.getUint32(56),
    parentName: decodeUtf16(bytes.subarray(PARENT_NAME_OFFSET, PARENT_NAME_OFFSET + PARENT_NAME_SIZE), false),
    locators: readLocators(file, bytes, fileSize),
  };
}

/** Gives the bytes of a header another place and length of the block table, and their checksum. */
export function patchTable(header: Uint8Array, tableOffset: number, entries: number): void {
  const view = viewOf(header);
  setUint64(view, 16, tableOffset);
  view.setUint32(28, entries);
  view.setUint32(CHECKSUM_OFFSET, vhdChecksum(header, CHECKSUM_OFFSET));
}

function readLocators(file: RandomAccessFile, header: Uint8Array, fileSize: number): ParentLocator[] {
  const view = viewOf(header);
  const locators: ParentLocator[] = [];
  for (let slot = 0; slot < LOCATOR_COUNT; slot++) {
    const at = LOCATOR_OFFSET + slot * LOCATOR_SIZE;
    if (view.getUint32(at) === 0) continue;
    const platform = getAscii(header, at, 4);
    const dataLength = view.getUint32(at + 8);
    const dataOffset = getUint64(view, at + 16);
    let text: string | undefined;
    if (dataLength > 0 && dataLength <= MAXIMUM_LOCATOR_BYTES && dataOffset + dataLength <= fileSize) {
      const data = new Uint8Array(dataLength);
      file.read(dataOffset, data);
      text = decodeLocator(platform, data);
    }
    locators.push({ slot, platform, dataSpace: view.getUint32(at + 4), dataLength, dataOffset, text });
  }
  return locators;
}

function decodeLocator(platform: string, data: Uint8Array): string | undefined {
  switch (platform) {
    case 'W2ru':
    case 'W2ku':
      return decodeUtf16(data, true);
    case 'Wi2r':
    case 'Wi2k':
      return new TextDecoder('windows-1252').decode(data).replace(/\0.*$/s, '');
    case 'MacX':
      return new TextDecoder().decode(data).replace(/\0.*$/s, '');
    default:
      return undefined;
  }
}

/** A locator to be written. */
export interface NewLocator {
  readonly platform: LocatorPlatform;
  readonly text: string;
}

function encodeLocator({ platform, text }: NewLocator): Uint8Array {
  return platform.startsWith('W2') ? encodeUtf16(text, true) : new TextEncoder().encode(text);
}

/** A locator as it is, for copying: its bytes may mean something that this product does not know. */
export interface RawLocator {
  readonly platform: string;
  readonly data: Uint8Array;
}

/** The locators of a file, unchanged. Those that point outside the file are left out. */
export function rawLocators(file: RandomAccessFile, header: DynamicHeader): RawLocator[] {
  const raw: RawLocator[] = [];
  for (const { platform, dataLength, dataOffset } of header.locators) {
    if (dataLength === 0 || dataLength > MAXIMUM_LOCATOR_BYTES || dataOffset + dataLength > file.size()) continue;
    const data = new Uint8Array(dataLength);
    file.read(dataOffset, data);
    raw.push({ platform, data });
  }
  return raw;
}

export interface NewDynamicHeader {
  readonly tableOffset: number;
  readonly maxTableEntries: number;
  readonly blockSize: number;
  readonly parentId?: Uint8Array;
  readonly parentTimeStamp?: number;
  readonly parentName?: string;
  readonly locators?: readonly (NewLocator | RawLocator)[];
}

/**
 * The bytes of a header and of its locator data, which is placed from `locatorStart` on, each on a sector boundary.
 * @throws DiskError `disk-bad-field` for a parent name or path that does not fit.
 */
export function encodeDynamicHeader(
  header: NewDynamicHeader,
  locatorStart: number,
): { bytes: Uint8Array; data: { offset: number; bytes: Uint8Array }[] } {
  const bytes = new Uint8Array(DYNAMIC_HEADER_SIZE);
  const view = viewOf(bytes);
  setAscii(bytes, 0, COOKIE);
  bytes.fill(0xff, 8, 16);
  setUint64(view, 16, header.tableOffset);
  view.setUint32(24, 0x00010000);
  view.setUint32(28, header.maxTableEntries);
  view.setUint32(32, header.blockSize);
  if (header.parentId !== undefined) bytes.set(header.parentId, 40);
  view.setUint32(56, header.parentTimeStamp ?? 0);
  // The name field is informative beside the locators: a path that is too long is cut in front, so that the file name survives.
  const name = (header.parentName ?? '').slice(-(PARENT_NAME_SIZE / 2 - 1));
  bytes.set(encodeUtf16(name, false), PARENT_NAME_OFFSET);
  const data: { offset: number; bytes: Uint8Array }[] = [];
  let offset = locatorStart;
  for (const [slot, locator] of (header.locators ?? []).slice(0, LOCATOR_COUNT).entries()) {
    const text = 'data' in locator ? locator.data : encodeLocator(locator);
    if (text.length > MAXIMUM_LOCATOR_BYTES) {
      throw new DiskError(DiskErrorCode.BadField, `a parent path of ${text.length} bytes is too long`);
    }
    const space = Math.ceil(text.length / SECTOR_SIZE) * SECTOR_SIZE;
    const at = LOCATOR_OFFSET + slot * LOCATOR_SIZE;
    setAscii(bytes, at, locator.platform);
    view.setUint32(at + 4, space);
    view.setUint32(at + 8, text.length);
    setUint64(view, at + 16, offset);
    const padded = new Uint8Array(space);
    padded.set(text);
    data.push({ offset, bytes: padded });
    offset += space;
  }
  view.setUint32(CHECKSUM_OFFSET, vhdChecksum(bytes, CHECKSUM_OFFSET));
  return { bytes, data };
}
