/** Far JMP, CALL and RET (Intel SDM volume 2; volume 3, sections 5.8 and 7.3): direct, through call gates, task gates and TSSs. */
import type { Core, DecodedOperands, Helper } from '../helpers.ts';
import { SEGMENT, STATE } from '../layout.ts';
import {
  ATTRIBUTE,
  type Descriptor,
  fetchDescriptor,
  gateTarget,
  isCode,
  isConforming,
  isNull,
  markAccessed,
  selectorError,
  SYSTEM_TYPE,
} from '../segmentation/descriptor.ts';
import { readWidth } from '../segmentation/access.ts';
import {
  accessedCache,
  checkStackSegment,
  dropPrivilegedSegments,
  paragraphMode,
  writeParagraphSegment,
  writeSegment,
} from '../segmentation/segment.ts';
import { setStackPointer, Stack } from '../segmentation/stack.ts';
import { CpuFault, VECTOR } from '../state.ts';
import { availableTss, switchTask } from '../tasks/switch.ts';
import { innerStack } from '../tasks/tss.ts';

type Size = 2 | 4;

/** Loads CS and EIP; the privilege level is `cpl` from here on. */
function enterCode(core: Core, code: Descriptor, offset: number, cpl: number): void {
  const { state } = core;
  state.set(STATE.CPL, cpl);
  writeSegment(core, SEGMENT.CS, (code.selector & 0xfffc) | cpl, accessedCache(code));
  state.eip = offset;
  core.modeChanged();
}

function requirePresent(code: Descriptor): void {
  if (!code.present) throw new CpuFault(VECTOR.NP, selectorError(code.selector));
}
function requireWithinLimit(code: Descriptor, offset: number): void {
  if (offset > code.limit) throw new CpuFault(VECTOR.GP, 0);
}

/** A code segment named by a far pointer itself. */
function checkDirectCode(core: Core, code: Descriptor): void {
  const { cpl } = core.state;
  const allowed = isConforming(code) ? code.dpl <= cpl : (code.selector & 3) <= cpl && code.dpl === cpl;
  if (!allowed) throw new CpuFault(VECTOR.GP, selectorError(code.selector));
  requirePresent(code);
}

/** Gates and TSSs demand that both CPL and RPL are within their DPL. */
function checkGatePrivilege(core: Core, gate: Descriptor): void {
  if (gate.dpl < core.state.cpl || gate.dpl < (gate.selector & 3)) {
    throw new CpuFault(VECTOR.GP, selectorError(gate.selector));
  }
}

/** The code segment a call gate leads to. Its privilege is the caller's to judge. */
function gatedCode(core: Core, selector: number): Descriptor {
  if (isNull(selector)) throw new CpuFault(VECTOR.GP, 0);
  const code = fetchDescriptor(core, selector, VECTOR.GP);
  if (!isCode(code) || code.dpl > core.state.cpl) throw new CpuFault(VECTOR.GP, selectorError(selector));
  return code;
}

/** Task switch through a TSS or a task gate; undefined if the descriptor is neither. */
function tssOf(core: Core, descriptor: Descriptor): Descriptor | undefined {
  switch (descriptor.type) {
    case SYSTEM_TYPE.TSS16_AVAILABLE:
    case SYSTEM_TYPE.TSS32_AVAILABLE:
      checkGatePrivilege(core, descriptor);
      return availableTss(core, descriptor.selector);
    case SYSTEM_TYPE.TASK_GATE:
      checkGatePrivilege(core, descriptor);
      if (!descriptor.present) throw new CpuFault(VECTOR.NP, selectorError(descriptor.selector));
      return availableTss(core, descriptor.low >>> 16);
    default:
      return undefined;
  }
}

function isCallGate(descriptor: Descriptor): boolean {
  return descriptor.type === SYSTEM_TYPE.CALL_GATE16 || descriptor.type === SYSTEM_TYPE.CALL_GATE32;
}

/** Checks the descriptor of a call gate itself. */
function checkCallGate(core: Core, gate: Descriptor): void {
  checkGatePrivilege(core, gate);
  if (!gate.present) throw new CpuFault(VECTOR.NP, selectorError(gate.selector));
}

function targetDescriptor(core: Core, selector: number): Descriptor {
  if (isNull(selector)) throw new CpuFault(VECTOR.GP, 0);
  return fetchDescriptor(core, selector, VECTOR.GP);
}

/** JMP far. @throws CpuFault #GP, #NP, #TS, #SS, #PF */
function farJump(core: Core, selector: number, offset: number): 'jump' {
  const { state } = core;
  if (paragraphMode(core)) {
    if (offset > paragraphLimit(core)) throw new CpuFault(VECTOR.GP, 0);
    writeParagraphSegment(core, SEGMENT.CS, selector);
    state.eip = offset;
    core.modeChanged();
    return 'jump';
  }
  const descriptor = targetDescriptor(core, selector);
  if (isCode(descriptor)) {
    checkDirectCode(core, descriptor);
    requireWithinLimit(descriptor, offset);
    markAccessed(core, descriptor);
    enterCode(core, descriptor, offset, state.cpl);
    return 'jump';
  }
  if (isCallGate(descriptor)) {
    checkCallGate(core, descriptor);
    const gate = gateTarget(descriptor);
    const code = gatedCode(core, gate.selector);
    if (!isConforming(code) && code.dpl !== state.cpl) throw new CpuFault(VECTOR.GP, selectorError(gate.selector));
    requirePresent(code);
    requireWithinLimit(code, gate.offset);
    markAccessed(core, code);
    enterCode(core, code, gate.offset, state.cpl);
    return 'jump';
  }
  const tss = tssOf(core, descriptor);
  if (tss === undefined) throw new CpuFault(VECTOR.GP, selectorError(selector));
  switchTask(core, tss, 'jump', core.nextEip);
  return 'jump';
}

/** Limit of CS after a load in real mode (where it stays) or V86 mode. */
function paragraphLimit(core: Core): number {
  return core.state.protectedMode ? 0xffff : core.state.segmentLimit(SEGMENT.CS);
}

/** CALL through a gate to an inner level: new stack, parameters copied. */
function callInner(core: Core, gate: ReturnType<typeof gateTarget>, code: Descriptor): void {
  const { state } = core;
  const cpl = code.dpl;
  const size = gate.wide ? 4 : 2;
  const inner = innerStack(core, cpl, 0);
  const segment = checkStackSegment(core, inner.selector, { vector: VECTOR.TS, ext: 0, cpl });
  const stack = Stack.inner(core, segment, inner.pointer, selectorError(inner.selector));
  const outer = Stack.current(core);
  stack.push(size, state.selector(SEGMENT.SS));
  stack.push(size, state.reg32(4));
  for (let n = gate.parameters - 1; n >= 0; n--) stack.push(size, outer.peek(size, n * size));
  stack.push(size, state.selector(SEGMENT.CS));
  stack.push(size, core.nextEip);
  if (gate.offset > code.limit) throw new CpuFault(VECTOR.GP, 0);
  markAccessed(core, segment);
  markAccessed(core, code);
  stack.flush();
  writeSegment(core, SEGMENT.SS, (inner.selector & 0xfffc) | cpl, accessedCache(segment));
  setStackPointer(core, stack.pointer, (segment.attributes & ATTRIBUTE.BIG) !== 0);
  enterCode(core, code, gate.offset, cpl);
}

/**
 * CALL within the privilege level. The return address reaches the stack before the offset is held against the limit, as
 * processors do it: a call that faults there leaves it below ESP.
 */
function callSame(core: Core, code: Descriptor, offset: number, size: Size): void {
  const { state } = core;
  const stack = Stack.current(core);
  stack.push(size, state.selector(SEGMENT.CS));
  stack.push(size, core.nextEip);
  markAccessed(core, code);
  stack.flush();
  requireWithinLimit(code, offset);
  stack.commit();
  enterCode(core, code, offset, state.cpl);
}

/** CALL far. @throws CpuFault #GP, #NP, #TS, #SS, #PF */
function farCall(core: Core, selector: number, offset: number, size: Size): 'jump' {
  const { state } = core;
  if (paragraphMode(core)) {
    const stack = Stack.current(core);
    stack.push(size, state.selector(SEGMENT.CS));
    stack.push(size, core.nextEip);
    if (offset > paragraphLimit(core)) throw new CpuFault(VECTOR.GP, 0);
    stack.commit();
    writeParagraphSegment(core, SEGMENT.CS, selector);
    state.eip = offset;
    core.modeChanged();
    return 'jump';
  }
  const descriptor = targetDescriptor(core, selector);
  if (isCode(descriptor)) {
    checkDirectCode(core, descriptor);
    callSame(core, descriptor, offset, size);
    return 'jump';
  }
  if (isCallGate(descriptor)) {
    checkCallGate(core, descriptor);
    const gate = gateTarget(descriptor);
    const code = gatedCode(core, gate.selector);
    requirePresent(code);
    if (!isConforming(code) && code.dpl < state.cpl) callInner(core, gate, code);
    else callSame(core, code, gate.offset, gate.wide ? 4 : 2);
    return 'jump';
  }
  const tss = tssOf(core, descriptor);
  if (tss === undefined) throw new CpuFault(VECTOR.GP, selectorError(selector));
  switchTask(core, tss, 'call', core.nextEip);
  return 'jump';
}

/**
 * The code segment RET and IRET return to.
 * @throws CpuFault #GP(selector), #NP(selector)
 */
export function checkReturnCode(core: Core, selector: number, offset: number): Descriptor {
  if (isNull(selector)) throw new CpuFault(VECTOR.GP, 0);
  const code = fetchDescriptor(core, selector, VECTOR.GP);
  const rpl = selector & 3;
  const privileged = isConforming(code) ? code.dpl <= rpl : code.dpl === rpl;
  if (!isCode(code) || rpl < core.state.cpl || !privileged) throw new CpuFault(VECTOR.GP, selectorError(selector));
  if (!code.present) throw new CpuFault(VECTOR.NP, selectorError(selector));
  if (offset > code.limit) throw new CpuFault(VECTOR.GP, 0);
  return code;
}

/**
 * Loads CS:EIP and SS:ESP of an outer level, whose checks are done, and empties what that level may not use. `release`: bytes of
 * parameters above the new stack pointer.
 */
export function enterOuter(
  core: Core,
  code: Descriptor,
  offset: number,
  stack: Descriptor,
  pointer: number,
  release: number,
): void {
  const cpl = code.selector & 3;
  const big = (stack.attributes & ATTRIBUTE.BIG) !== 0;
  writeSegment(core, SEGMENT.SS, stack.selector, accessedCache(stack));
  setStackPointer(core, pointer + release, big);
  enterCode(core, code, offset, cpl);
  dropPrivilegedSegments(core, cpl);
  core.modeChanged();
}

/** RET far, removing `release` bytes of parameters. @throws CpuFault #GP, #NP, #SS, #PF */
function farReturn(core: Core, size: Size, release: number): 'jump' {
  const { state } = core;
  const stack = Stack.current(core);
  const offset = stack.pop(size);
  const selector = stack.pop(size) & 0xffff;
  if (paragraphMode(core)) {
    if (offset > paragraphLimit(core)) throw new CpuFault(VECTOR.GP, 0);
    stack.release(release);
    stack.commit();
    writeParagraphSegment(core, SEGMENT.CS, selector);
    state.eip = offset;
    core.modeChanged();
    return 'jump';
  }
  const code = checkReturnCode(core, selector, offset);
  const rpl = selector & 3;
  stack.release(release);
  if (rpl === state.cpl) {
    markAccessed(core, code);
    stack.commit();
    enterCode(core, code, offset, rpl);
    return 'jump';
  }
  const pointer = stack.pop(size);
  const outerSelector = stack.pop(size) & 0xffff;
  const outer = checkStackSegment(core, outerSelector, { vector: VECTOR.GP, ext: 0, cpl: rpl });
  markAccessed(core, code);
  markAccessed(core, outer);
  enterOuter(core, code, offset, outer, pointer, release);
  return 'jump';
}

/** m16:16 or m16:32. */
function farPointer(core: Core, op: DecodedOperands): { selector: number; offset: number } {
  if (!op.isMemory) throw new CpuFault(VECTOR.UD, undefined);
  const offset = readWidth(core, op.address, op.operandSize);
  const selector = core.memory.read16((op.address + op.operandSize) >>> 0);
  return { selector, offset };
}

const pointerOffset = (op: DecodedOperands): number => (op.operandSize === 4 ? op.disp >>> 0 : op.disp & 0xffff);

export const farTransferHelpers: Record<string, Helper> = {
  far_jmp_ptr: (core, op) => farJump(core, op.imm & 0xffff, pointerOffset(op)),
  far_call_ptr: (core, op) => farCall(core, op.imm & 0xffff, pointerOffset(op), op.operandSize),
  far_jmp_mem: (core, op) => {
    const { selector, offset } = farPointer(core, op);
    return farJump(core, selector, offset);
  },
  far_call_mem: (core, op) => {
    const { selector, offset } = farPointer(core, op);
    return farCall(core, selector, offset, op.operandSize);
  },
  far_ret: (core, op) => farReturn(core, op.operandSize, 0),
  far_ret_imm: (core, op) => farReturn(core, op.operandSize, op.imm & 0xffff),
};
