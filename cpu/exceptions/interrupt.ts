/**
 * One interrupt or exception delivered (Intel SDM volume 3, chapter 6; volume 2, INT n): real mode, protected mode, V86 mode and
 * V86 mode extensions. Everything is checked before anything is committed, task switches excepted.
 */
import { enterDebugHandler } from '../debug/index.ts';
import type { Core } from '../helpers.ts';
import { SEGMENT, STATE } from '../layout.ts';
import {
  ATTRIBUTE,
  type Descriptor,
  fetchDescriptor,
  type GateTarget,
  gateTarget,
  isCode,
  isConforming,
  isNull,
  markAccessed,
  parseDescriptor,
  selectorError,
  SYSTEM_TYPE,
} from '../segmentation/descriptor.ts';
import {
  accessedCache,
  checkStackSegment,
  writeNullSegment,
  writeParagraphSegment,
  writeSegment,
} from '../segmentation/segment.ts';
import { setStackPointer, Stack } from '../segmentation/stack.ts';
import { CpuFault, CR4, EFLAGS, VECTOR } from '../state.ts';
import { availableTss, switchTask } from '../tasks/switch.ts';
import { innerStack, interruptRedirected } from '../tasks/tss.ts';

export interface InterruptEvent {
  readonly vector: number;
  /** Pushed where protected mode has one for the vector. */
  readonly errorCode: number | undefined;
  /** INT n, INT3, INTO: the gate's DPL must permit the program; faults of delivery do not count as external. */
  readonly software: boolean;
  /** INT n alone: subject to IOPL and to VME redirection in V86 mode. */
  readonly interruptN: boolean;
  /** Where the handler returns to. */
  readonly returnEip: number;
  /** EFLAGS bits added to the image pushed: RF for faults. */
  readonly flags: number;
}

const CLEARED_BY_GATE = EFLAGS.TF | EFLAGS.NT | EFLAGS.VM | EFLAGS.RF;

/** Changes EFLAGS outside the status flags. */
function changeFlags(core: Core, clear: number, set = 0): void {
  const { state } = core;
  state.set(STATE.EFLAGS, (state.get(STATE.EFLAGS) & ~clear) | set);
}

/** Through a table of far pointers at IDTR (real mode) or at linear 0 (redirected V86 interrupts). */
function deliverThroughVectors(core: Core, event: InterruptEvent, table: number, flags: number, clear: number): void {
  const { state, memory } = core;
  const entry = (table + event.vector * 4) >>> 0;
  const offset = memory.readSystem16(entry);
  const selector = memory.readSystem16((entry + 2) >>> 0);
  const stack = Stack.current(core);
  stack.push16(flags);
  stack.push16(state.selector(SEGMENT.CS));
  stack.push16(event.returnEip);
  if (offset > state.segmentLimit(SEGMENT.CS)) throw new CpuFault(VECTOR.GP, 0);
  stack.commit();
  writeParagraphSegment(core, SEGMENT.CS, selector);
  state.eip = offset;
  changeFlags(core, clear);
  core.modeChanged();
}

function deliverReal(core: Core, event: InterruptEvent): void {
  const { state } = core;
  if (event.vector * 4 + 3 > state.getU(STATE.IDTR_LIMIT)) throw new CpuFault(VECTOR.GP, 0);
  const clear = EFLAGS.IF | EFLAGS.TF | EFLAGS.AC | EFLAGS.RF;
  deliverThroughVectors(core, event, state.getU(STATE.IDTR_BASE), state.eflags, clear);
}

/** INT n of V86 code under VME that the redirection map leaves to the 8086 program. */
function deliverRedirected(core: Core, event: InterruptEvent): void {
  const { state } = core;
  const { eflags } = state;
  if (state.iopl === 3) {
    deliverThroughVectors(core, event, 0, eflags, EFLAGS.IF | EFLAGS.TF | EFLAGS.RF);
    return;
  }
  const virtualIf = eflags & EFLAGS.VIF ? EFLAGS.IF : 0;
  const image = (eflags & ~EFLAGS.IF) | virtualIf | EFLAGS.IOPL;
  deliverThroughVectors(core, event, 0, image, EFLAGS.VIF | EFLAGS.TF | EFLAGS.RF);
}

function deliverThroughTaskGate(core: Core, event: InterruptEvent, gate: Descriptor, ext: number): void {
  const tss = availableTss(core, gate.low >>> 16, ext);
  switchTask(core, tss, 'interrupt', event.returnEip, ext, event.flags);
  if (event.errorCode === undefined) return;
  const stack = Stack.current(core, ext);
  stack.push(tss.type & 8 ? 4 : 2, event.errorCode);
  stack.commit();
}

/** Handler in the privilege level of the program, or conforming. */
function enterSamePrivilege(
  core: Core,
  event: InterruptEvent,
  gate: GateTarget,
  code: Descriptor,
  clear: number,
  ext: number,
): void {
  const { state } = core;
  const size = gate.wide ? 4 : 2;
  const stack = Stack.current(core, ext);
  stack.push(size, state.eflags | event.flags);
  stack.push(size, state.selector(SEGMENT.CS));
  stack.push(size, event.returnEip);
  if (event.errorCode !== undefined) stack.push(size, event.errorCode);
  if (gate.offset > code.limit) throw new CpuFault(VECTOR.GP, ext);
  markAccessed(core, code);
  stack.commit();
  writeSegment(core, SEGMENT.CS, (gate.selector & 0xfffc) | state.cpl, accessedCache(code));
  state.eip = gate.offset;
  changeFlags(core, clear);
  core.modeChanged();
}

/** Handler in an inner level, with the stack the TSS names; from V86 mode also the data segments are saved and emptied. */
function enterInnerPrivilege(
  core: Core,
  event: InterruptEvent,
  gate: GateTarget,
  code: Descriptor,
  clear: number,
  ext: number,
): void {
  const { state } = core;
  const cpl = code.dpl;
  const size = gate.wide ? 4 : 2;
  const inner = innerStack(core, cpl, ext);
  const segment = checkStackSegment(core, inner.selector, { vector: VECTOR.TS, ext, cpl });
  const stack = Stack.inner(core, segment, inner.pointer, selectorError(inner.selector, ext));
  const { virtual8086 } = state;
  if (virtual8086) {
    for (const n of [SEGMENT.GS, SEGMENT.FS, SEGMENT.DS, SEGMENT.ES]) stack.push(size, state.selector(n));
  }
  stack.push(size, state.selector(SEGMENT.SS));
  stack.push(size, state.reg32(4));
  stack.push(size, state.eflags | event.flags);
  stack.push(size, state.selector(SEGMENT.CS));
  stack.push(size, event.returnEip);
  if (event.errorCode !== undefined) stack.push(size, event.errorCode);
  if (gate.offset > code.limit) throw new CpuFault(VECTOR.GP, ext);
  markAccessed(core, segment);
  markAccessed(core, code);
  stack.flush();
  changeFlags(core, clear);
  if (virtual8086) {
    for (const n of [SEGMENT.GS, SEGMENT.FS, SEGMENT.DS, SEGMENT.ES]) writeNullSegment(core, n, 0);
  }
  state.set(STATE.CPL, cpl);
  writeSegment(core, SEGMENT.SS, (inner.selector & 0xfffc) | cpl, accessedCache(segment));
  setStackPointer(core, stack.pointer, (segment.attributes & ATTRIBUTE.BIG) !== 0);
  writeSegment(core, SEGMENT.CS, (gate.selector & 0xfffc) | cpl, accessedCache(code));
  state.eip = gate.offset;
  core.modeChanged();
}

function deliverProtected(core: Core, event: InterruptEvent): void {
  const { state, memory } = core;
  const ext = event.software ? 0 : 1;
  const { vector } = event;
  const idtError = vector * 8 + 2 + ext;
  if (vector * 8 + 7 > state.getU(STATE.IDTR_LIMIT)) throw new CpuFault(VECTOR.GP, idtError);
  const address = (state.get(STATE.IDTR_BASE) + vector * 8) >>> 0;
  const high = memory.readSystem32((address + 4) >>> 0);
  const gate = parseDescriptor(0, address, memory.readSystem32(address), high);
  let clear = CLEARED_BY_GATE;
  switch (gate.type) {
    case SYSTEM_TYPE.INTERRUPT_GATE16:
    case SYSTEM_TYPE.INTERRUPT_GATE32:
      clear |= EFLAGS.IF;
      break;
    case SYSTEM_TYPE.TASK_GATE:
    case SYSTEM_TYPE.TRAP_GATE16:
    case SYSTEM_TYPE.TRAP_GATE32:
      break;
    default:
      throw new CpuFault(VECTOR.GP, idtError);
  }
  if (event.software && gate.dpl < state.cpl) throw new CpuFault(VECTOR.GP, idtError);
  if (!gate.present) throw new CpuFault(VECTOR.NP, idtError);
  if (gate.type === SYSTEM_TYPE.TASK_GATE) {
    deliverThroughTaskGate(core, event, gate, ext);
    return;
  }
  const target = gateTarget(gate);
  if (isNull(target.selector)) throw new CpuFault(VECTOR.GP, ext);
  const code = fetchDescriptor(core, target.selector, VECTOR.GP, ext);
  const selectorFault = selectorError(target.selector, ext);
  if (!isCode(code) || code.dpl > state.cpl) throw new CpuFault(VECTOR.GP, selectorFault);
  if (!code.present) throw new CpuFault(VECTOR.NP, selectorFault);
  if (!isConforming(code) && code.dpl < state.cpl) {
    if (state.virtual8086 && code.dpl !== 0) throw new CpuFault(VECTOR.GP, selectorFault);
    enterInnerPrivilege(core, event, target, code, clear, ext);
  } else {
    if (state.virtual8086) throw new CpuFault(VECTOR.GP, selectorFault);
    enterSamePrivilege(core, event, target, code, clear, ext);
  }
}

/** INT n in V86 mode: true if the program's own vectors have handled it. @throws CpuFault #GP(0) for the monitor to handle it */
function deliverToV86Program(core: Core, event: InterruptEvent): boolean {
  const { state } = core;
  if (!event.interruptN || !state.virtual8086) return false;
  if (state.cr4 & CR4.VME && interruptRedirected(core, event.vector)) {
    deliverRedirected(core, event);
    return true;
  }
  if (state.iopl < 3) throw new CpuFault(VECTOR.GP, 0);
  return false;
}

/**
 * Delivers one event; `state.eip` is then the handler's.
 * @throws CpuFault when delivery itself faults: nothing has changed, or the processor is in the task a gate led to
 */
export function deliverEvent(core: Core, event: InterruptEvent): void {
  const { state } = core;
  if (!state.protectedMode) deliverReal(core, event);
  else if (!deliverToV86Program(core, event)) deliverProtected(core, event);
  if (event.vector === VECTOR.DB && !event.software) enterDebugHandler(core);
}
