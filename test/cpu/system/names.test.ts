import { describe, expect, it } from 'vitest';
import { systemHelpers } from '../../../cpu/system/index.ts';

const NAMES =
  'far_call_ptr far_jmp_ptr far_call_mem far_jmp_mem far_ret far_ret_imm iret int3 int1 int_imm into mov_sreg_rm mov_rm_sreg ' +
  'push_sreg pop_sreg lds les lss lfs lgs lgdt lidt sgdt sidt lldt sldt ltr str lmsw smsw clts invlpg invd wbinvd mov_from_cr ' +
  'mov_to_cr mov_from_dr mov_to_dr lar lsl verr verw arpl rdmsr wrmsr rdtsc rdpmc cpuid sysenter sysexit hlt cli sti pushf ' +
  'popf in_imm out_imm in_dx out_dx ins outs enter bound ud2 cmpxchg8b daa das aaa aas aam aad xlat salc pusha popa';

describe('system helpers', () => {
  it('has a helper for every name the opcode table may use', () => {
    expect(Object.keys(systemHelpers).sort()).toEqual(NAMES.split(' ').sort());
  });
});
