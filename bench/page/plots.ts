/** The pictures of the page. */
import { suiteTitle } from '../report.ts';
import { groupMeans, meanOver, STAGES, summarise } from '../summary.ts';
import type { SuiteSummary } from '../summary.ts';
import type { Result } from '../types.ts';
import { renderChart } from './chart.ts';
import type { Row, Section, Series } from './chart.ts';

export interface Plot {
  /** Name of the file beside the page. */
  readonly file: string;
  readonly alt: string;
  readonly svg: string;
}

/** Compiling emulators: the others are in the tables. */
const OPPONENTS: readonly (Series & { readonly id: string })[] = [
  { id: 'v86', title: 'v86', colour: 'first' },
  { id: 'qemu', title: 'QEMU TCG', colour: 'second' },
];

const hasRatio = ({ ratios }: Row): boolean => ratios.some((ratio) => ratio !== undefined);

/** One row for each group and one for all; where there are no groups, one for each item that is not a stage of a boot. */
function overviewRows(suite: SuiteSummary): Row[] {
  const means = OPPONENTS.map(({ id }) => groupMeans(suite.items, id));
  const groups = [...new Set(means.flatMap((mean) => [...mean.keys()]))];
  const all: Row = {
    label: 'geometric mean',
    ratios: OPPONENTS.map(({ id }) => meanOver(suite.items, id, 'all')),
    strong: true,
  };
  const single = suite.items.filter(({ item, group }) => group !== STAGES || item === 'ready');
  const rows: Row[] =
    groups.length > 1
      ? groups.map((group) => ({ label: group, ratios: means.map((mean) => mean.get(group)) }))
      : single.map(({ item, group, figures }) => ({
          label: group === STAGES ? `power-on to ${item}` : item,
          ratios: OPPONENTS.map(({ id }) => figures.get(id)?.ratio),
        }));
  return [...rows, ...(rows.length > 1 ? [all] : [])].filter(hasRatio);
}

const itemRows = (suite: SuiteSummary): Row[] =>
  suite.items
    .map(({ item, figures }) => ({ label: item, ratios: OPPONENTS.map(({ id }) => figures.get(id)?.ratio) }))
    .filter(hasRatio);

/** Pictures of what a run measured: an overview, and every single benchmark at the largest scale. */
export function plots(result: Pick<Result, 'samples'>, base: string): Plot[] {
  const suites = summarise(result.samples, base);
  const section = (suite: SuiteSummary, rows: (suite: SuiteSummary) => Row[]): Section => ({
    title: suiteTitle(suite.suite),
    rows: rows(suite),
  });
  const filled = (list: Section[]): Section[] => list.filter(({ rows }) => rows.length > 0);
  const overview = filled([...suites].reverse().map((suite) => section(suite, overviewRows)));
  const largest = suites
    .filter(({ suite }) => suite.startsWith('linux-bench-'))
    .sort((a, b) => Number(b.suite.split('-').at(-1)) - Number(a.suite.split('-').at(-1)))[0];
  const single = filled(largest ? [section(largest, itemRows)] : []);
  const drawn: [string, string, Section[], 'bars' | 'dots'][] = [
    ['benchmarks.svg', 'How many times as fast as other emulators, by group of benchmarks', overview, 'bars'],
    ['benchmarks-items.svg', 'How many times as fast as other emulators, every Linux benchmark', single, 'dots'],
  ];
  return drawn
    .filter(([, , sections]) => sections.length > 0)
    .map(([file, title, sections, marks]) => ({
      file,
      alt: title,
      svg: renderChart({ title, series: OPPONENTS, sections, marks }),
    }));
}
