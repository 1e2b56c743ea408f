/** The package as a program that installed it sees it: every export, its types, the example of the README. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  bin: Record<string, string>;
  exports: Record<string, string | { types: string; default: string }>;
};

/** A project that has the package installed. */
let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'virtualserver-consumer-'));
  mkdirSync(join(project, 'node_modules'));
  symlinkSync(ROOT, join(project, 'node_modules', manifest.name));
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module', private: true }));
});
afterAll(() => rmSync(project, { recursive: true, force: true }));

function run(name: string, program: string): { status: number | null; stdout: string; stderr: string } {
  writeFileSync(join(project, name), program);
  return spawnSync(process.execPath, [name], { cwd: project, encoding: 'utf8', timeout: 60_000 });
}

const modules = Object.entries(manifest.exports).filter(([, target]) => typeof target === 'object');

describe('package', () => {
  it('puts types first, and names files that exist', () => {
    for (const [, target] of modules) {
      expect(Object.keys(target)).toEqual(['types', 'default']);
      for (const file of Object.values(target)) expect([file, existsSync(join(ROOT, file))]).toEqual([file, true]);
    }
  });

  it.each(modules.map(([path]) => path))('%s can be imported and has exports', (path) => {
    const specifier = path.replace(/^\./, manifest.name);
    const { stdout, stderr } = run(
      'import.js',
      `const names = Object.keys(await import('${specifier}')); console.log(names.length > 0);`,
    );
    expect([stdout.trim(), stderr]).toEqual(['true', '']);
  });

  it('has declarations that a strict program compiles against', () => {
    writeFileSync(
      join(project, 'types.ts'),
      `import { createMachine, VirtualServerError, type MachineEvent, type VirtualMachine } from '${manifest.name}';
       import { createDynamic, MemoryFile, openVhd } from '${manifest.name}/vhd';
       import { createProcessor, type Processor } from '${manifest.name}/cpu';
       const vm: VirtualMachine = createMachine({ memoryMiB: 64, hda: { bytes: new Uint8Array(512) } });
       vm.on('vm.state.changed', (event) => { const state: string = event.data.state; void state; });
       vm.onEvent((event: MachineEvent) => void event.seq);
       // @ts-expect-error: there is no such state
       const wrong: 'Sleeping' = vm.state;
       export { createDynamic, createProcessor, MemoryFile, openVhd, VirtualServerError, wrong, type Processor };`,
    );
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          strict: true,
          noEmit: true,
          target: 'es2022',
          module: 'nodenext',
          lib: ['es2022', 'esnext.disposable', 'dom'],
          types: [],
          skipLibCheck: false,
        },
        files: ['types.ts'],
      }),
    );
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const { stdout } = spawnSync(process.execPath, [tsc, '-p', project], { encoding: 'utf8' });
    expect(stdout).toBe('');
  });

  it('runs the program of the README', () => {
    // The disk of the example, in place of an MS-DOS one.
    const disk = new Uint8Array(8 << 20);
    disk.set(readFileSync(join(ROOT, 'dist', 'demo.img')));
    writeFileSync(join(project, 'demo.img'), disk);
    const { stdout, stderr, status } = run(
      'readme.js',
      `import { writeFile } from 'node:fs/promises';
       import { createMachine } from '${manifest.name}';
       const vm = createMachine({ memoryMiB: 32, hda: 'demo.img' });
       const states = [];
       vm.on('vm.state.changed', (event) => states.push(event.data.state));
       await vm.start();
       await vm.screen.waitForText('Type a command');
       await vm.keyboard.type('disk 64\\n');
       await vm.screen.waitForText(/CRC-32 [0-9A-F]{8}/);
       await writeFile('screen.png', await vm.screenshot());
       await vm.keyboard.type('poweroff\\n');
       console.log((await vm.finished()).reason, states.join());
       await vm.close();`,
    );
    expect([stdout.trim(), stderr, status]).toEqual([
      'guest TurningOn,Running,TurningOff,DeleteMachine,TurnedOff',
      '',
      0,
    ]);
    expect(readFileSync(join(project, 'screen.png')).subarray(1, 4).toString()).toBe('PNG');
    // In the default mode the image stays as it was.
    expect(readFileSync(join(project, 'demo.img')).equals(disk)).toBe(true);
  });

  it('has the command', () => {
    const command = join(ROOT, manifest.bin['virtualserver']!);
    expect(execFileSync(process.execPath, [command, '--version'], { encoding: 'utf8' }).trim()).toBe(manifest.version);
    expect(readFileSync(command, 'utf8').startsWith('#!/usr/bin/env node')).toBe(true);
  });

  it('carries the firmware with its licence, and nothing that it does not need', () => {
    const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: ROOT,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    const paths = files.map(({ path }) => path);
    for (const path of [
      'firmware/seabios.bin',
      'firmware/vgabios.bin',
      'firmware/COPYING.LESSER',
      'dist/demo.img',
      'dist/video-bios.bin',
      'LICENSE',
    ])
      expect(paths).toContain(path);
    expect(paths.filter((path) => /^(?:src|cpu|devices|vhd|test|bench|build|node_modules)\//.test(path))).toEqual([]);
  });
});
