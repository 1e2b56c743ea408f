/** The file format: what is written is read, what is damaged is named, and nothing in a file is believed. */
import { crc32 as zlibCrc32, deflateRawSync } from 'node:zlib';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../vhd/index.ts';
import {
  BLOCK_BYTES,
  HEADER_BYTES,
  SavedStateError,
  StateReader,
  StateWriter,
  bytesSource,
  crc32,
  detectState,
  fileSource,
  parseState,
  pureCompression,
  stringifyState,
} from '../../src/saved-state/index.ts';
import type { Compression, StateObject } from '../../src/saved-state/index.ts';
import { nodeCompression } from '../../src/saved-state/node-compression.ts';

function random(seed: number): () => number {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 0x1_0000_0000;
  };
}

function noise(length: number, seed = 7): Uint8Array {
  const next = random(seed);
  return Uint8Array.from({ length }, () => next() * 256);
}

const MEMORY = ((): Uint8Array => {
  const memory = new Uint8Array(4 * BLOCK_BYTES + 1000);
  memory.set(noise(5000), BLOCK_BYTES + 17);
  memory.set(noise(BLOCK_BYTES, 9), 2 * BLOCK_BYTES);
  memory.fill(0x41, 4 * BLOCK_BYTES);
  return memory;
})();

function write(document: StateObject = { name: 'x' }, compression: Compression = nodeCompression): MemoryFile {
  const file = new MemoryFile('state');
  const writer = new StateWriter(file, compression);
  for (const _ of writer.addMemory('ram', bytesSource(MEMORY)));
  writer.finish(document);
  return file;
}

function readAll(file: MemoryFile, compression: Compression = nodeCompression): Uint8Array {
  const reader = new StateReader(file, compression);
  reader.verify();
  const into = new Uint8Array(reader.memory('ram', MEMORY.length).bytes).fill(0xee);
  for (let index = 0; index * BLOCK_BYTES < into.length; index++)
    reader.readBlock('ram', index, into.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES));
  return into;
}

function failure(act: () => unknown): SavedStateError {
  try {
    act();
  } catch (error) {
    if (error instanceof SavedStateError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('a state', () => {
  for (const [writing, one] of [
    ['zlib', nodeCompression],
    ['fflate', pureCompression],
  ] as const)
    for (const [reading, other] of [
      ['zlib', nodeCompression],
      ['fflate', pureCompression],
    ] as const)
      it(`written with ${writing} is read with ${reading}`, () => {
        expect(Buffer.compare(readAll(write({}, one), other), MEMORY)).toBe(0);
      });

  it('keeps values of every kind', () => {
    const values = {
      numbers: [0, -1.5, 2 ** 53, 1e-300, Infinity, -Infinity, NaN, -0],
      bytes: noise(300),
      words: Uint16Array.of(1, 0xfffe),
      longs: Uint32Array.of(0, 0xffffffff, 0x12345678),
      nothing: null,
      nested: { flag: true, text: 'ä\u0000"' },
    };
    const { document } = new StateReader(write(values), nodeCompression);
    expect(document).toEqual(values);
    expect(Object.is((document['numbers'] as number[])[7], -0)).toBe(true);
  });

  it('leaves out blocks of zeros, and stores what does not shrink', () => {
    const file = write();
    const { blocks } = new StateReader(file, nodeCompression).memory('ram', MEMORY.length);
    expect([...blocks.keys()]).toEqual([1, 2, 4]);
    expect(blocks.get(2)!.stored).toBe(BLOCK_BYTES);
    expect(file.size()).toBeLessThan(BLOCK_BYTES + 20_000);
  });

  it('is no state before its last byte is written', () => {
    const file = new MemoryFile('state', noise(100_000));
    const writer = new StateWriter(file, nodeCompression);
    for (const _ of writer.addMemory('ram', bytesSource(MEMORY)))
      expect(failure(() => new StateReader(file, nodeCompression)).code).toMatch(/state-(placeholder|foreign)/);
  });

  it('reads files as memories', () => {
    const source = fileSource(new MemoryFile('medium', MEMORY));
    const file = new MemoryFile('state');
    const writer = new StateWriter(file, nodeCompression);
    for (const _ of writer.addMemory('ram', source));
    writer.finish({});
    expect(Buffer.compare(readAll(file), MEMORY)).toBe(0);
  });
});

describe('checksums', () => {
  it('are CRC-32 (check value of ISO 3309: CBF43926)', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    const native = (zlib as { crc32?: typeof zlibCrc32 }).crc32;
    for (const length of [0, 1, 7, 8, 9, 1000])
      if (native) expect(crc32(noise(length))).toBe(native(noise(length)) >>> 0);
  });
});

describe('what is not a state', () => {
  it.each([
    ['nothing', new Uint8Array(0), 'placeholder'],
    ['space kept free', new Uint8Array(100_000), 'placeholder'],
    ['the state of another product', noise(100_000), 'foreign'],
    ['a text', new TextEncoder().encode('VSSTATE, as it is called'), 'foreign'],
  ])('is told: %s', (_what, bytes, kind) => {
    const file = new MemoryFile('x.vsv', bytes);
    expect(detectState(file)).toBe(kind);
    expect(failure(() => new StateReader(file, nodeCompression))).toMatchObject({
      code: `state-${kind}`,
      fileName: 'x.vsv',
    });
  });

  it('says how to go on with a foreign state', () => {
    const file = new MemoryFile('machine.vsv', noise(5000));
    const { message } = failure(() => new StateReader(file, nodeCompression));
    expect(message).toContain('machine.vsv');
    expect(message).toContain('discard the state');
  });
});

describe('damage', () => {
  const good = write({ name: 'machine', list: [1, 2, 3] }).toBytes();

  it('is found in every byte', () => {
    const next = random(11);
    for (let n = 0; n < 3000; n++) {
      const bytes = good.slice();
      const at = n < 200 ? n : Math.floor(next() * bytes.length);
      bytes[at]! ^= 1 << Math.floor(next() * 8);
      const error = failure(() => readAll(new MemoryFile('state', bytes)));
      expect(error.code).toMatch(/^state-/);
      expect(error.offset ?? 0).toBeLessThanOrEqual(bytes.length);
    }
  });

  it('is found wherever the file is cut', () => {
    for (let n = 0; n < 60; n++) {
      const bytes = good.slice(0, Math.floor((good.length * n) / 60));
      expect(failure(() => readAll(new MemoryFile('state', bytes))).code).toMatch(/state-(truncated|placeholder)/);
    }
  });

  it('of a later version is named as such', () => {
    const bytes = good.slice();
    bytes[8] = 2;
    expect(failure(() => readAll(new MemoryFile('state', bytes)))).toMatchObject({ code: 'state-version', offset: 8 });
  });
});

/** A file with a directory of the attacker's choice, all checksums right. */
function forge(directory: Uint8Array, claimed = directory.length): MemoryFile {
  const stored = deflateRawSync(directory);
  const file = new MemoryFile('forged', new Uint8Array(HEADER_BYTES));
  file.write(HEADER_BYTES, stored);
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(new TextEncoder().encode('VSSTATE\x1a'));
  view.setUint32(8, 1, true);
  view.setUint32(12, HEADER_BYTES, true);
  view.setBigUint64(16, BigInt(HEADER_BYTES), true);
  view.setUint32(24, stored.length, true);
  view.setUint32(28, claimed, true);
  view.setUint32(32, crc32(stored), true);
  view.setBigUint64(40, BigInt(HEADER_BYTES + stored.length), true);
  view.setUint32(60, crc32(header.subarray(0, 60)), true);
  file.write(0, header);
  return file;
}

describe('a forged file', () => {
  const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

  it.each([
    ['no object', text([])],
    ['no JSON', new TextEncoder().encode('{"a":')],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
    ['no memory', text({})],
    [
      'blocks outside the file',
      text({ memory: { ram: { bytes: BLOCK_BYTES, blockBytes: BLOCK_BYTES, blocks: [[0, 64, 1e9, 0]] } } }),
    ],
    [
      'blocks outside the memory',
      text({ memory: { ram: { bytes: 100, blockBytes: BLOCK_BYTES, blocks: [[1, 64, 0, 0]] } } }),
    ],
    [
      'blocks twice',
      text({
        memory: {
          ram: {
            bytes: 100,
            blockBytes: BLOCK_BYTES,
            blocks: [
              [0, 64, 0, 0],
              [0, 64, 0, 0],
            ],
          },
        },
      }),
    ],
    ['blocks of another size', text({ memory: { ram: { bytes: 2 ** 40, blockBytes: 2 ** 40, blocks: [] } } })],
    ['a block that is no list', text({ memory: { ram: { bytes: 100, blockBytes: BLOCK_BYTES, blocks: ['x'] } } })],
    ['an unknown kind of value', text({ memory: {}, x: { $u64: 'AA==' } })],
    ['too deep', new TextEncoder().encode(`${'['.repeat(100_000)}${']'.repeat(100_000)}`)],
  ])('is refused: %s', (_what, directory) => {
    expect(failure(() => new StateReader(forge(directory), nodeCompression)).code).toBe('state-damaged');
  });

  it('does not unpack more than it says', () => {
    // A megabyte that claims to be a hundred bytes.
    const bomb = forge(new Uint8Array(1 << 20).fill(0x20), 4096);
    for (const compression of [nodeCompression, pureCompression])
      expect(failure(() => new StateReader(bomb, compression)).code).toBe('state-damaged');
    // A directory that claims gigabytes is not even read.
    expect(failure(() => new StateReader(forge(text({}), 0xffffffff), nodeCompression)).code).toBe('state-damaged');
  });

  it('cannot reach the prototype of objects', () => {
    const parsed = parseState('{"__proto__":{"polluted":1},"constructor":2}');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(parsed['constructor']).toBe(2);
    expect(stringifyState({ a: undefined, b: 1 })).toBe('{"b":1}');
  });
});
