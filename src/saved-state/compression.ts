/** Compression and checksums of saved states, behind one interface for Node (zlib) and pages. This is the one for pages. */
import { deflateSync, inflateSync } from 'fflate';

export interface Compression {
  /** Raw DEFLATE (RFC 1951). */
  deflate(raw: Uint8Array): Uint8Array;
  /** Fills `into` exactly; never takes more memory than that. @throws Error for anything else */
  inflate(stored: Uint8Array, into: Uint8Array): void;
  /** CRC-32 of ISO 3309, as in PNG and gzip. */
  crc32(bytes: Uint8Array): number;
}

/** Speed matters more than the last percent: a guest stands still while it is saved. */
export const LEVEL = 1;
const POLYNOMIAL = 0xedb88320;
const SLICES = 8;

/** Tables for eight bytes at once ("slicing by 8"): entry n of slice s is byte n followed by s zero bytes. */
const TABLES = ((): Uint32Array => {
  const tables = new Uint32Array(256 * SLICES);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    tables[n] = c;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!;
    tables[at] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
})();

export function crc32(bytes: Uint8Array): number {
  const t = TABLES;
  let c = 0xffffffff;
  let at = 0;
  const whole = bytes.length - (bytes.length % SLICES);
  while (at < whole) {
    c ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    c =
      t[0x700 + (c & 0xff)]! ^
      t[0x600 + ((c >>> 8) & 0xff)]! ^
      t[0x500 + ((c >>> 16) & 0xff)]! ^
      t[0x400 + (c >>> 24)]! ^
      t[0x300 + bytes[at + 4]!]! ^
      t[0x200 + bytes[at + 5]!]! ^
      t[0x100 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
    at += SLICES;
  }
  for (; at < bytes.length; at++) c = t[(c ^ bytes[at]!) & 0xff]! ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}

export const pureCompression: Compression = {
  deflate: (raw) => deflateSync(raw, { level: LEVEL }),
  inflate: (stored, into) => {
    const out = inflateSync(stored, { out: into });
    if (out.length !== into.length) throw new Error(`${out.length} instead of ${into.length} bytes`);
  },
  crc32,
};
