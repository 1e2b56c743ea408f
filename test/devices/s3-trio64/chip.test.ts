/** Locks, identification, windows, status and interrupts of the Trio64. */
import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../../devices/device.ts';
import { hammer, transferState } from '../support.ts';
import { openEngine, trio64Bench } from './bench.ts';
import { load, start } from './commands.ts';

describe('identification', () => {
  it('shows the chip only while a lock is open, the straps always', () => {
    const bench = trio64Bench(2);
    expect(bench.cr(0x30)).toBe(0xff);
    expect(bench.cr(0x36)).toBe(0x9e);
    bench.cr(0x38, 0x48);
    expect(bench.cr(0x30)).toBe(0xe1);
    bench.cr(0x38, 0x00);
    expect(bench.cr(0x30)).toBe(0xff);
    bench.cr(0x39, 0xa5);
    expect([0x2d, 0x2e, 0x2f, 0x30].map((index) => bench.cr(index))).toEqual([0x88, 0x11, 0x00, 0xe1]);
  });

  it('is an S3 Trio64 revision 0 on the PCI bus with an 8 MiB range', () => {
    const { pci } = trio64Bench();
    expect(pci.readConfig(0, 4)).toBe(0x88115333);
    expect(pci.readConfig(8, 4)).toBe(0x03000000);
    expect(pci.readConfig(0x3d, 1)).toBe(1);
    pci.writeConfig(0x10, 4, 0xffffffff);
    expect(pci.readConfig(0x10, 4)).toBe(0xff800000);
  });

  it.each([
    [1, 6],
    [2, 4],
    [4, 0],
    [8, 3],
  ])('says %i MiB by strap value %i', (mebibytes, code) => {
    expect(trio64Bench(mebibytes).cr(0x36) >> 5).toBe(code);
    expect(() => trio64Bench(16)).toThrow(RangeError);
  });
});

describe('locks', () => {
  it('CR38 opens CR30-CR3F, CR39 the rest, A5h the straps', () => {
    const bench = trio64Bench();
    bench.cr(0x38, 0x47);
    expect(bench.cr(0x31, 0x55)).toBe(0x00);
    bench.cr(0x38, 0x48);
    expect(bench.cr(0x31, 0x55)).toBe(0x55);
    expect(bench.cr(0x50, 0x10)).toBe(0x00);
    bench.cr(0x39, 0xa0);
    expect(bench.cr(0x50, 0x10)).toBe(0x10);
    expect(bench.cr(0x68, 0x12)).toBe(0x00);
    const cr36 = bench.cr(0x36);
    expect(bench.cr(0x36, 0x00)).toBe(cr36);
    bench.cr(0x39, 0xa5);
    expect(bench.cr(0x68, 0x12)).toBe(0x12);
    bench.cr(0x39, 0x5a);
    expect(bench.cr(0x50, 0x30)).toBe(0x10);
  });

  it('SR08 opens the extended sequencer registers', () => {
    const bench = trio64Bench();
    const before = bench.sr(0x12);
    expect(bench.sr(0x12, before ^ 0x11)).toBe(before);
    bench.sr(0x08, 0x06);
    expect(bench.sr(0x12, before ^ 0x11)).toBe(before ^ 0x11);
  });

  it('CR35 locks vertical and horizontal timing, CR33 bit 1 frees the display end bits', () => {
    const bench = trio64Bench();
    bench.unlock();
    for (const index of [0x00, 0x06, 0x07, 0x09, 0x10, 0x11, 0x15, 0x17]) bench.cr(index, 0x00);
    bench.cr(0x35, 0x20);
    expect([bench.cr(0x00, 0xff), bench.cr(0x06, 0xff), bench.cr(0x17, 0xff)]).toEqual([0x00, 0xff, 0xeb]);
    bench.cr(0x35, 0x10);
    bench.cr(0x06, 0x00);
    expect([bench.cr(0x00, 0xff), bench.cr(0x06, 0x12), bench.cr(0x10, 0xff)]).toEqual([0xff, 0xff, 0x00]);
    expect([bench.cr(0x07, 0xff), bench.cr(0x09, 0xff), bench.cr(0x11, 0x0f)]).toEqual([0x52, 0xdf, 0x00]);
    bench.cr(0x35, 0x00);
    bench.cr(0x11, 0x80);
    bench.cr(0x07, 0x00);
    expect(bench.cr(0x07)).toBe(0x42);
    bench.cr(0x33, 0x02);
    bench.cr(0x07, 0x00);
    expect(bench.cr(0x07)).toBe(0x00);
  });

  it('CR33 and CR34 lock DAC, palette, dots and clock', () => {
    const bench = trio64Bench();
    bench.unlock();
    const dac = (value: number): void => {
      bench.out(0x3c8, 1);
      for (let i = 0; i < 3; i++) bench.out(0x3c9, value);
    };
    dac(0x11);
    bench.cr(0x33, 0x10);
    dac(0x22);
    expect([...bench.chip.dac.palette.subarray(3, 6)]).toEqual([0x11, 0x11, 0x11]);
    bench.cr(0x33, 0x40);
    bench.in(0x3da);
    bench.out(0x3c0, 0x11);
    bench.out(0x3c0, 0x3f);
    expect(bench.chip.attribute.values[0x11]).toBe(0);
    bench.cr(0x33, 0x00);
    bench.cr(0x34, 0xa0);
    bench.out(0x3c2, 0x0f);
    expect(bench.in(0x3cc)).toBe(0x03);
    bench.sr(0x01, 0x01);
    expect(bench.sr(0x01)).toBe(0x00);
  });
});

describe('DAC behind RS2', () => {
  it.each([
    [0x55, 0x01],
    [0x43, 0x02],
  ])('CR%s = %s neither disturbs the palette nor reads back', (index, value) => {
    const bench = trio64Bench();
    bench.unlock();
    bench.out(0x3c8, 5);
    bench.out(0x3c9, 0x2a);
    bench.cr(index, value);
    bench.out(0x3c6, 0x00);
    bench.out(0x3c8, 0x77);
    bench.out(0x3c9, 0x3f);
    expect(bench.in(0x3c6)).toBe(0xff);
    bench.cr(index, 0);
    expect(bench.in(0x3c6)).toBe(0xff);
    bench.out(0x3c9, 0x15);
    bench.out(0x3c9, 0x2a);
    expect([...bench.chip.dac.palette.subarray(15, 18)]).toEqual([0x2a, 0x15, 0x2a]);
  });
});

describe('memory', () => {
  function chained(mebibytes = 2) {
    const bench = trio64Bench(mebibytes);
    bench.unlock();
    bench.sr(2, 0x0f);
    bench.sr(4, 0x0e);
    bench.out(0x3ce, 0x06);
    bench.out(0x3cf, 0x05);
    bench.out(0x3ce, 0x08);
    bench.out(0x3cf, 0xff);
    return bench;
  }

  it('moves the base address register and CR59/CR5A together', () => {
    const bench = trio64Bench(4);
    bench.unlock();
    bench.pci.writeConfig(0x10, 4, 0xe5800000);
    expect([bench.cr(0x59), bench.cr(0x5a), bench.cr(0x6b), bench.cr(0x6c)]).toEqual([0xe5, 0x80, 0xe5, 0x80]);
    bench.cr(0x59, 0xd4);
    bench.cr(0x5a, 0x00);
    expect(bench.pci.readConfig(0x10, 4)).toBe(0xd4000000);
  });

  it('opens the linear window by CR58 or 4AE8, of the size that CR58 says, aligned to it', () => {
    const bench = trio64Bench(4);
    bench.unlock();
    bench.pci.writeConfig(0x10, 4, 0xe0000000);
    expect(bench.windows.linear).toBeUndefined();
    const sizes = [0x10000, 0x100000, 0x200000, 0x400000];
    sizes.forEach((length, code) => {
      bench.cr(0x58, 0x10 | code);
      expect(bench.windows.linear).toEqual({ base: 0xe0000000, length });
    });
    bench.cr(0x58, 0x11);
    bench.cr(0x5a, 0x70);
    expect(bench.windows.linear!.base).toBe(0xe0700000);
    bench.cr(0x58, 0x01);
    expect(bench.windows.linear).toBeUndefined();
    bench.cr(0x40, 0x01);
    bench.out(0x4ae8, 0x11, 2);
    expect(bench.windows.linear).toBeDefined();
    bench.pci.writeConfig(0x04, 1, 1);
    expect(bench.windows.linear).toBeUndefined();
  });

  it('banks the window by CR6A, or CR35 and CR51, while CR31 bit 0 allows it', () => {
    const bench = chained();
    bench.cr(0x31, 0x08);
    bench.cr(0x6a, 0x03);
    bench.poke(0xa0010, 1);
    expect(bench.vram[0x10]).toBe(1);
    bench.cr(0x31, 0x09);
    bench.poke(0xa0010, 2);
    expect(bench.vram[0x30010]).toBe(2);
    expect(bench.windows.direct).toEqual({ start: 0, length: 0x10000, offset: 0x30000 });
    bench.cr(0x6a, 0x00);
    bench.cr(0x35, 0x05);
    bench.cr(0x51, 0x04);
    bench.poke(0xa0010, 3, 1);
    expect(bench.vram[0x150010]).toBe(3);
    expect(bench.peek(0xa0010)).toBe(3);
  });

  it('banks planes by 16 Ki addresses', () => {
    const bench = chained();
    bench.sr(4, 0x06);
    bench.sr(2, 0x02);
    bench.cr(0x31, 0x09);
    bench.cr(0x6a, 0x05);
    bench.poke(0xa0000, 0x77);
    expect(bench.vram[4 * 0x14000 + 1]).toBe(0x77);
  });

  it('takes the legacy window away while a large linear window is open', () => {
    const bench = chained();
    bench.pci.writeConfig(0x10, 4, 0xe0000000);
    bench.poke(0xa0000, 0x12);
    bench.cr(0x58, 0x13);
    expect(bench.peek(0xa0000)).toBe(0xff);
    bench.cr(0x58, 0x10);
    expect(bench.peek(0xa0000)).toBe(0x12);
  });
});

describe('DISPI', () => {
  it('shows its modes at the base address until somebody sets a mode of the chip', () => {
    const bench = trio64Bench(4);
    bench.pci.writeConfig(0x10, 4, 0xe0000000);
    const dispi = (index: number, value: number): void => {
      bench.out(0x1ce, index, 2);
      bench.out(0x1cf, value, 2);
    };
    bench.in(0x3da);
    bench.out(0x3c0, 0x20);
    [
      [4, 0],
      [1, 800],
      [2, 600],
      [3, 16],
      [4, 0x41],
    ].forEach(([index, value]) => dispi(index!, value!));
    expect(bench.chip.scanout()).toMatchObject({ kind: 'packed', format: 'rgb565', width: 800, height: 600 });
    expect(bench.windows.linear).toEqual({ base: 0xe0000000, length: 4 << 20 });
    bench.pci.writeConfig(0x10, 4, 0xd0000000);
    expect(bench.windows.linear!.base).toBe(0xd0000000);
    bench.cr(0x67, 0x50);
    expect(bench.chip.dispi.enabled).toBe(true);
    bench.unlock();
    bench.cr(0x67, 0x50);
    expect(bench.chip.dispi.enabled).toBe(false);
    expect(bench.windows.linear).toBeUndefined();
  });
});

describe('engine registers in memory', () => {
  it('answer at their port numbers and at the packed addresses', () => {
    const bench = trio64Bench();
    openEngine(bench, 4);
    bench.cr(0x53, 0x10);
    bench.poke(0xaa6e8, 0x1234, 2);
    expect(bench.peek(0xa8124, 2)).toBe(0x1234);
    bench.poke(0xa8120, 0xa1b2c3d4, 4);
    expect(bench.chip.engine.regs.background).toBe(0xa1b2c3d4);
    bench.poke(0xa8100, 0x00210043, 4);
    expect([bench.in(0x82e8, 2), bench.in(0x86e8, 2)]).toEqual([0x43, 0x21]);
    bench.poke(0xa8138, 0x00030002, 4);
    bench.poke(0xa813c, 0x00050004, 4);
    expect([...bench.chip.engine.regs.multi.subarray(1, 5)]).toEqual([2, 3, 4, 5]);
    bench.poke(0xa8134, 0x00270007, 4);
    expect([bench.in(0xb6e8), bench.in(0xbae8)]).toEqual([0x07, 0x27]);
    expect(bench.peek(0xa9ae8, 2)).toBe(0x0400);
    bench.cr(0x53, 0x00);
    expect(bench.peek(0xa8124, 2)).toBe(0);
  });

  it('float while CR40 bit 0 is clear', () => {
    const bench = trio64Bench();
    for (const port of [0x42e8, 0x4ae8, 0x82e8, 0x9ae8, 0xbee8, 0xe2e8]) expect(bench.in(port, 2)).toBe(0xffff);
    bench.out(0x86e8, 0x55, 2);
    openEngine(bench, 1);
    expect(bench.in(0x86e8, 2)).toBe(0);
  });

  it('fill 32-bit colours in halves, by the toggle of MISC bit 4', () => {
    const bench = trio64Bench();
    openEngine(bench, 4);
    bench.out(0xa6e8, 0x5678, 2);
    bench.out(0xa6e8, 0x1234, 2);
    bench.out(0xa2e8, 0x1111, 2);
    expect(bench.chip.engine.regs.foreground).toBe(0x12345678);
    bench.out(0x9ae8, 0, 2);
    bench.out(0xa2e8, 0x2222, 2);
    expect(bench.chip.engine.regs.background).toBe(0x2222);
  });

  it('read back through BEE8 in the order of READ_SEL', () => {
    const bench = trio64Bench();
    openEngine(bench, 1);
    [0x0111, 0x1222, 0x2333, 0x3444, 0x4555, 0xa080, 0xd021].forEach((value) => bench.out(0xbee8, value, 2));
    bench.out(0x9ae8, 0x10ff, 2);
    bench.out(0xbee8, 0xf000, 2);
    const read = Array.from({ length: 16 }, () => bench.in(0xbee8, 2));
    expect(read.slice(0, 6)).toEqual([0x111, 0x222, 0x333, 0x444, 0x555, 0x080]);
    expect(read[7]).toBe(0x0ff);
    expect(read[10]).toBe(0x021);
    expect(read[15]).toBe(0xffff);
    expect(bench.in(0xbee8, 2)).toBe(0x111);
  });
});

describe('status and interrupts', () => {
  const SETTINGS = {
    foreground: 1,
    background: 0,
    foregroundMix: 0x27,
    backgroundMix: 7,
    writeMask: 0xff,
    readMask: 0xff,
    compare: 0,
    top: 0,
    left: 0,
    bottom: 0xfff,
    right: 0xfff,
    pixelControl: 0,
    misc: 0,
  };

  function vga640(bench: ReturnType<typeof trio64Bench>): void {
    const crtc = [
      0x5f, 0x4f, 0x50, 0x82, 0x54, 0x80, 0x0b, 0x3e, 0, 0x40, 0, 0, 0, 0, 0, 0, 0xea, 0x0c, 0xdf, 0x28, 0, 0xe7, 4,
      0xe3, 0xff,
    ];
    bench.out(0x3c2, 0xe3);
    bench.sr(1, 1);
    crtc.forEach((value, index) => bench.cr(index, value));
  }

  it('is busy for a time that grows with the pixels, and fills the FIFO meanwhile', () => {
    const bench = trio64Bench();
    openEngine(bench, 1);
    load(bench, SETTINGS);
    bench.host.clock.advance(1e9);
    expect(bench.in(0x9ae8, 2)).toBe(0x0400);
    start(bench, 'rectangle', { x: 0, y: 0, width: 600, height: 600, right: true, down: true });
    expect(bench.in(0x9ae8, 2)).toBe(0x0600);
    bench.out(0x86e8, 1, 2);
    bench.out(0x82e8, 1, 2);
    expect(bench.in(0x9ae8, 2)).toBe(0x0203);
    bench.host.clock.advance(1e6);
    expect(bench.in(0x9ae8, 2) & 0x0200).toBe(0x0200);
    // 360,000 bytes read and written, 8 in a clock of 54.6 MHz: 1.65 ms.
    bench.host.clock.advance(1e6);
    expect(bench.in(0x9ae8, 2)).toBe(0x0400);
  });

  it('interrupts when the engine is done, until that is acknowledged', () => {
    const bench = trio64Bench();
    openEngine(bench, 1);
    bench.cr(0x32, 0x10);
    bench.out(0x42e8, 0x020f, 2);
    load(bench, SETTINGS);
    start(bench, 'rectangle', { x: 0, y: 0, width: 100, height: 100, right: true, down: true });
    expect(bench.irq.level).toBe(false);
    bench.host.clock.advance(1e7);
    expect(bench.in(0x42e8, 2) & 0x02).toBe(0x02);
    expect(bench.irq.level).toBe(true);
    bench.out(0x42e8, 0x0202, 2);
    expect(bench.irq.level).toBe(false);
  });

  it('sets the retrace status once in a frame, with or without interrupts', () => {
    const bench = trio64Bench();
    openEngine(bench, 1);
    vga640(bench);
    bench.out(0x42e8, 0x0001, 2);
    const frame = bench.chip.timing().frameTime;
    expect(frame).toBeGreaterThan(16e6);
    bench.host.clock.advance(frame);
    expect(bench.in(0x42e8, 2) & 1).toBe(1);
    bench.out(0x42e8, 0x0001, 2);
    expect(bench.in(0x42e8, 2) & 1).toBe(0);

    bench.cr(0x32, 0x10);
    bench.out(0x42e8, 0x0101, 2);
    let seen = 0;
    for (let n = 0; n < 60; n++) {
      bench.host.clock.advance(frame);
      if (bench.irq.level) seen++;
      bench.out(0x42e8, 0x0101, 2);
    }
    expect(seen).toBe(60);
    expect(bench.host.clock.fired).toBeLessThan(70);
  });

  it('raises the VGA retrace interrupt of CR11', () => {
    const bench = trio64Bench();
    bench.unlock();
    vga640(bench);
    bench.cr(0x32, 0x10);
    bench.cr(0x11, 0x1c);
    bench.host.clock.advance(bench.chip.timing().frameTime);
    expect(bench.irq.level).toBe(true);
    expect(bench.in(0x3c2) & 0x80).toBe(0x80);
    bench.cr(0x11, 0x2c);
    expect(bench.irq.level).toBe(false);
  });

  it('survives any sequence of accesses', () => {
    const bench = trio64Bench();
    openEngine(bench, 2);
    for (const { region } of [...bench.chip.enginePorts.regions, ...bench.chip.controlPorts])
      hammer(region, bench.host.clock, 300, 9);
    hammer(bench.chip.colorPorts, bench.host.clock, 5000, 3);
    hammer(bench.chip.commonPorts, bench.host.clock, 3000, 4);
    bench.chip.scanout();
    bench.chip.reset(ResetCause.Hard);
    bench.out(0x3c2, 0x01);
    expect(bench.cr(0x36)).toBe(0xde);
  });
});

describe('saved state', () => {
  it('resumes an image transfer half-way, with window and cursor', () => {
    const bench = trio64Bench();
    openEngine(bench, 1);
    bench.pci.writeConfig(0x10, 4, 0xe0000000);
    bench.cr(0x58, 0x11);
    bench.out(0x3d4, 0x4a);
    bench.out(0x3d5, 0x12);
    load(bench, { ...SETTINGS_TRANSFER });
    start(bench, 'rectangle', { x: 0, y: 0, width: 24, height: 1, right: true, down: true }, 0x1313);
    bench.out(0xe2e8, 0xffff, 2);
    const other = trio64Bench();
    other.vram.set(bench.vram);
    transferState(bench.chip, other.chip);
    transferState(bench.pci, other.pci);
    expect(other.windows.linear).toEqual(bench.windows.linear);
    expect(other.in(0x9ae8, 2) & 0x200).toBe(0x200);
    other.out(0xe2e8, 0x00ff, 2);
    bench.out(0xe2e8, 0x00ff, 2);
    expect(Buffer.compare(bench.vram, other.vram)).toBe(0);
    expect([...other.vram.subarray(0, 25)]).toEqual([...Array<number>(24).fill(1), 0]);
    other.out(0x3d5, 0x34);
    expect([...other.chip.cursor.foreground]).toEqual([0x12, 0x34, 0]);
  });
});

const SETTINGS_TRANSFER = {
  foreground: 1,
  background: 2,
  foregroundMix: 0x27,
  backgroundMix: 0x07,
  writeMask: 0xff,
  readMask: 0xff,
  compare: 0,
  top: 0,
  left: 0,
  bottom: 0xfff,
  right: 0xfff,
  pixelControl: 0x80,
  misc: 0,
};
