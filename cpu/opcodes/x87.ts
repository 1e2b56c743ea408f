/** The x87 instructions, D8-DF and WAIT. Opcode maps: Intel SDM volume 2, appendix A.5. */
import type { Emit, MemoryFormat } from '../x87/operands.ts';
import * as x87 from '../x87/semantics.ts';
import * as transfer from '../x87/transfers.ts';
import type { InstructionDefinition } from './definition.ts';

type More = Partial<InstructionDefinition>;
const FPU = { feature: 'fpu' } as const;
const CMOV = { feature: 'cmov' } as const;

function line(
  encoding: string,
  mnemonic: string,
  operands: string,
  meaning: Emit | string,
  more: More = {},
): InstructionDefinition {
  const how = typeof meaning === 'string' ? { helper: meaning } : { emit: meaning };
  return { encoding, mnemonic, operands, ...how, ...FPU, ...more };
}
const written = { writesMemory: true };

/** ModRM.reg order of D8 and of the memory forms of DA, DC, DE; 2 and 3 are comparisons. */
const ARITHMETIC: readonly (readonly [number, string, x87.Operation])[] = [
  [0, 'add', 'Add'],
  [1, 'mul', 'Multiply'],
  [4, 'sub', 'Subtract'],
  [5, 'subr', 'SubtractReverse'],
  [6, 'div', 'Divide'],
  [7, 'divr', 'DivideReverse'],
];
const MEMORY_FORMATS: readonly (readonly [string, MemoryFormat, string, string])[] = [
  ['d8', 'single', 'M4', 'f'],
  ['da', 'dword', 'M4', 'fi'],
  ['dc', 'double', 'M8', 'f'],
  ['de', 'word', 'M2', 'fi'],
];

const memoryArithmetic = MEMORY_FORMATS.flatMap(([opcode, format, operand, prefix]) => [
  ...ARITHMETIC.map(([n, name, operation]) =>
    line(`${opcode} /${n}`, prefix + name, operand, x87.arithmeticMemory(operation, format)),
  ),
  line(`${opcode} /2`, `${prefix}com`, operand, x87.compareMemory(format, false)),
  line(`${opcode} /3`, `${prefix}comp`, operand, x87.compareMemory(format, true)),
]);

const hex = (n: number): string => n.toString(16);
/** In DC and DE the encodings of SUB and SUBR, DIV and DIVR are exchanged. */
const registerArithmetic = ARITHMETIC.flatMap(([n, name, operation]) => {
  const swapped = n < 4 ? n : n ^ 1;
  return [
    line(`d8 ${hex(0xc0 + 8 * n)}+i`, `f${name}`, 'ST,STi', x87.arithmeticRegister(operation, true)),
    line(`dc ${hex(0xc0 + 8 * swapped)}+i`, `f${name}`, 'STi,ST', x87.arithmeticRegister(operation, false)),
    line(`de ${hex(0xc0 + 8 * swapped)}+i`, `f${name}p`, 'STi,ST', x87.arithmeticRegister(operation, false, true)),
  ];
});

const registerCompare = [
  line('d8 d0+i', 'fcom', 'STi', x87.compareRegister(false, 0)),
  line('d8 d8+i', 'fcomp', 'STi', x87.compareRegister(false, 1)),
  line('dc d0+i', 'fcom', 'STi', x87.compareRegister(false, 0)),
  line('dc d8+i', 'fcomp', 'STi', x87.compareRegister(false, 1)),
  line('de d0+i', 'fcomp', 'STi', x87.compareRegister(false, 1)),
  line('de d9', 'fcompp', '', x87.compareRegister(false, 2)),
  line('da e9', 'fucompp', '', x87.compareRegister(true, 2)),
  line('dd e0+i', 'fucom', 'STi', x87.compareRegister(true, 0)),
  line('dd e8+i', 'fucomp', 'STi', x87.compareRegister(true, 1)),
  line('db e8+i', 'fucomi', 'ST,STi', x87.compareFlags(true, false), CMOV),
  line('db f0+i', 'fcomi', 'ST,STi', x87.compareFlags(false, false), CMOV),
  line('df e8+i', 'fucomip', 'ST,STi', x87.compareFlags(true, true), CMOV),
  line('df f0+i', 'fcomip', 'ST,STi', x87.compareFlags(false, true), CMOV),
  line('d9 e4', 'ftst', '', x87.test),
  line('d9 e5', 'fxam', '', x87.simple('Examine')),
];

const transfers = [
  line('d9 /0', 'fld', 'M4', transfer.load('single')),
  line('dd /0', 'fld', 'M8', transfer.load('double')),
  line('db /5', 'fld', 'M10', transfer.load('extended')),
  line('df /0', 'fild', 'M2', transfer.load('word')),
  line('db /0', 'fild', 'M4', transfer.load('dword')),
  line('df /5', 'fild', 'M8', transfer.load('qword')),
  line('d9 /2', 'fst', 'M4', transfer.store('single', false), written),
  line('d9 /3', 'fstp', 'M4', transfer.store('single', true), written),
  line('dd /2', 'fst', 'M8', transfer.store('double', false), written),
  line('dd /3', 'fstp', 'M8', transfer.store('double', true), written),
  line('db /7', 'fstp', 'M10', transfer.store('extended', true), written),
  line('df /2', 'fist', 'M2', transfer.store('word', false), written),
  line('df /3', 'fistp', 'M2', transfer.store('word', true), written),
  line('db /2', 'fist', 'M4', transfer.store('dword', false), written),
  line('db /3', 'fistp', 'M4', transfer.store('dword', true), written),
  line('df /7', 'fistp', 'M8', transfer.store('qword', true), written),
  line('df /1', 'fisttp', 'M2', transfer.store('word', true, true), { ...written, feature: 'sse3' }),
  line('db /1', 'fisttp', 'M4', transfer.store('dword', true, true), { ...written, feature: 'sse3' }),
  line('dd /1', 'fisttp', 'M8', transfer.store('qword', true, true), { ...written, feature: 'sse3' }),
  line('df /4', 'fbld', 'M10', 'x87_fbld'),
  line('df /6', 'fbstp', 'M10', 'x87_fbstp', written),
  line('d9 c0+i', 'fld', 'STi', transfer.loadRegister),
  line('d9 c8+i', 'fxch', 'STi', transfer.exchange),
  line('dd c8+i', 'fxch', 'STi', transfer.exchange),
  line('df c8+i', 'fxch', 'STi', transfer.exchange),
  line('dd d0+i', 'fst', 'STi', transfer.storeRegister(false)),
  line('dd d8+i', 'fstp', 'STi', transfer.storeRegister(true)),
  line('d9 d8+i', 'fstp', 'STi', x87.withIndex('StoreRegisterIfFull', true)),
  line('df d0+i', 'fstp', 'STi', transfer.storeRegister(true)),
  line('df d8+i', 'fstp', 'STi', transfer.storeRegister(true)),
  line('dd c0+i', 'ffree', 'STi', x87.withIndex('Free')),
  line('df c0+i', 'ffreep', 'STi', x87.freePop),
  ...[2, 4, 6, 10].flatMap((condition, n) => [
    line(
      `da ${hex(0xc0 + 8 * n)}+i`,
      `fcmov${['b', 'e', 'be', 'u'][n]}`,
      'ST,STi',
      transfer.conditionalMove(condition),
      CMOV,
    ),
    line(
      `db ${hex(0xc0 + 8 * n)}+i`,
      `fcmovn${['b', 'e', 'be', 'u'][n]}`,
      'ST,STi',
      transfer.conditionalMove(condition + 1),
      CMOV,
    ),
  ]),
];

const constants = ['fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz'].map((name, n) =>
  line(
    `d9 ${hex(0xe8 + n)}`,
    name,
    '',
    n === 0 || n === 6 ? transfer.loadExact(n === 0) : x87.withConstant('LoadConstant', n),
  ),
);

const unary = [
  line('d9 e0', 'fchs', '', transfer.changeSign('ChangeSign')),
  line('d9 e1', 'fabs', '', transfer.changeSign('Absolute')),
  line('d9 fa', 'fsqrt', '', x87.simple('SquareRoot')),
  line('d9 fc', 'frndint', '', x87.simple('Round')),
  line('d9 f4', 'fxtract', '', x87.simple('Extract')),
  line('d9 f5', 'fprem1', '', x87.withConstant('PartialRemainder', 1)),
  line('d9 f8', 'fprem', '', x87.withConstant('PartialRemainder', 0)),
  line('d9 fd', 'fscale', '', x87.simple('Scale')),
  line('d9 f0', 'f2xm1', '', 'x87_f2xm1'),
  line('d9 f1', 'fyl2x', '', 'x87_fyl2x'),
  line('d9 f9', 'fyl2xp1', '', 'x87_fyl2xp1'),
  line('d9 f2', 'fptan', '', 'x87_fptan'),
  line('d9 f3', 'fpatan', '', 'x87_fpatan'),
  line('d9 fb', 'fsincos', '', 'x87_fsincos'),
  line('d9 fe', 'fsin', '', 'x87_fsin'),
  line('d9 ff', 'fcos', '', 'x87_fcos'),
];

const controls = [
  line('9b', 'wait', '', x87.fwait, {}),
  line('d9 d0', 'fnop', '', x87.nop),
  line('d9 f6', 'fdecstp', '', x87.withConstant('Rotate', 7)),
  line('d9 f7', 'fincstp', '', x87.withConstant('Rotate', 1)),
  line('db e0', 'fneni', '', x87.legacyNop),
  line('db e1', 'fndisi', '', x87.legacyNop),
  line('db e2', 'fnclex', '', x87.clearExceptions),
  line('db e3', 'fninit', '', x87.initialize),
  line('db e4', 'fnsetpm', '', x87.legacyNop),
  line('df e0', 'fnstsw', '', x87.storeStatusAx),
  line('dd /7', 'fnstsw', 'M2', x87.storeStatus, written),
  line('d9 /7', 'fnstcw', 'M2', x87.storeControl, written),
  line('d9 /5', 'fldcw', 'M2', x87.loadControl),
  // The images of 32-bit operand size are longer (28 and 108 bytes): the helpers check the rest of the limit.
  line('d9 /6', 'fnstenv', 'M14', 'x87_fnstenv', written),
  line('d9 /4', 'fldenv', 'M14', 'x87_fldenv'),
  line('dd /6', 'fnsave', 'M94', 'x87_fnsave', written),
  line('dd /4', 'frstor', 'M94', 'x87_frstor'),
  line('0f ae /0', 'fxsave', 'M512', 'x87_fxsave', { ...written, feature: 'fxsr' }),
  line('0f ae /1', 'fxrstor', 'M512', 'x87_fxrstor', { feature: 'fxsr' }),
];

export const x87Definitions: readonly InstructionDefinition[] = [
  ...memoryArithmetic,
  ...registerArithmetic,
  ...registerCompare,
  ...transfers,
  ...constants,
  ...unary,
  ...controls,
];
