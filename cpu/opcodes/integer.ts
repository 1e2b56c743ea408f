/** Integer instructions whose meaning is written against the emitter. Opcode maps: Intel SDM volume 2, appendix A. */
import {
  alu,
  ALU_NAMES,
  cmpxchg,
  convertByte,
  convertWord,
  decReg,
  decRm,
  type Emit,
  incReg,
  incRm,
  neg,
  not,
  test,
  xadd,
} from '../semantics/arithmetic.ts';
import { bitScan, type BitName, bitTest, byteSwap, cmovcc, setcc } from '../semantics/bits.ts';
import * as control from '../semantics/control.ts';
import * as data from '../semantics/data.ts';
import { divideAccumulator, imulRegRm, imulRegRmImm, multiplyAccumulator } from '../semantics/multiply.ts';
import { doubleShift, shift, type ShiftName } from '../semantics/shifts.ts';
import type { InstructionDefinition } from './definition.ts';

/** One emitter for equal meanings, so that forms which differ only in encoding share their handlers. */
function shared<A extends unknown[]>(make: (...args: A) => Emit): (...args: A) => Emit {
  const made = new Map<string, Emit>();
  return (...args) => {
    const key = args.join();
    let emit = made.get(key);
    if (!emit) made.set(key, (emit = make(...args)));
    return emit;
  };
}
const aluShared = shared(alu);
const testShared = shared(test);
const shiftShared = shared(shift);
const jccShared = shared(control.jcc);

const hex = (n: number): string => n.toString(16).padStart(2, '0');

function line(
  encoding: string,
  mnemonic: string,
  operands: string,
  emit: Emit,
  more: Partial<InstructionDefinition> = {},
): InstructionDefinition {
  return { encoding, mnemonic, operands, emit, ...more };
}
const locked = { lockable: true, writesMemory: true };
const written = { writesMemory: true };

/** Condition names by code, for mnemonics. */
const CONDITIONS = [
  'o',
  'no',
  'b',
  'nb',
  'z',
  'nz',
  'be',
  'nbe',
  's',
  'ns',
  'p',
  'np',
  'l',
  'nl',
  'le',
  'nle',
] as const;

const aluLines = ALU_NAMES.flatMap((name, n) => {
  const base = n << 3;
  const memory = name === 'cmp' ? {} : locked;
  return [
    line(`${hex(base)} /r`, name, 'Eb,Gb', aluShared(name, 'rm,reg'), memory),
    line(`${hex(base + 1)} /r`, name, 'Ev,Gv', aluShared(name, 'rm,reg'), memory),
    line(`${hex(base + 2)} /r`, name, 'Gb,Eb', aluShared(name, 'reg,rm')),
    line(`${hex(base + 3)} /r`, name, 'Gv,Ev', aluShared(name, 'reg,rm')),
    line(hex(base + 4), name, 'AL,Ib', aluShared(name, 'acc,imm')),
    line(hex(base + 5), name, 'rAX,Iz', aluShared(name, 'acc,imm')),
    line(`80 /${n}`, name, 'Eb,Ib', aluShared(name, 'rm,imm'), memory),
    line(`81 /${n}`, name, 'Ev,Iz', aluShared(name, 'rm,imm'), memory),
    line(`82 /${n}`, name, 'Eb,Ib', aluShared(name, 'rm,imm'), memory),
    line(`83 /${n}`, name, 'Ev,Is', aluShared(name, 'rm,imm'), memory),
  ];
});

const SHIFTS: readonly ShiftName[] = ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'shl', 'sar'];
const shiftLines = SHIFTS.flatMap((name, n) => [
  line(`c0 /${n}`, name, 'Eb,Ib', shiftShared(name, 'imm'), written),
  line(`c1 /${n}`, name, 'Ev,Ib', shiftShared(name, 'imm'), written),
  line(`d0 /${n}`, name, 'Eb,1', shiftShared(name, 'one'), written),
  line(`d1 /${n}`, name, 'Ev,1', shiftShared(name, 'one'), written),
  line(`d2 /${n}`, name, 'Eb,CL', shiftShared(name, 'cl'), written),
  line(`d3 /${n}`, name, 'Ev,CL', shiftShared(name, 'cl'), written),
]);

const conditionLines = CONDITIONS.flatMap((name, code) => [
  line(hex(0x70 + code), `j${name}`, 'Jb', jccShared(code)),
  line(`0f ${hex(0x80 + code)}`, `j${name}`, 'Jz', jccShared(code)),
  line(`0f ${hex(0x90 + code)} /r`, `set${name}`, 'Eb', setcc(code), written),
  line(`0f ${hex(0x40 + code)} /r`, `cmov${name}`, 'Gv,Ev', cmovcc(code), { feature: 'cmov' }),
]);

const BITS: readonly BitName[] = ['bt', 'bts', 'btr', 'btc'];
const bitLines = BITS.flatMap((name, n) => {
  const memory = name === 'bt' ? {} : locked;
  return [
    line(`0f ${hex(0xa3 + 8 * n)} /r`, name, 'Ev,Gv', bitTest(name, 'reg'), { ...memory, memoryBytes: 0 }),
    line(`0f ba /${n + 4}`, name, 'Ev,Ib', bitTest(name, 'imm'), memory),
  ];
});

export const integerDefinitions: readonly InstructionDefinition[] = [
  ...aluLines,
  ...shiftLines,
  ...conditionLines,
  ...bitLines,
  line('40+r', 'inc', 'Zv', incReg),
  line('48+r', 'dec', 'Zv', decReg),
  line('50+r', 'push', 'Zv', control.pushReg),
  line('58+r', 'pop', 'Zv', control.popReg),
  line('68', 'push', 'Iz', control.pushImm),
  line('6a', 'push', 'Is', control.pushImm),
  line('8f /0', 'pop', 'Ev', control.popRm, written),
  line('69 /r', 'imul', 'Gv,Ev,Iz', imulRegRmImm),
  line('6b /r', 'imul', 'Gv,Ev,Is', imulRegRmImm),
  line('0f af /r', 'imul', 'Gv,Ev', imulRegRm),
  line('84 /r', 'test', 'Eb,Gb', testShared('rm,reg')),
  line('85 /r', 'test', 'Ev,Gv', testShared('rm,reg')),
  line('a8', 'test', 'AL,Ib', testShared('acc,imm')),
  line('a9', 'test', 'rAX,Iz', testShared('acc,imm')),
  line('86 /r', 'xchg', 'Eb,Gb', data.xchg, locked),
  line('87 /r', 'xchg', 'Ev,Gv', data.xchg, locked),
  line('88 /r', 'mov', 'Eb,Gb', data.movRmReg, written),
  line('89 /r', 'mov', 'Ev,Gv', data.movRmReg, written),
  line('8a /r', 'mov', 'Gb,Eb', data.movRegRm),
  line('8b /r', 'mov', 'Gv,Ev', data.movRegRm),
  line('8d /r', 'lea', 'Gv,M', data.lea),
  line('90+r', 'xchg', 'Zv', data.xchgAccumulator),
  line('90', 'nop', '', data.nop),
  line('98', 'cbw', 'rAX', convertByte),
  line('99', 'cwd', 'rAX', convertWord),
  line('9e', 'sahf', '', data.sahf),
  line('9f', 'lahf', '', data.lahf),
  line('a0', 'mov', 'AL,Ob', data.movAccMem),
  line('a1', 'mov', 'rAX,Ov', data.movAccMem),
  line('a2', 'mov', 'Ob,AL', data.movMemAcc, written),
  line('a3', 'mov', 'Ov,rAX', data.movMemAcc, written),
  line('b0+r', 'mov', 'Zb,Ib', data.movRegImm),
  line('b8+r', 'mov', 'Zv,Iz', data.movRegImm),
  line('c6 /0', 'mov', 'Eb,Ib', data.movRmImm, written),
  line('c7 /0', 'mov', 'Ev,Iz', data.movRmImm, written),
  line('c2', 'ret', 'Iw', control.ret(true)),
  line('c3', 'ret', '', control.ret(false)),
  line('c9', 'leave', '', control.leave),
  line('e0', 'loopne', 'Jb', control.loopNotEqual),
  line('e1', 'loope', 'Jb', control.loopEqual),
  line('e2', 'loop', 'Jb', control.loop),
  line('e3', 'jcxz', 'Jb', control.jcxz),
  line('e8', 'call', 'Jz', control.callRelative),
  line('e9', 'jmp', 'Jz', control.jmpRelative),
  line('eb', 'jmp', 'Jb', control.jmpRelative),
  line('f5', 'cmc', '', data.cmc),
  line('f8', 'clc', '', data.clc),
  line('f9', 'stc', '', data.stc),
  line('fc', 'cld', '', data.cld),
  line('fd', 'std', '', data.std),
  line('f6 /0', 'test', 'Eb,Ib', testShared('rm,imm')),
  line('f6 /1', 'test', 'Eb,Ib', testShared('rm,imm')),
  line('f7 /0', 'test', 'Ev,Iz', testShared('rm,imm')),
  line('f7 /1', 'test', 'Ev,Iz', testShared('rm,imm')),
  line('f6 /2', 'not', 'Eb', not, locked),
  line('f7 /2', 'not', 'Ev', not, locked),
  line('f6 /3', 'neg', 'Eb', neg, locked),
  line('f7 /3', 'neg', 'Ev', neg, locked),
  line('f6 /4', 'mul', 'Eb', multiplyAccumulator(false)),
  line('f7 /4', 'mul', 'Ev', multiplyAccumulator(false)),
  line('f6 /5', 'imul', 'Eb', multiplyAccumulator(true)),
  line('f7 /5', 'imul', 'Ev', multiplyAccumulator(true)),
  line('f6 /6', 'div', 'Eb', divideAccumulator(false)),
  line('f7 /6', 'div', 'Ev', divideAccumulator(false)),
  line('f6 /7', 'idiv', 'Eb', divideAccumulator(true)),
  line('f7 /7', 'idiv', 'Ev', divideAccumulator(true)),
  line('fe /0', 'inc', 'Eb', incRm, locked),
  line('fe /1', 'dec', 'Eb', decRm, locked),
  line('ff /0', 'inc', 'Ev', incRm, locked),
  line('ff /1', 'dec', 'Ev', decRm, locked),
  line('ff /2', 'call', 'Ev', control.callRm),
  line('ff /4', 'jmp', 'Ev', control.jmpRm),
  line('ff /6', 'push', 'Ev', control.pushRm),
  line('0f 0d /r', 'prefetchw', 'Ev', data.nop),
  line('0f 18 /r', 'prefetch', 'Ev', data.nop),
  line('0f 1f /r', 'nop', 'Ev', data.nop),
  ...[0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e].map((n) => line(`0f ${hex(n)} /r`, 'nop', 'Ev', data.nop)),
  line('0f a4 /r', 'shld', 'Ev,Gv,Ib', doubleShift(true, 'imm'), written),
  line('0f a5 /r', 'shld', 'Ev,Gv,CL', doubleShift(true, 'cl'), written),
  line('0f ac /r', 'shrd', 'Ev,Gv,Ib', doubleShift(false, 'imm'), written),
  line('0f ad /r', 'shrd', 'Ev,Gv,CL', doubleShift(false, 'cl'), written),
  line('0f b0 /r', 'cmpxchg', 'Eb,Gb', cmpxchg, locked),
  line('0f b1 /r', 'cmpxchg', 'Ev,Gv', cmpxchg, locked),
  line('0f c0 /r', 'xadd', 'Eb,Gb', xadd, locked),
  line('0f c1 /r', 'xadd', 'Ev,Gv', xadd, locked),
  line('0f b6 /r', 'movzx', 'Gv,Eb', data.movzx(1)),
  line('0f b7 /r', 'movzx', 'Gv,Ew', data.movzx(2)),
  line('0f be /r', 'movsx', 'Gv,Eb', data.movsx(1)),
  line('0f bf /r', 'movsx', 'Gv,Ew', data.movsx(2)),
  line('0f bc /r', 'bsf', 'Gv,Ev', bitScan(false)),
  line('0f bd /r', 'bsr', 'Gv,Ev', bitScan(true)),
  line('0f c8+r', 'bswap', 'Zv', byteSwap),
];
