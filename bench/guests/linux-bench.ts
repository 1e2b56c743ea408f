/** Benchmarks inside a Linux guest: small programs and real ones of Debian. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MarkerReader } from '../marker-reader.ts';
import type { DiskGuest, Suite, SuiteSettings } from '../types.ts';
import { copyWithArguments } from './grub-arguments.ts';

const IMAGE = 'linux-bench.raw';
export const EXPECTED = 'linux-bench.expected';
const MEMORY_MIB = 256;

/** In the order in which the guest runs them. */
export const GROUPS: readonly string[] = ['int', 'mem', 'jit', 'x87', 'sse', 'mmx', 'vec', 'sys', 'io', 'prog'];

/** Checksums by benchmark, from lines `name checksum`. */
export function parseExpected(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const found = /^(\S+) ([0-9a-f]{8})$/.exec(line.trim());
      return found ? [[found[1]!, found[2]!] as const] : [];
    }),
  );
}

/** Names from a list that one of the groups, or beginnings of names, covers; no group: all. */
export function covered(names: Iterable<string>, groups: readonly string[]): string[] {
  return [...names].filter((name) => groups.length === 0 || groups.some((group) => name.startsWith(group)));
}

/** The disk, its command line changed to these words; in the folder for such disks under this name. */
export function linuxBenchDisk(settings: SuiteSettings, name: string): DiskGuest {
  return { kind: 'disk', path: join(settings.work, `${name}.raw`), memoryMiB: MEMORY_MIB };
}

/** Why the guest's disk cannot be used, or undefined. */
export function linuxBenchMissing({ images }: SuiteSettings): string | undefined {
  const missing = [IMAGE, EXPECTED].filter((name) => !existsSync(join(images, name)));
  return missing.length === 0
    ? undefined
    : `${missing.join(' and ')} not in the folder of guest images (.ci/guests builds them; --images names another folder)`;
}

export const linuxBenchSource = ({ images }: SuiteSettings): string => join(images, IMAGE);

const chosenGroups = ({ groups }: SuiteSettings): readonly string[] => (groups.length === 0 ? GROUPS : groups);
const words = (settings: SuiteSettings, scale: number): string =>
  `run=bench scale=${scale} groups=${chosenGroups(settings).join(',')}`;

export function linuxBench(scale: number): Suite {
  const disk = (settings: SuiteSettings): DiskGuest => ({
    ...linuxBenchDisk(settings, ['linux-bench', scale, ...settings.groups].join('-')),
    benchmark: { source: linuxBenchSource(settings), scale, groups: chosenGroups(settings) },
  });
  return {
    id: `linux-bench-${scale}`,
    family: 'linux-bench',
    title: `Linux benchmarks, scale ${scale}`,
    about:
      `Programs in a Debian guest with 256 MiB, each ${scale === 1 ? 'once with its own amount of work: translation and warm-up count' : `with ${scale} times its own amount of work: closer to the steady state of a compiler`}. ` +
      'Host time between two lines on COM1, the first of which has left the UART before the work begins. Checksums are compared ' +
      'with those of the same programs on a real processor.',
    timeout: (600 + 600 * scale) * 1000,
    guest: (settings) => {
      const missing = linuxBenchMissing(settings);
      return missing === undefined ? disk(settings) : { missing };
    },
    prepare: (settings) => copyWithArguments(linuxBenchSource(settings), disk(settings).path, words(settings, scale)),
    reader: (settings, clock) => {
      const expected = parseExpected(readFileSync(join(settings.images, EXPECTED), 'utf8'));
      const names = covered(expected.keys(), settings.groups);
      return new MarkerReader({
        until: 'DONE',
        clock,
        stages: false,
        expected: new Map(names.map((name) => [name, expected.get(name)!])),
      });
    },
    leavesOut: ['v86-nojit', 'virtualserver-interpreter'],
  };
}
