/** Near jumps, calls and returns, loops, and the stack instructions. Intel SDM volume 2. */
import { type Expr, i32 } from '../emitter/index.ts';
import type { CoreContext } from './context-control.ts';
import { core, type Emit, immediateOf } from './arithmetic.ts';

const stackWidth = (c: CoreContext): 2 | 4 => (c.width === 2 ? 2 : 4);

export const jcc = (code: number): Emit => core((c) => c.branch(c.condition(code)));
export const jmpRelative: Emit = core((c) => c.branch());

export const jmpRm: Emit = core((c) => {
  c.jump(c.f.let(c.readRm(stackWidth(c))));
});

export const callRelative: Emit = core((c) => {
  const w = stackWidth(c);
  const target = c.f.let(i32.add(c.nextEip(), c.relative()));
  if (w === 2) c.f.set(target, i32.and(target, 0xffff));
  c.checkTarget(target);
  c.pushValue(w, c.nextEip());
  c.moveStack(-w);
  c.branch();
});

export const callRm: Emit = core((c) => {
  const w = stackWidth(c);
  const target = c.f.let(c.readRm(w));
  c.checkTarget(target);
  c.pushValue(w, c.nextEip());
  c.moveStack(-w);
  c.jump(target);
});

export function ret(withImmediate: boolean): Emit {
  return core((c) => {
    const w = stackWidth(c);
    const target = c.peekStack(w);
    c.checkTarget(target);
    c.moveStack(withImmediate ? i32.add(i32.and(c.immediate(), 0xffff), w) : w);
    c.jump(target);
  });
}

/** The count register of loops and JCXZ by address size. */
function decrementCount(c: CoreContext): Expr<'i32'> {
  const w = c.addressSize;
  const n = c.f.let(i32.sub(c.readGpr(1, w), 1));
  c.writeGpr(1, w, n);
  return w === 4 ? n : i32.and(n, 0xffff);
}

export const loop: Emit = core((c) => c.branch(i32.ne(decrementCount(c), 0)));
export const loopEqual: Emit = core((c) => {
  const zf = c.f.let(c.condition(4));
  c.branch(i32.and(i32.ne(decrementCount(c), 0), zf));
});
export const loopNotEqual: Emit = core((c) => {
  const nz = c.f.let(c.condition(5));
  c.branch(i32.and(i32.ne(decrementCount(c), 0), nz));
});
export const jcxz: Emit = core((c) => c.branch(i32.eqz(c.readGpr(1, c.addressSize))));

function push(c: CoreContext, value: Expr<'i32'>): void {
  const w = stackWidth(c);
  c.pushValue(w, value);
  c.moveStack(-w);
}

export const pushReg: Emit = core((c) => push(c, c.readReg(stackWidth(c))));
export const pushRm: Emit = core((c) => push(c, c.f.let(c.readRm(stackWidth(c)))));
export const pushImm: Emit = core((c) => push(c, immediateOf(c, c.width)));

export const popReg: Emit = core((c) => {
  const w = stackWidth(c);
  const value = c.peekStack(w);
  // POP ESP: the popped value wins over the incremented pointer, so the register is written last.
  c.moveStack(w);
  c.writeReg(w, value);
});

/** LEAVE: the frame pointer becomes the stack pointer, then the old frame pointer is popped. */
export const leave: Emit = core((c) => {
  const w = stackWidth(c);
  const value = c.peekFrame(w);
  c.moveStackToFrame(w);
  c.writeGpr(5, w, value);
});

/** POP r/m: an address with ESP as base uses the pointer after the pop; the decoder has put that into the displacement. */
export const popRm: Emit = core((c) => {
  const w = stackWidth(c);
  const value = c.peekStack(w);
  if (c.isMemory) {
    c.store(w, value);
    c.moveStack(w);
  } else {
    c.moveStack(w);
    c.writeRm(w, value);
  }
});
