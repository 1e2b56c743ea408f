/** Saved states on the command line: what is found beside a machine, and what steps and signals do. */
import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { planState } from '../../src/cli/state-options.ts';
import { machineFromVmc } from '../../src/cli/vmc-machine.ts';
import { reserveStateSpace, stateAt } from '../../src/machine/state-space.ts';
import { StateWriter } from '../../src/saved-state/index.ts';
import { nodeCompression } from '../../src/saved-state/node-compression.ts';
import { MemoryFile } from '../../vhd/index.ts';
import { FakeMachine } from './fake-machine.ts';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'virtualserver-cli-state-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const STATE = ((): Uint8Array => {
  const file = new MemoryFile('state');
  new StateWriter(file, nodeCompression).finish({});
  return file.toBytes();
})();

function file(name: string, content: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const FOREIGN = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 7 + 1) & 0xff);

describe('what is found at the place of the state', () => {
  const at = (path: string) => ({ path, saveAtEnd: false });

  it('our own is gone on from once', () => {
    const path = file('own.vsv', STATE);
    expect(planState({}, at(path)).from).toEqual({ path, once: true });
    expect(planState({ resume: path, trustMedia: true }, undefined).from).toEqual({ path, trustMedia: true });
  });

  it('nothing, or space kept free by a run that crashed, starts from the disks', () => {
    expect(planState({}, at(join(folder, 'none.vsv'))).from).toBeUndefined();
    expect(planState({}, at(file('zeros.vsv', new Uint8Array(70_000)))).from).toBeUndefined();
  });

  it('a foreign one is explained, and discarding leaves it alone', () => {
    const path = file('foreign.vsv', FOREIGN);
    expect(() => planState({}, at(path))).toThrowError(/another product.*--discard-state/s);
    const plan = planState({ discardState: true, onSignal: 'save' }, at(path));
    expect(plan.from).toBeUndefined();
    expect(plan.path).not.toBe(path);
    expect(plan.reserve).toBe(false);
    expect(plan.remarks.join()).toContain('starts from its disks');
    expect(stateAt(path)).toBe('foreign');
  });

  it('discarding deletes our own', () => {
    const path = file('own.vsv', STATE);
    expect(planState({ discardState: true }, at(path)).from).toBeUndefined();
    expect(existsSync(path)).toBe(false);
  });
});

/** A configuration with one memory key and what `extra` says. */
function vmc(name: string, extra = ''): string {
  return file(
    name,
    Buffer.from(
      `<?xml version="1.0" encoding="UTF-8"?><preferences><version type="string">2.0</version>` +
        `<hardware><memory><ram_size type="integer">16</ram_size></memory></hardware>` +
        `<settings>${extra}</settings></preferences>`,
    ),
  );
}
const nothing = { ide: new Set<number>(), floppies: new Set<number>() };

describe('a .vmc', () => {
  it('has its state beside it, or where it says, and is saved at the end if it says so', () => {
    const plain = machineFromVmc(vmc('plain.vmc'), 'auto', nothing);
    expect(plain.state).toEqual({ path: join(folder, 'plain.vsv'), saveAtEnd: false });
    file('kept.vsv', FOREIGN);
    const path = `<configuration><saved_state><path><absolute type="string">C:\\VM\\kept.vsv</absolute></path></saved_state></configuration>`;
    const quit = `<shutdown><quit><action type="integer">0</action></quit></shutdown>`;
    const named = machineFromVmc(vmc('named.vmc', path + quit), 'auto', nothing);
    expect(named.state).toEqual({ path: join(folder, 'kept.vsv'), saveAtEnd: true });
    const gone = machineFromVmc(vmc('gone.vmc', path.replace('kept', 'gone')), 'auto', nothing);
    expect(gone.remarks.join()).toContain('was not found');
  });
});

interface Played {
  readonly code: number;
  readonly machine: FakeMachine;
  readonly talk: string;
}

async function play(
  args: string[],
  drive: (machine: FakeMachine, signals: EventEmitter) => void | Promise<void> = () => {},
  prepare: (machine: FakeMachine) => void = () => {},
): Promise<Played> {
  const signals = new EventEmitter();
  const talk = new PassThrough();
  let text = '';
  talk.on('data', (bytes: Buffer) => (text += bytes.toString()));
  let machine!: FakeMachine;
  const code = await runProgram(args, {
    createMachine: (options) => {
      machine = new FakeMachine(options);
      prepare(machine);
      machine.started = () => setTimeout(() => void drive(machine, signals), 5);
      return machine.vm;
    },
    around: { terminal: undefined, input: new PassThrough(), output: new PassThrough(), talk, signals },
  });
  await new Promise((resolve) => setImmediate(resolve));
  return { code, machine, talk: text };
}

describe('boot', () => {
  it('saves as a step, where the state belongs', async () => {
    const path = vmc('m.vmc');
    const { code, machine, talk } = await play(['boot', path, '--wait', '0', '--save']);
    expect(code).toBe(0);
    expect(machine.calls).toContain(`save ${join(folder, 'm.vsv')}`);
    expect(talk).toContain('The machine was saved.');
  });

  it('wants to know where', async () => {
    const image = file('d.img', new Uint8Array(1 << 20));
    for (const args of [['--save'], ['--on-signal', 'save']]) {
      const { code, talk } = await play(['boot', image, ...args]);
      expect(code).toBe(2);
      expect(talk).toContain('--state');
    }
  });

  it('saves at a signal, and keeps space free for it until then', async () => {
    const state = join(folder, 's.vsv');
    const { code, machine } = await play(
      ['boot', vmc('m.vmc'), '--state', state, '--on-signal', 'save'],
      async (_, signals) => {
        await vi.waitFor(() => expect(statSync(state).size).toBe(26 << 20), { timeout: 5000 });
        signals.emit('SIGTERM');
      },
    );
    expect(code).toBe(143);
    expect(machine.calls.filter((call) => call.startsWith('save'))).toEqual([`save ${state}`]);
    // The machine of this test writes no state, so the space is given free.
    expect(readdirSync(folder)).toEqual(['m.vmc']);
  });

  it('asks the guest to shut down if saving fails', async () => {
    const { machine, talk } = await play(
      ['boot', vmc('m.vmc'), '--on-signal', 'save'],
      async (played, signals) => {
        signals.emit('SIGTERM');
        await vi.waitFor(() => expect(played.calls).toContain('pressPowerButton'));
        played.end({ reason: 'guest' });
      },
      (played) => (played.saveError = new Error('no room')),
    );
    expect(machine.calls).toContain('pressPowerButton');
    expect(talk).toContain('could not be saved: no room');
  });

  it('explains a foreign state and does not start', async () => {
    file('m.vsv', FOREIGN);
    const { code, machine, talk } = await play(['boot', vmc('m.vmc')]);
    expect(code).toBe(4);
    expect(machine).toBeUndefined();
    expect(talk).toContain('saved state of another product');
  });
});

describe('space for a state', () => {
  it('is as large as memory and a little more, never touches a state, and is given free', async () => {
    const path = join(folder, 'x.vsv');
    const space = await reserveStateSpace(path, 3 << 20);
    expect(statSync(path).size).toBe(13 << 20);
    // Written, not only claimed.
    expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(13 << 20);
    await (await reserveStateSpace(path, 3 << 20)).release();
    expect(existsSync(path)).toBe(false);
    await space.release();
    file('x.vsv', STATE);
    await (await reserveStateSpace(path, 3 << 20)).release();
    expect(stateAt(path)).toBe('state');
  });
});
