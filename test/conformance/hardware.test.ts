/**
 * Every case captured on a real processor, on the whole processor. HARDWARE_GROUPS picks files (comma-separated), HARDWARE_STEP runs
 * every n-th case, HARDWARE_REPORT=1 lists failures by form.
 */
import { describe, expect, it } from 'vitest';
import { HardwareRunner } from './hardware-runner.ts';
import { absence, openVectors, vectorsPresent } from './vectors.ts';

const GROUPS = (process.env['HARDWARE_GROUPS'] ?? 'int,p16,seg,x87,mmx,sse,seq').split(',');
const STEP = Number(process.env['HARDWARE_STEP'] ?? 1);

function reportByForm(group: string, failures: readonly string[]): void {
  const byForm = new Map<string, string[]>();
  for (const failure of failures) {
    const form = failure.slice(0, failure.indexOf(':'));
    byForm.set(form, [...(byForm.get(form) ?? []), failure]);
  }
  for (const [form, list] of byForm)
    console.log(`[${group}] ${form}: ${list.length} failures\n   ${list.slice(0, 2).join('\n   ')}`);
}

describe.skipIf(!vectorsPresent)(`cases captured on a real processor${absence}`, () => {
  it.each(GROUPS)('%s', (group) => {
    const file = openVectors(group);
    const runner = new HardwareRunner(file.header, { features: { sse3: true, ssse3: true } });
    const failures: string[] = [];
    let ran = 0;
    for (const test of file.cases(STEP)) {
      ran++;
      const differences = runner.run(test);
      if (differences.length > 0)
        failures.push(`${test.f}: ${test.b} ${JSON.stringify(test.i)}: ${differences.join('; ')}`);
    }
    if (process.env['HARDWARE_REPORT']) reportByForm(group, failures);
    expect(failures.slice(0, 10), `${failures.length} of ${ran} cases`).toEqual([]);
    expect(ran).toBeGreaterThan(0);
  });
});
