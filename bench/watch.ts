/**
 * Entry point of a child process that watches one guest in one emulator over a time: what an idle guest costs, or how much
 * memory the process holds while the guest repeats the Linux benchmarks.
 */
import { rmSync } from 'node:fs';
import { expectedChecksums, watchedGuest } from './guests/watched.ts';
import { endWithParent } from './parent.ts';
import { PEERS } from './peers/index.ts';
import { ownProcessorTime } from './processor-time.ts';
import { median } from './statistics.ts';
import type { IdleObservation, MemoryLoop, MemoryObservation, Peer, WatchJob } from './types.ts';
import { LoopReader, PromptReader } from './watch-readers.ts';

const MIB = 2 ** 20;
/** A guest's own work after its prompt has appeared is not idleness. */
const SETTLE_SECONDS = 10;
const BOOT_LIMIT_SECONDS = 600;
/** The first loops may take this long before the observation is given up. */
const FIRST_LOOP_SECONDS = 3600;

const sleep = (seconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function idle(peer: Peer, { settings, seconds }: WatchJob): Promise<IdleObservation> {
  const guest = watchedGuest('idle', settings);
  const reader = new PromptReader();
  let ended: string | undefined;
  const running = await peer.start(
    guest,
    (byte) => reader.byte(byte),
    (reason) => (ended ??= reason),
  );
  const check = (): void => {
    if (ended !== undefined) throw new Error(ended);
  };
  for (let waited = 0; !reader.complete; waited++) {
    check();
    if (waited > BOOT_LIMIT_SECONDS) throw new Error(reader.position);
    await sleep(1);
  }
  await sleep(SETTLE_SECONDS);
  const used = (): number => (running.processorTime ? running.processorTime() : ownProcessorTime()) ?? Number.NaN;
  const usedBefore = used();
  const from = performance.now();
  await sleep(seconds);
  const share = (used() - usedBefore) / (performance.now() - from);
  check();
  await running.stop();
  if (Number.isNaN(share)) throw new Error('the host does not tell what processor time the emulator used');
  return { watch: 'idle', seconds, share };
}

async function memory(peer: Peer, { settings, seconds }: WatchJob): Promise<MemoryObservation> {
  const guest = watchedGuest('memory', settings);
  const loops: MemoryLoop[] = [];
  let looks: number[] = [];
  const powerOn = performance.now();
  const elapsed = (): number => (performance.now() - powerOn) / 1000;
  const reader = new LoopReader(expectedChecksums(settings), () => {
    if (looks.length === 0) looks.push(process.memoryUsage.rss() / MIB);
    loops.push({
      end: elapsed(),
      medianMiB: median(looks),
      largestMiB: Math.max(...looks),
      wrong: reader.results === 0 ? 1 : reader.wrong,
    });
    looks = [];
  });
  let ended: string | undefined;
  const running = await peer.start(
    guest,
    (byte) => reader.byte(byte),
    (reason) => (ended ??= reason),
  );
  // The present loop is finished: half a loop has not done the work that the others have.
  while ((loops.at(-1)?.end ?? 0) < seconds) {
    if (ended !== undefined) throw new Error(`${ended}; ${reader.position}`);
    if (elapsed() > seconds + FIRST_LOOP_SECONDS) throw new Error(`no end of a loop; ${reader.position}`);
    await sleep(1);
    looks.push(process.memoryUsage.rss() / MIB);
  }
  await running.stop();
  // The guest has written to it.
  rmSync(guest.path, { force: true });
  return { watch: 'memory', guestMiB: guest.memoryMiB, loops };
}

async function run(job: WatchJob): Promise<IdleObservation | MemoryObservation> {
  const peer = PEERS.find(({ id }) => id === job.peer);
  if (!peer) throw new Error(`unknown: ${job.peer}`);
  return job.watch === 'idle' ? idle(peer, job) : memory(peer, job);
}

endWithParent();
const answer = await run(JSON.parse(process.argv[2] ?? '{}') as WatchJob).catch((error: unknown) => ({
  error: error instanceof Error ? error.message : String(error),
}));
process.send?.(answer, undefined, {}, () => process.exit(0));
