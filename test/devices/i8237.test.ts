import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../devices/device.ts';
import { I8237Pair } from '../../devices/i8237/i8237.ts';
import { hammer, mockHost, transferState } from './support.ts';

const PAGES = [0x07, 0x03, 0x01, 0x02, 0x0f, 0x0b, 0x09, 0x0a];

function make(size = 0x100000) {
  const host = mockHost();
  const ram = new Uint8Array(size);
  const dma = new I8237Pair(host, {
    read: (address, into) => into.set(ram.subarray(address, address + into.length)),
    write: (address, from) => ram.set(from, address),
  });
  dma.reset(ResetCause.PowerOn);
  const port = (channel: number) => (channel < 4 ? dma.low : dma.high);
  const put = (channel: number, register: number, value: number) =>
    port(channel).write(channel < 4 ? register : register * 2, 1, value);
  const get = (channel: number, register: number) => port(channel).read(channel < 4 ? register : register * 2, 1);
  return {
    host,
    ram,
    dma,
    put,
    get,
    /** As a driver programs a channel: mask, flip-flop, mode, address, count, page, unmask. `mode` without the channel. */
    program: (channel: number, mode: number, address: number, count: number) => {
      const n = channel & 3;
      const at = channel < 4 ? address : address >> 1;
      put(channel, 0x0a, 4 | n);
      put(channel, 0x0c, 0);
      put(channel, 0x0b, mode | n);
      put(channel, 2 * n, at & 0xff);
      put(channel, 2 * n, (at >> 8) & 0xff);
      put(channel, 2 * n + 1, (count - 1) & 0xff);
      put(channel, 2 * n + 1, (count - 1) >> 8);
      dma.pages.write(PAGES[channel]!, 1, address >> 16);
      put(channel, 0x0a, n);
    },
    current: (channel: number) => {
      const n = channel & 3;
      put(channel, 0x0c, 0);
      return [2 * n, 2 * n + 1].map((register) => get(channel, register) | (get(channel, register) << 8));
    },
  };
}

const bytes = (n: number, from = 1): Uint8Array => Uint8Array.from({ length: n }, (_, i) => from + i);

describe('i8237 pair', () => {
  it('moves device data to memory in parts, and stops at terminal count', () => {
    const t = make();
    t.program(2, 0x44, 0x23400, 24);
    const channel = t.dma.channel(2);
    expect(channel.ready).toBe(true);
    expect(channel.write(bytes(16))).toEqual({ done: 16, terminalCount: false });
    expect(t.current(2)).toEqual([0x3410, 7]);
    expect(channel.write(bytes(16, 100))).toEqual({ done: 8, terminalCount: true });
    expect([...t.ram.subarray(0x23400, 0x2341a)]).toEqual([...bytes(16), ...bytes(8, 100), 0, 0]);
    expect(t.current(2)).toEqual([0x3418, 0xffff]);
    expect(channel.ready).toBe(false);
    expect(channel.write(bytes(1))).toEqual({ done: 0, terminalCount: false });
  });

  it('moves memory to the device', () => {
    const t = make();
    t.ram.set(bytes(8), 0x5000);
    t.program(1, 0x48, 0x5000, 8);
    const into = new Uint8Array(8);
    expect(t.dma.channel(1).read(into)).toEqual({ done: 8, terminalCount: true });
    expect(into).toEqual(bytes(8));
  });

  it('shows terminal counts in the status once', () => {
    const t = make();
    t.program(2, 0x44, 0, 1);
    t.dma.channel(2).write(bytes(1));
    expect(t.get(2, 8)).toBe(0x04);
    expect(t.get(2, 8)).toBe(0);
  });

  it('reloads and stays unmasked with auto-initialise', () => {
    const t = make();
    t.program(1, 0x58, 0x8000, 4);
    t.ram.set(bytes(4), 0x8000);
    const into = new Uint8Array(6);
    const channel = t.dma.channel(1);
    expect(channel.read(into)).toEqual({ done: 4, terminalCount: true });
    expect(t.current(1)).toEqual([0x8000, 3]);
    expect(channel.read(into.subarray(4))).toEqual({ done: 2, terminalCount: false });
    expect([...into]).toEqual([1, 2, 3, 4, 1, 2]);
  });

  it('wraps inside its 64 KiB page', () => {
    const t = make();
    t.program(3, 0x44, 0x2fffe, 4);
    t.dma.channel(3).write(bytes(4));
    expect([t.ram[0x2fffe], t.ram[0x2ffff], t.ram[0x20000], t.ram[0x20001], t.ram[0x30000]]).toEqual([1, 2, 3, 4, 0]);
  });

  it('counts addresses down on request', () => {
    const t = make();
    t.program(2, 0x64, 0x10002, 4);
    t.dma.channel(2).write(bytes(4));
    // 10002, 10001, 10000, then it wraps to 1FFFF.
    expect([t.ram[0x10002], t.ram[0x10001], t.ram[0x10000], t.ram[0x1ffff]]).toEqual([1, 2, 3, 4]);
    t.program(2, 0x68, 0x10002, 4);
    const into = new Uint8Array(4);
    t.dma.channel(2).read(into);
    expect(into).toEqual(bytes(4));
  });

  it('moves words on channels 5-7, in a 128 KiB page with an even page number', () => {
    const t = make();
    t.program(5, 0x44, 0x3fffc, 4);
    expect(t.dma.channel(5).write(bytes(8))).toEqual({ done: 8, terminalCount: true });
    expect([...t.ram.subarray(0x3fffc, 0x40000)]).toEqual([1, 2, 3, 4]);
    expect([...t.ram.subarray(0x20000, 0x20004)]).toEqual([5, 6, 7, 8]);
    t.dma.pages.write(PAGES[5]!, 1, 0x03);
    expect(t.current(5)[1]).toBe(0xffff);
    t.program(5, 0x64, 0x20004, 2);
    t.dma.channel(5).write(bytes(4, 0x11));
    expect([...t.ram.subarray(0x20002, 0x20006)]).toEqual([0x13, 0x14, 0x11, 0x12]);
  });

  it('counts without touching memory in verify mode', () => {
    const t = make();
    t.program(2, 0x40, 0x1000, 4);
    expect(t.dma.channel(2).write(bytes(4))).toEqual({ done: 4, terminalCount: true });
    expect(t.ram[0x1000]).toBe(0);
  });

  it('does nothing while masked, disabled or cleared', () => {
    const t = make();
    t.program(2, 0x44, 0x1000, 4);
    const channel = t.dma.channel(2);
    t.put(2, 0x0f, 0x04);
    expect(channel.write(bytes(1)).done).toBe(0);
    t.put(2, 0x0e, 0);
    t.put(2, 8, 0x04);
    expect(channel.ready).toBe(false);
    t.put(2, 8, 0);
    expect(channel.write(bytes(1)).done).toBe(1);
    t.put(2, 0x0d, 0);
    expect(channel.ready).toBe(false);
    expect(t.get(2, 0x0f) & 0x0f).toBe(0x0f);
  });

  it('has one byte pointer per controller', () => {
    const t = make();
    t.put(0, 0x0c, 0);
    t.put(0, 0, 0x34);
    t.put(1, 2, 0x12);
    t.put(0, 0x0c, 0);
    expect(t.get(0, 0)).toBe(0x34);
    expect(t.get(1, 2)).toBe(0x12);
    expect(t.get(5, 2)).toBe(0);
  });

  it('stores the page registers without channel too', () => {
    const t = make();
    for (let i = 0; i < 16; i++) t.dma.pages.write(i, 1, 0x10 + i);
    expect(Array.from({ length: 16 }, (_, i) => t.dma.pages.read(i, 1))).toEqual([...bytes(16, 0x10)]);
  });

  it('refuses channels that no device can have', () => {
    const t = make();
    for (const number of [4, 8, -1, 1.5]) expect(() => t.dma.channel(number)).toThrow(RangeError);
  });

  it('moves its state', () => {
    const [a, b] = [make(), make()];
    a.program(2, 0x54, 0x4000, 10);
    a.dma.channel(2).write(bytes(3));
    a.put(0, 0, 1);
    transferState(a.dma, b.dma);
    expect(b.dma.channel(2).write(bytes(10, 50))).toEqual({ done: 7, terminalCount: true });
    expect(b.ram[0x4003]).toBe(50);
  });

  it('survives anything', () => {
    const t = make(0x1000000);
    for (let seed = 1; seed < 50; seed++) {
      hammer(t.dma.low, t.host.clock, 60, seed);
      hammer(t.dma.high, t.host.clock, 60, seed);
      hammer(t.dma.pages, t.host.clock, 20, seed);
      for (const number of [0, 1, 2, 3, 5, 6, 7]) {
        const { done } = t.dma.channel(number).write(bytes(300));
        expect(done).toBeLessThanOrEqual(300);
        t.dma.channel(number).read(new Uint8Array(301));
      }
    }
  });
});
