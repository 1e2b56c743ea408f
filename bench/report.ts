/** Tables of a run, for the terminal and for the page. */
import { suiteOf } from './guests/index.ts';
import { memoryBeyondGuest, memoryGrowth } from './memory-figures.ts';
import { PEERS } from './peers/index.ts';
import { groupMeans, meanOver, summarise } from './summary.ts';
import type { ItemSummary, SuiteSummary } from './summary.ts';
import type { Verdict } from './thresholds.ts';
import type { Observation, Peer, Result, Skip } from './types.ts';

export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A time with three significant digits: `1.23 ms`, `45.6 ms`, `7.89 s`. */
export function formatTime(milliseconds: number): string {
  const [value, unit] = milliseconds < 999.5 ? [milliseconds, 'ms'] : [milliseconds / 1000, 's'];
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${unit}`;
}

export const formatRatio = (ratio: number | undefined): string => (ratio === undefined ? '-' : `${ratio.toFixed(2)}x`);

const percent = (part: number): string => `±${Math.round(part * 50)}%`;

/** The base first: the others are compared with it. */
export function peersIn(suite: SuiteSummary, base: string): Peer[] {
  const seen = new Set(suite.items.flatMap(({ figures }) => [...figures.keys()]));
  const peers = PEERS.filter(({ id }) => seen.has(id));
  return [...peers.filter(({ id }) => id === base), ...peers.filter(({ id }) => id !== base)];
}

/** Emulators with a ratio to the base. */
export const comparedIn = (suite: SuiteSummary, base: string): Peer[] =>
  peersIn(suite, base).filter(
    ({ id }) => id !== base && suite.items.some(({ figures }) => figures.get(id)?.ratio !== undefined),
  );

/** Items of one suite: times of each emulator, then how often the base fits into the others' time. */
export function itemTable(suite: SuiteSummary, base: string): Table {
  const peers = peersIn(suite, base);
  const compared = comparedIn(suite, base);
  const row = ({ item, figures, disagreement }: ItemSummary): string[] => [
    disagreement === undefined ? item : `${item} (!)`,
    ...peers.map(({ id }) => {
      const figure = figures.get(id);
      if (!figure) return '-';
      const time = formatTime(figure.milliseconds);
      return figure.samples > 1 ? `${time} ${percent(figure.spread)}` : time;
    }),
    ...compared.map(({ id }) => formatRatio(figures.get(id)?.ratio)),
  ];
  return {
    header: ['', ...peers.map(({ title }) => title), ...compared.map(({ title }) => `vs ${title}`)],
    rows: suite.items.map(row),
  };
}

/** Geometric means of the ratios, by group where there are groups, and over everything; no rows where there are none. */
export function meanTable(suite: SuiteSummary, base: string): Table {
  const compared = comparedIn(suite, base);
  const means = compared.map(({ id }) => groupMeans(suite.items, id));
  const groups = [...new Set(means.flatMap((mean) => [...mean.keys()]))];
  const all = compared.map(({ id }) => formatRatio(meanOver(suite.items, id, 'all')));
  const rows =
    groups.length > 1 ? groups.map((group) => [group, ...means.map((mean) => formatRatio(mean.get(group)))]) : [];
  return {
    header: ['geometric mean', ...compared.map(({ title }) => `vs ${title}`)],
    rows: groups.length === 0 ? [] : [...rows, ['all', ...all]],
  };
}

export const suiteTitle = (id: string): string => suiteOf(id)?.title ?? id;
const peerTitle = (id: string): string => PEERS.find((peer) => peer.id === id)?.title ?? id;

export function describeSkip({ suite, peer, reason }: Skip): string {
  const what = [suite === undefined ? [] : suiteTitle(suite), peer ?? []].flat().join(', ');
  return `${what}: ${reason}`;
}

const mib = (value: number | undefined): string => (value === undefined ? '-' : `${Math.round(value)} MiB`);

/** One row for each thing that was watched. */
export function observationLine(observation: Observation): string {
  const who = peerTitle(observation.peer);
  if (observation.watch === 'idle')
    return `${who}: an idle guest used ${(observation.share * 100).toFixed(2)} % of one core over ${observation.seconds} s`;
  const { loops, guestMiB } = observation;
  const last = loops.at(-1);
  if (!last) return `${who}: no loop of the guest has ended`;
  return (
    `${who}: ${loops.length} loops in ${Math.round(last.end)} s; resident in the last one ${mib(last.medianMiB)} (median), ` +
    `${mib(last.largestMiB)} (largest), ${mib(memoryBeyondGuest(observation))} beyond the guest's ${guestMiB} MiB; ` +
    `growth from the second loop to the last ${mib(memoryGrowth(observation))}`
  );
}

function aligned({ header, rows }: Table): string {
  const all = [header, ...rows];
  const widths = header.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** What went wrong: failed samples, checksums that differ or are wrong. */
export function problems({ samples, observations }: Pick<Result, 'samples' | 'observations'>, base: string): string[] {
  const suites = summarise(samples, base).flatMap(({ suite, items, failures }) => [
    ...failures.map((failure) => `${suite}: ${failure}`),
    ...items.flatMap(({ item, disagreement }) =>
      disagreement === undefined ? [] : [`${suite} ${item}: checksums differ: ${disagreement}`],
    ),
  ]);
  const watched = observations.flatMap((observation) => {
    const wrong = observation.watch === 'memory' ? observation.loops.filter(({ wrong: count }) => count > 0).length : 0;
    return wrong === 0 ? [] : [`memory, ${observation.peer}: wrong checksums in ${wrong} loops`];
  });
  return [...suites, ...watched];
}

export function terminalReport(result: Result, base: string): string {
  const { clock, machine, samples, observations, skips } = result;
  const blocks = [
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.system}; Node ${machine.node}${clock === 'host' ? '' : '; times are processor time'}`,
    ...summarise(samples, base).map((suite) => {
      const means = meanTable(suite, base);
      const tables = [itemTable(suite, base), ...(means.rows.length === 0 ? [] : [means])];
      return `${suiteTitle(suite.suite)}\n${tables.map(aligned).join('\n\n')}`;
    }),
    ...observations.map(observationLine),
    ...skips.map((skip) => `skipped: ${describeSkip(skip)}`),
    ...problems(result, base).map((problem) => `PROBLEM: ${problem}`),
  ];
  return `${blocks.join('\n\n')}\n`;
}

const VERDICT = { true: 'ok', false: 'MISSED', undefined: 'not checked' } as const;

/** Each limit with what was found, the single items that miss it, and how many limits are reached. */
export function verdictReport(verdicts: readonly Verdict[]): string {
  const table = aligned({
    header: ['', 'limit', 'found', ''],
    rows: verdicts.map(({ name, limit, found, passed }) => [name, limit, found, VERDICT[`${passed}`]]),
  });
  const details = verdicts
    .filter(({ missing }) => missing.length > 0)
    .map(({ name, limit, missing }) => `${name} (${limit}): ${missing.join(', ')}`);
  const count = (passed: boolean | undefined): number => verdicts.filter((verdict) => verdict.passed === passed).length;
  const total = `${count(true)} reached, ${count(false)} missed, ${count(undefined)} not checked`;
  return [table, ...details, total].join('\n\n');
}
