/**
 * MOVS STOS LODS CMPS SCAS (Intel SDM volume 2). Where memory allows it, MOVS and STOS do runs of elements at once.
 */
import type { Core, DecodedOperands, Helper, LinearMemory } from '../helpers.ts';
import { GPR, SEGMENT, STATE } from '../layout.ts';
import { readAddress, writeAddress } from '../segmentation/access.ts';
import { type CpuState, EFLAGS } from '../state.ts';
import { repeat } from './repeat.ts';

/** Memory with direct access to runs of bytes, as the processor's own memory unit offers it. */
export interface RunMemory extends LinearMemory {
  hostOf(linear: number, write: boolean): number;
}

function readElement(core: Core, linear: number, width: 1 | 2 | 4): number {
  return width === 1
    ? core.memory.read8(linear)
    : width === 2
      ? core.memory.read16(linear)
      : core.memory.read32(linear);
}
function writeElement(core: Core, linear: number, width: 1 | 2 | 4, value: number): void {
  if (width === 1) core.memory.write8(linear, value);
  else if (width === 2) core.memory.write16(linear, value);
  else core.memory.write32(linear, value);
}

/** Index and count registers of the instruction's address size. */
class Pointers {
  readonly state: CpuState;
  readonly wide: boolean;
  readonly step: number;
  readonly mask: number;
  constructor(core: Core, op: DecodedOperands) {
    this.state = core.state;
    this.wide = op.addressSize === 4;
    this.mask = this.wide ? 0xffffffff : 0xffff;
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

/** Elements that fit from an offset to the end of its page and of the address size, going up. */
function runLength(offset: number, linear: number, width: number, p: Pointers): number {
  const inPage = 0x1000 - (linear & 0xfff);
  const inSegment = p.wide ? 0x100000000 - offset : 0x10000 - offset;
  return Math.floor(Math.min(inPage, inSegment) / width);
}

const movs: Helper = (core, op) => {
  const p = new Pointers(core, op);
  const { width } = op;
  const memory = core.memory as RunMemory;
  const { u8 } = core.state;
  const element = (): void => {
    const value = readElement(core, readAddress(core, op.segment, p.get(GPR.ESI), width), width);
    writeElement(core, writeAddress(core, SEGMENT.ES, p.get(GPR.EDI), width), width, value);
    p.add(GPR.ESI, p.step);
    p.add(GPR.EDI, p.step);
  };
  const run = (most: number): number => {
    if (p.step < 0 || most < 4) return 0;
    const from = p.get(GPR.ESI);
    const to = p.get(GPR.EDI);
    const source = readAddress(core, op.segment, from, width);
    const target = writeAddress(core, SEGMENT.ES, to, width);
    const n = Math.min(most, runLength(from, source, width, p), runLength(to, target, width, p));
    if (n < 4) return 0;
    readAddress(core, op.segment, from + (n - 1) * width, width);
    writeAddress(core, SEGMENT.ES, to + (n - 1) * width, width);
    const hostFrom = memory.hostOf(source, false);
    const hostTo = memory.hostOf(target, true);
    // An overlap that moves up must copy what it has just written, element by element.
    if (!hostFrom || !hostTo || (hostTo > hostFrom && hostTo < hostFrom + n * width)) return 0;
    u8.copyWithin(hostTo, hostFrom, hostFrom + n * width);
    p.add(GPR.ESI, n * width);
    p.add(GPR.EDI, n * width);
    return n;
  };
  return repeat(core, op, element, guarded(run));
};

/** A run that would break a segment limit is left to the elements, which fault exactly. */
function guarded(run: (most: number) => number): (most: number) => number {
  return (most) => {
    try {
      return run(most);
    } catch {
      return 0;
    }
  };
}

const stos: Helper = (core, op) => {
  const p = new Pointers(core, op);
  const { width } = op;
  const { state } = core;
  const memory = core.memory as RunMemory;
  const value = width === 1 ? state.reg8(0) : width === 2 ? state.reg16(0) : state.reg32(0);
  const element = (): void => {
    writeElement(core, writeAddress(core, SEGMENT.ES, p.get(GPR.EDI), width), width, value);
    p.add(GPR.EDI, p.step);
  };
  const run = (most: number): number => {
    if (p.step < 0 || most < 4) return 0;
    const to = p.get(GPR.EDI);
    const target = writeAddress(core, SEGMENT.ES, to, width);
    const n = Math.min(most, runLength(to, target, width, p));
    if (n < 4) return 0;
    writeAddress(core, SEGMENT.ES, to + (n - 1) * width, width);
    const host = memory.hostOf(target, true);
    if (!host) return 0;
    if (width === 1) state.u8.fill(value, host, host + n);
    else if (host % width === 0) (width === 2 ? state.u16 : state.u32).fill(value, host / width, host / width + n);
    else return 0;
    p.add(GPR.EDI, n * width);
    return n;
  };
  return repeat(core, op, element, guarded(run));
};

const lods: Helper = (core, op) => {
  const p = new Pointers(core, op);
  const { width } = op;
  const { state } = core;
  return repeat(core, op, () => {
    const value = readElement(core, readAddress(core, op.segment, p.get(GPR.ESI), width), width);
    if (width === 1) state.setReg8(0, value);
    else if (width === 2) state.setReg16(0, value);
    else state.setReg32(0, value);
    p.add(GPR.ESI, p.step);
  });
};

/** Status flags of a - b, as CMP sets them. */
function compareFlags(state: CpuState, a: number, b: number, width: 1 | 2 | 4): void {
  const bits = 8 * width;
  const r = (a - b) | 0;
  const extended = (r << (32 - bits)) >> (32 - bits);
  const borrows = (~a & b) | (~(a ^ b) & r);
  state.set(STATE.FLAG_RESULT, extended);
  state.set(STATE.FLAG_RESULT + 4, extended >> 31);
  state.set(STATE.FLAG_CARRY, width === 4 ? borrows : (borrows << (32 - bits)) | (borrows & 8));
}

/** REPE goes on while equal, REPNE while not. */
const continues = (core: Core, op: DecodedOperands) => (): boolean =>
  (core.state.get(STATE.FLAG_RESULT) === 0) === (op.rep === 0xf3);

const cmps: Helper = (core, op) => {
  const p = new Pointers(core, op);
  const { width } = op;
  const element = (): void => {
    const a = readElement(core, readAddress(core, op.segment, p.get(GPR.ESI), width), width);
    const b = readElement(core, readAddress(core, SEGMENT.ES, p.get(GPR.EDI), width), width);
    compareFlags(core.state, a, b, width);
    p.add(GPR.ESI, p.step);
    p.add(GPR.EDI, p.step);
  };
  return repeat(core, op, element, undefined, continues(core, op));
};

const scas: Helper = (core, op) => {
  const p = new Pointers(core, op);
  const { width } = op;
  const { state } = core;
  const a = width === 1 ? state.reg8(0) : width === 2 ? state.reg16(0) : state.reg32(0);
  const element = (): void => {
    const b = readElement(core, readAddress(core, SEGMENT.ES, p.get(GPR.EDI), width), width);
    compareFlags(state, a, b, width);
    p.add(GPR.EDI, p.step);
  };
  return repeat(core, op, element, undefined, continues(core, op));
};

export const stringHelpers: Record<string, Helper> = { movs, stos, lods, cmps, scas };
