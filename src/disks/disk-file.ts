/** A hard disk image as one file, also when it lies in pieces. */
import path from 'node:path';
import type { RandomAccessFile } from '../../vhd/random-access-file.ts';
import { MAXIMUM_PIECES, SplitFile } from '../../vhd/split-file.ts';
import { findIgnoringCase } from './host-paths.ts';
import { NodeFile } from './node-file.ts';

/**
 * Opens `name.vhd` together with `name.v01`, `name.v02` ... as far as they exist; any other file by itself.
 * @throws DiskError as `NodeFile.open`.
 */
export function openDiskFile(diskPath: string, readOnly: boolean): RandomAccessFile {
  const pieces: RandomAccessFile[] = [NodeFile.open(diskPath, readOnly)];
  if (!/\.vhd$/i.test(diskPath)) return pieces[0];
  const stem = path.join(path.dirname(diskPath), path.basename(diskPath).slice(0, -3));
  try {
    for (let number = 1; number < MAXIMUM_PIECES; number++) {
      const next = findIgnoringCase(`${stem}v${String(number).padStart(2, '0')}`);
      if (next === undefined) break;
      pieces.push(NodeFile.open(next, readOnly));
    }
    return pieces.length === 1 ? pieces[0] : new SplitFile(pieces);
  } catch (error) {
    for (const piece of pieces) piece.close();
    throw error;
  }
}
