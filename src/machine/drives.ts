/** The drives of a machine: hard disks and optical drives on the two IDE channels, floppy drives on their controller. */
import type { BusRegion } from '../../devices/bus.ts';
import type { Device, DeviceHost } from '../../devices/device.ts';
import type { DmaChannel } from '../../devices/i8237/i8237.ts';
import { I82078 } from '../../devices/i82078/i82078.ts';
import type { FloppyMedia } from '../../devices/i82078/media.ts';
import { floppyGeometry } from '../../devices/i82078/media.ts';
import { AtaDisk } from '../../devices/ide/ata-disk.ts';
import { AtapiCdrom } from '../../devices/ide/atapi-cdrom.ts';
import type { BlockMedia, CdMedia } from '../../devices/ide/media.ts';
import type { EdgeLine } from '../../devices/interrupt-line.ts';
import type { Piix4Ide } from '../../devices/piix4/ide.ts';
import { DiskError as HostDiskError, DiskErrorCode as HostDiskErrorCode } from '../../vhd/index.ts';
import { FLOPPY } from './board-layout.ts';
import type { MediaSource } from './configuration.ts';
import type { ResolvedConfiguration } from './defaults.ts';
import { asMediaError } from './media.ts';
import type { MediaOpener, OpenedCd, OpenedDisk, OpenedFloppy, SavedContents } from './media.ts';
import { FullVolumes } from './full-volume.ts';
import { Unflushed } from './unflushed.ts';

/** Opened media by place: IDE locations as channel * 2 + position, floppy drives from A: on. */
export interface DriveMedia {
  readonly disks: (OpenedDisk | undefined)[];
  /** Optical drives; a drive without a disc has an undefined `disc`. */
  readonly optical: ({ disc: OpenedCd | undefined } | undefined)[];
  readonly floppies: (OpenedFloppy | undefined)[];
}

const IDE_LOCATIONS = 4;

/** Name of an IDE drive in events: `ide0.1` is the slave of the primary channel. */
export const ideName = (at: number): string => `ide${at >> 1}.${at & 1}`;
const SECTOR = 512;
const CD_BLOCK = 2048;

/**
 * Opens every medium that a configuration names; if one fails, those already open are closed.
 * @param saved what a saved state holds of the medium in a place
 * @throws VirtualServerError `VS_MEDIA`
 */
export function openDriveMedia(
  configuration: ResolvedConfiguration,
  opener: MediaOpener,
  saved: (place: string) => SavedContents | undefined = () => undefined,
): DriveMedia {
  const empty = <T>(length: number): (T | undefined)[] => Array.from<T | undefined>({ length });
  const media: DriveMedia = { disks: empty(IDE_LOCATIONS), optical: empty(IDE_LOCATIONS), floppies: empty(2) };
  try {
    for (const { channel, position, kind, media: source } of configuration.ide) {
      const at = channel * 2 + position;
      const contents = saved(ideName(at));
      if (kind === 'disk') media.disks[at] = opener.disk(source!, contents);
      else media.optical[at] = { disc: source && opener.cd(source, contents) };
    }
    configuration.floppies.forEach((drive, i) => {
      media.floppies[i] = drive.media && openFloppy(drive.media, opener, saved(`floppy${i}`));
    });
  } catch (error) {
    closeDriveMedia(media, () => {});
    throw error;
  }
  return media;
}

/** Opens a floppy image whose size is that of a format. */
function openFloppy(source: MediaSource, opener: MediaOpener, saved?: SavedContents): OpenedFloppy {
  const medium = opener.floppy(source, saved);
  try {
    asMediaError(source, () => floppyGeometry(medium.size));
  } catch (error) {
    medium.close();
    throw error;
  }
  return medium;
}

/** Closes everything; a medium that cannot be closed in order does not keep the others open. */
export function closeDriveMedia(media: DriveMedia, onError: (message: string) => void): void {
  const all = [...media.disks, ...media.optical.map((drive) => drive?.disc), ...media.floppies];
  for (const medium of all) {
    try {
      medium?.close();
    } catch (error) {
      onError(error instanceof Error ? error.message : String(error));
    }
  }
}

export interface DiskError {
  readonly device: string;
  readonly operation: string;
  readonly message: string;
}

export interface DrivesOptions {
  readonly ide: Piix4Ide;
  readonly media: DriveMedia;
  /** Number of floppy drives. */
  readonly floppies: number;
  readonly floppyIrq: EdgeLine;
  readonly floppyDma: DmaChannel;
  /** The guest ejected a disc; it stays in the open tray until taken out or pushed back. */
  readonly onTray: (device: string, open: boolean) => void;
  /** A medium failed; the guest sees an error of the drive. */
  readonly onError: (error: DiskError) => void;
  /** The host has no space for what the guest wrote; it waits in memory, and the guest should not go on. */
  readonly onHostFull: (device: string, message: string) => void;
}

export class Drives {
  bytesRead = 0;
  bytesWritten = 0;
  /** Devices besides those that belong to the IDE function. */
  readonly devices: readonly Device[];
  readonly #options: DrivesOptions;
  readonly #floppy: I82078 | undefined;
  readonly #unflushed = new Unflushed();
  readonly #volumes: FullVolumes;
  readonly #optical: { readonly drive: AtapiCdrom; readonly at: number }[] = [];

  constructor(host: DeviceHost, options: DrivesOptions) {
    this.#options = options;
    this.#volumes = new FullVolumes((device, message) => options.onHostFull(device, message));
    const { media, ide } = options;
    for (let at = 0; at < IDE_LOCATIONS; at++) {
      const channel = ide.channel((at >> 1) as 0 | 1);
      const unit = (at & 1) as 0 | 1;
      const name = ideName(at);
      const disk = media.disks[at];
      const optical = media.optical[at];
      if (disk) {
        // Images smaller than a cylinder exist; a drive without cylinders does not.
        const geometry = { ...disk.geometry, cylinders: Math.max(1, disk.geometry.cylinders) };
        channel.attach(unit, new AtaDisk(host, { name, media: this.#watched(name, disk), geometry }));
      } else if (optical) {
        const drive = new AtapiCdrom(host, {
          name,
          ...(optical.disc ? { media: this.#watchedCd(name, optical.disc) } : {}),
          onTray: (open) => options.onTray(name, open),
        });
        channel.attach(unit, drive);
        this.#optical.push({ drive, at });
      }
    }
    if (options.floppies > 0) {
      this.#floppy = new I82078(host, {
        irq: options.floppyIrq,
        dma: options.floppyDma,
        drives: [true, options.floppies > 1],
        fast: true,
      });
      media.floppies.forEach((medium, i) => medium && this.#floppy!.insert(i, this.#watchedFloppy(i, medium)));
    }
    this.devices = this.#floppy ? [this.#floppy] : [];
  }

  ports(): (readonly [number, BusRegion])[] {
    if (!this.#floppy) return [];
    return [
      [FLOPPY.base, this.#floppy.registers],
      [FLOPPY.base + 7, this.#floppy.control],
    ];
  }

  /**
   * Replaces the disc of the first optical drive. The old disc is closed.
   * @returns the drive's name, or undefined if there is no optical drive
   */
  setDisc(source: MediaSource | undefined, opener: MediaOpener): string | undefined {
    const optical = this.#optical[0];
    if (!optical) return undefined;
    const { drive, at } = optical;
    const disc = source && opener.cd(source);
    const place = this.#options.media.optical[at]!;
    drive.eject(true);
    place.disc?.close();
    place.disc = disc;
    if (disc) drive.insert(this.#watchedCd(drive.name, disc));
    return drive.name;
  }

  /** As `setDisc`, for a floppy drive (0 is A:). */
  setFloppy(index: number, source: MediaSource | undefined, opener: MediaOpener): string | undefined {
    if (!this.#floppy || index >= this.#options.floppies) return undefined;
    const medium = source && openFloppy(source, opener);
    const { floppies } = this.#options.media;
    this.#floppy.eject(index);
    this.#unflushed.forget(`floppy${index}`);
    this.#volumes.forget(`floppy${index}`);
    floppies[index]?.close();
    floppies[index] = medium;
    if (medium) this.#floppy.insert(index, this.#watchedFloppy(index, medium));
    return `floppy${index}`;
  }

  /** Writes wait for space on the host. */
  get waiting(): boolean {
    return this.#volumes.waiting;
  }

  /** Writes what waits for space on the host. @returns whether nothing waits any more */
  retry(): boolean {
    return this.#volumes.retry((device, { message }) => this.#options.onError({ device, operation: 'write', message }));
  }

  /** Flushes every medium that can be written. @throws what the medium throws; `disk-host-full` while writes wait */
  flush(): void {
    if (this.waiting && !this.retry())
      throw new HostDiskError(
        HostDiskErrorCode.HostFull,
        'the disk of the host is full, and what the guest wrote waits',
      );
    const { disks, floppies } = this.#options.media;
    disks.forEach((disk, at) => {
      this.#unflushed.forget(ideName(at));
      if (disk && !disk.readOnly) disk.flush();
    });
    floppies.forEach((floppy, i) => {
      this.#unflushed.forget(`floppy${i}`);
      if (floppy && !floppy.readOnly) floppy.flush();
    });
  }

  /** Flushes writes that have waited long enough; see `Unflushed.settle`. */
  settle(now: number): number {
    return this.#unflushed.settle(now);
  }

  /** Runs an access to a medium; a failure is reported and passed on to the drive. */
  #guard(device: string, operation: string, access: () => void): void {
    try {
      access();
    } catch (error) {
      this.#options.onError({ device, operation, message: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  #watched(name: string, disk: OpenedDisk): BlockMedia {
    const held = this.#volumes.hold(name, disk, SECTOR);
    const flush = (): void => {
      this.#unflushed.forget(name);
      this.#guard(name, 'flush', () => held.flush());
    };
    return {
      sectorCount: disk.sectorCount,
      readOnly: disk.readOnly,
      read: (lba, into) => {
        this.#guard(name, `read of ${into.length / SECTOR} sectors at ${lba}`, () => held.read(lba, into));
        this.bytesRead += into.length;
      },
      write: (lba, from) => {
        this.#guard(name, `write of ${from.length / SECTOR} sectors at ${lba}`, () => held.write(lba, from));
        this.bytesWritten += from.length;
        this.#unflushed.written(name, flush);
      },
      flush,
      ...(disk.trim ? { trim: (lba: number, count: number) => disk.trim!(lba, count) } : {}),
    };
  }

  #watchedCd(name: string, disc: OpenedCd): CdMedia {
    return {
      blockCount: disc.blockCount,
      read: (block, into) => {
        this.#guard(name, `read of ${into.length / CD_BLOCK} blocks at ${block}`, () => disc.read(block, into));
        this.bytesRead += into.length;
      },
    };
  }

  #watchedFloppy(index: number, medium: OpenedFloppy): FloppyMedia {
    const name = `floppy${index}`;
    const held = this.#volumes.hold(name, medium, 1);
    const flush = (): void => {
      this.#unflushed.forget(name);
      this.#guard(name, 'flush', () => held.flush());
    };
    return {
      size: medium.size,
      readOnly: medium.readOnly,
      read: (offset, into) => {
        this.#guard(name, `read at byte ${offset}`, () => held.read(offset, into));
        this.bytesRead += into.length;
      },
      write: (offset, from) => {
        this.#guard(name, `write at byte ${offset}`, () => held.write(offset, from));
        this.bytesWritten += from.length;
        this.#unflushed.written(name, flush);
      },
      flush,
    };
  }
}
