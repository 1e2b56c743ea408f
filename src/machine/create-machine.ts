import { rm } from 'node:fs/promises';
import type { MachineOptions, VirtualMachine } from './api.ts';
import { MachineHost, normaliseOptions } from './machine-host.ts';
import { startNodeThread } from './node-thread.ts';
import { attachWires } from './node-wires.ts';

/**
 * Makes a machine that is turned off; each power-on runs it in a worker thread of its own. Nothing is opened before
 * `start()`.
 * @throws VirtualServerError `VS_INVALID_CONFIGURATION`; `subject` names the option
 */
export function createMachine(options: MachineOptions = {}): VirtualMachine {
  return new MachineHost(normaliseOptions(options), {
    startThread: () => startNodeThread(),
    attach: (machine) => attachWires(machine, machine.configuration),
    removeState: (path) => rm(path, { force: true }),
  });
}
