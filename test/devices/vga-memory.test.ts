/** The window at A0000h against the truth tables of the IBM VGA Technical Reference, "Graphics Controller". */
import { describe, expect, it } from 'vitest';
import { VideoMemory } from '../../devices/vga/memory.ts';
import type { DirectWindow } from '../../devices/vga/memory.ts';
import { MODE_12, MODE_13, MODE_3, vgaBench } from './vga-fixture.ts';
import type { VgaBench } from './vga-fixture.ts';

const GFX = 0x3ce;
const SEQ = 0x3c4;

/** Bytes of the four planes at an address. */
function planes(bench: VgaBench, address: number): number[] {
  return [...bench.vram.subarray(address * 4, address * 4 + 4)];
}

function planar(latch: readonly number[] = [0xf0, 0xcc, 0xaa, 0x0f]): VgaBench {
  const bench = vgaBench();
  bench.mode(MODE_12);
  bench.vram.set(latch, 0);
  bench.peek(0xa0000);
  return bench;
}

/** One bit of the ALU: what function `f` (00 replace, 01 AND, 10 OR, 11 XOR) makes of data and latch. */
const alu = [
  (d: number) => d,
  (d: number, l: number) => d & l,
  (d: number, l: number) => d | l,
  (d: number, l: number) => d ^ l,
];

describe('write mode 0', () => {
  it('rotates right, combines with the latches by the function, under the bit mask', () => {
    for (let rotate = 0; rotate < 8; rotate++) {
      for (let f = 0; f < 4; f++) {
        for (const mask of [0xff, 0x3c, 0x81]) {
          const latch = [0xf0, 0xcc, 0xaa, 0x0f];
          const bench = planar(latch);
          bench.set(GFX, 3, (f << 3) | rotate);
          bench.set(GFX, 8, mask);
          bench.poke(0xa0100, 0xb1);
          const bits = '10110001';
          const rotated = parseInt(bits.slice(8 - rotate) + bits.slice(0, 8 - rotate), 2);
          const expected = latch.map((l) => (alu[f]!(rotated, l) & mask) | (l & ~mask & 0xff));
          expect(planes(bench, 0x100), `rotate ${rotate} function ${f} mask ${mask}`).toEqual(expected);
        }
      }
    }
  });

  it('takes set/reset for the planes that enable it', () => {
    const bench = planar();
    bench.set(GFX, 0, 0b0101);
    bench.set(GFX, 1, 0b0011);
    bench.poke(0xa0200, 0x5a);
    expect(planes(bench, 0x200)).toEqual([0xff, 0x00, 0x5a, 0x5a]);
  });

  it('writes only planes of the map mask', () => {
    const bench = planar();
    bench.vram.set([1, 2, 3, 4], 0x300 * 4);
    bench.set(SEQ, 2, 0b1010);
    bench.poke(0xa0300, 0x77);
    expect(planes(bench, 0x300)).toEqual([1, 0x77, 3, 0x77]);
  });
});

describe('write mode 1', () => {
  it('copies the latches, whatever the data and the bit mask', () => {
    const bench = planar();
    bench.set(GFX, 5, 1);
    bench.set(GFX, 8, 0x0f);
    bench.set(GFX, 3, 0x1b);
    bench.poke(0xa0400, 0x55);
    expect(planes(bench, 0x400)).toEqual([0xf0, 0xcc, 0xaa, 0x0f]);
  });
});

describe('write mode 2', () => {
  it('spreads bits 0-3 of the data over the planes, under the bit mask', () => {
    const bench = planar();
    bench.set(GFX, 5, 2);
    bench.set(GFX, 8, 0x0f);
    bench.set(GFX, 3, 5); // the rotation does not apply
    bench.poke(0xa0500, 0xf9);
    expect(planes(bench, 0x500)).toEqual([0xff, 0xc0, 0xa0, 0x0f]);
  });
});

describe('write mode 3', () => {
  it('uses the rotated data AND bit mask as mask and set/reset as data, enabled or not', () => {
    const bench = planar();
    bench.set(GFX, 0, 0b0110);
    bench.set(GFX, 1, 0);
    bench.set(GFX, 3, 4);
    bench.set(GFX, 8, 0x7e);
    bench.set(GFX, 5, 3);
    bench.poke(0xa0600, 0xf3); // rotated by 4: 3Fh, AND 7Eh: 3Eh
    expect(planes(bench, 0x600)).toEqual([0xc0, 0xfe, 0xbe, 0x01]);
  });
});

describe('read modes', () => {
  it('0 gives the plane of Read Map Select and loads all latches', () => {
    const bench = planar();
    bench.vram.set([0x11, 0x22, 0x33, 0x44], 0x700 * 4);
    for (let plane = 0; plane < 4; plane++) {
      bench.set(GFX, 4, plane);
      expect(bench.peek(0xa0700)).toBe(0x11 * (plane + 1));
    }
    expect(bench.vga.memory.latch).toBe(0x44332211);
    expect(bench.get(0x3d4, 0x22)).toBe(0x44);
  });

  it('1 compares each pixel with Color Compare where Color Dont Care has ones', () => {
    const bench = planar();
    bench.vram.set([0b10101010, 0b11001100, 0b11110000, 0b00000000], 0x700 * 4); // pixels 7 6 5 4 3 2 1 0
    bench.set(GFX, 5, 8);
    for (let care = 0; care < 16; care++) {
      for (let color = 0; color < 16; color++) {
        bench.set(GFX, 2, color);
        bench.set(GFX, 7, care);
        let expected = 0;
        for (let bit = 0; bit < 8; bit++) if (((bit ^ color) & care) === 0) expected |= 1 << bit;
        expect(bench.peek(0xa0700), `care ${care} color ${color}`).toBe(expected);
      }
    }
  });
});

describe('addressing', () => {
  it('odd/even: characters go to plane 0, attributes to plane 1 of the even address', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    bench.poke(0xb8000 + 160, 0x1f41, 2);
    expect(planes(bench, 160)).toEqual([0x41, 0x1f, 0, 0]);
    expect(bench.peek(0xb8000 + 160, 2)).toBe(0x1f41);
  });

  it('font loading: plane 2 byte by byte at A0000h', () => {
    const bench = vgaBench();
    bench.mode(MODE_3);
    bench.set(SEQ, 2, 4);
    bench.set(SEQ, 4, 7);
    bench.set(GFX, 4, 2);
    bench.set(GFX, 5, 0);
    bench.set(GFX, 6, 4);
    bench.poke(0xa0000 + 0x41 * 32 + 3, 0x99);
    expect(bench.vram[(0x41 * 32 + 3) * 4 + 2]).toBe(0x99);
    expect(bench.peek(0xa0000 + 0x41 * 32 + 3)).toBe(0x99);
  });

  it('chain-4 is contiguous bytes', () => {
    const bench = vgaBench();
    bench.mode(MODE_13);
    bench.poke(0xa0000 + 1234, 0xddccbbaa, 4);
    expect([...bench.vram.subarray(1234, 1238)]).toEqual([0xaa, 0xbb, 0xcc, 0xdd]);
    expect(bench.peek(0xa0000 + 1234, 4)).toBe(0xddccbbaa);
    bench.set(SEQ, 2, 0b0010); // only addresses of plane 1
    bench.poke(0xa0000, 0x04030201, 4);
    expect(planes(bench, 0)).toEqual([0, 2, 0, 0]);
  });

  it('Memory Map Select places the window; outside of it nothing answers', () => {
    const bounds = [
      [0xa0000, 0xbffff],
      [0xa0000, 0xaffff],
      [0xb0000, 0xb7fff],
      [0xb8000, 0xbffff],
    ] as const;
    bounds.forEach(([first, last], select) => {
      const bench = vgaBench();
      bench.mode(MODE_12);
      bench.vram.fill(0x5a);
      bench.set(GFX, 6, (select << 2) | 1);
      for (const address of [0xa0000, 0xaffff, 0xb0000, 0xb7fff, 0xb8000, 0xbffff]) {
        const inside = address >= first && address <= last;
        expect(bench.peek(address), `${select} ${address.toString(16)}`).toBe(inside ? 0x5a : 0xff);
      }
    });
  });

  it('does not answer with RAM disabled in Miscellaneous Output or memory decoding off', () => {
    const bench = vgaBench();
    bench.mode(MODE_12);
    bench.outb(0x3c2, 0xe1);
    bench.poke(0xa0000, 0x12);
    expect(bench.peek(0xa0000)).toBe(0xff);
    bench.outb(0x3c2, 0xe3);
    expect(bench.peek(0xa0000)).toBe(0);
    bench.vga.setMemoryDecoded(false);
    expect(bench.peek(0xa0000)).toBe(0xff);
  });
});

describe('direct window', () => {
  it('is announced for chain-4 and packed banks, withdrawn for planar work', () => {
    const seen: (DirectWindow | undefined)[] = [];
    const bench = vgaBench({ onDirectWindow: (direct) => seen.push(direct) });
    bench.mode(MODE_13);
    expect(seen.at(-1)).toEqual({ start: 0, length: 0x10000, offset: 0 });
    bench.set(SEQ, 4, 6);
    expect(seen.at(-1)).toBeUndefined();
    bench.dispi(1, 640);
    bench.dispi(2, 480);
    bench.dispi(3, 8);
    bench.dispi(4, 0x41);
    bench.dispi(5, 3);
    expect(seen.at(-1)).toEqual({ start: 0, length: 0x10000, offset: 0x30000 });
    bench.dispi(4, 0);
    expect(seen.at(-1)).toBeUndefined();
  });
});

describe('dirty marks', () => {
  it('join writes through the window, the linear frame buffer and the processor, and are cleared by taking them', () => {
    const mapped = new Uint8Array(64);
    const bench = vgaBench(
      {
        takeDirty: (first, pages, into) => {
          into.set(mapped.subarray(first, first + pages));
          mapped.fill(0, first, first + pages);
          return into.some((page) => page !== 0);
        },
      },
      0x40000,
    );
    bench.mode(MODE_12);
    const take = (): number[] => {
      const into = new Uint8Array(64);
      const any = bench.vga.memory.takeDirty(0, 64, into);
      const pages = [...into].flatMap((page, i) => (page ? [i] : []));
      expect(any).toBe(pages.length > 0);
      return pages;
    };
    take();
    bench.poke(0xa0000 + 1024, 1); // plane address 1024 is byte 4096
    bench.vga.memory.linearFrameBuffer.write(0x7ffe, 4, 0x01020304); // crosses from page 7 to 8
    mapped[40] = 1;
    expect(take()).toEqual([1, 7, 8, 40]);
    expect(take()).toEqual([]);
    expect(bench.vga.memory.linearFrameBuffer.read(0x7ffe, 4)).toBe(0x01020304);
  });
});

describe('VideoMemory', () => {
  it('refuses memory that cannot be a VGA', () => {
    for (const bytes of [new Uint8Array(0x20000), new Uint8Array(0x40001)])
      expect(() => new VideoMemory(bytes, new Uint8Array(5), new Uint8Array(9))).toThrow(RangeError);
  });

  it('rounds the linear frame buffer up to a power of two, the rest reads as ones', () => {
    const memory = new VideoMemory(new Uint8Array(3 << 20), new Uint8Array(5), new Uint8Array(9));
    expect(memory.linearFrameBuffer.length).toBe(4 << 20);
    memory.linearFrameBuffer.write(3 << 20, 4, 0);
    expect(memory.linearFrameBuffer.read((3 << 20) - 2, 4)).toBe(0xffff0000);
  });
});
