/** Running the cases of a file and counting. */
import type { Outcome, Suite } from './suite.ts';

export interface Count {
  run: number;
  passed: number;
}

export interface Tally {
  readonly total: Count;
  readonly forms: Map<string, Count>;
  /** Cases by the entry of the list of differences that applies to them. */
  readonly listed: Map<string, number>;
  /** What failed, in order, the first ones of each form only. */
  readonly failures: Outcome[];
  readonly seconds: number;
}

export interface RunOptions {
  /** Only forms whose names contain this text. */
  readonly filter?: string | undefined;
  /** Every n-th case. */
  readonly step?: number;
  /** Failures to keep of each form. */
  readonly keep?: number;
}

export function runSuite(suite: Suite, { filter, step = 1, keep = 3 }: RunOptions = {}): Tally {
  const started = performance.now();
  const total: Count = { run: 0, passed: 0 };
  const forms = new Map<string, Count>();
  const listed = new Map<string, number>();
  const failures: Outcome[] = [];
  for (let n = 0; n < suite.length; n += step) {
    if (filter !== undefined && !suite.form(n).includes(filter)) continue;
    const outcome = suite.run(n);
    let count = forms.get(outcome.form);
    if (!count) forms.set(outcome.form, (count = { run: 0, passed: 0 }));
    total.run++;
    count.run++;
    if (outcome.differences.length === 0) {
      total.passed++;
      count.passed++;
    } else if (count.run - count.passed <= keep) failures.push(outcome);
    if (outcome.listed !== undefined) listed.set(outcome.listed, (listed.get(outcome.listed) ?? 0) + 1);
  }
  return { total, forms, listed, failures, seconds: (performance.now() - started) / 1000 };
}

/** `name: 10 of 12 passed, 2 failed`, with the number of cases whose expectation the list of differences changed. */
export function summary(name: string, { total, listed }: Tally): string {
  const changed = [...listed].map(([id, count]) => `${count} ${id}`).join(', ');
  const note = changed ? ` (listed differences: ${changed})` : '';
  return `${name}: ${total.passed} passed, ${total.run - total.passed} failed${note}`;
}
