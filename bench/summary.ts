/** From samples to medians, spreads, ratios and verdicts on checksums. */
import { geometricMean, median, spread } from './statistics.ts';
import type { Measurement, Sample } from './types.ts';

export interface PeerFigure {
  /** Median over the samples, host milliseconds. */
  readonly milliseconds: number;
  /** (largest - smallest) / median over the samples. */
  readonly spread: number;
  readonly samples: number;
  /** Median over the rounds of this emulator's time by the base's in the same round; above 1 the base is faster. */
  readonly ratio: number | undefined;
}

export interface ItemSummary {
  readonly item: string;
  readonly group: string;
  readonly figures: ReadonlyMap<string, PeerFigure>;
  /** What is wrong with the checksums, or undefined. */
  readonly disagreement: string | undefined;
}

export interface SuiteSummary {
  readonly suite: string;
  readonly items: readonly ItemSummary[];
  /** Failed samples, in words. */
  readonly failures: readonly string[];
}

/** Rounds by emulator: the measurement of one item. */
type Rounds = Map<string, Map<number, Measurement>>;

/** Suites and items in the order of their first appearance. */
export function summarise(samples: readonly Sample[], base: string): SuiteSummary[] {
  return [...new Set(samples.map(({ suite }) => suite))].map((suite) => {
    const own = samples.filter((sample) => sample.suite === suite);
    const items = new Map<string, Rounds>();
    const failures: string[] = [];
    for (const { peer, round, outcome } of own) {
      if ('error' in outcome) {
        failures.push(`${peer}, round ${round + 1}: ${outcome.error}`);
        continue;
      }
      for (const measurement of outcome.measurements) {
        const peers: Rounds = items.get(measurement.item) ?? new Map();
        items.set(measurement.item, peers);
        const rounds = peers.get(peer) ?? new Map<number, Measurement>();
        peers.set(peer, rounds);
        rounds.set(round, measurement);
      }
    }
    return { suite, items: [...items].map(([item, rounds]) => summariseItem(item, rounds, base)), failures };
  });
}

function summariseItem(item: string, peers: Rounds, base: string): ItemSummary {
  const baseRounds = peers.get(base);
  const figures = new Map<string, PeerFigure>();
  let group = '';
  for (const [peer, rounds] of peers) {
    const times = [...rounds.values()].map(({ milliseconds }) => milliseconds);
    group = [...rounds.values()][0]?.group ?? group;
    const ratios = [...rounds].flatMap(([round, { milliseconds }]) => {
      const reference = baseRounds?.get(round)?.milliseconds;
      // Processor time of another process may not have moved between two looks.
      return reference === undefined || !(milliseconds > 0) || !(reference > 0) ? [] : [milliseconds / reference];
    });
    figures.set(peer, {
      milliseconds: median(times),
      spread: spread(times),
      samples: times.length,
      ratio: ratios.length === 0 ? undefined : median(ratios),
    });
  }
  return { item, group, figures, disagreement: disagreement(peers) };
}

function disagreement(peers: Rounds): string | undefined {
  const byChecksum = new Map<string, Set<string>>();
  for (const [peer, rounds] of peers)
    for (const { checksum, unstable, wrong } of rounds.values()) {
      if (unstable === true) return `${peer} gives different checksums for the same work`;
      if (wrong === true) return `${peer} computes ${checksum}, which a real processor does not`;
      if (checksum !== undefined) byChecksum.set(checksum, (byChecksum.get(checksum) ?? new Set()).add(peer));
    }
  if (byChecksum.size <= 1) return undefined;
  return [...byChecksum].map(([checksum, names]) => `${checksum}: ${[...names].join(', ')}`).join('; ');
}

/** Stages of a boot follow each other, so that a mean over them says nothing. */
export const STAGES = 'boot';

const ratiosOf = (items: readonly ItemSummary[], peer: string): number[] =>
  items.flatMap(({ figures }) => figures.get(peer)?.ratio ?? []);

/** Geometric means of an emulator's ratios, by group; groups without a ratio, and stages of a boot, are left out. */
export function groupMeans(items: readonly ItemSummary[], peer: string): Map<string, number> {
  const groups = [...new Set(items.map(({ group }) => group))].filter((group) => group !== STAGES);
  return new Map(
    groups.flatMap((group) => {
      const mean = meanOver(items, peer, [group]);
      return mean === undefined ? [] : [[group, mean]];
    }),
  );
}

/** Geometric mean over every item of the groups, or over all items but the stages of a boot; undefined without ratios. */
export function meanOver(
  items: readonly ItemSummary[],
  peer: string,
  groups: readonly string[] | 'all',
): number | undefined {
  const ratios = ratiosOf(
    items.filter(({ group }) => (groups === 'all' ? group !== STAGES : groups.includes(group))),
    peer,
  );
  return ratios.length === 0 ? undefined : geometricMean(ratios);
}
