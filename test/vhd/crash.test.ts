import { describe, expect, it } from 'vitest';
import { createDifferencing, createDynamic, MemoryFile, openVhd, type RandomAccessFile } from '../../vhd/index.ts';
import { pattern, seededRandom, type Random } from './random.ts';

class PowerLoss extends Error {}

/** A file on a disk that loses power: writes since the last flush may be lost, reordered and torn between sectors. */
class VolatileFile implements RandomAccessFile {
  readonly name = 'volatile.vhd';
  readonly readOnly = false;
  private readonly stable: MemoryFile;
  private readonly current: MemoryFile;
  private pending: { offset: number; bytes: Uint8Array }[] = [];
  private operationsLeft: number;

  /** @param operations how many writes and flushes happen before the lights go out, which may be inside a flush of the image. */
  constructor(content: Uint8Array, operations: number) {
    this.operationsLeft = operations;
    this.stable = new MemoryFile('stable', content);
    this.current = new MemoryFile('current', content);
  }
  size(): number {
    return this.current.size();
  }
  read(offset: number, into: Uint8Array): number {
    return this.current.read(offset, into);
  }
  private count(): void {
    if (this.operationsLeft-- <= 0) throw new PowerLoss();
  }
  write(offset: number, from: Uint8Array): void {
    this.count();
    this.current.write(offset, from);
    for (let done = 0; done < from.length;) {
      const part = Math.min(512 - ((offset + done) % 512), from.length - done);
      this.pending.push({ offset: offset + done, bytes: from.slice(done, done + part) });
      done += part;
    }
  }
  truncate(): void {
    throw new Error('an open image is not truncated');
  }
  flush(): void {
    this.count();
    for (const { offset, bytes } of this.pending) this.stable.write(offset, bytes);
    this.pending = [];
  }
  close(): void {}

  /** The file as the disk may hold it after power fails now. */
  afterPowerLoss(random: Random): Uint8Array {
    const file = new MemoryFile('survivor', this.stable.toBytes());
    const share = random(5);
    for (const { offset, bytes } of this.pending) if (random(4) < share) file.write(offset, bytes);
    return file.toBytes();
  }

  /** The file as other processes see it after this one is killed now: every write was done. */
  afterKill(): Uint8Array {
    return this.current.toBytes();
  }
}

const SIZE = 1024 * 1024;
const BLOCK = 16384;

describe('crashes of the host', () => {
  for (const kind of ['dynamic', 'differencing'] as const) {
    it(`leave every flushed sector of a ${kind} disk as it was`, () => {
      for (let seed = 1; seed <= 250; seed++) {
        const random = seededRandom(seed);
        const parentFile = new MemoryFile('parent.vhd');
        createDynamic(parentFile, { size: SIZE, blockSize: BLOCK });
        const parent = openVhd(parentFile);
        if (kind === 'differencing') parent.write(0, pattern(SIZE / 1024, 200));
        const empty = new MemoryFile('empty');
        if (kind === 'dynamic') createDynamic(empty, { size: SIZE, blockSize: BLOCK });
        else createDifferencing(empty, { parent, parentName: 'parent.vhd', locators: [], blockSize: BLOCK });
        const file = new VolatileFile(empty.toBytes(), random(150));
        const open = (target: RandomAccessFile) => openVhd(target, kind === 'dynamic' ? {} : { parent });
        const image = open(file);

        // What each sector may be: its flushed content, or anything written to it since.
        const allowed = new Map<number, Uint8Array[]>();
        const initial = new Uint8Array(SIZE);
        image.read(0, initial);
        const flushed = initial.slice();
        const steps = 1 + random(100);
        const since = new Uint8Array(SIZE);
        since.set(flushed);
        try {
          for (let step = 0; step < steps; step++) {
            if (random(8) === 0) {
              image.flush();
              flushed.set(since);
              allowed.clear();
              continue;
            }
            const count = 1 + random(40);
            const lba = random(image.sectorCount - count);
            const data = random(6) === 0 ? new Uint8Array(count * 512) : pattern(count, random(256));
            for (let i = 0; i < count; i++) {
              const list = allowed.get(lba + i) ?? [];
              list.push(data.slice(i * 512, i * 512 + 512));
              allowed.set(lba + i, list);
            }
            image.write(lba, data);
            since.set(data, lba * 512);
          }
        } catch (error) {
          if (!(error instanceof PowerLoss)) throw error;
        }
        for (const bytes of [file.afterKill(), file.afterPowerLoss(random), file.afterPowerLoss(random)]) {
          const survivor = new MemoryFile('survivor.vhd', bytes);
          const after = open(survivor);
          expect(after.readOnly, `seed ${seed}`).toBe(false);
          const content = new Uint8Array(SIZE);
          after.read(0, content);
          for (let lba = 0; lba < SIZE / 512; lba++) {
            const sector = content.subarray(lba * 512, lba * 512 + 512);
            const old = flushed.subarray(lba * 512, lba * 512 + 512);
            const legal =
              Buffer.compare(sector, old) === 0 || allowed.get(lba)?.some((one) => Buffer.compare(sector, one) === 0);
            if (!legal) expect.fail(`seed ${seed}: sector ${lba} is neither old nor new`);
          }
          // It goes on from there.
          const last = after.sectorCount - 1;
          after.write(last, pattern(1, 99));
          after.flush();
          const again = open(survivor);
          expect(again.problems, `seed ${seed}`).toEqual([]);
          const part = new Uint8Array(512);
          again.read(last, part);
          expect(part).toEqual(pattern(1, 99));
        }
      }
    });
  }
});
