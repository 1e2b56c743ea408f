import { describe, expect, it } from 'vitest';
import { geometricMean, median, spread, steady, steadyMean } from '../../bench/statistics.ts';

describe('statistics', () => {
  it('takes the middle of unsorted values, and the mean of the middle two', () => {
    expect(median([9, 1, 5])).toBe(5);
    // Sorted as numbers, not as text.
    expect(median([100, 9, 20, 3])).toBe(14.5);
    expect(median([7])).toBe(7);
    expect(() => median([])).toThrow(RangeError);
  });

  it('leaves its argument as it is', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('gives the spread as a part of the median', () => {
    expect(spread([10, 12, 9])).toBeCloseTo(0.3);
    expect(spread([4])).toBe(0);
  });

  it('means ratios so that an inverse undoes itself', () => {
    expect(geometricMean([2, 0.5])).toBeCloseTo(1);
    expect(geometricMean([1, 10, 100])).toBeCloseTo(10);
    expect(() => geometricMean([])).toThrow(RangeError);
    expect(() => geometricMean([1, 0])).toThrow(RangeError);
  });

  it('takes the shortest repetition, the warm-up left out where there is more than one', () => {
    expect(steady([5, 12, 10, 11])).toBe(10);
    expect(steady([500])).toBe(500);
  });

  it('takes the mean of repetitions that are counted in ticks', () => {
    // 4 ms each, seen through a clock of 10 ms.
    expect(steadyMean([90, 0, 10, 0, 0, 10])).toBe(4);
    expect(steadyMean([500])).toBe(500);
  });
});
