/** What every MMX and SSE instruction does around its meaning: traps, operands, the change of the x87 stack to MMX registers. */
import { type Expr, type FunctionRef, i32, i64, type Local, type V128, type ValueType } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import type { InstructionContext } from '../semantics/context.ts';
import { VECTOR } from '../state.ts';
import { isErrorPending, status, STATUS } from '../x87/format.ts';
import { PENDING } from './mxcsr.ts';
import { i32x4, i64x2 } from './simd.ts';

export type Context = InstructionContext;
export type Emit = (c: InstructionContext) => void;

/** One emitter for each argument, so that instructions with the same meaning share their handler. */
export function shared<K, R>(make: (key: K) => R): (key: K) => R {
  const made = new Map<K, R>();
  return (key) => {
    let result = made.get(key);
    if (result === undefined) made.set(key, (result = make(key)));
    return result;
  };
}

function trap(c: Context, word: number): void {
  const vector = c.f.let(i32.load(0, word));
  c.raiseIf(vector, vector);
}
/** #UD or #NM of SSE instructions (CR0.EM, CR4.OSFXSR, CR0.TS). */
export const enterSse = (c: Context): void => trap(c, STATE.SSE_TRAP);

/** #UD, #NM and a pending x87 error of MMX instructions; `startMmx` follows among the commits. */
export function enterMmx(c: Context): void {
  const vector = i32.load(0, STATE.MMX_TRAP);
  c.f.if(i32.or(vector, i32.and(status(), STATUS.ES)), () => {
    trap(c, STATE.MMX_TRAP);
    pendingX87(c);
  });
}
export function pendingX87(c: Context): void {
  c.raiseIf(isErrorPending(), VECTOR.MF);
}
/** The x87 stack becomes the MMX register file: TOP = 0, all registers in use. */
export function startMmx(c: Context): void {
  c.f.store(0, 0, STATE.X87_TOP);
  c.f.store(0, 0xff, STATE.X87_IN_USE);
}

/** The r/m operand of an XMM instruction. 16-byte memory operands must be aligned; shorter ones fill the low lanes. */
export function xmmSource(c: Context, size: 4 | 8 | 16): V128 {
  if (!c.isMemory) return c.readXmmRm();
  if (size === 16) return c.loadV128(true);
  return size === 8 ? i64x2.splat(c.loadI64()) : i32x4.splat(c.load(4));
}
export function mmxSource(c: Context, size: 4 | 8 = 8): Expr<'i64'> {
  if (!c.isMemory) return c.readMmxRm() as Expr<'i64'>;
  return size === 8 ? c.loadI64() : i64.extend_u(c.load(4));
}

/** The value of a function of the module, with the type it really has. */
export function call<T extends ValueType>(c: Context, type: T, name: string, ...args: (Expr | number)[]): Local<T> {
  const target = c.fn(name) as unknown as FunctionRef & { result: T };
  if (target.result !== type) throw new Error(`${name} does not yield ${type}`);
  return c.f.let(c.f.call(target, ...args));
}

/** Raises the exception that the floating-point function just called has left pending. */
export function raisePending(c: Context): void {
  const { f } = c;
  const vector = f.let(i32.load(0, PENDING));
  f.if(vector, () => {
    f.store(0, 0, PENDING);
    c.raiseIf(1, vector);
  });
}
