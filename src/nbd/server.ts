/**
 * An NBD server: makes disks readable, and with an undo layer writable, for the block-device tools of the host.
 * Source: "The NBD protocol", newstyle with fixed negotiation, structured replies and `base:allocation`; no TLS, so that it belongs on
 * loopback or on a socket in the file system.
 */
import net from 'node:net';
import { DiskError } from '../../vhd/errors.ts';
import { hostError } from '../disks/node-file.ts';
import { Channel, ClientGone } from './channel.ts';
import type { NbdExport } from './export.ts';
import { negotiate } from './negotiation.ts';
import { transmit } from './transmission.ts';

/** Where a server listens: a TCP port, 0 for any, or a socket in the file system. */
export type NbdAddress = { readonly host: string; readonly port: number } | { readonly path: string };

export interface NbdServerOptions {
  /** Clients at a time; further ones are turned away. Default 16. */
  readonly connections?: number | undefined;
  /** Milliseconds that a client may take to choose an export. Default 30 s. */
  readonly negotiationMs?: number | undefined;
  /** Milliseconds without progress in the middle of a request or a reply. Default 2 minutes. */
  readonly stallMs?: number | undefined;
  /** Told about clients that come and go. */
  readonly onClients?: ((count: number) => void) | undefined;
}

const DEFAULT_CONNECTIONS = 16;
const NEGOTIATION_MS = 30_000;

export class NbdServer {
  readonly #exports: readonly NbdExport[];
  readonly #options: NbdServerOptions;
  readonly #server: net.Server;
  readonly #clients = new Set<Channel>();

  /** @param exports at least one; the first is what clients get that name none */
  constructor(exports: readonly NbdExport[], options: NbdServerOptions = {}) {
    this.#exports = exports;
    this.#options = options;
    this.#server = net.createServer((socket) => void this.#serve(socket));
  }

  /**
   * Listens; resolves to where, with the port that was chosen.
   * @throws DiskError `disk-io`, `disk-access-denied`, `disk-exists` for a socket that is there already.
   */
  async listen(address: NbdAddress): Promise<NbdAddress> {
    const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException): void => {
        const code = error.code === 'EADDRINUSE' && 'path' in address ? 'EEXIST' : error.code;
        reject(hostError(Object.assign(error, { code }), name, 'listening') satisfies DiskError);
      };
      this.#server.once('error', failed);
      this.#server.listen(address, () => {
        this.#server.off('error', failed);
        resolve();
      });
    });
    const bound = this.#server.address();
    return bound !== null && typeof bound === 'object' ? { host: bound.address, port: bound.port } : address;
  }

  /** Sends every client away and stops listening; what clients have written is still to be flushed by the owner of the disk. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const client of this.#clients) client.close();
    await closed;
  }

  async #serve(socket: net.Socket): Promise<void> {
    const channel = new Channel(socket, this.#options.stallMs);
    if (this.#clients.size >= (this.#options.connections ?? DEFAULT_CONNECTIONS)) return channel.close();
    this.#clients.add(channel);
    this.#options.onClients?.(this.#clients.size);
    const timer = setTimeout(() => channel.close(), this.#options.negotiationMs ?? NEGOTIATION_MS);
    try {
      const agreement = await negotiate(channel, this.#exports);
      clearTimeout(timer);
      if (agreement !== undefined) await transmit(channel, agreement);
      channel.end();
    } catch (error) {
      channel.close();
      if (!(error instanceof ClientGone)) throw error;
    } finally {
      clearTimeout(timer);
      this.#clients.delete(channel);
      this.#options.onClients?.(this.#clients.size);
    }
  }
}
