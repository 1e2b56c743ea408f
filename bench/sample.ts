/**
 * Entry point of a child process: runs one suite in one emulator, sends the outcome to the parent, ends. A process per
 * sample, so that no sample finds the code caches, the heap or the compiled modules of another.
 */
import { suitesOf } from './guests/index.ts';
import { PEERS } from './peers/index.ts';
import { endWithParent } from './parent.ts';
import { ownProcessorTime } from './processor-time.ts';
import type { Job, Measurement, Outcome, RunningGuest, SerialReader } from './types.ts';

function find<T extends { readonly id: string }>(list: readonly T[], id: string): T {
  const found = list.find((entry) => entry.id === id);
  if (!found) throw new Error(`unknown: ${id}`);
  return found;
}

async function run({ suite: suiteId, peer: peerId, settings }: Job): Promise<Outcome> {
  const suite = find(suitesOf(settings), suiteId);
  const peer = find(PEERS, peerId);
  const guest = suite.guest(settings);
  if ('missing' in guest) return { error: guest.missing };
  const reader: SerialReader = suite.reader(settings, peer.clock ?? 'host');
  let running: RunningGuest | undefined;
  let used: number | undefined;
  const before = ownProcessorTime();
  const processorTime = (): number | undefined =>
    running?.processorTime ? running.processorTime() : ownProcessorTime() - before;
  let timer: NodeJS.Timeout | undefined;
  const problem = await new Promise<string | undefined>((resolve, reject) => {
    const powerOn = performance.now();
    timer = setTimeout(() => resolve(`not ready after ${suite.timeout / 1000} s`), suite.timeout);
    const received = (byte: number): void => {
      if (reader.complete) return;
      const at = settings.clock === 'host' ? performance.now() - powerOn : processorTime();
      if (at === undefined) return resolve('the host does not tell what processor time the emulator used');
      reader.byte(byte, at);
      if (!reader.complete) return;
      used = processorTime();
      resolve(undefined);
    };
    peer.start(guest, received, resolve).then((started) => (running = started), reject);
  });
  clearTimeout(timer);
  await running?.stop();
  if (problem !== undefined) return { error: `${problem}; ${reader.position}` };
  const { processorTime: item } = suite;
  const whole: Measurement[] =
    item === undefined || used === undefined ? [] : [{ item, group: suite.id, milliseconds: used }];
  return { measurements: [...reader.measurements(), ...whole] };
}

endWithParent();
const outcome = await run(JSON.parse(process.argv[2] ?? '{}') as Job).catch((error: unknown): Outcome => ({
  error: error instanceof Error ? error.message : String(error),
}));
// What is still under way in an emulator must not hold the process.
process.send?.(outcome, undefined, {}, () => process.exit(0));
