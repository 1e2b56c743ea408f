/**
 * What a machine is made of, as plain data: it can be cloned to a worker, printed as JSON and built from a `.vmc`.
 * Every property has a default; an empty object is a diskless machine with 128 MiB.
 */
import { ErrorCode, VirtualServerError } from './errors.ts';
import type { CpuidConfiguration, JitOptions } from '../../cpu/processor.ts';
import { checkNetwork } from '../network/configuration.ts';
import type { NetworkAdapterConfiguration } from '../network/configuration.ts';
import { createCpuid } from '../../cpu/system/cpuid.ts';

/** The debug-exit port: its first address, and how many ports answer. */
export interface DebugExitPort {
  readonly port: number;
  readonly size: 1 | 2 | 4;
}

/**
 * How a hard disk image is treated.
 * - `auto`: `undo` for images that another product made, `direct` for those of this one.
 * - `undo`: the image is never altered; changes go to an undo disk (`.vud`) beside it and are kept.
 * - `memory`: the image is never altered; changes live in memory and vanish with the machine.
 * - `direct`: changes go to the image.
 * - `read-only`: writes fail, as on a write-protected disk.
 */
export type DiskMode = 'auto' | 'undo' | 'memory' | 'direct' | 'read-only';

/** An image: a file on the host, or bytes (then `direct` changes the given array). */
export interface MediaSource {
  readonly path?: string;
  readonly bytes?: Uint8Array;
  /** Default: `memory` for hard disks and floppies; CDs are always `read-only`. */
  readonly mode?: DiskMode;
  /** Path of the undo disk for mode `undo`; default beside the image. */
  readonly undoPath?: string;
  /** Folders besides the disk's own in which parents of differencing disks are looked for. */
  readonly parentFolders?: readonly string[];
}

/** 0 primary (ports 1F0h, IRQ 14), 1 secondary (ports 170h, IRQ 15). */
export type IdeChannel = 0 | 1;
/** 0 master, 1 slave. */
export type IdePosition = 0 | 1;

/** A drive on an IDE channel: `channel` 0 primary, 1 secondary; `position` 0 master, 1 slave. */
export interface IdeDriveConfiguration {
  readonly channel: IdeChannel;
  readonly position: IdePosition;
  readonly kind: 'disk' | 'cdrom';
  /** A hard disk needs one; an optical drive may be empty. */
  readonly media?: MediaSource;
}

/** A floppy drive, empty without `media`. */
export interface FloppyDriveConfiguration {
  readonly media?: MediaSource;
}

/**
 * Where a serial port's wire goes. `events` (the default) delivers output as events and takes input through
 * `vm.serial[n].write`; the other kinds are connected on the host side and deliver events as well.
 */
export type SerialConfiguration =
  | { readonly kind: 'none' }
  | { readonly kind: 'events' }
  | { readonly kind: 'stdio' }
  | { readonly kind: 'file'; readonly path: string; readonly append?: boolean }
  /** Named pipe or Unix socket; `listen` waits for a client, otherwise the machine connects. */
  | { readonly kind: 'pipe'; readonly path: string; readonly listen?: boolean }
  /** TCP; `listen` binds `host` (default the loopback address), otherwise the machine connects. */
  | { readonly kind: 'tcp'; readonly host?: string; readonly port: number; readonly listen?: boolean };

/** Where the output of LPT1 goes; `events` is the default. */
export type ParallelConfiguration =
  | { readonly kind: 'none' }
  | { readonly kind: 'events' }
  | { readonly kind: 'file'; readonly path: string; readonly append?: boolean };

/** Kinds of drives in the boot order. */
export type BootDevice = 'floppy' | 'disk' | 'cdrom' | 'network';

/** What a triple fault does: `reset` like a PC, `stop` the machine, or `pause` it with its state kept for a debugger. */
export type TripleFaultPolicy = 'reset' | 'stop' | 'pause';

/**
 * How virtual time follows host time.
 * - `real` (default): virtual time tracks host time; an idle guest sleeps.
 * - `fast`: a fixed time per instruction, and idle time is skipped: as fast as the host allows, and repeatable.
 * - `fixed`: a fixed time per instruction, never ahead of host time: a processor of a given speed; repeatable.
 */
export type ClockConfiguration =
  | { readonly kind: 'real' }
  | { readonly kind: 'fast'; readonly instructionsPerSecond?: number }
  | { readonly kind: 'fixed'; readonly instructionsPerSecond?: number };

/**
 * The display adapter; to guests both are an S3 Trio64.
 * - `s3-trio64`: the chip with its extended registers, hardware cursor and graphics engine.
 * - `dispi`: a plain VGA with the Bochs DISPI interface, which SeaVGABIOS uses.
 */
export type VideoAdapterKind = 's3-trio64' | 'dispi';

/** Firmware other than that of the package. */
export interface FirmwareConfiguration {
  /** Path or bytes of the system BIOS (SeaBIOS, 128 or 256 KiB). */
  readonly bios?: string | Uint8Array;
  /** Path or bytes of the video BIOS (SeaVGABIOS). */
  readonly videoBios?: string | Uint8Array;
}

/** What SMBIOS tells the guest about this machine (DMTF DSP0134, types 1 to 3). */
export interface SmbiosConfiguration {
  /** UUID of the machine, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`. */
  readonly uuid?: string;
  readonly serialNumber?: string;
  readonly baseBoardSerialNumber?: string;
  readonly chassisSerialNumber?: string;
  readonly chassisAssetTag?: string;
}

/** What becomes of the undo disks of all hard disks when the machine is turned off. */
export type UndoAction = 'keep' | 'commit' | 'discard';

/** A saved state: a file of the host, or bytes. */
export interface SavedStateSource {
  readonly path?: string;
  readonly bytes?: Uint8Array;
  /** Restore although the time of a disk's file differs, because it was copied; a disk that was changed breaks the guest. */
  readonly trustMedia?: boolean;
  /** Delete the file when the machine has been restored. */
  readonly once?: boolean;
}

/** The machine as data; each property says its default. */
export interface MachineConfiguration {
  /** Name in events and of files; default `machine`. */
  readonly name?: string;
  /** Guest RAM in MiB: 1 to 3584, default 128. */
  readonly memoryMiB?: number;
  /** Video memory in MiB: 1, 2, 4, 8 or (adapter `dispi`) 16; default 4. */
  readonly videoMemoryMiB?: number;
  /** Default `s3-trio64`; `dispi` with more video memory than that chip has. */
  readonly videoAdapter?: VideoAdapterKind;
  /** Default: an empty optical drive on secondary master. */
  readonly ide?: readonly IdeDriveConfiguration[];
  /** Drives A: and B:; default one empty drive. */
  readonly floppies?: readonly FloppyDriveConfiguration[];
  /** COM1 and COM2; default both `events`. */
  readonly serial?: readonly SerialConfiguration[];
  /** LPT1; default `events`. */
  readonly parallel?: ParallelConfiguration;
  /** Network adapters, at most four; default none. */
  readonly network?: readonly NetworkAdapterConfiguration[];
  /** Tried in this order; default floppy, cdrom, disk. */
  readonly boot?: readonly BootDevice[];
  /** Default: a Pentium III with SSE2. */
  readonly cpuid?: CpuidConfiguration;
  /** The processor's compiling tier; `false` interprets everything. Guests see no difference but in speed. Default `true`. */
  readonly jit?: boolean | JitOptions;
  /** Count what `vm.profile()` reports: costs some speed. Default `false`. */
  readonly profile?: boolean;
  /** Default `reset`. */
  readonly tripleFault?: TripleFaultPolicy;
  /** Default `real`. */
  readonly clock?: ClockConfiguration;
  /** A guest may end the machine with a code by writing it to this port; default (and `true`) port F4h with four bytes. */
  readonly debugExit?: boolean | DebugExitPort;
  /**
   * The real-time clock at power-on: `host` (default), or seconds since 1970-01-01T00:00:00Z as the guest shall read them.
   */
  readonly rtc?: 'host' | number;
  /** Minutes added to UTC for a clock that keeps local time; default the host's zone when `rtc` is `host`. */
  readonly rtcOffsetMinutes?: number;
  /** CMOS RAM of an earlier run (128 or 256 bytes). */
  readonly cmos?: Uint8Array;
  /** Default: the images of the package. In a page they must be given. */
  readonly firmware?: FirmwareConfiguration;
  /** Default: the strings of the original product. */
  readonly smbios?: SmbiosConfiguration;
  /**
   * What becomes of the undo disks (mode `undo`) of all hard disks at the end of a run: `keep` (default), `commit` (written into the
   * images; takes its time) or `discard`. A run that ends by a fault, or is saved, keeps them.
   */
  readonly undoAtEnd?: UndoAction;
  /** The machine is saved: it goes on from there when it is started. It must be built as it was. */
  readonly savedState?: SavedStateSource;
}

/** The adapter that a configuration means. */
export function videoAdapterOf({ videoAdapter, videoMemoryMiB = 0 }: MachineConfiguration): VideoAdapterKind {
  return videoAdapter ?? (videoMemoryMiB > TRIO64_MAX_MIB ? 'dispi' : 's3-trio64');
}

/** Guest RAM in MiB. */
export const MEMORY_MIB = { minimum: 1, maximum: 3584, default: 128 } as const;
const VIDEO_MIB = [1, 2, 4, 8, 16];
const VIDEO_ADAPTERS: readonly string[] = ['s3-trio64', 'dispi'];
const TRIO64_MAX_MIB = 8;

function fail(key: string, message: string): never {
  throw new VirtualServerError(ErrorCode.InvalidConfiguration, `${key}: ${message}`, { subject: key });
}

function checkMedia(key: string, media: MediaSource): void {
  if ((media.path === undefined) === (media.bytes === undefined)) fail(key, 'needs either a path or bytes');
  if (media.path === '') fail(key, 'the path is empty');
}

/**
 * Checks everything that can be known without opening a file.
 * @throws VirtualServerError with code `VS_INVALID_CONFIGURATION`; `subject` names the property
 */
export function checkConfiguration(configuration: MachineConfiguration): void {
  const { memoryMiB: memory, videoMemoryMiB: video, ide = [], floppies = [], serial = [] } = configuration;
  if (
    memory !== undefined &&
    !(Number.isInteger(memory) && memory >= MEMORY_MIB.minimum && memory <= MEMORY_MIB.maximum)
  )
    fail('memoryMiB', `must be a whole number from ${MEMORY_MIB.minimum} to ${MEMORY_MIB.maximum}, found ${memory}`);
  if (video !== undefined && !VIDEO_MIB.includes(video))
    fail('videoMemoryMiB', `must be one of ${VIDEO_MIB.join(', ')}, found ${video}`);
  const adapter = videoAdapterOf(configuration);
  if (!VIDEO_ADAPTERS.includes(adapter))
    fail('videoAdapter', `must be one of ${VIDEO_ADAPTERS.join(', ')}, found '${String(adapter)}'`);
  if (adapter === 's3-trio64' && video !== undefined && video > TRIO64_MAX_MIB)
    fail('videoMemoryMiB', `the S3 Trio64 has at most ${TRIO64_MAX_MIB} MiB, found ${video}`);
  const taken = new Set<number>();
  ide.forEach((drive, i) => {
    const key = `ide[${i}]`;
    if (drive.channel !== 0 && drive.channel !== 1) fail(`${key}.channel`, 'must be 0 or 1');
    if (drive.position !== 0 && drive.position !== 1) fail(`${key}.position`, 'must be 0 or 1');
    if (drive.kind !== 'disk' && drive.kind !== 'cdrom') fail(`${key}.kind`, `unknown kind '${String(drive.kind)}'`);
    const at = drive.channel * 2 + drive.position;
    if (taken.has(at)) fail(key, `IDE location ${drive.channel}:${drive.position} is used twice`);
    taken.add(at);
    if (drive.media) checkMedia(`${key}.media`, drive.media);
    else if (drive.kind === 'disk') fail(`${key}.media`, 'a hard disk needs an image');
  });
  const { undoAtEnd } = configuration;
  if (undoAtEnd !== undefined && !['keep', 'commit', 'discard'].includes(undoAtEnd))
    fail('undoAtEnd', `must be keep, commit or discard, found ${String(undoAtEnd)}`);
  if (floppies.length > 2) fail('floppies', 'at most two drives');
  floppies.forEach((drive, i) => drive.media && checkMedia(`floppies[${i}].media`, drive.media));
  if (serial.length > 2) fail('serial', 'at most two ports');
  checkNetwork(configuration.network ?? [], fail);
  for (const device of configuration.boot ?? [])
    if (!['floppy', 'disk', 'cdrom', 'network'].includes(device)) fail('boot', `unknown device '${String(device)}'`);
  const rate =
    configuration.clock && 'instructionsPerSecond' in configuration.clock
      ? configuration.clock.instructionsPerSecond
      : undefined;
  if (rate !== undefined && !(rate >= 1e5 && rate <= 1e11))
    fail('clock.instructionsPerSecond', 'must lie between 1e5 and 1e11');
  try {
    createCpuid(configuration.cpuid);
  } catch (error) {
    fail('cpuid', (error as RangeError).message);
  }
  const { jit } = configuration;
  if (typeof jit === 'object')
    for (const [key, value] of Object.entries(jit))
      if (typeof value === 'number' && !(Number.isInteger(value) && value >= 1))
        fail(`jit.${key}`, `must be a whole number from 1, found ${value}`);
  const { cmos } = configuration;
  if (cmos && cmos.length !== 128 && cmos.length !== 256) fail('cmos', 'must be 128 or 256 bytes');
  const { rtc } = configuration;
  if (typeof rtc === 'number' && !(rtc >= 0 && rtc <= 4102444799)) fail('rtc', 'must lie between 1970 and 2099');
}
