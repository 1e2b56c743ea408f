/**
 * The VHD footer: 512 bytes at the end of every VHD, with a copy at the start of dynamic and differencing files.
 * Source: Virtual Hard Disk Image Format Specification 1.0 (October 2006), "Hard Disk Footer Format".
 */
import { equalBytes, getAscii, getUint64, setAscii, setUint64, viewOf } from './bytes.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { SECTOR_SIZE, type DiskGeometry } from './geometry.ts';
import { getPending, PENDING_OFFSET, PENDING_SIZE, setPending, type PendingOperation } from './pending.ts';
import type { RandomAccessFile } from './random-access-file.ts';

/** Bytes. */
export const FOOTER_SIZE = 512;
const FOOTER_COOKIE = 'conectix';
/** Data offset of a fixed disk: no dynamic header. */
export const NO_DATA_OFFSET: number = 0xffffffff * 2 ** 32 + 0xffffffff;

/** Disk types of the footer. */
export const VhdType = { Fixed: 2, Dynamic: 3, Differencing: 4 } as const;
export type VhdType = (typeof VhdType)[keyof typeof VhdType];

/** Largest disk: 2040 GiB. */
export const MAXIMUM_DISK_BYTES = 2_190_433_320_960;

/** The creator application code that this product writes. */
export const OWN_CREATOR = 'vsts';
const OWN_CREATOR_VERSION = 0x00010000;
const WINDOWS_HOST = 0x5769326b;

/** The footer of every VHD (VHD specification 1.0, "Hard Disk Footer Format"). */
export interface VhdFooter {
  readonly features: number;
  readonly formatVersion: number;
  /** Byte offset of the dynamic header; NO_DATA_OFFSET on fixed disks. */
  readonly dataOffset: number;
  /** Seconds since 2000-01-01 UTC. */
  readonly timeStamp: number;
  /** Four characters. */
  readonly creatorApplication: string;
  readonly creatorVersion: number;
  readonly creatorHost: number;
  /** Bytes. */
  readonly originalSize: number;
  /** Bytes; the capacity that this layer presents. */
  readonly currentSize: number;
  readonly geometry: DiskGeometry;
  readonly diskType: number;
  /** 16 bytes. */
  readonly uniqueId: Uint8Array;
  /** The disk belongs to a machine in saved state. */
  readonly savedState: boolean;
  /** An operation of this product that was interrupted. */
  readonly pending?: PendingOperation | undefined;
}

/** One's complement of the sum of all bytes, the four of the checksum field left out. */
export function vhdChecksum(structure: Uint8Array, checksumOffset: number): number {
  let sum = 0;
  for (let i = 0; i < structure.length; i++) if (i < checksumOffset || i >= checksumOffset + 4) sum += structure[i];
  return ~sum >>> 0;
}

const CHECKSUM_OFFSET = 64;

export function hasFooterCookie(bytes: Uint8Array): boolean {
  return bytes.length >= 8 && getAscii(bytes, 0, 8) === FOOTER_COOKIE;
}

export function footerChecksumIsGood(bytes: Uint8Array): boolean {
  return viewOf(bytes).getUint32(CHECKSUM_OFFSET) === vhdChecksum(bytes, CHECKSUM_OFFSET);
}

/** Takes the fields apart without judging them. `bytes` has 512 bytes. */
export function decodeFooter(bytes: Uint8Array): VhdFooter {
  const view = viewOf(bytes);
  return {
    features: view.getUint32(8),
    formatVersion: view.getUint32(12),
    dataOffset: getUint64(view, 16),
    timeStamp: view.getUint32(24),
    creatorApplication: getAscii(bytes, 28, 4),
    creatorVersion: view.getUint32(32),
    creatorHost: view.getUint32(36),
    originalSize: getUint64(view, 40),
    currentSize: getUint64(view, 48),
    geometry: { cylinders: view.getUint16(56), heads: bytes[58], sectorsPerTrack: bytes[59] },
    diskType: view.getUint32(60),
    uniqueId: bytes.slice(68, 84),
    savedState: bytes[84] !== 0,
    pending: plausiblePending(bytes, view),
  };
}

/** The note about an interrupted operation, if it can be true of this disk: it may come from anybody. */
function plausiblePending(bytes: Uint8Array, view: DataView): PendingOperation | undefined {
  const pending = getPending(bytes);
  const fixed = view.getUint32(60) === VhdType.Fixed;
  if (pending?.kind === 'header') return fixed || pending.offset % SECTOR_SIZE !== 0 ? undefined : pending;
  if (pending?.kind === 'zero') {
    const inDisk = pending.offset % SECTOR_SIZE === 0 && pending.offset + FOOTER_SIZE <= getUint64(view, 48);
    return fixed && inDisk ? pending : undefined;
  }
  return pending;
}

export function encodeFooter(footer: VhdFooter): Uint8Array {
  const bytes = new Uint8Array(FOOTER_SIZE);
  const view = viewOf(bytes);
  setAscii(bytes, 0, FOOTER_COOKIE);
  view.setUint32(8, footer.features);
  view.setUint32(12, footer.formatVersion);
  if (footer.dataOffset >= NO_DATA_OFFSET) bytes.fill(0xff, 16, 24);
  else setUint64(view, 16, footer.dataOffset);
  view.setUint32(24, footer.timeStamp);
  setAscii(bytes, 28, footer.creatorApplication);
  view.setUint32(32, footer.creatorVersion);
  view.setUint32(36, footer.creatorHost);
  setUint64(view, 40, footer.originalSize);
  setUint64(view, 48, footer.currentSize);
  view.setUint16(56, footer.geometry.cylinders);
  bytes[58] = footer.geometry.heads;
  bytes[59] = footer.geometry.sectorsPerTrack;
  view.setUint32(60, footer.diskType);
  bytes.set(footer.uniqueId, 68);
  bytes[84] = footer.savedState ? 1 : 0;
  setPending(bytes, footer.pending);
  view.setUint32(CHECKSUM_OFFSET, vhdChecksum(bytes, CHECKSUM_OFFSET));
  return bytes;
}

/** @throws DiskError `disk-saved-state` unless `ignore`. */
export function checkNotSaved(footer: VhdFooter, fileName: string, ignore: boolean | undefined): void {
  if (!footer.savedState || ignore === true) return;
  throw new DiskError(DiskErrorCode.SavedState, 'it belongs to a machine in saved state', {
    fileName,
    remedy: 'Start that machine and shut it down, or discard its saved state, first.',
  });
}

/** What operations on an existing disk change in its footer. */
export type FooterChanges = Partial<
  Pick<VhdFooter, 'currentSize' | 'geometry' | 'timeStamp' | 'uniqueId' | 'savedState' | 'pending'>
>;

/** The footer with some fields changed. Everything else, the reserved area too, stays as it is. */
export function changedFooter(
  old: Pick<LocatedFooter, 'footer' | 'bytes'>,
  changes: FooterChanges,
): { footer: VhdFooter; bytes: Uint8Array } {
  const bytes = old.bytes.slice();
  const view = viewOf(bytes);
  if (changes.timeStamp !== undefined) view.setUint32(24, changes.timeStamp);
  if (changes.currentSize !== undefined) setUint64(view, 48, changes.currentSize);
  if (changes.geometry !== undefined) {
    view.setUint16(56, changes.geometry.cylinders);
    bytes[58] = changes.geometry.heads;
    bytes[59] = changes.geometry.sectorsPerTrack;
  }
  if (changes.uniqueId !== undefined) bytes.set(changes.uniqueId, 68);
  if (changes.savedState !== undefined) bytes[84] = changes.savedState ? 1 : 0;
  if ('pending' in changes) setPending(bytes, changes.pending);
  view.setUint32(CHECKSUM_OFFSET, vhdChecksum(bytes, CHECKSUM_OFFSET));
  return { footer: decodeFooter(bytes), bytes };
}

/** A footer as this product writes it. */
export function newFooter(
  values: Pick<VhdFooter, 'diskType' | 'currentSize' | 'geometry' | 'uniqueId' | 'timeStamp' | 'dataOffset'> &
    Partial<VhdFooter>,
): VhdFooter {
  return {
    features: 2,
    formatVersion: 0x00010000,
    creatorApplication: OWN_CREATOR,
    creatorVersion: OWN_CREATOR_VERSION,
    creatorHost: WINDOWS_HOST,
    originalSize: values.currentSize,
    savedState: false,
    ...values,
  };
}

/** Where the good footer was found, and what is wrong with the other one. */
export interface LocatedFooter {
  readonly footer: VhdFooter;
  /** The 512 bytes, to be written again unchanged at a new end of file. */
  readonly bytes: Uint8Array;
  /** Offset of the footer at the end; undefined when only the copy at 0 is good. */
  readonly endOffset: number | undefined;
  /** The copy at offset 0 exists and is good (dynamic and differencing files). */
  readonly copyGood: boolean;
  readonly problems: readonly string[];
}

/** True when a footer cookie is at the end of the file or a copy at its start, whatever its state. */
export function looksLikeVhd(file: RandomAccessFile): boolean {
  const size = file.size();
  const bytes = new Uint8Array(8);
  return [size - FOOTER_SIZE, size - FOOTER_SIZE + 1, 0].some(
    (offset) => offset >= 0 && file.read(offset, bytes) === 8 && hasFooterCookie(bytes),
  );
}

/**
 * Finds the footer: the last 512 bytes, the last 511 (products before Virtual PC 2004), or the copy at 0.
 * @throws DiskError `disk-not-an-image` without any footer, `disk-checksum` when none has a good checksum, `disk-bad-field`,
 * `disk-unsupported`.
 */
export function locateFooter(file: RandomAccessFile): LocatedFooter {
  const size = file.size();
  const problems: string[] = [];
  let bad: number | undefined;
  const readAt = (offset: number): Uint8Array | undefined => {
    if (offset < 0) return undefined;
    const bytes = new Uint8Array(FOOTER_SIZE);
    file.read(offset, bytes);
    if (!hasFooterCookie(bytes)) return undefined;
    if (footerChecksumIsGood(bytes)) return bytes;
    bad ??= offset;
    return undefined;
  };
  let endOffset: number | undefined = size - FOOTER_SIZE;
  let end = readAt(endOffset);
  if (end === undefined) {
    endOffset = size - (FOOTER_SIZE - 1);
    end = readAt(endOffset);
  }
  // In a fixed disk offset 0 is the guest's own first sector: only a file that says it has a header has a copy there.
  const isFixed = end !== undefined && decodeFooter(end).diskType === VhdType.Fixed;
  const copy = isFixed || endOffset === 0 ? undefined : readAt(0);
  const bytes = end ?? copy;
  if (bytes === undefined) {
    if (bad !== undefined) {
      throw new DiskError(DiskErrorCode.Checksum, 'the VHD footer has a wrong checksum', {
        fileName: file.name,
        offset: bad,
        remedy: 'The file was damaged or edited by hand; restore it from a copy, or repair a copy of it.',
      });
    }
    throw new DiskError(DiskErrorCode.NotAnImage, 'this is not a VHD: there is no footer at its end', {
      fileName: file.name,
      offset: Math.max(0, size - FOOTER_SIZE),
      remedy:
        'If it was cut off while copying, copy it again; if it holds the plain sectors of a disk, give it the ending .img.',
    });
  }
  const footer = decodeFooter(bytes);
  let copyGood = copy !== undefined;
  if (end === undefined) {
    endOffset = undefined;
    problems.push('the footer at the end is missing or damaged; the copy at the start is used');
    if (footer.diskType === VhdType.Fixed) {
      throw new DiskError(DiskErrorCode.NotAnImage, 'a fixed disk without a footer at its end', {
        fileName: file.name,
      });
    }
  } else if (!isFixed && copy === undefined) {
    problems.push('the copy of the footer at the start of the file is damaged');
  } else if (copy !== undefined && !sameDisk(copy, end)) {
    copyGood = false;
    problems.push('the footer and its copy at the start of the file differ; the footer at the end is used');
  }
  checkFooter(footer, file.name, endOffset ?? 0);
  return { footer, bytes, endOffset, copyGood, problems };
}

/**
 * The fields that describe the disk, and our own notes, agree in two footers; the time stamp and the reserved rest may not. A copy that
 * does not agree must not be used when the footer is lost.
 */
export function sameDisk(one: Uint8Array, other: Uint8Array): boolean {
  return [
    [40, CHECKSUM_OFFSET],
    [CHECKSUM_OFFSET + 4, 84],
    [PENDING_OFFSET, PENDING_OFFSET + PENDING_SIZE],
  ].every(([from, to]) => equalBytes(one.subarray(from, to), other.subarray(from, to)));
}

/** @throws DiskError `disk-unsupported`, `disk-bad-field` for a footer that describes no possible disk. */
export function checkFooter(footer: VhdFooter, fileName: string, offset: number): void {
  const refuse = (code: DiskErrorCode, problem: string): never => {
    throw new DiskError(code, problem, {
      fileName,
      offset,
      remedy: 'The file is damaged or was made by an unknown product.',
    });
  };
  if (footer.formatVersion >>> 16 !== 1) {
    refuse(DiskErrorCode.Unsupported, `VHD format version ${footer.formatVersion.toString(16)}h is not supported`);
  }
  if (footer.diskType < VhdType.Fixed || footer.diskType > VhdType.Differencing) {
    refuse(
      DiskErrorCode.Unsupported,
      `VHD disk type ${footer.diskType} is not fixed (2), dynamic (3) or differencing (4)`,
    );
  }
  if (footer.currentSize === 0 || footer.currentSize > MAXIMUM_DISK_BYTES) {
    refuse(DiskErrorCode.BadField, `the footer states a disk size of ${footer.currentSize} bytes`);
  }
  if (footer.currentSize % SECTOR_SIZE !== 0) {
    refuse(DiskErrorCode.BadField, `the disk size of ${footer.currentSize} bytes is not a whole number of sectors`);
  }
}
