/** Runs of string elements: as many as lie in one page, done at once on linear memory. */
import type { Core, DecodedOperands, LinearMemory } from '../helpers.ts';
import { STATE } from '../layout.ts';
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
  count: number;
  host: number;
}

/**
 * Elements from `offset` of a segment on, in the direction of the step, that lie whole in one page, inside the segment and the address
 * size, and can be accessed without side effects. Count 0: the element itself has to find out why.
 */
export function findRun(core: Core, p: Pointers, segment: number, offset: number, most: number, write: boolean): Run {
  const { state } = core;
  const { width, step } = p;
  const slot = segment << 2;
  const lo = state.getU((write ? STATE.SEGMENT_WRITE_LO : STATE.SEGMENT_READ_LO) + slot);
  const hi = state.getU((write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI) + slot);
  const base = state.segmentBase(segment);
  const inPage = (base + offset) & 0xfff;
  if (inPage + width > 0x1000) return { count: 0, host: 0 };
  const room =
    step > 0 ? Math.min(0x1000 - inPage, (p.wide ? 0x100000000 : 0x10000) - offset) : Math.min(inPage, offset) + width;
  const count = Math.min(most, Math.floor(room / width));
  const low = step > 0 ? offset : offset - (count - 1) * width;
  if (count < 2 || !inRange(low, count * width, lo, hi)) return { count: 0, host: 0 };
  const host = (core.memory as RunMemory).hostOf((base + low) >>> 0, write);
  return { count: host ? count : 0, host };
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

/** Copies elements in the order of the step: an overlap in its direction repeats what was just written. */
export function copyRun(state: CpuState, to: number, from: number, count: number, p: Pointers): void {
  const { width, step } = p;
  const bytes = count * width;
  const repeats = step > 0 ? to > from && to < from + bytes : to < from && to + bytes > from;
  if (!repeats) {
    state.u8.copyWithin(to, from, from + bytes);
    return;
  }
  const first = step > 0 ? 0 : bytes - width;
  for (let i = 0, at = first; i < count; i++, at += step)
    writeHost(state, to + at, width, readHost(state, from + at, width));
}

export function fillRun(state: CpuState, to: number, count: number, width: 1 | 2 | 4, value: number): void {
  if (width === 1) state.u8.fill(value, to, to + count);
  else if (to % width === 0) (width === 2 ? state.u16 : state.u32).fill(value, to / width, to / width + count);
  else for (let i = 0; i < count; i++) writeHost(state, to + i * width, width, value);
}

/** Element number `i` of a run, in the order of the step. */
export function elementOf(state: CpuState, run: Run, count: number, i: number, p: Pointers): number {
  return readHost(state, run.host + (p.step > 0 ? i : count - 1 - i) * p.width, p.width);
}
