import { describe, expect, it } from 'vitest';
import { loadState, saveState } from '../../../devices/state.ts';
import { hammer, transferState } from '../support.ts';
import { BM, IdeRig, pattern, SparseDisk } from '../ide/rig.ts';

const READ = 0xc8;
const WRITE = 0xca;
const OK = 0x50;

function build() {
  const rig = new IdeRig();
  const media = new SparseDisk(1_000_000);
  const disk = rig.disk(media);
  rig.powerOn();
  return { rig, media, disk };
}

const sectors = (lba: number, count: number): Uint8Array => {
  const all = new Uint8Array(count * 512);
  for (let i = 0; i < count; i++) all.set(pattern(lba + i, 512), i * 512);
  return all;
};

describe('PIIX4 function 1', () => {
  it('identifies itself, with a 16-port bus master block', () => {
    const { rig } = build();
    expect(rig.pci.read(7, 1, 0)).toBe(0x71118086);
    expect(rig.pci.read(7, 1, 8)).toBe(0x01018001);
    expect(rig.pci.read(7, 1, 0x3c, 2)).toBe(0);
    for (const bar of [0x10, 0x14, 0x18, 0x1c]) {
      rig.pci.write(7, 1, bar, 0xffffffff);
      expect(rig.pci.read(7, 1, bar)).toBe(0);
    }
    rig.pci.write(7, 1, 0x20, 0xffffffff);
    expect(rig.pci.read(7, 1, 0x20) & 0xffff).toBe(0xfff1);
    rig.pci.write(7, 1, 0x20, 0xf001);
    expect(rig.io.find(0xf00f)).toBeDefined();
    expect(rig.io.find(0xf010)).toBeUndefined();
  });

  it('keeps timing registers', () => {
    const { rig } = build();
    rig.pci.write(7, 1, 0x40, 0xa307e377);
    expect(rig.pci.read(7, 1, 0x40)).toBe(0xa307e377);
    rig.pci.write(7, 1, 0x48, 0xffffffff);
    expect(rig.pci.read(7, 1, 0x48)).toBe(0x3333000f);
    rig.pci.write(7, 1, 0x54, 0xffff, 2);
    expect(rig.pci.read(7, 1, 0x54, 2)).toBe(0);
  });

  it('has bus master registers for each channel', () => {
    const { rig } = build();
    rig.io.out(BM + 4, 0x12345677, 4);
    rig.io.out(BM + 12, 0xfedcba98, 4);
    expect(rig.io.in(BM + 4, 4)).toBe(0x12345674);
    expect(rig.io.in(BM + 12, 4)).toBe(0xfedcba98);
    rig.io.out(BM + 2, 0xff);
    expect(rig.io.in(BM + 2)).toBe(0x60);
    rig.io.out(BM, 0x08);
    expect(rig.io.in(BM)).toBe(0x08);
    expect(rig.io.in(BM + 1)).toBe(0);
    expect(rig.io.in(BM + 8)).toBe(0);
  });
});

describe('bus master DMA', () => {
  it('scatters a read over descriptors with odd boundaries', () => {
    const { rig } = build();
    const entries = [
      [0x20000, 2],
      [0x30001, 510], // bit 0 of the address is ignored
      [0x40ffe, 1026],
      [0x50000, 510],
    ] as const;
    rig.prd(0x1000, entries);
    rig.lba28(77, 4);
    rig.command(READ);
    rig.startDma(true);
    expect(rig.bmStatus & 1).toBe(1);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.bmStatus).toBe(0x04);
    expect(rig.status).toBe(OK);
    expect(rig.line.level).toBe(false);
    expect(rig.bmStatus).toBe(0x04); // only a write clears it
    rig.io.out(BM + 2, 0x04);
    expect(rig.bmStatus).toBe(0);
    const got = entries.flatMap(([at, n]) => [...rig.memory.bytes.subarray(at & ~1, (at & ~1) + n)]);
    expect(Uint8Array.from(got)).toEqual(sectors(77, 4));
    expect(rig.memory.bytes[0x20002]).toBe(0);
    expect(rig.io.in(0x1f2)).toBe(0);
  });

  it('gathers a write, started before the command', () => {
    const { rig, media } = build();
    rig.memory.bytes.set(sectors(9, 2).subarray(0, 700), 0x8000);
    rig.memory.bytes.set(sectors(9, 2).subarray(700), 0x9000);
    rig.prd(0x1000, [
      [0x8000, 700],
      [0x9000, 324],
    ]);
    rig.startDma(false);
    rig.clock.advance(1e6);
    rig.lba28(200, 2);
    rig.command(WRITE);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(OK);
    expect(rig.bmStatus).toBe(4);
    expect(media.written.get(200)).toEqual(pattern(9, 512));
    expect(media.written.get(201)).toEqual(pattern(10, 512));
  });

  it('moves 128 KiB in one alarm after the command, with 64 KiB descriptors', () => {
    const { rig } = build();
    rig.prd(0x1000, [
      [0x40000, 0x10000],
      [0x60000, 0],
    ]);
    rig.lba28(0, 0);
    rig.startDma(true);
    rig.command(READ);
    const [fired, start] = [rig.clock.fired, rig.clock.now()];
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.clock.fired - fired).toBe(2);
    expect(rig.clock.now() - start).toBeLessThan(150_000);
    expect(rig.memory.bytes.subarray(0x40000, 0x50000)).toEqual(sectors(0, 128));
    expect(rig.memory.bytes.subarray(0x60000, 0x70000)).toEqual(sectors(128, 128));
    expect(rig.bmStatus).toBe(4);
  });

  it('never finishes in the instruction that starts it', () => {
    const { rig } = build();
    rig.prd(0x1000, [[0x2000, 512]]);
    rig.lba28(0, 1);
    rig.run(READ);
    expect(rig.alternateStatus & 0x08).toBe(0x08);
    rig.startDma(true);
    expect(rig.line.level).toBe(false);
    expect(rig.bmStatus).toBe(1);
    expect(rig.clock.nextDeadline - rig.clock.now()).toBeGreaterThan(2_000);
  });

  it('stays active with interrupt when the table is longer than the transfer', () => {
    const { rig } = build();
    rig.prd(0x1000, [[0x2000, 4096]]);
    rig.lba28(0, 1);
    rig.startDma(true);
    rig.command(READ);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.bmStatus).toBe(5);
    rig.stopDma();
    expect(rig.bmStatus).toBe(4);
  });

  it('stops without interrupt when the table is shorter, and can go on with another', () => {
    const { rig } = build();
    rig.prd(0x1000, [[0x2000, 512]]);
    rig.lba28(5, 2);
    rig.startDma(true);
    rig.command(READ);
    rig.clock.advance(1e9);
    expect(rig.bmStatus).toBe(0);
    expect(rig.line.rises).toBe(0);
    rig.stopDma();
    rig.prd(0x1000, [[0x4000, 512]]);
    rig.startDma(true);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.memory.bytes.subarray(0x2000, 0x2200)).toEqual(pattern(5, 512));
    expect(rig.memory.bytes.subarray(0x4000, 0x4200)).toEqual(pattern(6, 512));
  });

  it('aborts when the start bit is cleared', () => {
    const { rig } = build();
    rig.prd(0x1000, [[0x2000, 512]]);
    rig.lba28(5, 1);
    rig.run(READ);
    rig.startDma(true);
    rig.stopDma();
    rig.clock.advance(1e9);
    expect(rig.line.rises).toBe(0);
    expect(rig.bmStatus).toBe(0);
    expect(rig.memory.bytes[0x2000]).toBe(0);
    rig.io.out(0x3f6, 4);
    rig.io.out(0x3f6, 0);
    rig.settle();
    expect(rig.status).toBe(OK);
  });

  it('waits for the permission to master the bus and for the right direction', () => {
    const { rig } = build();
    rig.pci.write(7, 1, 4, 1, 2);
    rig.prd(0x1000, [[0x2000, 512]]);
    rig.lba28(5, 1);
    rig.command(READ);
    rig.startDma(true);
    rig.clock.advance(1e9);
    expect(rig.line.rises).toBe(0);
    rig.stopDma();
    rig.pci.write(7, 1, 4, 5, 2);
    rig.startDma(false);
    rig.clock.advance(1e9);
    expect(rig.line.rises).toBe(0);
    rig.stopDma();
    rig.startDma(true);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(OK);
  });

  it('reports a bad sector in the drive and leaves the table unfinished', () => {
    const { rig, media } = build();
    media.badSector = 3;
    rig.prd(0x1000, [[0x2000, 4096]]);
    rig.lba28(0, 8);
    rig.startDma(true);
    rig.command(READ);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.bmStatus & 5).toBe(5);
    expect(rig.status).toBe(0x51);
    expect(rig.error).toBe(0x40);
  });

  it('moves more than the buffer holds with 48-bit commands', () => {
    const { rig, media } = build();
    rig.prd(
      0x1000,
      Array.from({ length: 10 }, () => [0x40000, 0x8000] as const),
    );
    rig.lba48(1000, 640);
    rig.startDma(true);
    rig.command(0x25);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(OK);
    expect(media.reads).toBe(3);
    expect(rig.memory.bytes.subarray(0x40000, 0x48000)).toEqual(sectors(1000 + 576, 64));
  });

  it('reads ones and drops writes beyond memory without harm', () => {
    const { rig, media } = build();
    rig.prd(0x1000, [[0xfffffffe, 1024]]);
    rig.lba28(1, 2);
    rig.startDma(true);
    rig.command(READ);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(OK);
    rig.io.out(BM, 0);
    rig.io.out(BM + 4, 0xfffff000, 4); // the table itself is not there
    rig.lba28(1, 2);
    rig.startDma(false);
    rig.command(WRITE);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(media.written.get(1)![0]).toBe(0xff);
  });

  it('trims the ranges listed, all or none, where the medium can', () => {
    const { rig, media } = build();
    const trimmed: [number, number][] = [];
    expect(rig.run(0x06)).toBe(0x51);
    Object.assign(media, { trim: (lba: number, count: number) => void trimmed.push([lba, count]) });
    rig.run(0xec);
    const identity = rig.words(256);
    expect([identity[338], identity[160]! & 0x80]).toEqual([1, 0x80]);
    const trim = (): number => {
      rig.prd(0x1000, [[0x2000, 512]]);
      rig.startDma(false);
      rig.registers({ device: 0x40, feature: 1, count: 0 });
      rig.registers({ count: 1 });
      rig.command(0x06);
      rig.clock.advanceUntil(() => rig.line.level);
      rig.stopDma();
      return rig.status;
    };
    rig.memory.put32(0x2000, 1000);
    rig.memory.put32(0x2004, 8 << 16);
    rig.memory.put32(0x2010, 900_000);
    rig.memory.put32(0x2014, 0xffff_0000);
    expect(trim()).toBe(OK);
    expect(trimmed).toEqual([
      [1000, 8],
      [900_000, 0xffff],
    ]);
    rig.memory.put32(0x2010, 999_999);
    expect(trim()).toBe(0x51);
    expect(rig.error).toBe(0x10);
    expect(trimmed).toHaveLength(2);
  });

  it('latches the interrupt of PIO commands too, per channel', () => {
    const { rig } = build();
    rig.run(0xe7);
    expect(rig.io.in(BM + 2)).toBe(4);
    expect(rig.io.in(BM + 10)).toBe(0);
  });

  it('goes on with a transfer under way after loading', () => {
    const from = build();
    from.rig.prd(0x1000, [[0x2000, 1024]]);
    from.rig.lba28(300, 2);
    from.rig.run(READ);
    from.rig.startDma(true);
    const into = build();
    into.rig.memory.bytes.set(from.rig.memory.bytes);
    into.rig.clock.advanceTo(from.rig.clock.now());
    transferState(from.rig.ide.primary, into.rig.ide.primary);
    transferState(from.disk, into.disk);
    transferState(from.rig.ide, into.rig.ide);
    into.rig.clock.advanceUntil(() => into.rig.line.level);
    expect(into.rig.memory.bytes.subarray(0x2000, 0x2400)).toEqual(sectors(300, 2));
    expect(into.rig.bmStatus).toBe(4);
  });

  it('moves every byte to its place whatever the descriptors', () => {
    const { rig, media } = build();
    let seed = 99;
    const random = (n: number): number => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8) % n;
    for (let round = 0; round < 40; round++) {
      const count = 1 + random(64);
      const entries: [number, number][] = [];
      // Places 64 KiB apart, so that pieces never meet.
      for (let left = count * 512; left > 0;) {
        const bytes = entries.length === 12 ? left : Math.min(left, 2 + 2 * random(4000));
        entries.push([0x10000 * (2 + entries.length) + 2 * random(100), bytes]);
        left -= bytes;
      }
      const lba = random(900_000);
      rig.prd(0x1000, entries);
      rig.lba28(lba, count);
      rig.startDma(true);
      rig.command(READ);
      rig.clock.advanceUntil(() => rig.line.level);
      expect(rig.status).toBe(OK);
      rig.stopDma();
      const got = entries.flatMap(([at, n]) => [...rig.memory.bytes.subarray(at, at + n)]);
      expect(Uint8Array.from(got)).toEqual(sectors(lba, count));
      rig.lba28(lba + 1, count);
      rig.startDma(false);
      rig.command(WRITE);
      rig.clock.advanceUntil(() => rig.line.level);
      rig.stopDma();
      expect(rig.status).toBe(OK);
      for (let i = 0; i < count; i++) expect(media.written.get(lba + 1 + i)).toEqual(pattern(lba + i, 512));
      media.written.clear();
    }
  });

  it('survives any sequence of accesses to bus master, drive and configuration', () => {
    const { rig } = build();
    let seed = 5;
    const random = (n: number): number => ((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 8) % n;
    const bm = rig.io.find(BM)!.region;
    for (let round = 0; round < 200; round++) {
      hammer(bm, rig.clock, 50, round + 1);
      hammer(rig.ide.primary.commandBlock, rig.clock, 50, round + 1000);
      rig.pci.write(7, 1, 4 * random(64), random(0x1000000) * 256, 4);
    }
    rig.pci.write(7, 1, 0x40, 0x80008000);
    rig.pci.write(7, 1, 0x20, BM | 1);
    rig.pci.write(7, 1, 0x04, 5, 2);
    rig.io.out(0x3f6, 4);
    rig.io.out(0x3f6, 0);
    rig.stopDma();
    rig.settle();
    rig.prd(0x1000, [[0x20000, 512]]);
    rig.lba28(3, 1);
    rig.startDma(true);
    rig.command(READ);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.memory.bytes.subarray(0x20000, 0x20200)).toEqual(pattern(3, 512));
  });

  it('survives a saved state that makes no sense', () => {
    const { rig, disk } = build();
    const good = saveState(disk.state);
    const bad: Record<string, number>[] = [
      { phase: 1, position: 0xffffffff, limit: 0xffffffff },
      { phase: 2, position: 5, limit: 3 },
      { phase: 6, remaining: 0xffffffff, lba: -5, command: READ },
      { phase: 6, remaining: 0, limit: 0, command: READ },
      { phase: 5, limit: 77, command: WRITE, lba: Number.NaN },
      { phase: 4, remaining: 0xffffffff, blockSectors: 0xffff, lba: 1e300, command: 0x20 },
      { phase: 200, heads: 0, sectorsPerTrack: 0, cylinders: 0, accessible: 1e30 },
    ];
    for (const fields of bad) {
      loadState(disk.name, disk.state, { ...good, ...fields, deadline: rig.clock.now() + 10 });
      rig.prd(0x1000, [[0x20000, 0x10000]]);
      rig.startDma(true);
      for (let i = 0; i < 300; i++) rig.io.in(0x1f0, 2);
      for (let i = 0; i < 300; i++) rig.io.out(0x1f0, 0, 4);
      rig.clock.advance(1e9);
      rig.stopDma();
      rig.io.out(0x3f6, 4);
      rig.io.out(0x3f6, 0);
      rig.settle();
      rig.lba28(2, 1);
      rig.command(0x20);
      rig.settle();
      expect(rig.words(256)).toEqual(pattern(2, 512));
    }
  });
});
