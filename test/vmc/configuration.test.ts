import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  decodeGuestClock,
  loadVmc,
  locateImage,
  outputPath,
  parseVmc,
  resolvePath,
  saveVmc,
  storedPath,
  VmcDocument,
  VmcError,
} from '../../src/vmc/index.ts';
import { findVmcInFolder } from '../../src/disks/machine-folder.ts';
import { isKnownKey } from '../../src/vmc/known-keys.ts';
import { sharedPath } from '../vhd/shared-folder.ts';

const folder = sharedPath('samples/vmc');
const names = folder === undefined ? [] : fs.readdirSync(folder).filter((name) => name.endsWith('.vmc'));

function catchError(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A configuration with the given elements below `preferences`. */
function vmc(inner: string): Uint8Array {
  return new Uint8Array(Buffer.from(`\ufeff<preferences>\r\n${inner}</preferences>\r\n`, 'utf16le'));
}
const RAM = '<memory><ram_size type="integer">64</ram_size></memory>';

describe.skipIf(folder === undefined)('sample configurations (skipped: no ../shared/samples)', () => {
  const values: Record<string, { values: Record<string, string> }> =
    folder === undefined ? {} : JSON.parse(fs.readFileSync(path.join(folder, 'expected.json'), 'utf8')).files;
  for (const name of names) {
    it(`opens ${name}`, () => {
      const { configuration, unknownKeys, problems } = loadVmc(path.join(folder!, name));
      const expected = values[name].values;
      expect(problems).toEqual([]);
      expect(unknownKeys).toEqual([]);
      expect(configuration.memoryMiB).toBe(Number(expected['hardware/memory/ram_size']));
      expect(configuration.name).toBe(name.slice(0, -4));
      expect(configuration.bios.guid).toBe(expected['hardware/bios/bios_guid']);
      expect(configuration.modifier.name).toBe(expected['properties/modifier/name'] ?? '');
      const adapters = Number(expected['hardware/pci_bus/ethernet_adapter/controller_count'] ?? 0);
      expect(configuration.networkAdapters.length).toBe(adapters);
      // Drives of type 1 and 2 in the independent reading; a disk without a path does not count.
      const drives = Object.entries(expected).filter(([key, value]) => key.endsWith('/drive_type') && value !== '0');
      expect(configuration.drives.map((drive) => `${drive.key}/drive_type`).sort()).toEqual(
        drives.map(([key]) => key).sort(),
      );
      for (const drive of configuration.drives) {
        expect(drive.kind).toBe(expected[`${drive.key}/drive_type`] === '1' ? 'disk' : 'cd');
        expect(drive.image?.relative ?? '').toBe(expected[`${drive.key}/pathname/relative`] ?? '');
        expect(drive.image?.absolute ?? '').toBe(expected[`${drive.key}/pathname/absolute`] ?? '');
      }
    });
  }

  it('reads the clock and the ports of single samples', () => {
    const cosmos = loadVmc(path.join(folder!, 'cosmos-vpc2007.vmc'));
    expect(decodeGuestClock(cosmos.configuration.bios.timeBytes!)).toEqual({
      year: 2008,
      month: 2,
      day: 7,
      hour: 12,
      minute: 50,
      second: 34,
    });
    expect(Buffer.from(cosmos.configuration.networkAdapters[0].macAddress!).toString('hex')).toBe('0003ff898788');
    const reasons = cosmos.notEmulated.map((entry) => entry.key);
    expect(reasons).toContain('settings/sound/sound_adapter/enable');
    expect(reasons).toContain('virtual_machines/hw_assist/enable_hw_assist');
    const sharpos = loadVmc(path.join(folder!, 'sharpos-vpc2007-2008-06.vmc')).configuration;
    // A text file name is left over in this sample; the port type says pipe.
    expect(sharpos.serialPorts).toMatchObject([{ id: 0, target: { kind: 'pipe', name: '\\\\.\\pipe\\SharpOS' } }]);
  });

  it('gives a named error or a correct reading for mutated and truncated files', () => {
    let seed = 12345;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const samples = names.map((name) => new Uint8Array(fs.readFileSync(path.join(folder!, name))));
    let opened = 0;
    for (let round = 0; round < 3000; round++) {
      let bytes = samples[random(samples.length)].slice();
      for (let count = 1 + random(3); count > 0; count--) {
        const at = random(bytes.length);
        switch (random(5)) {
          case 0:
            bytes[at] = random(256);
            break;
          case 1:
            bytes[at] ^= 1 << random(8);
            break;
          case 2:
            bytes = bytes.slice(0, at + 1);
            break;
          case 3:
            bytes.copyWithin(at, random(bytes.length), random(bytes.length));
            break;
          case 4: {
            // A digit or a tag character in a character's place keeps the XML alive more often.
            const characters = '0129</>"=&;-ABz';
            bytes[at & ~1] = characters.charCodeAt(random(characters.length));
            break;
          }
        }
      }
      try {
        const { document, configuration } = parseVmc(bytes, 'mutated.vmc');
        expect(Buffer.from(document.toBytes()).equals(bytes)).toBe(true);
        expect(configuration.memoryMiB).toBeGreaterThan(0);
        opened++;
      } catch (error) {
        if (!(error instanceof VmcError)) throw error;
        expect(error.fileName).toBe('mutated.vmc');
        expect(error.message.length).toBeLessThan(1000);
      }
    }
    expect(opened).toBeGreaterThan(100);
    expect(opened).toBeLessThan(2900);
  });
});

describe('parseVmc', () => {
  it('needs a memory size', () => {
    const error = catchError(() => parseVmc(vmc('<hardware/>'), 'x.vmc'));
    expect(error).toMatchObject({ code: 'vmc-missing-key', key: 'hardware/memory/ram_size', exitCode: 3 });
  });

  it('fills in the defaults of missing keys', () => {
    const { configuration, notEmulated } = parseVmc(vmc(`<hardware>${RAM}</hardware>`), '/m/x.vmc');
    expect(configuration).toMatchObject({
      name: 'x',
      memoryMiB: 64,
      videoMemoryMiB: 4,
      drives: [],
      networkAdapters: [],
      soundEnabled: true,
      bootOrder: ['floppy', 'cd', 'disk'],
      undoDrives: { enabled: false },
      integration: { mouse: true, hostTimeSync: true, heartbeat: { rate: 10, seconds: 60, failureAttempts: 12 } },
    });
    expect(notEmulated).toEqual([]);
  });

  const location = (body: string, bus = 'ide', controller = '0', id = '0'): string =>
    `<hardware>${RAM}<pci_bus><${bus}_adapter><${bus}_controller id="${controller}"><location id="${id}">${body}</location>` +
    `</${bus}_controller></${bus}_adapter></pci_bus></hardware>`;
  const drive = 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]/location[@id=0]';
  const bad: [string, string, string][] = [
    [
      'memory 0',
      '<hardware><memory><ram_size type="integer">0</ram_size></memory></hardware>',
      'hardware/memory/ram_size',
    ],
    [
      'memory too large',
      '<hardware><memory><ram_size type="integer">9999</ram_size></memory></hardware>',
      'hardware/memory/ram_size',
    ],
    [
      'memory as a container',
      '<hardware><memory><ram_size><x/></ram_size></memory></hardware>',
      'hardware/memory/ram_size',
    ],
    ['a drive type', location('<drive_type type="integer">9</drive_type>'), `${drive}/drive_type`],
    ['a controller id', location('', 'ide', '2'), 'hardware/pci_bus/ide_adapter/ide_controller[@id=2]'],
    [
      'a location id',
      location('', 'ide', '1', 'x'),
      'hardware/pci_bus/ide_adapter/ide_controller[@id=1]/location[@id=x]',
    ],
    ['CMOS length', `<hardware>${RAM}<bios><cmos type="bytes">00</cmos></bios></hardware>`, 'hardware/bios/cmos'],
    [
      'a GUID',
      `<hardware>${RAM}<bios><bios_guid type="string">{1}</bios_guid></bios></hardware>`,
      'hardware/bios/bios_guid',
    ],
    [
      'a boolean',
      `<hardware>${RAM}</hardware><settings><undo_drives><enabled type="boolean">maybe</enabled></undo_drives></settings>`,
      'settings/undo_drives/enabled',
    ],
  ];
  for (const [name, inner, key] of bad) {
    it(`names the key of a bad value: ${name}`, () => {
      const error = catchError(() => parseVmc(vmc(inner), 'x.vmc')) as VmcError;
      expect(error).toMatchObject({ code: 'vmc-bad-value', key, line: 2, fileName: 'x.vmc' });
      expect(error.message).toContain(key);
    });
  }

  it('tells disks, CDs, host drives and SCSI apart', () => {
    const pathname = (absolute: string): string =>
      `<pathname><absolute type="string">${absolute}</absolute></pathname>`;
    const type = (value: number): string => `<drive_type type="integer">${value}</drive_type>`;
    const read = (body: string, bus = 'ide') => parseVmc(vmc(location(body, bus)), 'x.vmc');
    expect(read(type(0) + pathname('x.vhd')).configuration.drives).toEqual([]);
    expect(read(type(2) + pathname('D')).configuration.drives).toMatchObject([
      { kind: 'cd', hostDrive: 'D', image: undefined },
    ]);
    expect(read(type(2) + pathname('D')).notEmulated).toMatchObject([{ key: drive }]);
    expect(read(type(1)).problems).toMatchObject([{ code: 'no-image', key: drive, severity: 'warning' }]);
    const scsi = read(type(1) + pathname('C:\\x.vhd'), 'scsi');
    expect(scsi.configuration.drives).toMatchObject([{ bus: 'scsi', kind: 'disk', image: { absolute: 'C:\\x.vhd' } }]);
    expect(scsi.notEmulated).toMatchObject([{ key: drive.replaceAll('ide', 'scsi') }]);
    const features = { scsi: true };
    expect(parseVmc(vmc(location(type(1) + pathname('x.vhd'), 'scsi')), 'x.vmc', features).notEmulated).toEqual([]);
  });

  it('refuses one hard disk in two drives', () => {
    const one =
      '<drive_type type="integer">1</drive_type><pathname><relative type="string">.\\a.vhd</relative></pathname>';
    const two = `${one}</location><location id="1">${one.replace('a.vhd', 'A.VHD')}`;
    expect(catchError(() => parseVmc(vmc(location(two)), 'x.vmc'))).toMatchObject({
      key: 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]/location[@id=1]',
    });
  });

  it('names elements whose ids are no numbers, whatever they hold', () => {
    for (const id of ['-1', ']', "a'b", '99999999999999999999', '', '0]/x[@id=0']) {
      const error = catchError(() => parseVmc(vmc(location('', 'ide', id)), 'x.vmc'));
      expect(error).toMatchObject({ code: 'vmc-bad-value', fileName: 'x.vmc' });
    }
    const { problems } = parseVmc(vmc(`<hardware>${RAM}</hardware>`), 'a*b.vmc');
    expect(problems).toMatchObject([{ code: 'machine-name', severity: 'warning' }]);
  });

  it('keeps and reports unknown keys', () => {
    const bytes = vmc(`<hardware>${RAM}</hardware><mine><k type="string">v</k></mine>`);
    const loaded = parseVmc(bytes, 'x.vmc');
    expect(loaded.unknownKeys).toEqual(['mine/k']);
    expect([...loaded.document.toBytes()]).toEqual([...bytes]);
    expect(isKnownKey('hardware/super_io/serial_port[@id=1]/port_type')).toBe(true);
    expect(isKnownKey('hardware/super_io/serial_port[@id=1]/port_typ')).toBe(false);
  });
});

describe('files', () => {
  let home: string;
  beforeEach(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), 'vmc-test-'));
  });
  afterEach(() => fs.rmSync(home, { recursive: true }));

  it('finds images by relative path, stale absolute path and name, without regard to case', () => {
    fs.mkdirSync(path.join(home, 'Machine'));
    fs.mkdirSync(path.join(home, 'Disks'));
    fs.mkdirSync(path.join(home, 'More'));
    for (const file of ['Disks/System.VHD', 'Machine/data.vhd', 'More/other.iso'])
      fs.writeFileSync(path.join(home, file), '');
    const options = { vmcPath: path.join(home, 'Machine', 'm.vmc'), searchFolders: [path.join(home, 'More')] };
    const find = (absolute?: string, relative?: string) =>
      resolvePath({ absolute, relative }, options)?.slice(home.length + 1);
    expect(find(undefined, '..\\disks\\system.vhd')).toBe('Disks/System.VHD');
    expect(find('X:\\gone\\Data.vhd', '..\\gone\\Data.vhd')).toBe('Machine/data.vhd');
    expect(find('D:\\iso\\OTHER.ISO')).toBe('More/other.iso');
    expect(find('..\\Disks\\System.VHD')).toBe('Disks/System.VHD');
    expect(find(`Q:${home.replaceAll('/', '\\')}\\disks\\system.vhd`)).toBe('Disks/System.VHD');
    expect(find('\\\\server\\share\\none.vhd')).toBeUndefined();
    const error = catchError(() =>
      locateImage({ absolute: 'C:\\a\\no.vhd', relative: '.\\b\\no.vhd' }, 'the/key', options),
    );
    expect(error).toMatchObject({ code: 'disk-not-found', exitCode: 4 });
    for (const part of [
      'the/key',
      `${home}/Machine/b/no.vhd`,
      '/a/no.vhd',
      `${home}/Machine/no.vhd`,
      `${home}/More/no.vhd`,
    ]) {
      expect((error as Error).message).toContain(part);
    }
  });

  it('keeps output inside reach of the machine folder', () => {
    const vmcPath = path.join(home, 'm.vmc');
    expect(outputPath('.\\com1.log', vmcPath)).toBe(path.join(home, 'com1.log'));
    expect(outputPath('C:\\Windows\\com1.log', vmcPath)).toBe(path.join(home, 'com1.log'));
    expect(outputPath('\\\\.\\x\\com1.log', vmcPath)).toBe(path.join(home, 'com1.log'));
    expect(storedPath(path.join(home, 'd.vhd'), vmcPath)).toEqual({
      absolute: path.join(home, 'd.vhd'),
      relative: '.\\d.vhd',
    });
  });

  it('saves beside a backup and only when something changed', () => {
    const file = path.join(home, 'm.vmc');
    const bytes = vmc(`<hardware>${RAM}</hardware>`);
    fs.writeFileSync(file, bytes);
    const { document } = loadVmc(file);
    saveVmc(document, file);
    expect(fs.readdirSync(home)).toEqual(['m.vmc']);
    document.set('hardware/memory/ram_size', { type: 'integer', value: 128 });
    saveVmc(document, file);
    expect(fs.readdirSync(home).sort()).toEqual(['m.vmc', 'm.vpcbackup']);
    expect(loadVmc(file).configuration.memoryMiB).toBe(128);
    expect(fs.readFileSync(path.join(home, 'm.vpcbackup')).equals(bytes)).toBe(true);
  });

  it('explains missing files and folders', () => {
    expect(catchError(() => loadVmc(path.join(home, 'no.vmc')))).toMatchObject({ code: 'vmc-not-found', exitCode: 3 });
    expect(catchError(() => loadVmc(home))).toMatchObject({ code: 'vmc-not-a-configuration' });
    expect(catchError(() => findVmcInFolder(path.join(home, 'no')))).toMatchObject({ code: 'vmc-not-found' });
    expect(catchError(() => findVmcInFolder(home))).toMatchObject({ code: 'vmc-folder' });
    fs.writeFileSync(path.join(home, 'a.VMC'), '');
    expect(findVmcInFolder(home)).toBe(path.join(home, 'a.VMC'));
    fs.writeFileSync(path.join(home, 'b.vmc'), '');
    expect(catchError(() => findVmcInFolder(home))).toMatchObject({ code: 'vmc-folder' });
    fs.writeFileSync(path.join(home, `${path.basename(home)}.vmc`), '');
    expect(findVmcInFolder(home)).toBe(path.join(home, `${path.basename(home)}.vmc`));
  });

  it('creates a configuration in the form of the products', () => {
    const document = VmcDocument.create('new.vmc');
    document.set('hardware/memory/ram_size', { type: 'integer', value: 96 });
    const bytes = document.toBytes();
    expect([...bytes.subarray(0, 2)]).toEqual([0xff, 0xfe]);
    expect(parseVmc(bytes, 'new.vmc').configuration.memoryMiB).toBe(96);
  });
});
