/** Programs the graphics engine as drivers do, from the same settings that the reference takes. */
import type { Trio64Bench } from './bench.ts';
import type { Rectangle, Settings } from './reference.ts';

/** Writes all registers that a command looks at. */
export function load(bench: Trio64Bench, s: Settings): void {
  const multi = (index: number, value: number): void => bench.out(0xbee8, (index << 12) | value, 2);
  multi(0xe, s.misc | 0x200);
  for (const [port, value] of [
    [0xa2e8, s.background],
    [0xa6e8, s.foreground],
    [0xaae8, s.writeMask],
    [0xaee8, s.readMask],
    [0xb2e8, s.compare],
  ] as const)
    bench.out(port, value, 4);
  bench.out(0xb6e8, s.backgroundMix, 2);
  bench.out(0xbae8, s.foregroundMix, 2);
  multi(1, s.top);
  multi(2, s.left);
  multi(3, s.bottom);
  multi(4, s.right);
  multi(0xa, s.pixelControl);
}

/** Command word of a rectangle, copy or pattern fill. */
export function command(kind: 'rectangle' | 'copy' | 'pattern', r: Rectangle, bits = 0x11): number {
  const code = { rectangle: 2, copy: 6, pattern: 7 }[kind];
  return (code << 13) | (r.right ? 0x20 : 0) | (r.down ? 0x80 : 0) | bits;
}

export function start(bench: Trio64Bench, kind: 'rectangle' | 'copy' | 'pattern', r: Rectangle, bits = 0x11): void {
  const at = { x: r.x & 0xfff, y: r.y & 0xfff };
  if (kind === 'rectangle') {
    bench.out(0x86e8, at.x, 2);
    bench.out(0x82e8, at.y, 2);
  } else {
    bench.out(0x86e8, r.from!.x & 0xfff, 2);
    bench.out(0x82e8, r.from!.y & 0xfff, 2);
    bench.out(0x8ee8, at.x, 2);
    bench.out(0x8ae8, at.y, 2);
  }
  bench.out(0x96e8, r.width - 1, 2);
  bench.out(0xbee8, r.height - 1, 2);
  bench.out(0x9ae8, command(kind, r, bits), 2);
}

/** Bresenham line; software computes the terms as the data sheet says. */
export function line(
  bench: Trio64Bench,
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
  bits = 0x11,
): void {
  const dx = Math.abs(to.x - from.x);
  const dy = Math.abs(to.y - from.y);
  const major = Math.max(dx, dy);
  const minor = Math.min(dx, dy);
  bench.out(0x86e8, from.x & 0xfff, 2);
  bench.out(0x82e8, from.y & 0xfff, 2);
  bench.out(0x8ae8, (2 * minor) & 0x3fff, 2);
  bench.out(0x8ee8, (2 * (minor - major)) & 0x3fff, 2);
  bench.out(0x92e8, (2 * minor - major - (from.x < to.x ? 1 : 0)) & 0x3fff, 2);
  bench.out(0x96e8, major, 2);
  const directions = (to.x >= from.x ? 0x20 : 0) | (dy >= dx ? 0x40 : 0) | (to.y >= from.y ? 0x80 : 0);
  bench.out(0x9ae8, 0x2000 | directions | bits, 2);
}
