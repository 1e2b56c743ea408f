import { EventEmitter } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { hostName } from '../../src/cli/disk-files.ts';
import { printable, treeLines } from '../../src/cli/plain-text.ts';
import { runProgram } from '../../src/cli/program.ts';
import { createDisk, openDisk } from '../../src/disks/index.ts';
import { VmcDocument, type VmcValue } from '../../src/vmc/index.ts';
import { lacking, testFolder, tool } from '../filesystems/tools.ts';
import { pattern } from '../vhd/random.ts';

const folder = testFolder();
const at = (...names: string[]): string => path.join(folder(), ...names);
const SIZE = 16 << 20;

interface Result {
  readonly code: number;
  readonly output: string;
  readonly talk: string;
}

/** @param options.terminal the messages go to a terminal; `during` gets them and can send signals */
async function run(
  args: readonly string[],
  options: { terminal?: boolean; during?: (talk: string, signals: EventEmitter) => void } = {},
): Promise<Result> {
  const [output, talk] = [new PassThrough(), new PassThrough()];
  const signals = new EventEmitter();
  const heard = { output: '', talk: '' };
  output.on('data', (bytes: Buffer) => {
    heard.output += bytes.toString('latin1');
    options.during?.(heard.output + heard.talk, signals);
  });
  talk.on('data', (bytes: Buffer) => {
    heard.talk += bytes.toString();
    options.during?.(heard.output + heard.talk, signals);
  });
  if (options.terminal) Object.assign(talk, { isTTY: true, columns: 80 });
  const code = await runProgram(args, {
    createMachine: () => {
      throw new Error('no machine is wanted');
    },
    around: { terminal: undefined, input: new PassThrough(), output, talk, signals },
  });
  await new Promise((resolve) => setImmediate(resolve));
  // Nothing may stay behind that would hold the next Ctrl-C.
  expect(signals.listenerCount('SIGINT')).toBe(0);
  return { code, ...heard };
}

function write(file: string, lba: number, seed: number, sectors = 10): void {
  const disk = openDisk(file, { mode: 'write-through' });
  disk.write(lba, pattern(sectors, seed));
  disk.close();
}

function contentOf(file: string): Buffer {
  const disk = openDisk(file, { mode: 'read-only' });
  const bytes = Buffer.alloc(disk.sectorCount * 512);
  disk.read(0, bytes);
  disk.close();
  return bytes;
}

const modelOf = (...writes: [lba: number, seed: number][]): Buffer => {
  const model = Buffer.alloc(SIZE);
  for (const [lba, seed] of writes) model.set(pattern(10, seed), lba * 512);
  return model;
};

/** base, with something in it, and a child with more. */
function chain(): void {
  createDisk(at('base.vhd'), { type: 'dynamic', size: SIZE });
  write(at('base.vhd'), 0, 1);
  createDisk(at('child.vhd'), { type: 'differencing', parent: at('base.vhd') });
  write(at('child.vhd'), 20_000, 2);
}

describe('disk create', () => {
  it('makes what is asked for', async () => {
    expect((await run(['disk', 'create', at('a.vhd'), '--size', '16'])).code).toBe(0);
    expect((await run(['disk', 'create', at('b.vhd'), '--size', '1048576B', '--type', 'fixed'])).code).toBe(0);
    expect((await run(['disk', 'create', at('c.vhd'), '--size', '1G', '--block-size', '512K'])).code).toBe(0);
    expect((await run(['disk', 'create', at('d.vhd'), '--parent', at('a.vhd')])).code).toBe(0);
    expect(fs.statSync(at('b.vhd')).size).toBe(1_048_576 + 512);
    expect(contentOf(at('d.vhd')).length).toBe(SIZE);
    const { output } = await run(['disk', 'info', '--json', at('c.vhd')]);
    expect(JSON.parse(output)).toMatchObject({ size: 1 << 30, layers: [{ blockSize: 524_288 }] });
  });

  it.each([
    [['--type', 'differencing']],
    [[]],
    [['--size', '16', '--parent', 'x.vhd']],
    [['--size', 'much']],
    [['--size', '100B']],
  ])('usage errors: %s', async (options) => {
    const { code, talk } = await run(['disk', 'create', at('a.vhd'), ...options]);
    expect([code, fs.existsSync(at('a.vhd'))]).toEqual([2, false]);
    expect(talk).toMatch(/^error: /m);
  });

  it('replaces nothing', async () => {
    fs.writeFileSync(at('a.vhd'), 'mine');
    expect((await run(['disk', 'create', at('a.vhd'), '--size', '16'])).code).toBe(4);
    expect(fs.readFileSync(at('a.vhd'), 'utf8')).toBe('mine');
  });
});

describe('disk flatten and convert', () => {
  it('give the whole chain, to VHD by the name or to plain sectors', async () => {
    chain();
    const model = modelOf([0, 1], [20_000, 2]);
    for (const [name, ...options] of [['flat.vhd'], ['flat.img'], ['fixed.vhd', '--type', 'fixed']]) {
      expect((await run(['disk', 'flatten', at('child.vhd'), at(name!), ...options])).code).toBe(0);
      expect(contentOf(at(name!)).equals(model)).toBe(true);
    }
    expect(fs.statSync(at('flat.img')).size).toBe(SIZE);
  });

  it('with the undo disk, without it, and convert never with it', async () => {
    chain();
    const disk = openDisk(at('child.vhd'), { mode: 'undo-file' });
    disk.write(30_000, pattern(10, 3));
    disk.close();
    const withUndo = await run(['disk', 'flatten', at('child.vhd'), at('with.img')]);
    expect(withUndo.talk).toContain('child.vhd.vud');
    expect(contentOf(at('with.img')).equals(modelOf([0, 1], [20_000, 2], [30_000, 3]))).toBe(true);
    await run(['disk', 'flatten', '--without-undo', at('child.vhd'), at('without.img')]);
    await run(['disk', 'convert', at('child.vhd'), at('converted.img')]);
    for (const name of ['without.img', 'converted.img']) {
      expect(contentOf(at(name)).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
    }
  });

  it('of a machine: the undo disk that its configuration names counts', async () => {
    chain();
    const ide = 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]';
    const document = VmcDocument.create('m.vmc');
    const values: [string, VmcValue['value']][] = [
      ['hardware/memory/ram_size', 64],
      [`${ide}/location[@id=0]/drive_type`, 1],
      [`${ide}/location[@id=0]/pathname/relative`, '.\\base.vhd'],
      [`${ide}/location[@id=0]/undo_pathname/relative`, '.\\child.vhd'],
    ];
    for (const [key, value] of values) {
      document.set(key, { type: typeof value === 'number' ? 'integer' : 'string', value } as VmcValue);
    }
    fs.writeFileSync(at('m.vmc'), document.toBytes());
    await run(['disk', 'flatten', folder(), at('out.img')]);
    expect(contentOf(at('out.img')).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
    await run(['disk', 'flatten', at('m.vmc'), at('before.img'), '--without-undo', '--drive', '0:0']);
    expect(contentOf(at('before.img')).equals(modelOf([0, 1]))).toBe(true);
    expect((await run(['disk', 'flatten', at('m.vmc'), at('no.img'), '--drive', '1:0'])).code).toBe(2);
  });

  it('shows progress on a terminal; a signal stops it and leaves nothing behind', async () => {
    createDisk(at('large.vhd'), { type: 'fixed', size: 2 ** 30 });
    const before = fs.readdirSync(folder());
    const result = await run(['disk', 'flatten', at('large.vhd'), at('out.vhd'), '--type', 'fixed'], {
      terminal: true,
      during: (talk, signals) => void (/ \d+ %/.test(talk) && signals.emit('SIGINT')),
    });
    expect(result.code).toBe(130);
    expect(result.talk).toMatch(/\r\x1b\[K.*copying \d+ %/);
    expect(result.talk).toMatch(/cancelled\.\n$/);
    expect(fs.readdirSync(folder())).toEqual(before);
  });
});

describe('disk check and repair', () => {
  it('0 for a clean disk, 4 for a damaged one, 0 again after the repair of a copy', async () => {
    chain();
    expect((await run(['disk', 'check', '--chain', at('child.vhd')])).code).toBe(0);
    const model = contentOf(at('base.vhd'));
    fs.truncateSync(at('base.vhd'), fs.statSync(at('base.vhd')).size - 512);
    const damaged = fs.readFileSync(at('base.vhd'));
    const { code, output } = await run(['disk', 'check', '--json', at('base.vhd')]);
    expect([code, (JSON.parse(output) as { clean: boolean }).clean]).toEqual([4, false]);
    expect((await run(['disk', 'check', '--chain', at('child.vhd')])).code).toBe(4);
    // What a killed copy left is in nobody's way.
    fs.writeFileSync(at('copy.vhd.new'), 'half');
    expect((await run(['disk', 'repair', '--dry-run', at('base.vhd')])).output).toMatch(/^would be done: /);
    expect((await run(['disk', 'repair', at('base.vhd'), '--output', at('copy.vhd')])).code).toBe(0);
    expect(fs.readFileSync(at('base.vhd')).equals(damaged)).toBe(true);
    expect((await run(['disk', 'check', at('copy.vhd')])).code).toBe(0);
    expect(contentOf(at('copy.vhd')).equals(model)).toBe(true);
    expect((await run(['disk', 'repair', at('base.vhd')])).output).toMatch(/^done: /);
    expect((await run(['disk', 'check', at('base.vhd')])).output).toContain('clean');
  });
});

describe('commands that change a disk', () => {
  it('merge: into the parent, and the child is gone', async () => {
    chain();
    const { code, talk } = await run(['disk', 'merge', at('child.vhd')]);
    expect([code, fs.existsSync(at('child.vhd'))]).toEqual([0, false]);
    expect(talk).toMatch(/base\.vhd holds everything now.*child\.vhd is deleted/);
    expect(contentOf(at('base.vhd')).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
  });

  it('merge --output: into a new file, and nothing else changes', async () => {
    chain();
    const before = ['base.vhd', 'child.vhd'].map((name) => fs.readFileSync(at(name)));
    expect((await run(['disk', 'merge', at('child.vhd'), '--output', at('new.vhd')])).code).toBe(0);
    expect(contentOf(at('new.vhd')).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
    expect(['base.vhd', 'child.vhd'].every((name, i) => fs.readFileSync(at(name)).equals(before[i]!))).toBe(true);
  });

  it('a disk with children is neither merged into nor resized', async () => {
    chain();
    createDisk(at('other.vhd'), { type: 'differencing', parent: at('base.vhd') });
    for (const args of [
      ['merge', at('child.vhd')],
      ['resize', at('base.vhd'), '32'],
    ]) {
      const { code, talk } = await run(['disk', ...args]);
      expect([code, talk.includes('other.vhd')]).toEqual([4, true]);
    }
    expect(contentOf(at('child.vhd')).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
    expect((await run(['disk', 'resize', at('base.vhd'), '32', '-o', at('larger.vhd')])).code).toBe(0);
    expect(contentOf(at('larger.vhd')).length).toBe(2 * SIZE);
  });

  it('compact: smaller, of the same content', async () => {
    chain();
    const disk = openDisk(at('base.vhd'), { mode: 'write-through' });
    disk.write(10_000, Buffer.alloc(512, 1));
    disk.write(10_000, Buffer.alloc(512, 0));
    disk.close();
    const size = fs.statSync(at('base.vhd')).size;
    expect((await run(['disk', 'compact', at('base.vhd')])).code).toBe(0);
    expect(fs.statSync(at('base.vhd')).size).toBeLessThan(size);
    expect(contentOf(at('child.vhd')).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
  });

  it('reparent: only to the same identity, unless told', async () => {
    chain();
    fs.mkdirSync(at('moved'));
    fs.renameSync(at('base.vhd'), at('moved', 'renamed.vhd'));
    expect((await run(['disk', 'check', '--chain', at('child.vhd')])).code).toBe(4);
    expect((await run(['disk', 'reparent', at('child.vhd'), at('moved', 'renamed.vhd')])).code).toBe(0);
    expect(contentOf(at('child.vhd')).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
    createDisk(at('stranger.vhd'), { type: 'dynamic', size: SIZE });
    expect((await run(['disk', 'reparent', at('child.vhd'), at('stranger.vhd')])).code).toBe(4);
    expect((await run(['disk', 'reparent', '--accept-identity', at('child.vhd'), at('stranger.vhd')])).code).toBe(0);
    expect(contentOf(at('child.vhd')).equals(modelOf([20_000, 2]))).toBe(true);
  });

  it('a disk in use is refused, by what reads its content too', async () => {
    chain();
    const disk = openDisk(at('base.vhd'), { mode: 'write-through' });
    for (const args of [
      ['resize', at('base.vhd'), '32', '--ignore-children'],
      ['flatten', at('child.vhd'), at('out.img')],
      ['compact', at('base.vhd')],
      ['repair', at('base.vhd'), '--output', at('copy.vhd')],
      ['serve', at('base.vhd')],
    ]) {
      const { code, talk } = await run(['disk', ...args]);
      expect([code, talk.includes('already open')]).toEqual([4, true]);
    }
    disk.close();
  });
});

describe('disk diff and map', () => {
  it('0 for equal contents, 1 and the ranges for others', async () => {
    chain();
    await run(['disk', 'convert', at('child.vhd'), at('copy.img')]);
    expect((await run(['disk', 'diff', at('child.vhd'), at('copy.img')])).code).toBe(0);
    const { code, output } = await run(['disk', 'diff', at('base.vhd'), at('copy.img')]);
    expect([code, output]).toEqual([1, '20000 10\n']);
  });

  it('map names the file of every run', async () => {
    chain();
    const { output } = await run(['disk', 'map', '--json', at('child.vhd')]);
    const runs = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { lba: number; count: number; kind: string; file?: string });
    expect(runs.reduce((sum, { count }) => sum + count, 0)).toBe(SIZE / 512);
    expect(runs.find(({ lba }) => lba === 20_000)).toMatchObject({ count: 10, kind: 'data', file: at('child.vhd') });
    expect(runs[0]).toMatchObject({ lba: 0, kind: 'data', file: at('base.vhd') });
  });
});

describe.skipIf(lacking('mkfs.fat', 'mcopy', 'mmd'))('disk ls and cp (skipped: no mkfs.fat, mtools)', () => {
  function fat(): string {
    const image = at('fat.img');
    fs.writeFileSync(image, '');
    fs.truncateSync(image, 1_474_560);
    tool('mkfs.fat', [image]);
    tool('mmd', ['-i', image, '::/docs', '::/docs/deep']);
    tool('mcopy', ['-i', image, '-', '::/docs/deep/a long name.txt'], 'long\n');
    tool('mcopy', ['-i', image, '-', '::/BOOT.INI'], 'boot\r\n');
    return image;
  }

  it('lists and copies', async () => {
    const image = fat();
    expect((await run(['disk', 'ls', image])).output.split('\n').sort()).toEqual(['', 'BOOT.INI', 'docs/']);
    expect((await run(['disk', 'ls', '-R', '--json', image, 'docs'])).output).toContain(
      '"path":"deep/a long name.txt"',
    );
    expect((await run(['disk', 'cp', image, '/boot.ini', '-'])).output).toBe('boot\r\n');
    expect((await run(['disk', 'cp', '-r', image, '/', at('out')])).code).toBe(0);
    expect(fs.readFileSync(at('out', 'docs', 'deep', 'a long name.txt'), 'utf8')).toBe('long\n');
    expect((await run(['disk', 'cp', image, 'docs', at('out')])).code).toBe(4);
    fs.writeFileSync(at('BOOT.INI'), 'mine');
    expect((await run(['disk', 'cp', image, 'boot.ini', folder()])).code).toBe(4);
    expect(fs.readFileSync(at('BOOT.INI'), 'utf8')).toBe('mine');
    expect((await run(['disk', 'cp', '-f', image, 'boot.ini', folder()])).code).toBe(0);
    expect(fs.readFileSync(at('BOOT.INI'), 'utf8')).toBe('boot\r\n');
    expect((await run(['disk', 'ls', image, 'nowhere'])).code).toBe(4);
    expect((await run(['disk', 'ls', '--partition', '3', image])).code).toBe(4);
  });

  it('sees what an undo disk holds', async () => {
    const image = fat();
    const changed = Buffer.from(fs.readFileSync(image));
    changed.set(Buffer.from('undo\r\n'), changed.indexOf('boot\r\n'));
    const sector = Math.floor(changed.indexOf('undo\r\n') / 512);
    const disk = openDisk(image, { mode: 'undo-file' });
    disk.write(sector, changed.subarray(sector * 512, sector * 512 + 512));
    disk.close();
    expect((await run(['disk', 'cp', image, 'boot.ini', '-'])).output).toBe('undo\r\n');
    expect((await run(['disk', 'cp', '--without-undo', image, 'boot.ini', '-'])).output).toBe('boot\r\n');
  });

  it('names from an image lead nowhere else and say nothing to the terminal', async () => {
    const image = fat();
    const bytes = fs.readFileSync(image);
    // 8.3 names as no program would write them: a path upwards, and an escape sequence.
    bytes.write('..\\..\\XX', bytes.indexOf('BOOT    '), 'latin1');
    bytes.write('\x1b]0;a\x07', bytes.indexOf('DOCS    '), 'latin1');
    fs.writeFileSync(image, bytes);
    expect((await run(['disk', 'ls', image])).output).not.toMatch(/[\x07\x1b]/);
    const names = fs.readdirSync(folder());
    await run(['disk', 'cp', '-r', image, '/', at('out')]);
    expect(fs.readdirSync(folder()).sort()).toEqual([...names, 'out'].sort());
    expect(fs.readdirSync(at('out')).join()).toContain('.._.._XX');
  });
});

describe('undo', () => {
  it('status, commit, discard', async () => {
    chain();
    const change = (): void => {
      const disk = openDisk(at('child.vhd'), { mode: 'undo-file' });
      disk.write(5000, pattern(10, 9));
      disk.close();
    };
    expect((await run(['undo', 'status', at('child.vhd')])).output).toContain('no undo disk');
    expect((await run(['undo', 'commit', at('child.vhd')])).code).toBe(4);
    change();
    const { output } = await run(['undo', 'status', '--json', at('child.vhd')]);
    expect(JSON.parse(output)).toMatchObject([{ image: at('child.vhd'), undo: at('child.vhd.vud'), inUse: false }]);
    expect((await run(['undo', 'discard', at('child.vhd')])).code).toBe(0);
    expect(contentOf(at('child.vhd')).equals(modelOf([0, 1], [20_000, 2]))).toBe(true);
    change();
    expect((await run(['undo', 'commit', at('child.vhd')])).code).toBe(0);
    expect(fs.existsSync(at('child.vhd.vud'))).toBe(false);
    expect(contentOf(at('child.vhd')).equals(modelOf([0, 1], [20_000, 2], [5000, 9]))).toBe(true);
  });

  it('of a machine: all disks at once', async () => {
    const ide = 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]';
    const document = VmcDocument.create('m.vmc');
    document.set('hardware/memory/ram_size', { type: 'integer', value: 64 });
    for (const location of [0, 1]) {
      const key = `${ide}/location[@id=${location}]`;
      document.set(`${key}/drive_type`, { type: 'integer', value: 1 });
      document.set(`${key}/pathname/relative`, { type: 'string', value: `.\\disk${location}.vhd` });
      createDisk(at(`disk${location}.vhd`), { type: 'dynamic', size: SIZE });
    }
    fs.writeFileSync(at('m.vmc'), document.toBytes());
    const change = (undoPath: (location: number) => string | undefined): void => {
      for (const location of [0, 1]) {
        const disk = openDisk(at(`disk${location}.vhd`), { mode: 'undo-file', undoPath: undoPath(location) });
        disk.write(100, pattern(10, location + 5));
        disk.close();
      }
    };
    const vuds = (): string[] => fs.readdirSync(folder()).filter((name) => /vud/.test(name));
    change(() => undefined);
    expect((await run(['undo', 'status', folder()])).output.match(/undo disk/g)).toHaveLength(2);
    expect((await run(['undo', 'discard', at('m.vmc')])).code).toBe(0);
    expect([vuds(), contentOf(at('disk1.vhd')).equals(modelOf())]).toEqual([[], true]);
    // Those of a session have the names that the original product gave them.
    change((location) => at(`VirtualPCUndo_disk${location}_0_${location}_01020311222026.vud`));
    expect((await run(['disk', 'flatten', '--drive', '0:1', folder(), at('out.img')])).talk).toContain('without');
    expect((await run(['undo', 'commit', at('m.vmc')])).code).toBe(0);
    expect(vuds()).toEqual([]);
    for (const location of [0, 1]) {
      expect(contentOf(at(`disk${location}.vhd`)).equals(modelOf([100, location + 5]))).toBe(true);
    }
    expect((await run(['undo', 'commit', at('m.vmc')])).code).toBe(4);
  });

  it('commit into plain sectors', async () => {
    fs.writeFileSync(at('disk.img'), Buffer.alloc(1 << 20));
    const disk = openDisk(at('disk.img'), { mode: 'undo-file' });
    disk.write(7, pattern(3, 4));
    disk.close();
    expect((await run(['undo', 'commit', at('disk.img')])).code).toBe(0);
    expect(
      fs
        .readFileSync(at('disk.img'))
        .subarray(7 * 512, 10 * 512)
        .equals(Buffer.from(pattern(3, 4))),
    ).toBe(true);
  });
});

describe('disk serve', () => {
  it('says where, serves until a signal, and ends in order', async () => {
    chain();
    const result = await run(['disk', 'serve', at('child.vhd'), '--socket', at('nbd.sock')], {
      during: (heard, signals) => void (heard.includes('Ctrl-C') && signals.emit('SIGTERM')),
    });
    expect([result.code, result.output]).toEqual([0, `nbd+unix:///child?socket=${at('nbd.sock')}\n`]);
    expect(fs.existsSync(at('nbd.sock'))).toBe(false);
  });

  it.each([
    ['--listen', 'x'],
    ['--listen', '70000'],
    ['--writable', 'yes'],
  ])('usage errors: %s %s', async (...options) => {
    chain();
    expect((await run(['disk', 'serve', at('child.vhd'), ...options])).code).toBe(2);
  });
});

describe('inspect', () => {
  it('0 without errors, 4 with a broken disk, 3 with a broken configuration; a tree or JSON', async () => {
    chain();
    const whole = await run(['inspect', at('child.vhd')]);
    expect([whole.code, whole.output.includes('0 errors, 0 warnings, 0 notes')]).toEqual([0, true]);
    const { output } = await run(['inspect', '--json', folder()]);
    expect(JSON.parse(output)).toMatchObject({
      version: 1,
      disks: [{ layers: [{ role: 'image' }, { role: 'parent' }] }],
    });
    fs.rmSync(at('base.vhd'));
    const broken = await run(['inspect', at('child.vhd')]);
    expect([broken.code, broken.output.includes('error: its parent')]).toEqual([4, true]);
    fs.writeFileSync(at('m.vmc'), 'nothing');
    expect((await run(['inspect', '-q', at('m.vmc')])).code).toBe(3);
    expect((await run(['inspect', at('nowhere')])).code).toBe(4);
  });
});

describe('text for people', () => {
  it('trees', () => {
    const look = { branches: ['+-', '`-', '| ', '  '] } as never;
    const tree = { text: 'a', children: [{ text: 'b\nB', children: [{ text: 'c' }] }, { text: 'd\nD' }] };
    expect(treeLines(tree, look)).toEqual(['a', '+-b', '| | B', '| `-c', '`-d', '  D']);
  });

  it('names out of images', () => {
    expect(printable('a\x1b[2Jb\u202e\x9b')).toBe('a\\u001b[2Jb\\u202e\\u009b');
    expect(hostName('../etc/passwd', 'linux')).toBe('.._etc_passwd');
    expect(hostName('..', 'linux')).toBe('_..');
    expect(['a:b', 'CON', 'com1.txt', 'dot.'].map((name) => hostName(name, 'win32'))).toEqual([
      'a_b',
      '_CON',
      '_com1.txt',
      'dot_',
    ]);
  });
});
