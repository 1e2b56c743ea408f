import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatProfile } from '../../src/cli/profile-report.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { MachineProfile } from '../../src/machine/api.ts';
import { FakeMachine } from './fake-machine.ts';

const PROFILE: MachineProfile = {
  statistics: {
    instructions: 200e6,
    virtualSeconds: 65,
    busySeconds: 2,
    idleSeconds: 0.5,
    diskBytesRead: 0,
    diskBytesWritten: 0,
  },
  processor: {
    sampleInterval: 4000,
    samples: 1000,
    compiledSamples: 900,
    userSamples: 250,
    places: [
      { linear: 0xc0101000, samples: 600, compiled: 600 },
      { linear: 0x401000, samples: 100, compiled: 25 },
    ],
    regions: [{ linear: 0xc0100ff0, samples: 620, instructions: 42, entries: 3, merged: 1 }],
    exits: { branch: 5000, side: 400, fall: 30, helper: 2, invalid: 1 },
    sideExits: [{ linear: 0xc0102000, count: 399 }],
    helpers: Array.from({ length: 14 }, (_, i) => ({ mnemonic: `op${i}`, count: 100 - i })),
    compiler: {
      regions: 12,
      liveRegions: 10,
      modules: 3,
      instructions: 480,
      bytes: 20480,
      milliseconds: 250,
      blocksTakenBack: 7,
    },
  },
  devices: [{ kind: 'port', device: 'i8042 command', reads: 30, writes: 4, milliseconds: 125 }],
};

describe('the text of a profile', () => {
  const text = formatProfile(PROFILE);
  it('begins with what everything is a part of', () => {
    expect(text.split('\n').slice(0, 6)).toEqual([
      'Profile',
      '  processor 2.00 s (compiling 0.25 s, devices 0.13 s), idle 0.50 s',
      '  200.0 million instructions, 100 MIPS',
      '  1000 samples, one every 4000 instructions: 90.0% in compiled code, 25.0% at privilege level 3',
      '  compiled 12 regions in 3 modules (10 in use): 480 instructions, 20.0 KiB of WebAssembly',
      '  7 decoded blocks taken back, as their bytes changed',
    ]);
  });

  it('has tables in columns', () => {
    expect(text).toContain(
      [
        'Hottest places',
        '  address   samples  share  compiled',
        '  C0101000      600  60.0%    100.0%',
        '  00401000      100  10.0%     25.0%',
        '',
      ].join('\n'),
    );
    expect(text).toMatch(/^ {2}C0100FF0 +620 +62\.0% +42 +3 +1$/m);
    expect(text).toMatch(/^ {2}by a branch to other code +5000$/m);
    expect(text).toMatch(/^ {2}C0102000 +399$/m);
    expect(text).toMatch(/^ {2}i8042 command +port +30 +4 +125\.0 ms$/m);
  });

  it('cuts long tables, and says so', () => {
    expect(text).toMatch(/op11 +89\n {2}and others\n/);
    expect(text).not.toContain('op12');
  });

  it('leaves out what there is nothing of', () => {
    const { processor } = PROFILE;
    const none = {
      ...processor,
      samples: 0,
      places: [],
      regions: [],
      exits: { branch: 0, side: 0, fall: 0, helper: 0, invalid: 0 },
    };
    const short = formatProfile({ ...PROFILE, processor: none });
    expect(short).toContain('nothing was sampled');
    expect(short).not.toMatch(/Hottest|regions\n|was left|NaN/);
  });
});

describe('--profile', () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'virtualserver-profile-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function boot(profile: MachineProfile | undefined, ...args: string[]) {
    const disk = join(folder, 'disk.img');
    writeFileSync(disk, new Uint8Array(4096));
    const streams = { output: new PassThrough(), talk: new PassThrough() };
    let talk = '';
    streams.talk.on('data', (bytes: Buffer) => (talk += bytes.toString()));
    let machine: FakeMachine | undefined;
    const code = await runProgram(['boot', disk, '--headless', '--quiet', ...args], {
      createMachine: (options) => {
        const fake = (machine = new FakeMachine(options));
        fake.profile = profile;
        fake.started = () => setTimeout(() => fake.end({ reason: 'guest' }), 5);
        return fake.vm;
      },
      around: { terminal: undefined, input: new PassThrough(), signals: new EventEmitter(), ...streams },
    });
    await new Promise((resolve) => setImmediate(resolve));
    return { code, talk, options: machine!.options };
  }

  it('asks the machine for one, and prints it at the end', async () => {
    const { code, talk, options } = await boot(PROFILE, '--profile');
    expect(code).toBe(0);
    expect(options.profile).toBe(true);
    expect(talk).toBe(formatProfile(PROFILE));
  });

  it('writes a file, as text or as JSON', async () => {
    const text = join(folder, 'profile.txt');
    const json = join(folder, 'profile.json');
    expect(await boot(PROFILE, '--profile-file', text)).toMatchObject({
      code: 0,
      talk: '',
      options: { profile: true },
    });
    await boot(PROFILE, '--profile-file', json);
    expect(readFileSync(text, 'utf8')).toBe(formatProfile(PROFILE));
    expect(JSON.parse(readFileSync(json, 'utf8'))).toEqual(PROFILE);
  });

  it('is not kept without the option', async () => {
    const { talk, options } = await boot(PROFILE);
    expect(options.profile).toBeUndefined();
    expect(talk).toBe('');
  });

  it('does not change the result of a run when there is none, or it cannot be written', async () => {
    const none = await boot(undefined, '--profile');
    expect(none.code).toBe(0);
    expect(none.talk).toContain('no profile: ');
    const nowhere = await boot(PROFILE, '--profile-file', join(folder, 'missing', 'profile.txt'));
    expect(nowhere.code).toBe(0);
    expect(nowhere.talk).toContain('no profile: ');
  });
});
