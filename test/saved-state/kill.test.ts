/** Kills a process while it saves, commits and discards: `VS_KILLS` says how often each. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeFile } from '../../src/disks/node-file.ts';
import { createDisk, endUndoSession, openDisk, recoverUndoSession } from '../../src/disks/index.ts';
import { StateReader } from '../../src/saved-state/index.ts';
import { nodeCompression } from '../../src/saved-state/node-compression.ts';

const KILLS = Number(process.env['VS_KILLS'] ?? 3);
const folder = fs.mkdtempSync(path.join(tmpdir(), 'virtualserver-kill-'));
const script = path.join(folder, 'process.mjs');
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
beforeAll(() => {
  const entryPoints = [path.join(import.meta.dirname, 'kill-process.ts')];
  const bundle = { bundle: true, platform: 'node', format: 'esm', logLevel: 'error' } as const;
  // fflate stays outside: it is found from the sources.
  buildSync({ entryPoints, outfile: script, ...bundle });
});

/** Runs the process until `after` milliseconds have passed since it said something; gives what it said. */
async function killed(args: readonly string[], after: number): Promise<string> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const begun = new Promise<void>((resolve) =>
    child.stdout.on('data', (bytes: Buffer) => {
      output += bytes.toString();
      resolve();
    }),
  );
  await Promise.race([begun, ended]);
  await Promise.race([sleep(after), ended]);
  child.kill('SIGKILL');
  await ended;
  return output;
}

/** Spread over a range, the same in every run. */
const spread = (n: number, range: number): number => ((n * 0.6180339887) % 1) * range;

describe('a process that is killed', () => {
  it(
    'while it saves leaves the last whole state, or the one after it',
    { timeout: 60_000 + KILLS * 2000 },
    async () => {
      const file = path.join(folder, 'state.vsv');
      let next = 1;
      for (let kill = 0; kill < KILLS; kill++) {
        const said = await killed(['save', file, String(next)], spread(kill, 150));
        const last = Number(said.trim().split('\n').at(-1));
        const reader = new StateReader(NodeFile.open(file, true), nodeCompression);
        reader.verify();
        const number = reader.document['number'] as number;
        reader.close();
        expect([last, last + 1]).toContain(number);
        next = number + 1;
      }
    },
  );

  const SECTORS = 450;
  const bytesOf = (n: number, age: number): Uint8Array => new Uint8Array(512).fill(1 + ((n * 7 + age * 101) % 255));

  /** Two disks, one of them raw, whose undo disks change every third sector. */
  function session(): { path: string; undoPath: string }[] {
    return ['a.vhd', 'b.img'].map((name) => {
      const disk = { path: path.join(folder, name), undoPath: path.join(folder, `${name}.vud`) };
      for (const place of fs.readdirSync(folder)) if (place.startsWith(name)) fs.rmSync(path.join(folder, place));
      if (name.endsWith('vhd')) createDisk(disk.path, { type: 'dynamic', size: 8 << 20 });
      else fs.writeFileSync(disk.path, new Uint8Array(8 << 20));
      const undo = openDisk(disk.path, { mode: 'undo-file', undoPath: disk.undoPath });
      for (let n = 0; n < SECTORS; n += 3) undo.write(n * 33, bytesOf(n, 1));
      undo.close();
      return disk;
    });
  }

  /** `new` or `old`, by what all changed sectors hold. */
  function age(disk: { path: string; undoPath: string }): string {
    const undone = fs.existsSync(disk.undoPath);
    const open = openDisk(disk.path, undone ? { mode: 'undo-file', undoPath: disk.undoPath } : { mode: 'read-only' });
    const seen = new Set<string>();
    const bytes = new Uint8Array(512);
    for (let n = 0; n < SECTORS; n += 3) {
      open.read(n * 33, bytes);
      seen.add(
        Buffer.compare(bytes, bytesOf(n, 1)) === 0 ? 'new' : bytes.every((byte) => byte === 0) ? 'old' : 'wrong',
      );
    }
    open.close();
    return [...seen].join(' and ');
  }

  for (const action of ['commit', 'discard'] as const)
    it(`in a ${action} loses nothing`, { timeout: 60_000 + KILLS * 4000 }, async () => {
      for (let kill = 0; kill < KILLS; kill++) {
        const disks = session();
        await killed([action, ...disks.map((disk) => `${disk.path}=${disk.undoPath}`)], spread(kill + 1, 60));
        for (const { undoPath } of disks) recoverUndoSession(undoPath);
        if (action === 'commit') expect(disks.map(age)).toEqual(['new', 'new']);
        else expect(new Set(disks.map(age)).size).toBe(1);
        const before = disks.map(age);
        endUndoSession(disks, 'commit').runSync();
        expect(disks.map(age)).toEqual(before);
        // The lock of a process that is gone is taken over by the next one that uses the disk.
        expect(fs.readdirSync(folder).filter((name) => /ending|vud$/.test(name))).toEqual([]);
      }
    });
});
