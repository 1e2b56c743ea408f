/** Sockets of the host in Node. They keep the program alive no longer than the machine does. */
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { getServers } from 'node:dns';
import { connect, createServer, isIPv4 } from 'node:net';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ConnectFailure, HostSockets, HostTcpHandlers, HostTcpSocket } from './host-sockets.ts';

const CONNECT_TIMEOUT_MS = 30_000;

const REFUSED = new Set(['ECONNREFUSED', 'ECONNRESET']);

function failureOf(error: NodeJS.ErrnoException): ConnectFailure {
  if (REFUSED.has(error.code ?? '')) return 'refused';
  return error.code === 'ETIMEDOUT' ? 'timeout' : 'unreachable';
}

/** The handlers are asked for anew at each event: a connection that comes in gets them after its socket exists. */
function wrap(socket: Socket, handlers: () => HostTcpHandlers): HostTcpSocket {
  socket.on('data', (bytes) => handlers().data(bytes));
  socket.on('end', () => handlers().ended());
  return {
    write: (bytes) => {
      if (!socket.destroyed && socket.writable) socket.write(bytes, () => handlers().flushed(bytes.length));
    },
    end: () => socket.end(),
    destroy: () => socket.destroy(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  };
}

function connectTo(address: string, port: number, handlers: HostTcpHandlers): HostTcpSocket {
  const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
  let connected = false;
  let over = false;
  const fail = (reason: ConnectFailure): void => {
    if (over) return;
    over = true;
    if (connected) handlers.reset();
    else handlers.failed(reason);
  };
  const timer = setTimeout(() => {
    if (connected) return;
    fail('timeout');
    socket.destroy();
  }, CONNECT_TIMEOUT_MS);
  socket.once('connect', () => {
    connected = true;
    clearTimeout(timer);
    handlers.connected();
  });
  socket.on('error', (error) => fail(failureOf(error)));
  socket.on('close', () => clearTimeout(timer));
  return wrap(socket, () => handlers);
}

export const nodeSockets: HostSockets = {
  connect: connectTo,

  listen: ({ address, port }, accept, failed) => {
    const sockets = new Set<Socket>();
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      sockets.add(socket);
      const handlers = accept(wrap(socket, () => handlers));
      socket.on('error', () => handlers.reset());
      socket.on('close', () => sockets.delete(socket));
    });
    server.on('error', (error) => failed(error.message));
    server.listen(port, address);
    return {
      close: () => {
        server.close();
        for (const socket of sockets) socket.destroy();
      },
    };
  },

  udp: (endpoint, listener, failed) => {
    const socket: UdpSocket = createSocket('udp4');
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      socket.close();
    };
    socket.on('message', (bytes, { address, port }) => listener(bytes, address, port));
    socket.on('error', (error) => {
      close();
      failed(error.message);
    });
    if (endpoint) socket.bind(endpoint.port, endpoint.address);
    return {
      // Errors of single datagrams (no route, too long) lose the datagram, as they would on the way.
      send: (bytes, address, port) => {
        if (open) socket.send(bytes, port, address, () => {});
      },
      close,
    };
  },

  ownAddresses: () =>
    Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
    ),

  nameServers: () => getServers().filter((server) => isIPv4(server)),
};
