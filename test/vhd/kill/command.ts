// Kills a process with SIGKILL at random moments of its work on disks and looks at what it leaves:
//   node test/run-command.mjs vhd/kill [runs] [first seed]
// After each kill every file must pass the check, every flushed sector must be there, and the interrupted operation must succeed when
// it is repeated.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { seededRandom } from '../random.ts';
import { MODES, type Mode } from './load.ts';
import { prepare, verify } from './verify.ts';
import { work } from './writer.ts';

/** Starts the writer, kills it and returns the lines it wrote. */
async function killed(folder: string, mode: Mode, seed: number): Promise<string[]> {
  const random = seededRandom(seed * 7 + 1);
  const child = spawn(process.execPath, [process.argv[1]!, 'writer', folder, mode, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let started = false;
  const guest = mode === 'dynamic' || mode === 'differencing';
  child.stdout.on('data', (part: Buffer) => {
    text += part.toString();
    if (started || !text.startsWith('ready')) return;
    started = true;
    const end = performance.now() + random(guest ? 60_000 : 25_000) / 1000;
    const wait = (): void => {
      if (performance.now() < end) setImmediate(wait);
      else child.kill('SIGKILL');
    };
    wait();
  });
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  if (code !== 0 && code !== null) throw new Error(`the writer ended with ${code}`);
  return text.split('\n').slice(0, -1);
}

async function run(runs: number, firstSeed: number): Promise<void> {
  const counts = new Map<string, number>();
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const mode = MODES[seed % MODES.length]!;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'vhd-kill-'));
    try {
      prepare(folder, mode, seed);
      const lines = await killed(folder, mode, seed);
      const outcome = `${mode}, ${lines.at(-1) === 'done' ? 'was done' : 'killed inside'}`;
      verify(folder, mode, seed, lines);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    } catch (error) {
      throw new Error(`seed ${seed}, ${mode}: ${(error as Error).message}`, { cause: error });
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  }
  for (const [outcome, count] of [...counts].sort()) console.log(`${String(count).padStart(6)}  ${outcome}`);
  console.log(`${runs} kills: every check clean, every flushed sector intact`);
}

const [, , , first, ...rest] = process.argv;
if (process.argv[2] === 'writer') work(process.argv[3]!, process.argv[4] as Mode, Number(process.argv[5]));
else await run(Number(first ?? 20), Number(rest[0] ?? 1));
