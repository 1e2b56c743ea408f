import { describe, expect, it } from 'vitest';
import { blockToMsf, msfToBlock, rawSector } from '../../../devices/ide/cd-sector.ts';
import { pattern } from './rig.ts';

/** GF(2^8) multiplication by repeated shifting, x^8 + x^4 + x^3 + x^2 + 1: another way than the code's tables. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (; b; b >>= 1) {
    if (b & 1) product ^= a;
    a = (a << 1) ^ (a & 0x80 ? 0x11d : 0);
  }
  return product;
}

function power(exponent: number): number {
  let value = 1;
  for (let i = 0; i < exponent; i++) value = multiply(value, 2);
  return value;
}

/** Both syndromes of a code word, ECMA-130 annex A: zero for an intact one. */
function syndromes(word: number[]): [number, number] {
  let plain = 0;
  let weighted = 0;
  word.forEach((byte, i) => {
    plain ^= byte;
    weighted ^= multiply(byte, power(word.length - 1 - i));
  });
  return [plain, weighted];
}

describe('mode 1 sectors (ECMA-130)', () => {
  const sector = rawSector(1234, pattern(1234, 2048));
  const from12 = (i: number): number => sector[12 + i]!;

  it('begin with synchronisation and a BCD header', () => {
    expect([...sector.subarray(0, 12)]).toEqual([0, ...new Array<number>(10).fill(0xff), 0]);
    expect([...sector.subarray(12, 16)]).toEqual([0x00, 0x18, 0x34, 1]); // 1384 frames = 18 s 34
    expect(sector.subarray(16, 2064)).toEqual(pattern(1234, 2048));
    expect([...sector.subarray(2068, 2076)]).toEqual(new Array(8).fill(0));
  });

  it('carry an EDC that divides by (x^16+x^15+x^2+1)(x^16+x^2+x+1)', () => {
    // Bitwise long division, least significant bit of each byte first.
    let product = 0n;
    for (const a of [16n, 15n, 2n, 0n]) for (const b of [16n, 2n, 1n, 0n]) product ^= 1n << (a + b);
    let remainder = 0n;
    for (const byte of sector.subarray(0, 2068)) {
      for (let bit = 0; bit < 8; bit++) {
        remainder = (remainder << 1n) | BigInt((byte >> bit) & 1);
        if (remainder >> 32n) remainder ^= product;
      }
    }
    expect(remainder).toBe(0n);
  });

  it('carry P and Q parity without syndrome', () => {
    for (let column = 0; column < 86; column++) {
      expect(syndromes(Array.from({ length: 26 }, (_, row) => from12(column + 86 * row)))).toEqual([0, 0]);
    }
    for (let n = 0; n < 26; n++) {
      for (const lane of [0, 1]) {
        const word = Array.from({ length: 43 }, (_, m) => from12(2 * ((44 * m + 43 * n) % 1118) + lane));
        word.push(from12(2236 + 2 * n + lane), from12(2236 + 52 + 2 * n + lane));
        expect(syndromes(word)).toEqual([0, 0]);
      }
    }
  });

  it('count from 00:02:00', () => {
    expect(blockToMsf(0)).toEqual([0, 2, 0]);
    expect(blockToMsf(16)).toEqual([0, 2, 16]);
    expect(msfToBlock(0, 0, 0)).toBe(-150);
    for (const block of [0, 74, 75, 4499, 333_000]) expect(msfToBlock(...blockToMsf(block))).toBe(block);
  });
});
