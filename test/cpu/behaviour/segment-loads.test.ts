/** Loads of data segment registers that generated code does only in plain cases: what the others leave to a helper must not show. */
import { describe, expect, it } from 'vitest';
import { CONFIGURATIONS } from '../../lock-step/configurations.ts';
import { Board } from './board.ts';

const CODE = 0x4000;
const TABLE = 0x8000;
const GDT = 0x9000;
const IDT = 0x9800;
const HANDLER = 0xa000;
const HLT = 0xf4;

describe.each(['interpreter', 'first'] as const)('loads of segment registers, configuration %s', (configuration) => {
  // A null selector in ES is a case for the helper.
  it.each([
    ['EBX', [0x03], 0],
    ['EBX+ECX*2', [0x04, 0x4b], 0x20],
    ['EBX+ECX+4', [0x44, 0x0b, 0x04], 0x14],
    ['ECX*4+disp32', [0x04, 0x8d, 0x00, 0x80, 0x00, 0x00], 0x40],
  ] as const)('MOV ES, [%s] reads its operand', (_name, operand, offset) => {
    const board = new Board(0, CONFIGURATIONS[configuration]);
    board.load(TABLE, new Array(0x80).fill(1));
    board.load(TABLE + offset, [3, 0]);
    board.load(CODE, [0x8e, ...operand, HLT]);
    board.enterFlat(CODE, { ebx: TABLE, ecx: 0x10 });
    board.cpu.run(100);
    expect(board.cpu.registers().es.selector).toBe(3);
  });

  it('a fault of MOV DS shows the flags of the instruction in front of it', () => {
    const board = new Board(0, CONFIGURATIONS[configuration]);
    // General protection, vector 13: an interrupt gate to HANDLER in the flat code segment 8.
    board.load(GDT + 8, [0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0]);
    board.load(IDT + 8 * 13, [HANDLER & 0xff, HANDLER >> 8, 8, 0, 0, 0x8e, 0, 0]);
    board.load(HANDLER, [HLT]);
    // SUB EBX, 1 borrows; MOV DS, AX faults; ADD ECX, 1 would have overwritten the flags.
    board.load(CODE, [0x83, 0xeb, 0x01, 0x8e, 0xd8, 0x83, 0xc1, 0x01, HLT]);
    board.enterFlat(CODE, {
      eax: 0x100,
      ebx: 0,
      esp: 0x7000,
      gdtr: { base: GDT, limit: 15 },
      idtr: { base: IDT, limit: 8 * 14 - 1 },
    });
    board.cpu.run(100);
    const { eip, esp } = board.cpu.registers();
    expect(eip - 1).toBe(HANDLER);
    // The error code, then EIP, CS and EFLAGS.
    const [error, place, , flags] = new Uint32Array(board.cpu.ram.slice(esp, esp + 16).buffer);
    expect([error, place]).toEqual([0x100, CODE + 3]);
    // CF, PF, AF and SF of 0 - 1; ZF and OF are clear.
    expect(flags! & 0x8d5).toBe(0x095);
  });
});
