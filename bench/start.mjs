// Bundles the benchmarks with the present sources into build/bench and runs them: `npm run bench -- --help`.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
await build({
  absWorkingDir: root,
  entryPoints: {
    main: 'bench/main.ts',
    sample: 'bench/sample.ts',
    // The machine's thread is looked for beside the bundle.
    'machine-worker': 'src/machine/node-worker.ts',
  },
  outdir: 'build/bench',
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
const { status, signal } = spawnSync(
  process.execPath,
  ['--enable-source-maps', join(root, 'build', 'bench', 'main.js'), ...process.argv.slice(2)],
  { cwd: root, stdio: 'inherit' },
);
process.exitCode = signal ? 130 : (status ?? 1);
