/**
 * A guest is saved and restored in the middle of its boot, and each time goes on as if nothing had been: same state, same number of
 * instructions. `VS_SAVE_COUNT` says how often; `npm run saving` does the same for any guest, and compares more.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StateRig, differences, runTogether } from '../machine/state-rig.ts';
import { image, missing } from './guest.ts';

const COUNT = Number(process.env['VS_SAVE_COUNT'] ?? 4);
/** A boot to the READY mark takes 8200 million instructions, 1500 of them for the kernel; the rest is waiting. */
const EVERY = Math.round(1500e6 / COUNT);
const COMPARED = 5e6;

describe('saving in the middle of a boot', () => {
  it.skipIf(missing('linux-mini.vhd'))(
    `linux-mini, ${COUNT} times (needs bash .ci/guests)`,
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'virtualserver-saving-'));
      const path = join(folder, 'state.vsv');
      const options = { memoryMiB: 256, hda: { path: image('linux-mini.vhd'), mode: 'memory' as const } };
      let rig = new StateRig(options);
      try {
        for (let n = 0; n < COUNT; n++) {
          rig.run(rig.executed + EVERY);
          rig.save(path);
          const start = performance.now();
          const restored = new StateRig(options, { path });
          restored.run(rig.executed + 1);
          expect(restored.missing).toBeGreaterThan(0);
          // A busy host may take its time; docs/saved-state.md has the figures of a quiet one.
          expect(performance.now() - start).toBeLessThan(10_000);
          restored.serial = rig.serial;
          runTogether(rig, restored, rig.executed + COMPARED);
          expect(differences(rig.describe(), restored.describe())).toEqual([]);
          expect(restored.hash()).toBe(rig.hash());
          rig.close();
          rig = restored;
        }
        rig.runUntil('@@READY', 12_000e6);
        expect(rig.serial).toContain('@@READY');
      } finally {
        rig.close();
        rmSync(folder, { recursive: true, force: true });
      }
    },
    600_000,
  );
});
