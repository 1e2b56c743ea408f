import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  findEntry,
  findVolumes,
  openFileSystem,
  sourceOfFile,
  walk,
  type FileSystem,
} from '../../src/filesystems/index.ts';
import { MemoryFile } from '../../vhd/index.ts';
import { lacking, testFolder, tool } from './tools.ts';

const folder = testFolder();
const content = (index: number): string => `file ${index}\n`.repeat(index * 50);

const DEEP = 'd1/d2/d3/d4/d5/d6/d7/d8/d9/d10/deep.txt';
const LONG = 'Ein sehr langer Name mit Größe und Leerzeichen, länger als Joliet es mag aber nicht viel.text';
const FILES: Record<string, string> = {
  'readme.txt': 'read me\n',
  'UPPER.TXT': 'upper\n',
  [LONG.slice(0, 60)]: 'long\n',
  'sub/empty': '',
  'sub/a.b.c': 'dots\n',
  [DEEP]: 'deep\n',
  ...Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`many/entry-${i}.txt`, content(i)])),
};

beforeEach(() => {
  for (const [path, text] of Object.entries(FILES)) {
    const full = join(folder(), 'tree', path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
  }
  symlinkSync('../readme.txt', join(folder(), 'tree', 'sub', 'link'));
  utimesSync(join(folder(), 'tree', 'readme.txt'), 946_684_799, 946_684_799);
});

function make(...options: string[]): Buffer {
  const image = join(folder(), 'disc.iso');
  tool('xorriso', ['-as', 'mkisofs', '-quiet', '-V', 'THE_LABEL', ...options, '-o', image, join(folder(), 'tree')]);
  return readFileSync(image);
}

function open(image: Uint8Array): FileSystem & { names: string } {
  const { volumes } = findVolumes(sourceOfFile(new MemoryFile('test.iso', image, true)));
  return openFileSystem(volumes[0]!) as FileSystem & { names: string };
}

const text = (system: FileSystem, path: string): string =>
  Buffer.concat([...system.content(findEntry(system, path))].map((piece) => Buffer.from(piece))).toString();

describe.skipIf(lacking('xorriso'))('ISO 9660 made by xorriso (skipped: not installed)', () => {
  it('Rock Ridge: names, links, times, folders of any depth', () => {
    const system = open(make('-R', '-J'));
    expect([system.type, system.label, system.names, system.problems]).toEqual([
      'ISO 9660',
      'THE_LABEL',
      'Rock Ridge',
      [],
    ]);
    for (const [path, expected] of Object.entries(FILES)) expect(text(system, path)).toBe(expected);
    expect(findEntry(system, 'sub/link')).toMatchObject({ kind: 'link', target: '../readme.txt' });
    expect(findEntry(system, 'readme.txt').modified).toBe('1999-12-31T23:59:59Z');
    expect(() => findEntry(system, 'README.TXT')).toThrow(/There is "readme.txt"/);
  });

  it('Rock Ridge: deep folders that were moved up are at their old place only', () => {
    const system = open(make('-R', '-D').subarray(0));
    const plain = new Set([...walk(system, system.root)].map(({ path }) => path.join('/')));
    const moved = open(make('-R'));
    expect(
      new Set([...walk(moved, moved.root)].map(({ path }) => path.join('/')).filter((p) => !/rr_moved/i.test(p))),
    ).toEqual(plain);
    expect(text(moved, DEEP)).toBe('deep\n');
  });

  it('Joliet: names in Unicode, found in any case', () => {
    const system = open(make('-J', '-joliet-long', '--norock'));
    expect(system.names).toBe('Joliet');
    for (const [path, expected] of Object.entries(FILES))
      expect(
        text(
          system,
          path.replace(/[a-z]/g, (letter) => letter.toUpperCase()),
        ),
      ).toBe(expected);
  });

  it('plain names lose version and trailing dot', () => {
    const system = open(make('--norock', '-iso-level', '1', '-D'));
    expect(system.names).toBe('plain');
    const found = system.entries(system.root).map(({ name }) => name);
    expect(found).toContain('README.TXT');
    expect(found.join()).not.toMatch(/;/);
    expect(text(system, 'readme.txt')).toBe('read me\n');
    expect(text(system, 'sub/empty')).toBe('');
  });

  it('an image that was cut off: its folders can be read, a file behind the end is an error', () => {
    const image = make('-R');
    const cut = open(image.subarray(0, image.length - 400_000));
    expect(cut.problems.join()).toMatch(/incomplete/);
    const failures = [...walk(cut, cut.root)].filter(({ path, entry }) => {
      if (entry.kind !== 'file') return false;
      try {
        return text(cut, path.join('/')) === undefined;
      } catch (error) {
        expect(error).toMatchObject({ code: 'fs-damaged' });
        return true;
      }
    });
    expect(failures.length).toBeGreaterThan(0);
  });

  it('a disc that is a disk too has its volume first and its partitions behind', () => {
    const image = make('-R', '-partition_offset', '16');
    const { scheme, volumes } = findVolumes(sourceOfFile(new MemoryFile('hybrid.iso', image, true)));
    expect(scheme).toBe('mbr');
    expect(volumes[0]).toMatchObject({ number: 0, fileSystem: { type: 'ISO 9660', label: 'THE_LABEL' } });
    expect(volumes.length).toBeGreaterThan(1);
  });
});

describe.skipIf(lacking('genisoimage'))('ISO 9660 made by genisoimage (skipped: not installed)', () => {
  for (const options of [
    ['-R', '-J'],
    ['-R', '-hide-rr-moved'],
    ['-R', '-z'],
    ['-J', '-joliet-long'],
  ]) {
    it(options.join(' '), () => {
      const image = join(folder(), 'disc.iso');
      tool('genisoimage', ['-quiet', '-V', 'LABEL', ...options, '-o', image, join(folder(), 'tree')]);
      const system = open(readFileSync(image));
      for (const [path, expected] of Object.entries(FILES)) {
        if (!options.includes('-R') && path === DEEP) continue;
        expect(text(system, path)).toBe(expected);
      }
    });
  }
});
