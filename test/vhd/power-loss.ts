/** Power failures at random moments of every operation: what is on the disk afterwards must be the old or the new state. */
import { expect } from 'vitest';
import {
  checkDisk,
  compactDisk,
  convertDisk,
  createDifferencing,
  createDynamic,
  createFixed,
  DiskError,
  MemoryStore,
  mergeIntoParent,
  openVhd,
  repairDisk,
  reparentDisk,
  resizeDisk,
  type DiskImage,
} from '../../vhd/index.ts';
import { pattern, seededRandom, type Random } from './random.ts';
import { PowerLoss, VolatileStore } from './volatile-store.ts';

const SIZE = 512 * 1024;
const BLOCK = 16384;
const SECTORS: number = SIZE / 512;
const ZERO_SECTOR = new Uint8Array(512);

/** Any of the stores of these tests. */
type Store = Pick<MemoryStore, 'open' | 'resolver'> | VolatileStore;

function open(store: Store, name: string): DiskImage {
  return openVhd(store.open(name), { resolver: store.resolver });
}

export function readAll(image: DiskImage): Buffer {
  const bytes = Buffer.alloc(image.sectorCount * 512);
  image.read(0, bytes);
  return bytes;
}

function scribble(image: DiskImage, random: Random, times: number): void {
  for (let i = 0; i < times; i++) {
    const count = 1 + random(60);
    image.write(random(image.sectorCount - count), pattern(count, random(256)));
  }
  image.flush();
}

/** `base.vhd`, fixed or dynamic, and `levels` children `1.vhd`, `2.vhd`. */
function chain(random: Random, levels: number, blockSize = BLOCK): MemoryStore {
  const store = new MemoryStore();
  const base = store.create('base.vhd');
  if (random(3) === 0) createFixed(base, { size: SIZE });
  else createDynamic(base, { size: SIZE, blockSize });
  scribble(open(store, 'base.vhd'), random, 5);
  for (let level = 1; level <= levels; level++) {
    const parentName = level === 1 ? 'base.vhd' : `${level - 1}.vhd`;
    const parent = open(store, parentName);
    const locators = [{ platform: 'W2ru' as const, text: `.\\${parentName}` }];
    createDifferencing(store.create(`${level}.vhd`), { parent, parentName, locators, blockSize });
    scribble(open(store, `${level}.vhd`), random, 5);
  }
  return store;
}

/** Runs until the power fails or `run` is done. */
function untilPowerLoss(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    if (error instanceof PowerLoss) return false;
    throw error;
  }
}

function survivors(store: VolatileStore, random: Random): MemoryStore[] {
  return [store.survivor(), store.survivor(random), store.survivor(random)];
}

/** Problems that a check may find after a power failure and that repair without loss: nothing else is acceptable. */
function expectSound(store: MemoryStore, name: string): void {
  const report = checkDisk(store.open(name)).runSync();
  for (const { severity, repair, kind } of report.findings) {
    if (severity !== 'note' && kind !== 'pending-merge') expect([kind, repair]).toEqual([kind, 'lossless']);
  }
  expect(report.readable).toBe(true);
}

/** A guest that writes, trims and flushes. */
function guestWrites(seed: number): void {
  const random = seededRandom(seed);
  const differencing = random(2) === 0;
  const before = chain(random, differencing ? 1 : 0);
  const name = differencing ? '1.vhd' : 'base.vhd';
  const store = new VolatileStore(before, random(150));
  const image = open(store, name);
  // What each sector may be: its flushed content, or anything written to it since.
  const flushed = readAll(image);
  const since = Buffer.from(flushed);
  const allowed = new Map<number, Uint8Array[]>();
  const allow = (lba: number, sector: Uint8Array): void => {
    allowed.set(lba, [...(allowed.get(lba) ?? []), sector]);
  };
  const steps = 1 + random(100);
  untilPowerLoss(() => {
    for (let step = 0; step < steps; step++) {
      const action = random(12);
      const count = 1 + random(40);
      const lba = random(SECTORS - count);
      if (action === 0) {
        image.flush();
        flushed.set(since);
        allowed.clear();
      } else if (action < 4) {
        const length = Math.min(random(3) === 0 ? count : 128, SECTORS - lba);
        for (let i = 0; i < length; i++) allow(lba + i, ZERO_SECTOR);
        image.trim?.(lba, length);
        const now = Buffer.alloc(length * 512);
        image.read(lba, now);
        for (let i = 0; i < length; i++) {
          const sector = now.subarray(i * 512, i * 512 + 512);
          const old = since.subarray((lba + i) * 512, (lba + i + 1) * 512);
          if (!sector.equals(ZERO_SECTOR) && !sector.equals(old)) expect.fail(`seed ${seed}: trim changed a sector`);
        }
        since.set(now, lba * 512);
      } else {
        const data = random(6) === 0 ? new Uint8Array(count * 512) : pattern(count, random(256));
        for (let i = 0; i < count; i++) allow(lba + i, data.slice(i * 512, i * 512 + 512));
        image.write(lba, data);
        since.set(data, lba * 512);
      }
    }
  });
  for (const after of survivors(store, random)) {
    expectSound(after, name);
    const survivor = open(after, name);
    expect(survivor.readOnly, `seed ${seed}`).toBe(false);
    const content = readAll(survivor);
    for (let lba = 0; lba < SECTORS; lba++) {
      const sector = content.subarray(lba * 512, lba * 512 + 512);
      const legal =
        sector.equals(flushed.subarray(lba * 512, lba * 512 + 512)) ||
        allowed.get(lba)?.some((one) => sector.equals(one)) === true;
      if (!legal) expect.fail(`seed ${seed}: sector ${lba} is neither old nor new`);
    }
    // It goes on from there.
    scribble(survivor, random, 3);
    const model = readAll(survivor);
    survivor.close();
    const again = open(after, name);
    expect(again.problems, `seed ${seed}`).toEqual([]);
    expect(readAll(again).equals(model), `seed ${seed}`).toBe(true);
  }
}

/**
 * An operation that leaves the content of `name` as it is, whenever it is interrupted, and can be repeated.
 * @param after what must hold when it was repeated to the end.
 */
function keepsContent(
  seed: number,
  before: MemoryStore,
  name: string,
  operations: number,
  run: (store: MemoryStore | VolatileStore) => void,
  after: (store: MemoryStore, content: Buffer) => void,
): void {
  const random = seededRandom(seed + 1);
  const content = readAll(open(before, name));
  const store = new VolatileStore(before, random(operations));
  const done = untilPowerLoss(() => run(store));
  for (const survivor of survivors(store, random)) {
    if (survivor.exists(name)) {
      expectSound(survivor, name);
      expect(readAll(open(survivor, name)).subarray(0, content.length).equals(content), `seed ${seed}`).toBe(true);
    }
    if (!done) run(survivor);
    after(survivor, content);
  }
}

function compact(seed: number): void {
  const random = seededRandom(seed);
  const differencing = random(2) === 0;
  const before = chain(random, differencing ? 1 : 0);
  const name = differencing ? '1.vhd' : 'base.vhd';
  if (open(before, name).format === 'fixed') return;
  const run = (store: MemoryStore | VolatileStore): void => {
    compactDisk(store, name, { resolver: store.resolver }).runSync();
  };
  keepsContent(seed, before, name, 100, run, (store, content) => {
    expect(readAll(open(store, name)).equals(content)).toBe(true);
    expect(checkDisk(store.open(name)).runSync().findings).toEqual([]);
    expect(store.exists(`${name}.compact`)).toBe(false);
  });
}

function convert(seed: number): void {
  const random = seededRandom(seed);
  const before = chain(random, 1);
  const run = (store: MemoryStore | VolatileStore): void => {
    if (store.exists('copy.vhd')) return;
    const type = seed % 2 === 0 ? 'fixed' : 'dynamic';
    convertDisk(open(store, '1.vhd'), store, 'copy.vhd', { type, blockSize: BLOCK }).runSync();
  };
  keepsContent(seed, before, '1.vhd', 100, run, (store, content) => {
    expect(readAll(open(store, 'copy.vhd')).equals(content)).toBe(true);
    expect(checkDisk(store.open('copy.vhd')).runSync().findings).toEqual([]);
  });
}

function merge(seed: number): void {
  const random = seededRandom(seed);
  const before = chain(random, 2);
  const identity = random(2) === 0 ? 'keep' : 'child';
  const run = (store: MemoryStore | VolatileStore): void => {
    if (store.exists('2.vhd')) mergeIntoParent(store, '2.vhd', { resolver: store.resolver, identity }).runSync();
  };
  const content = readAll(open(before, '2.vhd'));
  const store = new VolatileStore(before, random(90));
  const done = untilPowerLoss(() => run(store));
  for (const survivor of survivors(store, random)) {
    const child = survivor.exists('2.vhd') ? tryRead(survivor, '2.vhd') : undefined;
    const parent = open(survivor, '1.vhd');
    // Until the parent holds everything the child reads as ever; afterwards the parent does.
    const whole = child ?? readAll(parent);
    expect(whole.equals(content), `seed ${seed}`).toBe(true);
    if (!done) run(survivor);
    expect(survivor.exists('2.vhd')).toBe(false);
    expect(readAll(open(survivor, '1.vhd')).equals(content), `seed ${seed}`).toBe(true);
    expect(checkDisk(survivor.open('1.vhd')).runSync()).toMatchObject({ readable: true, clean: true });
  }
}

function tryRead(store: MemoryStore, name: string): Buffer | undefined {
  try {
    return readAll(open(store, name));
  } catch (error) {
    // The parent has the child's identity already: everything is in it.
    if (error instanceof DiskError) return undefined;
    throw error;
  }
}

function resize(seed: number): void {
  const random = seededRandom(seed);
  // With blocks of 4 KiB the table is a sector long and must move.
  const before = chain(random, 0, random(2) === 0 ? 4096 : BLOCK);
  const size = SIZE + 512 * (1 + random(1024));
  const run = (store: MemoryStore | VolatileStore): void => {
    resizeDisk(store.open('base.vhd'), { size }).runSync();
  };
  keepsContent(seed, before, 'base.vhd', 25, run, (store, content) => {
    const image = open(store, 'base.vhd');
    const now = readAll(image);
    expect(now.length).toBe(size);
    expect(now.subarray(0, content.length).equals(content)).toBe(true);
    expect(
      now.subarray(content.length).every((byte) => byte === 0),
      `seed ${seed}`,
    ).toBe(true);
    scribble(image, random, 3);
    image.close();
    expect(checkDisk(store.open('base.vhd')).runSync().findings, `seed ${seed}`).toEqual([]);
  });
}

function reparent(seed: number): void {
  const random = seededRandom(seed);
  const before = chain(random, 1);
  const text = `.\\${'long folder name\\..\\'.repeat(random(30))}base.vhd`;
  const run = (store: MemoryStore | VolatileStore): void => {
    reparentDisk(store.open('1.vhd'), {
      parent: open(store, 'base.vhd'),
      parentName: 'base.vhd',
      locators: [{ platform: 'W2ru', text }],
    }).runSync();
  };
  keepsContent(seed, before, '1.vhd', 25, run, (store, content) => {
    const image = open(store, '1.vhd') as DiskImage & { header: { locators: { text: string }[] } };
    expect(image.header.locators[0]!.text).toBe(text);
    scribble(image, random, 1);
    image.close();
    expect(content.length).toBe(SIZE);
    expect(checkDisk(store.open('1.vhd')).runSync().findings).toEqual([]);
  });
}

function repair(seed: number): void {
  const random = seededRandom(seed);
  const before = chain(random, 0);
  const file = before.open('base.vhd');
  const { format } = open(before, 'base.vhd');
  if (format === 'fixed') return;
  const entry = new Uint8Array(4);
  // One block over another, and a lost footer.
  const table = new Uint8Array(128);
  file.read(1536, table);
  const blocks = [...Array(32).keys()];
  const used = blocks.filter((block) => table[block * 4] !== 0xff);
  const free = blocks.filter((block) => table[block * 4] === 0xff);
  if (used.length === 0 || free.length === 0) return;
  entry.set(table.subarray(used[0]! * 4, used[0]! * 4 + 4));
  file.write(1536 + free[0]! * 4, entry);
  const damage = random(3);
  if (damage === 0) file.truncate(file.size() - 512);
  else if (damage === 1) file.write(5, Uint8Array.of(1));
  const run = (store: MemoryStore | VolatileStore): void => {
    repairDisk(store.open('base.vhd')).runSync();
  };
  const content = readAll(open(before, 'base.vhd'));
  const store = new VolatileStore(before, random(20));
  untilPowerLoss(() => run(store));
  for (const survivor of survivors(store, random)) {
    expect(readAll(open(survivor, 'base.vhd')).equals(content), `seed ${seed}`).toBe(true);
    run(survivor);
    expect(readAll(open(survivor, 'base.vhd')).equals(content), `seed ${seed}`).toBe(true);
    expect(checkDisk(survivor.open('base.vhd')).runSync().findings, `seed ${seed}`).toEqual([]);
  }
}

/** What the power fails in, each with a seed for content and moment. */
export const SCENARIOS = { guestWrites, compact, convert, merge, resize, reparent, repair } as const;
