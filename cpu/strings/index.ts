/**
 * MOVS STOS LODS CMPS SCAS (Intel SDM volume 2). Where memory allows it, all but LODS do runs of elements at once.
 */
import type { Core, DecodedOperands, Helper } from '../helpers.ts';
import { GPR, SEGMENT, STATE } from '../layout.ts';
import { readAddress, writeAddress } from '../segmentation/access.ts';
import type { CpuState } from '../state.ts';
import { repeat } from './repeat.ts';
import { copyRun, elementOf, fillRun, findRun, Pointers } from './runs.ts';

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

const movs: Helper = (core, op) => {
  const p = new Pointers(core, op);
  const { width, segment } = op;
  const element = (): void => {
    const value = readElement(core, readAddress(core, segment, p.get(GPR.ESI), width), width);
    writeElement(core, writeAddress(core, SEGMENT.ES, p.get(GPR.EDI), width), width, value);
    p.add(GPR.ESI, p.step);
    p.add(GPR.EDI, p.step);
  };
  if (op.rep === 0) return element();
  const run = (most: number): number => {
    const target = findRun(core, p, SEGMENT.ES, p.get(GPR.EDI), most, true);
    if (target.count === 0) return 0;
    const source = findRun(core, p, segment, p.get(GPR.ESI), target.count, false);
    const n = source.count;
    if (n === 0) return 0;
    // Going down, the shorter run ends at the same first element, further up.
    const to = p.step > 0 ? target.host : target.host + (target.count - n) * width;
    copyRun(core.state, to, source.host, n, p);
    p.add(GPR.ESI, n * p.step);
    p.add(GPR.EDI, n * p.step);
    return n;
  };
  return repeat(core, op, element, run);
};

const stos: Helper = (core, op) => {
  const p = new Pointers(core, op);
  const { width } = op;
  const { state } = core;
  const value = width === 1 ? state.reg8(0) : width === 2 ? state.reg16(0) : state.reg32(0);
  const element = (): void => {
    writeElement(core, writeAddress(core, SEGMENT.ES, p.get(GPR.EDI), width), width, value);
    p.add(GPR.EDI, p.step);
  };
  if (op.rep === 0) return element();
  const run = (most: number): number => {
    const { count, host } = findRun(core, p, SEGMENT.ES, p.get(GPR.EDI), most, true);
    if (count === 0) return 0;
    fillRun(state, host, count, width, value);
    p.add(GPR.EDI, count * p.step);
    return count;
  };
  return repeat(core, op, element, run);
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
  const { width, segment } = op;
  const { state } = core;
  const element = (): void => {
    const a = readElement(core, readAddress(core, segment, p.get(GPR.ESI), width), width);
    const b = readElement(core, readAddress(core, SEGMENT.ES, p.get(GPR.EDI), width), width);
    compareFlags(state, a, b, width);
    p.add(GPR.ESI, p.step);
    p.add(GPR.EDI, p.step);
  };
  if (op.rep === 0) return element();
  const run = (most: number): number => {
    const first = findRun(core, p, segment, p.get(GPR.ESI), most, false);
    const second = findRun(core, p, SEGMENT.ES, p.get(GPR.EDI), most, false);
    const n = Math.min(first.count, second.count);
    if (n === 0) return 0;
    let i = 0;
    let a: number;
    let b: number;
    do {
      a = elementOf(state, first, first.count, i, p);
      b = elementOf(state, second, second.count, i, p);
      i++;
    } while (i < n && (a === b) === (op.rep === 0xf3));
    compareFlags(state, a, b, width);
    p.add(GPR.ESI, i * p.step);
    p.add(GPR.EDI, i * p.step);
    return i;
  };
  return repeat(core, op, element, run, continues(core, op));
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
  if (op.rep === 0) return element();
  const run = (most: number): number => {
    const found = findRun(core, p, SEGMENT.ES, p.get(GPR.EDI), most, false);
    if (found.count === 0) return 0;
    let i = 0;
    let b: number;
    do b = elementOf(state, found, found.count, i++, p);
    while (i < found.count && (a === b) === (op.rep === 0xf3));
    compareFlags(state, a, b, width);
    p.add(GPR.EDI, i * p.step);
    return i;
  };
  return repeat(core, op, element, run, continues(core, op));
};

export const stringHelpers: Record<string, Helper> = { movs, stos, lods, cmps, scas };
