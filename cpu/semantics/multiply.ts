/**
 * MUL IMUL DIV IDIV. Intel SDM volume 2. Undefined flags do what they do on real parts: MUL and IMUL leave
 * SF ZF AF PF alone; DIV and IDIV leave CF and OF alone, set AF and clear SF ZF PF.
 */
import { type Expr, i32, type I32, i64, type Local } from '../emitter/index.ts';
import { VECTOR } from '../state.ts';
import type { Width } from './context.ts';
import type { CoreContext } from './context-control.ts';
import { core, type Emit, immediateOf } from './arithmetic.ts';

const signExtend = (width: Width, value: I32): Expr<'i32'> =>
  width === 1 ? i32.extend8_s(value) : width === 2 ? i32.extend16_s(value) : (value as Expr<'i32'>);

/** CF = OF = `overflow` (0 or 1). */
function flagsMultiply(c: CoreContext, overflow: Expr<'i32'>): void {
  c.setCarry(i32.or(i32.and(c.carry(), 8), i32.shl(overflow, 31)));
}

function flagsDivide(c: CoreContext): void {
  c.setCarry(i32.or(c.carry(), 8));
  // Not zero, not negative, odd parity.
  c.setResult(4, 1);
}

/** MUL and one-operand IMUL: accumulator times r/m into the double-width accumulator. */
export function multiplyAccumulator(signed: boolean): Emit {
  return core((c) => {
    const w = c.width;
    const { f } = c;
    const source = f.let(c.readRm(w));
    if (w === 4) {
      const extend = signed ? i64.extend_s : i64.extend_u;
      const product = f.let(i64.mul(extend(c.readGpr(0, 4)), extend(source)));
      const low = f.let(i32.wrap(product));
      const high = f.let(i32.wrap(i64.shr_u(product, 32n)));
      c.writeGpr(0, 4, low);
      c.writeGpr(2, 4, high);
      flagsMultiply(c, i32.ne(high, signed ? i32.shr_s(low, 31) : 0));
      return;
    }
    const a = c.readGpr(0, w);
    const product = f.let(signed ? i32.mul(signExtend(w, a), signExtend(w, source)) : i32.mul(a, source));
    const overflow = signed ? i32.ne(product, signExtend(w, product)) : i32.ne(i32.shr_u(product, 8 * w), 0);
    if (w === 1) c.writeGpr(0, 2, product);
    else {
      c.writeGpr(0, 2, product);
      c.writeGpr(2, 2, i32.shr_u(product, 16));
    }
    flagsMultiply(c, f.let(overflow));
  });
}

function signedProduct(c: CoreContext, a: Expr<'i32'>, b: Expr<'i32'>): void {
  const w = c.width;
  const { f } = c;
  let low: Local<'i32'>;
  let overflow: Expr<'i32'>;
  if (w === 4) {
    const product = f.let(i64.mul(i64.extend_s(a), i64.extend_s(b)));
    low = f.let(i32.wrap(product));
    overflow = i64.ne(product, i64.extend_s(low));
  } else {
    low = f.let(i32.mul(signExtend(w, a), signExtend(w, b)));
    overflow = i32.ne(low, signExtend(w, low));
  }
  flagsMultiply(c, f.let(overflow));
  c.writeReg(w, low);
}

export const imulRegRm: Emit = core((c) => {
  const b = c.f.let(c.readRm(c.width));
  signedProduct(c, c.readReg(c.width), b);
});

export const imulRegRmImm: Emit = core((c) => {
  const a = c.f.let(c.readRm(c.width));
  signedProduct(c, a, immediateOf(c, c.width));
});

/** DIV and IDIV: #DE for a zero divisor or a quotient out of range. */
export function divideAccumulator(signed: boolean): Emit {
  return core((c) => {
    const w = c.width;
    const { f } = c;
    const divisor = f.let(c.readRm(w));
    c.raiseIf(i32.eqz(divisor), VECTOR.DE);
    if (w === 4) {
      const dividend = f.let(i64.or(i64.shl(i64.extend_u(c.readGpr(2, 4)), 32n), i64.extend_u(c.readGpr(0, 4))));
      const wide = f.let(signed ? i64.extend_s(divisor) : i64.extend_u(divisor));
      if (signed) {
        // The one quotient that i64 division itself cannot represent.
        c.raiseIf(i32.and(i64.eq(dividend, -0x8000000000000000n), i32.eq(divisor, -1)), VECTOR.DE);
      }
      const quotient = f.let(signed ? i64.div_s(dividend, wide) : i64.div_u(dividend, wide));
      c.raiseIf(
        signed ? i64.ne(quotient, i64.extend_s(i32.wrap(quotient))) : i64.ne(i64.shr_u(quotient, 32n), 0n),
        VECTOR.DE,
      );
      c.writeGpr(0, 4, i32.wrap(quotient));
      c.writeGpr(2, 4, i32.wrap(i64.sub(dividend, i64.mul(quotient, wide))));
      flagsDivide(c);
      return;
    }
    const bits = 8 * w;
    const dividend = f.let(
      w === 1
        ? signed
          ? i32.extend16_s(c.readGpr(0, 2))
          : c.readGpr(0, 2)
        : i32.or(i32.shl(c.readGpr(2, 2), 16), c.readGpr(0, 2)),
    );
    const wide = signed ? f.let(signExtend(w, divisor)) : divisor;
    if (signed && w === 2) {
      c.raiseIf(i32.and(i32.eq(dividend, -0x80000000), i32.eq(wide, -1)), VECTOR.DE);
    }
    const quotient = f.let(signed ? i32.div_s(dividend, wide) : i32.div_u(dividend, wide));
    c.raiseIf(signed ? i32.ne(quotient, signExtend(w, quotient)) : i32.shr_u(quotient, bits), VECTOR.DE);
    const remainder = f.let(i32.sub(dividend, i32.mul(quotient, wide)));
    if (w === 1) {
      c.writeGpr(0, 1, quotient);
      c.writeGpr(4, 1, remainder);
    } else {
      c.writeGpr(0, 2, quotient);
      c.writeGpr(2, 2, remainder);
    }
    flagsDivide(c);
  });
}
