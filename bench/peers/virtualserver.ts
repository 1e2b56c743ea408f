/** This project. Disks boot the whole machine in its worker, as for a user; bare images run on the processor alone. */
import { readFileSync } from 'node:fs';
import type { ProcessorOptions } from '../../cpu/index.ts';
import { createMachine } from '../../src/index.ts';
import type { MachineOptions } from '../../src/index.ts';
import type { DiskGuest, Peer, RunningGuest } from '../types.ts';
import { runBareProcessor } from './bare-processor.ts';

/** What is different from the defaults. */
interface Configuration {
  /** For a machine. */
  readonly machine: Partial<MachineOptions>;
  /** For a processor alone. */
  readonly processor: Partial<ProcessorOptions>;
}

const DEFAULTS: Configuration = { machine: {}, processor: {} };
const INTERPRETER: Configuration = { machine: { jit: false }, processor: { jit: false } };

function peer(id: string, title: string, { machine, processor }: Configuration): Peer {
  return {
    id,
    title,
    version: () => {
      const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
      return `${title} ${version}`;
    },
    unavailable: () => undefined,
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
