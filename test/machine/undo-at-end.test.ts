/** Undo disks at the end of a run: the guest's changes kept, committed or discarded. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { DiskTask, type TaskProgress } from '../../vhd/index.ts';
import type { MachineOptions } from '../../src/machine/api.ts';
import type { MachineEvent } from '../../src/machine/events.ts';
import { startInline } from '../../src/machine/inline-thread.ts';
import { MachineHost, normaliseOptions } from '../../src/machine/machine-host.ts';
import { nodeServices } from '../../src/machine/node-services.ts';
import { ataWriteSector } from './ata-steps.ts';
import { FakeProcessor } from './fake-processor.ts';
import type { Step } from './fake-processor.ts';

const folder = mkdtempSync(join(tmpdir(), 'virtualserver-undo-end-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SIZE = 4 << 20;

const powerOff: Step = (cpu) => {
  for (const character of 'Shutdown') cpu.out(0x8900, character.charCodeAt(0));
  return true;
};
const forever: Step = () => true;

/** The task after a quarter of a second of steps: there is time to call it off. */
function slowly(task: DiskTask<void>): DiskTask<void> {
  function* steps(): Generator<TaskProgress, void> {
    for (const end = performance.now() + 250; performance.now() < end;) yield { phase: 'waiting', done: 0, total: 1 };
    while (task.step()) yield task.progress;
  }
  return new DiskTask('slowly', steps());
}

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
            undo: { ...nodeServices.undo!, end: (disks, action) => slowly(nodeServices.undo!.end(disks, action)) },
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
    const { vm, disk, states } = machine('keep', {}, ...ataWriteSector(100, 0x2222), powerOff);
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
      ...ataWriteSector(100, 0x2222),
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
    const { vm, disk } = machine('discard', { undoAtEnd: 'discard' }, ...ataWriteSector(100, 0x2222), powerOff);
    await vm.start();
    await vm.finished();
    expect(sector(disk, 100)).toBe(0x1111);
    expect(existsSync(`${disk}.vud`)).toBe(false);
    await vm.close();
  });
});

describe('when the host turns the machine off', () => {
  it('says what becomes of the undo disk, and can call a commit off', async () => {
    const writes = Array.from({ length: 200 }, (_, n) => ataWriteSector(n * 8, 0x3333)).flat();
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
