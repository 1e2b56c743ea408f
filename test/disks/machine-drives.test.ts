import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDisk, openDisk, openMachineDrives } from '../../src/disks/index.ts';
import { parseVmc, VmcDocument, type VmcConfiguration } from '../../src/vmc/index.ts';
import { DiskError } from '../../vhd/index.ts';
import { pattern } from '../vhd/random.ts';

let home: string;
beforeEach(() => {
  home = fs.mkdtempSync(path.join(os.tmpdir(), 'drives-test-'));
});
afterEach(() => fs.rmSync(home, { recursive: true }));

const DISK = 'hardware/pci_bus/ide_adapter/ide_controller[@id=0]/location[@id=0]';
const CD = 'hardware/pci_bus/ide_adapter/ide_controller[@id=1]/location[@id=0]';

function configure(values: Record<string, string>): VmcConfiguration {
  const document = VmcDocument.create('m.vmc');
  document.set('hardware/memory/ram_size', { type: 'integer', value: 32 });
  document.set(`${DISK}/drive_type`, { type: 'integer', value: 1 });
  document.set(`${CD}/drive_type`, { type: 'integer', value: 2 });
  for (const [key, value] of Object.entries(values)) document.set(key, { type: 'string', value });
  return parseVmc(document.toBytes(), 'm.vmc').configuration;
}

function firstSector(disk: { read(lba: number, into: Uint8Array): void }): Uint8Array {
  const bytes = new Uint8Array(512);
  disk.read(0, bytes);
  return bytes;
}

describe('openMachineDrives', () => {
  it('opens disks through the undo disk that the configuration names, and changes neither', () => {
    const base = path.join(home, 'hda.vhd');
    createDisk(base, { type: 'dynamic', size: 1024 * 1024 });
    const disk = openDisk(base);
    disk.write(0, pattern(1, 1));
    disk.close();
    fs.mkdirSync(path.join(home, 'vm'));
    const undo = path.join(home, 'vm', 'VirtualPCUndo_hda_0_0_13020906142008.vud');
    const layer = openDisk(base, { mode: 'undo-file', undoPath: undo });
    layer.write(0, pattern(1, 2));
    layer.close();
    const files = [base, undo].map((file) => fs.readFileSync(file));

    const configuration = configure({
      [`${DISK}/pathname/absolute`]: 'C:\\gone\\hda.vhd',
      [`${DISK}/pathname/relative`]: '..\\HDA.vhd',
      [`${DISK}/undo_pathname/relative`]: '.\\virtualpcundo_hda_0_0_13020906142008.VUD',
      [`${CD}/pathname/relative`]: '.\\missing.iso',
    });
    const options = { vmcPath: path.join(home, 'vm', 'm.vmc') };
    const drives = openMachineDrives(configuration, { ...options, mode: 'undo-file' });
    expect(drives.disks).toHaveLength(1);
    expect(firstSector(drives.disks[0].disk)).toEqual(pattern(1, 2));
    drives.disks[0].disk.write(0, pattern(1, 3));
    expect(drives.cds).toMatchObject([{ cd: undefined }]);
    expect(drives.notes.join('\n')).toMatch(/missing\.iso[\s\S]*drive is empty/);
    expect(drives.notes.join('\n')).toMatch(/undo disk .* is in use/);
    drives.close();
    expect([base, undo].map((file, i) => fs.readFileSync(file).equals(files[i]))).toEqual([true, true]);
    const again = openMachineDrives(configuration, { ...options, mode: 'undo-file' });
    expect(firstSector(again.disks[0].disk)).toEqual(pattern(1, 3));
    again.close();
  });

  it('fails for a missing hard disk and closes what it had opened', () => {
    const configuration = configure({ [`${DISK}/pathname/relative`]: 'no.vhd' });
    let error: unknown;
    try {
      openMachineDrives(configuration, { vmcPath: path.join(home, 'm.vmc') });
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(DiskError);
    expect(error).toMatchObject({ code: 'disk-not-found', exitCode: 4 });
    expect((error as Error).message).toContain(DISK);
    const skipped = openMachineDrives(configuration, {
      vmcPath: path.join(home, 'm.vmc'),
      skip: (d) => d.key === DISK,
    });
    expect(skipped.disks).toEqual([]);
    skipped.close();
  });
});
