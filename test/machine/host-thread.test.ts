/** Reads and writes of guests happen in the machine's own thread: the host's goes on, however slow a disk is. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type * as Library from '../../src/index.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DIST = join(ROOT, 'dist', 'index.js');
const folder = mkdtempSync(join(tmpdir(), 'virtualserver-thread-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let library: typeof Library;
beforeAll(async () => {
  if (!existsSync(DIST)) throw new Error('dist/index.js is missing: run npm run build');
  library = (await import(pathToFileURL(DIST).href)) as typeof Library;
});

/** The longest that the host's thread was held up while `work` went on, in milliseconds. */
async function longestDelay(work: () => Promise<unknown>): Promise<number> {
  const monitor = monitorEventLoopDelay({ resolution: 5 });
  monitor.enable();
  await work();
  monitor.disable();
  return monitor.max / 1e6;
}

describe('the host thread', () => {
  it('is not held up by the disk of a guest, nor by saving and restoring', async () => {
    const disk = join(folder, 'disk.img');
    const bytes = new Uint8Array(64 << 20).fill(0x5a);
    bytes.set(readFileSync(join(ROOT, 'src', 'demo', 'demo.img')));
    writeFileSync(disk, bytes);
    const state = join(folder, 'state.vsv');
    const vm = library.createMachine({ memoryMiB: 64, hda: { path: disk, mode: 'memory' }, boot: ['disk'] });
    await vm.start();
    await vm.screen.waitForText('Type a command');
    const before = await vm.statistics();
    const delay = await longestDelay(async () => {
      for (let n = 0; n < 5; n++) {
        await vm.serial[0]!.write('disk 2000\r');
        await vm.serial[0]!.waitForText(new RegExp(`(?:2000 interrupts[^]*){${n + 1}}`));
      }
    });
    expect((await vm.statistics()).diskBytesRead - before.diskBytesRead).toBeGreaterThanOrEqual(5 * 2000 * 512);
    // The reads alone take longer than that; the host's thread only forwards events.
    expect(delay).toBeLessThan(500);
    expect(await longestDelay(() => vm.save(state))).toBeLessThan(500);
    expect(await longestDelay(() => vm.start())).toBeLessThan(500);
    await vm.close();
  });
});
