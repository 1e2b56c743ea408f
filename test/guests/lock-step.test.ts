/** Whole guests, interpreted and compiled side by side: `npm run lock-step` runs them further. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIGURATIONS } from '../lock-step/configurations.ts';
import { guest } from '../lock-step/guests.ts';
import { runLockStep } from '../lock-step/lock-step.ts';
import { image, missing } from './guest.ts';

const ROOT = join(import.meta.dirname, '..', '..');
/** What GRUB prints when it starts the kernel. */
const KERNEL_STARTS = '@@KERNEL';

const RUNS = [
  ['linux-mini.raw', 'default', KERNEL_STARTS, 400e6],
  ['linux-mini.raw', 'soon', KERNEL_STARTS, 400e6],
  ['memtest.raw', 'default', undefined, 60e6],
] as const;

describe('in lock step', () => {
  for (const [name, configuration, until, instructions] of RUNS)
    it.skipIf(missing(name))(`${name}, configuration ${configuration} (needs bash .ci/guests)`, () => {
      const { differences, output, executed } = runLockStep(guest(ROOT, image(name), { memoryMiB: 64 }), {
        configurations: [false, CONFIGURATIONS[configuration]!],
        until,
        instructions,
      });
      expect(differences).toEqual([]);
      if (until === undefined) expect(executed).toBeGreaterThanOrEqual(instructions);
      else expect(output).toContain(until);
    });
});
