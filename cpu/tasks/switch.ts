/**
 * Task switches (Intel SDM volume 3, section 7.3). Everything that can fail in the context of the old task is checked before the
 * first store; from the load of TR on, faults belong to the new task and its registers are in place.
 */
import { clearLocalBreakpoints, DR6, mergeDr6 } from '../debug/index.ts';
import type { Core } from '../helpers.ts';
import { SEGMENT, STATE } from '../layout.ts';
import { writeCr3 } from '../mmu/pointer-table.ts';
import { CpuFault, CR0, EFLAGS, VECTOR } from '../state.ts';
import {
  type Descriptor,
  fetchDescriptor,
  isAvailableTss,
  isCode,
  isConforming,
  isNull,
  markAccessed,
  selectorError,
  SYSTEM_TYPE,
} from '../segmentation/descriptor.ts';
import {
  accessedCache,
  checkDataSegment,
  checkStackSegment,
  writeNullSegment,
  writeSegment,
  writeV86Segment,
} from '../segmentation/segment.ts';
import { currentTssWide, TSS16, TSS32 } from './tss.ts';

/** What causes a task switch; `interrupt` covers exceptions too. */
export type TaskSwitchCause = 'jump' | 'call' | 'interrupt' | 'iret';

interface TaskImage {
  readonly cr3: number | undefined;
  readonly eip: number;
  readonly eflags: number;
  readonly registers: readonly number[];
  /** ES CS SS DS FS GS. */
  readonly selectors: readonly number[];
  readonly ldt: number;
  readonly trap: boolean;
}

const BUSY = 2;
const LOADABLE_FLAGS = 0x3f7fd5;

/**
 * The TSS a task gate or a far pointer names, checked as JMP, CALL and interrupts do.
 * @throws CpuFault #GP(selector), #NP(selector)
 */
export function availableTss(core: Core, selector: number, ext = 0): Descriptor {
  if ((selector & 4) !== 0 || isNull(selector)) throw new CpuFault(VECTOR.GP, selectorError(selector, ext));
  const descriptor = fetchDescriptor(core, selector, VECTOR.GP, ext);
  if (!isAvailableTss(descriptor)) throw new CpuFault(VECTOR.GP, selectorError(selector, ext));
  if (!descriptor.present) throw new CpuFault(VECTOR.NP, selectorError(selector, ext));
  return descriptor;
}

function readTask(core: Core, tss: Descriptor, wide: boolean): TaskImage {
  const { memory } = core;
  const word = (offset: number): number => memory.readSystem16((tss.base + offset) >>> 0);
  const dword = (offset: number): number => memory.readSystem32((tss.base + offset) >>> 0);
  if (wide) {
    return {
      cr3: dword(TSS32.CR3),
      eip: dword(TSS32.EIP),
      eflags: dword(TSS32.EFLAGS),
      registers: [0, 1, 2, 3, 4, 5, 6, 7].map((n) => dword(TSS32.GPR + n * 4)),
      selectors: [0, 1, 2, 3, 4, 5].map((n) => word(TSS32.SEGMENTS + n * 4)),
      ldt: word(TSS32.LDT),
      trap: (word(TSS32.TRAP) & 1) !== 0,
    };
  }
  return {
    cr3: undefined,
    eip: word(TSS16.IP),
    eflags: word(TSS16.FLAGS),
    registers: [0, 1, 2, 3, 4, 5, 6, 7].map((n) => word(TSS16.GPR + n * 2)),
    selectors: [...[0, 1, 2, 3].map((n) => word(TSS16.SEGMENTS + n * 2)), 0, 0],
    ldt: word(TSS16.LDT),
    trap: false,
  };
}

function saveTask(core: Core, wide: boolean, eip: number, eflags: number): void {
  const { state, memory } = core;
  const base = state.getU(STATE.TR_BASE);
  const word = (offset: number, value: number): void => memory.writeSystem16((base + offset) >>> 0, value & 0xffff);
  const dword = (offset: number, value: number): void => memory.writeSystem32((base + offset) >>> 0, value >>> 0);
  if (wide) {
    dword(TSS32.EIP, eip);
    dword(TSS32.EFLAGS, eflags);
    for (let n = 0; n < 8; n++) dword(TSS32.GPR + n * 4, state.reg32(n));
    for (let n = 0; n < 6; n++) word(TSS32.SEGMENTS + n * 4, state.selector(n));
  } else {
    word(TSS16.IP, eip);
    word(TSS16.FLAGS, eflags);
    for (let n = 0; n < 8; n++) word(TSS16.GPR + n * 2, state.reg16(n));
    for (let n = 0; n < 4; n++) word(TSS16.SEGMENTS + n * 2, state.selector(n));
  }
}

/** Busy bit of a TSS descriptor at a linear address. */
function setBusy(core: Core, address: number, busy: boolean): void {
  const access = core.memory.readSystem8((address + 5) >>> 0);
  core.memory.writeSystem8((address + 5) >>> 0, busy ? access | BUSY : access & ~BUSY);
}

function loadLdt(core: Core, selector: number, ext: number): void {
  const { state } = core;
  state.set(STATE.LDTR_SELECTOR, selector);
  state.set(STATE.LDTR_BASE, 0);
  state.set(STATE.LDTR_LIMIT, 0);
  state.set(STATE.LDTR_ATTRIBUTES, 0);
  if (isNull(selector)) return;
  const invalid = new CpuFault(VECTOR.TS, selectorError(selector, ext));
  if ((selector & 4) !== 0) throw invalid;
  const descriptor = fetchDescriptor(core, selector, VECTOR.TS, ext);
  if (descriptor.type !== SYSTEM_TYPE.LDT || !descriptor.present) throw invalid;
  state.set(STATE.LDTR_BASE, descriptor.base);
  state.set(STATE.LDTR_LIMIT, descriptor.limit);
  state.set(STATE.LDTR_ATTRIBUTES, descriptor.attributes);
}

/** Loads the hidden parts of the new task's segment registers. Faults are the new task's. */
function loadSegments(core: Core, selectors: readonly number[], ext: number): void {
  const { state } = core;
  const cs = selectors[SEGMENT.CS]!;
  const cpl = cs & 3;
  if (isNull(cs)) throw new CpuFault(VECTOR.TS, ext);
  const code = fetchDescriptor(core, cs, VECTOR.TS, ext);
  const privileged = isConforming(code) ? code.dpl <= cpl : code.dpl === cpl;
  if (!isCode(code) || !privileged) throw new CpuFault(VECTOR.TS, selectorError(cs, ext));
  if (!code.present) throw new CpuFault(VECTOR.NP, selectorError(cs, ext));
  markAccessed(core, code);
  writeSegment(core, SEGMENT.CS, cs, accessedCache(code));
  const ss = selectors[SEGMENT.SS]!;
  const stack = checkStackSegment(core, ss, { vector: VECTOR.TS, ext, cpl });
  markAccessed(core, stack);
  writeSegment(core, SEGMENT.SS, ss, accessedCache(stack));
  for (const n of [SEGMENT.DS, SEGMENT.ES, SEGMENT.FS, SEGMENT.GS]) {
    const selector = selectors[n]!;
    if (isNull(selector)) continue;
    const descriptor = checkDataSegment(core, selector, VECTOR.TS, cpl, ext);
    markAccessed(core, descriptor);
    writeSegment(core, n, selector, accessedCache(descriptor));
  }
  if (state.eip > code.limit) throw new CpuFault(VECTOR.GP, ext);
}

/**
 * Switches to the task of `tss`, whose type and presence the caller has checked. The old task resumes at `returnEip`
 * with `savedFlags` (RF) added to its EFLAGS.
 * Afterwards `state.eip` and all registers are the new task's, also when a fault of the new task is thrown: whoever delivers it
 * must leave `state.eip` as it is.
 * @throws CpuFault #TS, #NP, #SS, #GP, #PF
 */
export function switchTask(
  core: Core,
  tss: Descriptor,
  cause: TaskSwitchCause,
  returnEip: number,
  ext = 0,
  savedFlags = 0,
): void {
  const { state, memory } = core;
  const wide = (tss.type & 8) !== 0;
  const limit = wide ? TSS32.LIMIT : TSS16.LIMIT;
  if (tss.limit < limit) throw new CpuFault(VECTOR.TS, selectorError(tss.selector, ext));

  const oldWide = currentTssWide(core);
  const oldSelector = state.get(STATE.TR_SELECTOR);
  const oldBase = state.getU(STATE.TR_BASE);
  const oldDescriptor = (state.get(STATE.GDTR_BASE) + (oldSelector & 0xfff8)) >>> 0;
  const nested = cause === 'call' || cause === 'interrupt';
  // Every page a store below touches must accept it.
  if (oldWide) memory.probeWrite((oldBase + TSS32.EIP) >>> 0, TSS32.LDT - TSS32.EIP, true);
  else memory.probeWrite((oldBase + TSS16.IP) >>> 0, TSS16.LDT - TSS16.IP, true);
  if (nested) memory.probeWrite(tss.base, 2, true);
  else memory.probeWrite((oldDescriptor + 5) >>> 0, 1, true);
  if (cause !== 'iret') memory.probeWrite((tss.address + 5) >>> 0, 1, true);
  const task = readTask(core, tss, wide);

  if (!nested) setBusy(core, oldDescriptor, false);
  const oldFlags = cause === 'iret' ? state.eflags & ~EFLAGS.NT : state.eflags | savedFlags;
  saveTask(core, oldWide, returnEip, oldFlags);
  if (nested) memory.writeSystem16(tss.base, oldSelector);
  if (cause !== 'iret') setBusy(core, tss.address, true);

  state.set(STATE.TR_SELECTOR, tss.selector);
  state.set(STATE.TR_BASE, tss.base);
  state.set(STATE.TR_LIMIT, tss.limit);
  state.set(STATE.TR_ATTRIBUTES, tss.attributes | BUSY);
  state.set(STATE.CR0, state.cr0 | CR0.TS);
  if (task.cr3 !== undefined && state.cr0 & CR0.PG) writeCr3(core, task.cr3);
  clearLocalBreakpoints(core);
  state.eip = task.eip;
  state.eflags = (task.eflags & LOADABLE_FLAGS) | (nested ? EFLAGS.NT : 0);
  task.registers.forEach((value, n) => (wide ? state.setReg32(n, value) : state.setReg16(n, value)));
  const v86 = state.virtual8086;
  const cpl = v86 ? 3 : task.selectors[SEGMENT.CS]! & 3;
  state.set(STATE.CPL, cpl);
  task.selectors.forEach((selector, n) => {
    if (v86) writeV86Segment(core, n, selector);
    else writeNullSegment(core, n, selector);
  });
  try {
    loadLdt(core, task.ldt, ext);
    if (!v86) loadSegments(core, task.selectors, ext);
    else if (state.eip > 0xffff) throw new CpuFault(VECTOR.GP, ext);
  } finally {
    core.modeChanged();
  }
  if (task.trap) {
    mergeDr6(core, DR6.BT);
    core.debugTrap();
  }
}
