/**
 * SSE floating point on the host's operations against the soft functions: the same random operands with the inexact flag set, where the host
 * may serve, and clear, where every exception has to be found. MIN, MAX and comparisons, which do not depend on that flag, against
 * a model. SSE_RANDOM_CASES sets the number of cases per instruction.
 */
import { describe, expect, it } from 'vitest';
import { FloatMachine } from './float-machine.ts';

const CASES = Number(process.env['SSE_RANDOM_CASES'] ?? 400);
const MASKED = 0x1f80;
const [IE, DE, PE] = [0x01, 0x02, 0x20];
const [DAZ, FZ] = [0x40, 0x8000];

/** A small generator (xorshift32), so that failures repeat. */
let seed = 0x5bd1e995;
function bits(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}
const random = (below: number): number => bits() % below;
const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;

type Kind = 'single' | 'double' | 'integer';
/** A pattern of all classes of numbers, most of them normal and of similar size. */
function pattern(kind: Kind): bigint {
  if (kind === 'integer') return BigInt(bits() >>> random(32));
  const fraction = kind === 'single' ? 23 : 52;
  const bias = kind === 'single' ? 127 : 1023;
  const near = random(10) ? bias + random(9) - 4 : bias + random(70) - 10;
  const exponent = random(14) ? near : pick([0, 0, 1, 2, 3, 2 * bias - 1, 2 * bias, 2 * bias + 1]);
  const wide = (BigInt(bits()) << 32n) | BigInt(bits());
  const digits = pick([wide, wide, wide, 0n, wide << BigInt(fraction - 6)]) & ((1n << BigInt(fraction)) - 1n);
  return (BigInt(random(2)) << BigInt(kind === 'single' ? 31 : 63)) | (BigInt(exponent) << BigInt(fraction)) | digits;
}
function vector(kind: Kind): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  const same = random(3) === 0 ? pattern(kind) : undefined;
  for (let at = 0; at < 16; at += kind === 'double' ? 8 : 4) {
    const value = same ?? pattern(kind);
    if (kind === 'double') view.setBigUint64(at, value, true);
    else view.setUint32(at, Number(value), true);
  }
  return new Uint8Array(view.buffer);
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const machine = new FloatMachine();

const SHAPES: readonly (readonly [string, readonly number[], Kind])[] = [
  ['ps', [], 'single'],
  ['ss', [0xf3], 'single'],
  ['pd', [0x66], 'double'],
  ['sd', [0xf2], 'double'],
];
const ARITHMETIC: readonly (readonly [string, number])[] = [
  ['add', 0x58],
  ['mul', 0x59],
  ['sub', 0x5c],
  ['div', 0x5e],
  ['sqrt', 0x51],
];
const CONVERSIONS: readonly (readonly [string, readonly number[], Kind])[] = [
  ['cvtsd2ss', [0xf2, 0x0f, 0x5a], 'double'],
  ['cvtpd2ps', [0x66, 0x0f, 0x5a], 'double'],
  ['cvtdq2ps', [0x0f, 0x5b], 'integer'],
  ['cvtps2dq', [0x66, 0x0f, 0x5b], 'single'],
  ['cvttps2dq', [0xf3, 0x0f, 0x5b], 'single'],
  ['cvttss2si', [0xf3, 0x0f, 0x2c], 'single'],
  ['cvtss2si', [0xf3, 0x0f, 0x2d], 'single'],
  ['cvttsd2si', [0xf2, 0x0f, 0x2c], 'double'],
  ['cvtsd2si', [0xf2, 0x0f, 0x2d], 'double'],
];

function samePaths(code: readonly number[], kind: Kind): void {
  machine.load([...code, 0xc1]);
  for (let n = 0; n < CASES; n++) {
    const a = vector(kind);
    const b = random(8) ? vector(kind) : a;
    const control = MASKED | pick([0, 0, 0, 0, DAZ, FZ, DAZ | FZ, 0x2000, 0x6000]);
    const run = (before: number): string => {
      machine.run(a, b, control | before);
      return `${hex(machine.xmm0)} eax ${(machine.eax >>> 0).toString(16)} flags ${(machine.mxcsr | PE).toString(16)}`;
    };
    expect(run(PE), `case ${n}: ${hex(a)} ${hex(b)} mxcsr ${control.toString(16)}`).toBe(run(0));
  }
}

/** Numbers of a vector, as doubles. */
function numbers(bytes: Uint8Array, kind: Kind): number[] {
  const view = new DataView(bytes.buffer);
  return kind === 'single'
    ? [0, 4, 8, 12].map((at) => view.getFloat32(at, true))
    : [0, 8].map((at) => view.getFloat64(at, true));
}
function isDenormal(x: number, kind: Kind): boolean {
  return x !== 0 && Math.abs(x) < (kind === 'single' ? 2 ** -126 : 2 ** -1022);
}
/** Exceptions of comparing lanes of numbers none of which is a NaN. */
const denormals = (pairs: readonly (readonly [number, number])[], kind: Kind): number =>
  pairs.some(([x, y]) => isDenormal(x, kind) || isDenormal(y, kind)) ? DE : 0;

describe(`SSE floating point in place, ${CASES} cases each`, () => {
  const timeout = { timeout: 20_000 + CASES * 10 };
  for (const [suffix, prefix, kind] of SHAPES)
    for (const [name, opcode] of ARITHMETIC)
      it(`${name}${suffix} gives the same with the inexact flag set and clear`, timeout, () =>
        samePaths([...prefix, 0x0f, opcode], kind),
      );
  for (const [name, code, kind] of CONVERSIONS)
    it(`${name} gives the same with the inexact flag set and clear`, timeout, () => samePaths(code, kind));

  for (const [suffix, prefix, kind] of SHAPES)
    for (const [name, opcode, isMax] of [
      ['min', 0x5d, false],
      ['max', 0x5f, true],
    ] as const)
      it(`${name}${suffix} gives the source unless the destination is beyond it`, timeout, () => {
        machine.load([...prefix, 0x0f, opcode, 0xc1]);
        const size = kind === 'single' ? 4 : 8;
        const lanes = suffix.startsWith('p') ? 16 / size : 1;
        for (let n = 0; n < CASES; n++) {
          const a = vector(kind);
          const b = random(6) ? vector(kind) : a;
          machine.run(a, b, MASKED);
          const expected = a.slice();
          const pairs = numbers(a, kind)
            .map((x, k): [number, number] => [x, numbers(b, kind)[k]!])
            .slice(0, lanes);
          pairs.forEach(([x, y], k) => {
            if (!(isMax ? x > y : x < y)) expected.set(b.subarray(k * size, (k + 1) * size), k * size);
          });
          const ordered = pairs.filter(([x, y]) => !Number.isNaN(x) && !Number.isNaN(y));
          const found = (ordered.length < pairs.length ? IE : 0) | denormals(ordered, kind);
          const title = `case ${n}: ${hex(a)} ${hex(b)}`;
          expect(hex(machine.xmm0), title).toBe(hex(expected));
          expect(machine.mxcsr, title).toBe(MASKED | found);
        }
      });

  for (const [name, code, kind] of [
    ['ucomiss', [0x0f, 0x2e], 'single'],
    ['ucomisd', [0x66, 0x0f, 0x2e], 'double'],
    ['comiss', [0x0f, 0x2f], 'single'],
    ['comisd', [0x66, 0x0f, 0x2f], 'double'],
  ] as const)
    it(`${name} sets the flags of the comparison`, timeout, () => {
      machine.load([...code, 0xc1]);
      for (let n = 0; n < CASES; n++) {
        const a = vector(kind);
        const b = random(4) ? vector(kind) : a;
        machine.run(a, b, MASKED);
        const pair = [numbers(a, kind)[0]!, numbers(b, kind)[0]!] as const;
        const [x, y] = pair;
        const unordered = Number.isNaN(x) || Number.isNaN(y);
        const title = `case ${n}: ${hex(a)} ${hex(b)}`;
        expect(machine.eflags & 0x8d5, title).toBe(unordered ? 0x45 : x === y ? 0x40 : x < y ? 1 : 0);
        if (!unordered) expect(machine.mxcsr, title).toBe(MASKED | denormals([pair], kind));
      }
    });
});
