/** What the readers of file systems have in common. */
import { FileSystemError, FileSystemErrorCode } from './errors.ts';

export interface Entry {
  readonly name: string;
  /** A second name by which the entry is found, such as the 8.3 name of FAT. */
  readonly alias?: string | undefined;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Bytes; 0 for folders. */
  readonly size: number;
  /** ISO 8601; without a zone where the file system keeps local time. Undefined when there is none or it is impossible. */
  readonly modified: string | undefined;
  /** Where a symbolic link leads. */
  readonly target?: string | undefined;
  readonly hidden: boolean;
  /** Where the data lies; folders at the same place are the same folder. */
  readonly place: number;
}

/** Types of file systems that are read; the names that people use. */
export type ReadableType = 'FAT12' | 'FAT16' | 'FAT32' | 'ISO 9660';

/**
 * A file system, read-only. Entries belong to the file system that made them. Nothing in an image makes a call hang or allocate without
 * bound: folders have at most `MAXIMUM_FOLDER_ENTRIES` entries, chains of clusters are followed no further than there are clusters.
 */
export interface FileSystem<E extends Entry = Entry> {
  readonly type: ReadableType;
  readonly label: string;
  /** Names differing only in case mean the same. */
  readonly ignoresCase: boolean;
  readonly root: E;
  /** What is wrong although it can be read; grows while more is read. */
  readonly problems: readonly string[];
  /** @throws FileSystemError `fs-damaged`; DiskError of the image. */
  entries(folder: E): E[];
  /**
   * The content in pieces, each valid until the next one is asked for.
   * @throws FileSystemError `fs-damaged`, `fs-unsupported`; DiskError of the image.
   */
  content(file: E): Iterable<Uint8Array>;
}

export const MAXIMUM_FOLDER_ENTRIES = 100_000;
/** Folders inside folders that are followed. */
export const MAXIMUM_DEPTH = 64;
/** Bytes of the pieces in which contents are read. */
export const PIECE_BYTES: number = 256 * 1024;

/** The parts of a path; `/` and `\` separate, `.` and empty parts are left out, `..` goes up as far as the root. */
export function splitPath(path: string): string[] {
  const parts: string[] = [];
  for (const part of path.split(/[\\/]+/)) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts;
}

/**
 * The entry a path means. Exact names come first, then, where the file system ignores case, others.
 * @throws FileSystemError `fs-not-found`, `fs-not-a-folder`.
 */
export function findEntry<E extends Entry>(system: FileSystem<E>, path: string): E {
  let entry = system.root;
  const parts = splitPath(path);
  for (const [index, part] of parts.entries()) {
    const place = `/${parts.slice(0, index).join('/')}`;
    if (entry.kind !== 'folder')
      throw new FileSystemError(FileSystemErrorCode.NotAFolder, place, 'this is not a folder');
    const entries = system.entries(entry);
    const wanted = part.toLowerCase();
    const found =
      entries.find(({ name }) => name === part) ??
      (system.ignoresCase
        ? (entries.find(({ name }) => name.toLowerCase() === wanted) ??
          entries.find(({ alias }) => alias?.toLowerCase() === wanted))
        : undefined);
    if (found === undefined) {
      const near = system.ignoresCase ? undefined : entries.find(({ name }) => name.toLowerCase() === wanted)?.name;
      throw new FileSystemError(
        FileSystemErrorCode.NotFound,
        `/${parts.slice(0, index + 1).join('/')}`,
        'there is no file or folder of this name',
        near === undefined ? undefined : `There is "${near}"; this file system tells upper from lower case.`,
      );
    }
    entry = found;
  }
  return entry;
}
