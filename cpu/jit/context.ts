/**
 * InstructionContext of the compiler: operands are constants of the decoded record, general registers and flags are locals of the
 * region's function. Whatever cannot be answered at once leaves the region in front of the instruction.
 */
import {
  asI32,
  type Expr,
  type FunctionRef,
  i32,
  type I32,
  i64,
  type I64,
  type Local,
  v128,
  type V128,
} from '../emitter/index.ts';
import {
  conditionOf,
  type FlagOperands,
  type FormDescription,
  OperandContext,
  type RecordField,
} from '../interpreter/operand-context.ts';
import { STATE } from '../layout.ts';
import type { Width } from '../semantics/context.ts';
import type { FlagSource } from '../semantics/context-control.ts';
import type { RegionFrame } from './frame.ts';
import type { Instruction } from './instruction.ts';

/** How an instruction that transfers control ended: by a relative branch (with the condition in a local), or to an address in a local. */
export type Transfer =
  { kind: 'relative'; condition: Local<'i32'> | undefined } | { kind: 'computed'; eip: Local<'i32'> };

export class JitContext extends OperandContext {
  /** Long x87 arithmetic is called: inline it keeps a region in slow code for too long. */
  readonly compact = true;
  transfer: Transfer | undefined;
  readonly #frame: RegionFrame;
  readonly #instruction: Instruction;
  #rmwHost: Local<'i32'> | undefined;
  #tellsFlags = false;

  constructor(frame: RegionFrame, instruction: Instruction, form: FormDescription) {
    super(frame.f, form);
    this.#frame = frame;
    this.#instruction = instruction;
  }

  protected field(name: RecordField): I32 {
    return this.#instruction[name];
  }
  protected displacement(): I32 {
    return this.#instruction.DISP;
  }
  immediate(): Expr<'i32'> {
    return i32.const(this.#instruction.IMM);
  }
  protected loadRegister(offset: I32, width: Width): Expr<'i32'> {
    return this.#frame.loadRegister(offset, width);
  }
  protected storeRegister(offset: I32, width: Width, value: I32): void {
    this.#frame.storeRegister(offset, width, asI32(value));
  }

  // Memory: the table answers, or the interpreter carries the instruction out.

  #host(table: Local<'i32'>, linear: Local<'i32'>, size: number): Expr<'i32'> {
    const entry = this.entry(table, linear);
    this.#frame.leaveAccessIf(this.needsSlow(linear, entry, size));
    return i32.add(linear, entry);
  }
  protected loadLinear(linear: Local<'i32'>, width: Width): Local<'i32'> {
    return this.f.let(this.loadHost(this.#host(this.#frame.tlbRead, linear, width), width));
  }
  protected storeLinear(linear: Local<'i32'>, width: Width, value: I32): void {
    const stable = this.stable(value);
    this.storeHost(this.#host(this.#frame.tlbWrite, linear, width), width, stable);
  }
  loadI64(displacement = 0): Local<'i64'> {
    return this.f.let(i64.load(this.#host(this.#frame.tlbRead, this.at(displacement), 8)));
  }
  storeI64(value: I64, displacement = 0): void {
    const stable = this.f.let(typeof value === 'bigint' ? i64.const(value) : value);
    this.f.store64(this.#host(this.#frame.tlbWrite, this.at(displacement), 8), stable);
  }
  loadV128(aligned: boolean): Local<'v128'> {
    if (aligned) this.checkAligned();
    return this.f.let(v128.load(this.#host(this.#frame.tlbRead, this.address(), 16)));
  }
  storeV128(value: V128, aligned: boolean): void {
    if (aligned) this.checkAligned();
    const stable = this.f.let(value);
    this.f.storeV128(this.#host(this.#frame.tlbWrite, this.address(), 16), stable);
  }
  probeWrite(size: number): void {
    const linear = this.address();
    this.#frame.leaveAccessIf(this.needsSlow(linear, this.entry(this.#frame.tlbWrite, linear), size));
  }
  readForWrite(width: Width): Expr<'i32'> {
    if (!this.isMemory) return this.loadRegister(this.field('RM'), width);
    this.#rmwHost = this.f.let(this.#host(this.#frame.tlbWrite, this.address(), width));
    return this.f.let(this.loadHost(this.#rmwHost, width));
  }
  writeBack(width: Width, value: I32): void {
    if (!this.isMemory) {
      this.storeRegister(this.field('RM'), width, value);
      return;
    }
    if (!this.#rmwHost) throw new Error('writeBack without readForWrite');
    this.storeHost(this.#rmwHost, width, value);
  }

  // Media registers

  #media(name: 'REG' | 'RM', base: number): number {
    return base + this.#instruction[name];
  }
  readXmmReg(): V128 {
    return v128.load(0, this.#media('REG', STATE.XMM));
  }
  writeXmmReg(value: V128): void {
    this.f.storeV128(0, value, this.#media('REG', STATE.XMM));
  }
  readXmmRm(): V128 {
    return v128.load(0, this.#media('RM', STATE.XMM));
  }
  writeXmmRm(value: V128): void {
    this.f.storeV128(0, value, this.#media('RM', STATE.XMM));
  }
  readMmxReg(): I64 {
    return i64.load(0, this.#media('REG', STATE.X87_REGISTERS));
  }
  writeMmxReg(value: I64): void {
    this.#writeMmx(this.#media('REG', STATE.X87_REGISTERS), value);
  }
  readMmxRm(): I64 {
    return i64.load(0, this.#media('RM', STATE.X87_REGISTERS));
  }
  writeMmxRm(value: I64): void {
    this.#writeMmx(this.#media('RM', STATE.X87_REGISTERS), value);
  }
  #writeMmx(at: number, value: I64): void {
    this.f.store64(0, value, at);
    this.f.store16(0, 0xffff, at + 8);
  }

  needHelper(condition: I32): void {
    this.#frame.leaveIf(condition);
  }
  /** Only such ones are compiled from their meaning. */
  plainStringOnly(): void {}

  /** The interpreter raises it: it finds the same condition. */
  protected leaveWith(condition: I32): void {
    this.#frame.leaveIf(condition);
  }
  eip(): Expr<'i32'> {
    return this.#frame.eip(this.#instruction.eip);
  }
  nextEip(): Expr<'i32'> {
    const next = this.#instruction.nextEip;
    return this.width === 2 ? i32.and(this.#frame.eip(next), 0xffff) : this.#frame.eip(next);
  }
  relative(): Expr<'i32'> {
    return i32.const(this.#instruction.DISP);
  }
  fn(name: string): FunctionRef & { result: 'i32' } {
    return this.#frame.fn(name);
  }

  // Flags

  setResult(width: Width, result: I32): void {
    const extended = width === 1 ? i32.extend8_s(result) : width === 2 ? i32.extend16_s(result) : result;
    this.f.set(this.#frame.flagResult, i64.extend_s(extended));
    if (!this.#tellsFlags) this.#frame.flagOperands = undefined;
  }
  setCarry(word: I32): void {
    this.f.set(this.#frame.flagCarry, asI32(word));
    if (!this.#tellsFlags) this.#frame.flagOperands = undefined;
  }
  carry(): Expr<'i32'> {
    return this.#frame.flagCarry;
  }
  protected resultLow(): Expr<'i32'> {
    return i32.wrap(this.#frame.flagResult);
  }
  protected resultHigh(): Expr<'i32'> {
    return i32.wrap(i64.shr_s(this.#frame.flagResult, 32n));
  }
  protected setResultHalves(low: Local<'i32'>, high: Expr<'i32'>): void {
    this.f.set(this.#frame.flagResult, i64.or(i64.extend_u(low), i64.shl(i64.extend_u(high), 32n)));
    this.#frame.flagOperands = undefined;
  }
  /** Kept in locals of the frame's own, so that a condition some instructions later can still be told from the operands. */
  override flagsFrom(source: FlagSource, width: Width, a: I32, b: I32, result: I32, carry?: Local<'i32'>): void {
    this.#tellsFlags = true;
    const { f } = this;
    const keep = (value: I32, local: Local<'i32'>): I32 => {
      const expr = asI32(value);
      if (expr.constant !== undefined) return expr;
      f.set(local, expr);
      return local;
    };
    const { operandA, operandB, operandResult, operandCarry } = this.#frame;
    if (carry) f.set(operandCarry, carry);
    const kept: FlagOperands = {
      source,
      width,
      a: keep(a, operandA),
      b: keep(b, operandB),
      result: keep(result, operandResult),
      carry: carry && operandCarry,
    };
    this.#frame.flagOperands = kept;
  }
  override conditionFromOperands(code: number): Expr<'i32'> | undefined {
    const operands = this.#frame.flagOperands;
    return operands && conditionOf(operands, code);
  }
  override condition(code: number): Expr<'i32'> {
    return this.conditionFromOperands(code) ?? super.condition(code);
  }

  // Control

  checkTarget(eip: Local<'i32'>): void {
    const { limit } = this.#frame;
    if (limit !== 0xffffffff) this.#frame.leaveIf(i32.gt_u(eip, limit));
  }
  jump(eip: Local<'i32'>): void {
    this.checkTarget(eip);
    this.f.set(this.#frame.target, eip);
    this.transfer = { kind: 'computed', eip: this.#frame.target };
    this.ended = true;
  }
  branch(condition?: Expr<'i32'>): void {
    const { nextEip, DISP } = this.#instruction;
    const eip = (nextEip + DISP) >>> 0;
    if ((this.width === 2 ? eip & 0xffff : eip) > this.#frame.limit) this.#frame.leaveIf(condition ?? 1);
    if (condition) this.f.set(this.#frame.condition, condition);
    this.transfer = { kind: 'relative', condition: condition && this.#frame.condition };
    this.ended = true;
  }
}
