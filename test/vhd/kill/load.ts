/** What the killed process does, repeatable from a seed, so that the surviving process knows what must be there. */
import { pattern, seededRandom } from '../random.ts';

export const SIZE: number = 8 * 1024 * 1024;
export const SECTORS: number = SIZE / 512;
/** Small blocks make many allocations. */
export const BLOCK = 65536;

/** One thing a guest does. */
export type Action =
  | { readonly kind: 'flush' }
  | { readonly kind: 'write'; readonly lba: number; readonly data: Uint8Array }
  | { readonly kind: 'trim'; readonly lba: number; readonly count: number };

/** The endless load of a seed: runs of sequential writes, scattered small ones, trims, and a flush now and then. */
export function* guestLoad(seed: number): Generator<Action, never, void> {
  const random = seededRandom(seed);
  let next = random(SECTORS);
  for (;;) {
    const what = random(10);
    if (what === 0) {
      yield { kind: 'flush' };
    } else if (what === 1) {
      const count = 1 + random(512);
      yield { kind: 'trim', lba: random(SECTORS - count), count };
    } else {
      const count = 1 + random(what < 6 ? 128 : 16);
      const lba = what < 6 && next + count <= SECTORS ? next : random(SECTORS - count);
      next = lba + count;
      yield { kind: 'write', lba, data: pattern(count, random(256)) };
    }
  }
}

/** What can be killed. */
export const MODES = ['dynamic', 'differencing', 'compact', 'merge', 'resize', 'convert', 'reparent'] as const;
export type Mode = (typeof MODES)[number];
