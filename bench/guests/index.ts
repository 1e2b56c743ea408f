/** All suites, in the order of the report. */
import type { Suite } from '../types.ts';
import { footprint } from './footprint.ts';
import { kernels } from './kernels.ts';
import { linuxBoot } from './linux-boot.ts';

export const SUITES: readonly Suite[] = [kernels, footprint, linuxBoot];
