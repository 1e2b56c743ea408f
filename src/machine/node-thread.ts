/** Starts a machine's thread in Node. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import type { MachineThread } from './client.ts';
import type { Message } from './protocol.ts';

const WORKER_FILE = 'machine-worker.js';

/** The bundled worker: beside the bundle, or one folder up from a shared chunk. Undefined when run from the sources. */
function workerFile(): string | undefined {
  return [`./${WORKER_FILE}`, `../${WORKER_FILE}`]
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
}

/** A worker thread; where the sources run unbundled, the caller's own thread. */
export async function startNodeThread(file: string | undefined = workerFile()): Promise<MachineThread> {
  if (file !== undefined) return startWorker(file);
  const [{ startInline }, { nodeServices }] = await Promise.all([
    import('./inline-thread.ts'),
    import('./node-services.ts'),
  ]);
  return startInline(nodeServices);
}

function startWorker(file: string): MachineThread {
  const worker = new Worker(file);
  let terminated = false;
  let death: ((message: string) => void) | undefined;
  const die = (message: string): void => {
    if (terminated) return;
    terminated = true;
    death?.(message);
  };
  worker.on('error', (error: Error) => die(`the machine's thread failed: ${error.stack ?? error.message}`));
  worker.on('exit', (code) => die(`the machine's thread ended with code ${code}`));
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
    send: (request, transfer) => worker.postMessage(request, transfer as readonly MessagePort[]),
    receive: (listener) => void worker.on('message', (message: Message) => listener(message)),
    onDeath: (listener) => (death = listener),
    terminate: async () => {
      terminated = true;
      await worker.terminate();
    },
  };
}
