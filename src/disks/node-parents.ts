/** Where the parents of differencing disks may be on this host. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { baseName, type ParentCandidate, type ParentResolver } from '../../vhd/parents.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { findIgnoringCase } from './host-paths.ts';
import { openDiskFile } from './disk-file.ts';
import { checkUnlocked } from './lock-file.ts';

/** Extensions that a parent disk can have; a path to anything else is not followed. */
export const DISK_EXTENSION = /\.(vhd|vud|avhd)$/i;

/**
 * The rules: a relative path is followed from the child's folder; a bare name is looked for in the child's folder and then in the
 * configured ones; an absolute path or URL is followed only into a configured folder. Only regular files with a disk's extension are
 * opened, always read-only, and `openParent` accepts them only by their unique id.
 */
export class NodeParentResolver implements ParentResolver {
  private readonly folders: readonly string[];

  /** @param folders where parents may be besides the child's folder. */
  constructor(folders: readonly string[] = []) {
    this.folders = folders.map((folder) => path.resolve(folder));
  }

  places(candidate: ParentCandidate, childName: string): string[] {
    const childFolder = path.dirname(path.resolve(childName));
    const inFolders = [childFolder, ...this.folders];
    switch (candidate.kind) {
      case 'relative': {
        const relative = candidate.text.replaceAll('\\', '/');
        if (relative.startsWith('/') || /^[a-z]:/i.test(relative)) return [];
        return this.checked(path.resolve(childFolder, relative));
      }
      case 'name':
        return inFolders.flatMap((folder) => this.checked(path.join(folder, baseName(candidate.text))));
      case 'absolute':
        return this.insideFolders(path.resolve(candidate.text.replaceAll('\\', path.sep)), inFolders);
      case 'url':
        try {
          return this.insideFolders(fileURLToPath(candidate.text), inFolders);
        } catch {
          return [];
        }
    }
  }

  open(place: string): RandomAccessFile | undefined {
    const found = findIgnoringCase(place);
    if (found === undefined || !fs.statSync(found).isFile()) return undefined;
    checkUnlocked(found);
    return openDiskFile(found, true);
  }

  private checked(place: string): string[] {
    return DISK_EXTENSION.test(place) ? [place] : [];
  }

  private insideFolders(place: string, folders: readonly string[]): string[] {
    return folders.some((folder) => place.startsWith(folder + path.sep)) ? this.checked(place) : [];
  }
}
