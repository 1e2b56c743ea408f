import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const FOLDER = join(import.meta.dirname, '..', '..', 'src', 'demo');
const image = readFileSync(join(FOLDER, 'demo.img'));
const nasm = spawnSync('nasm', ['-v']).status === 0;

describe('demonstration image', () => {
  it('is a small boot image', () => {
    expect(image.length).toBe(32 * 1024);
    expect(image.readUInt16LE(510)).toBe(0xaa55);
  });

  // Needs the assembler; CI installs it.
  it.skipIf(!nasm && !process.env['CI'])('is what its source assembles to (needs nasm)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'virtualserver-demo-'));
    try {
      const output = join(folder, 'demo.img');
      execFileSync('nasm', ['-f', 'bin', '-o', output, 'demo.asm'], { cwd: FOLDER });
      expect(readFileSync(output).equals(image)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
