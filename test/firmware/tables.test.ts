import { describe, expect, it } from 'vitest';
import { bootOrder, describeToFirmware } from '../../src/firmware/configuration.ts';
import { checkImages } from '../../src/firmware/images.ts';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import { buildPciIrqRouting } from '../../src/firmware/pci-irq-routing.ts';
import { buildSmbios } from '../../src/firmware/smbios.ts';

const sum = (bytes: Uint8Array): number => bytes.reduce((a, b) => (a + b) & 0xff, 0);

interface Structure {
  readonly type: number;
  readonly data: Uint8Array;
  readonly strings: string[];
}

/** Reads structures as dmidecode does: formatted part by its length byte, then strings up to an empty one. */
function structures(tables: Uint8Array): Structure[] {
  const list: Structure[] = [];
  for (let at = 0; at < tables.length;) {
    const data = tables.subarray(at, at + tables[at + 1]!);
    let end = at + tables[at + 1]!;
    const strings: string[] = [];
    if (tables[end] === 0) end++;
    while (tables[end] !== 0) {
      const stop = tables.indexOf(0, end);
      strings.push(Buffer.from(tables.subarray(end, stop)).toString());
      end = stop + 1;
    }
    at = end + 1;
    list.push({ type: data[0]!, data, strings });
  }
  return list;
}

describe('SMBIOS', () => {
  const uuid = '00112233-4455-6677-8899-aabbccddeeff';
  const { anchor, tables } = buildSmbios({
    memoryBytes: 128 << 20,
    uuid,
    serialNumber: '1688-7189-5337-7903-2297-1012-52',
  });

  it('has a valid 2.3 entry point that agrees with the tables', () => {
    const view = new DataView(anchor.buffer);
    expect(sum(anchor)).toBe(0);
    expect(sum(anchor.subarray(16))).toBe(0);
    expect([anchor[6], anchor[7]]).toEqual([2, 3]);
    expect(view.getUint16(22, true)).toBe(tables.length);
    expect(view.getUint16(28, true)).toBe(structures(tables).length);
  });

  it('names the product exactly, with the UUID in the order guests print', () => {
    const all = structures(tables);
    expect(all.map((s) => s.type)).toEqual([0, 1, 2, 3, 4, 16, 17, 19, 32, 127]);
    const system = all[1]!;
    const text = (index: number): string => system.strings[system.data[index]! - 1]!;
    expect([4, 5, 6].map(text)).toEqual(['Microsoft Corporation', 'Virtual Machine', 'VS2005R2']);
    expect(text(7)).toBe('1688-7189-5337-7903-2297-1012-52');
    expect(Buffer.from(system.data.subarray(8, 24)).toString('hex')).toBe('33221100554477668899aabbccddeeff');
    expect(system.data[24]).toBe(6);
  });
});

describe('$PIR', () => {
  it('routes slots 7 to 15 by the PIIX4 at 00:07.0', () => {
    const table = buildPciIrqRouting();
    const view = new DataView(table.buffer);
    expect(Buffer.from(table.subarray(0, 4)).toString()).toBe('$PIR');
    expect(sum(table)).toBe(0);
    expect(view.getUint16(6, true)).toBe(table.length);
    expect(table[9]).toBe(0x38);
    expect((table.length - 32) / 16).toBe(9);
    const nic = 32 + 16 * (10 - 7);
    expect(table[nic + 1]).toBe(10 << 3);
    expect([0, 1, 2, 3].map((pin) => table[nic + 2 + 3 * pin])).toEqual([0x60, 0x61, 0x62, 0x63]);
  });
});

describe('what the firmware is told', () => {
  const media = { path: 'image' };
  const ide = [
    { channel: 1, position: 0, kind: 'cdrom', media },
    { channel: 0, position: 0, kind: 'disk', media },
  ] as const;

  it('orders boot devices by their paths', () => {
    expect(bootOrder({ boot: ['cdrom', 'disk', 'floppy'], ide, floppies: [{ media }] })).toEqual([
      '/pci@i0cf8/*@7,1/drive@1/disk@0',
      '/pci@i0cf8/*@7,1/drive@0/disk@0',
      '/pci@i0cf8/isa@7/fdc@03f0/floppy@0',
    ]);
  });

  it('tries empty drives last', () => {
    const empty = { channel: 1, position: 0, kind: 'cdrom' } as const;
    expect(bootOrder({ boot: ['floppy', 'cdrom', 'disk'], ide: [empty, ide[1]], floppies: [{}] })).toEqual([
      '/pci@i0cf8/*@7,1/drive@0/disk@0',
      '/pci@i0cf8/isa@7/fdc@03f0/floppy@0',
      '/pci@i0cf8/*@7,1/drive@1/disk@0',
    ]);
  });

  it('hands the video BIOS over under the adapter’s id and suppresses the firmware’s own tables', () => {
    const { items, files } = describeToFirmware({
      memoryBytes: 64 << 20,
      serial: [true, false],
      parallel: false,
      floppies: [],
      ide,
      boot: ['disk'],
      smbios: {},
      videoBios: Uint8Array.of(0x55, 0xaa),
      video: { vendor: 0x5333, device: 0x8811 },
    });
    expect(files.map((f) => f.name)).toContain('pci5333,8811.rom');
    const cpus = items.get(0x0f)!;
    expect(cpus[0]! | (cpus[1]! << 8)).toBeGreaterThan(255);
  });
});

describe('firmware images', () => {
  it('are found, and are what they claim to be', () => {
    const { bios, videoBios } = loadFirmware();
    expect([0x20000, 0x40000]).toContain(bios.length);
    // A far jump at the reset vector.
    expect(bios[bios.length - 16]).toBe(0xea);
    expect(videoBios[0]! | (videoBios[1]! << 8)).toBe(0xaa55);
  });

  it('are refused by name', () => {
    expect(() => loadFirmware({ bios: '/nonexistent/bios.bin' })).toThrow(/nonexistent/);
    const bios = new Uint8Array(0x20000).fill(0x90);
    const videoBios = new Uint8Array(512);
    expect(() => checkImages({ bios, videoBios }, 'a.bin', 'v.bin')).toThrow(/v\.bin: not an option ROM/);
    expect(() => checkImages({ bios: bios.subarray(1), videoBios }, 'a.bin', 'v.bin')).toThrow(/a\.bin/);
  });
});
