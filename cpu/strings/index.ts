/**
 * MOVS STOS LODS CMPS SCAS (Intel SDM volume 2). Where memory allows it, all but LODS do runs of elements at once.
 */
import type { Core, DecodedOperands, Helper } from '../helpers.ts';
import { GPR, SEGMENT, STATE } from '../layout.ts';
import { segmentedRead, segmentedWrite } from '../segmentation/access.ts';
import type { CpuState } from '../state.ts';
import { repeatOperation, type StringOperation } from './repeat.ts';
import { copyRun, countAlike, countLike, elementOf, fillRun, findRun, type Pointers, type Run } from './runs.ts';

/** AL, AX or EAX. */
function accumulator(state: CpuState, width: 1 | 2 | 4): number {
  if (width === 1) return state.reg8(0);
  return width === 2 ? state.reg16(0) : state.reg32(0);
}

const movs: StringOperation = {
  element(core, p, { segment, width }) {
    const value = segmentedRead(core, segment, p.get(GPR.ESI), width);
    segmentedWrite(core, SEGMENT.ES, p.get(GPR.EDI), width, value);
    p.add(GPR.ESI, p.step);
    p.add(GPR.EDI, p.step);
  },
  run(core, p, { segment, width }, most) {
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
  },
};

const stos: StringOperation = {
  element(core, p, { width }) {
    segmentedWrite(core, SEGMENT.ES, p.get(GPR.EDI), width, accumulator(core.state, width));
    p.add(GPR.EDI, p.step);
  },
  run(core, p, { width }, most) {
    const { count, host } = findRun(core, p, SEGMENT.ES, p.get(GPR.EDI), most, true);
    if (count === 0) return 0;
    fillRun(core.state, host, count, width, accumulator(core.state, width));
    p.add(GPR.EDI, count * p.step);
    return count;
  },
};

const lods: StringOperation = {
  element(core, p, { segment, width }) {
    const { state } = core;
    const value = segmentedRead(core, segment, p.get(GPR.ESI), width);
    if (width === 1) state.setReg8(0, value);
    else if (width === 2) state.setReg16(0, value);
    else state.setReg32(0, value);
    p.add(GPR.ESI, p.step);
  },
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

/** Elements that a comparison of runs looks at: those before the one that ends it, and that one. */
function compared(state: CpuState, p: Pointers, op: DecodedOperands, n: number, a: Run, b: Run | number): number {
  const goesOn = op.rep === 0xf3;
  if (p.step > 0) {
    const alike =
      typeof b === 'number'
        ? countLike(state, a, n, op.width, b, goesOn)
        : countAlike(state, a, b, n, op.width, goesOn);
    return Math.min(alike + 1, n);
  }
  let i = 0;
  let equal: boolean;
  do {
    const other = typeof b === 'number' ? b : elementOf(state, b, b.count, i, p);
    equal = elementOf(state, a, a.count, i, p) === other;
    i++;
  } while (i < n && equal === goesOn);
  return i;
}

const cmps: StringOperation = {
  compares: true,
  element(core, p, { segment, width }) {
    const a = segmentedRead(core, segment, p.get(GPR.ESI), width);
    const b = segmentedRead(core, SEGMENT.ES, p.get(GPR.EDI), width);
    compareFlags(core.state, a, b, width);
    p.add(GPR.ESI, p.step);
    p.add(GPR.EDI, p.step);
  },
  run(core, p, op, most) {
    const { state } = core;
    const first = findRun(core, p, op.segment, p.get(GPR.ESI), most, false);
    const second = findRun(core, p, SEGMENT.ES, p.get(GPR.EDI), most, false);
    const n = Math.min(first.count, second.count);
    if (n === 0) return 0;
    const done = compared(state, p, op, n, first, second);
    const a = elementOf(state, first, first.count, done - 1, p);
    compareFlags(state, a, elementOf(state, second, second.count, done - 1, p), op.width);
    p.add(GPR.ESI, done * p.step);
    p.add(GPR.EDI, done * p.step);
    return done;
  },
};

const scas: StringOperation = {
  compares: true,
  element(core, p, { width }) {
    const b = segmentedRead(core, SEGMENT.ES, p.get(GPR.EDI), width);
    compareFlags(core.state, accumulator(core.state, width), b, width);
    p.add(GPR.EDI, p.step);
  },
  run(core, p, op, most) {
    const { state } = core;
    const a = accumulator(state, op.width);
    const found = findRun(core, p, SEGMENT.ES, p.get(GPR.EDI), most, false);
    if (found.count === 0) return 0;
    const done = compared(state, p, op, found.count, found, a);
    compareFlags(state, a, elementOf(state, found, found.count, done - 1, p), op.width);
    p.add(GPR.EDI, done * p.step);
    return done;
  },
};

const helper =
  (operation: StringOperation): Helper =>
  (core: Core, op: DecodedOperands) =>
    repeatOperation(core, op, operation);

export const stringHelpers: Record<string, Helper> = {
  movs: helper(movs),
  stos: helper(stos),
  lods: helper(lods),
  cmps: helper(cmps),
  scas: helper(scas),
};
