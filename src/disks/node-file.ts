/** Host files for disk images, on Node. */
import fs from 'node:fs';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';

/** Translates an error of the host's file system. */
export function hostError(error: unknown, fileName: string, doing: string): DiskError {
  if (error instanceof DiskError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const detail = { fileName, cause: error };
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new DiskError(DiskErrorCode.NotFound, 'the file does not exist', {
        ...detail,
        remedy: 'Check the path; if the machine was moved, put the file where the path points or change the path.',
      });
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new DiskError(DiskErrorCode.AccessDenied, `the host does not allow ${doing}`, {
        ...detail,
        remedy: 'Check the permissions of the file and its folder; on a read-only volume keep the changes in memory.',
      });
    case 'EEXIST':
      return new DiskError(DiskErrorCode.Exists, 'the file exists already', {
        ...detail,
        remedy: 'Choose another name or move the existing file away.',
      });
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new DiskError(DiskErrorCode.HostFull, 'the disk of the host is full', {
        ...detail,
        remedy: 'Make room on the volume that holds this file.',
      });
    default:
      return new DiskError(DiskErrorCode.Io, `${doing} failed: ${message}`, detail);
  }
}

export class NodeFile implements RandomAccessFile {
  readonly name: string;
  readonly readOnly: boolean;
  private readonly descriptor: number;
  private length: number;
  private open = true;

  private constructor(name: string, descriptor: number, readOnly: boolean, length: number) {
    this.name = name;
    this.descriptor = descriptor;
    this.readOnly = readOnly;
    this.length = length;
  }

  /**
   * Opens an existing regular file. Devices, pipes and folders are refused before they are opened.
   * @throws DiskError `disk-not-found`, `disk-access-denied`, `disk-not-a-file`.
   */
  static open(path: string, readOnly: boolean): NodeFile {
    return NodeFile.openWith(path, readOnly ? 'r' : 'r+', readOnly);
  }

  /**
   * Creates a file that must not exist.
   * @throws DiskError `disk-exists`, `disk-access-denied`, `disk-not-found` (folder).
   */
  static create(path: string): NodeFile {
    return NodeFile.openWith(path, 'wx+', false);
  }

  private static openWith(path: string, flags: string, readOnly: boolean): NodeFile {
    try {
      if (flags !== 'wx+' && !fs.statSync(path).isFile()) throw notAFile(path);
      const descriptor = fs.openSync(path, flags);
      return new NodeFile(path, descriptor, readOnly, fs.fstatSync(descriptor).size);
    } catch (error) {
      throw hostError(error, path, readOnly ? 'reading' : 'writing');
    }
  }

  size(): number {
    return this.length;
  }

  read(offset: number, into: Uint8Array): number {
    let done = 0;
    try {
      while (done < into.length) {
        const count = fs.readSync(this.descriptor, into, done, into.length - done, offset + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw hostError(error, this.name, 'reading');
    }
    return done;
  }

  write(offset: number, from: Uint8Array): void {
    if (this.readOnly)
      throw new DiskError(DiskErrorCode.ReadOnly, 'the file is open read-only', { fileName: this.name });
    try {
      for (let done = 0; done < from.length;) {
        done += fs.writeSync(this.descriptor, from, done, from.length - done, offset + done);
      }
    } catch (error) {
      throw hostError(error, this.name, 'writing');
    }
    this.length = Math.max(this.length, offset + from.length);
  }

  truncate(size: number): void {
    try {
      fs.ftruncateSync(this.descriptor, size);
    } catch (error) {
      throw hostError(error, this.name, 'changing the size');
    }
    this.length = size;
  }

  flush(): void {
    try {
      fs.fsyncSync(this.descriptor);
    } catch (error) {
      throw hostError(error, this.name, 'flushing');
    }
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    fs.closeSync(this.descriptor);
  }
}

function notAFile(path: string): DiskError {
  return new DiskError(DiskErrorCode.NotAFile, 'this is not a regular file', {
    fileName: path,
    remedy: 'Name an image file, not a folder or a device.',
  });
}
