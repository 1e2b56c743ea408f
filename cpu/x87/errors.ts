/**
 * Reporting of floating-point errors outside the processor (CR0.NE = 0), as the PC does it: FERR# raises IRQ 13, and the
 * processor stands still at the waiting instruction until an interrupt comes. IGNNE#, which the board asserts when the
 * handler writes port F0h, lets instructions run in spite of the error until it is cleared. Intel SDM volume 1, appendix D.
 *
 * FERR# follows the error with a delay that software cannot see: it falls when the next error rises.
 */
import type { Core } from '../helpers.ts';
import { STATE } from '../layout.ts';
import { type CpuState, CR0 } from '../state.ts';
import { ERROR } from './format.ts';

/**
 * Takes an #MF about to be delivered. True if it is reported by FERR# instead: the processor halts with EIP at the waiting instruction.
 */
export function reportExternally(core: Core): boolean {
  const { state, bus } = core;
  if (state.cr0 & CR0.NE) return false;
  if (!(state.get(STATE.X87_ERROR) & ERROR.FERR)) {
    // An error not reported yet; the one before has been cleared since, and with it FERR# and IGNNE#.
    state.set(STATE.X87_ERROR, ERROR.FERR);
    bus.setFerr(false);
    bus.setFerr(true);
  }
  core.halt();
  return true;
}

/** The IGNNE# pin. It counts only while FERR# is asserted. */
export function setIgnne(state: CpuState, asserted: boolean): void {
  const present = state.get(STATE.X87_ERROR);
  if (present & ERROR.FERR) state.set(STATE.X87_ERROR, asserted ? present | ERROR.IGNNE : present & ~ERROR.IGNNE);
}
