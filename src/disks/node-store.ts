/** Host files by path, for operations of the disk library that make, replace or delete whole files. */
import fs from 'node:fs';
import path from 'node:path';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import type { DiskStore } from '../../vhd/store.ts';
import { openDiskFile } from './disk-file.ts';
import { lockFile } from './lock-file.ts';
import { hostError, NodeFile } from './node-file.ts';

export class NodeDiskStore implements DiskStore {
  lock(file: string): () => void {
    const lock = lockFile(path.resolve(file));
    return () => lock.unlock();
  }

  open(file: string, access: 'read' | 'write'): RandomAccessFile {
    return openDiskFile(path.resolve(file), access === 'read');
  }

  create(file: string): RandomAccessFile {
    return NodeFile.create(path.resolve(file));
  }

  exists(file: string): boolean {
    return fs.existsSync(file);
  }

  replace(from: string, to: string): void {
    try {
      fs.renameSync(from, to);
    } catch (error) {
      throw hostError(error, to, 'replacing');
    }
    syncFolder(path.dirname(path.resolve(to)));
  }

  remove(file: string): void {
    try {
      fs.rmSync(file);
    } catch (error) {
      throw hostError(error, file, 'deleting');
    }
    syncFolder(path.dirname(path.resolve(file)));
  }
}

/** Makes renames and deletions in a folder durable. Hosts that cannot open folders (Windows) do that by themselves. */
function syncFolder(folder: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = fs.openSync(folder, 'r');
    fs.fsyncSync(descriptor);
  } catch {
    // Not supported here; the rename itself is then all there is.
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}
