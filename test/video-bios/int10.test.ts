/** INT 10h of the video BIOS: every mode, and every function that programs use. */
import { describe, expect, it } from 'vitest';
import { BUFFER, poweredOn, SOURCE_IMAGE } from './rig.ts';

const BDA = 0x400;
const MODES = [
  [0x00, 'text', 360, 400, 40, 25, 16],
  [0x01, 'text', 360, 400, 40, 25, 16],
  [0x02, 'text', 720, 400, 80, 25, 16],
  [0x03, 'text', 720, 400, 80, 25, 16],
  [0x04, 'graphics', 320, 200, 40, 25, 8],
  [0x05, 'graphics', 320, 200, 40, 25, 8],
  [0x06, 'graphics', 640, 200, 80, 25, 8],
  [0x07, 'text', 720, 400, 80, 25, 16],
  [0x0d, 'graphics', 320, 200, 40, 25, 8],
  [0x0e, 'graphics', 640, 200, 80, 25, 8],
  [0x0f, 'graphics', 640, 350, 80, 25, 14],
  [0x10, 'graphics', 640, 350, 80, 25, 14],
  [0x11, 'graphics', 640, 480, 80, 30, 16],
  [0x12, 'graphics', 640, 480, 80, 30, 16],
  [0x13, 'graphics', 320, 200, 40, 25, 8],
] as const;

describe('image', () => {
  it('is an option ROM for 5333:8811 whose bytes add up to zero', () => {
    const { rom } = poweredOn();
    expect([...rom.subarray(0, 3)]).toEqual([0x55, 0xaa, rom.length / 512]);
    expect(rom.reduce((sum, byte) => (sum + byte) & 0xff, 0)).toBe(0);
    const data = rom[0x18]! | (rom[0x19]! << 8);
    expect(Buffer.from(rom.subarray(data, data + 8)).toString('latin1')).toBe('PCIR\x33\x53\x11\x88');
    expect(Buffer.from(rom.subarray(0x1e, 0x25)).toString()).toBe('IBM VGA');
  });

  it('has no character sets of its own', () => {
    expect(SOURCE_IMAGE.subarray(-10000).filter((byte) => byte !== 0).length).toBe(0);
  });
});

describe('power-on', () => {
  it('sets vectors, data area and mode 3', () => {
    const rig = poweredOn();
    expect(rig.dword(0x10 * 4) >>> 16).toBe(0xc000);
    expect(rig.dword(0x42 * 4)).toBe(0x600);
    expect(rig.ram[BDA + 0x49]).toBe(3);
    expect(rig.word(BDA + 0x63)).toBe(0x3d4);
    expect(rig.ram[BDA + 0x10]! & 0x30).toBe(0x20);
    expect(rig.lines()[0]).toBe('S3 Trio64 video BIOS');
  });
});

describe('modes', () => {
  it.each(MODES)('mode %i: %s %i x %i', (mode, kind, width, height, columns, rows, cell) => {
    const rig = poweredOn();
    rig.call({ ax: mode });
    expect(rig.ram[BDA + 0x49]).toBe(mode);
    expect(rig.word(BDA + 0x4a)).toBe(columns);
    expect(rig.ram[BDA + 0x84]).toBe(rows - 1);
    expect(rig.word(BDA + 0x85)).toBe(cell);
    const got = rig.call({ ax: 0x0f00 });
    expect(got.ax).toBe((columns << 8) | mode);
    const frame = rig.frame();
    expect(frame.kind).toBe(kind);
    if (frame.kind === 'text') {
      expect([frame.columns * frame.cellWidth, frame.scanLines.length]).toEqual([width, height]);
      expect(frame.characters.every((code) => code === 0x20)).toBe(true);
    } else {
      expect([frame.width, frame.height]).toEqual([width, height]);
      expect(frame.blank).toBe(false);
      expect(frame.pixels.some((byte, i) => i % 4 !== 3 && byte !== 0)).toBe(false);
    }
    // The vertical rate is that of the standard monitors.
    expect(1e9 / rig.chip.timing().frameTime).toBeCloseTo(height === 480 ? 60 : 70, -0.5);
  });

  it.each(MODES.filter(([, kind]) => kind === 'graphics'))(
    'draws and reads pixels in mode %i',
    (mode, _k, width, height) => {
      const rig = poweredOn();
      rig.call({ ax: mode });
      const colors = mode === 0x13 ? 256 : mode === 0x06 || mode === 0x11 ? 2 : mode <= 0x05 ? 4 : 16;
      const white = colors - 1;
      const points = [
        [0, 0],
        [width - 1, 0],
        [width >> 1, (height >> 1) + 1],
        [width - 3, height - 1],
      ] as const;
      const usable = mode === 0x0f ? 5 : mode === 0x13 ? 15 : white;
      for (const [cx, dx] of points) rig.call({ ax: 0x0c00 | usable, cx, dx });
      for (const [cx, dx] of points) {
        expect(rig.call({ ax: 0x0d00, cx, dx }).ax & 0xff).toBe(usable);
        expect(rig.pixel(cx, dx), `${cx},${dx}`).not.toBe(0);
      }
      expect(rig.call({ ax: 0x0d00, cx: 1, dx: 1 }).ax & 0xff).toBe(0);
      expect(rig.pixel(1, 1)).toBe(0);
      if (mode === 0x13) return;
      // Bit 7: exclusive or.
      rig.call({ ax: 0x0c80 | usable, cx: 0, dx: 0 });
      expect(rig.pixel(0, 0)).toBe(0);
    },
  );

  it.each(MODES)(
    'writes characters, reads them back and scrolls them in mode %i',
    (mode, _k, _w, _h, columns, rows) => {
      const rig = poweredOn();
      rig.call({ ax: mode });
      for (const code of [0x41, 0x42, 0x43]) rig.call({ ax: 0x0e00 | code, bx: 0x0007 });
      rig.call({ ax: 0x0200, dx: 0x0001 });
      expect(rig.call({ ax: 0x0800 }).ax & 0xff).toBe(0x42);
      rig.call({ ax: 0x0200, dx: 0x0002 });
      expect(rig.call({ ax: 0x0800 }).ax & 0xff).toBe(0x43);
      rig.call({ ax: 0x0200, dx: ((rows - 1) << 8) | (columns - 1) });
      rig.call({ ax: 0x0944, bx: 0x0007, cx: 1 });
      // The next character scrolls everything up by a row.
      rig.call({ ax: 0x0e45, bx: 0x0007 });
      expect(rig.call({ ax: 0x0300 }).dx).toBe((rows - 1) << 8);
      rig.call({ ax: 0x0200, dx: ((rows - 2) << 8) | (columns - 1) });
      expect(rig.call({ ax: 0x0800 }).ax & 0xff).toBe(0x45);
      // A window of two by two scrolls down by one.
      rig.call({ ax: 0x0200, dx: 0x0505 });
      rig.call({ ax: 0x0946, bx: 0x0007, cx: 3 });
      rig.call({ ax: 0x0701, bx: 0, cx: 0x0505, dx: 0x0606 });
      const at = (row: number, column: number): number => {
        rig.call({ ax: 0x0200, dx: (row << 8) | column });
        return rig.call({ ax: 0x0800 }).ax & 0xff;
      };
      expect([at(6, 5), at(6, 6), at(5, 7)]).toEqual([0x46, 0x46, 0x46]);
      // A blank cell in graphics is the first character without dots.
      expect([0x00, 0x20]).toContain(at(5, 5));
      rig.call({ ax: 0x0600, bx: 0, cx: 0, dx: 0xffff & (((rows - 1) << 8) | (columns - 1)) });
      expect([0x00, 0x20]).toContain(at(6, 5));
    },
  );

  it('keeps memory when bit 7 asks for it, and palette when AH=12h BL=31h does', () => {
    const rig = poweredOn();
    rig.call({ ax: 0x0e5a });
    rig.call({ ax: 0x1201, bx: 0x31 });
    rig.call({ ax: 0x1010, bx: 7, cx: 0x1122, dx: 0x3300 });
    rig.call({ ax: 0x0083 });
    expect(rig.lines().join('')).toContain('Z');
    expect(rig.call({ ax: 0x0f00 }).ax & 0xff).toBe(0x83);
    expect(rig.call({ ax: 0x1015, bx: 7 })).toMatchObject({ cx: 0x1122, dx: 0x3300 });
    rig.call({ ax: 0x1200, bx: 0x31 });
    rig.call({ ax: 0x0003 });
    expect(rig.call({ ax: 0x1015, bx: 7 })).toMatchObject({ cx: 0x2a2a, dx: 0x2a00 });
  });

  it.each([
    [0, 200, 8],
    [1, 350, 14],
    [2, 400, 16],
  ])('sets text modes with scan line choice %i to %i lines', (choice, height, cell) => {
    const rig = poweredOn();
    expect(rig.call({ ax: 0x1200 | choice, bx: 0x30 }).ax & 0xff).toBe(0x12);
    rig.call({ ax: 3 });
    const frame = rig.frame();
    expect(frame.kind === 'text' && [frame.scanLines.length, frame.cellHeight, frame.rows]).toEqual([height, cell, 25]);
  });

  it('ignores modes that do not exist', () => {
    const rig = poweredOn();
    for (const mode of [0x08, 0x0b, 0x14, 0x55, 0x7f]) rig.call({ ax: mode });
    expect(rig.ram[BDA + 0x49]).toBe(3);
  });
});

describe('text', () => {
  it('moves through pages, each with its cursor', () => {
    const rig = poweredOn();
    rig.call({ ax: 0x0200, bx: 0x0200, dx: 0x0a14 });
    rig.call({ ax: 0x0957, bx: 0x021e, cx: 3 });
    expect(rig.lines()[10]).toBe('');
    rig.call({ ax: 0x0502 });
    expect(rig.lines()[10]).toBe(`${' '.repeat(20)}WWW`);
    const frame = rig.frame();
    expect(frame.kind === 'text' && frame.cursor).toMatchObject({ row: 10, column: 20 });
    expect(rig.call({ ax: 0x0300, bx: 0x0200 }).dx).toBe(0x0a14);
    expect(rig.call({ ax: 0x0800, bx: 0x0200 }).ax).toBe(0x1e57);
    rig.call({ ax: 0x0a59, bx: 0x0200, cx: 1 });
    expect(rig.call({ ax: 0x0800, bx: 0x0200 }).ax).toBe(0x1e59);
  });

  it('shapes the cursor, stretched from eight lines unless emulation is off', () => {
    const rig = poweredOn();
    const lines = (): unknown => {
      const frame = rig.frame();
      return frame.kind === 'text' && frame.cursor && [frame.cursor.startLine, frame.cursor.endLine];
    };
    rig.call({ ax: 0x0100, cx: 0x0607 });
    expect(lines()).toEqual([13, 14]);
    rig.call({ ax: 0x0100, cx: 0x0007 });
    expect(lines()).toEqual([1, 15]);
    rig.call({ ax: 0x1201, bx: 0x34 });
    rig.call({ ax: 0x0100, cx: 0x0203 });
    expect(lines()).toEqual([2, 3]);
    rig.call({ ax: 0x0100, cx: 0x2000 });
    expect(lines()).toBeUndefined();
    expect(rig.call({ ax: 0x0300 }).cx).toBe(0x2000);
  });

  it('types control characters', () => {
    const rig = poweredOn();
    rig.call({ ax: 0x0003 });
    for (const c of 'ab\bc\r\nd\x07') rig.call({ ax: 0x0e00 | c.charCodeAt(0) });
    expect(rig.lines().slice(0, 2)).toEqual(['ac', 'd']);
    expect(rig.call({ ax: 0x0300 }).dx).toBe(0x0101);
  });

  it('writes strings with and without attributes and cursor movement', () => {
    const rig = poweredOn();
    rig.call({ ax: 0x0003 });
    rig.poke(BUFFER, ...Buffer.from('Hello'), ...[0x48, 0x1f, 0x69, 0x2e]);
    rig.call({ ax: 0x1300, bx: 0x0017, cx: 5, dx: 0x0203, es: BUFFER >> 4 });
    expect(rig.lines()[2]).toBe('   Hello');
    expect(rig.call({ ax: 0x0300 }).dx).toBe(0);
    rig.call({ ax: 0x1303, cx: 2, dx: 0x0400, es: BUFFER >> 4, bp: 5 });
    expect(rig.lines()[4]).toBe('Hi');
    expect(rig.call({ ax: 0x0300 }).dx).toBe(0x0402);
    rig.call({ ax: 0x0200, dx: 0x0401 });
    expect(rig.call({ ax: 0x0800 }).ax).toBe(0x2e69);
  });

  it.each([
    [0x1111, 14, 28],
    [0x1112, 8, 50],
    [0x1114, 16, 25],
  ])('function %i makes cells %i lines high: %i rows', (ax, cell, rows) => {
    const rig = poweredOn();
    rig.call({ ax, bx: 0 });
    expect(rig.ram[BDA + 0x84]).toBe(rows - 1);
    const frame = rig.frame();
    expect(frame.kind === 'text' && [frame.cellHeight, frame.rows]).toEqual([cell, rows]);
  });

  it('loads a character set of the caller, and selects blocks', () => {
    const rig = poweredOn();
    rig.poke(BUFFER, ...Array.from({ length: 16 }, (_, i) => 0x80 | i));
    rig.call({ ax: 0x1100, bx: 0x1000, cx: 1, dx: 0x41, es: BUFFER >> 4 });
    const frame = rig.frame();
    expect(frame.kind === 'text' && [...frame.fonts.subarray(0x41 * 32, 0x41 * 32 + 16)]).toEqual(
      Array.from({ length: 16 }, (_, i) => 0x80 | i),
    );
    rig.call({ ax: 0x1103, bx: 0x0001 });
    const second = rig.frame();
    expect(second.kind === 'text' && second.fonts[0x41 * 32]).not.toBe(0x80);
  });

  it('tells where the character sets are', () => {
    const rig = poweredOn();
    for (const [bh, lines, code] of [
      [2, 14, 0x41],
      [3, 8, 0x41],
      [4, 8, 0xc1 - 0x80],
      [6, 16, 0x41],
    ] as const) {
      const { es, bp, cx, dx } = rig.call({ ax: 0x1130, bx: bh << 8 });
      expect(cx).toBe(16);
      expect(dx & 0xff).toBe(24);
      const glyph = rig.ram.subarray((es << 4) + bp + code * lines, (es << 4) + bp + (code + 1) * lines);
      expect(glyph.some((byte) => byte !== 0)).toBe(true);
    }
    // The first character of a set is the face at code 1.
    const { es, bp } = rig.call({ ax: 0x1130, bx: 0x0600 });
    expect([...rig.ram.subarray((es << 4) + bp + 16, (es << 4) + bp + 20)]).toEqual([0x00, 0x00, 0x7e, 0x81]);
  });
});

describe('colours', () => {
  it('have the 256 standard ones in mode 13h', () => {
    const rig = poweredOn();
    rig.call({ ax: 0x13 });
    rig.call({ ax: 0x1017, bx: 0, cx: 256, dx: 0, es: BUFFER >> 4 });
    const color = (n: number): number[] => [...rig.ram.subarray(BUFFER + 3 * n, BUFFER + 3 * n + 3)];
    // From the tables of IBM's manual.
    expect(color(6)).toEqual([0x2a, 0x15, 0x00]);
    expect(color(15)).toEqual([0x3f, 0x3f, 0x3f]);
    expect(color(20)).toEqual([0x0e, 0x0e, 0x0e]);
    expect(color(32)).toEqual([0x00, 0x00, 0x3f]);
    expect(color(40)).toEqual([0x3f, 0x00, 0x00]);
    expect(color(44)).toEqual([0x3f, 0x3f, 0x00]);
    expect(color(56)).toEqual([0x1f, 0x1f, 0x3f]);
    expect(color(104)).toEqual([0x00, 0x00, 0x1c]);
    expect(color(255)).toEqual([0, 0, 0]);
  });

  it('set and read palette registers, border, DAC entries, pages and mask', () => {
    const rig = poweredOn();
    rig.call({ ax: 0x1000, bx: 0x2a03 });
    expect(rig.call({ ax: 0x1007, bx: 0x0003 }).bx >> 8).toBe(0x2a);
    rig.call({ ax: 0x1001, bx: 0x0500 });
    expect(rig.call({ ax: 0x1008 }).bx >> 8).toBe(0x05);
    rig.poke(BUFFER, ...Array.from({ length: 17 }, (_, i) => i + 1));
    rig.call({ ax: 0x1002, es: BUFFER >> 4 });
    rig.call({ ax: 0x1009, es: BUFFER >> 4, dx: 0x100 });
    expect([...rig.ram.subarray(BUFFER + 0x100, BUFFER + 0x111)]).toEqual(Array.from({ length: 17 }, (_, i) => i + 1));
    rig.poke(BUFFER, 1, 2, 3, 4, 5, 6);
    rig.call({ ax: 0x1012, bx: 100, cx: 2, es: BUFFER >> 4 });
    expect(rig.call({ ax: 0x1015, bx: 101 })).toMatchObject({ cx: 0x0506, dx: 0x0400 });
    rig.call({ ax: 0x101b, bx: 100, cx: 2 });
    const grey = Math.round(0.3 * 1 + 0.59 * 2 + 0.11 * 3);
    expect(rig.call({ ax: 0x1015, bx: 100 })).toMatchObject({ cx: (grey << 8) | grey, dx: grey << 8 });
    rig.call({ ax: 0x1013, bx: 0x0100 });
    rig.call({ ax: 0x1013, bx: 0x0301 });
    expect(rig.call({ ax: 0x101a }).bx).toBe(0x0301);
    rig.call({ ax: 0x1018, bx: 0x0f });
    expect(rig.call({ ax: 0x1019 }).bx & 0xff).toBe(0x0f);
    rig.call({ ax: 0x1003, bx: 0 });
    const frame = rig.frame();
    expect(frame.kind === 'text' && frame.blink).toBe(false);
  });

  it('choose between the two palettes of the CGA', () => {
    const rig = poweredOn();
    rig.call({ ax: 4 });
    for (const [cx, color] of [1, 2, 3].entries()) rig.call({ ax: 0x0c00 | color, cx });
    rig.call({ ax: 0x0b00, bx: 0x0100 });
    const first = [rig.pixel(0, 0), rig.pixel(1, 0), rig.pixel(2, 0)];
    rig.call({ ax: 0x0b00, bx: 0x0101 });
    const second = [rig.pixel(0, 0), rig.pixel(1, 0), rig.pixel(2, 0)];
    // Green, red, brown or cyan, magenta, white; green comes and goes with blue.
    expect(first.map((c) => (c & 0xff) >= 0x80)).toEqual([false, false, false]);
    expect(second.map((c) => (c & 0xff) >= 0x80)).toEqual([true, true, true]);
    expect(second.map((c) => c >> 16 >= 0x80)).toEqual([false, true, true]);
  });
});

describe('state', () => {
  it('tells display, functionality and configuration', () => {
    const rig = poweredOn();
    expect(rig.call({ ax: 0x1a00 })).toMatchObject({ ax: 0x1a1a, bx: 0x0008 });
    expect(rig.call({ ax: 0x1200, bx: 0x10 }).bx).toBe(0x0003);
    expect(rig.call({ ax: 0x1b00, es: BUFFER >> 4 }).ax & 0xff).toBe(0x1b);
    expect(rig.ram[BUFFER + 4]).toBe(3);
    expect(rig.word(BUFFER + 5)).toBe(80);
    expect(rig.ram[BUFFER + 0x22]).toBe(25);
    expect(rig.word(BUFFER + 0x23)).toBe(16);
    expect(rig.ram[BUFFER + 0x25]).toBe(8);
    expect(rig.word(BUFFER + 0x27)).toBe(16);
    expect(rig.ram[BUFFER + 0x2a]).toBe(2);
    expect(rig.ram[BUFFER + 0x31]).toBe(3);
  });

  it('saves and restores registers, data area and DAC', () => {
    const rig = poweredOn();
    const blocks = rig.call({ ax: 0x1c00, cx: 7 }).bx;
    expect(blocks).toBeGreaterThan(12);
    rig.call({ ax: 0x0200, dx: 0x0102 });
    rig.call({ ax: 0x1c01, cx: 7, es: BUFFER >> 4 });
    const before = JSON.stringify(rig.chip.scanout());
    rig.call({ ax: 0x93 });
    expect(JSON.stringify(rig.chip.scanout())).not.toBe(before);
    rig.call({ ax: 0x1c02, cx: 7, es: BUFFER >> 4 });
    expect(JSON.stringify(rig.chip.scanout())).toBe(before);
    expect(rig.call({ ax: 0x0f00 }).ax & 0x7f).toBe(3);
    expect(rig.call({ ax: 0x0300 }).dx).toBe(0x0102);
    expect(rig.call({ ax: 0x1015, bx: 63 })).toMatchObject({ cx: 0x3f3f, dx: 0x3f00 });
  });
});
