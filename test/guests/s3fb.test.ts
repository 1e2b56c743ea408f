/** Linux's driver for the S3 Trio64 binds, sets modes by the chip's own registers and shows its console in them. */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type * as Library from '../../src/index.ts';
import { setGuestArguments } from './grub-environment.ts';
import { image, missing } from './guest.ts';

const LIBRARY = pathToFileURL(join(import.meta.dirname, '..', '..', 'dist', 'index.js')).href;
const LIMIT_MS = 300_000;
const folder = mkdtempSync(join(tmpdir(), 's3fb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODES = [
  [640, 480, 8],
  [640, 480, 16],
  [800, 600, 8],
  [800, 600, 16],
  [1024, 768, 8],
  [1024, 768, 16],
] as const;

describe('s3fb', () => {
  for (const [width, height, depth] of MODES) {
    it.skipIf(missing('linux-mini.raw'))(`${width}x${height}x${depth} (needs bash .ci/guests)`, async () => {
      const { createMachine } = (await import(LIBRARY)) as typeof Library;
      const path = join(folder, 'linux-mini.raw');
      copyFileSync(image('linux-mini.raw'), path);
      setGuestArguments(path, ['after=shell', 'mods=s3fb', `s3fb.mode_option=${width}x${height}-${depth}`]);
      await using vm = createMachine({ memoryMiB: 96, hda: { path, mode: 'memory' } });
      await vm.start();
      await vm.serial[0]!.waitForText(/8811 class 030000 driver s3fb/, { timeoutMs: LIMIT_MS });
      await vm.serial[0]!.waitForText('@@DONE', { timeoutMs: LIMIT_MS });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const picture = await vm.screen.image();
      expect([picture.width, picture.height]).toEqual([width, height]);
      // The console has filled its rows with text: many lines with some light in them, none mostly bright.
      const lit = Array.from({ length: height }, (_, y) => {
        let bright = 0;
        for (let x = 0; x < width; x++) if (picture.data[(y * width + x) * 4 + 1]! > 0x60) bright++;
        return bright;
      });
      expect(lit.filter((bright) => bright > 0).length).toBeGreaterThan(height / 3);
      expect(Math.max(...lit)).toBeLessThan(width / 2);
    });
  }
});
