/** Random programs of fixed seeds, run here and on QEMU: the two must agree, apart from what forms.ts and compare.ts list. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { campaign } from './campaign.ts';
import { lockstep } from './lockstep.ts';
import { qemuInstalled } from './machines.ts';

const FOLDER = import.meta.dirname;
const REQUIRED = process.env['CI'] !== undefined;
const qemu = qemuInstalled();
const nasm = spawnSync('nasm', ['--version']).status === 0;

/** Milliseconds; QEMU starts slowly on a busy machine. */
const TIMEOUT = 90_000;

describe('random programs', { timeout: TIMEOUT }, () => {
  it.skipIf(!qemu && !REQUIRED)('do the same here and on QEMU (skipped where QEMU is not installed)', () => {
    const { programs, events, different } = campaign(FOLDER, 1, 300);
    expect(different.map(({ seed, differences }) => `seed ${seed}: ${differences.join('; ')}`)).toEqual([]);
    expect(programs).toBeGreaterThan(280);
    expect(events).toBeGreaterThan(programs);
  });

  it('do the same in blocks and one instruction at a time', () => {
    const { stops, differences } = lockstep(FOLDER, 1000, 80);
    expect(differences).toEqual([]);
    expect(stops).toBeGreaterThan(1000);
  });

  it.skipIf(!nasm && !REQUIRED)('run in the harness that nasm makes of the source', () => {
    const folder = mkdtempSync(join(tmpdir(), 'differential-'));
    try {
      const output = join(folder, 'harness');
      execFileSync('nasm', ['-f', 'bin', '-w+all', '-o', output, 'harness.asm'], { cwd: FOLDER });
      expect(readFileSync(output).equals(readFileSync(join(FOLDER, 'harness.bin')))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
