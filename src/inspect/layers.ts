/** One file of a chain of disks: what it is, what it says about its parent, what is wrong with it. Opened for reading only. */
import fs from 'node:fs';
import path from 'node:path';
import { formatUuid, unixTime } from '../../vhd/bytes.ts';
import { checkDisk, type CheckReport, type Finding } from '../../vhd/check.ts';
import { readDynamicHeader, type DynamicHeader } from '../../vhd/dynamic-header.ts';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { locateFooter, looksLikeVhd, VhdType, type LocatedFooter } from '../../vhd/footer.ts';
import { geometryBytes } from '../../vhd/geometry.ts';
import { parentCandidates, searchParent, type ParentCandidate, type ParentResolver } from '../../vhd/parents.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { detectImage } from '../disks/detect.ts';
import { openDiskFile } from '../disks/disk-file.ts';
import { findIgnoringCase } from '../disks/host-paths.ts';
import { checkUnlocked } from '../disks/lock-file.ts';
import { DISK_EXTENSION, NodeParentResolver } from '../disks/node-parents.ts';
import { readJournal } from '../disks/undo-journal.ts';
import type { LayerReport, Problem } from './report.ts';

/** Finds parents as opening does, but looks at disks that are in use too. */
export class InspectingResolver implements ParentResolver {
  readonly #rules: NodeParentResolver;

  constructor(folders: readonly string[]) {
    this.#rules = new NodeParentResolver(folders);
  }

  places(candidate: ParentCandidate, childName: string): string[] {
    return this.#rules.places(candidate, childName);
  }

  open(place: string): RandomAccessFile | undefined {
    const found = findIgnoringCase(place);
    if (found === undefined || !fs.statSync(found).isFile()) return undefined;
    return openDiskFile(found, true);
  }
}

export interface ExaminedLayer {
  readonly report: LayerReport;
  /** Path of the parent, when there is one and it was found. */
  readonly parentPath: string | undefined;
  /** The layer itself can be opened; for its parents see theirs. */
  readonly usable: boolean;
  readonly uniqueId: Uint8Array | undefined;
  readonly parentId: Uint8Array | undefined;
}

/** What is expected of the parent of a layer. */
interface Examination {
  readonly file: RandomAccessFile;
  readonly place: string;
  readonly problems: Problem[];
}

/**
 * @param knownParent the disk below, where it is known without asking the file: that of our own undo disks
 * @throws nothing for contents; problems of the host's file system are problems of the layer
 */
export function examineLayer(
  place: string,
  role: LayerReport['role'],
  folders: readonly string[],
  knownParent?: string,
): ExaminedLayer {
  const problems: Problem[] = [];
  let file: RandomAccessFile;
  let modified = '';
  try {
    file = openDiskFile(place, true);
    modified = fs.statSync(place).mtime.toISOString();
  } catch (error) {
    problems.push(problemOfError(error, place));
    const report = { path: place, role, format: 'unknown', fileSize: 0, modified, problems } as const;
    return { report, parentPath: undefined, usable: false, uniqueId: undefined, parentId: undefined };
  }
  try {
    lookForLock(place, problems);
    if (role === 'undo' || role === 'product-undo') lookForJournal(place, problems);
    const base = { path: place, role, fileSize: file.size(), modified };
    if (looksLikeVhd(file) || DISK_EXTENSION.test(place)) {
      return examineVhd({ file, place, problems }, base, folders, knownParent);
    }
    const usable = examineRaw({ file, place, problems });
    const report = { ...base, format: usable ? 'raw' : 'unknown', diskSize: file.size(), problems } as const;
    return { report, parentPath: undefined, usable, uniqueId: undefined, parentId: undefined };
  } catch (error) {
    // The host could not read; contents never get here.
    problems.push(problemOfError(error, place));
    const report = { path: place, role, format: 'unknown', fileSize: file.size(), modified, problems } as const;
    return { report, parentPath: undefined, usable: false, uniqueId: undefined, parentId: undefined };
  } finally {
    file.close();
  }
}

/** @throws anything that is no error of disks */
export function problemOfError(error: unknown, place: string): Problem {
  if (!(error instanceof DiskError)) throw error;
  return { severity: 'error', code: error.code, place, message: error.problem, remedy: error.remedy };
}

function lookForLock(place: string, problems: Problem[]): void {
  try {
    checkUnlocked(place);
  } catch (error) {
    const { message, remedy } = problemOfError(error, place);
    problems.push({ severity: 'warning', code: 'in-use', place, message, remedy });
  }
}

/** A machine's undo disks end together; what an interruption left says so in a file beside them. */
function lookForJournal(place: string, problems: Problem[]): void {
  let action: 'commit' | 'discard' | undefined;
  try {
    action = readJournal(place)?.action;
  } catch (error) {
    problems.push(problemOfError(error, place));
    return;
  }
  if (action === undefined) return;
  const began = {
    commit: 'its changes are partly in the image already',
    discard: 'undo disks of other drives of the machine may be gone',
  };
  problems.push({
    severity: 'warning',
    code: 'undo-unfinished',
    place,
    message: `a ${action} of this undo disk was interrupted: ${began[action]}`,
    remedy: `Finish it for the machine: virtualserver undo ${action} TARGET.`,
  });
}

function examineRaw({ file, place, problems }: Examination): boolean {
  const kind = detectImage(file);
  switch (kind.kind) {
    case 'empty':
      problems.push({
        severity: 'error',
        code: 'empty',
        place,
        message: 'the file is empty',
        remedy: 'Copy the image again from its source.',
      });
      return false;
    case 'foreign':
      problems.push({
        severity: 'error',
        code: 'foreign-image',
        place,
        message: `this is ${kind.product}`,
        remedy: kind.remedy,
      });
      return false;
    default:
      if (file.size() % 512 !== 0) {
        problems.push({
          severity: 'note',
          code: 'odd-size',
          place,
          message: 'the last sector is not whole; it reads as filled up with zeros',
        });
      }
      return true;
  }
}

type Base = Pick<LayerReport, 'path' | 'role' | 'fileSize' | 'modified'>;

function examineVhd(
  examination: Examination,
  base: Base,
  folders: readonly string[],
  knownParent?: string,
): ExaminedLayer {
  const { file, problems } = examination;
  const check = checkDisk(file, { bitmaps: false }).runSync();
  addFindings(check, examination);
  const located = attempt(() => locateFooter(file));
  const header =
    located === undefined || located.footer.diskType === VhdType.Fixed
      ? undefined
      : attempt(() => readDynamicHeader(file, located.footer.dataOffset, located.footer.currentSize));
  const isDifferencing = located?.footer.diskType === VhdType.Differencing;
  let parentPath: string | undefined;
  if (isDifferencing && header !== undefined) {
    parentPath = knownParent ?? findParent(examination, header, folders);
    if (parentPath !== undefined) lookForTouch(examination, header, parentPath);
  }
  if (located !== undefined) compareSizes(examination, located);
  const report: LayerReport = {
    ...base,
    format: check.format ?? 'unknown',
    ...(located === undefined ? {} : footerFields(located)),
    ...(header === undefined
      ? {}
      : { blockSize: header.blockSize, blocks: check.blocks, allocatedBlocks: check.allocatedBlocks }),
    ...(isDifferencing && header !== undefined ? { parent: parentFields(header) } : {}),
    problems,
  };
  return {
    report,
    parentPath,
    usable: check.readable,
    uniqueId: located?.footer.uniqueId,
    parentId: isDifferencing ? header?.parentId : undefined,
  };
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    // What is wrong is among the findings of the check.
    if (error instanceof DiskError) return undefined;
    throw error;
  }
}

function footerFields({ footer }: LocatedFooter) {
  return {
    diskSize: footer.currentSize,
    geometry: footer.geometry,
    id: formatUuid(footer.uniqueId),
    creator: footer.creatorApplication.replace(/[^\x20-\x7e]/g, ' ').trimEnd(),
    created: new Date(unixTime(footer.timeStamp)).toISOString(),
    savedState: footer.savedState,
  };
}

function parentFields(header: DynamicHeader): NonNullable<LayerReport['parent']> {
  return {
    id: formatUuid(header.parentId),
    name: header.parentName,
    changed: header.parentTimeStamp === 0 ? undefined : new Date(unixTime(header.parentTimeStamp)).toISOString(),
    paths: [...new Set(parentCandidates(header).map(({ text }) => text))],
  };
}

function repairRemedy(repair: Finding['repair'], place: string): string {
  if (repair === 'none') return 'Restore the file from a copy.';
  const extension = path.extname(place);
  const copy = `${place.slice(0, place.length - extension.length)}-repaired${extension}`;
  const command = `virtualserver disk repair ${shellWord(path.basename(place))} --output ${shellWord(path.basename(copy))}`;
  return repair === 'lossless'
    ? `Repair a copy: ${command}.`
    : `Repair a copy, giving up what the file has lost: ${command} --allow-loss.`;
}

function addFindings(check: CheckReport, { place, problems }: Examination): void {
  for (const { kind, severity, message, repair, more } of check.findings) {
    // Told with the machine, or not worth telling here.
    if (kind === 'saved-state' || kind === 'partial-bitmap') continue;
    problems.push({
      severity,
      code: `vhd-${kind}`,
      place,
      message: more === undefined || more === 0 ? message : `${message}; ${more} more of this kind`,
      ...(severity === 'note' ? {} : { remedy: repairRemedy(repair, place) }),
    });
  }
}

/** The size by geometry is what some products show a guest; it matters where the two differ and something lies in between. */
function compareSizes({ place, problems }: Examination, { footer }: LocatedFooter): void {
  const byGeometry = geometryBytes(footer.geometry);
  if (byGeometry > footer.currentSize) {
    const message = `its geometry stands for ${byGeometry} bytes, more than the ${footer.currentSize} bytes that it has; the latter count`;
    problems.push({ severity: 'note', code: 'size-geometry', place, message });
  }
  if (footer.originalSize !== footer.currentSize) {
    const message = `it was made with ${footer.originalSize} bytes and has ${footer.currentSize} now`;
    problems.push({ severity: 'note', code: 'size-changed', place, message });
  }
}

function findParent(
  { file, place, problems }: Examination,
  header: DynamicHeader,
  folders: readonly string[],
): string | undefined {
  const resolver = new InspectingResolver(folders);
  const found = searchParent(header, file.name, resolver, header.parentId);
  const recorded = parentCandidates(header).find(({ kind }) => kind === 'relative')?.text ?? header.parentName;
  if (found.file !== undefined) {
    const parentPath = path.resolve(found.file.name);
    found.file.close();
    const relative = parentCandidates(header).filter(({ kind }) => kind === 'relative');
    const direct = relative.some((candidate) =>
      resolver.places(candidate, file.name).some((one) => findIgnoringCase(one) === parentPath),
    );
    if (!direct) {
      problems.push({
        severity: 'note',
        code: 'parent-path-stale',
        place,
        message: `its parent is recorded as "${recorded}" and was found at ${parentPath}`,
        remedy: `To record where it is now: virtualserver disk reparent ${shellWord(place)} ${shellWord(parentPath)}.`,
      });
    }
    return parentPath;
  }
  const searched = [...found.searched].map(([one, result]) => `${one} (${result})`).join('; ');
  const wrong = found.wrong;
  problems.push({
    severity: 'error',
    code: wrong ? DiskErrorCode.ParentMismatch : DiskErrorCode.ParentMissing,
    place,
    message: `its parent, recorded as "${recorded}" with id ${formatUuid(header.parentId)}, was not found; searched: ${searched === '' ? 'no place' : searched}`,
    remedy: wrong
      ? 'Put the file with that id there: one of another id has another content. If it is surely the same disk under a new id: virtualserver disk reparent --accept-identity CHILD PARENT.'
      : 'Put the parent beside this file, name its folder with --search, or say where it is: virtualserver disk reparent CHILD PARENT.',
  });
  return undefined;
}

/** The times are those of the host's files, which copying changes too; only a later one is worth a look. */
function lookForTouch({ place, problems }: Examination, header: DynamicHeader, parentPath: string): void {
  if (header.parentTimeStamp === 0) return;
  const recorded = unixTime(header.parentTimeStamp);
  const now = fs.statSync(parentPath).mtimeMs;
  if (now < recorded + 2000) return;
  problems.push({
    severity: 'warning',
    code: 'parent-touched',
    place,
    message: `its parent ${parentPath} was changed on ${new Date(now).toISOString()}, after the ${new Date(recorded).toISOString()} that this disk remembers`,
    remedy:
      'If it was only copied, all is well. If it was written, by starting a machine from it or mounting it, files can be damaged: compare with a copy of that time before use.',
  });
}

/** A path as a word for a POSIX shell. */
export const shellWord = (text: string): string =>
  /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
