/** MMX and SSE2 integer instructions: the operations of packed.ts with their operands. Intel SDM volume 2. */
import { type Expr, i32, type Local, type V128, v128 } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { type Context, type Emit, enterMmx, enterSse, mmxSource, shared, startMmx, xmmSource } from './access.ts';
import {
  align,
  type Packed,
  type PackedImmediate,
  type Shift,
  shiftBytes,
  shiftLanes,
  shiftLanesBy,
} from './packed.ts';
import { i16x8, i64, i64x2, i8x16, low64, ZERO } from './simd.ts';

/** Where instructions with a lane number in the immediate keep the register they index. */
const LANES = STATE.SCRATCH + 0x90;

/** The immediate: a constant if it is known as code is generated, else a local. */
export function immediateOf(c: Context): Expr<'i32'> {
  const immediate = c.immediate();
  return immediate.constant === undefined ? c.f.let(immediate) : immediate;
}
/** Lanes shifted by the immediate. */
function shiftByImmediate(c: Context, shift: Shift, a: V128): V128 {
  const known = c.immediate().constant;
  if (known !== undefined) return shiftLanesBy(shift, a, known & 0xff);
  return shiftLanes(shift, a, c.f.let(i64.extend_u(c.immediate())));
}

/** XMM = XMM op XMM/m128. */
export const xmm = shared((operation: Packed): Emit => (c) => {
  enterSse(c);
  const { f } = c;
  const b = f.let(xmmSource(c, 16));
  const a = f.let(c.readXmmReg());
  c.writeXmmReg(operation(a, b, f));
});

/** MMX = MMX op MMX/m64 (m32 for the low unpacking ones). */
export const mmx =
  (operation: Packed, size: 4 | 8 = 8): Emit =>
  (c) => {
    enterMmx(c);
    const { f } = c;
    const b = f.let(i64x2.splat(mmxSource(c, size)));
    const a = f.let(i64x2.splat(c.readMmxReg()));
    const result = f.let(i64x2.extract(operation(a, b, f), 0));
    startMmx(c);
    c.writeMmxReg(result);
  };

/** The count operand of shifts: the low 64 bits of the source. */
export const xmmShift =
  (shift: Shift): Emit =>
  (c) => {
    enterSse(c);
    const { f } = c;
    const count = f.let(i64x2.extract(xmmSource(c, 16), 0));
    c.writeXmmReg(shiftLanes(shift, c.readXmmReg(), count));
  };
export const mmxShift =
  (shift: Shift): Emit =>
  (c) => {
    enterMmx(c);
    const { f } = c;
    const count = f.let(mmxSource(c));
    const result = f.let(i64x2.extract(shiftLanes(shift, i64x2.splat(c.readMmxReg()), count), 0));
    startMmx(c);
    c.writeMmxReg(result);
  };
/** Shifts of the r/m register by the immediate. */
export const xmmShiftImmediate =
  (shift: Shift): Emit =>
  (c) => {
    enterSse(c);
    c.writeXmmRm(shiftByImmediate(c, shift, c.readXmmRm()));
  };
export const mmxShiftImmediate =
  (shift: Shift): Emit =>
  (c) => {
    enterMmx(c);
    const { f } = c;
    const result = f.let(i64x2.extract(shiftByImmediate(c, shift, i64x2.splat(c.readMmxRm())), 0));
    startMmx(c);
    c.writeMmxRm(result);
  };
export const xmmShiftBytes =
  (left: boolean): Emit =>
  (c) => {
    enterSse(c);
    c.writeXmmRm(shiftBytes(left, c.readXmmRm(), immediateOf(c)));
  };

/** XMM = XMM op XMM/m128 with an immediate. */
export const xmmImmediate =
  (operation: PackedImmediate): Emit =>
  (c) => {
    enterSse(c);
    const { f } = c;
    const b = f.let(xmmSource(c, 16));
    const a = f.let(c.readXmmReg());
    c.writeXmmReg(operation(a, b, immediateOf(c)));
  };
/** PSHUFW: as PSHUFLW. */
export const mmxImmediate =
  (operation: PackedImmediate): Emit =>
  (c) => {
    enterMmx(c);
    const { f } = c;
    const b = f.let(i64x2.splat(mmxSource(c)));
    const result = f.let(i64x2.extract(operation(b, b, immediateOf(c)), 0));
    startMmx(c);
    c.writeMmxReg(result);
  };
/** PALIGNR of MMX registers: eight bytes of the sixteen of a:b. */
export const mmxAlign: Emit = (c) => {
  enterMmx(c);
  const { f } = c;
  const b = mmxSource(c);
  const both = f.let(i64x2.replace(low64(b), 1, c.readMmxReg()));
  const result = f.let(i64x2.extract(align(ZERO, both, immediateOf(c)), 0));
  startMmx(c);
  c.writeMmxReg(result);
};

// Moves between register files.

export const movdToXmm: Emit = (c) => {
  enterSse(c);
  const value = c.f.let(c.readRm(4));
  c.writeXmmReg(low64(i64.extend_u(value)));
};
export const movdFromXmm: Emit = (c) => {
  enterSse(c);
  c.writeRm(4, i32.wrap(i64x2.extract(c.readXmmReg(), 0)));
};
export const movdToMmx: Emit = (c) => {
  enterMmx(c);
  const value = c.f.let(c.readRm(4));
  startMmx(c);
  c.writeMmxReg(i64.extend_u(value));
};
export const movdFromMmx: Emit = (c) => {
  enterMmx(c);
  c.writeRm(4, i32.wrap(c.readMmxReg()));
  startMmx(c);
};
export const movqToMmx: Emit = (c) => {
  enterMmx(c);
  const value = c.f.let(mmxSource(c));
  startMmx(c);
  c.writeMmxReg(value);
};
/** MOVQ and MOVNTQ to memory. */
export const movqFromMmx: Emit = (c) => {
  enterMmx(c);
  if (c.isMemory) {
    c.storeI64(c.readMmxReg());
    startMmx(c);
    return;
  }
  startMmx(c);
  c.writeMmxRm(c.readMmxReg());
};
function enterBoth(c: Context): void {
  enterSse(c);
  enterMmx(c);
}
export const movq2dq: Emit = (c) => {
  enterBoth(c);
  startMmx(c);
  c.writeXmmReg(low64(c.readMmxRm()));
};
export const movdq2q: Emit = (c) => {
  enterBoth(c);
  startMmx(c);
  c.writeMmxReg(i64x2.extract(c.readXmmRm(), 0));
};

// Single words and masks.

const lane = (c: Context, count: 4 | 8): Local<'i32'> => c.f.let(i32.shl(i32.and(c.immediate(), count - 1), 1));
export const pinsrwXmm: Emit = (c) => {
  enterSse(c);
  const { f } = c;
  const value = f.let(c.isMemory ? c.load(2) : c.readRm(4));
  const known = c.immediate().constant;
  if (known !== undefined) {
    c.writeXmmReg(i16x8.replace(c.readXmmReg(), known & 7, value));
    return;
  }
  f.storeV128(0, c.readXmmReg(), LANES);
  f.store16(lane(c, 8), value, LANES);
  c.writeXmmReg(v128.load(0, LANES));
};
export const pextrwXmm: Emit = (c) => {
  enterSse(c);
  const known = c.immediate().constant;
  if (known !== undefined) {
    c.writeReg(4, i16x8.extract_u(c.readXmmRm(), known & 7));
    return;
  }
  c.f.storeV128(0, c.readXmmRm(), LANES);
  c.writeReg(4, i32.load16_u(lane(c, 8), LANES));
};
const laneShift = (c: Context): Local<'i64'> => c.f.let(i64.extend_u(i32.shl(i32.and(c.immediate(), 3), 4)));
export const pinsrwMmx: Emit = (c) => {
  enterMmx(c);
  const { f } = c;
  const value = f.let(i64.extend_u(i32.and(c.isMemory ? c.load(2) : c.readRm(4), 0xffff)));
  const at = laneShift(c);
  startMmx(c);
  c.writeMmxReg(i64.or(i64.and(c.readMmxReg(), i64.not(i64.shl(0xffffn, at))), i64.shl(value, at)));
};
export const pextrwMmx: Emit = (c) => {
  enterMmx(c);
  startMmx(c);
  c.writeReg(4, i32.and(i32.wrap(i64.shr_u(c.readMmxRm(), laneShift(c))), 0xffff));
};
export const pmovmskbXmm: Emit = (c) => {
  enterSse(c);
  c.writeReg(4, i8x16.bitmask(c.readXmmRm()));
};
export const pmovmskbMmx: Emit = (c) => {
  enterMmx(c);
  startMmx(c);
  c.writeReg(4, i8x16.bitmask(low64(c.readMmxRm())));
};

/** EMMS: all x87 registers empty. */
export const emms: Emit = (c) => {
  enterMmx(c);
  c.f.store(0, 0, STATE.X87_TOP);
  c.f.store(0, 0, STATE.X87_IN_USE);
};
