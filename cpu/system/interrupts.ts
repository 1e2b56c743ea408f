/** INT, INTO, INT1, IRET, BOUND, UD2, HLT (Intel SDM volume 2; volume 3, sections 6.12, 7.4 and 20.2). */
import { deliverEvent, interruptEvent } from '../exceptions/index.ts';
import type { Core, Helper } from '../helpers.ts';
import { SEGMENT, STATE } from '../layout.ts';
import { readWidth } from '../segmentation/access.ts';
import { fetchDescriptor, isBusyTss, markAccessed, selectorError } from '../segmentation/descriptor.ts';
import {
  accessedCache,
  checkStackSegment,
  writeParagraphSegment,
  writeSegment,
  writeV86Segment,
} from '../segmentation/segment.ts';
import { Stack } from '../segmentation/stack.ts';
import { CpuFault, CR4, EFLAGS, STATUS_FLAGS, VECTOR } from '../state.ts';
import { switchTask } from '../tasks/switch.ts';
import { checkReturnCode, enterOuter } from './far-transfer.ts';
import { readGpr, requireRing0, resume } from './resume.ts';

type Size = 2 | 4;

/** Flags any IRET and POPF may change, whatever the privilege. */
export const USER_FLAGS = STATUS_FLAGS | EFLAGS.TF | EFLAGS.DF | EFLAGS.NT | EFLAGS.AC | EFLAGS.ID;

/** Takes the bits of `mask` from `image`; the others stay. */
export function changeEflags(core: Core, mask: number, image: number): void {
  const { state } = core;
  state.eflags = (state.eflags & ~mask) | (image & mask);
}

/** The bits an operand size reaches. */
export const flagWidth = (size: Size): number => (size === 4 ? -1 : 0xffff);

function iretReal(core: Core, size: Size): void {
  const { state } = core;
  const stack = Stack.current(core);
  const offset = stack.pop(size);
  const selector = stack.pop(size) & 0xffff;
  const image = stack.pop(size);
  if (offset > state.segmentLimit(SEGMENT.CS)) throw new CpuFault(VECTOR.GP, 0);
  stack.commit();
  writeParagraphSegment(core, SEGMENT.CS, selector);
  state.eip = offset;
  changeEflags(core, (USER_FLAGS | EFLAGS.RF | EFLAGS.IF | EFLAGS.IOPL) & flagWidth(size), image);
  core.modeChanged();
}

function iretFromV86(core: Core, size: Size): void {
  const { state } = core;
  const virtual = state.iopl < 3;
  if (virtual && ((state.cr4 & CR4.VME) === 0 || size === 4)) throw new CpuFault(VECTOR.GP, 0);
  const stack = Stack.current(core);
  const offset = stack.pop(size);
  const selector = stack.pop(size) & 0xffff;
  const image = stack.pop(size);
  if (offset > 0xffff) throw new CpuFault(VECTOR.GP, 0);
  let mask = (USER_FLAGS | EFLAGS.RF) & flagWidth(size);
  let value = image;
  if (virtual) {
    checkVirtualInterrupt(core, image);
    mask |= EFLAGS.VIF;
    value = (image & ~EFLAGS.VIF) | (image & EFLAGS.IF ? EFLAGS.VIF : 0);
  } else mask |= EFLAGS.IF;
  stack.commit();
  writeParagraphSegment(core, SEGMENT.CS, selector);
  state.eip = offset;
  changeEflags(core, mask, value);
  core.modeChanged();
}

/** VME: a flags image that enables interrupts while one is pending, or that sets TF, must reach the monitor. */
export function checkVirtualInterrupt(core: Core, image: number): void {
  const pending = (core.state.get(STATE.EFLAGS) & EFLAGS.VIP) !== 0;
  if ((image & EFLAGS.TF) !== 0 || (pending && (image & EFLAGS.IF) !== 0)) throw new CpuFault(VECTOR.GP, 0);
}

function iretToV86(core: Core, stack: Stack, offset: number, cs: number, image: number): void {
  const { state } = core;
  const pointer = stack.pop32();
  const ss = stack.pop32() & 0xffff;
  const es = stack.pop32() & 0xffff;
  const ds = stack.pop32() & 0xffff;
  const fs = stack.pop32() & 0xffff;
  const gs = stack.pop32() & 0xffff;
  if (offset > 0xffff) throw new CpuFault(VECTOR.GP, 0);
  changeEflags(core, USER_FLAGS | EFLAGS.RF | EFLAGS.IF | EFLAGS.IOPL | EFLAGS.VM | EFLAGS.VIF | EFLAGS.VIP, image);
  [es, cs, ss, ds, fs, gs].forEach((selector, n) => writeV86Segment(core, n, selector));
  state.setReg32(4, pointer);
  state.set(STATE.CPL, 3);
  state.eip = offset;
  core.modeChanged();
}

function iretNested(core: Core): void {
  const { state } = core;
  const link = core.memory.readSystem16(state.getU(STATE.TR_BASE));
  if ((link & 4) !== 0) throw new CpuFault(VECTOR.TS, selectorError(link));
  const tss = fetchDescriptor(core, link, VECTOR.TS);
  if (!isBusyTss(tss)) throw new CpuFault(VECTOR.TS, selectorError(link));
  if (!tss.present) throw new CpuFault(VECTOR.NP, selectorError(link));
  switchTask(core, tss, 'iret', core.nextEip);
}

function iretProtected(core: Core, size: Size): void {
  const { state } = core;
  const { cpl, iopl } = state;
  if (state.get(STATE.EFLAGS) & EFLAGS.NT) {
    iretNested(core);
    return;
  }
  const stack = Stack.current(core);
  const offset = stack.pop(size);
  const selector = stack.pop(size) & 0xffff;
  const image = stack.pop(size);
  if (size === 4 && cpl === 0 && (image & EFLAGS.VM) !== 0) {
    iretToV86(core, stack, offset, selector, image);
    return;
  }
  const code = checkReturnCode(core, selector, offset);
  let mask = USER_FLAGS | EFLAGS.RF;
  if (cpl <= iopl) mask |= EFLAGS.IF;
  if (cpl === 0) mask |= EFLAGS.IOPL | EFLAGS.VIF | EFLAGS.VIP;
  mask &= flagWidth(size);
  const rpl = selector & 3;
  if (rpl === cpl) {
    markAccessed(core, code);
    stack.commit();
    writeSegment(core, SEGMENT.CS, selector, accessedCache(code));
    state.eip = offset;
    changeEflags(core, mask, image);
    core.modeChanged();
    return;
  }
  const pointer = stack.pop(size);
  const outerSelector = stack.pop(size) & 0xffff;
  const outer = checkStackSegment(core, outerSelector, { vector: VECTOR.GP, ext: 0, cpl: rpl });
  markAccessed(core, code);
  markAccessed(core, outer);
  changeEflags(core, mask, image);
  enterOuter(core, code, offset, outer, pointer, 0);
}

const iret: Helper = (core, op) => {
  // Even if the instruction faults (SDM volume 3, section 6.7.1).
  core.unblockNmi();
  if (!core.state.protectedMode) iretReal(core, op.operandSize);
  else if (core.state.virtual8086) iretFromV86(core, op.operandSize);
  else iretProtected(core, op.operandSize);
  return 'jump';
};

const bound: Helper = (core, op) => {
  if (!op.isMemory) throw new CpuFault(VECTOR.UD, undefined);
  const size = op.operandSize;
  const shift = size === 4 ? 0 : 16;
  const signed = (value: number): number => (value << shift) >> shift;
  const index = signed(readGpr(core, op.reg, size));
  const lower = signed(readWidth(core, op.address, size));
  const upper = signed(readWidth(core, (op.address + size) >>> 0, size));
  if (index < lower || index > upper) throw new CpuFault(VECTOR.BR, undefined);
};

export const interruptHelpers: Record<string, Helper> = {
  iret,
  bound,
  int3: (core) => {
    deliverEvent(core, interruptEvent(core, VECTOR.BP, 'int3'));
    return 'jump';
  },
  int1: (core) => {
    deliverEvent(core, interruptEvent(core, VECTOR.DB, 'int1'));
    return 'jump';
  },
  int_imm: (core, op) => {
    deliverEvent(core, interruptEvent(core, op.imm & 0xff, 'software'));
    return 'jump';
  },
  into: (core) => {
    if ((core.state.eflags & EFLAGS.OF) === 0) return resume(core);
    deliverEvent(core, interruptEvent(core, VECTOR.OF, 'into'));
    return 'jump';
  },
  ud2: () => {
    throw new CpuFault(VECTOR.UD, undefined);
  },
  hlt: (core) => {
    requireRing0(core);
    core.halt();
    return resume(core);
  },
};
