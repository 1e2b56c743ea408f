/**
 * `npm run conformance -- [folder or file …] [--filter form] [--step n] [--write page]`: runs vectors and prints passed and failed
 * per file and per failing form, with the compiler as VS_JIT says. Without a folder it runs those of the environment variable VS_CONFORMANCE_DIR, or of the
 * shared folder beside the checkout. Exit status 1 if a case failed or a file could not be read, 2 for a wrong command.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findVectorFiles, openSuite, sharedFolder } from './files.ts';
import { page, type PageFile } from './page.ts';
import { runSuite, summary, type Tally } from './tally.ts';

const USAGE = 'usage: npm run conformance -- [folder or file …] [--filter form] [--step n] [--write page.md]';

function printFailures(tally: Tally): void {
  const failing = [...tally.forms].filter(([, { run, passed }]) => passed < run);
  for (const [form, { run, passed }] of failing) {
    console.log(`  ${form}: ${run - passed} of ${run} failed`);
    for (const failure of tally.failures)
      if (failure.form === form) console.log(`    ${failure.description}\n      ${failure.differences.join('; ')}`);
  }
}

export function main(root: string, args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { filter: { type: 'string' }, step: { type: 'string' }, write: { type: 'string' } },
  });
  const step = Number(values.step ?? 1);
  if (!Number.isInteger(step) || step < 1) throw new Error('--step takes a positive integer');
  const folders = positionals.length > 0 ? positionals : [process.env['VS_CONFORMANCE_DIR'] ?? sharedFolder(root)];
  const files: PageFile[] = [];
  let passed = 0;
  let failed = 0;
  let unread = 0;
  for (const { path, name } of folders.flatMap((folder) => findVectorFiles(folder))) {
    try {
      const suite = openSuite(path);
      const tally = runSuite(suite, { filter: values.filter, step });
      console.log(`${summary(name, tally)}, ${tally.seconds.toFixed(1)} s`);
      printFailures(tally);
      passed += tally.total.passed;
      failed += tally.total.run - tally.total.passed;
      files.push({ name, group: suite.group, source: suite.source, tally });
    } catch (error) {
      unread++;
      console.log(`${name}: not run: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  console.log(`all files: ${passed} passed, ${failed} failed${unread ? `, ${unread} files not run` : ''}`);
  if (values.write !== undefined) writeFileSync(join(root, values.write), page(files));
  return failed > 0 || unread > 0 || files.length === 0 ? 1 : 0;
}

const [root, ...args] = process.argv.slice(2);
try {
  process.exitCode = main(root ?? '.', args);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
