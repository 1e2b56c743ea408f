/** Entry point of a machine's thread in Node; bundled as a file of its own. */
import { parentPort } from 'node:worker_threads';
import { nodeServices } from './node-services.ts';
import type { Request } from './protocol.ts';
import { serveMachine } from './server.ts';

if (!parentPort) throw new Error('this file runs as a worker thread only');
const port = parentPort;
serveMachine(
  {
    send: (message) => port.postMessage(message),
    receive: (listener) => void port.on('message', (request: Request) => listener(request)),
  },
  nodeServices,
);
