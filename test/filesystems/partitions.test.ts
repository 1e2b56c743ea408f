import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseVolume, findVolumes, identify, readPartitions, sourceOfFile } from '../../src/filesystems/index.ts';
import { MemoryFile } from '../../vhd/index.ts';
import { lacking, testFolder, tool } from './tools.ts';

const folder = testFolder();
const source = (bytes: Uint8Array) => sourceOfFile(new MemoryFile('test', bytes, true));

function empty(size: number): string {
  const image = join(folder(), 'disk.img');
  writeFileSync(image, '');
  truncateSync(image, size);
  return image;
}

function sfdisk(size: number, script: string): Buffer {
  const image = empty(size);
  tool('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', image], script);
  return readFileSync(image);
}

const inSectors = (image: Uint8Array): (string | number | boolean)[][] =>
  readPartitions(source(image)).partitions.map(({ number, typeCode, start, length, active }) => [
    number,
    typeCode,
    start / 512,
    length / 512,
    active,
  ]);

describe.skipIf(lacking('sfdisk'))('partition tables made by sfdisk (skipped: not installed)', () => {
  it('MBR with logical drives', () => {
    const script = [
      'label: dos',
      'start=63, size=2048, type=6, bootable',
      'start=4096, size=20000, type=5',
      'start=4200, size=1000, type=b',
      'start=6000, size=1000, type=83',
      'start=8000, size=1000, type=82',
    ].join('\n');
    const image = sfdisk(16 << 20, script);
    expect(readPartitions(source(image))).toMatchObject({ scheme: 'mbr', problems: [] });
    expect(inSectors(image)).toEqual([
      [1, '06', 63, 2048, true],
      [2, '05', 4096, 20_000, false],
      [5, '0B', 4200, 1000, false],
      [6, '83', 6000, 1000, false],
      [7, '82', 8000, 1000, false],
    ]);
    const cut = readPartitions(source(image.subarray(0, 20_000 * 512)));
    expect(cut.problems.join()).toMatch(/partition 2 ends 2097152 bytes behind the end of the disk/);
  });

  it('a list of logical drives in a circle ends', () => {
    const image = sfdisk(16 << 20, 'label: dos\nstart=4096, size=20000, type=5\nstart=4200, size=1000, type=b\n');
    // The second entry of the first table of the list leads to the next table; this one leads to itself.
    const at = 4096 * 512 + 446 + 16;
    image[at + 4] = 5;
    image.writeUInt32LE(0, at + 8);
    image.writeUInt32LE(100, at + 12);
    expect(readPartitions(source(image)).problems.join()).toMatch(/circle/);
  });

  it('GPT, also from its copy at the end', () => {
    const image = sfdisk(16 << 20, 'label: gpt\nstart=2048, size=4096, type=U, name="the system"\nsize=8192, type=L\n');
    const expected = [
      [1, 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', 2048, 4096, false],
      [2, '0FC63DAF-8483-4772-8E79-3D69D8477DE4', 6144, 8192, false],
    ];
    expect(inSectors(image)).toEqual(expected);
    const table = readPartitions(source(image));
    expect([table.scheme, table.partitions[0]!.name, table.problems]).toEqual(['gpt', 'the system', []]);
    image.fill(0, 512, 1024);
    expect(inSectors(image)).toEqual(expected);
    expect(readPartitions(source(image)).problems.join()).toMatch(/damaged/);
    image.fill(0, image.length - 512);
    // Without any good header the protective entry is what there is.
    expect(inSectors(image).map(([, type]) => type)).toEqual(['EE']);
  });
});

describe('file systems by their marks', () => {
  const cases = [
    ['mkfs.ext2', ['-q', '-F', '-L', 'mylabel'], 'ext2', 'mylabel'],
    ['mkfs.ext3', ['-q', '-F', '-L', 'mylabel'], 'ext3', 'mylabel'],
    ['mkfs.ext4', ['-q', '-F', '-L', 'mylabel'], 'ext4', 'mylabel'],
    ['mkswap', ['-q', '-L', 'mylabel'], 'Linux swap', 'mylabel'],
    ['mkfs.fat', ['-F', '16', '-n', 'MYLABEL'], 'FAT16', 'MYLABEL'],
    ['mkfs.minix', [], undefined, undefined],
  ] as const;
  for (const [program, options, type, label] of cases) {
    it.skipIf(lacking(program))(`${program}: ${type ?? 'nothing that is known'} (skipped: not installed)`, () => {
      const image = empty(16 << 20);
      tool(program, [...options, image]);
      expect(identify(source(readFileSync(image)))).toEqual(
        type === undefined ? undefined : { type, label, readable: type === 'FAT16' },
      );
    });
  }

  it.each([
    ['NTFS', 3, 'NTFS    '],
    ['exFAT', 3, 'EXFAT   '],
    // F995E849h, little-endian, in sector 16: the HPFS super block.
    ['HPFS', 16 * 512, '\x49\xe8\x95\xf9'],
    ['XFS', 0, 'XFSB'],
  ])('%s', (type, offset, mark) => {
    const image = new Uint8Array(1 << 20);
    image.set(Buffer.from(mark, 'latin1'), offset);
    expect(identify(source(image))).toMatchObject({ type, readable: false });
  });

  it('the choice of a volume names what there is instead', () => {
    const image = new Uint8Array(1 << 20);
    image.set(Buffer.from('NTFS    '), 3);
    const disk = findVolumes(source(image));
    expect(() => chooseVolume(disk, 'disk.vhd')).toThrow(/0 \(NTFS\)/);
    expect(() => chooseVolume(disk, 'disk.vhd', 3)).toThrow(/no partition 3/);
  });

  it('nothing is nothing', () => {
    expect(identify(source(new Uint8Array(1 << 20)))).toBeUndefined();
    expect(identify(source(new Uint8Array(100)))).toBeUndefined();
    expect(findVolumes(source(new Uint8Array(1 << 20))).scheme).toBe('none');
  });
});
