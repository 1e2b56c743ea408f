/** SSE and SSE2 floating-point instructions: operands and traps around the functions of `defineMedia`. Intel SDM volume 2. */
import type { Label, Local, V128, ValueType } from '../emitter/index.ts';
import {
  call,
  type Context,
  type Emit,
  enterSse,
  enterMmx,
  mmxSource,
  pendingX87,
  raisePending,
  startMmx,
  xmmSource,
} from './access.ts';
import {
  FAST_SCALAR,
  FAST_VECTOR,
  fastCompareScalar,
  fastCompareVector,
  fastFlags,
  fastFromInteger,
  fastToInteger,
} from './fast.ts';
import { FUNCTION_PREFIX } from './mxcsr.ts';
import { i32x4, i64x2, low64 } from './simd.ts';

const named = (name: string): string => FUNCTION_PREFIX + name;

/** `fast` in place, which may branch to its label with nothing committed; then `general`. */
function fastOrGeneral(c: Context, fast: (general: Label) => void, general: () => void): void {
  const { f } = c;
  f.block((done) => {
    f.block((otherwise) => {
      fast(otherwise);
      f.br(done);
    });
    general();
  });
}
/** Bit pattern of a scalar operand. */
const scalarSource = (c: Context, size: 4 | 8): Local => {
  if (c.isMemory) return size === 4 ? c.load(4) : c.loadI64();
  const source = c.readXmmRm();
  return c.f.let<ValueType>(size === 4 ? i32x4.extract(source, 0) : i64x2.extract(source, 0));
};
const splat = (pattern: Local): V128 =>
  pattern.type === 'i32' ? i32x4.splat(pattern as Local<'i32'>) : i64x2.splat(pattern as Local<'i64'>);

/** XMM = f(XMM, XMM/memory). */
export const binary =
  (name: string, size: 4 | 8 | 16): Emit =>
  (c) => {
    enterSse(c);
    const { f } = c;
    const complete = (a: V128, b: V128): void => {
      const r = call(c, 'v128', named(name), a, b);
      raisePending(c);
      c.writeXmmReg(r);
    };
    const onVector = FAST_VECTOR[name];
    const onScalar = FAST_SCALAR[name];
    if (onScalar && size !== 16) {
      const b = scalarSource(c, size);
      const a = f.let(c.readXmmReg());
      fastOrGeneral(
        c,
        (general) => c.writeXmmReg(onScalar(f, a, b, general)),
        () => complete(a, splat(b)),
      );
      return;
    }
    const b = f.let(xmmSource(c, size));
    if (!onVector) {
      complete(c.readXmmReg(), b);
      return;
    }
    const a = f.let(c.readXmmReg());
    fastOrGeneral(
      c,
      (general) => c.writeXmmReg(onVector(f, a, b, general)),
      () => complete(a, b),
    );
  };
/** CMPcc with its predicate in the immediate. */
export const compare =
  (name: string, size: 4 | 8 | 16): Emit =>
  (c) => {
    enterSse(c);
    const { f } = c;
    const predicate = c.immediate();
    const complete = (a: V128, b: V128): void => {
      const r = call(c, 'v128', named(name), a, b, predicate);
      raisePending(c);
      c.writeXmmReg(r);
    };
    const known = predicate.constant;
    if (known === undefined) {
      const b = f.let(xmmSource(c, size));
      complete(c.readXmmReg(), b);
    } else if (size === 16) {
      const b = f.let(xmmSource(c, size));
      const a = f.let(c.readXmmReg());
      fastOrGeneral(
        c,
        (general) => c.writeXmmReg(fastCompareVector(name, known)(f, a, b, general)),
        () => complete(a, b),
      );
    } else {
      const b = scalarSource(c, size);
      const a = f.let(c.readXmmReg());
      fastOrGeneral(
        c,
        (general) => c.writeXmmReg(fastCompareScalar(size, known)(f, a, b, general)),
        () => complete(a, splat(b)),
      );
    }
  };
/** COMIS, UCOMIS: ZF PF CF from the comparison, OF SF AF become 0. */
export const compareFlags =
  (name: string, size: 4 | 8): Emit =>
  (c) => {
    enterSse(c);
    const { f } = c;
    const b = scalarSource(c, size);
    const a = f.let(c.readXmmReg());
    const image = f.local('i32');
    fastOrGeneral(
      c,
      (general) => f.set(image, fastFlags(size === 4 ? 'ss' : 'sd')(f, a, b, general)),
      () => {
        f.set(image, call(c, 'i32', named(name), a, splat(b)));
        raisePending(c);
      },
    );
    c.setStatusFlags(image);
  };

/** CVTSI2SS, CVTSI2SD. */
export const fromGeneral =
  (name: string): Emit =>
  (c) => {
    enterSse(c);
    const value = c.f.let(c.readRm(4));
    const a = c.f.let(c.readXmmReg());
    fastOrGeneral(
      c,
      (general) => c.writeXmmReg(fastFromInteger(c.f, name, a, value, general)),
      () => {
        const r = call(c, 'v128', named(name), a, value);
        raisePending(c);
        c.writeXmmReg(r);
      },
    );
  };
/** CVTSS2SI, CVTSD2SI and the truncating ones. */
export const toGeneral =
  (name: string, size: 4 | 8): Emit =>
  (c) => {
    enterSse(c);
    const b = scalarSource(c, size);
    fastOrGeneral(
      c,
      (general) => c.writeReg(4, fastToInteger(c.f, size, b, name.startsWith('cvtt'), general)),
      () => {
        const r = call(c, 'i32', named(name), splat(b));
        raisePending(c);
        c.writeReg(4, r);
      },
    );
  };
/** CVTPI2PS, CVTPI2PD. A memory operand leaves the MMX registers alone. */
export const fromMmx =
  (name: string): Emit =>
  (c) => {
    enterSse(c);
    if (!c.isMemory) pendingX87(c);
    const source = c.f.let(low64(mmxSource(c)));
    if (!c.isMemory) startMmx(c);
    const r = call(c, 'v128', named(name), c.readXmmReg(), source);
    raisePending(c);
    c.writeXmmReg(r);
  };
/** CVTPS2PI, CVTPD2PI and the truncating ones. */
export const toMmx =
  (name: string, size: 8 | 16): Emit =>
  (c) => {
    enterSse(c);
    enterMmx(c);
    const source = xmmSource(c, size);
    const b = c.f.let(size === 8 ? low64(i64x2.extract(source, 0)) : source);
    // Real processors change to MMX registers even when the conversion then faults.
    startMmx(c);
    const r = call(c, 'v128', named(name), c.readXmmReg(), b);
    raisePending(c);
    c.writeMmxReg(i64x2.extract(r, 0));
  };
