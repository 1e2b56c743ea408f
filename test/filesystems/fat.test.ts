import { mkdirSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  findEntry,
  findVolumes,
  openFileSystem,
  sourceOfFile,
  walk,
  type Entry,
  type FileSystem,
} from '../../src/filesystems/index.ts';
import { MemoryFile } from '../../vhd/index.ts';
import { lacking, testFolder, tool } from './tools.ts';

const folder = testFolder();

function open(image: Uint8Array): FileSystem {
  const { volumes } = findVolumes(sourceOfFile(new MemoryFile('test', image, true)));
  return openFileSystem(volumes[0]!);
}

const text = (system: FileSystem, path: string): string => {
  const file = findEntry(system, path);
  return Buffer.concat([...system.content(file)].map((piece) => Buffer.from(piece))).toString('latin1');
};
const names = (entries: readonly Entry[]): string[] => entries.map(({ name }) => name);

/** Makes the file system and copies files and folders into it, with the tools of the host. */
function make(size: number, options: string[], files: Record<string, string | Buffer>): Buffer {
  const image = join(folder(), 'fat.img');
  writeFileSync(image, '');
  truncateSync(image, size);
  tool('mkfs.fat', [...options, image]);
  const tree = mkdtempSync(join(folder(), 'tree-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  const entries = readdirSync(tree).map((name) => join(tree, name));
  if (entries.length > 0) tool('mcopy', ['-i', image, '-m', '-s', ...entries, '::/']);
  return readFileSync(image);
}

const LONG = 'A name that is longer than eight characters and three, with ünïcode.text';
/** More than one cluster, and not a multiple of one. */
const big = Buffer.from(Array.from({ length: 100_001 }, (_, i) => (i * 7 + (i >> 8)) & 0xff));
const FILES = {
  'README.TXT': 'short\r\n',
  'lower.txt': 'nt case flags or a long name\n',
  [LONG]: 'long name\n',
  'EMPTY.BIN': '',
  'BIG.BIN': big,
  'Folder/Sub/deep.txt': 'deep\n',
  ...Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`many/file number ${i}.dat`, String(i)])),
};

describe.skipIf(lacking('mkfs.fat', 'mcopy', 'mdel'))(
  'FAT made by mkfs.fat and mtools (skipped: not installed)',
  () => {
    for (const [type, size, options] of [
      ['FAT12', 1_474_560, ['-F', '12', '-n', 'DISKETTE']],
      ['FAT12', 2_949_120, ['-F', '12', '-s', '8', '-n', 'DISKETTE']],
      ['FAT16', 16 << 20, ['-F', '16', '-n', 'DISKETTE']],
      ['FAT32', 64 << 20, ['-F', '32', '-s', '1', '-n', 'DISKETTE']],
    ] as const) {
      it(`${type} of ${size} bytes, ${options.join(' ')}`, () => {
        const system = open(make(size, [...options], FILES));
        expect([system.type, system.label, system.problems]).toEqual([type, 'DISKETTE', []]);
        expect(names(system.entries(system.root)).sort()).toEqual(
          ['README.TXT', 'lower.txt', LONG, 'EMPTY.BIN', 'BIG.BIN', 'Folder', 'many'].sort(),
        );
        for (const [path, content] of Object.entries(FILES)) {
          expect(text(system, path)).toBe(Buffer.isBuffer(content) ? content.toString('latin1') : content);
        }
        // Case does not matter; both separators do; the 8.3 name of a long one is found too.
        expect(text(system, 'fOLDER\\sub\\DEEP.TXT')).toBe('deep\n');
        const { alias } = findEntry(system, LONG);
        expect(alias).toMatch(/~1\./);
        expect(text(system, alias!)).toBe('long name\n');
        expect([...walk(system, system.root)]).toHaveLength(Object.keys(FILES).length + 3);
        expect(() => findEntry(system, 'nowhere/file')).toThrow(expect.objectContaining({ code: 'fs-not-found' }));
        expect(() => findEntry(system, 'README.TXT/file')).toThrow(
          expect.objectContaining({ code: 'fs-not-a-folder' }),
        );
      });
    }

    it('times of files', () => {
      const file = join(folder(), 'dated');
      writeFileSync(file, 'x');
      tool('touch', ['-d', '1999-12-31T23:59:58Z', file]);
      const image = join(folder(), 'fat.img');
      writeFileSync(image, make(1_474_560, ['-F', '12'], {}));
      tool('mcopy', ['-i', image, '-m', file, '::/dated']);
      const system = open(readFileSync(image));
      expect(findEntry(system, 'dated').modified).toBe('1999-12-31T23:59:58');
    });

    it('deleted files are gone, and their names with them', () => {
      const image = join(folder(), 'fat.img');
      writeFileSync(image, make(1_474_560, ['-F', '12'], { 'a long file name.txt': 'x', 'OTHER.TXT': 'y' }));
      tool('mdel', ['-i', image, '::/a long file name.txt']);
      const system = open(readFileSync(image));
      expect(names(system.entries(system.root))).toEqual(['OTHER.TXT']);
    });

    it('a chain of clusters that runs in a circle is an error, not a hang', () => {
      const image = make(1_474_560, ['-F', '12'], { 'LOOP.BIN': big });
      // Cluster 3 leads back to cluster 2: entries of 12 bits, the odd one in the upper bits of its pair of bytes.
      image[512 + 4] = (image[512 + 4]! & 0x0f) | 0x20;
      image[512 + 5] = 0;
      expect(() => text(open(image), 'LOOP.BIN')).toThrow(expect.objectContaining({ code: 'fs-damaged' }));
    });

    it('FAT32 with one table in use reads that one', () => {
      const image = make(36 << 20, ['-F', '32', '-s', '1', '-f', '2'], { 'BIG.BIN': big });
      const reserved = image.readUInt16LE(14) * 512;
      // Active table 1, no mirroring (flags at 40); the first table is then of no meaning.
      image.writeUInt16LE(0x81, 40);
      image.fill(0, reserved, reserved + image.readUInt32LE(36) * 512);
      expect(text(open(image), 'BIG.BIN')).toBe(big.toString('latin1'));
      image.writeUInt16LE(0, 40);
      expect(() => text(open(image), 'BIG.BIN')).toThrow(expect.objectContaining({ code: 'fs-damaged' }));
    });

    it('a folder that contains itself is entered once', () => {
      const image = make(1_474_560, ['-F', '12'], { 'AAA/BBB/FILE.TXT': 'x' });
      const at = image.indexOf('BBB        ');
      const parent = image.indexOf('AAA        ');
      image.copy(image, at + 26, parent + 26, parent + 28);
      const problems: string[] = [];
      const system = open(image);
      const visits = [...walk(system, system.root, (path) => problems.push(path.join('/')))];
      expect(visits.map(({ path }) => path.join('/'))).toEqual(['AAA']);
      expect(problems).toEqual(['AAA/BBB']);
    });

    it('an image that was cut off says so and reads what is there', () => {
      const image = make(16 << 20, ['-F', '16'], { 'A.TXT': 'first' });
      const system = open(image.subarray(0, 8 << 20));
      expect(system.problems.join()).toMatch(/8388608/);
      expect(text(system, 'A.TXT')).toBe('first');
    });
  },
);

describe('diskettes from before DOS 2.0, without a parameter block', () => {
  it('320 KB, told by the media byte', () => {
    const image = new Uint8Array(327_680);
    image.set([0xff, 0xff, 0xff, 0xff, 0x0f], 512);
    image.set([0xff, 0xff, 0xff, 0xff, 0x0f], 1024);
    // Root folder behind the boot sector and two tables of one sector; cluster 2 behind its 112 entries.
    image.set(Buffer.from('COMMAND COM'), 1536);
    image[1536 + 26] = 2;
    image[1536 + 28] = 5;
    image.set(Buffer.from('hello'), 1536 + 112 * 32);
    const system = open(image);
    expect([system.type, names(system.entries(system.root)), text(system, 'command.com')]).toEqual([
      'FAT12',
      ['COMMAND.COM'],
      'hello',
    ]);
  });
});
