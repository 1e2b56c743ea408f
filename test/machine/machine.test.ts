import { describe, expect, it } from 'vitest';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import type { MachineOptions, VirtualMachine } from '../../src/machine/api.ts';
import type { MachineEvent } from '../../src/machine/events.ts';
import { startInline } from '../../src/machine/inline-thread.ts';
import { MachineHost, normaliseOptions } from '../../src/machine/machine-host.ts';
import { bytesOpener } from '../../src/machine/media.ts';
import { bytesStateFiles } from '../../src/machine/state-files.ts';
import { createDynamic, MemoryFile } from '../../vhd/index.ts';
import { FakeProcessor } from './fake-processor.ts';
import type { Step } from './fake-processor.ts';

interface Setup {
  readonly vm: VirtualMachine;
  readonly events: MachineEvent[];
  cpu(): FakeProcessor;
}

function setup(options: MachineOptions = {}, ...script: Step[]): Setup {
  let cpu: FakeProcessor | undefined;
  const vm = new MachineHost(normaliseOptions({ memoryMiB: 4, clock: { kind: 'fast' }, ...options }), {
    startThread: () =>
      Promise.resolve(
        startInline({
          opener: bytesOpener,
          stateFiles: bytesStateFiles,
          createProcessor: (processorOptions, bus) => {
            cpu = new FakeProcessor(processorOptions, bus);
            cpu.script.push(...script);
            return cpu;
          },
          loadFirmware,
          hostTime: () => performance.now(),
          wallClock: () => Date.now(),
          zoneMinutes: () => 0,
        }),
      ),
  });
  const events: MachineEvent[] = [];
  vm.onEvent((event) => events.push(event));
  return { vm, events, cpu: () => cpu! };
}

const states = (events: readonly MachineEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'vm.state.changed' ? [event.data.state] : []));

const forever: Step = () => true;

/** HLT in a loop, with an interrupt handler that does nothing. */
const idle: Step = (cpu) => {
  if (cpu.interruptRequest) {
    cpu.bus.acknowledgeInterrupt();
    cpu.out(0xa0, 0x20);
    cpu.out(0x20, 0x20);
  }
  cpu.halted = true;
  return true;
};

/** Sends text by COM1 as a driver does: 8 data bits, one byte whenever the holding register is empty. */
function print(text: string): Step {
  const bytes = [...Buffer.from(text)];
  return (cpu) => {
    cpu.out(0x3fb, 0x03);
    if (cpu.in(0x3fd) & 0x20) cpu.out(0x3f8, bytes.shift()!);
    return bytes.length > 0;
  };
}

describe('lifecycle', () => {
  it('tells what is wrong with a disk that can still be used', async () => {
    const file = new MemoryFile();
    createDynamic(file, { size: 8 << 20 });
    // The footer at the end is gone; its copy at the start is there.
    file.truncate(file.size() - 512);
    const { vm, events } = setup({ hda: { bytes: file.toBytes() } });
    await vm.start();
    const warnings = events.flatMap((event) => (event.type === 'disk.warning' ? [event.data] : []));
    expect(warnings).toEqual([
      { device: 'ide0.0', message: expect.stringContaining('the footer at the end is missing') },
    ]);
    await vm.close();
  });

  it('goes through the states in the documented order', async () => {
    const { vm, events } = setup();
    await vm.start();
    expect(vm.state).toBe('Running');
    expect(states(events)).toEqual(['TurningOn', 'Running']);
    await vm.pause();
    await vm.resume();
    await vm.reset();
    await vm.turnOff();
    expect(states(events)).toEqual([
      ...['TurningOn', 'Running'],
      'Paused',
      'Running',
      ...['TurningOff', 'DeleteMachine', 'TurningOn', 'Running'],
      ...['TurningOff', 'DeleteMachine', 'TurnedOff'],
    ]);
    expect(events.at(-1)).toMatchObject({ type: 'vm.ended', reason: 'host' });
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
    expect(await vm.finished()).toEqual({ reason: 'host' });
    await vm.turnOff();
    await vm.close();
  });

  it('can be started again, and refuses what its state does not allow', async () => {
    const { vm } = setup();
    await expect(vm.pause()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await vm.start();
    await expect(vm.start()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await expect(vm.resume()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await vm.turnOff();
    await vm.start();
    expect(vm.state).toBe('Running');
    await vm.close();
    await expect(vm.start()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
  });

  it('names what is wrong with a configuration or an image, and stays off', async () => {
    expect(() => setup({ memoryMiB: 0 })).toThrow(
      expect.objectContaining({ code: 'VS_INVALID_CONFIGURATION', subject: 'memoryMiB' }),
    );
    expect(() => setup({ jit: { threshold: 0 } })).toThrow(
      expect.objectContaining({ code: 'VS_INVALID_CONFIGURATION', subject: 'jit.threshold' }),
    );
    const twice = { channel: 1, position: 0, kind: 'cdrom' } as const;
    expect(() => setup({ ide: [twice, twice] })).toThrow(/1:0 is used twice/);
    const { vm, events } = setup({ hda: 'missing.vhd' });
    await expect(vm.start()).rejects.toMatchObject({ code: 'VS_MEDIA', subject: 'missing.vhd' });
    expect(vm.state).toBe('TurnedOff');
    expect(events).toEqual([]);
    const bad = setup({ firmware: { bios: new Uint8Array(5) } });
    await expect(bad.vm.start()).rejects.toMatchObject({ code: 'VS_FIRMWARE' });
  });

  it.each([
    [{ features: { unheard: true } }, "unknown CPUID feature 'unheard'"],
    [{ features: { cx16: true } }, 'not implemented'],
    [{ family: 999 }, 'out of range'],
    [{ vendor: 'Cyrix' }, '12 ASCII characters'],
  ])('a processor that cannot be is an invalid configuration: %j', (cpuid, message) => {
    expect(() => setup({ cpuid })).toThrow(
      expect.objectContaining({
        code: 'VS_INVALID_CONFIGURATION',
        subject: 'cpuid',
        message: expect.stringContaining(message),
      }),
    );
  });

  it('ends iterations and waiters when it is disposed', async () => {
    const seen: string[] = [];
    let iteration: Promise<void>;
    {
      await using vm = setup().vm;
      iteration = (async () => {
        for await (const event of vm) seen.push(event.type);
      })();
      await vm.start();
      const wait = vm.screen.waitForText('never');
      const ended = expect(wait).rejects.toMatchObject({ code: 'VS_ABORTED' });
      await vm.turnOff();
      await ended;
    }
    await iteration;
    expect(seen.at(-1)).toBe('vm.ended');
  });
});

describe('guest actions', () => {
  it('powers off by ACPI', async () => {
    const { vm, events } = setup({}, (cpu) => {
      cpu.pciWrite(7, 3, 0x40, 0x401);
      cpu.pciWrite(7, 3, 0x80, 1, 1);
      cpu.out(0x404, 0x2000, 2);
    });
    await vm.start();
    expect(await vm.finished()).toEqual({ reason: 'guest' });
    expect(states(events)).toEqual(['TurningOn', 'Running', 'TurningOff', 'DeleteMachine', 'TurnedOff']);
    await vm.close();
  });

  it('leaves with a code, unless that is switched off', async () => {
    const leave: Step = (cpu) => cpu.out(0xf4, 3, 4);
    const { vm } = setup({}, leave);
    await vm.start();
    expect(await vm.finished()).toEqual({ reason: 'debugExit', code: 3 });
    await vm.close();
    const off = setup({ debugExit: false }, leave, (cpu) => cpu.out(0xe9, 10));
    await off.vm.start();
    await new Promise<void>((resolve) => off.vm.on('vm.debug.output', () => resolve()));
    expect(off.vm.state).toBe('Running');
    await off.vm.close();
  });

  it('resets by CF9h: one event, no state change, everything back to power-on', async () => {
    const { vm, events, cpu } = setup(
      {},
      (c) => c.out(0xcf9, 0x02),
      (c) => c.out(0xcf9, 0x06),
      forever,
    );
    await vm.start();
    await new Promise<void>((resolve) => vm.on('vm.reset', () => resolve()));
    expect(events.filter((e) => e.type === 'vm.reset')).toMatchObject([{ data: { cause: 'guest' }, reason: 'guest' }]);
    expect(states(events)).toEqual(['TurningOn', 'Running']);
    expect(cpu().resets).toBe(2);
    await vm.close();
  });

  it.each(['reset', 'stop', 'pause'] as const)('triple fault with policy %s', async (policy) => {
    const chain = [
      { vector: 13, errorCode: 0 },
      { vector: 8, errorCode: 0 },
    ];
    const fault: Step = (cpu) => {
      cpu.tripleFault = { chain, registers: cpu.registers() };
    };
    const { vm, events } = setup({ tripleFault: policy }, fault, forever);
    const told = new Promise<void>((resolve) => vm.on('vm.tripleFault', () => resolve()));
    await vm.start();
    await told;
    const event = events.find((e) => e.type === 'vm.tripleFault');
    expect(event).toMatchObject({ data: { chain, policy, registers: { eip: 0xfff0 } } });
    if (policy === 'stop') {
      expect(await vm.finished()).toEqual({ reason: 'tripleFault' });
    } else if (policy === 'reset') {
      await vm.registers();
      expect(events.at(-1)).toMatchObject({ type: 'vm.reset', data: { cause: 'tripleFault' } });
      expect(vm.state).toBe('Running');
    } else {
      await vm.registers();
      expect(vm.state).toBe('Paused');
      await expect(vm.resume()).rejects.toThrow(/triple fault/);
      await vm.reset();
      expect(vm.state).toBe('Running');
    }
    await vm.close();
  });

  it('an exception in the emulator ends the machine, not the process', async () => {
    const { vm } = setup({}, () => {
      throw new Error('broken part');
    });
    await vm.start();
    const end = await vm.finished();
    expect(end.reason).toBe('crash');
    expect(end.message).toMatch(/broken part/);
    expect(vm.state).toBe('TurnedOff');
    await vm.close();
  });
});

describe('serial ports', () => {
  it('carry bytes both ways', async () => {
    const received: number[] = [];
    const { vm } = setup({}, print('login: '), (cpu) => {
      if (cpu.in(0x3fd) & 1) received.push(cpu.in(0x3f8));
      return received.length < 5;
    });
    await vm.start();
    expect(await vm.serial[0]!.waitForText(/lo\w+:/)).toBe('login:');
    await vm.serial[0]!.write('root\n');
    while (received.length < 5) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(Buffer.from(received).toString()).toBe('root\n');
    await vm.close();
  });

  it('time out with what was there', async () => {
    const { vm } = setup({}, print('A'), forever);
    await vm.start();
    const failure = vm.serial[0]!.waitForText('$', { timeoutMs: 200 });
    await expect(failure).rejects.toMatchObject({ code: 'VS_TIMEOUT' });
    await expect(failure).rejects.toThrow(/COM1:\nA/);
    await vm.close();
  });
});

describe('typing', () => {
  it('refuses characters and keys that do not exist', async () => {
    const { vm } = setup();
    await vm.start();
    await expect(vm.keyboard.type('ä')).rejects.toMatchObject({ code: 'VS_INVALID_CONFIGURATION' });
    await expect(vm.keyboard.press('NoSuchKey')).rejects.toThrow(/NoSuchKey/);
    await vm.close();
  });

  it('is given up when the machine ends', async () => {
    const { vm } = setup({}, forever);
    await vm.start();
    const typing = expect(vm.keyboard.type('a'.repeat(5000))).rejects.toMatchObject({ code: 'VS_ABORTED' });
    await vm.turnOff();
    await typing;
    await vm.close();
  });
});

describe('an idle machine', () => {
  it('sleeps in real time', async () => {
    const { vm } = setup({ clock: { kind: 'real' } }, idle);
    await vm.start();
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(150_000);
    expect((await vm.statistics()).idleSeconds).toBeGreaterThan(0.3);
    await vm.close();
  });

  it('does not keep a busy machine from answering', async () => {
    const { vm } = setup({ clock: { kind: 'real' } }, forever);
    await vm.start();
    const from = performance.now();
    for (let i = 0; i < 5; i++) await vm.statistics();
    expect(performance.now() - from).toBeLessThan(500);
    await vm.close();
  });
});

describe('a thread that dies', () => {
  it('is an event with a reason, and the machine can be started again', async () => {
    const deaths: ((message: string) => void)[] = [];
    const vm = new MachineHost(normaliseOptions({ memoryMiB: 4 }), {
      startThread: () => {
        const inline = startInline({
          opener: bytesOpener,
          stateFiles: bytesStateFiles,
          createProcessor: (options, bus) => new FakeProcessor(options, bus),
          loadFirmware,
          hostTime: () => performance.now(),
          wallClock: () => Date.now(),
          zoneMinutes: () => 0,
        });
        return Promise.resolve({ ...inline, onDeath: (listener) => void deaths.push(listener) });
      },
    });
    const events: MachineEvent[] = [];
    vm.onEvent((event) => events.push(event));
    await vm.start();
    const typing = expect(vm.keyboard.type('a'.repeat(1000))).rejects.toMatchObject({ code: 'VS_CRASHED' });
    deaths[0]!('out of memory');
    await typing;
    expect(vm.state).toBe('TurnedOff');
    expect(events.at(-1)).toMatchObject({ type: 'vm.ended', reason: 'crash', data: { message: 'out of memory' } });
    expect(await vm.finished()).toEqual({ reason: 'crash', message: 'out of memory' });
    await vm.start();
    expect(vm.state).toBe('Running');
    await vm.close();
  });
});
