/** What has begun with the undo disks of a machine and is not finished: a small file beside each of them. */
import fs from 'node:fs';
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import type { DiskImage } from '../../vhd/image.ts';
import { DelegatedImage } from './delegated-image.ts';
import { createDurably } from './durable.ts';

/** A hard disk of the machine and its undo disk. */
export interface UndoDisk {
  /** The image. */
  readonly path: string;
  readonly undoPath: string;
  readonly parentFolders?: readonly string[] | undefined;
}

export interface JournalDisk extends UndoDisk {
  /**
   * Identity of the image before the first change, in hexadecimal. That of a raw image is a fingerprint of its content, so that it
   * would not be known as the parent of its undo disk half-way through a commit.
   */
  readonly identity?: string | undefined;
}

export interface UndoJournal {
  readonly action: 'commit' | 'discard';
  /** All disks of the machine. */
  readonly disks: readonly JournalDisk[];
}

export const journalOf = (undoPath: string): string => `${undoPath}.ending`;

/** @throws DiskError `disk-io` for a journal that is none */
export function readJournal(undoPath: string): UndoJournal | undefined {
  const file = journalOf(undoPath);
  let text: string;
  try {
    text = fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const value = JSON.parse(text) as Partial<UndoJournal> | null;
    const disks = value?.disks;
    const isDisk = (disk: Partial<JournalDisk> | null): boolean =>
      typeof disk?.path === 'string' &&
      typeof disk.undoPath === 'string' &&
      (disk.identity === undefined || /^[0-9a-f]{32}$/.test(disk.identity));
    if ((value?.action === 'commit' || value?.action === 'discard') && Array.isArray(disks) && disks.every(isDisk))
      return { action: value.action, disks };
  } catch {
    // As anything else that is no journal.
  }
  throw new DiskError(DiskErrorCode.Io, 'this file should say how the undo disks beside it are to end, and does not', {
    fileName: file,
    remedy: 'Look at the undo disks; delete this file to keep them.',
  });
}

/** Writes the journal beside each undo disk; an older one of the same action stays. */
export function writeJournals(journal: UndoJournal): void {
  const bytes = new TextEncoder().encode(`${JSON.stringify(journal)}\n`);
  for (const { undoPath } of journal.disks)
    if (!readJournal(undoPath)) createDurably(journalOf(undoPath), (file) => file.write(0, bytes));
}

/** Removes the journals, and what a process that was killed while it wrote one left. */
export function removeJournals(disks: readonly UndoDisk[]): void {
  for (const { undoPath } of disks) {
    const folder = path.dirname(undoPath);
    const name = path.basename(journalOf(undoPath));
    for (const entry of fs.existsSync(folder) ? fs.readdirSync(folder) : [])
      if (entry === name || (entry.startsWith(`${name}.`) && entry.endsWith('.new')))
        fs.rmSync(path.join(folder, entry), { force: true });
  }
}

/** @throws DiskError `disk-unsupported` when a commit has begun, which cannot be taken back */
export function checkDiscard(disks: readonly Pick<UndoDisk, 'undoPath'>[]): void {
  const begun = disks.find(({ undoPath }) => readJournal(undoPath)?.action === 'commit');
  if (!begun) return;
  throw new DiskError(
    DiskErrorCode.Unsupported,
    'a commit of these undo disks has begun: the images hold part of the changes already, which cannot be taken back',
    { fileName: begun.undoPath, remedy: 'Commit them again to finish it, or keep them.' },
  );
}

export const hexIdentity = (image: DiskImage): string => Buffer.from(image.identity).toString('hex');

/** An image that a commit has begun to change, under the identity it had before; others as they are. */
export function asBeforeCommit(image: DiskImage, undoPath: string): DiskImage {
  const identity = readJournal(undoPath)?.disks.find((disk) => disk.undoPath === undoPath)?.identity;
  if (identity === undefined || identity === hexIdentity(image)) return image;
  return new ChangedImage(image, Uint8Array.from(Buffer.from(identity, 'hex')));
}

class ChangedImage extends DelegatedImage {
  readonly #identity: Uint8Array;

  constructor(image: DiskImage, identity: Uint8Array) {
    super(image);
    this.#identity = identity;
  }

  override get identity(): Uint8Array {
    return this.#identity;
  }
}
