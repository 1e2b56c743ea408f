import { describe, expect, it } from 'vitest';
import {
  checkDisk,
  createDifferencing,
  createDynamic,
  createFixed,
  locateFooter,
  MemoryFile,
  openVhd,
  repairDisk,
  type DiskImage,
  type FindingKind,
  type RepairOptions,
} from '../../vhd/index.ts';
import { pattern } from './random.ts';

const BLOCK = 65536;
const SIZE = 16 * BLOCK;
const TABLE = 1536;
const SPAN = BLOCK + 512;

function readAll(image: DiskImage): Buffer {
  const bytes = Buffer.alloc(image.sectorCount * 512);
  image.read(0, bytes);
  return bytes;
}

/** Blocks 3, 0, 7 and 15 in this order in the file, and what the disk reads as. */
function disk(): { file: MemoryFile; model: Buffer; blockAt: (index: number) => number } {
  const file = new MemoryFile('disk.vhd');
  createDynamic(file, { size: SIZE, blockSize: BLOCK });
  const image = openVhd(file);
  const model = Buffer.alloc(SIZE);
  for (const block of [3, 0, 7, 15]) {
    image.write(block * 128, pattern(128, block));
    model.set(pattern(128, block), block * BLOCK);
  }
  image.close();
  return { file, model, blockAt: (index) => 2048 + index * SPAN };
}

function setEntry(file: MemoryFile, block: number, sector: number): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, sector);
  file.write(TABLE + block * 4, bytes);
}

function kinds(file: MemoryFile): FindingKind[] {
  return checkDisk(file)
    .runSync()
    .findings.map(({ kind }) => kind);
}

/** A dry run changes nothing and says the same as the real one does. */
function repair(file: MemoryFile, options: RepairOptions = {}) {
  const before = file.toBytes();
  const planned = repairDisk(file, { ...options, dryRun: true }).runSync();
  expect(Buffer.compare(file.toBytes(), before)).toBe(0);
  const done = repairDisk(file, options).runSync();
  expect(done.actions).toEqual(planned.actions);
  expect(done.lost).toEqual(planned.lost);
  return done;
}

describe('check', () => {
  it('finds nothing wrong with sound disks', () => {
    const { file } = disk();
    expect(checkDisk(file).runSync()).toEqual({
      fileName: 'disk.vhd',
      format: 'dynamic',
      findings: [],
      clean: true,
      readable: true,
      fileSize: file.size(),
      diskSize: SIZE,
      blockSize: BLOCK,
      blocks: 16,
      allocatedBlocks: 4,
      unusedBytes: 0,
    });
  });

  it('does not take other files for disks', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(3), new Uint8Array(5000)]) {
      const file = new MemoryFile('x', bytes);
      expect(checkDisk(file).runSync()).toMatchObject({ clean: false, readable: false, format: undefined });
      expect(() => repairDisk(file, { allowLoss: true }).runSync()).toThrow(
        expect.objectContaining({ code: 'disk-not-repairable' }),
      );
    }
  });
});

describe('repair without loss', () => {
  const cases: [string, (file: MemoryFile) => void, FindingKind[]][] = [
    ['a footer that is cut off', (file) => file.truncate(file.size() - 512), ['footer-missing']],
    ['a footer half cut off', (file) => file.truncate(file.size() - 300), ['footer-missing']],
    ['a footer of zeros', (file) => file.write(file.size() - 512, new Uint8Array(512)), ['footer-missing']],
    ['a footer with a flipped bit', (file) => file.write(file.size() - 400, Uint8Array.of(1)), ['footer-checksum']],
    ['a footer of 511 bytes', (file) => file.truncate(file.size() - 1), ['footer-short']],
    ['a damaged copy at the start', (file) => file.write(3, Uint8Array.of(0)), ['footer-copy']],
    ['a copy of zeros at the start', (file) => file.write(0, new Uint8Array(512)), ['footer-copy']],
    ['a header with a wrong checksum', (file) => file.write(512 + 900, Uint8Array.of(7)), ['header-checksum']],
    [
      'both footers with wrong checksums, as an editor leaves them',
      (file) => {
        for (const at of [0, file.size() - 512]) file.write(at + 70, Uint8Array.of(0x77));
      },
      ['footer-checksum', 'footer-copy'],
    ],
  ];
  for (const [name, damage, found] of cases) {
    it(name, () => {
      const { file, model } = disk();
      const size = file.size();
      damage(file);
      expect(kinds(file)).toEqual(found);
      const { lost, remaining, check } = repair(file);
      expect(lost).toEqual([]);
      expect(remaining).toEqual([]);
      expect(check.findings).toEqual([]);
      expect(file.size()).toBe(size);
      const image = openVhd(file);
      expect(image.problems).toEqual([]);
      expect(readAll(image).equals(model)).toBe(true);
      expect(locateFooter(file).copyGood).toBe(true);
    });
  }

  it('blocks that lie over each other get their own place', () => {
    const { file, blockAt } = disk();
    // Blocks 5 and 6 over block 0, and 9 half over the last one.
    setEntry(file, 5, blockAt(1) / 512);
    setEntry(file, 6, blockAt(1) / 512);
    setEntry(file, 9, blockAt(0) / 512 + 1);
    const damaged = openVhd(file);
    expect(damaged.readOnly).toBe(true);
    const model = readAll(damaged);
    expect(kinds(file).filter((kind) => kind === 'table-overlap')).toHaveLength(3);
    const { remaining, actions } = repair(file);
    expect(actions).toHaveLength(3);
    expect(remaining).toEqual([]);
    const image = openVhd(file);
    expect(image.readOnly).toBe(false);
    expect(readAll(image).equals(model)).toBe(true);
    image.write(5 * 128, pattern(1, 99));
    image.close();
    model.set(pattern(1, 99), 5 * BLOCK);
    expect(readAll(openVhd(file)).equals(model)).toBe(true);
  });

  it('a fixed disk with a damaged footer', () => {
    const file = new MemoryFile('fixed.vhd');
    createFixed(file, { size: SIZE });
    openVhd(file).write(7, pattern(3, 1));
    file.write(file.size() - 100, Uint8Array.of(9));
    expect(kinds(file)).toEqual(['footer-checksum']);
    expect(repair(file).remaining).toEqual([]);
    const part = new Uint8Array(3 * 512);
    openVhd(file).read(7, part);
    expect(part).toEqual(pattern(3, 1));
  });
});

describe('repair with loss', () => {
  it('is not done unless allowed', () => {
    const { file } = disk();
    setEntry(file, 5, 0x00ffffff);
    file.write(3, Uint8Array.of(0));
    const { remaining } = repair(file);
    expect(remaining).toMatchObject([{ kind: 'table-outside', block: 5, repair: 'lossy' }]);
    expect(kinds(file)).toEqual(['table-outside']);
    const cut = disk().file;
    cut.truncate(cut.size() - 512 - 1000);
    const before = cut.toBytes();
    expect(repair(cut).remaining.map(({ kind }) => kind)).toEqual(['footer-missing', 'tail-cut']);
    expect(Buffer.compare(cut.toBytes(), before)).toBe(0);
  });

  it('takes away entries that lead nowhere', () => {
    const { file, model } = disk();
    setEntry(file, 5, 0x00ffffff);
    setEntry(file, 6, 2);
    setEntry(file, 15, file.size() / 512 + 1);
    const { lost, remaining } = repair(file, { allowLoss: true });
    expect(remaining).toEqual([]);
    expect(lost).toEqual([
      { lba: 5 * 128, count: 256 },
      { lba: 15 * 128, count: 128 },
    ]);
    model.fill(0, 15 * BLOCK);
    expect(readAll(openVhd(file)).equals(model)).toBe(true);
  });

  it('closes a file that ends inside a block', () => {
    for (const [missing, sectors] of [
      [512 + 1000, 2],
      [512 + BLOCK - 100, 128],
      [512 + BLOCK + 200, 128],
    ]) {
      const { file, model } = disk();
      file.truncate(file.size() - missing);
      expect(kinds(file)).toEqual(['footer-missing', 'tail-cut']);
      const { lost, remaining } = repair(file, { allowLoss: true });
      expect(remaining).toEqual([]);
      expect(lost).toEqual([{ lba: 16 * 128 - sectors, count: sectors }]);
      // The beginning of the first missing sector may be there still.
      const content = readAll(openVhd(file));
      const good = SIZE - sectors * 512;
      expect(content.subarray(0, good).equals(model.subarray(0, good))).toBe(true);
      expect(content.subarray(good + 512).every((byte) => byte === 0)).toBe(true);
    }
  });

  it('makes a new header from the block table', () => {
    for (const blockSize of [BLOCK, 4096, 2 * 1024 * 1024]) {
      const file = new MemoryFile('disk.vhd');
      createDynamic(file, { size: 40 * blockSize, blockSize });
      const image = openVhd(file);
      for (const block of [30, 3, 4]) image.write((block * blockSize) / 512, pattern(8, block));
      image.close();
      const model = readAll(openVhd(file));
      file.write(512, new Uint8Array(1024));
      expect(kinds(file)).toEqual(['header-missing']);
      expect(repair(file).remaining).toMatchObject([{ kind: 'header-missing', repair: 'lossy' }]);
      expect(repair(file, { allowLoss: true }).remaining).toEqual([]);
      expect(readAll(openVhd(file)).equals(model)).toBe(true);
    }
  });

  it('makes new footers from the header', () => {
    const { file, model } = disk();
    const { uniqueId } = locateFooter(file).footer;
    file.write(0, new Uint8Array(512));
    file.write(file.size() - 512, new Uint8Array(512));
    expect(() => repairDisk(file).runSync()).toThrow(expect.objectContaining({ code: 'disk-not-repairable' }));
    expect(repair(file, { allowLoss: true, size: SIZE, uniqueId }).remaining).toEqual([]);
    expect(readAll(openVhd(file)).equals(model)).toBe(true);
    expect(locateFooter(file).footer.uniqueId).toEqual(uniqueId);
  });

  it('lets the parent show through where a differencing disk has lost a block', () => {
    const { file: parentFile, model } = disk();
    const parent = openVhd(parentFile);
    const file = new MemoryFile('child.vhd');
    createDifferencing(file, { parent, parentName: 'disk.vhd', locators: [], blockSize: BLOCK });
    const child = openVhd(file, { parent });
    child.write(3 * 128, pattern(5, 77));
    child.flush();
    setEntry(file, 3, 0x00ffffff);
    expect(repair(file, { allowLoss: true }).remaining).toEqual([]);
    expect(readAll(openVhd(file, { parent })).equals(model)).toBe(true);
  });
});
