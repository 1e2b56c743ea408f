/** A sample of the captured cases again, stopped and resumed as often as possible, and one instruction at a time. */
import { describe, expect, it } from 'vitest';
import { HardwareRunner } from './hardware-runner.ts';
import { absence, openVectors, vectorsPresent } from './vectors.ts';

const GROUPS = ['int', 'p16', 'seg', 'x87', 'mmx', 'sse', 'seq'];
const STEP = 7;

describe.skipIf(!vectorsPresent)(`captured cases, interrupted${absence}`, () => {
  it.each(['stops', 'steps'] as const)('%s', (mode) => {
    const failures: string[] = [];
    let ran = 0;
    for (const group of GROUPS) {
      const file = openVectors(group);
      const runner = new HardwareRunner(file.header, { features: { sse3: true, ssse3: true }, mode });
      for (const test of file.cases(STEP)) {
        ran++;
        const differences = runner.run(test);
        if (differences.length > 0) failures.push(`${test.f} ${test.b}: ${differences.join('; ')}`);
      }
    }
    expect(failures.slice(0, 10)).toEqual([]);
    expect(ran).toBeGreaterThan(25_000);
  });
});
