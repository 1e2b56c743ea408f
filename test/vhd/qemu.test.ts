import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NodeDiskStore } from '../../src/disks/node-store.ts';
import {
  checkDisk,
  compactDisk,
  convertDisk,
  createDifferencing,
  createDynamic,
  createFixed,
  mergeIntoParent,
  MemoryStore,
  openVhd,
  RawImage,
  repairDisk,
  resizeDisk,
  sizeWithExactGeometry,
  type DiskImage,
} from '../../vhd/index.ts';
import { pattern, seededRandom } from './random.ts';

const QEMU_IMG = '/usr/bin/qemu-img';
const QEMU_IO = '/usr/bin/qemu-io';
const present = (fs.existsSync(QEMU_IMG) && fs.existsSync(QEMU_IO)) || process.env['CI'] !== undefined;

/** By the size field, also where the geometry covers less. */
const vpc = (file: string): string => `driver=vpc,file.filename=${file},force_size_calc=current_size`;

let home: string;
const store = new NodeDiskStore();
beforeEach(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'qemu-vhd-'));
});
afterEach(() => fs.rmSync(home, { recursive: true }));
const at = (name: string): string => path.join(home, name);

function openAt(name: string, access: 'read' | 'write' = 'read'): DiskImage {
  return openVhd(store.open(at(name), access));
}

function contentOf(name: string): Buffer {
  const image = openAt(name);
  const bytes = Buffer.alloc(image.sectorCount * 512);
  image.read(0, bytes);
  image.close();
  return bytes;
}

/** What qemu-img reads. */
function theirContent(name: string): Buffer {
  execFileSync(QEMU_IMG, ['convert', '--image-opts', vpc(at(name)), '-O', 'raw', at('out.raw')]);
  return fs.readFileSync(at('out.raw'));
}

function scribbled(size: number): Buffer {
  const model = Buffer.alloc(size);
  const random = seededRandom(size);
  for (let i = 0; i < 25; i++) {
    const count = 1 + random(300);
    model.set(pattern(count, i), random(size / 512 - count) * 512);
  }
  return model;
}

function make(name: string, type: 'fixed' | 'dynamic', size: number, blockSize?: number): Buffer {
  const file = store.create(at(name));
  if (type === 'fixed') createFixed(file, { size });
  else createDynamic(file, { size, blockSize });
  const image = openVhd(file);
  const model = scribbled(size);
  image.write(0, model);
  image.close();
  return model;
}

describe.skipIf(!present)('qemu (skipped: qemu-img and qemu-io are not installed)', () => {
  const size = 9 * 1024 * 1024;

  for (const [type, blockSize] of [
    ['fixed', undefined],
    ['dynamic', undefined],
    ['dynamic', 512 * 1024],
    ['dynamic', 16384],
  ] as const) {
    it(`reads and writes our ${type} disk${blockSize === undefined ? '' : ` of blocks of ${blockSize} bytes`}`, () => {
      const model = make('ours.vhd', type, size, blockSize);
      expect(theirContent('ours.vhd').equals(model)).toBe(true);
      // Into a block that is there, over its border, and into one that is not.
      const writes = [0x21, 0x42, 0x63].map((byte, i) => ({ byte, offset: [3 * 512, 2_096_640, size - 8192][i]! }));
      const commands = writes.flatMap(({ byte, offset }) => ['-c', `write -P ${byte} ${offset} 8192`]);
      execFileSync(QEMU_IO, ['--image-opts', vpc(at('ours.vhd')), ...commands]);
      for (const { byte, offset } of writes) model.fill(byte, offset, offset + 8192);
      expect(contentOf('ours.vhd').equals(model)).toBe(true);
      const file = store.open(at('ours.vhd'), 'read');
      expect(checkDisk(file).runSync().readable).toBe(true);
      file.close();
      const image = openAt('ours.vhd', 'write');
      image.write(5000, pattern(600, 9));
      image.close();
      model.set(pattern(600, 9), 5000 * 512);
      expect(theirContent('ours.vhd').equals(model)).toBe(true);
    });
  }

  it('reads what trim, compact and resize leave', () => {
    const model = make('disk.vhd', 'dynamic', size, 128 * 1024);
    const image = openAt('disk.vhd', 'write');
    image.trim!(100, 9000);
    model.fill(0, 100 * 512, 9100 * 512);
    // Into the space of a block that was given back.
    image.flush();
    image.write(2048, pattern(3, 3));
    model.set(pattern(3, 3), 2048 * 512);
    image.close();
    expect(theirContent('disk.vhd').equals(model)).toBe(true);
    compactDisk(store, at('disk.vhd')).runSync();
    expect(theirContent('disk.vhd').equals(model)).toBe(true);
    const file = store.open(at('disk.vhd'), 'write');
    // Its 640 entries do not fit before the first block, which is at 3584.
    expect(resizeDisk(file, { size: 80 * 1024 * 1024 }).runSync().tableMoved).toBe(true);
    file.close();
    const larger = Buffer.alloc(80 * 1024 * 1024);
    larger.set(model);
    expect(theirContent('disk.vhd').equals(larger)).toBe(true);
    execFileSync(QEMU_IO, ['--image-opts', vpc(at('disk.vhd')), '-c', 'write -P 7 83000000 4608']);
    larger.fill(7, 83_000_000 - (83_000_000 % 512), 83_000_000 + 4608);
    const sector = Buffer.alloc(512);
    const after = openAt('disk.vhd');
    after.read(Math.floor(83_000_000 / 512) + 1, sector);
    after.close();
    expect(sector.every((byte) => byte === 7)).toBe(true);
  });

  it('reads a repaired disk', () => {
    const model = make('disk.vhd', 'dynamic', size);
    fs.truncateSync(at('disk.vhd'), fs.statSync(at('disk.vhd')).size - 700);
    const file = store.open(at('disk.vhd'), 'write');
    const { lost, remaining } = repairDisk(file, { allowLoss: true }).runSync();
    file.close();
    expect(remaining).toEqual([]);
    for (const { lba, count } of lost) model.fill(0, lba * 512, (lba + count) * 512);
    const content = theirContent('disk.vhd');
    for (const { lba, count } of lost) content.fill(0, lba * 512, (lba + count) * 512);
    expect(content.equals(model)).toBe(true);
  });

  it('reads what merging a chain and converting give', () => {
    const memory = new MemoryStore();
    createDynamic(memory.create('base.vhd'), { size, blockSize: 65536 });
    const model = scribbled(size);
    const base = openVhd(memory.open('base.vhd'));
    base.write(0, model);
    base.close();
    const child = memory.create('child.vhd');
    createDifferencing(child, {
      parent: openVhd(memory.open('base.vhd')),
      parentName: 'base.vhd',
      locators: [{ platform: 'W2ru', text: '.\\base.vhd' }],
    });
    const top = openVhd(child, { resolver: memory.resolver });
    top.write(77, pattern(1000, 4));
    top.close();
    model.set(pattern(1000, 4), 77 * 512);
    const source = openVhd(child, { resolver: memory.resolver });
    for (const type of ['fixed', 'dynamic', 'raw'] as const) {
      convertDisk(source, store, at(type), { type }).runSync();
      const content = type === 'raw' ? fs.readFileSync(at(type)) : theirContent(type);
      expect(content.equals(model)).toBe(true);
    }
    mergeIntoParent(memory, 'child.vhd', { resolver: memory.resolver }).runSync();
    fs.writeFileSync(at('merged.vhd'), memory.open('base.vhd').toBytes());
    expect(theirContent('merged.vhd').equals(model)).toBe(true);
  });

  for (const [subformat, force] of [
    ['fixed', 'on'],
    ['dynamic', 'on'],
    ['dynamic', 'off'],
  ]) {
    it(`makes ${subformat} disks, force_size=${force}, that pass our check and every operation`, () => {
      const exact = force === 'on' ? size : sizeWithExactGeometry(size);
      const model = Buffer.alloc(exact);
      model.set(scribbled(size));
      fs.writeFileSync(at('in.raw'), model);
      const options = `subformat=${subformat},force_size=${force}`;
      execFileSync(QEMU_IMG, ['convert', '-f', 'raw', '-O', 'vpc', '-o', options, at('in.raw'), at('theirs.vhd')]);
      const file = store.open(at('theirs.vhd'), 'write');
      expect(checkDisk(file).runSync()).toMatchObject({ clean: true, readable: true, format: subformat });
      expect(contentOf('theirs.vhd').equals(model)).toBe(true);
      resizeDisk(file, { size: exact * 2 }).runSync();
      file.close();
      if (subformat === 'dynamic') compactDisk(store, at('theirs.vhd')).runSync();
      const larger = Buffer.alloc(exact * 2);
      larger.set(model);
      expect(theirContent('theirs.vhd').equals(larger)).toBe(true);
      convertDisk(openAt('theirs.vhd'), store, at('copy.raw'), { type: 'raw' }).runSync();
      expect(fs.readFileSync(at('copy.raw')).equals(larger)).toBe(true);
      convertDisk(new RawImage(store.open(at('copy.raw'), 'read')), store, at('back.vhd'), {
        type: 'dynamic',
      }).runSync();
      expect(theirContent('back.vhd').equals(larger)).toBe(true);
    });
  }
});
