/** Damaged `.vmc` files: always a report or a named error, soon. VS_FUZZ_COUNT runs more, VS_FUZZ_SEED others. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDisk, openDisk } from '../../src/disks/index.ts';
import { inspect } from '../../src/inspect/index.ts';
import { inspectMachine } from '../../src/inspect/machine.ts';
import { VmcDocument, VmcError } from '../../src/vmc/index.ts';
import { testFolder } from '../filesystems/tools.ts';
import { vhdChecksum } from '../../vhd/footer.ts';
import { seededRandom } from '../vhd/random.ts';
import { sharedPath } from '../vhd/shared-folder.ts';

const COUNT = Number(process.env['VS_FUZZ_COUNT'] ?? 300);
const SEED = Number(process.env['VS_FUZZ_SEED'] ?? 1);
const folder = testFolder();

/** A configuration with every kind of drive. */
function ownSample(): Buffer {
  const document = VmcDocument.create('own.vmc');
  const ide = 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]/location[@id=0]';
  document.set('hardware/memory/ram_size', { type: 'integer', value: 64 });
  document.set(`${ide}/drive_type`, { type: 'integer', value: 1 });
  document.set(`${ide}/pathname/relative`, { type: 'string', value: '.\\disk.vhd' });
  document.set(`${ide}/undo_pathname/absolute`, { type: 'string', value: 'C:\\disk.vud' });
  document.set('hardware/super_io/floppy[@id=0]/pathname/relative', { type: 'string', value: '..\\a.vfd' });
  document.set('settings/configuration/saved_state/path/relative', { type: 'string', value: '.\\m.vsv' });
  return Buffer.from(document.toBytes());
}

const WORDS = [
  '0',
  '4294967295',
  '-1',
  '\\',
  '/',
  '..\\..\\..\\',
  'C:',
  '\\\\server\\share',
  '\0',
  '&#0;',
  '<',
  ']]>',
  '\ud800',
  'true',
  '.vhd',
];

function mutate(original: Buffer, random: (limit: number) => number): Buffer {
  let bytes = Buffer.from(original);
  for (let i = 0; i < 1 + random(4); i++) {
    const where = random(bytes.length);
    switch (random(20)) {
      case 0:
        bytes[where] = random(256);
        break;
      case 1:
        bytes = bytes.subarray(0, where);
        break;
      case 2: {
        // A part of the file again, somewhere else.
        const part = bytes.subarray(where & ~1, (where & ~1) + 2 * random(400));
        const to = random(bytes.length) & ~1;
        bytes = Buffer.concat([bytes.subarray(0, to), part, bytes.subarray(to)]);
        break;
      }
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, where & ~1), bytes.subarray((where & ~1) + 2 * random(200))]);
        break;
      default: {
        // Another word in place of a value.
        const word = Buffer.from(WORDS[random(WORDS.length)]!, 'utf16le');
        const end = bytes.indexOf('</', where & ~1, 'utf16le');
        const start = end < 0 ? -1 : bytes.lastIndexOf('>', end - 2, 'utf16le') + 2;
        if (start > 1 && end >= start) bytes = Buffer.concat([bytes.subarray(0, start), word, bytes.subarray(end)]);
      }
    }
    if (bytes.length === 0) break;
  }
  return bytes;
}

describe('damaged disks', () => {
  it(`${COUNT} of them`, { timeout: 3_600_000 }, () => {
    const base = path.join(folder(), 'base.vhd');
    const child = path.join(folder(), 'child.vhd');
    createDisk(base, { type: 'dynamic', size: 8 << 20, blockSize: 524_288 });
    // A partition table with FAT behind it, as far as a look goes.
    const image = Buffer.alloc(64 * 512);
    image.set([0x80, 0, 0, 0, 6, 0, 0, 0, 63, 0, 0, 0, 0, 32, 0, 0], 446);
    image.writeUInt16LE(0xaa55, 510);
    image.set(Buffer.from('eb3c904d53444f53352e30000204010002000200400f8200000000', 'hex'), 63 * 512);
    write(base, image);
    createDisk(child, { type: 'differencing', parent: base, blockSize: 524_288 });
    write(child, image.subarray(0, 512));
    const originals = [base, child].map((file) => ({ file, bytes: fs.readFileSync(file) }));
    let slowest = { ms: 0, seed: 0 };
    let sound = 0;
    for (let seed = SEED; seed < SEED + COUNT; seed++) {
      const random = seededRandom(seed);
      const { file, bytes } = originals[random(2)]!;
      const damaged = Buffer.from(random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes);
      for (let i = 0; i < 1 + random(6) && damaged.length > 4; i++) {
        // The structures at both ends; wrong checksums would hide the rest, so that those are often made good again.
        const where =
          random(4) === 0
            ? Math.max(0, damaged.length - 512) + random(500)
            : random(Math.min(4096, damaged.length - 4));
        if (where + 4 <= damaged.length)
          damaged.writeUInt32BE([0, 1, 0xffffffff, 0x7fffffff, random(1 << 30)][random(5)]!, where);
      }
      if (random(3) > 0) mendChecksums(damaged);
      fs.writeFileSync(file, damaged);
      const from = process.cpuUsage();
      try {
        const { disks } = inspect(child);
        if (disks[0]!.size !== undefined) sound++;
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
      const { user, system } = process.cpuUsage(from);
      if ((user + system) / 1000 > slowest.ms) slowest = { ms: (user + system) / 1000, seed };
      fs.writeFileSync(file, bytes);
    }
    expect(slowest.ms, `seed ${slowest.seed}`).toBeLessThan(1000);
    expect(sound).toBeGreaterThan(0);
    expect(sound).toBeLessThan(COUNT);
    if (COUNT > 1000) console.log(`${sound} whole, slowest ${slowest.ms.toFixed(1)} ms of processor time`);
  });
});

function write(file: string, bytes: Buffer): void {
  const disk = openDisk(file, { mode: 'write-through' });
  disk.write(0, bytes);
  disk.close();
}

/** Gives footer, its copy and the header the checksums of what is in them. */
function mendChecksums(bytes: Buffer): void {
  for (const [start, length, field] of [
    [0, 512, 64],
    [512, 1024, 36],
    [bytes.length - 512, 512, 64],
  ] as const) {
    if (start < 0 || start + length > bytes.length) continue;
    const part = bytes.subarray(start, start + length);
    part.writeUInt32BE(vhdChecksum(part, field), field);
  }
}

describe('damaged configurations', () => {
  const samples = sharedPath('samples/vmc');
  const files = samples === undefined ? [] : fs.readdirSync(samples).filter((name) => name.endsWith('.vmc'));
  it(`${COUNT} of them`, { timeout: 3_600_000 }, () => {
    const originals = [ownSample(), ...files.map((name) => fs.readFileSync(path.join(samples!, name)))];
    let read = 0;
    let refused = 0;
    let slowest = { ms: 0, seed: 0 };
    for (let seed = SEED; seed < SEED + COUNT; seed++) {
      const random = seededRandom(seed);
      const bytes = mutate(originals[random(originals.length)]!, random);
      const from = process.cpuUsage();
      try {
        const { report } = inspectMachine(path.join(folder(), 'm.vmc'), bytes);
        expect(report.memoryMiB).toBeLessThan(1 << 20);
        read++;
      } catch (error) {
        if (!(error instanceof VmcError)) throw new Error(`seed ${seed}`, { cause: error });
        refused++;
      }
      // Processor time: the host may have other work.
      const { user, system } = process.cpuUsage(from);
      if ((user + system) / 1000 > slowest.ms) slowest = { ms: (user + system) / 1000, seed };
    }
    expect(slowest.ms, `seed ${slowest.seed}`).toBeLessThan(1000);
    expect(Math.min(read, refused)).toBeGreaterThan(0);
    if (COUNT > 1000)
      console.log(
        `${read} read, ${refused} refused, slowest ${slowest.ms.toFixed(1)} ms of processor time (seed ${slowest.seed})`,
      );
  });
});
