/** A seeded generator (mulberry32), so that a failing round can be repeated. */
export interface Random {
  /** An integer from 0 to `below` - 1. */
  (below: number): number;
}

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return Math.floor((((value ^ (value >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Sectors filled with a byte that tells them from all others. */
export function pattern(sectors: number, value: number): Uint8Array {
  const bytes = new Uint8Array(sectors * 512);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (value * 31 + (i >> 9) * 7 + i) & 0xff;
  return bytes;
}
