/** Guests that are watched over a time: one that idles at its prompt, one that repeats the Linux benchmarks. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DiskGuest, SuiteSettings, WatchJob } from '../types.ts';
import { copyWithArguments } from './grub-arguments.ts';
import { EXPECTED, GROUPS, linuxBenchDisk, linuxBenchMissing, linuxBenchSource, parseExpected } from './linux-bench.ts';
import { linuxBootMissing, linuxBootSource, MEMORY_MIB } from './linux-boot.ts';

/**
 * Shell commands in the form in which the guest takes them from its command line: + for a blank, %XX for other characters.
 * The benchmarks' own file system as root, then one run after the other.
 */
const SHELL_LOOP = [
  'mount -t ext4 /dev/sda1 /mnt',
  'mount -t proc proc /mnt/proc',
  'mount -o bind /dev /mnt/dev',
  'mount -t tmpfs -o size=180m tmp /mnt/tmp',
  // The emulator holds what the guest has touched: all of it now, or a page cache that fills would look like a leak.
  'head -c 170m /dev/zero >/mnt/tmp/all',
  'rm /mnt/tmp/all',
  'while true',
  'do chroot /mnt /bench/run.sh SCALE GROUPS',
  'echo @@LOOP',
  'done',
].join(';');

/** A command as the guest's `cmd=` word. */
export function commandWord(command: string): string {
  const escaped = command.replaceAll(
    /[^\w ./@,-]/g,
    (character) => `%${character.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
  );
  return `cmd=${escaped.replaceAll(' ', '+')}`;
}

/** Why the guest's disk cannot be used, or undefined. */
export const watchedMissing = (watch: WatchJob['watch'], settings: SuiteSettings): string | undefined =>
  watch === 'idle' ? linuxBootMissing(settings) : linuxBenchMissing(settings);

/** Makes the disk of what is watched, and names it. */
export function watchedGuest(watch: WatchJob['watch'], settings: SuiteSettings): DiskGuest {
  if (watch === 'idle') {
    const path = join(settings.work, 'linux-idle.raw');
    copyWithArguments(linuxBootSource(settings), path, 'run=shell');
    return { kind: 'disk', path, memoryMiB: MEMORY_MIB };
  }
  const groups = settings.groups.length === 0 ? GROUPS : settings.groups;
  const disk = linuxBenchDisk(settings, ['linux-loop', ...settings.groups].join('-'));
  // An earlier guest may have written to it.
  rmSync(disk.path, { force: true });
  const command = SHELL_LOOP.replace('SCALE', '1').replace('GROUPS', groups.join(','));
  copyWithArguments(linuxBenchSource(settings), disk.path, commandWord(command));
  // What the guest writes goes to the image: an undo layer in memory would count as the emulator's.
  return { ...disk, direct: true };
}

/** Checksums that the repeated benchmarks must give. */
export const expectedChecksums = ({ images }: SuiteSettings): Map<string, string> =>
  existsSync(join(images, EXPECTED)) ? parseExpected(readFileSync(join(images, EXPECTED), 'utf8')) : new Map();
