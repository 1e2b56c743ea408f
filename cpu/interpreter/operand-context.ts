/**
 * What both tiers share in carrying out an instruction: operands, memory operands, stack and conditions in terms of a handful of
 * primitives. The interpreter supplies them from the decoded record and the state page, the JIT from constants and locals.
 */
import {
  asI32,
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type I32,
  type I64,
  Local,
  type V128,
} from '../emitter/index.ts';
import { GPR, SEGMENT, STATE } from '../layout.ts';
import { VECTOR } from '../state.ts';
import type { Width } from '../semantics/context.ts';
import type { CoreContext, FlagSource } from '../semantics/context-control.ts';

/** The variant of an instruction that a handler carries out. */
export interface FormDescription {
  readonly width: Width;
  readonly isMemory: boolean;
  readonly addressSize: 2 | 4;
  /** Stack operations may assume a flat 32-bit stack. */
  readonly flatStack: boolean;
  /** The relative branch stays within its page. */
  readonly near: boolean;
  /** Bits 8-10 of the x87 opcode. */
  readonly x87Page: number;
  /** The record of a memory form names an index register itself. */
  readonly indexed?: boolean;
  /** Variant for when the status flags are overwritten unseen. */
  readonly flagsUnused?: boolean;
}

/** Fields of the decoded record that name registers, and the rest of it. */
export type RecordField = 'REG' | 'RM' | 'INDEX' | 'SEGMENT';

/** State offset of general register `n` of the given width (byte registers: 4-7 are AH CH DH BH). */
const gprOffset = (n: number, width: Width): number => STATE.GPR + (width === 1 ? ((n & 3) << 2) | (n >> 2) : n << 2);

const PAGE_MASK = 0xfff;

export abstract class OperandContext implements CoreContext {
  readonly f: FunctionBuilder;
  readonly width: Width;
  readonly isMemory: boolean;
  readonly addressSize: 2 | 4;
  readonly flagsUnused: boolean;
  protected readonly form: FormDescription;
  #address: Local<'i32'> | undefined;
  #flags: FlagOperands | undefined;
  /** True once the instruction has ended itself by a branch. */
  ended = false;

  constructor(f: FunctionBuilder, form: FormDescription) {
    this.f = f;
    this.form = form;
    this.width = form.width;
    this.isMemory = form.isMemory;
    this.addressSize = form.addressSize;
    this.flagsUnused = form.flagsUnused ?? false;
  }

  // What a tier supplies.

  /** A byte field of the record. */
  protected abstract field(name: RecordField): I32;
  protected abstract displacement(): I32;
  abstract immediate(): Expr<'i32'>;
  /** A general register by state offset, zero-extended. */
  protected abstract loadRegister(offset: I32, width: Width): Expr<'i32'>;
  protected abstract storeRegister(offset: I32, width: Width, value: I32): void;
  /** Makes host memory of `size` bytes for a linear address out of the one-compare table. */
  protected abstract loadLinear(linear: Local<'i32'>, width: Width): Local<'i32'>;
  protected abstract storeLinear(linear: Local<'i32'>, width: Width, value: I32): void;
  abstract loadI64(displacement?: number): Local<'i64'>;
  abstract storeI64(value: I64, displacement?: number): void;
  abstract loadV128(aligned: boolean): Local<'v128'>;
  abstract storeV128(value: V128, aligned: boolean): void;
  abstract probeWrite(size: number): void;
  abstract readForWrite(width: Width): Expr<'i32'>;
  abstract writeBack(width: Width, value: I32): void;
  abstract readXmmReg(): V128;
  abstract writeXmmReg(value: V128): void;
  abstract readXmmRm(): V128;
  abstract writeXmmRm(value: V128): void;
  abstract readMmxReg(): I64;
  abstract writeMmxReg(value: I64): void;
  abstract readMmxRm(): I64;
  abstract writeMmxRm(value: I64): void;
  /** Leaves with the vector and error code (-1: none) if the condition holds. */
  protected abstract leaveWith(condition: I32, vector: I32, errorCode: number): void;
  abstract eip(): Expr<'i32'>;
  abstract nextEip(): Expr<'i32'>;
  abstract relative(): Expr<'i32'>;
  abstract fn(name: string): FunctionRef & { result: 'i32' };
  abstract setResult(width: Width, result: I32): void;
  abstract setCarry(word: I32): void;
  abstract carry(): Expr<'i32'>;
  /** Low and high half of the flag result. */
  protected abstract resultLow(): Expr<'i32'>;
  protected abstract resultHigh(): Expr<'i32'>;
  protected abstract setResultHalves(low: Local<'i32'>, high: Expr<'i32'>): void;
  abstract checkTarget(eip: Local<'i32'>): void;
  abstract jump(eip: Local<'i32'>): void;
  abstract branch(condition?: Expr<'i32'>): void;

  abstract needHelper(condition: I32): void;
  abstract plainStringOnly(): void;

  // Registers

  readReg(width: Width): Expr<'i32'> {
    return this.loadRegister(this.field('REG'), width);
  }
  writeReg(width: Width, value: I32): void {
    this.storeRegister(this.field('REG'), width, value);
  }
  readRm(width: Width): Expr<'i32'> {
    return this.isMemory ? this.load(width) : this.loadRegister(this.field('RM'), width);
  }
  writeRm(width: Width, value: I32): void {
    if (this.isMemory) this.store(width, value);
    else this.storeRegister(this.field('RM'), width, value);
  }
  readGpr(n: number, width: Width): Expr<'i32'> {
    return this.loadRegister(gprOffset(n, width), width);
  }
  writeGpr(n: number, width: Width, value: I32): void {
    this.storeRegister(gprOffset(n, width), width, value);
  }
  /** Register numbers: the record holds state offsets for general (n * 4) and media (n * 16) registers, plain numbers for x87. */
  rmNumber(): Expr<'i32'> {
    return asI32(this.field('RM'));
  }
  regNumber(): Expr<'i32'> {
    return asI32(this.field('REG'));
  }
  get x87Opcode(): Expr<'i32'> {
    return i32.or(this.form.x87Page << 8, this.field('INDEX'));
  }
  segmentNumber(): Expr<'i32'> {
    return i32.shr_u(this.field('SEGMENT'), 2);
  }

  // Memory operand

  /** The value in something that may be used several times. */
  protected stable(value: I32): Expr<'i32'> {
    const expr = asI32(value);
    return expr instanceof Local || expr.constant !== undefined ? expr : this.f.let(expr);
  }
  address(): Local<'i32'> {
    if (!this.#address) {
      const flat = i32.add(this.loadRegister(this.field('RM'), 4), this.displacement());
      this.#address = this.f.let(this.form.indexed ? i32.add(flat, this.scaledIndex()) : flat);
    }
    return this.#address;
  }
  protected scaledIndex(): Expr<'i32'> {
    const index = this.stable(this.field('INDEX'));
    return i32.shl(this.loadRegister(i32.and(index, 0xfc), 4), i32.and(index, 3));
  }
  moveAddress(delta: I32, width: Width, write: boolean): void {
    const { f } = this;
    const address = this.address();
    const segment = this.stable(this.field('SEGMENT'));
    const base = f.let(i32.load(segment, STATE.SEGMENT_BASE));
    const offset = f.let(i32.add(i32.sub(address, base), delta));
    f.if(i32.and(this.field('INDEX'), 1), () => f.set(offset, i32.and(offset, 0xffff)));
    const last = f.let(i32.add(offset, width - 1));
    const lo = i32.load(segment, write ? STATE.SEGMENT_WRITE_LO : STATE.SEGMENT_READ_LO);
    const hi = i32.load(segment, write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI);
    this.leaveWith(
      i32.or(i32.or(i32.lt_u(offset, lo), i32.gt_u(last, hi)), i32.lt_u(last, offset)),
      i32.sub(VECTOR.GP, i32.eq(segment, 4 * SEGMENT.SS)),
      0,
    );
    f.set(address, i32.add(base, offset));
  }
  /** Linear address of the operand plus a constant. */
  protected at(displacement: number): Local<'i32'> {
    return displacement ? this.f.let(i32.add(this.address(), displacement)) : this.address();
  }
  load(width: Width, displacement = 0): Local<'i32'> {
    return this.loadLinear(this.at(displacement), width);
  }
  store(width: Width, value: I32, displacement = 0): void {
    this.storeLinear(this.at(displacement), width, value);
  }
  loadAt(linear: Local<'i32'>, width: Width): Local<'i32'> {
    return this.loadLinear(linear, width);
  }
  storeAt(linear: Local<'i32'>, width: Width, value: I32): void {
    this.storeLinear(linear, width, value);
  }
  protected loadHost(address: I32, width: Width): Expr<'i32'> {
    return width === 1 ? i32.load8_u(address) : width === 2 ? i32.load16_u(address) : i32.load(address);
  }
  protected storeHost(address: I32, width: Width, value: I32): void {
    if (width === 1) this.f.store8(address, value);
    else if (width === 2) this.f.store16(address, value);
    else this.f.store(address, value);
  }
  /** The table's entry for a page: what to add to reach the byte, or slow. */
  protected entry(table: Local<'i32'>, linear: Local<'i32'>): Local<'i32'> {
    return this.f.let(i32.load(i32.add(table, i32.shl(i32.shr_u(linear, 12), 2))));
  }
  /** True if the access needs the slow path: not mapped for it, or across the page's end. */
  protected needsSlow(linear: Local<'i32'>, entry: Local<'i32'>, size: number): Expr<'i32'> {
    if (size === 1) return i32.and(entry, 1);
    return i32.gt_u(i32.and(i32.or(linear, entry), PAGE_MASK), 0x1000 - size);
  }
  protected checkAligned(): void {
    this.raiseIf(i32.and(this.address(), 15), VECTOR.GP);
  }

  raiseIf(condition: I32, vector: I32): void {
    const number = asI32(vector);
    const hasCode = number.constant !== undefined && [8, 10, 11, 12, 13, 14, 17].includes(number.constant);
    this.leaveWith(condition, number, hasCode ? 0 : -1);
  }

  // Flags

  setStatusFlags(image: I32): void {
    const { f } = this;
    const flags = this.stable(image);
    // ZF decides the low word; bit 32 repairs the parity, bit 63 is SF.
    const low = f.let(i32.and(i32.xor(i32.shr_u(flags, 6), 1), 1));
    const wrongParity = i32.xor(i32.and(i32.xor(i32.shr_u(flags, 2), 1), 1), low);
    this.setResultHalves(low, i32.or(i32.shl(i32.shr_u(flags, 7), 31), wrongParity));
    const of = i32.and(i32.shr_u(flags, 11), 1);
    this.setCarry(
      i32.or(i32.or(i32.shl(flags, 31), i32.shl(i32.and(i32.xor(flags, of), 1), 30)), i32.and(i32.shr_u(flags, 1), 8)),
    );
  }
  condition(code: number): Expr<'i32'> {
    const result = this.resultLow();
    const sign = this.resultHigh();
    const overflow = (): Expr<'i32'> => i32.xor(this.carry(), i32.shl(this.carry(), 1));
    const truth = (): Expr<'i32'> => {
      switch (code >> 1) {
        case 0:
          return i32.shr_u(overflow(), 31);
        case 1:
          return i32.shr_u(this.carry(), 31);
        case 2:
          return i32.eqz(result);
        case 3:
          return i32.or(i32.shr_u(this.carry(), 31), i32.eqz(result));
        case 4:
          return i32.shr_u(sign, 31);
        case 5: {
          const byte = this.f.let(i32.and(i32.xor(result, sign), 0xff));
          return i32.and(i32.shr_u(0x9669, i32.and(i32.xor(byte, i32.shr_u(byte, 4)), 15)), 1);
        }
        case 6:
          return i32.shr_u(i32.xor(sign, overflow()), 31);
        default:
          return i32.or(i32.shr_u(i32.xor(sign, overflow()), 31), i32.eqz(result));
      }
    };
    return code & 1 ? i32.eqz(truth()) : truth();
  }
  flagsFrom(source: FlagSource, width: Width, a: I32, b: I32, result: I32, carry?: Local<'i32'>): void {
    this.#flags = { source, width, a, b, result, carry };
  }
  /** Condition code 0-15 from the operands of the instruction just emitted; undefined if they do not tell. */
  conditionFromOperands(code: number): Expr<'i32'> | undefined {
    return this.#flags && conditionOf(this.#flags, code);
  }

  // Stack

  /** Offset of the stack pointer plus `delta` in a local, wrapped to its size. */
  #stackOffset(delta: number): Local<'i32'> {
    const moved = i32.add(this.readGpr(GPR.ESP, 4), delta);
    return this.f.let(this.form.flatStack ? moved : i32.and(moved, i32.load(0, STATE.STACK_MASK)));
  }
  /** Linear address of a stack access after the segment's limit check. */
  #stackLinear(offset: Local<'i32'>, width: number, write: boolean): Local<'i32'> {
    if (this.form.flatStack) return offset;
    const lo = i32.load(0, (write ? STATE.SEGMENT_WRITE_LO : STATE.SEGMENT_READ_LO) + 4 * SEGMENT.SS);
    const hi = i32.load(0, (write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI) + 4 * SEGMENT.SS);
    const last = this.f.let(i32.add(offset, width - 1));
    this.raiseIf(i32.or(i32.or(i32.lt_u(offset, lo), i32.gt_u(last, hi)), i32.lt_u(last, offset)), VECTOR.SS);
    return this.f.let(i32.add(offset, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.SS)));
  }
  pushValue(width: 2 | 4, value: I32): void {
    const stable = this.stable(value);
    this.storeLinear(this.#stackLinear(this.#stackOffset(-width), width, true), width, stable);
  }
  peekStack(width: 2 | 4, depth = 0): Local<'i32'> {
    return this.loadLinear(this.#stackLinear(this.#stackOffset(depth), width, false), width);
  }
  #setStackPointer(value: Expr<'i32'>): void {
    if (this.form.flatStack) {
      this.writeGpr(GPR.ESP, 4, value);
      return;
    }
    const mask = i32.load(0, STATE.STACK_MASK);
    this.writeGpr(GPR.ESP, 4, i32.or(i32.and(this.readGpr(GPR.ESP, 4), i32.not(mask)), i32.and(value, mask)));
  }
  moveStack(bytes: I32): void {
    this.#setStackPointer(i32.add(this.readGpr(GPR.ESP, 4), bytes));
  }
  peekFrame(width: 2 | 4): Local<'i32'> {
    const frame = this.readGpr(GPR.EBP, 4);
    const offset = this.f.let(this.form.flatStack ? frame : i32.and(frame, i32.load(0, STATE.STACK_MASK)));
    return this.loadLinear(this.#stackLinear(offset, width, false), width);
  }
  moveStackToFrame(width: 2 | 4): void {
    this.#setStackPointer(i32.add(this.readGpr(GPR.EBP, 4), width));
  }
}

/** Where the status flags of an operation come from: operands and result, each usable several times. */
export interface FlagOperands {
  readonly source: FlagSource;
  readonly width: Width;
  readonly a: I32;
  readonly b: I32;
  readonly result: I32;
  /** CF as 0 or 1. */
  readonly carry?: Local<'i32'> | undefined;
}

/** Condition code 0-15 from the operands of an operation; undefined if they do not tell. */
export function conditionOf(
  { source, width, a, b, result, carry }: FlagOperands,
  code: number,
): Expr<'i32'> | undefined {
  const shift = 32 - 8 * width;
  const top = (value: I32): Expr<'i32'> => (shift ? i32.shl(value, shift) : asI32(value));
  const positive = (): Expr<'i32'> | undefined => {
    switch (code >> 1) {
      case 1:
        if (carry) return carry;
        if (source === 'logic') return i32.const(0);
        if (source === 'sum') return i32.lt_u(top(result), top(a));
        return source === 'difference' ? i32.lt_u(a, b) : undefined;
      case 2:
        return source === 'difference' ? i32.eq(a, b) : i32.eqz(top(result));
      case 3:
        return source === 'difference' ? i32.le_u(a, b) : undefined;
      case 4:
        return i32.lt_s(top(result), 0);
      case 6:
        return source === 'difference'
          ? i32.lt_s(top(a), top(b))
          : source === 'logic'
            ? i32.lt_s(top(result), 0)
            : undefined;
      case 7:
        return source === 'difference'
          ? i32.le_s(top(a), top(b))
          : source === 'logic'
            ? i32.le_s(top(result), 0)
            : undefined;
      default:
        return undefined;
    }
  };
  const condition = positive();
  return condition && code & 1 ? i32.eqz(condition) : condition;
}
