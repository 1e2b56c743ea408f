/** This project. Disks boot the whole machine in its worker, as for a user; bare images run on the processor alone. */
import { readFileSync } from 'node:fs';
import type { ProcessorOptions } from '../../cpu/index.ts';
import { createMachine } from '../../src/index.ts';
import type { MachineOptions } from '../../src/index.ts';
import type { DiskGuest, Peer, RunningGuest } from '../types.ts';
import { runBareProcessor } from './bare-processor.ts';

/** What is different from the defaults, for a machine and for a processor alone. */
interface Configuration {
  readonly machine: Partial<MachineOptions>;
  readonly processor: Partial<ProcessorOptions>;
}

const DEFAULTS: Configuration = { machine: {}, processor: {} };
/** Without compiled code; undefined as long as the processor has nothing but its interpreter. */
const INTERPRETER: Configuration | undefined = undefined;

function peer(id: string, title: string, configuration: Configuration | undefined): Peer {
  const { machine, processor } = configuration ?? DEFAULTS;
  return {
    id,
    title,
    version: () => {
      const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
      return `${title} ${version}`;
    },
    unavailable: () =>
      configuration === undefined ? 'the processor has no other tier than its interpreter' : undefined,
    start: (guest, received, ended) =>
      guest.kind === 'multiboot'
        ? runBareProcessor(guest, received, ended, processor)
        : bootMachine(guest, received, ended, machine),
  };
}

export const virtualserver: Peer = peer('virtualserver', 'virtualserver', DEFAULTS);
export const virtualserverInterpreter: Peer = peer(
  'virtualserver-interpreter',
  'virtualserver, interpreter',
  INTERPRETER,
);

async function bootMachine(
  guest: DiskGuest,
  received: (byte: number) => void,
  ended: (reason: string) => void,
  options: Partial<MachineOptions>,
): Promise<RunningGuest> {
  const machine = createMachine({
    memoryMiB: guest.memoryMiB,
    hda: { path: guest.path, mode: guest.direct === true ? 'direct' : 'memory' },
    boot: ['disk'],
    ...options,
  });
  machine.serial[0]!.onData((bytes) => bytes.forEach(received));
  await machine.start();
  void machine.finished().then((end) => ended(`the machine ended: ${JSON.stringify(end)}`));
  return { stop: () => machine.close() };
}
