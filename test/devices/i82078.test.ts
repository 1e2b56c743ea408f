import { describe, expect, it } from 'vitest';
import { floppyGeometry } from '../../devices/i82078/media.ts';
import { AT, at, lba, make, MemoryFloppy, ready } from './i82078-fixture.ts';

describe('i82078 reset and status', () => {
  it('interrupts after reset and then gives C0h-C3h to four sense commands', () => {
    const t = make();
    expect(t.get(4)).toBe(0);
    t.put(2, 0x0c);
    expect(t.irq.level).toBe(false);
    t.interrupt();
    expect(t.get(4)).toBe(0x80);
    expect([0, 1, 2, 3].map(() => t.sense())).toEqual([
      [0xc0, 0],
      [0xc1, 0],
      [0xc2, 0],
      [0xc3, 0],
    ]);
    expect(t.irq.level).toBe(false);
    expect(t.sense()).toEqual([0x80]);
  });

  it('resets through the data rate register too', () => {
    const t = ready();
    t.put(4, 0x80);
    expect(t.get(4)).toBe(0);
    t.interrupt();
    expect(t.sense()).toEqual([0xc0, 0]);
  });

  it('drives its interrupt only through the DMA gate', () => {
    const t = make();
    t.put(2, 0x04);
    t.host.clock.advance(1e6);
    expect(t.irq.level).toBe(false);
    t.put(2, 0x0c);
    expect(t.irq.level).toBe(true);
  });

  it('identifies as an 82078 to the usual probe', () => {
    const t = ready();
    t.command(0x0e);
    expect(t.result()).toEqual([0, 0, 0, 0, 0xdf, 0x02, 0, 0, 0x20, 0]);
    t.command(0x13, 0x00, 0x57, 0x00);
    t.command(0x94);
    expect(t.result()).toEqual([0x10]);
    t.command(0x14);
    expect(t.result()).toEqual([0x00]);
    t.command(0x18);
    expect(t.result()[0]! >> 5).toBe(0);
    t.command(0x10);
    expect(t.result()).toEqual([0x90]);
    t.command(0x1f);
    expect(t.result()).toEqual([0x80]);
  });

  it('takes a drive specification list, with and without result', () => {
    const t = ready();
    t.command(0x8e, 0x09, 0x32, 0x51, 0x7f, 0x32, 0x80);
    expect(t.result()).toEqual([0x09, 0x12, 0x11, 0x1f]);
    t.command(0x8e, 0x00, 0xc0);
    expect(t.get(4)).toBe(0x80);
    t.command(0x8e, 0x80);
    expect(t.result()).toEqual([0x00, 0x12, 0x11, 0x1f]);
  });

  it('keeps FIFO settings over a reset when locked', () => {
    const t = ready();
    const configured = () => {
      t.command(0x0e);
      return t.result().slice(7, 10);
    };
    t.command(0x13, 0x00, 0x48, 0x11);
    t.command(0x94);
    t.result();
    t.put(4, 0x80);
    t.interrupt();
    expect(configured()).toEqual([0x80, 0x08, 0x11]);
    t.command(0x14);
    t.result();
    t.put(4, 0x80);
    t.interrupt();
    expect(configured()).toEqual([0x00, 0x20, 0x00]);
  });

  it('tells the host about motors', () => {
    const t = make({ drives: [true, false] });
    t.put(2, 0x3c);
    t.put(2, 0x0c);
    expect(t.motors).toEqual([
      [0, true],
      [0, false],
    ]);
  });
});

describe('i82078 seeking', () => {
  it('seeks, shows the drive busy, and reports the cylinder', () => {
    const t = ready();
    t.command(0x0f, 0x00, 40);
    expect(t.get(4)).toBe(0x81);
    t.interrupt();
    expect(t.get(4)).toBe(0x80);
    expect(t.sense()).toEqual([0x20, 40]);
    t.command(0x04, 0x00);
    expect(t.result()).toEqual([0x28]);
    t.command(0x07, 0x00);
    t.interrupt();
    expect(t.sense()).toEqual([0x20, 0]);
    t.command(0x04, 0x04);
    expect(t.result()).toEqual([0x3c]);
  });

  it('moves relatively', () => {
    const t = ready();
    t.command(0xcf, 0x00, 10);
    t.interrupt();
    expect(t.sense()).toEqual([0x20, 10]);
    t.command(0x8f, 0x00, 3);
    t.interrupt();
    expect(t.sense()).toEqual([0x20, 7]);
  });

  it('overlaps seeks of two drives', () => {
    const t = ready(undefined, { fast: true, drives: [true, true] });
    t.command(0x0f, 0x00, 5);
    t.command(0x0f, 0x01, 6);
    expect(t.get(4)).toBe(0x83);
    t.host.clock.advance(1e9);
    expect(t.sense()).toEqual([0x20, 5]);
    expect(t.irq.level).toBe(true);
    expect(t.sense()).toEqual([0x21, 6]);
    expect(t.irq.level).toBe(false);
  });

  it('fails to recalibrate a drive that is not there', () => {
    const t = ready();
    t.command(0x07, 0x01);
    t.interrupt();
    expect(t.sense()).toEqual([0x71, 0]);
  });

  it('takes mechanical time unless told to be fast', () => {
    const t = ready(new MemoryFloppy(1440), {});
    const start = t.host.clock.now();
    t.seek(0, 79);
    // SRT = Dh: 3 ms a step at 500 kbit/s.
    const taken = (t.host.clock.now() - start) / 1e6;
    expect(taken).toBeGreaterThan(79 * 3);
    expect(taken).toBeLessThan(79 * 3 + 20);
    const before = t.host.clock.now();
    t.setDma(0x44, 18 * 512);
    t.run(0xe6, 0, 79, 0, 1, 2, 18, 0x1b, 0xff);
    // One turn at 300 rpm.
    expect((t.host.clock.now() - before) / 1e6).toBeCloseTo(200, 0);
  });
});

describe('i82078 disk change', () => {
  it('is set by inserting and removing, and cleared only by a step with a disk in', () => {
    const t = ready(new MemoryFloppy(1440));
    const changed = () => t.fdc.control.read(0, 1) & 0x80;
    t.seek(0, 1);
    expect(changed()).toBe(0);
    const old = t.fdc.eject(0);
    expect(old).toBeInstanceOf(MemoryFloppy);
    expect(changed()).toBe(0x80);
    t.seek(0, 2);
    expect(changed()).toBe(0x80);
    t.fdc.insert(0, new MemoryFloppy(720));
    expect(changed()).toBe(0x80);
    t.seek(0, 2);
    expect(changed()).toBe(0x80);
    t.seek(0, 1);
    expect(changed()).toBe(0);
    t.fdc.insert(0, new MemoryFloppy(720));
    t.put(2, 0x0c);
    expect(changed()).toBe(0);
  });

  it('refuses disks of no floppy size and drives that are not there', () => {
    const t = make();
    expect(() => t.fdc.insert(0, new MemoryFloppy(4000))).toThrow(RangeError);
    expect(() => t.fdc.insert(0, new MemoryFloppy(0))).toThrow(RangeError);
    expect(() => t.fdc.insert(1, new MemoryFloppy(1440))).toThrow(RangeError);
    expect(t.fdc.media(0)).toBeUndefined();
  });

  it.each([
    [160, 40, 1, 8],
    [180, 40, 1, 9],
    [320, 40, 2, 8],
    [360, 40, 2, 9],
    [720, 80, 2, 9],
    [1200, 80, 2, 15],
    [1440, 80, 2, 18],
    [2880, 80, 2, 36],
    // Cut off after the last used sector.
    [1300, 80, 2, 18],
  ])('takes %i KiB as %i/%i/%i', (kib, cylinders, heads, sectorsPerTrack) => {
    expect(floppyGeometry(kib * 1024)).toMatchObject({ cylinders, heads, sectorsPerTrack });
  });
});

describe('i82078 reading', () => {
  it('reads a sector by DMA and reports the next one', () => {
    const t = ready();
    t.seek(0, 3);
    t.setDma(0x44, 512);
    expect(t.run(0x46, 0x04, 3, 1, 5, 2, 18, 0x1b, 0xff)).toEqual([0x04, 0, 0, 3, 1, 6, 2]);
    expect(at(t)).toBe(lba(3, 1, 5));
    expect(t.irq.level).toBe(false);
    expect(t.get(4)).toBe(0x80);
  });

  it('reads both sides in one command with multi-track', () => {
    const t = ready();
    t.setDma(0x44, 36 * 512);
    expect(t.run(0xe6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)).toEqual([0x04, 0, 0, 1, 0, 1, 2]);
    for (let i = 0; i < 36; i++) expect(at(t, i)).toBe(i);
  });

  it.each([
    // [command, head, first, count] -> [head bit, C, H, R]: the data sheet's result table.
    [0x46, 0, 1, 17, [0x00, 0, 0, 18]],
    [0x46, 0, 1, 18, [0x00, 1, 0, 1]],
    [0x46, 1, 1, 18, [0x04, 1, 1, 1]],
    [0xc6, 0, 1, 18, [0x04, 0, 1, 1]],
    [0xc6, 1, 1, 18, [0x00, 1, 0, 1]],
    [0xc6, 1, 1, 2, [0x04, 0, 1, 3]],
  ])('reports where %s ended', (code, head, first, count, [st0, c, h, r]) => {
    const t = ready();
    t.setDma(0x44, count * 512);
    const result = t.run(code, head << 2, 0, head, first, 2, 18, 0x1b, 0xff);
    expect([result[3], result[4], result[5]]).toEqual([c, h, r]);
    expect(result[1]).toBe(0);
    if (code === 0x46) expect(result[0]).toBe(st0);
  });

  it('ends at EOT without terminal count as an error', () => {
    const t = ready();
    t.setDma(0x44, 4 * 512);
    expect(t.run(0x46, 0, 0, 0, 17, 2, 18, 0x1b, 0xff)).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
    expect([at(t), at(t, 1)]).toEqual([16, 17]);
  });

  it('overruns when DMA does not answer', () => {
    const t = ready();
    expect(t.run(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)).toEqual([0x40, 0x10, 0, 0, 0, 1, 2]);
  });

  it('does not find what the disk does not have', () => {
    const t = ready();
    t.setDma(0x44, 512);
    expect(t.run(0x46, 0, 0, 0, 19, 2, 19, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x04, 0]);
    expect(t.run(0x46, 0, 1, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x04, 0x10]);
    expect(t.run(0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x04, 0]);
    expect(t.run(0x06, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x01, 0]);
    t.seek(0, 82);
    expect(t.run(0x46, 0, 82, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x01, 0]);
  });

  it('finds no address mark without disk, without motor, or at the wrong data rate', () => {
    const t = ready(new MemoryFloppy(720));
    t.setDma(0x44, 512);
    const read = () => t.run(0x46, 0, 0, 0, 1, 2, 9, 0x1b, 0xff).slice(0, 3);
    expect(read()).toEqual([0x40, 0x01, 0]);
    t.fdc.control.write(0, 1, 2);
    expect(read()).toEqual([0, 0, 0]);
    t.put(2, 0x0c);
    t.setDma(0x44, 512);
    expect(read()).toEqual([0x40, 0x01, 0]);
    t.put(2, 0x1c);
    t.fdc.eject(0);
    expect(read()).toEqual([0x40, 0x01, 0]);
  });

  it('passes the IDs of a track one after the other', () => {
    const t = ready();
    t.seek(0, 7);
    const ids = Array.from({ length: 19 }, () => t.run(0x4a, 0x04));
    expect(ids[0]!.slice(0, 5)).toEqual([0x04, 0, 0, 7, 1]);
    const sectors = ids.map((id) => id[5]!);
    expect(new Set(sectors).size).toBe(18);
    expect(sectors[18]).toBe(sectors[0]);
  });

  it('seeks by itself when configured to', () => {
    const t = ready();
    t.command(0x13, 0x00, 0x60, 0x00);
    t.setDma(0x44, 512);
    expect(t.run(0x46, 0, 20, 0, 1, 2, 18, 0x1b, 0xff)).toEqual([0, 0, 0, 20, 0, 2, 2]);
    expect(at(t)).toBe(lba(20, 0, 1));
  });

  it('reads without DMA, through the data register', () => {
    const t = ready();
    t.command(0x03, 0xdf, 0x03);
    t.command(0x46, 0, 0, 0, 2, 2, 3, 0x1b, 0xff);
    expect(t.get(4)).toBe(0x30);
    const bytes: number[] = [];
    for (let sector = 0; sector < 2; sector++) {
      t.interrupt();
      while (t.get(4) === 0xf0) bytes.push(t.get(5));
    }
    expect(bytes.length).toBe(1024);
    expect([bytes[0], bytes[512]]).toEqual([1, 2]);
    t.interrupt();
    expect(t.result()).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
  });

  it('reads a whole track in physical order', () => {
    const t = ready();
    t.setDma(0x44, 5 * 512);
    expect(t.run(0x42, 0, 0, 0, 1, 2, 5, 0x1b, 0xff).slice(0, 3)).toEqual([0, 0, 0]);
    expect([0, 1, 2, 3, 4].map((i) => at(t, i))).toEqual([0, 1, 2, 3, 4]);
  });

  it('marks ordinary sectors read as deleted ones and stops', () => {
    const t = ready();
    t.setDma(0x44, 1024);
    expect(t.run(0x4c, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 6)).toEqual([0, 0, 0x40, 0, 0, 2]);
  });

  it('verifies without DMA', () => {
    const t = ready();
    expect(t.run(0x56, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0, 0, 0]);
    expect(t.run(0x56, 0x80, 0, 0, 1, 2, 18, 0x1b, 3)).toEqual([0, 0, 0, 0, 0, 4, 2]);
    expect(t.run(0x56, 0, 0, 0, 1, 2, 19, 0x1b, 0xff).slice(0, 2)).toEqual([0x40, 0x04]);
  });

  it('scans for equal, low and high', () => {
    const t = ready();
    const scan = (code: number, first: number) => {
      t.ram.fill(0xff, AT, AT + 1024);
      t.ram[AT] = first;
      t.ram[AT + 512] = first;
      t.setDma(0x48, 1024);
      return t.run(code, 0, 0, 0, 4, 2, 18, 0x1b, 1);
    };
    // Sector 4 starts with 3, sector 5 with 4.
    expect(scan(0x51, 4)).toEqual([0, 0, 0x08, 0, 0, 5, 2]);
    expect(scan(0x51, 9)[2]).toBe(0x04);
    expect(scan(0x59, 9)[2]).toBe(0x00);
    expect(scan(0x59, 1)[2]).toBe(0x04);
    expect(scan(0x5d, 1)[2]).toBe(0x00);
    expect(scan(0x5d, 3)[2]).toBe(0x08);
  });
});

describe('i82078 writing', () => {
  it('writes sectors by DMA and flushes', () => {
    const media = new MemoryFloppy(1440);
    const t = ready(media);
    t.ram.fill(0xa5, AT, AT + 1024);
    t.setDma(0x48, 1024);
    expect(t.run(0xc5, 0, 0, 0, 18, 2, 18, 0x1b, 0xff)).toEqual([0x04, 0, 0, 0, 1, 2, 2]);
    expect(media.data.subarray(17 * 512, 19 * 512).every((byte) => byte === 0xa5)).toBe(true);
    expect(media.data[19 * 512]).toBe(19);
    expect(media.flushes).toBe(1);
  });

  it('fills a sector cut short by terminal count with zeros', () => {
    const media = new MemoryFloppy(1440);
    const t = ready(media);
    media.data.fill(0xee, 0, 512);
    t.ram.fill(0x11, AT, AT + 512);
    t.setDma(0x48, 100);
    expect(t.run(0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff)[0]).toBe(0);
    expect([media.data[99], media.data[100], media.data[511]]).toEqual([0x11, 0, 0]);
  });

  it('writes without DMA', () => {
    const media = new MemoryFloppy(1440);
    const t = ready(media);
    t.command(0x03, 0xdf, 0x03);
    t.command(0x45, 0, 0, 0, 3, 2, 3, 0x1b, 0xff);
    t.interrupt();
    let n = 0;
    while (t.get(4) === 0xb0) t.put(5, n++ & 0xff);
    expect(n).toBe(512);
    t.interrupt();
    expect(t.result().slice(0, 2)).toEqual([0x40, 0x80]);
    expect([...media.data.subarray(1024, 1028)]).toEqual([0, 1, 2, 3]);
  });

  it('respects write protection, for writing and formatting', () => {
    const media = new MemoryFloppy(1440, true);
    const t = ready(media);
    const before = media.data.slice();
    t.setDma(0x48, 512);
    expect(t.run(0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0x40, 0x02, 0]);
    expect(t.run(0x4d, 0, 2, 18, 0x54, 0xf6).slice(0, 3)).toEqual([0x40, 0x02, 0]);
    expect(Buffer.compare(media.data, before)).toBe(0);
    t.command(0x04, 0);
    expect(t.result()).toEqual([0x78]);
  });

  it('formats a track with the filler byte', () => {
    const media = new MemoryFloppy(1440);
    const t = ready(media);
    t.seek(0, 2);
    for (let i = 0; i < 18; i++) t.ram.set([2, 1, i + 1, 2], AT + 4 * i);
    t.setDma(0x48, 18 * 4);
    expect(t.run(0x4d, 0x04, 2, 18, 0x54, 0xf6).slice(0, 3)).toEqual([0x04, 0, 0]);
    const track = lba(2, 1, 1) * 512;
    expect(media.data.subarray(track, track + 18 * 512).every((byte) => byte === 0xf6)).toBe(true);
    expect(media.data[track - 512]).toBe(lba(2, 0, 18));
    expect(media.data[track + 18 * 512]).toBe(lba(3, 0, 1));
  });
});
