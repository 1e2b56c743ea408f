/** What a program could tell from a real i686 that we know of. One sentence or two each. */
export const DEVIATIONS: readonly string[] = [
  'Undefined flags and results (AF after shifts, SF after MUL, ZF after DIV …) are those of the processor that the hardware vectors were ' +
    'captured on, wherever a rule gives them; OF after SHLD of a 16-bit operand by 16 is not. No manual promises them.',
  'RCPPS, RCPSS, RSQRTPS and RSQRTSS are correctly rounded: within the bound of the architecture (relative error 1.5 · 2⁻¹²), but not the ' +
    "table values of any part, which differ between vendors' parts, too.",
  'x87 transcendental instructions are correctly rounded but for rare cases; 43 of the 2,400 captured results differ in the last place, the others ' +
    'are bit-equal.',
  'One instruction takes one unit of virtual time. There are no caches, pipelines or prefetch queue: INVD, WBINVD, CLFLUSH and PREFETCH ' +
    'change nothing that can be seen, and modified code takes effect with the next instruction, as it does on P6 parts.',
  'External interrupts are taken at taken branches, at the ends of decoded blocks (64 instructions at most) and after instructions that ' +
    'change the interrupt flag, not between any two instructions.',
  'Of the model-specific registers the time-stamp counter and the SYSENTER registers work; microcode and performance-counter registers of the ' +
    'P6 family read 0; all others raise #GP(0). MTRR, PAT, APIC, machine check, PSE-36 and execute-disable are absent, and absent in CPUID.',
  'There is no system-management mode: RSM raises #UD.',
  'Accesses that wrap past 4 GiB in a flat segment are carried out; the SDM leaves it open whether they raise #GP or #SS, and the captured part ' +
    'does. With 16-bit addresses an operand of several parts that crosses offset FFFFh (far pointers, FLDENV) raises #GP or #SS, ' +
    'where that part wraps each access by itself.',
  'Bits 16 to 31 of MXCSR cannot be set, as on all Intel parts; AMD parts since family 10h have bit 17 (misaligned exception mask).',
  'A misaligned 16-byte operand that lies beyond the limit of SS raises #SS, on the captured part #GP.',
  'A REP or REPNE prefix of LOOPE and LOOPNE is ignored; on the captured part it replaces the condition.',
  'A memory operand of several parts (PUSHA, FSAVE, FXSAVE, far pointers) is checked in full before the first part is written; some real parts ' +
    'write some of it before a page fault.',
  'MASKMOVQ whose store faults leaves the x87 state as it was; on the captured part the processor has entered MMX state by then.',
  'FBLD and FBSTP record the last x87 opcode (FOP) without the bits of the address form.',
  'A repeated string instruction that crosses a page and overwrites its own bytes goes on in its old form until its next pause.',
  'A task switch to a 16-bit TSS keeps the upper halves of the general registers, which the SDM leaves undefined.',
  'A read-modify-write access to a missing page reports a write; an access that is both misaligned (with alignment checks on) and to a missing page ' +
    'raises #AC.',
  'BSWAP of a 16-bit register gives 0, one of the results that real parts give.',
];
