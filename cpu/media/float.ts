/** SSE and SSE2 floating-point instructions: operands and traps around the functions of `defineMedia`. Intel SDM volume 2. */
import {
  call,
  type Emit,
  enterSse,
  enterMmx,
  mmxSource,
  pendingX87,
  raisePending,
  startMmx,
  xmmSource,
} from './access.ts';
import { FUNCTION_PREFIX } from './mxcsr.ts';
import { i64x2, low64 } from './simd.ts';

const named = (name: string): string => FUNCTION_PREFIX + name;

/** XMM = f(XMM, XMM/memory). */
export const binary =
  (name: string, size: 4 | 8 | 16): Emit =>
  (c) => {
    enterSse(c);
    const b = c.f.let(xmmSource(c, size));
    const r = call(c, 'v128', named(name), c.readXmmReg(), b);
    raisePending(c);
    c.writeXmmReg(r);
  };
/** CMPcc with its predicate in the immediate. */
export const compare =
  (name: string, size: 4 | 8 | 16): Emit =>
  (c) => {
    enterSse(c);
    const b = c.f.let(xmmSource(c, size));
    const r = call(c, 'v128', named(name), c.readXmmReg(), b, c.immediate());
    raisePending(c);
    c.writeXmmReg(r);
  };
/** COMIS, UCOMIS: ZF PF CF from the comparison, OF SF AF become 0. */
export const compareFlags =
  (name: string, size: 4 | 8): Emit =>
  (c) => {
    enterSse(c);
    const b = c.f.let(xmmSource(c, size));
    const image = call(c, 'i32', named(name), c.readXmmReg(), b);
    raisePending(c);
    c.setStatusFlags(image);
  };

/** CVTSI2SS, CVTSI2SD. */
export const fromGeneral =
  (name: string): Emit =>
  (c) => {
    enterSse(c);
    const value = c.f.let(c.readRm(4));
    const r = call(c, 'v128', named(name), c.readXmmReg(), value);
    raisePending(c);
    c.writeXmmReg(r);
  };
/** CVTSS2SI, CVTSD2SI and the truncating ones. */
export const toGeneral =
  (name: string, size: 4 | 8): Emit =>
  (c) => {
    enterSse(c);
    const r = call(c, 'i32', named(name), xmmSource(c, size));
    raisePending(c);
    c.writeReg(4, r);
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
