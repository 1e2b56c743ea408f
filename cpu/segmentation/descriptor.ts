/**
 * Segment and system descriptors (Intel SDM volume 3, sections 3.4.5, 3.5 and 5.8.3): reading them from GDT and LDT.
 */
import type { Core } from '../helpers.ts';
import { STATE } from '../layout.ts';
import { CpuFault } from '../state.ts';

/** System descriptor types (S = 0). */
export const SYSTEM_TYPE = {
  TSS16_AVAILABLE: 1,
  LDT: 2,
  TSS16_BUSY: 3,
  CALL_GATE16: 4,
  TASK_GATE: 5,
  INTERRUPT_GATE16: 6,
  TRAP_GATE16: 7,
  TSS32_AVAILABLE: 9,
  TSS32_BUSY: 11,
  CALL_GATE32: 12,
  INTERRUPT_GATE32: 14,
  TRAP_GATE32: 15,
} as const;

/** Attribute bits of a cached segment: the access byte in bits 0-7, AVL, L, D/B and G in bits 12-15. */
export const ATTRIBUTE = {
  ACCESSED: 0x01,
  /** Data: writable. Code: readable. */
  READ_WRITE: 0x02,
  /** Data: expand-down. Code: conforming. */
  EXPAND_DOWN: 0x04,
  CODE: 0x08,
  /** Code or data segment, not a system one. */
  SEGMENT: 0x10,
  DPL: 0x60,
  PRESENT: 0x80,
  /** D of a code segment, B of a stack segment. */
  BIG: 0x4000,
  GRANULARITY: 0x8000,
} as const;

/** A descriptor as read from its table. */
export interface Descriptor {
  readonly selector: number;
  /** Linear address of the descriptor. */
  readonly address: number;
  /** The two halves, unsigned. */
  readonly low: number;
  readonly high: number;
  /** S and type: 0-15 system types, 16-31 data and code. */
  readonly type: number;
  readonly dpl: number;
  readonly present: boolean;
  readonly base: number;
  /** In bytes, granularity applied, unsigned. */
  readonly limit: number;
  readonly attributes: number;
}

/** Interprets the two halves of a descriptor. */
export function parseDescriptor(selector: number, address: number, low: number, high: number): Descriptor {
  const rawLimit = (low & 0xffff) | (high & 0xf0000);
  return {
    selector,
    address: address >>> 0,
    low: low >>> 0,
    high: high >>> 0,
    type: (high >>> 8) & 0x1f,
    dpl: (high >>> 13) & 3,
    present: (high & 0x8000) !== 0,
    base: ((low >>> 16) | ((high & 0xff) << 16) | (high & 0xff000000)) >>> 0,
    limit: high & 0x800000 ? ((rawLimit << 12) | 0xfff) >>> 0 : rawLimit,
    attributes: ((high >>> 8) & 0xff) | ((high >>> 8) & 0xf000),
  };
}

export function isNull(selector: number): boolean {
  return (selector & 0xfffc) === 0;
}

/** Error code that names a selector; `ext` is 1 when the event is external to the program. */
export function selectorError(selector: number, ext = 0): number {
  return (selector & 0xfffc) | ext;
}

/** The descriptor a selector names, or undefined when it lies outside its table. The null selector is not treated specially. */
export function findDescriptor(core: Core, selector: number): Descriptor | undefined {
  const { state } = core;
  const local = (selector & 4) !== 0;
  if (local && isNull(state.get(STATE.LDTR_SELECTOR))) return undefined;
  const limit = state.getU(local ? STATE.LDTR_LIMIT : STATE.GDTR_LIMIT);
  const offset = selector & 0xfff8;
  if (offset + 7 > limit) return undefined;
  const address = (state.get(local ? STATE.LDTR_BASE : STATE.GDTR_BASE) + offset) >>> 0;
  const low = core.memory.readSystem32(address);
  const high = core.memory.readSystem32((address + 4) >>> 0);
  return parseDescriptor(selector & 0xffff, address, low, high);
}

/** As `findDescriptor`; a selector outside its table raises `vector` with the selector as error code. */
export function fetchDescriptor(core: Core, selector: number, vector: number, ext = 0): Descriptor {
  const descriptor = findDescriptor(core, selector);
  if (descriptor === undefined) throw new CpuFault(vector, selectorError(selector, ext));
  return descriptor;
}

export function isCode(descriptor: Descriptor): boolean {
  return (descriptor.type & 0x18) === 0x18;
}
export function isConforming(descriptor: Descriptor): boolean {
  return (descriptor.type & 0x1c) === 0x1c;
}
export function isWritableData(descriptor: Descriptor): boolean {
  return (descriptor.type & 0x1a) === 0x12;
}
/** Data segments and readable code segments. */
export function isReadable(descriptor: Descriptor): boolean {
  return (descriptor.type & 0x18) === 0x10 || (descriptor.type & 0x1a) === 0x1a;
}
/** 16- or 32-bit TSS that may be switched to by anything but IRET. */
export function isAvailableTss(descriptor: Descriptor): boolean {
  return descriptor.type === SYSTEM_TYPE.TSS16_AVAILABLE || descriptor.type === SYSTEM_TYPE.TSS32_AVAILABLE;
}
export function isBusyTss(descriptor: Descriptor): boolean {
  return descriptor.type === SYSTEM_TYPE.TSS16_BUSY || descriptor.type === SYSTEM_TYPE.TSS32_BUSY;
}

/** Sets the accessed bit in the table, as loading a segment register does. May raise #PF; so it precedes every commit. */
export function markAccessed(core: Core, descriptor: Descriptor): void {
  if ((descriptor.type & 0x11) !== 0x10) return;
  core.memory.writeSystem8((descriptor.address + 5) >>> 0, ((descriptor.high >>> 8) & 0xff) | ATTRIBUTE.ACCESSED);
}

/** Call, interrupt and trap gates: where they lead. */
export interface GateTarget {
  readonly selector: number;
  readonly offset: number;
  /** 32-bit gate (types 12, 14, 15). */
  readonly wide: boolean;
  /** Parameters a call gate copies, in units of its size. */
  readonly parameters: number;
}
export function gateTarget(gate: { readonly low: number; readonly high: number }): GateTarget {
  const wide = (gate.high & 0x800) !== 0;
  return {
    selector: gate.low >>> 16,
    offset: wide ? ((gate.low & 0xffff) | (gate.high & 0xffff0000)) >>> 0 : gate.low & 0xffff,
    wide,
    parameters: gate.high & 0x1f,
  };
}
