/** What networks get from Node. */
import type { NetworkServices } from './networks.ts';
import { openFolder, openLeases, openSink } from './node-files.ts';
import { nodeSockets } from './node-sockets.ts';
import { openNodeTransport } from './node-transports.ts';

export const nodeNetworkServices: NetworkServices = {
  sockets: nodeSockets,
  openTransport: openNodeTransport,
  openSink,
  openLeases,
  openFolder,
  wallClock: () => Date.now(),
};
