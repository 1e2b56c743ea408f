/** Where saved states are kept: files of the host (node-state-files.ts), or bytes. */
import { MemoryFile } from '../../vhd/index.ts';
import type { RandomAccessFile } from '../../vhd/index.ts';
import { pureCompression, type Compression } from '../saved-state/index.ts';
import type { SavedStateSource } from './configuration.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';

/** What tells whether a file was changed. */
export interface FileStamp {
  /** Bytes. */
  readonly size: number;
  /** Modification time in milliseconds since 1970, whole. */
  readonly modified: number;
}

/** A state that is being written. */
export interface PendingState {
  readonly file: RandomAccessFile;
  /** Gives the state its name, all at once. The file is complete and durable. */
  commit(): SavedStateSource;
  abort(): void;
}

/** All of these throw `SavedStateError`. */
export interface StateFiles {
  readonly compression: Compression;
  /** @param path where; undefined for bytes */
  create(path: string | undefined): PendingState;
  open(source: SavedStateSource): RandomAccessFile;
  /** Deletes a state; does nothing for bytes. */
  remove(source: SavedStateSource): void;
  stamp(path: string): FileStamp;
}

/** States in memory. */
export const bytesStateFiles: StateFiles = {
  compression: pureCompression,
  create: (path) => {
    if (path !== undefined)
      throw new VirtualServerError(ErrorCode.InvalidConfiguration, `${path}: files cannot be written on this host`);
    const file = new MemoryFile('saved state');
    return { file, commit: () => ({ bytes: file.toBytes() }), abort: () => {} };
  },
  open: ({ bytes, path }) => {
    if (!bytes)
      throw new VirtualServerError(ErrorCode.InvalidConfiguration, `${path}: files cannot be opened on this host`);
    return new MemoryFile('saved state', bytes, true);
  },
  remove: () => {},
  stamp: (path) => {
    throw new VirtualServerError(ErrorCode.InvalidConfiguration, `${path}: files cannot be opened on this host`);
  },
};
