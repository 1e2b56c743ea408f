import { describe, expect, it } from 'vitest';
import { vhdChecksum } from '../../vhd/footer.ts';
import {
  createDifferencing,
  createDynamic,
  createFixed,
  DiskError,
  MemoryFile,
  openVhd,
  type ParentResolver,
} from '../../vhd/index.ts';
import { pattern, seededRandom } from './random.ts';

const SIZE = 512 * 1024;

/** Small images of every kind, with some blocks in use. */
function images(): { name: string; bytes: Uint8Array }[] {
  const fixed = new MemoryFile('fixed.vhd');
  createFixed(fixed, { size: 65536 });
  const dynamic = new MemoryFile('parent.vhd');
  createDynamic(dynamic, { size: SIZE, blockSize: 16384 });
  const parent = openVhd(dynamic);
  parent.write(10, pattern(100, 1));
  parent.flush();
  const child = new MemoryFile('child.vhd');
  const locators = [
    { platform: 'W2ru' as const, text: '.\\parent.vhd' },
    { platform: 'W2ku' as const, text: 'C:\\x\\parent.vhd' },
    { platform: 'MacX' as const, text: 'file:///x/parent.vhd' },
  ];
  createDifferencing(child, { parent, parentName: 'parent.vhd', locators, blockSize: 16384 });
  const top = openVhd(child, { parent });
  top.write(50, pattern(20, 2));
  top.flush();
  return [
    { name: 'fixed.vhd', bytes: fixed.toBytes() },
    { name: 'dynamic.vhd', bytes: dynamic.toBytes() },
    { name: 'child.vhd', bytes: child.toBytes() },
  ];
}

describe('mutated VHDs', () => {
  it('give a named error or a disk that can be read and written', () => {
    const samples = images();
    const resolver: ParentResolver = {
      places: (candidate) => (candidate.kind === 'name' ? [candidate.text] : []),
      open: (place) => (place === 'parent.vhd' ? new MemoryFile(place, samples[1].bytes, true) : undefined),
    };
    const interesting = [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff];
    let opened = 0;
    let refused = 0;
    for (let round = 0; round < 6000; round++) {
      const random = seededRandom(round);
      const sample = samples[random(samples.length)];
      let bytes = sample.bytes.slice();
      const metadata = Math.min(bytes.length, 4608);
      for (let count = 1 + random(4); count > 0; count--) {
        const at = random(8) === 0 ? bytes.length - 1 - random(512) : random(metadata);
        if (at < 0) continue;
        const action = random(10);
        if (action === 0) bytes = bytes.slice(0, Math.max(1, random(bytes.length)));
        else if (action === 1) bytes.fill(interesting[random(interesting.length)], at, at + 1 + random(16));
        else if (action < 6) bytes[at] = interesting[random(interesting.length)];
        else bytes[at] = random(256);
      }
      // Three of four rounds get good checksums again, so that the checks behind them are reached.
      if (random(4) !== 0 && bytes.length > 2048) {
        const view = new DataView(bytes.buffer);
        for (const at of [0, bytes.length - 512]) {
          if (bytes[at] === 0x63) view.setUint32(at + 64, vhdChecksum(bytes.subarray(at, at + 512), 64));
        }
        if (bytes[512] === 0x63) view.setUint32(512 + 36, vhdChecksum(bytes.subarray(512, 1536), 36));
      }
      const file = new MemoryFile('mutated.vhd', bytes);
      try {
        const image = openVhd(file, { resolver });
        const part = new Uint8Array(512);
        for (let i = 0; i < 8; i++) image.read(random(image.sectorCount), part);
        image.read(0, part);
        image.read(image.sectorCount - 1, part);
        if (!image.readOnly) {
          const lba = random(image.sectorCount);
          image.write(lba, pattern(1, round));
          image.flush();
          image.read(lba, part);
          expect(part).toEqual(pattern(1, round));
        }
        opened++;
      } catch (error) {
        if (!(error instanceof DiskError)) throw error;
        expect(error.code).toMatch(/^disk-/);
        expect(error.message.length).toBeLessThan(4000);
        refused++;
      }
    }
    expect(opened).toBeGreaterThan(500);
    expect(refused).toBeGreaterThan(500);
  });
});
