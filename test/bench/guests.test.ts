import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyWithArguments, environmentBlock } from '../../bench/guests/grub-arguments.ts';
import { covered, GROUPS, parseExpected } from '../../bench/guests/linux-bench.ts';
import { commandWord } from '../../bench/guests/watched.ts';
import { suiteOf, suitesOf } from '../../bench/guests/index.ts';
import { peersOf } from '../../bench/measure.ts';
import { findNode } from '../../bench/nodes.ts';
import { parseOptions } from '../../bench/options.ts';
import { PEERS } from '../../bench/peers/index.ts';
import { ownProcessorTime, parseSchedstat, parseStat, processorTimeOf } from '../../bench/processor-time.ts';
import { joinByNode, parseResult } from '../../bench/result-file.ts';
import type { Result, Suite } from '../../bench/types.ts';

describe('GRUB’s environment block', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'virtualserver-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** What `grub-editenv FILE create` writes: GNU GRUB manual, "The GRUB environment block". */
  const empty = (): Buffer => Buffer.from('# GRUB Environment Block\n'.padEnd(1024, '#'));
  const disk = (): Buffer => Buffer.alloc(3 << 20);

  it('is 1,024 bytes with one variable', () => {
    const block = environmentBlock('run=bench scale=4');
    expect(block).toHaveLength(1024);
    expect(block.toString()).toMatch(/^# GRUB Environment Block\nargs=run=bench scale=4\n#+$/);
    expect(environmentBlock('a\\b').toString()).toContain('args=a\\\\b\n');
    expect(() => environmentBlock('x'.repeat(1000))).toThrow(RangeError);
  });

  it('is changed in the copy only, and only inside the partition', () => {
    const bytes = disk();
    empty().copy(bytes, 40 * 512);
    empty().copy(bytes, 2048 * 512 + 700 * 512);
    bytes[2_999_999] = 7;
    const [from, to] = [join(folder, 'a.raw'), join(folder, 'deep', 'b.raw')];
    writeFileSync(from, bytes);
    copyWithArguments(from, to, 'run=none');
    const expected = Buffer.from(bytes);
    environmentBlock('run=none').copy(expected, 2048 * 512 + 700 * 512);
    expect(readFileSync(to).equals(expected)).toBe(true);
    expect(readFileSync(from).equals(bytes)).toBe(true);
  });

  it('is not made again unless the disk is newer', () => {
    const bytes = disk();
    empty().copy(bytes, 2048 * 512);
    const [from, to] = [join(folder, 'a.raw'), join(folder, 'b.raw')];
    writeFileSync(from, bytes);
    utimesSync(from, 1000, 1000);
    copyWithArguments(from, to, 'run=none');
    const { ino } = statSync(to);
    copyWithArguments(from, to, 'run=none');
    expect(statSync(to).ino).toBe(ino);
    utimesSync(to, 500, 500);
    copyWithArguments(from, to, 'run=shell');
    expect(readFileSync(to).includes('args=run=shell\n')).toBe(true);
  });

  it('must be there', () => {
    writeFileSync(join(folder, 'a.raw'), disk());
    expect(() => copyWithArguments(join(folder, 'a.raw'), join(folder, 'b.raw'), 'x')).toThrow(/environment block/);
  });
});

describe('words for the guest', () => {
  it('spell a command as its start script reads it', () => {
    const word = commandWord('while true; do echo @@A >/dev/x\ndone');
    expect(word).toBe('cmd=while+true%3B+do+echo+@@A+%3E/dev/x%0Adone');
    // As the start script decodes it: + is a blank, %XX a byte.
    const decoded = word
      .slice(4)
      .replaceAll('+', ' ')
      .replaceAll(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    expect(decoded).toBe('while true; do echo @@A >/dev/x\ndone');
  });

  it('cover the expected checksums by group or by name', () => {
    const expected = parseExpected('int-fib 000cb228\nint-sieve 0000a242\nx87-trans 78d11121\n\nrubbish\n');
    expect(expected.get('x87-trans')).toBe('78d11121');
    expect(covered(expected.keys(), [])).toHaveLength(3);
    expect(covered(expected.keys(), ['int'])).toEqual(['int-fib', 'int-sieve']);
    expect(covered(expected.keys(), ['int-s', 'x87'])).toEqual(['int-sieve', 'x87-trans']);
    expect(new Set(GROUPS).size).toBe(10);
  });
});

describe('suites', () => {
  it('are one for each scale of linux-bench', () => {
    expect(suitesOf({ scales: [1, 4] }).map(({ id }) => id)).toEqual([
      'kernels',
      'footprint',
      'boot',
      'linux-bench-1',
      'linux-bench-4',
    ]);
    expect(suiteOf('linux-bench-16')?.title).toBe('Linux benchmarks, scale 16');
    expect(suiteOf('gone')).toBeUndefined();
  });

  it('run where they can, and without hours of interpreters unless these are named', () => {
    const suite = (id: string): Suite => ({
      ...suiteOf(id)!,
      guest: () =>
        id === 'kernels'
          ? { kind: 'multiboot', path: 'x', scale: 1 }
          : { kind: 'disk', path: 'x', memoryMiB: 256, benchmark: { source: 'x', scale: 1, groups: [] } },
    });
    const ids = (id: string, ...args: string[]): string =>
      peersOf(suite(id), PEERS, parseOptions(args, '/project'))
        .map((peer) => peer.id)
        .join(' ');
    expect(ids('kernels')).toBe('virtualserver virtualserver-interpreter v86 v86-nojit qemu');
    expect(ids('linux-bench-4')).toBe('virtualserver v86 qemu native');
    expect(ids('linux-bench-4', '--peers', 'v86-nojit')).toContain('v86-nojit');
  });
});

describe('processor time', () => {
  it('is read behind a name with blanks and brackets', () => {
    const fields = Array.from({ length: 50 }, (_, i) => String(i + 4));
    // proc(5): utime is field 14, stime field 15.
    expect(parseStat(`12 (a) b (c) S ${fields.join(' ')}\n`)).toBe((14 + 15) * 10);
  });

  it.skipIf(process.platform !== 'linux')('is the same from the process file system (Linux only)', () => {
    const until = ownProcessorTime() + 30;
    while (ownProcessorTime() < until);
    expect(Math.abs(processorTimeOf(process.pid)! - ownProcessorTime())).toBeLessThan(200);
    expect(processorTimeOf(undefined)).toBeUndefined();
    expect(parseSchedstat('12500000 4711 3\n')).toBe(12.5);
  });
});

describe('the Node that runs the emulators', () => {
  it('is this one, or one that is named by path', () => {
    expect(findNode(undefined)).toEqual({
      path: process.execPath,
      version: process.versions.node,
      v8: process.versions.v8,
    });
    expect(findNode(process.execPath).version).toBe(process.versions.node);
    expect(() => findNode('/nowhere/node')).toThrow();
  });
});

describe('result files', () => {
  const result = (node: string, suite: string, rounds: number): Result => ({
    format: 2,
    clock: 'host',
    machine: { date: '', processor: 'P', cores: 1, memoryGiB: 1, system: 'S', node, v8: '', peers: { [suite]: 'x' } },
    samples: Array.from({ length: rounds }, (_, round) => ({
      suite,
      peer: 'v86',
      round,
      load: 0,
      outcome: { error: 'none' },
    })),
    observations: [],
    skips: [],
  });

  it('are joined by Node; rounds of different runs stay apart', () => {
    const joined = joinByNode([
      result('20', 'kernels', 2),
      result('24', 'kernels', 1),
      result('20', 'boot', 1),
      result('20', 'kernels', 2),
    ]);
    expect(joined.map(({ machine }) => machine.node)).toEqual(['20', '24']);
    expect(joined[0]!.samples.map(({ suite, round }) => `${suite} ${round}`)).toEqual([
      'kernels 0',
      'kernels 1',
      'boot 0',
      'kernels 2',
      'kernels 3',
    ]);
    expect(joined[0]!.machine.peers).toEqual({ kernels: 'x', boot: 'x' });
  });

  it.each([
    'null',
    '{}',
    '{"format":1,"samples":[]}',
    '{"format":2,"samples":[]}',
    '{"format":2,"clock":"processor","samples":[],"observations":[]}',
    'x',
  ])('are not %s', (text) => {
    expect(() => parseResult(text, 'a.json')).toThrow();
  });
});
