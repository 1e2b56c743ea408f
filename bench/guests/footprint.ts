/** Much code that runs a few times. */
import { join } from 'node:path';
import { KernelReader } from '../kernel-reader.ts';
import { FOOTPRINT_PASSES } from '../kernels/footprint.ts';
import type { Suite } from '../types.ts';

/** Names in order: the first pass over new code, the second one, then runs of many passes. */
export const FOOTPRINT_ITEMS: readonly string[] = [
  'first-pass',
  'second-pass',
  ...FOOTPRINT_PASSES.slice(2).map((passes) => `${passes}-passes`),
];

export const footprint: Suite = {
  id: 'footprint',
  title: 'Large footprint',
  about:
    'About 87,000 different instructions in 4,000 functions, each called once per pass, as in a boot or a large program. ' +
    'The first pass shows what code costs that was never seen before, by an emulator that has run for about a second (its ' +
    'firmware; virtualserver’s processor, which runs alone here, the same image before a reset).',
  timeout: 120_000,
  guest: ({ kernels: folder }) => ({ kind: 'multiboot', path: join(folder, 'footprint.bin'), scale: 1 }),
  reader: ({ clock }) => new KernelReader(FOOTPRINT_ITEMS, 1, clock),
};
