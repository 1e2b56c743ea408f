import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../../devices/device.ts';
import type { AtapiCdrom } from '../../../devices/ide/atapi-cdrom.ts';
import { loadState, saveState } from '../../../devices/state.ts';
import { hammer, transferState } from '../support.ts';
import { IdeRig, PatternCd, pattern } from './rig.ts';

const BLOCKS = 333_000;
const OK = 0x50;

/** A drive whose power-on attention has been fetched, as after firmware. */
function build(options: { disc?: PatternCd | undefined; raw?: boolean } = {}) {
  const rig = new IdeRig();
  const disc = 'disc' in options ? options.disc : new PatternCd(BLOCKS);
  const trays: boolean[] = [];
  const drive: AtapiCdrom = rig.cdrom({ ...(disc ? { media: disc } : {}), onTray: (open) => trays.push(open) });
  rig.powerOn();
  if (!options.raw) {
    rig.ask([0x00]);
    rig.sense();
  }
  return { rig, drive, disc: disc!, trays };
}

const be16 = (data: Uint8Array, at: number): number => (data[at]! << 8) | data[at + 1]!;
const be32 = (data: Uint8Array, at: number): number => be16(data, at) * 0x10000 + be16(data, at + 2);
const blocks = (first: number, count: number): Uint8Array => {
  const all = new Uint8Array(count * 2048);
  for (let i = 0; i < count; i++) all.set(pattern(first + i, 2048), i * 2048);
  return all;
};
const read10 = (block: number, count: number): number[] => [
  0x28,
  0,
  block >>> 24,
  (block >>> 16) & 0xff,
  (block >>> 8) & 0xff,
  block & 0xff,
  0,
  count >> 8,
  count & 0xff,
];

describe('ATAPI drive: ATA side', () => {
  it('shows the packet signature after reset', () => {
    const { rig } = build({ raw: true });
    expect(rig.status).toBe(0);
    expect([1, 2, 3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([1, 1, 1, 0x14, 0xeb]);
  });

  it('aborts IDENTIFY DEVICE and READ SECTORS with its signature', () => {
    const { rig } = build();
    for (const command of [0xec, 0x20]) {
      rig.registers({ device: 0xa0, count: 9, low: 9, mid: 9, high: 9 });
      expect(rig.run(command)).toBe(0x51);
      expect(rig.error).toBe(4);
      expect([2, 3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([1, 1, 0x14, 0xeb]);
    }
    expect(rig.run(0xc8)).toBe(0x51);
  });

  it('describes itself', () => {
    const { rig } = build();
    rig.registers({ device: 0xa0 });
    expect(rig.run(0xa1)).toBe(0x58);
    const data = rig.words(256);
    const word = (n: number): number => data[2 * n]! | (data[2 * n + 1]! << 8);
    expect(word(0)).toBe(0x85c0);
    let model = '';
    for (let i = 27; i < 47; i++) model += String.fromCharCode(data[2 * i + 1]!, data[2 * i]!);
    expect(model).toBe('Virtual CD'.padEnd(40));
    expect(word(49) & 0x0300).toBe(0x0300);
    expect(word(82) & 0x0210).toBe(0x0210);
    expect(word(88) & 7).toBe(7);
    expect(rig.alternateStatus).toBe(OK);
  });

  it('breaks off a command by DEVICE RESET without losing its place on the cable', () => {
    const { rig } = build();
    rig.packet(read10(0, 4), { limit: 2048 });
    expect(rig.alternateStatus & 0x08).toBe(0x08);
    const rises = rig.line.rises;
    expect(rig.run(0x08)).toBe(0);
    expect(rig.line.rises).toBe(rises);
    expect([1, 2, 3, 4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([1, 1, 1, 0x14, 0xeb]);
    rig.command(0xe1);
    rig.command(0x08); // also while busy
    rig.settle();
    expect(rig.status).toBe(0);
  });

  it('is found as device 1, with nothing at device 0', () => {
    const rig = new IdeRig();
    rig.cdrom({}, 0, 1);
    rig.powerOn();
    rig.registers({ device: 0xb0 });
    rig.settle();
    expect([4, 5].map((r) => rig.io.in(0x1f0 + r))).toEqual([0x14, 0xeb]);
    rig.registers({ device: 0xa0 });
    expect(rig.status).toBe(0);
  });
});

describe('ATAPI drive: packet protocol', () => {
  it('goes through command, data and status phases', () => {
    const { rig } = build();
    const rises = rig.line.rises;
    rig.registers({ device: 0, feature: 0, mid: 0xfe, high: 0xff });
    rig.command(0xa0);
    expect(rig.alternateStatus).toBe(0x80);
    rig.settle();
    expect(rig.status & 0x89).toBe(0x08);
    expect(rig.reason).toBe(1);
    expect(rig.line.rises).toBe(rises); // accelerated DRQ: no interrupt for the packet
    rig.send(Uint8Array.from([0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    expect(rig.alternateStatus & 0x80).toBe(0x80);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status & 0x89).toBe(0x08);
    expect(rig.reason).toBe(2);
    expect(rig.byteCount).toBe(8);
    const data = rig.words(4);
    expect([be32(data, 0), be32(data, 4)]).toEqual([BLOCKS - 1, 2048]);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(OK);
    expect(rig.reason).toBe(3);
    expect(rig.line.rises - rises).toBe(2);
  });

  it('cuts data into phases of the byte count limit, each with its interrupt', () => {
    const { rig } = build();
    const rises = rig.line.rises;
    rig.packet(read10(1000, 5), { limit: 4096 });
    const { data, phases } = rig.receive();
    expect(phases).toEqual([4096, 4096, 2048]);
    expect(data).toEqual(blocks(1000, 5));
    expect(rig.line.rises - rises).toBe(4);
  });

  it('takes limits that are no multiple of a block, odd ones, 0 and FFFFh', () => {
    const { rig } = build();
    for (const [limit, first] of [
      [3000, 3000],
      [1001, 1000],
      [0, 0xfffe],
      [0xffff, 0xfffe],
      [0xf800, 0xf800],
    ] as const) {
      rig.packet(read10(7, 70), { limit });
      const { data, phases } = rig.receive();
      expect(phases[0]).toBe(first);
      expect(phases.slice(0, -1).every((n) => n === first)).toBe(true);
      expect(data).toEqual(blocks(7, 70));
      expect(rig.status).toBe(OK);
    }
  });

  it('may end with an odd number of bytes', () => {
    const { rig } = build();
    rig.packet([0x12, 0, 0, 0, 7]);
    const { data, phases } = rig.receive();
    expect(phases).toEqual([7]);
    expect([...data.subarray(0, 5)]).toEqual([0x05, 0x80, 0x00, 0x21, 31]);
    expect(rig.status).toBe(OK);
  });

  it('reads by DMA', () => {
    const { rig } = build();
    rig.prd(0x1000, [
      [0x20000, 0x10000],
      [0x30000, 0x0800],
    ]);
    rig.packet(read10(16, 33), { dma: true });
    rig.startDma(true);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.status).toBe(OK);
    expect(rig.reason).toBe(3);
    expect(rig.bmStatus).toBe(4);
    expect(rig.memory.bytes.subarray(0x20000, 0x20000 + 33 * 2048)).toEqual(blocks(16, 33));
  });

  it('sends short answers by DMA too, and more than its buffer', () => {
    const { rig } = build();
    rig.prd(0x1000, [[0x20000, 8]]);
    rig.packet([0x25], { dma: true });
    rig.startDma(true);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(be32(rig.memory.bytes.subarray(0x20000, 0x20008), 4)).toBe(2048);
    expect(rig.status).toBe(OK);
    rig.stopDma();
    rig.prd(
      0x1000,
      Array.from({ length: 5 }, () => [0x40000, 0x10000] as const),
    );
    rig.packet(read10(0, 160), { dma: true });
    rig.startDma(true);
    rig.clock.advanceUntil(() => rig.line.level);
    expect(rig.memory.bytes.subarray(0x40000, 0x50000)).toEqual(blocks(128, 32));
    expect(rig.bmStatus).toBe(4);
  });

  it('refuses overlapped packets', () => {
    const { rig } = build();
    rig.registers({ feature: 2 });
    expect(rig.run(0xa0)).toBe(0x51);
    expect(rig.error).toBe(4);
  });
});

describe('ATAPI drive: sense and unit attention', () => {
  it('reports the reset once, then is ready', () => {
    const { rig } = build({ raw: true });
    rig.packet([0x00]);
    expect(rig.status).toBe(0x51);
    expect(rig.error).toBe(0x60);
    expect(rig.reason).toBe(3);
    expect(rig.sense()).toBe('6/29/0');
    expect(rig.sense()).toBe('0/0/0');
    rig.packet([0x00]);
    expect(rig.status).toBe(OK);
  });

  it('lets INQUIRY through and keeps the attention', () => {
    const { rig } = build({ raw: true });
    expect(rig.ask([0x12, 0, 0, 0, 36])).toHaveLength(36);
    expect(rig.status).toBe(OK);
    rig.packet([0x25]);
    expect(rig.error).toBe(0x60);
  });

  it('follows a disc that is changed from outside', () => {
    const { rig, drive } = build();
    expect(drive.eject()).toBe(true);
    rig.packet([0x00]);
    expect(rig.error).toBe(0x20);
    expect(rig.sense()).toBe('2/3a/1');
    drive.insert(new PatternCd(100));
    rig.packet([0x00]);
    expect(rig.sense()).toBe('6/28/0');
    rig.packet([0x00]);
    expect(rig.status).toBe(OK);
    expect(be32(rig.ask([0x25]), 0)).toBe(99);
  });

  it.each([
    ['unknown command', [0xad], '5/20/0'],
    ['block beyond the disc', read10(BLOCKS, 1), '5/21/0'],
    ['blocks beyond the disc', read10(BLOCKS - 1, 2), '5/21/0'],
    ['seek beyond the disc', [0x2b, 0, 0x7f, 0, 0, 0], '5/21/0'],
    ['vital product data', [0x12, 1, 0, 0, 36], '5/24/0'],
    ['unknown mode page', [0x5a, 0, 0x1b, 0, 0, 0, 0, 0, 64], '5/24/0'],
    ['saved mode pages', [0x5a, 0, 0xea, 0, 0, 0, 0, 0, 64], '5/39/0'],
    ['unpolled events', [0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8], '5/24/0'],
    ['audio playback', [0x45, 0, 0, 0, 0, 0, 0, 0, 1], '5/64/0'],
    ['audio sectors', [0xbe, 4, 0, 0, 0, 0, 0, 0, 1, 0xf8], '5/64/0'],
    ['table of a missing track', [0x43, 0, 0, 0, 0, 0, 2, 0, 64], '5/24/0'],
  ])('refuses %s', (_what, packet, sense) => {
    const { rig } = build();
    rig.packet(packet);
    expect(rig.status).toBe(0x51);
    expect(rig.error >> 4).toBe(5);
    expect(rig.sense()).toBe(sense);
  });

  it('reports what the medium cannot deliver, after what it could', () => {
    const { rig, disc } = build();
    disc.badBlock = 40;
    rig.packet(read10(0, 64), { limit: 0x8000 });
    const { data } = rig.receive();
    expect(data).toEqual(blocks(0, 32).subarray(0, data.length));
    expect(rig.status).toBe(0x51);
    expect(rig.sense()).toBe('3/11/0');
    expect(rig.host.log.messages.join()).toContain('scratched');
  });

  it('fails a read whose disc is taken out half way', () => {
    const { rig, drive } = build();
    rig.packet(read10(0, 64), { limit: 0x8000 });
    drive.eject(true);
    rig.receive();
    expect(rig.status).toBe(0x51);
  });

  it('needs no disc for what is about the drive', () => {
    const { rig } = build({ disc: undefined });
    for (const packet of [
      [0x12, 0, 0, 0, 36],
      [0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64],
      [0x46, 0, 0, 0, 0, 0, 0, 0, 64],
      [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8],
      [0x1b, 0, 0, 0, 1],
      [0x1e],
    ]) {
      rig.ask(packet);
      expect(rig.status, packet[0]!.toString(16)).toBe(OK);
    }
    for (const packet of [read10(0, 1), [0x25], [0x43, 0, 0, 0, 0, 0, 0, 0, 64], [0x51, 0, 0, 0, 0, 0, 0, 0, 64]]) {
      rig.packet(packet);
      expect(rig.sense()).toBe('2/3a/1');
    }
  });
});

describe('ATAPI drive: tables', () => {
  it('gives the table of contents in blocks and in minutes', () => {
    const { rig } = build();
    const lba = rig.ask([0x43, 0, 0, 0, 0, 0, 0, 0x10, 0]);
    expect([...lba.subarray(0, 12)]).toEqual([0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
    expect(lba[14]).toBe(0xaa);
    expect(be32(lba, 16)).toBe(BLOCKS);
    const msf = rig.ask([0x43, 2, 0, 0, 0, 0, 0, 0x10, 0]);
    expect([...msf.subarray(8, 12)]).toEqual([0, 0, 2, 0]);
    const frames = (msf[17]! * 60 + msf[18]!) * 75 + msf[19]! - 150;
    expect(frames).toBe(BLOCKS);
    const leadOut = rig.ask([0x43, 0, 0, 0, 0, 0, 0xaa, 0x10, 0]);
    expect(leadOut).toHaveLength(12);
    expect(leadOut[6]).toBe(0xaa);
  });

  it('gives sessions and the full table, asked for in either place', () => {
    const { rig } = build();
    expect([...rig.ask([0x43, 0, 1, 0, 0, 0, 0, 0x10, 0])]).toEqual([0, 10, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0]);
    expect(rig.ask([0x43, 0, 0, 0, 0, 0, 0, 0x10, 0, 0x40])).toHaveLength(12);
    const full = rig.ask([0x43, 2, 2, 0, 0, 0, 0, 0x10, 0]);
    expect(be16(full, 0)).toBe(full.length - 2);
    const points = [0, 1, 2, 3].map((i) => full[4 + 11 * i + 3]);
    expect(points).toEqual([0xa0, 0xa1, 0xa2, 1]);
    expect([...full.subarray(4 + 33 + 8, 4 + 44)]).toEqual([0, 2, 0]);
  });

  it('is cut to the allocation length', () => {
    const { rig } = build();
    expect(rig.ask([0x43, 0, 0, 0, 0, 0, 0, 0, 4])).toEqual(Uint8Array.from([0, 18, 1, 1]));
    expect(rig.ask([0x43, 0, 0, 0, 0, 0, 0, 0, 0])).toHaveLength(0);
    expect(rig.status).toBe(OK);
  });

  it('lists its features and the current profile', () => {
    const { rig, drive } = build();
    const all = rig.ask([0x46, 0, 0, 0, 0, 0, 0, 0x10, 0]);
    expect(be32(all, 0)).toBe(all.length - 4);
    expect(be16(all, 6)).toBe(8);
    const codes: number[] = [];
    for (let at = 8; at < all.length; at += 4 + all[at + 3]!) codes.push(be16(all, at));
    expect(codes).toEqual([0, 1, 3, 0x10, 0x1e, 0x100, 0x105]);
    const one = rig.ask([0x46, 2, 0, 3, 0, 0, 0, 0x10, 0]);
    expect(one).toHaveLength(16);
    drive.eject();
    const empty = rig.ask([0x46, 1, 0, 0, 0, 0, 0, 0x10, 0]);
    expect(be16(empty, 6)).toBe(0);
    expect(empty.length).toBeLessThan(all.length);
  });

  it('tells of media events once', () => {
    const { rig, drive } = build();
    const poll = (): number[] => [...rig.ask([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])];
    expect(poll()).toEqual([0, 6, 4, 0x10, 0, 2, 0, 0]);
    drive.eject();
    expect(poll()).toEqual([0, 6, 4, 0x10, 3, 0, 0, 0]);
    drive.insert(new PatternCd(10));
    expect(poll()).toEqual([0, 6, 4, 0x10, 2, 2, 0, 0]);
    expect(poll()).toEqual([0, 6, 4, 0x10, 0, 2, 0, 0]);
    expect([...rig.ask([0x4a, 1, 0, 0, 0x02, 0, 0, 0, 8])]).toEqual([0, 2, 0x80, 0x10]);
  });

  it('has the mode pages', () => {
    const { rig } = build();
    const all = rig.ask([0x5a, 0, 0x3f, 0, 0, 0, 0, 0x10, 0]);
    expect(be16(all, 0)).toBe(all.length - 2);
    expect(all[2]).toBe(1);
    const pages: number[] = [];
    for (let at = 8; at < all.length; at += 2 + all[at + 1]!) pages.push(all[at]!);
    expect(pages).toEqual([0x01, 0x0d, 0x0e, 0x2a]);
    const short = rig.ask([0x1a, 0, 0x2a, 0, 0xff]);
    expect(short[0]).toBe(short.length - 1);
    expect(short[4]).toBe(0x2a);
    expect(short[4 + 6]! & 0x01).toBe(1); // lockable
    const changeable = rig.ask([0x5a, 0, 0x41, 0, 0, 0, 0, 0x10, 0]);
    expect([...changeable.subarray(8)]).toEqual([1, 6, 0xff, 0xff, 0, 0, 0, 0]);
  });

  it('takes mode parameters', () => {
    const { rig } = build();
    const select = (list: number[]): void => {
      rig.packet([0x55, 0x10, 0, 0, 0, 0, 0, 0, list.length]);
      expect(rig.reason).toBe(0);
      expect(rig.byteCount).toBe(list.length);
      rig.send(Uint8Array.from(list));
      rig.settle();
    };
    select([0, 0, 0, 0, 0, 0, 0, 0, 0x01, 6, 0x20, 9, 0, 0, 0, 0]);
    expect(rig.status).toBe(OK);
    expect([...rig.ask([0x5a, 0, 1, 0, 0, 0, 0, 0, 16]).subarray(8, 12)]).toEqual([1, 6, 0x20, 9]);
    expect([...rig.ask([0x5a, 0, 0x81, 0, 0, 0, 0, 0, 16]).subarray(8, 12)]).toEqual([1, 6, 0, 3]);
    select([0, 0, 0, 0, 0, 0, 0, 0, 0x01, 6, 0x20]);
    expect(rig.sense()).toBe('5/1a/0');
    select([0, 0, 0, 0, 0, 0, 0, 0, 0x31, 0]);
    expect(rig.sense()).toBe('5/26/0');
  });

  it('describes disc, track, position and mechanism', () => {
    const { rig } = build();
    const disc = rig.ask([0x51, 0, 0, 0, 0, 0, 0, 0x10, 0]);
    expect(be16(disc, 0)).toBe(disc.length - 2);
    expect([...disc.subarray(2, 7)]).toEqual([0x0e, 1, 1, 1, 1]);
    const track = rig.ask([0x52, 1, 0, 0, 0, 1, 0, 0x10, 0]);
    expect(track).toHaveLength(36);
    expect(be32(track, 24)).toBe(BLOCKS);
    rig.ask(read10(150, 1));
    const position = rig.ask([0x42, 2, 0x40, 1, 0, 0, 0, 0x10, 0]);
    expect(be16(position, 2)).toBe(12);
    expect([...position.subarray(8, 16)]).toEqual([0, 0, 4, 0, 0, 0, 2, 0]);
    expect(rig.ask([0x42, 2, 0, 1, 0, 0, 0, 0x10, 0])).toHaveLength(4);
    expect(rig.ask([0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8])).toHaveLength(8);
    expect([...rig.ask([0x44, 2, 0, 0, 0, 75, 0, 0, 8])]).toEqual([1, 0, 0, 0, 0, 0, 3, 0]);
  });
});

describe('ATAPI drive: READ CD', () => {
  const readCd = (block: number, count: number, flags: number): number[] => [
    0xbe,
    0,
    0,
    0,
    block >> 8,
    block & 0xff,
    0,
    0,
    count,
    flags,
  ];

  it('gives user data, whole sectors and parts of them', () => {
    const { rig } = build();
    expect(rig.ask(readCd(20, 2, 0x10))).toEqual(blocks(20, 2));
    const raw = rig.ask(readCd(20, 2, 0xf8));
    expect(raw).toHaveLength(2 * 2352);
    expect([...raw.subarray(2352 + 12, 2352 + 16)]).toEqual([0, 0x02, 0x21, 1]);
    expect(raw.subarray(16, 16 + 2048)).toEqual(pattern(20, 2048));
    expect(rig.ask(readCd(20, 1, 0x20))).toEqual(raw.subarray(12, 16));
    expect(rig.ask(readCd(20, 1, 0xfa))).toHaveLength(2352 + 294);
    expect(rig.ask(readCd(20, 1, 0))).toHaveLength(0);
    expect(rig.status).toBe(OK);
  });

  it('takes addresses in minutes, seconds and frames', () => {
    const { rig } = build();
    expect(rig.ask([0xb9, 0, 0, 0, 2, 20, 0, 2, 22, 0x10])).toEqual(blocks(20, 2));
  });

  it('sends many raw sectors in phases', () => {
    const { rig } = build();
    rig.packet(readCd(0, 100, 0xf8), { limit: 0x7000 });
    const { data, phases } = rig.receive();
    expect(data).toHaveLength(100 * 2352);
    expect(phases.slice(0, -1).every((n) => n === 0x7000)).toBe(true);
    expect(data.subarray(99 * 2352 + 16, 99 * 2352 + 2064)).toEqual(pattern(99, 2048));
  });
});

describe('ATAPI drive: tray', () => {
  it('opens and closes, keeping its disc', () => {
    const { rig, trays } = build();
    rig.ask([0x1b, 0, 0, 0, 2]);
    expect(trays).toEqual([true]);
    rig.packet([0x00]);
    expect(rig.sense()).toBe('2/3a/2');
    expect(rig.ask([0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8])[1]! & 0x10).toBe(0x10);
    rig.ask([0x1b, 0, 0, 0, 3]);
    expect(trays).toEqual([true, false]);
    rig.packet([0x00]);
    expect(rig.sense()).toBe('6/28/0');
    expect(rig.ask(read10(1, 1))).toEqual(blocks(1, 1));
  });

  it('stays shut while it is locked, and tells the guest that somebody tried', () => {
    const { rig, drive, trays } = build();
    rig.ask([0x1e, 0, 0, 0, 1]);
    rig.packet([0x1b, 0, 0, 0, 2]);
    expect(rig.sense()).toBe('5/53/2');
    expect(drive.eject()).toBe(false);
    expect(rig.ask([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])[4]).toBe(1);
    expect(rig.ask([0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 64])[8 + 6]! & 2).toBe(2);
    rig.ask([0x1e]);
    rig.ask([0x1b, 0, 0, 0, 2]);
    expect(trays).toEqual([true]);
    rig.ask([0x1e, 0, 0, 0, 1]);
    expect(drive.eject(true)).toBe(true);
  });

  it('is unlocked by a hard reset', () => {
    const { rig, drive } = build();
    rig.ask([0x1e, 0, 0, 0, 1]);
    drive.reset(ResetCause.Hard);
    rig.settle();
    expect(drive.eject()).toBe(true);
  });
});

describe('ATAPI drive: saved state', () => {
  it('goes on in the middle of a phase', () => {
    const from = build();
    from.rig.packet(read10(500, 40), { limit: 3000 });
    const head = from.rig.words(1000);
    const into = build();
    into.rig.clock.advanceTo(from.rig.clock.now());
    transferState(from.drive, into.drive);
    const tail = [...into.rig.words(500)];
    into.rig.settle();
    tail.push(...into.rig.receive().data);
    expect(Uint8Array.from([...head, ...tail])).toEqual(blocks(500, 40));
  });

  it('goes on with a packet half sent', () => {
    const from = build();
    from.rig.registers({ device: 0, feature: 0, mid: 0xfe, high: 0xff });
    from.rig.run(0xa0);
    from.rig.send(Uint8Array.from([0x25, 0, 0, 0]));
    const into = build();
    into.rig.clock.advanceTo(from.rig.clock.now());
    transferState(from.drive, into.drive);
    into.rig.send(new Uint8Array(8));
    into.rig.settle();
    expect(be32(into.rig.receive().data, 0)).toBe(BLOCKS - 1);
  });

  it('goes on with a DMA transfer whose table ran out half way', () => {
    const from = build();
    from.rig.prd(0x1000, [[0x20000, 3000]]);
    from.rig.packet(read10(500, 3), { dma: true });
    from.rig.startDma(true);
    from.rig.clock.advance(1e9);
    expect(from.rig.bmStatus).toBe(0);
    const into = build();
    into.rig.clock.advanceTo(from.rig.clock.now());
    transferState(from.drive, into.drive);
    into.rig.prd(0x1000, [[0x20000, 3144]]);
    into.rig.startDma(true);
    into.rig.clock.advanceUntil(() => into.rig.line.level);
    expect(into.rig.memory.bytes.subarray(0x20000, 0x20000 + 3144)).toEqual(blocks(500, 3).subarray(3000));
    expect(into.rig.status).toBe(OK);
  });

  it('survives a saved state that makes no sense', () => {
    const { rig, drive } = build();
    const good = saveState(drive.state);
    const common = { command: 0xa0 };
    const bad: Record<string, number | boolean>[] = [
      { phase: 1, position: 0xffffffff, limit: 0xffffffff, filled: 5 },
      { phase: 1, position: 100, limit: 3, filled: 1, blocksLeft: 0xffffffff, byteLimit: 1 },
      { phase: 2, limit: 0x20000, outLeft: 0xffffffff, outgoing: true },
      { phase: 6, blocksLeft: 0xffffffff, selectionFlags: 0 },
      { phase: 6, blocksLeft: 0xffffffff, selectionFlags: 0xf8, position: 9, limit: 20 },
      { phase: 4, blocksLeft: 0xffffffff, nextBlockNumber: 0xffffffff },
      { phase: 5, limit: 12, awaitingPacket: true },
      { phase: 99 },
    ];
    for (const fields of bad) {
      const usesDma = fields['phase'] === 6;
      loadState(drive.name, drive.state, { ...good, ...common, usesDma, ...fields, deadline: rig.clock.now() + 10 });
      rig.prd(0x1000, [[0x20000, 0x10000]]);
      rig.startDma(true);
      for (let i = 0; i < 300; i++) rig.io.in(0x1f0, 2);
      for (let i = 0; i < 300; i++) rig.io.out(0x1f0, 0, 4);
      rig.ide.primary.commandBlock.writeData(new Uint8Array(0x30000));
      rig.clock.advance(1e9);
      rig.stopDma();
      rig.run(0x08);
      rig.packet([0x00]);
      rig.sense();
      expect(be32(rig.ask([0x25]), 4)).toBe(2048);
    }
  });

  it('survives any sequence of register accesses and any packet', () => {
    const { rig } = build();
    hammer(rig.ide.primary.commandBlock, rig.clock, 40_000, 5);
    rig.io.out(0x3f6, 4);
    rig.io.out(0x3f6, 0);
    rig.settle();
    let seed = 12345;
    const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16;
    for (let i = 0; i < 1500; i++) {
      rig.packet(
        Array.from({ length: 12 }, (_, n) => (n === 0 ? i : random()) & 0xff),
        { limit: random() & 0xffff },
      );
      if (rig.alternateStatus & 0x08) rig.run(0x08);
      expect(rig.alternateStatus & 0x80).toBe(0);
    }
  });
});
