/** Undo disks at the end of a run: the guest's changes kept, committed or discarded. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { MachineOptions } from '../../src/machine/api.ts';
import type { MachineEvent } from '../../src/machine/events.ts';
import { startInline } from '../../src/machine/inline-thread.ts';
import { MachineHost, normaliseOptions } from '../../src/machine/machine-host.ts';
import { nodeServices } from '../../src/machine/node-services.ts';
import { FakeProcessor } from './fake-processor.ts';
import type { Step } from './fake-processor.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtualserver-undo-end-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SIZE = 4 << 20;

/** Writes one sector of the disk of the primary master by PIO (ATA-4, WRITE SECTORS), and flushes (E7h). */
function writeSector(lba: number, word: number): Step[] {
  let left = 256;
  return [
    (cpu) => {
      // I/O space and the primary channel's decoding (PIIX4, PCICMD and IDETIM), as firmware leaves them.
      cpu.pciWrite(7, 1, 0x04, 0x0005, 2);
      cpu.pciWrite(7, 1, 0x40, 0x8000, 2);
      return false;
    },
    (cpu) => (cpu.in(0x1f7) & 0x80) !== 0,
    (cpu) => {
      cpu.out(0x1f2, 1);
      cpu.out(0x1f3, lba & 0xff);
      cpu.out(0x1f4, (lba >> 8) & 0xff);
      cpu.out(0x1f5, (lba >> 16) & 0xff);
      cpu.out(0x1f6, 0xe0);
      cpu.out(0x1f7, 0x30);
      return false;
    },
    (cpu) => {
      if (!(cpu.in(0x1f7) & 0x08)) return true;
      while (left-- > 0) cpu.out(0x1f0, word, 2);
      return false;
    },
    (cpu) => (cpu.in(0x1f7) & 0x80) !== 0,
    (cpu) => {
      cpu.out(0x1f7, 0xe7);
      return false;
    },
    (cpu) => (cpu.in(0x1f7) & 0x80) !== 0,
  ];
}

const powerOff: Step = (cpu) => {
  for (const character of 'Shutdown') cpu.out(0x8900, character.charCodeAt(0));
  return true;
};
const forever: Step = () => true;

function machine(name: string, options: MachineOptions, ...script: Step[]) {
  const disk = join(folder, `${name}.img`);
  if (!existsSync(disk)) writeFileSync(disk, new Uint8Array(SIZE).fill(0x11));
  const vm = new MachineHost(
    normaliseOptions({ memoryMiB: 4, clock: { kind: 'fast' }, hda: { path: disk, mode: 'undo' }, ...options }),
    {
      startThread: () =>
        Promise.resolve(
          startInline({
            ...nodeServices,
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
  const states = (): string[] => events.flatMap((e) => (e.type === 'vm.state.changed' ? [e.data.state] : []));
  return { vm, events, states, disk };
}

const sector = (disk: string, lba: number): number => readFileSync(disk).readUInt16LE(lba * 512);

describe('when the guest powers off', () => {
  it('the undo disk is kept by default', async () => {
    const { vm, disk, states } = machine('keep', {}, ...writeSector(100, 0x2222), powerOff);
    await vm.start();
    await vm.finished();
    expect(states().slice(-3)).toEqual(['TurningOff', 'DeleteMachine', 'TurnedOff']);
    expect(sector(disk, 100)).toBe(0x1111);
    expect(existsSync(`${disk}.vud`)).toBe(true);
    await vm.close();
  });

  it('commit writes its changes into the image, as a task that tells how far it is', async () => {
    const { vm, disk, states, events } = machine(
      'commit',
      { undoAtEnd: 'commit' },
      ...writeSector(100, 0x2222),
      powerOff,
    );
    await vm.start();
    await vm.finished();
    expect(states().slice(-4)).toEqual(['TurningOff', 'MergingDrives', 'DeleteMachine', 'TurnedOff']);
    expect(events.some(({ type }) => type === 'vm.task.progress')).toBe(true);
    expect(sector(disk, 100)).toBe(0x2222);
    expect(existsSync(`${disk}.vud`)).toBe(false);
    await vm.close();
  });

  it('discard leaves the image as it was', async () => {
    const { vm, disk } = machine('discard', { undoAtEnd: 'discard' }, ...writeSector(100, 0x2222), powerOff);
    await vm.start();
    await vm.finished();
    expect(sector(disk, 100)).toBe(0x1111);
    expect(existsSync(`${disk}.vud`)).toBe(false);
    await vm.close();
  });
});

describe('when the host turns the machine off', () => {
  it('says what becomes of the undo disk, and can call a commit off', async () => {
    const writes = Array.from({ length: 200 }, (_, n) => writeSector(n * 8, 0x3333)).flat();
    const { vm, disk, states, events } = machine('host', {}, ...writes, forever);
    await vm.start();
    await expect(vm.cancelCommit()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await expect.poll(async () => (await vm.statistics()).diskBytesWritten, { timeout: 4000 }).toBe(200 * 512);
    const calling = vm.on('vm.state.changed', ({ data }) => void (data.state === 'MergingDrives' && vm.cancelCommit()));
    await vm.turnOff({ undo: 'commit' });
    expect(states().slice(-4)).toEqual(['TurningOff', 'MergingDrives', 'DeleteMachine', 'TurnedOff']);
    expect(events.some((event) => event.type === 'disk.error' && event.data.message.includes('are kept'))).toBe(true);
    expect(existsSync(`${disk}.vud`)).toBe(true);
    calling[Symbol.dispose]();
    // The next run goes on with it, and may commit it.
    await vm.start();
    await vm.turnOff({ undo: 'commit' });
    expect(sector(disk, 8)).toBe(0x3333);
    expect(existsSync(`${disk}.vud`)).toBe(false);
    await vm.close();
  });
});
