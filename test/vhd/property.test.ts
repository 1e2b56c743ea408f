import { expect, it } from 'vitest';
import {
  checkDisk,
  compactDisk,
  convertDisk,
  createDifferencing,
  createDynamic,
  createFixed,
  diffDisks,
  MemoryStore,
  mergeIntoParent,
  mergeToNew,
  openVhd,
  reparentDisk,
  type DiskImage,
} from '../../vhd/index.ts';
import { pattern, seededRandom, type Random } from './random.ts';

/** More by `VHD_CHAINS=500 npx vitest run test/vhd/property.test.ts`. */
const CHAINS = Number(process.env['VHD_CHAINS'] ?? 25);

const SIZE = 1024 * 1024;
const SECTORS: number = SIZE / 512;
const BLOCK_SIZES = [4096, 16384, 131072, 2 * 1024 * 1024];

/** A chain of disks and, for each of them, what it reads as, by a plain array. */
class Chain {
  readonly store = new MemoryStore();
  readonly links: { name: string; model: Buffer }[] = [];
  private readonly random: Random;
  private image: DiskImage | undefined;
  private made = 0;

  constructor(random: Random) {
    this.random = random;
    const size = SIZE;
    const name = this.newName();
    const blockSize = this.any(BLOCK_SIZES);
    if (random(3) === 0) createFixed(this.store.create(name), { size });
    else createDynamic(this.store.create(name), { size, blockSize });
    this.links.push({ name, model: Buffer.alloc(SIZE) });
  }

  private any<T>(list: readonly T[]): T {
    return list[this.random(list.length)]!;
  }

  private newName(): string {
    return `disk${this.made++}.vhd`;
  }

  get top(): { name: string; model: Buffer } {
    return this.links.at(-1)!;
  }

  open(name: string): DiskImage {
    return openVhd(this.store.open(name), { resolver: this.store.resolver });
  }

  /** The open top of the chain. */
  get writable(): DiskImage {
    return (this.image ??= this.open(this.top.name));
  }

  close(): void {
    this.image?.close();
    this.image = undefined;
  }

  write(): void {
    const count = 1 + this.random(this.random(4) === 0 ? 600 : 30);
    const lba = this.random(SECTORS - count);
    const data = this.random(4) === 0 ? new Uint8Array(count * 512) : pattern(count, this.random(256));
    this.writable.write(lba, data);
    this.top.model.set(data, lba * 512);
  }

  trim(): void {
    const count = 1 + this.random(900);
    const lba = this.random(SECTORS - count);
    this.writable.trim?.(lba, count);
    const now = Buffer.alloc(count * 512);
    this.writable.read(lba, now);
    const { model } = this.top;
    for (let i = 0; i < count; i++) {
      const sector = now.subarray(i * 512, i * 512 + 512);
      const at = (lba + i) * 512;
      if (sector.equals(model.subarray(at, at + 512))) continue;
      if (!sector.every((byte) => byte === 0)) throw new Error(`sector ${lba + i} is neither as before nor zeros`);
      model.fill(0, at, at + 512);
    }
    if (this.writable.format === 'dynamic') expect(now.every((byte) => byte === 0)).toBe(true);
  }

  read(): void {
    const count = 1 + this.random(300);
    const lba = this.random(SECTORS - count);
    const part = Buffer.alloc(count * 512);
    this.writable.read(lba, part);
    expect(part.equals(this.top.model.subarray(lba * 512, (lba + count) * 512))).toBe(true);
  }

  addChild(): void {
    if (this.links.length > 6) return;
    this.close();
    const parentName = this.top.name;
    const name = this.newName();
    const parent = this.open(parentName);
    createDifferencing(this.store.create(name), {
      parent,
      parentName,
      locators: [{ platform: 'W2ru', text: `.\\${parentName}` }],
      blockSize: this.any(BLOCK_SIZES),
    });
    this.links.push({ name, model: Buffer.from(this.top.model) });
  }

  compact(): void {
    this.close();
    const { name } = this.any(this.links);
    if (this.open(name).format === 'fixed') return;
    compactDisk(this.store, name, { resolver: this.store.resolver }).runSync();
  }

  /** Any link but the base into the one below; the one above is told. */
  merge(): void {
    if (this.links.length < 2) return;
    this.close();
    const at = 1 + this.random(this.links.length - 1);
    const [gone] = this.links.splice(at, 1);
    const below = this.links[at - 1]!;
    mergeIntoParent(this.store, gone!.name, { resolver: this.store.resolver }).runSync();
    below.model = gone!.model;
    this.attach(at, below.name);
  }

  /** The upper levels up to a link into a new file in their place. */
  mergeUpper(): void {
    if (this.links.length < 3) return;
    this.close();
    const levels = 2 + this.random(this.links.length - 2);
    if (levels >= this.links.length) return;
    const name = this.newName();
    const parentName = this.links[this.links.length - levels - 1]!.name;
    const { model } = this.top;
    mergeToNew(this.open(this.top.name), this.store, name, {
      type: 'differencing',
      levels,
      parentName,
      locators: [{ platform: 'W2ru', text: parentName }],
      blockSize: this.any(BLOCK_SIZES),
    }).runSync();
    for (const { name: old } of this.links.splice(-levels)) this.store.remove(old);
    this.links.push({ name, model });
  }

  /** The whole chain as one new disk. */
  flatten(): void {
    this.close();
    const name = this.newName();
    const { model } = this.top;
    const type = this.random(2) === 0 ? 'fixed' : 'dynamic';
    convertDisk(this.open(this.top.name), this.store, name, { type, blockSize: this.any(BLOCK_SIZES) }).runSync();
    expect(diffDisks(this.open(name), this.open(this.top.name)).runSync().equal).toBe(true);
    for (const { name: old } of this.links.splice(0)) this.store.remove(old);
    this.links.push({ name, model });
  }

  private attach(at: number, parentName: string): void {
    const child = this.links[at];
    if (child === undefined) return;
    const locators = [{ platform: 'W2ku' as const, text: `C:\\moved\\${parentName}` }];
    const parent = this.open(parentName);
    reparentDisk(this.store.open(child.name), { parent, parentName, locators }).runSync();
  }

  verify(): void {
    this.close();
    for (const { name, model } of this.links) {
      const image = this.open(name);
      const content = Buffer.alloc(SIZE);
      image.read(0, content);
      expect(content.equals(model)).toBe(true);
      expect(image.problems).toEqual([]);
      expect(checkDisk(this.store.open(name)).runSync().findings).toEqual([]);
    }
    expect(this.store.files.size).toBe(this.links.length);
  }
}

it(
  `${CHAINS} chains read as a plain array does, after any operations`,
  () => {
    for (let seed = 1; seed <= CHAINS; seed++) {
      const random = seededRandom(seed);
      const chain = new Chain(random);
      const operations: [number, () => void][] = [
        [30, () => chain.write()],
        [10, () => chain.read()],
        [6, () => chain.trim()],
        [4, () => chain.writable.flush()],
        [3, () => chain.close()],
        [3, () => chain.addChild()],
        [1, () => chain.compact()],
        [1, () => chain.merge()],
        [1, () => chain.mergeUpper()],
        [1, () => random(4) === 0 && chain.flatten()],
      ];
      const weighted = operations.flatMap(([weight, run]) => new Array<() => void>(weight).fill(run));
      try {
        for (let step = 0; step < 150; step++) weighted[random(weighted.length)]!();
        chain.verify();
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
      }
    }
  },
  20_000 + CHAINS * 1000,
);
