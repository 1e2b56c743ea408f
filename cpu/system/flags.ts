/** CLI, STI, PUSHF, POPF, SALC with IOPL, V86 mode extensions and protected-mode virtual interrupts (Intel SDM volume 3, section 20.3). */
import type { Core, Helper } from '../helpers.ts';
import { STATE } from '../layout.ts';
import { Stack } from '../segmentation/stack.ts';
import { CpuFault, CR4, EFLAGS, VECTOR } from '../state.ts';
import { changeEflags, checkVirtualInterrupt, flagWidth, USER_FLAGS } from './interrupts.ts';
import { resume } from './resume.ts';

/** Which flag CLI and STI reach: IF, VIF, or a fault. */
function interruptFlag(core: Core): number {
  const { state } = core;
  if (!state.protectedMode) return EFLAGS.IF;
  if (state.virtual8086) {
    if (state.iopl === 3) return EFLAGS.IF;
    if (state.cr4 & CR4.VME) return EFLAGS.VIF;
  } else {
    if (state.cpl <= state.iopl) return EFLAGS.IF;
    if (state.cpl === 3 && state.cr4 & CR4.PVI) return EFLAGS.VIF;
  }
  throw new CpuFault(VECTOR.GP, 0);
}

const cli: Helper = (core) => {
  const { state } = core;
  state.set(STATE.EFLAGS, state.get(STATE.EFLAGS) & ~interruptFlag(core));
};

const sti: Helper = (core) => {
  const { state } = core;
  const flag = interruptFlag(core);
  const flags = state.get(STATE.EFLAGS);
  if (flag === EFLAGS.VIF && flags & EFLAGS.VIP) throw new CpuFault(VECTOR.GP, 0);
  state.set(STATE.EFLAGS, flags | flag);
  if (flag === EFLAGS.VIF || flags & EFLAGS.IF) return undefined;
  core.shadowInterrupts(false);
  return resume(core);
};

const pushf: Helper = (core, op) => {
  const { state } = core;
  let image = state.eflags & ~(EFLAGS.VM | EFLAGS.RF);
  if (state.protectedMode && state.virtual8086 && state.iopl < 3) {
    if ((state.cr4 & CR4.VME) === 0 || op.operandSize === 4) throw new CpuFault(VECTOR.GP, 0);
    image = (image & ~EFLAGS.IF) | (image & EFLAGS.VIF ? EFLAGS.IF : 0) | EFLAGS.IOPL;
  }
  const stack = Stack.current(core);
  stack.push(op.operandSize, image);
  stack.commit();
};

const popf: Helper = (core, op) => {
  const { state } = core;
  const size = op.operandSize;
  const v86 = state.protectedMode && state.virtual8086;
  const virtual = v86 && state.iopl < 3;
  if (virtual && ((state.cr4 & CR4.VME) === 0 || size === 4)) throw new CpuFault(VECTOR.GP, 0);
  const stack = Stack.current(core);
  let image = stack.pop(size);
  let mask = USER_FLAGS;
  if (virtual) {
    checkVirtualInterrupt(core, image);
    image = (image & ~EFLAGS.VIF) | (image & EFLAGS.IF ? EFLAGS.VIF : 0);
  } else {
    if (v86 || state.cpl <= state.iopl) mask |= EFLAGS.IF;
    if (state.cpl === 0) mask |= EFLAGS.IOPL;
  }
  mask &= flagWidth(size);
  if (virtual) mask |= EFLAGS.VIF;
  if (size === 4) {
    mask |= EFLAGS.RF;
    image &= ~EFLAGS.RF;
  }
  stack.commit();
  changeEflags(core, mask, image);
  core.modeChanged();
  // The trap flag makes the run loop go step by step.
  return image & EFLAGS.TF ? resume(core) : undefined;
};

/** Undocumented SALC: AL becomes FFh if CF is set, else 0. */
const salc: Helper = (core) => {
  core.state.setReg8(0, core.state.eflags & EFLAGS.CF ? 0xff : 0);
};

export const flagHelpers: Record<string, Helper> = { cli, sti, pushf, popf, salc };
