/** Saving and restoring as programs do it: states, events, files, and what is refused. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createProcessor } from '../../cpu/index.ts';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import type { MachineOptions } from '../../src/machine/api.ts';
import type { MachineEvent } from '../../src/machine/events.ts';
import { startInline } from '../../src/machine/inline-thread.ts';
import { MachineHost, normaliseOptions } from '../../src/machine/machine-host.ts';
import { bytesOpener } from '../../src/machine/media.ts';
import { nodeServices } from '../../src/machine/node-services.ts';
import { nodeStateFiles } from '../../src/machine/node-state-files.ts';
import { savedConfiguration } from '../../src/machine/saving.ts';
import { bytesStateFiles } from '../../src/machine/state-files.ts';
import type { MachineHostServices } from '../../src/machine/host-services.ts';

const DEMO = readFileSync(join(import.meta.dirname, '..', '..', 'src', 'demo', 'demo.img'));
const folder = mkdtempSync(join(tmpdir(), 'virtualserver-state-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What a page has. */
const pageServices: MachineHostServices = {
  opener: bytesOpener,
  stateFiles: bytesStateFiles,
  createProcessor,
  loadFirmware: () => loadFirmware(),
  hostTime: () => performance.now(),
  wallClock: () => Date.now(),
  zoneMinutes: () => 0,
};

function make(options: MachineOptions, services: MachineHostServices = nodeServices) {
  const vm = new MachineHost(normaliseOptions({ memoryMiB: 32, boot: ['disk'], clock: { kind: 'fast' }, ...options }), {
    startThread: () => Promise.resolve(startInline(services)),
    removeState: (path) => Promise.resolve(rmSync(path, { force: true })),
  });
  const states: string[] = [];
  const events: MachineEvent[] = [];
  vm.onEvent((event) => {
    events.push(event);
    if (event.type === 'vm.state.changed') states.push(event.data.state);
  });
  return { vm, states, events };
}

function demoDisk(name: string): string {
  const path = join(folder, name);
  const bytes = new Uint8Array(8 << 20);
  bytes.set(DEMO);
  writeFileSync(path, bytes);
  return path;
}

async function savedDemo(name: string, options: MachineOptions = {}): Promise<{ disk: string; file: string }> {
  const disk = demoDisk(`${name}.img`);
  const file = join(folder, `${name}.vsv`);
  const { vm } = make({ hda: { path: disk, mode: 'memory' }, ...options });
  await vm.start();
  await vm.screen.waitForText('Type a command');
  await vm.save(file);
  await vm.close();
  return { disk, file };
}

describe('save', () => {
  it('goes through the states of the product, and so does the next start', async () => {
    const disk = demoDisk('states.img');
    const file = join(folder, 'states.vsv');
    const { vm, states, events } = make({ hda: { path: disk, mode: 'memory' } });
    await vm.start();
    await vm.screen.waitForText('Type a command');
    await vm.serial[0]!.write('set greeting hello\r');
    const before = await vm.statistics();
    expect(await vm.save(file)).toEqual({ path: file });
    expect(states).toEqual(['TurningOn', 'Running', 'Saving', 'TurningOff', 'DeleteMachine', 'TurnedOff']);
    expect(events.at(-1)).toMatchObject({ type: 'vm.ended', reason: 'host', data: { saved: true } });
    expect(vm.state).toBe('Saved');
    await expect(vm.statistics()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    expect(() => vm.attachDisk(disk)).toThrowError(/hardware of a saved machine/);
    states.length = 0;
    await vm.start();
    expect(states).toEqual(['TurningOn', 'Restoring', 'Running']);
    // The screen is there at once, and the guest listens.
    const screen = await vm.screen.read();
    expect(screen.mode === 'text' && screen.lines.join('\n')).toContain('Type a command');
    const after = await vm.statistics();
    expect(after.instructions).toBeGreaterThanOrEqual(before.instructions);
    expect(after.virtualSeconds).toBeGreaterThanOrEqual(before.virtualSeconds);
    await vm.keyboard.type('disk 64\n');
    await vm.screen.waitForText(/64 interrupts, CRC-32 [0-9A-F]{8}/);
    await vm.close();
  });

  it('gives bytes where there are no files, media in bytes included', async () => {
    const bytes = new Uint8Array(8 << 20);
    bytes.set(DEMO);
    const first = make({ hda: { bytes } }, pageServices);
    await first.vm.start();
    await first.vm.screen.waitForText('Type a command');
    const state = await first.vm.save();
    expect(state.bytes).toBeInstanceOf(Uint8Array);
    // The same state by the compressor of the other host.
    const configuration = savedConfiguration(state, nodeStateFiles);
    const second = make({ ...configuration, savedState: state });
    expect(second.vm.state).toBe('Saved');
    await second.vm.start();
    await second.vm.keyboard.type('disk 64\n');
    await second.vm.screen.waitForText(/64 interrupts, CRC-32 [0-9A-F]{8}/);
    await Promise.all([first.vm.close(), second.vm.close()]);
  });

  it('is refused where there is nothing to save, and leaves no file', async () => {
    const { vm } = make({});
    await expect(vm.save(join(folder, 'off.vsv'))).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await vm.start();
    const missing = join(folder, 'no-such-folder', 'x.vsv');
    await expect(vm.save(missing)).rejects.toMatchObject({ code: 'VS_SAVED_STATE', detail: 'state-not-found' });
    // The machine goes on.
    expect(vm.state).toBe('Running');
    await vm.pause();
    await expect(vm.save(missing)).rejects.toMatchObject({ code: 'VS_SAVED_STATE' });
    expect(vm.state).toBe('Paused');
    await vm.close();
  });

  it('writes over space that was kept free, and replaces the state before', async () => {
    const { disk, file } = await savedDemo('again');
    const size = statSync(file).size;
    writeFileSync(file, new Uint8Array(size + (20 << 20)));
    const { vm } = make({ hda: { path: disk, mode: 'memory' } });
    await vm.start();
    await vm.screen.waitForText('Type a command');
    await vm.save(file);
    expect(statSync(file).size).toBeLessThan(size + (1 << 20));
    expect(existsSync(`${file}.new`)).toBe(false);
    await vm.start();
    await vm.save(file);
    await vm.start();
    await vm.close();
  });

  it('can be given up by turning the machine off', async () => {
    const disk = demoDisk('given-up.img');
    const file = join(folder, 'given-up.vsv');
    const { vm, states } = make({ memoryMiB: 512, hda: { path: disk, mode: 'memory' } });
    await vm.start();
    const saving = vm.save(file);
    await vm.turnOff();
    await expect(saving).rejects.toMatchObject({ code: 'VS_ABORTED' });
    expect(states.at(-1)).toBe('TurnedOff');
    expect(vm.state).toBe('TurnedOff');
    expect(existsSync(file) || existsSync(`${file}.new`)).toBe(false);
    await vm.close();
  });
});

describe('restoring', () => {
  it('is refused when a disk was changed, unless the media are to be trusted', async () => {
    const { disk, file } = await savedDemo('changed');
    utimesSync(disk, new Date(), new Date(Date.now() + 5000));
    const options = { hda: { path: disk, mode: 'memory' } as const };
    const { vm } = make({ ...options, savedState: { path: file } });
    await expect(vm.start()).rejects.toMatchObject({ code: 'VS_SAVED_STATE', detail: 'state-media' });
    expect(vm.state).toBe('Saved');
    const trusting = make({ ...options, savedState: { path: file, trustMedia: true } });
    await trusting.vm.start();
    await Promise.all([vm.close(), trusting.vm.close()]);
  });

  it('accepts a copied disk whose time has lost its fraction', async () => {
    const { disk, file } = await savedDemo('copied');
    const seconds = Math.floor(statSync(disk).mtimeMs / 1000);
    utimesSync(disk, seconds, seconds);
    const { vm } = make({ hda: { path: disk, mode: 'memory' }, savedState: { path: file } });
    await vm.start();
    await vm.close();
  });

  it('is refused by a machine that is built otherwise, and names what differs', async () => {
    const { disk, file } = await savedDemo('hardware');
    const hda = { path: disk, mode: 'memory' } as const;
    for (const [other, what] of [
      [{ memoryMiB: 64 }, 'memoryBytes'],
      [{ cpuid: { model: 3 } }, 'cpuid'],
      [{ serial: [{ kind: 'none' }] }, 'serial'],
      [{ floppies: [{}, {}] }, 'floppies'],
      [{ hdb: hda }, 'drives'],
    ] as const) {
      const { vm } = make({ hda, ...other, savedState: { path: file } });
      const error = await vm.start().catch((reason: Error) => reason);
      expect(error).toMatchObject({ code: 'VS_SAVED_STATE', detail: 'state-hardware' });
      expect((error as Error).message).toContain(what);
      await vm.close();
    }
  });

  it('uses a state once if told so, and can give one up', async () => {
    const { disk, file } = await savedDemo('once');
    const options = { hda: { path: disk, mode: 'memory' } as const };
    const { vm } = make({ ...options, savedState: { path: file, once: true } });
    await vm.start();
    await expect.poll(() => existsSync(file), { timeout: 5000 }).toBe(false);
    await vm.save(file);
    await vm.discardSavedState();
    expect(existsSync(file)).toBe(false);
    expect(vm.state).toBe('TurnedOff');
    await expect(vm.discardSavedState()).rejects.toMatchObject({ code: 'VS_INVALID_STATE' });
    await vm.close();
  });
});
