/**
 * A note in the reserved area of the footer about an operation that has taken effect but is not finished: whoever opens the disk next can
 * finish it. Other products ignore the area (and keep or clear it); only a crash leaves such a note behind.
 *
 * Bytes from offset 128 of the footer: `vsts-op` and a zero byte, the kind (32 bits), four zero bytes, an offset in the file (64 bits), 16
 * bytes of identity.
 */
import { getAscii, getUint64, setAscii, setUint64, viewOf } from './bytes.ts';

export const PENDING_OFFSET = 128;
export const PENDING_SIZE = 40;
const MAGIC = 'vsts-op\0';
const Kind = { Header: 1, Zero: 2, Merge: 3, Merged: 4, IntoRaw: 5 } as const;

/**
 * `header`: the dynamic header to be used lies at `offset` and is to be copied to its place. `zero`: the 512 bytes at `offset` are the
 * footer of the disk before it was made larger and read as zeros. `merge`: the child with this id is being merged into this disk.
 * `merged`: that is done, the disk has the child's identity, and the child can be deleted. `merge-into-raw`: this disk is being merged
 * into its parent, a raw image, which has no room for a note and whose fingerprint changes with its content.
 */
export type PendingOperation =
  | { readonly kind: 'header' | 'zero'; readonly offset: number }
  | { readonly kind: 'merge' | 'merged'; readonly childId: Uint8Array }
  | { readonly kind: 'merge-into-raw' };

/** True for the notes that the next writer of the disk finishes by itself; the others stay until a merge is done. */
export function isFinishedByWriting(
  pending: PendingOperation | undefined,
): pending is PendingOperation & { readonly kind: 'header' | 'zero' } {
  return pending?.kind === 'header' || pending?.kind === 'zero';
}

/** The note in a footer of 512 bytes. */
export function getPending(footer: Uint8Array): PendingOperation | undefined {
  if (getAscii(footer, PENDING_OFFSET, MAGIC.length) !== MAGIC) return undefined;
  const view = viewOf(footer);
  const offset = getUint64(view, PENDING_OFFSET + 16);
  const childId = footer.slice(PENDING_OFFSET + 24, PENDING_OFFSET + PENDING_SIZE);
  switch (view.getUint32(PENDING_OFFSET + 8)) {
    case Kind.Header:
      return { kind: 'header', offset };
    case Kind.Zero:
      return { kind: 'zero', offset };
    case Kind.Merge:
      return { kind: 'merge', childId };
    case Kind.Merged:
      return { kind: 'merged', childId };
    case Kind.IntoRaw:
      return { kind: 'merge-into-raw' };
    default:
      return undefined;
  }
}

/** Writes the note, or takes it away. The checksum is the caller's. */
export function setPending(footer: Uint8Array, pending: PendingOperation | undefined): void {
  if (pending === undefined) {
    if (getPending(footer) !== undefined) footer.fill(0, PENDING_OFFSET, PENDING_OFFSET + PENDING_SIZE);
    return;
  }
  footer.fill(0, PENDING_OFFSET, PENDING_OFFSET + PENDING_SIZE);
  setAscii(footer, PENDING_OFFSET, MAGIC);
  const view = viewOf(footer);
  switch (pending.kind) {
    case 'header':
    case 'zero':
      view.setUint32(PENDING_OFFSET + 8, pending.kind === 'header' ? Kind.Header : Kind.Zero);
      setUint64(view, PENDING_OFFSET + 16, pending.offset);
      break;
    case 'merge':
    case 'merged':
      view.setUint32(PENDING_OFFSET + 8, pending.kind === 'merge' ? Kind.Merge : Kind.Merged);
      footer.set(pending.childId, PENDING_OFFSET + 24);
      break;
    case 'merge-into-raw':
      view.setUint32(PENDING_OFFSET + 8, Kind.IntoRaw);
      break;
  }
}
