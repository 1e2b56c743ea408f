import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { createDisk, openDisk } from '../../src/disks/index.ts';
import { inspect, type InspectReport } from '../../src/inspect/index.ts';
import { NodeFile } from '../../src/disks/node-file.ts';
import { reparentDisk, resizeDisk } from '../../vhd/index.ts';
import { StateWriter } from '../../src/saved-state/index.ts';
import { nodeCompression } from '../../src/saved-state/node-compression.ts';
import { VmcDocument, type VmcValue } from '../../src/vmc/index.ts';
import { lacking, testFolder, tool } from '../filesystems/tools.ts';
import { pattern } from '../vhd/random.ts';
import { sharedPath } from '../vhd/shared-folder.ts';

const folder = testFolder();
const at = (...names: string[]): string => path.join(folder(), ...names);
const codes = ({ problems }: InspectReport): string[] => problems.map(({ severity, code }) => `${severity} ${code}`);
const serious = (report: InspectReport): string[] => codes(report).filter((code) => !code.startsWith('note'));

/** Every file with its content and times: what a look must not change. */
function stateOf(root: string): string {
  const hash = createHash('sha256');
  for (const entry of fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const full = path.join(entry.parentPath, entry.name);
    const { mtimeMs, size } = fs.statSync(full);
    hash.update(`${full} ${mtimeMs} ${size}\n`);
    if (entry.isFile()) hash.update(fs.readFileSync(full));
  }
  return hash.digest('hex');
}

/** Inspects and makes sure that nothing changed. */
function look(target: string, searchFolders?: string[]): InspectReport {
  const before = stateOf(folder());
  const report = inspect(target, { searchFolders });
  expect(stateOf(folder())).toBe(before);
  // What is not JSON would be lost in the machine-readable form.
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  return report;
}

const IDE = 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]/location[@id=0]';

function writeVmc(name: string, values: Record<string, string | number | boolean>): string {
  const document = VmcDocument.create(name);
  const all = { 'hardware/memory/ram_size': 64, ...values };
  for (const [key, value] of Object.entries(all)) {
    const type = typeof value === 'number' ? 'integer' : typeof value === 'boolean' ? 'boolean' : 'string';
    document.set(key, { type, value } as VmcValue);
  }
  fs.writeFileSync(at(name), document.toBytes());
  return at(name);
}

function write(file: string, lba: number, seed: number): void {
  const disk = openDisk(file, { mode: 'write-through' });
  disk.write(lba, pattern(10, seed));
  disk.close();
}

const SIZE = 16 << 20;

describe('a machine', () => {
  beforeEach(() => {
    fs.mkdirSync(at('machine'));
    createDisk(at('machine', 'disk.vhd'), { type: 'dynamic', size: SIZE });
  });
  const machine = (values: Record<string, string | number | boolean> = {}): string =>
    writeVmc('machine/m.vmc', { [`${IDE}/drive_type`]: 1, [`${IDE}/pathname/relative`]: '.\\disk.vhd', ...values });

  it('with nothing wrong', () => {
    machine();
    const report = look(at('machine'));
    expect(report).toMatchObject({ version: 1, summary: { errors: 0, warnings: 0 }, disks: [], media: [] });
    expect(report.machines).toEqual([
      expect.objectContaining({
        name: 'm',
        memoryMiB: 64,
        drives: [
          expect.objectContaining({
            name: 'IDE 0:0',
            path: at('machine', 'disk.vhd'),
            disk: expect.objectContaining({
              size: SIZE,
              layers: [expect.objectContaining({ role: 'image', format: 'dynamic', creator: 'vsts' })],
            }),
          }),
        ],
      }),
    ]);
  });

  it('whose disk is missing, at another place, found by name, found in a folder to search', () => {
    machine({ [`${IDE}/pathname/absolute`]: 'C:\\VMs\\disk.vhd' });
    fs.mkdirSync(at('elsewhere'));
    fs.renameSync(at('machine', 'disk.vhd'), at('elsewhere', 'disk.vhd'));
    const lost = look(at('machine', 'm.vmc'));
    expect(serious(lost)).toEqual(['error disk-missing']);
    expect(lost.problems[0]!.message).toContain(at('machine', 'disk.vhd'));
    const found = look(at('machine', 'm.vmc'), [at('elsewhere')]);
    expect(serious(found)).toEqual([]);
    expect(codes(found)).toContain('note path-stale');
    expect(found.machines[0]!.drives[0]!.disk!.size).toBe(SIZE);
  });

  it('with an undo disk of the product: the newest state is on top', () => {
    const undo = 'VirtualPCUndo_disk_0_0_12345601022008.vud';
    createDisk(at('machine', undo), { type: 'differencing', parent: at('machine', 'disk.vhd') });
    machine({ [`${IDE}/undo_pathname/relative`]: `.\\${undo}`, 'settings/undo_drives/enabled': true });
    const report = look(at('machine'));
    expect(
      report.machines[0]!.drives[0]!.disk!.layers.map(({ role, path: file }) => [role, path.basename(file)]),
    ).toEqual([
      ['product-undo', undo],
      ['image', 'disk.vhd'],
    ]);
    expect(report.machines[0]!.undo).toEqual({ enabled: true, defaultAction: 'keep' });
    expect([serious(report), report.disks]).toEqual([[], []]);
    // Not named by the configuration, it is easily overlooked.
    machine();
    expect(serious(look(at('machine')))).toEqual(['warning undo-unused']);
    // Named and not there.
    machine({ [`${IDE}/undo_pathname/relative`]: '.\\gone.vud' });
    expect(serious(look(at('machine', 'm.vmc')))).toEqual(['warning undo-disk-missing']);
  });

  it('with an undo disk of another disk', () => {
    createDisk(at('machine', 'other.vhd'), { type: 'dynamic', size: SIZE });
    createDisk(at('machine', 'wrong.vud'), { type: 'differencing', parent: at('machine', 'other.vhd') });
    machine({ [`${IDE}/undo_pathname/relative`]: '.\\wrong.vud' });
    expect(serious(look(at('machine', 'm.vmc')))).toEqual(['error undo-of-another-disk']);
  });

  it('saved by the original product', () => {
    const key = 'settings/configuration/saved_state/path/relative';
    machine({ [key]: '.\\m.vsv' });
    expect(serious(look(at('machine')))).toEqual(['warning saved-state-missing']);
    fs.writeFileSync(at('machine', 'm.vsv'), Buffer.from('something of its own'));
    const foreign = look(at('machine'));
    expect(serious(foreign)).toEqual(['warning saved-state-foreign']);
    expect(foreign.machines[0]!.savedState).toMatchObject({ kind: 'foreign', fileSize: 20 });
    fs.writeFileSync(at('machine', 'm.vsv'), Buffer.alloc(1 << 20));
    expect(look(at('machine')).machines[0]!.savedState).toMatchObject({ kind: 'placeholder' });
    machine();
    fs.renameSync(at('machine', 'm.vsv'), at('machine', 'other.vsv'));
    expect(codes(look(at('machine')))).toContain('note saved-state-unused');
  });

  it('saved by this product: found beside the configuration, and whether it fits the disks', () => {
    machine();
    const disk = at('machine', 'disk.vhd');
    const { size, mtimeMs } = fs.statSync(disk);
    const save = (modified: number): void => {
      const file = NodeFile.create(at('machine', 'm.vsv'));
      const document = { media: { hda: [{ name: disk, size, modified }] } };
      new StateWriter(file, nodeCompression).finish(document);
      file.close();
    };
    save(Math.floor(mtimeMs));
    const fitting = look(at('machine'));
    expect([fitting.machines[0]!.savedState?.kind, serious(fitting)]).toEqual(['own', []]);
    fs.rmSync(at('machine', 'm.vsv'));
    save(Math.floor(mtimeMs) - 1000);
    expect(serious(look(at('machine')))).toEqual(['warning saved-state-media']);
    fs.truncateSync(at('machine', 'm.vsv'), 100);
    expect(serious(look(at('machine'))).join()).toMatch(/^error state-/);
  });

  it('in use: looked at all the same', () => {
    machine();
    const open = openDisk(at('machine', 'disk.vhd'), { mode: 'write-through' });
    const report = look(at('machine'));
    open.close();
    expect(serious(report)).toEqual(['warning in-use']);
    expect(report.machines[0]!.drives[0]!.disk!.size).toBe(SIZE);
  });

  it('with values that cannot be', () => {
    machine({ 'hardware/memory/ram_size': 1_000_000, [`${IDE}/drive_type`]: 7 });
    expect(serious(look(at('machine', 'm.vmc')))).toEqual(['error vmc-bad-value', 'error vmc-bad-value']);
  });

  it('that is no configuration, beside disks that are disks', () => {
    fs.writeFileSync(at('machine', 'm.vmc'), '<preferences><a></preferences>');
    const report = look(at('machine'));
    expect(serious(report)).toEqual(['error vmc-xml']);
    expect(report.disks).toHaveLength(1);
  });
});

describe('a chain', () => {
  beforeEach(() => {
    createDisk(at('base.vhd'), { type: 'dynamic', size: SIZE });
    createDisk(at('middle.vhd'), { type: 'differencing', parent: at('base.vhd') });
    createDisk(at('top.vhd'), { type: 'differencing', parent: at('middle.vhd') });
  });
  const names = (report: InspectReport): string[] =>
    report.disks[0]!.layers.map(({ path: file }) => path.basename(file));

  it('is shown as a whole, once in its folder', () => {
    expect(names(look(at('top.vhd')))).toEqual(['top.vhd', 'middle.vhd', 'base.vhd']);
    const report = look(folder());
    expect([report.disks.length, names(report), serious(report)]).toEqual([
      1,
      ['top.vhd', 'middle.vhd', 'base.vhd'],
      [],
    ]);
  });

  it('with a missing parent: its id and all places are named', () => {
    const { id } = look(at('base.vhd')).disks[0]!.layers[0]!;
    fs.renameSync(at('base.vhd'), at('renamed.vhd'));
    const report = look(at('top.vhd'));
    expect(serious(report)).toEqual(['error disk-parent-missing']);
    expect(report.problems[0]).toMatchObject({
      place: at('middle.vhd'),
      message: expect.stringContaining(id!),
      remedy: expect.stringContaining('disk reparent'),
    });
    expect([report.disks[0]!.size, report.disks[0]!.volumes]).toEqual([undefined, []]);
  });

  it('with a parent that was made larger', () => {
    const file = NodeFile.open(at('base.vhd'), false);
    resizeDisk(file, { size: 2 * SIZE }).runSync();
    file.close();
    const report = look(at('top.vhd'));
    expect(serious(report)).toContain('error size-conflict');
    expect(report.problems[0]).toMatchObject({
      place: at('middle.vhd'),
      message: expect.stringContaining(String(2 * SIZE)),
    });
  });

  it('in a circle', () => {
    const top = openDisk(at('top.vhd'), { mode: 'read-only' });
    const { identity, sectorCount } = top;
    top.close();
    const file = NodeFile.open(at('middle.vhd'), false);
    const locators = [{ platform: 'W2ru' as const, text: '.\\top.vhd' }];
    const parent = { name: 'top.vhd', identity, sectorCount };
    reparentDisk(file, { parent, parentName: 'top.vhd', locators, acceptIdentity: true }).runSync();
    file.close();
    expect(serious(look(at('top.vhd')))).toEqual(['error disk-chain-loop']);
  });

  it('with a parent of another identity', () => {
    fs.rmSync(at('base.vhd'));
    createDisk(at('base.vhd'), { type: 'dynamic', size: SIZE });
    expect(serious(look(at('top.vhd')))).toEqual(['error disk-parent-mismatch']);
  });

  it('with a parent that was written afterwards', () => {
    write(at('middle.vhd'), 0, 1);
    fs.utimesSync(at('base.vhd'), Date.now() / 1000, Date.now() / 1000 + 3600);
    const report = look(at('top.vhd'));
    expect(serious(report)).toEqual(['warning parent-touched']);
    expect(report.problems[0]!.place).toBe(at('middle.vhd'));
  });

  it('whose parent moved: found beside the child', () => {
    fs.mkdirSync(at('new'));
    for (const name of ['base.vhd', 'middle.vhd']) fs.renameSync(at(name), at('new', name));
    const report = inspect(at('top.vhd'), { searchFolders: [at('new')] });
    expect([names(report), serious(report)]).toEqual([['top.vhd', 'middle.vhd', 'base.vhd'], []]);
    expect(codes(report)).toContain('note parent-path-stale');
  });

  it('with our own undo disk on top, and one that was made over something else', () => {
    const disk = openDisk(at('top.vhd'), { mode: 'undo-file' });
    disk.write(0, pattern(1, 1));
    disk.close();
    const report = look(at('top.vhd'));
    expect(report.disks[0]!.layers[0]).toMatchObject({ role: 'undo', path: at('top.vhd.vud') });
    expect([serious(report), report.disks[0]!.layers.length, report.disks[0]!.size]).toEqual([[], 4, SIZE]);
    fs.writeFileSync(at('top.vhd.vud.ending'), JSON.stringify({ action: 'discard', disks: [] }));
    expect(serious(look(at('top.vhd')))).toEqual(['warning undo-unfinished']);
    fs.rmSync(at('top.vhd.vud.ending'));
    fs.copyFileSync(at('top.vhd.vud'), at('base.vhd.vud'));
    expect(serious(look(at('base.vhd')))).toEqual(['error disk-parent-mismatch']);
  });
});

describe('damage', () => {
  it.each([
    ['a lost footer', (bytes: Buffer) => bytes.subarray(0, bytes.length - 512), 'warning vhd-footer-missing'],
    ['a bad header', (bytes: Buffer) => (bytes.fill(0xee, 600, 610), bytes), 'error vhd-header-checksum'],
    [
      'an entry outside the file',
      (bytes: Buffer) => (bytes.writeUInt32BE(0x7fffffff, 1536), bytes),
      'error vhd-table-outside',
    ],
    ['nothing left', () => Buffer.alloc(0), 'error vhd-footer-missing'],
  ])('%s', (_, damage, code) => {
    createDisk(at('disk.vhd'), { type: 'dynamic', size: SIZE });
    write(at('disk.vhd'), 0, 1);
    fs.writeFileSync(at('disk.vhd'), damage(fs.readFileSync(at('disk.vhd'))));
    const report = look(at('disk.vhd'));
    expect(serious(report)).toContain(code);
    for (const { remedy } of report.problems.filter(({ severity }) => severity !== 'note')) expect(remedy).toBeTruthy();
  });

  it('images of other products are named', () => {
    fs.writeFileSync(at('disk.img'), 'QFI\xfb and so on'.padEnd(4096), 'latin1');
    expect(serious(look(at('disk.img')))).toEqual(['error foreign-image']);
  });

  it('a target that does not exist, and an empty folder', () => {
    expect(() => inspect(at('nowhere'))).toThrow(expect.objectContaining({ code: 'disk-not-found' }));
    expect(serious(look(folder()))).toEqual(['error nothing-found']);
  });
});

describe.skipIf(lacking('sfdisk', 'mkfs.fat', 'mkfs.ext2'))(
  'file systems (skipped: no sfdisk, mkfs.fat, mkfs.ext2)',
  () => {
    it('on partitions of a dynamic disk', () => {
      const raw = at('raw.bin');
      fs.writeFileSync(raw, '');
      fs.truncateSync(raw, 32 << 20);
      const script =
        'label: dos\nstart=63, size=20000, type=6, bootable\nstart=20160, size=20000, type=83\nstart=40960, size=100, type=7\n';
      tool('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', raw], script);
      const image = fs.readFileSync(raw);
      for (const [program, options, start] of [
        ['mkfs.fat', ['-F', '16', '-n', 'FIRST'], 63],
        ['mkfs.ext2', ['-q', '-F', '-L', 'second'], 20_160],
      ] as const) {
        const part = at('part');
        fs.writeFileSync(part, '');
        fs.truncateSync(part, 20_000 * 512);
        tool(program, [...options, part]);
        image.set(fs.readFileSync(part), start * 512);
      }
      createDisk(at('disk.vhd'), { type: 'dynamic', size: 32 << 20 });
      const disk = openDisk(at('disk.vhd'), { mode: 'write-through' });
      disk.write(0, image);
      disk.close();
      const { disks } = look(at('disk.vhd'));
      expect(disks[0]).toMatchObject({
        partitionScheme: 'mbr',
        volumes: [
          { number: 1, start: 63 * 512, active: true, fileSystem: { type: 'FAT16', label: 'FIRST', readable: true } },
          { number: 2, active: false, fileSystem: { type: 'ext2', label: 'second', readable: false } },
          { number: 3, partitionType: { code: '07', name: 'NTFS, HPFS or exFAT' } },
        ],
      });
      expect(disks[0]!.volumes[2]!.fileSystem).toBeUndefined();
    });
  },
);

const samples = sharedPath('samples');
describe.skipIf(samples === undefined)('samples (skipped: no ../shared/samples)', () => {
  const unpack = (name: string): void => {
    const stored = path.join(samples!, 'vhd', name);
    if (fs.existsSync(stored)) fs.copyFileSync(stored, at(name));
    else fs.writeFileSync(at(name), gunzipSync(fs.readFileSync(`${stored}.gz`)));
  };

  it.each(['windows10-fixed-10m-ntfs.vhd', 'qemu-dynamic-4m-ext2.vhd', 'freebsd-mkimg-dynamic-gpt.vhd'])(
    '%s',
    (name) => {
      unpack(name);
      const report = look(at(name));
      const types = report.disks[0]!.volumes.map(({ fileSystem }) => fileSystem?.type);
      const expected = {
        'windows10-fixed-10m-ntfs.vhd': 'NTFS',
        'qemu-dynamic-4m-ext2.vhd': 'ext2',
        'freebsd-mkimg-dynamic-gpt.vhd': undefined,
      }[name];
      expect(types).toContain(expected);
      expect(report.summary.errors).toBe(0);
    },
  );

  it('a chain of FATtools, and the base missing', () => {
    unpack('ft-base.vhd');
    unpack('ft-child.vhd');
    expect(look(folder()).disks[0]!.layers).toHaveLength(2);
    fs.rmSync(at('ft-base.vhd'));
    expect(serious(look(folder()))).toEqual(['error disk-parent-missing']);
  });

  it.each(['handedited-badsum-dynamic.vhd', 'handedited-badsum-differencing.vhd'])('%s', (name) => {
    unpack(name);
    expect(serious(look(at(name))).join()).toMatch(/checksum/);
  });

  it.each(
    fs
      .readdirSync(path.join(samples ?? '.', samples === undefined ? '' : 'vmc'))
      .filter((name) => name.endsWith('.vmc')),
  )('%s: nothing but what is missing beside it', (name) => {
    fs.copyFileSync(path.join(samples!, 'vmc', name), at(name));
    const report = look(at(name));
    // The template has marks in place of values; the others are whole.
    const allowed = name.includes('template') ? /./ : /-missing$|vmc-no-image|vmc-cmos|vmc-boot-order/;
    expect(serious(report).filter((code) => !allowed.test(code))).toEqual([]);
    if (!name.includes('template')) expect(report.machines).toHaveLength(1);
  });
});
