/** A seeded source of random numbers (mulberry32): the same programs for the same seed everywhere. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 32 random bits, unsigned. */
  bits(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }
  /** An integer from 0 to `bound` - 1. */
  below(bound: number): number {
    return Math.floor((this.bits() / 4294967296) * bound);
  }
  /** True in `percent` of 100 cases. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }
  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
  /** A number whose bits are likely to show something: 0, 1, -1, powers of two and their neighbours, or any. */
  value(): number {
    switch (this.below(6)) {
      case 0:
        return this.pick([0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff]);
      case 1:
        return ((1 << this.below(32)) + this.below(3) - 1) >>> 0;
      case 2:
        return this.below(256);
      default:
        return this.bits();
    }
  }
}
