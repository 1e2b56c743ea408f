/**
 * Loading of segment registers (Intel SDM volume 3, sections 3.4.2-3.4.4, 5.5, 5.6, 20.1): checks, and the hidden parts
 * with the ranges of valid offsets derived from them.
 */
import type { Core } from '../helpers.ts';
import { SEGMENT, STATE } from '../layout.ts';
import { CpuFault, VECTOR } from '../state.ts';
import {
  ATTRIBUTE,
  type Descriptor,
  fetchDescriptor,
  isConforming,
  isNull,
  isReadable,
  isWritableData,
  markAccessed,
  selectorError,
} from './descriptor.ts';

/** What a segment register caches of a descriptor. `limit` in bytes; `attributes` as in STATE.SEGMENT_ATTRIBUTES. */
export interface SegmentCache {
  readonly base: number;
  readonly limit: number;
  readonly attributes: number;
}

/** Attributes of a segment loaded in real mode: present, writable, accessed data. */
const REAL_ACCESS = 0x93;
/** In V86 mode the same with DPL 3. */
const V86_ACCESS = 0xf3;

/** An empty range: no offset is at least LO and at most HI. */
const EMPTY_LO = 0xffffffff;
const EMPTY_HI = 0;

/** Valid offsets of a segment: inclusive bounds, unsigned; empty when lo > hi. */
export function offsetRange(segment: SegmentCache): { lo: number; hi: number } {
  const { attributes, limit } = segment;
  const expandDown = (attributes & (ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN)) === ATTRIBUTE.EXPAND_DOWN;
  if (!expandDown) return { lo: 0, hi: limit };
  const hi = attributes & ATTRIBUTE.BIG ? 0xffffffff : 0xffff;
  return limit >= hi ? { lo: EMPTY_LO, hi: EMPTY_HI } : { lo: limit + 1, hi };
}

/** Fills the state of segment register `n` without telling the core; the caller ends with `core.modeChanged()`. */
export function writeSegment(core: Core, n: number, selector: number, segment: SegmentCache): void {
  const { state } = core;
  const slot = n << 2;
  const { attributes } = segment;
  state.set(STATE.SEGMENT_SELECTOR + slot, selector & 0xffff);
  state.set(STATE.SEGMENT_BASE + slot, segment.base);
  state.set(STATE.SEGMENT_LIMIT + slot, segment.limit);
  state.set(STATE.SEGMENT_ATTRIBUTES + slot, attributes);
  const usable = ATTRIBUTE.PRESENT | ATTRIBUTE.SEGMENT;
  const { lo, hi } = offsetRange(segment);
  const code = (attributes & ATTRIBUTE.CODE) !== 0;
  const readWrite = (attributes & ATTRIBUTE.READ_WRITE) !== 0;
  const present = (attributes & usable) === usable;
  const readable = present && (!code || readWrite);
  const writable = present && !code && readWrite;
  state.set(STATE.SEGMENT_READ_LO + slot, readable ? lo : EMPTY_LO);
  state.set(STATE.SEGMENT_READ_HI + slot, readable ? hi : EMPTY_HI);
  state.set(STATE.SEGMENT_WRITE_LO + slot, writable ? lo : EMPTY_LO);
  state.set(STATE.SEGMENT_WRITE_HI + slot, writable ? hi : EMPTY_HI);
}

/** Loads segment register `n` with a descriptor's contents; no checks. */
export function setSegment(core: Core, n: number, selector: number, descriptor: SegmentCache): void {
  writeSegment(core, n, selector, descriptor);
  core.modeChanged();
}

/** A descriptor's cache with the accessed bit that loading sets. */
export function accessedCache(descriptor: Descriptor): SegmentCache {
  return {
    base: descriptor.base,
    limit: descriptor.limit,
    attributes: descriptor.attributes | ATTRIBUTE.ACCESSED,
  };
}

/** A null selector in a data segment register: any access through it raises #GP(0). */
export function writeNullSegment(core: Core, n: number, selector: number): void {
  writeSegment(core, n, selector, { base: 0, limit: 0, attributes: 0 });
}

/**
 * Real mode: the base follows the selector; limit, granularity and size stay what they were ("unreal" mode). A
 * register that protected mode left unusable gets the limit of 64 KiB back.
 */
export function writeRealSegment(core: Core, n: number, selector: number): void {
  const { state } = core;
  const attributes = state.segmentAttributes(n);
  const kept = (attributes & ATTRIBUTE.PRESENT) !== 0;
  writeSegment(core, n, selector, {
    base: (selector & 0xffff) << 4,
    limit: kept ? state.segmentLimit(n) : 0xffff,
    attributes: (kept ? attributes & 0xf000 : 0) | REAL_ACCESS,
  });
}

export function writeV86Segment(core: Core, n: number, selector: number): void {
  writeSegment(core, n, selector, { base: (selector & 0xffff) << 4, limit: 0xffff, attributes: V86_ACCESS });
}

/** True in real and V86 mode, where selectors are paragraph numbers. */
export function paragraphMode(core: Core): boolean {
  return !core.state.protectedMode || core.state.virtual8086;
}

/** Loads a segment register in real or V86 mode. */
export function writeParagraphSegment(core: Core, n: number, selector: number): void {
  if (core.state.protectedMode) writeV86Segment(core, n, selector);
  else writeRealSegment(core, n, selector);
}

/** How to judge a selector for SS. */
export interface StackSegmentRule {
  /** Raised for a bad selector: #GP, or #TS when it comes out of a TSS. */
  readonly vector: number;
  /** EXT bit of error codes. */
  readonly ext: number;
  /** Privilege level the stack is for. */
  readonly cpl: number;
}

/**
 * Checks a selector for SS at privilege `cpl` (SDM volume 3, sections 5.7 and 6.12.1).
 * @throws CpuFault `rule.vector`, or #SS when the segment is not present
 */
export function checkStackSegment(core: Core, selector: number, rule: StackSegmentRule): Descriptor {
  const { vector, ext, cpl } = rule;
  if (isNull(selector)) throw new CpuFault(vector, ext);
  const descriptor = fetchDescriptor(core, selector, vector, ext);
  if ((selector & 3) !== cpl || descriptor.dpl !== cpl || !isWritableData(descriptor)) {
    throw new CpuFault(vector, selectorError(selector, ext));
  }
  if (!descriptor.present) throw new CpuFault(VECTOR.SS, selectorError(selector, ext));
  return descriptor;
}

/**
 * Checks a non-null selector for DS, ES, FS or GS at privilege `cpl`.
 * @throws CpuFault `vector`, or #NP when the segment is not present
 */
export function checkDataSegment(core: Core, selector: number, vector: number, cpl: number, ext = 0): Descriptor {
  const descriptor = fetchDescriptor(core, selector, vector, ext);
  const privilege = Math.max(cpl, selector & 3);
  if (!isReadable(descriptor) || (!isConforming(descriptor) && privilege > descriptor.dpl)) {
    throw new CpuFault(vector, selectorError(selector, ext));
  }
  if (!descriptor.present) throw new CpuFault(VECTOR.NP, selectorError(selector, ext));
  return descriptor;
}

/**
 * MOV, POP and L*S to a segment register other than CS, in whatever mode the processor is.
 * @throws CpuFault #GP, #SS, #NP, #PF; nothing has changed then
 */
export function loadSegment(core: Core, n: number, selector: number): void {
  const { state } = core;
  if (paragraphMode(core)) {
    writeParagraphSegment(core, n, selector);
  } else if (n === SEGMENT.SS) {
    const descriptor = checkStackSegment(core, selector, { vector: VECTOR.GP, ext: 0, cpl: state.cpl });
    markAccessed(core, descriptor);
    writeSegment(core, n, selector, accessedCache(descriptor));
  } else if (isNull(selector)) {
    writeNullSegment(core, n, selector);
  } else {
    const descriptor = checkDataSegment(core, selector, VECTOR.GP, state.cpl);
    markAccessed(core, descriptor);
    writeSegment(core, n, selector, accessedCache(descriptor));
  }
  // Nothing that is decoded or compiled depends on FS and GS.
  if (n !== SEGMENT.FS && n !== SEGMENT.GS) core.modeChanged();
}

/** Returning to an outer privilege level empties data segment registers that the outer level may not use. */
export function dropPrivilegedSegments(core: Core, cpl: number): void {
  const { state } = core;
  for (const n of [SEGMENT.ES, SEGMENT.DS, SEGMENT.FS, SEGMENT.GS]) {
    const attributes = state.segmentAttributes(n);
    const conforming = (attributes & (ATTRIBUTE.CODE | ATTRIBUTE.EXPAND_DOWN)) === 0x0c;
    if (!conforming && (attributes & ATTRIBUTE.DPL) >> 5 < cpl) writeNullSegment(core, n, 0);
  }
}
