/**
 * Changing the structures of a VHD so that a crash at any instant leaves the old or the new disk. The write of one sector is taken to be
 * undivided; whatever is larger is prepared in space that nothing uses, and one footer write switches over to it.
 */
import { equalBytes, formatUuid } from './bytes.ts';
import { DYNAMIC_HEADER_SIZE, readDynamicHeader } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { changedFooter, FOOTER_SIZE, VhdType, type FooterChanges, type LocatedFooter } from './footer.ts';
import { SECTOR_SIZE } from './geometry.ts';
import { isFinishedByWriting } from './pending.ts';
import { readExactly, type RandomAccessFile } from './random-access-file.ts';

/** Where the footer at the end is, or has to be written when it is lost. */
export function footerPlace(file: RandomAccessFile, located: LocatedFooter): number {
  return located.endOffset ?? Math.ceil(file.size() / SECTOR_SIZE) * SECTOR_SIZE;
}

/**
 * Makes the footer durable at both places (fixed disks have one). In between they differ, and the one at the end counts.
 * @throws DiskError as the file.
 */
export function writeFooters(file: RandomAccessFile, place: number, bytes: Uint8Array, hasCopy: boolean): void {
  file.write(place, bytes);
  file.flush();
  if (!hasCopy) return;
  file.write(0, bytes);
  file.flush();
}

/**
 * Where the dynamic header is that counts: in its place, or, after an interrupted change, where the new one waits. One that is not good
 * there (another product wrote over it) is not waited for.
 */
export function headerPlace(file: RandomAccessFile, { footer }: Pick<LocatedFooter, 'footer'>): number {
  if (footer.pending?.kind !== 'header') return footer.dataOffset;
  try {
    readDynamicHeader(file, footer.pending.offset, footer.currentSize);
    return footer.pending.offset;
  } catch (error) {
    if (error instanceof DiskError && error.code !== DiskErrorCode.Io) return footer.dataOffset;
    throw error;
  }
}

/** Nothing is left to do before the disk is written: both footers are good and no operation on its structures is unfinished. */
export function isSettled(located: LocatedFooter): boolean {
  const { footer, endOffset, copyGood } = located;
  if (endOffset === undefined || endOffset % SECTOR_SIZE !== 0) return false;
  if (footer.diskType !== VhdType.Fixed && !copyGood) return false;
  return !isFinishedByWriting(footer.pending);
}

/**
 * Finishes what an interrupted operation left, and writes a lost footer again.
 * @returns the footers as they are now.
 * @throws DiskError as the file.
 */
export function settle(file: RandomAccessFile, located: LocatedFooter): LocatedFooter {
  if (isSettled(located)) return located;
  const { footer } = located;
  const { pending } = footer;
  const place = Math.ceil(footerPlace(file, located) / SECTOR_SIZE) * SECTOR_SIZE;
  const hasCopy = footer.diskType !== VhdType.Fixed;
  if (pending?.kind === 'header') {
    const from = headerPlace(file, located);
    const header = new Uint8Array(DYNAMIC_HEADER_SIZE);
    readExactly(file, from, header, 'the new dynamic header');
    if (from !== footer.dataOffset) file.write(footer.dataOffset, header);
    file.flush();
  } else if (pending?.kind === 'zero') {
    file.write(pending.offset, new Uint8Array(FOOTER_SIZE));
    file.flush();
  }
  const settled = changedFooter(located, {
    pending: isFinishedByWriting(pending) ? undefined : pending,
  });
  writeFooters(file, place, settled.bytes, hasCopy);
  return { ...settled, endOffset: place, copyGood: hasCopy, problems: [] };
}

/**
 * Changes fields of the footer of a settled disk in one step.
 * @throws DiskError as the file.
 */
export function changeFooter(file: RandomAccessFile, located: LocatedFooter, changes: FooterChanges): LocatedFooter {
  const changed = changedFooter(located, changes);
  writeFooters(file, located.endOffset!, changed.bytes, located.footer.diskType !== VhdType.Fixed);
  return { ...located, ...changed };
}

/** A change of the structures of a dynamic or differencing disk. */
export interface StructureChange {
  readonly footer: FooterChanges;
  /** The new dynamic header, complete. */
  readonly header: Uint8Array;
  /** What goes behind the present end of the file, whole sectors; `structureSpace` says where. */
  readonly appended: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
  /** Where that ends. */
  readonly end: number;
}

/** The first byte that `appended` parts of a change can use. */
export function structureSpace(located: LocatedFooter): number {
  return located.endOffset! + DYNAMIC_HEADER_SIZE;
}

/**
 * Carries out a change on a settled disk.
 *
 *   1. the old footer at the new end, flush: the file is longer, nothing else
 *   2. a copy of the new header and the appended parts in the space before it, flush
 *   3. the new footer with a note where the new header is, flush: from here on this is the new disk
 *   4. the new header at its place, flush; both footers without the note
 *
 * @throws DiskError as the file.
 */
export function changeStructure(
  file: RandomAccessFile,
  located: LocatedFooter,
  change: StructureChange,
): LocatedFooter {
  const start = located.endOffset!;
  file.write(change.end, located.bytes);
  file.flush();
  file.write(start, change.header);
  for (const { offset, bytes } of change.appended) file.write(offset, bytes);
  file.flush();
  const switched = changedFooter(located, { ...change.footer, pending: { kind: 'header', offset: start } });
  file.write(change.end, switched.bytes);
  file.flush();
  return settle(file, { ...switched, endOffset: change.end, copyGood: true, problems: [] });
}

/** Why a disk that waits for the end of a merge is not written. */
export function unfinishedMerge(located: LocatedFooter, mergingChild: Uint8Array | undefined): string[] {
  const { pending } = located.footer;
  if (pending?.kind !== 'merge') return [];
  if (mergingChild !== undefined && equalBytes(mergingChild, pending.childId)) return [];
  const child = formatUuid(pending.childId);
  return [
    `a merge of the disk ${child} into this one was interrupted and must be repeated; the file is opened read-only`,
  ];
}
