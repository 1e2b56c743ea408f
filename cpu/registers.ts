/** Register snapshots, and the values after RESET# and INIT# (Intel SDM volume 3, table 9-1). */
import type { Core } from './helpers.ts';
import { GPR, SEGMENT, STATE } from './layout.ts';
import type { RegisterState, SegmentState } from './processor.ts';
import { writeSegment } from './segmentation/segment.ts';
import { CR0, type CpuState } from './state.ts';

const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'] as const;
const GPR_NAMES = ['eax', 'ecx', 'edx', 'ebx', 'esp', 'ebp', 'esi', 'edi'] as const;

export function captureRegisters(state: CpuState): RegisterState {
  const segment = (n: number): SegmentState => ({
    selector: state.selector(n),
    base: state.segmentBase(n),
    limit: state.segmentLimit(n),
    attributes: state.segmentAttributes(n),
  });
  const system = (selector: number): SegmentState => ({
    selector: state.getU(selector),
    base: state.getU(selector + 4),
    limit: state.getU(selector + 8),
    attributes: state.getU(selector + 12),
  });
  return {
    eax: state.reg32(GPR.EAX),
    ecx: state.reg32(GPR.ECX),
    edx: state.reg32(GPR.EDX),
    ebx: state.reg32(GPR.EBX),
    esp: state.reg32(GPR.ESP),
    ebp: state.reg32(GPR.EBP),
    esi: state.reg32(GPR.ESI),
    edi: state.reg32(GPR.EDI),
    eip: state.eip,
    eflags: state.eflags >>> 0,
    cs: segment(SEGMENT.CS),
    ds: segment(SEGMENT.DS),
    es: segment(SEGMENT.ES),
    ss: segment(SEGMENT.SS),
    fs: segment(SEGMENT.FS),
    gs: segment(SEGMENT.GS),
    ldtr: system(STATE.LDTR_SELECTOR),
    tr: system(STATE.TR_SELECTOR),
    gdtr: { base: state.getU(STATE.GDTR_BASE), limit: state.getU(STATE.GDTR_LIMIT) },
    idtr: { base: state.getU(STATE.IDTR_BASE), limit: state.getU(STATE.IDTR_LIMIT) },
    cr0: state.getU(STATE.CR0),
    cr2: state.getU(STATE.CR2),
    cr3: state.getU(STATE.CR3),
    cr4: state.getU(STATE.CR4),
    dr: Array.from({ length: 8 }, (_, n) => state.getU(STATE.DR + 4 * n)),
    cpl: state.cpl,
  };
}

/** Writes the given registers without any check; the caller flushes and announces the mode change. */
export function applyRegisters(core: Core, changes: Partial<RegisterState>): void {
  const { state } = core;
  GPR_NAMES.forEach((name, n) => {
    const value = changes[name];
    if (value !== undefined) state.setReg32(n, value);
  });
  if (changes.eip !== undefined) state.eip = changes.eip;
  if (changes.eflags !== undefined) state.eflags = changes.eflags;
  for (const [name, offset] of [
    ['cr0', STATE.CR0],
    ['cr2', STATE.CR2],
    ['cr3', STATE.CR3],
    ['cr4', STATE.CR4],
    ['cpl', STATE.CPL],
  ] as const) {
    const value = changes[name];
    if (value !== undefined) state.set(offset, value);
  }
  if (changes.dr) changes.dr.forEach((value, n) => state.set(STATE.DR + 4 * n, value));
  for (const [name, offset] of [
    ['gdtr', STATE.GDTR_BASE],
    ['idtr', STATE.IDTR_BASE],
  ] as const) {
    const table = changes[name];
    if (!table) continue;
    state.set(offset, table.base);
    state.set(offset + 4, table.limit);
  }
  for (const [name, offset] of [
    ['ldtr', STATE.LDTR_SELECTOR],
    ['tr', STATE.TR_SELECTOR],
  ] as const) {
    const table = changes[name];
    if (!table) continue;
    state.set(offset, table.selector);
    state.set(offset + 4, table.base);
    state.set(offset + 8, table.limit);
    state.set(offset + 12, table.attributes);
  }
  SEGMENT_NAMES.forEach((name, n) => {
    const segment = changes[name];
    if (segment) writeSegment(core, n, segment.selector, segment);
  });
}

/** Attributes after reset: present, writable data; present, readable code. */
const RESET_DATA = 0x93;
const RESET_CODE = 0x9b;

/**
 * Register values after RESET#, or those that INIT# resets too.
 * @param power also x87, SSE, MSRs (RESET#)
 */
export function initialRegisters(core: Core, power: boolean): void {
  const { state } = core;
  for (let n = 0; n < 8; n++) state.setReg32(n, 0);
  state.setReg32(GPR.EDX, core.cpuid.signature);
  state.eflags = 2;
  state.eip = 0xfff0;
  // INIT# keeps the cache bits CD and NW of CR0.
  state.set(STATE.CR0, power ? CR0.CD | CR0.NW | CR0.ET : (state.get(STATE.CR0) & (CR0.CD | CR0.NW)) | CR0.ET);
  for (const offset of [STATE.CR2, STATE.CR3, STATE.CR4, STATE.CPL, STATE.FAULT]) state.set(offset, 0);
  for (let n = 0; n < 4; n++) state.set(STATE.DR + 4 * n, 0);
  state.set(STATE.DR + 24, 0xffff0ff0);
  state.set(STATE.DR + 28, 0x400);
  for (const table of [STATE.GDTR_BASE, STATE.IDTR_BASE]) {
    state.set(table, 0);
    state.set(table + 4, 0xffff);
  }
  for (const [offset, type] of [
    [STATE.LDTR_SELECTOR, 0x82],
    [STATE.TR_SELECTOR, 0x8b],
  ] as const) {
    state.set(offset, 0);
    state.set(offset + 4, 0);
    state.set(offset + 8, 0xffff);
    state.set(offset + 12, type);
  }
  for (const n of [SEGMENT.ES, SEGMENT.SS, SEGMENT.DS, SEGMENT.FS, SEGMENT.GS])
    writeSegment(core, n, 0, { base: 0, limit: 0xffff, attributes: RESET_DATA });
  writeSegment(core, SEGMENT.CS, 0xf000, { base: 0xffff0000, limit: 0xffff, attributes: RESET_CODE });
  if (!power) return;
  state.u8.fill(0, STATE.X87_REGISTERS, STATE.X87_REGISTERS + 128);
  state.set(STATE.X87_CONTROL, 0x40);
  for (const offset of [
    STATE.X87_STATUS,
    STATE.X87_TOP,
    STATE.X87_IP,
    STATE.X87_CS,
    STATE.X87_DP,
    STATE.X87_DS,
    STATE.X87_OPCODE,
    STATE.X87_ERROR,
  ])
    state.set(offset, 0);
  // After RESET# the registers hold +0.0 and the tags say so (SDM table 9-1: tag word 5555h).
  state.set(STATE.X87_IN_USE, 0xff);
  state.set(STATE.MXCSR, 0x1f80);
  state.u8.fill(0, STATE.XMM, STATE.XMM + 128);
  for (const offset of [
    STATE.SYSENTER_CS,
    STATE.SYSENTER_ESP,
    STATE.SYSENTER_EIP,
    STATE.TSC_OFFSET,
    STATE.TSC_OFFSET + 4,
  ])
    state.set(offset, 0);
}
