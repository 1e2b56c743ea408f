/**
 * `npm run lock-step -- --guest <image> [--until <text>] [--instructions n] [--jit <configuration>] [--against <configuration>]
 * [--chunk n] [--memory-every n] [--memory MiB] [--quiet]`: runs a guest on two machines side by side, the interpreter and the
 * compiler unless told otherwise, and compares them after every chunk of instructions. `--guest` is an image, a `.vmc`, or one of
 * demo, kernels, footprint. Exit status 1 with what differs first, 2 for a wrong command.
 */
import { parseArgs } from 'node:util';
import { jitConfiguration } from './configurations.ts';
import { guest } from './guests.ts';
import { runLockStep } from './lock-step.ts';

const USAGE =
  'usage: npm run lock-step -- --guest <image> [--until <text>] [--instructions n] [--jit <configuration>] [--against <configuration>] [--chunk n] [--memory-every n] [--memory MiB] [--quiet]';

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value >= 1)) throw new Error(`--${name} takes a number from 1`);
  return Math.floor(value);
}

function main(root: string, args: readonly string[]): number {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      guest: text,
      until: text,
      instructions: text,
      jit: text,
      against: text,
      chunk: text,
      'memory-every': text,
      memory: text,
      quiet: { type: 'boolean' },
    },
  });
  if (values.guest === undefined) throw new Error('--guest is missing');
  const chunk = positive('chunk', values.chunk);
  const memoryEvery = positive('memory-every', values['memory-every']);
  const instructions = positive('instructions', values.instructions);
  const memoryMiB = positive('memory', values.memory);
  const from = performance.now();
  let shown = 0;
  const outcome = runLockStep(guest(root, values.guest, memoryMiB === undefined ? {} : { memoryMiB }), {
    configurations: [jitConfiguration(values.against ?? 'interpreter'), jitConfiguration(values.jit ?? 'default')],
    until: values.until,
    ...(chunk === undefined ? {} : { chunk }),
    ...(memoryEvery === undefined ? {} : { memoryEvery }),
    ...(instructions === undefined ? {} : { instructions }),
    progress: values.quiet
      ? undefined
      : (executed, [one]) => {
          // Without the terminal's control sequences.
          const lines = one.output
            .slice(shown)
            .replace(/\u001b\[[\d;?]*[A-Za-z]/g, '')
            .split(/[\r\n]+/)
            .filter((line) => line.trim() !== '');
          shown = one.output.length;
          const seconds = ((performance.now() - from) / 1000).toFixed(0);
          console.log(
            `${(executed / 1e6).toFixed(0)} M instructions, ${seconds} s: ${(lines.at(-1) ?? '').slice(0, 100).trim()}`,
          );
        },
  });
  for (const line of outcome.differences) console.log(line);
  const [one, other] = outcome.milliseconds.map((ms) => (ms / 1000).toFixed(1));
  console.log(
    `${outcome.differences.length ? 'DIFFERENT' : 'the same'}: ${outcome.executed} instructions, ${outcome.chunks} comparisons, ${one} s and ${other} s${outcome.ended ? `, ${outcome.ended}` : ''}`,
  );
  if (outcome.statistics) console.log(`compiler: ${JSON.stringify(outcome.statistics)}`);
  if (values.until !== undefined && outcome.differences.length === 0 && !outcome.output.includes(values.until)) {
    console.log(`'${values.until}' was not printed`);
    return 1;
  }
  return outcome.differences.length > 0 ? 1 : 0;
}

const [root, ...args] = process.argv.slice(2);
try {
  process.exitCode = main(root ?? '.', args);
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exitCode = 2;
}
