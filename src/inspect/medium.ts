/** A CD or diskette image. */
import { NodeFile } from '../disks/node-file.ts';
import { detectImage, FLOPPY_SIZES } from '../disks/detect.ts';
import { DiskError } from '../../vhd/errors.ts';
import { sourceOfFile } from '../filesystems/index.ts';
import { describeVolumes } from './disk.ts';
import { problemOfError } from './layers.ts';
import type { MediumReport, Problem } from './report.ts';

/** Never throws for contents. */
export function inspectMedium(place: string): MediumReport {
  const problems: Problem[] = [];
  let file: NodeFile | undefined;
  try {
    file = NodeFile.open(place, true);
    const detected = detectImage(file);
    if (detected.kind === 'foreign') {
      const { product, remedy } = detected;
      problems.push({ severity: 'error', code: 'foreign-image', place, message: `this is ${product}`, remedy });
      return { path: place, kind: 'unknown', fileSize: file.size(), volumes: [], problems };
    }
    const { volumes } = describeVolumes(sourceOfFile(file), problems);
    const kind =
      detected.kind === 'floppy'
        ? `diskette, ${FLOPPY_SIZES.get(file.size()) ?? 'unusual size'}`
        : detected.kind === 'iso'
          ? 'CD image'
          : detected.kind === 'raw-cd'
            ? 'raw CD image'
            : 'unknown';
    return { path: place, kind, fileSize: file.size(), volumes, problems };
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    problems.push(problemOfError(error, place));
    return { path: place, kind: 'unknown', fileSize: 0, volumes: [], problems };
  } finally {
    file?.close();
  }
}
