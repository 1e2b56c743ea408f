/**
 * Finding the parent of a differencing disk. The file names its parent in up to nine ways, many of them stale; this module lists them
 * in the order that works for machines that were moved, and accepts a file only when its unique id is the one recorded.
 * Which places a name leads to is decided by the caller's `ParentResolver`: nothing a file says is opened by this module itself.
 */
import { equalBytes, formatUuid, unixTime } from './bytes.ts';
import type { DynamicHeader } from './dynamic-header.ts';
import { DiskError, DiskErrorCode } from './errors.ts';
import { locateFooter } from './footer.ts';
import type { RandomAccessFile } from './random-access-file.ts';

/** One way in which the child names its parent. */
export interface ParentCandidate {
  /**
   * `relative`: a Windows path relative to the child's folder. `name`: a bare file name, to be looked for beside the child and in
   * configured folders. `absolute`: a full Windows path of the computer that made the child. `url`: a file URL.
   */
  readonly kind: 'relative' | 'name' | 'absolute' | 'url';
  readonly text: string;
}

/** Opens files by the names that differencing disks record for their parents. */
export interface ParentResolver {
  /** The places a candidate means, best first; empty when the resolver's rules forbid them all. */
  places(candidate: ParentCandidate, childName: string): string[];
  /** Opens a place read-only; undefined when there is no file. */
  open(place: string): RandomAccessFile | undefined;
}

/** Characters; longer ones than any host takes are not searched for. */
const MAXIMUM_PATH = 4096;

/** The last component of a Windows or POSIX path. */
export function baseName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('\\'), path.lastIndexOf('/'), path.lastIndexOf(':')) + 1);
}

/** Every way in which the header names the parent, in search order, without repetitions. */
export function parentCandidates(header: DynamicHeader): ParentCandidate[] {
  const texts = (platform: string) =>
    header.locators.filter((l) => l.platform === platform && l.text).map((l) => l.text!);
  const all: ParentCandidate[] = [
    ...[...texts('W2ru'), ...texts('Wi2r')].map((text) => ({ kind: 'relative' as const, text })),
    ...[header.parentName, ...texts('W2ku'), ...texts('Wi2k'), ...texts('MacX')].map((text) => ({
      kind: 'name' as const,
      text: baseName(text),
    })),
    ...[...texts('W2ku'), ...texts('Wi2k')].map((text) => ({ kind: 'absolute' as const, text })),
    ...texts('MacX').map((text) => ({ kind: 'url' as const, text })),
  ];
  const seen = new Set<string>();
  return all.filter(({ kind, text }) => {
    const key = `${kind}:${text}`;
    if (text === '' || text.length > MAXIMUM_PATH || text.includes('\0') || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** What a search found at each place. */
interface Search {
  readonly file: RandomAccessFile | undefined;
  readonly searched: ReadonlyMap<string, string>;
  /** There were files, but of another identity. */
  readonly wrong: boolean;
}

/** Looks in all places for a VHD with `uniqueId`. The file that is found is open, read-only. */
export function searchParent(
  header: DynamicHeader,
  childName: string,
  resolver: ParentResolver | undefined,
  uniqueId: Uint8Array,
): Search {
  const searched = new Map<string, string>();
  let wrong = false;
  for (const candidate of parentCandidates(header)) {
    for (const place of resolver?.places(candidate, childName) ?? []) {
      if (searched.has(place)) continue;
      const file = resolver?.open(place);
      if (file === undefined) {
        searched.set(place, 'no such file');
        continue;
      }
      try {
        const { footer } = locateFooter(file);
        if (equalBytes(footer.uniqueId, uniqueId)) return { file, searched, wrong };
        searched.set(place, `has id ${formatUuid(footer.uniqueId)}`);
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        searched.set(place, error.message);
      }
      wrong = true;
      file.close();
    }
  }
  return { file: undefined, searched, wrong };
}

/**
 * Opens the parent of `childName`.
 * @throws DiskError `disk-parent-missing` with the places searched, the expected id and time; `disk-parent-mismatch` when files were
 * there but none has the id.
 */
export function openParent(
  header: DynamicHeader,
  childName: string,
  resolver: ParentResolver | undefined,
): RandomAccessFile {
  const { file, searched, wrong } = searchParent(header, childName, resolver, header.parentId);
  if (file !== undefined) return file;
  const recorded =
    parentCandidates(header).find((c) => c.kind === 'absolute' || c.kind === 'relative')?.text ?? header.parentName;
  const time =
    header.parentTimeStamp === 0 ? '' : `, last changed ${new Date(unixTime(header.parentTimeStamp)).toISOString()}`;
  const places = [...searched].map(([place, result]) => `${place} (${result})`).join('; ');
  throw new DiskError(
    wrong ? DiskErrorCode.ParentMismatch : DiskErrorCode.ParentMissing,
    `the parent disk was not found: it is recorded as "${recorded}" with id ${formatUuid(header.parentId)}${time}; ` +
      (places === '' ? 'no place could be searched' : `searched: ${places}`),
    {
      fileName: childName,
      remedy: wrong
        ? 'Put the disk with that id in one of these places; a copy with another id has other contents and cannot be used.'
        : 'Put the parent disk beside this file.',
    },
  );
}
