/**
 * The file format of saved states, described in docs/saved-state.md: a header of 64 bytes, compressed blocks of memory,
 * and a directory (JSON, compressed) that names everything. The header is written last: a file without it is no state.
 */
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { SavedStateError, SavedStateErrorCode } from './errors.ts';
import type { Compression } from './compression.ts';

/** The first eight bytes. */
export const MAGIC = 'VSSTATE\x1a';
/** Version of header, blocks and directory; devices have versions of their own. */
export const FORMAT = 1;
export const HEADER_BYTES = 64;
/** Memory is compressed in blocks of this size. */
export const BLOCK_BYTES = 256 << 10;
/** A directory that says it is larger is not believed. */
export const MAX_DIRECTORY_BYTES = 64 << 20;

const AT = {
  magic: 0,
  format: 8,
  length: 12,
  offset: 16,
  stored: 24,
  raw: 28,
  crc: 32,
  file: 40,
  headerCrc: 60,
} as const;

/** Where the directory is. */
export interface Header {
  readonly offset: number;
  readonly stored: number;
  readonly raw: number;
  readonly crc: number;
  /** Bytes of the whole file. */
  readonly fileBytes: number;
}

export function encodeHeader(header: Header, compression: Compression): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < MAGIC.length; i++) bytes[AT.magic + i] = MAGIC.charCodeAt(i);
  view.setUint32(AT.format, FORMAT, true);
  view.setUint32(AT.length, HEADER_BYTES, true);
  view.setBigUint64(AT.offset, BigInt(header.offset), true);
  view.setUint32(AT.stored, header.stored, true);
  view.setUint32(AT.raw, header.raw, true);
  view.setUint32(AT.crc, header.crc, true);
  view.setBigUint64(AT.file, BigInt(header.fileBytes), true);
  view.setUint32(AT.headerCrc, compression.crc32(bytes.subarray(0, AT.headerCrc)), true);
  return bytes;
}

/** What a file is, judged by its first bytes. */
export type StateKind = 'state' | 'placeholder' | 'foreign';

const PROBE_BYTES = 4096;

/** Zeros at the start are space kept free for a state; the original product keeps it in the same way. */
export function detectState(file: RandomAccessFile): StateKind {
  const bytes = new Uint8Array(PROBE_BYTES);
  const probe = bytes.subarray(0, file.read(0, bytes));
  if (probe.every((byte) => byte === 0)) return 'placeholder';
  return [...MAGIC].every((character, i) => probe[i] === character.charCodeAt(0)) ? 'state' : 'foreign';
}

const COPY_AGAIN = 'Copy the file again from its source, or discard the state: the disks are as after a power cut';

/** @throws SavedStateError */
export function readHeader(file: RandomAccessFile, compression: Compression): Header {
  const fileName = file.name;
  const kind = detectState(file);
  if (kind === 'placeholder')
    throw new SavedStateError(SavedStateErrorCode.Placeholder, 'this file only keeps space free; no state was saved', {
      fileName,
      remedy: 'Start the machine from its disks',
    });
  if (kind === 'foreign')
    throw new SavedStateError(
      SavedStateErrorCode.Foreign,
      'this is not a saved state of this product; those of the original one cannot be restored by any other',
      {
        fileName,
        offset: 0,
        remedy: 'Restore and shut down the machine in the product that saved it, or discard the state',
      },
    );
  const bytes = new Uint8Array(HEADER_BYTES);
  if (file.read(0, bytes) < HEADER_BYTES)
    throw new SavedStateError(SavedStateErrorCode.Truncated, 'the file ends inside its header', {
      fileName,
      offset: file.size(),
      remedy: COPY_AGAIN,
    });
  const view = new DataView(bytes.buffer);
  const format = view.getUint32(AT.format, true);
  if (format > FORMAT)
    throw new SavedStateError(
      SavedStateErrorCode.Version,
      `format ${format} is newer than ${FORMAT}, the newest this release knows`,
      { fileName, offset: AT.format, remedy: 'Restore it with a later release' },
    );
  if (compression.crc32(bytes.subarray(0, AT.headerCrc)) !== view.getUint32(AT.headerCrc, true))
    throw new SavedStateError(SavedStateErrorCode.Checksum, 'the header is damaged', {
      fileName,
      offset: 0,
      remedy: COPY_AGAIN,
    });
  const header: Header = {
    offset: Number(view.getBigUint64(AT.offset, true)),
    stored: view.getUint32(AT.stored, true),
    raw: view.getUint32(AT.raw, true),
    crc: view.getUint32(AT.crc, true),
    fileBytes: Number(view.getBigUint64(AT.file, true)),
  };
  if (header.fileBytes > file.size())
    throw new SavedStateError(SavedStateErrorCode.Truncated, `${header.fileBytes - file.size()} bytes are missing`, {
      fileName,
      offset: file.size(),
      remedy: COPY_AGAIN,
    });
  if (
    header.raw > MAX_DIRECTORY_BYTES ||
    header.stored > header.raw + 1024 ||
    header.offset + header.stored > header.fileBytes
  )
    throw new SavedStateError(SavedStateErrorCode.Damaged, 'the header names an impossible directory', {
      fileName,
      offset: AT.offset,
      remedy: COPY_AGAIN,
    });
  return header;
}
