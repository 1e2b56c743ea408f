import { describe, expect, it } from 'vitest';
import { firstLine, interleave } from '../../bench/harness.ts';
import { formatTime, problems, suiteTable, terminalReport, verdictReport } from '../../bench/report.ts';
import { groupMeans, summarise } from '../../bench/summary.ts';
import { check, parseThresholds } from '../../bench/thresholds.ts';
import type { Measurement, Sample } from '../../bench/types.ts';

const sample = (peer: string, round: number, ...measurements: Measurement[]): Sample => ({
  suite: 'kernels',
  peer,
  round,
  load: 0.5,
  outcome: { measurements },
});
const sieve = (milliseconds: number, checksum = 'aaaaaaaa'): Measurement => ({ item: 'sieve', milliseconds, checksum });

describe('turns', () => {
  it('lets the emulators alternate within a suite', () => {
    expect(interleave(['s', 't'], ['a', 'b'], 2).map(({ suite, peer, round }) => `${suite}${peer}${round}`)).toEqual([
      'sa0',
      'sb0',
      'sa1',
      'sb1',
      'ta0',
      'tb0',
      'ta1',
      'tb1',
    ]);
  });
});

describe('messages of failed samples', () => {
  it('are one short line', () => {
    expect(firstLine('TypeError: no\n    at f (somewhere/file.ts:1:2)')).toBe('TypeError: no');
    expect(firstLine('x'.repeat(1000))).toHaveLength(201);
    expect(firstLine('')).toBe('');
  });
});

describe('summaries', () => {
  // The host was three times as slow in the second round: ratios of medians would be 50/20, those of rounds are 2, 2, 5.
  const samples = [
    sample('virtualserver', 0, sieve(10)),
    sample('v86', 0, sieve(20)),
    sample('virtualserver', 1, sieve(30)),
    sample('v86', 1, sieve(60)),
    sample('virtualserver', 2, sieve(20)),
    sample('v86', 2, sieve(100)),
  ];

  it('takes ratios round by round', () => {
    const [suite] = summarise(samples, 'virtualserver');
    expect(suite!.items[0]!.figures.get('v86')).toEqual({ milliseconds: 60, spread: 80 / 60, samples: 3, ratio: 2 });
    expect(suite!.items[0]!.figures.get('virtualserver')).toMatchObject({ milliseconds: 20, ratio: 1 });
    expect(suite!.items[0]!.disagreement).toBeUndefined();
  });

  it('gives no ratio without a round in common', () => {
    const [suite] = summarise([sample('virtualserver', 0, sieve(10)), sample('v86', 1, sieve(20))], 'virtualserver');
    expect(suite!.items[0]!.figures.get('v86')!.ratio).toBeUndefined();
  });

  it('names emulators whose checksums differ', () => {
    const wrong = summarise([...samples, sample('qemu', 0, sieve(5, 'bbbbbbbb'))], 'virtualserver');
    expect(problems(wrong)).toEqual(['kernels sieve: checksums differ: aaaaaaaa: virtualserver, v86; bbbbbbbb: qemu']);
    const unstable = summarise([sample('qemu', 0, { ...sieve(5), unstable: true })], 'virtualserver');
    expect(problems(unstable)[0]).toContain('qemu gives different checksums for the same work');
  });

  it('keeps failed samples out of the figures and in the report', () => {
    const failed: Sample = {
      suite: 'kernels',
      peer: 'v86',
      round: 3,
      load: 0,
      outcome: { error: 'not ready after 5 s' },
    };
    const [suite] = summarise([...samples, failed], 'virtualserver');
    expect(suite!.items[0]!.figures.get('v86')!.samples).toBe(3);
    expect(suite!.failures).toEqual(['v86, round 4: not ready after 5 s']);
  });

  it('means ratios group by group', () => {
    const grouped = (peer: string, a: number, b: number, c: number): Sample =>
      sample(
        peer,
        0,
        { item: 'int-a', group: 'int', milliseconds: a },
        { item: 'int-b', group: 'int', milliseconds: b },
        { item: 'x87-c', group: 'x87', milliseconds: c },
      );
    const [suite] = summarise([grouped('virtualserver', 1, 1, 1), grouped('v86', 2, 8, 3)], 'virtualserver');
    const means = groupMeans(suite!.items, 'v86');
    expect(means.get('int')).toBeCloseTo(4);
    expect(means.get('x87')).toBeCloseTo(3);
  });

  it('prints a table with a row per item and a column per ratio', () => {
    const { header, rows } = suiteTable(summarise(samples, 'virtualserver')[0]!, 'virtualserver');
    expect(header).toEqual(['', 'virtualserver', 'v86', 'vs v86']);
    expect(rows).toEqual([
      ['sieve', '20.0 ms ±50%', '60.0 ms ±67%', '2.00x'],
      ['geometric mean', '', '', '2.00x'],
    ]);
  });

  it('says what was skipped', () => {
    const text = terminalReport(
      {
        format: 1,
        machine: { date: '', processor: 'P', cores: 2, memoryGiB: 4, system: 'S', node: '20', v8: '11', peers: {} },
        samples,
        skips: [{ peer: 'qemu', reason: 'not installed' }],
      },
      'virtualserver',
    );
    expect(text).toContain('skipped: qemu: not installed');
  });

  it('writes times with three digits', () => {
    expect([0.1234, 9.999, 12.34, 999.4, 999.6, 15_240].map(formatTime)).toEqual([
      '0.12 ms',
      '10.0 ms',
      '12.3 ms',
      '999 ms',
      '1.00 s',
      '15.2 s',
    ]);
  });
});

describe('limits', () => {
  const summaries = summarise(
    [
      sample('virtualserver', 0, sieve(10), { item: 'fib', milliseconds: 12 }),
      sample('v86-nojit', 0, sieve(40), { item: 'fib', milliseconds: 24 }),
    ],
    'virtualserver',
  );
  const verdicts = (text: string) => check(summaries, parseThresholds(text), 'virtualserver');

  it('holds every item against a limit for all', () => {
    const found = verdicts('[{"suite":"kernels","item":"*","against":"v86-nojit","atLeast":3}]');
    expect(found.map(({ name, found: ratio, passed }) => [name, ratio, passed])).toEqual([
      ['kernels sieve, v86-nojit', '4.00x', true],
      ['kernels fib, v86-nojit', '2.00x', false],
    ]);
    expect(verdictReport(found)).toMatch(/fib.*2\.00x\s+BELOW/);
  });

  it('holds means and times against theirs', () => {
    expect(
      verdicts(`[
        {"suite":"kernels","group":"","against":"v86-nojit","atLeast":2.8},
        {"suite":"kernels","item":"fib","atMostMilliseconds":11},
        {"suite":"kernels","item":"sieve","atMostMilliseconds":10}
      ]`).map(({ passed }) => passed),
    ).toEqual([true, false, true]);
  });

  it('does not pass what was not measured', () => {
    expect(
      verdicts(`[
        {"suite":"boot","item":"ready","against":"v86","atLeast":1},
        {"suite":"kernels","item":"sieve","against":"qemu","atLeast":1}
      ]`).map(({ passed }) => passed),
    ).toEqual([undefined, undefined]);
  });

  it.each([
    '{}',
    '[{"suite":"kernels","against":"v86","atLeast":1}]',
    '[{"suite":"kernels","item":"*","against":"v86"}]',
    '[{"suite":"kernels","item":"*","against":"v86","atLeast":"3"}]',
    '[{"suite":"kernels","item":"*","against":"v86","atLeast":3,"atMostMilliseconds":3}]',
  ])('refuses %s', (text) => {
    expect(() => parseThresholds(text)).toThrow(/thresholds/);
  });
});
