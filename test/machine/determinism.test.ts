/** Run, save, restore, run equals run straight through. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StateRig, differences } from './state-rig.ts';

const DEMO = readFileSync(join(import.meta.dirname, '..', '..', 'src', 'demo', 'demo.img'));

function demoOptions() {
  const bytes = new Uint8Array(8 << 20);
  bytes.set(DEMO);
  return { memoryMiB: 32, hda: { bytes }, boot: ['disk'] as const };
}

describe('the demonstration guest', () => {
  for (const moment of [1_000, 300_000, 2_000_000, 7_000_000, 12_000_000]) {
    it(`goes on as if it had not been saved after ${moment} instructions`, () => {
      const rig = new StateRig(demoOptions());
      rig.run(moment);
      const saved = rig.save();
      const restored = new StateRig(demoOptions(), saved);
      expect(differences(rig.describe(), restored.describe())).toEqual([]);
      expect(restored.hash()).toBe(rig.hash());
      for (const more of [1, 1000, 100_000, 2_000_000]) {
        rig.run(moment + more);
        restored.run(moment + more);
        expect(differences(rig.describe(), restored.describe())).toEqual([]);
        expect(restored.hash()).toBe(rig.hash());
      }
      rig.close();
      restored.close();
    });
  }
});
