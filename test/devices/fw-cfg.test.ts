import { describe, expect, it } from 'vitest';
import type { FwCfgOptions } from '../../devices/fw-cfg/index.ts';
import { FwCfg, FwCfgKey } from '../../devices/fw-cfg/index.ts';
import { MockClock } from './support.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function setup(options: Partial<FwCfgOptions> = {}) {
  const ram = new Uint8Array(0x20000);
  const errors: string[] = [];
  const host = {
    clock: new MockClock(),
    log: { unimplemented: () => {}, guestError: (_: string, what: string) => void errors.push(what) },
  };
  const memory = {
    read: (at: number, into: Uint8Array): void => {
      into.fill(0xff);
      into.set(ram.subarray(at, at + into.length));
    },
    write: (at: number, from: Uint8Array): void => {
      if (at < ram.length) ram.set(from.subarray(0, ram.length - at), at);
    },
  };
  const device = new FwCfg(host, { memory, ...options });
  const { region } = device;
  const read = (key: number, length: number): Uint8Array => {
    region.write(0, 2, key);
    return Uint8Array.from({ length }, () => region.read(1, 1));
  };
  const swap = (v: number): number =>
    new DataView(Uint8Array.of(v >>> 24, v >>> 16, v >>> 8, v).buffer).getUint32(0, true);
  /** Sends a DMA request with the descriptor at 1000h; returns the control word it leaves. */
  const dma = (control: number, length: number, target: number): number => {
    const view = new DataView(ram.buffer);
    view.setUint32(0x1000, control);
    view.setUint32(0x1004, length);
    view.setUint32(0x1008, 0);
    view.setUint32(0x100c, target);
    region.write(4, 4, 0);
    region.write(8, 4, swap(0x1000));
    return view.getUint32(0x1000);
  };
  return { device, region, ram, read, dma, errors };
}

const FILES = [
  { name: 'etc/b', bytes: bytes('second') },
  { name: 'etc/a', bytes: bytes('first') },
];

describe('fw_cfg', () => {
  it('shows its signature, its id with the DMA bit, and zeros for unknown keys and beyond the end', () => {
    const { read } = setup({ items: new Map([[FwCfgKey.CpuCount, Uint8Array.of(1, 0)]]) });
    expect(read(0, 6)).toEqual(bytes('QEMU\0\0'));
    expect(read(1, 4)).toEqual(Uint8Array.of(3, 0, 0, 0));
    expect(read(5, 2)).toEqual(Uint8Array.of(1, 0));
    expect(read(0x7777, 3)).toEqual(new Uint8Array(3));
  });

  it('lists files: big-endian count, size, selector, name', () => {
    const { read } = setup({ files: FILES });
    const directory = read(0x19, 4 + 128);
    const view = new DataView(directory.buffer);
    expect(view.getUint32(0)).toBe(2);
    const entries = [0, 1].map((i) => ({
      size: view.getUint32(4 + 64 * i),
      key: view.getUint16(8 + 64 * i),
      name: new TextDecoder().decode(directory.subarray(12 + 64 * i, 68 + 64 * i)).replace(/\0+$/, ''),
    }));
    expect(entries.map((e) => e.name)).toEqual(['etc/a', 'etc/b']);
    for (const entry of entries) {
      const file = FILES.find((f) => f.name === entry.name)!;
      expect(read(entry.key, entry.size)).toEqual(file.bytes);
    }
  });

  it('reads by DMA: select, skip, read, signature at the DMA port', () => {
    const { region, ram, dma } = setup({ files: FILES });
    const text = [4, 8].map((at) => region.read(at, 4));
    const signature = new Uint8Array(8);
    new DataView(signature.buffer).setUint32(0, text[0]!, true);
    new DataView(signature.buffer).setUint32(4, text[1]!, true);
    expect(new TextDecoder().decode(signature)).toBe('QEMU CFG');
    expect(dma((0x20 << 16) | 8 | 2, 3, 0x2000)).toBe(0);
    expect(ram.slice(0x2000, 0x2003)).toEqual(bytes('fir'));
    expect(dma(2, 4, 0x2000)).toBe(0);
    expect(ram.slice(0x2000, 0x2004)).toEqual(bytes('st\0\0'));
    expect(dma((0x21 << 16) | 8 | 4, 2, 0)).toBe(0);
    expect(dma(2, 4, 0x3000)).toBe(0);
    expect(ram.slice(0x3000, 0x3004)).toEqual(bytes('cond'));
  });

  it('survives hostile requests', () => {
    const { dma, region, ram, errors } = setup({ files: FILES });
    expect(dma((0x20 << 16) | 8 | 2, 0xffffffff, 0)).toBe(1);
    expect(dma(16, 4, 0)).toBe(1);
    expect(dma((0x20 << 16) | 8 | 2, 0x4000, 0xfffff000)).toBe(0);
    region.write(4, 4, 0xffffffff);
    region.write(8, 4, 0xffffffff);
    region.write(3, 4, 1);
    region.write(0, 1, 1);
    expect(errors).toHaveLength(2);
    expect(ram.slice(0x2000, 0x2010)).toEqual(new Uint8Array(16));
  });

  it('refuses a bad list of files', () => {
    expect(() => setup({ files: [FILES[0]!, FILES[0]!] })).toThrow(RangeError);
    expect(() => setup({ files: [{ name: 'x'.repeat(56), bytes: bytes('') }] })).toThrow(RangeError);
  });
});
