/** Guest images as emulators take them. */
import { readFileSync } from 'node:fs';
import type { Guest } from '../types.ts';

/** Offset of the factor on all counts: see kernels/frame.inc. */
const SCALE_OFFSET = 32;

/** The file's bytes; a bare image with its scale filled in. */
export function guestImage(guest: Guest): Uint8Array {
  const bytes = new Uint8Array(readFileSync(guest.path));
  if (guest.kind === 'multiboot')
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(SCALE_OFFSET, guest.scale, true);
  return bytes;
}
