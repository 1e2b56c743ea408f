/** Limits that a run is held against: `npm run bench -- --check`. */
import { readFileSync } from 'node:fs';
import { memoryBeyondGuest, memoryGrowth, observedSeconds } from './memory-figures.ts';
import { meanOver, STAGES, summarise } from './summary.ts';
import type { ItemSummary, SuiteSummary } from './summary.ts';
import type { Observation, Sample } from './types.ts';

/** Exactly one of the four. */
interface Limit {
  readonly atLeast?: number;
  readonly above?: number;
  readonly atMost?: number;
  readonly below?: number;
}

/**
 * A ratio is the other emulator's time by ours: above 1 we are faster. Ratios hold on any host; milliseconds only on one like
 * that which the page describes.
 */
export interface RatioThreshold extends Limit {
  readonly name: string;
  readonly suite: string;
  readonly against: string;
  /** Whose ratio; default the base of the run. */
  readonly of?: string;
  /** Geometric mean over every item of these groups, or over all items … */
  readonly mean?: readonly string[] | 'all';
  /** … or each of these items, or of all. */
  readonly each?: readonly string[] | 'all';
}

/** Median host milliseconds of one item. */
export interface TimeThreshold extends Limit {
  readonly name: string;
  readonly suite: string;
  readonly item: string;
}

/** MiB, or per cent of a host core. */
export interface ObservationThreshold extends Limit {
  readonly name: string;
  readonly observation: 'memory-beyond-guest' | 'memory-growth' | 'idle-share';
  /** A shorter observation can fail, but not pass. */
  readonly seconds?: number;
}

export type Threshold = RatioThreshold | TimeThreshold | ObservationThreshold;

export interface Verdict {
  readonly name: string;
  readonly limit: string;
  readonly found: string;
  /** Undefined: there was nothing to compare. */
  readonly passed: boolean | undefined;
  /** Single items that miss the limit, with their figures, the worst first. */
  readonly missing: readonly string[];
}

const COMPARISONS = {
  atLeast: { sign: '>=', holds: (value: number, limit: number) => value >= limit },
  above: { sign: '>', holds: (value: number, limit: number) => value > limit },
  atMost: { sign: '<=', holds: (value: number, limit: number) => value <= limit },
  below: { sign: '<', holds: (value: number, limit: number) => value < limit },
} as const;
const KINDS = Object.keys(COMPARISONS) as (keyof typeof COMPARISONS)[];
const OBSERVATIONS: readonly unknown[] = ['memory-beyond-guest', 'memory-growth', 'idle-share'];

const isList = (value: unknown): boolean =>
  value === 'all' || (Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string'));

function isThreshold(value: unknown): value is Threshold {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Record<string, unknown>;
  const limits = KINDS.filter((kind) => entry[kind] !== undefined);
  const limit = limits.length === 1 ? entry[limits[0]!] : undefined;
  if (typeof entry['name'] !== 'string' || typeof limit !== 'number' || !(limit > 0)) return false;
  if ('observation' in entry) return OBSERVATIONS.includes(entry['observation']) && !('suite' in entry);
  if (typeof entry['suite'] !== 'string') return false;
  if (!('against' in entry)) return typeof entry['item'] === 'string';
  const ways = [entry['mean'], entry['each']].filter((way) => way !== undefined);
  return typeof entry['against'] === 'string' && ways.length === 1 && isList(ways[0]);
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

/** What a run found. */
export interface Findings {
  readonly samples: readonly Sample[];
  readonly observations: readonly Observation[];
}

/** Holds what was found of `base` against the limits. What was not measured gives verdicts without an answer. */
export function check(findings: Findings, thresholds: readonly Threshold[], base: string): Verdict[] {
  const summaries = new Map<string, SuiteSummary[]>();
  const summariesOf = (peer: string): SuiteSummary[] => {
    const known = summaries.get(peer) ?? summarise(findings.samples, peer);
    summaries.set(peer, known);
    return known;
  };
  return thresholds.map((threshold) => {
    if ('observation' in threshold) return checkObservation(threshold, findings.observations, base);
    const peer = ('of' in threshold ? threshold.of : undefined) ?? base;
    const suite = summariesOf(peer).find(({ suite: id }) => id === threshold.suite);
    if (!('against' in threshold)) return checkTime(threshold, suite?.items ?? [], base);
    return threshold.mean === undefined
      ? checkEach(threshold, suite?.items ?? [])
      : checkMean(threshold, suite?.items ?? [], threshold.mean);
  });
}

function limitOf(threshold: Threshold): { text: (unit: string) => string; holds: (value: number) => boolean } {
  const kind = KINDS.find((name) => threshold[name] !== undefined)!;
  const { sign, holds } = COMPARISONS[kind];
  const limit = threshold[kind]!;
  return { text: (unit) => `${sign} ${limit}${unit}`, holds: (value) => holds(value, limit) };
}

const nameOf = (threshold: RatioThreshold): string =>
  `${threshold.name}, ${threshold.of === undefined ? '' : `${threshold.of} `}against ${threshold.against}`;

const formatted = (ratio: number): string => `${ratio.toFixed(2)}x`;

/** A verdict on something of which there is no figure. */
const unanswered = (name: string, limit: string, found = 'not measured'): Verdict => ({
  name,
  limit,
  found,
  passed: undefined,
  missing: [],
});

function checkMean(
  threshold: RatioThreshold,
  items: readonly ItemSummary[],
  groups: readonly string[] | 'all',
): Verdict {
  const limit = limitOf(threshold);
  const name = nameOf(threshold);
  const absent = groups === 'all' ? [] : groups.filter((group) => !items.some((item) => item.group === group));
  const mean = meanOver(items, threshold.against, groups);
  if (mean === undefined || absent.length > 0) return unanswered(name, limit.text('x'));
  const count = items.filter(({ group, figures }) => {
    const counts = groups === 'all' ? group !== STAGES : groups.includes(group);
    return counts && figures.get(threshold.against)?.ratio !== undefined;
  }).length;
  return {
    name,
    limit: limit.text('x'),
    found: `${formatted(mean)} over ${count}`,
    passed: limit.holds(mean),
    missing: [],
  };
}

function checkEach(threshold: RatioThreshold, items: readonly ItemSummary[]): Verdict {
  const limit = limitOf(threshold);
  const name = nameOf(threshold);
  const wanted = threshold.each === 'all' ? items.map(({ item }) => item) : (threshold.each ?? []);
  const ratios = wanted.map((item) => ({
    item,
    ratio: items.find((entry) => entry.item === item)?.figures.get(threshold.against)?.ratio,
  }));
  const measured = ratios
    .flatMap(({ item, ratio }) => (ratio === undefined ? [] : [{ item, ratio }]))
    .sort((a, b) => a.ratio - b.ratio);
  const worst = measured[0];
  if (worst === undefined) return unanswered(name, limit.text('x'));
  const missing = measured.filter(({ ratio }) => !limit.holds(ratio));
  const counted = measured.length > 1 ? `, ${missing.length} of ${measured.length} miss it` : '';
  return {
    name,
    limit: limit.text('x'),
    found: `${formatted(worst.ratio)}${measured.length > 1 ? ` (${worst.item})` : ''}${counted}`,
    // An item without a figure cannot pass.
    passed: missing.length > 0 ? false : measured.length === ratios.length ? true : undefined,
    missing: measured.length > 1 ? missing.map(({ item, ratio }) => `${item} ${formatted(ratio)}`) : [],
  };
}

function checkTime(threshold: TimeThreshold, items: readonly ItemSummary[], base: string): Verdict {
  const limit = limitOf(threshold);
  const time = items.find(({ item }) => item === threshold.item)?.figures.get(base)?.milliseconds;
  if (time === undefined) return unanswered(threshold.name, limit.text(' ms'));
  return {
    name: threshold.name,
    limit: limit.text(' ms'),
    found: `${time.toFixed(1)} ms`,
    passed: limit.holds(time),
    missing: [],
  };
}

function checkObservation(
  threshold: ObservationThreshold,
  observations: readonly Observation[],
  base: string,
): Verdict {
  const { name, observation: kind } = threshold;
  const limit = limitOf(threshold);
  const unit = kind === 'idle-share' ? ' %' : ' MiB';
  const watch = kind === 'idle-share' ? 'idle' : 'memory';
  const observation = observations.find((entry) => entry.peer === base && entry.watch === watch);
  if (!observation) return unanswered(name, limit.text(unit));
  const value =
    observation.watch === 'idle'
      ? observation.share * 100
      : kind === 'memory-growth'
        ? memoryGrowth(observation)
        : memoryBeyondGuest(observation);
  const seconds = observedSeconds(observation);
  if (value === undefined) return unanswered(name, limit.text(unit), `nothing to compare after ${seconds} s`);
  const holds = limit.holds(value);
  const long = threshold.seconds === undefined || seconds >= threshold.seconds;
  return {
    name,
    limit: limit.text(unit),
    found: `${value.toFixed(1)}${unit} in ${seconds} s`,
    passed: holds ? (long ? true : undefined) : false,
    missing: [],
  };
}
