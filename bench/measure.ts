/** Runs what the options ask for and gives the result. */
import { join } from 'node:path';
import { describeMachine } from './environment.ts';
import { watchedMissing } from './guests/watched.ts';
import { firstLine, interleave, runAll, runChild } from './harness.ts';
import type { NodeBinary } from './nodes.ts';
import type { Options } from './options.ts';
import { BASE } from './peers/index.ts';
import type {
  IdleObservation,
  MemoryObservation,
  Observation,
  Peer,
  Result,
  Sample,
  Skip,
  Suite,
  WatchJob,
} from './types.ts';

/** Beyond the time that something is watched for: boot, a last loop. */
const WATCH_GRACE_SECONDS = 3700;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

/** Which emulators run a suite. */
export function peersOf(suite: Suite, peers: readonly Peer[], { settings, peersNamed }: Options): Peer[] {
  const guest = suite.guest(settings);
  if ('missing' in guest) return [];
  return peers.filter(
    ({ id, runs }) => (runs?.(guest) ?? true) && (peersNamed || !(suite.leavesOut?.includes(id) ?? false)),
  );
}

/** Watches every emulator that was named, or else this project's: memory only where it runs in the watching process. */
async function watch(
  present: readonly Peer[],
  options: Options,
  folder: string,
  node: NodeBinary,
  skips: Skip[],
): Promise<Observation[]> {
  const { settings, peersNamed } = options;
  const peers = peersNamed ? present : present.filter(({ id }) => id === BASE);
  const observations: Observation[] = [];
  for (const { watch: kind, seconds } of options.watches) {
    const missing = watchedMissing(kind, settings);
    if (missing !== undefined) {
      skips.push({ suite: kind, reason: missing });
      continue;
    }
    for (const { id } of peers.filter((peer) => peer.clock !== 'guest')) {
      if (kind === 'memory' && id === 'qemu') {
        skips.push({ suite: kind, peer: id, reason: 'only emulators that run in Node are watched' });
        continue;
      }
      say(`${kind}, ${id}: for ${seconds} s`);
      const job: WatchJob = { watch: kind, peer: id, settings, seconds };
      const limit = (seconds + WATCH_GRACE_SECONDS) * 1000;
      const answer = await runChild<IdleObservation | MemoryObservation>(join(folder, 'watch.js'), job, limit, node);
      if ('error' in answer) skips.push({ suite: kind, peer: id, reason: firstLine(answer.error) });
      else observations.push({ ...answer, peer: id });
      say(`${kind}, ${id}: ${'error' in answer ? answer.error : 'done'}`);
    }
  }
  return observations;
}

/**
 * @param folder where the scripts of the child processes are
 * @param save gets what there is after every sample, so that a run that is broken off leaves what it has measured
 */
export async function measure(
  options: Options,
  node: NodeBinary,
  folder: string,
  save: (result: Result) => void,
): Promise<Result> {
  const { settings, rounds } = options;
  const skips: Skip[] = [];
  const present = options.peers.filter((peer) => {
    const reason = peer.unavailable();
    if (reason !== undefined) skips.push({ peer: peer.id, reason });
    return reason === undefined;
  });
  const suites = options.suites.filter((suite) => {
    const guest = suite.guest(settings);
    if ('missing' in guest) skips.push({ suite: suite.id, reason: guest.missing });
    else suite.prepare?.(settings);
    return !('missing' in guest);
  });
  const turns = interleave(suites, (suite) => peersOf(suite, present, options), rounds);
  const machine = describeMachine(present, node);
  const result = (samples: readonly Sample[], observations: readonly Observation[]): Result => {
    const found: Result = { format: 2, clock: settings.clock, machine, samples, observations, skips };
    save(found);
    return found;
  };
  const samples: Sample[] = [];
  await runAll(turns, settings, join(folder, 'sample.js'), node, (sample, details, seconds) => {
    samples.push(sample);
    const { suite, peer, round, outcome } = sample;
    const end = 'error' in outcome ? `failed: ${details}` : 'done';
    say(`${samples.length}/${turns.length} ${suite}, ${peer}, round ${round + 1}: ${end}, ${seconds.toFixed(1)} s`);
    result(samples, []);
  });
  return result(samples, await watch(present, options, folder, node, skips));
}
