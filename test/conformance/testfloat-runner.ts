/**
 * Runs vectors of Berkeley TestFloat as instructions: a function becomes a few bytes of code that take operands from x87 or SSE
 * registers or from memory, and end in HLT.
 */
import { createProcessor, StopReason } from '../../cpu/index.ts';
import { REGION, STATE } from '../../cpu/layout.ts';
import { approach, compilesFirst } from './compiled.ts';
import { silentBus } from './hardware-runner.ts';
import { bytesOf, hexOf, type Outcome, type Suite } from './suite.ts';
import { jit } from '../lock-step/configurations.ts';

const PAGE = 4096;
const RAM_BYTES = 0x10000;
const CODE = 0x1000;
/** Operands and result in memory. */
const OPERANDS = [0x2000, 0x2010] as const;
const RESULT = 0x2020;
/** FPREM1 takes at most 63 bits of the exponent difference each time. */
const LIMIT = 100_000;
const FLAT = { selector: 8, base: 0, limit: 0xffffffff };

/** Rounding control as in FCW bits 10-11 and MXCSR bits 13-14. */
const ROUNDING: Readonly<Record<string, number>> = { n: 0, d: 1, u: 2, z: 3 };
const PRECISION: Readonly<Record<string, number>> = { '0': 3, '80': 3, '64': 2, '32': 0 };
/** TestFloat's flags 1, 2, 4, 8, 16 as exception flags of the status word and MXCSR; DE is not part of the vectors. */
const FLAGS = [0x20, 0x10, 0x08, 0x04, 0x01];
const COMPARED_FLAGS = 0x3d;

/** What relation a comparison found, from CF, PF, ZF of EFLAGS. */
const RELATIONS = {
  eq: (flags: number) => (flags & 0x45) === 0x40,
  lt: (flags: number) => (flags & 0x45) === 0x01,
  le: (flags: number) => (flags & 0x45) === 0x01 || (flags & 0x45) === 0x40,
} as const;

type Kind = 'extF80' | 'f64' | 'f32' | 'i64' | 'i32';
const SIZE: Readonly<Record<Kind, number>> = { extF80: 10, f64: 8, f32: 4, i64: 8, i32: 4 };

interface Program {
  readonly code: string;
  /** Where each operand goes. */
  readonly operands: readonly ('st' | 'xmm' | 'memory')[];
  readonly operandKind: Kind;
  readonly result: 'st' | 'xmm' | 'memory' | 'eax' | keyof typeof RELATIONS;
  readonly resultKind: Kind;
  readonly unit: 'x87' | 'sse';
}

/** mod = 00, rm = 101: [disp32]. */
const absolute = (opcode: string, reg: number, address: number): string => {
  const bytes = Buffer.alloc(5);
  bytes[0] = (reg << 3) | 5;
  bytes.writeUInt32LE(address, 1);
  return opcode + bytes.toString('hex');
};

const X87_BINARY: Readonly<Record<string, string>> = { add: 'd8c1', mul: 'd8c9', sub: 'd8e1', div: 'd8f1' };
const X87_UNARY: Readonly<Record<string, string>> = {
  sqrt: 'd9fa',
  roundToInt: 'd9fc',
  // FPREM1; FNSTSW AX; SAHF; JP back to it while C2 is set.
  rem: 'd9f5dfe09e7af9',
};
/** FSTP, FISTP. */
const X87_STORE: Readonly<Partial<Record<Kind, readonly [string, number]>>> = {
  f32: ['d9', 3],
  f64: ['dd', 3],
  i32: ['db', 3],
  i64: ['df', 7],
};
/** FLD, FILD. */
const X87_LOAD: Readonly<Partial<Record<Kind, readonly [string, number]>>> = {
  f32: ['d9', 0],
  f64: ['dd', 0],
  i32: ['db', 0],
  i64: ['df', 5],
};
const SSE_ARITHMETIC: Readonly<Record<string, string>> = { add: '58', mul: '59', sub: '5c', div: '5e', sqrt: '51' };
const COMPARISON = /^(eq|lt|le)(_quiet|_signaling)?$/;

function x87Program(operation: string): Program | undefined {
  const base = { operandKind: 'extF80', resultKind: 'extF80', unit: 'x87' } as const;
  const binary = X87_BINARY[operation];
  if (binary !== undefined) return { ...base, code: binary, operands: ['st', 'st'], result: 'st' };
  const unary = X87_UNARY[operation];
  if (unary !== undefined)
    return { ...base, code: unary, operands: operation === 'rem' ? ['st', 'st'] : ['st'], result: 'st' };
  const comparison = COMPARISON.exec(operation);
  if (comparison) {
    const relation = comparison[1] as keyof typeof RELATIONS;
    const quiet = relation === 'eq' ? comparison[2] !== '_signaling' : comparison[2] === '_quiet';
    return { ...base, code: quiet ? 'dbe9' : 'dbf1', operands: ['st', 'st'], result: relation };
  }
  const kind = operation.replace(/^to_/, '') as Kind;
  const store = X87_STORE[kind];
  if (store === undefined) return undefined;
  return { ...base, code: absolute(...store, RESULT), operands: ['st'], result: 'memory', resultKind: kind };
}

/** The program for a TestFloat function, or undefined if no instruction computes it. */
function programOf(name: string): Program | undefined {
  const parts = /^(extF80|f64|f32|i64|i32)_(.+)$/.exec(name);
  if (!parts) return undefined;
  const [, kind, operation] = parts as unknown as [string, Kind, string];
  if (kind === 'extF80') return x87Program(operation);
  if (operation === 'to_extF80') {
    const code = absolute(...X87_LOAD[kind]!, OPERANDS[0]);
    return { code, operands: ['memory'], operandKind: kind, result: 'st', resultKind: 'extF80', unit: 'x87' };
  }
  const prefix = kind === 'f64' ? 'f2' : 'f3';
  const base = { operandKind: kind, resultKind: kind, unit: 'sse' } as const;
  const arithmetic = SSE_ARITHMETIC[operation];
  if (arithmetic !== undefined) {
    const unary = operation === 'sqrt';
    const code = `${prefix}0f${arithmetic}${unary ? 'c0' : 'c1'}`;
    return { ...base, code, operands: unary ? ['xmm'] : ['xmm', 'xmm'], result: 'xmm' };
  }
  const comparison = COMPARISON.exec(operation);
  if (comparison) {
    const relation = comparison[1] as keyof typeof RELATIONS;
    const quiet = relation === 'eq' ? comparison[2] !== '_signaling' : comparison[2] === '_quiet';
    const code = `${kind === 'f64' ? '66' : ''}0f${quiet ? '2e' : '2f'}c1`;
    return { ...base, code, operands: ['xmm', 'xmm'], result: relation };
  }
  switch (name) {
    case 'f32_to_f64':
    case 'f64_to_f32':
      return {
        ...base,
        code: `${prefix}0f5ac0`,
        operands: ['xmm'],
        result: 'xmm',
        resultKind: kind === 'f32' ? 'f64' : 'f32',
      };
    case 'f32_to_i32':
    case 'f64_to_i32':
      return { ...base, code: `${prefix}0f2dc0`, operands: ['xmm'], result: 'eax', resultKind: 'i32' };
    case 'i32_to_f32':
    case 'i32_to_f64': {
      const code = absolute(`${name === 'i32_to_f32' ? 'f3' : 'f2'}0f2a`, 0, OPERANDS[0]);
      return { ...base, code, operands: ['memory'], result: 'xmm', resultKind: name.slice(-3) as Kind };
    }
    default:
      return undefined;
  }
}

/** Little-endian bytes of a number written with its highest digit first. */
const reversed = (digits: string, size: number): Buffer => bytesOf(digits.padStart(2 * size, '0')).reverse();

export class TestFloatRunner {
  readonly #processor = createProcessor({ ramBytes: RAM_BYTES, videoBytes: 0, romBytes: 0, jit }, silentBus);
  #program: Program | undefined;
  #control = 0x37f;
  #mxcsr = 0x1f80;

  constructor() {
    this.#processor.mapPages(0, RAM_BYTES / PAGE, { read: REGION.GUEST, write: REGION.GUEST });
    this.#processor.setRegisters({
      cr0: 0x31,
      cr4: 0x600,
      cpl: 0,
      cs: { ...FLAT, attributes: 0xc09b },
      ds: { ...FLAT, attributes: 0xc093 },
      es: { ...FLAT, attributes: 0xc093 },
      ss: { ...FLAT, attributes: 0xc093 },
    });
  }

  /** Prepares for a function. */
  select(name: string, rounding: string, precision: string): void {
    this.#program = programOf(name);
    if (!this.#program) return;
    const mode = ROUNDING[rounding]!;
    this.#control = 0x7f | (mode << 10) | (PRECISION[precision]! << 8);
    this.#mxcsr = 0x1f80 | (mode << 13);
    this.#processor.writePhysical(CODE, bytesOf(`${this.#program.code}f4`));
  }

  /** @param words operands, result and flags, as in the file */
  run(words: readonly string[]): string[] {
    const program = this.#program;
    if (!program) return ['no instruction computes this function'];
    const { state, ram } = this.#processor;
    state.set(STATE.X87_CONTROL, this.#control);
    state.set(STATE.X87_STATUS, 0);
    state.set(STATE.X87_TOP, 0);
    state.set(STATE.MXCSR, this.#mxcsr);
    const size = SIZE[program.operandKind];
    let inUse = 0;
    program.operands.forEach((place, n) => {
      const bytes = reversed(words[n]!, size);
      if (place === 'memory') ram.set(bytes, OPERANDS[n]!);
      else if (place === 'xmm') state.u8.set(bytes, STATE.XMM + 16 * n);
      else {
        state.u8.set(bytes, STATE.X87_REGISTERS + 16 * n);
        inUse |= 1 << n;
      }
    });
    state.set(STATE.X87_IN_USE, inUse);
    this.#processor.setRegisters({ eip: CODE, eflags: 2 });
    if (compilesFirst(jit)) approach(this.#processor, CODE, RAM_BYTES / PAGE);
    const reason = this.#processor.run(LIMIT);
    if (reason !== StopReason.Halted || state.eip !== CODE + program.code.length / 2 + 1)
      return [`stopped at ${hexOf(state.eip)}, reason ${reason}`];

    const differences: string[] = [];
    const expected = words[words.length - 2]!;
    const actual = this.#result(program);
    const same =
      program.result in RELATIONS
        ? BigInt(`0x${expected}`) === BigInt(`0x${actual}`)
        : expected.toLowerCase().padStart(actual.length, '0') === actual;
    if (!same) differences.push(`result ${actual}, expected ${expected.toLowerCase()}`);
    const expectedFlags = parseInt(words[words.length - 1]!, 16);
    const wanted = FLAGS.reduce((sum, bit, n) => sum | (expectedFlags & (1 << n) ? bit : 0), 0);
    const flags = state.get(program.unit === 'x87' ? STATE.X87_STATUS : STATE.MXCSR) & COMPARED_FLAGS;
    if (flags !== wanted) differences.push(`flags ${hexOf(flags)}, expected ${hexOf(wanted)}`);
    return differences;
  }

  #result(program: Program): string {
    const { state, ram } = this.#processor;
    const { result } = program;
    const size = SIZE[program.resultKind];
    const text = (bytes: Uint8Array, at: number): string =>
      Buffer.from(bytes.subarray(at, at + size))
        .reverse()
        .toString('hex');
    if (result === 'memory') return text(ram, RESULT);
    if (result === 'eax') return text(state.u8, STATE.GPR);
    if (result === 'xmm') return text(state.u8, STATE.XMM);
    if (result === 'st') return text(state.u8, STATE.X87_REGISTERS + 16 * state.get(STATE.X87_TOP));
    return RELATIONS[result](state.eflags) ? '1' : '0';
  }
}

interface Heading {
  readonly form: string;
  readonly name: string;
  readonly rounding: string;
  readonly precision: string;
}

export function testFloatSuite(lines: readonly string[]): Suite {
  const headings: Heading[] = [];
  const cases: { heading: number; line: string }[] = [];
  for (const line of lines) {
    if (line.startsWith('=')) {
      const [, name, rounding, precision] = line.split(' ') as [string, string, string, string];
      headings.push({ form: name, name, rounding, precision });
    } else if (line) cases.push({ heading: headings.length - 1, line });
  }
  const runner = new TestFloatRunner();
  let selected = -1;
  return {
    source: 'Berkeley TestFloat 3e',
    group: 'testfloat',
    length: cases.length,
    form: (n) => headings[cases[n]!.heading]!.form,
    run(n): Outcome {
      const { heading, line } = cases[n]!;
      const { form, name, rounding, precision } = headings[heading]!;
      const description = `${name} ${rounding} ${precision}: ${line}`;
      if (selected !== heading) {
        runner.select(name, rounding, precision);
        selected = heading;
      }
      return { form, description, differences: runner.run(line.split(' ')) };
    },
  };
}
