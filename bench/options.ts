/** The command line of `npm run bench`. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { suitesOf } from './guests/index.ts';
import { GROUPS } from './guests/linux-bench.ts';
import { PEERS } from './peers/index.ts';
import type { Peer, Suite, SuiteSettings, WatchJob } from './types.ts';

/** Suites by the name that chooses them. */
const FAMILIES = [...new Set(suitesOf({ scales: [1] }).map((suite) => suite.family ?? suite.id))];

export const USAGE = `npm run bench -- [options]
What runs:
  --only LIST         suites: ${FAMILIES.join(', ')} (default: all)
  --peers LIST        emulators: ${PEERS.map(({ id }) => id).join(', ')}
                      (default: all; long suites without emulators that have no compiler)
  --samples N         rounds, each with one sample of every emulator (default 5)
  --scale LIST        factors on the work of linux-bench, a suite for each (default 1,4)
  --groups LIST       of linux-bench: ${GROUPS.join(', ')}, or names (int-sieve); default all
  --kernel-scale N    factor on the work of the bare kernels (default 1)
  --quick             one sample, scale 1, virtualserver, v86 and qemu, all suites but linux-bench;
                      the options above change each of these
  --node NODE         runs the emulators in another Node: a version for npx (24) or a path
  --clock processor   times are processor time of the emulator, all threads: steadier on a busy host, but
                      rough to 10 ms for QEMU (--kernel-scale 10 helps), and no result for
                      --check and --update-docs
  --images FOLDER     guest disks (default build/guests)
What is watched over a time (alone, or after the suites of --only):
  --memory            memory of the process while the guest repeats linux-bench
  --duration SECONDS  for so long, up to the end of the loop that runs then (default 3600)
  --idle              processor time of a guest at its prompt
  --idle-time SECONDS for so long (default 60)
What becomes of it:
  --json FILE         where the result goes (default build/bench/result.json)
  --from FILE[,FILE]  report results of earlier runs, joined, instead of measuring
  --check             hold the run against bench/thresholds.json; exit code 1 when a limit is missed
  --update-docs       write docs/benchmarks.md and its plots
  --assemble          assemble the bare images anew (needs NASM), then end`;

const OPTIONS = {
  only: { type: 'string' },
  peers: { type: 'string' },
  samples: { type: 'string' },
  scale: { type: 'string' },
  groups: { type: 'string' },
  'kernel-scale': { type: 'string', default: '1' },
  quick: { type: 'boolean', default: false },
  node: { type: 'string' },
  clock: { type: 'string', default: 'host' },
  images: { type: 'string', default: 'build/guests' },
  memory: { type: 'boolean', default: false },
  duration: { type: 'string', default: '3600' },
  idle: { type: 'boolean', default: false },
  'idle-time': { type: 'string', default: '60' },
  json: { type: 'string', default: 'build/bench/result.json' },
  from: { type: 'string' },
  check: { type: 'boolean', default: false },
  'update-docs': { type: 'boolean', default: false },
  assemble: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const QUICK = { samples: '1', scale: '1', peers: 'virtualserver,v86,qemu', only: 'kernels,footprint,boot' };

export class UsageError extends Error {}

export interface Options {
  readonly suites: readonly Suite[];
  readonly peers: readonly Peer[];
  /** The emulators were named, so that no suite leaves one out. */
  readonly peersNamed: boolean;
  readonly rounds: number;
  readonly settings: SuiteSettings;
  readonly node: string | undefined;
  readonly watches: readonly Omit<WatchJob, 'peer' | 'settings'>[];
  readonly json: string;
  /** Files of earlier results, instead of measuring. */
  readonly from: readonly string[] | undefined;
  readonly check: boolean;
  readonly updateDocs: boolean;
  readonly assemble: boolean;
  readonly help: boolean;
}

function list(option: string, text: string | undefined, allowed: readonly string[]): string[] | undefined {
  const names = text?.split(',');
  const wrong = names?.find((name) => !allowed.includes(name));
  if (wrong !== undefined) throw new UsageError(`--${option}: '${wrong}' is none of ${allowed.join(', ')}`);
  return names;
}

function wholeNumber(option: string, text: string, largest: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > largest)
    throw new UsageError(`--${option}: from 1 to ${largest}, found '${text}'`);
  return value;
}

function clockOf(text: string): SuiteSettings['clock'] {
  if (text !== 'host' && text !== 'processor') throw new UsageError(`--clock: host or processor, found '${text}'`);
  return text;
}

function benchmarkGroups(text: string | undefined): string[] {
  const groups = text?.split(',') ?? [];
  for (const group of groups) {
    const [name, item] = [group.split('-')[0]!, group.split('-')[1]];
    if (!GROUPS.includes(name) || !/^[a-z0-9-]+$/.test(group))
      throw new UsageError(`--groups: '${group}' does not begin with one of ${GROUPS.join(', ')}`);
    // The guest's script runs these programs all or none.
    if (name === 'prog' && item !== undefined) throw new UsageError('--groups: prog runs as a whole');
  }
  return groups;
}

/** @param folder the project's; paths of the result are absolute. @throws UsageError, or what `parseArgs` throws */
export function parseOptions(args: readonly string[], folder: string): Options {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  const quick = values.quick ? QUICK : undefined;
  if (values.clock !== 'host' && (values.check || values['update-docs']))
    throw new UsageError('--check and --update-docs speak of host time');
  const watches: Omit<WatchJob, 'peer' | 'settings'>[] = [];
  if (values.memory) watches.push({ watch: 'memory', seconds: wholeNumber('duration', values.duration, 1_000_000) });
  if (values.idle) watches.push({ watch: 'idle', seconds: wholeNumber('idle-time', values['idle-time'], 1_000_000) });
  const scales = (values.scale ?? quick?.scale ?? '1,4').split(',').map((text) => wholeNumber('scale', text, 1000));
  const only = list('only', values.only, FAMILIES) ?? (watches.length > 0 ? [] : quick?.only.split(','));
  const peers = list(
    'peers',
    values.peers ?? quick?.peers,
    PEERS.map(({ id }) => id),
  );
  return {
    suites: suitesOf({ scales }).filter((suite) => only?.includes(suite.family ?? suite.id) ?? true),
    peers: PEERS.filter(({ id }) => peers?.includes(id) ?? true),
    peersNamed: values.peers !== undefined,
    rounds: wholeNumber('samples', values.samples ?? quick?.samples ?? '5', 1000),
    settings: {
      kernels: resolve(folder, 'bench/kernels'),
      images: resolve(folder, values.images),
      work: resolve(folder, 'build/bench/guests'),
      kernelScale: wholeNumber('kernel-scale', values['kernel-scale'], 1000),
      clock: clockOf(values.clock),
      scales,
      groups: benchmarkGroups(values.groups),
    },
    node: values.node,
    watches,
    json: resolve(folder, values.json),
    from: values.from?.split(',').map((file) => resolve(folder, file)),
    check: values.check,
    updateDocs: values['update-docs'],
    assemble: values.assemble,
    help: values.help,
  };
}
