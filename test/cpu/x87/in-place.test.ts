/**
 * x87 instructions, whose common cases are emitted in place, against the functions that cover all cases, called as the instructions call
 * them then: random registers, tags, control and status words. X87_RANDOM_CASES sets the number of cases per instruction.
 */
import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { STATUS } from '../../../cpu/x87/format.ts';
import { Fpu } from './fpu-module.ts';
import { Machine } from './instruction-module.ts';

const CASES = Number(process.env['X87_RANDOM_CASES'] ?? 200);
const CODE = 0x1000;
const OPERAND = 0x2000;
const END = 0xf4;
const QUIET = 0x100;

/** With long operations in place, and as calls. */
const machines = [new Machine(), new Machine(true)];
const fpu = new Fpu();

/** A small generator (xorshift32), so that failures repeat. */
let seed = 0x9e3779b9 | 0;
function bits(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}
const random = (below: number): number => bits() % below;
const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;
const wide = (): bigint => (BigInt(bits()) << 32n) | BigInt(bits());

const TOP_BIT = 1n << 63n;
function significand(): bigint {
  switch (random(6)) {
    case 0:
      return TOP_BIT;
    case 1:
      return (1n << 64n) - 1n - (random(2) ? BigInt(random(4)) : 0n);
    case 2:
      // as from a double
      return (wide() | TOP_BIT) & ~0x7ffn;
    case 3:
      // as from a single, or a small integer
      return (wide() | TOP_BIT) & ~0xff_ffff_ffffn;
    case 4:
      // near the middle between two doubles
      return ((wide() | TOP_BIT) & ~0x7ffn) + 0x400n + BigInt(random(3)) - 1n;
    default:
      return wide() | TOP_BIT;
  }
}
/** Sign and exponent, then significand: all classes of numbers, most of them normal and of similar size. */
function register(): bigint {
  const sign = random(2) ? 0x8000 : 0;
  let exponent = 0x3fff + random(9) - 4;
  let digits = significand();
  switch (random(24)) {
    case 0:
      return BigInt(sign) << 64n;
    case 1:
      [exponent, digits] = [0x7fff, TOP_BIT];
      break;
    case 2:
      [exponent, digits] = [0x7fff, wide() | TOP_BIT];
      break;
    case 3:
      [exponent, digits] = [0, wide()];
      break;
    case 4:
      digits &= ~TOP_BIT;
      break;
    case 5:
      exponent = pick([1, 2, 0x7ffd, 0x7ffe]);
      break;
    case 6:
      exponent = 0x3fff + pick([-1075, -1023, -1022, 1023, 1024, -149, -127, -126, 127, 128]) + random(3) - 1;
      break;
    case 7:
    case 8:
      exponent = 0x3fff + random(140) - 70;
      break;
    case 9:
      exponent = 0x3fff + pick([14, 15, 16, 30, 31, 32, 62, 63, 64]);
      break;
  }
  return (BigInt(sign | exponent) << 64n) | digits;
}
/** The pattern of a number in memory. */
function pattern(format: Format): bigint {
  const fraction = format === 'single' ? 23 : 52;
  const bias = format === 'single' ? 127 : 1023;
  const size = format === 'single' ? 32 : 64;
  if (format !== 'single' && format !== 'double') return random(8) ? wide() >> BigInt(random(64)) : 0n;
  const exponent = random(8) ? bias + random(9) - 4 : pick([0, 1, 2 * bias, 2 * bias + 1]);
  const digits = random(8) ? wide() & ((1n << BigInt(fraction)) - 1n) : 0n;
  return (BigInt(random(2)) << BigInt(size - 1)) | (BigInt(exponent) << BigInt(fraction)) | digits;
}
const control = (): number =>
  random(2) ? 0x37f : 0x40 | pick([0x3f, 0x3f, 0x3f, random(0x40)]) | (random(4) << 8) | (random(4) << 10);

type Format = 'single' | 'double' | 'word' | 'dword' | 'qword';
const BYTES: Readonly<Record<Format, number>> = { single: 4, double: 8, word: 2, dword: 4, qword: 8 };
const kind = (format: Format): string => (format === 'single' ? 'Single' : format === 'double' ? 'Double' : 'Integer');
/** A memory operand as the functions take it. */
function argument(format: Format, value: bigint): number | bigint {
  if (format === 'single') return Number(BigInt.asIntN(32, value));
  return format === 'double' ? BigInt.asIntN(64, value) : BigInt.asIntN(8 * BYTES[format], value);
}

interface Instruction {
  readonly name: string;
  /** Opcode and ModRM; a memory operand follows by its address. */
  readonly code: (i: number) => readonly number[];
  readonly format?: Format | 'extended';
  /** What the instruction is by functions; returns what it leaves in memory. */
  readonly by: (i: number, value: bigint, exponent: number) => bigint | undefined;
}
const popIf = (complete: number): undefined => {
  if (complete) fpu.call('Pop');
  return undefined;
};

const OPERATIONS = [
  [0, 'Add', false],
  [1, 'Multiply', false],
  [4, 'Subtract', false],
  [5, 'Subtract', true],
  [6, 'Divide', false],
  [7, 'Divide', true],
] as const;
const MEMORY: readonly (readonly [number, Format])[] = [
  [0xd8, 'single'],
  [0xdc, 'double'],
  [0xda, 'dword'],
  [0xde, 'word'],
];

const memoryForms: Instruction[] = MEMORY.flatMap(([opcode, format]) => {
  const code = (digit: number) => (): readonly number[] => [opcode, (digit << 3) | 5];
  const operand = (value: bigint): number => fpu.call(`Operand${kind(format)}`, argument(format, value));
  return [
    ...OPERATIONS.map(([digit, name, reverse]): Instruction => {
      const full = `${name}${reverse ? 'Reverse' : ''}Memory`;
      return {
        name: `${full} ${format}`,
        code: code(digit),
        format,
        by: (_i, value) => void fpu.call(full, operand(value)),
      };
    }),
    ...[2, 3].map((digit): Instruction => ({
      name: `Compare ${format} ${digit === 3 ? 'and pop' : ''}`,
      code: code(digit),
      format,
      by: (_i, value) => {
        const complete = fpu.call('CompareMemory', operand(value));
        return digit === 3 ? popIf(complete) : undefined;
      },
    })),
  ];
});

const registerForms: Instruction[] = OPERATIONS.flatMap(([digit, name, reverse]) =>
  [
    [0xd8, true, false],
    [0xdc, false, false],
    [0xde, false, true],
  ].map(([opcode, toTop, pop]): Instruction => {
    // The encodings of the reverse operations are exchanged where ST(i) is the destination.
    const modrm = 0xc0 + 8 * (toTop || digit < 4 ? digit : digit ^ 1);
    return {
      name: `${name}${reverse ? 'Reverse' : ''} ${toTop ? 'ST,STi' : 'STi,ST'}${pop ? ' and pop' : ''}`,
      code: (i) => [Number(opcode), modrm + i],
      by: (i) => {
        const [destination, source] = toTop ? [0, i] : [i, 0];
        const [a, b] = reverse ? [source, destination] : [destination, source];
        const complete = fpu.call(name, destination, a, b);
        return pop ? popIf(complete) : undefined;
      },
    };
  }),
);

const compareForms: Instruction[] = [
  ...(
    [
      [0xd8, 0xd0, 0, 0],
      [0xd8, 0xd8, 0, 1],
      [0xdd, 0xe0, QUIET, 0],
      [0xdd, 0xe8, QUIET, 1],
    ] as const
  ).map(([opcode, modrm, quiet, pops]): Instruction => ({
    name: `Compare ${quiet ? 'quiet' : ''} ${pops ? 'and pop' : ''}`,
    code: (i) => [opcode, modrm + i],
    by: (i) => {
      const complete = fpu.call('Compare', i, quiet);
      return pops ? popIf(complete) : undefined;
    },
  })),
  ...(
    [
      [0xde, 0xd9, 0],
      [0xda, 0xe9, QUIET],
    ] as const
  ).map(([opcode, modrm, quiet]): Instruction => ({
    name: `Compare ${quiet ? 'quiet' : ''} and pop both`,
    code: () => [opcode, modrm],
    by: () => {
      const complete = fpu.call('Compare', 1, quiet);
      popIf(complete);
      return popIf(complete);
    },
  })),
  ...(
    [
      [0xdb, 0xe8, QUIET, false],
      [0xdb, 0xf0, 0, false],
      [0xdf, 0xe8, QUIET, true],
      [0xdf, 0xf0, 0, true],
    ] as const
  ).map(([opcode, modrm, quiet, pop]): Instruction => ({
    name: `CompareFlags ${quiet ? 'quiet' : ''} ${pop ? 'and pop' : ''}`,
    code: (i) => [opcode, modrm + i],
    by: (i) => {
      const image = fpu.call('CompareFlags', i, quiet);
      if (pop) popIf(image & 2 ? 0 : 1);
      flags = image & 0x45;
      return undefined;
    },
  })),
];

const STORES: readonly (readonly [number, number, Format, boolean, number])[] = [
  [0xd9, 2, 'single', false, 0],
  [0xd9, 3, 'single', true, 0],
  [0xdd, 2, 'double', false, 0],
  [0xdd, 3, 'double', true, 0],
  [0xdf, 2, 'word', false, 0],
  [0xdf, 3, 'word', true, 0],
  [0xdb, 2, 'dword', false, 0],
  [0xdb, 3, 'dword', true, 0],
  [0xdf, 7, 'qword', true, 0],
  [0xdf, 1, 'word', true, 1],
  [0xdb, 1, 'dword', true, 1],
  [0xdd, 1, 'qword', true, 1],
];
const moveForms: Instruction[] = [
  ...STORES.map(([opcode, digit, format, pop, truncate]): Instruction => ({
    name: `Store ${format}${truncate ? ' truncated' : ''}${pop ? ' and pop' : ''}`,
    code: () => [opcode, (digit << 3) | 5],
    format,
    by: (_i, value) => {
      const complete =
        kind(format) === 'Integer'
          ? fpu.call('StoreInteger', BYTES[format], truncate)
          : fpu.call(`Store${kind(format)}`);
      if (!complete) return value;
      if (pop) fpu.call('Pop');
      return fpu.converted(BYTES[format]);
    },
  })),
  ...(
    [
      [0xd9, 0, 'single'],
      [0xdd, 0, 'double'],
      [0xdf, 0, 'word'],
      [0xdb, 0, 'dword'],
      [0xdf, 5, 'qword'],
    ] as const
  ).map(([opcode, digit, format]): Instruction => ({
    name: `Load ${format}`,
    code: () => [opcode, (digit << 3) | 5],
    format,
    by: (_i, value) => void fpu.call(`Load${kind(format)}`, argument(format, value)),
  })),
  {
    name: 'Load extended',
    code: () => [0xdb, 0x2d],
    format: 'extended',
    by: (_i, value, exponent) => void fpu.call('LoadExtended', BigInt.asIntN(64, value), exponent),
  },
  { name: 'Load STi', code: (i) => [0xd9, 0xc0 + i], by: (i) => void fpu.call('LoadRegister', i) },
  { name: 'Store STi', code: (i) => [0xdd, 0xd0 + i], by: (i) => void fpu.call('StoreRegister', i) },
  { name: 'Store STi and pop', code: (i) => [0xdd, 0xd8 + i], by: (i) => popIf(fpu.call('StoreRegister', i)) },
  { name: 'Exchange', code: (i) => [0xd9, 0xc8 + i], by: (i) => void fpu.call('Exchange', i) },
  { name: 'ChangeSign', code: () => [0xd9, 0xe0], by: () => void fpu.call('ChangeSign') },
  { name: 'Absolute', code: () => [0xd9, 0xe1], by: () => void fpu.call('Absolute') },
  { name: 'Test', code: () => [0xd9, 0xe4], by: () => void fpu.call('Test') },
  { name: 'Load 1', code: () => [0xd9, 0xe8], by: () => void fpu.call('LoadConstant', 0) },
  { name: 'Load 0', code: () => [0xd9, 0xee], by: () => void fpu.call('LoadConstant', 6) },
  { name: 'Move if below', code: (i) => [0xda, 0xc0 + i], by: (i) => void fpu.call('ConditionalMove', i, flags & 1) },
  {
    name: 'Load control',
    code: () => [0xd9, 0x2d],
    format: 'word',
    by: (_i, value) => void fpu.call('SetControl', Number(value & 0xffffn)),
  },
];

/** CF PF ZF, as the reference leaves them. */
let flags = 0;
const WORDS = [STATE.X87_CONTROL, STATE.X87_STATUS, STATE.X87_TOP, STATE.X87_IN_USE];

function compare({ name, code, format, by }: Instruction): void {
  for (let n = 0; n < CASES; n++) {
    const machine = machines[n & 1]!;
    const view = new DataView(machine.memory.buffer);
    const i = random(8);
    const value = format === undefined || format === 'extended' ? significand() : pattern(format);
    const exponent = random(0x10000);
    // Exceptions on record are masked ones: others would be reported first.
    const cw = control();
    const words = [
      cw,
      (random(0x40) & cw) | pick([0, STATUS.C1, STATUS.C0 | STATUS.C3, STATUS.C2 | STATUS.C1]),
      random(8),
      random(3) ? pick([0x7f, 0xff, 0xfe]) : random(0x100),
    ];
    // A push needs room more often than chance would have it.
    if (name.startsWith('Load') && random(4)) words[3]! &= ~(1 << ((words[2]! + 7) & 7));
    WORDS.forEach((at, k) => {
      machine.state.set(at, words[k]!);
      fpu.set(at, words[k]!);
    });
    machine.state.set(STATE.X87_ERROR, 0);
    const registers = Array.from({ length: 8 }, register);
    registers.forEach((image, k) => {
      fpu.setRegister(k, image);
      view.setBigUint64(STATE.X87_REGISTERS + 16 * k, image & 0xffff_ffff_ffff_ffffn, true);
      view.setUint16(STATE.X87_REGISTERS + 16 * k + 8, Number(image >> 64n), true);
    });
    flags = pick([0, 1, 0x40, 0x45]);
    machine.eflags = flags;
    const instruction = code(i);
    machine.guest.set([...instruction, ...(format ? [0, OPERAND >> 8, 0, 0] : []), END], CODE);
    const operand = new DataView(machine.guest.buffer, machine.guest.byteOffset + OPERAND);
    operand.setBigUint64(0, BigInt.asUintN(64, value), true);
    operand.setUint16(8, exponent, true);
    const outcome = machine.run(CODE);
    const left = by(i, value, exponent);
    const title = `${name} ST(${i}) ${value.toString(16)} words ${words.map((w) => w.toString(16)).join(' ')} registers ${registers
      .map((r) => r.toString(16))
      .join(' ')}`;
    expect(outcome.vector, title).toBeUndefined();
    WORDS.forEach((at, k) =>
      expect(machine.state.get(at).toString(16), `${title}: word ${k}`).toBe(fpu.get(at).toString(16)),
    );
    for (let k = 0; k < 8; k++) {
      const at = STATE.X87_REGISTERS + 16 * k;
      const found = (BigInt(view.getUint16(at + 8, true)) << 64n) | view.getBigUint64(at, true);
      expect(found.toString(16), `${title}: register ${k}`).toBe(fpu.register(k).toString(16));
    }
    expect(machine.eflags & 0x45, `${title}: flags`).toBe(flags);
    if (left !== undefined) {
      const size = BYTES[format as Format] * 8;
      expect(BigInt.asUintN(size, operand.getBigUint64(0, true)), `${title}: memory`).toBe(BigInt.asUintN(size, left));
    }
  }
}

describe(`x87 instructions in place and by functions, ${CASES} cases each`, () => {
  for (const instruction of [...memoryForms, ...registerForms, ...compareForms, ...moveForms])
    it(instruction.name, { timeout: 20_000 + CASES * 10 }, () => compare(instruction));
});
