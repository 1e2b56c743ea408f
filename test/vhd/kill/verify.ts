/** What there is before the kill, and what must be there afterwards. */
import fs from 'node:fs';
import path from 'node:path';
import { NodeDiskStore } from '../../../src/disks/node-store.ts';
import { checkDisk, createDifferencing, createDynamic, DiskError, type DiskImage } from '../../../vhd/index.ts';
import { pattern, seededRandom } from '../random.ts';
import { BLOCK, guestLoad, SECTORS, SIZE, type Mode } from './load.ts';
import { openFrom, operate, subject } from './writer.ts';

function readAll(image: DiskImage): Buffer {
  const bytes = Buffer.alloc(image.sectorCount * 512);
  image.read(0, bytes);
  return bytes;
}

function contentOf(folder: string, name: string): Buffer {
  const image = openFrom(folder, name, 'read');
  try {
    return readAll(image);
  } finally {
    image.close();
  }
}

/** `base.vhd` and `child.vhd` over it, with random content; a pure function of the seed. */
export function prepare(folder: string, mode: Mode, seed: number): void {
  const random = seededRandom(seed);
  const store = new NodeDiskStore();
  const file = store.create(path.join(folder, 'base.vhd'));
  createDynamic(file, { size: SIZE, blockSize: mode === 'resize' && seed % 2 === 0 ? 4096 : BLOCK });
  file.close();
  scribble(openFrom(folder, 'base.vhd', 'write'), random);
  const child = store.create(path.join(folder, 'child.vhd'));
  const parent = openFrom(folder, 'base.vhd', 'read');
  const locators = [{ platform: 'W2ru' as const, text: '.\\base.vhd' }];
  createDifferencing(child, { parent, parentName: 'base.vhd', locators, blockSize: BLOCK });
  parent.close();
  child.close();
  scribble(openFrom(folder, 'child.vhd', 'write'), random);
  fs.writeFileSync(path.join(folder, 'before'), contentOf(folder, path.basename(subject(folder, mode))));
}

function scribble(image: DiskImage, random: (below: number) => number): void {
  for (let i = 0; i < 30; i++) {
    const count = 1 + random(400);
    image.write(random(SECTORS - count), random(4) === 0 ? new Uint8Array(count * 512) : pattern(count, random(256)));
  }
  image.close();
}

function ensure(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

function ensureClean(folder: string, name: string): void {
  const file = new NodeDiskStore().open(path.join(folder, name), 'read');
  const report = checkDisk(file).runSync();
  file.close();
  ensure(report.clean, `${name} is not clean: ${report.findings.map(({ message }) => message).join('; ')}`);
}

/** @throws Error when anything is not as it must be. */
export function verify(folder: string, mode: Mode, seed: number, lines: readonly string[]): void {
  const before = fs.readFileSync(path.join(folder, 'before'));
  if (mode === 'dynamic' || mode === 'differencing') verifyGuest(folder, mode, seed, before, lines);
  else if (mode === 'merge') verifyMerge(folder, before);
  else verifyOperation(folder, mode, before);
}

function verifyOperation(folder: string, mode: Mode, before: Buffer): void {
  const name = path.basename(subject(folder, mode));
  const intact = (): boolean => contentOf(folder, name).subarray(0, SIZE).equals(before);
  ensureClean(folder, name);
  ensure(intact(), 'the content is another');
  if (mode === 'convert' && fs.existsSync(path.join(folder, 'copy.vhd'))) {
    ensureClean(folder, 'copy.vhd');
    ensure(contentOf(folder, 'copy.vhd').equals(before), 'the copy has another content');
    fs.rmSync(path.join(folder, 'copy.vhd'));
  }
  operate(folder, mode);
  ensureClean(folder, name);
  ensure(intact(), 'the content is another after repeating');
  if (mode !== 'resize') return;
  const content = contentOf(folder, name);
  ensure(content.length === SIZE * 2, 'the size is another');
  ensure(
    content.subarray(SIZE).every((byte) => byte === 0),
    'what was added is not zeros',
  );
}

function verifyMerge(folder: string, before: Buffer): void {
  const child = path.join(folder, 'child.vhd');
  if (fs.existsSync(child)) {
    ensureClean(folder, 'child.vhd');
    try {
      ensure(contentOf(folder, 'child.vhd').equals(before), 'the child reads otherwise');
    } catch (error) {
      // The parent has the child's identity: it must hold everything.
      if (!(error instanceof DiskError)) throw error;
      ensure(contentOf(folder, 'base.vhd').equals(before), 'the child is refused, the parent incomplete');
    }
    operate(folder, 'merge');
  }
  ensureClean(folder, 'base.vhd');
  ensure(contentOf(folder, 'base.vhd').equals(before), 'the parent has not the content of the child');
}

function verifyGuest(folder: string, mode: Mode, seed: number, before: Buffer, lines: readonly string[]): void {
  const name = path.basename(subject(folder, mode));
  const flushes = lines.filter((line) => line.startsWith('flushed')).length;
  ensureClean(folder, name);
  const content = contentOf(folder, name);
  const zeros = new Uint8Array(512);
  // Every value that a sector may have. Until the last flush that was reported a write leaves one; a trim on a differencing disk leaves
  // zeros or what was there. After it nothing is certain.
  const possible = new Map<number, readonly Uint8Array[]>();
  const valuesOf = (lba: number): readonly Uint8Array[] =>
    possible.get(lba) ?? [before.subarray(lba * 512, lba * 512 + 512)];
  let seen = 0;
  for (const action of guestLoad(seed)) {
    if (action.kind === 'flush') {
      if (seen++ === flushes) break;
      continue;
    }
    const certain = seen < flushes && (action.kind === 'write' || mode === 'dynamic');
    const count = action.kind === 'trim' ? action.count : action.data.length / 512;
    for (let i = 0; i < count; i++) {
      const value = action.kind === 'trim' ? zeros : action.data.subarray(i * 512, i * 512 + 512);
      possible.set(action.lba + i, certain ? [value] : [...valuesOf(action.lba + i), value]);
    }
  }
  for (let lba = 0; lba < SECTORS; lba++) {
    const sector = content.subarray(lba * 512, lba * 512 + 512);
    const legal = valuesOf(lba).some((value) => sector.equals(value));
    ensure(legal, `sector ${lba} is neither as flushed nor as written since (${flushes} flushes)`);
  }
  // And it goes on from there.
  const image = openFrom(folder, name, 'write');
  image.write(SECTORS - 3, pattern(3, 200));
  image.close();
  content.set(pattern(3, 200), (SECTORS - 3) * 512);
  ensureClean(folder, name);
  ensure(contentOf(folder, name).equals(content), 'the disk does not go on from there');
}
