/**
 * Cases of one instruction under the compiler. It samples at branches, and what has been sampled is compiled: a short jump to the
 * case makes compiled code of it before it is executed for the first time. Pages are touched first, since memory that the
 * translation tables do not know yet would be left to the interpreter.
 */
import type { X86Processor } from '../../cpu/index.ts';
import type { JitConfiguration } from '../lock-step/configurations.ts';

const JMP_NEXT = Uint8Array.of(0xeb, 0);
const PAGE = 4096;
const TF_RF = 0x10100;

/** Whether everything is compiled at its first execution. */
export const compilesFirst = (jit: JitConfiguration): boolean =>
  typeof jit === 'object' && jit.threshold === 1 && jit.interval === 1 && jit.patience === 1;

/**
 * Jumps to the instruction at CS:EIP. Memory, registers and flags are as before.
 * @param code linear address of the instruction; linear addresses are physical ones
 * @param pages number of pages from address 0 on to be touched
 * @returns true if compiled code of it is there now
 */
export function approach(processor: X86Processor, code: number, pages: number): boolean {
  const { state, memory, ram } = processor;
  const { eip } = state;
  if (eip < JMP_NEXT.length || code < JMP_NEXT.length || state.eflags & TF_RF) return false;
  const before = processor.jitStatistics!.regions;
  const kept = ram.slice(code - JMP_NEXT.length, code);
  processor.writePhysical(code - JMP_NEXT.length, JMP_NEXT);
  state.eip = eip - JMP_NEXT.length;
  processor.run(1);
  if (state.eip !== eip) throw new Error('a jump to the case led elsewhere');
  processor.writePhysical(code - JMP_NEXT.length, kept);
  for (let page = 0; page < pages; page++) {
    const at = page * PAGE;
    const byte = memory.read8(at);
    // Writing to the compiled bytes would take the code back.
    if (at < code - PAGE || at > code + PAGE) memory.write8(at, byte);
  }
  return processor.jitStatistics!.regions > before;
}
