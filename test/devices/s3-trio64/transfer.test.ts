/** Image transfers between the CPU and the graphics engine, against the plain rasteriser. */
import { describe, expect, it } from 'vitest';
import { openEngine, randomNumbers, trio64Bench } from './bench.ts';
import { load, start } from './commands.ts';
import type { Canvas, Rectangle, Settings } from './reference.ts';
import { allOnes, bitsOf, drawPixel, getPixel, rectanglePoints } from './reference.ts';

const ROUNDS = Number(process.env['VS_S3_ROUNDS'] ?? 40);

const BASE: Settings = {
  foreground: 0x11223344,
  background: 0xccddeeff,
  foregroundMix: 0x27,
  backgroundMix: 0x07,
  writeMask: 0xffffffff,
  readMask: 0xffffffff,
  compare: 0,
  top: 0,
  left: 0,
  bottom: 0xfff,
  right: 0xfff,
  pixelControl: 0x80,
  misc: 0,
};

const WAIT = 0x100;
const SWAP = 0x1000;
const ACROSS = 0x02;
/** Bus sizes: bits 10-9, bytes of a unit. */
const BUSES = [
  ['8 bits', 0x000, 1],
  ['16 bits', 0x200, 2],
  ['32 bits', 0x400, 4],
] as const;

function setUp(bytes: 1 | 2 | 4, seed: number) {
  const bench = trio64Bench(1);
  const { pitch } = openEngine(bench, bytes);
  const random = randomNumbers(seed);
  for (let i = 0; i < bench.vram.length; i++) bench.vram[i] = random(256);
  const canvas: Canvas = { memory: bench.vram.slice(), bytes, pitch };
  const rectangle = (): Rectangle => ({
    x: random(60),
    y: random(40),
    width: 1 + random(40),
    height: 1 + random(8),
    right: true,
    down: true,
  });
  return { bench, canvas, random, rectangle };
}

const status = (bench: ReturnType<typeof trio64Bench>): number => bench.in(0x9ae8, 2);

describe.each([1, 2, 4] as const)('image transfer, %i bytes per pixel', (bytes) => {
  describe.each(BUSES)('monochrome by %s', (_name, bus, unit) => {
    it.each([0, SWAP])('expands bits into two mixes, byte order %i, rows padded to the unit', (swap) => {
      const { bench, canvas, random, rectangle } = setUp(bytes, 21 + unit);
      for (let i = 0; i < ROUNDS; i++) {
        const settings = { ...BASE, foregroundMix: 0x20 | random(16), backgroundMix: random(16), left: random(50) };
        const r = rectangle();
        load(bench, settings);
        start(bench, 'rectangle', r, 0x11 | WAIT | ACROSS | bus | swap);
        const points = [...rectanglePoints(r)];
        const perRow = Math.ceil(r.width / (8 * unit));
        for (let row = 0; row < r.height; row++) {
          expect(status(bench) & 0x200, 'busy while data is missing').toBe(0x200);
          const bytesOfRow: number[] = [];
          for (let n = 0; n < perRow; n++) {
            const data = Array.from({ length: unit }, () => random(256));
            const value = data.reduce((sum, byte, at) => sum + byte * 256 ** at, 0);
            bench.out(0xe2e8, value, unit);
            bytesOfRow.push(...(swap ? data : data.reverse()));
          }
          const bits = bitsOf(bytesOfRow);
          for (let column = 0; column < r.width; column++)
            drawPixel(canvas, settings, points[row * r.width + column]!, { color: 0, bit: bits[column]! });
        }
        expect(Buffer.compare(canvas.memory, bench.vram), `round ${i}`).toBe(0);
        bench.host.clock.advance(1e9);
        expect(status(bench)).toBe(0x400);
      }
    });
  });

  it('joins two 16-bit writes for a 32-bit bus', () => {
    const { bench, canvas } = setUp(bytes, 31);
    load(bench, BASE);
    const r = { x: 3, y: 4, width: 30, height: 1, right: true, down: true };
    start(bench, 'rectangle', r, 0x11 | WAIT | ACROSS | SWAP | 0x400);
    bench.out(0xe2e8, 0x55aa, 2);
    expect(Buffer.compare(canvas.memory, bench.vram)).toBe(0);
    bench.out(0xe2e8, 0x0ff0, 2);
    const bits = bitsOf([0xaa, 0x55, 0xf0, 0x0f]);
    [...rectanglePoints(r)].forEach((p, i) => drawPixel(canvas, BASE, p, { color: 0, bit: bits[i]! }));
    expect(Buffer.compare(canvas.memory, bench.vram)).toBe(0);
  });

  it('bus size 11 drops bits to the end of the byte only', () => {
    const { bench, canvas } = setUp(bytes, 32);
    load(bench, BASE);
    const r = { x: 3, y: 4, width: 10, height: 2, right: true, down: true };
    start(bench, 'rectangle', r, 0x11 | WAIT | ACROSS | SWAP | 0x600);
    bench.out(0xe2e8, 0xc35a3cf1, 4);
    const rows = [bitsOf([0xf1, 0x3c]), bitsOf([0x5a, 0xc3])];
    [...rectanglePoints(r)].forEach((p, i) =>
      drawPixel(canvas, BASE, p, { color: 0, bit: rows[Math.floor(i / 10)]![i % 10]! }),
    );
    expect(Buffer.compare(canvas.memory, bench.vram)).toBe(0);
    expect(status(bench) & 0x100).toBe(0);
  });

  it('takes colours through the planes, low byte first, and drops what is left of a unit at the end of a row', () => {
    for (const [, bus, size] of BUSES) {
      const { bench, canvas, random, rectangle } = setUp(bytes, 41 + size);
      const unit = Math.max(size, bytes);
      for (let i = 0; i < ROUNDS; i++) {
        const settings = { ...BASE, pixelControl: 0, foregroundMix: 0x40 | random(16), right: 30 + random(60) };
        const r = rectangle();
        load(bench, settings);
        start(bench, 'rectangle', r, 0x11 | WAIT | SWAP | bus);
        const points = [...rectanglePoints(r)];
        for (let row = 0; row < r.height; row++) {
          const data = Array.from({ length: Math.ceil((r.width * bytes) / unit) * unit }, () => random(256));
          for (let at = 0; at < data.length; at += size) {
            const value = data.slice(at, at + size).reduce((sum, byte, n) => sum + byte * 256 ** n, 0);
            bench.out(0xe2e8, value, size);
          }
          for (let column = 0; column < r.width; column++) {
            const pixel = data.slice(column * bytes, (column + 1) * bytes);
            const color = pixel.reduce((sum, byte, n) => sum + byte * 256 ** n, 0);
            drawPixel(canvas, settings, points[row * r.width + column]!, { color, bit: true });
          }
        }
        expect(Buffer.compare(canvas.memory, bench.vram), `bus ${size} round ${i}`).toBe(0);
      }
    }
  });

  it('gives pixels back through and across the planes', () => {
    const { bench, canvas, random, rectangle } = setUp(bytes, 51);
    for (let i = 0; i < ROUNDS; i++) {
      const settings = { ...BASE, pixelControl: 0, readMask: 1 << random(8) };
      const r = rectangle();
      load(bench, settings);
      const across = random(2) === 1;
      start(bench, 'rectangle', r, 0x10 | WAIT | SWAP | 0x200 | (across ? ACROSS : 0));
      expect(status(bench) & 0x300).toBe(0x300);
      for (let row = 0; row < r.height; row++) {
        const pixels = Array.from({ length: r.width }, (_, x) => getPixel(canvas, r.x + x, r.y + row));
        if (across) {
          const bits: boolean[] = [];
          for (let n = 0; n < Math.ceil(r.width / 16); n++) {
            const word = bench.in(0xe2e8, 2);
            bits.push(...bitsOf([word & 0xff, word >> 8]));
          }
          expect(bits.slice(0, r.width)).toEqual(pixels.map((p) => allOnes(canvas, p, settings.readMask)));
        } else {
          const unit = Math.max(2, bytes);
          const read: number[] = [];
          for (let n = 0; n < (Math.ceil((r.width * bytes) / unit) * unit) / 2; n++) {
            const word = bench.in(0xe2e8, 2);
            read.push(word & 0xff, word >> 8);
          }
          expect(pixels.map((_, x) => read.slice(x * bytes, (x + 1) * bytes))).toEqual(
            pixels.map((p) => Array.from({ length: bytes }, (_, n) => Math.floor(p / 256 ** n) % 256)),
          );
        }
      }
      expect(status(bench) & 0x100).toBe(0);
      expect(bench.in(0xe2e8, 2)).toBe(0xffff);
    }
  });

  it('takes image data anywhere in the lower half of the memory window', () => {
    const { bench, canvas } = setUp(bytes, 61);
    load(bench, BASE);
    bench.cr(0x53, 0x10);
    const r = { x: 1, y: 2, width: 32, height: 2, right: true, down: true };
    start(bench, 'rectangle', r, 0x11 | WAIT | ACROSS | SWAP | 0x400);
    bench.poke(0xa0000, 0x80402010, 4);
    bench.poke(0xa7ffc, 0x0f0f3355, 4);
    const bits = bitsOf([0x10, 0x20, 0x40, 0x80, 0x55, 0x33, 0x0f, 0x0f]);
    [...rectanglePoints(r)].forEach((p, i) => drawPixel(canvas, BASE, p, { color: 0, bit: bits[i]! }));
    expect(Buffer.compare(canvas.memory, bench.vram)).toBe(0);
  });
});
