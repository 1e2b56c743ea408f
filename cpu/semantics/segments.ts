/** MOV, PUSH and POP of segment registers. Intel SDM volume 2. */
import { i32 } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { core, type Emit } from './arithmetic.ts';

/** PUSH of a selector, zero-extended to the operand size. */
export const pushSegment = (n: number): Emit =>
  core((c) => {
    const w = c.width === 2 ? 2 : 4;
    c.pushValue(w, c.f.let(i32.load(0, STATE.SEGMENT_SELECTOR + 4 * n)));
    c.moveStack(-w);
  });

/** MOV to ES, DS, FS or GS where the generated function can do it. */
export const moveToSegment = (n: number): Emit =>
  core((c) => {
    const selector = c.f.let(c.readRm(2));
    c.needHelper(i32.eqz(c.f.call(c.fn('loadDataSegment'), i32.const(4 * n), selector)));
  });

/** POP to ES, DS, FS or GS likewise. */
export const popSegment = (n: number): Emit =>
  core((c) => {
    const w = c.width === 2 ? 2 : 4;
    const selector = c.f.let(i32.and(c.peekStack(w), 0xffff));
    c.needHelper(i32.eqz(c.f.call(c.fn('loadDataSegment'), i32.const(4 * n), selector)));
    c.moveStack(w);
  });
