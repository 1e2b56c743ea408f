import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootTarget } from '../../src/cli/boot-target.ts';
import { machineFromVmc } from '../../src/cli/vmc-machine.ts';
import { checkConfiguration } from '../../src/machine/configuration.ts';
import { createDisk, openDisk } from '../../src/disks/index.ts';
import { nodeOpener } from '../../src/machine/node-media.ts';
import { VmcDocument } from '../../src/vmc/index.ts';
import { DiskError } from '../../vhd/errors.ts';

const SAMPLES = join(import.meta.dirname, '..', '..', '..', 'shared', 'samples', 'vmc');
const present = existsSync(SAMPLES);
/** Replaces every drive, so that no image has to exist. */
const EMPTY = { hda: 'none', hdb: 'none', hdd: 'none', cdrom: 'none', floppy: 'none', floppyB: 'none' };

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'virtualserver-vmc-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

// Needs the samples of real machines in ../shared beside the checkout; CI has them.
describe.skipIf(!present && !process.env['CI'])('real machine configurations (needs ../shared/samples)', () => {
  const names = present ? readdirSync(SAMPLES).filter((name) => name.endsWith('.vmc')) : [];
  const expected = present
    ? (JSON.parse(readFileSync(join(SAMPLES, 'expected.json'), 'utf8')) as {
        files: Record<string, { values: Record<string, string> }>;
      })
    : { files: {} };

  it('are there', () => {
    expect(names.length).toBeGreaterThan(5);
  });

  it.each(names)('%s becomes a valid machine with its memory and name', (name) => {
    const { configuration } = bootTarget(join(SAMPLES, name), EMPTY, 'memory');
    expect(() => checkConfiguration(configuration)).not.toThrow();
    expect(configuration.name).toBe(name.replace('.vmc', ''));
    expect(configuration.memoryMiB).toBe(Number(expected.files[name]!.values['hardware/memory/ram_size']));
    expect(configuration.ide?.filter(({ media }) => media)).toEqual([]);
  });

  it.each(names)('%s without its images is refused by their names, with exit code 4', (name) => {
    let error: unknown;
    try {
      bootTarget(join(SAMPLES, name), {}, 'memory');
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(DiskError);
    expect((error as DiskError).exitCode).toBe(4);
    expect((error as DiskError).message).toMatch(/hardware\/.*was not found; searched: /);
  });

  it('a moved machine finds its disk beside the file', () => {
    const vmc = join(folder, 'cosmos-vpc2007.vmc');
    copyFileSync(join(SAMPLES, 'cosmos-vpc2007.vmc'), vmc);
    // Stored as `.\hda.vhd`, and written with another case here.
    writeFileSync(join(folder, 'HDA.VHD'), new Uint8Array(512));
    const { configuration, remarks } = bootTarget(folder, {}, 'auto');
    expect(configuration).toMatchObject({ name: 'cosmos-vpc2007', memoryMiB: 32, videoMemoryMiB: 8 });
    expect(configuration.ide).toContainEqual({ channel: 1, position: 0, kind: 'cdrom' });
    expect(configuration.ide!.find(({ kind }) => kind === 'disk')).toMatchObject({
      channel: 0,
      position: 0,
      kind: 'disk',
      media: { path: join(folder, 'HDA.VHD'), mode: 'auto' },
    });
    expect(configuration.network).toEqual([{ macAddress: '00-03-FF-89-87-88', connection: { kind: 'none' } }]);
    expect(remarks.join('\n')).toContain('Cosmos.iso was not found; the drive is empty');
  });
});

describe('a configuration', () => {
  /** A minimal file with the given hardware and settings. */
  function vmc(hardware: string, settings = ''): string {
    const path = join(folder, 'test.vmc');
    writeFileSync(
      path,
      `<?xml version="1.0" encoding="UTF-8"?>
      <preferences><version type="string">2.0</version>
      <hardware><memory><ram_size type="integer">64</ram_size></memory>${hardware}</hardware>
      <settings>${settings}</settings></preferences>`,
    );
    return path;
  }
  const NOTHING = { ide: new Set<number>(), floppies: new Set<number>() };
  const disk = (undo = ''): string => `<pci_bus><ide_adapter><ide_controller id="0"><location id="0">
    <drive_type type="integer">1</drive_type><pathname><relative type="string">disk.vhd</relative></pathname>
    <undo_pathname><relative type="string">${undo}</relative></undo_pathname>
    </location></ide_controller></ide_adapter></pci_bus>`;

  it('starts from the undo disk of the original product, which holds the newest state', () => {
    const path = vmc(disk('VirtualPCUndo_disk_0_0.vud'));
    writeFileSync(join(folder, 'disk.vhd'), '');
    expect(machineFromVmc(path, 'auto', NOTHING).configuration.ide![0]!.media!.path).toBe(join(folder, 'disk.vhd'));
    expect(machineFromVmc(path, 'auto', NOTHING).remarks.join()).toContain('undo disk');
    writeFileSync(join(folder, 'VirtualPCUndo_disk_0_0.vud'), '');
    expect(machineFromVmc(path, 'auto', NOTHING).configuration.ide![0]!.media!.path).toBe(
      join(folder, 'VirtualPCUndo_disk_0_0.vud'),
    );
  });

  it('gives the serial ports their files and pipes', () => {
    const path = vmc(`<super_io><serial_port id="0"><port_type type="integer">2</port_type>
        <text_file_path type="string">C:\\logs\\com1.txt</text_file_path></serial_port>
      <serial_port id="1"><port_type type="integer">3</port_type>
        <pipe_name type="string">\\\\.\\pipe\\debug</pipe_name></serial_port></super_io>`);
    const { configuration, remarks } = machineFromVmc(path, 'auto', NOTHING);
    expect(configuration.serial).toEqual([
      { kind: 'file', path: join(folder, 'com1.txt') },
      { kind: 'pipe', path: join(folder, 'debug.sock'), listen: true },
    ]);
    expect(remarks.join()).toContain('debug.sock');
  });

  it('replaced drives need no images', () => {
    const path = vmc(disk());
    expect(() => bootTarget(path, {}, 'auto')).toThrow(DiskError);
    const { configuration } = bootTarget(path, { hda: 'other.vhd' }, 'memory');
    expect(configuration.ide![0]!.media).toEqual({ path: 'other.vhd', mode: 'memory' });
    expect(
      bootTarget(path, { hda: 'none' }, 'memory').configuration.ide!.filter(({ kind }) => kind === 'disk'),
    ).toEqual([]);
  });
});

describe('an undo disk of the original product', () => {
  const LOCATION = 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]/location[@id=0]';
  const firstByte = (disk: { read(lba: number, into: Uint8Array): void }): number => {
    const sector = new Uint8Array(512);
    disk.read(0, sector);
    return sector[0]!;
  };

  it('is what the disk starts from, though it moved away from its parent; neither file changes', () => {
    const base = join(folder, 'disks', 'hda.vhd');
    const undo = join(folder, 'vm', 'VirtualPCUndo_hda_0_0.vud');
    mkdirSync(join(folder, 'disks'));
    mkdirSync(join(folder, 'vm'));
    createDisk(base, { type: 'dynamic', size: 1024 * 1024 });
    const disk = openDisk(base);
    disk.write(0, new Uint8Array(512).fill(1));
    disk.close();
    const made = openDisk(base, { mode: 'undo-file', undoPath: join(folder, 'disks', 'undo.vud') });
    made.write(0, new Uint8Array(512).fill(2));
    made.close();
    renameSync(join(folder, 'disks', 'undo.vud'), undo);
    const before = [base, undo].map((path) => readFileSync(path));
    const document = VmcDocument.create('m.vmc');
    document.set('hardware/memory/ram_size', { type: 'integer', value: 32 });
    document.set(`${LOCATION}/drive_type`, { type: 'integer', value: 1 });
    document.set(`${LOCATION}/pathname/relative`, { type: 'string', value: '..\\disks\\HDA.vhd' });
    document.set(`${LOCATION}/undo_pathname/relative`, {
      type: 'string',
      value: '.\\virtualpcundo_hda_0_0.VUD',
    });
    writeFileSync(join(folder, 'vm', 'm.vmc'), document.toBytes());

    const { configuration } = machineFromVmc(join(folder, 'vm', 'm.vmc'), 'undo', {
      ide: new Set(),
      floppies: new Set(),
    });
    const opened = nodeOpener.disk(configuration.ide![0]!.media!);
    expect(firstByte(opened)).toBe(2);
    opened.write(0, new Uint8Array(512).fill(3));
    opened.close();
    expect([base, undo].map((path, i) => readFileSync(path).equals(before[i]!))).toEqual([true, true]);
    const again = nodeOpener.disk(configuration.ide![0]!.media!);
    expect(firstByte(again)).toBe(3);
    again.close();
  });
});
