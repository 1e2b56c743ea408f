import { describe, expect, it } from 'vitest';
import {
  createDifferencing,
  createDynamic,
  createFixed,
  DiskError,
  geometryBytes,
  geometryForSectors,
  locateFooter,
  looksLikeVhd,
  MemoryFile,
  mergeInto,
  openVhd,
  RawImage,
  sizeWithExactGeometry,
  SparseImage,
  type DiskImage,
  type ParentResolver,
} from '../../vhd/index.ts';
import { vhdChecksum } from '../../vhd/footer.ts';
import { pattern, seededRandom } from './random.ts';

const MIB = 1024 * 1024;

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function readAll(image: DiskImage): Uint8Array {
  const bytes = new Uint8Array(image.sectorCount * 512);
  image.read(0, bytes);
  return bytes;
}

function dynamic(size: number, blockSize?: number): MemoryFile {
  const file = new MemoryFile('disk.vhd');
  createDynamic(file, { size, blockSize });
  return file;
}

describe('geometry', () => {
  // Measured in files of Windows, Virtual PC, VirtualBox and XenServer.
  const measured: [number, number, number, number][] = [
    [4_194_304, 120, 4, 17],
    [10_485_760, 301, 4, 17],
    [41_943_040, 963, 5, 17],
    [67_108_864, 963, 8, 17],
    [268_435_456, 520, 16, 63],
    [1_073_741_824, 2080, 16, 63],
    [136_365_211_648, 65278, 16, 255],
  ];
  for (const [bytes, cylinders, heads, sectorsPerTrack] of measured) {
    it(`of ${bytes} bytes`, () => {
      expect(geometryForSectors(bytes / 512)).toEqual({ cylinders, heads, sectorsPerTrack });
    });
  }

  it('never covers more than the disk, and the exact size is the next one that it covers', () => {
    const random = seededRandom(1);
    for (let i = 0; i < 2000; i++) {
      const sectors = 68 + random(2 ** (8 + random(20)));
      expect(geometryBytes(geometryForSectors(sectors))).toBeLessThanOrEqual(sectors * 512);
      const exact = sizeWithExactGeometry(sectors * 512);
      expect(exact).toBeGreaterThanOrEqual(sectors * 512);
      expect(geometryBytes(geometryForSectors(exact / 512))).toBe(exact);
    }
    // qemu-img makes 4 MiB disks of 121/4/17.
    expect(sizeWithExactGeometry(4_194_304)).toBe(4_212_736);
  });
});

describe('fixed disks', () => {
  it('hold the sectors and then the footer', () => {
    const file = new MemoryFile('fixed.vhd');
    createFixed(file, { size: 4 * MIB });
    expect(file.size()).toBe(4 * MIB + 512);
    const image = openVhd(file);
    image.write(8191, pattern(1, 3));
    image.flush();
    expect(openVhd(file).geometry).toEqual({ cylinders: 120, heads: 4, sectorsPerTrack: 17 });
    const bytes = file.toBytes();
    expect(bytes.subarray(8191 * 512, 8192 * 512)).toEqual(pattern(1, 3));
    expect(new TextDecoder().decode(bytes.subarray(4 * MIB, 4 * MIB + 8))).toBe('conectix');
    expect(catchError(() => image.write(8192, new Uint8Array(512)))).toMatchObject({ code: 'disk-out-of-range' });
    expect(catchError(() => image.read(8191, new Uint8Array(1024)))).toMatchObject({ code: 'disk-out-of-range' });
    expect(catchError(() => image.read(0, new Uint8Array(100)))).toMatchObject({ code: 'disk-out-of-range' });
  });

  it('are not confused by a footer copy in their first sector, which is the guest\u2019s', () => {
    const file = new MemoryFile('fixed.vhd');
    createFixed(file, { size: MIB });
    file.write(0, dynamic(MIB).toBytes().subarray(0, 512));
    const image = openVhd(file);
    expect(image.format).toBe('fixed');
    expect(image.problems).toEqual([]);
  });

  it('are refused when their beginning is missing', () => {
    const file = new MemoryFile('fixed.vhd');
    createFixed(file, { size: MIB });
    const cut = new MemoryFile('cut.vhd', file.toBytes().subarray(512));
    expect(catchError(() => openVhd(cut))).toMatchObject({ code: 'disk-truncated', fileName: 'cut.vhd', exitCode: 4 });
  });
});

describe('dynamic disks', () => {
  it('grow only where they are written', () => {
    const file = dynamic(64 * MIB);
    // Footer copy, header, one sector of table, footer.
    expect(file.size()).toBe(512 + 1024 + 512 + 512);
    const image = openVhd(file);
    image.write(5 * 4096, pattern(1, 1));
    image.write(20 * 4096 + 4095, pattern(2, 2));
    image.write(30 * 4096, new Uint8Array(512));
    image.flush();
    // The data of each block on a boundary of 4096 bytes, and the footer behind the last.
    expect(file.size()).toBe(4096 + 2 * (2 * MIB + 4096) + 2 * MIB + 512);
    const again = openVhd(new MemoryFile('copy.vhd', file.toBytes()));
    expect(again.problems).toEqual([]);
    const part = new Uint8Array(4 * 512);
    again.read(20 * 4096 + 4094, part);
    expect(part.subarray(512, 1536)).toEqual(pattern(2, 2));
    expect([...part.subarray(0, 512), ...part.subarray(1536)].every((byte) => byte === 0)).toBe(true);
  });

  it('keep the footer at the end and its copy at the start the same', () => {
    const file = dynamic(64 * MIB);
    const image = openVhd(file);
    for (let block = 0; block < 5; block++) image.write(block * 4096, pattern(1, 1));
    image.close();
    const bytes = file.toBytes();
    expect(bytes.subarray(-512)).toEqual(bytes.subarray(0, 512));
  });

  for (const blockSize of [512 * 1024, 4096, 8 * MIB]) {
    it(`work with blocks of ${blockSize} bytes`, () => {
      const file = dynamic(10 * MIB, blockSize);
      const image = openVhd(file);
      const model = new Uint8Array(10 * MIB);
      const random = seededRandom(blockSize);
      for (let i = 0; i < 60; i++) {
        const count = 1 + random(64);
        const lba = random(image.sectorCount - count);
        image.write(lba, pattern(count, i));
        model.set(pattern(count, i), lba * 512);
      }
      image.flush();
      expect(Buffer.compare(readAll(image), model)).toBe(0);
      expect(Buffer.compare(readAll(openVhd(file)), model)).toBe(0);
    });
  }

  it('read unset sectors of a block as zeros', () => {
    const file = dynamic(4 * MIB);
    const image = openVhd(file);
    image.write(0, pattern(16, 1));
    image.close();
    // Clears the bits of sectors 1 and 8: most significant bit first.
    const bitmap = 4096 - 512;
    file.write(bitmap, Uint8Array.of(0xbf, 0x7f));
    const part = new Uint8Array(16 * 512);
    openVhd(file).read(0, part);
    const expected = pattern(16, 1);
    expected.fill(0, 512, 1024);
    expected.fill(0, 8 * 512, 9 * 512);
    expect(part).toEqual(expected);
  });

  it('survive the loss of either footer, and repair it when written', () => {
    const whole = dynamic(4 * MIB);
    const image = openVhd(whole);
    image.write(0, pattern(4, 9));
    image.close();
    for (const damage of ['end', 'cut', 'copy'] as const) {
      const file = new MemoryFile('damaged.vhd', whole.toBytes());
      if (damage === 'end') file.write(file.size() - 512, new Uint8Array(512));
      else if (damage === 'cut') file.truncate(file.size() - 512);
      else file.write(10, Uint8Array.of(0x55));
      const damaged = openVhd(file);
      expect(damaged.problems).toHaveLength(1);
      const part = new Uint8Array(4 * 512);
      damaged.read(0, part);
      expect(part).toEqual(pattern(4, 9));
      damaged.write(4096, pattern(1, 8));
      damaged.close();
      const repaired = openVhd(file);
      expect(repaired.problems).toEqual([]);
      repaired.read(0, part);
      expect(part).toEqual(pattern(4, 9));
      expect(locateFooter(file).copyGood).toBe(true);
    }
  });

  it('accept a footer of 511 bytes', () => {
    const whole = dynamic(4 * MIB);
    const file = new MemoryFile('old.vhd', whole.toBytes().subarray(0, whole.size() - 1));
    expect(looksLikeVhd(file)).toBe(true);
    const image = openVhd(file);
    expect(image.problems).toEqual([]);
    image.write(0, pattern(1, 1));
    image.close();
    expect(openVhd(file).problems).toEqual([]);
  });

  it('are not written when the block table is damaged', () => {
    const whole = dynamic(8 * MIB);
    const image = openVhd(whole);
    for (const block of [0, 1, 2]) image.write(block * 4096, pattern(1, block));
    image.close();
    const table = 1536;
    const cases: [string, number, RegExp][] = [
      ['outside', 0x00ffffff, /behind the end/],
      ['over the header', 1, /over the header/],
      ['over another block', 5, /overlap/],
    ];
    for (const [, entry, message] of cases) {
      const file = new MemoryFile('damaged.vhd', whole.toBytes());
      file.write(table + 8, Uint8Array.of(entry >>> 24, entry >>> 16, entry >>> 8, entry));
      const damaged = openVhd(file);
      expect(damaged.readOnly).toBe(true);
      expect(damaged.problems.join()).toMatch(message);
      const part = new Uint8Array(512);
      damaged.read(4096, part);
      expect(part).toEqual(pattern(1, 1));
      expect(catchError(() => damaged.write(0, part))).toMatchObject({ code: 'disk-read-only' });
    }
    const cut = new MemoryFile('cut.vhd', whole.toBytes());
    cut.truncate(cut.size() - 512 - MIB);
    const damaged = openVhd(cut);
    expect(damaged.readOnly).toBe(true);
    const missing = catchError(() => damaged.read(2 * 4096 + 4095, new Uint8Array(512)));
    expect(missing).toMatchObject({ code: 'disk-truncated', fileName: 'cut.vhd' });
  });
});

describe('refusals of damaged structures', () => {
  /** Changes bytes of the dynamic header or the footer and makes their checksums good again. */
  function edited(edit: (bytes: Uint8Array, view: DataView) => void): MemoryFile {
    const bytes = dynamic(8 * MIB).toBytes();
    const view = new DataView(bytes.buffer);
    edit(bytes, view);
    view.setUint32(512 + 36, vhdChecksum(bytes.subarray(512, 1536), 36));
    view.setUint32(64, vhdChecksum(bytes.subarray(0, 512), 64));
    bytes.copyWithin(bytes.length - 512, 0, 512);
    return new MemoryFile('bad.vhd', bytes);
  }
  const cases: [string, (bytes: Uint8Array, view: DataView) => void, string][] = [
    ['block size 0', (_, view) => view.setUint32(512 + 32, 0), 'disk-bad-field'],
    ['block size 3 MiB', (_, view) => view.setUint32(512 + 32, 3 * MIB), 'disk-bad-field'],
    ['block size 2 GiB', (_, view) => view.setUint32(512 + 32, 0x80000000), 'disk-bad-field'],
    ['too few table entries', (_, view) => view.setUint32(512 + 28, 3), 'disk-bad-field'],
    ['table outside the file', (_, view) => view.setUint32(512 + 20, 0x10000000), 'disk-truncated'],
    ['table at a huge offset', (_, view) => view.setUint32(512 + 16, 0xfffffff0), 'disk-truncated'],
    ['header outside the file', (_, view) => view.setUint32(20, 0x10000000), 'disk-bad-field'],
    ['header at an odd offset', (_, view) => view.setUint32(20, 513), 'disk-bad-field'],
    ['another cookie', (bytes) => bytes.fill(0x20, 512, 520), 'disk-bad-field'],
    ['header version 2', (_, view) => view.setUint32(512 + 24, 0x20000), 'disk-unsupported'],
    ['format version 2', (_, view) => view.setUint32(12, 0x20000), 'disk-unsupported'],
    ['disk type 5', (_, view) => view.setUint32(60, 5), 'disk-unsupported'],
    ['size 0', (_, view) => view.setUint32(52, 0), 'disk-bad-field'],
    ['a size of 16 EiB', (_, view) => view.setUint32(48, 0xffffffff), 'disk-bad-field'],
    ['2040 GiB in a table of 4 entries', (_, view) => view.setUint32(48, 0x1fe), 'disk-bad-field'],
    ['a size of half a sector', (_, view) => view.setUint32(52, 8 * MIB + 256), 'disk-bad-field'],
  ];
  for (const [name, edit, code] of cases) {
    it(name, () => {
      const error = catchError(() => openVhd(edited(edit)));
      expect(error).toBeInstanceOf(DiskError);
      expect(error).toMatchObject({ code, fileName: 'bad.vhd' });
    });
  }

  it('a wrong header checksum', () => {
    const file = dynamic(8 * MIB);
    file.write(512 + 300, Uint8Array.of(1));
    expect(catchError(() => openVhd(file))).toMatchObject({ code: 'disk-checksum' });
  });

  it('no footer at all', () => {
    expect(catchError(() => openVhd(new MemoryFile('x', new Uint8Array(2048))))).toMatchObject({
      code: 'disk-not-an-image',
    });
    expect(catchError(() => openVhd(new MemoryFile('x', new Uint8Array(7))))).toMatchObject({
      code: 'disk-not-an-image',
    });
  });

  it('impossible sizes to create', () => {
    for (const size of [0, 511, 2_190_433_320_960 + 512, Number.NaN, 1e300]) {
      expect(catchError(() => createDynamic(new MemoryFile(), { size }))).toMatchObject({ code: 'disk-bad-size' });
      expect(catchError(() => createFixed(new MemoryFile(), { size }))).toMatchObject({ code: 'disk-bad-size' });
    }
  });
});

describe('differencing disks', () => {
  /** Files by name, as one folder. */
  class Folder implements ParentResolver {
    readonly files = new Map<string, MemoryFile>();
    places(candidate: { kind: string; text: string }): string[] {
      return candidate.kind === 'relative' ? [candidate.text.replace('.\\', '')] : [];
    }
    open(place: string): MemoryFile | undefined {
      return this.files.get(place);
    }
    addChild(name: string, parentName: string, blockSize?: number): DiskImage {
      const parent = openVhd(this.files.get(parentName)!, { resolver: this });
      const file = new MemoryFile(name);
      const locators = [{ platform: 'W2ru' as const, text: `.\\${parentName}` }];
      createDifferencing(file, { parent, parentName, locators, blockSize });
      this.files.set(name, file);
      return openVhd(file, { resolver: this });
    }
  }

  function chain(): { folder: Folder; base: MemoryFile } {
    const folder = new Folder();
    const base = dynamic(8 * MIB);
    folder.files.set('base.vhd', base);
    return { folder, base };
  }

  it('read what they hold and otherwise their parents, over random writes at every level', () => {
    const { folder, base } = chain();
    const random = seededRandom(7);
    const model = new Uint8Array(8 * MIB);
    const scribble = (image: DiskImage): void => {
      for (let i = 0; i < 40; i++) {
        const count = 1 + random(100);
        const lba = random(image.sectorCount - count);
        const data = pattern(count, random(256));
        image.write(lba, data);
        model.set(data, lba * 512);
        if (random(10) === 0) image.flush();
      }
      image.close();
    };
    scribble(openVhd(base));
    const names = ['base.vhd'];
    for (const blockSize of [undefined, 512 * 1024, undefined, 4096]) {
      const before = names.map((name) => folder.files.get(name)!.toBytes());
      const name = `child${names.length}.vhd`;
      const child = folder.addChild(name, names.at(-1)!, blockSize);
      expect(child.format).toBe('differencing');
      expect(Buffer.compare(readAll(child), model)).toBe(0);
      scribble(child);
      expect(Buffer.compare(readAll(openVhd(folder.files.get(name)!, { resolver: folder })), model)).toBe(0);
      // No parent is ever changed.
      for (const [i, bytes] of before.entries())
        expect(Buffer.compare(folder.files.get(names[i])!.toBytes(), bytes)).toBe(0);
      names.push(name);
    }
  });

  it('hold zeros that were written over data of the parent', () => {
    const { folder, base } = chain();
    const parent = openVhd(base);
    parent.write(0, pattern(8, 1));
    parent.close();
    const child = folder.addChild('child.vhd', 'base.vhd');
    child.write(2, new Uint8Array(1024));
    child.close();
    const expected = pattern(8, 1);
    expected.fill(0, 1024, 2048);
    const part = new Uint8Array(8 * 512);
    openVhd(folder.files.get('child.vhd')!, { resolver: folder }).read(0, part);
    expect(part).toEqual(expected);
  });

  it('can be 100 deep', () => {
    const { folder, base } = chain();
    const image = openVhd(base);
    image.write(0, pattern(1, 5));
    image.close();
    for (let depth = 1; depth <= 100; depth++) {
      folder.addChild(`${depth}.vhd`, depth === 1 ? 'base.vhd' : `${depth - 1}.vhd`).close();
    }
    const part = new Uint8Array(512);
    openVhd(folder.files.get('100.vhd')!, { resolver: folder }).read(0, part);
    expect(part).toEqual(pattern(1, 5));
  });

  it('name the missing parent', () => {
    const { folder } = chain();
    folder.addChild('child.vhd', 'base.vhd').close();
    folder.files.delete('base.vhd');
    const error = catchError(() => openVhd(folder.files.get('child.vhd')!, { resolver: folder })) as DiskError;
    expect(error).toMatchObject({ code: 'disk-parent-missing', fileName: 'child.vhd' });
    expect(error.message).toMatch(/base\.vhd.*with id [0-9a-f-]{36}.*searched: base\.vhd \(no such file\)/);
    const without = catchError(() => openVhd(folder.files.get('child.vhd')!));
    expect(without).toMatchObject({ code: 'disk-parent-missing' });
  });

  it('refuse another disk in the place of the parent', () => {
    const { folder } = chain();
    folder.addChild('child.vhd', 'base.vhd').close();
    folder.files.set('base.vhd', dynamic(8 * MIB));
    expect(catchError(() => openVhd(folder.files.get('child.vhd')!, { resolver: folder }))).toMatchObject({
      code: 'disk-parent-mismatch',
    });
  });

  it('refuse a parent that was resized', () => {
    const { folder, base } = chain();
    const id = locateFooter(base).footer.uniqueId;
    folder.addChild('child.vhd', 'base.vhd').close();
    const larger = new MemoryFile('base.vhd');
    createDynamic(larger, { size: 16 * MIB, uniqueId: id });
    folder.files.set('base.vhd', larger);
    expect(catchError(() => openVhd(folder.files.get('child.vhd')!, { resolver: folder }))).toMatchObject({
      code: 'disk-parent-mismatch',
    });
  });

  it('refuse to be their own ancestor', () => {
    const { folder, base } = chain();
    folder.addChild('a.vhd', 'base.vhd').close();
    const loop = new MemoryFile('base.vhd');
    const a = openVhd(folder.files.get('a.vhd')!, { resolver: folder });
    const uniqueId = locateFooter(base).footer.uniqueId;
    createDifferencing(loop, {
      parent: a,
      parentName: 'a.vhd',
      locators: [{ platform: 'W2ru', text: '.\\a.vhd' }],
      uniqueId,
    });
    folder.files.set('base.vhd', loop);
    expect(catchError(() => openVhd(folder.files.get('a.vhd')!, { resolver: folder }))).toMatchObject({
      code: 'disk-chain-loop',
    });
  });

  it('merge into their parent, also when the merge is repeated', () => {
    const { folder, base } = chain();
    const parent = openVhd(base);
    parent.write(100, pattern(50, 1));
    parent.close();
    const child = folder.addChild('child.vhd', 'base.vhd');
    child.write(120, pattern(3000, 2));
    child.write(9000, pattern(1, 3));
    child.flush();
    const wanted = readAll(child);
    const layer = child as SparseImage;
    let calls = 0;
    expect(mergeInto(layer, openVhd(base), () => calls++ < 1)).toBe(false);
    expect(mergeInto(layer, openVhd(base))).toBe(true);
    expect(Buffer.compare(readAll(openVhd(base)), wanted)).toBe(0);
  });
});

describe('raw images', () => {
  it('read and write plain sectors and pad the last one', () => {
    const file = new MemoryFile('disk.img', pattern(3, 1).subarray(0, 1100));
    const image = new RawImage(file);
    expect(image.sectorCount).toBe(3);
    expect(image.problems).toHaveLength(1);
    const part = new Uint8Array(1024);
    image.read(1, part);
    expect(part.subarray(0, 588)).toEqual(pattern(3, 1).subarray(512, 1100));
    expect(part.subarray(588).every((byte) => byte === 0)).toBe(true);
    image.write(2, pattern(1, 2));
    expect(file.size()).toBe(1536);
    expect(catchError(() => new RawImage(new MemoryFile('empty')))).toMatchObject({ code: 'disk-not-an-image' });
  });
});
