/** LGDT, LIDT, SGDT, SIDT, LLDT, SLDT, LTR, STR, LAR, LSL, VERR, VERW, ARPL (Intel SDM volume 2; volume 3, section 5.10). */
import type { Core, DecodedOperands, Helper } from '../helpers.ts';
import { writeAddress } from '../segmentation/access.ts';
import { STATE } from '../layout.ts';
import {
  type Descriptor,
  fetchDescriptor,
  findDescriptor,
  isAvailableTss,
  isConforming,
  isNull,
  isReadable,
  isWritableData,
  selectorError,
  SYSTEM_TYPE,
} from '../segmentation/descriptor.ts';
import { paragraphMode } from '../segmentation/segment.ts';
import { CpuFault, EFLAGS, VECTOR } from '../state.ts';
import { requireRing0, writeGpr } from './resume.ts';

const TSS_BUSY_BIT = 2;

/** System types LAR accepts: TSSs, LDTs, call and task gates. */
const LAR_TYPES: ReadonlySet<number> = new Set([
  SYSTEM_TYPE.TSS16_AVAILABLE,
  SYSTEM_TYPE.LDT,
  SYSTEM_TYPE.TSS16_BUSY,
  SYSTEM_TYPE.CALL_GATE16,
  SYSTEM_TYPE.TASK_GATE,
  SYSTEM_TYPE.TSS32_AVAILABLE,
  SYSTEM_TYPE.TSS32_BUSY,
  SYSTEM_TYPE.CALL_GATE32,
]);
/** System types that have a limit. */
const LSL_TYPES: ReadonlySet<number> = new Set([
  SYSTEM_TYPE.TSS16_AVAILABLE,
  SYSTEM_TYPE.LDT,
  SYSTEM_TYPE.TSS16_BUSY,
  SYSTEM_TYPE.TSS32_AVAILABLE,
  SYSTEM_TYPE.TSS32_BUSY,
]);

function requireMemory(op: DecodedOperands): void {
  if (!op.isMemory) throw new CpuFault(VECTOR.UD, undefined);
}
/** These instructions do not exist in real and V86 mode. */
function requireProtected(core: Core): void {
  if (paragraphMode(core)) throw new CpuFault(VECTOR.UD, undefined);
}

/** The 16-bit r/m operand. */
function readSelector(core: Core, op: DecodedOperands): number {
  return op.isMemory ? core.memory.read16(op.address) : core.state.reg16(op.rm);
}
/** A 16-bit result: memory takes 16 bits, a register its operand size. */
export function storeWord(core: Core, op: DecodedOperands, value: number): void {
  if (op.isMemory) core.memory.write16(op.address, value & 0xffff);
  else writeGpr(core, op.rm, op.operandSize, value);
}

const loadTable =
  (base: number, limit: number): Helper =>
  (core, op) => {
    requireMemory(op);
    requireRing0(core);
    const size = core.memory.read16(op.address);
    const start = core.memory.read32((op.address + 2) >>> 0);
    core.state.set(limit, size);
    core.state.set(base, op.operandSize === 4 ? start : start & 0xffffff);
  };

const storeTable =
  (base: number, limit: number): Helper =>
  (core, op) => {
    requireMemory(op);
    const { state, memory } = core;
    memory.probeWrite(op.address, 2);
    memory.probeWrite((op.address + 2) >>> 0, 4);
    memory.write16(op.address, state.get(limit) & 0xffff);
    memory.write32((op.address + 2) >>> 0, state.getU(base) & (op.operandSize === 4 ? -1 : 0xffffff));
  };

const lldt: Helper = (core, op) => {
  const { state } = core;
  requireProtected(core);
  requireRing0(core);
  const selector = readSelector(core, op);
  if (isNull(selector)) {
    state.set(STATE.LDTR_SELECTOR, selector);
    state.set(STATE.LDTR_BASE, 0);
    state.set(STATE.LDTR_LIMIT, 0);
    state.set(STATE.LDTR_ATTRIBUTES, 0);
    return;
  }
  const invalid = new CpuFault(VECTOR.GP, selectorError(selector));
  if ((selector & 4) !== 0) throw invalid;
  const descriptor = fetchDescriptor(core, selector, VECTOR.GP);
  if (descriptor.type !== SYSTEM_TYPE.LDT) throw invalid;
  if (!descriptor.present) throw new CpuFault(VECTOR.NP, selectorError(selector));
  state.set(STATE.LDTR_SELECTOR, selector);
  state.set(STATE.LDTR_BASE, descriptor.base);
  state.set(STATE.LDTR_LIMIT, descriptor.limit);
  state.set(STATE.LDTR_ATTRIBUTES, descriptor.attributes);
};

const ltr: Helper = (core, op) => {
  const { state } = core;
  requireProtected(core);
  requireRing0(core);
  const selector = readSelector(core, op);
  if (isNull(selector)) throw new CpuFault(VECTOR.GP, 0);
  const invalid = new CpuFault(VECTOR.GP, selectorError(selector));
  if ((selector & 4) !== 0) throw invalid;
  const descriptor = fetchDescriptor(core, selector, VECTOR.GP);
  if (!isAvailableTss(descriptor)) throw invalid;
  if (!descriptor.present) throw new CpuFault(VECTOR.NP, selectorError(selector));
  core.memory.writeSystem8((descriptor.address + 5) >>> 0, ((descriptor.high >>> 8) & 0xff) | TSS_BUSY_BIT);
  state.set(STATE.TR_SELECTOR, selector);
  state.set(STATE.TR_BASE, descriptor.base);
  state.set(STATE.TR_LIMIT, descriptor.limit);
  state.set(STATE.TR_ATTRIBUTES, descriptor.attributes | TSS_BUSY_BIT);
};

/** The descriptor behind a selector if the program may look at it: LAR, LSL, VERR and VERW report through ZF alone. */
function visible(core: Core, selector: number): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const descriptor = findDescriptor(core, selector);
  if (descriptor === undefined || isConforming(descriptor)) return descriptor;
  return descriptor.dpl < core.state.cpl || descriptor.dpl < (selector & 3) ? undefined : descriptor;
}

function setZero(core: Core, value: boolean): void {
  core.state.updateStatusFlags(EFLAGS.ZF, value ? EFLAGS.ZF : 0);
}

/** LAR and LSL: `value` of the descriptor, for all segments and the system types given. */
const inspect =
  (types: ReadonlySet<number>, value: (descriptor: Descriptor) => number): Helper =>
  (core, op) => {
    requireProtected(core);
    const descriptor = visible(core, readSelector(core, op));
    const valid = descriptor !== undefined && (descriptor.type >= 16 || types.has(descriptor.type));
    if (valid) writeGpr(core, op.reg, op.operandSize, value(descriptor));
    setZero(core, valid);
  };

const verify =
  (test: (descriptor: Descriptor) => boolean): Helper =>
  (core, op) => {
    requireProtected(core);
    const descriptor = visible(core, readSelector(core, op));
    setZero(core, descriptor !== undefined && test(descriptor));
  };

const arpl: Helper = (core, op) => {
  const { state, memory } = core;
  requireProtected(core);
  const selector = readSelector(core, op);
  const rpl = state.reg16(op.reg) & 3;
  const raise = (selector & 3) < rpl;
  if (raise) {
    const adjusted = (selector & ~3) | rpl;
    if (op.isMemory) {
      const offset = (op.address - state.segmentBase(op.segment)) >>> 0;
      memory.write16(writeAddress(core, op.segment, offset, 2), adjusted);
    } else state.setReg16(op.rm, adjusted);
  }
  setZero(core, raise);
};

const storeSystemSelector =
  (offset: number): Helper =>
  (core, op) => {
    requireProtected(core);
    storeWord(core, op, core.state.get(offset) & 0xffff);
  };

export const descriptorTableHelpers: Record<string, Helper> = {
  lgdt: loadTable(STATE.GDTR_BASE, STATE.GDTR_LIMIT),
  lidt: loadTable(STATE.IDTR_BASE, STATE.IDTR_LIMIT),
  sgdt: storeTable(STATE.GDTR_BASE, STATE.GDTR_LIMIT),
  sidt: storeTable(STATE.IDTR_BASE, STATE.IDTR_LIMIT),
  lldt,
  ltr,
  sldt: storeSystemSelector(STATE.LDTR_SELECTOR),
  str: storeSystemSelector(STATE.TR_SELECTOR),
  lar: inspect(LAR_TYPES, (descriptor) => descriptor.high & 0x00f0ff00),
  lsl: inspect(LSL_TYPES, (descriptor) => descriptor.limit),
  verr: verify(isReadable),
  verw: verify(isWritableData),
  arpl,
};
