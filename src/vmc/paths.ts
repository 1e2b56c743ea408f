/**
 * From the paths in a `.vmc` to files of this host. The paths were written by Windows, usually on another computer, so they are tried
 * in the order that works for machines that were moved: the relative path, the absolute one, the bare name beside the `.vmc`, the
 * configured folders. Backslashes become the host's separators, letters match without regard to case, and on other hosts than Windows
 * the drive letter is dropped.
 */
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import { findIgnoringCase } from '../disks/host-paths.ts';
import type { VmcPath } from './configuration.ts';

export interface PathOptions {
  /** Path of the `.vmc`. */
  readonly vmcPath: string;
  /** More folders in which a bare file name is looked for. */
  readonly searchFolders?: readonly string[] | undefined;
}

const ON_WINDOWS = path.sep === '\\';

/** The places a stored path can mean, best first, as absolute host paths; not yet looked at. */
export function candidatePaths(stored: VmcPath, options: PathOptions): string[] {
  const folder = path.dirname(path.resolve(options.vmcPath));
  const places: string[] = [];
  const add = (place: string | undefined): void => {
    if (place !== undefined && !places.includes(place)) places.push(place);
  };
  for (const text of [stored.relative, stored.absolute]) if (text !== undefined) add(toHost(text, folder));
  for (const text of [stored.relative, stored.absolute]) {
    const name = text === undefined ? '' : path.win32.basename(text);
    if (name === '' || name.includes('\0')) continue;
    for (const place of [folder, ...(options.searchFolders ?? [])]) add(path.resolve(place, name));
  }
  return places;
}

function toHost(text: string, folder: string): string | undefined {
  if (text.includes('\0')) return undefined;
  if (ON_WINDOWS) return path.resolve(folder, text);
  // A share of a Windows network has no place in the tree of another host.
  if (/^[\\/]{2}/.test(text)) return undefined;
  return path.resolve(folder, text.replace(/^[A-Za-z]:/, '').replaceAll('\\', '/'));
}

/** The existing file that a stored path means; undefined when none of the places has one. */
export function resolvePath(stored: VmcPath, options: PathOptions): string | undefined {
  for (const place of candidatePaths(stored, options)) {
    const found = findIgnoringCase(place);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * The existing file that a stored path means.
 * @param key key path of the drive, for the message.
 * @throws DiskError `disk-not-found` with every place that was searched.
 */
export function locateImage(stored: VmcPath, key: string, options: PathOptions): string {
  const found = resolvePath(stored, options);
  if (found !== undefined) return found;
  const places = candidatePaths(stored, options);
  throw new DiskError(DiskErrorCode.NotFound, `the file of ${key} was not found; searched: ${places.join(', ')}`, {
    fileName: stored.relative ?? stored.absolute,
    remedy: `Put it beside ${path.basename(options.vmcPath)}, correct the path there, or name the file on the command line.`,
  });
}

/**
 * Where the output that a configuration names (the text file of a serial port) is to be written. A path that was absolute on Windows
 * means nothing on another host: its last component is then taken beside the `.vmc`.
 */
export function outputPath(text: string, vmcPath: string): string {
  const folder = path.dirname(path.resolve(vmcPath));
  if (ON_WINDOWS) return path.resolve(folder, text);
  if (/^(?:[A-Za-z]:|[\\/])/.test(text)) return path.join(folder, path.win32.basename(text));
  return path.resolve(folder, text.replaceAll('\\', '/'));
}

/** The two strings for a file, as the products store them: absolute, and relative to the folder of the `.vmc`. */
export function storedPath(file: string, vmcPath: string): { absolute: string; relative: string } {
  const absolute = path.resolve(file);
  const relative = path.relative(path.dirname(path.resolve(vmcPath)), absolute).replaceAll('/', '\\');
  return {
    absolute,
    relative: relative.startsWith('..') || path.win32.isAbsolute(relative) ? relative : `.\\${relative}`,
  };
}
