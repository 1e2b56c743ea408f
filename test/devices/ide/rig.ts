/** An IDE function on a PCI bus, with helpers that drive it the way the ATA documents describe host software. */
import { ResetCause } from '../../../devices/device.ts';
import { AtaDisk } from '../../../devices/ide/ata-disk.ts';
import type { AtaDiskOptions } from '../../../devices/ide/ata-disk.ts';
import { AtapiCdrom } from '../../../devices/ide/atapi-cdrom.ts';
import type { AtapiCdromOptions } from '../../../devices/ide/atapi-cdrom.ts';
import type { BlockMedia, CdMedia } from '../../../devices/ide/media.ts';
import { Piix4Ide } from '../../../devices/piix4/ide.ts';
import { PciRig, TestMemory } from '../pci-rig.ts';
import { mockHost, RecordedLine } from '../support.ts';

export const BM = 0xffa0;

/** Sector content that names its own sector. */
export function pattern(lba: number, bytes: number): Uint8Array {
  const sector = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) sector[i] = (lba * 7 + i * 3 + (i >> 8) + (lba >> 8)) & 0xff;
  return sector;
}

export class SparseDisk implements BlockMedia {
  readonly sectorCount: number;
  readOnly = false;
  readonly written = new Map<number, Uint8Array>();
  flushes = 0;
  badSector = -1;
  reads = 0;

  constructor(sectorCount: number) {
    this.sectorCount = sectorCount;
  }

  #check(lba: number, bytes: number): number {
    const count = bytes / 512;
    if (!Number.isInteger(count) || lba < 0 || lba + count > this.sectorCount)
      throw new Error(`drive asked for ${lba}+${count}`);
    if (this.badSector >= lba && this.badSector < lba + count) throw new Error('bad sector');
    return count;
  }

  read(lba: number, into: Uint8Array): void {
    this.reads++;
    const count = this.#check(lba, into.length);
    for (let i = 0; i < count; i++) into.set(this.written.get(lba + i) ?? pattern(lba + i, 512), i * 512);
  }

  write(lba: number, from: Uint8Array): void {
    const count = this.#check(lba, from.length);
    for (let i = 0; i < count; i++) this.written.set(lba + i, from.slice(i * 512, i * 512 + 512));
  }

  flush(): void {
    this.flushes++;
  }
}

export class PatternCd implements CdMedia {
  readonly blockCount: number;
  badBlock = -1;

  constructor(blockCount: number) {
    this.blockCount = blockCount;
  }

  read(block: number, into: Uint8Array): void {
    const count = into.length / 2048;
    if (!Number.isInteger(count) || block + count > this.blockCount) throw new Error('beyond the disc');
    if (this.badBlock >= block && this.badBlock < block + count) throw new Error('scratched');
    for (let i = 0; i < count; i++) into.set(pattern(block + i, 2048), i * 2048);
  }
}

export class IdeRig {
  readonly host = mockHost();
  readonly clock = this.host.clock;
  readonly memory = new TestMemory(1 << 20);
  readonly irq = [new RecordedLine(), new RecordedLine()] as const;
  readonly ide = new Piix4Ide(this.host, { memory: this.memory, irq: [this.irq[0], this.irq[1]] });
  readonly pci = new PciRig();
  readonly io = this.pci.io;
  /** First port of the command block in use. */
  base = 0x1f0;

  constructor() {
    this.pci.add(7, 1, this.ide);
  }

  disk(media: BlockMedia, options: Partial<AtaDiskOptions> = {}, channel: 0 | 1 = 0, unit: 0 | 1 = 0): AtaDisk {
    const name = `ata-disk.${channel}.${unit}`;
    const geometry = { cylinders: 41610, heads: 16, sectorsPerTrack: 63 };
    const disk = new AtaDisk(this.host, { name, media, geometry, ...options });
    this.ide.channel(channel).attach(unit, disk);
    return disk;
  }

  cdrom(options: Partial<AtapiCdromOptions> = {}, channel: 0 | 1 = 0, unit: 0 | 1 = 0): AtapiCdrom {
    const cdrom = new AtapiCdrom(this.host, { name: `atapi-cdrom.${channel}.${unit}`, ...options });
    this.ide.channel(channel).attach(unit, cdrom);
    return cdrom;
  }

  /** Power-on, then what firmware does: decode enables, bus master base, I/O and bus master enable. */
  powerOn(): this {
    this.ide.reset(ResetCause.PowerOn);
    for (const device of this.ide.devices()) device.reset(ResetCause.PowerOn);
    this.pci.bus.reset();
    this.pci.write(7, 1, 0x40, 0x80008000);
    this.pci.write(7, 1, 0x20, BM | 1);
    this.pci.write(7, 1, 0x04, 0x0005, 2);
    this.settle();
    return this;
  }

  get alternateStatus(): number {
    return this.io.in(this.base + 0x206);
  }

  get status(): number {
    return this.io.in(this.base + 7);
  }

  get line(): RecordedLine {
    return this.irq[this.base === 0x1f0 ? 0 : 1];
  }

  /** Runs the clock until BSY is clear, watching the alternate status. */
  settle(): void {
    this.clock.advanceUntil(() => !(this.alternateStatus & 0x80) || this.alternateStatus === 0xff);
  }

  registers(values: {
    feature?: number;
    count?: number;
    low?: number;
    mid?: number;
    high?: number;
    device?: number;
  }): void {
    const put = (offset: number, value: number | undefined): void => {
      if (value !== undefined) this.io.out(this.base + offset, value);
    };
    put(6, values.device);
    put(1, values.feature);
    put(2, values.count);
    put(3, values.low);
    put(4, values.mid);
    put(5, values.high);
  }

  /** LBA28 address and count, for unit 0 unless told otherwise. */
  lba28(lba: number, count: number, unit: 0 | 1 = 0): void {
    this.registers({
      device: 0xe0 | (unit << 4) | (lba >>> 24),
      count,
      low: lba & 0xff,
      mid: (lba >>> 8) & 0xff,
      high: (lba >>> 16) & 0xff,
    });
  }

  lba48(lba: number, count: number): void {
    const byte = (n: number): number => Math.floor(lba / 2 ** (8 * n)) & 0xff;
    this.registers({ device: 0x40, count: count >> 8, low: byte(3), mid: byte(4), high: byte(5) });
    this.registers({ count: count & 0xff, low: byte(0), mid: byte(1), high: byte(2) });
  }

  command(value: number): void {
    this.io.out(this.base + 7, value);
  }

  /** Writes a command and waits for BSY to clear. Returns the alternate status. */
  run(value: number): number {
    this.command(value);
    this.settle();
    return this.alternateStatus;
  }

  get error(): number {
    return this.io.in(this.base + 1);
  }

  words(count: number): Uint8Array {
    const out = new Uint8Array(2 * count);
    for (let i = 0; i < count; i++) {
      const word = this.io.in(this.base, 2);
      out[2 * i] = word;
      out[2 * i + 1] = word >> 8;
    }
    return out;
  }

  send(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i += 2) this.io.out(this.base, bytes[i]! | ((bytes[i + 1] ?? 0) << 8), 2);
  }

  get #bm(): number {
    return BM + (this.base === 0x1f0 ? 0 : 8);
  }

  get bmStatus(): number {
    return this.io.in(this.#bm + 2);
  }

  /** Writes a PRD table at `at` and points the channel to it. */
  prd(at: number, entries: readonly (readonly [address: number, bytes: number])[]): void {
    entries.forEach(([address, bytes], i) => {
      const last = i === entries.length - 1 ? 0x80000000 : 0;
      this.memory.put32(at + 8 * i, address);
      this.memory.put32(at + 8 * i + 4, ((bytes & 0xffff) | last) >>> 0);
    });
    this.io.out(this.#bm + 4, at, 4);
  }

  startDma(toMemory: boolean): void {
    this.io.out(this.#bm + 2, 0x06); // clear interrupt and error
    this.io.out(this.#bm, toMemory ? 0x09 : 0x01);
  }

  stopDma(): void {
    this.io.out(this.#bm, 0);
  }

  /** Sends a packet and waits for the next phase; leaves the interrupt pending. */
  packet(bytes: readonly number[], options: { limit?: number; dma?: boolean } = {}): void {
    const limit = options.limit ?? 0xfffe;
    this.registers({ device: 0, feature: options.dma ? 1 : 0, mid: limit & 0xff, high: limit >> 8 });
    this.run(0xa0);
    const packet = new Uint8Array(12);
    packet.set(bytes);
    this.send(packet);
    this.settle();
  }

  /** Bytes announced for the present data phase. */
  get byteCount(): number {
    return this.io.in(this.base + 4) | (this.io.in(this.base + 5) << 8);
  }

  get reason(): number {
    return this.io.in(this.base + 2) & 3;
  }

  /** Runs the data-in phases of a packet; returns what came and the size of each phase. */
  receive(): { data: Uint8Array; phases: number[] } {
    const parts: number[] = [];
    const phases: number[] = [];
    while ((this.status & 0x88) === 0x08) {
      const length = this.byteCount;
      phases.push(length);
      parts.push(...this.words((length + 1) >> 1).subarray(0, length));
      this.settle();
    }
    return { data: Uint8Array.from(parts), phases };
  }

  /** Sends a packet and returns its data, or the sense key and code of a check condition. */
  ask(bytes: readonly number[]): Uint8Array {
    this.packet(bytes);
    return this.receive().data;
  }

  /** Sense key, code, qualifier by REQUEST SENSE. */
  sense(): string {
    const data = this.ask([0x03, 0, 0, 0, 18]);
    return [data[2]!, data[12]!, data[13]!].map((v) => v.toString(16)).join('/');
  }
}
