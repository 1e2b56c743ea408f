/** The REP prefixes (Intel SDM volume 2): iterations, their count, and the pauses between them. */
import type { Core, DecodedOperands } from '../helpers.ts';
import { GPR, STATE } from '../layout.ts';
import { EFLAGS } from '../state.ts';

/** Iterations `run` is asked for at once. */
const MOST = 4096;

/**
 * Carries out a string instruction: `element` is one iteration, which moves its pointers last. `run` may do several at once, up to
 * the number it is given, and tells how many; 0 leaves the next one to `element`. `again` ends CMPS and SCAS.
 *
 * Registers are exact after each element, so that a fault, an interrupt or the end of the budget in the middle leaves an
 * instruction that can go on: EIP stays on it. Each iteration counts as an instruction; the first has been counted already.
 */
export function repeat(
  core: Core,
  op: DecodedOperands,
  element: () => void,
  run?: (most: number) => number,
  again?: () => boolean,
): 'jump' | undefined {
  if (op.rep === 0) {
    element();
    return undefined;
  }
  const { state } = core;
  const wide = op.addressSize === 4;
  let count = wide ? state.reg32(GPR.ECX) : state.reg16(GPR.ECX);
  const single = (state.get(STATE.EFLAGS) & EFLAGS.TF) !== 0;
  let uncounted = 1;
  while (count !== 0) {
    const budget = state.get(STATE.BUDGET);
    let done = single || !run ? 0 : run(Math.min(count, MOST, budget + uncounted));
    if (done === 0) {
      done = 1;
      if (uncounted === 0) state.set(STATE.BUDGET, budget - 1);
      element();
    } else state.set(STATE.BUDGET, budget - done + uncounted);
    uncounted = 0;
    count -= done;
    if (wide) state.setReg32(GPR.ECX, count);
    else state.setReg16(GPR.ECX, count);
    if (again && !again()) return undefined;
    if (count === 0) return undefined;
    if (single || state.get(STATE.BUDGET) <= 0 || interruptDue(core)) return 'jump';
  }
  return undefined;
}

function interruptDue(core: Core): boolean {
  const { state } = core;
  return state.get(STATE.INTR) !== 0 && (state.get(STATE.EFLAGS) & EFLAGS.IF) !== 0;
}
