import { describe, expect, it } from 'vitest';
import { parseOptions, UsageError } from '../../bench/options.ts';

const parse = (...args: string[]) => parseOptions(args, '/project');
const chosen = (...args: string[]) => {
  const { suites, peers, rounds } = parse(...args);
  return [suites.map(({ id }) => id).join(' '), peers.map(({ id }) => id).join(' '), rounds];
};

describe('the command line', () => {
  it('measures everything by default', () => {
    expect(chosen()).toEqual([
      'kernels footprint boot linux-bench-1 linux-bench-4',
      'virtualserver virtualserver-interpreter v86 v86-nojit qemu native',
      5,
    ]);
    expect(parse().settings).toEqual({
      kernels: '/project/bench/kernels',
      images: '/project/build/guests',
      work: '/project/build/bench/guests',
      kernelScale: 1,
      clock: 'host',
      scales: [1, 4],
      groups: [],
    });
    expect(parse().watches).toEqual([]);
  });

  it('has a quick form, each part of which can be changed', () => {
    expect(chosen('--quick')).toEqual(['kernels footprint boot', 'virtualserver v86 qemu', 1]);
    expect(chosen('--quick', '--only', 'linux-bench', '--peers', 'v86,virtualserver')).toEqual([
      'linux-bench-1',
      'virtualserver v86',
      1,
    ]);
    expect(chosen('--quick', '--only', 'linux-bench,kernels', '--scale', '2,8', '--samples', '3')).toEqual([
      'kernels linux-bench-2 linux-bench-8',
      'virtualserver v86 qemu',
      3,
    ]);
    expect([parse('--quick').peersNamed, parse('--peers', 'v86').peersNamed]).toEqual([false, true]);
  });

  it('watches alone, or after suites that are named', () => {
    expect(parse('--memory', '--duration', '600', '--idle').watches).toEqual([
      { watch: 'memory', seconds: 600 },
      { watch: 'idle', seconds: 60 },
    ]);
    expect(chosen('--idle')[0]).toBe('');
    expect(chosen('--idle', '--only', 'kernels')[0]).toBe('kernels');
  });

  it('takes groups and single benchmarks', () => {
    expect(parse('--groups', 'x87,int-sieve').settings.groups).toEqual(['x87', 'int-sieve']);
    expect(parse('--from', 'a.json,b.json').from).toEqual(['/project/a.json', '/project/b.json']);
  });

  it.each([
    ['--only', 'nothing'],
    ['--peers', 'v86,'],
    ['--samples', '0'],
    ['--scale', '1,x'],
    ['--scale', '1.5'],
    ['--groups', 'float'],
    // Words of a kernel's command line.
    ['--groups', 'int init=sh'],
    ['--groups', 'prog-gzip'],
    ['--duration', '-1', '--memory'],
    ['--clock', 'wall'],
    ['--clock', 'processor', '--check'],
  ])('refuses %s %s', (...args) => {
    expect(() => parse(...args)).toThrow();
  });

  it('says what is wrong', () => {
    expect(() => parse('--groups', 'float')).toThrow(UsageError);
    expect(() => parse('--wrong')).toThrow(/--wrong/);
  });
});
