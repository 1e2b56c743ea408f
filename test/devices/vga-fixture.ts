/** A VGA with its memory, and port access by the numbers the manuals use. */
import { Vga } from '../../devices/vga/vga.ts';
import type { VgaOptions } from '../../devices/vga/vga.ts';
import { ResetCause } from '../../devices/device.ts';
import type { AccessSize } from '../../devices/bus.ts';
import type { MockHost } from './support.ts';
import { mockHost, readPort, writePort } from './support.ts';

export interface VgaBench {
  readonly vga: Vga;
  readonly vram: Uint8Array;
  readonly host: MockHost;
  inb(port: number): number;
  outb(port: number, value: number): void;
  inw(port: number): number;
  outw(port: number, value: number): void;
  /** Writes an indexed register: 3C4h, 3CEh, 3D4h, 3B4h or 3C0h. */
  set(port: number, index: number, value: number): void;
  /** Reads an indexed register. */
  get(port: number, index: number): number;
  /** Processor access to A0000h-BFFFFh. */
  peek(address: number, size?: AccessSize): number;
  poke(address: number, value: number, size?: AccessSize): void;
  /** Loads all registers of a mode. */
  mode(mode: ModeRegisters): void;
  dispi(index: number, value?: number): number;
}

/** Register values as the IBM VGA BIOS loads them. */
export interface ModeRegisters {
  readonly misc: number;
  readonly seq: readonly number[];
  readonly crtc: readonly number[];
  readonly attr: readonly number[];
  readonly gfx: readonly number[];
}

export function vgaBench(options: Partial<VgaOptions> = {}, bytes = 8 << 20): VgaBench {
  const host = mockHost();
  const vram = options.memory ?? new Uint8Array(bytes);
  const vga = new Vga(host, { ...options, memory: vram });
  vga.reset(ResetCause.PowerOn);
  const regions = [
    [0x1ce, vga.dispi.ports],
    [0x3b0, vga.monochromePorts],
    [0x3c0, vga.commonPorts],
    [0x3d0, vga.colorPorts],
  ] as const;
  const locate = (port: number): readonly [(typeof regions)[number][1], number] => {
    for (const [base, region] of regions) if (port >= base && port < base + region.length) return [region, port - base];
    throw new Error(`no VGA port ${port.toString(16)}`);
  };
  const bench: VgaBench = {
    vga,
    vram,
    host,
    inb: (port) => readPort(...locate(port)),
    outb: (port, value) => writePort(...locate(port), value),
    inw: (port) => readPort(...locate(port), 2),
    outw: (port, value) => writePort(...locate(port), value, 2),
    set(port, index, value) {
      if (port === 0x3c0) {
        bench.inb(bench.inb(0x3cc) & 1 ? 0x3da : 0x3ba);
        bench.outb(0x3c0, index);
        bench.outb(0x3c0, value);
      } else {
        bench.outw(port, (value << 8) | index);
      }
    },
    get(port, index) {
      if (port === 0x3c0) {
        bench.inb(bench.inb(0x3cc) & 1 ? 0x3da : 0x3ba);
        bench.outb(0x3c0, index);
        return bench.inb(0x3c1);
      }
      bench.outb(port, index);
      return bench.inb(port + 1);
    },
    peek: (address, size = 1) => vga.memory.window.read(address - 0xa0000, size),
    poke: (address, value, size = 1) => vga.memory.window.write(address - 0xa0000, size, value),
    mode(mode) {
      bench.outb(0x3c2, mode.misc);
      const crtc = mode.misc & 1 ? 0x3d4 : 0x3b4;
      bench.set(0x3c4, 0, 1);
      mode.seq.forEach((value, i) => bench.set(0x3c4, i + 1, value));
      bench.set(0x3c4, 0, 3);
      bench.set(crtc, 0x11, 0);
      mode.crtc.forEach((value, i) => bench.set(crtc, i, value));
      mode.gfx.forEach((value, i) => bench.set(0x3ce, i, value));
      mode.attr.forEach((value, i) => bench.set(0x3c0, i, value));
      bench.inb(mode.misc & 1 ? 0x3da : 0x3ba);
      bench.outb(0x3c0, 0x20);
    },
    dispi(index, value) {
      bench.outw(0x1ce, index);
      if (value !== undefined) bench.outw(0x1cf, value);
      return bench.inw(0x1cf);
    },
  };
  return bench;
}

const EGA_PALETTE = [0, 1, 2, 3, 4, 5, 0x14, 7, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f];
const IDENTITY = Array.from({ length: 16 }, (_, i) => i);

// The values below are the standard mode tables of the IBM VGA (PS/2 Model 50/60 Technical Reference, "Video Subsystem").
export const MODE_3: ModeRegisters = {
  misc: 0x67,
  seq: [0x00, 0x03, 0x00, 0x02],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x55, 0x81, 0xbf, 0x1f, 0x00, 0x4f, 0x0d, 0x0e, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
    0x28, 0x1f, 0x96, 0xb9, 0xa3, 0xff,
  ],
  attr: [...EGA_PALETTE, 0x0c, 0x00, 0x0f, 0x08, 0x00],
  gfx: [0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0e, 0x00, 0xff],
};

export const MODE_4: ModeRegisters = {
  misc: 0x63,
  seq: [0x09, 0x03, 0x00, 0x02],
  crtc: [
    0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
    0x14, 0x00, 0x96, 0xb9, 0xa2, 0xff,
  ],
  attr: [0, 0x13, 0x15, 0x17, 2, 4, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0x00, 0x03, 0x00, 0x00],
  gfx: [0x00, 0x00, 0x00, 0x00, 0x00, 0x30, 0x0f, 0x00, 0xff],
};

export const MODE_6: ModeRegisters = {
  misc: 0x63,
  seq: [0x01, 0x01, 0x00, 0x06],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0xc1, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
    0x28, 0x00, 0x96, 0xb9, 0xc2, 0xff,
  ],
  attr: [0, ...Array<number>(15).fill(0x17), 0x01, 0x00, 0x01, 0x00, 0x00],
  gfx: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0d, 0x00, 0xff],
};

export const MODE_D: ModeRegisters = {
  misc: 0x63,
  seq: [0x09, 0x0f, 0x00, 0x06],
  crtc: [
    0x2d, 0x27, 0x28, 0x90, 0x2b, 0x80, 0xbf, 0x1f, 0x00, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
    0x14, 0x00, 0x96, 0xb9, 0xe3, 0xff,
  ],
  attr: [0, 1, 2, 3, 4, 5, 6, 7, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x01, 0x00, 0x0f, 0x00, 0x00],
  gfx: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0f, 0xff],
};

export const MODE_12: ModeRegisters = {
  misc: 0xe3,
  seq: [0x01, 0x0f, 0x00, 0x06],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0x00, 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xea, 0x8c, 0xdf,
    0x28, 0x00, 0xe7, 0x04, 0xe3, 0xff,
  ],
  attr: [...EGA_PALETTE, 0x01, 0x00, 0x0f, 0x00, 0x00],
  gfx: [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x0f, 0xff],
};

export const MODE_13: ModeRegisters = {
  misc: 0x63,
  seq: [0x01, 0x0f, 0x00, 0x0e],
  crtc: [
    0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0xbf, 0x1f, 0x00, 0x41, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9c, 0x8e, 0x8f,
    0x28, 0x40, 0x96, 0xb9, 0xa3, 0xff,
  ],
  attr: [...IDENTITY, 0x41, 0x00, 0x0f, 0x00, 0x00],
  gfx: [0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x05, 0x0f, 0xff],
};

/** Loads the DAC so that entry i is `color(i)`, three 6-bit guns. */
export function loadDac(bench: VgaBench, color: (index: number) => readonly [number, number, number]): void {
  bench.outb(0x3c8, 0);
  for (let i = 0; i < 256; i++) for (const gun of color(i)) bench.outb(0x3c9, gun);
}

/** The 64 colours of the EGA palette in DAC entries 00h-3Fh, as the BIOS loads them for modes 3 and 12h. */
export function egaColor(index: number): readonly [number, number, number] {
  const gun = (high: number, low: number): number => ((index >> high) & 1 ? 42 : 0) + ((index >> low) & 1 ? 21 : 0);
  return [gun(2, 5), gun(1, 4), gun(0, 3)];
}

/** DAC entries of the 200-line modes: bits 2-0 red, green, blue; bit 4 intensity. */
export function cgaColor(index: number): readonly [number, number, number] {
  const gun = (bit: number): number => ((index >> bit) & 1 ? 42 : 0) + (index & 0x10 ? 21 : 0);
  return [gun(2), gun(1), gun(0)];
}
