import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RSDP_FILE, TABLES_FILE, buildAcpi, buildDsdt } from '../../src/firmware/acpi.ts';
import { eisaId, integer, name, packageOf, path, scope } from '../../src/firmware/aml.ts';
import { TableLoader } from '../../src/firmware/table-loader.ts';

const OPTIONS = { memoryBytes: 256 << 20, serial: [true, true], parallel: true, floppy: true };

describe('AML encoder', () => {
  it('encodes names, integers and identifiers as the grammar says', () => {
    expect(path('\\_SB.PCI0')).toEqual([0x5c, 0x2e, ...Buffer.from('_SB_PCI0')]);
    expect(path('\\A.B.C')).toEqual([0x5c, 0x2f, 3, ...Buffer.from('A___B___C___')]);
    expect(path('^X')).toEqual([0x5e, ...Buffer.from('X___')]);
    expect(integer(0x1234)).toEqual([0x0b, 0x34, 0x12]);
    expect(integer(0x80000000)).toEqual([0x0c, 0, 0, 0, 0x80]);
    // PNP0A03 is 41 D0 0A 03 in every DSDT.
    expect(eisaId('PNP0A03')).toEqual([0x0c, 0x41, 0xd0, 0x0a, 0x03]);
    expect(() => path('lower')).toThrow(RangeError);
  });

  it('chooses the length of PkgLength so that it counts itself', () => {
    const lengthOf = (bytes: readonly number[]): [number, number] => {
      const extra = bytes[1]! >> 6;
      let length = extra === 0 ? bytes[1]! & 0x3f : bytes[1]! & 0xf;
      for (let i = 0; i < extra; i++) length |= bytes[2 + i]! << (4 + 8 * i);
      return [length, bytes.length - 1];
    };
    for (const count of [10, 57, 58, 59, 200, 4087, 4088, 4089, 70000]) {
      const [said, real] = lengthOf(
        scope(
          'X',
          Array.from({ length: count }, () => 0xa3),
        ),
      );
      expect(said).toBe(real);
    }
    expect(name('A', packageOf(integer(0), integer(5)))).toEqual([8, ...Buffer.from('A___'), 0x12, 5, 2, 0, 0x0a, 5]);
  });
});

/** Carries out a loader script as a firmware does. */
function link(): { memory: Uint8Array; at: Map<string, number> } {
  const loader = new TableLoader();
  const blobs = buildAcpi(OPTIONS, loader);
  const files = new Map([
    [TABLES_FILE, blobs.tables],
    [RSDP_FILE, blobs.rsdp],
  ]);
  const memory = new Uint8Array(0x40000);
  const at = new Map<string, number>();
  const script = loader.build();
  let free = 0x10010;
  for (let entry = 0; entry < script.length; entry += 128) {
    const view = new DataView(script.buffer, entry, 128);
    const text = (offset: number): string =>
      Buffer.from(script.buffer, entry + offset, 56)
        .toString('latin1')
        .replace(/\0.*$/s, '');
    const u32 = (offset: number): number => view.getUint32(offset, true);
    const command = u32(0);
    if (command === 1) {
      const alignment = u32(60);
      free = Math.ceil(free / alignment) * alignment;
      at.set(text(4), free);
      memory.set(files.get(text(4))!, free);
      free += files.get(text(4))!.length;
    } else if (command === 2) {
      const place = new DataView(memory.buffer, at.get(text(4))! + u32(116));
      expect(view.getUint8(120)).toBe(4);
      place.setUint32(0, place.getUint32(0, true) + at.get(text(60))!, true);
    } else {
      expect(command).toBe(3);
      const base = at.get(text(4))!;
      memory[base + u32(60)] = 0;
      const sum = memory.subarray(base + u32(64), base + u32(64) + u32(68)).reduce((a, b) => a + b, 0);
      memory[base + u32(60)] = -sum;
    }
  }
  return { memory, at };
}

describe('ACPI tables', () => {
  it('are found from the RSDP after linking, with valid checksums', () => {
    const { memory, at } = link();
    const view = new DataView(memory.buffer);
    const sum = (from: number, length: number): number =>
      memory.subarray(from, from + length).reduce((a, b) => (a + b) & 0xff, 0);
    const signature = (from: number): string => Buffer.from(memory.subarray(from, from + 4)).toString();
    const rsdp = at.get(RSDP_FILE)!;
    expect(Buffer.from(memory.subarray(rsdp, rsdp + 8)).toString()).toBe('RSD PTR ');
    expect(sum(rsdp, 20)).toBe(0);
    const rsdt = view.getUint32(rsdp + 16, true);
    expect(signature(rsdt)).toBe('RSDT');
    expect(view.getUint32(rsdt + 4, true)).toBe(40);
    const fadt = view.getUint32(rsdt + 36, true);
    expect(signature(fadt)).toBe('FACP');
    const facs = view.getUint32(fadt + 36, true);
    const dsdt = view.getUint32(fadt + 40, true);
    expect(signature(facs)).toBe('FACS');
    expect(facs % 64).toBe(0);
    expect(signature(dsdt)).toBe('DSDT');
    for (const start of [rsdt, fadt, dsdt]) expect(sum(start, view.getUint32(start + 4, true))).toBe(0);
    expect(view.getUint16(fadt + 46, true)).toBe(9);
    expect([56, 64, 76, 80].map((o) => view.getUint32(fadt + o, true))).toEqual([0x400, 0x404, 0x408, 0x40c]);
  });
});

const iasl = spawnSync('iasl', ['-v']).status === 0;
const required = process.env['CI'] !== undefined;

describe('DSDT', () => {
  it.skipIf(!iasl && !required)('is what iasl (acpica-tools) understands, and says what it should', () => {
    const folder = mkdtempSync(join(tmpdir(), 'dsdt-'));
    try {
      const file = join(folder, 'dsdt.aml');
      writeFileSync(file, buildDsdt(OPTIONS));
      execFileSync('iasl', ['-d', file], { stdio: 'pipe' });
      const source = readFileSync(join(folder, 'dsdt.dsl'), 'utf8');
      for (const id of [
        'PNP0A03',
        'PNP0C0F',
        'PNP0303',
        'PNP0F13',
        'PNP0501',
        'PNP0700',
        'PNP0400',
        'PNP0B00',
        'PNP0C02',
      ])
        expect(source).toContain(id);
      expect(source.match(/Device \(LNK[A-D]\)/g)).toHaveLength(4);
      expect(source).toMatch(/0x000AFFFF,\s+Zero,\s+\\?_SB\.PCI0\.LNKA/);
      expect(source).toMatch(/IRQ \(Level, ActiveLow, Shared/);
      expect(source).not.toMatch(/Unknown|Invalid/);
      // Compiling the disassembly again must give no error, and the same code but for the header's creator.
      const compiled = spawnSync('iasl', ['-ve', '-p', join(folder, 'again'), join(folder, 'dsdt.dsl')], {
        encoding: 'utf8',
      });
      expect(`${compiled.stdout}${compiled.stderr}`).toMatch(/0 Errors/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
