import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FOOTPRINT_ITEMS } from '../../bench/guests/footprint.ts';
import { suiteOf } from '../../bench/guests/index.ts';
import { GROUPS } from '../../bench/guests/linux-bench.ts';
import { PEERS } from '../../bench/peers/index.ts';
import { verdictReport } from '../../bench/report.ts';
import { check, parseThresholds, readThresholds } from '../../bench/thresholds.ts';
import type { Measurement, MemoryLoop, Observation, Sample } from '../../bench/types.ts';

const FILE = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bench', 'thresholds.json');

const sample = (peer: string, ...measurements: Measurement[]): Sample => ({
  suite: 'kernels',
  peer,
  round: 0,
  load: 0,
  outcome: { measurements },
});
const item = (name: string, milliseconds: number, group = ''): Measurement => ({ item: name, milliseconds, group });

const samples = [
  sample('virtualserver', item('sieve', 10), item('fib', 12), item('x87-a', 1, 'x87')),
  sample('v86', item('sieve', 40), item('fib', 18), item('x87-a', 3, 'x87')),
  sample('virtualserver-interpreter', item('sieve', 20)),
];
const verdicts = (text: string, observations: readonly Observation[] = []) =>
  check({ samples, observations }, parseThresholds(text), 'virtualserver');

describe('limits', () => {
  it('hold every item, and say which one is worst and which ones miss', () => {
    const found = verdicts('[{"name":"k","suite":"kernels","each":"all","against":"v86","atLeast":3.5}]');
    expect(found).toEqual([
      {
        name: 'k, against v86',
        limit: '>= 3.5x',
        found: '1.50x (fib), 2 of 3 miss it',
        passed: false,
        missing: ['fib 1.50x', 'x87-a 3.00x'],
      },
    ]);
    expect(verdictReport(found)).toContain('k, against v86 (>= 3.5x): fib 1.50x, x87-a 3.00x');
    expect(verdictReport(found)).toContain('0 reached, 1 missed, 0 not checked');
  });

  it('hold means, single times, and other emulators than the base', () => {
    expect(
      verdicts(`[
        {"name":"a","suite":"kernels","mean":[""],"against":"v86","atLeast":2.4},
        {"name":"b","suite":"kernels","mean":["","x87"],"against":"v86","atLeast":2.7},
        {"name":"c","suite":"kernels","item":"fib","atMost":11},
        {"name":"d","suite":"kernels","item":"sieve","atMost":10},
        {"name":"e","suite":"kernels","each":["sieve"],"of":"virtualserver-interpreter","against":"v86","atLeast":2}
      ]`).map(({ found, passed }) => [found, passed]),
    ).toEqual([
      ['2.45x over 2', true],
      ['2.62x over 3', false],
      ['12.0 ms', false],
      ['10.0 ms', true],
      ['2.00x', true],
    ]);
  });

  it('tell "above" from "at least" and "below" from "at most"', () => {
    const each = (kind: string, limit: number): string =>
      `[{"name":"a","suite":"kernels","each":["sieve"],"against":"v86","${kind}":${limit}}]`;
    expect(['atLeast', 'above', 'atMost', 'below'].map((kind) => verdicts(each(kind, 4))[0]!.passed)).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('do not pass what was not measured', () => {
    expect(
      verdicts(`[
        {"name":"a","suite":"boot","each":["ready"],"against":"v86","atLeast":1},
        {"name":"b","suite":"kernels","each":["sieve"],"against":"qemu","atLeast":1},
        {"name":"c","suite":"kernels","each":["sieve","lost"],"against":"v86","atLeast":1},
        {"name":"d","suite":"kernels","mean":["x87","sse"],"against":"v86","atLeast":1},
        {"name":"e","suite":"kernels","item":"lost","atMost":1},
        {"name":"f","observation":"idle-share","below":3},
        {"name":"g","suite":"kernels","each":["fib","lost"],"against":"v86","atLeast":2}
      ]`).map(({ passed }) => passed),
    ).toEqual([undefined, undefined, undefined, undefined, undefined, undefined, false]);
  });

  it('hold what was watched over a time', () => {
    const loop = (end: number, medianMiB: number): MemoryLoop => ({
      end,
      medianMiB,
      largestMiB: medianMiB + 5,
      wrong: 0,
    });
    const observations: Observation[] = [
      { watch: 'idle', peer: 'v86', seconds: 60, share: 0.5 },
      { watch: 'idle', peer: 'virtualserver', seconds: 60, share: 0.03 },
      // The first loop counts for nothing.
      { watch: 'memory', peer: 'virtualserver', guestMiB: 256, loops: [loop(50, 900), loop(99, 480), loop(200, 492)] },
    ];
    const text = (seconds: number): string => `[
      {"name":"a","observation":"idle-share","below":3},
      {"name":"b","observation":"memory-beyond-guest","atMost":250,"seconds":${seconds}},
      {"name":"c","observation":"memory-growth","atMost":10}
    ]`;
    expect(verdicts(text(200), observations).map(({ found, passed }) => [found, passed])).toEqual([
      ['3.0 % in 60 s', false],
      ['241.0 MiB in 200 s', true],
      ['12.0 MiB in 200 s', false],
    ]);
    // Less than the asked time proves nothing.
    expect(verdicts(text(3600), observations)[1]!.passed).toBeUndefined();
  });

  it.each([
    '{}',
    '[{"name":"a","suite":"kernels","against":"v86","atLeast":1}]',
    '[{"name":"a","suite":"kernels","each":"all","against":"v86"}]',
    '[{"suite":"kernels","each":"all","against":"v86","atLeast":3}]',
    '[{"name":"a","suite":"kernels","each":[],"against":"v86","atLeast":3}]',
    '[{"name":"a","suite":"kernels","each":"all","mean":"all","against":"v86","atLeast":3}]',
    '[{"name":"a","suite":"kernels","each":"all","against":"v86","atLeast":"3"}]',
    '[{"name":"a","suite":"kernels","each":"all","against":"v86","atLeast":3,"above":3}]',
    '[{"name":"a","observation":"heat","atMost":3}]',
  ])('refuse %s', (text) => {
    expect(() => parseThresholds(text)).toThrow(/thresholds/);
  });
});

describe('the limits of the project', () => {
  const thresholds = readThresholds(FILE);

  it('speak of suites, items, groups and emulators that there are', () => {
    for (const threshold of thresholds) {
      if ('observation' in threshold) continue;
      expect(suiteOf(threshold.suite)?.id).toBe(threshold.suite);
      if (!('against' in threshold)) continue;
      for (const id of [threshold.against, threshold.of ?? 'virtualserver'])
        expect(PEERS.map((peer) => peer.id)).toContain(id);
      if (threshold.suite === 'footprint')
        expect(FOOTPRINT_ITEMS).toEqual(expect.arrayContaining([...threshold.each!]));
      if (Array.isArray(threshold.mean)) expect(GROUPS).toEqual(expect.arrayContaining([...threshold.mean]));
    }
  });

  it('count every group in a mean over everything', () => {
    const means = thresholds.filter(({ name }) => name.includes('all benchmarks'));
    expect(means).toHaveLength(4);
    for (const mean of means) expect(mean).toMatchObject({ mean: GROUPS });
  });
});
