/** `npm run bench`: runs the suites, prints tables, writes a JSON file; holds the run against limits; writes the page. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble, IMAGE_NAMES } from './kernels/assemble.ts';
import { measure } from './measure.ts';
import { findNode } from './nodes.ts';
import { parseOptions, USAGE, UsageError } from './options.ts';
import { benchmarksPage, updatePage } from './page/page.ts';
import { plots } from './page/plots.ts';
import { BASE } from './peers/index.ts';
import { problems, terminalReport, verdictReport } from './report.ts';
import { readResults } from './result-file.ts';
import { check, readThresholds } from './thresholds.ts';
import type { Result } from './types.ts';

/** The start script makes the project's folder the current one. */
const FOLDER = process.cwd();

const isEmpty = ({ samples, observations }: Result): boolean => samples.length + observations.length === 0;

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), FOLDER);
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  if (options.assemble) {
    for (const name of IMAGE_NAMES)
      writeFileSync(join(options.settings.kernels, `${name}.bin`), assemble(name, options.settings.kernels));
    return 0;
  }
  const scripts = dirname(fileURLToPath(import.meta.url));
  const save = (result: Result): void => {
    mkdirSync(dirname(options.json), { recursive: true });
    writeFileSync(options.json, `${JSON.stringify(result, null, 1)}\n`);
  };
  const results = options.from
    ? readResults(options.from)
    : [await measure(options, findNode(options.node), scripts, save)];
  const thresholds = readThresholds(join(FOLDER, 'bench/thresholds.json'));
  const runs = results.map((result) => ({ ...result, verdicts: check(result, thresholds, BASE) }));
  for (const run of runs) process.stdout.write(terminalReport(run, BASE));
  let failed = runs.some((run) => isEmpty(run) || problems(run, BASE).length > 0);
  if (options.updateDocs) {
    // The page names what went wrong; of nothing there is no page.
    if (runs.some((run) => run.samples.length === 0)) console.error('docs/benchmarks.md stays as it is: no samples');
    else {
      const docs = join(FOLDER, 'docs');
      const pictures = plots(runs[0]!, BASE);
      for (const { file, svg } of pictures) writeFileSync(join(docs, file), svg);
      await updatePage(join(docs, 'benchmarks.md'), benchmarksPage(runs, pictures, BASE));
    }
  }
  if (options.check) {
    for (const { machine, verdicts } of runs) {
      console.log(`\nLimits of bench/thresholds.json, Node ${machine.node}\n${verdictReport(verdicts)}`);
      failed ||=
        verdicts.some(({ passed }) => passed === false) || verdicts.every(({ passed }) => passed === undefined);
    }
  }
  return failed ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const usage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  console.error(usage ? `${(error as Error).message}\n${USAGE}` : error);
  process.exitCode = usage ? 2 : 1;
}
