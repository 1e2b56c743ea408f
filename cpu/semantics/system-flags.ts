/**
 * PUSHF POPF CLI STI where nothing but the flags changes: not in virtual-8086 mode, with the privilege to reach IF, no pending
 * interrupt let in, no trap flag. The helpers of cpu/system/flags.ts do the rest. Intel SDM volume 2.
 */
import { type Expr, i32, type Local } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { EFLAGS } from '../state.ts';
import type { CoreContext } from './context-control.ts';
import { core, type Emit } from './arithmetic.ts';
import { carryFlag } from './flags.ts';

const control = (): Expr<'i32'> => i32.load(0, STATE.EFLAGS);

/** The helper's case unless CPL <= IOPL outside of virtual-8086 mode. */
function privilegedOnly(c: CoreContext): void {
  c.needHelper(
    i32.or(i32.and(control(), EFLAGS.VM), i32.gt_u(i32.load(0, STATE.CPL), i32.and(i32.shr_u(control(), 12), 3))),
  );
}

export const cli: Emit = core((c) => {
  privilegedOnly(c);
  c.f.store(0, i32.and(control(), ~EFLAGS.IF), STATE.EFLAGS);
});

/** The shadow behind STI can be seen only if an interrupt is waiting. */
export const sti: Emit = core((c) => {
  privilegedOnly(c);
  c.needHelper(i32.load(0, STATE.INTR));
  c.f.store(0, i32.or(control(), EFLAGS.IF), STATE.EFLAGS);
});

/** CF PF AF ZF SF OF at their places. */
export function statusFlags(c: CoreContext): Local<'i32'> {
  const { f } = c;
  const flags = f.let(carryFlag(c));
  f.set(flags, i32.or(flags, i32.shl(c.condition(0xa), 2)));
  f.set(flags, i32.or(flags, i32.shl(i32.and(c.carry(), 8), 1)));
  f.set(flags, i32.or(flags, i32.shl(c.condition(4), 6)));
  f.set(flags, i32.or(flags, i32.shl(c.condition(8), 7)));
  f.set(flags, i32.or(flags, i32.shl(c.condition(0), 11)));
  return flags;
}

export const pushf: Emit = core((c) => {
  const w = c.width === 2 ? 2 : 4;
  c.needHelper(i32.and(control(), EFLAGS.VM));
  const image = c.f.let(i32.or(i32.and(control(), ~EFLAGS.RF), statusFlags(c)));
  c.pushValue(w, image);
  c.moveStack(-w);
});

/** What may change here besides the status flags. */
const REACHED = EFLAGS.IF | EFLAGS.DF | EFLAGS.IOPL;
/** What has consequences when it changes. */
const OTHERS = EFLAGS.TF | EFLAGS.NT | EFLAGS.RF | EFLAGS.AC | EFLAGS.ID;

export const popf: Emit = core((c) => {
  const w = c.width === 2 ? 2 : 4;
  const { f } = c;
  // With less privilege IF and IOPL stay as they are, which a helper sees to.
  c.needHelper(i32.or(i32.and(control(), EFLAGS.VM), i32.load(0, STATE.CPL)));
  const image = c.peekStack(w);
  const old = f.let(control());
  const defined = w === 2 ? 0xffff : -1;
  c.needHelper(
    i32.or(
      i32.and(i32.xor(image, old), defined & OTHERS),
      i32.and(i32.ne(i32.load(0, STATE.INTR), 0), i32.and(i32.shr_u(image, 9), 1)),
    ),
  );
  c.moveStack(w);
  f.store(0, i32.or(i32.and(old, ~REACHED), i32.and(image, REACHED)), STATE.EFLAGS);
  c.setStatusFlags(image);
});
