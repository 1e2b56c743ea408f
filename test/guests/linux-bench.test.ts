/** Eighty programs, from integer loops to Perl and SQLite: each must compute what it computed natively. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setGuestArguments } from './grub-environment.ts';
import { boot, image, missing, ORDERLY_RUN } from './guest.ts';

const NAME = 'linux-bench.vhd';
const LIMIT = 580;
/** Programs of the suite; all run here, since the processor has SSE2. */
const PROGRAMS = 82;

describe('linux-bench', () => {
  it.skipIf(missing(NAME))(`${NAME}: all checksums (needs bash .ci/guests)`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'linux-bench-'));
    try {
      const copy = join(folder, NAME);
      copyFileSync(image(NAME), copy);
      setGuestArguments(copy, ['run=bench', 'scale=1']);
      const run = await boot([copy, '--memory', '256'], LIMIT);
      const results = run.serial.split(/\r?\n/).filter((line) => line.startsWith('BENCH'));
      expect(
        results.filter((line) => !line.endsWith(' ok')),
        run.talk,
      ).toEqual([]);
      expect(results.length).toBe(PROGRAMS);
      expect(run.code).toBe(0);
      expect(run.states).toEqual(ORDERLY_RUN);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
