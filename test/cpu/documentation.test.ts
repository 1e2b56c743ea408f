/** The example of docs/processor.md does what the page says, in both tiers. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { i32 } from '../../cpu/emitter/index.ts';
import type { InstructionDefinition } from '../../cpu/opcodes/definition.ts';
import { core, type Emit } from '../../cpu/semantics/arithmetic.ts';
import { flagsLogic } from '../../cpu/semantics/flags.ts';
import { CONFIGURATIONS } from '../lock-step/configurations.ts';
import { Board, le32 } from './behaviour/board.ts';

const CODE = 0x4000;
const DATA = 0x6000;
const HLT = 0xf4;

const line = (encoding: string, mnemonic: string, operands: string, emit: Emit): InstructionDefinition => ({
  encoding,
  mnemonic,
  operands,
  emit,
});

function example(): readonly InstructionDefinition[] {
  const page = readFileSync('docs/processor.md', 'utf8');
  const section = page.slice(page.indexOf('### Adding an instruction'));
  const code = /```ts\n([\s\S]*?)```/.exec(section)![1]!;
  return new Function('core', 'i32', 'flagsLogic', 'line', `${code}\nreturn instructions;`)(
    core,
    i32,
    flagsLogic,
    line,
  ) as InstructionDefinition[];
}

describe('the instruction of the example', () => {
  it.each([
    ['interpreted', false],
    ['compiled', CONFIGURATIONS['first']!],
  ] as const)('works on registers and memory, %s', (_name, jit) => {
    const board = new Board(0, jit, example());
    board.load(DATA, le32(0xff00ff00));
    // loop: CLEARBITS EAX, EBX; CLEARBITS EDX, [DATA]; SETZ CL; DEC ESI; JNZ loop; HLT
    const body = [0x0f, 0x38, 0xf2, 0xc3, 0x0f, 0x38, 0xf2, 0x15, ...le32(DATA), 0x0f, 0x94, 0xc1, 0x4e];
    board.load(CODE, body, [0x75, 256 - (body.length + 2), HLT]);
    board.enterFlat(CODE, { eax: 0x12345678, ebx: 0x0f0f0f0f, edx: 0xff00aa00, ecx: 0, esi: 500 });
    board.cpu.run(100_000);
    expect(board.cpu.registers()).toMatchObject({ eax: 0x10305070, edx: 0, ecx: 1, esi: 0 });
    if (jit) expect(board.cpu.jitStatistics!.regions).toBeGreaterThan(0);
  });
});
