/** Undo sessions: all disks of a machine at once, whatever happens in the middle. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskError } from '../../vhd/index.ts';
import { endUndoSession, journalOf, openDisk, productUndoName, recoverUndoSession } from '../../src/disks/index.ts';
import { createDisk, sessionUndoPath } from '../../src/disks/index.ts';
import type { UndoDisk } from '../../src/disks/index.ts';

const MIB = 1 << 20;
const DISKS = 3;
const SECTORS = 40;
const IMAGES = ['disk0.vhd', 'disk1.vhd', 'disk2.img'];
let folder: string;
beforeEach(() => void (folder = fs.mkdtempSync(path.join(tmpdir(), 'virtualserver-undo-'))));
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const sectorOf = (disk: number, lba: number, age: number): Uint8Array =>
  new Uint8Array(512).fill(1 + ((disk * 31 + lba * 7 + age * 101) % 255));
/** Sector 0 among them. */
const lbaOf = (n: number): number => (n * 911) % 16_000;

/** Three disks with old content, and undo disks with new content over half of it. */
function session(): UndoDisk[] {
  return Array.from({ length: DISKS }, (_, n) => {
    const disk = { path: path.join(folder, IMAGES[n]!), undoPath: path.join(folder, `u${n}.vud`) };
    // The last one is raw: what its undo disk knows it by is its content, which a commit changes.
    if (n === DISKS - 1) fs.writeFileSync(disk.path, new Uint8Array(8 * MIB));
    else createDisk(disk.path, { type: 'dynamic', size: 8 * MIB });
    const base = openDisk(disk.path, { mode: 'write-through' });
    for (let i = 0; i < SECTORS; i++) base.write(lbaOf(i), sectorOf(n, i, 0));
    base.close();
    const undo = openDisk(disk.path, { mode: 'undo-file', undoPath: disk.undoPath });
    for (let i = 0; i < SECTORS; i += 2) undo.write(lbaOf(i), sectorOf(n, i, 1));
    undo.close();
    return disk;
  });
}

/** What a machine would see: for each disk `old`, `new`, or what is neither. */
function ages(disks: readonly UndoDisk[], withUndo = true): string[] {
  return disks.map((disk, n) => {
    const undone = withUndo && fs.existsSync(disk.undoPath);
    const open = openDisk(disk.path, undone ? { mode: 'undo-file', undoPath: disk.undoPath } : { mode: 'read-only' });
    const seen = new Set<string>();
    for (let i = 0; i < SECTORS; i++) {
      const bytes = new Uint8Array(512);
      open.read(lbaOf(i), bytes);
      const is = (age: number): boolean => Buffer.compare(bytes, sectorOf(n, i, age)) === 0;
      if (i % 2 === 1) {
        if (!is(0)) seen.add(`lost ${i}`);
      } else seen.add(is(1) ? 'new' : is(0) ? 'old' : `wrong ${i}`);
    }
    open.close();
    return [...seen].sort().join(' ');
  });
}

const all = (what: string): string[] => Array.from({ length: DISKS }, () => what);
const files = (): string[] => fs.readdirSync(folder).sort();

describe('the end of a session', () => {
  it('keep leaves everything', () => {
    const disks = session();
    endUndoSession(disks, 'keep').runSync();
    expect(ages(disks)).toEqual(all('new'));
    expect(ages(disks, false)).toEqual(all('old'));
  });

  it('commit writes all changes into the images, with progress', async () => {
    const disks = session();
    const parts: number[] = [];
    await endUndoSession(disks, 'commit').run({ onProgress: ({ done, total }) => parts.push(done / total) });
    expect(files()).toEqual(IMAGES);
    expect(ages(disks)).toEqual(all('new'));
    expect([...parts].sort((a, b) => a - b)).toEqual(parts);
    expect(parts.at(-1)).toBe(1);
  });

  it('discard takes all changes back', () => {
    const disks = session();
    endUndoSession(disks, 'discard').runSync();
    expect(files()).toEqual(IMAGES);
    expect(ages(disks)).toEqual(all('old'));
  });

  it('does nothing to disks that a machine uses', () => {
    const disks = session();
    const [, second] = disks;
    const used = openDisk(second!.path, { mode: 'undo-file', undoPath: second!.undoPath });
    for (const action of ['commit', 'discard'] as const)
      expect(() => endUndoSession(disks, action).runSync()).toThrowError(DiskError);
    used.close();
    expect(ages(disks)).toEqual(all('new'));
    expect(ages(disks, false)).toEqual(all('old'));
    expect(files().filter((name) => /lock|ending/.test(name))).toEqual([]);
  });
});

/** Stops a task after a number of steps as a kill would: nothing of it runs any more, locks stay. */
function killAfter(disks: readonly UndoDisk[], action: 'commit' | 'discard', steps: number): boolean {
  const task = endUndoSession(disks, action);
  for (let n = 0; n < steps; n++) if (!task.step()) return false;
  for (const name of files()) if (name.endsWith('.lock')) fs.rmSync(path.join(folder, name));
  return true;
}

describe('an interruption', () => {
  it('of a commit loses nothing, wherever it comes', () => {
    for (let steps = 1; ; steps++) {
      const disks = session();
      const interrupted = killAfter(disks, 'commit', steps);
      // A machine that is started now sees what it saw.
      expect(ages(disks)).toEqual(all('new'));
      if (interrupted) {
        expect(recoverUndoSession(disks[0]!.undoPath)).toBe('commit');
        expect(() => endUndoSession(disks, 'discard').runSync()).toThrowError(/cannot be taken back/);
        endUndoSession(disks, 'commit').runSync();
      }
      expect(files()).toEqual(IMAGES);
      expect(ages(disks)).toEqual(all('new'));
      for (const name of files()) fs.rmSync(path.join(folder, name));
      if (!interrupted) break;
    }
  });

  it('of a discard is made good before the disks are used', () => {
    for (let steps = 1; steps <= DISKS; steps++) {
      const disks = session();
      expect(killAfter(disks, 'discard', steps)).toBe(true);
      expect(recoverUndoSession(disks[0]!.undoPath)).toBe('discard');
      expect(files()).toEqual(IMAGES);
      expect(ages(disks)).toEqual(all('old'));
      for (const name of files()) fs.rmSync(path.join(folder, name));
    }
  });

  it('by cancelling a commit keeps the undo disks', () => {
    const disks = session();
    const task = endUndoSession(disks, 'commit');
    task.step();
    task.cancel();
    expect(() => task.step()).toThrowError(/cancelled/);
    expect(files().filter((name) => name.endsWith('.lock'))).toEqual([]);
    expect(ages(disks)).toEqual(all('new'));
    endUndoSession(disks, 'commit').runSync();
    expect(files()).toEqual(IMAGES);
  });

  it('with a journal that is none is an error that names it', () => {
    const disks = session();
    fs.writeFileSync(journalOf(disks[0]!.undoPath), '{"action":"explode"}');
    expect(() => recoverUndoSession(disks[0]!.undoPath)).toThrowError(/u0\.vud\.ending/);
  });
});

describe('names', () => {
  it('are those of the product, and the newest undo disk of a drive is found again', () => {
    const time = (day: number): Date => new Date(Date.UTC(2006, 1, day, 3, 4, 5));
    const make = (name: string): void => fs.writeFileSync(path.join(folder, name), '');
    const at = (disk: string, controller: number, location: number): string =>
      path.basename(sessionUndoPath(folder, `C/${disk}`, controller, location, time(22)));
    expect(at('Windows.vhd', 0, 0)).toBe('VirtualPCUndo_Windows_0_0_03040502222006.vud');
    make(productUndoName('Windows.vhd', 0, 0, new Date(Date.UTC(2005, 11, 31))));
    make(productUndoName('windows.vhd', 0, 0, time(3)));
    make(productUndoName('Windows.vhd', 0, 1, time(9)));
    make(productUndoName('Windows_0_0.vhd', 0, 0, time(12)));
    expect(at('Windows.vhd', 0, 0)).toBe('VirtualPCUndo_windows_0_0_03040502032006.vud');
    expect(at('Windows.vhd', 1, 0)).toBe('VirtualPCUndo_Windows_1_0_03040502222006.vud');
  });
});
