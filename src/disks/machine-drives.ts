/** Opening everything that a machine configuration puts into drives. */
import path from 'node:path';
import { DiskError, DiskErrorCode } from '../../vhd/errors.ts';
import type { VmcConfiguration, VmcDrive, VmcFloppy } from '../vmc/configuration.ts';
import { locateImage, resolvePath, type PathOptions } from '../vmc/paths.ts';
import { openDisk, type OpenDisk, type WriteMode } from './open-disk.ts';
import { openCd, openFloppy, type OpenCd, type OpenFloppy } from './open-removable.ts';

export interface OpenDrivesOptions extends PathOptions {
  readonly mode?: WriteMode | undefined;
  /** Leaves a drive out, for example because another image was named for it. */
  readonly skip?: ((drive: VmcDrive | VmcFloppy) => boolean) | undefined;
}

export interface MachineDrives {
  readonly disks: readonly { readonly drive: VmcDrive; readonly disk: OpenDisk }[];
  /** `cd` is undefined for an empty drive. */
  readonly cds: readonly { readonly drive: VmcDrive; readonly cd: OpenCd | undefined }[];
  readonly floppies: readonly { readonly drive: VmcFloppy; readonly floppy: OpenFloppy | undefined }[];
  /** What the user should know: problems of images, drives left empty, undo disks in use. One sentence each. */
  readonly notes: readonly string[];
  close(): void;
}

/**
 * Opens the images of all drives. A hard disk that cannot be opened is an error; a CD or diskette that is missing leaves its drive
 * empty, with a note. When the configuration names an undo disk, the disk is opened through it, since it holds the newest state; like
 * every image it is itself left alone under an undo layer unless the mode says otherwise.
 * @throws DiskError, exit code 4; everything opened before is closed again.
 */
export function openMachineDrives(configuration: VmcConfiguration, options: OpenDrivesOptions): MachineDrives {
  const disks: { drive: VmcDrive; disk: OpenDisk }[] = [];
  const cds: { drive: VmcDrive; cd: OpenCd | undefined }[] = [];
  const floppies: { drive: VmcFloppy; floppy: OpenFloppy | undefined }[] = [];
  const notes: string[] = [];
  const close = (): void => {
    for (const { disk } of disks) disk.close();
    for (const { cd } of cds) cd?.close();
    for (const { floppy } of floppies) floppy?.close();
  };
  const optional = <T>(open: () => T): T | undefined => {
    try {
      return open();
    } catch (error) {
      if (!(error instanceof DiskError) || error.code !== DiskErrorCode.NotFound) throw error;
      notes.push(`${error.message} The drive is empty.`);
      return undefined;
    }
  };
  try {
    for (const drive of configuration.drives) {
      if (options.skip?.(drive) === true) continue;
      const { image } = drive;
      if (drive.kind === 'cd') {
        const cd = image === undefined ? undefined : optional(() => openCd(locateImage(image, drive.key, options)));
        cds.push({ drive, cd });
      } else if (image !== undefined) {
        const disk = openDriveDisk(drive, locateImage(image, drive.key, options), options, notes);
        disks.push({ drive, disk });
        notes.push(...disk.problems);
      }
    }
    for (const drive of configuration.floppies) {
      if (options.skip?.(drive) === true) continue;
      const { image } = drive;
      const mode = options.mode;
      const floppy =
        image === undefined ? undefined : optional(() => openFloppy(locateImage(image, drive.key, options), { mode }));
      floppies.push({ drive, floppy });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { disks, cds, floppies, notes, close };
}

function openDriveDisk(drive: VmcDrive, image: string, options: OpenDrivesOptions, notes: string[]): OpenDisk {
  const undo = drive.undo === undefined ? undefined : resolvePath(drive.undo, options);
  if (drive.undo !== undefined && undo === undefined) {
    const named = drive.undo.relative ?? drive.undo.absolute;
    notes.push(
      `${drive.key}: the undo disk ${named} was not found; what the guest wrote since it was made is missing from the disk`,
    );
  }
  if (undo !== undefined) notes.push(`${drive.key}: the undo disk ${undo} is in use; it holds the newest state`);
  const parentFolders = [
    path.dirname(image),
    path.dirname(path.resolve(options.vmcPath)),
    ...(options.searchFolders ?? []),
  ];
  return openDisk(undo ?? image, { mode: options.mode, parentFolders });
}
