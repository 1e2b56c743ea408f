/** Mutated VHDs: whatever the bytes are, a named error or a disk that can be read and written, quickly and in little memory. */
import {
  checkDisk,
  createDifferencing,
  createDynamic,
  createFixed,
  DiskError,
  mapDisk,
  MemoryFile,
  openVhd,
  repairDisk,
  type ParentResolver,
} from '../../vhd/index.ts';
import { vhdChecksum } from '../../vhd/footer.ts';
import { pattern, seededRandom, type Random } from './random.ts';

const BLOCK = 4096;
const SIZE: number = 16 * BLOCK;

const id = (value: number): Uint8Array => new Uint8Array(16).fill(value);

/** Small images of every kind, with some blocks in use; the same at every run. */
export function samples(): Uint8Array[] {
  const fixed = new MemoryFile('fixed.vhd');
  createFixed(fixed, { size: 8192, uniqueId: id(1), time: 0 });
  const dynamic = new MemoryFile('parent.vhd');
  createDynamic(dynamic, { size: SIZE, blockSize: BLOCK, uniqueId: id(2), time: 0 });
  const parent = openVhd(dynamic);
  parent.write(3, pattern(30, 1));
  parent.flush();
  const child = new MemoryFile('child.vhd');
  const locators = [
    { platform: 'W2ru' as const, text: '.\\parent.vhd' },
    { platform: 'W2ku' as const, text: 'C:\\x\\parent.vhd' },
    { platform: 'MacX' as const, text: 'file:///x/parent.vhd' },
  ];
  createDifferencing(child, {
    parent,
    parentName: 'parent.vhd',
    locators,
    blockSize: BLOCK,
    uniqueId: id(3),
    time: 0,
  });
  const top = openVhd(child, { parent });
  top.write(20, pattern(10, 2));
  top.flush();
  return [fixed.toBytes(), dynamic.toBytes(), child.toBytes()];
}

const INTERESTING = [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff];
/** Fields with meaning: footer, header, locators, block table, notes of interrupted operations. */
const FIELDS = [
  0, 8, 12, 16, 20, 24, 48, 52, 56, 60, 64, 68, 84, 128, 136, 144, 148, 152, 512, 528, 532, 536, 540, 544, 548, 552,
  576, 1088, 1096, 1104, 1112, 1120, 1128, 1536, 1540, 1548, 1560,
];

/** The mutation of a round. */
export function mutate(original: Uint8Array, random: Random): Uint8Array {
  let bytes = original.slice();
  const metadata = Math.min(bytes.length, 4608);
  for (let count = 1 + random(4); count > 0; count--) {
    const at = random(8) === 0 ? bytes.length - 1 - random(512) : random(metadata);
    if (at < 0 || at >= bytes.length) continue;
    const action = random(12);
    if (action === 0) bytes = bytes.slice(0, Math.max(1, random(bytes.length)));
    else if (action === 1) bytes.fill(INTERESTING[random(INTERESTING.length)]!, at, at + 1 + random(16));
    else if (action < 5) bytes[at] = INTERESTING[random(INTERESTING.length)]!;
    else if (action < 8) bytes[at] = random(256);
    else {
      // A whole field: a small number, one near a limit, or anything.
      const field = FIELDS[random(FIELDS.length)]!;
      const value = [random(64), 2 ** random(32), 0xffffffff - random(4), random(2 ** 32)][random(4)]!;
      if (field + 4 <= bytes.length) new DataView(bytes.buffer).setUint32(field, value);
    }
  }
  // An interrupted operation that never was.
  if (random(16) === 0 && bytes.length > 1024) {
    for (const footer of [0, bytes.length - 512]) {
      bytes.set(new TextEncoder().encode('vsts-op\0'), footer + 128);
      new DataView(bytes.buffer).setUint32(footer + 136, random(6));
      new DataView(bytes.buffer).setUint32(footer + 148, random(2) === 0 ? random(4) * 512 : random(2 ** 32));
    }
  }
  // Three of four get good checksums again, so that the checks behind them are reached.
  if (random(4) !== 0 && bytes.length > 2048) {
    const view = new DataView(bytes.buffer);
    for (const at of [0, bytes.length - 512]) {
      if (bytes[at] === 0x63) view.setUint32(at + 64, vhdChecksum(bytes.subarray(at, at + 512), 64));
    }
    if (bytes[512] === 0x63) view.setUint32(512 + 36, vhdChecksum(bytes.subarray(512, 1536), 36));
  }
  return bytes;
}

/** What a run of mutations gave. */
export interface FuzzResult {
  opened: number;
  refused: number;
  repaired: number;
  /** Processor time in milliseconds, and bytes, of the worst mutation. */
  slowest: number;
  largest: number;
}

/** @throws Error naming the round of a mutation that gave neither a named error nor a working disk. */
export function fuzz(rounds: number, firstRound = 0): FuzzResult {
  const originals = samples();
  const result: FuzzResult = { opened: 0, refused: 0, repaired: 0, slowest: 0, largest: 0 };
  const resolver: ParentResolver = {
    places: (candidate) => (candidate.kind === 'name' ? [candidate.text] : []),
    open: (place) => (place === 'parent.vhd' ? new MemoryFile(place, originals[1], true) : undefined),
  };
  for (let round = firstRound; round < firstRound + rounds; round++) {
    const random = seededRandom(round);
    const file = new MemoryFile('mutated.vhd', mutate(originals[random(originals.length)]!, random));
    const memory = process.memoryUsage().arrayBuffers;
    const start = process.cpuUsage();
    try {
      exercise(file, resolver, random, round, result);
    } catch (error) {
      throw new Error(`round ${round}: ${(error as Error).message}`, { cause: error });
    }
    // Not the time on the clock, which depends on what else the computer does.
    const { user, system } = process.cpuUsage(start);
    result.slowest = Math.max(result.slowest, (user + system) / 1000);
    // Nothing is given back in so short a time, or less than nothing is counted.
    result.largest = Math.max(result.largest, process.memoryUsage().arrayBuffers - memory);
  }
  return result;
}

function exercise(file: MemoryFile, resolver: ParentResolver, random: Random, round: number, result: FuzzResult): void {
  const report = checkDisk(file).runSync();
  try {
    openAndUse(file, resolver, random, round);
    result.opened++;
    if (!report.readable) throw new Error('the check says that it cannot be opened, but it can');
  } catch (error) {
    checkError(error);
    result.refused++;
  }
  if (random(4) !== 0) return;
  try {
    const { remaining, check } = repairDisk(file, { allowLoss: random(2) === 0 }).runSync();
    result.repaired++;
    // What a repair says to be right can be opened, apart from the parent.
    if (remaining.length > 0 || check.format === 'differencing') return;
    openAndUse(file, resolver, random, round);
  } catch (error) {
    checkError(error);
    if ((error as DiskError).code !== 'disk-not-repairable' && (error as DiskError).code !== 'disk-bad-size')
      throw new Error(`after the repair: ${(error as Error).message}`, { cause: error });
  }
}

function checkError(error: unknown): void {
  if (!(error instanceof DiskError)) throw error;
  if (!/^disk-[a-z-]+$/.test(error.code) || error.message.length > 5000)
    throw new Error(`a strange error: ${error.code}`);
}

function openAndUse(file: MemoryFile, resolver: ParentResolver, random: Random, round: number): void {
  const image = openVhd(file, { resolver });
  const part = new Uint8Array(512);
  for (let i = 0; i < 4; i++) image.read(random(image.sectorCount), part);
  image.read(0, part);
  image.read(image.sectorCount - 1, part);
  let extents = 0;
  for (const extent of mapDisk(image)) if (extent.count < 1 || extents++ > 100) break;
  if (image.readOnly) return;
  const lba = random(image.sectorCount);
  if (random(3) === 0) image.trim?.(lba, Math.min(16, image.sectorCount - lba));
  image.write(lba, pattern(1, round));
  image.flush();
  image.read(lba, part);
  if (Buffer.compare(part, pattern(1, round)) !== 0) throw new Error('what was written is not read again');
}
