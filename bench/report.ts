/** Tables of a run, for the terminal and for the page. */
import { SUITES } from './guests/index.ts';
import { PEERS } from './peers/index.ts';
import { groupMeans, summarise } from './summary.ts';
import type { ItemSummary, SuiteSummary } from './summary.ts';
import type { Verdict } from './thresholds.ts';
import type { Peer, Result, Skip } from './types.ts';

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

/** Header and rows of one suite. Times of each emulator, then how often the base fits into the others' time. */
export function suiteTable(suite: SuiteSummary, base: string): { header: string[]; rows: string[][] } {
  const peers = peersIn(suite, base);
  const others = peers.filter(({ id }) => id !== base);
  const compared = others.filter(({ id }) => suite.items.some(({ figures }) => figures.get(id)?.ratio !== undefined));
  const header = ['', ...peers.map(({ title }) => title), ...compared.map(({ title }) => `vs ${title}`)];
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
  const rows = suite.items.map(row);
  const means = compared.map(({ id }) => groupMeans(suite.items, id));
  // Stages of a boot follow each other, so that their mean says nothing.
  const groups = [...new Set(suite.items.map(({ group }) => group))].filter((group) => group !== 'boot');
  for (const group of compared.length === 0 ? [] : groups)
    rows.push([
      group === '' ? 'geometric mean' : `geometric mean, ${group}`,
      ...peers.map(() => ''),
      ...means.map((mean) => formatRatio(mean.get(group))),
    ]);
  return { header, rows };
}

export const suiteTitle = (id: string): string => SUITES.find((suite) => suite.id === id)?.title ?? id;

export function describeSkip({ suite, peer, reason }: Skip): string {
  const what = [suite === undefined ? [] : suiteTitle(suite), peer ?? []].flat().join(', ');
  return `${what}: ${reason}`;
}

function aligned({ header, rows }: { header: string[]; rows: string[][] }): string {
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

/** What went wrong: failed samples, checksums that differ. */
export function problems(summaries: readonly SuiteSummary[]): string[] {
  return summaries.flatMap(({ suite, items, failures }) => [
    ...failures.map((failure) => `${suite}: ${failure}`),
    ...items.flatMap(({ item, disagreement }) =>
      disagreement === undefined ? [] : [`${suite} ${item}: checksums differ: ${disagreement}`],
    ),
  ]);
}

export function terminalReport(result: Result, base: string): string {
  const { machine, samples, skips } = result;
  const summaries = summarise(samples, base);
  const blocks = [
    `${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.system}; Node ${machine.node}`,
    ...summaries.map((suite) => `${suiteTitle(suite.suite)}\n${aligned(suiteTable(suite, base))}`),
    ...skips.map((skip) => `skipped: ${describeSkip(skip)}`),
    ...problems(summaries).map((problem) => `PROBLEM: ${problem}`),
  ];
  return `${blocks.join('\n\n')}\n`;
}

export function verdictReport(verdicts: readonly Verdict[]): string {
  const word = ({ passed }: Verdict): string => (passed === undefined ? 'not checked' : passed ? 'ok' : 'BELOW');
  return aligned({
    header: ['', 'limit', 'found', ''],
    rows: verdicts.map((verdict) => [verdict.name, verdict.limit, verdict.found, word(verdict)]),
  });
}
