import { SaxesParser } from 'saxes';
import { describe, expect, it } from 'vitest';
import { renderChart, ticksFor } from '../../bench/page/chart.ts';
import type { Chart } from '../../bench/page/chart.ts';
import { benchmarksPage } from '../../bench/page/page.ts';
import type { Run } from '../../bench/page/page.ts';
import { plots } from '../../bench/page/plots.ts';
import { element, svgFile } from '../../bench/page/svg.ts';
import { check, parseThresholds } from '../../bench/thresholds.ts';
import type { Measurement, Sample } from '../../bench/types.ts';

interface Tag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** All elements and texts of a picture, by an XML parser that is not ours. @throws Error when it is not well formed */
function parse(svg: string): { tags: Tag[]; texts: string[] } {
  const tags: Tag[] = [];
  const texts: string[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => tags.push({ name, attributes: attributes as Tag['attributes'] }));
  parser.on('text', (text) => texts.push(text));
  parser.write(svg).close();
  return { tags, texts };
}

const CHART: Chart = {
  title: 'a < b & "c"',
  series: [
    { title: 'v86', colour: 'first' },
    { title: 'QEMU', colour: 'second' },
  ],
  sections: [
    {
      title: 'kernels',
      rows: [
        { label: 'twice', ratios: [2, undefined] },
        { label: 'half', ratios: [0.5, 1] },
        { label: 'eight', ratios: [8, 4], strong: true },
      ],
    },
  ],
  marks: 'bars',
};

describe('SVG', () => {
  it('escapes what would be markup', () => {
    const { markup } = element('text', { 'data-a': '"<&>"' }, 'x < y & z');
    expect(markup).toBe('<text data-a="&quot;&lt;&amp;&gt;&quot;">x &lt; y &amp; z</text>');
    expect(element('rect', { width: 1.23456, height: -0.001 }).markup).toBe('<rect width="1.23" height="0"/>');
  });

  it('refuses numbers that no renderer draws', () => {
    expect(() => element('rect', { width: Number.NaN })).toThrow(RangeError);
    expect(() => element('rect', { x: Infinity })).toThrow(RangeError);
  });

  it('has a title, paper and colours for light and dark', () => {
    const svg = svgFile({ width: 20, height: 10, label: 'A & B' }, { paper: ['#ffffff', '#000000'] }, []);
    const { tags, texts } = parse(svg);
    expect(tags.map(({ name }) => name)).toEqual(['svg', 'title', 'style', 'rect']);
    expect(tags[0]!.attributes).toMatchObject({ xmlns: 'http://www.w3.org/2000/svg', viewBox: '0 0 20 10' });
    expect(texts.join('')).toContain('A & B');
    expect(svg).toMatch(/--paper:#ffffff.*prefers-color-scheme:dark.*--paper:#000000/s);
  });

  /** Relative luminance and contrast: WCAG 2.1, "relative luminance" and "contrast ratio". */
  const luminance = (colour: string): number => {
    const [r, g, b] = [1, 3, 5].map((at) => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  };
  const contrast = (a: string, b: string): number => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high! + 0.05) / (low! + 0.05);
  };

  it('can be read in both', () => {
    const sheets = [...renderChart(CHART).matchAll(/svg\{([^}]*)\}/g)].map(([, body]) =>
      Object.fromEntries(body!.split(';').map((pair) => pair.slice(2).split(':') as [string, string])),
    );
    expect(sheets).toHaveLength(2);
    for (const colours of sheets)
      for (const ground of [colours['paper']!, colours['band']!]) {
        // WCAG 2.1: 4.5 for text (1.4.3), 3 for what must be told apart in a graphic (1.4.11).
        for (const text of ['ink', 'faint']) expect(contrast(colours[text]!, ground)).toBeGreaterThan(4.5);
        for (const mark of ['first', 'second']) expect(contrast(colours[mark]!, ground)).toBeGreaterThan(3);
      }
  });
});

describe('charts', () => {
  const bars = ({ tags }: { tags: Tag[] }): { from: number; to: number; fill: string }[] =>
    tags
      .filter(({ name, attributes }) => name === 'rect' && /first|second/.test(attributes['fill'] ?? ''))
      .map(({ attributes }) => ({
        from: Number(attributes['x']),
        to: Number(attributes['x']) + Number(attributes['width']),
        fill: attributes['fill']!,
      }))
      // The legend comes first.
      .slice(2);

  it('put 2x and 0.5x equally far from 1x, and 8x three times as far', () => {
    const [twice, half, one, eight, four] = bars(parse(renderChart(CHART)));
    const middle = twice!.from;
    expect(half!.to).toBeCloseTo(middle, 1);
    expect(middle - half!.from).toBeCloseTo(twice!.to - middle, 1);
    expect(eight!.to - middle).toBeCloseTo(3 * (twice!.to - middle), 1);
    expect(four!.fill).toBe('var(--second)');
    // As fast as the other: hardly a bar, but one that can be seen.
    expect(one!.to - one!.from).toBeCloseTo(1, 1);
  });

  it('stay inside the picture, whatever the ratios', () => {
    const wild: Chart = {
      ...CHART,
      sections: [{ title: 's', rows: [{ label: 'r', ratios: [1e6, 1e-6] }] }],
    };
    const { tags } = parse(renderChart(wild));
    const width = Number(tags[0]!.attributes['width']);
    for (const { from, to } of bars({ tags })) {
      expect(from).toBeGreaterThan(0);
      expect(to).toBeLessThan(width);
    }
  });

  it('draw a dot for each figure when asked', () => {
    const { tags, texts } = parse(renderChart({ ...CHART, marks: 'dots' }));
    expect(tags.filter(({ name }) => name === 'circle')).toHaveLength(5);
    expect(texts).toContain('eight, QEMU: 4.00x');
  });

  it('have an axis that reaches around the ratios', () => {
    expect(ticksFor([])).toEqual([0.5, 1, 2]);
    expect(ticksFor([0.3, 5])).toEqual([0.25, 0.5, 1, 2, 4, 8]);
    expect(ticksFor([1e-9, 1e9])).toEqual([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64]);
  });
});

const linux = (peer: string, scale: number, times: readonly number[]): Sample => ({
  suite: `linux-bench-${scale}`,
  peer,
  round: 0,
  load: 0.5,
  outcome: {
    measurements: times.map((milliseconds, i): Measurement => ({
      item: ['int-a', 'int-b', 'x87-c'][i]!,
      group: ['int', 'int', 'x87'][i]!,
      milliseconds,
    })),
  },
});

function run(node: string, samples: readonly Sample[]): Run {
  const result = {
    format: 2,
    clock: 'host',
    machine: {
      date: '2026-01-02T03:04:05Z',
      processor: 'P',
      cores: 2,
      memoryGiB: 4,
      system: 'S',
      node,
      v8: '1',
      peers: { v86: 'v86 0.5' },
    },
    samples,
    observations: [{ watch: 'idle', peer: 'virtualserver', seconds: 60, share: 0.01 }],
    skips: [{ peer: 'qemu', reason: 'not there' }],
  } as const;
  const limits = parseThresholds(
    '[{"name":"all","suite":"linux-bench-1","mean":["int","x87"],"against":"v86","atLeast":2.1}]',
  );
  return { ...result, verdicts: check(result, limits, 'virtualserver') };
}

describe('the page', () => {
  const samples = [
    ...[1, 4].flatMap((scale) => [linux('virtualserver', scale, [1, 1, 1]), linux('v86', scale, [2, 8, 0.5])]),
  ];
  const newer: Sample[] = [
    linux('virtualserver', 1, [1, 1, 1]),
    linux('v86', 1, [3, 3, 3]),
    { ...linux('v86', 1, []), round: 1, outcome: { error: 'stopped' } },
  ];

  it('draws groups of every scale, and single benchmarks of the largest', () => {
    const [overview, items] = plots({ samples }, 'virtualserver');
    expect([overview!.file, items!.file]).toEqual(['benchmarks.svg', 'benchmarks-items.svg']);
    const shown = parse(overview!.svg).texts;
    for (const text of [
      'Linux benchmarks, scale 4',
      'Linux benchmarks, scale 1',
      'int',
      'geometric mean',
      '4.00',
      '0.50',
    ])
      expect(shown).toContain(text);
    expect(parse(items!.svg).texts.filter((text) => text.startsWith('Linux benchmarks'))).toEqual([
      'Linux benchmarks, scale 4',
    ]);
    expect(plots({ samples: [] }, 'virtualserver')).toEqual([]);
  });

  it('has means, items, limits under each Node, machine and observations', () => {
    const runs = [run('20.1.0', samples), run('24.2.0', newer)];
    const page = benchmarksPage(runs, plots(runs[0]!, 'virtualserver'), 'virtualserver');
    for (const text of [
      '![How many times as fast as other emulators, by group of benchmarks](benchmarks.svg)',
      '| int | 4.00x |',
      '| all | 2.00x |',
      '| int-b | 1.00 ms | 8.00 ms | 8.00x |',
      '| all, against v86 | >= 2.1x | 2.00x over 3 ✗ | 3.00x over 3 ✓ |',
      '## Under Node 24.2.0',
      '| Linux benchmarks, scale 1 | 3.00x | - |',
      '- Node 24.2.0, V8 1, measured 2026-01-02',
      '- virtualserver: an idle guest used 1.00 % of one core over 60 s',
      '- qemu: not there',
      '- Node 24.2.0, linux-bench-1: v86, round 2: stopped',
    ])
      expect(page).toContain(text);
  });
});
