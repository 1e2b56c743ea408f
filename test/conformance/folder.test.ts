/** Further vectors of the same formats, from the folder that VS_CONFORMANCE_DIR names; prints passed and failed of each file. */
import { describe, expect, it } from 'vitest';
import { findVectorFiles, openSuite } from './files.ts';
import { runSuite, summary } from './tally.ts';

// vitest.config.ts takes this file in only while the variable is set.
describe('vectors of VS_CONFORMANCE_DIR', () => {
  it.each(findVectorFiles(process.env['VS_CONFORMANCE_DIR']!))('$name', ({ name, path }) => {
    const tally = runSuite(openSuite(path));
    console.log(summary(name, tally));
    const wrong = tally.failures.map(({ form, description, differences }) =>
      [form, description, ...differences].join(' | '),
    );
    expect(wrong.slice(0, 20), `${tally.total.run - tally.total.passed} of ${tally.total.run} cases`).toEqual([]);
  });
});
