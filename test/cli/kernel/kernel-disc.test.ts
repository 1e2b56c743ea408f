import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOADER_BYTES, makeKernelDisc } from '../../../src/cli/kernel/kernel-disc.ts';
import { isLinux, planLinux } from '../../../src/cli/kernel/linux.ts';
import { isMultiboot, planMultiboot } from '../../../src/cli/kernel/multiboot.ts';
import { ErrorCode, VirtualServerError } from '../../../src/machine/errors.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const SOURCES = join(ROOT, 'src', 'cli', 'kernel');
const CLI = join(ROOT, 'dist', 'cli.js');
const multiboot = new Uint8Array(readFileSync(join(import.meta.dirname, 'multiboot.bin')));
const loader = new Uint8Array(readFileSync(join(SOURCES, 'loader.bin')));
const MEMORY = 32 << 20;
const PLAIN = { commandLine: '', initrd: undefined, memoryBytes: MEMORY };

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'virtualserver-kernel-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof VirtualServerError) return error.code;
    throw error;
  }
  return 'none';
}

/** A file like a bzImage: header of the given version, `setup` sectors besides the first, `code` bytes. */
function bzImage({ version = 0x20c, loadFlags = 1, setup = 3, code = 5000, initSize = 0x100000 } = {}): Uint8Array {
  const bytes = new Uint8Array((setup + 1) * 512 + code);
  const view = new DataView(bytes.buffer);
  bytes[0x1f1] = setup;
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, version, true);
  bytes[0x211] = loadFlags;
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, 0x100000n, true);
  view.setUint32(0x260, initSize, true);
  bytes.fill(0xc5, (setup + 1) * 512);
  return bytes;
}

/** The kernel of multiboot.bin as ELF: linked at C0200000h, loaded at 200000h, with a second segment that is all bss. */
function elf(kernel: Uint8Array, changes: { machine?: number; physical?: number } = {}): Uint8Array {
  const code = kernel.slice();
  const header = new DataView(code.buffer);
  const flags = 0x3;
  header.setUint32(4, flags, true);
  header.setUint32(8, -(0x1badb002 + flags) >>> 0, true);
  const bytes = new Uint8Array(4096 + code.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  view.setUint16(16, 2, true);
  view.setUint16(18, changes.machine ?? 3, true);
  view.setUint32(24, 0xc0200020, true);
  view.setUint32(28, 52, true);
  view.setUint16(42, 32, true);
  view.setUint16(44, 2, true);
  const segments = [
    [1, 4096, 0xc0200000, changes.physical ?? 0x200000, code.length, code.length],
    [1, 0, 0xc0208000, 0x208000, 0, 48_000],
  ];
  segments.forEach((words, i) => words.forEach((word, j) => view.setUint32(52 + 32 * i + 4 * j, word, true)));
  bytes.set(code, 4096);
  return bytes;
}

describe('Linux kernels', () => {
  it('are told by their header', () => {
    expect(isLinux(bzImage())).toBe(true);
    expect(isLinux(multiboot)).toBe(false);
    expect(isLinux(new Uint8Array(100))).toBe(false);
  });

  it('get what the boot protocol asks of a loader', () => {
    const initrd = new Uint8Array(10_000).fill(1);
    const kernel = bzImage();
    const { entry, items, protocol } = planLinux(kernel, 'k', {
      commandLine: 'console=ttyS0',
      initrd,
      memoryBytes: MEMORY,
    });
    expect([protocol, entry]).toEqual(['linux', 0x9000]);
    const [setup, commandLine, code, disk] = items;
    const view = new DataView(setup!.data!.buffer);
    expect([setup!.to, setup!.length]).toEqual([0x90000, 4 * 512]);
    expect([view.getUint8(0x210), view.getUint8(0x211), view.getUint16(0x224, true)]).toEqual([0xff, 0x81, 0xde00]);
    expect([view.getUint32(0x228, true), commandLine!.to]).toEqual([0x9e000, 0x9e000]);
    expect(Buffer.from(commandLine!.data!).toString()).toBe('console=ttyS0\0');
    expect([code!.to, code!.length]).toEqual([0x100000, 5000]);
    expect([view.getUint32(0x218, true), view.getUint32(0x21c, true)]).toEqual([disk!.to, 10_000]);
    // Page-aligned, below the end of RAM, above what the kernel unpacks into.
    expect(disk!.to % 4096).toBe(0);
    expect(disk!.to + 10_000).toBeLessThanOrEqual(MEMORY - (1 << 20));
    expect(disk!.to).toBeGreaterThan(0x200000);
    // The given bytes stay as they are.
    expect(kernel[0x210]).toBe(0);
  });

  it('are refused with a reason', () => {
    const plan = (kernel: Uint8Array, extras = PLAIN): string => codeOf(() => planLinux(kernel, 'k', extras));
    expect(plan(bzImage({ version: 0x200 }))).toBe(ErrorCode.Media);
    expect(plan(bzImage({ loadFlags: 0 }))).toBe(ErrorCode.Media);
    expect(plan(bzImage({ code: 0 }))).toBe(ErrorCode.Media);
    expect(plan(bzImage({ initSize: 40 << 20 }))).toBe(ErrorCode.InvalidConfiguration);
    expect(plan(bzImage(), { ...PLAIN, commandLine: 'x'.repeat(3000) })).toBe(ErrorCode.InvalidConfiguration);
  });
});

describe('multiboot kernels', () => {
  it('are told by a header with a right checksum on a multiple of 4', () => {
    expect(isMultiboot(multiboot)).toBe(true);
    expect(isMultiboot(elf(multiboot))).toBe(true);
    const wrong = multiboot.slice();
    wrong[8]!++;
    expect(isMultiboot(wrong)).toBe(false);
    expect(isMultiboot(Uint8Array.from([0, ...multiboot]))).toBe(false);
  });

  it('load where the header says, with bss behind', () => {
    const { entry, items, info } = planMultiboot(multiboot, 'k', PLAIN);
    expect([entry, info]).toEqual([0x200020, 0x10000]);
    const [, code, bss] = items;
    expect([code!.to, code!.length]).toEqual([0x200000, multiboot.length]);
    expect([bss!.to, bss!.data]).toEqual([0x200000 + multiboot.length, undefined]);
    expect(bss!.to + bss!.length).toBe(0x208000 + 44_096);
  });

  it('load as ELF by physical addresses', () => {
    const { entry, items } = planMultiboot(elf(multiboot), 'k', PLAIN);
    expect(entry).toBe(0x200020);
    expect(items.slice(1).map(({ to, length, data }) => [to, length, data !== undefined])).toEqual([
      [0x200000, multiboot.length, true],
      [0x208000, 48_000, false],
    ]);
  });

  it('are refused with a reason', () => {
    const plan = (kernel: Uint8Array, extras = PLAIN): string => codeOf(() => planMultiboot(kernel, 'k', extras));
    expect(plan(elf(multiboot, { machine: 62 }))).toBe(ErrorCode.Media);
    expect(plan(elf(multiboot, { physical: 0x8000 }))).toBe(ErrorCode.Media);
    expect(plan(multiboot.subarray(0, 20))).toBe(ErrorCode.Media);
    expect(plan(multiboot, { ...PLAIN, memoryBytes: 2 << 20 })).toBe(ErrorCode.InvalidConfiguration);
    const demanding = multiboot.slice();
    new DataView(demanding.buffer).setUint32(4, 0x10083, true);
    new DataView(demanding.buffer).setUint32(8, -(0x1badb002 + 0x10083) >>> 0, true);
    expect(plan(demanding)).toBe(ErrorCode.Media);
  });

  it('never fail otherwise, whatever the file holds', () => {
    let seed = 4711;
    const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >> 8;
    for (let round = 0; round < 500; round++) {
      const file = (round % 2 ? elf(multiboot) : multiboot).slice(0, 13 + (random() % 5000));
      for (let i = 0; i < 4; i++) file[12 + (random() % 140)] = random();
      if (isMultiboot(file)) codeOf(() => planMultiboot(file, 'k', PLAIN));
      if (isLinux(file)) codeOf(() => planLinux(file, 'k', PLAIN));
    }
  });
});

describe('the disc', () => {
  it('is a valid CD with the parts as files', () => {
    const disc = makeKernelDisc(loader, multiboot, 'k', { ...PLAIN, initrd: new Uint8Array(3000).fill(7) });
    expect(loader.length).toBe(LOADER_BYTES);
    expect(disc.length % 2048).toBe(0);
    expect(Buffer.from(disc).toString('latin1', 16 * 2048 + 1, 16 * 2048 + 6)).toBe('CD001');
  });

  // Another reader of ISO 9660; CI installs it.
  const xorriso = spawnSync('xorriso', ['-version']).status === 0;
  it.skipIf(!xorriso && !process.env['CI'])('is read by xorriso (needs xorriso)', () => {
    const path = join(folder, 'kernel.iso');
    writeFileSync(path, makeKernelDisc(loader, multiboot, 'k', { ...PLAIN, initrd: new Uint8Array(3000).fill(7) }));
    const list = execFileSync('xorriso', ['-indev', path, '-report_el_torito', 'plain', '-find', '/', '-type', 'f'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(list).toMatch(/El Torito boot img :\s+1\s+BIOS\s+y\s+none/);
    for (const name of ['INFO.BIN', 'SEG0.BIN', 'MODULE.BIN']) expect(list.toUpperCase()).toContain(name);
    execFileSync('xorriso', ['-osirrox', 'on', '-indev', path, '-extract', '/MODULE.BIN', join(folder, 'module')], {
      stdio: 'ignore',
    });
    expect(readFileSync(join(folder, 'module')).equals(Buffer.alloc(3000, 7))).toBe(true);
  });

  it('refuses a file that is no kernel', () => {
    expect(codeOf(() => makeKernelDisc(loader, new Uint8Array(9000), 'k', PLAIN))).toBe(ErrorCode.Media);
  });

  const nasm = spawnSync('nasm', ['-v']).status === 0;
  it.skipIf(!nasm && !process.env['CI'])('the binaries are what their sources assemble to (needs nasm)', () => {
    for (const [source, binary] of [
      [join(SOURCES, 'loader.asm'), loader],
      [join(import.meta.dirname, 'multiboot.asm'), multiboot],
    ] as const) {
      const output = join(folder, 'assembled.bin');
      execFileSync('nasm', ['-f', 'bin', '-o', output, source]);
      expect(readFileSync(output).equals(Buffer.from(binary))).toBe(true);
    }
  });
});

describe('virtualserver boot --kernel', () => {
  function boot(kernel: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const all = [CLI, 'boot', '--kernel', kernel, '-m', '16', '--serial', 'stdio', '--triple-fault', 'stop', ...args];
    return spawnSync(process.execPath, all, { encoding: 'utf8', input: '', timeout: 60_000 });
  }

  it.each(['addresses in the header', 'ELF'])('starts a multiboot kernel: %s', (form) => {
    const kernel = join(folder, 'kernel');
    writeFileSync(kernel, form === 'ELF' ? elf(multiboot) : multiboot);
    const module = join(folder, 'module.txt');
    writeFileSync(module, 'contents of the module\n');
    const { status, stdout } = boot(kernel, '--append', 'one two', '--initrd', module);
    const [greeting, commandLine, upper, entries, name, contents] = stdout.split('\n');
    expect([greeting, commandLine, name, contents]).toEqual([
      'multiboot',
      'one two',
      'initrd',
      'contents of the module',
    ]);
    // 16 MiB without the first one, less what firmware keeps at the end.
    expect(parseInt(upper!, 16)).toBeGreaterThan(14 * 1024);
    expect(parseInt(upper!, 16)).toBeLessThanOrEqual(15 * 1024);
    expect(parseInt(entries!, 16)).toBeGreaterThan(3);
    // It wrote 7 to the debug-exit port.
    expect(status).toBe(16 + 7);
  });

  it('refuses what is no kernel, and options that do not go together', () => {
    const text = join(folder, 'text');
    writeFileSync(text, 'not a kernel');
    expect(boot(text).status).toBe(4);
    expect(boot(join(folder, 'missing')).status).toBe(4);
    expect(boot(text, '--cdrom', text).status).toBe(2);
  });
});
