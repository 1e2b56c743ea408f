/**
 * The instruction forms that programs are made of, read from the processor's own table of encodings (so that every form is covered),
 * and what to leave out or to mask: flags the Intel SDM leaves undefined, and what QEMU is known to do otherwise.
 */
import { integerDefinitions } from '../../cpu/opcodes/integer.ts';
import { mmxDefinitions } from '../../cpu/opcodes/mmx.ts';
import { sseDefinitions } from '../../cpu/opcodes/sse.ts';
import { systemDefinitions } from '../../cpu/opcodes/system.ts';
import { x87Definitions } from '../../cpu/opcodes/x87.ts';
import type { InstructionDefinition } from '../../cpu/opcodes/definition.ts';

export const GROUPS = ['integer', 'x87', 'mmx', 'sse'] as const;
export type Group = (typeof GROUPS)[number];

export interface Form {
  readonly group: Group;
  readonly mnemonic: string;
  readonly operands: readonly string[];
  /** Mandatory prefix. */
  readonly prefix: number | undefined;
  readonly opcode: readonly number[];
  /** The last opcode byte has a register in its low bits. */
  readonly plus: boolean;
  /** ModRM.reg: 'r' for a register, a digit, or no ModRM. */
  readonly modrm: 'r' | number | undefined;
  /** What ModRM.rm may be. */
  readonly rm: 'any' | 'memory' | 'register';
  readonly writesMemory: boolean;
  readonly lockable: boolean;
}

const FLAG = { CF: 1, PF: 4, AF: 0x10, ZF: 0x40, SF: 0x80, OF: 0x800 } as const;
export const STATUS_FLAGS = 0x8d5;

/**
 * Status flags that an instruction leaves undefined: Intel SDM volume 2, "Flags Affected" of each instruction (summarized in volume 1,
 * appendix A, EFLAGS cross-reference). Where a count decides, the worst case.
 */
export const UNDEFINED_FLAGS: Readonly<Record<string, number>> = {
  and: FLAG.AF,
  or: FLAG.AF,
  xor: FLAG.AF,
  test: FLAG.AF,
  shl: FLAG.AF | FLAG.OF | FLAG.CF,
  shr: FLAG.AF | FLAG.OF | FLAG.CF,
  sar: FLAG.AF | FLAG.OF,
  rol: FLAG.OF,
  ror: FLAG.OF,
  rcl: FLAG.OF,
  rcr: FLAG.OF,
  shld: STATUS_FLAGS,
  shrd: STATUS_FLAGS,
  mul: FLAG.SF | FLAG.ZF | FLAG.AF | FLAG.PF,
  imul: FLAG.SF | FLAG.ZF | FLAG.AF | FLAG.PF,
  div: STATUS_FLAGS,
  idiv: STATUS_FLAGS,
  bsf: STATUS_FLAGS & ~FLAG.ZF,
  bsr: STATUS_FLAGS & ~FLAG.ZF,
  bt: FLAG.OF | FLAG.SF | FLAG.AF | FLAG.PF,
  bts: FLAG.OF | FLAG.SF | FLAG.AF | FLAG.PF,
  btr: FLAG.OF | FLAG.SF | FLAG.AF | FLAG.PF,
  btc: FLAG.OF | FLAG.SF | FLAG.AF | FLAG.PF,
  aaa: FLAG.OF | FLAG.SF | FLAG.ZF | FLAG.PF,
  aas: FLAG.OF | FLAG.SF | FLAG.ZF | FLAG.PF,
  aam: FLAG.OF | FLAG.AF | FLAG.CF,
  aad: FLAG.OF | FLAG.AF | FLAG.CF,
  // QEMU leaves OF, SF and AF alone, where they become 0.
  fcomi: FLAG.OF | FLAG.SF | FLAG.AF,
  fcomip: FLAG.OF | FLAG.SF | FLAG.AF,
  fucomi: FLAG.OF | FLAG.SF | FLAG.AF,
  fucomip: FLAG.OF | FLAG.SF | FLAG.AF,
  daa: FLAG.OF,
  das: FLAG.OF,
};

/** Forms that no program contains, with the reason. */
export const LEFT_OUT: readonly (readonly [RegExp, string])[] = [
  [/^(rdtsc|rdpmc|cpuid)$/, 'its result is not the same on two processors'],
  [/^(rcp|rsqrt)[ps]s$/, 'an approximation: the SDM gives only a bound for its error'],
  [/^(f2xm1|fyl2x|fyl2xp1|fptan|fpatan|fsincos|fsin|fcos)$/, 'the SDM gives only a bound for its error'],
  [/^(fnstenv|fnsave|fxsave|fldenv|frstor|fxrstor)$/, 'QEMU keeps no FPU instruction and data pointers'],
  [/^(fninit|ffree|ffreep|fincstp|fdecstp)$/, 'QEMU has no x87 stack faults: programs keep the stack in order'],
  [/^(les|lds|lss|lfs|lgs|pop_sreg|mov_sreg_rm)$/, 'QEMU lets null selectors be used: loaded by hand with others'],
  [
    /^(call|jmp|ret|retf|iret|loop|loope|loopne|jcxz|j(n?[bosplz]|n?[bl]e)|int)$/,
    'made by hand, with targets that exist',
  ],
  [/^(fnstsw|fnstcw|fldcw|ldmxcsr|stmxcsr)$/, 'made by hand, with masks and useful values'],
  [/^(sysenter|sysexit)$/, 'depends on MSRs'],
  [/^prefetchw?$/, 'QEMU has #UD for its register form'],
  [/^enter$/, 'what a fault leaves below the stack pointer differs: made by hand, with a valid frame pointer'],
  [/^popf$/, 'QEMU lets ring 3 change VIF and VIP: made by hand'],
  [/^cmps$/, 'QEMU reads the second operand first: made by hand, so that only one may fault'],
  [/^cmpxchg8b$/, 'QEMU 7.2 takes the other flags from a stale state'],
  [/^int1$/, 'QEMU 7.2 does not know the opcode F1'],
  [/^fisttp$|^(addsub|hadd|hsub)p[sd]$|^(lddqu|movddup|movs[lh]dup)$/, 'SSE3: the processors compared have SSE2'],
  [/^(movntq|maskmovq|maskmovdqu)$/, 'addresses memory through EDI: made by hand'],
];

function parse(definition: InstructionDefinition, group: Group): Form {
  const tokens = definition.encoding.split(' ');
  let prefix: number | undefined;
  let modrm: 'r' | number | undefined;
  let plus = false;
  const opcode: number[] = [];
  if (tokens[0] === 'np') tokens.shift();
  else if (tokens[1] === '0f' && ['66', 'f2', 'f3'].includes(tokens[0]!)) prefix = parseInt(tokens.shift()!, 16);
  for (const token of tokens) {
    if (token === '/r') modrm = 'r';
    else if (token.startsWith('/')) modrm = Number(token[1]);
    else {
      if (token.includes('+')) plus = true;
      opcode.push(parseInt(token, 16));
    }
  }
  const operands = definition.operands === '' ? [] : definition.operands.split(',');
  const has = (letters: string): boolean => operands.some((operand) => letters.includes(operand[0]!));
  return {
    group,
    mnemonic: definition.mnemonic,
    operands,
    prefix,
    opcode,
    plus,
    modrm,
    rm: has('M') ? 'memory' : has('RUN') ? 'register' : 'any',
    // ARPL checks the segment itself, when it writes.
    writesMemory: (definition.writesMemory ?? false) || definition.mnemonic === 'arpl',
    lockable: definition.lockable ?? false,
  };
}

/** Encodings that QEMU 7.2 does not know: the second ones of TEST. */
const UNKNOWN_ENCODINGS = new Set(['f6 /1', 'f7 /1']);

const kept = (definition: InstructionDefinition): boolean =>
  !UNKNOWN_ENCODINGS.has(definition.encoding) &&
  definition.feature !== 'ssse3' &&
  definition.feature !== 'sse3' &&
  !LEFT_OUT.some(([names]) => names.test(definition.mnemonic) || names.test(definition.helper ?? ''));

const read = (group: Group, definitions: readonly InstructionDefinition[]): Form[] =>
  definitions.filter(kept).map((definition) => parse(definition, group));

export const FORMS: Readonly<Record<Group, readonly Form[]>> = {
  integer: read('integer', [...integerDefinitions, ...systemDefinitions]),
  x87: read('x87', x87Definitions),
  mmx: read('mmx', mmxDefinitions),
  sse: read('sse', sseDefinitions),
};
