/** What `boot` is asked to start: a machine, its folder or an image, with the overrides of the command line. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { MachineOptions } from '../machine/api.ts';
import type {
  DiskMode,
  FloppyDriveConfiguration,
  IdeChannel,
  IdeDriveConfiguration,
  IdePosition,
  MachineConfiguration,
  MediaSource,
} from '../machine/configuration.ts';
import { MEMORY_MIB } from '../machine/configuration.ts';
import { ErrorCode, VirtualServerError } from '../machine/errors.ts';
import { detectImage, openDisk, undoPathFor } from '../disks/index.ts';
import { findVmcInFolder } from '../disks/machine-folder.ts';
import { NodeFile } from '../disks/node-file.ts';
import { chooseMode } from '../disks/open-disk.ts';
import { OWN_CREATOR } from '../../vhd/footer.ts';
import { makeKernelDisc } from './kernel/kernel-disc.ts';
import type { UndoPlace } from './option-values.ts';
import type { TargetState } from './state-options.ts';
import { machineFromVmc, type Replaced } from './vmc-machine.ts';

/** Media named on the command line, by drive. */
export interface DriveOptions {
  readonly hda?: string;
  readonly hdb?: string;
  readonly hdd?: string;
  /** `none` takes the disc out. */
  readonly cdrom?: string;
  readonly floppy?: string;
  readonly floppyB?: string;
}

export interface BootTarget {
  readonly configuration: MachineOptions;
  readonly remarks: readonly string[];
  /** Of a `.vmc`: where its saved state is. */
  readonly state?: TargetState;
}

/** Secondary master: where the product put its CD drive. */
const CDROM_AT = 2;
const DISK_AT = { hda: 0, hdb: 1, hdd: 3 } as const;
const EMPTY = 'none';

/**
 * @param target path of a `.vmc`, a machine folder or an image; undefined for a machine made of options alone
 * @throws VmcError, DiskError, VirtualServerError
 */
export function bootTarget(target: string | undefined, drives: DriveOptions, place: UndoPlace): BootTarget {
  // Without a .vmc the undo disks of a session are those beside the images.
  const mode = place === 'session' ? 'undo' : place;
  const replaced: Replaced = {
    ide: new Set([
      ...(Object.keys(DISK_AT) as (keyof typeof DISK_AT)[]).filter((name) => drives[name]).map((name) => DISK_AT[name]),
      ...(drives.cdrom ? [CDROM_AT] : []),
    ]),
    floppies: new Set([...(drives.floppy ? [0] : []), ...(drives.floppyB ? [1] : [])]),
  };
  const opened = openTarget(target, place, replaced);
  const configuration = withDrives(opened.configuration, drives, mode);
  const undo = (configuration.ide ?? []).flatMap(({ kind, media }) => (kind === 'disk' ? undoRemark(media) : []));
  return { ...opened, configuration, remarks: [...opened.remarks, ...undo] };
}

/** Says where changes of a disk go when that is not the image itself. What is wrong with a disk, its opening tells. */
function undoRemark(media: MediaSource | undefined): string[] {
  if (!media?.path || (media.mode !== 'auto' && media.mode !== 'undo')) return [];
  try {
    const disk = openDisk(media.path, { mode: 'read-only', parentFolders: media.parentFolders });
    const { creator, path: full } = disk;
    disk.close();
    if (chooseMode(media.mode === 'auto' ? 'auto' : 'undo-file', creator === OWN_CREATOR) !== 'undo-file') return [];
    return [`${media.path} stays as it is; changes go to ${media.undoPath ?? undoPathFor(full)}`];
  } catch {
    return [];
  }
}

function openTarget(
  target: string | undefined,
  place: UndoPlace,
  replaced: Replaced,
): { configuration: MachineConfiguration; remarks: readonly string[]; state?: TargetState } {
  if (target === undefined) return { configuration: {}, remarks: [] };
  const folder = statSync(target, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (folder) return machineFromVmc(findVmcInFolder(target), place, replaced);
  if (/\.vmc$/i.test(target)) return machineFromVmc(target, place, replaced);
  return {
    configuration: { name: path.parse(target).name, ...imageDrive(target, place === 'session' ? 'undo' : place) },
    remarks: [],
  };
}

/** Puts an image in the drive that takes it. */
function imageDrive(file: string, mode: DiskMode): MachineConfiguration {
  const probe = NodeFile.open(path.resolve(file), true);
  let kind;
  try {
    kind = detectImage(probe).kind;
  } finally {
    probe.close();
  }
  const cdrom = (media?: MediaSource): IdeDriveConfiguration => ({
    channel: 1,
    position: 0,
    kind: 'cdrom',
    ...(media ? { media } : {}),
  });
  switch (kind) {
    case 'iso':
    case 'raw-cd':
      return { ide: [cdrom({ path: file })] };
    case 'floppy':
      return { ide: [cdrom()], floppies: [{ media: { path: file, mode } }] };
    default:
      // Opening it says what is wrong with an image of another kind.
      return { ide: [{ channel: 0, position: 0, kind: 'disk', media: { path: file, mode } }, cdrom()] };
  }
}

function withDrives(base: MachineConfiguration, drives: DriveOptions, mode: DiskMode): MachineConfiguration {
  const ide = new Map(
    (base.ide ?? [{ channel: 1, position: 0, kind: 'cdrom' }]).map((drive) => [locate(drive), drive]),
  );
  for (const [name, at] of Object.entries(DISK_AT)) {
    const file = drives[name as keyof typeof DISK_AT];
    if (!file) continue;
    const [channel, position] = [at >> 1, at & 1] as [IdeChannel, IdePosition];
    if (file === EMPTY) ide.delete(at);
    else ide.set(at, { channel, position, kind: 'disk', media: { path: file, mode } });
  }
  if (drives.cdrom) {
    const media = drives.cdrom === EMPTY ? {} : { media: { path: drives.cdrom } };
    ide.set(CDROM_AT, { channel: 1, position: 0, kind: 'cdrom', ...media });
  }
  const floppies: FloppyDriveConfiguration[] = [...(base.floppies ?? [{}])];
  [drives.floppy, drives.floppyB].forEach((file, i) => {
    if (file) floppies[i] = file === EMPTY ? {} : { media: { path: file, mode } };
  });
  return { ...base, ide: [...ide.values()], floppies: Array.from(floppies, (drive) => drive ?? {}) };
}

const locate = ({ channel, position }: IdeDriveConfiguration): number => 2 * channel + position;

/** Bytes of the disk that the demonstration guest boots from: more than the image, so that firmware finds cylinders. */
const DEMO_DISK_BYTES = 8 << 20;

/** The machine with the demonstration guest; its disk lives in memory. */
export function demoTarget(image: string): BootTarget {
  const bytes = new Uint8Array(DEMO_DISK_BYTES);
  bytes.set(readMedium(image));
  const ide: IdeDriveConfiguration[] = [
    { channel: 0, position: 0, kind: 'disk', media: { bytes, mode: 'memory' } },
    { channel: 1, position: 0, kind: 'cdrom' },
  ];
  return { configuration: { name: 'demo', memoryMiB: 32, ide, boot: ['disk'] }, remarks: [] };
}

export interface KernelOptions {
  readonly kernel: string;
  readonly append?: string;
  readonly initrd?: string;
}

/**
 * The machine with a CD in its drive that loads the kernel, and nothing else to boot from.
 * @param loader path of the loader's binary
 */
export function withKernel(base: MachineOptions, options: KernelOptions, loader: string): MachineOptions {
  const { kernel, append = '', initrd } = options;
  const bytes = makeKernelDisc(readMedium(loader), readMedium(kernel), kernel, {
    commandLine: append,
    initrd: initrd === undefined ? undefined : readMedium(initrd),
    memoryBytes: (base.memoryMiB ?? MEMORY_MIB.default) * 2 ** 20,
  });
  const others = (base.ide ?? []).filter((drive) => locate(drive) !== CDROM_AT);
  const disc: IdeDriveConfiguration = { channel: 1, position: 0, kind: 'cdrom', media: { bytes } };
  return { ...base, ide: [...others, disc], boot: ['cdrom'] };
}

function readMedium(file: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new VirtualServerError(ErrorCode.Media, `${file}: ${message}`, { subject: file, cause });
  }
}
