/** A configuration with every default filled in. */
import type {
  DebugExitPort,
  BootDevice,
  ClockConfiguration,
  FirmwareConfiguration,
  FloppyDriveConfiguration,
  MediaSource,
} from './configuration.ts';
import type { IdeDriveConfiguration, MachineConfiguration, ParallelConfiguration } from './configuration.ts';
import type { SavedStateSource, SerialConfiguration, SmbiosConfiguration } from './configuration.ts';
import type { TripleFaultPolicy, UndoAction } from './configuration.ts';
import type { NetworkAdapterConfiguration } from '../network/configuration.ts';
import { dynamicMac, parseMac } from '../network/mac-address.ts';
import type { VideoAdapterKind } from './configuration.ts';
import { MEMORY_MIB, checkConfiguration, videoAdapterOf } from './configuration.ts';
import type { CpuidConfiguration, JitOptions } from '../../cpu/processor.ts';

export interface ResolvedAdapter {
  readonly configuration: NetworkAdapterConfiguration;
  /** Six bytes. */
  readonly macAddress: Uint8Array;
}

export interface ResolvedConfiguration {
  readonly name: string;
  readonly memoryBytes: number;
  readonly videoBytes: number;
  readonly videoAdapter: VideoAdapterKind;
  readonly ide: readonly IdeDriveConfiguration[];
  readonly floppies: readonly FloppyDriveConfiguration[];
  readonly serial: readonly [SerialConfiguration, SerialConfiguration];
  readonly parallel: ParallelConfiguration;
  readonly network: readonly ResolvedAdapter[];
  readonly boot: readonly BootDevice[];
  readonly cpuid: CpuidConfiguration;
  readonly jit: boolean | JitOptions;
  readonly profile: boolean;
  readonly tripleFault: TripleFaultPolicy;
  readonly clock: ClockConfiguration;
  /** Undefined: none. */
  readonly debugExit: DebugExitPort | undefined;
  readonly rtc: 'host' | number;
  readonly rtcOffsetMinutes: number | undefined;
  readonly cmos: Uint8Array | undefined;
  readonly firmware: FirmwareConfiguration;
  readonly smbios: SmbiosConfiguration;
  readonly savedState: SavedStateSource | undefined;
  readonly undoAtEnd: UndoAction;
}

const MIB = 1 << 20;
const DEFAULT_VIDEO_MIB = 4;

/** @throws VirtualServerError with code `VS_INVALID_CONFIGURATION` */
export function resolveConfiguration(given: MachineConfiguration): ResolvedConfiguration {
  checkConfiguration(given);
  const [com1 = { kind: 'events' }, com2 = { kind: 'events' }] = given.serial ?? [];
  return {
    name: given.name ?? 'machine',
    memoryBytes: (given.memoryMiB ?? MEMORY_MIB.default) * MIB,
    videoBytes: (given.videoMemoryMiB ?? DEFAULT_VIDEO_MIB) * MIB,
    videoAdapter: videoAdapterOf(given),
    ide: given.ide ?? [{ channel: 1, position: 0, kind: 'cdrom' }],
    floppies: given.floppies ?? [{}],
    serial: [com1, com2],
    parallel: given.parallel ?? { kind: 'events' },
    network: (given.network ?? []).map((configuration) => ({
      configuration,
      macAddress: configuration.macAddress === undefined ? randomMac() : parseMac(configuration.macAddress)!,
    })),
    boot: given.boot ?? ['floppy', 'cdrom', 'disk'],
    cpuid: given.cpuid ?? {},
    jit: given.jit ?? true,
    profile: given.profile ?? false,
    tripleFault: given.tripleFault ?? 'reset',
    clock: given.clock ?? { kind: 'real' },
    debugExit: debugExitPort(given.debugExit ?? true),
    rtc: given.rtc ?? 'host',
    rtcOffsetMinutes: given.rtcOffsetMinutes,
    cmos: given.cmos,
    firmware: given.firmware ?? {},
    smbios: given.smbios ?? {},
    savedState: given.savedState,
    undoAtEnd: given.undoAtEnd ?? 'keep',
  };
}

const randomMac = (): Uint8Array => dynamicMac([], 0, globalThis.crypto.getRandomValues(new Uint8Array(3)));

/** Where QEMU's device of this kind is by custom. */
const DEBUG_EXIT: DebugExitPort = { port: 0xf4, size: 4 };

const debugExitPort = (given: boolean | DebugExitPort): DebugExitPort | undefined =>
  given === true ? DEBUG_EXIT : given === false ? undefined : given;

/**
 * What the guest's clock shows at power-on, in milliseconds since 1970 as if it were UTC.
 * @param now host time in milliseconds since 1970 @param zoneMinutes minutes by which the host's zone is ahead of UTC
 */
export function clockStart(configuration: ResolvedConfiguration, now: number, zoneMinutes: number): number {
  const { rtc, rtcOffsetMinutes } = configuration;
  if (rtc === 'host') return now + (rtcOffsetMinutes ?? zoneMinutes) * 60_000;
  return rtc * 1000 + (rtcOffsetMinutes ?? 0) * 60_000;
}

/** With another disc in the first optical drive. */
export function withDisc(configuration: ResolvedConfiguration, source: MediaSource | undefined): ResolvedConfiguration {
  const first = configuration.ide.find(({ kind }) => kind === 'cdrom');
  const ide = configuration.ide.map((drive): IdeDriveConfiguration => {
    if (drive !== first) return drive;
    const { media: _, ...empty } = drive;
    return source ? { ...empty, media: source } : empty;
  });
  return { ...configuration, ide };
}

/** With another floppy in drive 0 (A:) or 1. */
export function withFloppy(
  configuration: ResolvedConfiguration,
  drive: number,
  source: MediaSource | undefined,
): ResolvedConfiguration {
  const floppies = configuration.floppies.map((old, i) => (i !== drive ? old : source ? { media: source } : {}));
  return { ...configuration, floppies };
}
