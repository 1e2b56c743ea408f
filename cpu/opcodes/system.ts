/** Instructions carried out by TypeScript helpers: privileged, segmented, far, decimal and string instructions. */
import type { Emit } from '../semantics/arithmetic.ts';
import { SEGMENT } from '../layout.ts';
import * as segments from '../semantics/segments.ts';
import * as strings from '../semantics/strings.ts';
import * as flags from '../semantics/system-flags.ts';
import type { InstructionDefinition } from './definition.ts';

function line(
  encoding: string,
  mnemonic: string,
  operands: string,
  helper: string,
  more: Partial<InstructionDefinition> = {},
): InstructionDefinition {
  return { encoding, mnemonic, operands, helper, ...more };
}

/** ES CS SS DS FS GS: one-byte opcodes name the segment by bits 3-4, which the decoder cannot see as a register field. */
const SEGMENT_STACK: readonly [string, string, number][] = [
  ['06', 'push', 0],
  ['0e', 'push', 1],
  ['16', 'push', 2],
  ['1e', 'push', 3],
  ['0f a0', 'push', 4],
  ['0f a8', 'push', 5],
  ['07', 'pop', 0],
  ['17', 'pop', 2],
  ['1f', 'pop', 3],
  ['0f a1', 'pop', 4],
  ['0f a9', 'pop', 5],
];

const STRING_OPCODES: readonly [number, string, Emit?][] = [
  [0xa4, 'movs', strings.movs],
  [0xa6, 'cmps', strings.cmps],
  [0xaa, 'stos', strings.stos],
  [0xac, 'lods', strings.lods],
  [0xae, 'scas', strings.scas],
  [0x6c, 'ins'],
  [0x6e, 'outs'],
];
const also = (emit: Emit | undefined): Partial<InstructionDefinition> => (emit ? { emit } : {});

export const systemDefinitions: readonly InstructionDefinition[] = [
  ...SEGMENT_STACK.map(([encoding, name, n]) => {
    const emit = name === 'push' ? segments.pushSegment(n) : n === SEGMENT.SS ? undefined : segments.popSegment(n);
    return line(encoding, name, `S${n}`, `${name}_sreg`, { ...also(emit), callsFunctions: name === 'pop' });
  }),
  ...STRING_OPCODES.flatMap(([opcode, name, emit]) => [
    line(opcode.toString(16), name, 'Xb', name, also(emit)),
    line((opcode + 1).toString(16), name, 'Xv', name, also(emit)),
  ]),
  line('27', 'daa', '', 'daa'),
  line('2f', 'das', '', 'das'),
  line('37', 'aaa', '', 'aaa'),
  line('3f', 'aas', '', 'aas'),
  line('60', 'pusha', '', 'pusha'),
  line('61', 'popa', '', 'popa'),
  line('62 /r', 'bound', 'Gv,Ma', 'bound'),
  // Writes only when it changes the selector, and needs a writable segment only then.
  line('63 /r', 'arpl', 'Ew,Gw', 'arpl'),
  // Register numbers that name no segment (and CS as destination) are undefined before any operand is looked at.
  ...[0, 1, 2, 3, 4, 5].map((n) => line(`8c /${n}`, 'mov', 'Ew,Sw', 'mov_rm_sreg', { writesMemory: true })),
  line('8e /2', 'mov', 'Sw,Ew', 'mov_sreg_rm'),
  ...[0, 3, 4, 5].map((n) =>
    line(`8e /${n}`, 'mov', 'Sw,Ew', 'mov_sreg_rm', { emit: segments.moveToSegment(n), callsFunctions: true }),
  ),
  line('9a', 'call', 'Ap', 'far_call_ptr'),
  line('9c', 'pushf', '', 'pushf', also(flags.pushf)),
  line('9d', 'popf', '', 'popf', also(flags.popf)),
  line('c4 /r', 'les', 'Gv,Mp', 'les'),
  line('c5 /r', 'lds', 'Gv,Mp', 'lds'),
  line('c8', 'enter', 'Iw,Il', 'enter'),
  line('ca', 'retf', 'Iw', 'far_ret_imm'),
  line('cb', 'retf', '', 'far_ret'),
  line('cc', 'int3', '', 'int3'),
  line('cd', 'int', 'Ib', 'int_imm'),
  line('ce', 'into', '', 'into'),
  line('cf', 'iret', '', 'iret'),
  line('d4', 'aam', 'Ib', 'aam'),
  line('d5', 'aad', 'Ib', 'aad'),
  line('d6', 'salc', '', 'salc'),
  line('d7', 'xlat', 'Xb', 'xlat'),
  line('e4', 'in', 'AL,Ib', 'in_imm'),
  line('e5', 'in', 'rAX,Ib', 'in_imm'),
  line('e6', 'out', 'AL,Ib', 'out_imm'),
  line('e7', 'out', 'rAX,Ib', 'out_imm'),
  line('ec', 'in', 'AL', 'in_dx'),
  line('ed', 'in', 'rAX', 'in_dx'),
  line('ee', 'out', 'AL', 'out_dx'),
  line('ef', 'out', 'rAX', 'out_dx'),
  line('ea', 'jmp', 'Ap', 'far_jmp_ptr'),
  line('f1', 'int1', '', 'int1'),
  line('f4', 'hlt', '', 'hlt'),
  line('fa', 'cli', '', 'cli', also(flags.cli)),
  line('fb', 'sti', '', 'sti', also(flags.sti)),
  line('ff /3', 'call', 'Mp', 'far_call_mem'),
  line('ff /5', 'jmp', 'Mp', 'far_jmp_mem'),
  line('0f 00 /0', 'sldt', 'Ew', 'sldt', { writesMemory: true }),
  line('0f 00 /1', 'str', 'Ew', 'str', { writesMemory: true }),
  line('0f 00 /2', 'lldt', 'Ew', 'lldt'),
  line('0f 00 /3', 'ltr', 'Ew', 'ltr'),
  line('0f 00 /4', 'verr', 'Ew', 'verr'),
  line('0f 00 /5', 'verw', 'Ew', 'verw'),
  line('0f 01 /0', 'sgdt', 'M6', 'sgdt', { writesMemory: true }),
  line('0f 01 /1', 'sidt', 'M6', 'sidt', { writesMemory: true }),
  line('0f 01 /2', 'lgdt', 'M6', 'lgdt'),
  line('0f 01 /3', 'lidt', 'M6', 'lidt'),
  line('0f 01 /4', 'smsw', 'Ew', 'smsw', { writesMemory: true }),
  line('0f 01 /6', 'lmsw', 'Ew', 'lmsw'),
  line('0f 01 /7', 'invlpg', 'M0', 'invlpg'),
  line('0f 02 /r', 'lar', 'Gv,Ew', 'lar'),
  line('0f 03 /r', 'lsl', 'Gv,Ew', 'lsl'),
  line('0f 06', 'clts', '', 'clts'),
  line('0f 08', 'invd', '', 'invd'),
  line('0f 09', 'wbinvd', '', 'wbinvd'),
  line('0f 0b', 'ud2', '', 'ud2'),
  line('0f 20 /r', 'mov', 'Rd,Cd', 'mov_from_cr'),
  line('0f 21 /r', 'mov', 'Rd,Dd', 'mov_from_dr'),
  line('0f 22 /r', 'mov', 'Cd,Rd', 'mov_to_cr'),
  line('0f 23 /r', 'mov', 'Dd,Rd', 'mov_to_dr'),
  line('0f 30', 'wrmsr', '', 'wrmsr'),
  line('0f 31', 'rdtsc', '', 'rdtsc', { feature: 'tsc' }),
  line('0f 32', 'rdmsr', '', 'rdmsr'),
  line('0f 33', 'rdpmc', '', 'rdpmc'),
  line('0f 34', 'sysenter', '', 'sysenter', { feature: 'sep' }),
  line('0f 35', 'sysexit', '', 'sysexit', { feature: 'sep' }),
  line('0f a2', 'cpuid', '', 'cpuid'),
  line('0f b2 /r', 'lss', 'Gv,Mp', 'lss'),
  line('0f b4 /r', 'lfs', 'Gv,Mp', 'lfs'),
  line('0f b5 /r', 'lgs', 'Gv,Mp', 'lgs'),
  line('0f c7 /1', 'cmpxchg8b', 'M8', 'cmpxchg8b', { writesMemory: true, lockable: true, feature: 'cx8' }),
];
