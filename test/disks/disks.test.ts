import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buildSync } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  commitUndo,
  createDisk,
  discardUndo,
  openCd,
  openDisk,
  openFloppy,
  productUndoName,
} from '../../src/disks/index.ts';
import { createDynamic, createFixed, DiskError, MemoryFile } from '../../vhd/index.ts';
import { pattern, seededRandom } from '../vhd/random.ts';

const MIB = 1024 * 1024;
let home: string;
beforeEach(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'disks-test-'));
});
afterEach(() => fs.rmSync(home, { recursive: true }));

const at = (name: string): string => path.join(home, name);

function catchError(run: () => unknown): DiskError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(DiskError);
    return error as DiskError;
  }
  throw new Error('nothing was thrown');
}

/** A dynamic VHD as another product makes it: other creator, some data in it. */
function foreignDisk(name = 'foreign.vhd'): string {
  const file = new MemoryFile(name);
  createDynamic(file, { size: 8 * MIB });
  const bytes = file.toBytes();
  for (const footer of [0, bytes.length - 512]) {
    // Creator "vpc " in place of the own code; the checksum is the complement of the sum.
    const view = new DataView(bytes.buffer, footer);
    const before = bytes.subarray(footer + 28, footer + 32).reduce((sum, byte) => sum + byte, 0);
    const creator = [...'vpc '].map((character) => character.charCodeAt(0));
    bytes.set(creator, footer + 28);
    view.setUint32(64, view.getUint32(64) + before - creator.reduce((sum, byte) => sum + byte, 0));
  }
  fs.writeFileSync(at(name), bytes);
  return at(name);
}

function sector(disk: { read(lba: number, into: Uint8Array): void }, lba: number): Uint8Array {
  const bytes = new Uint8Array(512);
  disk.read(lba, bytes);
  return bytes;
}

describe('openDisk', () => {
  it('never changes a foreign disk, and keeps the changes in an undo disk beside it', () => {
    const file = foreignDisk();
    const before = fs.readFileSync(file);
    const disk = openDisk(file);
    expect(disk).toMatchObject({
      mode: 'undo-file',
      readOnly: false,
      sectorCount: 16384,
      undoPath: `${file}.vud`,
      problems: [],
    });
    expect(disk.geometry).toEqual({ cylinders: 240, heads: 4, sectorsPerTrack: 17 });
    disk.write(100, pattern(1, 1));
    disk.close();
    expect(fs.readFileSync(file).equals(before)).toBe(true);
    expect(fs.readdirSync(home).sort()).toEqual(['foreign.vhd', 'foreign.vhd.vud']);
    const again = openDisk(file);
    expect(sector(again, 100)).toEqual(pattern(1, 1));
    again.close();
    // The undo disk is an ordinary differencing VHD.
    const alone = openDisk(`${file}.vud`, { mode: 'read-only', format: 'vhd' });
    expect(alone.format).toBe('differencing');
    expect(sector(alone, 100)).toEqual(pattern(1, 1));
    alone.close();
    expect(catchError(() => openDisk(file, { mode: 'write-through' }))).toMatchObject({ code: 'disk-has-child' });
    discardUndo(file);
    const discarded = openDisk(file, { mode: 'read-only' });
    expect(sector(discarded, 100)).toEqual(new Uint8Array(512));
    expect(catchError(() => discarded.write(0, new Uint8Array(512)))).toMatchObject({ code: 'disk-read-only' });
    discarded.close();
    expect(fs.readdirSync(home)).toEqual(['foreign.vhd']);
  });

  it('commits an undo disk', () => {
    const file = foreignDisk();
    const disk = openDisk(file);
    disk.write(100, pattern(3, 1));
    disk.write(9000, pattern(1, 2));
    expect(catchError(() => commitUndo(file))).toMatchObject({ code: 'disk-locked' });
    expect(catchError(() => discardUndo(file))).toMatchObject({ code: 'disk-locked' });
    disk.close();
    expect(commitUndo(file)).toBe(true);
    expect(fs.readdirSync(home)).toEqual(['foreign.vhd']);
    const after = openDisk(file, { mode: 'read-only' });
    expect(sector(after, 102)).toEqual(pattern(3, 1).subarray(1024));
    expect(sector(after, 9000)).toEqual(pattern(1, 2));
    after.close();
    expect(catchError(() => commitUndo(file))).toMatchObject({ code: 'disk-not-found' });
  });

  it('keeps changes in memory', () => {
    const file = foreignDisk();
    const disk = openDisk(file, { mode: 'undo-memory' });
    disk.write(5, pattern(1, 5));
    expect(sector(disk, 5)).toEqual(pattern(1, 5));
    disk.close();
    expect(fs.readdirSync(home)).toEqual(['foreign.vhd']);
    const again = openDisk(file, { mode: 'undo-memory' });
    expect(sector(again, 5)).toEqual(new Uint8Array(512));
    again.close();
  });

  it('writes through to its own disks, and to others when told', () => {
    createDisk(at('folder/own.vhd'), { type: 'dynamic', size: 4 * MIB });
    const own = openDisk(at('folder/own.vhd'));
    expect(own.mode).toBe('write-through');
    own.write(1, pattern(1, 1));
    own.close();
    expect(fs.readdirSync(at('folder'))).toEqual(['own.vhd']);
    const foreign = openDisk(foreignDisk(), { mode: 'write-through' });
    foreign.write(1, pattern(1, 1));
    foreign.close();
    expect(fs.readdirSync(home).sort()).toEqual(['folder', 'foreign.vhd']);
  });

  it('takes raw images with an undo disk, and notices that one was exchanged', () => {
    fs.writeFileSync(at('disk.img'), pattern(20480, 7));
    const disk = openDisk(at('disk.img'));
    expect(disk.mode).toBe('undo-file');
    disk.write(20479, pattern(1, 8));
    disk.close();
    const again = openDisk(at('disk.img'));
    expect(sector(again, 20479)).toEqual(pattern(1, 8));
    expect(sector(again, 3)).toEqual(pattern(20480, 7).subarray(1536, 2048));
    expect(again.problems).toEqual([]);
    again.close();
    fs.utimesSync(at('disk.img'), 1_500_000_000, 1_500_000_000);
    const touched = openDisk(at('disk.img'));
    expect(touched.problems.join()).toMatch(/was changed/);
    touched.close();
    fs.writeFileSync(at('disk.img'), pattern(20480, 9));
    const error = catchError(() => openDisk(at('disk.img')));
    expect(error).toMatchObject({ code: 'disk-parent-mismatch', exitCode: 4 });
    expect(fs.readdirSync(home).sort()).toEqual(['disk.img', 'disk.img.vud']);
  });

  it('follows a chain of differencing disks by relative path and without regard to case', () => {
    fs.mkdirSync(at('base'));
    fs.mkdirSync(at('machine'));
    createDisk(at('base/Base.vhd'), { type: 'fixed', size: MIB });
    const base = openDisk(at('base/Base.vhd'));
    base.write(0, pattern(4, 1));
    base.close();
    createDisk(at('machine/mid.vhd'), { type: 'differencing', parent: at('base/Base.vhd') });
    createDisk(at('machine/top.vhd'), { type: 'differencing', parent: at('machine/mid.vhd'), blockSize: 512 * 1024 });
    const top = openDisk(at('machine/top.vhd'));
    top.write(1, pattern(1, 2));
    top.close();
    fs.renameSync(at('base/Base.vhd'), at('base/BASE.VHD'));
    const moved = openDisk(at('machine/top.vhd'), { mode: 'read-only' });
    expect(sector(moved, 0)).toEqual(pattern(4, 1).subarray(0, 512));
    expect(sector(moved, 1)).toEqual(pattern(1, 2));
    expect(moved.parent?.parent?.format).toBe('fixed');
    moved.close();
    fs.renameSync(at('base'), at('elsewhere'));
    const error = catchError(() => openDisk(at('machine/top.vhd')));
    expect(error.code).toBe('disk-parent-missing');
    expect(error.message).toContain(at('base/Base.vhd'));
    expect(error.message).toMatch(/id [0-9a-f]{8}-/);
    const found = openDisk(at('machine/top.vhd'), { mode: 'read-only', parentFolders: [at('elsewhere')] });
    expect(sector(found, 0)).toEqual(pattern(4, 1).subarray(0, 512));
    found.close();
  });

  it('reads disks in pieces', () => {
    const file = new MemoryFile('split');
    createFixed(file, { size: MIB });
    file.write(0, pattern(2048, 4));
    const bytes = file.toBytes();
    fs.writeFileSync(at('split.vhd'), bytes.subarray(0, 300_000));
    fs.writeFileSync(at('split.v01'), bytes.subarray(300_000, 700_001));
    fs.writeFileSync(at('split.v02'), bytes.subarray(700_001));
    const disk = openDisk(at('split.vhd'), { mode: 'write-through' });
    const all = new Uint8Array(MIB);
    disk.read(0, all);
    expect(Buffer.compare(all, pattern(2048, 4))).toBe(0);
    disk.write(584, pattern(4, 9));
    disk.close();
    const joined = Buffer.concat(['split.vhd', 'split.v01', 'split.v02'].map((name) => fs.readFileSync(at(name))));
    expect(joined.subarray(584 * 512, 588 * 512).equals(pattern(4, 9))).toBe(true);
  });

  it('explains what it cannot open', () => {
    fs.writeFileSync(at('empty.img'), '');
    fs.writeFileSync(at('cut.vhd'), pattern(100, 1));
    fs.writeFileSync(at('x.qcow2'), Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), pattern(4, 0)]));
    fs.writeFileSync(at('x.vmdk'), Buffer.concat([Buffer.from('KDMV'), pattern(4, 0)]));
    fs.writeFileSync(at('x.img.gz'), Buffer.concat([Buffer.from([0x1f, 0x8b]), pattern(4, 0)]));
    const cases: [string, string, RegExp][] = [
      ['missing.vhd', 'disk-not-found', /does not exist/],
      ['missing/disk.vhd', 'disk-not-found', /does not exist/],
      ['.', 'disk-not-a-file', /regular file/],
      ['empty.img', 'disk-not-an-image', /empty/],
      ['cut.vhd', 'disk-not-an-image', /no footer/],
      ['x.qcow2', 'disk-unsupported', /qemu-img convert/],
      ['x.vmdk', 'disk-unsupported', /VMware/],
      ['x.img.gz', 'disk-unsupported', /gunzip/],
    ];
    for (const [name, code, message] of cases) {
      const error = catchError(() => openDisk(at(name)));
      expect(error).toMatchObject({ code, exitCode: 4, fileName: at(name) });
      expect(error.message).toMatch(message);
    }
    expect(openDisk(at('cut.vhd'), { format: 'raw', mode: 'read-only' }).sectorCount).toBe(100);
    expect(catchError(() => openDisk('/dev/null'))).toMatchObject({ code: 'disk-not-a-file' });
    expect(fs.readdirSync(home).some((name) => /lock|new|vud/.test(name))).toBe(false);
  });

  it('names undo disks as the products did', () => {
    const time = new Date('2008-06-14T13:02:09Z');
    expect(productUndoName('/x/hda.vhd', 0, 1, time)).toBe('VirtualPCUndo_hda_0_1_13020906142008.vud');
  });
});

describe('locks', () => {
  it('keep a second writer away, and readers from a disk that is being written', () => {
    const file = foreignDisk();
    const writer = openDisk(file, { mode: 'write-through' });
    for (const mode of ['write-through', 'undo-file', 'undo-memory', 'read-only'] as const) {
      const error = catchError(() => openDisk(file, { mode }));
      expect(error).toMatchObject({ code: 'disk-locked', fileName: file });
      expect(error.message).toMatch(/already open in this process/);
    }
    writer.close();
    const first = openDisk(file, { mode: 'undo-file' });
    expect(catchError(() => openDisk(file, { mode: 'undo-file' }))).toMatchObject({ code: 'disk-locked' });
    const beside = openDisk(file, { mode: 'undo-memory' });
    beside.close();
    first.close();
    openDisk(file, { mode: 'undo-file' }).close();
  });

  it('of processes that ended are taken over and reported; others are respected', () => {
    const file = foreignDisk();
    const lock = `${file}.lock`;
    const content = { pid: 2 ** 22 + 1, host: os.hostname(), started: '', since: '2020-01-01T00:00:00Z' };
    fs.writeFileSync(lock, JSON.stringify(content));
    const disk = openDisk(file, { mode: 'write-through' });
    expect(disk.problems.join()).toMatch(/process 4194305 used it since 2020.*taken over/);
    disk.close();
    expect(fs.existsSync(lock)).toBe(false);
    fs.writeFileSync(lock, JSON.stringify({ ...content, host: 'another' }));
    expect(catchError(() => openDisk(file)).message).toMatch(/on the host another.*delete foreign\.vhd\.lock/);
    fs.writeFileSync(lock, JSON.stringify({ ...content, pid: process.ppid }));
    expect(catchError(() => openDisk(file)).message).toMatch(new RegExp(`process ${process.ppid} `));
    fs.writeFileSync(lock, 'garbage');
    expect(catchError(() => openDisk(file))).toMatchObject({ code: 'disk-locked' });
  });
});

describe('a writer that is killed', () => {
  it('loses nothing that it flushed', { timeout: 60_000 }, async () => {
    const script = at('writer.mjs');
    const entry = path.join(import.meta.dirname, 'kill-writer.ts');
    buildSync({
      entryPoints: [entry],
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile: script,
      logLevel: 'error',
    });
    for (const mode of ['undo-file', 'write-through'] as const) {
      const file = foreignDisk(`${mode}.vhd`);
      const pristine = fs.readFileSync(file);
      const model = new Map<number, number>();
      const random = seededRandom(mode.length);
      let next = 1;
      for (let kill = 0; kill < 6; kill++) {
        const child = spawn(process.execPath, [script, file, mode, String(next)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        let output = '';
        const target = random(25);
        await new Promise<void>((resolve) => {
          child.stdout.on('data', (data: Buffer) => {
            output += data.toString();
            if (output.split('\n').length - 1 > target) child.kill('SIGKILL');
          });
          child.on('close', () => resolve());
        });
        const last = Number(output.trim().split('\n').at(-1));
        expect(last).toBeGreaterThanOrEqual(next);
        // Rounds that were reported are there; the one that was interrupted may be there in part.
        const inFlight = new Map<number, number[]>();
        for (let round = next; round <= last + 2; round++) {
          const choose = seededRandom(round);
          for (let i = 0; i < 20; i++) {
            const lba = choose(16384);
            if (round <= last) model.set(lba, round);
            else inFlight.set(lba, [...(inFlight.get(lba) ?? []), round]);
          }
        }
        const disk = openDisk(file, { mode });
        for (const lba of new Set([...model.keys(), ...inFlight.keys()])) {
          const content = sector(disk, lba);
          const legal = [model.get(lba), ...(inFlight.get(lba) ?? [])].some(
            (round) => Buffer.compare(content, round === undefined ? new Uint8Array(512) : pattern(1, round)) === 0,
          );
          expect(legal, `${mode}, kill ${kill}, sector ${lba}`).toBe(true);
          const newer = (inFlight.get(lba) ?? []).find((round) => Buffer.compare(content, pattern(1, round)) === 0);
          if (newer !== undefined) model.set(lba, newer);
        }
        disk.close();
        next = last + 3;
      }
      expect(fs.readFileSync(file).equals(pristine)).toBe(mode === 'undo-file');
    }
  });
});

describe('openFloppy', () => {
  it('reads and writes a diskette under an undo layer', () => {
    fs.writeFileSync(at('boot.vfd'), pattern(2880, 3));
    const floppy = openFloppy(at('boot.vfd'));
    expect(floppy).toMatchObject({ size: 1_474_560, readOnly: false });
    floppy.write(512, pattern(2, 9));
    floppy.flush();
    const part = new Uint8Array(1024);
    floppy.read(512, part);
    expect(part).toEqual(pattern(2, 9));
    floppy.close();
    expect(Buffer.compare(fs.readFileSync(at('boot.vfd')), pattern(2880, 3))).toBe(0);
    discardUndo(at('boot.vfd'));
    const through = openFloppy(at('boot.vfd'), { mode: 'write-through' });
    through.write(0, pattern(1, 1));
    through.close();
    expect(fs.readFileSync(at('boot.vfd')).subarray(0, 512).equals(pattern(1, 1))).toBe(true);
  });

  it('explains wrong sizes', () => {
    fs.writeFileSync(at('short.img'), new Uint8Array(512));
    const error = catchError(() => openFloppy(at('short.img')));
    expect(error).toMatchObject({ code: 'disk-truncated', exitCode: 4 });
    expect(error.message).toMatch(/truncate -s 163840/);
    expect(catchError(() => openFloppy(foreignDisk()))).toMatchObject({ code: 'disk-wrong-kind' });
    expect(catchError(() => openFloppy(at('no.vfd')))).toMatchObject({ code: 'disk-not-found' });
  });
});

describe('openCd', () => {
  /** The least that makes an ISO 9660 image: a primary volume descriptor in sector 16 (ECMA-119, 8.4). */
  function iso(blocks: number, stated = blocks): Buffer {
    const bytes = Buffer.alloc(blocks * 2048);
    bytes.set([1, ...Buffer.from('CD001'), 1], 16 * 2048);
    bytes.writeUInt32LE(stated, 16 * 2048 + 80);
    bytes.writeUInt16LE(2048, 16 * 2048 + 128);
    return bytes;
  }

  it('reads blocks', () => {
    const bytes = iso(20);
    bytes.fill(7, 19 * 2048);
    fs.writeFileSync(at('x.iso'), bytes);
    const cd = openCd(at('x.iso'));
    expect(cd.blockCount).toBe(20);
    const part = new Uint8Array(4096);
    cd.read(18, part);
    expect(part.subarray(2048).every((byte) => byte === 7)).toBe(true);
    expect(catchError(() => cd.read(19, part))).toMatchObject({ code: 'disk-out-of-range' });
    cd.close();
  });

  it('explains raw, truncated and other images', () => {
    const raw = Buffer.alloc(2352 * 20);
    raw.fill(0xff, 1, 11);
    raw[15] = 1;
    fs.writeFileSync(at('raw.bin'), raw);
    const error = catchError(() => openCd(at('raw.bin')));
    expect(error).toMatchObject({ code: 'disk-unsupported', exitCode: 4 });
    expect(error.message).toMatch(/2352.*mode 1.*bchunk/);
    fs.writeFileSync(at('cut.iso'), iso(100, 400));
    expect(catchError(() => openCd(at('cut.iso')))).toMatchObject({ code: 'disk-truncated' });
    fs.writeFileSync(at('not.iso'), Buffer.alloc(100 * 2048, 1));
    expect(catchError(() => openCd(at('not.iso')))).toMatchObject({ code: 'disk-not-an-image' });
    expect(catchError(() => openCd(at('no.iso')))).toMatchObject({ code: 'disk-not-found' });
    fs.writeFileSync(at('x.iso'), iso(20));
    expect(catchError(() => openDisk(at('x.iso')))).toMatchObject({ code: 'disk-wrong-kind' });
  });
});
