/**
 * Rock Ridge: names, kinds, links and times of POSIX files in the system use areas of ISO 9660 directory records.
 * Sources: IEEE P1281 (System Use Sharing Protocol) 1.12: SP, CE, ST; IEEE P1282 1.12: NM, PX, SL, TF, CL, RE.
 */
import { latin1, peek, type ByteSource } from './byte-source.ts';
import { recordTime } from './iso9660-time.ts';

/** Continuation areas that are followed for one record. */
const MAXIMUM_CONTINUATIONS = 32;
const MAXIMUM_NAME = 1024;
const MAXIMUM_TARGET = 4096;

export interface RockRidge {
  readonly name: string | undefined;
  readonly kind: 'file' | 'folder' | 'link' | 'other' | undefined;
  readonly target: string | undefined;
  readonly modified: string | undefined;
  /** Block of a folder that was moved elsewhere because of its depth. */
  readonly childBlock: number | undefined;
  /** This is such a folder at its new place. */
  readonly relocated: boolean;
}

/** How many bytes to leave out before the entries; undefined without an SP entry. `area` belongs to the "." record of the root. */
export function suspSkip(area: Uint8Array): number | undefined {
  // CD-ROM XA puts 14 bytes of its own before.
  for (const at of [0, 14]) {
    if (
      area.length >= at + 7 &&
      latin1(area.subarray(at, at + 2)) === 'SP' &&
      area[at + 4] === 0xbe &&
      area[at + 5] === 0xef
    ) {
      return area[at + 6];
    }
  }
  return undefined;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** @param sectorSize unit of the blocks in CE entries, bytes */
export function readRockRidge(source: ByteSource, systemUse: Uint8Array, skip: number, sectorSize: number): RockRidge {
  const nameParts: Uint8Array[] = [];
  let nameBytes = 0;
  let target = '';
  /** The next part of the link's target goes on in the same component. */
  let glued = true;
  let kind: RockRidge['kind'];
  let modified: string | undefined;
  let childBlock: number | undefined;
  let relocated = false;
  let area: Uint8Array | undefined = systemUse.subarray(skip);
  for (let round = 0; area !== undefined && round < MAXIMUM_CONTINUATIONS; round++) {
    let following: Uint8Array | undefined;
    for (let at = 0; at + 4 <= area.length;) {
      const length = area[at + 2];
      if (length < 4 || at + length > area.length) break;
      const entry = area.subarray(at, at + length);
      const view = new DataView(entry.buffer, entry.byteOffset);
      at += length;
      switch (latin1(entry.subarray(0, 2))) {
        case 'NM':
          // Flags 1 (continues), 2 and 4 (the folder itself and its parent).
          if (length > 5 && (entry[4] & 6) === 0 && nameBytes < MAXIMUM_NAME) {
            nameParts.push(entry.subarray(5));
            nameBytes += length - 5;
          }
          break;
        case 'PX':
          if (length >= 8) kind = kindOfMode(view.getUint32(4, true));
          break;
        case 'SL':
          if (target.length < MAXIMUM_TARGET) [target, glued] = addLink(target, glued, entry);
          break;
        case 'TF':
          modified = timeOf(entry) ?? modified;
          break;
        case 'CL':
          if (length >= 8) childBlock = view.getUint32(4, true);
          break;
        case 'RE':
          relocated = true;
          break;
        case 'CE':
          if (length >= 28) {
            const start = view.getUint32(4, true) * sectorSize + view.getUint32(12, true);
            following = peek(source, start, Math.min(view.getUint32(20, true), sectorSize));
          }
          break;
        case 'ST':
          at = area.length;
          break;
      }
    }
    area = following;
  }
  const name = text(concatenate(nameParts, nameBytes));
  return {
    name: name === '' ? undefined : name,
    kind,
    target: target === '' ? undefined : target,
    modified,
    childBlock,
    relocated,
  };
}

function concatenate(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** POSIX file mode: the type is in the upper bits. */
function kindOfMode(mode: number): NonNullable<RockRidge['kind']> {
  switch (mode & 0xf000) {
    case 0x8000:
      return 'file';
    case 0x4000:
      return 'folder';
    case 0xa000:
      return 'link';
    default:
      return 'other';
  }
}

/** P1282, 4.1.3.1: components with flags 1 (continues), 2 (.), 4 (..), 8 (root). */
function addLink(before: string, gluedBefore: boolean, entry: Uint8Array): [string, boolean] {
  let target = before;
  let glued = gluedBefore;
  for (let at = 5; at + 2 <= entry.length;) {
    const flags = entry[at];
    const length = entry[at + 1];
    const content = entry.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    const part = (flags & 8) !== 0 ? '/' : (flags & 4) !== 0 ? '..' : (flags & 2) !== 0 ? '.' : text(content);
    target += glued || target.endsWith('/') ? part : `/${part}`;
    glued = (flags & 1) !== 0;
  }
  return [target, glued];
}

/** P1282, 4.1.6: time stamps present by flags; bit 1 is the modification, bit 7 the long form. */
function timeOf(entry: Uint8Array): string | undefined {
  const flags = entry[4];
  if ((flags & 2) === 0) return undefined;
  const long = (flags & 0x80) !== 0;
  const at = 5 + ((flags & 1) !== 0 ? (long ? 17 : 7) : 0);
  if (!long) return at + 7 <= entry.length ? recordTime(entry.subarray(at, at + 7)) : undefined;
  const digits = latin1(entry.subarray(at, at + 14));
  if (!/^\d{14}$/.test(digits)) return undefined;
  const [year, ...rest] = [digits.slice(0, 4), ...[4, 6, 8, 10, 12].map((from) => digits.slice(from, from + 2))].map(
    Number,
  );
  return recordTime(Uint8Array.of(year - 1900, ...rest, entry[at + 16] ?? 0));
}
