// Bundles the differential command with the present sources into build/differential and runs it: `npm run differential`.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const outfile = join(root, 'build', 'differential', 'command.mjs');
await build({
  absWorkingDir: root,
  entryPoints: ['test/differential/command.ts'],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
const { status, signal } = spawnSync(
  process.execPath,
  ['--enable-source-maps', outfile, root, ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = signal ? 130 : (status ?? 1);
