// Bundles the benchmarks with the present sources and runs them: `npm run bench -- --help`. Each run has a bundle of its own
// under build/bench, so that another run, or a change of the sources, does not touch samples that are still to come.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bundle = join(root, 'build', 'bench', `code-${process.pid}`);
// The signal reaches the benchmarks too; this process stays to clear up after them.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {});
try {
  await build({
    absWorkingDir: root,
    entryPoints: {
      main: 'bench/main.ts',
      sample: 'bench/sample.ts',
      watch: 'bench/watch.ts',
      // The machine's thread is looked for beside the bundle.
      'machine-worker': 'src/machine/node-worker.ts',
    },
    outdir: bundle,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    sourcesContent: false,
    chunkNames: 'chunk-[hash]',
    logLevel: 'warning',
  });
  // The machine looks for its video BIOS beside the bundle's folder.
  mkdirSync(join(bundle, '..', 'video-bios'), { recursive: true });
  copyFileSync(join(root, 'src/video-bios/video-bios.bin'), join(bundle, '..', 'video-bios', 'video-bios.bin'));
  const { status, signal } = spawnSync(
    process.execPath,
    ['--enable-source-maps', join(bundle, 'main.js'), ...process.argv.slice(2)],
    { cwd: root, stdio: 'inherit' },
  );
  process.exitCode = signal ? 130 : (status ?? 1);
} finally {
  rmSync(bundle, { recursive: true, force: true });
}
