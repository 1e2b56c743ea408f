/** Writes docs/benchmarks.md from runs. */
import { writeFileSync } from 'node:fs';
import { suiteOf } from '../guests/index.ts';
import { describeSkip, formatRatio, itemTable, meanTable, observationLine, problems, suiteTitle } from '../report.ts';
import type { Table } from '../report.ts';
import { meanOver, summarise } from '../summary.ts';
import type { SuiteSummary } from '../summary.ts';
import type { Verdict } from '../thresholds.ts';
import type { Result } from '../types.ts';
import type { Plot } from './plots.ts';
import { ABOUT, COMMANDS, HOW_TO_READ, RESULT_FILE } from './texts.ts';

/** A run under one version of Node, and how it stands to the limits. */
export interface Run extends Result {
  readonly verdicts: readonly Verdict[];
}

function markdownTable({ header, rows }: Table): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map(line).join('\n');
}

function suiteSection(suite: SuiteSummary, base: string): string {
  const about = suiteOf(suite.suite)?.about ?? '';
  const means = meanTable(suite, base);
  const tables = [...(means.rows.length === 0 ? [] : [means]), itemTable(suite, base)].map(markdownTable);
  return [`## ${suiteTitle(suite.suite)}`, about, ...tables].join('\n\n');
}

/** Limits with what each run found. */
function verdictTable(runs: readonly Run[]): string {
  const word = ({ passed }: Verdict): string => (passed === undefined ? '' : passed ? ' ✓' : ' ✗');
  const cell = (verdict: Verdict | undefined): string =>
    verdict === undefined ? '-' : `${verdict.found}${word(verdict)}`;
  return markdownTable({
    header: ['', 'limit', ...runs.map(({ machine }) => `Node ${machine.node}`)],
    rows: runs[0]!.verdicts.map(({ name, limit }, i) => [
      name,
      limit,
      ...runs.map(({ verdicts }) => cell(verdicts[i])),
    ]),
  });
}

function machineSection(runs: readonly Run[]): string {
  const { machine } = runs[0]!;
  const loads = runs.flatMap(({ samples }) => samples.map(({ load }) => load));
  return [
    '## The machine\n',
    `- ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.system}`,
    ...runs.map((run) => `- Node ${run.machine.node}, V8 ${run.machine.v8}, measured ${run.machine.date.slice(0, 10)}`),
    ...Object.values(machine.peers).map((version) => `- ${version}`),
    ...(loads.length === 0
      ? []
      : [
          `- Load average of the host when samples began: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`,
        ]),
  ].join('\n');
}

/** Geometric means of the runs under other versions of Node; their items stay in their JSON files. */
function otherNodes(runs: readonly Run[], base: string): string[] {
  return runs.slice(1).map(({ machine, samples }) => {
    const rows = summarise(samples, base).map((suite) => [
      suiteTitle(suite.suite),
      ...['v86', 'qemu'].map((peer) => formatRatio(meanOver(suite.items, peer, 'all') ?? readyRatio(suite, peer))),
    ]);
    const header = ['geometric mean', 'vs v86', 'vs QEMU TCG'];
    return `## Under Node ${machine.node}\n\n${markdownTable({ header, rows })}`;
  });
}

/** A boot has no mean: its end counts. */
const readyRatio = ({ items }: SuiteSummary, peer: string): number | undefined =>
  items.find(({ item }) => item === 'ready')?.figures.get(peer)?.ratio;

/** The page, as Markdown that still has to be formatted. The first run gives the tables. */
export function benchmarksPage(runs: readonly Run[], plots: readonly Plot[], base: string): string {
  const [first] = runs;
  const skips = first!.skips.map((skip) => `- ${describeSkip(skip)}`);
  const wrong = runs.flatMap((run) => problems(run, base).map((problem) => `- Node ${run.machine.node}, ${problem}`));
  const watched = first!.observations.map((observation) => `- ${observationLine(observation)}`);
  return `${[
    '# Benchmarks',
    ABOUT,
    COMMANDS,
    ...plots.map(({ file, alt }) => `![${alt}](${file})`),
    '## Targets',
    '`npm run bench -- --check` holds a run against `bench/thresholds.json`. Where a limit is for each of several items, the worst one is shown.',
    verdictTable(runs),
    '## How to read the tables',
    HOW_TO_READ,
    ...summarise(first!.samples, base).map((suite) => suiteSection(suite, base)),
    ...(watched.length === 0 ? [] : [`## Memory and idleness\n\n${watched.join('\n')}`]),
    ...otherNodes(runs, base),
    machineSection(runs),
    ...(wrong.length === 0 ? [] : [`## Problems\n\n${wrong.join('\n')}`]),
    ...(skips.length === 0 ? [] : [`## Not measured\n\n${skips.join('\n')}`]),
    RESULT_FILE,
  ].join('\n\n')}\n`;
}

/** Formats and writes the page. */
export async function updatePage(path: string, page: string): Promise<void> {
  const { format, resolveConfig } = await import('prettier');
  writeFileSync(path, await format(page, { ...(await resolveConfig(path)), parser: 'markdown' }));
}
