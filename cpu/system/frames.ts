/** ENTER, PUSHA, POPA, XLAT, CMPXCHG8B (Intel SDM volume 2): long instructions without privilege. */
import type { Helper } from '../helpers.ts';
import { GPR } from '../layout.ts';
import { segmentedRead } from '../segmentation/access.ts';
import { Stack } from '../segmentation/stack.ts';
import { CpuFault, EFLAGS, VECTOR } from '../state.ts';
import { readGpr, writeGpr } from './resume.ts';

/** ENTER imm16, imm8: `op.imm` bytes of locals, nesting level `op.disp`. */
const enter: Helper = (core, op) => {
  const { state } = core;
  const size = op.operandSize;
  const level = op.disp & 31;
  const stack = Stack.current(core);
  const frameBase = state.reg32(GPR.EBP);
  stack.push(size, frameBase);
  const frame = stack.pointer;
  if (level > 0) {
    // The enclosing frames' pointers lie below EBP; a stack of their own segment, moved by distance from the pointer.
    for (let n = 1; n < level; n++) stack.push(size, stack.peek(size, frameBase - n * size - stack.pointer));
    stack.push(size, frame);
  }
  stack.release(-(op.imm & 0xffff));
  // The new top of the stack must accept a push, though ENTER makes none there.
  stack.probe(size);
  stack.commit();
  if (size === 4) state.setReg32(GPR.EBP, frame);
  else state.setReg16(GPR.EBP, frame & 0xffff);
};

const pusha: Helper = (core, op) => {
  const stack = Stack.current(core);
  // ESP is pushed as it was before.
  for (let n = 0; n < 8; n++) stack.push(op.operandSize, readGpr(core, n, op.operandSize));
  stack.commit();
};

const popa: Helper = (core, op) => {
  const size = op.operandSize;
  const stack = Stack.current(core);
  const values: number[] = [];
  for (let n = 0; n < 8; n++) values.unshift(stack.pop(size));
  values.forEach((value, n) => {
    if (n !== GPR.ESP) writeGpr(core, n, size, value);
  });
  stack.commit();
};

const xlat: Helper = (core, op) => {
  const { state } = core;
  const base = op.addressSize === 4 ? state.reg32(GPR.EBX) : state.reg16(GPR.EBX);
  const sum = base + state.reg8(0);
  state.setReg8(0, segmentedRead(core, op.segment, op.addressSize === 4 ? sum >>> 0 : sum & 0xffff, 1));
};

const cmpxchg8b: Helper = (core, op) => {
  const { state, memory } = core;
  if (!op.isMemory) throw new CpuFault(VECTOR.UD, undefined);
  const upper = (op.address + 4) >>> 0;
  memory.probeWrite(op.address, 8);
  const low = memory.read32(op.address);
  const high = memory.read32(upper);
  const equal = low === state.reg32(GPR.EAX) && high === state.reg32(GPR.EDX);
  // A write cycle takes place in either case.
  memory.write32(op.address, equal ? state.reg32(GPR.EBX) : low);
  memory.write32(upper, equal ? state.reg32(GPR.ECX) : high);
  if (!equal) {
    state.setReg32(GPR.EAX, low);
    state.setReg32(GPR.EDX, high);
  }
  state.updateStatusFlags(EFLAGS.ZF, equal ? EFLAGS.ZF : 0);
};

export const frameHelpers: Record<string, Helper> = { enter, pusha, popa, xlat, cmpxchg8b };
