/**
 * Self-modifying code in all forms. Pentium processors and later see a store to code from the next instruction on (SDM volume 3,
 * section 11.6), whichever way and through whichever address it is made.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { StopReason } from '../../../cpu/processor.ts';
import { Board, le32 } from './board.ts';

const board = new Board();
const { cpu } = board;
beforeEach(() => board.reset());

const HLT = 0xf4;
const NOP = 0x90;
const CODE = 0x4000;
/** MOV byte [address], value */
const store8 = (address: number, value: number): number[] => [0xc6, 0x05, ...le32(address), value];
const store32 = (address: number, value: number): number[] => [0xc7, 0x05, ...le32(address), ...le32(value)];
/** MOV AL, value */
const al = (value: number): number[] => [0xb0, value];
const run = (): void => expect(cpu.run(10_000)).toBe(StopReason.Halted);
const result = (): number => cpu.registers().eax & 0xff;

describe('a store to code', () => {
  it('changes the next instruction', () => {
    board.load(CODE, store8(CODE + 8, 2), al(1), [HLT]);
    board.enterFlat(CODE);
    run();
    expect(result()).toBe(2);
  });
  it('changes an instruction further on in the same block, time after time', () => {
    // XOR ECX, ECX; loop: MOV [imm], CL; NOP...; MOV AL, imm; ADD EBX, EAX; INC ECX; CMP ECX, 5; JNE loop; HLT
    const loop = CODE + 2;
    const target = loop + 6 + 10;
    const body = [
      0x88,
      0x0d,
      ...le32(target + 1),
      ...Array<number>(10).fill(NOP),
      0xb0,
      0,
      0x01,
      0xc3,
      0x41,
      0x83,
      0xf9,
      5,
    ];
    board.load(CODE, [0x31, 0xc9], body, [0x75, 0x100 - (body.length + 2), HLT]);
    board.enterFlat(CODE);
    run();
    expect(cpu.registers().ebx).toBe(0 + 1 + 2 + 3 + 4);
  });
  it('changes an instruction before it in the same block', () => {
    // loop: MOV AL, 1; ADD EBX, EAX; MOV [loop + 1], 7; DEC ECX; JNZ loop; HLT
    board.load(CODE, al(1), [0x01, 0xc3], store8(CODE + 1, 7), [0x49, 0x75, 0xf2, HLT]);
    board.enterFlat(CODE, { ecx: 3 });
    run();
    expect(cpu.registers().ebx).toBe(1 + 7 + 7);
  });
  it('changes the storing instruction itself for the next time only', () => {
    // loop: MOV dword [loop + 6], 0 overwrites its own immediate; MOV EAX, [loop + 6]; ...
    board.load(CODE, store32(CODE + 6, 0x55), [0xa1, ...le32(CODE + 6), HLT]);
    board.load(CODE + 6, le32(0x1234));
    board.enterFlat(CODE);
    run();
    expect(cpu.registers().eax).toBe(0x1234);
    board.load(CODE, store32(CODE + 6, 0x55), [0xff, 0x05, ...le32(CODE + 6), 0x49, 0x75, 0xed, HLT]);
    board.enterFlat(CODE, { ecx: 3 });
    run();
    expect(board.dword(CODE + 6)).toBe(0x58);
  });
  it('changes later bytes of the same instruction: it goes on as it was fetched', () => {
    // ADD dword [here + 2], 1 with an address that names the address field itself
    const address = CODE + 2;
    board.load(CODE, [0x83, 0x05, ...le32(address), 1, HLT]);
    board.enterFlat(CODE);
    run();
    expect(board.dword(CODE + 2)).toBe(address + 1);
    expect(cpu.registers().eip).toBe(CODE + 8);
  });
  it('changes the next instruction across a page boundary', () => {
    const at = 0x5000 - 7;
    board.load(at, store8(0x5001, 9), al(1), [HLT]);
    board.enterFlat(at);
    run();
    expect(result()).toBe(9);
  });
  it('changes the second half of an instruction that crosses a page', () => {
    // MOV EAX, imm32 at 4FFEh
    const target = 0x4ffe;
    const at = target - 10;
    board.load(at, store32(0x5000, 0xf4bbccdd), [0xb8, ...le32(0x11111111), HLT]);
    board.enterFlat(at);
    run();
    expect(cpu.registers().eax).toBe(0xbbccdd11);
  });
  it.each([1, 2, 3])('of 4 bytes that begins %i bytes before the page of the code', (before) => {
    board.load(0x5000, al(1), [HLT]);
    board.enterFlat(0x5000);
    run();
    expect(result()).toBe(1);
    // MOV AL, 7; HLT as far as the store reaches; of three bytes before, ADD AL, 1 with AL = 6.
    const bytes = before === 3 ? [0x04] : [0xb0, 7, HLT].slice(0, 4 - before);
    const value = new DataView(Uint8Array.from([...Array<number>(before).fill(NOP), ...bytes]).buffer).getInt32(
      0,
      true,
    );
    board.load(CODE, store32(0x5000 - before, value), [0xe9, ...le32(0x5000 - CODE - 15)]);
    board.enterFlat(CODE, { eax: 6 });
    run();
    expect(result()).toBe(7);
  });
  it('patches the target of a branch that has been taken before', () => {
    // loop: CALL f; DEC ECX; JZ end; MOV [f + 1], 5; JMP loop; end: HLT; f: MOV AL, 1; ADD EBX, EAX; RET
    const f = CODE + 0x40;
    const code = [0xe8, ...le32(f - CODE - 5), 0x49, 0x74, 9, ...store8(f + 1, 5), 0xeb, 0, HLT];
    code[code.length - 2] = 0x100 - (code.length - 1);
    board.load(CODE, code);
    board.load(f, al(1), [0x01, 0xc3, 0xc3]);
    board.enterFlat(CODE, { ecx: 4 });
    run();
    expect(cpu.registers().ebx).toBe(1 + 5 + 5 + 5);
  });
  it('patches the displacement of a linked branch', () => {
    // first: JMP a; a: MOV byte [first + 1], to b; JMP first; b: HLT with AL = 2
    board.load(CODE, [0xeb, 0x0e]);
    board.load(CODE + 0x10, al(1), store8(CODE + 1, 0x3e), [0xeb, 0x100 - 0x1b]);
    board.load(CODE + 0x40, al(2), [HLT]);
    board.enterFlat(CODE);
    run();
    expect(result()).toBe(2);
  });
  it.each([
    ['REP STOSB', [0xf3, 0xaa], 16],
    ['REP STOSD', [0xf3, 0xab], 4],
    ['REP MOVSB', [0xf3, 0xa4], 16],
    ['REP MOVSD', [0xf3, 0xa5], 4],
    ['REP STOSB downwards', [0xfd, 0xf3, 0xaa], 16],
  ])('by %s', (_, bytes, count) => {
    const target = 0x6000;
    const down = bytes[0] === 0xfd;
    board.load(target, al(1), [HLT]);
    board.enterFlat(target);
    run();
    expect(result()).toBe(1);
    board.load(0x7000, Array<number>(16).fill(NOP));
    board.load(target + 16, al(3), [HLT]);
    board.load(CODE, bytes, [0xfc, 0xe9, ...le32(target - CODE - bytes.length - 6)]);
    board.enterFlat(CODE, { ecx: count, esi: 0x7000, edi: down ? target + 15 : target, eax: 0x90909090 });
    run();
    expect(result()).toBe(3);
  });
  it.each([1, 3, 1000])(
    'by REP STOSB over its own prefix, in runs of %i: the next iteration is another instruction',
    (slice) => {
      // F3 AA becomes 90 AA at the second element: one STOSB more, then HLT.
      board.load(CODE, [0xf3, 0xaa, HLT]);
      board.enterFlat(CODE, { ecx: 100, edi: CODE - 1, eax: 0x90 });
      expect(board.run(1000, slice)).toBe(StopReason.Halted);
      expect(cpu.registers()).toMatchObject({ ecx: 98, edi: CODE + 2, eip: CODE + 3 });
    },
  );
  it('by a bus master between runs and from a port callback', () => {
    // loop: OUT 80h, AL; MOV AL, 1; HLT
    board.load(CODE, [0xe6, 0x80], al(1), [HLT]);
    board.enterFlat(CODE);
    run();
    expect(result()).toBe(1);
    board.load(CODE + 3, [2]);
    board.enterFlat(CODE);
    run();
    expect(result()).toBe(2);
    board.onWrite = () => board.load(CODE + 3, [3]);
    board.enterFlat(CODE);
    run();
    expect(result()).toBe(3);
  });
  it('by PUSH, XCHG, FSTP, FISTP, MOVQ, MOVDQU and XADD', () => {
    const forms: [string, number[]][] = [
      ['PUSH', [0x68, 0xb0, 7, HLT, HLT]],
      ['XCHG', [0x87, 0x03]],
      ['FSTP m32', [0xd9, 0x1b]],
      ['FISTP m32', [0xdb, 0x1b]],
      ['MOVQ', [0x0f, 0x7f, 0x03]],
      ['MOVDQU', [0xf3, 0x0f, 0x7f, 0x03]],
      ['XADD', [0x0f, 0xc1, 0x03]],
    ];
    const target = 0x6800;
    const word = 0xf4f407b0 | 0;
    for (const [name, bytes] of forms) {
      board.load(target, al(1), [HLT, HLT, HLT, HLT, HLT, HLT]);
      board.enterFlat(target);
      run();
      board.load(target - 0x100, le32(word), le32(word), le32(word), le32(word));
      const prologue =
        name === 'FSTP m32'
          ? [0xdb, 0xe3, 0xd9, 0x05, ...le32(target - 0x100)]
          : name === 'FISTP m32'
            ? [0xdb, 0xe3, 0xdb, 0x05, ...le32(target - 0x100)]
            : name === 'MOVQ'
              ? [0x0f, 0x6f, 0x05, ...le32(target - 0x100)]
              : name === 'MOVDQU'
                ? [0xf3, 0x0f, 0x6f, 0x05, ...le32(target - 0x100)]
                : [];
      if (name === 'XADD') board.load(target, le32(0x0b0));
      const code = [...prologue, ...bytes];
      board.load(CODE, code, [0xe9, ...le32(target - CODE - code.length - 5)]);
      const eax = name === 'XADD' ? word - 0xb0 : word;
      board.enterFlat(CODE, { ebx: target, eax: eax >>> 0, esp: target + 4, cr0: 0x33, cr4: 0x600 });
      run();
      expect([name, result()]).toEqual([name, 7]);
    }
  });
});

describe('so much of it that decoded instructions run out of room', () => {
  // Compiled from the first execution on, each of the rounds is compiled anew.
  it('goes on, and forgets nothing', { timeout: 120_000 }, () => {
    // loop: INC [imm of MOV EAX]; NOP x 50; MOV EAX, 0; ADD EBX, EAX; DEC ECX; JNZ loop; HLT. Each round decodes about 1 KB.
    const rounds = 80_000;
    const target = CODE + 6 + 50;
    board.load(CODE, [0xff, 0x05, ...le32(target + 1)], Array<number>(50).fill(NOP));
    board.load(target, [0xb8, ...le32(0), 0x01, 0xc3, 0x49, 0x75, 0x100 - 66, HLT]);
    board.enterFlat(CODE, { ecx: rounds });
    const before = cpu.executed;
    expect(cpu.run(100_000_000)).toBe(StopReason.Halted);
    expect(cpu.registers()).toMatchObject({ eax: rounds, ebx: (rounds * (rounds + 1)) / 2, ecx: 0 });
    expect(cpu.executed - before).toBe(rounds * 55 + 1);
  });
});

describe('flags', () => {
  it('of a store that turns the instruction behind it into one that reads them', () => {
    // SUB dword [here], x makes PUSHFD; POP EAX; HLT out of XOR EBX, EBX; HLT; flags of the subtraction: CF = 1.
    const next = CODE + 10;
    const before = 0xf4f4db31;
    const after = 0xf4f4589c;
    board.load(CODE, [0x81, 0x2d, ...le32(next), ...le32(before - after)], le32(before));
    board.enterFlat(CODE);
    run();
    expect(board.dword(next)).toBe(after);
    // f4f4db31 - 8295: no borrow, negative, odd parity of A0h... as the processor computes for ordinary memory.
    const flags = cpu.registers().eax & 0x8d5;
    board.load(0x7000, le32(before));
    board.load(CODE, [0x81, 0x2d, ...le32(0x7000), ...le32(before - after), 0x9c, 0x58, HLT]);
    board.enterFlat(CODE);
    run();
    expect(flags).toBe(cpu.registers().eax & 0x8d5);
  });
  it('are right at a fault between two instructions that set them', () => {
    // ADD EAX, EBX (carry); ADD ECX, [unreadable]; the handler keeps the flags it was given.
    board.load(0x1800, Array<number>(8).fill(0), [0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0]);
    board.load(0x2000 + 13 * 8, [0, 0x30, 8, 0, 0, 0x8e, 0, 0]);
    board.load(0x3000, [0x8b, 0x44, 0x24, 12, HLT]);
    board.load(CODE, [0x01, 0xd8, 0x65, 0x03, 0x0d, ...le32(0)]);
    const gs = { selector: 0, base: 0, limit: 0, attributes: 0 };
    board.enterFlat(CODE, {
      gs,
      eax: 0xffffffff,
      ebx: 1,
      gdtr: { base: 0x1800, limit: 15 },
      idtr: { base: 0x2000, limit: 0x7f },
    });
    run();
    expect(cpu.registers().eax & 0x8d5).toBe(0x55);
  });
  it('are right when a run ends between two instructions that set them', () => {
    // ADD EAX, EBX; MOV ECX, EDX; SUB ESI, EDI behind a branch, stopped at every instruction.
    board.load(CODE, [0xeb, 0x00, 0x01, 0xd8, 0x89, 0xd1, 0x29, 0xfe, HLT]);
    board.enterFlat(CODE, { eax: 0xffffffff, ebx: 1, esi: 5, edi: 6 });
    cpu.run(1);
    expect(cpu.registers().eip).toBe(CODE + 2);
    run();
    expect(cpu.registers().eflags & 0x8d5).toBe(0x95);
  });
});

describe('code that lies in a page written as data', () => {
  it('keeps running while its page is written, and the data are right', () => {
    // loop: INC [CODE + 800h]; MOV [CODE + 900h + ECX * 4], ECX; LOOP; HLT
    board.load(CODE, [0xff, 0x05, ...le32(CODE + 0x800), 0x89, 0x0c, 0x8d, ...le32(CODE + 0x900), 0xe2, 0xf1, HLT]);
    board.enterFlat(CODE, { ecx: 100 });
    run();
    expect(board.dword(CODE + 0x800)).toBe(100);
    for (let n = 1; n <= 100; n++) expect(board.dword(CODE + 0x900 + n * 4)).toBe(n);
  });
  it('is executed anew after being written in pieces that each leave it decodable', () => {
    // A byte at a time over MOV EAX, imm32.
    board.load(0x6000, [0xb8, 1, 1, 1, 1, 0xc3]);
    // loop: CALL 6000h; ADD EBX, EAX; INC byte [6000h + ECX]; LOOP; HLT
    board.load(CODE, [0xe8, ...le32(0x6000 - CODE - 5), 0x01, 0xc3, 0xfe, 0x81, ...le32(0x6000), 0xe2, 0xf1, HLT]);
    board.enterFlat(CODE, { ecx: 4 });
    run();
    const values = [0x01010101, 0x02010101, 0x02020101, 0x02020201];
    expect(cpu.registers().ebx).toBe(values.reduce((a, b) => a + b));
  });
});

describe('other mappings', () => {
  const DIRECTORY = 0x10000;
  const TABLE = 0x11000;
  const A = 0x20000;
  const B = 0x21000;
  const WINDOW = 0x400000;
  const paging = { cr3: DIRECTORY, cr4: 0x90, cr0: 0x80000011 };
  beforeEach(() => {
    board.load(DIRECTORY, le32(0x83), le32(TABLE + 7));
    board.load(A, al(1), [0xc3]);
    board.load(B, al(2), [0xc3]);
  });
  it('a store through another linear address', () => {
    board.load(TABLE, le32(A + 7), le32(A + 7));
    // CALL WINDOW; MOV BL, AL; MOV [WINDOW + 1001h], 5; CALL WINDOW; HLT
    const call = (at: number): number[] => [0xe8, ...le32(WINDOW - at - 5)];
    board.load(CODE, call(CODE), [0x88, 0xc3], store8(WINDOW + 0x1001, 5), call(CODE + 14), [HLT]);
    board.enterFlat(CODE, paging);
    run();
    expect([cpu.registers().ebx & 0xff, result()]).toEqual([1, 5]);
  });
  const remap = (...flush: number[]): void => {
    // CALL WINDOW; MOV BL, AL; MOV [TABLE], B + 7; (flush); CALL WINDOW; HLT
    const first = [0xe8, ...le32(WINDOW - CODE - 5), 0x88, 0xc3, ...store32(TABLE, B + 7), ...flush];
    board.load(TABLE, le32(A + 7));
    board.load(CODE, first, [0xe8, ...le32(WINDOW - CODE - first.length - 5), HLT]);
    board.enterFlat(CODE, paging);
    run();
    expect([cpu.registers().ebx & 0xff, result()]).toEqual([1, 2]);
  };
  it('another page after a load of CR3', () => remap(0x0f, 0x20, 0xd8, 0x0f, 0x22, 0xd8));
  it('another page after INVLPG', () => remap(0x0f, 0x01, 0x3d, ...le32(WINDOW)));
  it('the page being executed is remapped by INVLPG: the next instruction comes from the new page', () => {
    const head = [...store32(TABLE, B + 7), 0x0f, 0x01, 0x3d, ...le32(WINDOW)];
    board.load(TABLE, le32(A + 7));
    board.load(A, head, al(1), [HLT]);
    board.load(B, head, al(2), [HLT]);
    board.enterFlat(WINDOW, paging);
    run();
    expect(result()).toBe(2);
  });
  it('an instruction across two pages of which the second is remapped', () => {
    board.load(A + 0xffe, [0xb8, 0x11]);
    board.load(B, [0x22, 0x22, 0x22, 0xc3]);
    board.load(0x22000, [0x33, 0x33, 0x33, 0xc3]);
    board.load(TABLE, le32(A + 7), le32(B + 7));
    const target = WINDOW + 0xffe;
    const first = [0xe8, ...le32(target - CODE - 5), 0x89, 0xc3, ...store32(TABLE + 4, 0x22007), 0x0f, 0x01, 0x3d];
    first.push(...le32(WINDOW + 0x1000));
    board.load(CODE, first, [0xe8, ...le32(target - CODE - first.length - 5), HLT]);
    board.enterFlat(CODE, paging);
    run();
    expect(cpu.registers()).toMatchObject({ ebx: 0x22222211, eax: 0x33333311 });
  });
  it('the same bytes at two addresses, position by position', () => {
    // CALL $ + 5; POP EAX; RET at A: EAX is the address it runs at.
    board.load(A, [0xe8, 0, 0, 0, 0, 0x58, 0xc3]);
    board.load(TABLE, le32(A + 7), le32(A + 7));
    const first = [0xe8, ...le32(WINDOW - CODE - 5), 0x89, 0xc3];
    board.load(CODE, first, [0xe8, ...le32(WINDOW + 0x1000 - CODE - first.length - 5), HLT]);
    board.enterFlat(CODE, paging);
    run();
    expect(cpu.registers()).toMatchObject({ ebx: WINDOW + 5, eax: WINDOW + 0x1005 });
  });
});

describe('the same bytes in another mode', () => {
  it('16-bit and 32-bit code at one address', () => {
    // B8 01 00 40 40 F4: in 32 bits MOV EAX, 40400001h; HLT. In 16 bits MOV AX, 1; INC AX; INC AX; HLT.
    board.load(CODE, [0xb8, 1, 0, 0x40, 0x40, HLT]);
    board.enterFlat(CODE);
    run();
    expect(cpu.registers().eax).toBe(0x40400001);
    board.enterReal(0, CODE, { eax: 0 });
    run();
    expect(cpu.registers().eax).toBe(3);
    board.enterFlat(CODE);
    run();
    expect(cpu.registers().eax).toBe(0x40400001);
  });
  it('the instruction after MOV CR0 runs with the old code segment, decoded as 16 bits', () => {
    // MOV EAX, CR0; OR AL, 1; MOV CR0, EAX; MOV BX, 1234h; HLT
    board.load(CODE, [0x0f, 0x20, 0xc0, 0x0c, 1, 0x0f, 0x22, 0xc0, 0xbb, 0x34, 0x12, HLT]);
    board.enterReal(0, CODE, { ebx: 0 });
    run();
    expect(cpu.registers()).toMatchObject({ ebx: 0x1234, cr0: 0x11 });
  });
  it('a change of DS base from flat and back', () => {
    // MOV EAX, [7000h] with DS base 0, then 100h, then 0.
    board.load(0x7000, le32(1));
    board.load(0x7100, le32(2));
    board.load(CODE, [0xa1, ...le32(0x7000), HLT]);
    const ds = (base: number) => ({ selector: 0x10, base, limit: 0xffffffff, attributes: 0xc093 });
    for (const [base, expected] of [
      [0, 1],
      [0x100, 2],
      [0, 1],
    ] as const) {
      board.enterFlat(CODE, { ds: ds(base) });
      run();
      expect(cpu.registers().eax).toBe(expected);
    }
  });
});
