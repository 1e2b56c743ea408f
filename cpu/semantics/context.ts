/**
 * The emitter's view of one instruction: what semantics are written against, once, for both tiers. The interpreter
 * implements it with operands taken from a decoded record, the JIT with constants and locals.
 *
 * Contract of a semantic function: read operands and addresses, do all memory checks, compute, and only then commit
 * registers, flags and memory. Reads of memory, and `raise…`, leave the instruction when they fail; nothing may have been
 * committed before them. A destination in memory is read with `readForWrite` or checked by the write itself, which comes first
 * among the commits.
 */
import type { Expr, FunctionBuilder, FunctionRef, I32, I64, Local, V128 } from '../emitter/index.ts';

export type Width = 1 | 2 | 4;

export interface InstructionContext {
  readonly f: FunctionBuilder;
  /** Operand width in bytes of this form (for byte forms 1, else the operand size). */
  readonly width: Width;
  /** True if short code is worth more than the last nanosecond: long operations are calls then. */
  readonly compact?: boolean;
  /** True when the r/m operand is in memory in this form. */
  readonly isMemory: boolean;

  /** General register named by ModRM.reg (or the opcode), zero-extended; a write of 1 or 2 bytes keeps the rest. */
  readReg(width: Width): Expr<'i32'>;
  writeReg(width: Width, value: I32): void;
  /** General register or memory named by ModRM.rm. */
  readRm(width: Width): Expr<'i32'>;
  writeRm(width: Width, value: I32): void;
  /** Reads the r/m operand and makes sure that `writeBack`, which must follow, cannot fail. */
  readForWrite(width: Width): Expr<'i32'>;
  writeBack(width: Width, value: I32): void;
  /** A fixed general register by number (byte registers: 0-3 AL CL DL BL, 4-7 AH CH DH BH). */
  readGpr(n: number, width: Width): Expr<'i32'>;
  writeGpr(n: number, width: Width, value: I32): void;

  /** The immediate, already extended. */
  immediate(): Expr<'i32'>;

  /** Linear address of the memory operand, in a local computed once. */
  address(): Local<'i32'>;
  /** Memory at the operand's address plus a constant; the value sits in a local. Checked, may fault. */
  load(width: Width, displacement?: number): Local<'i32'>;
  loadI64(displacement?: number): Local<'i64'>;
  /** 16 bytes; `aligned`: raises #GP(0) if the address is not a multiple of 16. */
  loadV128(aligned: boolean): Local<'v128'>;
  store(width: Width, value: I32, displacement?: number): void;
  storeI64(value: I64, displacement?: number): void;
  storeV128(value: V128, aligned: boolean): void;
  /** Raises what a write of `size` bytes at the operand's address would raise, so that later stores of a multi-part operand cannot fail. */
  probeWrite(size: number): void;

  /** XMM register named by ModRM.reg, and by ModRM.rm when not in memory. */
  readXmmReg(): V128;
  writeXmmReg(value: V128): void;
  readXmmRm(): V128;
  writeXmmRm(value: V128): void;
  /** MMX registers; a write also sets the exponent half to ones. Tag and TOP changes are `x87Mmx`'s business. */
  readMmxReg(): I64;
  writeMmxReg(value: I64): void;
  readMmxRm(): I64;
  writeMmxRm(value: I64): void;

  /** Number (0-7) of ModRM.rm or ModRM.reg of this record as a value; x87 uses `rmNumber` for ST(i). */
  rmNumber(): Expr<'i32'>;
  regNumber(): Expr<'i32'>;

  /** Leaves with the exception if the condition holds; `errorCode` 0 is pushed where the vector has one. */
  raiseIf(condition: I32, vector: I32): void;
  /** EIP of this instruction (for FPU instruction pointers), CS selector is in state. */
  eip(): Expr<'i32'>;
  /** The last 11 bits of the x87 opcode (FOP). */
  readonly x87Opcode: Expr<'i32'>;
  /** Segment number of the memory operand. */
  segmentNumber(): Expr<'i32'>;

  /** Sets all status flags from an EFLAGS image in the low bits (CF PF AF ZF SF OF at their places), for COMIS and FCOMI. */
  setStatusFlags(image: I32): void;
  /** Truth value (0/1) of condition code 0-15 as in Jcc. */
  condition(code: number): Expr<'i32'>;

  /** Functions of the module by name, defined next to the semantics that use them. */
  fn(name: string): FunctionRef & { result: 'i32' };
}
