/** Ports, timing, DISPI, PCI function and saved state of the VGA. */
import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../devices/device.ts';
import { loadState, saveState } from '../../devices/state.ts';
import { PciVga } from '../../devices/vga/pci-vga.ts';
import { vgaScanout } from '../../devices/vga/scanout.ts';
import { hammer, transferState } from './support.ts';
import { egaColor, loadDac, MODE_12, MODE_13, MODE_3, vgaBench } from './vga-fixture.ts';

const CRTC = 0x3d4;
const SEQ = 0x3c4;
const GFX = 0x3ce;
const ATTR = 0x3c0;

describe('register access', () => {
  it('reads back what the mode tables wrote', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    MODE_3.seq.forEach((value, i) => expect(bench.get(SEQ, i + 1)).toBe(value));
    MODE_3.gfx.forEach((value, i) => expect(bench.get(GFX, i)).toBe(value));
    MODE_3.crtc.forEach((value, i) => expect(bench.get(CRTC, i)).toBe(value));
    MODE_3.attr.forEach((value, i) => expect(bench.get(ATTR, i)).toBe(value));
    expect(bench.inb(0x3cc)).toBe(0x67);
  });

  it('answers at 3Bxh or 3Dxh as Miscellaneous Output says', () => {
    const bench = vgaBench();
    bench.outb(0x3c2, 0x01);
    bench.set(0x3d4, 0x0d, 0x5a);
    expect(bench.get(0x3b4, 0x0d)).toBe(0xff);
    bench.outb(0x3c2, 0x00);
    expect(bench.get(0x3b4, 0x0d)).toBe(0x5a);
    expect(bench.get(0x3d4, 0x0d)).toBe(0xff);
  });

  it('protects CRTC 00h-07h except line compare bit 8', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    bench.set(CRTC, 0x11, 0x8e);
    bench.set(CRTC, 0x00, 0x12);
    bench.set(CRTC, 0x07, 0x00);
    expect(bench.get(CRTC, 0x00)).toBe(0x5f);
    expect(bench.get(CRTC, 0x07)).toBe(0x0f);
    bench.set(CRTC, 0x11, 0x0e);
    bench.set(CRTC, 0x00, 0x12);
    expect(bench.get(CRTC, 0x00)).toBe(0x12);
  });

  it('switches the attribute port between index and data, reset by Input Status 1', () => {
    const bench = vgaBench();
    bench.outb(0x3c2, 0x01);
    bench.inb(0x3da);
    bench.outb(0x3c0, 0x11);
    expect(bench.get(CRTC, 0x24)).toBe(0x80);
    bench.outb(0x3c0, 0x2b);
    expect(bench.get(CRTC, 0x24)).toBe(0);
    bench.outb(0x3c0, 0x12);
    bench.inb(0x3da);
    bench.outb(0x3c0, 0x11);
    expect(bench.inb(0x3c1)).toBe(0x2b);
    expect(bench.inb(0x3c0)).toBe(0x11);
  });

  it('resets the flip-flop from either address of Input Status 1', () => {
    const bench = vgaBench();
    bench.outb(0x3c2, 0x00);
    bench.outb(0x3c0, 0x11);
    bench.inb(0x3da);
    bench.outb(0x3c0, 0x12);
    expect(bench.inb(0x3c0)).toBe(0x12);
  });

  it('lets the internal palette be written only while it is disconnected', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    bench.inb(0x3da);
    bench.outb(0x3c0, 0x21);
    bench.outb(0x3c0, 0x3f);
    bench.inb(0x3da);
    bench.outb(0x3c0, 0x32); // Color Plane Enable, with the palette connected
    bench.outb(0x3c0, 0x07);
    expect(bench.get(ATTR, 0x01)).toBe(0x01);
    expect(bench.get(ATTR, 0x12)).toBe(0x07);
  });

  it('selects DAC colours through P54S and Color Select', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    const palette = (): Uint8Array => {
      const { sequencer, graphics, attribute, crtc } = bench.vga;
      const scan = vgaScanout({
        seq: sequencer.values,
        gfx: graphics.values,
        attr: attribute.values,
        crtc: crtc.values,
        paletteConnected: true,
      });
      if (scan.kind !== 'text') throw new Error(scan.kind);
      return scan.palette;
    };
    expect(palette()[6]).toBe(0x14);
    bench.set(ATTR, 0x14, 0x0d);
    expect(palette()[6]).toBe(0xd4);
    bench.set(ATTR, 0x10, 0x8c);
    expect(palette()[6]).toBe(0xd4);
    bench.set(ATTR, 0x14, 0x0e);
    expect(palette()[6]).toBe(0xe4);
    bench.set(ATTR, 0x12, 0x03);
    expect(palette()[6]).toBe(0xe2);
  });

  it('survives any sequence of accesses', () => {
    const bench = vgaBench();
    const { vga, host } = bench;
    for (const region of [vga.commonPorts, vga.colorPorts, vga.monochromePorts, vga.dispi.ports, vga.memory.window])
      hammer(region, host.clock, 3000);
    expect(vga.scanout().kind).toMatch(/blank|text|planar|packed/);
    expect(vga.timing().frameTime).toBeGreaterThan(0);
  });
});

describe('DAC', () => {
  it('keeps 6 bits, advances after three, and tells reading from writing', () => {
    const bench = vgaBench();
    bench.outb(0x3c8, 10);
    for (const gun of [0xff, 0x41, 0x20, 1, 2, 3]) bench.outb(0x3c9, gun);
    expect(bench.inb(0x3c7) & 3).toBe(0);
    expect(bench.inb(0x3c8)).toBe(12);
    bench.outb(0x3c7, 10);
    expect(bench.inb(0x3c7) & 3).toBe(3);
    expect(Array.from({ length: 6 }, () => bench.inb(0x3c9))).toEqual([0x3f, 0x01, 0x20, 1, 2, 3]);
  });

  it('changes an entry only when all three guns have arrived', () => {
    const bench = vgaBench();
    bench.outb(0x3c8, 0);
    bench.outb(0x3c9, 9);
    bench.outb(0x3c9, 9);
    bench.outb(0x3c7, 0);
    expect(bench.inb(0x3c9)).toBe(0);
  });

  it('wraps from 255 to 0', () => {
    const bench = vgaBench();
    bench.outb(0x3c8, 255);
    for (const gun of [1, 2, 3, 4, 5, 6]) bench.outb(0x3c9, gun);
    bench.outb(0x3c7, 0);
    expect(bench.inb(0x3c9)).toBe(4);
  });
});

describe('beam position', () => {
  // Mode 3 at 28.322 MHz: 100 characters of 9 dots and 449 lines make 31.47 kHz and 70.09 Hz.
  const line = (900 / 28_322_000) * 1e9;

  it('has the line and frame rates of the monitor standards', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    expect(1e9 / bench.vga.timing().lineTime).toBeCloseTo(31_469, -1);
    expect(1e9 / bench.vga.timing().frameTime).toBeCloseTo(70.09, 2);
    bench.mode(MODE_12);
    expect(1e9 / bench.vga.timing().frameTime).toBeCloseTo(59.94, 2);
    bench.mode(MODE_13);
    expect(1e9 / bench.vga.timing().frameTime).toBeCloseTo(70.09, 2);
  });

  it('shows display enable and vertical retrace in Input Status 1', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    const at = (lines: number): number => {
      const frames = Math.ceil(bench.host.clock.now() / (449 * line)) + 1;
      bench.host.clock.advanceTo((frames * 449 + lines) * line);
      return bench.inb(0x3da) & 9;
    };
    expect(at(0.1)).toBe(0);
    expect(at(0.79)).toBe(0);
    expect(at(0.81)).toBe(1); // 80 of 100 characters displayed
    expect(at(399.5)).toBe(0);
    expect(at(400.5)).toBe(1);
    expect(at(411.5)).toBe(1);
    expect(at(412.5)).toBe(9); // 19Ch
    expect(at(413.5)).toBe(9);
    expect(at(414.5)).toBe(1); // low four bits Eh
  });

  it('counts 70 retraces in a second of polling', () => {
    const bench = vgaBench();
    bench.mode(MODE_13);
    let retraces = 0;
    for (let last = 0, ms = 0; ms < 1000; ms += 0.03) {
      bench.host.clock.advance(30_000);
      const now = bench.inb(0x3da) & 8;
      if (now && !last) retraces++;
      last = now;
    }
    expect(retraces).toBe(70);
  });

  it('latches a retrace in Input Status 0 until cleared through CRTC 11h', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    bench.set(CRTC, 0x11, 0x0e);
    bench.host.clock.advance(20e6);
    expect(bench.inb(0x3c2) & 0x80).toBe(0);
    bench.set(CRTC, 0x11, 0x1e);
    expect(bench.inb(0x3c2) & 0x80).toBe(0);
    bench.host.clock.advance(450 * line);
    expect(bench.inb(0x3c2) & 0x80).toBe(0x80);
    bench.set(CRTC, 0x11, 0x0e);
    bench.set(CRTC, 0x11, 0x1e);
    expect(bench.inb(0x3c2) & 0x80).toBe(0);
  });
});

describe('DISPI', () => {
  it('negotiates its version, tells capabilities and memory size', () => {
    const bench = vgaBench();
    expect(bench.dispi(0)).toBe(0xb0c5);
    expect(bench.dispi(0, 0xb0c0)).toBe(0xb0c0);
    expect(bench.dispi(0, 0x1234)).toBe(0xb0c0);
    expect(bench.dispi(10)).toBe(128);
    bench.dispi(4, 2);
    expect([bench.dispi(1), bench.dispi(2), bench.dispi(3)]).toEqual([2560, 1600, 32]);
    bench.dispi(4, 0);
    expect(bench.dispi(1)).toBe(0);
  });

  it('sets a mode, clears the memory unless told not to', () => {
    const bench = vgaBench();
    bench.vram.fill(0xee);
    bench.dispi(1, 1024);
    bench.dispi(2, 768);
    bench.dispi(3, 16);
    bench.dispi(4, 0xc1);
    expect(bench.vram[0]).toBe(0xee);
    expect([bench.dispi(6), bench.dispi(7), bench.dispi(8), bench.dispi(9)]).toEqual([1024, 4096, 0, 0]);
    bench.dispi(1, 640); // fixed while enabled
    expect(bench.dispi(1)).toBe(1024);
    bench.dispi(4, 0);
    bench.dispi(4, 0x41);
    expect(bench.vram[1024 * 768 * 2 - 1]).toBe(0);
    expect(bench.vram[1024 * 768 * 2]).toBe(0xee);
  });

  it('refuses what does not fit the memory', () => {
    const bench = vgaBench({}, 1 << 20);
    bench.dispi(1, 1024);
    bench.dispi(2, 768);
    bench.dispi(3, 32);
    expect(bench.dispi(4, 1)).toBe(0);
    bench.dispi(3, 8);
    expect(bench.dispi(4, 1)).toBe(1);
    expect(bench.dispi(6, 4096)).toBe(1024);
    expect(bench.dispi(5, 16)).toBe(0);
    expect(bench.dispi(5, 15)).toBe(15);
    expect(bench.dispi(9, 257)).toBe(0);
    expect(bench.dispi(9, 256)).toBe(256);
  });

  it('banks the window', () => {
    const bench = vgaBench();
    bench.outb(0x3c2, 0x63);
    bench.dispi(1, 640);
    bench.dispi(2, 480);
    bench.dispi(3, 8);
    bench.dispi(4, 1);
    bench.dispi(5, 4);
    bench.poke(0xa1234, 0x44332211, 4);
    expect([...bench.vram.subarray(0x41234, 0x41238)]).toEqual([0x11, 0x22, 0x33, 0x44]);
    expect(bench.peek(0xa1235, 2)).toBe(0x3322);
    expect(bench.peek(0xb8000)).toBe(0xff);
  });

  it('has a DAC of 8 bits on request, keeping the colours', () => {
    const bench = vgaBench();
    loadDac(bench, egaColor);
    bench.dispi(1, 640);
    bench.dispi(2, 480);
    bench.dispi(4, 0x21);
    bench.outb(0x3c7, 1);
    expect([bench.inb(0x3c9), bench.inb(0x3c9), bench.inb(0x3c9)]).toEqual([0, 0, 42 << 2]);
    bench.outb(0x3c8, 0);
    for (let i = 0; i < 3; i++) bench.outb(0x3c9, 0xfe);
    const colors = new Uint32Array(256);
    bench.vga.dac.colors(colors);
    expect(colors[0]).toBe(0xfffefefe);
    bench.dispi(4, 0);
    bench.outb(0x3c7, 0);
    expect(bench.inb(0x3c9)).toBe(0x3f);
  });

  it('gives way to a VGA text mode set', () => {
    const bench = vgaBench();
    bench.dispi(1, 640);
    bench.dispi(2, 480);
    bench.dispi(4, 1);
    bench.set(GFX, 6, 0x05); // as SeaVGABIOS does after a DISPI mode set
    expect(bench.vga.scanout().kind).not.toBe('text');
    expect(bench.dispi(4)).toBe(1);
    bench.mode(MODE_3);
    expect(bench.dispi(4)).toBe(0);
    expect(bench.vga.scanout().kind).toBe('text');
  });
});

describe('PCI function', () => {
  const make = () => {
    const bench = vgaBench();
    return { bench, pci: new PciVga(bench.vga) };
  };

  it('is an S3 Trio64 with one prefetchable 8 MiB range', () => {
    const { pci } = make();
    expect(pci.readConfig(0, 4)).toBe(0x88115333);
    expect(pci.readConfig(8, 4)).toBe(0x03000000);
    expect(pci.readConfig(0x2c, 4)).toBe(0);
    pci.writeConfig(0x10, 4, 0xffffffff);
    expect(pci.readConfig(0x10, 4)).toBe(0xff800008);
    pci.writeConfig(0x14, 4, 0xffffffff);
    expect(pci.readConfig(0x14, 4)).toBe(0);
    pci.writeConfig(0x30, 4, 0xffffffff);
    expect(pci.readConfig(0x30, 4)).toBe(0);
  });

  it('decodes frame buffer, window and ports as the command register says', () => {
    const { bench, pci } = make();
    bench.outb(0x3c2, 0x63);
    expect(pci.ranges().every(({ at }) => at === undefined)).toBe(true);
    pci.writeConfig(0x10, 4, 0xe0000000);
    expect(bench.peek(0xa0000)).toBe(0xff);
    const memory = pci.writeConfig(4, 2, 2);
    expect(memory.map(({ kind, to }) => [kind, to])).toEqual([
      ['memory', 0xe0000000],
      ['memory', 0xa0000],
    ]);
    expect(bench.peek(0xa0000)).toBe(0);
    const ports = pci.writeConfig(4, 2, 3);
    expect(ports.map(({ kind, to }) => [kind, to])).toEqual([
      ['io', 0x3b0],
      ['io', 0x3c0],
      ['io', 0x3d0],
      ['io', 0x1ce],
    ]);
    pci.reset(ResetCause.Hard);
    expect(pci.ranges().every(({ at }) => at === undefined)).toBe(true);
    expect(pci.readConfig(0x10, 4)).toBe(8);
    expect(bench.peek(0xa0000)).toBe(0xff);
  });
});

describe('state', () => {
  it('survives a round trip in the middle of register sequences', () => {
    const bench = vgaBench();
    bench.mode(MODE_12);
    loadDac(bench, egaColor);
    bench.vram.set([1, 2, 3, 4], 0);
    bench.peek(0xa0000);
    bench.inb(0x3da);
    bench.outb(0x3c0, 0x31); // data comes next
    bench.outb(0x3c8, 7);
    bench.outb(0x3c9, 11); // green comes next
    const other = vgaBench();
    other.vram.set(bench.vram);
    transferState(bench.vga, other.vga);
    other.outb(0x3c0, 0x15);
    expect(other.get(ATTR, 0x11)).toBe(0x15);
    other.outb(0x3c9, 12);
    other.outb(0x3c9, 13);
    other.outb(0x3c7, 7);
    expect([other.inb(0x3c9), other.inb(0x3c9), other.inb(0x3c9)]).toEqual([11, 12, 13]);
    other.set(GFX, 5, 1);
    other.poke(0xa0001, 0);
    expect([...other.vram.subarray(4, 8)]).toEqual([1, 2, 3, 4]);
    const pci = new PciVga(bench.vga);
    pci.writeConfig(4, 2, 3);
    transferState(pci, new PciVga(other.vga));
  });

  it('carries a DISPI mode over, but not one that this memory cannot show', () => {
    const bench = vgaBench();
    bench.dispi(1, 1024);
    bench.dispi(2, 768);
    bench.dispi(3, 32);
    bench.dispi(4, 0x41);
    const saved = saveState(bench.vga.state);
    const same = vgaBench();
    loadState('vga', same.vga.state, saved);
    expect(same.vga.scanout()).toMatchObject({ kind: 'blank', width: 1024, height: 768 });
    const small = vgaBench({}, 1 << 20);
    loadState('vga', small.vga.state, saved);
    expect(small.dispi(4)).toBe(0);
  });

  it('is cleared by hard reset, kept by soft reset', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    bench.vga.reset(ResetCause.Soft);
    expect(bench.get(CRTC, 1)).toBe(0x4f);
    bench.vga.reset(ResetCause.Hard);
    expect(bench.inb(0x3cc)).toBe(0);
    expect(bench.get(0x3b4, 1)).toBe(0);
    expect(bench.dispi(0)).toBe(0xb0c5);
  });
});
