/** Limits that a run is held against: `npm run bench -- --check`. */
import { readFileSync } from 'node:fs';
import { groupMeans } from './summary.ts';
import type { ItemSummary, SuiteSummary } from './summary.ts';

/**
 * A limit for one item of a suite, or for each of them (`*`); with `group`, for the geometric mean of a group's ratios.
 * Ratios are the other emulator's time by ours: above 1 we are faster. They hold on any host; milliseconds only on a host
 * like the one that the page describes.
 */
export type Threshold = RelativeThreshold | AbsoluteThreshold;

interface Target {
  readonly suite: string;
  readonly item?: string;
  readonly group?: string;
}

export interface RelativeThreshold extends Target {
  readonly against: string;
  readonly atLeast: number;
}

export interface AbsoluteThreshold extends Target {
  readonly atMostMilliseconds: number;
}

export interface Verdict {
  /** What was held against the limit: `kernels sieve, v86-nojit`. */
  readonly name: string;
  readonly limit: string;
  readonly found: string;
  /** Undefined: there was nothing to compare. */
  readonly passed: boolean | undefined;
}

function isThreshold(value: unknown): value is Threshold {
  if (typeof value !== 'object' || value === null) return false;
  const { suite, item, group, against, atLeast, atMostMilliseconds } = value as Record<string, unknown>;
  const relative = typeof against === 'string' && typeof atLeast === 'number' && atLeast > 0;
  const absolute = typeof atMostMilliseconds === 'number' && atMostMilliseconds > 0 && item !== undefined;
  const named = (typeof item === 'string') !== (typeof group === 'string');
  return typeof suite === 'string' && named && relative !== absolute;
}

/** @throws Error naming the entry that is wrong */
export function parseThresholds(text: string): Threshold[] {
  const value: unknown = JSON.parse(text);
  if (!Array.isArray(value)) throw new Error('thresholds: not a list');
  return value.map((entry: unknown, i) => {
    if (!isThreshold(entry)) throw new Error(`thresholds[${i}]: ${JSON.stringify(entry)} is not a limit`);
    return entry;
  });
}

export const readThresholds = (path: string): Threshold[] => parseThresholds(readFileSync(path, 'utf8'));

/** Holds a run of `base` against the limits. Suites that were not run give verdicts without an answer. */
export function check(summaries: readonly SuiteSummary[], thresholds: readonly Threshold[], base: string): Verdict[] {
  return thresholds.flatMap((threshold) => {
    const suite = summaries.find(({ suite: id }) => id === threshold.suite);
    if (threshold.group !== undefined) return [checkGroup(threshold, suite)];
    const items = (suite?.items ?? []).filter(({ item }) => threshold.item === '*' || item === threshold.item);
    return items.length === 0
      ? [unanswered(threshold, threshold.item ?? '*')]
      : items.map((item) => checkItem(threshold, item, base));
  });
}

const nameOf = (threshold: Threshold, item: string): string =>
  `${threshold.suite} ${item}${'against' in threshold ? `, ${threshold.against}` : ''}`;

const limitOf = (threshold: Threshold): string =>
  'against' in threshold ? `>= ${threshold.atLeast}x` : `<= ${threshold.atMostMilliseconds} ms`;

const unanswered = (threshold: Threshold, item: string): Verdict => ({
  name: nameOf(threshold, item),
  limit: limitOf(threshold),
  found: 'not measured',
  passed: undefined,
});

function ratioVerdict(threshold: RelativeThreshold, item: string, ratio: number | undefined): Verdict {
  if (ratio === undefined) return unanswered(threshold, item);
  return {
    name: nameOf(threshold, item),
    limit: limitOf(threshold),
    found: `${ratio.toFixed(2)}x`,
    passed: ratio >= threshold.atLeast,
  };
}

function checkItem(threshold: Threshold, item: ItemSummary, base: string): Verdict {
  if ('against' in threshold) return ratioVerdict(threshold, item.item, item.figures.get(threshold.against)?.ratio);
  const time = item.figures.get(base)?.milliseconds;
  if (time === undefined) return unanswered(threshold, item.item);
  return {
    name: nameOf(threshold, item.item),
    limit: limitOf(threshold),
    found: `${time.toFixed(1)} ms`,
    passed: time <= threshold.atMostMilliseconds,
  };
}

function checkGroup(threshold: Threshold, suite: SuiteSummary | undefined): Verdict {
  const name = `group ${threshold.group}`;
  if (!suite || !('against' in threshold)) return unanswered(threshold, name);
  return ratioVerdict(threshold, name, groupMeans(suite.items, threshold.against).get(threshold.group ?? ''));
}
