import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { ErrorCode, VirtualServerError } from '../../src/machine/errors.ts';
import type { RegisterState } from '../../cpu/processor.ts';
import { FakeMachine } from './fake-machine.ts';
import { FakeTerminal } from './fake-terminal.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'virtualserver-cli-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = (name: string, size = 0): string => {
  const path = join(folder, name);
  writeFileSync(path, new Uint8Array(size));
  return path;
};

/** Runs a command line against a machine that `drive` plays. */
class Session {
  machine: FakeMachine | undefined;
  readonly input = new PassThrough();
  readonly outputStream = new PassThrough();
  readonly talkStream = new PassThrough();
  readonly signals = new EventEmitter();
  readonly terminal: FakeTerminal | undefined;
  output = '';
  talk = '';

  constructor(terminal?: FakeTerminal) {
    this.terminal = terminal;
    this.outputStream.on('data', (bytes: Buffer) => (this.output += bytes.toString()));
    this.talkStream.on('data', (bytes: Buffer) => (this.talk += bytes.toString()));
  }

  async run(args: string[], drive: (machine: FakeMachine) => void | Promise<void> = () => undefined): Promise<number> {
    const result = runProgram(args, {
      createMachine: (options) => {
        this.machine = new FakeMachine(options);
        const { machine } = this;
        // The run loop attaches first.
        machine.started = () => setTimeout(() => void drive(machine), 5);
        return machine.vm;
      },
      around: {
        terminal: this.terminal,
        input: this.input,
        output: this.outputStream,
        talk: this.talkStream,
        signals: this.signals,
      },
    });
    const code = await result;
    await new Promise((resolve) => setImmediate(resolve));
    return code;
  }
}

const off = (machine: FakeMachine): void => machine.end({ reason: 'guest' });
const registers = {
  eip: 0x7c05,
  ...Object.fromEntries(
    ['cs', 'ds', 'es', 'ss', 'fs', 'gs', 'ldtr', 'tr'].map((s) => [
      s,
      { selector: 8, base: 0, limit: 0, attributes: 0 },
    ]),
  ),
  gdtr: { base: 0, limit: 0 },
  idtr: { base: 0, limit: 0 },
} as unknown as RegisterState;

describe('exit codes', () => {
  it('0: the guest powered off', async () => {
    expect(await new Session().run(['boot', file('disk.img', 4096)], off)).toBe(0);
  });

  it('0: help and version', async () => {
    const session = new Session();
    expect(await session.run(['--help'])).toBe(0);
    expect(session.output).toContain('Exit codes:');
    expect(await new Session().run(['boot', '--help'])).toBe(0);
    expect(await new Session().run(['--version'])).toBe(0);
  });

  it.each([
    [['boot']],
    [['boot', 'x', '--unknown']],
    [['boot', 'x', '--memory', 'much']],
    [['boot', 'x', '--boot', 'moon']],
    [['boot', 'x', '--serial', 'smoke:signal']],
    [['boot', 'x', '--triple-fault', 'ignore']],
    [['boot', 'x', '--escape', 'A']],
    [['boot', 'x', '--expect', '/(/']],
    [['explode']],
    [['screenshot']],
  ])('2: usage: %j', async (args) => {
    const session = new Session();
    expect(await session.run(args)).toBe(2);
    expect(session.talk).not.toBe('');
    expect(session.machine).toBeUndefined();
  });

  it('2: events and the guest cannot share standard output', async () => {
    const session = new Session();
    expect(await session.run(['boot', file('disk.img', 4096), '--events', '-', '--serial', 'stdio'])).toBe(2);
  });

  it('3: a broken or missing configuration, naming file or key', async () => {
    const path = join(folder, 'broken.vmc');
    writeFileSync(path, '<preferences><hardware></preferences>');
    const session = new Session();
    expect(await session.run(['boot', path])).toBe(3);
    expect(session.talk).toContain('broken.vmc');
    expect(await session.run(['boot', join(folder, 'missing.vmc')])).toBe(3);
    expect(await session.run(['boot', folder])).toBe(3);
  });

  it('3 and 4: what the machine refuses when it starts', async () => {
    const disk = file('disk.img', 4096);
    for (const [code, exit] of [
      [ErrorCode.InvalidConfiguration, 3],
      [ErrorCode.Firmware, 3],
      [ErrorCode.Media, 4],
      [ErrorCode.Host, 1],
      [ErrorCode.Crashed, 8],
    ] as const) {
      const session = new Session();
      const result = await runProgram(['boot', disk], {
        createMachine: () => {
          const machine = new FakeMachine();
          machine.startError = new VirtualServerError(code, 'no good', { subject: disk });
          return machine.vm;
        },
        around: {
          terminal: undefined,
          input: session.input,
          output: session.outputStream,
          talk: session.talkStream,
          signals: session.signals,
        },
      });
      expect([code, result]).toEqual([code, exit]);
    }
  });

  it('4: an image that is missing', async () => {
    const session = new Session();
    expect(await session.run(['boot', join(folder, 'none.vhd')])).toBe(4);
    expect(session.talk).toContain('none.vhd');
  });

  it('5: a triple fault, with its registers', async () => {
    const session = new Session();
    const code = await session.run(['boot', file('disk.img', 4096), '--triple-fault', 'stop'], (machine) => {
      machine.emit({
        type: 'vm.tripleFault',
        data: {
          chain: [
            { vector: 6, errorCode: undefined },
            { vector: 13, errorCode: 0x32 },
          ],
          registers,
          policy: 'stop',
        },
      });
      machine.end({ reason: 'tripleFault' });
    });
    expect(code).toBe(5);
    expect(session.machine!.options.tripleFault).toBe('stop');
    expect(session.talk).toContain('#UD');
    expect(session.talk).toContain('#GP general protection (error code 0032)');
    expect(session.talk).toContain('EIP    00007C05');
  });

  it('6: an expected text that does not appear', async () => {
    const session = new Session();
    expect(await session.run(['boot', file('disk.img', 4096), '--expect', 'login:', '--timeout', '0.05'])).toBe(6);
    expect(session.machine!.calls).toContain('close');
  });

  it('6: the guest powers off before an expected text appears', async () => {
    const session = new Session();
    expect(await session.run(['boot', file('disk.img', 4096), '--expect', 'login:'], off)).toBe(6);
    expect(session.talk).toContain('ended before login: appeared');
  });

  it('8: the emulator fails', async () => {
    const code = await new Session().run(['boot', file('disk.img', 4096)], (machine) =>
      machine.end({ reason: 'crash', message: 'worker died' }),
    );
    expect(code).toBe(8);
  });

  it('16 + n: the guest chose n', async () => {
    const disk = file('disk.img', 4096);
    const run = (code: number): Promise<number> =>
      new Session().run(['boot', disk], (machine) => machine.end({ reason: 'debugExit', code }));
    expect(await run(0)).toBe(16);
    expect(await run(3)).toBe(19);
    expect(await run(0x12345)).toBe(127);
  });

  it('128 + n: asked to end by a signal; a second one cuts the power', async () => {
    const session = new Session();
    const code = await session.run(['boot', file('disk.img', 4096)], () => {
      session.signals.emit('SIGTERM');
      expect(session.machine!.calls).toContain('pressPowerButton');
      expect(session.machine!.calls).not.toContain('turnOff');
      session.signals.emit('SIGTERM');
    });
    expect(code).toBe(143);
    expect(session.machine!.calls).toContain('turnOff');
    expect(session.signals.eventNames()).toEqual([]);
  });

  it('USR1 asks for the status', async () => {
    const session = new Session();
    await session.run(['boot', file('disk.img', 4096)], async (machine) => {
      session.signals.emit('SIGUSR1');
      await new Promise((resolve) => setTimeout(resolve, 5));
      off(machine);
    });
    expect(session.talk).toMatch(/Running \| 01:05 \| 100 MIPS/);
  });

  it('128 + n: a guest that does not shut down when asked loses its power', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const session = new Session();
      const ended = session.run(['boot', file('disk.img', 4096)], () => void session.signals.emit('SIGTERM'));
      await vi.advanceTimersByTimeAsync(59_000);
      expect(session.machine!.calls).toContain('pressPowerButton');
      expect(session.machine!.calls).not.toContain('turnOff');
      await vi.advanceTimersByTimeAsync(2_000);
      expect(await ended).toBe(143);
    } finally {
      vi.useRealTimers();
    }
  });

  it('128 + n: a hang-up cuts the power at once', async () => {
    const session = new Session();
    const code = await session.run(['boot', file('disk.img', 4096)], () => void session.signals.emit('SIGHUP'));
    expect(code).toBe(129);
  });
});

describe('options', () => {
  it('make the machine', async () => {
    const session = new Session();
    const [disk, cd, floppy] = [file('disk.img', 4096), file('cd.iso', 4096), file('a.img', 1474560)];
    await session.run(
      [
        'boot',
        disk,
        '--memory',
        '1G',
        '--cdrom',
        cd,
        '--floppy',
        floppy,
        '--boot',
        'dca',
        '--serial',
        `file:${folder}/log,append`,
      ]
        .concat([
          '--serial',
          'tcp:7000,listen',
          '--cpu',
          'pentium3,-sse,maxleaf=1',
          '--jit',
          'off',
          '--clock',
          'fixed:5e7',
          '--name',
          'test',
        ])
        .concat(['--rtc', '1999-12-31T23:59:00', '--video-memory', '8', '--undo', 'memory', '--bios', 'bios.bin']),
      off,
    );
    expect(session.machine!.options).toMatchObject({
      name: 'test',
      memoryMiB: 1024,
      videoMemoryMiB: 8,
      boot: ['cdrom', 'disk', 'floppy'],
      ide: [
        { channel: 0, position: 0, kind: 'disk', media: { path: disk, mode: 'memory' } },
        { channel: 1, position: 0, kind: 'cdrom', media: { path: cd } },
      ],
      floppies: [{ media: { path: floppy, mode: 'memory' } }],
      serial: [
        { kind: 'file', path: `${folder}/log`, append: true },
        { kind: 'tcp', port: 7000, listen: true },
      ],
      cpuid: { family: 6, model: 8, maxLeaf: 1, features: { sse: false, sse2: false } },
      jit: false,
      clock: { kind: 'fixed', instructionsPerSecond: 5e7 },
      rtc: 946684740,
      firmware: { bios: 'bios.bin' },
    });
  });

  it('put an image where it belongs', async () => {
    const session = new Session();
    const iso = file('x.bin', 40_000);
    const bytes = readFileSync(iso);
    bytes.write('CD001', 16 * 2048 + 1);
    writeFileSync(iso, bytes);
    await session.run(['boot', iso], off);
    expect(session.machine!.options.ide).toEqual([{ channel: 1, position: 0, kind: 'cdrom', media: { path: iso } }]);
    const floppy = file('y.bin', 1474560);
    await session.run(['boot', floppy, '--no-undo'], off);
    expect(session.machine!.options.floppies).toEqual([{ media: { path: floppy, mode: 'direct' } }]);
  });

  it('use an undo disk unless told otherwise', async () => {
    const session = new Session();
    const disk = file('disk.img', 4096);
    const modeWith = async (...args: string[]): Promise<unknown> => {
      await session.run(['boot', disk, ...args], off);
      return session.machine!.options.ide![0]!.media!.mode;
    };
    expect(await modeWith()).toBe('auto');
    expect(await modeWith('--undo', 'beside')).toBe('undo');
    expect(await modeWith('--no-undo')).toBe('direct');
  });

  it('say where changes go, unless they go to the image', async () => {
    const disk = file('disk.img', 4096);
    const talkWith = async (...args: string[]): Promise<string> => {
      const session = new Session();
      await session.run(['boot', disk, ...args], off);
      return session.talk;
    };
    expect(await talkWith()).toContain(`${disk} stays as it is; changes go to ${disk}.vud`);
    expect(await talkWith('--no-undo')).not.toContain('.vud');
    expect(await talkWith('--undo', 'memory')).not.toContain('.vud');
    expect(await talkWith('--quiet')).toBe('');
  });

  it('drive the machine by steps, in order', async () => {
    const session = new Session();
    const picture = join(folder, 'picture.png');
    const code = await session.run(
      [
        'boot',
        file('disk.img', 4096),
        '--headless',
        '--expect',
        'A:\\>',
        '--type',
        'dir\\n',
        '--expect',
        '/free$/m',
      ].concat(['--send', 'x\\n', '--screenshot', picture, '--quit']),
      async (machine) => {
        machine.print('A:>');
        machine.print('A:\\>');
        await new Promise((resolve) => setTimeout(resolve, 10));
        machine.send('1 byte free\n');
      },
    );
    expect(code).toBe(0);
    expect(session.machine!.calls).toEqual(['start', 'type dir\n', 'serial "x\\r"', 'turnOff', 'close']);
    expect(readFileSync(picture, 'utf8')).toBe('a picture');
  });

  it('take a picture so long after power-on', async () => {
    const picture = join(folder, 'at.png');
    const session = new Session();
    await session.run(
      ['boot', file('disk.img', 4096), '--screenshot-at', '0.02', '--screenshot-file', picture],
      (machine) => void setTimeout(() => off(machine), 60),
    );
    expect(existsSync(picture)).toBe(true);
    expect(session.talk).toContain('at.png');
  });

  it('screenshot writes one picture and turns the machine off', async () => {
    const picture = join(folder, 'one.png');
    const session = new Session();
    const code = await session.run(
      ['screenshot', file('disk.img', 4096), '--output', picture, '--expect', 'ready'],
      (machine) => machine.print('ready'),
    );
    expect(code).toBe(0);
    expect(existsSync(picture)).toBe(true);
    expect(session.machine!.calls).toContain('turnOff');
  });
});

describe('events', () => {
  it('are JSON lines on standard output, bytes in base64', async () => {
    const session = new Session();
    await session.run(['boot', file('disk.img', 4096), '--headless', '--events', '-', '--quiet'], (machine) => {
      machine.emit({ type: 'vm.serial.output', data: { port: 0, bytes: Uint8Array.of(0, 255, 65) } });
      off(machine);
    });
    const events = session.output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string; data: { state?: string; bytes?: string } });
    expect(events.map(({ type, data }) => data.state ?? type)).toEqual([
      'TurningOn',
      'Running',
      'vm.serial.output',
      'TurnedOff',
    ]);
    expect(events[2]!.data.bytes).toBe('AP9B');
  });

  it('go to a file, complete when the program ends', async () => {
    const path = join(folder, 'events.jsonl');
    await new Session().run(['boot', file('disk.img', 4096), '--events', path], off);
    expect(readFileSync(path, 'utf8').trim().split('\n')).toHaveLength(3);
    const session = new Session();
    expect(await session.run(['boot', file('disk.img', 4096), '--events', join(folder, 'no', 'such')], off)).toBe(1);
  });
});

describe('without a terminal', () => {
  it('connects the serial port to the standard streams', async () => {
    const session = new Session();
    await session.run(['boot', file('disk.img', 4096), '--serial', 'stdio', '--quiet'], async (machine) => {
      machine.send('login: ');
      session.input.write('root\n');
      await new Promise((resolve) => setTimeout(resolve, 10));
      off(machine);
    });
    expect(session.output).toBe('login: ');
    expect(session.machine!.calls).toContain('serial "root\\n"');
  });
});
