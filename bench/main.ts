/** `npm run bench`: runs the suites, prints tables, writes a JSON file; holds the run against limits; writes the page. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchmarksPage, updatePage } from './docs-page.ts';
import { describeMachine } from './environment.ts';
import { SUITES } from './guests/index.ts';
import { interleave, runAll } from './harness.ts';
import { assemble, IMAGE_NAMES } from './kernels/assemble.ts';
import { PEERS } from './peers/index.ts';
import { problems, terminalReport, verdictReport } from './report.ts';
import { summarise } from './summary.ts';
import { check, readThresholds } from './thresholds.ts';
import type { Peer, Result, Skip, Suite, SuiteSettings } from './types.ts';

const USAGE = `npm run bench -- [options]
  --only LIST         suites: ${SUITES.map(({ id }) => id).join(', ')} (default: all)
  --peers LIST        emulators: ${PEERS.map(({ id }) => id).join(', ')} (default: all)
  --samples N         rounds, each with one sample of every emulator (default 5)
  --scale N           factor on the work of the bare kernels (default 1)
  --images FOLDER     guest disks (default build/guests)
  --json FILE         where the result goes (default build/bench/result.json)
  --from FILE[,FILE]  report results of earlier runs instead of measuring
  --check             hold the run against bench/thresholds.json; exit code 1 when below
  --update-docs       write docs/benchmarks.md
  --assemble          assemble the bare images anew (needs NASM), then end`;

const OPTIONS = {
  only: { type: 'string' },
  peers: { type: 'string' },
  samples: { type: 'string', default: '5' },
  scale: { type: 'string', default: '1' },
  images: { type: 'string', default: 'build/guests' },
  json: { type: 'string', default: 'build/bench/result.json' },
  from: { type: 'string' },
  check: { type: 'boolean', default: false },
  'update-docs': { type: 'boolean', default: false },
  assemble: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

const KERNELS = 'bench/kernels';
/** The emulator that the others are compared with. */
const BASE = PEERS[0]!.id;

class UsageError extends Error {}

function chosen<T extends { readonly id: string }>(list: readonly T[], names: string | undefined): T[] {
  if (names === undefined) return [...list];
  const wanted = names.split(',');
  for (const name of wanted)
    if (!list.some(({ id }) => id === name))
      throw new UsageError(`'${name}' is none of ${list.map(({ id }) => id).join(', ')}`);
  return list.filter(({ id }) => wanted.includes(id));
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1000)
    throw new UsageError(`--${option}: from 1 to 1000, found '${text}'`);
  return value;
}

async function measure(suites: Suite[], peers: Peer[], rounds: number, settings: SuiteSettings): Promise<Result> {
  const skips: Skip[] = [];
  const present = peers.filter((peer) => {
    const reason = peer.unavailable();
    if (reason !== undefined) skips.push({ peer: peer.id, reason });
    return reason === undefined;
  });
  const possible = suites.filter((suite) => {
    const guest = suite.guest(settings);
    if ('missing' in guest) skips.push({ suite: suite.id, reason: guest.missing });
    return !('missing' in guest);
  });
  const turns = interleave(possible, present, rounds);
  const script = join(dirname(fileURLToPath(import.meta.url)), 'sample.js');
  const machine = describeMachine(present);
  const samples = await runAll(turns, settings, script, ({ suite, peer, round, outcome }, done, details) => {
    const end = 'error' in outcome ? `failed: ${details}` : 'done';
    process.stderr.write(`${done}/${turns.length} ${suite}, ${peer}, round ${round + 1}: ${end}\n`);
  });
  return { format: 1, machine, samples, skips };
}

/** Joins results of separate runs, for instance of suites measured at different times on the same machine. */
function readResults(paths: string): Result {
  const results = paths.split(',').map((path) => JSON.parse(readFileSync(path, 'utf8')) as Result);
  const last = results.at(-1)!;
  const peers = Object.assign({}, ...results.map(({ machine }) => machine.peers)) as Record<string, string>;
  return {
    format: 1,
    machine: { ...last.machine, peers },
    samples: results.flatMap(({ samples }) => samples),
    skips: results.flatMap(({ skips }) => skips),
  };
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  if (values.assemble) {
    for (const name of IMAGE_NAMES) writeFileSync(join(KERNELS, `${name}.bin`), assemble(name, KERNELS));
    return 0;
  }
  const settings = { kernels: KERNELS, images: resolve(values.images), scale: wholeNumber('scale', values.scale) };
  const rounds = wholeNumber('samples', values.samples);
  const suites = chosen(SUITES, values.only);
  const peers = chosen(PEERS, values.peers);
  const result = values.from === undefined ? await measure(suites, peers, rounds, settings) : readResults(values.from);
  if (values.from === undefined) {
    mkdirSync(dirname(values.json), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify(result, null, 1)}\n`);
  }
  process.stdout.write(terminalReport(result, BASE));
  const summaries = summarise(result.samples, BASE);
  const verdicts = check(summaries, readThresholds('bench/thresholds.json'), BASE);
  const wrong = problems(summaries);
  let failed = wrong.length > 0 || result.samples.length === 0;
  if (values['update-docs']) {
    // A page of an incomplete run would be worse than yesterday's.
    if (failed) console.error('docs/benchmarks.md stays as it is: the run has problems');
    else await updatePage('docs/benchmarks.md', benchmarksPage(result, verdicts, BASE));
  }
  if (values.check) {
    console.log(`\n${verdictReport(verdicts)}`);
    failed ||= verdicts.some(({ passed }) => passed === false) || verdicts.every(({ passed }) => passed === undefined);
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
