import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../../devices/device.ts';
import { hammer, transferState } from '../support.ts';
import { IdeRig, pattern, SparseDisk } from './rig.ts';

const SECTORS = 41_943_040; // 20 GiB
const OK = 0x50;
const DRQ = 0x58;
const ERR = 0x51;

function build(sectors = SECTORS, options: Parameters<IdeRig['disk']>[1] = {}) {
  const rig = new IdeRig();
  const media = new SparseDisk(sectors);
  const disk = rig.disk(media, options);
  rig.powerOn();
  return { rig, media, disk };
}

const word = (data: Uint8Array, index: number): number => data[2 * index]! | (data[2 * index + 1]! << 8);
const double = (data: Uint8Array, index: number): number => word(data, index) + word(data, index + 1) * 0x10000;
const text = (data: Uint8Array, index: number, words: number): string => {
  let out = '';
  for (let i = index; i < index + words; i++) out += String.fromCharCode(data[2 * i + 1]!, data[2 * i]!);
  return out;
};

function identify(rig: IdeRig): Uint8Array {
  rig.registers({ device: 0xa0 });
  expect(rig.run(0xec)).toBe(DRQ);
  expect(rig.status).toBe(DRQ);
  return rig.words(256);
}

describe('ATA disk: reset and presence', () => {
  it('shows the signature after power-on', () => {
    const { rig } = build();
    expect(rig.status).toBe(OK);
    expect([1, 2, 3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([1, 1, 1, 0, 0]);
    expect(rig.line.rises).toBe(0);
  });

  it('is busy while SRST is set and for a while after', () => {
    const { rig } = build();
    rig.registers({ count: 5, low: 6, device: 0xf0 });
    rig.io.out(0x3f6, 0x04);
    expect(rig.alternateStatus).toBe(0x80);
    rig.clock.advance(1e6);
    expect(rig.alternateStatus).toBe(0x80);
    rig.io.out(0x3f6, 0x00);
    expect(rig.alternateStatus).toBe(0x80);
    rig.settle();
    expect(rig.status).toBe(OK);
    expect([1, 2, 3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([1, 1, 1, 0, 0]);
    expect(rig.line.rises).toBe(0);
  });

  it('ends a command under way by SRST', () => {
    const { rig } = build();
    rig.lba28(0, 8);
    expect(rig.run(0x20)).toBe(DRQ);
    expect(rig.line.level).toBe(true);
    rig.io.out(0x3f6, 0x04);
    expect(rig.line.level).toBe(false);
    rig.io.out(0x3f6, 0x00);
    rig.settle();
    expect(rig.status).toBe(OK);
    expect(rig.clock.nextDeadline).toBe(Infinity);
  });

  it('floats high without drives and reads zeros from an absent device 1', () => {
    const { rig } = build();
    expect(rig.io.in(0x177)).toBe(0xff);
    expect(rig.io.in(0x376)).toBe(0xff);
    expect(rig.io.in(0x170, 2)).toBe(0xffff);
    rig.registers({ device: 0xb0, count: 0x55, low: 0xaa });
    expect(rig.status).toBe(0);
    expect(rig.alternateStatus).toBe(0);
    expect(rig.io.in(0x1f2)).toBe(0);
    rig.command(0xec); // nobody hears it
    rig.clock.advance(1e9);
    expect(rig.line.rises).toBe(0);
    rig.registers({ device: 0xa0 });
    expect(rig.status).toBe(OK);
    expect(rig.io.in(0x1f2)).toBe(0x55);
  });

  it('disappears when its channel is not decoded', () => {
    const { rig } = build();
    rig.pci.write(7, 1, 0x40, 0x0000, 2);
    expect(rig.status).toBe(0xff);
    rig.pci.write(7, 1, 0x40, 0x8000, 2);
    expect(rig.status).toBe(OK);
    rig.pci.write(7, 1, 0x04, 0x0004, 2);
    expect(rig.status).toBe(0xff);
  });

  it('lets both drives run the diagnostic and device 0 report it', () => {
    const rig = new IdeRig();
    rig.disk(new SparseDisk(1000));
    rig.disk(new SparseDisk(2000), {}, 0, 1);
    rig.powerOn();
    rig.registers({ device: 0xb0 });
    expect(rig.run(0x90)).toBe(OK);
    expect(rig.line.level).toBe(true);
    expect(rig.status).toBe(OK);
    expect([1, 2, 3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([1, 1, 1, 0, 0]);
    expect(rig.line.rises).toBe(1);
    rig.registers({ device: 0xb0 });
    expect(rig.line.level).toBe(false);
    expect(rig.status).toBe(OK);
  });

  it('keeps two drives apart', () => {
    const rig = new IdeRig();
    const first = new SparseDisk(1000);
    const second = new SparseDisk(2000);
    rig.disk(first);
    rig.disk(second, {}, 0, 1);
    rig.powerOn();
    expect(double(identify(rig), 60)).toBe(1000);
    rig.lba28(1500, 1, 1);
    expect(rig.run(0x20)).toBe(DRQ);
    expect(rig.words(256)).toEqual(pattern(1500, 512));
    expect(first.reads).toBe(0);
    rig.lba28(1500, 1, 0);
    expect(rig.run(0x20)).toBe(ERR);
  });
});

describe('ATA disk: IDENTIFY DEVICE', () => {
  it('describes the disk', () => {
    const data = identify(build().rig);
    expect(text(data, 27, 20)).toBe('Virtual HD'.padEnd(40));
    expect(text(data, 23, 4)).toBe('1.1.0   ');
    expect(text(data, 10, 10)).toBe(' '.repeat(20));
    expect([word(data, 1), word(data, 3), word(data, 6)]).toEqual([41610, 16, 63]);
    expect(word(data, 0) & 0x8000).toBe(0);
    expect(word(data, 47) & 0xff).toBe(128);
    expect(word(data, 49) & 0x0300).toBe(0x0300); // LBA, DMA
    expect(word(data, 53)).toBe(7);
    expect([word(data, 54), word(data, 55), word(data, 56)]).toEqual([41610, 16, 63]);
    expect(double(data, 57)).toBe(41610 * 16 * 63);
    expect(double(data, 60)).toBe(SECTORS);
    expect(word(data, 63) & 7).toBe(7);
    expect(word(data, 64)).toBe(3);
    expect(word(data, 88) & 0xff).toBe(7); // Ultra DMA 0-2: the PIIX4 goes no further
    expect(word(data, 80) & 0x30).toBe(0x30); // ATA-4, ATA-5
    for (const index of [83, 84, 87]) expect(word(data, index) & 0xc000).toBe(0x4000);
    expect(word(data, 83) & 0x0400).toBe(0x0400);
    expect(double(data, 100)).toBe(SECTORS);
    expect(data.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
    expect(data[510]).toBe(0xa5);
  });

  it('is one block: no interrupt and no DRQ afterwards', () => {
    const { rig } = build();
    identify(rig);
    expect(rig.alternateStatus).toBe(OK);
    expect(rig.line.rises).toBe(1);
    expect(rig.line.level).toBe(false);
  });

  it('limits the 28-bit capacity and hides 48-bit addresses when told to', () => {
    const huge = 2 ** 32 + 5;
    const data = identify(build(huge).rig);
    expect(double(data, 60)).toBe(0x0fffffff);
    expect(double(data, 100)).toBe(5);
    expect(double(data, 102)).toBe(1);
    const { rig } = build(huge, { lba48: false });
    const old = identify(rig);
    expect(word(old, 83) & 0x0400).toBe(0);
    expect(word(old, 80) & 0x40).toBe(0);
    rig.lba48(0, 1);
    expect(rig.run(0x24)).toBe(ERR);
    expect(rig.error).toBe(0x04);
  });

  it('follows the modes that were set', () => {
    const { rig } = build();
    rig.registers({ feature: 0x03, count: 0x42 });
    expect(rig.run(0xef)).toBe(OK);
    expect(word(identify(rig), 88)).toBe(0x0407);
    rig.registers({ feature: 0x03, count: 0x21 });
    rig.run(0xef);
    const data = identify(rig);
    expect(word(data, 63)).toBe(0x0207);
    expect(word(data, 88)).toBe(0x0007);
    rig.registers({ feature: 0x03, count: 0x45 }); // Ultra DMA 5
    expect(rig.run(0xef)).toBe(ERR);
    rig.registers({ feature: 0x82 });
    expect(rig.run(0xef)).toBe(OK);
    expect(word(identify(rig), 85) & 0x20).toBe(0);
    rig.registers({ count: 16 });
    rig.run(0xc6);
    expect(word(identify(rig), 59)).toBe(0x0110);
  });

  it('changes its current geometry by INITIALIZE DEVICE PARAMETERS', () => {
    const { rig } = build(1_000_000, { geometry: { cylinders: 992, heads: 16, sectorsPerTrack: 63 } });
    rig.registers({ device: 0xa7, count: 32 });
    expect(rig.run(0x91)).toBe(OK);
    const data = identify(rig);
    expect([word(data, 54), word(data, 55), word(data, 56)]).toEqual([3906, 8, 32]);
    expect([word(data, 1), word(data, 3), word(data, 6)]).toEqual([992, 16, 63]);
    rig.registers({ device: 0xa3, count: 1, low: 5, mid: 2, high: 1 });
    expect(rig.run(0x20)).toBe(DRQ);
    expect(rig.words(256)).toEqual(pattern(((0x102 * 8 + 3) * 32 + 4) as number, 512));
  });
});

describe('ATA disk: PIO', () => {
  it('completes later than the instruction that wrote the command', () => {
    const { rig } = build();
    rig.lba28(0, 1);
    rig.command(0x20);
    expect(rig.alternateStatus).toBe(0x80);
    expect(rig.line.level).toBe(false);
    expect(rig.clock.nextDeadline - rig.clock.now()).toBeGreaterThan(2_000);
    expect(rig.clock.nextDeadline - rig.clock.now()).toBeLessThan(100_000);
  });

  it('reads with one interrupt per sector', () => {
    const { rig } = build();
    rig.lba28(0x123456, 3);
    rig.command(0x20);
    for (let i = 0; i < 3; i++) {
      rig.clock.advanceUntil(() => rig.line.level);
      expect(rig.status).toBe(DRQ);
      expect(rig.line.level).toBe(false);
      expect(rig.words(256)).toEqual(pattern(0x123456 + i, 512));
    }
    expect(rig.line.rises).toBe(3);
    expect(rig.alternateStatus).toBe(OK);
    rig.clock.advance(1e9);
    expect(rig.line.rises).toBe(3);
    expect(rig.io.in(0x1f2)).toBe(0);
    expect([3, 4, 5, 6].map((r) => rig.io.in(0x1f0 + r))).toEqual([0x58, 0x34, 0x12, 0xe0]);
  });

  it('takes a count of 0 as 256', () => {
    const { rig } = build();
    rig.lba28(0, 0);
    rig.run(0x20);
    let sectors = 0;
    while (rig.status & 0x08) {
      rig.words(256);
      rig.settle();
      sectors++;
    }
    expect(sectors).toBe(256);
  });

  it('reads double words, bytes and whole blocks alike', () => {
    const { rig } = build();
    rig.lba28(7, 1);
    rig.run(0x20);
    const expected = pattern(7, 512);
    const view = new DataView(expected.buffer);
    expect(rig.io.in(0x1f0, 4)).toBe(view.getUint32(0, true));
    expect(rig.io.in(0x1f0, 2)).toBe(view.getUint16(4, true));
    expect(rig.io.in(0x1f0)).toBe(expected[6]);
    rig.io.in(0x1f0);
    const rest = new Uint8Array(1000);
    expect(rig.ide.primary.commandBlock.readData(rest)).toBe(504);
    expect(rest.subarray(0, 504)).toEqual(expected.subarray(8));
    expect(rig.ide.primary.commandBlock.readData(rest)).toBe(0);
    expect(rig.status).toBe(OK);
  });

  it('reads blocks of sectors with READ MULTIPLE, the last one short', () => {
    const { rig } = build();
    rig.lba28(100, 10);
    expect(rig.run(0xc4)).toBe(ERR); // not set up
    expect(rig.error).toBe(0x04);
    rig.registers({ count: 4 });
    expect(rig.run(0xc6)).toBe(OK);
    const before = rig.line.rises;
    rig.lba28(100, 10);
    rig.run(0xc4);
    for (const sectors of [4, 4, 2]) {
      expect(rig.status).toBe(DRQ);
      rig.words(256 * sectors);
      rig.settle();
    }
    expect(rig.status).toBe(OK);
    expect(rig.line.rises - before).toBe(3);
    rig.registers({ count: 3 });
    expect(rig.run(0xc6)).toBe(ERR);
  });

  it('writes with the first block unannounced and an interrupt after each', () => {
    const { rig, media } = build();
    rig.lba28(50, 2);
    expect(rig.run(0x30)).toBe(DRQ);
    expect(rig.line.rises).toBe(0);
    rig.send(pattern(1, 512));
    expect(rig.alternateStatus).toBe(0x80);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(DRQ);
    rig.send(pattern(2, 512));
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(OK);
    expect(rig.line.rises).toBe(2);
    expect(media.written.get(50)).toEqual(pattern(1, 512));
    expect(media.written.get(51)).toEqual(pattern(2, 512));
    expect(media.written.size).toBe(2);
    expect(media.flushes).toBe(0);
  });

  it('writes multiple sectors and by whole blocks', () => {
    const { rig, media } = build();
    rig.registers({ count: 128 });
    rig.run(0xc6);
    rig.lba28(0, 130);
    rig.run(0xc5);
    const data = new Uint8Array(130 * 512).map((_, i) => i >> 9);
    expect(rig.ide.primary.commandBlock.writeData(data)).toBe(128 * 512);
    rig.settle();
    expect(rig.ide.primary.commandBlock.writeData(data.subarray(128 * 512))).toBe(1024);
    rig.settle();
    expect(rig.status).toBe(OK);
    expect(media.written.get(129)![0]).toBe(129);
    expect(media.written.size).toBe(130);
  });

  it('makes writes safe before it reports them with the write cache off, and on FLUSH CACHE', () => {
    const { rig, media } = build();
    expect(rig.run(0xe7)).toBe(OK);
    expect(media.flushes).toBe(1);
    rig.registers({ feature: 0x82 });
    rig.run(0xef);
    const before = media.flushes;
    rig.lba28(0, 1);
    rig.run(0x30);
    rig.send(pattern(0, 512));
    rig.settle();
    expect(media.flushes).toBe(before + 1);
  });

  it('addresses by cylinder, head and sector, and shows the last one', () => {
    const { rig } = build();
    rig.registers({ device: 0xa3, count: 2, low: 63, mid: 0x02, high: 0x01 });
    rig.run(0x20);
    const lba = (0x102 * 16 + 3) * 63 + 62;
    expect(rig.words(256)).toEqual(pattern(lba, 512));
    rig.settle();
    expect(rig.words(256)).toEqual(pattern(lba + 1, 512));
    expect([3, 4, 5, 6].map((r) => rig.io.in(0x1f0 + r))).toEqual([1, 0x02, 0x01, 0xa4]);
    rig.registers({ device: 0xa0, count: 1, low: 0, mid: 0, high: 0 });
    expect(rig.run(0x20)).toBe(ERR); // there is no sector 0
    expect(rig.error).toBe(0x10);
  });

  it('reads beyond 28 bits with the extended commands', () => {
    const { rig } = build(2 ** 33);
    const lba = 0x1_2345_6789;
    rig.lba48(lba, 1);
    expect(rig.run(0x24)).toBe(DRQ);
    expect(rig.words(256)).toEqual(pattern(lba, 512));
    rig.io.out(0x3f6, 0x80);
    expect([3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([0x23, 0x01, 0x00]);
    rig.io.out(0x1f1, 0); // a write of the command block clears HOB
    expect([3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([0x89, 0x67, 0x45]);
    rig.registers({ device: 0x40 });
    expect(rig.run(0x27)).toBe(OK); // READ NATIVE MAX ADDRESS EXT
    expect([3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([0xff, 0xff, 0xff]);
    rig.io.out(0x3f6, 0x80);
    expect([3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([0xff, 0x01, 0x00]);
  });
});

describe('ATA disk: errors', () => {
  it('refuses sectors that do not exist', () => {
    const { rig } = build(1000);
    rig.lba28(998, 4);
    expect(rig.run(0x20)).toBe(ERR);
    expect(rig.error).toBe(0x10);
    expect(rig.line.level).toBe(true);
    expect(rig.io.in(0x1f3) | (rig.io.in(0x1f4) << 8)).toBe(1000);
    rig.lba28(1000, 1);
    expect(rig.run(0x70)).toBe(ERR);
    rig.lba28(998, 2);
    expect(rig.run(0x40)).toBe(OK);
  });

  it('reports a bad sector as uncorrectable at its address', () => {
    const { rig, media } = build();
    media.badSector = 12;
    rig.lba28(10, 5);
    rig.run(0x20);
    rig.words(256);
    rig.settle();
    rig.words(256);
    rig.settle();
    expect(rig.status).toBe(ERR);
    expect(rig.error).toBe(0x40);
    expect(rig.io.in(0x1f3)).toBe(12);
    expect(rig.host.log.messages.join()).toContain('bad sector');
    rig.lba28(0, 1);
    expect(rig.run(0x20)).toBe(DRQ);
  });

  it('aborts writes to a read-only medium', () => {
    const { rig, media } = build();
    media.readOnly = true;
    rig.lba28(0, 1);
    for (const command of [0x30, 0xca, 0x34, 0x35]) {
      expect(rig.run(command)).toBe(ERR);
      expect(rig.error).toBe(0x04);
    }
    expect(media.written.size).toBe(0);
  });

  it('aborts what it does not have', () => {
    const { rig } = build();
    for (const command of [0x00, 0x08, 0x22, 0xa0, 0xa1, 0xb0, 0xf1, 0xf2, 0xf5, 0xf6, 0xff, 0x9f]) {
      expect(rig.run(command), command.toString(16)).toBe(ERR);
      expect(rig.error).toBe(0x04);
    }
  });

  it('keeps the interrupt from the bus with nIEN', () => {
    const { rig } = build();
    rig.io.out(0x3f6, 0x02);
    rig.run(0xe7);
    expect(rig.line.rises).toBe(0);
    expect(rig.bmStatus & 4).toBe(0);
    rig.io.out(0x3f6, 0x00); // still pending
    expect(rig.line.level).toBe(true);
    rig.alternateStatus;
    expect(rig.line.level).toBe(true);
    rig.status;
    expect(rig.line.level).toBe(false);
  });

  it('ignores commands while it is busy', () => {
    const { rig } = build();
    rig.lba28(5, 1);
    rig.command(0x20);
    rig.command(0xec);
    rig.settle();
    expect(rig.words(256)).toEqual(pattern(5, 512));
  });
});

describe('ATA disk: other commands', () => {
  it('has power modes', () => {
    const { rig, media } = build();
    rig.run(0xe5);
    expect(rig.io.in(0x1f2)).toBe(0xff);
    expect(rig.run(0xe0)).toBe(OK);
    expect(media.flushes).toBe(1);
    rig.run(0x98);
    expect(rig.io.in(0x1f2)).toBe(0);
    expect(rig.run(0xe1)).toBe(OK);
    rig.run(0xe5);
    expect(rig.io.in(0x1f2)).toBe(0xff);
    for (const command of [0x10, 0x1f, 0xe2, 0xe3, 0xe6, 0x94, 0x99]) expect(rig.run(command)).toBe(OK);
  });

  it('keeps a sector in its buffer', () => {
    const { rig } = build();
    expect(rig.run(0xe8)).toBe(DRQ);
    rig.send(pattern(99, 512));
    rig.settle();
    expect(rig.status).toBe(OK);
    expect(rig.run(0xe4)).toBe(DRQ);
    expect(rig.words(256)).toEqual(pattern(99, 512));
  });

  it('lowers its capacity with SET MAX ADDRESS until reset', () => {
    const { rig, disk } = build(1000);
    rig.registers({ device: 0xe0 });
    rig.run(0xf8);
    expect(rig.io.in(0x1f3) | (rig.io.in(0x1f4) << 8)).toBe(999);
    rig.lba28(499, 0);
    rig.registers({ feature: 0 });
    expect(rig.run(0xf9)).toBe(OK);
    expect(double(identify(rig), 60)).toBe(500);
    rig.lba28(500, 1);
    expect(rig.run(0x20)).toBe(ERR);
    disk.reset(ResetCause.Hard);
    rig.settle();
    expect(double(identify(rig), 60)).toBe(1000);
  });
});

describe('ATA disk: saved state', () => {
  it('goes on in the middle of a multiple-sector read', () => {
    const from = build();
    from.rig.registers({ count: 4 });
    from.rig.run(0xc6);
    from.rig.lba28(100, 6);
    from.rig.run(0xc4);
    from.rig.words(300);
    const into = build();
    into.rig.clock.advanceTo(from.rig.clock.now());
    transferState(from.rig.ide.primary, into.rig.ide.primary);
    transferState(from.disk, into.disk);
    transferState(from.rig.ide, into.rig.ide);
    into.rig.pci.bus.settle();
    const { rig } = into;
    expect(rig.line.level).toBe(true);
    expect(rig.status).toBe(DRQ);
    const rest = rig.words(4 * 256 - 300);
    expect(rest.subarray(-512)).toEqual(pattern(103, 512));
    rig.settle();
    expect(rig.words(512).subarray(512)).toEqual(pattern(105, 512));
    expect(rig.status).toBe(OK);
  });

  it('goes on with a command whose delay has not passed', () => {
    const from = build();
    from.rig.lba28(3, 1);
    from.rig.command(0x20);
    const into = build();
    into.rig.clock.advanceTo(from.rig.clock.now());
    transferState(from.disk, into.disk);
    into.rig.clock.advanceUntil(() => into.rig.line.level);
    expect(into.rig.words(256)).toEqual(pattern(3, 512));
  });

  it('survives any sequence of register accesses', () => {
    const { rig } = build(100_000);
    rig.disk(new SparseDisk(50_000), {}, 0, 1);
    hammer(rig.ide.primary.commandBlock, rig.clock, 60_000, 3);
    hammer(rig.ide.primary.controlBlock, rig.clock, 1000, 4);
    rig.io.out(0x3f6, 4);
    rig.io.out(0x3f6, 0);
    rig.settle();
    rig.lba28(1, 1);
    rig.run(0x20);
    expect(rig.words(2)).toHaveLength(4);
  });
});
