/** From a `.vmc` to a machine: what the emulated hardware has a place for takes effect, the rest is named. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type {
  BootDevice,
  DiskMode,
  FloppyDriveConfiguration,
  IdeChannel,
  IdeDriveConfiguration,
  IdePosition,
  MachineConfiguration,
  MediaSource,
  SerialConfiguration,
} from '../machine/configuration.ts';
import {
  CMOS_FIRST_INDEX,
  decodeGuestClock,
  loadVmc,
  locateImage,
  outputPath,
  parseVnc,
  resolvePath,
  VmcError,
  type LoadedVmc,
  type VncConfiguration,
} from '../vmc/index.ts';
import type { NetworkAdapterConfiguration } from '../network/configuration.ts';
import { formatMac, isStationAddress } from '../network/mac-address.ts';
import type {
  VmcBios,
  VmcConfiguration,
  VmcDrive,
  VmcNetworkAdapter,
  VmcPath,
  VmcSerialPort,
} from '../vmc/configuration.ts';

import { sessionUndoPath } from '../disks/index.ts';
import type { UndoPlace } from './option-values.ts';
import type { TargetState } from './state-options.ts';

export interface VmcMachine {
  readonly configuration: MachineConfiguration;
  /** What the user should know, one sentence each. */
  readonly remarks: readonly string[];
  readonly state: TargetState;
}

const STATE_KEY = 'settings/configuration/saved_state/path';
/** What happens to a running machine when the program ends: 0 saves it. */
const QUIT_KEY = 'settings/shutdown/quit/action';
const QUIT_SAVES = 0;

const CMOS_BYTES = 256;
/** CMOS 32h, century in BCD. */
const CMOS_CENTURY = 0x32;

/** Locations whose medium the command line replaces: their images need not exist. `ide`: channel * 2 + position. */
export interface Replaced {
  readonly ide: ReadonlySet<number>;
  readonly floppies: ReadonlySet<number>;
}

/**
 * @param place where changes of disks go
 * @throws VmcError (exit code 3) for the file, DiskError (exit code 4) for an image that is missing
 */
export function machineFromVmc(vmcPath: string, place: UndoPlace, replaced: Replaced): VmcMachine {
  const loaded = loadVmc(vmcPath, { network: true });
  const { configuration: vmc } = loaded;
  const remarks = remarksOn(loaded);
  const serial = serialPorts(vmc, vmcPath, remarks);
  return {
    remarks,
    state: savedState(loaded, vmcPath, remarks),
    configuration: {
      name: vmc.name,
      memoryMiB: vmc.memoryMiB,
      videoMemoryMiB: vmc.videoMemoryMiB,
      ide: vmc.drives
        .filter(({ bus }) => bus === 'ide')
        .flatMap((drive) => ideDrive(drive, vmcPath, place, replaced, remarks)),
      floppies: floppies(vmc, vmcPath, place === 'session' ? 'undo' : place, replaced),
      serial,
      ...(vmc.networkAdapters.length === 0
        ? {}
        : { network: vmc.networkAdapters.map((adapter) => networkAdapter(adapter, vmcPath, remarks)) }),
      boot: vmc.bootOrder.map((device): BootDevice => (device === 'cd' ? 'cdrom' : device)),
      smbios: smbios(vmc.bios),
      ...(vmc.bios.cmos ? { cmos: cmosRam(vmc.bios.cmos) } : {}),
      ...guestClock(vmc.bios),
      ...(place === 'session' && vmc.undoDrives.enabled ? { undoAtEnd: vmc.undoDrives.defaultAction } : {}),
    },
  };
}

/** The file that the `.vmc` names, or the one that the product would have made: beside it, with its name. */
function savedState({ configuration, document }: LoadedVmc, vmcPath: string, remarks: string[]): TargetState {
  const { savedState: stored } = configuration;
  const named = stored && resolvePath(stored, { vmcPath });
  if (stored && named === undefined)
    remarks.push(`${STATE_KEY}: the saved state ${nameOf(stored)} was not found; the machine starts from its disks`);
  const beside = `${path.resolve(vmcPath).replace(/\.vmc$/i, '')}.vsv`;
  return { path: named ?? beside, saveAtEnd: document.integer(QUIT_KEY) === QUIT_SAVES };
}

function remarksOn({ problems, notEmulated, unknownKeys }: LoadedVmc): string[] {
  const unknown = unknownKeys.length > 0 ? [`unknown keys without effect: ${unknownKeys.join(', ')}`] : [];
  return [
    ...problems.map(({ key, message }) => `${key}: ${message}`),
    // What its saved state is worth is told when the file has been looked at.
    ...notEmulated.filter(({ key }) => key !== STATE_KEY).map(({ key, reason }) => `${key}: ${reason}`),
    ...unknown,
  ];
}

function ideDrive(
  drive: VmcDrive,
  vmcPath: string,
  place: UndoPlace,
  replaced: Replaced,
  remarks: string[],
): IdeDriveConfiguration[] {
  const channel = drive.controller as IdeChannel;
  const position = drive.location as IdePosition;
  const kind = drive.kind === 'cd' ? 'cdrom' : 'disk';
  if (replaced.ide.has(2 * channel + position) || !drive.image) {
    // A location of a hard disk without an image has no disk.
    return kind === 'cdrom' ? [{ channel, position, kind }] : [];
  }
  if (kind === 'cdrom') {
    // A disc that is gone is a drive without one: the product started such machines too.
    const image = resolvePath(drive.image, { vmcPath });
    if (image === undefined) remarks.push(`${drive.key}: ${nameOf(drive.image)} was not found; the drive is empty`);
    return [{ channel, position, kind, ...(image === undefined ? {} : { media: { path: image } }) }];
  }
  return [{ channel, position, kind, media: diskMedia(drive, vmcPath, place, remarks) }];
}

/** The disk; where the product kept an undo disk, that one, since it holds the newest state. */
function diskMedia(drive: VmcDrive, vmcPath: string, place: UndoPlace, remarks: string[]): MediaSource {
  const undo = drive.undo && resolvePath(drive.undo, { vmcPath });
  if (drive.undo && undo === undefined) {
    remarks.push(`${drive.key}: its undo disk ${nameOf(drive.undo)} was not found; the disk starts without it`);
  }
  const image = locateImage(drive.image!, drive.key, { vmcPath });
  const folder = path.dirname(path.resolve(vmcPath));
  const parentFolders = [...new Set([path.dirname(image), folder])];
  if (place !== 'session') return { path: undo ?? image, mode: place, parentFolders };
  // As the product: the session goes on in its undo disk, and a new one gets its name.
  const { controller, location } = drive;
  const undoPath = undo ?? sessionUndoPath(folder, image, controller, location, new Date());
  return { path: image, mode: 'undo', undoPath, parentFolders };
}

const nameOf = (stored: VmcPath): string => stored.relative ?? stored.absolute ?? '';

function floppies(
  vmc: VmcConfiguration,
  vmcPath: string,
  mode: DiskMode,
  replaced: Replaced,
): FloppyDriveConfiguration[] {
  const count = Math.max(1, ...vmc.floppies.map(({ id }) => id + 1));
  return Array.from({ length: Math.min(2, count) }, (_, id) => {
    const floppy = vmc.floppies.find((candidate) => candidate.id === id);
    if (!floppy?.image || replaced.floppies.has(id)) return {};
    return { media: { path: locateImage(floppy.image, floppy.key, { vmcPath }), mode } };
  });
}

function serialPorts(vmc: VmcConfiguration, vmcPath: string, remarks: string[]): SerialConfiguration[] {
  return [0, 1].map((id) => {
    const port = vmc.serialPorts.find((candidate) => candidate.id === id);
    return port ? serialPort(port, vmcPath, remarks) : { kind: 'events' };
  });
}

function serialPort({ target, key }: VmcSerialPort, vmcPath: string, remarks: string[]): SerialConfiguration {
  if (target.kind === 'file') return { kind: 'file', path: outputPath(target.name, vmcPath) };
  if (target.kind !== 'pipe') return { kind: 'events' };
  if (process.platform === 'win32') return { kind: 'pipe', path: target.name, listen: true };
  // A Windows pipe name; elsewhere the machine listens on a socket of that name beside its configuration.
  const socket = path.join(path.dirname(path.resolve(vmcPath)), `${path.win32.basename(target.name)}.sock`);
  remarks.push(`${key}: the pipe ${target.name} is the socket ${socket}`);
  return { kind: 'pipe', path: socket, listen: true };
}

/** Adapters keep their addresses. Networks of guests only are there; those of the host's adapters are not connected. */
function networkAdapter(adapter: VmcNetworkAdapter, vmcPath: string, remarks: string[]): NetworkAdapterConfiguration {
  const { macAddress, networkName: name, key } = adapter;
  const address = macAddress && isStationAddress(macAddress) ? { macAddress: formatMac(macAddress) } : {};
  if (name === '') return address;
  const file = networkFile(name, vmcPath, remarks);
  if (file?.hostAdapter === '' || (!file && GUESTS_ONLY.has(name.toLowerCase()))) {
    return { ...address, connection: { kind: 'internal', name, ...(file?.dhcp ? { dhcp: file.dhcp } : {}) } };
  }
  remarks.push(`${key}: '${name}' is not connected; --net nat gives the guest a way out, --net none says so`);
  return { ...address, connection: { kind: 'none' } };
}

/** What the products call their networks without a host. */
const GUESTS_ONLY = new Set(['internal network', 'local only']);

/** The network's `.vnc` beside the machine's configuration. */
function networkFile(name: string, vmcPath: string, remarks: string[]): VncConfiguration | undefined {
  if (/[\\/:*?"<>|]/.test(name)) return undefined;
  const file = path.join(path.dirname(path.resolve(vmcPath)), `${name}.vnc`);
  if (!existsSync(file)) return undefined;
  try {
    return parseVnc(readFileSync(file), file);
  } catch (error) {
    if (!(error instanceof VmcError)) throw error;
    remarks.push(`${file}: ${error.message}`);
    return undefined;
  }
}

function smbios(bios: VmcBios): NonNullable<MachineConfiguration['smbios']> {
  const { guid, serialNumber, baseBoardSerialNumber, chassisSerialNumber, chassisAssetTag } = bios;
  return {
    ...(guid ? { uuid: guid.replace(/[{}]/g, '').toLowerCase() } : {}),
    ...(serialNumber ? { serialNumber } : {}),
    ...(baseBoardSerialNumber ? { baseBoardSerialNumber } : {}),
    ...(chassisSerialNumber ? { chassisSerialNumber } : {}),
    ...(chassisAssetTag ? { chassisAssetTag } : {}),
  };
}

function cmosRam(stored: Uint8Array): Uint8Array {
  const ram = new Uint8Array(CMOS_BYTES);
  ram.set(stored.subarray(0, CMOS_BYTES - CMOS_FIRST_INDEX), CMOS_FIRST_INDEX);
  return ram;
}

/** The guest's clock: the host's, or where it stood when the file was saved. */
function guestClock({ timeSyncAtBoot, timeBytes, cmos }: VmcBios): Pick<MachineConfiguration, 'rtc'> {
  if (timeSyncAtBoot || !timeBytes) return {};
  const clock = decodeGuestClock(timeBytes, cmos?.[CMOS_CENTURY - CMOS_FIRST_INDEX] || undefined);
  if (!clock) return {};
  const { year, month, day, hour, minute, second } = clock;
  return { rtc: Math.floor(Date.UTC(year, month - 1, day, hour, minute, second) / 1000) };
}
