/** What the configuration connects on the host's side, in Node: serial ports to files, sockets and the terminal, the printer to a file. */
import { createWriteStream } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import type { SerialPort, VirtualMachine } from './api.ts';
import type { MachineConfiguration, SerialConfiguration } from './configuration.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';

const LOOPBACK = '127.0.0.1';
/** Output that a slow or absent peer has not taken; more is lost, as on a real line. */
const BACKLOG_LIMIT = 8 << 20;

type Cleanup = () => Promise<void>;

function hostError(subject: string, cause: unknown): VirtualServerError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new VirtualServerError(ErrorCode.Host, `${subject}: ${message}`, { subject, cause });
}

function writeTo(stream: Writable, bytes: Uint8Array): void {
  if (!stream.destroyed && stream.writableLength < BACKLOG_LIMIT) stream.write(bytes);
}

async function openFile(path: string, append: boolean | undefined): Promise<Writable> {
  const stream = createWriteStream(path, { flags: append ? 'a' : 'w' });
  await new Promise<void>((resolve, reject) => {
    stream.once('open', () => resolve());
    stream.once('error', (error) => reject(hostError(path, error)));
  });
  // Errors after opening (a full disk) lose output; they must not end the process.
  stream.on('error', () => {});
  return stream;
}

async function endFile(stream: Writable): Promise<void> {
  stream.end();
  await finished(stream).catch(() => {});
}

async function wireFile(port: SerialPort, path: string, append: boolean | undefined): Promise<Cleanup> {
  const stream = await openFile(path, append);
  const data = port.onData((bytes) => writeTo(stream, bytes));
  return async () => {
    data[Symbol.dispose]();
    await endFile(stream);
  };
}

function wireStdio(port: SerialPort): Cleanup {
  const data = port.onData((bytes) => void process.stdout.write(bytes));
  const input = (bytes: Uint8Array): void => void port.write(bytes).catch(() => {});
  process.stdin.on('data', input);
  return () => {
    data[Symbol.dispose]();
    process.stdin.off('data', input);
    process.stdin.pause();
    return Promise.resolve();
  };
}

/** Joins a socket and a port until either ends. */
function join(port: SerialPort, socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes) => {
    // One piece at a time: the guest sets the pace.
    socket.pause();
    port.write(bytes).then(
      () => socket.resume(),
      () => socket.destroy(),
    );
  });
  const data = port.onData((bytes) => writeTo(socket, bytes));
  socket.on('close', () => data[Symbol.dispose]());
}

type Endpoint = { readonly path: string } | { readonly host: string; readonly port: number };

const nameOf = (endpoint: Endpoint): string =>
  'path' in endpoint ? endpoint.path : `${endpoint.host}:${endpoint.port}`;

async function listen(port: SerialPort, endpoint: Endpoint): Promise<Cleanup> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    // A cable has one other end.
    for (const other of sockets) other.destroy();
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    join(port, socket);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(hostError(nameOf(endpoint), error)));
    server.listen(endpoint, resolve);
  });
  server.on('error', () => {});
  return () =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
}

async function dial(port: SerialPort, endpoint: Endpoint): Promise<Cleanup> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made = connect(endpoint, () => resolve(made));
    made.once('error', (error) => reject(hostError(nameOf(endpoint), error)));
  });
  join(port, socket);
  return () => {
    socket.destroy();
    return Promise.resolve();
  };
}

async function wire(port: SerialPort, configuration: SerialConfiguration): Promise<Cleanup | undefined> {
  switch (configuration.kind) {
    case 'none':
    case 'events':
      return undefined;
    case 'stdio':
      return wireStdio(port);
    case 'file':
      return wireFile(port, configuration.path, configuration.append);
    case 'pipe':
    case 'tcp': {
      const endpoint: Endpoint =
        configuration.kind === 'pipe'
          ? { path: configuration.path }
          : { host: configuration.host ?? LOOPBACK, port: configuration.port };
      return configuration.listen ? listen(port, endpoint) : dial(port, endpoint);
    }
  }
}

/**
 * Connects the ports of a machine as its configuration says.
 * @throws VirtualServerError `VS_HOST`; nothing stays open then
 */
export async function attachWires(
  machine: VirtualMachine,
  configuration: MachineConfiguration,
): Promise<AsyncDisposable> {
  const cleanups: Cleanup[] = [];
  const dispose = async (): Promise<void> => {
    await Promise.all(cleanups.map((cleanup) => cleanup()));
  };
  try {
    for (const [i, serial] of (configuration.serial ?? []).entries()) {
      const cleanup = await wire(machine.serial[i]!, serial);
      if (cleanup) cleanups.push(cleanup);
    }
    const { parallel } = configuration;
    if (parallel?.kind === 'file') {
      const stream = await openFile(parallel.path, parallel.append);
      const data = machine.on('vm.parallel.output', (event) => writeTo(stream, event.data.bytes));
      cleanups.push(async () => {
        data[Symbol.dispose]();
        await endFile(stream);
      });
    }
  } catch (error) {
    await dispose();
    throw error;
  }
  return { [Symbol.asyncDispose]: dispose };
}
