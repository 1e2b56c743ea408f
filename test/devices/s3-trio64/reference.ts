/**
 * A plain rasteriser to hold the graphics engine against: every pixel by itself, every bit by itself, straight from the
 * descriptions of the registers. It shares nothing with the device.
 */

export interface Canvas {
  readonly memory: Uint8Array;
  readonly bytes: 1 | 2 | 4;
  readonly pitch: number;
}

/** The registers that every drawing command looks at. */
export interface Settings {
  readonly foreground: number;
  readonly background: number;
  /** BAE8 and B6E8. */
  readonly foregroundMix: number;
  readonly backgroundMix: number;
  readonly writeMask: number;
  readonly readMask: number;
  readonly compare: number;
  /** Multifunction registers. */
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
  readonly pixelControl: number;
  readonly misc: number;
}

/** A pixel to draw: where, and which pixel of video memory goes with it. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly sourceX: number;
  readonly sourceY: number;
  /** First pixel of a row. */
  readonly newRow: boolean;
  /** Counted, but not drawn. */
  readonly hidden?: boolean;
}

const wrap = (n: number): number => ((n % 4096) + 4096) % 4096;

export function getPixel({ memory, bytes, pitch }: Canvas, x: number, y: number): number {
  let value = 0;
  for (let i = bytes - 1; i >= 0; i--) value = value * 256 + (memory[(y * pitch + x) * bytes + i] ?? 0xff);
  return value;
}

function setPixel({ memory, bytes, pitch }: Canvas, x: number, y: number, value: number): void {
  for (let i = 0; i < bytes; i++) {
    const at = (y * pitch + x) * bytes + i;
    if (at < memory.length) memory[at] = Math.floor(value / 256 ** i) % 256;
  }
}

/** The mixes in the words of the data sheet. */
const MIXES: readonly ((s: boolean, d: boolean) => boolean)[] = [
  (_s, d) => !d,
  () => false,
  () => true,
  (_s, d) => d,
  (s) => !s,
  (s, d) => s !== d,
  (s, d) => s === d,
  (s) => s,
  (s, d) => !s || !d,
  (s, d) => !s || d,
  (s, d) => s || !d,
  (s, d) => s || d,
  (s, d) => s && d,
  (s, d) => s && !d,
  (s, d) => !s && d,
  (s, d) => !s && !d,
];

const bitOf = (value: number, bit: number): boolean => Math.floor(value / 2 ** bit) % 2 === 1;

/** Every bit of the pixel that the read mask lets through is 1. */
export function allOnes(canvas: Canvas, pixel: number, readMask: number): boolean {
  for (let bit = 0; bit < 8 * canvas.bytes; bit++) if (bitOf(readMask, bit) && !bitOf(pixel, bit)) return false;
  return true;
}

/** Draws one pixel. @param cpu colour and bit from the CPU, if it sends any */
export function drawPixel(canvas: Canvas, s: Settings, point: Point, cpu = { color: 0, bit: false }): void {
  if (point.hidden) return;
  const { x, y } = point;
  const inside = x >= s.left && x <= s.right && y >= s.top && y <= s.bottom;
  const clipOutside = bitOf(s.misc, 5);
  if (clipOutside ? inside : !inside) return;
  const memoryPixel = getPixel(canvas, point.sourceX, point.sourceY);
  const select = Math.floor(s.pixelControl / 64) % 4;
  let useForeground = true;
  if (select === 2) useForeground = cpu.bit;
  if (select === 3) useForeground = allOnes(canvas, memoryPixel, s.readMask);
  const mix = useForeground ? s.foregroundMix : s.backgroundMix;
  const limit = 256 ** canvas.bytes;
  const source = [s.background, s.foreground, cpu.color, memoryPixel][Math.floor(mix / 32) % 4]! % limit;
  if (bitOf(s.misc, 8)) {
    const equal = source === s.compare % limit;
    if (bitOf(s.misc, 7) ? !equal : equal) return;
  }
  const old = getPixel(canvas, x, y);
  let result = 0;
  for (let bit = 0; bit < 8 * canvas.bytes; bit++) {
    const set = bitOf(s.writeMask, bit) ? MIXES[mix % 16]!(bitOf(source, bit), bitOf(old, bit)) : bitOf(old, bit);
    if (set) result += 2 ** bit;
  }
  setPixel(canvas, x, y, result);
}

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly right: boolean;
  readonly down: boolean;
  /** Copy from here, or the corner of a pattern. */
  readonly from?: { readonly x: number; readonly y: number; readonly pattern: boolean };
}

export function* rectanglePoints(r: Rectangle): Generator<Point> {
  for (let row = 0; row < r.height; row++) {
    for (let column = 0; column < r.width; column++) {
      const dx = r.right ? column : -column;
      const dy = r.down ? row : -row;
      const x = wrap(r.x + dx);
      const y = wrap(r.y + dy);
      let source = { x, y };
      if (r.from?.pattern) source = { x: r.from.x + (x % 8), y: r.from.y + (y % 8) };
      else if (r.from) source = { x: wrap(r.from.x + dx), y: wrap(r.from.y + dy) };
      yield { x, y, sourceX: source.x, sourceY: source.y, newRow: column === 0 };
    }
  }
}

/** Bresenham's line by the parameters that the data sheet has software compute for it. */
export function* linePoints(
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
  lastPixelOff: boolean,
): Generator<Point> {
  const dx = Math.abs(to.x - from.x);
  const dy = Math.abs(to.y - from.y);
  const length = Math.max(dx, dy);
  const minor = Math.min(dx, dy);
  // Distance of the ideal line from the half-way point, times two.
  let error = 2 * minor - length - (from.x < to.x ? 1 : 0);
  let { x, y } = from;
  for (let i = 0; i <= length; i++) {
    const hidden = lastPixelOff && i === length;
    yield { x: wrap(x), y: wrap(y), sourceX: wrap(x), sourceY: wrap(y), newRow: i === 0, hidden };
    const diagonal = error >= 0;
    error += diagonal ? 2 * (minor - length) : 2 * minor;
    const steep = dy >= dx;
    if (!steep || diagonal) x += Math.sign(to.x - from.x);
    if (steep || diagonal) y += Math.sign(to.y - from.y);
  }
}

/** Eight compass directions, counter-clockwise from east; y grows downwards. */
export function* radialPoints(x: number, y: number, direction: number, length: number): Generator<Point> {
  const angle = (direction * Math.PI) / 4;
  const stepX = Math.round(Math.cos(angle));
  const stepY = -Math.round(Math.sin(angle));
  for (let i = 0; i <= length; i++) {
    const at = { x: wrap(x + i * stepX), y: wrap(y + i * stepY) };
    yield { ...at, sourceX: at.x, sourceY: at.y, newRow: i === 0 };
  }
}

/** Bits as they leave a stream of bytes, most significant first. */
export function bitsOf(bytes: readonly number[]): boolean[] {
  return bytes.flatMap((byte) => Array.from({ length: 8 }, (_, i) => bitOf(byte, 7 - i)));
}
