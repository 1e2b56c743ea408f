/**
 * Register format and status bits of the x87 FPU (Intel SDM volume 1, sections 4.2 and 8.1), and how generated code
 * finds its registers. A register is 16 bytes of the state page: i64 significand with explicit integer bit, then sign and exponent.
 */
import { type Expr, type FunctionBuilder, type I32, i32, i64, type Local } from '../emitter/index.ts';
import { STATE } from '../layout.ts';

/** Status word bits; TOP (bits 11-13) is kept apart. */
export const STATUS = {
  IE: 0x01,
  DE: 0x02,
  ZE: 0x04,
  OE: 0x08,
  UE: 0x10,
  PE: 0x20,
  SF: 0x40,
  ES: 0x80,
  C0: 0x100,
  C1: 0x200,
  C2: 0x400,
  C3: 0x4000,
  B: 0x8000,
} as const;
/** The six exception flags; the same bits of the control word mask them. */
export const EXCEPTIONS = 0x3f;
/** Summary bits that an unmasked exception sets. */
export const SUMMARY = STATUS.ES | STATUS.B;
export const CONDITION_CODES = STATUS.C0 | STATUS.C1 | STATUS.C2 | STATUS.C3;

/** Control word after FNINIT. Bit 6 is reserved and reads as 1. */
export const CONTROL_DEFAULT = 0x37f;
/** Bits of the control word that can be written. */
export const CONTROL_WRITABLE = 0x1f3f;
export const CONTROL_FIXED = 0x40;

/** Rounding control, as in bits 10-11 of the control word. */
export const ROUND = { NEAREST: 0, DOWN: 1, UP: 2, ZERO: 3 } as const;

export const EXPONENT_MAX = 0x7fff;
export const EXPONENT_BIAS = 0x3fff;
/** Exponent adjustment of results delivered with an unmasked overflow or underflow (SDM volume 1, section 4.9.1). */
export const EXPONENT_WRAP = 24576;
export const INTEGER_BIT = 1n << 63n;
export const QUIET_BIT = 1n << 62n;
/** The real indefinite, a quiet NaN: FFFF_C000000000000000. */
export const INDEFINITE_SIGNIFICAND = 3n << 62n;
export const INDEFINITE_EXPONENT = 0xffff;

/** Register-shaped slot holding the memory operand of an arithmetic instruction. */
export const OPERAND = STATE.SCRATCH + 0x10;
/** Result of a conversion on its way to memory. */
export const CONVERTED = STATE.SCRATCH;

export const control = (): Expr<'i32'> => i32.load(0, STATE.X87_CONTROL);
export const status = (): Expr<'i32'> => i32.load(0, STATE.X87_STATUS);
export const top = (): Expr<'i32'> => i32.load(0, STATE.X87_TOP);
export const inUse = (): Expr<'i32'> => i32.load(0, STATE.X87_IN_USE);

/** Number of the physical register that ST(i) names. */
export const physical = (i: I32): Expr<'i32'> => i32.and(i32.add(top(), i), 7);
/** Address of a physical register. */
export const registerAddress = (n: I32): Expr<'i32'> => i32.add(i32.shl(n, 4), STATE.X87_REGISTERS);
/** 1 if the physical register holds a value. */
export const isInUse = (n: I32): Expr<'i32'> => i32.and(i32.shr_u(inUse(), n), 1);

/** Bits of STATE.X87_ERROR. IGNNE has the place of STATUS.ES, whose effect it undoes. */
export const ERROR = { FERR: 1, IGNNE: STATUS.ES } as const;
/** True if a waiting instruction must stop for a pending exception. */
export const isErrorPending = (): Expr<'i32'> =>
  i32.gt_u(i32.and(status(), STATUS.ES), i32.and(i32.load(0, STATE.X87_ERROR), ERROR.IGNNE));

export const loadSignificand = (address: I32): Expr<'i64'> => i64.load(address);
/** Sign and exponent, 16 bits. */
export const loadExponent = (address: I32): Expr<'i32'> => i32.load16_u(address, 8);

export function storeRegister(
  f: FunctionBuilder,
  address: I32,
  exponent: I32,
  significand: Expr<'i64'> | bigint,
): void {
  f.store64(address, significand);
  f.store16(address, exponent, 8);
}

/** A register taken apart into locals. */
export interface Unpacked {
  /** 0 or 8000h. */
  sign: Local<'i32'>;
  /** Biased, without the sign. */
  exponent: Local<'i32'>;
  significand: Local<'i64'>;
}

export function unpack(f: FunctionBuilder, address: I32): Unpacked {
  const significand = f.let(loadSignificand(address));
  const exponent = f.let(loadExponent(address));
  const sign = f.let(i32.and(exponent, 0x8000));
  f.set(exponent, i32.and(exponent, EXPONENT_MAX));
  return { sign, exponent, significand };
}

/** Marks a physical register as holding a value. */
export const setInUse = (f: FunctionBuilder, n: Expr<'i32'>): void =>
  f.store(0, i32.or(inUse(), i32.shl(1, n)), STATE.X87_IN_USE);
export const setTop = (f: FunctionBuilder, n: Expr<'i32'>): void => f.store(0, n, STATE.X87_TOP);
export const clearC1 = (f: FunctionBuilder): void => f.store(0, i32.and(status(), ~STATUS.C1), STATE.X87_STATUS);
