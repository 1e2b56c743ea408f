/**
 * Random rings: addresses beyond memory, chains that loop, lengths that lie, descriptors over one another.
 * `VS_FUZZ_RINGS` sets how many (default 2000), `VS_FUZZ_SEED` where to begin.
 */
import { describe, expect, it } from 'vitest';
import { BROADCAST, ChipRig, frame } from './rig.ts';

const RINGS = Number(process.env['VS_FUZZ_RINGS'] ?? 2000);
const SEED = Number(process.env['VS_FUZZ_SEED'] ?? 1);

/** xorshift32 */
function generator(seed: number): () => number {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

const AREA = 0x4000;
const MAX_ALARMS = 2000;

/** Builds one pair of rings, lets the chip loose on it, and gives how many alarms ran. */
function ring(rig: ChipRig, random: () => number): number {
  const wild = (): number => {
    const kind = random() & 7;
    if (kind === 0) return random();
    if (kind === 1) return 0xffff0 + (random() & 0x1f);
    return (random() % AREA) & ~3;
  };
  const count = 1 + (random() & 15);
  for (let i = 0; i < count; i++) {
    const at = wild();
    if (at + 16 > rig.memory.bytes.length) continue;
    const control = random() & 1 ? random() : (random() & 0xe7c00000) | (random() & 0x7ff);
    rig.put32(at, random() & 3 ? 0x80000000 : random(), control, wild(), wild());
  }
  rig.write(0, random() & 0x7c);
  rig.write(0, (random() & 0x000e007c) | (random() & 1));
  rig.write(3, wild());
  rig.write(4, wild());
  rig.write(15, random() & 1);
  rig.write(7, random());
  rig.write(6, random());
  rig.write(6, (random() & 0x40000ed0) | 0x2002);
  const before = rig.host.clock.fired;
  for (let i = 0; i < 4; i++) {
    rig.write(1, 0);
    rig.chip.receive(frame(BROADCAST, 14 + (random() % 2100)));
    rig.host.clock.advance(random() % 500_000);
    rig.write(2, 0);
    rig.write(5, random());
  }
  return rig.host.clock.fired - before;
}

describe('random rings', () => {
  it(
    'harm nobody: no exception, frames of a legal size, a bounded amount of work',
    { timeout: 20_000 + RINGS * 10 },
    () => {
      const random = generator(SEED);
      const rig = new ChipRig();
      let longest = 0;
      for (let i = 0; i < RINGS; i++) {
        longest = Math.max(longest, ring(rig, random));
        if ((i & 0xff) === 0) rig.memory.bytes.fill(0);
        for (const sent of rig.sent)
          if (sent.length < 14 || sent.length > 2048) throw new Error(`frame ${sent.length}`);
        rig.sent.length = 0;
      }
      expect(longest).toBeLessThan(MAX_ALARMS);
    },
  );

  it('a ring that cannot be closed ends all the same', () => {
    const rig = new ChipRig();
    // Memory that takes no writes: every descriptor stays owned by the chip.
    rig.memory.write = () => {};
    rig.put32(0x2000, 0x80000000, 0x01000000, 0, 0x2000);
    rig.write(3, 0x2000);
    rig.write(4, 0x2000);
    rig.write(6, 0x2042);
    rig.chip.receive(frame(BROADCAST, 100));
    rig.host.clock.advance(1e7);
    expect(rig.host.clock.fired).toBeLessThan(10_000);
  });
});
