import { describe, expect, it } from 'vitest';
import { KernelReader } from '../../bench/kernel-reader.ts';
import { MarkerReader } from '../../bench/marker-reader.ts';
import { LoopReader, PromptReader } from '../../bench/watch-readers.ts';
import type { SerialReader } from '../../bench/types.ts';

/** Feeds text; `at` gives the time of each piece. */
function feed(reader: SerialReader, pieces: readonly (readonly [text: string, at: number])[]): void {
  for (const [text, at] of pieces) for (const character of text) reader.byte(character.charCodeAt(0), at);
}

describe('reports of bare images', () => {
  it('times from S to E, per item and repetition', () => {
    const reader = new KernelReader(['one', 'two'], 3);
    const repetition = (from: number, to: number, checksum: string): [string, number][] => [
      ['S', from],
      ['E', to],
      [`${checksum}\n`, to + 50],
    ];
    feed(reader, [
      ...repetition(100, 190, 'aaaabbbb'),
      ...repetition(300, 310, 'aaaabbbb'),
      ...repetition(400, 412, 'aaaabbbb'),
      ...repetition(500, 507, 'ponmlkji'),
      ...repetition(600, 601, 'ponmlkji'),
      ...repetition(700, 702, 'ponmlkja'),
    ]);
    expect(reader.complete).toBe(false);
    feed(reader, [['Q\n', 800]]);
    expect(reader.complete).toBe(true);
    expect(reader.measurements()).toEqual([
      { item: 'one', milliseconds: 10, repetitions: [90, 10, 12], checksum: 'aaaabbbb' },
      { item: 'two', milliseconds: 1, repetitions: [7, 1, 2], checksum: 'ponmlkji', unstable: true },
    ]);
  });

  it('is not disturbed by firmware that talks before', () => {
    const reader = new KernelReader(['one'], 1);
    feed(reader, [
      ['SeaBIOS (version 1)\r\nBooting from ROM...', 1],
      ['S', 10],
      ['E', 12],
      ['abcdefgh\nQ\n', 13],
    ]);
    expect(reader.measurements()).toMatchObject([{ item: 'one', milliseconds: 2, checksum: 'abcdefgh' }]);
  });

  it('does not take bytes that were read at once for a short time', () => {
    const reader = new KernelReader(['one'], 3);
    feed(reader, [
      ['S', 10],
      ['Eaaaaaaaa\n', 90],
      ['SEaaaaaaaa\n', 200],
      ['S', 300],
      ['Eaaaaaaaa\nQ\n', 370],
    ]);
    expect(reader.measurements()[0]).toMatchObject({ milliseconds: 70, repetitions: [80, 0, 70] });
    const blind = new KernelReader(['one'], 2);
    feed(blind, [['SEaaaaaaaa\nSEaaaaaaaa\nQ\n', 5]]);
    expect(() => blind.measurements()).toThrow('too busy');
  });

  it('does not take an unfinished run for a result', () => {
    const reader = new KernelReader(['one'], 2);
    feed(reader, [['SEabcdefgh\nQ\n', 1]]);
    expect(() => reader.measurements()).toThrow('1 repetitions, not 2');
  });
});

describe('reports of Linux guests', () => {
  it('keeps the first time of each stage and ends at the one asked for', () => {
    const reader = new MarkerReader({ until: 'READY' });
    feed(reader, [
      ['\u001b[2J\u001b[1;1H@@GRUB\r\n', 300],
      ['[    0.000000] Linux version 6.1.0-686\r\n', 2000],
      ['@@INIT 6.1.0 up=1.2\r\n', 4000],
      ['@@INIT again\r\n', 4500],
      ['@@READY', 5000],
    ]);
    expect(reader.complete).toBe(false);
    feed(reader, [[' up=3\r\n', 5001]]);
    expect(reader.complete).toBe(true);
    expect(reader.measurements()).toEqual([
      { item: 'grub', group: 'boot', milliseconds: 300 },
      { item: 'linux', group: 'boot', milliseconds: 2000 },
      { item: 'init', group: 'boot', milliseconds: 4000 },
      { item: 'ready', group: 'boot', milliseconds: 5001 },
    ]);
  });

  it('times benchmarks between their markers and takes the guest’s verdict', () => {
    const reader = new MarkerReader({ until: 'DONE' });
    feed(reader, [
      ['@@START x87-nbody\n', 1000],
      ['BENCH x87-nbody 0.123456 3 0123abcd ok\n', 1190],
      ['@@END x87-nbody\n', 1200],
      ['@@START int-fib\n', 2000],
      ['BENCH int-fib 0.5 3 deadbeef BAD\n', 2400],
      ['@@END int-fib\n', 2500],
      ['@@START int-lost\n', 3000],
      ['@@DONE up=9\n', 4000],
    ]);
    expect(reader.complete).toBe(true);
    expect(reader.measurements().filter(({ group }) => group !== 'boot')).toEqual([
      { item: 'x87-nbody', group: 'x87', milliseconds: 200, checksum: '0123abcd' },
      { item: 'int-fib', group: 'int', milliseconds: 500, checksum: 'deadbeef', wrong: true },
    ]);
  });

  it('holds checksums against those of a real processor, and misses none of them', () => {
    const expected = new Map([
      ['int-fib', '0000000a'],
      ['mem-copy', '0000000b'],
    ]);
    const reader = new MarkerReader({ until: 'DONE', stages: false, expected });
    const run = (name: string, checksum: string): [string, number][] => [
      [`@@START ${name}\n`, 10],
      [`@@END ${name}\n`, 30],
      [`BENCH ${name} 0.0100 3 ${checksum} ?\n`, 31],
    ];
    feed(reader, [['@@INIT x\n', 1], ...run('int-fib', '0000000c')]);
    expect(() => reader.measurements()).toThrow('no figures of mem-copy');
    feed(reader, run('mem-copy', '0000000b'));
    expect(reader.measurements()).toEqual([
      { item: 'int-fib', group: 'int', milliseconds: 20, checksum: '0000000c', wrong: true },
      { item: 'mem-copy', group: 'mem', milliseconds: 20, checksum: '0000000b' },
    ]);
  });

  it('takes the seconds that programs on the host report themselves', () => {
    const reader = new MarkerReader({ until: 'DONE', clock: 'guest', stages: false });
    feed(reader, [['@@START int-fib\n@@END int-fib\nBENCH int-fib 0.0123 3 0000000a UNSTABLE\n', 500]]);
    expect(reader.measurements()).toMatchObject([{ item: 'int-fib', unstable: true }]);
    expect(reader.measurements()[0]!.milliseconds).toBeCloseTo(12.3);
  });

  it('says how far a guest came, and survives endless lines', () => {
    const reader = new MarkerReader({ until: 'READY' });
    expect(reader.position).toBe('the guest had sent no line');
    feed(reader, [['x'.repeat(100_000), 1]]);
    feed(reader, [['\nKernel panic - not syncing\n', 2]]);
    expect(reader.position).toContain('Kernel panic');
  });
});

describe('readers of guests that are watched', () => {
  const say = (reader: { byte(value: number): void }, text: string): void =>
    [...text].forEach((character) => reader.byte(character.charCodeAt(0)));

  it('knows a prompt, which ends no line', () => {
    const reader = new PromptReader();
    say(reader, '@@READY up=9\r\n/ # \r\nBusyBox\r\n');
    expect(reader.complete).toBe(true);
    const silent = new PromptReader();
    say(silent, '@@READY up=9\r\nprice: 5 # \r\n# \r\n');
    expect(silent.complete).toBe(false);
    say(silent, '~ # ');
    expect(silent.complete).toBe(true);
  });

  it('counts wrong checksums loop by loop', () => {
    const seen: [number, number][] = [];
    const reader = new LoopReader(new Map([['int-fib', '0000000a']]), () => seen.push([reader.results, reader.wrong]));
    const good = 'BENCH int-fib 0.5 3 0000000a ok\n';
    say(
      reader,
      `echo @@LOOP\n${good}BENCH int-fib 0.5 3 0000000b ?\nBENCH io-x 0.5 3 00000001 BAD\r\n@@LOOP\r\n${good}@@LOOP\n`,
    );
    expect(seen).toEqual([
      [3, 2],
      [1, 0],
    ]);
  });
});
