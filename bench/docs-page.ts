/** Writes docs/benchmarks.md from a run. */
import { writeFileSync } from 'node:fs';
import { SUITES } from './guests/index.ts';
import { describeSkip, suiteTable, suiteTitle } from './report.ts';
import { summarise } from './summary.ts';
import type { SuiteSummary } from './summary.ts';
import type { Verdict } from './thresholds.ts';
import type { Result } from './types.ts';

function markdownTable({ header, rows }: { header: readonly string[]; rows: readonly (readonly string[])[] }): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = header.map((_, i) => (i === 0 ? '---' : '---:'));
  return [header, rule, ...rows].map(line).join('\n');
}

function suiteSection(suite: SuiteSummary, base: string): string {
  const about = SUITES.find(({ id }) => id === suite.suite)?.about ?? '';
  return `## ${suiteTitle(suite.suite)}\n\n${about}\n\n${markdownTable(suiteTable(suite, base))}`;
}

function machineSection({ machine, samples }: Result): string {
  const loads = samples.map(({ load }) => load);
  return [
    '## The machine\n',
    `- ${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.system}`,
    `- Node ${machine.node}, V8 ${machine.v8}`,
    ...Object.values(machine.peers).map((version) => `- ${version}`),
    `- Load average of the host when samples began: ${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`,
    `- Measured ${machine.date.slice(0, 10)}`,
  ].join('\n');
}

/** The page, as Markdown that still has to be formatted. */
export function benchmarksPage(result: Result, verdicts: readonly Verdict[], base: string): string {
  const summaries = summarise(result.samples, base);
  return `${[
    '# Benchmarks',
    '`npm run bench -- --update-docs` measures again and writes this page. Every sample is a process of its own; the emulators ' +
      'take turns, so that whatever else the host does touches all of them. A time is the median of the samples, ± half the ' +
      'distance from the smallest to the largest. A ratio ("vs") is the other’s time divided by ours, taken round by round: above ' +
      '1 virtualserver is faster. Checksums of all emulators are compared; `(!)` marks one that differs.',
    ...summaries.map((suite) => suiteSection(suite, base)),
    '## Targets',
    '`npm run bench -- --check` holds a run against `bench/thresholds.json`.',
    markdownTable({
      header: ['', 'limit', 'found', 'reached'],
      rows: verdicts.map(({ name, limit, found, passed }) => [
        name,
        limit,
        found,
        passed === undefined ? 'not measured' : passed ? 'yes' : 'no',
      ]),
    }),
    machineSection(result),
    ...(result.skips.length === 0
      ? []
      : [`## Not measured\n\n${result.skips.map((skip) => `- ${describeSkip(skip)}`).join('\n')}`]),
    '## Measure it yourself',
    '```sh\nnpm run bench                                  # all suites, all emulators that are installed\n' +
      'npm run bench -- --only kernels --samples 1    # quick\n' +
      'npm run bench -- --peers virtualserver,qemu    # some emulators\n```',
    'npm `v86` and its firmware come with `npm ci`; `qemu-system-i386` is used where it is installed. `.ci/guests linux-mini` builds ' +
      'the disk of the boot suite; `--images FOLDER` takes it from elsewhere. What is missing is skipped, and the report says so.',
  ].join('\n\n')}\n`;
}

/** Formats and writes the page. */
export async function updatePage(path: string, page: string): Promise<void> {
  const { format, resolveConfig } = await import('prettier');
  writeFileSync(path, await format(page, { ...(await resolveConfig(path)), parser: 'markdown' }));
}
