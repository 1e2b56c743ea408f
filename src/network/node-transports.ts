/**
 * Frames over sockets of the host, as other emulators have them: a stream with the length before each frame (QEMU `-netdev stream`,
 * `-netdev socket` and passt), or a datagram for each frame (QEMU `-netdev dgram`).
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import type { DatagramConnection, StreamConnection } from './configuration.ts';
import { FrameSplitter, withLength } from './frame-stream.ts';
import type { Transport, TransportConnection, TransportEvents } from './networks.ts';
import { NetworkError } from './networks.ts';
import { openWebSocket } from './websocket-transport.ts';

const LOOPBACK = '127.0.0.1';
/** Bytes that a slow peer has not taken; more frames are lost. */
const BACKLOG_LIMIT = 4 << 20;
const RECONNECT_MS = 1000;

function openStream(connection: StreamConnection, events: TransportEvents): Transport {
  const endpoint =
    connection.path === undefined
      ? { host: connection.host ?? LOOPBACK, port: connection.port! }
      : { path: connection.path };
  let peer: Socket | undefined;
  let closed = false;
  let told = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let calling: Socket | undefined;
  const problem = (error: Error): void => {
    // Once: a peer that is called again and again would fill the log.
    if (!told) events.problem(error.message);
    told = true;
  };
  const join = (socket: Socket): void => {
    peer?.destroy();
    peer = socket;
    told = false;
    const splitter = new FrameSplitter((frame) => events.receive(frame));
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      if (splitter.push(bytes)) return;
      events.problem('the peer sent what is no frame');
      socket.destroy();
    });
    socket.on('close', () => {
      if (peer === socket) peer = undefined;
    });
  };
  const dial = (): void => {
    const socket = connect(endpoint);
    calling = socket;
    socket.on('error', problem);
    socket.once('connect', () => join(socket));
    socket.once('close', () => {
      if (!closed) timer = setTimeout(dial, RECONNECT_MS);
    });
  };
  const server = connection.listen
    ? createServer((socket) => {
        socket.on('error', () => socket.destroy());
        join(socket);
      })
    : undefined;
  if (server) {
    server.on('error', problem);
    server.listen(endpoint);
  } else {
    dial();
  }
  return {
    send: (frame) => {
      if (peer && peer.writableLength < BACKLOG_LIMIT) peer.write(withLength(frame));
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      peer?.destroy();
      calling?.destroy();
      server?.close();
    },
  };
}

function openDatagram({ local, remote }: DatagramConnection, events: TransportEvents): Transport {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  let open = true;
  socket.on('message', (bytes) => events.receive(bytes));
  socket.on('error', (error) => events.problem(error.message));
  socket.bind(local.port, local.host ?? LOOPBACK);
  return {
    send: (frame) => {
      if (open) socket.send(frame, remote.port, remote.host ?? LOOPBACK, () => {});
    },
    close: () => {
      open = false;
      socket.close();
    },
  };
}

export function openNodeTransport(connection: TransportConnection, events: TransportEvents): Transport {
  switch (connection.kind) {
    case 'stream':
      return openStream(connection, events);
    case 'dgram':
      return openDatagram(connection, events);
    case 'websocket':
      if (!('WebSocket' in globalThis)) throw new NetworkError('WebSocket connections need Node 22 or a page');
      return openWebSocket(connection, events);
  }
}
