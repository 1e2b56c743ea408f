/** The run loop as the board sees it: counts, budgets, stops, interrupts, NMI, HLT, A20, triple faults. */
import { beforeEach, describe, expect, it } from 'vitest';
import { PAGE_SIZE } from '../../../cpu/layout.ts';
import { StopReason } from '../../../cpu/processor.ts';
import { Board, DEVICE_PAGE, le32 } from './board.ts';

const board = new Board();
const { cpu } = board;
beforeEach(() => board.reset());

const CODE = 0x1000;
const HLT = 0xf4;
const STI = 0xfb;
const NOP = 0x90;
const IRET = 0xcf;
const nops = (count: number): number[] => Array<number>(count).fill(NOP);
/** MOV r32, imm32 */
const mov = (register: number, value: number): number[] => [0xb8 + register, ...le32(value)];
const EAX = 0;
const ECX = 1;
const EBX = 3;
const EDI = 7;
const GATES = 0x2000;
const GDT = 0x1800;

/** A GDT with flat code (8) and data (10h), and interrupt gates of the given vectors. */
function interruptTable(handlers: Record<number, number>): void {
  board.load(GDT, [0, 0, 0, 0, 0, 0, 0, 0], [0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0], [0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0]);
  for (const [vector, handler] of Object.entries(handlers))
    board.load(GATES + Number(vector) * 8, [handler & 0xff, handler >> 8, 8, 0, 0, 0x8e, 0, 0]);
  cpu.setRegisters({ gdtr: { base: GDT, limit: 0x17 }, idtr: { base: GATES, limit: 0x7ff } });
}

describe('counting', () => {
  it('counts every instruction once, taken branches and HLT too', () => {
    // MOV ECX, 10; DEC ECX; JNZ -3; HLT
    board.load(CODE, mov(ECX, 10), [0x49, 0x75, 0xfd, HLT]);
    board.enterFlat(CODE);
    const before = cpu.executed;
    expect(cpu.run(1000)).toBe(StopReason.Halted);
    expect(cpu.executed - before).toBe(1 + 20 + 1);
  });
  it('counts each iteration of REP, and a repetition of none as one', () => {
    board.load(CODE, mov(ECX, 100), mov(EDI, 0x5000), [0xf3, 0xaa, 0xf3, 0xaa, HLT]);
    board.enterFlat(CODE);
    const before = cpu.executed;
    expect(cpu.run(1000)).toBe(StopReason.Halted);
    expect(cpu.executed - before).toBe(2 + 100 + 1 + 1);
  });
  it.each([
    ['MOVSB', 0xa4],
    ['STOSB', 0xaa],
    ['LODSB', 0xac],
    ['INSB', 0x6c],
    ['OUTSB', 0x6e],
    ['CMPSB', 0xa6],
    ['SCASB', 0xae],
  ])('REP %s stops within the budget and goes on where it was', (_, opcode) => {
    board.load(CODE, [0xf3, opcode, HLT]);
    board.enterFlat(CODE, { ecx: 1000, esi: 0x5000, edi: 0x5800, edx: 0x80 });
    board.onRead = () => 0;
    let before = cpu.executed;
    expect(cpu.run(10)).toBe(StopReason.Budget);
    expect(cpu.executed - before).toBe(10);
    expect(cpu.registers()).toMatchObject({ ecx: 990, eip: CODE });
    before = cpu.executed;
    expect(cpu.run(700)).toBe(StopReason.Budget);
    expect(cpu.executed - before).toBe(700);
    expect(cpu.registers()).toMatchObject({ ecx: 290, eip: CODE });
    expect(cpu.run(1000)).toBe(StopReason.Halted);
    expect(cpu.executed - before).toBe(991);
  });
  it('goes on to the next taken branch or page at most', () => {
    board.load(CODE, nops(3000), [0xe9, ...le32(-3005)]);
    board.enterFlat(CODE);
    for (const budget of [1, 5, 100, 777]) {
      const before = cpu.executed;
      expect(cpu.run(budget)).toBe(StopReason.Budget);
      expect(cpu.executed - before).toBeGreaterThanOrEqual(budget);
      expect(cpu.executed - before).toBeLessThan(budget + PAGE_SIZE);
    }
  });
  it('is exact inside port and device-memory callbacks, read-modify-write included', () => {
    const seen: number[] = [];
    const start = cpu.executed;
    board.onWrite = () => seen.push(cpu.executed - start);
    board.onDeviceRead = () => {
      seen.push(cpu.executed - start);
      return 0;
    };
    board.onDeviceWrite = () => seen.push(cpu.executed - start);
    // NOP; OUT 80h, AL; NOP; MOV EAX, [EBX]; NOP; INC [EBX]; NOP; REP OUTSB; HLT
    const code = [NOP, 0xe6, 0x80, NOP, 0x8b, 0x03, NOP, 0xff, 0x03, NOP, 0xf3, 0x6e, HLT];
    board.load(CODE, code);
    board.enterFlat(CODE, { ebx: DEVICE_PAGE, ecx: 3, edx: 0x80, esi: 0x5000 });
    expect(cpu.run(1000)).toBe(StopReason.Halted);
    expect(seen).toEqual([2, 4, 6, 6, 8, 9, 10]);
    expect(cpu.executed - start).toBe(11);
  });
});

describe('limit and stop', () => {
  /** NOP x 5; access; then an endless loop. */
  const accesses: [string, number[]][] = [
    ['OUT', [0xe6, 0x80]],
    ['IN', [0xe4, 0x80]],
    ['a device write', [0x89, 0x03]],
    ['a device read', [0x8b, 0x03]],
    ['a device read-modify-write', [0xff, 0x03]],
    ['a device write by MOVSD', [0xa5]],
    ['a device write by PUSHA', [0x60]],
    ['a device write of 8 bytes', [0x0f, 0x7f, 0x03]],
  ];
  const hook = (action: () => void): void => {
    board.onRead = () => (action(), 0);
    board.onWrite = action;
    board.onDeviceRead = () => (action(), 0);
    board.onDeviceWrite = action;
  };
  it.each(accesses)('stop() from %s ends the run after that instruction', (_, bytes) => {
    board.load(CODE, nops(5), bytes, nops(20), [0xeb, 0xfe]);
    board.enterFlat(CODE, { ebx: DEVICE_PAGE, edi: DEVICE_PAGE, esi: 0x5000, esp: DEVICE_PAGE + 0x100 });
    hook(() => cpu.stop());
    const before = cpu.executed;
    expect(cpu.run(100_000)).toBe(StopReason.Requested);
    expect(cpu.executed - before).toBe(6);
    expect(cpu.registers().eip).toBe(CODE + 5 + bytes.length);
    hook(() => {});
    expect(cpu.run(100)).toBe(StopReason.Budget);
    expect(cpu.executed - before).toBe(106);
  });
  it.each(accesses)('limit() from %s shortens the run', (_, bytes) => {
    board.load(CODE, nops(5), bytes, [0xeb, 0xfe]);
    board.enterFlat(CODE, { ebx: DEVICE_PAGE, edi: DEVICE_PAGE, esi: 0x5000, esp: DEVICE_PAGE + 0x100 });
    hook(() => cpu.limit(10));
    const before = cpu.executed;
    expect(cpu.run(100_000)).toBe(StopReason.Budget);
    expect(cpu.executed - before).toBe(16);
  });
  it('stop() from a compare in front of a branch leaves the branch', () => {
    // CMP [EBX], EAX; JE $ + 7; NOP...; JMP $
    board.load(CODE, nops(5), [0x39, 0x03, 0x74, 0x05], nops(20), [0xeb, 0xfe]);
    board.enterFlat(CODE, { ebx: DEVICE_PAGE });
    hook(() => cpu.stop());
    const before = cpu.executed;
    expect(cpu.run(100_000)).toBe(StopReason.Requested);
    expect(cpu.executed - before).toBe(6);
    expect(cpu.registers().eip).toBe(CODE + 7);
    cpu.run(1);
    expect(cpu.registers().eip).toBe(CODE + 9 + 5);
  });
  it('limit() never lengthens a run', () => {
    board.load(CODE, [0xe6, 0x80, 0xeb, 0xfe]);
    board.enterFlat(CODE);
    hook(() => cpu.limit(1_000_000));
    const before = cpu.executed;
    cpu.run(50);
    expect(cpu.executed - before).toBe(50);
  });
  it('stop() in the middle of REP INSB keeps what was done', () => {
    board.load(CODE, [0xf3, 0x6c, HLT]);
    board.enterFlat(CODE, { ecx: 10, edi: 0x5000, edx: 0x80 });
    let reads = 0;
    board.onRead = () => {
      if (++reads === 4) cpu.stop();
      return reads;
    };
    expect(cpu.run(100)).toBe(StopReason.Requested);
    expect(cpu.registers()).toMatchObject({ ecx: 6, edi: 0x5004, eip: CODE });
    expect(board.dword(0x5000)).toBe(0x04030201);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(reads).toBe(10);
  });
  it('stop() between runs ends the next one at once', () => {
    board.load(CODE, [0xeb, 0xfe]);
    board.enterFlat(CODE);
    cpu.stop();
    const before = cpu.executed;
    expect(cpu.run(100)).toBe(StopReason.Requested);
    expect(cpu.executed).toBe(before);
  });
});

describe('interrupts', () => {
  const HANDLER = 0x3000;
  const setUp = (code: number[], changes = {}): void => {
    board.load(CODE, code);
    board.load(HANDLER, [0x43, IRET]); // INC EBX; IRET
    board.enterFlat(CODE, changes);
    interruptTable({ 0x20: HANDLER, 2: HANDLER });
  };
  it('wake HLT only with IF set', () => {
    setUp([HLT, HLT]);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    board.interrupt(0x20);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers()).toMatchObject({ eip: CODE + 1, ebx: 0 });
    setUp([STI, NOP, HLT, HLT]);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers()).toMatchObject({ eip: CODE + 3, ebx: 1 });
    board.interrupt(0x20);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers()).toMatchObject({ eip: CODE + 4, ebx: 2 });
  });
  it('pending at STI come after the next instruction: STI; HLT wakes', () => {
    setUp([STI, HLT, NOP, HLT]);
    board.interrupt(0x20);
    board.load(HANDLER, [0x8b, 0x1c, 0x24, IRET]); // MOV EBX, [ESP]
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers()).toMatchObject({ eip: CODE + 4, ebx: CODE + 2 });
  });
  it('STI with interrupts enabled casts no shadow; STI; CLI lets none in', () => {
    setUp([STI, 0xfa, NOP, HLT]);
    board.interrupt(0x20);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers().ebx).toBe(0);
  });
  it.each([
    ['MOV SS', [0x8e, 0xd0]],
    ['POP SS', [0x17]],
  ])('%s holds them back for one instruction', (_, bytes) => {
    // The port write raises the request in front of the load.
    setUp([0xe6, 0x80, ...bytes, NOP, NOP, HLT], { eflags: 2, eax: 0x10 });
    board.load(0x8ffc, le32(0x10));
    cpu.setRegisters({ esp: 0x8ffc });
    board.load(CODE, [0xfa, 0xe6, 0x80, STI, ...bytes, NOP, NOP, HLT]);
    board.load(HANDLER, [0x8b, 0x1c, 0x24, IRET]);
    board.onWrite = () => board.interrupt(0x20);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers().ebx).toBe(CODE + 4 + bytes.length + 1);
  });
  it('raised by a device-memory access are taken soon, not at the end of the budget', () => {
    setUp([0x89, 0x06, 0x41, 0x83, 0xf9, 100, 0x75, 0xfa, HLT], { esi: DEVICE_PAGE, eflags: 0x202 });
    board.onDeviceWrite = () => board.interrupt(0x20);
    board.load(HANDLER, [0x89, 0xcb, IRET]); // MOV EBX, ECX
    expect(cpu.run(1_000_000)).toBe(StopReason.Halted);
    expect(cpu.registers().ebx).toBeLessThan(2);
    expect(cpu.registers().ecx).toBe(100);
  });
  it('stop a repeated instruction between iterations and let it go on', () => {
    setUp([0xf3, 0x6e, HLT], { ecx: 10, edx: 0x80, esi: 0x5000, eflags: 0x202 });
    let writes = 0;
    board.onWrite = () => {
      if (++writes === 3) board.interrupt(0x20);
    };
    // MOV EBX, ECX; MOV EAX, [ESP + 8]; IRET
    board.load(HANDLER, [0x89, 0xcb, 0x8b, 0x44, 0x24, 0x08, IRET]);
    expect(cpu.run(1000)).toBe(StopReason.Halted);
    expect(writes).toBe(10);
    // Seven were left, and the image pushed has RF set.
    expect(cpu.registers()).toMatchObject({ ebx: 7, ecx: 0 });
    expect(cpu.registers().eax & 0x10000).toBe(0x10000);
  });
  it('NMI comes through IF = 0, wakes HLT, and blocks NMI until IRET', () => {
    setUp([HLT, HLT, HLT]);
    // The handler: INC EBX; OUT 80h, AL (raises NMI again); NOP; NOP; IRET
    board.load(HANDLER, [0x43, 0xe6, 0x80, NOP, NOP, 0x89, 0xd9, IRET]); // ... MOV ECX, EBX
    let raised = 0;
    const depth: number[] = [];
    board.onWrite = () => {
      depth.push(cpu.registers().esp);
      if (raised++ === 0) cpu.raiseNmi();
    };
    expect(cpu.run(100)).toBe(StopReason.Halted);
    cpu.raiseNmi();
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers().ebx).toBe(2);
    // Both at the same depth: the second waited for the IRET of the first.
    expect(depth).toEqual([0x9000 - 12, 0x9000 - 12]);
  });
  it('NMI is unblocked by an IRET that faults', () => {
    setUp([HLT]);
    // IRET with a bad CS; the #GP handler counts in ECX and leaves by a good frame.
    board.load(HANDLER, [0x43, 0x6a, 0x02, 0x6a, 0x77, 0x6a, 0x00, IRET]);
    board.load(0x3100, [0x41, 0xeb, 0xfe]); // INC ECX; JMP $
    interruptTable({ 2: HANDLER, 13: 0x3100 });
    cpu.run(10);
    cpu.raiseNmi();
    cpu.run(20);
    expect(cpu.registers()).toMatchObject({ ebx: 1, ecx: 1 });
    cpu.raiseNmi();
    cpu.run(20);
    expect(cpu.registers()).toMatchObject({ ebx: 2, ecx: 2 });
  });
  it('with TF, HLT is followed by the trap', () => {
    setUp([HLT, NOP, HLT], { eflags: 0x102 });
    board.load(HANDLER, [0x8b, 0x1c, 0x24, 0xf4]); // MOV EBX, [ESP]; HLT
    interruptTable({ 1: HANDLER });
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers().ebx).toBe(CODE + 1);
  });
});

describe('address line 20', () => {
  it('off: bit 20 of data and code addresses is 0', () => {
    board.load(0x5000, le32(0x11111111));
    board.load(0x105000, le32(0x22222222));
    // MOV EAX, [105000h]; MOV [105004h], EAX; HLT
    board.load(CODE, [0xa1, ...le32(0x105000), 0xa3, ...le32(0x105004), HLT]);
    board.load(0x100000 + CODE, nops(12));
    board.enterFlat(CODE + 0x100000);
    cpu.setA20(false);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers().eax).toBe(0x11111111);
    expect([board.dword(0x5004), board.dword(0x105004)]).toEqual([0x11111111, 0]);
    cpu.setA20(true);
    board.load(CODE, [0xa1, ...le32(0x105000), HLT]);
    board.enterFlat(CODE);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers().eax).toBe(0x22222222);
  });
  it('changes from a port callback hold from the next instruction on', () => {
    board.load(0x5000, le32(0x11111111));
    board.load(0x105000, le32(0x22222222));
    board.load(CODE, [0xa1, ...le32(0x105000), 0x89, 0xc3, 0xe6, 0x92, 0xa1, ...le32(0x105000), HLT]);
    board.enterFlat(CODE);
    board.onWrite = () => cpu.setA20(false);
    expect(cpu.run(100)).toBe(StopReason.Halted);
    expect(cpu.registers()).toMatchObject({ ebx: 0x22222222, eax: 0x11111111 });
  });
});

describe('triple fault', () => {
  it('reports the chain of faults and the registers, and lasts until reset', () => {
    board.load(CODE, mov(EBX, 0x1234), [0x0f, 0x0b]); // UD2
    board.enterFlat(CODE);
    cpu.setRegisters({ idtr: { base: GATES, limit: 0 } });
    expect(cpu.run(100)).toBe(StopReason.Shutdown);
    expect(cpu.tripleFault?.chain).toEqual([
      { vector: 6, errorCode: undefined },
      { vector: 13, errorCode: 6 * 8 + 3 },
      { vector: 13, errorCode: 13 * 8 + 3 },
      { vector: 8, errorCode: 0 },
      { vector: 13, errorCode: 8 * 8 + 3 },
    ]);
    expect(cpu.tripleFault?.registers).toMatchObject({ eip: CODE + 5, ebx: 0x1234 });
    expect(cpu.run(100)).toBe(StopReason.Shutdown);
    cpu.reset();
    expect(cpu.tripleFault).toBeUndefined();
    expect(cpu.registers()).toMatchObject({ eip: 0xfff0, cs: { selector: 0xf000, base: 0xffff0000 } });
  });
});

describe('device memory', () => {
  it('executes, one instruction at a time, and sees changes at once', () => {
    // MOV EAX, 1; INC byte [immediate]; JMP back while AL < 5; HLT. The device page changes under the program.
    const code = [...mov(EAX, 1), 0x3c, 0x05, 0x74, 0x07, 0xfe, 0x05, ...le32(DEVICE_PAGE + 1), 0xeb, 0xee, HLT];
    code.splice(code.length - 2, 1, 0x100 - (code.length - 1));
    code.forEach((byte, at) => board.device.setUint8(at, byte));
    board.enterFlat(DEVICE_PAGE);
    expect(cpu.run(1000)).toBe(StopReason.Halted);
    expect(cpu.registers().eax).toBe(5);
    expect(cpu.registers().eip).toBe(DEVICE_PAGE + code.length);
  });
  it('is not fetched beyond its end, and CR2 stays when the instruction ends before a missing page', () => {
    board.device.setUint8(0xfff, HLT);
    // Paging: a 4 MiB page for the low memory, one 4 KiB page for the device.
    board.load(0x10000, le32(0x83));
    board.load(0x10000 + (DEVICE_PAGE >>> 22) * 4, le32(0x11003));
    board.load(0x11000, le32(DEVICE_PAGE + 3));
    board.enterFlat(DEVICE_PAGE + 0xfff, { cr3: 0x10000, cr4: 0x10, cr0: 0x80000011, cr2: 0x1234 });
    expect(cpu.run(10)).toBe(StopReason.Halted);
    expect(cpu.registers().cr2).toBe(0x1234);
  });
});

describe('the end of memory', () => {
  it('code in the last bytes of the last memory there is decodes and runs', () => {
    const small = new Board(0x10000);
    small.cpu.rom.fill(HLT);
    small.cpu.mapPages(0xffff0000, 16, { read: small.cpu.rom.byteOffset, write: undefined });
    small.enterFlat(0xffffffff);
    expect(small.cpu.run(10)).toBe(StopReason.Halted);
    small.cpu.rom[0xffff] = 0x66; // A prefix, and the rest of the instruction wraps to address 0.
    small.load(0, [0xb8, 0x34, 0x12, HLT]);
    small.cpu.reset();
    small.enterFlat(0xffffffff);
    expect(small.cpu.run(10)).toBe(StopReason.Halted);
    expect(small.cpu.registers().eax & 0xffff).toBe(0x1234);
  });
});
