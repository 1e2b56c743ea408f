/** A full disk of the host pauses the machine and loses nothing. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DiskError, DiskErrorCode, MemoryFile, createDynamic, openVhd } from '../../vhd/index.ts';
import type { MachineOptions } from '../../src/machine/api.ts';
import type { MachineEvent } from '../../src/machine/events.ts';
import { FullVolumes } from '../../src/machine/full-volume.ts';
import { startInline } from '../../src/machine/inline-thread.ts';
import { MachineHost, normaliseOptions } from '../../src/machine/machine-host.ts';
import type { MediaOpener } from '../../src/machine/media.ts';
import { bytesOpener } from '../../src/machine/media.ts';
import { nodeServices } from '../../src/machine/node-services.ts';
import { ataWriteSector } from './ata-steps.ts';
import { FakeProcessor } from './fake-processor.ts';
import type { Step } from './fake-processor.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtualserver-full-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file on a volume with so many bytes left. */
class SmallVolume extends MemoryFile {
  room = Infinity;

  override write(offset: number, from: Uint8Array): void {
    const grows = Math.max(0, offset + from.length - this.size());
    if (grows > this.room) {
      // What fits is written, as a file system does.
      const fits = from.length - (grows - Math.max(0, this.room));
      if (fits > 0) super.write(offset, from.subarray(0, fits));
      this.room = 0;
      throw new DiskError(DiskErrorCode.HostFull, 'the disk of the host is full', { fileName: this.name });
    }
    this.room -= grows;
    super.write(offset, from);
  }

  override flush(): void {
    if (this.room < 0) throw new DiskError(DiskErrorCode.HostFull, 'the disk of the host is full');
  }
}

const sector = (value: number): Uint8Array => new Uint8Array(512).fill(value);

describe('a medium on a full volume', () => {
  function setup() {
    const file = new SmallVolume('volume');
    createDynamic(file, { size: 64 << 20 });
    const disk = openVhd(file);
    const told: string[] = [];
    const volumes = new FullVolumes((device, message) => told.push(`${device}: ${message}`));
    const medium = volumes.hold('ide0.0', disk, 512);
    const look = (lba: number): number => {
      const bytes = new Uint8Array(512);
      medium.read(lba, bytes);
      return bytes[0]!;
    };
    return { file, disk, told, volumes, medium, look };
  }

  it('shows what waits, in the order of writing, and writes it when there is space', () => {
    const { file, disk, told, volumes, medium, look } = setup();
    medium.write(0, sector(1));
    file.room = 1000;
    medium.write(100_000, sector(2));
    medium.write(0, sector(3));
    medium.write(100_000, sector(4));
    medium.flush();
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/ide0\.0: .*full/);
    expect([look(0), look(100_000), look(100_001)]).toEqual([3, 4, 0]);
    const three = new Uint8Array(3 * 512);
    medium.read(99_999, three);
    expect([three[0], three[512], three[1024]]).toEqual([0, 4, 0]);
    const fail = (_: string, error: Error): never => {
      throw error;
    };
    expect(volumes.retry(fail)).toBe(false);
    file.room = Infinity;
    expect(volumes.retry(fail)).toBe(true);
    expect(volumes.waiting).toBe(false);
    disk.close();
    // Nothing but the file is asked.
    const again = openVhd(new MemoryFile('copy', file.toBytes()));
    for (const [lba, value] of [
      [0, 3],
      [100_000, 4],
    ] as const) {
      const bytes = new Uint8Array(512);
      again.read(lba, bytes);
      expect(bytes).toEqual(sector(value));
    }
    expect(again.problems).toEqual([]);
  });

  it('loses nothing wherever the space ends', () => {
    for (let room = 0; room < 12_000; room += 700) {
      const { file, disk, volumes, medium } = setup();
      file.room = room;
      for (let n = 0; n < 30; n++) medium.write(n * 4096, sector(n + 1));
      medium.flush();
      file.room = Infinity;
      expect(volumes.retry(() => {})).toBe(true);
      disk.close();
      const again = openVhd(new MemoryFile('copy', file.toBytes()));
      for (let n = 0; n < 30; n++) {
        const bytes = new Uint8Array(512);
        again.read(n * 4096, bytes);
        expect(bytes[0]).toBe(n + 1);
      }
    }
  });

  it('passes other failures on', () => {
    const volumes = new FullVolumes(() => {});
    const broken = {
      read: () => {},
      write: () => {
        throw new DiskError(DiskErrorCode.Io, 'broken');
      },
      flush: () => {},
    };
    expect(() => volumes.hold('x', broken, 512).write(0, sector(1))).toThrowError('broken');
    expect(volumes.waiting).toBe(false);
  });
});

function machine(file: SmallVolume, options: MachineOptions, ...script: Step[]) {
  const opener: MediaOpener = { ...bytesOpener, disk: () => openVhd(file) };
  const vm = new MachineHost(
    normaliseOptions({ memoryMiB: 4, clock: { kind: 'fast' }, hda: { bytes: new Uint8Array(0) }, ...options }),
    {
      startThread: () =>
        Promise.resolve(
          startInline({
            ...nodeServices,
            opener,
            createProcessor: (processorOptions, bus) => {
              const cpu = new FakeProcessor(processorOptions, bus);
              cpu.script.push(...script);
              return cpu;
            },
          }),
        ),
    },
  );
  const events: MachineEvent[] = [];
  vm.onEvent((event) => events.push(event));
  return { vm, events };
}

describe('a machine whose host has no space left', () => {
  const powerOff: Step = (cpu) => {
    for (const character of 'Shutdown') cpu.out(0x8900, character.charCodeAt(0));
    return true;
  };

  it('is paused with an event, goes on when there is space, and its guest notices nothing', async () => {
    const file = new SmallVolume('volume');
    createDynamic(file, { size: 64 << 20 });
    file.room = 4096;
    let status = 0;
    const script = [
      ...ataWriteSector(0, 0x1111),
      ...ataWriteSector(50_000, 0x2222),
      ((cpu) => {
        status |= cpu.in(0x1f7);
        return false;
      }) satisfies Step,
      powerOff,
    ];
    const { vm, events } = machine(file, {}, ...script);
    await vm.start();
    await expect.poll(() => vm.state).toBe('Paused');
    const full = events.find((event) => event.type === 'disk.full');
    expect(full).toMatchObject({ reason: 'disk', data: { device: 'ide0.0' } });
    await expect(vm.resume()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await expect(vm.save()).rejects.toThrowError(/full/);
    expect(vm.state).toBe('Paused');
    file.room = Infinity;
    await vm.finished();
    const types = events.map(({ type }) => type);
    expect(types.indexOf('disk.space')).toBeGreaterThan(types.indexOf('disk.full'));
    expect(types).not.toContain('disk.error');
    // ERR is bit 0 of the status register.
    expect(status & 1).toBe(0);
    const disk = openVhd(new MemoryFile('copy', file.toBytes()));
    const bytes = new Uint8Array(512);
    disk.read(50_000, bytes);
    expect([bytes[0], bytes[1]]).toEqual([0x22, 0x22]);
    await vm.close();
  });

  it('tells what is lost when it is turned off all the same', async () => {
    const file = new SmallVolume('volume');
    createDynamic(file, { size: 64 << 20 });
    file.room = 0;
    const { vm, events } = machine(file, {}, ...ataWriteSector(0, 0x1111));
    await vm.start();
    await expect.poll(() => vm.state).toBe('Paused');
    await vm.turnOff();
    expect(events.some((event) => event.type === 'disk.error' && /is lost/.test(event.data.message))).toBe(true);
    await vm.close();
  });
});

/** `/dev/full`: every write fails with ENOSPC. */
const FULL_DEVICE = ((): boolean => {
  try {
    closeSync(openSync('/dev/full', 'r+'));
    return true;
  } catch {
    return false;
  }
})();

describe('a saved state for which there is no space', () => {
  it.skipIf(!FULL_DEVICE)('is an error that says so, and what was there before stays (needs /dev/full)', async () => {
    const before = join(folder, 'before.vsv');
    writeFileSync(before, 'as it was');
    const { nodeStateFiles } = await import('../../src/machine/node-state-files.ts');
    const { NodeFile } = await import('../../src/disks/node-file.ts');
    const pending = nodeStateFiles.create(before);
    const descriptor = openSync('/dev/full', 'r+');
    Object.assign(pending.file, { descriptor });
    expect(pending.file).toBeInstanceOf(NodeFile);
    expect(() => pending.file.write(0, sector(1))).toThrowError(/full/);
    pending.abort();
    expect(readFileSync(before, 'utf8')).toBe('as it was');
  });
});
