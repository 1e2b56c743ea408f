/**
 * MOVS STOS LODS SCAS CMPS without a repeat prefix, 32-bit addresses and flat segments: what compilers and hand-written loops
 * use between other instructions. Everything else is the helpers' business (cpu/strings). Intel SDM volume 2.
 */
import { type Expr, i32, type Local } from '../emitter/index.ts';
import { GPR, STATE } from '../layout.ts';
import type { CoreContext } from './context-control.ts';
import { core, type Emit } from './arithmetic.ts';
import { flagsSub } from './flags.ts';

/** +width or -width by the direction flag, EFLAGS bit 10. */
function step(c: CoreContext): Local<'i32'> {
  const down = i32.and(i32.shr_u(i32.load(0, STATE.EFLAGS), 10), 1);
  return c.f.let(i32.sub(c.width, i32.mul(down, 2 * c.width)));
}
const pointer = (c: CoreContext, register: number): Local<'i32'> => c.f.let(c.readGpr(register, 4));
function advance(c: CoreContext, register: number, from: Local<'i32'>, by: Expr<'i32'>): void {
  c.writeGpr(register, 4, i32.add(from, by));
}

export const movs: Emit = core((c) => {
  c.plainStringOnly();
  const from = pointer(c, GPR.ESI);
  const to = pointer(c, GPR.EDI);
  c.storeAt(to, c.width, c.loadAt(from, c.width));
  const by = step(c);
  advance(c, GPR.ESI, from, by);
  advance(c, GPR.EDI, to, by);
});

export const stos: Emit = core((c) => {
  c.plainStringOnly();
  const to = pointer(c, GPR.EDI);
  c.storeAt(to, c.width, c.f.let(c.readGpr(GPR.EAX, c.width)));
  advance(c, GPR.EDI, to, step(c));
});

export const lods: Emit = core((c) => {
  c.plainStringOnly();
  const from = pointer(c, GPR.ESI);
  c.writeGpr(GPR.EAX, c.width, c.loadAt(from, c.width));
  advance(c, GPR.ESI, from, step(c));
});

export const scas: Emit = core((c) => {
  c.plainStringOnly();
  const to = pointer(c, GPR.EDI);
  const b = c.loadAt(to, c.width);
  const a = c.f.let(c.readGpr(GPR.EAX, c.width));
  flagsSub(c, c.width, a, b, c.f.let(i32.sub(a, b)));
  advance(c, GPR.EDI, to, step(c));
});

export const cmps: Emit = core((c) => {
  c.plainStringOnly();
  const from = pointer(c, GPR.ESI);
  const to = pointer(c, GPR.EDI);
  const a = c.loadAt(from, c.width);
  const b = c.loadAt(to, c.width);
  flagsSub(c, c.width, a, b, c.f.let(i32.sub(a, b)));
  const by = step(c);
  advance(c, GPR.ESI, from, by);
  advance(c, GPR.EDI, to, by);
});
