/** A saved state: whose it is, and whether it still fits the disks. */
import fs from 'node:fs';
import { DiskError } from '../../vhd/errors.ts';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { openDiskFile } from '../disks/disk-file.ts';
import { detectState, SavedStateError, StateReader } from '../saved-state/index.ts';
import { nodeCompression } from '../saved-state/node-compression.ts';
import type { Problem, SavedStateReport } from './report.ts';

/** @param place where problems are said to be */
export function examineState(file: string, place: string, problems: Problem[]): SavedStateReport {
  let opened: RandomAccessFile | undefined;
  try {
    opened = openDiskFile(file, true);
    const fileSize = opened.size();
    switch (detectState(opened)) {
      case 'placeholder':
        return { path: file, kind: 'placeholder', fileSize };
      case 'foreign':
        problems.push({
          severity: 'warning',
          code: 'saved-state-foreign',
          place,
          message: 'the machine is saved, in a form that only the product of that time restores',
          remedy:
            'Its disks can be read, and the machine can be started from them as after a power cut: what the guest had not written yet is lost. Keep a copy first.',
        });
        return { path: file, kind: 'foreign', fileSize };
      case 'state':
        compareWithDisks(new StateReader(opened, nodeCompression), file, problems);
    }
    return { path: file, kind: 'own', fileSize };
  } catch (error) {
    if (error instanceof DiskError) {
      problems.push({ severity: 'error', code: error.code, place, message: error.problem, remedy: error.remedy });
      return { path: file, kind: 'missing' };
    }
    if (!(error instanceof SavedStateError)) throw error;
    problems.push({ severity: 'error', code: error.code, place, message: error.message.replace(/\.$/, '') });
    return { path: file, kind: 'own' };
  } finally {
    opened?.close();
  }
}

interface Stamp {
  readonly name: string;
  readonly size: number;
  readonly modified: number;
}

const isStamp = (value: unknown): value is Stamp => {
  const stamp = value as Partial<Stamp> | null;
  return typeof stamp?.name === 'string' && typeof stamp.size === 'number' && typeof stamp.modified === 'number';
};

/** The state has parts of the disks in the guest's memory: it fits them only as they were then. */
function compareWithDisks(state: StateReader, file: string, problems: Problem[]): void {
  const media: unknown = state.document['media'];
  if (typeof media !== 'object' || media === null) return;
  for (const { name, size, modified } of Object.values(media).flat().filter(isStamp)) {
    const now = fs.statSync(name, { throwIfNoEntry: false });
    if (now !== undefined && now.size === size && Math.floor(now.mtimeMs) === modified) continue;
    problems.push({
      severity: 'warning',
      code: 'saved-state-media',
      place: file,
      message:
        now === undefined
          ? `the state was saved with ${name}, which is not there`
          : `${name} was changed after the state was saved; the state does not fit it any more`,
      remedy: 'Put the disk back as it was, or discard the state.',
    });
  }
}
