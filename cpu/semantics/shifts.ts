/**
 * SHL SHR SAR ROL ROR RCL RCR SHLD SHRD. Intel SDM volume 2. Counts are taken modulo 32; a count of 0 changes no flag.
 * OF is defined for a count of 1 only and follows the same formula for the last of several steps; AF
 * after shifts is undefined, and 1 as on real parts.
 */
import { type Expr, i32, i64, type Local } from '../emitter/index.ts';
import type { CoreContext } from './context-control.ts';
import { core, type Emit } from './arithmetic.ts';
import { carryFlag, carryWord, setCarryOverflow } from './flags.ts';

export type ShiftName = 'rol' | 'ror' | 'rcl' | 'rcr' | 'shl' | 'shr' | 'sar';
export type ShiftCount = 'one' | 'cl' | 'imm';

function count(c: CoreContext, from: ShiftCount): Local<'i32'> | undefined {
  if (from === 'one') return undefined;
  return c.f.let(i32.and(from === 'cl' ? c.readGpr(1, 1) : c.immediate(), 31));
}

/** Runs the operation unless the count is 0; the r/m operand is read and written back in every case, as the real one is. */
export function shift(name: ShiftName, from: ShiftCount): Emit {
  return core((c) => {
    const w = c.width;
    const { f } = c;
    const a = f.let(c.readForWrite(w));
    // A count that is known when this is compiled needs no test, and the flags can be told from the result.
    const known = from === 'one' ? 1 : from === 'imm' ? knownCount(c) : undefined;
    if (known === 0) {
      c.writeBack(w, a);
      return;
    }
    if (known !== undefined) {
      OPERATIONS[name](c, a, i32.const(known), true);
      return;
    }
    const n = count(c, from)!;
    f.if(
      n,
      () => OPERATIONS[name](c, a, n, false),
      () => c.writeBack(w, a),
    );
  });
}

/** The count if it is constant here. */
function knownCount(c: CoreContext): number | undefined {
  const constant = c.immediate().constant;
  return constant === undefined ? undefined : constant & 31;
}

/** `always`: it is carried out whatever the count. */
type ShiftOperation = (c: CoreContext, a: Local<'i32'>, n: Expr<'i32'>, always: boolean) => void;

const bit = (value: Expr<'i32'>, n: number | Expr<'i32'>): Expr<'i32'> => i32.and(i32.shr_u(value, n), 1);

/** The carry word with CF, OF and AF = 1. */
const afterShift = (cf: Expr<'i32'>, of: Expr<'i32'>): Expr<'i32'> => i32.or(carryWord(cf, of), 8);

const OPERATIONS: Record<ShiftName, ShiftOperation> = {
  shl(c, a, n, always) {
    const bits = 8 * c.width;
    // One bit more than the operand: the last bit shifted out lands just above it.
    const wide = c.f.let(i64.shl(i64.extend_u(a), i64.extend_u(n)));
    const r = c.f.let(i32.wrap(wide));
    const cf = c.f.let(i32.and(i32.wrap(i64.shr_u(wide, BigInt(bits))), 1));
    if (always) c.flagsFrom('result', c.width, r, 0, r, cf);
    c.setResult(c.width, r);
    c.setCarry(afterShift(cf, i32.xor(bit(r, bits - 1), cf)));
    c.writeBack(c.width, r);
  },
  shr(c, a, n, always) {
    const r = c.f.let(i32.wrap(i64.shr_u(i64.extend_u(a), i64.extend_u(n))));
    const cf = c.f.let(bit(a, i32.sub(n, 1)));
    if (always) c.flagsFrom('result', c.width, r, 0, r, cf);
    c.setResult(c.width, r);
    // The highest bit before the last of the single shifts.
    c.setCarry(afterShift(cf, bit(r, 8 * c.width - 2)));
    c.writeBack(c.width, r);
  },
  sar(c, a, n, always) {
    const extended = c.f.let(c.width === 1 ? i32.extend8_s(a) : c.width === 2 ? i32.extend16_s(a) : a);
    const r = c.f.let(i32.shr_s(extended, n));
    const cf = c.f.let(i32.and(i32.shr_s(extended, i32.sub(n, 1)), 1));
    if (always) c.flagsFrom('result', c.width, r, 0, r, cf);
    c.setResult(c.width, r);
    c.setCarry(afterShift(cf, i32.const(0)));
    c.writeBack(c.width, r);
  },
  rol(c, a, n) {
    const bits = 8 * c.width;
    const r = c.f.let(
      bits === 32
        ? i32.rotl(a, n)
        : i32.or(i32.shl(a, i32.and(n, bits - 1)), i32.shr_u(a, i32.and(i32.sub(bits, n), bits - 1))),
    );
    const cf = c.f.let(i32.and(r, 1));
    setCarryOverflow(c, cf, i32.xor(bit(r, bits - 1), cf));
    c.writeBack(c.width, r);
  },
  ror(c, a, n) {
    const bits = 8 * c.width;
    const r = c.f.let(
      bits === 32
        ? i32.rotr(a, n)
        : i32.or(i32.shr_u(a, i32.and(n, bits - 1)), i32.shl(a, i32.and(i32.sub(bits, n), bits - 1))),
    );
    const cf = c.f.let(bit(r, bits - 1));
    setCarryOverflow(c, cf, i32.xor(cf, bit(r, bits - 2)));
    c.writeBack(c.width, r);
  },
  rcl(c, a, n) {
    rotateThroughCarry(c, a, n, true);
  },
  rcr(c, a, n) {
    rotateThroughCarry(c, a, n, false);
  },
};

/** RCL and RCR rotate the operand with CF above it: bits + 1 positions; the count is reduced modulo that (SDM "RCL/RCR"). */
function rotateThroughCarry(c: CoreContext, a: Local<'i32'>, n: Expr<'i32'>, left: boolean): void {
  const { f } = c;
  const bits = 8 * c.width;
  const steps = bits === 32 ? n : f.let(i32.rem_u(n, bits + 1));
  const by = f.let(i64.extend_u(steps));
  const back = i64.sub(BigInt(bits + 1), by);
  const oldCf = f.let(carryFlag(c));
  const whole = f.let(i64.or(i64.extend_u(a), i64.shl(i64.extend_u(oldCf), BigInt(bits))));
  const turned = f.let(
    left ? i64.or(i64.shl(whole, by), i64.shr_u(whole, back)) : i64.or(i64.shr_u(whole, by), i64.shl(whole, back)),
  );
  const r = f.let(bits === 32 ? i32.wrap(turned) : i32.and(i32.wrap(turned), (1 << bits) - 1));
  const cf = f.let(i32.and(i32.wrap(i64.shr_u(turned, BigInt(bits))), 1));
  setCarryOverflow(c, cf, i32.xor(bit(r, bits - 1), left ? cf : bit(r, bits - 2)));
  c.writeBack(c.width, r);
}

/** SHLD and SHRD. With 16-bit operands and counts above 16 the result is undefined; the operand pair repeats here. */
export function doubleShift(left: boolean, from: ShiftCount): Emit {
  return core((c) => {
    const w = c.width;
    const { f } = c;
    const bits = 8 * w;
    const a = f.let(c.readForWrite(w));
    const n = count(c, from)!;
    f.if(
      n,
      () => {
        const high = i64.extend_u(left ? a : c.readReg(w));
        const low = i64.extend_u(left ? c.readReg(w) : a);
        let pair: Expr<'i64'> = i64.or(i64.shl(high, BigInt(bits)), low);
        if (w === 2) {
          // 48 bits: the destination follows itself, so that counts of 17-31 read defined bits.
          const again = i64.extend_u(a);
          pair = left ? i64.or(i64.shl(pair, 16n), again) : i64.or(i64.shl(again, 32n), pair);
        }
        const whole = f.let(pair);
        const by = i64.extend_u(n);
        const top = BigInt(w === 2 ? 48 : 64);
        const r = left
          ? f.let(i32.wrap(i64.shr_u(i64.shl(i64.shl(whole, 64n - top), by), 64n - BigInt(bits))))
          : f.let(w === 2 ? i32.and(i32.wrap(i64.shr_u(whole, by)), 0xffff) : i32.wrap(i64.shr_u(whole, by)));
        const cf = f.let(
          i32.and(left ? i32.wrap(i64.shr_u(whole, i64.sub(top, by))) : i32.wrap(i64.shr_u(whole, i64.sub(by, 1n))), 1),
        );
        c.setResult(w, r);
        c.setCarry(afterShift(cf, i32.xor(bit(r, bits - 1), left ? cf : bit(r, bits - 2))));
        c.writeBack(w, r);
      },
      () => c.writeBack(w, a),
    );
  });
}
