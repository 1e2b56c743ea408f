/** Random programs of ring 3 with their exceptions, compiled at their first branches, against the interpreter. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runOurs } from '../differential/campaign.ts';
import { makeImage } from '../differential/image.ts';
import { Machine } from '../differential/machines.ts';

const FOLDER = join(import.meta.dirname, '..', 'differential');
const PROGRAMS = Number(process.env['LOCK_STEP_PROGRAMS'] ?? 60);
const FIRST_SEED = Number(process.env['LOCK_STEP_SEED'] ?? 5000);
/** Instructions between comparisons: a number that has nothing to do with the programs. */
const CHUNK = 997;

describe('random programs', { timeout: 60_000 + 2000 * PROGRAMS }, () => {
  it.each([1, 2, 7, 23, 50])('with a sample every %i instructions', (interval) => {
    const seeds = Array.from({ length: PROGRAMS }, (_, i) => FIRST_SEED + 1000 * interval + i);
    const image = makeImage(FOLDER, runOurs(FOLDER, seeds, []).programs);
    const interpreted = new Machine(image, false);
    const compiled = new Machine(image, { threshold: 1, interval, patience: 1 });
    while (!interpreted.finished) {
      interpreted.cpu.run(CHUNK);
      compiled.cpu.run(CHUNK);
      expect(compiled.cpu.capture()).toEqual(interpreted.cpu.capture());
      expect(compiled.cpu.executed).toBe(interpreted.cpu.executed);
    }
    expect(compiled.finished).toBe(true);
    expect(Buffer.compare(compiled.output, interpreted.output)).toBe(0);
    expect(Buffer.compare(compiled.cpu.ram, interpreted.cpu.ram)).toBe(0);
    // With few samples it is the code around the programs.
    expect(compiled.cpu.jitStatistics!.regions).toBeGreaterThan(interval < 10 ? PROGRAMS / 6 : 5);
  });
});
