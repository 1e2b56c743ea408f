/** Runs of string elements: as many as can be accessed without side effects, done at once on linear memory. */
import type { Core, DecodedOperands, LinearMemory } from '../helpers.ts';
import { PAGE_SIZE, STATE } from '../layout.ts';
import { inRange } from '../segmentation/access.ts';
import { type CpuState, EFLAGS } from '../state.ts';

/** Memory with direct access to runs of bytes, as the processor's own memory unit offers it. */
export interface RunMemory extends LinearMemory {
  hostOf(linear: number, write: boolean): number;
}

/** Index registers of the instruction's address size, and the step that DF and the width give. */
export class Pointers {
  readonly state: CpuState;
  readonly wide: boolean;
  readonly width: 1 | 2 | 4;
  readonly step: number;
  constructor(core: Core, op: DecodedOperands) {
    this.state = core.state;
    this.wide = op.addressSize === 4;
    this.width = op.width;
    this.step = this.state.get(STATE.EFLAGS) & EFLAGS.DF ? -op.width : op.width;
  }
  get(n: number): number {
    return this.wide ? this.state.reg32(n) : this.state.reg16(n);
  }
  add(n: number, delta: number): void {
    if (this.wide) this.state.setReg32(n, this.state.reg32(n) + delta);
    else this.state.setReg16(n, this.state.reg16(n) + delta);
  }
}

/** A run found by `findRun`: how many elements, and where in linear memory the one with the lowest address is. */
export interface Run {
  readonly count: number;
  readonly host: number;
}
const NO_RUN: Run = { count: 0, host: 0 };

/**
 * Elements from `offset` of a segment on, in the direction of the step, that lie whole in pages which follow each other in linear memory
 * (one page going down), inside the segment and the address size, and can be accessed without side effects. Count 0: the
 * element itself has to find out why. `most` may be negative.
 */
export function findRun(core: Core, p: Pointers, segment: number, offset: number, most: number, write: boolean): Run {
  const { state } = core;
  const { width, step } = p;
  const memory = core.memory as RunMemory;
  const slot = segment << 2;
  const lo = state.getU((write ? STATE.SEGMENT_WRITE_LO : STATE.SEGMENT_READ_LO) + slot);
  const hi = state.getU((write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI) + slot);
  const linear = (state.segmentBase(segment) + offset) >>> 0;
  const inPage = linear & (PAGE_SIZE - 1);
  const shift = width >> 1;
  if (inPage + width > PAGE_SIZE) return NO_RUN;
  if (step < 0) {
    const count = Math.min(most, ((Math.min(inPage, offset) / width) | 0) + 1);
    const low = offset - ((count - 1) << shift);
    if (count < 2 || !inRange(low, count << shift, lo, hi)) return NO_RUN;
    const host = memory.hostOf((linear - ((count - 1) << shift)) >>> 0, write);
    return host ? { count, host } : NO_RUN;
  }
  const host = memory.hostOf(linear, write);
  if (!host) return NO_RUN;
  const wanted = Math.min(most << shift, (p.wide ? 0x1_0000_0000 : 0x1_0000) - offset, 0x1_0000_0000 - linear);
  let room = PAGE_SIZE - inPage;
  // Only elements that do not straddle the pages' border lead on.
  if ((room & (width - 1)) === 0)
    while (room < wanted && memory.hostOf(linear + room, write) === host + room) room += PAGE_SIZE;
  const count = Math.min(wanted, room) >> shift;
  return count < 2 || !inRange(offset, count << shift, lo, hi) ? NO_RUN : { count, host };
}

function readHost(state: CpuState, host: number, width: 1 | 2 | 4): number {
  if (width === 1) return state.u8[host]!;
  return width === 2 ? state.view.getUint16(host, true) : state.view.getUint32(host, true);
}
function writeHost(state: CpuState, host: number, width: 1 | 2 | 4, value: number): void {
  if (width === 1) state.u8[host] = value;
  else if (width === 2) state.view.setUint16(host, value, true);
  else state.view.setUint32(host, value, true);
}

/** Copies and fills up to this many elements cost less as a loop than as a call of the host. */
const FEW = 12;

/** Copies elements in the order of the step: an overlap in its direction repeats what was just written. */
export function copyRun(state: CpuState, to: number, from: number, count: number, p: Pointers): void {
  const { width, step } = p;
  const bytes = count * width;
  const repeats = step > 0 ? to > from && to < from + bytes : to < from && to + bytes > from;
  if (!repeats && count > FEW) {
    state.u8.copyWithin(to, from, from + bytes);
    return;
  }
  // Without an overlap in its direction the order of the step is right, too.
  const first = step > 0 ? 0 : bytes - width;
  for (let i = 0, at = first; i < count; i++, at += step)
    writeHost(state, to + at, width, readHost(state, from + at, width));
}

export function fillRun(state: CpuState, to: number, count: number, width: 1 | 2 | 4, value: number): void {
  if (count <= FEW || to & (width - 1)) for (let i = 0; i < count; i++) writeHost(state, to + i * width, width, value);
  else if (width === 1) state.u8.fill(value, to, to + count);
  else (width === 2 ? state.u16 : state.u32).fill(value, to / width, to / width + count);
}

/** Element number `i` of a run, in the order of the step. */
export function elementOf(state: CpuState, run: Run, count: number, i: number, p: Pointers): number {
  return readHost(state, run.host + (p.step > 0 ? i : count - 1 - i) * p.width, p.width);
}

/** A search that may end within this many bytes is not worth a call of the host. */
const NEAR = 32;

/**
 * Number of elements at the beginning of a run, going up, that are equal (`equal`) or different to `value`; `count` if all are.
 */
export function countLike(
  state: CpuState,
  run: Run,
  count: number,
  width: 1 | 2 | 4,
  value: number,
  equal: boolean,
): number {
  const { host } = run;
  let i = 0;
  if (width === 1) {
    const { u8 } = state;
    if (equal) while (i < count && u8[host + i] === value) i++;
    else {
      const near = Math.min(count, NEAR);
      while (i < near && u8[host + i] !== value) i++;
      if (i < NEAR || i === count) return i;
      const found = u8.subarray(host + i, host + count).indexOf(value);
      i = found < 0 ? count : i + found;
    }
  } else while (i < count && (readHost(state, host + i * width, width) === value) === equal) i++;
  return i;
}

/** Number of elements at the beginning of two runs, going up, that are equal in both (`equal`) or differ. */
export function countAlike(state: CpuState, a: Run, b: Run, count: number, width: 1 | 2 | 4, equal: boolean): number {
  const { view } = state;
  let i = 0;
  if (equal) {
    // By doublewords first.
    const words = (count * width) >> 2;
    let n = 0;
    while (n < words && view.getInt32(a.host + 4 * n, true) === view.getInt32(b.host + 4 * n, true)) n++;
    i = ((4 * n) / width) | 0;
  }
  while (
    i < count &&
    (readHost(state, a.host + i * width, width) === readHost(state, b.host + i * width, width)) === equal
  )
    i++;
  return i;
}
