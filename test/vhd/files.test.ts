import { describe, expect, it } from 'vitest';
import {
  checkDisk,
  convertInto,
  createDynamic,
  createFixed,
  MemoryFile,
  openVhd,
  OpfsFile,
  SplitFile,
  type SyncAccessHandle,
} from '../../vhd/index.ts';
import { pattern, seededRandom } from './random.ts';

const MIB = 1024 * 1024;

describe('split disks', () => {
  for (const type of ['fixed', 'dynamic'] as const) {
    it(`are one stream of bytes cut anywhere: ${type}`, () => {
      const whole = new MemoryFile('disk.vhd');
      if (type === 'fixed') createFixed(whole, { size: 2 * MIB });
      else createDynamic(whole, { size: 2 * MIB, blockSize: 65536 });
      const random = seededRandom(3);
      const image = openVhd(whole);
      for (let i = 0; i < 20; i++) image.write(random(4000), pattern(1 + random(90), i));
      image.close();
      const bytes = whole.toBytes();
      const cuts = [0, 700, 100_001, bytes.length - 300, bytes.length];
      const pieces = cuts.slice(1).map((to, i) => new MemoryFile(`disk.v0${i}`, bytes.subarray(cuts[i], to)));
      const split = new SplitFile(pieces);
      expect(split.size()).toBe(bytes.length);
      expect(checkDisk(split).runSync().findings).toEqual([]);
      const joined = openVhd(split);
      const write = (lba: number, value: number): void => {
        joined.write(lba, pattern(200, value));
        const same = openVhd(whole);
        same.write(lba, pattern(200, value));
        same.close();
      };
      write(1, 100);
      if (type === 'fixed') write(3800, 101);
      joined.flush();
      const [ours, theirs] = [joined, openVhd(whole)].map((disk) => {
        const content = Buffer.alloc(2 * MIB);
        disk.read(0, content);
        return content;
      });
      expect(ours!.equals(theirs!)).toBe(true);
      expect(checkDisk(split).runSync().findings).toEqual([]);
      // Only the last piece grows.
      expect(pieces.slice(0, -1).map((piece) => piece.size())).toEqual([700, 99_301, bytes.length - 300 - 100_001]);
    });
  }

  it('become one file by converting', () => {
    const whole = new MemoryFile('disk.vhd');
    createFixed(whole, { size: MIB });
    openVhd(whole).write(77, pattern(9, 4));
    const bytes = whole.toBytes();
    const split = new SplitFile([
      new MemoryFile('disk.vhd', bytes.subarray(0, 50_000)),
      new MemoryFile('disk.v01', bytes.subarray(50_000)),
    ]);
    const file = new MemoryFile('one.vhd');
    convertInto(openVhd(split), file, { type: 'dynamic' }).runSync();
    const part = new Uint8Array(9 * 512);
    openVhd(file).read(77, part);
    expect(part).toEqual(pattern(9, 4));
  });
});

/** A handle as the File System Standard describes it, over memory; reads and writes may be short. */
class Handle implements SyncAccessHandle {
  readonly file = new MemoryFile('handle');
  quota = Infinity;
  flushes = 0;
  closed = false;
  read(into: Uint8Array, { at }: { at: number }): number {
    return this.file.read(at, into.subarray(0, 1000));
  }
  write(from: Uint8Array, { at }: { at: number }): number {
    if (at + from.length > this.quota) throw Object.assign(new Error('full'), { name: 'QuotaExceededError' });
    const part = from.subarray(0, 1000);
    this.file.write(at, part);
    return part.length;
  }
  truncate(size: number): void {
    this.file.truncate(size);
  }
  getSize(): number {
    return this.file.size();
  }
  flush(): void {
    this.flushes++;
  }
  close(): void {
    this.closed = true;
  }
}

describe('files in the private file system of a page', () => {
  it('hold disks', () => {
    const handle = new Handle();
    const file = new OpfsFile('disk.vhd', handle);
    createDynamic(file, { size: 8 * MIB });
    const image = openVhd(file);
    image.write(100, pattern(5000, 3));
    const before = handle.flushes;
    image.flush();
    expect(handle.flushes).toBe(before + 2);
    image.close();
    expect(handle.closed).toBe(true);
    const again = openVhd(new OpfsFile('disk.vhd', handle, true));
    expect(again.readOnly).toBe(true);
    const part = new Uint8Array(5000 * 512);
    again.read(100, part);
    expect(Buffer.compare(part, pattern(5000, 3))).toBe(0);
    expect(() => again.write(0, new Uint8Array(512))).toThrow(expect.objectContaining({ code: 'disk-read-only' }));
  });

  it('say that the storage is full, and the disk stays whole', () => {
    const handle = new Handle();
    const file = new OpfsFile('disk.vhd', handle);
    createDynamic(file, { size: 8 * MIB });
    const image = openVhd(file);
    image.write(0, pattern(1, 1));
    image.flush();
    handle.quota = handle.getSize();
    expect(() => image.write(3 * 4096, pattern(1, 1))).toThrow(
      expect.objectContaining({ code: 'disk-host-full', fileName: 'disk.vhd' }),
    );
    expect(checkDisk(file).runSync()).toMatchObject({ clean: true, allocatedBlocks: 1 });
    handle.quota = Infinity;
    image.write(3 * 4096, pattern(1, 1));
    image.flush();
    expect(checkDisk(file).runSync()).toMatchObject({ findings: [], allocatedBlocks: 2 });
  });
});

describe('trim', () => {
  it('gives blocks back, whose space is used again, also after the disk was opened anew', () => {
    const file = new MemoryFile('disk.vhd');
    createDynamic(file, { size: 4 * MIB, blockSize: 65536 });
    const image = openVhd(file);
    image.write(0, pattern(1024, 1));
    image.flush();
    const size = file.size();
    image.trim!(0, 512);
    image.flush();
    for (let block = 20; block < 24; block++) image.write(block * 128, pattern(1, block));
    image.flush();
    expect(file.size()).toBe(size);
    image.trim!(20 * 128, 512);
    image.close();
    const again = openVhd(file);
    again.write(40 * 128 + 5, pattern(1, 2));
    again.flush();
    // The first new block went to the end, since nothing was flushed yet; the second does not.
    const grown = file.size();
    again.write(50 * 128 + 5, pattern(1, 3));
    again.close();
    expect(file.size()).toBe(grown);
    const content = Buffer.alloc(4 * MIB);
    openVhd(file).read(0, content);
    const model = Buffer.alloc(4 * MIB);
    model.set(pattern(1024, 1).subarray(512 * 512), 512 * 512);
    model.set(pattern(1, 2), (40 * 128 + 5) * 512);
    model.set(pattern(1, 3), (50 * 128 + 5) * 512);
    expect(content.equals(model)).toBe(true);
    expect(checkDisk(file).runSync().findings).toEqual([]);
  });
});

it('a last block that ends with the disk, and the file with it, is kept apart from new blocks', () => {
  const whole = new MemoryFile('disk.vhd');
  createDynamic(whole, { size: 3 * 65536 + 1024, blockSize: 65536 });
  const image = openVhd(whole);
  image.write(3 * 128, pattern(2, 1));
  image.close();
  // Footer copy, header, table, bitmap, two sectors, footer.
  const bytes = whole.toBytes();
  const cut = new MemoryFile('cut.vhd', bytes.subarray(0, 2048 + 512 + 1024));
  cut.write(2048 + 512 + 1024, bytes.subarray(-512));
  const disk = openVhd(cut);
  expect(disk.problems).toEqual([]);
  disk.write(0, pattern(128, 2));
  disk.write(128, pattern(128, 3));
  disk.close();
  expect(checkDisk(cut).runSync()).toMatchObject({ findings: [], allocatedBlocks: 3 });
  const content = Buffer.alloc(3 * 65536 + 1024);
  openVhd(cut).read(0, content);
  expect(content.subarray(0, 65536).equals(pattern(128, 2))).toBe(true);
  expect(content.subarray(65536, 131072).equals(pattern(128, 3))).toBe(true);
  expect(content.subarray(-1024).equals(pattern(2, 1))).toBe(true);
});
