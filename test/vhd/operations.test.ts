import { describe, expect, it } from 'vitest';
import {
  checkDisk,
  compactDisk,
  convertDisk,
  convertInto,
  createDifferencing,
  createDynamic,
  createFixed,
  diffDisks,
  diskSizes,
  locateFooter,
  mapDisk,
  MemoryFile,
  MemoryStore,
  mergeIntoParent,
  mergeToNew,
  openVhd,
  RawImage,
  reparentDisk,
  resizeDisk,
  SplitFile,
  type DiskImage,
} from '../../vhd/index.ts';
import { pattern, seededRandom } from './random.ts';

const MIB = 1024 * 1024;
const SIZE = 8 * MIB;

function readAll(image: DiskImage): Buffer {
  const bytes = Buffer.alloc(image.sectorCount * 512);
  image.read(0, bytes);
  return bytes;
}

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

/** A chain `disk0.vhd` <- `disk1.vhd` <- ... with random content, and what its top reads as. */
function chain(depth: number, seed: number, base: 'fixed' | 'dynamic' = 'dynamic', blockSize = 65536) {
  const store = new MemoryStore();
  const random = seededRandom(seed);
  const model = Buffer.alloc(SIZE);
  for (let level = 0; level <= depth; level++) {
    const name = `disk${level}.vhd`;
    const file = store.create(name);
    if (level > 0) addChild(store, name, `disk${level - 1}.vhd`, blockSize);
    else if (base === 'fixed') createFixed(file, { size: SIZE });
    else createDynamic(file, { size: SIZE, blockSize });
    const image = open(store, name);
    for (let i = 0; i < 12; i++) {
      const count = 1 + random(300);
      const lba = random(image.sectorCount - count);
      const data = pattern(count, random(256));
      image.write(lba, data);
      model.set(data, lba * 512);
    }
    image.close();
  }
  return { store, model, top: `disk${depth}.vhd` };
}

function addChild(store: MemoryStore, name: string, parentName: string, blockSize = 65536): void {
  if (!store.exists(name)) store.create(name);
  createDifferencing(store.open(name), {
    parent: open(store, parentName),
    parentName,
    locators: [{ platform: 'W2ru', text: `.\\${parentName}` }],
    blockSize,
  });
}

function open(store: MemoryStore, name: string): DiskImage {
  return openVhd(store.open(name), { resolver: store.resolver });
}

function expectSame(file: MemoryFile, bytes: Uint8Array): void {
  expect(Buffer.compare(file.toBytes(), bytes)).toBe(0);
}

function expectClean(store: MemoryStore, name: string): void {
  expect(checkDisk(store.open(name)).runSync()).toMatchObject({ clean: true, readable: true, findings: [] });
}

describe('convert and merge to a new disk', () => {
  for (const type of ['fixed', 'dynamic', 'raw'] as const) {
    it(`make a ${type} copy of a chain`, () => {
      const { store, model, top } = chain(3, 1);
      const report = convertDisk(open(store, top), store, 'copy', { type }).runSync();
      const copy = type === 'raw' ? new RawImage(store.open('copy')) : open(store, 'copy');
      expect(readAll(copy).equals(model)).toBe(true);
      expect(report.diskSize).toBe(SIZE);
      expect(report.fileSize).toBe(store.open('copy').size());
      if (type !== 'raw') {
        expectClean(store, 'copy');
        const ids = ['copy', top].map((name) => locateFooter(store.open(name)).footer.uniqueId);
        expect(ids[0]).not.toEqual(ids[1]);
      }
      expect(store.exists('copy.new')).toBe(false);
      expect(codeOf(() => convertDisk(open(store, top), store, 'copy', { type }).runSync())).toBe('disk-exists');
    });
  }

  it('leave blocks of zeros out of a dynamic disk', () => {
    const store = new MemoryStore();
    createFixed(store.create('fixed.vhd'), { size: SIZE });
    const fixed = open(store, 'fixed.vhd');
    fixed.write(100, pattern(1, 1));
    const file = new MemoryFile('copy.vhd');
    convertInto(fixed, file, { type: 'dynamic' }).runSync();
    expect(checkDisk(file).runSync().allocatedBlocks).toBe(1);
  });

  it('merge the upper levels into a differencing disk over the rest', () => {
    const { store, model, top } = chain(4, 2);
    const before = [0, 1, 2, 3, 4].map((level) => store.open(`disk${level}.vhd`).toBytes());
    mergeToNew(open(store, top), store, 'merged.vhd', {
      type: 'differencing',
      levels: 3,
      parentName: 'disk1.vhd',
      locators: [{ platform: 'W2ru', text: '.\\disk1.vhd' }],
    }).runSync();
    for (const [level, bytes] of before.entries()) expectSame(store.open(`disk${level}.vhd`), bytes);
    for (const level of [2, 3, 4]) store.remove(`disk${level}.vhd`);
    const merged = open(store, 'merged.vhd');
    expect(merged.parent?.name).toBe('disk1.vhd');
    expect(readAll(merged).equals(model)).toBe(true);
    expectClean(store, 'merged.vhd');
    expect(codeOf(() => mergeToNew(merged, store, 'x', { type: 'differencing', levels: 3 }).runSync())).toBe(
      'disk-wrong-kind',
    );
    expect(codeOf(() => mergeToNew(merged, store, 'x', { type: 'fixed', levels: 1 }).runSync())).toBe(
      'disk-wrong-kind',
    );
    mergeToNew(merged, store, 'all.vhd').runSync();
    expect(readAll(open(store, 'all.vhd')).equals(model)).toBe(true);
  });

  it('leave nothing behind when they are cancelled', async () => {
    const { store, top } = chain(2, 3);
    const names = [...store.files.keys()];
    const task = convertDisk(open(store, top), store, 'copy.vhd', { type: 'dynamic' });
    expect(task.state).toBe('ready');
    const seen: number[] = [];
    await expect(
      task.run({
        onProgress: ({ done, total }) => {
          seen.push(done / total);
        },
        signal: AbortSignal.abort(),
      }),
    ).rejects.toMatchObject({ code: 'disk-cancelled' });
    const second = convertDisk(open(store, top), store, 'copy.vhd', { type: 'dynamic' });
    for (let i = 0; i < 5; i++) second.step();
    expect(second.progress.done).toBeGreaterThan(0);
    expect(store.exists('copy.vhd.new')).toBe(true);
    second.cancel();
    expect(codeOf(() => second.step())).toBe('disk-cancelled');
    expect(second.state).toBe('cancelled');
    expect([...store.files.keys()]).toEqual(names);
    const third = await convertDisk(open(store, top), store, 'copy.vhd', { type: 'dynamic' }).run();
    expect(third.copiedBytes).toBeGreaterThan(0);
  });
});

describe('compact', () => {
  it('drops zeros and unused space of a dynamic disk and nothing else', () => {
    const { store, model, top } = chain(0, 4);
    const image = open(store, top);
    image.write(0, pattern(8192, 8));
    image.write(0, new Uint8Array(4 * MIB));
    model.fill(0, 0, 4 * MIB);
    image.write(20, pattern(1, 7));
    model.set(pattern(1, 7), 20 * 512);
    image.trim!(8192, 1024);
    model.fill(0, 8192 * 512, 9216 * 512);
    image.close();
    const { footer } = locateFooter(store.open(top));
    const report = compactDisk(store, top).runSync();
    expect(readAll(open(store, top)).equals(model)).toBe(true);
    expect(locateFooter(store.open(top)).footer).toEqual(footer);
    expect(report.newFileSize).toBeLessThan(report.oldFileSize - 2 * MIB);
    expect(report.newFileSize).toBe(store.open(top).size());
    const check = checkDisk(store.open(top)).runSync();
    expect(check).toMatchObject({ clean: true, unusedBytes: 0, allocatedBlocks: report.newBlocks });
    expect([...store.files.keys()]).toEqual([top]);
  });

  it('drops what equals the parent of a differencing disk, and keeps its children valid', () => {
    const { store, model, top } = chain(2, 5);
    const middle = open(store, 'disk1.vhd');
    const same = new Uint8Array(512 * 1000);
    middle.parent!.read(3000, same);
    // Content that the parent has too; children cannot see the difference.
    const held = readAll(middle);
    middle.write(3000, held.subarray(3000 * 512, 4000 * 512));
    middle.close();
    const report = compactDisk(store, 'disk1.vhd', { resolver: store.resolver }).runSync();
    expect(report.newFileSize).toBeLessThan(report.oldFileSize);
    expect(readAll(open(store, 'disk1.vhd')).equals(held)).toBe(true);
    expect(readAll(open(store, top)).equals(model)).toBe(true);
    expectClean(store, 'disk1.vhd');
  });

  it('refuses what it must not touch', () => {
    const { store, top } = chain(0, 6, 'fixed');
    expect(codeOf(() => compactDisk(store, top).runSync())).toBe('disk-wrong-kind');
    const other = chain(0, 6);
    const file = other.store.open(other.top);
    const bytes = file.toBytes();
    const half = bytes.length >> 1;
    const pieces = [bytes.subarray(0, half), bytes.subarray(half)].map((part, i) => new MemoryFile(`p${i}.vhd`, part));
    const split = Object.assign(new MemoryStore(), { open: () => new SplitFile(pieces) });
    expect(codeOf(() => compactDisk(split, 'p0.vhd').runSync())).toBe('disk-unsupported');
    // The saved-state byte, and a good checksum.
    for (const at of [0, file.size() - 512]) {
      const footer = new Uint8Array(512);
      file.read(at, footer);
      footer[84] = 1;
      const view = new DataView(footer.buffer);
      view.setUint32(64, view.getUint32(64) - 1);
      file.write(at, footer);
    }
    expect(codeOf(() => compactDisk(other.store, other.top).runSync())).toBe('disk-saved-state');
    compactDisk(other.store, other.top, { ignoreSavedState: true }).runSync();
    expect(locateFooter(other.store.open(other.top)).footer.savedState).toBe(true);
    const unlock = other.store.lock(other.top);
    expect(codeOf(() => compactDisk(other.store, other.top).runSync())).toBe('disk-locked');
    unlock();
  });
});

describe('merge into the parent', () => {
  for (const base of ['fixed', 'dynamic'] as const) {
    it(`works down to a ${base} base and keeps the chain above valid`, () => {
      const { store, model, top } = chain(3, 7, base);
      const held = readAll(open(store, 'disk1.vhd'));
      const report = mergeIntoParent(store, 'disk1.vhd', { resolver: store.resolver }).runSync();
      expect(report).toMatchObject({ parent: 'disk0.vhd', wasComplete: false });
      expect(store.exists('disk1.vhd')).toBe(false);
      expect(readAll(open(store, 'disk0.vhd')).equals(held)).toBe(true);
      expectClean(store, 'disk0.vhd');
      // disk2 knows its parent by the identity that disk0 has now; only the path is another.
      expect(codeOf(() => open(store, 'disk2.vhd'))).toBe('disk-parent-missing');
      const parent = open(store, 'disk0.vhd');
      reparentDisk(store.open('disk2.vhd'), {
        parent,
        parentName: 'disk0.vhd',
        locators: [{ platform: 'W2ru', text: '.\\disk0.vhd' }],
      }).runSync();
      expect(readAll(open(store, top)).equals(model)).toBe(true);
      expectClean(store, 'disk2.vhd');
      for (const name of ['disk3.vhd', 'disk2.vhd']) {
        mergeIntoParent(store, name, { resolver: store.resolver }).runSync();
      }
      expect([...store.files.keys()]).toEqual(['disk0.vhd']);
      expect(readAll(open(store, 'disk0.vhd')).equals(model)).toBe(true);
    });
  }

  it('refuses other children of the parent afterwards', () => {
    const { store, top } = chain(1, 8);
    addChild(store, 'sibling.vhd', 'disk0.vhd');
    mergeIntoParent(store, top, { resolver: store.resolver }).runSync();
    expect(codeOf(() => open(store, 'sibling.vhd'))).toBe('disk-parent-mismatch');
  });

  it('protects the parent while it is interrupted, and completes it when repeated', () => {
    for (let stop = 1; stop < 40; stop++) {
      const { store, model, top } = chain(2, 9);
      const task = mergeIntoParent(store, top, { resolver: store.resolver });
      let finished = false;
      for (let i = 0; i < stop && !finished; i++) finished = !task.step();
      if (finished) break;
      task.cancel();
      expect(codeOf(() => task.step())).toBe('disk-cancelled');
      const parent = open(store, 'disk1.vhd');
      expect(parent.readOnly).toBe(true);
      expect(parent.problems.join()).toMatch(/merge .* interrupted/);
      expect(checkDisk(store.open('disk1.vhd')).runSync().findings).toMatchObject([{ kind: 'pending-merge' }]);
      expect(codeOf(() => mergeIntoParent(store, 'disk1.vhd', { resolver: store.resolver }).runSync())).toBe(
        'disk-merge-pending',
      );
      expect(readAll(open(store, top)).equals(model)).toBe(true);
      mergeIntoParent(store, top, { resolver: store.resolver }).runSync();
      expect(readAll(open(store, 'disk1.vhd')).equals(model)).toBe(true);
      expectClean(store, 'disk1.vhd');
    }
  });

  it('only deletes the child when everything else was done', () => {
    const { store, model, top } = chain(1, 10);
    const child = store.open(top).toBytes();
    const remove = store.remove.bind(store);
    store.remove = () => {
      throw new Error('killed');
    };
    expect(() => mergeIntoParent(store, top, { resolver: store.resolver }).runSync()).toThrow('killed');
    store.remove = remove;
    expectSame(store.open(top), child);
    const again = mergeIntoParent(store, top, { resolver: store.resolver }).runSync();
    expect(again).toMatchObject({ wasComplete: true, mergedBytes: 0 });
    expect(store.exists(top)).toBe(false);
    expect(readAll(open(store, 'disk0.vhd')).equals(model)).toBe(true);
    expect(locateFooter(store.open('disk0.vhd')).footer.pending).toBeUndefined();
  });
});

describe('merge into a raw parent', () => {
  const SECTORS = 2048;
  function rawAndChild() {
    const store = new MemoryStore();
    const raw = store.create('disk.img');
    raw.write(0, pattern(SECTORS, 1));
    const image = new RawImage(raw);
    const file = store.create('disk.img.vud');
    createDifferencing(file, { parent: image, parentName: 'disk.img', locators: [], blockSize: 16384 });
    const child = openVhd(file, { parent: image });
    const model = Buffer.from(pattern(SECTORS, 1));
    for (const lba of [0, 50, 127, 128, 700, SECTORS - 10]) {
      child.write(lba, pattern(10, lba));
      model.set(pattern(10, lba), lba * 512);
    }
    child.flush();
    return { store, model, merge: () => mergeIntoParent(store, 'disk.img.vud', { parent: 'disk.img' }) };
  }

  it('can be repeated although the fingerprint of the parent has changed', () => {
    for (let stop = 1; ; stop++) {
      const { store, model, merge } = rawAndChild();
      const task = merge();
      let more = true;
      for (let i = 0; i < stop && more; i++) more = task.step();
      if (more) {
        task.cancel();
        expect(codeOf(() => task.step())).toBe('disk-cancelled');
        const top = openVhd(store.open('disk.img.vud'), { parent: new RawImage(store.open('disk.img')) });
        expect(readAll(top).equals(model)).toBe(true);
        merge().runSync();
      }
      expect(
        store
          .open('disk.img')
          .toBytes()
          .every((byte, i) => byte === model[i]),
      ).toBe(true);
      expect([...store.files.keys()]).toEqual(['disk.img']);
      if (!more) break;
    }
  });

  it('refuses another image', () => {
    const { store, merge } = rawAndChild();
    store.open('disk.img').write(100, Uint8Array.of(1));
    expect(codeOf(() => merge().runSync())).toBe('disk-parent-mismatch');
  });
});

describe('resize', () => {
  for (const [name, blockSize, from, to, moved] of [
    ['in the room behind its table', 65536, 6 * MIB, 8 * MIB, false],
    ['with a table that has to move', 4096, 6 * MIB - 512, 16 * MIB, true],
    ['by one sector', 65536, 6 * MIB + 512, 6 * MIB + 1024, false],
  ] as const) {
    it(`makes a dynamic disk larger ${name}`, () => {
      const file = new MemoryFile('disk.vhd');
      createDynamic(file, { size: from, blockSize });
      const image = openVhd(file);
      const random = seededRandom(from);
      const model = Buffer.alloc(to);
      for (let i = 0; i < 30; i++) {
        const count = 1 + random(100);
        const lba = random(image.sectorCount - count);
        image.write(lba, pattern(count, i));
        model.set(pattern(count, i), lba * 512);
      }
      image.write(image.sectorCount - 1, pattern(1, 3));
      model.set(pattern(1, 3), from - 512);
      image.close();
      expect(resizeDisk(file, { size: to }).runSync()).toEqual({ oldSize: from, newSize: to, tableMoved: moved });
      const larger = openVhd(file);
      expect(readAll(larger).equals(model)).toBe(true);
      larger.write(larger.sectorCount - 1, pattern(1, 9));
      larger.close();
      model.set(pattern(1, 9), to - 512);
      expect(readAll(openVhd(file)).equals(model)).toBe(true);
      expect(checkDisk(file).runSync()).toMatchObject({ clean: true, findings: [], diskSize: to });
    });
  }

  it('shows zeros where the last block held more than the disk', () => {
    const file = new MemoryFile('disk.vhd');
    createDynamic(file, { size: 65536 + 512, blockSize: 65536 });
    const image = openVhd(file);
    image.write(128, pattern(1, 1));
    image.close();
    // Behind the end of the disk, inside the last block: bitmap at the old end of the file.
    file.write(file.size() - 512 - 65536 + 512, pattern(1, 5));
    resizeDisk(file, { size: 2 * 65536 }).runSync();
    const content = readAll(openVhd(file));
    expect(content.subarray(65536, 66048).equals(pattern(1, 1))).toBe(true);
    expect(content.subarray(66048).every((byte) => byte === 0)).toBe(true);
  });

  it('makes a fixed disk larger, old footer included in the zeros', () => {
    const file = new MemoryFile('disk.vhd');
    createFixed(file, { size: MIB });
    openVhd(file).write(2047, pattern(1, 4));
    resizeDisk(file, { size: 3 * MIB }).runSync();
    const content = readAll(openVhd(file));
    expect(content.length).toBe(3 * MIB);
    expect(content.subarray(MIB - 512, MIB).equals(pattern(1, 4))).toBe(true);
    expect(content.subarray(MIB).every((byte) => byte === 0)).toBe(true);
    expect(
      file
        .toBytes()
        .subarray(MIB, MIB + 512)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(openVhd(file).geometry).toEqual({ cylinders: 90, heads: 4, sectorsPerTrack: 17 });
  });

  it('refuses to shrink, to exceed 2040 GiB, and differencing disks', () => {
    const { store, top } = chain(1, 11);
    expect(codeOf(() => resizeDisk(store.open('disk0.vhd'), { size: SIZE - 512 }).runSync())).toBe('disk-bad-size');
    expect(codeOf(() => resizeDisk(store.open('disk0.vhd'), { size: 2 ** 42 }).runSync())).toBe('disk-bad-size');
    expect(codeOf(() => resizeDisk(store.open(top), { size: SIZE * 2 }).runSync())).toBe('disk-wrong-kind');
  });
});

describe('re-parenting', () => {
  it('records new paths and the time, and refuses another disk', () => {
    const { store, model, top } = chain(1, 12);
    store.files.set('moved.vhd', store.open('disk0.vhd').renamed('moved.vhd'));
    store.files.delete('disk0.vhd');
    expect(codeOf(() => open(store, top))).toBe('disk-parent-missing');
    const parent = open(store, 'moved.vhd');
    const report = reparentDisk(store.open(top), {
      parent,
      parentName: 'moved.vhd',
      parentTime: Date.UTC(2009, 5, 1),
      locators: [
        { platform: 'W2ru', text: '..\\a folder\\moved.vhd' },
        { platform: 'W2ku', text: 'D:\\a folder\\moved.vhd' },
      ],
    }).runSync();
    expect(report).toMatchObject({ oldParentName: 'disk0.vhd', newParentName: 'moved.vhd' });
    const child = open(store, top) as DiskImage & { header: { parentTimeStamp: number; locators: { text: string }[] } };
    expect(readAll(child).equals(model)).toBe(true);
    expect(child.header.parentTimeStamp).toBe(Date.UTC(2009, 5, 1) / 1000 - 946_684_800);
    expect(child.header.locators.map(({ text }) => text)).toEqual([
      '..\\a folder\\moved.vhd',
      'D:\\a folder\\moved.vhd',
    ]);
    expectClean(store, top);
    child.write(5, pattern(1, 1));
    child.close();
    expectClean(store, top);

    createDynamic(store.create('other.vhd'), { size: SIZE });
    createDynamic(store.create('small.vhd'), { size: MIB });
    const before = store.open(top).toBytes();
    const to = (name: string, acceptIdentity = false) =>
      codeOf(() =>
        reparentDisk(store.open(top), {
          parent: open(store, name),
          parentName: name,
          locators: [],
          acceptIdentity,
        }).runSync(),
      );
    expect(to('other.vhd')).toBe('disk-parent-mismatch');
    expect(to('small.vhd', true)).toBe('disk-parent-mismatch');
    expect(to(top, true)).toBe('disk-chain-loop');
    expectSame(store.open(top), before);
    expect(to('other.vhd', true)).toBeUndefined();
    expect(open(store, top).parent?.name).toBe('other.vhd');
  });
});

describe('diff and map', () => {
  it('find exactly the sectors that differ', () => {
    const { store, top } = chain(2, 13);
    const copy = convertDisk(open(store, top), store, 'copy.vhd', { type: 'fixed' }).runSync();
    expect(copy.diskSize).toBe(SIZE);
    const left = open(store, top);
    const right = open(store, 'copy.vhd');
    expect(diffDisks(left, right).runSync()).toMatchObject({ equal: true, differingSectors: 0, ranges: [] });
    const was = new Uint8Array(512);
    for (const lba of [0, 1, 2, 5000, SIZE / 512 - 1]) {
      right.read(lba, was);
      was[511] ^= 1;
      right.write(lba, was);
    }
    expect(diffDisks(left, right).runSync()).toMatchObject({
      equal: false,
      differingSectors: 5,
      rangeCount: 3,
      ranges: [
        { lba: 0, count: 3 },
        { lba: 5000, count: 1 },
        { lba: SIZE / 512 - 1, count: 1 },
      ],
    });
  });

  it('say for every sector which file holds it, and where', () => {
    const { store, model, top } = chain(3, 14);
    const image = open(store, top);
    let lba = 0;
    const levels = new Set<number>();
    for (const extent of mapDisk(image)) {
      expect(extent.lba).toBe(lba);
      const wanted = model.subarray(lba * 512, (lba + extent.count) * 512);
      if (extent.kind === 'zero') expect(wanted.every((byte) => byte === 0)).toBe(true);
      else {
        const bytes = Buffer.alloc(extent.count * 512);
        store.open(extent.fileName!).read(extent.offset!, bytes);
        expect(bytes.equals(wanted)).toBe(true);
        expect(extent.fileName).toBe(`disk${3 - extent.level}.vhd`);
        levels.add(extent.level);
      }
      lba += extent.count;
    }
    expect(lba).toBe(SIZE / 512);
    expect(levels.size).toBe(4);
  });
});

describe('sizes', () => {
  it('are read as the maker of the disk does', () => {
    const geometry = { cylinders: 120, heads: 4, sectorsPerTrack: 17 };
    const sizes = (creatorApplication: string) => diskSizes({ currentSize: 4_194_304, geometry, creatorApplication });
    expect(sizes('vpc ')).toMatchObject({ currentSize: 4_194_304, geometrySize: 4_177_920, makerSize: 4_177_920 });
    expect(sizes('win ')).toMatchObject({ makerSize: 4_194_304, makerReads: 'current-size' });
    const largest = { cylinders: 65535, heads: 16, sectorsPerTrack: 255 };
    expect(diskSizes({ currentSize: MIB, geometry: largest, creatorApplication: 'qemu' }).makerSize).toBe(MIB);
  });
});
