import { describe, expect, it } from 'vitest';
import type { AccessSize, BusRegion } from '../../devices/bus.ts';
import { MemoryBus, PortBus } from '../../src/machine/bus-map.ts';

function region(name: string, length: number, widest: AccessSize, accesses: string[] = []): BusRegion {
  return {
    name,
    length,
    widest,
    read: (offset, size) => {
      accesses.push(`${name} r${size}@${offset}`);
      return (0x44332211 >>> 0) & (0xffffffff >>> (32 - 8 * size));
    },
    write: (offset, size, value) => void accesses.push(`${name} w${size}@${offset}=${value.toString(16)}`),
  };
}

function logged() {
  const messages: string[] = [];
  return {
    messages,
    log: { unimplemented: (_: string, what: string) => void messages.push(what), guestError: () => {} },
  };
}

describe('PortBus', () => {
  it('splits wide accesses for narrow regions, low byte first', () => {
    const accesses: string[] = [];
    const bus = new PortBus(logged().log);
    bus.map(0x100, region('byte', 4, 1, accesses));
    bus.map(0x200, region('word', 4, 2, accesses));
    bus.map(0x300, region('dword', 4, 4, accesses));
    bus.write(0x100, 4, 0xddccbbaa);
    bus.write(0x200, 4, 0xddccbbaa);
    bus.write(0x300, 4, 0xddccbbaa);
    expect(accesses).toEqual([
      'byte w1@0=aa',
      'byte w1@1=bb',
      'byte w1@2=cc',
      'byte w1@3=dd',
      'word w2@0=bbaa',
      'word w2@2=ddcc',
      'dword w4@0=ddccbbaa',
    ]);
    expect(bus.read(0x100, 4)).toBe(0x11111111);
    expect(bus.read(0x200, 4)).toBe(0x22112211);
    expect(bus.read(0x300, 4)).toBe(0x44332211);
  });

  it('gives each half of a straddling access to its own region', () => {
    const accesses: string[] = [];
    const { log } = logged();
    const bus = new PortBus(log);
    bus.map(0x10, region('a', 2, 4, accesses));
    bus.map(0x12, region('b', 1, 4, accesses));
    expect(bus.read(0x11, 2)).toBe(0x1111);
    expect(accesses).toEqual(['a r1@1', 'b r1@0']);
    expect(bus.read(0x12, 2)).toBe(0xff11);
    expect(bus.read(0xffff, 4)).toBe(0xffffffff);
  });

  it('refuses overlaps of one priority by name, and covers by a higher one until it goes', () => {
    const accesses: string[] = [];
    const bus = new PortBus(logged().log);
    bus.map(0x80, region('pages', 16, 1, accesses));
    expect(() => bus.map(0x8f, region('other', 2, 1))).toThrow(/other at 008Fh-0090h overlaps pages at 0080h-008Fh/);
    expect(() => bus.map(0xfff8, region('end', 16, 1))).toThrow(RangeError);
    const cover = bus.map(0x80, region('post', 1, 1, accesses), 1);
    bus.write(0x80, 1, 1);
    bus.write(0x81, 1, 1);
    cover.unmap();
    cover.unmap();
    bus.write(0x80, 1, 1);
    expect(accesses).toEqual(['post w1@0=1', 'pages w1@1=1', 'pages w1@0=1']);
  });

  it('logs an unknown port once for each direction', () => {
    const { log, messages } = logged();
    const bus = new PortBus(log);
    for (let i = 0; i < 3; i++) {
      bus.read(0x370, 1);
      bus.write(0x370, 1, 0);
    }
    expect(messages).toEqual(['read of port 0370h', 'write to port 0370h']);
  });
});

describe('MemoryBus', () => {
  it('agrees with a search through the mappings over random maps', () => {
    let seed = 99;
    const random = (n: number): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n;
    for (let round = 0; round < 40; round++) {
      const bus = new MemoryBus(logged().log);
      const placed: { base: number; length: number; priority: number; value: number; unmap: () => void }[] = [];
      for (let i = 0; i < 8; i++) {
        const base = 0xfffff000 - random(200) * 16;
        const length = (1 + random(40)) * 16;
        const value = i + 1;
        if (base + length > 0x1_0000_0000) continue;
        const mapping = bus.map(base, { name: `r${i}`, length, read: () => value, write: () => {} }, i);
        placed.push({ base, length, priority: i, value, unmap: () => mapping.unmap() });
      }
      if (placed.length > 3) placed.splice(random(placed.length), 1)[0]!.unmap();
      for (let probe = 0; probe < 100; probe++) {
        const address = 0xfffff000 - 3300 + random(5000);
        if (address > 0xffffffff) continue;
        const hit = placed
          .filter((p) => p.base <= address && address < p.base + p.length)
          .reduce<(typeof placed)[0] | undefined>((a, b) => (a && a.priority > b.priority ? a : b), undefined);
        expect(bus.read(address, 1)).toBe(hit?.value ?? 0xff);
      }
    }
  });

  it('reads ones where nothing is, with any size at the very end', () => {
    const { log, messages } = logged();
    const bus = new MemoryBus(log);
    expect(bus.read(0xffffffff, 1)).toBe(0xff);
    expect(bus.read(0xfffffffe, 4)).toBe(0xffffffff);
    bus.write(0xfffffffd, 4, 0);
    expect(messages.length).toBeLessThan(5);
  });
});
