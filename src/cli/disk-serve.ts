/** `disk serve`: a disk as an NBD export, read-only or with an undo layer, until a signal ends it. */
import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { DiskImage } from '../../vhd/image.ts';
import { openDisk } from '../disks/open-disk.ts';
import { DEFAULT_PORT, exportOfImage, NbdServer, type NbdAddress } from '../nbd/index.ts';
import { findDisk, openPlace, type DiskPlace, type SourceFlags } from './disk-source.ts';
import type { DiskCommandContext } from './disk-task.ts';
import { ExitCode } from './exit-codes.ts';
import { shellWord } from '../inspect/layers.ts';

export interface ServeFlags extends SourceFlags {
  readonly listen?: NbdAddress;
  readonly socket?: string;
  readonly writable?: 'memory' | 'beside';
  readonly name?: string;
}

/** `HOST:PORT`, `PORT`, `[::1]:PORT`. */
export function listenAddress(text: string): NbdAddress {
  const match = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError('An address is PORT, HOST:PORT or [IPV6]:PORT.');
  return { host: match[1] ?? match[2] ?? '127.0.0.1', port };
}

export async function serve(context: DiskCommandContext, target: string, flags: ServeFlags): Promise<number> {
  if (flags.socket !== undefined && flags.listen !== undefined)
    throw new InvalidArgumentError('--socket or --listen, not both.');
  const { around, quiet } = context;
  const place = findDisk(target, flags);
  const image = openWanted(place, flags.writable);
  const name = flags.name ?? path.basename(target).replace(/\.[^.]*$/, '');
  const server = new NbdServer([exportOfImage(image, name, path.basename(place.top))], {
    onClients: (count) => {
      if (!quiet) around.talk.write(`${count} client${count === 1 ? '' : 's'}\n`);
    },
  });
  try {
    const address: NbdAddress =
      flags.socket === undefined
        ? (flags.listen ?? { host: '127.0.0.1', port: DEFAULT_PORT })
        : { path: path.resolve(flags.socket) };
    const uri = uriOf(await server.listen(address), name);
    // Before anybody can know that there is something to end.
    const ended = signalToEnd(context);
    around.output.write(`${uri}\n`);
    if (!quiet) {
      const changes = {
        memory: 'Writes are kept in memory and forgotten at the end.',
        beside: `Writes go to the undo disk ${place.top}.vud.`,
      };
      for (const line of [
        ...place.remarks,
        ...image.problems,
        flags.writable === undefined ? 'Read-only.' : changes[flags.writable],
        `For example: qemu-img convert -f raw -O raw ${shellWord(uri)} copy.img`,
        `             nbdcopy ${shellWord(uri)} copy.img`,
        `             nbd-client ${clientArguments(address)} -N ${shellWord(name)} /dev/nbd0`,
        'Ctrl-C ends it.',
      ]) {
        around.talk.write(`${line}\n`);
      }
    }
    await ended;
  } finally {
    await server.close();
    image.close();
  }
  return ExitCode.Success;
}

function openWanted(place: DiskPlace, writable: ServeFlags['writable']): DiskImage {
  if (writable === undefined) return openPlace(place);
  if (writable === 'memory' && place.undo !== undefined) {
    throw new InvalidArgumentError(
      `${place.undo} has changes already: add to them with --writable beside, or leave them out with --without-undo.`,
    );
  }
  return openDisk(place.top, {
    mode: writable === 'beside' ? 'undo-file' : 'undo-memory',
    parentFolders: place.folders,
  });
}

function uriOf(address: NbdAddress, name: string): string {
  if ('path' in address) return `nbd+unix:///${encodeURIComponent(name)}?socket=${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `nbd://${host}:${address.port}/${encodeURIComponent(name)}`;
}

const clientArguments = (address: NbdAddress): string =>
  'path' in address ? `-unix ${shellWord(address.path)}` : `${address.host} ${address.port}`;

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Resolves at the first signal that asks the program to end. */
function signalToEnd({ around: { signals } }: DiskCommandContext): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      for (const name of ENDING) signals.off(name, end);
      resolve();
    };
    for (const name of ENDING) signals.on(name, end);
  });
}
