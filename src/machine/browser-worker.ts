/** Entry point of a machine's thread in a page; bundled as a file of its own. Media and firmware are given as bytes. */
import { createProcessor } from '../../cpu/index.ts';
import { checkImages } from '../firmware/images.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import { bytesOpener } from './media.ts';
import type { Message, Request } from './protocol.ts';
import { NetworkError } from '../network/networks.ts';
import type { Transport, TransportConnection, TransportEvents } from '../network/networks.ts';
import { openWebSocket } from '../network/websocket-transport.ts';
import { serveMachine } from './server.ts';
import { bytesStateFiles } from './state-files.ts';

/** The part of a worker's global scope that is used here. */
interface Scope {
  postMessage(message: Message): void;
  addEventListener(type: 'message', listener: (event: { readonly data: Request }) => void): void;
}

/** A page has no sockets but these. */
function openPageTransport(connection: TransportConnection, events: TransportEvents): Transport {
  if (connection.kind === 'websocket') return openWebSocket(connection, events);
  throw new NetworkError(`a page has no ${connection.kind} connections`);
}

const scope = globalThis as unknown as Scope;

serveMachine(
  {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker, not a window
    send: (message) => scope.postMessage(message),
    receive: (listener) => scope.addEventListener('message', (event) => listener(event.data)),
  },
  {
    opener: bytesOpener,
    stateFiles: bytesStateFiles,
    createProcessor,
    network: { openTransport: openPageTransport, wallClock: () => Date.now() },
    loadFirmware: ({ bios, videoBios }) => {
      if (!(bios instanceof Uint8Array) || !(videoBios instanceof Uint8Array))
        throw new VirtualServerError(ErrorCode.Firmware, 'a page must give both firmware images as bytes');
      const images = { bios, videoBios };
      checkImages(images, 'system BIOS', 'video BIOS');
      return images;
    },
    hostTime: () => performance.now(),
    wallClock: () => Date.now(),
    zoneMinutes: () => -new Date().getTimezoneOffset(),
  },
);
