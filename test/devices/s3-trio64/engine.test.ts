/** The graphics engine against a plain rasteriser: fills, copies, patterns, lines, in every mix and depth. */
import { describe, expect, it } from 'vitest';
import type { Trio64Bench } from './bench.ts';
import { openEngine, randomNumbers, trio64Bench } from './bench.ts';
import { line, load, start } from './commands.ts';
import type { Canvas, Point, Rectangle, Settings } from './reference.ts';
import { drawPixel, linePoints, radialPoints, rectanglePoints } from './reference.ts';

const DEPTHS = [1, 2, 4] as const;
const ROUNDS = Number(process.env['VS_S3_ROUNDS'] ?? 60);

/** Everything in view, foreground colour replaces. */
const PLAIN: Settings = {
  foreground: 0x12345678,
  background: 0x9abcdef0,
  foregroundMix: 0x27,
  backgroundMix: 0x07,
  writeMask: 0xffffffff,
  readMask: 0xffffffff,
  compare: 0,
  top: 0,
  left: 0,
  bottom: 0xfff,
  right: 0xfff,
  pixelControl: 0,
  misc: 0,
};

class Pair {
  readonly bench: Trio64Bench;
  readonly canvas: Canvas;
  readonly random: (below: number) => number;

  constructor(bytes: 1 | 2 | 4, seed: number) {
    this.bench = trio64Bench(1);
    const { pitch } = openEngine(this.bench, bytes);
    this.random = randomNumbers(seed);
    for (let i = 0; i < this.bench.vram.length; i++) this.bench.vram[i] = this.random(256);
    this.canvas = { memory: this.bench.vram.slice(), bytes, pitch };
  }

  expectPoints(settings: Settings, points: Iterable<Point>, what: string): void {
    for (const point of points) drawPixel(this.canvas, settings, point);
    this.expectSame(what);
  }

  expectSame(what: string): void {
    const { memory, bytes, pitch } = this.canvas;
    if (Buffer.compare(memory, this.bench.vram) === 0) return;
    const at = memory.findIndex((byte, i) => byte !== this.bench.vram[i]);
    const pixel = Math.floor(at / bytes);
    expect.fail(`${what}: pixel ${pixel % pitch},${Math.floor(pixel / pitch)} differs`);
  }

  settings(changes: Partial<Settings> = {}): Settings {
    const { random } = this;
    const word = (): number => random(0x10000) * 0x10000 + random(0x10000);
    const left = random(90);
    const top = random(60);
    return {
      ...PLAIN,
      foreground: word(),
      background: word(),
      foregroundMix: (random(2) ? 0x20 : 0) | random(16),
      backgroundMix: (random(2) ? 0x20 : 0) | random(16),
      writeMask: random(3) ? 0xffffffff : word(),
      readMask: 1 << random(8),
      left,
      top,
      right: left + random(100),
      bottom: top + random(80),
      ...changes,
    };
  }

  rectangle(): Rectangle {
    const { random } = this;
    return {
      x: random(120) - 10,
      y: random(90) - 10,
      width: 1 + random(70),
      height: 1 + random(40),
      right: random(2) === 1,
      down: random(2) === 1,
    };
  }
}

describe.each(DEPTHS)('graphics engine, %i bytes per pixel', (bytes) => {
  it('fills rectangles with every mix from both colours', () => {
    const pair = new Pair(bytes, 11);
    for (let mix = 0; mix < 16; mix++)
      for (const source of [0x00, 0x20]) {
        const settings = { ...PLAIN, foregroundMix: source | mix };
        const r: Rectangle = { x: 20 + mix, y: 3 * mix, width: 33, height: 9, right: true, down: true };
        load(pair.bench, settings);
        start(pair.bench, 'rectangle', r);
        pair.expectPoints(settings, rectanglePoints(r), `mix ${mix} source ${source}`);
      }
  });

  it('fills rectangles under masks, scissors and in all directions', () => {
    const pair = new Pair(bytes, 12);
    for (let i = 0; i < ROUNDS; i++) {
      const settings = pair.settings({ misc: pair.random(4) ? 0 : 0x20 });
      const r = pair.rectangle();
      load(pair.bench, settings);
      start(pair.bench, 'rectangle', r);
      pair.expectPoints(settings, rectanglePoints(r), `round ${i}`);
    }
  });

  it('copies blocks, also onto themselves, with mixes, scissors and compare', () => {
    const pair = new Pair(bytes, 13);
    for (let i = 0; i < ROUNDS; i++) {
      const misc = pair.random(3) ? 0 : 0x100 | (pair.random(2) << 7);
      const r = pair.rectangle();
      // Often a shift by a few pixels, so that source and destination overlap.
      const from = pair.random(2)
        ? { x: r.x + pair.random(9) - 4, y: r.y + pair.random(5) - 2, pattern: false }
        : { x: pair.random(200), y: pair.random(100), pattern: false };
      const settings = pair.settings({
        misc,
        foregroundMix: 0x60 | (pair.random(2) ? 7 : pair.random(16)),
        compare: pair.canvas.memory[pair.random(1000)]!,
      });
      load(pair.bench, settings);
      start(pair.bench, 'copy', { ...r, from });
      pair.expectPoints(settings, rectanglePoints({ ...r, from }), `round ${i}`);
    }
  });

  it.each([
    [true, 3],
    [true, -3],
    [false, 3],
    [false, -3],
  ])('reads again what it has written when a row overlaps itself: to the right %s, shift %i', (right, shift) => {
    const pair = new Pair(bytes, 20);
    const settings = { ...PLAIN, foregroundMix: 0x67 };
    for (const down of [true, false]) {
      const r: Rectangle = { x: 60, y: 20, width: 25, height: 4, right, down };
      const from = { x: r.x + shift, y: r.y, pattern: false };
      load(pair.bench, settings);
      start(pair.bench, 'copy', { ...r, from });
      pair.expectPoints(settings, rectanglePoints({ ...r, from }), `down ${down}`);
    }
  });

  it('chooses the mix by the bits of video memory', () => {
    const pair = new Pair(bytes, 14);
    for (let i = 0; i < ROUNDS; i++) {
      const settings = pair.settings({ pixelControl: 0xc0 });
      const r = { ...pair.rectangle(), from: { x: 300 + pair.random(50), y: pair.random(50), pattern: false } };
      load(pair.bench, settings);
      start(pair.bench, 'copy', r);
      pair.expectPoints(settings, rectanglePoints(r), `round ${i}`);
    }
  });

  it('fills with 8 by 8 patterns in colour and in two mixes', () => {
    const pair = new Pair(bytes, 15);
    for (let i = 0; i < ROUNDS; i++) {
      const mono = pair.random(2) === 1;
      const settings = pair.settings(
        mono ? { pixelControl: 0xc0 } : { foregroundMix: 0x60 | pair.random(16), misc: pair.random(2) * 0x20 },
      );
      const r = { ...pair.rectangle(), from: { x: 8 * pair.random(60), y: 8 * pair.random(20), pattern: true } };
      load(pair.bench, settings);
      start(pair.bench, 'pattern', r);
      pair.expectPoints(settings, rectanglePoints(r), `round ${i}`);
    }
  });

  it('draws lines by their error terms, with and without the last pixel', () => {
    const pair = new Pair(bytes, 16);
    for (let i = 0; i < ROUNDS; i++) {
      const { random } = pair;
      const settings = pair.settings();
      const from = { x: random(150) - 20, y: random(120) - 20 };
      const to = { x: random(150) - 20, y: random(120) - 20 };
      const off = random(2) === 1;
      load(pair.bench, settings);
      line(pair.bench, from, to, 0x11 | (off ? 4 : 0));
      pair.expectPoints(settings, linePoints(from, to, off), `${from.x},${from.y} to ${to.x},${to.y}`);
      expect([pair.bench.in(0x86e8, 2), pair.bench.in(0x82e8, 2)]).toEqual([to.x & 0xfff, to.y & 0xfff]);
    }
  });

  it('draws radial lines and short strokes', () => {
    const pair = new Pair(bytes, 17);
    for (let direction = 0; direction < 8; direction++) {
      const settings = { ...PLAIN, foregroundMix: 0x25 };
      load(pair.bench, settings);
      pair.bench.out(0x86e8, 60, 2);
      pair.bench.out(0x82e8, 50, 2);
      pair.bench.out(0x96e8, 21, 2);
      pair.bench.out(0x9ae8, 0x2019 | (direction << 5), 2);
      pair.expectPoints(settings, radialPoints(60, 50, direction, 21), `direction ${direction}`);

      // A NOP sets the modes; the low byte goes first with the byte order bit.
      pair.bench.out(0x9ae8, 0x1019, 2);
      pair.bench.out(0x86e8, 200, 2);
      pair.bench.out(0x82e8, 100, 2);
      pair.bench.out(0x9ee8, (direction << 5) | 0x17 | ((direction << 13) | 0x0300), 2);
      pair.expectPoints(settings, radialPoints(200, 100, direction, 7), `stroke ${direction}`);
      const last = [...radialPoints(200, 100, direction, 10)].at(-1)!;
      expect([pair.bench.in(0x86e8, 2), pair.bench.in(0x82e8, 2)]).toEqual([last.x, last.y]);
    }
  });

  it('moves without drawing when bit 4 is clear', () => {
    const pair = new Pair(bytes, 18);
    load(pair.bench, PLAIN);
    start(pair.bench, 'rectangle', { x: 5, y: 6, width: 10, height: 4, right: true, down: true }, 0x01);
    pair.expectSame('rectangle');
    expect([pair.bench.in(0x86e8, 2), pair.bench.in(0x82e8, 2)]).toEqual([5, 10]);
  });

  it('leaves the destination past the last row of a copy', () => {
    const pair = new Pair(bytes, 19);
    load(pair.bench, { ...PLAIN, foregroundMix: 0x67 });
    const r = { x: 40, y: 30, width: 8, height: 5, right: true, down: true, from: { x: 0, y: 0, pattern: false } };
    start(pair.bench, 'copy', r);
    expect([pair.bench.in(0x8ee8, 2), pair.bench.in(0x8ae8, 2)]).toEqual([40, 35]);
    expect([pair.bench.in(0x86e8, 2), pair.bench.in(0x82e8, 2)]).toEqual([0, 0]);
  });

  it('adds the base addresses of destination and source', () => {
    const bench = trio64Bench(4);
    openEngine(bench, bytes);
    bench.vram.set([1, 2, 3, 4], 2 << 20);
    load(bench, { ...PLAIN, foregroundMix: 0x67 });
    // MISC2: destination in the second mebibyte, source in the third.
    bench.out(0xbee8, 0xd000 | 0x21, 2);
    const r = {
      x: 0,
      y: 0,
      width: 4 / bytes,
      height: 1,
      right: true,
      down: true,
      from: { x: 0, y: 0, pattern: false },
    };
    start(bench, 'copy', r);
    expect([...bench.vram.subarray(1 << 20, (1 << 20) + 4)]).toEqual([1, 2, 3, 4]);
  });
});
