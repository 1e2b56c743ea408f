/** A decoder for those instructions that are helpers: what test vectors need before any interpreter exists. */
import type { DecodedOperands } from '../../../cpu/helpers.ts';
import { readAddress, writeAddress } from '../../../cpu/segmentation/access.ts';
import type { FakeCore } from './fake-core.ts';

interface Form {
  readonly helper: string;
  /** ModRM, immediate bytes: b 8 bits, w 16, i 8 signed, p far pointer, e ENTER. */
  readonly operands: '' | 'm' | 'b' | 'w' | 'p' | 'e';
  /** Bytes of the memory operand in units: number, or 'v' operand size, 'p' far pointer, 'a' two operands. */
  readonly memory?: number | 'v' | 'p' | 'a';
  readonly writes?: boolean;
  readonly byte?: boolean;
  readonly segment?: number;
}

const f = (helper: string, operands: Form['operands'] = '', more: Partial<Form> = {}): Form => ({
  helper,
  operands,
  ...more,
});

const ONE: Record<number, Form | Record<number, Form>> = {
  0x06: f('push_sreg', '', { segment: 0 }),
  0x0e: f('push_sreg', '', { segment: 1 }),
  0x16: f('push_sreg', '', { segment: 2 }),
  0x1e: f('push_sreg', '', { segment: 3 }),
  0x07: f('pop_sreg', '', { segment: 0 }),
  0x17: f('pop_sreg', '', { segment: 2 }),
  0x1f: f('pop_sreg', '', { segment: 3 }),
  0x27: f('daa'), 0x2f: f('das'), 0x37: f('aaa'), 0x3f: f('aas'),
  0x60: f('pusha'), 0x61: f('popa'),
  0x62: f('bound', 'm', { memory: 'a' }),
  0x63: f('arpl', 'm', { memory: 2, writes: true }),
  0x6c: f('ins', '', { byte: true }), 0x6d: f('ins'), 0x6e: f('outs', '', { byte: true }), 0x6f: f('outs'),
  0x8c: f('mov_rm_sreg', 'm', { memory: 2, writes: true }), 0x8e: f('mov_sreg_rm', 'm', { memory: 2 }),
  0x9a: f('far_call_ptr', 'p'), 0x9c: f('pushf'), 0x9d: f('popf'),
  0xc4: f('les', 'm', { memory: 'p' }), 0xc5: f('lds', 'm', { memory: 'p' }),
  0xc8: f('enter', 'e'), 0xca: f('far_ret_imm', 'w'), 0xcb: f('far_ret'),
  0xcc: f('int3'), 0xcd: f('int_imm', 'b'), 0xce: f('into'), 0xcf: f('iret'),
  0xd4: f('aam', 'b'), 0xd5: f('aad', 'b'), 0xd6: f('salc'), 0xd7: f('xlat'),
  0xe4: f('in_imm', 'b', { byte: true }), 0xe5: f('in_imm', 'b'), 0xe6: f('out_imm', 'b', { byte: true }), 0xe7: f('out_imm', 'b'),
  0xec: f('in_dx', '', { byte: true }), 0xed: f('in_dx'), 0xee: f('out_dx', '', { byte: true }), 0xef: f('out_dx'),
  0xea: f('far_jmp_ptr', 'p'), 0xf1: f('int1'), 0xf4: f('hlt'), 0xfa: f('cli'), 0xfb: f('sti'),
  0xff: { 3: f('far_call_mem', 'm', { memory: 'p' }), 5: f('far_jmp_mem', 'm', { memory: 'p' }) },
}; // prettier-ignore

const TWO: Record<number, Form | Record<number, Form>> = {
  0x00: {
    0: f('sldt', 'm', { memory: 2, writes: true }), 1: f('str', 'm', { memory: 2, writes: true }), 2: f('lldt', 'm', { memory: 2 }),
    3: f('ltr', 'm', { memory: 2 }), 4: f('verr', 'm', { memory: 2 }), 5: f('verw', 'm', { memory: 2 }),
  },
  0x01: {
    0: f('sgdt', 'm', { memory: 6, writes: true }), 1: f('sidt', 'm', { memory: 6, writes: true }), 2: f('lgdt', 'm', { memory: 6 }),
    3: f('lidt', 'm', { memory: 6 }), 4: f('smsw', 'm', { memory: 2, writes: true }), 6: f('lmsw', 'm', { memory: 2 }),
    7: f('invlpg', 'm', { memory: 0 }),
  },
  0x02: f('lar', 'm', { memory: 2 }), 0x03: f('lsl', 'm', { memory: 2 }), 0x06: f('clts'), 0x08: f('invd'), 0x09: f('wbinvd'),
  0x0b: f('ud2'), 0x20: f('mov_from_cr', 'm'), 0x21: f('mov_from_dr', 'm'), 0x22: f('mov_to_cr', 'm'), 0x23: f('mov_to_dr', 'm'),
  0x30: f('wrmsr'), 0x32: f('rdmsr'), 0x33: f('rdpmc'), 0x35: f('sysexit'),
  0xa0: f('push_sreg', '', { segment: 4 }), 0xa8: f('push_sreg', '', { segment: 5 }),
  0xa1: f('pop_sreg', '', { segment: 4 }), 0xa9: f('pop_sreg', '', { segment: 5 }),
  0xb2: f('lss', 'm', { memory: 'p' }), 0xb4: f('lfs', 'm', { memory: 'p' }), 0xb5: f('lgs', 'm', { memory: 'p' }),
  0xc7: { 1: f('cmpxchg8b', 'm', { memory: 8, writes: true }) },
}; // prettier-ignore

const SEGMENT_PREFIX: Record<number, number> = { 0x26: 0, 0x2e: 1, 0x36: 2, 0x3e: 3, 0x64: 4, 0x65: 5 };

export interface Decoded {
  readonly helper: string;
  readonly length: number;
  readonly locked: boolean;
  /** Computes the memory operand, which may fault, and answers the operands. */
  operands(): DecodedOperands;
}

/** Decodes one instruction, or answers undefined if it is no helper's. */
export function decodeHelper(core: FakeCore, code: Uint8Array): Decoded | undefined {
  const { state } = core;
  const wide = (state.segmentAttributes(1) & 0x4000) !== 0;
  let operandSize: 2 | 4 = wide ? 4 : 2;
  let addressSize: 2 | 4 = wide ? 4 : 2;
  let override: number | undefined;
  let rep: 0 | 0xf3 | 0xf2 = 0;
  let locked = false;
  let at = 0;
  for (; ; at++) {
    const byte = code[at]!;
    if (byte === 0x66) operandSize = wide ? 2 : 4;
    else if (byte === 0x67) addressSize = wide ? 2 : 4;
    else if (byte in SEGMENT_PREFIX) override = SEGMENT_PREFIX[byte];
    else if (byte === 0xf2 || byte === 0xf3) rep = byte;
    else if (byte === 0xf0) locked = true;
    else break;
  }
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const opcode = code[at++]!;
  const two = opcode === 0x0f;
  const entry = two ? TWO[code[at++]!] : ONE[opcode];
  if (entry === undefined) return undefined;
  let form: Form;
  if (typeof (entry as Form).helper === 'string') form = entry as Form;
  else {
    const group = (entry as Record<number, Form>)[(code[at]! >> 3) & 7];
    if (group === undefined) return undefined;
    form = group;
  }
  let isMemory = false;
  let reg = form.segment ?? 0;
  let rm = 0;
  let offset = 0;
  let segment = override ?? 3;
  if (form.operands === 'm') {
    const modrm = code[at++]!;
    const mod = modrm >> 6;
    reg = (modrm >> 3) & 7;
    rm = modrm & 7;
    isMemory = mod !== 3 && form.memory !== undefined;
    if (mod !== 3) {
      let base = 3;
      if (addressSize === 4) {
        let known = rm;
        if (rm === 4) {
          const sib = code[at++]!;
          known = sib & 7;
          const index = (sib >> 3) & 7;
          if (index !== 4) offset += state.reg32(index) * (1 << (sib >> 6));
        }
        if (known === 5 && mod === 0) {
          offset += view.getInt32(at, true);
          at += 4;
        } else {
          offset += state.reg32(known);
          if (known === 4 || known === 5) base = 2;
        }
        if (mod === 1) offset += view.getInt8(at++);
        if (mod === 2) {
          offset += view.getInt32(at, true);
          at += 4;
        }
        offset >>>= 0;
      } else {
        const pairs = [[3, 6], [3, 7], [5, 6], [5, 7], [6], [7], [5], [3]]; // prettier-ignore
        if (mod === 0 && rm === 6) {
          offset = view.getUint16(at, true);
          at += 2;
        } else {
          for (const register of pairs[rm]!) offset += state.reg16(register);
          if (rm === 2 || rm === 3 || rm === 6) base = 2;
        }
        if (mod === 1) offset += view.getInt8(at++);
        if (mod === 2) {
          offset += view.getUint16(at, true);
          at += 2;
        }
        offset &= 0xffff;
      }
      segment = override ?? base;
    }
  }
  // MOV to CS and to segment registers that do not exist is undefined whatever its memory operand is.
  if (form.helper === 'mov_sreg_rm' && (reg === 1 || reg > 5)) form = f('ud2', 'm');
  let imm = 0;
  let disp = 0;
  switch (form.operands) {
    case 'b':
      imm = code[at++]!;
      break;
    case 'w':
      imm = view.getUint16(at, true);
      at += 2;
      break;
    case 'e':
      imm = view.getUint16(at, true);
      disp = code[at + 2]!;
      at += 3;
      break;
    case 'p':
      disp = operandSize === 4 ? view.getInt32(at, true) : view.getUint16(at, true);
      imm = view.getUint16(at + operandSize, true);
      at += operandSize + 2;
      break;
  }
  const length = at;
  return {
    helper: form.helper,
    length,
    locked,
    operands: () => {
      const units = { v: operandSize, p: operandSize + 2, a: operandSize * 2 };
      const bytes = typeof form.memory === 'string' ? units[form.memory] : (form.memory ?? 0);
      let address = 0;
      if (isMemory && bytes > 0) address = (form.writes ? writeAddress : readAddress)(core, segment, offset, bytes);
      const width = form.byte ? 1 : operandSize;
      return { operandSize, width, addressSize, isMemory, address, segment, reg, rm, imm, disp, rep };
    },
  };
}
