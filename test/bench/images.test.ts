import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { footprint, FOOTPRINT_ITEMS } from '../../bench/guests/footprint.ts';
import { KERNEL_REPETITIONS, KERNELS, kernels } from '../../bench/guests/kernels.ts';
import { assemble, IMAGE_NAMES, nasmPresent } from '../../bench/kernels/assemble.ts';
import { FOOTPRINT_PASSES, footprintSource, randomBelow } from '../../bench/kernels/footprint.ts';
import { LOADER_MAGIC, readMultiboot } from '../../bench/multiboot.ts';
import { virtualserver } from '../../bench/peers/virtualserver.ts';
import type { Suite, SuiteSettings } from '../../bench/types.ts';

const BENCH = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'bench');
const FOLDER = join(BENCH, 'kernels');
const settings: SuiteSettings = {
  kernels: FOLDER,
  images: join(BENCH, 'none'),
  work: join(BENCH, 'none'),
  kernelScale: 1,
  clock: 'host',
  scales: [1],
  groups: [],
};

describe('bare images', () => {
  it.skipIf(!nasmPresent() && !process.env['CI']).each(IMAGE_NAMES)(
    '%s.bin is what NASM makes of it (needs nasm)',
    (name) => {
      // `npm run bench -- --assemble` after a change.
      expect(Buffer.from(assemble(name, FOLDER)).equals(readFileSync(join(FOLDER, `${name}.bin`)))).toBe(true);
    },
  );

  it.each(IMAGE_NAMES)('%s.bin has a multiboot header that covers the file', (name) => {
    const file = new Uint8Array(readFileSync(join(FOLDER, `${name}.bin`)));
    const image = readMultiboot(file);
    expect(image.address).toBe(0x100000);
    expect(image.bytes.length).toBe(file.length);
    expect(image.end).toBe(0x100000 + file.length);
    // The page directory of the frame begins here.
    expect(image.end).toBeLessThanOrEqual(0x300000);
  });

  it('has a name for every entry of the source', () => {
    const source = readFileSync(join(FOLDER, 'kernels.asm'), 'utf8');
    const table = /^tests:([\s\S]*?)dd 0, 0/m.exec(source)![1]!;
    const names = [...table.matchAll(/dd (\w+), \d+/g)].map(([, name]) => name!.replaceAll('_', '-'));
    expect(names).toEqual(KERNELS);
    expect(source).toContain(`%define REPETITIONS ${KERNEL_REPETITIONS}\n`);
    expect(FOOTPRINT_ITEMS).toHaveLength(FOOTPRINT_PASSES.length);
  });
});

describe('footprint source', () => {
  it('is the same for the same seed only', () => {
    expect(footprintSource(2)).toBe(footprintSource(2));
    expect(footprintSource(2)).not.toBe(footprintSource(3));
  });

  it('has 4,000 functions, each called once per pass', () => {
    const source = footprintSource();
    const called = [...source.matchAll(/^call (f\d+)$/gm)].map(([, name]) => name);
    const defined = [...source.matchAll(/^(f\d+):/gm)].map(([, name]) => name);
    expect(new Set(called).size).toBe(4000);
    expect(defined).toEqual(called);
  });

  it('draws numbers evenly below the bound', () => {
    const below = randomBelow(7);
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 10_000; i++) counts[below(5)]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
  });
});

describe('multiboot headers', () => {
  /** Multiboot Specification 0.6.96, table of section 3.1.1. */
  function file(fields: { flags?: number; check?: number; load?: number; end?: number; entry?: number }): Uint8Array {
    const bytes = new Uint8Array(0x1000);
    const view = new DataView(bytes.buffer);
    const { flags = 0x10000, load = 0x200000, end = 0x201000, entry = 0x200040 } = fields;
    const words = [0x1badb002, flags, fields.check ?? -(0x1badb002 + flags), load + 0x10, load, end, 0, entry];
    words.forEach((word, i) => view.setUint32(0x10 + i * 4, word >>> 0, true));
    return bytes;
  }

  it('takes load address, end and entry', () => {
    const { address, bytes, end, entry } = readMultiboot(file({}));
    expect([address, bytes.length, end, entry]).toEqual([0x200000, 0x1000, 0x201000, 0x200040]);
    expect(readMultiboot(file({ end: 0 })).bytes).toHaveLength(0x1000);
    expect(LOADER_MAGIC).toBe(0x2badb002);
  });

  it.each([
    ['no header', new Uint8Array(64)],
    ['a wrong sum', file({ check: 1 })],
    ['no address fields', file({ flags: 0 })],
    ['an end outside the file', file({ end: 0x300000 })],
    ['an end before the start', file({ end: 0x1ff000 })],
    ['an entry outside the image', file({ entry: 0x100 })],
    ['nothing', new Uint8Array(0)],
  ])('refuses a file with %s', (_, bytes) => {
    expect(() => readMultiboot(bytes)).toThrow(/multiboot/);
  });
});

// As QEMU 7.2 (TCG) and npm v86 0.5.462 give them.
const KERNEL_CHECKSUMS = {
  sieve: 'ipabaehf',
  fib: 'gmdmkbhd',
  copy: 'hohmeejp',
  crc32: 'hpfnjela',
  bytecode: 'lahjoojk',
  spread: 'hfhkelmj',
  'x87-orbit': 'cboihkbl',
  'x87-dot': 'kmlohpji',
  'sse-mix': 'ddbamblo',
  'rep-strings': 'gphlkclm',
};
const FOOTPRINT_CHECKSUMS = {
  'first-pass': 'icanbfei',
  'second-pass': 'icanbfei',
  '10-passes': 'hgflaoaj',
  '100-passes': 'okimpchn',
  '1000-passes': 'egedphio',
};

/** Runs a bare image on the processor. */
async function run(suite: Suite): Promise<Map<string, string | undefined>> {
  const guest = suite.guest(settings);
  if ('missing' in guest) throw new Error(guest.missing);
  const reader = suite.reader(settings, 'host');
  const problem = await new Promise<string | undefined>((resolve, reject) => {
    const received = (byte: number): void => {
      reader.byte(byte, performance.now());
      if (reader.complete) resolve(undefined);
    };
    virtualserver.start(guest, received, resolve).catch(reject);
  });
  expect(problem).toBeUndefined();
  const measurements = reader.measurements();
  expect(measurements.filter(({ unstable }) => unstable === true)).toEqual([]);
  return new Map(measurements.map(({ item, checksum }) => [item, checksum]));
}

describe('the processor runs the bare images', () => {
  it('kernels', { timeout: 120_000 }, async () => {
    expect(Object.fromEntries(await run(kernels))).toEqual(KERNEL_CHECKSUMS);
  });

  it('footprint', { timeout: 120_000 }, async () => {
    expect(Object.fromEntries(await run(footprint))).toEqual(FOOTPRINT_CHECKSUMS);
  });
});
