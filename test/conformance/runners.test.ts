/** The runners see what is wrong: made-up files with right and with wrong expectations, in all three formats. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { DEVIATIONS } from './deviations.ts';
import { DIFFERENCES } from './differences.ts';
import { findVectorFiles, openSuite } from './files.ts';
import { hardwareSuite } from './hardware-runner.ts';
import { realModeSuite } from './real-mode-runner.ts';
import type { Outcome } from './suite.ts';
import { runSuite, summary } from './tally.ts';
import { testFloatSuite } from './testfloat-runner.ts';
import type { Case } from './vectors.ts';

/** A descriptor's eight bytes: byte-granular limit below 1 MiB. */
function descriptor(base: number, limit: number, access: number, flags: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(limit & 0xffff, 0);
  bytes.writeUInt16LE(base & 0xffff, 2);
  bytes[4] = base >> 16;
  bytes[5] = access;
  bytes[6] = flags | (limit >> 16);
  bytes[7] = base >>> 24;
  return bytes.toString('hex');
}
/** Interrupt gates of all 256 vectors to 08:2000h + 16 * vector. */
const gates = Array.from({ length: 256 }, (_, vector) => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(0x2000 + 16 * vector, 0);
  bytes.writeUInt16LE(8, 2);
  bytes[5] = 0xee;
  return bytes.toString('hex');
}).join('');
const GDT =
  '0000000000000000' +
  descriptor(0, 0xfffff, 0x9b, 0xc0) +
  descriptor(0, 0xfffff, 0x93, 0xc0) +
  descriptor(0x1800, 0x67, 0x8b, 0) +
  descriptor(0, 0xfffff, 0xfb, 0xc0) +
  descriptor(0, 0xfffff, 0xf3, 0xc0) +
  descriptor(0x1900, 7, 0x82, 0);
const zeroes = (prefix: string, size: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`${prefix}${n}`, '00'.repeat(size)]));
const HEADER = {
  schema: 'x86case-1',
  group: 'sse',
  memsize: 0x20000,
  fill: 0xf4,
  mem: [
    [0x800, GDT],
    [0x1000, gates],
    // ESP0 and SS0.
    [0x1804, '00b800001000'],
  ],
  gdtr: [0x800, 55],
  idtr: [0x1000, 0x7ff],
  ldtr: 0x30,
  tr: 0x18,
  cr0: 0x33,
  cr4: 0x600,
  code: 0x10000,
  ignore: [0xb000, 0xb800],
  default: {
    ...{ eax: 1, ecx: 2, edx: 3, ebx: 4, esp: 0xa000, ebp: 5, esi: 6, edi: 7, eip: 0x10000, efl: 0x202 },
    ...{ es: 0x2b, cs: 0x23, ss: 0x2b, ds: 0x2b, fs: 0, gs: 0, fcw: 0x37f, fsw: 0, ftw: 0, mxcsr: 0x1f80 },
    ...zeroes('st', 10),
    ...zeroes('x', 16),
  },
};

function hardware(...cases: Case[]): Outcome[] {
  const suite = hardwareSuite([HEADER, ...cases].map((line) => JSON.stringify(line)));
  return cases.map((_, n) => suite.run(n));
}
const verdicts = (outcomes: readonly Outcome[]): boolean[] =>
  outcomes.map(({ differences }) => differences.length === 0);

describe('hardware runner', () => {
  const add: Case = { f: 'add', b: '01d8', o: { eax: 5, efl: 0x206 } }; // add eax,ebx

  it('passes right cases and finds each kind of wrong expectation', () => {
    const store: Case = { f: 'mov', b: '890500500000', w: [[0x5000, '01000000']] };
    const wrong: Case[] = [
      { ...add, o: { ...add.o, eax: 6 } },
      { ...add, o: { ...add.o, efl: 0x202 } },
      { ...add, o: { ...add.o, eip: 0x10001 } },
      { ...add, o: { ...add.o, x3: '01'.repeat(16) } },
      { ...add, o: { ...add.o, fsw: 1 } },
      { ...add, x: 6 },
      { ...add, w: [[0x6000, '00']] },
      { ...store, w: [[0x5000, '02000000']] },
      { ...store, w: [] },
    ];
    const outcomes = hardware(add, store, ...wrong, add, store);
    expect(verdicts(outcomes)).toEqual([true, true, ...wrong.map(() => false), true, true]);
  });

  it('masks undefined bits and no others', () => {
    const flags: Case = { ...add, o: { eax: 5, efl: 0x202 } };
    expect(verdicts(hardware({ ...flags, u: 4 }, { ...flags, u: 0x10 }))).toEqual([true, false]);
    const registers: Case = { ...add, o: { ...add.o, eax: 0x105 } };
    expect(verdicts(hardware({ ...registers, ru: { eax: 0x100 } }, { ...registers, ru: { ebx: 0x100 } }))).toEqual([
      true,
      false,
    ]);
    const memory: Case = { f: 'mov', b: '890500500000', w: [[0x5000, '01ff0000']] };
    expect(verdicts(hardware({ ...memory, k: [[0x5001, '00']] }, { ...memory, k: [[0x5000, '00']] }))).toEqual([
      true,
      false,
    ]);
  });

  it('checks exceptions with their error codes', () => {
    const load: Case = { f: 'mov', b: '8ed8', i: { eax: 0x108 }, x: 13, e: 0x108 }; // mov ds,ax beyond the GDT
    expect(verdicts(hardware(load, { ...load, e: 0 }, { ...load, x: 11 }))).toEqual([true, false, false]);
  });

  it('allows the stated tolerance', () => {
    // rcpss xmm0,xmm1 of 3.0; fsin of 1.0.
    const x1 = `00004040${'00'.repeat(12)}`;
    const near = (bits: number): string => {
      const bytes = Buffer.alloc(16);
      bytes.writeUInt32LE(bits, 0);
      return bytes.toString('hex');
    };
    const rcp = (bits: number, t?: number): Case => ({
      f: 'rcpss',
      b: 'f30f53c1',
      i: { x1 },
      o: { x0: near(bits) },
      ...(t ? { t } : {}),
    });
    expect(verdicts(hardware(rcp(0x3eaaa800, 3), rcp(0x3eaab000, 3), rcp(0x3eac0000, 3)))).toEqual([true, true, false]);
    const sine = (low: string, t?: number): Case => ({
      f: 'fsin',
      b: 'd9fe',
      i: { ftw: 1, st0: '0000000000000080ff3f' },
      o: { fsw: 0x20, st0: `${low}b17b6daaa6d7fe3f` },
      us: 0x4700,
      ...(t ? { t } : {}),
    });
    const exact = hardware(sine('00'))[0]!.differences.join();
    const low = /st0 ([0-9a-f]{2})/.exec(exact)?.[1] ?? '00';
    const moved = (by: number): string => ((parseInt(low, 16) + by) & 0xff).toString(16).padStart(2, '0');
    const tail = /st0 [0-9a-f]{2}([0-9a-f]{18})/.exec(exact)?.[1] ?? '';
    const shifted = (by: number, t?: number): Case => ({ ...sine('00', t), o: { fsw: 0x20, st0: moved(by) + tail } });
    expect(
      verdicts(hardware(shifted(0), shifted(1), shifted(2, 1), shifted(3, 1), shifted(4, 2), shifted(5, 2))),
    ).toEqual([true, false, true, false, true, false]);
  });
});

describe('other runners', () => {
  it('real mode', () => {
    const regs = ['ax', 'bx', 'cx', 'dx', 'cs', 'ss', 'ds', 'es', 'sp', 'bp', 'si', 'di', 'ip', 'flags'];
    const i = [1, 2, 0, 0, 0x100, 0, 0x200, 0, 0x800, 0, 0, 0, 0x10, 2];
    const m = [
      [0x1010, '01d8f4'],
      [0x3000, '00'],
    ];
    const add = { f: '01', b: '01d8', i, m, o: { ax: 3, ip: 0x13, flags: 6 } };
    const lines = [
      { regs },
      add,
      { ...add, o: { ...add.o, flags: 2 } },
      { ...add, o: { ...add.o, flags: 2 }, u: 4 },
      { ...add, w: [[0x3000, '01']] },
      add,
    ];
    const suite = realModeSuite(lines.map((line) => JSON.stringify(line)));
    expect(verdicts(Array.from({ length: suite.length }, (_, n) => suite.run(n)))).toEqual([
      true,
      false,
      true,
      false,
      true,
    ]);
  });

  it('TestFloat', () => {
    const suite = testFloatSuite([
      '= f32_add n 0 3',
      '3F800000 3F800000 40000000 00',
      '3F800000 3F800000 40000001 00',
      '3F800000 3F800000 40000000 01',
      '= extF80_lt n 0 2',
      '3FFF8000000000000000 40008000000000000000 1 00',
      '3FFF8000000000000000 40008000000000000000 0 00',
      '= f64_to_i32 d 0 1',
      'BFE0000000000000 FFFFFFFF 01',
      '= extF80_to_f64 z 0 1',
      '3FFF8000000000000000 3FF0000000000000 00',
      '= f16_add n 0 1',
      '3C00 3C00 4000 00',
    ]);
    expect(verdicts(Array.from({ length: suite.length }, (_, n) => suite.run(n)))).toEqual([
      true,
      false,
      false,
      true,
      false,
      true,
      true,
      false,
    ]);
  });
});

describe('page', () => {
  it('holds the present lists of differences and deviations', () => {
    const text = readFileSync(new URL('../../docs/conformance.md', import.meta.url), 'utf8');
    const missing = [...DIFFERENCES.map(({ reason }) => reason), ...DEVIATIONS].filter(
      (entry) => !text.includes(entry),
    );
    expect(missing).toEqual([]);
  });
});

describe('files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are found by name and read by content, packed or not', () => {
    const text = '= f32_add n 0 2\n3F800000 3F800000 40000000 00\n3F800000 3F800000 40000000 01\n';
    writeFileSync(join(folder, 'a.txt'), text);
    writeFileSync(join(folder, 'b.txt.gz'), gzipSync(text));
    writeFileSync(join(folder, 'notes.txt'), 'not vectors\n');
    writeFileSync(join(folder, 'c.jsonl'), '{"schema":"else"}\n');
    writeFileSync(join(folder, 'd.jsonl'), 'not JSON\n');
    const files = findVectorFiles(folder);
    expect(files.map(({ name }) => name)).toEqual(['a.txt', 'b.txt.gz', 'c.jsonl', 'd.jsonl']);
    for (const { name, path } of files.slice(0, 2))
      expect(summary(name, runSuite(openSuite(path)))).toBe(`${name}: 1 passed, 1 failed`);
    expect(() => openSuite(files[2]!.path)).toThrow(/unknown schema else/);
    expect(() => openSuite(files[3]!.path)).toThrow(/unknown schema/);
    expect(() => findVectorFiles(join(folder, 'nowhere'))).toThrow(/no folder/);
  });
});
