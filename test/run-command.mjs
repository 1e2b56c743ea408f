// Bundles test/NAME/command.ts with the present sources into build/NAME and runs it: `npm run conformance`, `differential`, `lock-step`.
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [name, ...args] = process.argv.slice(2);
const outfile = join(root, 'build', name, 'command.mjs');
await build({
  absWorkingDir: root,
  entryPoints: [`test/${name}/command.ts`],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
const { status, signal } = spawnSync(process.execPath, ['--enable-source-maps', outfile, root, ...args], {
  stdio: 'inherit',
});
process.exitCode = signal ? 130 : (status ?? 1);
