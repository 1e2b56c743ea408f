/** The image of the video BIOS: what its source assembles to, and what the loader adds. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import { completeVideoBios } from '../../src/firmware/video-bios.ts';
import { firmwareIdentity } from '../../src/machine/video.ts';

const FOLDER = join(import.meta.dirname, '..', '..', 'src', 'video-bios');
const image = readFileSync(join(FOLDER, 'video-bios.bin'));
const nasm = spawnSync('nasm', ['-v']).status === 0;
const S3 = { vendor: 0x5333, device: 0x8811 };

describe('video BIOS image', () => {
  // Needs the assembler; CI installs it.
  it.skipIf(!nasm && !process.env['CI'])('is what its source assembles to (needs nasm)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'virtualserver-video-bios-'));
    try {
      const output = join(folder, 'video-bios.bin');
      execFileSync('nasm', ['-f', 'bin', '-w+all', '-o', output, 'video-bios.asm'], { cwd: FOLDER });
      expect(readFileSync(output).equals(image)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gets its character sets from SeaVGABIOS', () => {
    const fonts = loadFirmware().videoBios;
    const complete = completeVideoBios(image, fonts);
    expect(complete.length).toBe(image.length);
    const differs = complete.findIndex((byte, i) => byte !== image[i]);
    expect(differs).toBeGreaterThan(8 * 1024);
    expect(() => completeVideoBios(image, new Uint8Array(4096))).toThrow(RangeError);
    expect(() => completeVideoBios(new Uint8Array(4096), fonts)).toThrow(RangeError);
  });

  it('lets the adapter keep its identity, which other images do not', () => {
    expect(firmwareIdentity(image, S3)).toEqual(S3);
    expect(firmwareIdentity(loadFirmware().videoBios, S3)).toEqual({ vendor: 0x1234, device: 0x1111 });
    expect(firmwareIdentity(new Uint8Array(512), S3)).toEqual({ vendor: 0x1234, device: 0x1111 });
  });
});
