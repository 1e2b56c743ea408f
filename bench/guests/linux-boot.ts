/** From power-on to the end of a small Linux system's start. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MarkerReader } from '../marker-reader.ts';
import type { Suite, SuiteSettings } from '../types.ts';

const IMAGE = 'linux-mini.raw';
export const MEMORY_MIB = 256;

export const linuxBootSource = ({ images }: SuiteSettings): string => join(images, IMAGE);

/** Why the guest's disk cannot be used, or undefined. */
export function linuxBootMissing(settings: SuiteSettings): string | undefined {
  return existsSync(linuxBootSource(settings))
    ? undefined
    : `${IMAGE} is not in the folder of guest images (.ci/guests builds it; --images names another folder)`;
}

export const linuxBoot: Suite = {
  id: 'boot',
  title: 'Linux boot',
  about:
    'A Debian 6.1 kernel for the i686 with busybox, from an IDE disk through GRUB, 256 MiB: from power-on to the lines that ' +
    'boot loader (`grub`, `kernel`), kernel (`linux`) and start script (`init`, `ready`: all drivers loaded) write to COM1. ' +
    'Times include what the guest sleeps. `processor time` is what the emulator used until then, all threads together: it ' +
    'depends less on what else the host does.',
  processorTime: 'processor time',
  timeout: 600_000,
  guest: (settings) => {
    const missing = linuxBootMissing(settings);
    return missing === undefined
      ? { kind: 'disk', path: linuxBootSource(settings), memoryMiB: MEMORY_MIB }
      : { missing };
  },
  reader: () => new MarkerReader({ until: 'READY' }),
  leavesOut: ['v86-nojit'],
};
