/** The process that is killed. It says `ready`, then `flushed N` after its Nth flush, then `done`. */
import fs from 'node:fs';
import path from 'node:path';
import { NodeDiskStore } from '../../../src/disks/node-store.ts';
import { NodeParentResolver } from '../../../src/disks/node-parents.ts';
import {
  compactDisk,
  convertDisk,
  mergeIntoParent,
  openVhd,
  reparentDisk,
  resizeDisk,
  type DiskImage,
} from '../../../vhd/index.ts';
import { guestLoad, SIZE, type Mode } from './load.ts';

function say(line: string): void {
  fs.writeSync(1, `${line}\n`);
}

/** The file that a mode works on. */
export function subject(folder: string, mode: Mode): string {
  const base = mode === 'dynamic' || mode === 'resize';
  return path.join(folder, base ? 'base.vhd' : 'child.vhd');
}

export function openFrom(folder: string, name: string, access: 'read' | 'write'): DiskImage {
  return openVhd(new NodeDiskStore().open(path.join(folder, name), access), { resolver: new NodeParentResolver() });
}

/** The operation of a mode, from the beginning to the end. */
export function operate(folder: string, mode: Mode): void {
  const store = new NodeDiskStore();
  const resolver = new NodeParentResolver();
  const file = subject(folder, mode);
  switch (mode) {
    case 'compact':
      compactDisk(store, file, { resolver }).runSync();
      break;
    case 'merge':
      mergeIntoParent(store, file, { resolver }).runSync();
      break;
    case 'convert': {
      const source = openFrom(folder, 'child.vhd', 'read');
      convertDisk(source, store, path.join(folder, 'copy.vhd'), { type: 'dynamic', blockSize: 65536 }).runSync();
      source.close();
      break;
    }
    case 'resize': {
      const disk = store.open(file, 'write');
      resizeDisk(disk, { size: SIZE * 2 }).runSync();
      disk.close();
      break;
    }
    case 'reparent': {
      const disk = store.open(file, 'write');
      const parent = openFrom(folder, 'base.vhd', 'read');
      const text = `.\\${'folder\\..\\'.repeat(100)}base.vhd`;
      reparentDisk(disk, { parent, parentName: 'base.vhd', locators: [{ platform: 'W2ru', text }] }).runSync();
      parent.close();
      disk.close();
      break;
    }
    default:
      throw new Error(`${mode} is not an operation`);
  }
}

export function work(folder: string, mode: Mode, seed: number): void {
  say('ready');
  if (mode !== 'dynamic' && mode !== 'differencing') {
    operate(folder, mode);
    say('done');
    return;
  }
  const image = openFrom(folder, path.basename(subject(folder, mode)), 'write');
  let flushes = 0;
  for (const action of guestLoad(seed)) {
    if (action.kind === 'write') image.write(action.lba, action.data);
    else if (action.kind === 'trim') image.trim!(action.lba, action.count);
    else {
      image.flush();
      say(`flushed ${++flushes}`);
    }
  }
}
