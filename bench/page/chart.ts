/**
 * Charts of ratios on a logarithmic axis: 2x and 0.5x are equally far from 1x, which is the line in the middle. To the right of
 * it we are faster.
 */
import { element, svgFile } from './svg.ts';
import type { Markup, Palette } from './svg.ts';

export interface Series {
  readonly title: string;
  /** Name of a colour of the palette. */
  readonly colour: 'first' | 'second';
}

export interface Row {
  readonly label: string;
  /** A ratio for each series; undefined where there is none. */
  readonly ratios: readonly (number | undefined)[];
  /** The row stands out, as a mean over others. */
  readonly strong?: boolean;
}

export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

export interface Chart {
  readonly title: string;
  readonly series: readonly Series[];
  readonly sections: readonly Section[];
  /** Bars with their figure, or dots for many rows. */
  readonly marks: 'bars' | 'dots';
}

const PALETTE: Palette = {
  paper: ['#ffffff', '#14181d'],
  ink: ['#1f2328', '#e6edf3'],
  faint: ['#59636e', '#9aa4af'],
  grid: ['#d9dee3', '#30363d'],
  band: ['#f3f5f7', '#1b2027'],
  first: ['#1f6fc4', '#5ba3f5'],
  second: ['#c2570c', '#f0954f'],
};

const WIDTH = 860;
const LEFT = 150;
const RIGHT = 60;
const TOP = 78;
const BOTTOM = 30;
const SECTION_HEIGHT = 30;
const BAR = 9;
const DOT_ROW = 15;
/** Axis ends are powers of two; labels that do not fit on them are shown at the edge. */
const TICKS: readonly number[] = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64];

const LARGEST = TICKS.at(-1)!;
const SMALLEST = TICKS[0]!;

/** The ticks that the ratios need, at least from 1/2 to 2. */
export function ticksFor(ratios: readonly number[]): number[] {
  const low = Math.min(0.5, ...ratios);
  const high = Math.max(2, ...ratios);
  const first = Math.max(SMALLEST, 2 ** Math.floor(Math.log2(low)));
  const last = TICKS.find((tick) => tick >= high) ?? LARGEST;
  return TICKS.filter((tick) => tick >= first && tick <= last);
}

const tickLabel = (tick: number): string => (tick < 1 ? `1/${1 / tick}x` : `${tick}x`);

const label = (
  x: number,
  y: number,
  content: string,
  {
    anchor = 'start',
    size = 11,
    colour = 'ink',
    weight = 400,
  }: Partial<Record<'anchor' | 'colour', string>> & {
    readonly size?: number;
    readonly weight?: number;
  } = {},
): Markup =>
  element(
    'text',
    { x, y, 'font-size': size, 'font-weight': weight, 'text-anchor': anchor, fill: `var(--${colour})` },
    content,
  );

/** Marks of one row; `at` gives the place of a ratio on the axis, clamped to its ends. */
function rowMarks(chart: Chart, row: Row, y: number, height: number, at: (ratio: number) => number): Markup[] {
  return row.ratios.flatMap((ratio, i) => {
    if (ratio === undefined) return [];
    const fill = `var(--${chart.series[i]!.colour})`;
    const hint = element('title', {}, `${row.label}, ${chart.series[i]!.title}: ${ratio.toFixed(2)}x`);
    if (chart.marks === 'dots')
      return [element('circle', { cx: at(ratio), cy: y + height / 2, r: 4, fill, 'fill-opacity': 0.85 }, hint)];
    const top = y + (height - BAR * chart.series.length) / 2 + BAR * i;
    const [from, to] = [Math.min(at(1), at(ratio)), Math.max(at(1), at(ratio))];
    const slower = ratio < 1;
    return [
      element('rect', { x: from, y: top + 0.5, width: Math.max(to - from, 1), height: BAR - 1, fill }, hint),
      label(slower ? from - 4 : to + 4, top + BAR - 1.5, `${ratio.toFixed(2)}`, {
        anchor: slower ? 'end' : 'start',
        size: 9,
        weight: row.strong === true ? 700 : 400,
      }),
    ];
  });
}

/** The picture as the text of an SVG file. */
export function renderChart(chart: Chart): string {
  const rowHeight = chart.marks === 'dots' ? DOT_ROW : BAR * chart.series.length + 7;
  const ratios = chart.sections.flatMap(({ rows }) =>
    rows.flatMap((row) => row.ratios.flatMap((ratio) => ratio ?? [])),
  );
  const ticks = ticksFor(ratios);
  const [low, high] = [Math.log2(ticks[0]!), Math.log2(ticks.at(-1)!)];
  // Room for what reaches the left end: a bar's figure, half a dot.
  const from = LEFT + (chart.marks === 'bars' ? 30 : 10);
  const at = (ratio: number): number =>
    from + ((Math.min(Math.max(Math.log2(ratio), low), high) - low) / (high - low)) * (WIDTH - RIGHT - from);
  const bodyHeight = chart.sections.reduce((sum, { rows }) => sum + SECTION_HEIGHT + rows.length * rowHeight, 0);
  const height = TOP + bodyHeight + BOTTOM;

  const marks: Markup[] = [label(16, 26, chart.title, { size: 15, weight: 600 })];
  chart.series.forEach(({ title, colour }, i) => {
    marks.push(
      element('rect', { x: 16 + i * 150, y: 38, width: 10, height: 10, fill: `var(--${colour})` }),
      label(31 + i * 150, 47, `against ${title}`, { size: 12 }),
    );
  });
  marks.push(label(WIDTH - 16, 47, 'right of 1x: virtualserver is faster', { anchor: 'end', colour: 'faint' }));
  const grid = ticks.flatMap((tick) => [
    element('line', {
      x1: at(tick),
      x2: at(tick),
      y1: TOP - 6,
      y2: TOP + bodyHeight,
      stroke: tick === 1 ? 'var(--faint)' : 'var(--grid)',
      'stroke-width': tick === 1 ? 1.5 : 1,
    }),
    ...[TOP - 10, TOP + bodyHeight + 16].map((y) =>
      label(at(tick), y, tickLabel(tick), { anchor: 'middle', colour: 'faint', size: 10 }),
    ),
  ]);
  const bands: Markup[] = [];
  const rows: Markup[] = [];
  let y = TOP;
  for (const section of chart.sections) {
    rows.push(label(16, y + SECTION_HEIGHT - 9, section.title, { size: 12, weight: 600 }));
    y += SECTION_HEIGHT;
    section.rows.forEach((row, i) => {
      if (i % 2 === 0)
        bands.push(element('rect', { x: 16, y, width: WIDTH - 32, height: rowHeight, fill: 'var(--band)' }));
      const weight = row.strong === true ? 700 : 400;
      rows.push(label(LEFT - 8, y + rowHeight / 2 + 4, row.label, { anchor: 'end', weight }));
      rows.push(...rowMarks(chart, row, y, rowHeight, at));
      y += rowHeight;
    });
  }
  return svgFile({ width: WIDTH, height, label: chart.title }, PALETTE, [...marks, ...bands, ...grid, ...rows]);
}
