/**
 * Whole programs on the whole processor: each programs/*.asm prints what happened (faults, error codes, table bits), and the .txt beside
 * it says what the Intel SDM demands. The same images run under QEMU as a second opinion; lines where QEMU is known to
 * differ from the manual are marked in the .txt by a following line that begins with `QEMU> ` and what QEMU prints instead.
 * A .txt that begins with `QEMU! ` says why there is no such opinion.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StopReason } from '../../../cpu/processor.ts';
import { Board } from './board.ts';

const FOLDER = join(import.meta.dirname, 'programs');
const REQUIRED = process.env['CI'] !== undefined;
const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.asm'))
  .map((name) => name.slice(0, -4));

const installed = (command: string): boolean => spawnSync(command, ['--version']).status === 0;
const nasm = installed('nasm');
const qemu = installed('qemu-system-i386');

const lines = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');

/** What the manual demands, and what QEMU prints. */
function expectations(name: string): { manual: string[]; qemu: string[] } {
  const manual: string[] = [];
  const other: string[] = [];
  for (const line of lines(readFileSync(join(FOLDER, `${name}.txt`), 'latin1'))) {
    if (line.startsWith('QEMU! ')) continue;
    if (line.startsWith('QEMU> ')) other[other.length - 1] = line.slice(6);
    else {
      manual.push(line);
      other.push(line);
    }
  }
  return { manual, qemu: other.filter((line) => line !== '(nothing)') };
}

/** Runs an image in slices of `slice` instructions. */
function run(name: string, slice: number): Board {
  const board = new Board();
  board.cpu.writePhysical(0x100000, readFileSync(join(FOLDER, `${name}.bin`)));
  board.enterFlat(0x100000 + 32);
  const reason = board.run(5_000_000, slice);
  if (reason !== StopReason.Requested)
    board.text += `stopped for reason ${reason}: ${JSON.stringify(board.cpu.tripleFault ?? board.cpu.registers())}`;
  return board;
}

describe.each(names)('%s', (name) => {
  const without = readFileSync(join(FOLDER, `${name}.txt`), 'latin1').startsWith('QEMU! ');

  it('does what the manual says', () => {
    const board = run(name, 1_000_000);
    expect(lines(board.text)).toEqual(expectations(name).manual);
    expect(board.exitCode).toBe(0);
  });

  it('does the same in small slices, in as many instructions', () => {
    const whole = run(name, 1_000_000);
    const sliced = run(name, 7);
    expect(sliced.text).toBe(whole.text);
    expect(sliced.cpu.executed).toBe(whole.cpu.executed);
  });

  it.skipIf(!nasm && !REQUIRED)('is what nasm makes of the source', () => {
    const folder = mkdtempSync(join(tmpdir(), 'behaviour-'));
    try {
      const output = join(folder, 'image');
      execFileSync('nasm', ['-f', 'bin', '-w-all', '-o', output, `${name}.asm`], { cwd: FOLDER });
      expect(readFileSync(output).equals(readFileSync(join(FOLDER, `${name}.bin`)))).toBe(true);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  if (without) return;
  it.skipIf(!qemu && !REQUIRED)('is confirmed by QEMU', () => {
    const folder = mkdtempSync(join(tmpdir(), 'behaviour-'));
    try {
      const output = join(folder, 'text');
      const options = ['-M', 'pc', '-cpu', 'pentium3', '-m', '16', '-display', 'none', '-net', 'none', '-no-reboot'];
      const devices = ['-debugcon', `file:${output}`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
      const command = [...options, ...devices, '-kernel', join(FOLDER, `${name}.bin`)];
      const { stderr, signal } = spawnSync('qemu-system-i386', command, { timeout: 18_000, encoding: 'latin1' });
      const text = existsSync(output) ? readFileSync(output, 'latin1') : '';
      expect({ stderr, signal, text: lines(text) }).toEqual({
        stderr: '',
        signal: null,
        text: expectations(name).qemu,
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
