// How fast a guest writes in sequence into each kind of disk, against the same writes into a plain file:
//   node test/run-command.mjs vhd/write-speed [MiB] [rounds] [folder]
// Rounds are interleaved; the medians count. Ends with code 1 when a disk is slower than half the plain file.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { NodeDiskStore } from '../../../src/disks/node-store.ts';
import { createDifferencing, createDynamic, createFixed, openVhd, type RandomAccessFile } from '../../../vhd/index.ts';

/** What share of the plain file's speed every disk must reach. */
const REQUIRED = 0.5;

interface Target {
  write(offset: number, from: Uint8Array): void;
  flush(): void;
  close(): void;
}

type Kind = 'plain file' | 'fixed' | 'dynamic' | 'differencing';
const KINDS: readonly Kind[] = ['plain file', 'fixed', 'dynamic', 'differencing'];

function plain(file: RandomAccessFile): Target {
  return {
    write: (offset, from) => file.write(offset, from),
    flush: () => file.flush(),
    close: () => file.close(),
  };
}

function newTarget(kind: Kind, folder: string, size: number): Target {
  const store = new NodeDiskStore();
  const file = store.create(path.join(folder, 'disk'));
  if (kind === 'plain file') return plain(file);
  if (kind === 'fixed') createFixed(file, { size });
  else if (kind === 'dynamic') createDynamic(file, { size });
  else {
    const base = store.create(path.join(folder, 'base'));
    createDynamic(base, { size });
    const parent = openVhd(base);
    createDifferencing(file, { parent, parentName: 'base', locators: [] });
    const child = openVhd(file, { parent });
    return { write: (o, from) => child.write(o / 512, from), flush: () => child.flush(), close: () => child.close() };
  }
  const image = openVhd(file);
  return { write: (o, from) => image.write(o / 512, from), flush: () => image.flush(), close: () => image.close() };
}

/** Bytes per second, the last flush included. */
function measure(kind: Kind, home: string, size: number, step: number, flushEvery: number): number {
  const folder = fs.mkdtempSync(path.join(home, 'speed-'));
  const data = Uint8Array.from({ length: step }, (_, i) => (i * 7) | 1);
  const target = newTarget(kind, folder, size);
  const start = performance.now();
  for (let offset = 0; offset < size; offset += step) {
    target.write(offset, data);
    if ((offset + step) % flushEvery === 0) target.flush();
  }
  target.flush();
  const speed = size / ((performance.now() - start) / 1000);
  target.close();
  fs.rmSync(folder, { recursive: true });
  return speed;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

const [, , , mebibytes = '256', rounds = '9', home = os.tmpdir()] = process.argv;
const size = Number(mebibytes) * 1024 * 1024;
let failed = false;
// As disk drivers write: single pages, the largest ATA requests of old drivers, and those with a file system that flushes its journal.
for (const [name, step, flushEvery] of [
  ['4 KiB', 4096, Infinity],
  ['64 KiB', 65536, Infinity],
  ['128 KiB', 131072, Infinity],
  ['64 KiB, flush after 16 MiB', 65536, 16 * 1024 * 1024],
] as const) {
  const speeds = new Map<Kind, number[]>(KINDS.map((kind) => [kind, []]));
  // The first round warms up.
  for (let round = 0; round <= Number(rounds); round++) {
    for (const kind of KINDS) {
      const speed = measure(kind, home, size, step, flushEvery);
      if (round > 0) speeds.get(kind)!.push(speed);
    }
  }
  const medians = new Map([...speeds].map(([kind, list]) => [kind, median(list)]));
  const reference = medians.get('plain file')!;
  for (const [kind, speed] of medians) {
    const share = speed / reference;
    failed ||= share < REQUIRED;
    console.log(
      `${name.padEnd(28)}${kind.padEnd(14)}${(speed / 1e6).toFixed(0).padStart(6)} MB/s${(share * 100).toFixed(0).padStart(6)} %`,
    );
  }
}
if (failed) process.exitCode = 1;
