/** The demonstration guest in the built program, as a user runs it. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const CLI = join(ROOT, 'dist', 'cli.js');

let folder: string;
beforeAll(() => {
  if (!existsSync(CLI)) throw new Error('dist/cli.js is missing: run npm run build');
  folder = mkdtempSync(join(tmpdir(), 'virtualserver-demo-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Event {
  readonly type: string;
  readonly reason?: string;
  readonly data: { readonly state?: string; readonly bytes?: string; readonly cause?: string };
}

/** Runs `virtualserver demo` unseen with steps; every step waits for the prompt by itself where it has to. */
async function demo(...args: string[]): Promise<{ code: number; talk: string; events: Event[]; serial: string }> {
  const child = spawn(process.execPath, [CLI, 'demo', '--headless', '--events', '-', '--timeout', '30', ...args]);
  let output = '';
  let talk = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  child.stderr.on('data', (bytes: Buffer) => (talk += bytes.toString()));
  const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
  const events = output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
  const serial = events
    .filter(({ type }) => type === 'vm.serial.output')
    .map(({ data }) => Buffer.from(data.bytes!, 'base64').toString())
    .join('');
  return { code, talk, events, serial };
}

const READY = ['--expect', 'Type a command'];
const states = (events: Event[]): string[] => events.flatMap(({ data }) => data.state ?? []);

function crc32(bytes: Uint8Array): string {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (~crc >>> 0).toString(16).toUpperCase().padStart(8, '0');
}

describe('virtualserver demo', () => {
  it('shows the machine, obeys the keyboard, reads its disk, and powers off in order', async () => {
    const { code, events, serial } = await demo(
      ...READY,
      ...['--type', 'disk 64\\n', '--expect', '/CRC-32 [0-9A-F]{8}/', '--type', 'poweroff\\n'],
    );
    expect(code).toBe(0);
    expect(states(events)).toEqual(['TurningOn', 'Running', 'TurningOff', 'DeleteMachine', 'TurnedOff']);
    expect(events.at(-1)).toMatchObject({ type: 'vm.ended', reason: 'guest' });
    // The 440BX/PIIX4 board with the S3, as the original product showed it to its guests.
    for (const id of ['8086:7192', '8086:7110', '8086:7111', '8086:7113', '5333:8811']) expect(serial).toContain(id);
    expect(serial).toContain('GenuineIntel');
    expect(serial).toContain('Virtual HD 8192 KiB');
    // One interrupt for each sector, and the bytes of the image.
    const image = readFileSync(join(ROOT, 'src', 'demo', 'demo.img'));
    expect(serial).toContain(`64 interrupts, CRC-32 ${crc32(image)}`);
  });

  it('takes commands from the serial port too, and survives a division by zero', async () => {
    const { code, serial } = await demo(
      ...READY,
      ...['--send', 'divide\\n', '--expect', 'Exception 0 at', '--send', 'memory\\n', '--expect', '00FFFC0000'],
      ...['--send', 'poweroff\\n'],
    );
    expect(code).toBe(0);
    expect(serial).toContain('000009FC00  usable');
  });

  it('draws in mode 13h and comes back to text', async () => {
    const picture = join(folder, 'mode13.png');
    const { code } = await demo(
      ...READY,
      ...['--type', 'mode13\\n', '--wait', '0.5', '--screenshot', picture, '--type', 'x', '--wait', '0.3'],
      ...['--type', 'time\\n', '--expect', 'scan codes', '--type', 'poweroff\\n'],
    );
    expect(code).toBe(0);
    const { data, width, height } = decode(readFileSync(picture));
    expect(width / height).toBeCloseTo(1.6, 5);
    const colors = new Set<number>();
    const channels = data.length / (width * height);
    for (let i = 0; i < data.length; i += channels) colors.add((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
    expect(colors.size).toBeGreaterThan(60);
  });

  it('resets by the keyboard controller and starts again', async () => {
    const { code, events, serial } = await demo(
      ...READY,
      ...['--type', 'reboot\\n', '--wait', '0.5', '--expect', 'Type a command', '--quit'],
    );
    expect(code).toBe(0);
    expect(events.find(({ type }) => type === 'vm.reset')?.data.cause).toBe('guest');
    expect(serial.split('Type a command').length).toBeGreaterThan(2);
  });

  it('stops at a triple fault with the registers, when told to', async () => {
    const { code, events, talk } = await demo(...READY, '--triple-fault', 'stop', '--type', 'fault\\n');
    expect(code).toBe(5);
    expect(talk).toMatch(/Triple fault: #UD.*#DF/);
    expect(talk).toMatch(/EIP +0000[0-9A-F]{4}/);
    const types = events.map(({ type }) => type);
    expect(types).toContain('vm.tripleFault');
    expect(events.at(-1)).toMatchObject({ type: 'vm.ended', reason: 'tripleFault' });
  });

  it('resets at a triple fault by default, like a PC', async () => {
    const { code, events } = await demo(...READY, '--type', 'fault\\n', '--wait', '1.5', '--quit');
    expect(code).toBe(0);
    expect(events.find(({ type }) => type === 'vm.reset')?.data.cause).toBe('tripleFault');
  });

  it('powers off in order when the program is asked to end', async () => {
    const child = spawn(process.execPath, [CLI, 'demo', '--headless', '--serial', `file:${join(folder, 'com1.log')}`]);
    let talk = '';
    child.stderr.on('data', (bytes: Buffer) => (talk += bytes.toString()));
    const log = (): string => {
      const path = join(folder, 'com1.log');
      return existsSync(path) ? readFileSync(path, 'utf8') : '';
    };
    await expect.poll(log, { timeout: 15_000 }).toContain('Type a command');
    child.kill('SIGTERM');
    const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
    expect(code).toBe(143);
    expect(talk).toContain('The guest powered off.');
    expect(log()).toContain('Powering off.');
  });
});

/** `script` gives the program a terminal of its own. */
function inTerminal(...args: string[]): ChildProcessWithoutNullStreams {
  const command = [process.execPath, CLI, 'demo', ...args].map((word) => `'${word}'`).join(' ');
  return spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', NO_COLOR: '' },
  });
}

const hasScript = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasScript && !process.env['CI'])('in a terminal (needs script of util-linux)', () => {
  async function session(react: (text: string, child: ChildProcessWithoutNullStreams) => void) {
    const child = inTerminal();
    let text = '';
    child.stdout.on('data', (bytes: Buffer) => {
      text += bytes.toString();
      react(text, child);
    });
    const code = await new Promise<number>((resolve) => child.on('close', (status) => resolve(status ?? -1)));
    return { text, code };
  }

  it('attaches to the screen, and gives the terminal back on Ctrl-A x', async () => {
    let left = false;
    const { text, code } = await session((seen, child) => {
      if (left || !seen.includes('Type a command')) return;
      left = true;
      child.stdin.write('\x01x');
    });
    expect(code).toBe(0);
    expect(text).toContain('\x1b[?1049h');
    expect(text).toContain('╔');
    const end = text.slice(text.lastIndexOf('\x1b[?1049l'));
    for (const sequence of ['\x1b[?25h', '\x1b[?7h', '\x1b[?2004l']) {
      expect(text.lastIndexOf(sequence)).toBeGreaterThan(
        text.lastIndexOf(sequence.replace(/[hl]$/, (c) => (c === 'h' ? 'l' : 'h'))),
      );
    }
    expect(end).toContain('turned off');
  });

  it('takes keys from the terminal', async () => {
    let stage = 0;
    const { text, code } = await session((seen, child) => {
      if (stage === 0 && seen.includes('Type a command')) {
        stage = 1;
        child.stdin.write('divide\r');
      } else if (stage === 1 && seen.includes('Exception 0')) {
        stage = 2;
        child.stdin.write('poweroff\r');
      }
    });
    expect(code).toBe(0);
    expect(text.trimEnd().endsWith('The guest powered off.')).toBe(true);
  });
});
