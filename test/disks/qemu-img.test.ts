import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDisk, openDisk } from '../../src/disks/index.ts';
import { sizeWithExactGeometry } from '../../vhd/index.ts';
import { pattern, seededRandom } from '../vhd/random.ts';

const QEMU_IMG = '/usr/bin/qemu-img';
const present = fs.existsSync(QEMU_IMG) || process.env['CI'] !== undefined;

let home: string;
beforeEach(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'qemu-test-'));
});
afterEach(() => fs.rmSync(home, { recursive: true }));

function scribble(size: number): Buffer {
  const model = Buffer.alloc(size);
  const random = seededRandom(size);
  for (let i = 0; i < 30; i++) {
    const count = 1 + random(200);
    model.set(pattern(count, i), random(size / 512 - count) * 512);
  }
  return model;
}

function writeInParts(file: string, model: Buffer): void {
  const disk = openDisk(file, { mode: 'write-through' });
  const random = seededRandom(1);
  for (let lba = 0; lba < disk.sectorCount;) {
    const count = Math.min(1 + random(500), disk.sectorCount - lba);
    disk.write(lba, model.subarray(lba * 512, (lba + count) * 512));
    lba += count;
  }
  disk.close();
}

describe.skipIf(!present)('exchange with qemu-img (skipped: not installed)', () => {
  // With a size that its geometry covers exactly, qemu-img's reading by geometry sees the whole disk.
  const exact = sizeWithExactGeometry(9_000_000);
  for (const [type, size, blockSize] of [
    ['fixed', exact, undefined],
    ['dynamic', exact, undefined],
    ['dynamic', exact, 512 * 1024],
    ['dynamic', 10 * 1024 * 1024, undefined],
  ] as const) {
    it(`qemu-img reads our ${type} disk of ${size} bytes${blockSize === undefined ? '' : ', small blocks'}`, () => {
      const file = path.join(home, 'ours.vhd');
      createDisk(file, type === 'fixed' ? { type, size } : { type, size, blockSize });
      const model = scribble(size);
      writeInParts(file, model);
      const byGeometry = size === exact ? '' : ',driver=vpc,force_size_calc=current_size';
      const source = size === exact ? ['-f', 'vpc', file] : ['--image-opts', `file.filename=${file}${byGeometry}`];
      execFileSync(QEMU_IMG, ['convert', ...source, '-O', 'raw', path.join(home, 'out.raw')]);
      expect(fs.readFileSync(path.join(home, 'out.raw')).equals(model)).toBe(true);
    });
  }

  for (const [subformat, force] of [
    ['fixed', 'on'],
    ['fixed', 'off'],
    ['dynamic', 'on'],
    ['dynamic', 'off'],
  ]) {
    it(`we read the ${subformat} disk of qemu-img, force_size=${force}, and write to it`, () => {
      const size = 10 * 1024 * 1024;
      const model = scribble(size);
      const raw = path.join(home, 'in.raw');
      const file = path.join(home, 'theirs.vhd');
      fs.writeFileSync(raw, model);
      const options = `subformat=${subformat},force_size=${force}`;
      execFileSync(QEMU_IMG, ['convert', '-f', 'raw', '-O', 'vpc', '-o', options, raw, file]);
      const disk = openDisk(file, { mode: 'write-through' });
      expect(disk.problems).toEqual([]);
      expect(disk.sectorCount * 512).toBeGreaterThanOrEqual(size);
      const content = Buffer.alloc(size);
      disk.read(0, content);
      expect(content.equals(model)).toBe(true);
      disk.write(3000, pattern(5000, 77));
      model.set(pattern(5000, 77), 3000 * 512);
      disk.close();
      execFileSync(QEMU_IMG, ['convert', '-f', 'vpc', '-O', 'raw', file, path.join(home, 'out.raw')]);
      expect(fs.readFileSync(path.join(home, 'out.raw')).subarray(0, size).equals(model)).toBe(true);
    });
  }
});
