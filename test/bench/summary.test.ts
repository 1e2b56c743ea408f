import { describe, expect, it } from 'vitest';
import { firstLine, interleave } from '../../bench/harness.ts';
import { formatTime, itemTable, meanTable, observationLine, problems, terminalReport } from '../../bench/report.ts';
import { groupMeans, meanOver, summarise } from '../../bench/summary.ts';
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
    expect(
      interleave(['s', 't'], () => ['a', 'b'], 2).map(({ suite, peer, round }) => `${suite}${peer}${round}`),
    ).toEqual(['sa0', 'sb0', 'sa1', 'sb1', 'ta0', 'tb0', 'ta1', 'tb1']);
  });

  it('leaves out what a suite does not run in', () => {
    const turns = interleave(['s', 't'], (suite) => (suite === 's' ? ['a', 'b'] : ['b']), 2);
    expect(turns.map(({ suite, peer }) => suite + peer)).toEqual(['sa', 'sb', 'sa', 'sb', 'tb', 'tb']);
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

  it('gives no ratio of a time that no clock saw', () => {
    const [suite] = summarise(
      [sample('virtualserver', 0, sieve(10)), sample('v86', 0, sieve(0)), sample('qemu', 0, sieve(5))],
      'virtualserver',
    );
    expect(suite!.items[0]!.figures.get('v86')!.ratio).toBeUndefined();
    expect(meanOver(suite!.items, 'v86', 'all')).toBeUndefined();
    expect(meanOver(suite!.items, 'qemu', 'all')).toBeCloseTo(0.5);
  });

  it('names emulators whose checksums differ or are wrong', () => {
    const found = (...more: Sample[]): string[] =>
      problems({ samples: [...samples, ...more], observations: [] }, 'virtualserver');
    expect(found()).toEqual([]);
    expect(found(sample('qemu', 0, sieve(5, 'bbbbbbbb')))).toEqual([
      'kernels sieve: checksums differ: aaaaaaaa: virtualserver, v86; bbbbbbbb: qemu',
    ]);
    expect(found(sample('qemu', 0, { ...sieve(5), unstable: true }))[0]).toContain(
      'qemu gives different checksums for the same work',
    );
    // All emulators may agree and be wrong together.
    expect(found(sample('qemu', 0, { ...sieve(5), wrong: true }))[0]).toContain('a real processor does not');
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

  it('means over several groups item by item, boot stages apart', () => {
    const run = (peer: string, times: readonly number[]): Sample =>
      sample(
        peer,
        0,
        { item: 'sse-a', group: 'sse', milliseconds: times[0]! },
        { item: 'vec-b', group: 'vec', milliseconds: times[1]! },
        { item: 'vec-c', group: 'vec', milliseconds: times[2]! },
        { item: 'ready', group: 'boot', milliseconds: times[3]! },
      );
    const [suite] = summarise([run('virtualserver', [1, 1, 1, 1]), run('v86', [8, 1, 1, 1000])], 'virtualserver');
    expect(meanOver(suite!.items, 'v86', ['sse', 'vec'])).toBeCloseTo(2);
    expect(meanOver(suite!.items, 'v86', 'all')).toBeCloseTo(2);
    expect(meanOver(suite!.items, 'v86', ['mmx'])).toBeUndefined();
    expect(meanTable(suite!, 'virtualserver')).toEqual({
      header: ['geometric mean', 'vs v86'],
      rows: [
        ['sse', '8.00x'],
        ['vec', '1.00x'],
        ['all', '2.00x'],
      ],
    });
  });

  it('prints a table with a row per item and a column per ratio', () => {
    const suite = summarise(samples, 'virtualserver')[0]!;
    expect(itemTable(suite, 'virtualserver')).toEqual({
      header: ['', 'virtualserver', 'v86', 'vs v86'],
      rows: [['sieve', '20.0 ms ±50%', '60.0 ms ±67%', '2.00x']],
    });
    expect(meanTable(suite, 'virtualserver').rows).toEqual([['all', '2.00x']]);
  });

  it('says what was skipped', () => {
    const text = terminalReport(
      {
        format: 2,
        clock: 'host',
        machine: { date: '', processor: 'P', cores: 2, memoryGiB: 4, system: 'S', node: '20', v8: '11', peers: {} },
        samples,
        observations: [],
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

describe('observations', () => {
  it('are a line each', () => {
    expect(observationLine({ watch: 'idle', peer: 'v86', seconds: 60, share: 0.0123 })).toBe(
      'v86: an idle guest used 1.23 % of one core over 60 s',
    );
    const loop = (end: number, medianMiB: number) => ({ end, medianMiB, largestMiB: medianMiB + 9, wrong: 0 });
    const loops = [loop(100, 400), loop(200, 450), loop(300.4, 455)];
    expect(observationLine({ watch: 'memory', peer: 'virtualserver', guestMiB: 256, loops })).toBe(
      'virtualserver: 3 loops in 300 s; resident in the last one 455 MiB (median), 464 MiB (largest), ' +
        "208 MiB beyond the guest's 256 MiB; growth from the second loop to the last 5 MiB",
    );
  });

  it('fail a run when checksums were wrong', () => {
    const loops = [{ end: 1, medianMiB: 1, largestMiB: 1, wrong: 2 }];
    expect(
      problems(
        { samples: [], observations: [{ watch: 'memory', peer: 'v86', guestMiB: 256, loops }] },
        'virtualserver',
      ),
    ).toEqual(['memory, v86: wrong checksums in 1 loops']);
  });
});
