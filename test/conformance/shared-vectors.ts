/** The tests of one shard of the shared vectors. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSuite, sharedFolder, sourceRoot } from './files.ts';
import { runSuite, summary } from './tally.ts';

/** Cases whose expectation the list of differences may change, of a thousand. */
const DIFFERENCES_PER_MILLE = 1;

/** One test for each file; `files` says how many cases each has at least, so that none can get lost. */
export function sharedVectorTests(title: string, files: Readonly<Record<string, number>>): void {
  const folder = sharedFolder(sourceRoot());
  // In CI the vectors must be there: the tests fail without them.
  const present = existsSync(folder) || process.env['CI'] !== undefined;
  describe.skipIf(!present)(
    `${title}${present ? '' : ' (skipped: no ../shared/conformance beside the checkout)'}`,
    () => {
      it.each(Object.entries(files))('%s', (name, cases) => {
        const tally = runSuite(openSuite(join(folder, name)));
        console.log(summary(name, tally));
        const wrong = tally.failures.map(({ form, description, differences }) =>
          [form, description, ...differences].join(' | '),
        );
        expect(wrong.slice(0, 10), `${tally.total.run - tally.total.passed} of ${tally.total.run} cases`).toEqual([]);
        expect(tally.total.run).toBeGreaterThanOrEqual(cases);
        const changed = [...tally.listed.values()].reduce((sum, count) => sum + count, 0);
        expect(changed * 1000).toBeLessThanOrEqual(tally.total.run * DIFFERENCES_PER_MILLE);
      });
    },
  );
}
