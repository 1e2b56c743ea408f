/** The REP prefixes (Intel SDM volume 2): iterations, their count, and the pauses between them. */
import type { Core, DecodedOperands } from '../helpers.ts';
import { GPR, STATE } from '../layout.ts';
import { EFLAGS } from '../state.ts';
import { Pointers } from './runs.ts';

/** Iterations `run` is asked for at once: 16 pages of doublewords. */
const MOST = 16384;

/** What a string instruction does. */
export interface StringOperation {
  /** One iteration, which moves its pointers last. */
  element(core: Core, p: Pointers, op: DecodedOperands): void;
  /** Several iterations at once, up to `most`; returns how many, 0 leaves the next one to `element`. */
  run?(core: Core, p: Pointers, op: DecodedOperands, most: number): number;
  /** CMPS, SCAS: REPE goes on while the last elements were equal, REPNE while not. */
  readonly compares?: boolean;
}

/** Repeats an instruction that does one element at a time (INS, OUTS). */
export const repeat = (core: Core, op: DecodedOperands, element: () => void): 'jump' | undefined =>
  repeatOperation(core, op, { element });

/**
 * Carries out a string instruction. Registers are exact after each element, so that a fault, an interrupt or the end of the
 * budget in the middle leaves an instruction that can go on: EIP stays on it. Each iteration counts as an instruction; the first
 * has been counted already.
 */
export function repeatOperation(core: Core, op: DecodedOperands, operation: StringOperation): 'jump' | undefined {
  const p = new Pointers(core, op);
  if (op.rep === 0) {
    operation.element(core, p, op);
    return undefined;
  }
  const { state } = core;
  let count = p.get(GPR.ECX);
  const single = !operation.run || (state.get(STATE.EFLAGS) & EFLAGS.TF) !== 0;
  let uncounted = 1;
  while (count !== 0) {
    const budget = state.get(STATE.BUDGET);
    let done = single ? 0 : operation.run!(core, p, op, Math.min(count, MOST, budget + uncounted));
    if (done === 0) {
      done = 1;
      if (uncounted === 0) state.set(STATE.BUDGET, budget - 1);
      operation.element(core, p, op);
    } else state.set(STATE.BUDGET, budget - done + uncounted);
    uncounted = 0;
    count -= done;
    if (p.wide) state.setReg32(GPR.ECX, count);
    else state.setReg16(GPR.ECX, count);
    if (count === 0) return undefined;
    if (operation.compares && (state.get(STATE.FLAG_RESULT) === 0) !== (op.rep === 0xf3)) return undefined;
    const trapped = (state.get(STATE.EFLAGS) & EFLAGS.TF) !== 0;
    if (trapped || state.get(STATE.BUDGET) <= 0 || interruptDue(core)) return 'jump';
  }
  return undefined;
}

function interruptDue(core: Core): boolean {
  const { state } = core;
  return state.get(STATE.INTR) !== 0 && (state.get(STATE.EFLAGS) & EFLAGS.IF) !== 0;
}
