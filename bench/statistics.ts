/** Medians, spreads, means. */

/** The middle value, or the mean of the middle two. @throws RangeError without values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('a median needs at least one value');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Distance from the smallest to the largest value as a part of the median: 0.1 is 10 %. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values);
}

/** @throws RangeError without values, or with one that is not positive */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0 || values.some((value) => !(value > 0)))
    throw new RangeError('a geometric mean needs positive values');
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/**
 * What a repeated piece of work takes once it is warm and undisturbed: the shortest of all repetitions but the first, which
 * pays for decoding and compiling. A repetition of a few milliseconds is either interrupted by other work on the host or
 * not, so that a median inside a sample would measure the other work; samples are joined by median. A single repetition
 * stands for itself.
 */
export function steady(repetitions: readonly number[]): number {
  return Math.min(...(repetitions.length > 1 ? repetitions.slice(1) : repetitions));
}

/**
 * The same for processor time: the mean of all repetitions but the first. Other work does not lengthen processor time, but the
 * host counts it in ticks longer than a repetition, so that the shortest one is too short.
 */
export function steadyMean(repetitions: readonly number[]): number {
  const warm = repetitions.length > 1 ? repetitions.slice(1) : repetitions;
  return warm.reduce((sum, value) => sum + value, 0) / warm.length;
}
