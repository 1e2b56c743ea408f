/** MOV, PUSH and POP of segment registers, LDS LES LSS LFS LGS (Intel SDM volume 2). */
import type { Core, Helper, HelperResult } from '../helpers.ts';
import { SEGMENT } from '../layout.ts';
import { readWidth } from '../segmentation/access.ts';
import { loadSegment } from '../segmentation/segment.ts';
import { Stack } from '../segmentation/stack.ts';
import { CpuFault, VECTOR } from '../state.ts';
import { resume, writeGpr } from './resume.ts';

/** After a load of SS the next instruction, which sets ESP, runs before interrupts. */
function finishLoad(core: Core, n: number): HelperResult {
  if (n !== SEGMENT.SS) return undefined;
  core.shadowInterrupts(true);
  return resume(core);
}

const loadFar =
  (n: number): Helper =>
  (core, op) => {
    if (!op.isMemory) throw new CpuFault(VECTOR.UD, undefined);
    const offset = readWidth(core, op.address, op.operandSize);
    const selector = core.memory.read16((op.address + op.operandSize) >>> 0);
    loadSegment(core, n, selector);
    writeGpr(core, op.reg, op.operandSize, offset);
    // Unlike MOV and POP, LSS does not hold interrupts back: it sets ESP itself.
  };

export const segmentMoveHelpers: Record<string, Helper> = {
  mov_sreg_rm: (core, op) => {
    if (op.reg === SEGMENT.CS || op.reg > SEGMENT.GS) throw new CpuFault(VECTOR.UD, undefined);
    loadSegment(core, op.reg, op.isMemory ? core.memory.read16(op.address) : core.state.reg16(op.rm));
    return finishLoad(core, op.reg);
  },
  mov_rm_sreg: (core, op) => {
    if (op.reg > SEGMENT.GS) throw new CpuFault(VECTOR.UD, undefined);
    const selector = core.state.selector(op.reg);
    if (op.isMemory) core.memory.write16(op.address, selector);
    else writeGpr(core, op.rm, op.operandSize, selector);
  },
  push_sreg: (core, op) => {
    const stack = Stack.current(core);
    stack.push(op.operandSize, core.state.selector(op.reg));
    stack.commit();
  },
  pop_sreg: (core, op) => {
    const stack = Stack.current(core);
    const selector = stack.pop(op.operandSize) & 0xffff;
    loadSegment(core, op.reg, selector);
    // The pointer moves as the old SS said.
    stack.commit();
    return finishLoad(core, op.reg);
  },
  lds: loadFar(SEGMENT.DS),
  les: loadFar(SEGMENT.ES),
  lss: loadFar(SEGMENT.SS),
  lfs: loadFar(SEGMENT.FS),
  lgs: loadFar(SEGMENT.GS),
};
