/** A disk image that is another one but for what a subclass says differently. */
import type { DiskExtent, DiskImage } from '../../vhd/image.ts';

export abstract class DelegatedImage implements DiskImage {
  protected readonly image: DiskImage;

  constructor(image: DiskImage) {
    this.image = image;
  }

  get name(): string {
    return this.image.name;
  }
  get format(): DiskImage['format'] {
    return this.image.format;
  }
  get sectorCount(): number {
    return this.image.sectorCount;
  }
  get readOnly(): boolean {
    return this.image.readOnly;
  }
  get geometry(): DiskImage['geometry'] {
    return this.image.geometry;
  }
  get identity(): Uint8Array {
    return this.image.identity;
  }
  get creator(): string {
    return this.image.creator;
  }
  get savedState(): boolean {
    return this.image.savedState;
  }
  get problems(): readonly string[] {
    return this.image.problems;
  }
  get parent(): DiskImage | undefined {
    return this.image.parent;
  }
  read(lba: number, into: Uint8Array): void {
    this.image.read(lba, into);
  }
  write(lba: number, from: Uint8Array): void {
    this.image.write(lba, from);
  }
  trim(lba: number, count: number): void {
    this.image.trim?.(lba, count);
  }
  extentAt(lba: number, limit: number): DiskExtent {
    return this.image.extentAt?.(lba, limit) ?? { kind: 'data', count: limit };
  }
  flush(): void {
    this.image.flush();
  }
  close(): void {
    this.image.close();
  }
}
