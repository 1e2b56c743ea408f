/** What the Trio64 shows: every depth, panning, split screen, the hardware cursor. Pictures come from the display. */
import { describe, expect, it } from 'vitest';
import { Display } from '../../../src/display/display.ts';
import { renderFrame } from '../../../src/display/render.ts';
import type { Trio64Bench } from './bench.ts';
import { trio64Bench } from './bench.ts';

/** CR67 colour mode, bytes per pixel, CRTC characters for eight pixels, and how a pixel value is made. */
const FORMATS = {
  8: { mode: 0x00, bytes: 1, stretch: 1 },
  15: { mode: 0x30, bytes: 2, stretch: 2 },
  16: { mode: 0x50, bytes: 2, stretch: 2 },
  24: { mode: 0x70, bytes: 3, stretch: 3 },
  32: { mode: 0xd0, bytes: 4, stretch: 1 },
} as const;

/** A small mode: `width` by `height`, lines as long as the picture is wide. */
function mode(bench: Trio64Bench, bpp: keyof typeof FORMATS, width: number, height: number, pitchPixels = width): void {
  const { mode: colorMode, bytes, stretch } = FORMATS[bpp];
  bench.unlock();
  bench.out(0x3c2, 0x0f);
  bench.sr(1, 0x01);
  bench.sr(4, 0x0e);
  for (const [index, value] of [
    [5, 0x40],
    [6, 0x05],
  ] as const) {
    bench.out(0x3ce, index);
    bench.out(0x3cf, value);
  }
  const columns = (width * stretch) / 8;
  bench.cr(0x11, 0);
  bench.cr(0x00, columns + 10);
  bench.cr(0x01, (columns - 1) & 0xff);
  bench.cr(0x5d, columns - 1 > 255 ? 0x02 : 0);
  bench.cr(0x06, (height + 10) & 0xff);
  bench.cr(0x07, ((height - 1) & 0x100 ? 0x02 : 0) | ((height - 1) & 0x200 ? 0x40 : 0) | 0x10);
  bench.cr(0x09, 0x40);
  bench.cr(0x12, (height - 1) & 0xff);
  const offset = (pitchPixels * bytes) / 8;
  bench.cr(0x13, offset & 0xff);
  bench.cr(0x51, (offset >> 8) << 4);
  bench.cr(0x17, 0xe3);
  bench.cr(0x18, 0xff);
  bench.cr(0x31, 0x09);
  bench.cr(0x3a, 0x10);
  bench.cr(0x67, colorMode);
  bench.in(0x3da);
  bench.out(0x3c0, 0x20);
}

const picture = (display: Display) => {
  const { width, height, data } = renderFrame(display.frame());
  const at = (x: number, y: number): number[] => [...data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3)];
  return { width, height, at };
};

function palette(bench: Trio64Bench): void {
  bench.out(0x3c8, 0);
  for (let i = 0; i < 256; i++) for (const gun of [i & 63, (i >> 2) & 63, 63 - (i & 63)]) bench.out(0x3c9, gun);
}

const six = (gun: number): number => (gun << 2) | (gun >> 4);

describe('packed modes', () => {
  it.each([8, 15, 16, 24, 32] as const)('%i bits per pixel', (bpp) => {
    const bench = trio64Bench(2);
    palette(bench);
    mode(bench, bpp, 480, 300);
    const { bytes } = FORMATS[bpp];
    const pixels = [
      [0, 0, 0x000000],
      [479, 0, 0xff00ff],
      [17, 123, 0x123456],
      [479, 299, 0xfedcba],
    ] as const;
    for (const [x, y, rgb] of pixels) {
      const [r, g, b] = [rgb >> 16, (rgb >> 8) & 0xff, rgb & 0xff];
      let value: number = rgb;
      if (bpp === 8) value = rgb & 0xff;
      if (bpp === 15) value = ((r >> 3) << 10) | ((g >> 3) << 5) | (b >> 3);
      if (bpp === 16) value = ((r >> 3) << 11) | ((g >> 2) << 5) | (b >> 3);
      for (let i = 0; i < bytes; i++) bench.vram[(y * 480 + x) * bytes + i] = value >>> (8 * i);
    }
    bench.chip.memory.markDirty(0, bench.vram.length);
    const shown = picture(new Display(bench.chip));
    expect([shown.width, shown.height]).toEqual([480, 300]);
    for (const [x, y, rgb] of pixels) {
      const guns = [rgb >> 16, (rgb >> 8) & 0xff, rgb & 0xff];
      const index = rgb & 0xff;
      if (bpp === 8) expect(shown.at(x, y)).toEqual([index & 63, (index >> 2) & 63, 63 - (index & 63)].map(six));
      else if (bpp >= 24) expect(shown.at(x, y)).toEqual(guns);
      // Guns of five or six bits keep the colour within their step.
      else shown.at(x, y).forEach((gun, i) => expect(Math.abs(gun - guns[i]!)).toBeLessThanOrEqual(8));
    }
  });

  it('pans by the 21-bit start address and splits at line compare', () => {
    const bench = trio64Bench(4);
    palette(bench);
    mode(bench, 8, 640, 200, 1024);
    bench.vram.fill(1, 0, 1024);
    bench.vram.fill(2, 0x280000 + 8, 0x280000 + 1024);
    const dwords = (0x280000 + 8) / 4;
    bench.cr(0x0d, dwords & 0xff);
    bench.cr(0x0c, (dwords >> 8) & 0xff);
    bench.cr(0x69, dwords >> 16);
    bench.cr(0x18, 99);
    bench.cr(0x07, bench.cr(0x07) & ~0x10);
    bench.cr(0x09, 0x00);
    const shown = picture(new Display(bench.chip));
    expect(shown.at(0, 0)).toEqual([2, 0, 61].map(six));
    expect(shown.at(0, 1)).toEqual([0, 0, 63].map(six));
    expect(shown.at(0, 99)).toEqual([0, 0, 63].map(six));
    expect(shown.at(0, 100)).toEqual([1, 0, 62].map(six));
    expect(shown.at(639, 100)).toEqual([1, 0, 62].map(six));
    // The older places of the upper bits, while CR69 is clear.
    bench.cr(0x69, 0);
    bench.cr(0x31, 0x29);
    bench.cr(0x51, 0x02);
    expect(bench.chip.scanout()).toMatchObject({ start: ((dwords & 0xffff) | (0xa << 16)) * 4 });
  });

  it('shows lines of doubled modes once, and interlaced ones all', () => {
    const bench = trio64Bench();
    mode(bench, 8, 320, 400);
    bench.cr(0x09, 0xc0);
    expect(bench.chip.scanout()).toMatchObject({ width: 320, height: 200 });
    bench.cr(0x09, 0x40);
    bench.cr(0x42, 0x20);
    expect(bench.chip.scanout()).toMatchObject({ height: 800 });
  });

  it('is blank without sync (CR56, SR0D) and with the screen off', () => {
    const bench = trio64Bench();
    mode(bench, 8, 320, 200);
    expect(bench.chip.scanout().kind).toBe('packed');
    bench.cr(0x56, 0x02);
    expect(bench.chip.scanout().kind).toBe('blank');
    bench.cr(0x56, 0);
    bench.sr(0x0d, 0x50);
    expect(bench.chip.scanout().kind).toBe('blank');
    bench.sr(0x0d, 0);
    bench.sr(1, 0x21);
    expect(bench.chip.scanout().kind).toBe('blank');
  });

  it('takes its frame rate from the programmed clock', () => {
    const bench = trio64Bench();
    mode(bench, 16, 640, 480);
    // (M + 2) / (N + 2) / 2^R = 127 / 18 / 4 of 14.31818 MHz: 25.2555 MHz.
    bench.sr(0x12, 0x50);
    bench.sr(0x13, 0x7d);
    const { lineTime } = bench.chip.timing();
    const characters = (640 * 2) / 8 + 10 + 5;
    expect(lineTime).toBeCloseTo((characters * 8 * 1e9) / (2 * 25_255_400), -1);
  });
});

describe('hardware cursor', () => {
  /** Row 0: pixels of the four combinations of AND and XOR, twice. */
  function pattern(bench: Trio64Bench, at: number): void {
    bench.vram.fill(0xff, at, at + 1024);
    for (let i = 0; i < 1024; i += 4) bench.vram.set([0xff, 0xff, 0, 0], at + i);
    bench.vram.set([0b00110011, 0xff, 0b01010101, 0x00], at);
  }

  function stack(bench: Trio64Bench, index: number, value: number, bytes: number): void {
    bench.cr(0x45);
    bench.out(0x3d4, index);
    for (let i = 0; i < bytes; i++) bench.out(0x3d5, (value >> (8 * i)) & 0xff);
  }

  function cursor(bench: Trio64Bench, x: number, y: number): void {
    bench.cr(0x46, x >> 8);
    bench.cr(0x47, x & 0xff);
    bench.cr(0x48, y >> 8);
    bench.cr(0x49, y & 0xff);
  }

  it.each([
    ['windows', 0x00, ['bg', 'fg', 'screen', 'inverse']],
    ['x11', 0x10, ['screen', 'screen', 'bg', 'fg']],
  ] as const)('%s encoding', (_name, cr55, meaning) => {
    const bench = trio64Bench(2);
    mode(bench, 32, 320, 200);
    bench.vram.fill(0x40);
    pattern(bench, 0x100000);
    bench.cr(0x55, cr55);
    bench.cr(0x4c, 0x04);
    bench.cr(0x4d, 0x00);
    stack(bench, 0x4a, 0xc08040, 3);
    stack(bench, 0x4b, 0x102030, 3);
    cursor(bench, 100, 50);
    const display = new Display(bench.chip);
    expect(picture(display).at(100, 50)).toEqual([0x40, 0x40, 0x40]);
    bench.cr(0x45, 0x01);
    const colors = {
      bg: [0x10, 0x20, 0x30],
      fg: [0xc0, 0x80, 0x40],
      screen: [0x40, 0x40, 0x40],
      inverse: [0xbf, 0xbf, 0xbf],
    };
    expect(display.poll()).toBeDefined();
    const shown = picture(display);
    for (let i = 0; i < 8; i++) expect(shown.at(100 + i, 50)).toEqual(colors[meaning[i & 3]!]);
    expect(shown.at(108, 50)).toEqual(meaning[2] === 'screen' ? colors.screen : colors.bg);
    expect(shown.at(99, 50)).toEqual(colors.screen);
    // It is not in video memory, and leaves no trace when it moves.
    expect(bench.vram[(50 * 320 + 100) * 4]).toBe(0x40);
    expect(display.poll()).toBeUndefined();
    cursor(bench, 110, 60);
    const moved = picture(display);
    expect(moved.at(101, 50)).toEqual(colors.screen);
    expect(moved.at(111, 60)).toEqual(colors[meaning[1]]);
    bench.vram[0x100000] = 0x00;
    bench.chip.memory.markDirty(0x100000, 1);
    expect(picture(display).at(112, 60)).toEqual(colors[meaning[0]]);
  });

  it('is cut off at the edges and starts inside its pattern', () => {
    const bench = trio64Bench(2);
    mode(bench, 16, 320, 200);
    pattern(bench, 0x100000);
    bench.vram.set([0x00, 0x00, 0xff, 0xff], 0x100000 + 16 * 3 + 4);
    bench.cr(0x4c, 0x04);
    stack(bench, 0x4a, 0xffff, 2);
    bench.cr(0x45, 0x01);
    cursor(bench, 0, 0);
    bench.cr(0x4e, 20);
    bench.cr(0x4f, 3);
    const display = new Display(bench.chip);
    let shown = picture(display);
    // Columns 20 to 31 of row 3 are foreground.
    expect(shown.at(11, 0)).toEqual([255, 255, 255]);
    expect(shown.at(12, 0)).toEqual([0, 0, 0]);
    bench.cr(0x4e, 0);
    cursor(bench, 300, 199);
    shown = picture(display);
    expect(shown.at(319, 199)).toEqual([255, 255, 255]);
    expect(shown.at(315, 199)).toEqual([0, 0, 0]);
    cursor(bench, 2000, 2000);
    expect(picture(display).at(319, 199)).toEqual([0, 0, 0]);
  });

  it('takes palette colours at 8 bits per pixel', () => {
    const bench = trio64Bench(2);
    palette(bench);
    mode(bench, 8, 320, 200);
    pattern(bench, 0x100000);
    bench.cr(0x4c, 0x04);
    stack(bench, 0x4a, 0x21, 1);
    bench.cr(0x45, 0x01);
    cursor(bench, 8, 8);
    expect(picture(new Display(bench.chip)).at(9, 8)).toEqual([0x21, 0x08, 63 - 0x21].map(six));
  });
});
