import { expect, it } from 'vitest';
import {
  checkDisk,
  createDifferencing,
  createDynamic,
  diffDisks,
  mapDisk,
  MAXIMUM_DISK_BYTES,
  MemoryFile,
  MemoryStore,
  openVhd,
  resizeDisk,
} from '../../vhd/index.ts';
import { pattern } from './random.ts';

it('a disk of 2040 GiB can be made, filled at its end, checked, mapped and compared', () => {
  const file = new MemoryFile('large.vhd');
  createDynamic(file, { size: MAXIMUM_DISK_BYTES });
  const image = openVhd(file);
  const last = MAXIMUM_DISK_BYTES / 512 - 1;
  image.write(last, pattern(1, 1));
  image.flush();
  expect(checkDisk(file).runSync()).toMatchObject({ findings: [], blocks: 1_044_480, allocatedBlocks: 1 });
  const again = openVhd(file);
  const part = new Uint8Array(512);
  again.read(last, part);
  expect(part).toEqual(pattern(1, 1));
  expect([...mapDisk(again)].map(({ kind, count }) => [kind, count])).toEqual([
    ['zero', last + 1 - 4096],
    ['data', 4096],
  ]);
  const other = new MemoryFile('other.vhd');
  createDynamic(other, { size: MAXIMUM_DISK_BYTES });
  expect(diffDisks(again, openVhd(other)).runSync()).toMatchObject({ ranges: [{ lba: last, count: 1 }] });
});

it('a disk of 1 GiB can grow to 2040 GiB', () => {
  const file = new MemoryFile('disk.vhd');
  createDynamic(file, { size: 2 ** 30 });
  const image = openVhd(file);
  image.write(7, pattern(1, 1));
  image.close();
  expect(resizeDisk(file, { size: MAXIMUM_DISK_BYTES }).runSync().tableMoved).toBe(true);
  const larger = openVhd(file);
  larger.write(MAXIMUM_DISK_BYTES / 512 - 1, pattern(1, 2));
  larger.flush();
  const part = new Uint8Array(512);
  openVhd(file).read(7, part);
  expect(part).toEqual(pattern(1, 1));
  expect(checkDisk(file).runSync()).toMatchObject({ findings: [], allocatedBlocks: 2 });
});

it('a chain of 3000 disks is read, mapped and closed', () => {
  const store = new MemoryStore();
  createDynamic(store.create('0.vhd'), { size: 65536, blockSize: 4096 });
  let top = openVhd(store.open('0.vhd'));
  top.write(5, pattern(3, 1));
  top.flush();
  for (let level = 1; level <= 3000; level++) {
    const name = `${level}.vhd`;
    const file = store.create(name);
    const parentName = `${level - 1}.vhd`;
    const locators = [{ platform: 'W2ru' as const, text: `.\\${parentName}` }];
    createDifferencing(file, { parent: top, parentName, locators, blockSize: 4096 });
    top = openVhd(file, { parent: top });
  }
  const image = openVhd(store.open('3000.vhd'), { resolver: store.resolver });
  const part = new Uint8Array(3 * 512);
  image.read(5, part);
  expect(part).toEqual(pattern(3, 1));
  expect([...mapDisk(image)].find(({ kind }) => kind === 'data')).toMatchObject({ level: 3000, fileName: '0.vhd' });
  expect(image.problems).toEqual([]);
  image.close();
});
