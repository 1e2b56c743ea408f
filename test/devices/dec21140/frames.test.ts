/** Descriptors and filters: what reaches the wire and what reaches memory. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BROADCAST, ChipRig, MAC, OWN, frame } from './rig.ts';

const ST = 1 << 13;
const SR = 2;
const RING = 0x2000;

function transmit(rig: ChipRig): void {
  rig.write(4, RING);
  rig.write(6, rig.read(6) | ST);
  rig.write(1, 0);
  rig.host.clock.advance(1e6);
}

describe('transmit', () => {
  it('sends a frame from two buffers and closes the descriptor', () => {
    const rig = new ChipRig();
    const data = frame(BROADCAST, 100);
    rig.memory.write(0x4000, data.subarray(0, 40));
    rig.memory.write(0x5000, data.subarray(40));
    rig.put32(RING, OWN, 0xe0000000 | (60 << 11) | 40, 0x4000, 0x5000);
    rig.put32(RING + 16, 0, 1 << 25, 0, 0);
    rig.write(7, 0x10001);
    transmit(rig);
    expect(rig.sent).toEqual([data]);
    expect(rig.get32(RING)).toBe(0);
    expect(rig.read(5) & 5).toBe(5);
    expect(rig.irq.level).toBe(true);
  });

  it('follows chains, skips longwords, and the end of the ring wins over the chain', () => {
    const rig = new ChipRig();
    rig.write(0, 4 << 2); // 16 bytes between descriptors
    const frames = [64, 65, 66, 67].map((length) => frame(BROADCAST, length));
    rig.queue(RING, frames[0]!, 0, 0x4000);
    rig.queue(RING + 32, frames[1]!, 1 << 24, 0x4100);
    rig.put32(RING + 32 + 12, 0x3000);
    rig.queue(0x3000, frames[2]!, (1 << 25) | (1 << 24), 0x4200);
    rig.put32(0x300c, 0x3800);
    rig.queue(0x3800, frames[3]!, 0, 0x4300);
    transmit(rig);
    expect(rig.sent.map(({ length }) => length)).toEqual([64, 65, 66]);
    expect(rig.get32(0x3800)).toBe(OWN);
  });

  it('gathers a frame from several descriptors, whose interrupt flag counts at its end only', () => {
    const rig = new ChipRig();
    const data = frame(MAC, 90);
    rig.memory.write(0x4000, data);
    rig.put32(RING, OWN, 0xa0000000 | 30, 0x4000, 0);
    rig.put32(RING + 16, OWN, 0x80000000 | 30, 0x401e, 0);
    rig.put32(RING + 32, OWN, 0x40000000 | (1 << 25) | 30, 0x403c, 0);
    transmit(rig);
    expect(rig.sent).toEqual([data]);
    expect([0, 16, 32].map((at) => rig.get32(RING + at))).toEqual([0, 0, 0]);
    expect(rig.read(5) & 1).toBe(0);
  });

  it('pads to 60 bytes unless DPD, and takes the check sequence off with AC', () => {
    const rig = new ChipRig();
    rig.queue(RING, frame(BROADCAST, 20), 0, 0x4000);
    rig.queue(RING + 16, frame(BROADCAST, 20), 1 << 23, 0x4100);
    rig.queue(RING + 32, frame(BROADCAST, 68), (1 << 26) | (1 << 25), 0x4200);
    transmit(rig);
    expect(rig.sent.map(({ length }) => length)).toEqual([60, 20, 64]);
    expect(rig.sent[0]!.subarray(20)).toEqual(new Uint8Array(40));
  });

  it('resumes at the place where it stopped for want of descriptors', () => {
    const rig = new ChipRig();
    rig.queue(RING, frame(BROADCAST, 64), 0, 0x4000);
    transmit(rig);
    rig.queue(RING + 16, frame(BROADCAST, 70), 1 << 25, 0x4100);
    rig.host.clock.advance(1e7);
    expect(rig.sent.length).toBe(1);
    rig.write(1, 0xffffffff);
    rig.host.clock.advance(1e6);
    expect(rig.sent.map(({ length }) => length)).toEqual([64, 70]);
  });

  it('polls by itself when CSR0 says so, telling TU once', () => {
    const rig = new ChipRig();
    rig.write(0, 1 << 17); // every 200 us
    rig.put32(RING, 0, 1 << 25, 0, 0);
    transmit(rig);
    rig.write(5, 0xffffffff);
    rig.host.clock.advance(1e6);
    expect(rig.read(5) & 4).toBe(0);
    rig.queue(RING, frame(BROADCAST, 64), 1 << 25, 0x4000);
    rig.host.clock.advance(201_000);
    expect(rig.sent.length).toBe(1);
  });

  it('cuts off a jabbering driver and stops, but not one that disabled the jabber timer', () => {
    for (const disabled of [false, true]) {
      const rig = new ChipRig();
      rig.write(15, disabled ? 1 : 0);
      rig.put32(RING, OWN, 0x20000000 | (0x7ff << 11) | 0x7ff, 0x4000, 0x5000);
      rig.put32(RING + 16, OWN, 0xc0000000 | (1 << 25) | 0x7ff, 0x4000, 0);
      transmit(rig);
      expect(rig.sent).toEqual([]);
      expect(rig.read(5) & (8 | (7 << 20))).toBe(disabled ? 6 << 20 : 8);
      expect(rig.get32(RING + 16)).toBe(disabled ? 0 : 0xc000);
    }
  });

  it('reports a lost carrier in half duplex only', () => {
    for (const [mode, status] of [
      [0, 0x8c00],
      [1 << 9, 0],
    ] as const) {
      const rig = new ChipRig();
      rig.chip.link = false;
      rig.write(6, mode);
      rig.queue(RING, frame(BROADCAST, 64), 1 << 25, 0x4000);
      transmit(rig);
      expect(rig.sent).toEqual([]);
      expect(rig.get32(RING)).toBe(status);
    }
  });

  it('a bus error stops the chip until it is reset', () => {
    const rig = new ChipRig();
    rig.put32(RING, OWN, 0xe0000000 | 64, 0xf0000000, 0);
    rig.write(7, (1 << 15) | (1 << 13));
    transmit(rig);
    expect(rig.read(5) & ((7 << 23) | (1 << 13) | (1 << 15))).toBe((1 << 23) | (1 << 13) | (1 << 15));
    expect(rig.chip.readConfig(6, 2) & 0x2000).toBe(0x2000);
    expect(rig.irq.level).toBe(true);
    rig.queue(RING, frame(BROADCAST, 64), 1 << 25, 0x4000);
    rig.write(5, 0xffffffff);
    rig.write(1, 0);
    rig.host.clock.advance(1e6);
    expect(rig.sent.length).toBe(0);
    rig.write(0, 1);
    transmit(rig);
    expect(rig.sent.length).toBe(1);
  });

  it('waits for the right to master the bus', () => {
    const rig = new ChipRig();
    rig.chip.writeConfig(4, 2, 3);
    rig.queue(RING, frame(BROADCAST, 64), 1 << 25, 0x4000);
    transmit(rig);
    expect(rig.sent.length).toBe(0);
    rig.chip.writeConfig(4, 2, 7);
    rig.host.clock.advance(1e6);
    expect(rig.sent.length).toBe(1);
  });
});

function receiving(count = 4, size = 1536): { rig: ChipRig; buffers: number[] } {
  const rig = new ChipRig();
  rig.setup([MAC]);
  const buffers = rig.receiveRing(0x10000, count, size);
  rig.write(6, (rig.read(6) & ~0x40) | SR);
  return { rig, buffers };
}

describe('receive', () => {
  it('writes the frame with its check sequence, then the status', () => {
    const { rig, buffers } = receiving();
    const data = frame(MAC, 100);
    rig.write(7, 0x10040);
    expect(rig.chip.receive(data)).toBe('received');
    const stored = rig.memory.bytes.subarray(buffers[0], buffers[0]! + 104);
    expect(stored.subarray(0, 100)).toEqual(data);
    expect(new DataView(stored.slice().buffer).getUint32(100, true)).toBe(crc32(data));
    // Length with check sequence, FS, LS, frame type.
    expect(rig.get32(0x10000).toString(16)).toBe(((104 << 16) | 0x320).toString(16));
    expect(rig.irq.level).toBe(true);
  });

  it('marks multicast, 802.3 length fields and frames that are too long; pads short ones', () => {
    const { rig } = receiving();
    rig.chip.receive(frame(BROADCAST, 42));
    rig.chip.receive(frame(MAC, 60, 46));
    rig.chip.receive(frame(MAC, 1518));
    expect([0, 1, 2].map((i) => rig.get32(0x10000 + 16 * i).toString(16))).toEqual(
      [(64 << 16) | 0x720, (64 << 16) | 0x300, (1522 << 16) | 0x3a0].map((value) => value.toString(16)),
    );
  });

  it('spreads a frame over buffers and descriptors, skipping empty buffers', () => {
    const { rig } = receiving(5, 64);
    rig.put32(0x10010, OWN, 0, 0, 0);
    rig.put32(0x10020, OWN, (32 << 11) | 16, 0x30000, 0x30100);
    const data = frame(MAC, 130);
    rig.chip.receive(data);
    expect([0, 1, 2, 3].map((i) => rig.get32(0x10000 + 16 * i).toString(16))).toEqual(
      [0x200, 0, 0, (134 << 16) | 0x120].map((value) => value.toString(16)),
    );
    const { bytes } = rig.memory;
    expect([...bytes.subarray(0x30000, 0x30010)]).toEqual([...data.subarray(64, 80)]);
    expect([...bytes.subarray(0x30100, 0x30120)]).toEqual([...data.subarray(80, 112)]);
  });

  it('cuts a frame short when the descriptors end: DE, ES, LS', () => {
    const { rig } = receiving(2, 64);
    rig.chip.receive(frame(MAC, 1000));
    expect(rig.get32(0x10000)).toBe(0x200);
    expect(rig.get32(0x10010) & 0xc300).toBe(0xc100);
    expect(rig.read(5) & 0xc0).toBe(0xc0);
  });

  it('suspends once for want of buffers, counts what it misses, and goes on with the next frame', () => {
    const { rig } = receiving(2);
    rig.chip.receive(frame(MAC, 64));
    expect(rig.read(5) & 0x80).toBe(0);
    rig.chip.receive(frame(MAC, 64));
    // The next descriptor is fetched at once: RU comes before anything is lost.
    expect(rig.read(5) & ((7 << 17) | 0x80)).toBe((4 << 17) | 0x80);
    rig.write(5, 0x80);
    expect([rig.chip.receive(frame(MAC, 64)), rig.chip.receive(frame(MAC, 64))]).toEqual(['missed', 'missed']);
    expect(rig.read(5) & 0x80).toBe(0);
    expect([rig.read(8), rig.read(8)]).toEqual([0xe0000002, 0xe0000000]);
    rig.put32(0x10000, OWN);
    expect(rig.chip.receive(frame(MAC, 64))).toBe('received');
  });

  it('a receive poll demand takes it out of suspension', () => {
    const { rig } = receiving(1);
    rig.chip.receive(frame(MAC, 64));
    expect(rig.chip.canReceive).toBe(false);
    const before = rig.ready;
    rig.write(2, 0);
    expect(rig.ready).toBe(before);
    rig.put32(0x10000, OWN);
    rig.write(2, 0);
    expect([rig.ready - before, rig.read(5) & (7 << 17)]).toEqual([1, 3 << 17]);
  });

  it('counts 65536 missed frames as an overflow', () => {
    const { rig } = receiving(1);
    rig.chip.receive(frame(MAC, 64));
    for (let i = 0; i < 65_538; i++) rig.chip.receive(frame(MAC, 64));
    expect(rig.read(8)).toBe(0xe0010002);
  });

  it('gives looped frames back through the filter and nothing to the wire', () => {
    for (const loopback of [1 << 10, 2 << 10]) {
      const { rig } = receiving();
      rig.write(6, (rig.read(6) & ~ST) | loopback);
      rig.queue(RING, frame(MAC, 64), 0, 0x4000);
      rig.queue(RING + 16, frame(Uint8Array.of(2, 9, 9, 9, 9, 9), 64), 1 << 25, 0x4100);
      transmit(rig);
      expect(rig.sent).toEqual([]);
      expect(rig.get32(0x10000) & 0x3fff0300).toBe((68 << 16) | 0x300);
      expect(rig.get32(0x10010)).toBe(OWN);
      expect(rig.chip.receive(frame(MAC, 64))).toBe('stopped');
    }
  });
});

const address = (text: string): Uint8Array => Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));

/** Destinations taken, of those offered. */
function taken(rig: ChipRig, ...destinations: string[]): string[] {
  return destinations.filter((destination) => rig.chip.receive(frame(address(destination), 64)) === 'received');
}

const OTHER = '00:03:ff:00:00:01';
const OWN_ADDRESS = '00:03:ff:12:34:56';
const GROUP = '01:00:5e:00:00:01';
const GROUP_2 = '33:33:00:00:00:01';
const ALL = 'ff:ff:ff:ff:ff:ff';

function filtering(mode = 0): ChipRig {
  const rig = new ChipRig();
  rig.receiveRing(0x10000, 32);
  rig.write(6, SR | mode);
  return rig;
}

describe('filtering', () => {
  const offered = [OWN_ADDRESS, OTHER, GROUP, GROUP_2, ALL];

  it('perfect: sixteen addresses, group addresses among them', () => {
    const rig = filtering();
    rig.setup([address(OWN_ADDRESS), address(GROUP)]);
    expect(taken(rig, ...offered)).toEqual([OWN_ADDRESS, GROUP, ALL]);
    expect(rig.read(6) & 0x15).toBe(0);
    expect(rig.get32(0x8000)).toBe(0x7fffffff);
    expect(rig.read(5) & 1).toBe(1);
  });

  it('inverse: all but the sixteen', () => {
    const rig = filtering();
    rig.setup([address(OTHER), address(GROUP)], 2);
    expect(taken(rig, ...offered)).toEqual([OWN_ADDRESS, GROUP_2, ALL]);
    expect(rig.read(6) & 0x15).toBe(0x10);
  });

  /** Bit of the hash table, by the rule of the manual: low nine bits of the check sequence register. */
  const hashOf = (text: string): number => (~crc32(address(text)) >>> 0) & 0x1ff;

  function hashFrame(...groups: string[]): Uint8Array {
    const setup = new Uint8Array(192);
    for (const group of groups) {
      const bit = hashOf(group);
      setup[4 * (bit >> 4) + ((bit >> 3) & 1)]! |= 1 << (bit & 7);
    }
    address(OWN_ADDRESS).forEach((byte, b) => (setup[156 + 4 * (b >> 1) + (b & 1)] = byte));
    return setup;
  }

  it('hash of group addresses and one perfect address', () => {
    const rig = filtering();
    rig.sendSetup(hashFrame(GROUP, OTHER), 1);
    expect(taken(rig, ...offered)).toEqual([OWN_ADDRESS, GROUP, ALL]);
    expect(rig.read(6) & 0x15).toBe(1);
  });

  it('hash of everything', () => {
    const rig = filtering();
    rig.sendSetup(hashFrame(GROUP, OTHER), 3);
    expect(taken(rig, ...offered)).toEqual([OTHER, GROUP, ALL]);
    expect(rig.read(6) & 0x15).toBe(5);
  });

  it('pass all multicast, promiscuous and receive all', () => {
    for (const [mode, expected] of [
      [1 << 7, [OWN_ADDRESS, GROUP, GROUP_2, ALL]],
      [1 << 6, offered],
      [1 << 30, offered],
    ] as const) {
      const rig = filtering(mode);
      rig.setup([address(OWN_ADDRESS)]);
      expect(taken(rig, ...offered)).toEqual(expected);
      // Filtering fail is marked where the frame came in by the mode alone.
      const failed = expected.map((_, i) => (rig.get32(0x10000 + 16 * i) >>> 30) & 1);
      expect(failed).toEqual(expected.length === 5 ? [0, 1, 1, 1, 0] : [0, 0, 0, 0]);
    }
  });
});
