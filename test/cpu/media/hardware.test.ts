/**
 * MMX and SSE instructions on the whole processor against captures of a real one. A sample by default;
 * VIRTUALSERVER_ALL_VECTORS=1 runs every case.
 */
import { describe, expect, it } from 'vitest';
import { HardwareRunner } from '../../conformance/hardware-runner.ts';
import { absence, openVectors, vectorsPresent } from '../../conformance/vectors.ts';

const STEP = process.env['VIRTUALSERVER_ALL_VECTORS'] ? 1 : 17;

describe.skipIf(!vectorsPresent)(`media instructions against a real processor${absence}`, () => {
  it.each(['mmx', 'sse'])('%s', { timeout: 300_000 }, (name) => {
    const file = openVectors(name);
    const runner = new HardwareRunner(file.header, { features: { sse3: true, ssse3: true } });
    const failures: string[] = [];
    let ran = 0;
    for (const test of file.cases(STEP)) {
      ran++;
      const differences = runner.run(test);
      if (differences.length > 0)
        failures.push(`${test.f}: ${test.b} ${JSON.stringify(test.i)}: ${differences.join('; ')}`);
    }
    if (process.env['VECTOR_REPORT']) reportByForm(failures);
    expect(failures.slice(0, 10)).toEqual([]);
    expect(ran).toBeGreaterThan(700);
  });
});

function reportByForm(failures: readonly string[]): void {
  const byForm = new Map<string, string[]>();
  for (const failure of failures) {
    const form = failure.slice(0, failure.indexOf(':'));
    byForm.set(form, [...(byForm.get(form) ?? []), failure]);
  }
  for (const [form, list] of byForm) console.log(`${form} ${list.length}: ${list.slice(0, 2).join('\n   ')}`);
}
