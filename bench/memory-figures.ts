/** Figures from observations of memory. */
import type { MemoryObservation, Observation } from './types.ts';

/** MiB of the largest resident set of the last loop beyond the guest's memory; undefined before the first loop has ended. */
export function memoryBeyondGuest({ guestMiB, loops }: MemoryObservation): number | undefined {
  const last = loops.at(-1);
  return last === undefined ? undefined : last.largestMiB - guestMiB;
}

/**
 * MiB from the median of the second loop to that of the last. The first loop is left out: it touches the guest's memory and
 * compiles the guest's programs for the first time. Undefined before the third loop has ended.
 */
export function memoryGrowth({ loops }: MemoryObservation): number | undefined {
  return loops.length < 3 ? undefined : loops.at(-1)!.medianMiB - loops[1]!.medianMiB;
}

/** Whole seconds that something was watched for. */
export const observedSeconds = (observation: Observation): number =>
  Math.floor(observation.watch === 'idle' ? observation.seconds : (observation.loops.at(-1)?.end ?? 0));
