/** Damaged images: every outcome is a named error or some content, soon, and in little memory. VS_FUZZ_COUNT runs more. */
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileSystemError, findVolumes, openFileSystem, walk, type ByteSource } from '../../src/filesystems/index.ts';
import { seededRandom } from '../vhd/random.ts';
import { lacking, testFolder, tool } from './tools.ts';

const COUNT = Number(process.env['VS_FUZZ_COUNT'] ?? 300);
const folder = testFolder();

/** Without a copy: the images are changed in place. */
const sourceOver = (image: Uint8Array): ByteSource => ({
  name: 'fuzz',
  size: image.length,
  read(offset, into) {
    const part = image.subarray(offset, offset + into.length);
    if (offset < 0 || part.length < into.length) throw new FileSystemError('fs-damaged', 'fuzz', 'outside');
    into.set(part);
  },
});

/** Reads all there is, up to a limit; counts entries. */
function readAll(image: Uint8Array): number {
  let entries = 0;
  for (const volume of findVolumes(sourceOver(image)).volumes) {
    try {
      const system = openFileSystem(volume);
      let bytes = 0;
      for (const { entry } of walk(system, system.root, () => undefined)) {
        entries++;
        if (entry.kind !== 'file') continue;
        try {
          for (const piece of system.content(entry)) if ((bytes += piece.length) > 8 << 20) break;
        } catch (error) {
          if (!(error instanceof FileSystemError)) throw error;
        }
        if (bytes > 8 << 20) break;
      }
    } catch (error) {
      if (!(error instanceof FileSystemError)) throw error;
    }
  }
  return entries;
}

function fuzz(image: Buffer, places: readonly (readonly [number, number])[]): void {
  const intact = readAll(image);
  expect(intact).toBeGreaterThan(3);
  let different = 0;
  for (let seed = 1; seed <= COUNT; seed++) {
    const random = seededRandom(seed);
    const damaged = image;
    const before: (readonly [number, number])[] = [];
    for (let i = 0; i < 1 + random(8); i++) {
      const [from, to] = places[random(places.length)]!;
      const at = from + random(to - from);
      const extremes = [0, 0xff, 0x80, 1];
      for (let j = 0; j < 1 + random(4); j++) {
        if (at + j >= damaged.length) continue;
        before.unshift([at + j, damaged[at + j]!]);
        damaged[at + j] = random(2) === 0 ? random(256) : extremes[random(4)]!;
      }
    }
    const from = performance.now();
    if (readAll(damaged) !== intact) different++;
    expect(performance.now() - from, `seed ${seed}`).toBeLessThan(1000);
    for (const [at, byte] of before) damaged[at] = byte;
  }
  expect(different).toBeGreaterThan(0);
}

describe('damaged file systems', () => {
  for (const type of [12, 16, 32]) {
    it.skipIf(lacking('mkfs.fat', 'mcopy'))(`FAT${type} (skipped: no mkfs.fat, mtools)`, { timeout: 600_000 }, () => {
      const image = join(folder(), 'fat.img');
      writeFileSync(image, '');
      truncateSync(image, { 12: 368_640, 16: 5 << 20, 32: 36 << 20 }[type]!);
      tool('mkfs.fat', ['-F', String(type), '-s', '1', image]);
      tool('mmd', ['-i', image, '::/one', '::/one/two']);
      for (const name of ['A.TXT', 'a long name.txt', 'one/B.TXT', 'one/two/another long name']) {
        tool('mcopy', ['-i', image, '-', `::/${name}`], 'x'.repeat(5000));
      }
      const bytes = readFileSync(image);
      const root = bytes.indexOf('A       TXT');
      const fat = type === 32 ? 32 * 512 : 512;
      fuzz(bytes, [
        [0, 90],
        [fat, fat + 400],
        [root, root + 400],
        [root, bytes.length > 1 << 20 ? root + 40_000 : bytes.length],
      ]);
    });
  }

  it.skipIf(lacking('xorriso'))('ISO 9660 (skipped: no xorriso)', { timeout: 600_000 }, () => {
    const tree = join(folder(), 'tree');
    tool('mkdir', ['-p', join(tree, 'one/two')]);
    for (const name of ['a long name', 'one/b', 'one/two/c']) writeFileSync(join(tree, name), 'x'.repeat(5000));
    tool('ln', ['-s', 'one/b', join(tree, 'link')]);
    const image = join(folder(), 'disc.iso');
    tool('xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-J', '-o', image, tree]);
    const bytes = readFileSync(image);
    const folders = bytes.indexOf('PX\x24');
    fuzz(bytes, [
      [16 * 2048, 18 * 2048],
      [folders & ~2047, (folders & ~2047) + 20_000],
      [bytes.indexOf('RR_MOVED') < 0 ? folders : bytes.indexOf('RR_MOVED') - 40, folders + 3000],
    ]);
  });
});
