import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { linuxBench } from '../../bench/guests/linux-bench.ts';
import { parseOptions } from '../../bench/options.ts';
import { native } from '../../bench/peers/native.ts';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const { settings } = parseOptions(['--groups', 'int-queens,mem-rep'], ROOT);
const missing = native.unavailable() ?? (existsSync(join(settings.images, 'linux-bench.raw')) ? undefined : 'no disk');

describe('programs of linux-bench on the host', () => {
  it.skipIf(missing !== undefined && !process.env['CI'])(
    'compute what the guest’s list expects (needs root, debugfs and the disk linux-bench)',
    { timeout: 60_000 },
    async () => {
      const suite = linuxBench(1);
      const guest = suite.guest(settings);
      if ('missing' in guest) throw new Error(guest.missing);
      expect(native.runs!(guest)).toBe(true);
      const reader = suite.reader(settings, native.clock!);
      await new Promise<void>((resolve, reject) => {
        const received = (byte: number): void => {
          reader.byte(byte, 0);
          if (reader.complete) resolve();
        };
        native.start(guest, received, (reason) => reject(new Error(reason))).catch(reject);
      });
      const measurements = reader.measurements();
      expect(measurements.map(({ item }) => item)).toEqual(['int-queens', 'mem-repmovs', 'mem-repstos', 'mem-repscan']);
      // Eight queens and its kin: OEIS A000170 has 724 for a board of ten.
      expect(measurements[0]!.checksum).toBe((724).toString(16).padStart(8, '0'));
      for (const { milliseconds, wrong, unstable } of measurements) {
        expect(milliseconds).toBeGreaterThan(0);
        expect([wrong, unstable]).toEqual([undefined, undefined]);
      }
    },
  );

  it('are nothing that a bare image could be', () => {
    expect(native.runs!({ kind: 'multiboot', path: 'x', scale: 1 })).toBe(false);
    expect(native.runs!({ kind: 'disk', path: 'x', memoryMiB: 256 })).toBe(false);
  });
});
