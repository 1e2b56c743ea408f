/** Ten small kernels on a bare machine. */
import { join } from 'node:path';
import { KernelReader } from '../kernel-reader.ts';
import type { Suite } from '../types.ts';

/** In the order of kernels/kernels.asm. */
export const KERNELS: readonly string[] = [
  'sieve',
  'fib',
  'copy',
  'crc32',
  'bytecode',
  'spread',
  'x87-orbit',
  'x87-dot',
  'sse-mix',
  'rep-strings',
];
export const KERNEL_REPETITIONS = 6;

export const kernels: Suite = {
  id: 'kernels',
  title: 'Bare kernels',
  about:
    'Loops without an operating system: 32-bit protected mode, paging on. Times lie between two bytes on COM1; ' +
    'of six repetitions the first, which pays for decoding and compiling, is left out, and the shortest of the others counts.',
  timeout: 180_000,
  guest: ({ kernels: folder, kernelScale: scale }) => ({ kind: 'multiboot', path: join(folder, 'kernels.bin'), scale }),
  reader: ({ clock }) => new KernelReader(KERNELS, KERNEL_REPETITIONS, clock),
};
