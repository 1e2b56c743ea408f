/**
 * `npm run differential -- [--seed n] [--count m]`: runs random programs on the processor and on QEMU. Prints what differs, with
 * the code in hexadecimal; exit status 1 if something does.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { campaign } from './campaign.ts';
import type { Program } from './generator.ts';

/** Programs in one image. */
const BATCH = 1000;

/** The code, instruction by instruction. */
const listing = ({ code, starts }: Program): string =>
  starts
    .map((start, i) => `${start.toString(16)}:${hex(code.subarray(start, starts[i + 1] ?? code.length))}`)
    .join(' ');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function main(root: string, args: readonly string[]): number {
  const { values } = parseArgs({
    args: [...args],
    options: { seed: { type: 'string' }, count: { type: 'string' } },
  });
  const seed = Number(values.seed ?? 1);
  const count = Number(values.count ?? 1000);
  if (!Number.isInteger(seed) || !Number.isInteger(count) || count < 1)
    throw new Error('--seed and --count take integers');
  let [programs, endless, events, cut, different] = [0, 0, 0, 0, 0];
  for (let done = 0; done < count; done += BATCH) {
    const outcome = campaign(join(root, 'test', 'differential'), seed + done, Math.min(BATCH, count - done));
    programs += outcome.programs;
    endless += outcome.endless;
    events += outcome.events;
    cut += outcome.cut;
    different += outcome.different.length;
    for (const { seed: of, program, differences } of outcome.different)
      console.log(
        `seed ${of} (${program.group}, CS ${program.registers[10]!.toString(16)}): ${differences.join('; ')}\n  ${listing(program)}`,
      );
  }
  console.log(
    `${programs} programs, ${events} exceptions, ${endless} left out as endless, ${cut} compared up to a known difference, ${different} differ`,
  );
  return different > 0 ? 1 : 0;
}

const [root, ...args] = process.argv.slice(2);
try {
  process.exitCode = main(root ?? '.', args);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
