/** Compression by Node's zlib. */
import zlib from 'node:zlib';
import { LEVEL, crc32, type Compression } from './compression.ts';

/** From Node 20.15 on. */
const native = (zlib as { crc32?: (data: Uint8Array) => number }).crc32;

export const nodeCompression: Compression = {
  deflate: (raw) => zlib.deflateRawSync(raw, { level: LEVEL }),
  inflate: (stored, into) => {
    const out = zlib.inflateRawSync(stored, { maxOutputLength: into.length });
    if (out.length !== into.length) throw new Error(`${out.length} instead of ${into.length} bytes`);
    into.set(out);
  },
  crc32: native ?? crc32,
};
