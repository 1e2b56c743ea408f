/**
 * Saves and restores a guest again and again while it boots: `npm run saving -- IMAGE [--count N] [--memory MIB] [--until TEXT]
 * [--every MILLIONS] [--compare MILLIONS] [--arguments TEXT]`. After each restoring the machine that was saved and the one that was restored run on
 * side by side, and must be the same; the restored one goes on. Instructions are given in millions; the arguments go to the guest's
 * boot loader. The end of the guest counts as reaching the text `off`.
 */
import { copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { setGuestArguments } from '../guests/grub-environment.ts';
import { StateRig, differences, runTogether } from '../machine/state-rig.ts';

const MILLION = 1e6;
const [, , root, ...args] = process.argv;
const { positionals, values } = parseArgs({
  args,
  allowPositionals: true,
  options: {
    count: { type: 'string', default: '5' },
    memory: { type: 'string', default: '256' },
    until: { type: 'string', default: '@@READY' },
    every: { type: 'string', default: '100' },
    compare: { type: 'string', default: '5' },
    limit: { type: 'string', default: '60000' },
    arguments: { type: 'string' },
  },
});
const image = positionals[0] ?? 'linux-mini.vhd';
const path = image.includes('/') ? image : join(root!, 'build', 'guests', image);
const number = (name: keyof typeof values): number => Number(values[name]);
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(2)} s`;

const folder = mkdtempSync(join(tmpdir(), 'virtualserver-saving-'));
const file = join(folder, 'state.vsv');

/** The image, or a copy that starts the guest with the arguments. */
function guestImage(): string {
  if (values.arguments === undefined) return path;
  const copy = join(folder, basename(path));
  copyFileSync(path, copy);
  setGuestArguments(copy, values.arguments.split(' '));
  return copy;
}

const options = { memoryMiB: number('memory'), hda: { path: guestImage(), mode: 'memory' as const } };
function restoreAt(rig: StateRig, turn: number): StateRig {
  const saving = performance.now();
  rig.save(file);
  const saved = seconds(saving);
  const restoring = performance.now();
  const restored = new StateRig(options, { path: file });
  const made = seconds(restoring);
  restored.run(rig.executed + 1);
  const first = seconds(restoring);
  restored.serial = rig.serial;
  const missing = restored.missing;
  const size = (statSync(file).size / MILLION).toFixed(1);
  const until = Math.max(rig.executed, restored.executed) + number('compare') * MILLION;
  runTogether(rig, restored, until);
  const found = differences(rig.describe(), restored.describe());
  const same = rig.hash() === restored.hash();
  console.log(
    `${turn}: at ${(rig.executed / MILLION).toFixed(0)} million, ${(rig.scheduler.now() / 1e9).toFixed(2)} s: saved in ${saved}, ` +
      `${size} MB, restored in ${made}, first instruction after ${first}, ${missing} blocks to come; ${same ? 'equal' : 'DIFFERENT'}`,
  );
  for (const line of found.slice(0, 10)) console.log(`   ${line}`);
  if (!same) process.exitCode = 1;
  rig.close();
  return restored;
}

let rig = new StateRig(options);
const start = performance.now();
try {
  for (let turn = 1; turn <= number('count') && rig.ended === undefined; turn++) {
    rig.run(rig.executed + number('every') * MILLION, rig.scheduler.now() / 1e9 + 30);
    rig = restoreAt(rig, turn);
  }
  const until = new RegExp(values.until);
  while (!until.test(rig.serial) && rig.ended === undefined && rig.executed < number('limit') * MILLION)
    rig.run(rig.executed + 10 * MILLION, rig.scheduler.now() / 1e9 + 1);
  const reached = until.test(rig.serial) || (rig.ended === 'off' && until.test('off'));
  console.log(
    `${reached ? 'reached' : 'DID NOT REACH'} ${values.until} after ${(rig.executed / MILLION).toFixed(0)} million instructions, ` +
      `${seconds(start)}${rig.ended === undefined ? '' : `; ended: ${rig.ended}`}`,
  );
  const results = rig.serial.split(/\r?\n/).filter((line) => line.startsWith('BENCH'));
  const bad = results.filter((line) => !line.endsWith(' ok'));
  if (results.length > 0) console.log(`${results.length} programs, ${bad.length} wrong`);
  if (bad.length > 0) process.exitCode = 1;
  if (!reached) {
    console.log(rig.serial.slice(-2000));
    process.exitCode = 1;
  }
} finally {
  rig.close();
  rmSync(folder, { recursive: true, force: true });
}
