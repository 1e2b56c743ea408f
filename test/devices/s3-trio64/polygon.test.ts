/** Two-point lines and polygons, as the Trio64 adds them to the 8514/A's commands. */
import { describe, expect, it } from 'vitest';
import type { Trio64Bench } from './bench.ts';
import { openEngine, randomNumbers, trio64Bench } from './bench.ts';
import { load } from './commands.ts';
import type { Settings } from './reference.ts';

const SETTINGS: Settings = {
  foreground: 0x5a,
  background: 0,
  foregroundMix: 0x27,
  backgroundMix: 0x07,
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

const POLYGON = 0x60b1;
const PATTERN_POLYGON = 0x68b1;
const TWO_POINT = 0x2811;

interface Vertex {
  readonly x: number;
  readonly y: number;
}

function engine(settings: Settings = SETTINGS): Trio64Bench {
  const bench = trio64Bench(1);
  openEngine(bench, 1);
  load(bench, settings);
  return bench;
}

/** First and last coloured pixel of each row, and how many there are. */
function rows(bench: Trio64Bench, height: number, color = 0x5a): (readonly [number, number, number] | undefined)[] {
  return Array.from({ length: height }, (_, y) => {
    const row = [...bench.vram.subarray(y * 1024, y * 1024 + 1024)];
    const first = row.indexOf(color);
    if (first < 0) return undefined;
    return [first, row.lastIndexOf(color), row.filter((p) => p === color).length] as const;
  });
}

const from = (bench: Trio64Bench, a: Vertex, b: Vertex): void => {
  bench.out(0x86e8, a.x & 0xfff, 2);
  bench.out(0x82e8, a.y & 0xfff, 2);
  bench.out(0x86ea, b.x & 0xfff, 2);
  bench.out(0x82ea, b.y & 0xfff, 2);
};
const to = (bench: Trio64Bench, edge: 1 | 2, v: Vertex): void => {
  bench.out(edge === 1 ? 0x8ee8 : 0x8eea, v.x & 0xfff, 2);
  bench.out(edge === 1 ? 0x8ae8 : 0x8aea, v.y & 0xfff, 2);
};

describe('polygons', () => {
  it('fills between two edges, without the row in which they end', () => {
    const bench = engine();
    from(bench, { x: 100, y: 10 }, { x: 100, y: 10 });
    to(bench, 1, { x: 80, y: 30 });
    to(bench, 2, { x: 140, y: 30 });
    bench.out(0x9ae8, POLYGON, 2);
    const drawn = rows(bench, 40);
    expect(drawn[9]).toBeUndefined();
    expect(drawn[10]).toEqual([100, 100, 1]);
    // One pixel to the left and two to the right in each row.
    for (let y = 10; y < 30; y++) expect(drawn[y]).toEqual([110 - y, 80 + 2 * y, 3 * y - 29]);
    expect(drawn[30]).toBeUndefined();
    expect(bench.in(0x86e8, 2)).toBe(80);
    expect(bench.in(0x86ea, 2)).toBe(140);
    expect(bench.in(0x82e8, 2)).toBe(30);
  });

  it('continues the longer edge when the shorter one gets a new end', () => {
    const bench = engine();
    from(bench, { x: 50, y: 0 }, { x: 60, y: 0 });
    to(bench, 1, { x: 40, y: 10 });
    to(bench, 2, { x: 90, y: 30 });
    bench.out(0x9ae8, POLYGON, 2);
    to(bench, 1, { x: 60, y: 30 });
    bench.out(0x9ae8, POLYGON, 2);
    const drawn = rows(bench, 31);
    for (let y = 0; y < 30; y++) expect(drawn[y]!.slice(0, 2)).toEqual([y < 10 ? 50 - y : 40 + (y - 10), 60 + y]);
    expect(drawn[30]).toBeUndefined();
  });

  it('ignores a command without vertical progress, but takes the point of a flat edge over', () => {
    const bench = engine();
    from(bench, { x: 50, y: 5 }, { x: 50, y: 5 });
    to(bench, 1, { x: 20, y: 5 });
    to(bench, 2, { x: 50, y: 15 });
    bench.out(0x9ae8, POLYGON, 2);
    expect(rows(bench, 20).every((row) => row === undefined)).toBe(true);
    expect(bench.in(0x86e8, 2)).toBe(20);
    to(bench, 1, { x: 20, y: 15 });
    bench.out(0x9ae8, POLYGON, 2);
    expect(rows(bench, 16).slice(5, 15)).toEqual(Array.from({ length: 10 }, () => [20, 50, 31]));
  });

  it('covers the triangle that exact arithmetic gives', () => {
    const random = randomNumbers(77);
    for (let i = 0; i < 50; i++) {
      const bench = engine();
      const top = { x: 100 + random(200), y: random(20) };
      const left = { x: random(300), y: top.y + 1 + random(60) };
      const right = { x: 100 + random(300), y: left.y };
      from(bench, top, top);
      to(bench, 1, left);
      to(bench, 2, right);
      bench.out(0x9ae8, POLYGON, 2);
      rows(bench, 90).forEach((row, y) => {
        if (y < top.y || y >= left.y) {
          expect(row).toBeUndefined();
          return;
        }
        const at = (end: Vertex): number => top.x + ((end.x - top.x) * (y - top.y)) / (end.y - top.y);
        const [a, b] = [at(left), at(right)].sort((p, q) => p - q) as [number, number];
        // Twenty fraction bits may fall short of an exact whole number.
        expect(Math.abs(row![0] - a)).toBeLessThanOrEqual(1.001);
        expect(Math.abs(row![1] - b)).toBeLessThanOrEqual(1.001);
        expect(row![2]).toBe(row![1] - row![0] + 1);
      });
    }
  });

  it('fills with the pattern at PAT_X, PAT_Y', () => {
    const bench = engine({ ...SETTINGS, foregroundMix: 0x67 });
    for (let y = 0; y < 8; y++) for (let x = 0; x < 8; x++) bench.vram[(200 + y) * 1024 + 64 + x] = 1 + y * 8 + x;
    bench.out(0xeaea, 64, 2);
    bench.out(0xeae8, 200, 2);
    from(bench, { x: 10, y: 0 }, { x: 25, y: 0 });
    to(bench, 1, { x: 10, y: 12 });
    to(bench, 2, { x: 25, y: 12 });
    bench.out(0x9ae8, PATTERN_POLYGON, 2);
    for (let y = 0; y < 12; y++)
      for (let x = 10; x <= 25; x++) expect(bench.vram[y * 1024 + x]).toBe(1 + (y & 7) * 8 + (x & 7));
    expect(bench.vram[26]).toBe(0);
  });
});

describe('two-point lines', () => {
  it('reach both ends within half a pixel of the ideal line, and chain', () => {
    const random = randomNumbers(5);
    const bench = engine({ ...SETTINGS, foregroundMix: 0x25 });
    let at = { x: 100, y: 100 };
    bench.out(0x86e8, at.x, 2);
    bench.out(0x82e8, at.y, 2);
    for (let i = 0; i < 60; i++) {
      const before = bench.vram.slice();
      const end = { x: random(200), y: random(200) };
      bench.out(0x8ee8, end.x, 2);
      bench.out(0x8ae8, end.y, 2);
      bench.out(0x9ae8, TWO_POINT, 2);
      const changed: Vertex[] = [];
      for (let n = 0; n < 220 * 1024; n++)
        if (before[n] !== bench.vram[n]) changed.push({ x: n % 1024, y: Math.floor(n / 1024) });
      const dx = end.x - at.x;
      const dy = end.y - at.y;
      const length = Math.max(Math.abs(dx), Math.abs(dy));
      expect(changed).toHaveLength(length + 1);
      expect(changed).toContainEqual(at);
      expect(changed).toContainEqual(end);
      for (const p of changed)
        if (Math.abs(dx) >= Math.abs(dy))
          expect(Math.abs(p.y - (at.y + (dx && ((p.x - at.x) * dy) / dx)))).toBeLessThanOrEqual(0.5);
        else expect(Math.abs(p.x - (at.x + ((p.y - at.y) * dx) / dy))).toBeLessThanOrEqual(0.5);
      at = end;
    }
    expect([bench.in(0x86e8, 2), bench.in(0x82e8, 2)]).toEqual([at.x, at.y]);
  });

  it('leave the last pixel to the next segment when asked', () => {
    const bench = engine();
    bench.out(0x86e8, 10, 2);
    bench.out(0x82e8, 10, 2);
    bench.out(0x8ee8, 15, 2);
    bench.out(0x8ae8, 10, 2);
    bench.out(0x9ae8, TWO_POINT | 4, 2);
    expect(rows(bench, 11)[10]).toEqual([10, 14, 5]);
  });
});
