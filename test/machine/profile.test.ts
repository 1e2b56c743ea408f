/** The profile of a machine: what its processor and its buses have seen, during a run and after it. */
import { describe, expect, it } from 'vitest';
import { createProcessor } from '../../cpu/index.ts';
import type { ProcessorBus } from '../../cpu/processor.ts';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import type { MachineOptions } from '../../src/machine/api.ts';
import { MemoryBus, PortBus } from '../../src/machine/bus-map.ts';
import { startInline } from '../../src/machine/inline-thread.ts';
import { MachineHost, normaliseOptions } from '../../src/machine/machine-host.ts';
import { bytesOpener } from '../../src/machine/media.ts';
import { AccessCounter } from '../../src/machine/profile.ts';
import { bytesStateFiles } from '../../src/machine/state-files.ts';

const READS = 2000;

/** A floppy whose boot sector reads port 64h so often and ends the machine by the debug-exit port. */
function floppy(): Uint8Array {
  const image = new Uint8Array(1474560);
  // MOV CX, n; again: IN AL, 64h; LOOP again; MOV AL, 5; OUT F4h, AL; HLT
  image.set([0xb9, READS & 0xff, READS >> 8, 0xe4, 0x64, 0xe2, 0xfc, 0xb0, 5, 0xe6, 0xf4, 0xf4]);
  image.set([0x55, 0xaa], 510);
  return image;
}

function machine(options: MachineOptions): MachineHost {
  return new MachineHost(
    normaliseOptions({
      memoryMiB: 4,
      clock: { kind: 'fast' },
      boot: ['floppy'],
      floppy: { bytes: floppy() },
      ...options,
    }),
    {
      startThread: () =>
        Promise.resolve(
          startInline({
            opener: bytesOpener,
            stateFiles: bytesStateFiles,
            createProcessor,
            loadFirmware,
            hostTime: () => performance.now(),
            wallClock: () => Date.now(),
            zoneMinutes: () => 0,
          }),
        ),
    },
  );
}

describe('the profile of a machine', () => {
  it('is there when the run is over, with the accesses the guest made', async () => {
    const vm = machine({ profile: true });
    await vm.start();
    expect(await vm.finished()).toEqual({ reason: 'debugExit', code: 5 });
    const { statistics, processor, devices } = await vm.profile();
    expect(statistics.instructions).toBeGreaterThan(2 * READS);
    const keyboard = devices.find(({ device }) => device === 'i8042 command')!;
    // The firmware reads the port some times too.
    expect(keyboard.reads).toBeGreaterThanOrEqual(READS);
    expect(keyboard.kind).toBe('port');
    const reads = devices.filter(({ kind }) => kind === 'port').reduce((sum, port) => sum + port.reads, 0);
    const helpers = Object.fromEntries(processor.helpers.map(({ mnemonic, count }) => [mnemonic, count]));
    expect(helpers['in']).toBeGreaterThanOrEqual(READS);
    expect(reads).toBeGreaterThanOrEqual(helpers['in']!);
    expect(devices.reduce((sum, { milliseconds }) => sum + milliseconds, 0)).toBeGreaterThan(0);
    expect(processor.samples).toBeGreaterThan(10);
    // As it crosses to the program.
    expect(structuredClone(processor)).toEqual(processor);
    await vm.close();
  }, 30_000);

  it('is there during the run', async () => {
    const vm = machine({ profile: true, clock: { kind: 'real' }, boot: ['cdrom'] });
    await vm.start();
    const { devices } = await vm.profile();
    await vm.turnOff();
    const after = await vm.profile();
    expect(after.devices.length).toBeGreaterThanOrEqual(devices.length);
    await vm.close();
  }, 30_000);

  it('is refused unless the configuration asks for it', async () => {
    const vm = machine({ boot: ['cdrom'] });
    await expect(vm.profile()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await vm.start();
    await expect(vm.profile()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await vm.close();
    await expect(vm.profile()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
  }, 30_000);
});

describe('AccessCounter', () => {
  it('adds up reads, writes and time by what answers', () => {
    let time = 0;
    const log = { unimplemented: () => {}, guestError: () => {} };
    const ports = new PortBus(log);
    const memory = new MemoryBus(log);
    const region = (name: string, length: number) => ({
      name,
      length,
      widest: 4 as const,
      read: () => (time += 10),
      write: () => void (time += 1),
    });
    ports.map(0x300, region('card', 8));
    memory.map(0xf0000000, region('aperture', 0x4000));
    const counter = new AccessCounter({ now: () => time });
    const bus = counter.counted({
      readPort: (port, size) => ports.read(port, size),
      writePort: (port, size, value) => ports.write(port, size, value),
      readMemory: (address, size) => memory.read(address, size),
      writeMemory: (address, size, value) => memory.write(address, size, value),
    } as ProcessorBus);
    expect(bus.readPort(0x301, 1)).toBe(10);
    bus.writePort(0x307, 1, 5);
    bus.writePort(0x300, 4, 5);
    expect(bus.readPort(0x9999, 1)).toBe(0xff);
    bus.readMemory(0xf0000010, 4);
    bus.writeMemory(0xf0003010, 4, 1);
    bus.writeMemory(0xf0003014, 4, 1);
    bus.writeMemory(0xf0003014, 4, 1);
    expect(counter.report(ports, memory)).toEqual([
      { kind: 'memory', device: 'aperture', reads: 1, writes: 3, milliseconds: 13 },
      { kind: 'port', device: 'card', reads: 1, writes: 2, milliseconds: 12 },
      { kind: 'port', device: 'nothing', reads: 1, writes: 0, milliseconds: 0 },
    ]);
  });
});
