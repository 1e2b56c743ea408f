/** A small Linux through GRUB, SYSLINUX and ISOLINUX: to its READY mark, and off in order. */
import { describe, expect, it } from 'vitest';
import { boot, image, missing, ORDERLY_RUN } from './guest.ts';

const LIMIT = 300;

const IMAGES = [
  ['linux-mini.raw', 'raw disk, GRUB, ext4'],
  ['linux-mini-fixed.vhd', 'fixed VHD'],
  ['linux-mini.vhd', 'dynamic VHD'],
  ['linux-mini-fat.vhd', 'dynamic VHD, SYSLINUX, FAT16'],
  ['linux-mini.iso', 'CD, ISOLINUX'],
  ['linux-mini-pae.vhd', 'kernel for PAE processors'],
] as const;

describe('linux-mini', () => {
  for (const [name, what] of IMAGES) {
    it.skipIf(missing(name))(`${name}: ${what} (needs bash .ci/guests)`, async () => {
      // The kernel for PAE wants the feature; the machine does not show it by itself.
      const cpu = name.includes('pae') ? ['--cpu', '+pae'] : [];
      const run = await boot([image(name), '--memory', '128', ...cpu], LIMIT);
      const marks = run.serial.split('\n').filter((line) => line.startsWith('@@'));
      expect(marks.join('\n'), run.talk).toContain('@@READY');
      expect(marks.filter((line) => line.startsWith('@@MODFAIL'))).toEqual([]);
      // The drivers that bind to the board of the original product.
      expect(run.serial).toMatch(/@@DISK .*(?:sda|sr0)/);
      expect(run.code).toBe(0);
      expect(run.states).toEqual(ORDERLY_RUN);
    });
  }
});
