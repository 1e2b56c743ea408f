import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** More by `node test/run-command.mjs vhd/kill 1000`. */
const RUNS = 7;

it(`a process killed ${RUNS} times while it works on disks leaves them sound`, () => {
  const output = execFileSync(process.execPath, ['test/run-command.mjs', 'vhd/kill', String(RUNS)], { cwd: root });
  expect(output.toString()).toContain(`${RUNS} kills: every check clean, every flushed sector intact`);
}, 120_000);
