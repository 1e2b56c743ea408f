/**
 * virtualserver as a library, for pages: media and firmware are bytes, and the machine runs in a worker that the page
 * makes from the package's `browser-worker.js`.
 *
 * ```ts
 * const vm = createMachine(
 *   { hda: { bytes: disk }, firmware: { bios, videoBios } },
 *   () => new Worker(new URL('virtualserver/browser-worker', import.meta.url), { type: 'module' }),
 * );
 * ```
 */
import type { MachineOptions, VirtualMachine } from './machine/api.ts';
import type { MachineThread } from './machine/client.ts';
import { MachineHost, normaliseOptions } from './machine/machine-host.ts';
import type { Message } from './machine/protocol.ts';

export { ErrorCode, VirtualServerError } from './machine/errors.ts';
export { checkConfiguration } from './machine/configuration.ts';
export { VirtualNetwork } from './network/virtual-network.ts';
export type * from './machine/api.ts';
export type * from './machine/configuration.ts';
export type * from './machine/events.ts';
export type { AdapterStatistics } from './machine/adapter-wire.ts';
export type * from './network/configuration.ts';
export type { NetworkPlug, VirtualNetworkOptions } from './network/virtual-network.ts';

function threadOver(worker: Worker): MachineThread {
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
    send: (request, transfer = []) => worker.postMessage(request, [...transfer]),
    receive: (listener) => worker.addEventListener('message', (event: MessageEvent<Message>) => listener(event.data)),
    onDeath: (listener) =>
      worker.addEventListener('error', (event) => listener(`the machine's thread failed: ${event.message}`), {
        once: true,
      }),
    terminate: () => {
      worker.terminate();
      return Promise.resolve();
    },
  };
}

/**
 * Makes a machine that is turned off. Serial and parallel ports deliver events only.
 * @param startWorker called at each power-on
 * @throws VirtualServerError `VS_INVALID_CONFIGURATION`; `subject` names the option
 */
export function createMachine(options: MachineOptions, startWorker: () => Worker): VirtualMachine {
  return new MachineHost(normaliseOptions(options), { startThread: () => Promise.resolve(threadOver(startWorker())) });
}
