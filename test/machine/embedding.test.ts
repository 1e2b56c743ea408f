/** The library as a program uses it: bundled, with the machine in a worker, and the demonstration guest on its disk. */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { decode } from 'fast-png';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Library from '../../src/index.ts';
import { ROOT } from '../architecture/sources.ts';

const DEMO = join(ROOT, 'src', 'demo', 'demo.img');
let folder: string;
let library: typeof Library;

beforeAll(async () => {
  // Below the project, so that the bundle finds its packages; laid out as the package is.
  folder = mkdtempSync(join(ROOT, 'node_modules', '.embedding-'));
  const dist = join(folder, 'dist');
  await build({
    absWorkingDir: ROOT,
    entryPoints: { index: 'src/index.ts', 'machine-worker': 'src/machine/node-worker.ts' },
    outdir: dist,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    chunkNames: 'chunks/[name]-[hash]',
  });
  copyFileSync(join(ROOT, 'src', 'video-bios', 'video-bios.bin'), join(dist, 'video-bios.bin'));
  library = (await import(pathToFileURL(join(dist, 'index.js')).href)) as typeof Library;
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the embedding example', () => {
  it('starts, waits for text, types, takes a screenshot and cleans up', async () => {
    const states: string[] = [];
    let iteration: Promise<void>;
    {
      await using vm = library.createMachine({ memoryMiB: 16, hda: DEMO });
      iteration = (async () => {
        for await (const event of vm) if (event.type === 'vm.state.changed') states.push(event.data.state);
      })();
      await vm.start();
      await vm.screen.waitForText('Type a command');
      await vm.keyboard.type('help\n');
      expect(await vm.screen.waitForText(/power off .*\(S5\)/)).toBe('power off through ACPI (S5)');
      const screen = await vm.screen.read();
      expect(screen).toMatchObject({ mode: 'text', columns: 80, rows: 25 });
      const png = decode(await vm.screenshot());
      expect([png.width, png.height]).toEqual([720, 400]);
      expect(new Set(png.data).size).toBeGreaterThan(2);
      const { instructions, idleSeconds } = await vm.statistics();
      expect(instructions).toBeGreaterThan(1e6);
      expect(idleSeconds).toBeGreaterThan(0);
      await vm.keyboard.type('poweroff\n');
      expect((await vm.finished()).reason).toBe('guest');
    }
    await iteration;
    expect(states).toEqual(['TurningOn', 'Running', 'TurningOff', 'DeleteMachine', 'TurnedOff']);
  }, 60_000);

  it('keeps an idle guest from using the host', async () => {
    await using vm = library.createMachine({ memoryMiB: 16, hda: DEMO });
    await vm.start();
    await vm.screen.waitForText('Type a command');
    const before = process.cpuUsage();
    const then = await vm.statistics();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const now = await vm.statistics();
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 2e6).toBeLessThan(0.25);
    expect(now.idleSeconds - then.idleSeconds).toBeGreaterThan(1.5);
    // The guest's clock keeps up with the host's.
    expect(now.virtualSeconds - then.virtualSeconds).toBeGreaterThan(1.8);
    expect(now.virtualSeconds - then.virtualSeconds).toBeLessThan(2.3);
  }, 60_000);

  it('does not let the host thread wait for a busy guest', async () => {
    await using vm = library.createMachine({ memoryMiB: 16 });
    await vm.start();
    let longest = 0;
    for (let i = 0; i < 50; i++) {
      const from = performance.now();
      await new Promise((resolve) => setTimeout(resolve, 5));
      longest = Math.max(longest, performance.now() - from);
    }
    expect(longest).toBeLessThan(200);
  }, 60_000);

  it('resets, pauses and shows graphics', async () => {
    await using vm = library.createMachine({ memoryMiB: 16, hda: DEMO });
    const states: string[] = [];
    vm.on('vm.state.changed', (event) => states.push(event.data.state));
    await vm.start();
    await vm.screen.waitForText('Type a command');
    await vm.reset();
    // The firmware has cleared the screen; its own message may be gone before anyone has looked.
    const prompted = async (): Promise<boolean> => {
      const screen = await vm.screen.read();
      return screen.mode === 'text' && screen.lines.some((line) => line.includes('Type a command'));
    };
    while (await prompted()) await new Promise((resolve) => setTimeout(resolve, 5));
    await vm.screen.waitForText('Type a command');
    await vm.pause();
    const { instructions } = await vm.statistics();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await vm.statistics()).instructions).toBe(instructions);
    expect(await vm.screen.waitForText('Type a command')).toBe('Type a command');
    await vm.resume();
    const graphics = new Promise<unknown>((resolve) => {
      vm.on('vm.screen.mode', (event) => event.data.mode === 'graphics' && resolve(event.data));
    });
    await vm.keyboard.type('mode13\n');
    await graphics;
    const png = decode(await vm.screenshot());
    expect(png.width / png.height).toBeCloseTo(320 / 200, 1);
    expect(states).toEqual([
      ...['TurningOn', 'Running', 'TurningOff', 'DeleteMachine', 'TurningOn', 'Running'],
      ...['Paused', 'Running'],
    ]);
  }, 60_000);

  it('reports a triple fault with the registers', async () => {
    await using vm = library.createMachine({ memoryMiB: 16, hda: DEMO, tripleFault: 'stop' });
    const fault = new Promise<Library.MachineEventData<'vm.tripleFault'>>((resolve) => {
      vm.on('vm.tripleFault', (event) => resolve(event.data));
    });
    await vm.start();
    await vm.screen.waitForText('Type a command');
    await vm.keyboard.type('fault\n');
    const { registers, chain } = await fault;
    // Protected mode without paging, and a fault that could not be delivered because delivering it faults.
    expect(registers.cr0 & 0x80000001).toBe(1);
    expect(chain.map(({ vector }) => vector)).toContain(8);
    expect((await vm.finished()).reason).toBe('tripleFault');
  }, 60_000);

  it('changes discs and floppies while it runs', async () => {
    const disc = new Uint8Array(64 * 2048);
    await using vm = library.createMachine({ memoryMiB: 16, hda: DEMO });
    const media: unknown[] = [];
    vm.on('drive.media', (event) => media.push(event.data));
    await vm.start();
    await vm.setCdrom({ bytes: disc });
    await vm.setFloppy({ bytes: new Uint8Array(1_474_560) });
    await vm.setCdrom(null);
    await expect(vm.setFloppy({ bytes: new Uint8Array(5_000_000) })).rejects.toMatchObject({ code: 'VS_MEDIA' });
    expect(media).toEqual([
      { device: 'ide1.0', inserted: true },
      { device: 'floppy0', inserted: true },
      { device: 'ide1.0', inserted: false },
    ]);
  }, 60_000);

  it('connects a serial port to a file', async () => {
    const log = join(mkdtempSync(join(tmpdir(), 'serial-')), 'com1.log');
    {
      await using vm = library.createMachine({ memoryMiB: 16, hda: DEMO, serial: [{ kind: 'file', path: log }] });
      await vm.start();
      await vm.screen.waitForText('Type a command');
      await vm.turnOff();
    }
    expect(existsSync(log)).toBe(true);
    expect(readFileSync(log).length).toBeGreaterThan(0);
    rmSync(join(log, '..'), { recursive: true });
  }, 60_000);

  it('reports a missing image and a bad option by code', async () => {
    const vm = library.createMachine({ hda: '/nonexistent/disk.vhd' });
    await expect(vm.start()).rejects.toMatchObject({
      name: 'VirtualServerError',
      code: 'VS_MEDIA',
      detail: 'disk-not-found',
    });
    await vm.close();
    expect(() => library.createMachine({ videoMemoryMiB: 3 })).toThrow(
      expect.objectContaining({ code: 'VS_INVALID_CONFIGURATION', subject: 'videoMemoryMiB' }),
    );
  });
});

describe('the library for pages', () => {
  it.each(['src/browser.ts', 'src/machine/browser-worker.ts'])(
    '%s needs nothing of Node',
    async (entry) => {
      const { outputFiles, metafile } = await build({
        absWorkingDir: ROOT,
        entryPoints: [entry],
        bundle: true,
        write: false,
        metafile: true,
        format: 'esm',
        platform: 'browser',
        target: 'es2022',
      });
      expect(outputFiles[0]!.text.length).toBeGreaterThan(1000);
      expect(Object.keys(metafile.inputs).filter((input) => input.includes('node:'))).toEqual([]);
    },
    60_000,
  );
});
