/** Files of networks in Node: captures, leases, boot files. */
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { Lease, LeaseStore } from './dhcp-server.ts';
import { formatIpv4, parseIpv4 } from './packet.ts';
import { NetworkError } from './networks.ts';
import type { Sink } from './networks.ts';
import type { TftpFile, TftpFiles } from './tftp-server.ts';

const BUFFER_BYTES = 1 << 16;
const FLUSH_MS = 500;

/** A file that is written in larger pieces, and at least twice a second. A disk that is full ends the capture, not the machine. */
export function openSink(file: string): Sink {
  const fd = openSync(file, 'w');
  const buffer = new Uint8Array(BUFFER_BYTES);
  let used = 0;
  let broken = false;
  const put = (bytes: Uint8Array): void => {
    if (broken || bytes.length === 0) return;
    try {
      writeSync(fd, bytes);
    } catch {
      broken = true;
    }
  };
  const flush = (): void => {
    put(buffer.subarray(0, used));
    used = 0;
  };
  const timer = setInterval(flush, FLUSH_MS);
  timer.unref();
  return {
    write: (bytes) => {
      if (used + bytes.length > BUFFER_BYTES) flush();
      if (bytes.length > BUFFER_BYTES) return put(bytes);
      buffer.set(bytes, used);
      used += bytes.length;
    },
    close: () => {
      clearInterval(timer);
      flush();
      closeSync(fd);
    },
  };
}

interface StoredLease {
  readonly client: string;
  readonly address: string;
  readonly expires: string;
}

function leaseOf({ client, address, expires }: StoredLease): Lease[] {
  const number = typeof address === 'string' ? parseIpv4(address) : undefined;
  const time = Date.parse(expires);
  return typeof client === 'string' && number !== undefined && Number.isFinite(time)
    ? [{ client, address: number, expires: time }]
    : [];
}

/** Leases as JSON. A file that is none counts as empty, and is replaced with the next lease. */
export function openLeases(file: string): LeaseStore {
  return {
    load: () => {
      try {
        const stored: unknown = JSON.parse(readFileSync(file, 'utf8'));
        return Array.isArray(stored) ? (stored as StoredLease[]).flatMap(leaseOf) : [];
      } catch {
        return [];
      }
    },
    save: (leases) => {
      const stored = leases.map(({ client, address, expires }): StoredLease => ({
        client,
        address: formatIpv4(address),
        expires: new Date(expires).toISOString(),
      }));
      const beside = `${file}.new`;
      try {
        writeFileSync(beside, `${JSON.stringify(stored, undefined, 2)}\n`);
        renameSync(beside, file);
      } catch {
        // Leases that cannot be kept are still good for this run.
      }
    },
  };
}

/** Files below a folder, links that lead out of it left out. @throws NetworkError if it is no folder */
export function openFolder(folder: string): TftpFiles {
  let root: string;
  try {
    root = realpathSync(folder);
    if (!statSync(root).isDirectory()) throw new NetworkError(`${folder} is not a folder`);
  } catch (error) {
    throw error instanceof NetworkError ? error : new NetworkError(`${folder}: ${(error as Error).message}`);
  }
  return (name) => openBelow(root, name);
}

function openBelow(root: string, name: string): TftpFile | undefined {
  // Names of clients begin with a slash or not, and some have backslashes.
  const relative = name.replaceAll('\\', '/').replace(/^\/+/, '');
  if (relative === '' || relative.includes('\0')) return undefined;
  let fd: number;
  try {
    const file = realpathSync(path.join(root, relative));
    if (!file.startsWith(root + path.sep)) return undefined;
    fd = openSync(file, 'r');
  } catch {
    return undefined;
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    return undefined;
  }
  return {
    size: stat.size,
    read: (offset, length) => {
      const bytes = new Uint8Array(length);
      try {
        readSync(fd, bytes, 0, length, offset);
      } catch {
        // A file that can no longer be read gives zeros: the client's checksum tells.
      }
      return bytes;
    },
    close: () => closeSync(fd),
  };
}
