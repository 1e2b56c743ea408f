/** From registers and memory to pixels. */
import { describe, expect, it } from 'vitest';
import { decode } from 'fast-png';
import { scanoutSize } from '../../devices/vga/scanout.ts';
import { Display } from '../../src/display/display.ts';
import type { Frame, GraphicsFrame, Picture, TextFrame } from '../../src/display/frame.ts';
import { encodePng } from '../../src/display/png.ts';
import { renderFrame } from '../../src/display/render.ts';
import { renderText, textLines } from '../../src/display/text.ts';
import {
  cgaColor,
  egaColor,
  loadDac,
  MODE_12,
  MODE_13,
  MODE_3,
  MODE_4,
  MODE_6,
  MODE_D,
  vgaBench,
} from '../devices/vga-fixture.ts';
import type { ModeRegisters, VgaBench } from '../devices/vga-fixture.ts';

const CRTC = 0x3d4;
const GFX = 0x3ce;
const SEQ = 0x3c4;
const ATTR = 0x3c0;

interface Screen extends VgaBench {
  readonly display: Display;
}

function screen(mode: ModeRegisters): Screen {
  const bench = vgaBench();
  bench.mode(mode);
  loadDac(bench, [MODE_4, MODE_6, MODE_D].includes(mode) ? cgaColor : egaColor);
  return { ...bench, display: new Display(bench.vga) };
}

function pixel(picture: Picture, x: number, y: number): string {
  return Buffer.from(picture.data.subarray(4 * (y * picture.width + x)).subarray(0, 3)).toString('hex');
}

function asText(frame: Frame | undefined): TextFrame {
  if (frame?.kind !== 'text') throw new Error(`expected text, found ${frame?.kind}`);
  return frame;
}

function asGraphics(frame: Frame | undefined): GraphicsFrame {
  if (frame?.kind !== 'graphics') throw new Error(`expected graphics, found ${frame?.kind}`);
  return frame;
}

/** Puts a glyph into plane 2 of font 0. */
function glyph(bench: VgaBench, code: number, rows: readonly number[], font = 0): void {
  rows.forEach((row, i) => (bench.vram[(font + code * 32 + i) * 4 + 2] = row));
}

function print(bench: VgaBench, row: number, column: number, text: string, attribute = 7): void {
  for (let i = 0; i < text.length; i++)
    bench.poke(0xb8000 + 2 * (row * 80 + column + i), (attribute << 8) | text.charCodeAt(i), 2);
}

const GREY = 'aaaaaa';
const BLACK = '000000';
const BLUE = '0000aa';
const YELLOW = 'ffff55';

describe('text mode 3', () => {
  it('shows 80x25 cells with their attributes, cursor and Unicode lines', () => {
    const s = screen(MODE_3);
    for (let cell = 0; cell < 2000; cell++) s.poke(0xb8000 + 2 * cell, 0x0720, 2);
    print(s, 2, 5, 'C:\\>\x82\xdb', 0x1e);
    s.set(CRTC, 0x0e, (2 * 80 + 11) >> 8);
    s.set(CRTC, 0x0f, (2 * 80 + 11) & 0xff);
    const frame = asText(s.display.frame());
    expect([frame.columns, frame.rows, frame.cellWidth, frame.cellHeight]).toEqual([80, 25, 9, 16]);
    expect(textLines(frame)[2]).toBe('     C:\\>é█');
    expect(frame.attributes[2 * 80 + 5]).toBe(0x1e);
    expect(frame.cursor).toEqual({ column: 11, row: 2, startLine: 13, endLine: 14 });
    expect(frame.blink).toBe(true);
    expect(frame.palette[14]).toBe(0xff55ffff);
  });

  it('draws glyphs at nine dots per cell, the ninth repeated for line graphics only', () => {
    const s = screen(MODE_3);
    glyph(s, 0x41, [0, 0x81]);
    glyph(s, 0xc4, [0, 0x01]);
    print(s, 1, 2, 'A\xc4', 0x1e);
    s.set(CRTC, 0x0a, 0x20);
    const picture = renderFrame(s.display.frame());
    expect([picture.width, picture.height]).toEqual([720, 400]);
    const y = 17;
    const x = 18;
    const row = Array.from({ length: 18 }, (_, i) => (pixel(picture, x + i, y) === YELLOW ? '#' : '.')).join('');
    expect(row).toBe('#......#.' + '.......##');
    expect(pixel(picture, x + 1, y)).toBe(BLUE);
    expect(pixel(picture, x - 1, y)).toBe(BLACK);
    expect(pixel(picture, x, y + 1)).toBe(BLUE);
    s.set(ATTR, 0x10, 0x08); // line graphics off; the index write disconnects the palette
    s.outb(0x3c0, 0x20);
    expect(pixel(renderFrame(s.display.frame()), x + 17, y)).toBe(BLUE);
  });

  it('draws the cursor in the foreground colour between its scan lines, unless in the dark phase or switched off', () => {
    const s = screen(MODE_3);
    print(s, 0, 0, ' ', 0x07);
    s.set(CRTC, 0x0a, 13);
    s.set(CRTC, 0x0b, 14);
    const lit = (picture: Picture): number[] =>
      Array.from({ length: 16 }, (_, y) => y).filter((y) => pixel(picture, 4, y) === GREY);
    const frame = asText(s.display.frame());
    expect(lit(renderText(frame))).toEqual([13, 14]);
    expect(lit(renderText(frame, { cursor: false, characters: true }))).toEqual([]);
    s.set(CRTC, 0x0a, 0x2d);
    expect(asText(s.display.frame()).cursor).toBeUndefined();
    s.set(CRTC, 0x0a, 31); // start after end: no cursor, as Linux switches it off
    expect(asText(s.display.frame()).cursor).toBeUndefined();
  });

  it('blinks characters with attribute bit 7, or makes their background bright', () => {
    const s = screen(MODE_3);
    glyph(s, 0x42, [0xff]);
    print(s, 0, 0, 'B', 0x9e);
    s.set(CRTC, 0x0a, 0x20);
    const frame = asText(s.display.frame());
    expect(pixel(renderText(frame), 0, 0)).toBe(YELLOW);
    expect(pixel(renderText(frame, { cursor: true, characters: false }), 0, 0)).toBe(BLUE);
    s.set(ATTR, 0x10, 0x04);
    s.outb(0x3c0, 0x20);
    expect(pixel(renderText(asText(s.display.frame())), 0, 1)).toBe('5555ff');
  });

  it('takes attribute bit 3 as the choice of two fonts', () => {
    const s = screen(MODE_3);
    glyph(s, 0x41, [0xff], 0);
    glyph(s, 0x41, [0x00], 0x4000);
    print(s, 0, 0, 'A', 0x07);
    print(s, 0, 1, 'A', 0x0f);
    s.set(SEQ, 3, 0x04); // map A (bit 3 set): 1 at 16 KiB, map B: 0
    s.set(CRTC, 0x0a, 0x20);
    const picture = renderFrame(s.display.frame());
    expect(pixel(picture, 0, 0)).toBe(GREY);
    expect(pixel(picture, 9, 0)).toBe(BLACK);
  });

  it('scrolls by the start address and wraps the cursor with it', () => {
    const s = screen(MODE_3);
    print(s, 0, 0, 'zero');
    print(s, 1, 0, 'one');
    s.set(CRTC, 0x0c, 0);
    s.set(CRTC, 0x0d, 80);
    s.set(CRTC, 0x0f, 80 + 3);
    const frame = asText(s.display.frame());
    expect(textLines(frame)[0]).toBe('one');
    expect(frame.cursor).toMatchObject({ row: 0, column: 3 });
  });

  it('splits the screen at line compare, shifts by preset row scan and pixel panning', () => {
    const s = screen(MODE_3);
    glyph(s, 0x41, [0x80, 0x40, 0x20]);
    print(s, 0, 0, 'A');
    print(s, 1, 0, 'B');
    s.set(CRTC, 0x0d, 80);
    s.set(CRTC, 0x0a, 0x20);
    s.set(CRTC, 0x18, 99);
    s.set(CRTC, 0x07, 0x0f);
    s.set(CRTC, 0x09, 0x0f);
    let picture = renderFrame(s.display.frame());
    expect(pixel(picture, 0, 100)).toBe(GREY); // row 0 of the lower window starts below line 99
    expect(pixel(picture, 1, 101)).toBe(GREY);
    expect(pixel(picture, 0, 99)).toBe(BLACK);
    s.set(CRTC, 0x18, 0xff);
    s.set(CRTC, 0x07, 0x1f);
    s.set(CRTC, 0x09, 0x4f);
    s.set(CRTC, 0x0d, 0);
    s.set(CRTC, 0x08, 1);
    picture = renderFrame(s.display.frame());
    expect(pixel(picture, 1, 0)).toBe(GREY);
    s.set(CRTC, 0x08, 0);
    s.set(ATTR, 0x13, 1); // nine dots: 8 is none, 0 is one, 1 is two
    s.outb(0x3c0, 0x20);
    picture = renderFrame(s.display.frame());
    expect([pixel(picture, 0, 2), pixel(picture, 1, 2)]).toEqual([GREY, BLACK]);
  });
});

describe('graphics modes', () => {
  it('12h: 640x480, a pixel from four planes', () => {
    const s = screen(MODE_12);
    s.set(GFX, 5, 2);
    s.set(GFX, 8, 0x20);
    s.peek(0xa0000 + 80 * 479 + 79);
    s.poke(0xa0000 + 80 * 479 + 79, 0x0e);
    const frame = asGraphics(s.display.frame());
    expect([frame.width, frame.height]).toEqual([640, 480]);
    const picture = renderFrame(frame);
    expect(pixel(picture, 79 * 8 + 2, 479)).toBe(YELLOW);
    expect(pixel(picture, 79 * 8 + 1, 479)).toBe(BLACK);
  });

  it('0Dh: 320x200 with double scanning, panned by pixels', () => {
    const s = screen(MODE_D);
    s.set(SEQ, 2, 4);
    s.poke(0xa0000 + 40 * 3, 0x08);
    expect(asGraphics(s.display.frame())).toMatchObject({ width: 320, height: 200 });
    expect(pixel(renderFrame(s.display.frame()), 4, 3)).toBe('aa0000');
    s.set(ATTR, 0x13, 3);
    s.outb(0x3c0, 0x20);
    expect(pixel(renderFrame(s.display.frame()), 1, 3)).toBe('aa0000');
  });

  it('4: CGA four colours in two banks of lines', () => {
    const s = screen(MODE_4);
    s.poke(0xb8000, 0b00_01_10_11); // line 0, pixels 0-3
    s.poke(0xb8001, 0b11_00_00_00); // pixel 4
    s.poke(0xba000 + 80, 0b00_00_00_10); // line 3, pixel 3
    expect(asGraphics(s.display.frame())).toMatchObject({ width: 320, height: 200 });
    const picture = renderFrame(s.display.frame());
    const line = Array.from({ length: 5 }, (_, x) => pixel(picture, x, 0));
    expect(line).toEqual([BLACK, '55ffff', 'ff55ff', 'ffffff', 'ffffff']);
    expect(pixel(picture, 3, 3)).toBe('ff55ff');
    expect(pixel(picture, 3, 1)).toBe(BLACK);
  });

  it('6: CGA two colours at 640x200', () => {
    const s = screen(MODE_6);
    s.poke(0xb8000 + 1, 0x40);
    s.poke(0xba000 + 80 * 99 + 79, 0x01);
    expect(asGraphics(s.display.frame())).toMatchObject({ width: 640, height: 200 });
    const picture = renderFrame(s.display.frame());
    expect(pixel(picture, 9, 0)).toBe('ffffff');
    expect(pixel(picture, 639, 199)).toBe('ffffff');
    expect(pixel(picture, 8, 0)).toBe(BLACK);
  });

  it('13h: 320x200 bytes through chain-4, 6-bit guns scaled to 8, PEL mask applied', () => {
    const s = screen(MODE_13);
    loadDac(s, (i) => (i === 200 ? [63, 32, 1] : i === 8 ? [0, 0, 63] : [0, 0, 0]));
    s.poke(0xa0000 + 320 * 100 + 50, 200);
    const picture = renderFrame(s.display.frame());
    expect([picture.width, picture.height]).toEqual([320, 200]);
    expect(pixel(picture, 50, 100)).toBe('ff8204');
    expect(pixel(picture, 51, 100)).toBe(BLACK);
    s.outb(0x3c6, 0x0f); // 200 AND 0Fh = 8
    expect(pixel(renderFrame(s.display.frame()), 50, 100)).toBe('0000ff');
  });

  it('mode X: 320x240 unchained, pages by start address, split screen', () => {
    const s = screen(MODE_13);
    loadDac(s, (i) => [i & 63, 0, 0]);
    // Abrash's mode X: 480 lines, chain-4 and double words off.
    s.outb(0x3c2, 0xe3);
    s.set(SEQ, 4, 0x06);
    const crtc = [
      [6, 0x0d],
      [7, 0x3e],
      [9, 0x41],
      [0x10, 0xea],
      [0x11, 0xac],
      [0x12, 0xdf],
      [0x14, 0],
      [0x15, 0xe7],
      [0x16, 6],
      [0x17, 0xe3],
    ];
    s.set(CRTC, 0x11, 0x2c);
    for (const [index, value] of crtc) s.set(CRTC, index!, value!);
    const plot = (page: number, x: number, y: number, color: number): void => {
      s.set(SEQ, 2, 1 << (x & 3));
      s.poke(0xa0000 + page + y * 80 + (x >> 2), color);
    };
    plot(0, 101, 0, 63);
    plot(19200, 318, 239, 32);
    expect(asGraphics(s.display.frame())).toMatchObject({ width: 320, height: 240 });
    expect(pixel(renderFrame(s.display.frame()), 101, 0)).toBe('ff0000');
    s.set(CRTC, 0x0c, 19200 >> 8);
    s.set(CRTC, 0x0d, 19200 & 0xff);
    expect(pixel(renderFrame(s.display.frame()), 318, 239)).toBe('820000');
    s.set(CRTC, 0x18, 2 * 200 - 1 - 256); // lower window from picture line 200
    s.set(CRTC, 0x09, 0x01);
    s.set(CRTC, 0x07, 0x3e);
    expect(pixel(renderFrame(s.display.frame()), 101, 200)).toBe('ff0000');
    expect(pixel(renderFrame(s.display.frame()), 318, 239)).toBe(BLACK);
  });

  it('is black while the sequencer switches the screen off or the palette is disconnected', () => {
    const s = screen(MODE_13);
    loadDac(s, () => [63, 63, 63]);
    expect(pixel(renderFrame(s.display.frame()), 0, 0)).toBe('ffffff');
    s.set(SEQ, 1, 0x21);
    expect(asGraphics(s.display.frame()).blank).toBe(true);
    s.set(SEQ, 1, 0x01);
    s.inb(0x3da);
    s.outb(0x3c0, 0x00);
    const frame = asGraphics(s.display.frame());
    expect(frame.blank).toBe(true);
    expect(pixel(renderFrame(frame), 0, 0)).toBe(BLACK);
  });
});

describe('panning', () => {
  it('by bytes moves the upper window, and the lower one unless panning stops at the split', () => {
    const s = screen(MODE_D);
    s.set(SEQ, 2, 4);
    s.poke(0xa0000 + 2, 0x80);
    s.set(CRTC, 0x08, 0x40); // two bytes
    s.set(CRTC, 0x18, 199); // the lower window starts at scan line 200, picture line 100
    s.set(CRTC, 0x07, 0x0f);
    s.set(CRTC, 0x09, 0x80);
    const line = (y: number): number => {
      const picture = renderFrame(s.display.frame());
      return Array.from({ length: 320 }, (_, x) => x).findIndex((x) => pixel(picture, x, y) !== BLACK);
    };
    expect([line(0), line(100)]).toEqual([0, 0]);
    s.set(ATTR, 0x10, 0x21);
    s.outb(0x3c0, 0x20);
    expect([line(0), line(100), line(101)]).toEqual([0, 16, -1]);
  });
});

describe('scanoutSize', () => {
  it.each([
    ['3', MODE_3, 720, 400],
    ['4', MODE_4, 320, 200],
    ['6', MODE_6, 640, 200],
    ['0Dh', MODE_D, 320, 200],
    ['12h', MODE_12, 640, 480],
    ['13h', MODE_13, 320, 200],
  ])('of mode %s is that of the picture', (_name, mode, width, height) => {
    const s = screen(mode);
    expect(scanoutSize(s.vga.scanout())).toEqual({ width, height });
    expect(renderFrame(s.display.frame())).toMatchObject({ width, height });
  });
});

describe('DISPI modes', () => {
  function dispiMode(bpp: number, width = 640, height = 480): Screen {
    const s = screen(MODE_13);
    s.dispi(1, width);
    s.dispi(2, height);
    s.dispi(3, bpp);
    s.dispi(4, 0x41);
    return s;
  }

  it.each([
    [8, [0x0e], YELLOW],
    [15, [0xff, 0x02], '00bdff'], // 0 10111 11111
    [16, [0xe0, 0x87], '84ff00'], // 10000 111111 00000
    [24, [0x33, 0x22, 0x11], '112233'],
    [32, [0x33, 0x22, 0x11, 0x99], '112233'],
  ])('draws %i bits per pixel', (bpp, bytes, expected) => {
    const s = dispiMode(bpp);
    if (bpp === 8) loadDac(s, (i) => (i === 14 ? [63, 63, 21] : [0, 0, 0]));
    const at = (479 * 640 + 639) * bytes.length;
    bytes.forEach((byte, i) => s.vga.memory.linearFrameBuffer.write(at + i, 1, byte));
    const frame = asGraphics(s.display.frame());
    expect([frame.width, frame.height]).toEqual([640, 480]);
    expect(pixel(frame2picture(frame), 639, 479)).toBe(expected);
    expect(pixel(frame2picture(frame), 638, 479)).toBe(BLACK);
  });

  const frame2picture = (frame: Frame): Picture => renderFrame(frame);

  it('4 bits per pixel is planar at 800x600', () => {
    const s = screen(MODE_12);
    s.dispi(1, 800);
    s.dispi(2, 600);
    s.dispi(3, 4);
    s.dispi(4, 1);
    s.set(SEQ, 2, 0x0c);
    s.poke(0xa0000 + 599 * 100 + 99, 1);
    const picture = renderFrame(s.display.frame());
    expect([picture.width, picture.height]).toEqual([800, 600]);
    expect(pixel(picture, 799, 599)).toBe('ff5555');
  });

  it('pans over a virtual screen', () => {
    const s = dispiMode(32);
    s.dispi(6, 1024);
    s.dispi(8, 100);
    s.dispi(9, 50);
    s.vga.memory.linearFrameBuffer.write((1024 * 53 + 102) * 4, 4, 0xabcdef);
    expect(pixel(renderFrame(s.display.frame()), 2, 3)).toBe('abcdef');
  });
});

describe('any register contents', () => {
  it('give a picture of bounded size, without an exception', () => {
    let x = 12345;
    const random = (below: number): number => {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      return (x >>> 0) % below;
    };
    const kinds = new Set<string>();
    const bench = vgaBench({}, 0x40000);
    for (let i = 0; i < bench.vram.length; i++) bench.vram[i] = random(256);
    const display = new Display(bench.vga);
    for (let round = 0; round < 60; round++) {
      bench.outb(0x3c2, random(256) | 1);
      bench.set(CRTC, 0x11, 0);
      for (let i = 0; i < 0x19; i++) bench.set(CRTC, i, i === 0x11 ? random(128) : random(256));
      for (let i = 1; i < 5; i++) bench.set(SEQ, i, random(256) & ~0x20);
      for (let i = 0; i < 9; i++) bench.set(GFX, i, random(256));
      for (let i = 0; i < 0x15; i++) bench.set(ATTR, i, random(256));
      bench.set(CRTC, 0x17, random(256) | 0x80);
      bench.inb(0x3da);
      bench.outb(0x3c0, 0x20);
      const frame = display.frame();
      kinds.add(bench.vga.scanout().kind);
      const picture = renderFrame(frame);
      expect(picture.width).toBeLessThanOrEqual(256 * 9);
      expect(picture.height).toBeLessThanOrEqual(2048);
      expect(picture.data.length).toBe(picture.width * picture.height * 4);
    }
    expect(kinds).toEqual(new Set(['text', 'planar']));
  });
});

describe('poll', () => {
  it('gives a frame only when something visible changed', () => {
    const s = screen(MODE_3);
    expect(s.display.poll()).toBeDefined();
    expect(s.display.poll()).toBeUndefined();
    print(s, 0, 0, 'x');
    expect(asText(s.display.poll()).characters[0]).toBe(0x78);
    expect(s.display.poll()).toBeUndefined();
    s.set(CRTC, 0x0f, 3);
    expect(asText(s.display.poll()).cursor?.column).toBe(3);
    expect(s.display.poll()).toBeUndefined();
    s.outb(0x3c8, 0);
    for (let i = 0; i < 3; i++) s.outb(0x3c9, 10);
    expect(s.display.poll()).toBeDefined();
    s.outb(0x3c8, 0);
    expect(s.display.poll()).toBeUndefined();
  });

  it('redraws the lines touched in graphics modes', () => {
    const s = screen(MODE_13);
    s.display.poll();
    s.poke(0xa0000 + 320 * 199 + 319, 1);
    expect(pixel(renderFrame(s.display.poll()!), 319, 199)).toBe(BLUE);
    s.poke(0xa0000, 2);
    const picture = renderFrame(s.display.poll()!);
    expect(pixel(picture, 0, 0)).toBe('00aa00');
    expect(pixel(picture, 319, 199)).toBe(BLUE);
    s.vga.memory.linearFrameBuffer.write(4 << 20, 1, 1); // far outside of the picture
    expect(s.display.poll()).toBeUndefined();
  });
});

describe('PNG', () => {
  it('round-trips a picture', () => {
    const s = screen(MODE_13);
    s.poke(0xa0000, 14);
    const picture = renderFrame(s.display.frame());
    const decoded = decode(encodePng(picture));
    expect([decoded.width, decoded.height, decoded.channels]).toEqual([320, 200, 3]);
    expect([...decoded.data.subarray(0, 6)]).toEqual([...picture.data.subarray(0, 3), ...picture.data.subarray(4, 7)]);
  });
});
