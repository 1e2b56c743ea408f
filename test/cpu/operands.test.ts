/** Where operands are looked for, and what is checked before they are: bit strings, undefined encodings, undefined flags. */
import { describe, expect, it } from 'vitest';
import { createProcessor, type RegisterState, StopReason } from '../../cpu/index.ts';
import { REGION } from '../../cpu/layout.ts';
import { jit } from '../lock-step/configurations.ts';

const CODE = 0x1000;
const HANDLERS = 0x600;
const DATA_LIMIT = 0x4fff;
const UD = 6;
const GP = 13;

const processor = createProcessor(
  { ramBytes: 0x20000, videoBytes: 0, romBytes: 0, jit },
  {
    readPort: () => 0xff,
    writePort: () => {},
    readMemory: () => 0xff,
    writeMemory: () => {},
    acknowledgeInterrupt: () => 0,
    timeStamp: () => 0,
    log: () => {},
    setFerr: () => {},
  },
);
processor.mapPages(0, 0x20, { read: REGION.GUEST, write: REGION.GUEST });
for (let vector = 0; vector < 32; vector++) {
  processor.writePhysical(vector * 4, Uint8Array.of(vector, HANDLERS >> 8, 0, 0));
  processor.writePhysical(HANDLERS + vector, Uint8Array.of(0xf4));
}

/** Runs real-mode code up to its HLT; DS ends at DATA_LIMIT. Answers the vector of the exception, if one was raised. */
function run(code: string, registers: Partial<RegisterState> = {}): number | undefined {
  const segment = (limit: number) => ({ selector: 0, base: 0, limit, attributes: 0x93 });
  processor.reset();
  processor.writePhysical(CODE, Buffer.from(`${code}f4`, 'hex'));
  processor.setRegisters({
    cs: segment(0xffff),
    ss: segment(0xffff),
    ds: segment(DATA_LIMIT),
    es: segment(0xffff),
    idtr: { base: 0, limit: 0x3ff },
    esp: 0x8000,
    eip: CODE,
    eflags: 2,
    ...registers,
  });
  expect(processor.run(1000)).toBe(StopReason.Halted);
  const { eip } = processor.registers();
  return eip < CODE ? eip - 1 - HANDLERS : undefined;
}

describe('bit strings in memory', () => {
  const bts = (registers: Partial<RegisterState>): number | undefined => run('0fab07', registers); // bts [bx],ax

  it('are checked where the bit is, not where the string begins', () => {
    expect(bts({ ebx: DATA_LIMIT - 1, eax: 0 })).toBeUndefined();
    expect(bts({ ebx: DATA_LIMIT - 1, eax: 16 })).toBe(GP);
    expect(bts({ ebx: DATA_LIMIT + 1, eax: 0 })).toBe(GP);
    processor.writePhysical(DATA_LIMIT - 1, Uint8Array.of(0, 0));
    expect(bts({ ebx: DATA_LIMIT + 1, eax: 0xffff })).toBeUndefined();
    expect(processor.ram[DATA_LIMIT]).toBe(0x80);
  });

  it('wrap with the address size', () => {
    processor.writePhysical(0, Uint8Array.of(0, HANDLERS >> 8));
    // Bit 7FFFh is 0FFEh bytes further on: 10000h with BX = F002h.
    expect(bts({ ebx: 0xf002, eax: 0x7fff })).toBeUndefined();
    expect(processor.ram[1]! & 0x80).toBe(0x80);
    processor.writePhysical(0, Uint8Array.of(0, HANDLERS >> 8));
  });
});

describe('encodings without meaning come before faults of their operand', () => {
  // [bx] = FFFFh is beyond the limit in all of these.
  const registers = { ebx: 0xffff };
  it.each([
    ['8e0f', 'MOV CS,[BX]'],
    ['8e37', 'MOV to segment register 6'],
    ['8c3f', 'MOV from segment register 7'],
    ['f08b07', 'LOCK MOV AX,[BX]'],
    ['f03b07', 'LOCK CMP AX,[BX]'],
    ['0f5007', 'MOVMSKPS with a memory operand'],
    ['0ff707', 'MASKMOVQ with a memory operand'],
  ])('%s: %s raises #UD', (code) => {
    expect(run(code, registers)).toBe(UD);
  });

  it('the same operand faults where the instruction exists', () => {
    expect(run('8e1f', registers)).toBe(GP);
    expect(run('f00107', registers)).toBe(GP);
  });
});

describe('ARPL', () => {
  it('writes its operand only when it changes: a segment for reading will do otherwise', () => {
    const readOnly = { selector: 8, base: 0, limit: DATA_LIMIT, attributes: 0x91 };
    processor.writePhysical(0x4000, Uint8Array.of(0xf3, 0xff));
    // arpl [bx],ax with RPL 3 in memory and 2 in AX; a fault would find no gate and shut the processor down.
    expect(run('6307', { cr0: 0x11, ds: readOnly, ebx: 0x4000, eax: 2, eflags: 0x42 })).toBeUndefined();
    expect(processor.registers().eflags & 0x40).toBe(0);
  });
});

// Intel SDM volume 2 leaves these flags undefined; the values are those of the processors that hardware vectors come from.
describe('undefined flags', () => {
  const flags = (code: string, registers: Partial<RegisterState>): number => {
    run(code, registers);
    return processor.registers().eflags & 0x8d5;
  };
  it('SHR by several bits: OF is the highest bit before the last step', () => {
    expect(flags('c0e809', { eax: 0xf7 })).toBe(0x54);
    expect(flags('c0e801', { eax: 0x80 })).toBe(0x810);
  });
  it('MUL keeps SF ZF AF PF', () => {
    expect(flags('f6e3', { eax: 2, ebx: 3, eflags: 0xd6 })).toBe(0xd4);
    expect(flags('f6e3', { eax: 0x80, ebx: 2, eflags: 2 })).toBe(0x801);
  });
  it('DIV keeps CF and OF, sets AF and clears the others', () => {
    expect(flags('f6f3', { eax: 9, ebx: 3, eflags: 0x8c7 })).toBe(0x811);
  });
});
