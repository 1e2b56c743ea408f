/** A floppy drive: head position, disk in it, disk change line. */
import type { Field } from '../state.ts';
import type { FloppyGeometry, FloppyMedia } from './media.ts';
import { floppyGeometry, SECTOR_SIZE } from './media.ts';

/** Drives can step a little beyond the last cylinder they are made for. */
const MAX_CYLINDER = 84;

export class Drive {
  static readonly fields: readonly Field[] = [
    { name: 'cylinder', type: 'u8' },
    { name: 'changed', type: 'bool' },
    { name: 'nextId', type: 'u8' },
  ];

  /** A drive is connected; the controller steps into nothing otherwise. */
  readonly present: boolean;
  /** Where the head is. */
  cylinder = 0;
  /** Disk change line: set when a disk goes, cleared by a step with a disk in. */
  changed = true;
  /** Sector number that comes under the head next, for READ ID. */
  nextId = 0;
  media: FloppyMedia | undefined = undefined;
  geometry: FloppyGeometry | undefined = undefined;

  constructor(present: boolean) {
    this.present = present;
  }

  /** Replaces the disk. @throws RangeError if the image has no floppy size */
  insert(media: FloppyMedia): void {
    this.geometry = floppyGeometry(media.size);
    this.media = media;
    this.changed = true;
  }

  eject(): FloppyMedia | undefined {
    const media = this.media;
    this.media = undefined;
    this.geometry = undefined;
    this.changed = true;
    return media;
  }

  /** Steps to a cylinder; returns whether any step pulse was needed. */
  step(cylinder: number): boolean {
    const target = Math.max(0, Math.min(MAX_CYLINDER, cylinder));
    const moved = target !== this.cylinder;
    this.cylinder = target;
    if (moved && this.media) this.changed = false;
    return moved;
  }

  /** Step pulses clear the change line even if the head is at the stop. */
  pulse(): void {
    if (this.media) this.changed = false;
  }

  /** Offset of a sector in the image, or `undefined` when the disk has no such sector. */
  locate(head: number, sector: number): number | undefined {
    const geometry = this.geometry;
    if (!geometry || head >= geometry.heads || this.cylinder >= geometry.cylinders) return undefined;
    if (sector < 1 || sector > geometry.sectorsPerTrack) return undefined;
    return ((this.cylinder * geometry.heads + head) * geometry.sectorsPerTrack + sector - 1) * SECTOR_SIZE;
  }

  /** Reads a sector; what the image is too short for reads as zeros. */
  read(offset: number, into: Uint8Array): void {
    const length = Math.max(0, Math.min(into.length, (this.media?.size ?? 0) - offset));
    into.fill(0, length);
    if (length > 0) this.media!.read(offset, into.subarray(0, length));
  }

  write(offset: number, from: Uint8Array): void {
    const length = Math.min(from.length, (this.media?.size ?? 0) - offset);
    if (length > 0) this.media!.write(offset, from.subarray(0, length));
  }
}
