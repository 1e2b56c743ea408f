/** SSE and SSE2 moves without arithmetic, cache hints and MXCSR. Intel SDM volume 2. */
import { i32, i64 } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { VECTOR } from '../state.ts';
import { type Emit, enterSse, shared, xmmSource } from './access.ts';
import { MXCSR_WRITABLE } from './mxcsr.ts';
import { i32x4, i64x2, laneBytes, low64, shuffle } from './simd.ts';

/** MOVAPS MOVAPD MOVDQA (aligned), MOVUPS MOVUPD MOVDQU LDDQU. */
export const load = shared((aligned: boolean): Emit => (c) => {
  enterSse(c);
  c.writeXmmReg(c.isMemory ? c.loadV128(aligned) : c.readXmmRm());
});
/** The same towards r/m, and MOVNTPS MOVNTPD MOVNTDQ. */
export const store = shared((aligned: boolean): Emit => (c) => {
  enterSse(c);
  if (c.isMemory) c.storeV128(c.readXmmReg(), aligned);
  else c.writeXmmRm(c.readXmmReg());
});

/** MOVSS and MOVSD: memory fills the rest of the register with zeros, a register leaves it. */
export const loadScalar =
  (size: 4 | 8): Emit =>
  (c) => {
    enterSse(c);
    if (c.isMemory) {
      c.writeXmmReg(low64(size === 4 ? i64.extend_u(c.load(4)) : c.loadI64()));
      return;
    }
    const rest = Array.from({ length: 16 - size }, (_, i) => 16 + size + i);
    c.writeXmmReg(shuffle(c.readXmmRm(), c.readXmmReg(), [...laneBytes(size, 0), ...rest]));
  };
export const storeScalar =
  (size: 4 | 8): Emit =>
  (c) => {
    enterSse(c);
    if (c.isMemory) {
      if (size === 4) c.store(4, i32x4.extract(c.readXmmReg(), 0));
      else c.storeI64(i64x2.extract(c.readXmmReg(), 0));
      return;
    }
    const rest = Array.from({ length: 16 - size }, (_, i) => 16 + size + i);
    c.writeXmmRm(shuffle(c.readXmmReg(), c.readXmmRm(), [...laneBytes(size, 0), ...rest]));
  };

/** MOVLPS MOVLPD; between registers MOVHLPS: the high half of the source. */
export const loadLow: Emit = (c) => {
  enterSse(c);
  const value = c.isMemory ? c.loadI64() : i64x2.extract(c.readXmmRm(), 1);
  c.writeXmmReg(i64x2.replace(c.readXmmReg(), 0, value));
};
/** MOVHPS MOVHPD; between registers MOVLHPS: the low half of the source. */
export const loadHigh: Emit = (c) => {
  enterSse(c);
  const value = c.isMemory ? c.loadI64() : i64x2.extract(c.readXmmRm(), 0);
  c.writeXmmReg(i64x2.replace(c.readXmmReg(), 1, value));
};
export const storeHalf = shared((half: 0 | 1): Emit => (c) => {
  enterSse(c);
  c.storeI64(i64x2.extract(c.readXmmReg(), half));
});
/** MOVQ: the other half becomes zero. */
export const loadQuadword: Emit = (c) => {
  enterSse(c);
  c.writeXmmReg(low64(c.isMemory ? c.loadI64() : i64x2.extract(c.readXmmRm(), 0)));
};
export const storeQuadword: Emit = (c) => {
  enterSse(c);
  const value = i64x2.extract(c.readXmmReg(), 0);
  if (c.isMemory) c.storeI64(value);
  else c.writeXmmRm(low64(value));
};

/** MOVDDUP, MOVSLDUP, MOVSHDUP: lanes of the source by constant number. */
export const duplicate =
  (size: 4 | 8, lanes: readonly number[]): Emit =>
  (c) => {
    enterSse(c);
    const source = c.f.let(xmmSource(c, size === 8 ? 8 : 16));
    c.writeXmmReg(shuffle(source, source, laneBytes(size, ...lanes)));
  };

/** MOVMSKPS, MOVMSKPD: sign bits. */
export const signMask =
  (size: 4 | 8): Emit =>
  (c) => {
    enterSse(c);
    c.writeReg(4, (size === 4 ? i32x4 : i64x2).bitmask(c.readXmmRm()));
  };

/** MOVNTI belongs to neither register file: only the memory access can fail. */
export const movnti: Emit = (c) => c.store(4, c.readReg(4));
/** LFENCE, MFENCE, SFENCE: memory is in order here. */
export const fence: Emit = () => {};

/** LDMXCSR. @remarks reserved bits raise #GP(0) */
export const loadMxcsr: Emit = (c) => {
  enterSse(c);
  const value = c.load(4);
  c.raiseIf(i32.and(value, ~MXCSR_WRITABLE), VECTOR.GP);
  c.f.store(0, value, STATE.MXCSR);
};
export const storeMxcsr: Emit = (c) => {
  enterSse(c);
  c.store(4, i32.load(0, STATE.MXCSR));
};
