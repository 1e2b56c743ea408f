/**
 * Saved states as files. A state is written under another name and renamed when it is complete and on stable storage: under
 * its own name there is the old file or the new one. Space kept free under its name is used for the writing.
 */
import fs from 'node:fs';
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/index.ts';
import { flushFolder } from '../disks/index.ts';
import { NodeFile } from '../disks/node-file.ts';
import { nodeCompression } from '../saved-state/node-compression.ts';
import { SavedStateError, SavedStateErrorCode, detectState } from '../saved-state/index.ts';
import { bytesStateFiles, type PendingState, type StateFiles } from './state-files.ts';

const CODES: Partial<Record<DiskErrorCode, SavedStateErrorCode>> = {
  [DiskErrorCode.NotFound]: SavedStateErrorCode.NotFound,
  [DiskErrorCode.AccessDenied]: SavedStateErrorCode.AccessDenied,
  [DiskErrorCode.HostFull]: SavedStateErrorCode.HostFull,
};

function translate(error: unknown): unknown {
  if (!(error instanceof DiskError)) return error;
  return new SavedStateError(CODES[error.code] ?? SavedStateErrorCode.Io, error.message, { cause: error });
}

function translated<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw translate(error);
  }
}

/** The name under which a state is written. */
export const unfinishedName = (target: string): string => `${target}.new`;

/** Moves a file that keeps space free for a state to where the state is written. */
function takePlaceholder(target: string, unfinished: string): NodeFile | undefined {
  if (!fs.existsSync(target)) return undefined;
  const probe = NodeFile.open(target, true);
  let free: boolean;
  try {
    free = detectState(probe) === 'placeholder';
  } finally {
    probe.close();
  }
  if (!free) return undefined;
  fs.renameSync(target, unfinished);
  return NodeFile.open(unfinished, false);
}

function create(name: string): PendingState {
  const target = path.resolve(name);
  const unfinished = unfinishedName(target);
  return translated(() => {
    // What an interrupted save left.
    fs.rmSync(unfinished, { force: true });
    const file = takePlaceholder(target, unfinished) ?? NodeFile.create(unfinished);
    return {
      file,
      commit: () =>
        translated(() => {
          file.close();
          fs.renameSync(unfinished, target);
          flushFolder(path.dirname(target));
          return { path: target };
        }),
      abort: () => {
        file.close();
        fs.rmSync(unfinished, { force: true });
      },
    };
  });
}

export const nodeStateFiles: StateFiles = {
  compression: nodeCompression,
  create: (name) => (name === undefined ? bytesStateFiles.create(name) : create(name)),
  open: (source) =>
    source.path === undefined
      ? bytesStateFiles.open(source)
      : translated(() => NodeFile.open(path.resolve(source.path!), true)),
  remove: ({ path: name }) => {
    if (name !== undefined) fs.rmSync(name, { force: true });
  },
  stamp: (name) => {
    try {
      const { size, mtimeMs } = fs.statSync(name);
      return { size, modified: Math.floor(mtimeMs) };
    } catch (cause) {
      throw new SavedStateError(SavedStateErrorCode.Media, `${name}: ${(cause as Error).message}`, { cause });
    }
  },
};
