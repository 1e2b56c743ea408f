/** All suites, in the order of the report. */
import type { Suite, SuiteSettings } from '../types.ts';
import { footprint } from './footprint.ts';
import { kernels } from './kernels.ts';
import { linuxBench } from './linux-bench.ts';
import { linuxBoot } from './linux-boot.ts';

/** The suites of a run: `linux-bench` once for each factor on its work. */
export function suitesOf({ scales }: Pick<SuiteSettings, 'scales'>): Suite[] {
  return [kernels, footprint, linuxBoot, ...scales.map(linuxBench)];
}

/** The suite of a result, whatever scales the present run has; undefined for one that is no more. */
export function suiteOf(id: string): Suite | undefined {
  const scale = /^linux-bench-(\d+)$/.exec(id)?.[1];
  return suitesOf({ scales: scale === undefined ? [] : [Number(scale)] }).find((suite) => suite.id === id);
}
