/** Assembles the bare images with NASM. The results are in the tree, so that running the benchmarks needs no assembler. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { footprintSource } from './footprint.ts';

export const IMAGE_NAMES = ['kernels', 'footprint'] as const;
export type ImageName = (typeof IMAGE_NAMES)[number];

export function nasmPresent(): boolean {
  return spawnSync('nasm', ['-v'], { stdio: 'ignore' }).status === 0;
}

/**
 * Assembles one image.
 * @param folder where `kernels.asm` and `frame.inc` are
 * @throws Error with what NASM says
 */
export function assemble(name: ImageName, folder: string): Uint8Array {
  const work = mkdtempSync(join(tmpdir(), 'virtualserver-bench-'));
  try {
    let source = join(folder, `${name}.asm`);
    if (name === 'footprint') {
      source = join(work, 'footprint.asm');
      writeFileSync(source, footprintSource());
    }
    const output = join(work, 'image.bin');
    const nasm = spawnSync('nasm', ['-f', 'bin', '-w+error', '-I', `${folder}/`, '-o', output, source], {
      encoding: 'utf8',
    });
    if (nasm.error) throw nasm.error;
    if (nasm.status !== 0) throw new Error(`nasm: ${nasm.stderr.slice(0, 2000)}`);
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
