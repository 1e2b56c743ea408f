/** Finding the machine in a folder: the original products kept each machine in a folder of its own. */
import fs from 'node:fs';
import path from 'node:path';
import { VmcError, VmcErrorCode } from '../vmc/errors.ts';

/**
 * The `.vmc` of a machine folder: the only one, or the one called like the folder.
 * @throws VmcError `vmc-folder` when there is none or the choice is open, `vmc-not-found`, `vmc-access-denied`.
 */
export function findVmcInFolder(folder: string): string {
  const full = path.resolve(folder);
  let entries: fs.Dirent[];
  try {
    entries = fs.readdirSync(full, { withFileTypes: true });
  } catch (error) {
    const missing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    const code = missing ? VmcErrorCode.NotFound : VmcErrorCode.AccessDenied;
    throw new VmcError(code, missing ? 'the folder does not exist' : 'the host does not let us read the folder', {
      fileName: full,
      cause: error,
    });
  }
  const found = entries
    .filter((entry) => !entry.isDirectory() && /\.vmc$/i.test(entry.name))
    .map((entry) => entry.name)
    .sort();
  const named = found.filter((name) => name.slice(0, -4).toLowerCase() === path.basename(full).toLowerCase());
  const choice = found.length === 1 ? found[0] : named.length === 1 ? named[0] : undefined;
  if (choice !== undefined) return path.join(full, choice);
  if (found.length > 1) {
    throw new VmcError(VmcErrorCode.Folder, `the folder has several machines: ${found.join(', ')}`, {
      fileName: full,
      remedy: 'Name one of the files.',
    });
  }
  const disks = entries.filter((entry) => /\.(vhd|iso|img|vfd)$/i.test(entry.name)).map((entry) => entry.name);
  throw new VmcError(VmcErrorCode.Folder, 'the folder has no .vmc file', {
    fileName: full,
    remedy:
      disks.length === 0
        ? 'Name a machine folder, a .vmc or an image.'
        : `Name one of its images: ${disks.sort().join(', ')}`,
  });
}
