/** Creating files, and changes of a folder, so that a crash of the host leaves all or nothing. */
import fs from 'node:fs';
import path from 'node:path';
import { hostError, NodeFile } from './node-file.ts';

/**
 * Makes a file so that it is either complete under its name or not there: written beside it, flushed, renamed.
 * @throws DiskError `disk-exists`, `disk-access-denied`, `disk-host-full`.
 */
export function createDurably(target: string, fill: (file: NodeFile) => void): void {
  if (fs.existsSync(target))
    throw hostError(Object.assign(new Error('exists'), { code: 'EEXIST' }), target, 'creating');
  const unfinished = `${target}.${process.pid}.new`;
  fs.rmSync(unfinished, { force: true });
  const file = NodeFile.create(unfinished);
  try {
    fill(file);
    file.flush();
    file.close();
    fs.renameSync(unfinished, target);
    flushFolder(path.dirname(target));
  } catch (error) {
    file.close();
    fs.rmSync(unfinished, { force: true });
    throw hostError(error, target, 'creating');
  }
}

/** Makes creations, renames and deletions in a folder durable. Hosts that cannot open folders do that by themselves. */
export function flushFolder(folder: string): void {
  try {
    const descriptor = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    // Not supported here (Windows); the rename itself is then all there is.
  }
}
