/**
 * InstructionContext for the interpreter tier: operands come from the decoded record at `pc`, registers and flags live in
 * the state page, memory goes through the one-compare translation tables with a call-out for everything else.
 */
import {
  asI32,
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type I32,
  i64,
  type I64,
  type Label,
  Local,
  v128,
  type V128,
} from '../emitter/index.ts';
import { RECORD, SEGMENT, STATE } from '../layout.ts';
import type { Width } from '../semantics/context.ts';
import type { CoreContext, FlagSource } from '../semantics/context-control.ts';
import { VECTOR } from '../state.ts';

/** Call-outs for accesses that the tables do not answer. Each may set STATE.FAULT. */
export interface SlowAccess {
  /** (linear, size 1-4) -> value */
  read: FunctionRef & { result: 'i32' };
  /** (linear, size, value) */
  write: FunctionRef;
  /** As read, and checks that a write is possible. */
  readForWrite: FunctionRef & { result: 'i32' };
  /** (linear, size): to and from STATE.TRANSFER. */
  readBlock: FunctionRef;
  writeBlock: FunctionRef;
  probeWrite: FunctionRef;
}

/** What the generated interpreter function shares among all handlers. */
export interface Frame {
  readonly f: FunctionBuilder;
  /** Address of the record being executed. */
  readonly pc: Local<'i32'>;
  readonly budget: Local<'i32'>;
  readonly tlbRead: Local<'i32'>;
  readonly tlbWrite: Local<'i32'>;
  /** Linear address to continue at, for `dispatch`. */
  readonly target: Local<'i32'>;
  /** Continue with the record at `pc`, not a taken branch. */
  readonly next: Label;
  /** Continue with the record at `pc` after a taken branch: the budget is looked at. */
  readonly taken: Label;
  /** Continue at linear address `target`. */
  readonly dispatch: Label;
  /** Deliver STATE.FAULT_VECTOR for the present instruction. */
  readonly fault: Label;
  /** Leave because the lookup of a branch target failed; STATE.EIP is the target. */
  readonly targetFault: Label;
  readonly slow: SlowAccess;
  /** (record, linear target) -> record of the target, stored as link; 0 on a fault. */
  readonly link: FunctionRef & { result: 'i32' };
  readonly functions: ReadonlyMap<string, FunctionRef>;
}

/** Sets `into` to what a lookup answers. Code in device memory is fetched through the bus, which may look at the budget. */
export function countedLookup(
  f: FunctionBuilder,
  budget: Local<'i32'>,
  into: Local<'i32'>,
  call: () => Expr<'i32'>,
): void {
  f.store(0, budget, STATE.BUDGET);
  f.set(into, call());
  f.set(budget, i32.load(0, STATE.BUDGET));
}

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

const PAGE_MASK = 0xfff;

export class InterpreterContext implements CoreContext {
  readonly f: FunctionBuilder;
  readonly width: Width;
  readonly isMemory: boolean;
  readonly addressSize: 2 | 4;
  readonly #frame: Frame;
  readonly #form: FormDescription;
  #address: Local<'i32'> | undefined;
  #rmwHost: Local<'i32'> | undefined;
  readonly flagsUnused: boolean;
  #flags: { source: FlagSource; width: Width; a: I32; b: I32; result: I32 } | undefined;
  /** True once the handler has ended itself by a branch. */
  ended = false;

  constructor(frame: Frame, form: FormDescription) {
    this.f = frame.f;
    this.width = form.width;
    this.isMemory = form.isMemory;
    this.addressSize = form.addressSize;
    this.flagsUnused = form.flagsUnused ?? false;
    this.#frame = frame;
    this.#form = form;
  }

  #field8(offset: number): Expr<'i32'> {
    return i32.load8_u(this.#frame.pc, offset);
  }
  #field32(offset: number): Expr<'i32'> {
    return i32.load(this.#frame.pc, offset);
  }
  #loadWidth(address: I32, width: Width, offset = 0): Expr<'i32'> {
    return width === 1
      ? i32.load8_u(address, offset)
      : width === 2
        ? i32.load16_u(address, offset)
        : i32.load(address, offset);
  }
  #storeWidth(address: I32, width: Width, value: I32, offset = 0): void {
    if (width === 1) this.f.store8(address, value, offset);
    else if (width === 2) this.f.store16(address, value, offset);
    else this.f.store(address, value, offset);
  }
  /** The value in something that may be used several times. */
  #stable(value: I32): Expr<'i32'> {
    const expr = asI32(value);
    return expr instanceof Local || expr.constant !== undefined ? expr : this.f.let(expr);
  }

  readReg(width: Width): Expr<'i32'> {
    return this.#loadWidth(this.#field8(RECORD.REG), width);
  }
  writeReg(width: Width, value: I32): void {
    this.#storeWidth(this.#field8(RECORD.REG), width, value);
  }
  readRm(width: Width): Expr<'i32'> {
    return this.isMemory ? this.load(width) : this.#loadWidth(this.#field8(RECORD.RM), width);
  }
  writeRm(width: Width, value: I32): void {
    if (this.isMemory) this.store(width, value);
    else this.#storeWidth(this.#field8(RECORD.RM), width, value);
  }
  readGpr(n: number, width: Width): Expr<'i32'> {
    const at = width === 1 ? ((n & 3) << 2) | (n >> 2) : n << 2;
    return this.#loadWidth(0, width, STATE.GPR + at);
  }
  writeGpr(n: number, width: Width, value: I32): void {
    const at = width === 1 ? ((n & 3) << 2) | (n >> 2) : n << 2;
    this.#storeWidth(0, width, value, STATE.GPR + at);
  }
  immediate(): Expr<'i32'> {
    return this.#field32(RECORD.IMM);
  }

  address(): Local<'i32'> {
    if (!this.#address) {
      const flat = i32.add(i32.load(this.#field8(RECORD.RM)), this.#field32(RECORD.DISP));
      this.#address = this.f.let(this.#form.indexed ? i32.add(flat, this.#scaledIndex()) : flat);
    }
    return this.#address;
  }
  #scaledIndex(): Expr<'i32'> {
    const index = this.f.let(this.#field8(RECORD.INDEX));
    return i32.shl(i32.load(i32.and(index, 0xfc)), i32.and(index, 3));
  }
  moveAddress(delta: I32, width: Width, write: boolean): void {
    const { f, fault } = this.#frame;
    const address = this.address();
    const segment = f.let(this.#field8(RECORD.SEGMENT));
    const base = f.let(i32.load(segment, STATE.SEGMENT_BASE));
    const offset = f.let(i32.add(i32.sub(address, base), delta));
    f.if(i32.and(this.#field8(RECORD.INDEX), 1), () => f.set(offset, i32.and(offset, 0xffff)));
    const last = f.let(i32.add(offset, width - 1));
    const lo = i32.load(segment, write ? STATE.SEGMENT_WRITE_LO : STATE.SEGMENT_READ_LO);
    const hi = i32.load(segment, write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI);
    f.if(i32.or(i32.or(i32.lt_u(offset, lo), i32.gt_u(last, hi)), i32.lt_u(last, offset)), () => {
      f.store(0, i32.sub(VECTOR.GP, i32.eq(segment, 4 * SEGMENT.SS)), STATE.FAULT_VECTOR);
      f.store(0, 0, STATE.FAULT_ERROR);
      f.br(fault);
    });
    f.set(address, i32.add(base, offset));
  }
  #at(displacement: number): Local<'i32'> {
    return displacement ? this.f.let(i32.add(this.address(), displacement)) : this.address();
  }

  #entry(table: Local<'i32'>, linear: Local<'i32'>): Local<'i32'> {
    return this.f.let(i32.load(i32.add(table, i32.shl(i32.shr_u(linear, 12), 2))));
  }
  /** True if the access needs the slow path: not mapped for it, or across the page's end. */
  #needsSlow(linear: Local<'i32'>, entry: Local<'i32'>, size: number): Expr<'i32'> {
    if (size === 1) return i32.and(entry, 1);
    return i32.gt_u(i32.and(i32.or(linear, entry), PAGE_MASK), 0x1000 - size);
  }
  #callOut(call: () => void): void {
    const { f, budget, fault } = this.#frame;
    f.store(0, budget, STATE.BUDGET);
    call();
    f.set(budget, i32.load(0, STATE.BUDGET));
    f.brIf(fault, i32.load(0, STATE.FAULT));
  }

  #loadLinear(linear: Local<'i32'>, width: Width): Local<'i32'> {
    const { f, tlbRead, slow } = this.#frame;
    const value = f.local('i32');
    const entry = this.#entry(tlbRead, linear);
    f.if(
      this.#needsSlow(linear, entry, width),
      () => this.#callOut(() => f.set(value, f.call(slow.read, linear, width))),
      () => f.set(value, this.#loadWidth(i32.add(linear, entry), width)),
    );
    return value;
  }
  #storeLinear(linear: Local<'i32'>, width: Width, value: I32): void {
    const { f, tlbWrite, slow } = this.#frame;
    const stable = this.#stable(value);
    const entry = this.#entry(tlbWrite, linear);
    f.if(
      this.#needsSlow(linear, entry, width),
      () => this.#callOut(() => f.run(slow.write, linear, width, stable)),
      () => this.#storeWidth(i32.add(linear, entry), width, stable),
    );
  }

  load(width: Width, displacement = 0): Local<'i32'> {
    return this.#loadLinear(this.#at(displacement), width);
  }
  store(width: Width, value: I32, displacement = 0): void {
    this.#storeLinear(this.#at(displacement), width, value);
  }
  loadI64(displacement = 0): Local<'i64'> {
    const { f, tlbRead, slow } = this.#frame;
    const linear = this.#at(displacement);
    const value = f.local('i64');
    const entry = this.#entry(tlbRead, linear);
    f.if(
      this.#needsSlow(linear, entry, 8),
      () =>
        this.#callOut(() => {
          f.run(slow.readBlock, linear, 8);
          f.set(value, i64.load(0, STATE.TRANSFER));
        }),
      () => f.set(value, i64.load(i32.add(linear, entry))),
    );
    return value;
  }
  storeI64(value: I64, displacement = 0): void {
    const { f, tlbWrite, slow } = this.#frame;
    const linear = this.#at(displacement);
    const stable = f.let(typeof value === 'bigint' ? i64.const(value) : value);
    const entry = this.#entry(tlbWrite, linear);
    f.if(
      this.#needsSlow(linear, entry, 8),
      () =>
        this.#callOut(() => {
          f.store64(0, stable, STATE.TRANSFER);
          f.run(slow.writeBlock, linear, 8);
        }),
      () => f.store64(i32.add(linear, entry), stable),
    );
  }
  #checkAligned(): void {
    this.raiseIf(i32.and(this.address(), 15), VECTOR.GP);
  }
  loadV128(aligned: boolean): Local<'v128'> {
    if (aligned) this.#checkAligned();
    const { f, tlbRead, slow } = this.#frame;
    const linear = this.address();
    const value = f.local('v128');
    const entry = this.#entry(tlbRead, linear);
    f.if(
      this.#needsSlow(linear, entry, 16),
      () =>
        this.#callOut(() => {
          f.run(slow.readBlock, linear, 16);
          f.set(value, v128.load(0, STATE.TRANSFER));
        }),
      () => f.set(value, v128.load(i32.add(linear, entry))),
    );
    return value;
  }
  storeV128(value: V128, aligned: boolean): void {
    if (aligned) this.#checkAligned();
    const { f, tlbWrite, slow } = this.#frame;
    const linear = this.address();
    const stable = f.let(value);
    const entry = this.#entry(tlbWrite, linear);
    f.if(
      this.#needsSlow(linear, entry, 16),
      () =>
        this.#callOut(() => {
          f.storeV128(0, stable, STATE.TRANSFER);
          f.run(slow.writeBlock, linear, 16);
        }),
      () => f.storeV128(i32.add(linear, entry), stable),
    );
  }
  probeWrite(size: number): void {
    const { f, tlbWrite, slow } = this.#frame;
    const linear = this.address();
    const entry = this.#entry(tlbWrite, linear);
    f.if(this.#needsSlow(linear, entry, size), () => this.#callOut(() => f.run(slow.probeWrite, linear, size)));
  }

  readForWrite(width: Width): Expr<'i32'> {
    if (!this.isMemory) return this.#loadWidth(this.#field8(RECORD.RM), width);
    const { f, tlbWrite, slow } = this.#frame;
    const linear = this.address();
    const host = f.local('i32');
    const value = f.local('i32');
    const entry = this.#entry(tlbWrite, linear);
    f.if(
      this.#needsSlow(linear, entry, width),
      () => {
        this.#callOut(() => f.set(value, f.call(slow.readForWrite, linear, width)));
        f.set(host, 0);
      },
      () => {
        f.set(host, i32.add(linear, entry));
        f.set(value, this.#loadWidth(host, width));
      },
    );
    this.#rmwHost = host;
    return value;
  }
  writeBack(width: Width, value: I32): void {
    if (!this.isMemory) {
      this.#storeWidth(this.#field8(RECORD.RM), width, value);
      return;
    }
    const host = this.#rmwHost;
    if (!host) throw new Error('writeBack without readForWrite');
    const { f, slow } = this.#frame;
    const stable = this.#stable(value);
    f.if(
      host,
      () => this.#storeWidth(host, width, stable),
      () => this.#callOut(() => f.run(slow.write, this.address(), width, stable)),
    );
  }

  readXmmReg(): V128 {
    return v128.load(this.#field8(RECORD.REG), STATE.XMM);
  }
  writeXmmReg(value: V128): void {
    this.f.storeV128(this.#field8(RECORD.REG), value, STATE.XMM);
  }
  readXmmRm(): V128 {
    return v128.load(this.#field8(RECORD.RM), STATE.XMM);
  }
  writeXmmRm(value: V128): void {
    this.f.storeV128(this.#field8(RECORD.RM), value, STATE.XMM);
  }
  readMmxReg(): I64 {
    return i64.load(this.#field8(RECORD.REG), STATE.X87_REGISTERS);
  }
  writeMmxReg(value: I64): void {
    this.f.store64(this.#field8(RECORD.REG), value, STATE.X87_REGISTERS);
    this.f.store16(this.#field8(RECORD.REG), 0xffff, STATE.X87_REGISTERS + 8);
  }
  readMmxRm(): I64 {
    return i64.load(this.#field8(RECORD.RM), STATE.X87_REGISTERS);
  }
  writeMmxRm(value: I64): void {
    this.f.store64(this.#field8(RECORD.RM), value, STATE.X87_REGISTERS);
    this.f.store16(this.#field8(RECORD.RM), 0xffff, STATE.X87_REGISTERS + 8);
  }
  /** Register numbers: the record holds state offsets for general (n * 4) and media (n * 16) registers, plain numbers for x87. */
  rmNumber(): Expr<'i32'> {
    return this.#field8(RECORD.RM);
  }
  regNumber(): Expr<'i32'> {
    return this.#field8(RECORD.REG);
  }

  raiseIf(condition: I32, vector: I32): void {
    const { f, fault } = this.#frame;
    f.if(condition, () => {
      const number = asI32(vector);
      const hasCode = number.constant !== undefined && [8, 10, 11, 12, 13, 14, 17].includes(number.constant);
      f.store(0, number, STATE.FAULT_VECTOR);
      f.store(0, hasCode ? 0 : -1, STATE.FAULT_ERROR);
      f.br(fault);
    });
  }
  #place(): Expr<'i32'> {
    return i32.load16_u(this.#frame.pc, RECORD.PLACE);
  }
  eip(): Expr<'i32'> {
    return i32.add(i32.load(0, STATE.CODE_EIP), i32.shr_u(this.#place(), 4));
  }
  get x87Opcode(): Expr<'i32'> {
    return i32.or(this.#form.x87Page << 8, this.#field8(RECORD.INDEX));
  }
  segmentNumber(): Expr<'i32'> {
    return i32.shr_u(this.#field8(RECORD.SEGMENT), 2);
  }
  fn(name: string): FunctionRef & { result: 'i32' } {
    const found = this.#frame.functions.get(name);
    if (!found) throw new Error(`no generated function is called ${name}`);
    return found as FunctionRef & { result: 'i32' };
  }

  setResult(width: Width, result: I32): void {
    const extended = width === 1 ? i32.extend8_s(result) : width === 2 ? i32.extend16_s(result) : result;
    this.f.store64(0, i64.extend_s(extended), STATE.FLAG_RESULT);
  }
  setCarry(word: I32): void {
    this.f.store(0, word, STATE.FLAG_CARRY);
  }
  carry(): Expr<'i32'> {
    return i32.load(0, STATE.FLAG_CARRY);
  }
  setStatusFlags(image: I32): void {
    const { f } = this;
    const flags = this.#stable(image);
    // ZF decides the low word; bit 32 repairs the parity, bit 63 is SF.
    const low = f.let(i32.and(i32.xor(i32.shr_u(flags, 6), 1), 1));
    const wrongParity = i32.xor(i32.and(i32.xor(i32.shr_u(flags, 2), 1), 1), low);
    const high = i32.or(i32.shl(i32.shr_u(flags, 7), 31), wrongParity);
    f.store(0, low, STATE.FLAG_RESULT);
    f.store(0, high, STATE.FLAG_RESULT + 4);
    const of = i32.and(i32.shr_u(flags, 11), 1);
    f.store(
      0,
      i32.or(i32.or(i32.shl(flags, 31), i32.shl(i32.and(i32.xor(flags, of), 1), 30)), i32.and(i32.shr_u(flags, 1), 8)),
      STATE.FLAG_CARRY,
    );
  }
  condition(code: number): Expr<'i32'> {
    const result = i32.load(0, STATE.FLAG_RESULT);
    const sign = i32.load(0, STATE.FLAG_RESULT + 4);
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

  flagsFrom(source: FlagSource, width: Width, a: I32, b: I32, result: I32): void {
    this.#flags = { source, width, a, b, result };
  }
  /** Condition code 0-15 from the operands of the instruction just emitted; undefined if they do not tell. */
  conditionFromOperands(code: number): Expr<'i32'> | undefined {
    const flags = this.#flags;
    if (!flags) return undefined;
    const { source, width, a, b, result } = flags;
    const shift = 32 - 8 * width;
    const top = (value: I32): Expr<'i32'> => (shift ? i32.shl(value, shift) : asI32(value));
    const positive = (): Expr<'i32'> | undefined => {
      switch (code >> 1) {
        case 1:
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

  nextEip(): Expr<'i32'> {
    const place = this.f.let(this.#place());
    const next = i32.add(i32.load(0, STATE.CODE_EIP), i32.add(i32.shr_u(place, 4), i32.and(place, 15)));
    return this.width === 2 ? i32.and(next, 0xffff) : next;
  }
  relative(): Expr<'i32'> {
    return this.#field32(RECORD.DISP);
  }
  checkTarget(eip: Local<'i32'>): void {
    this.raiseIf(i32.gt_u(eip, i32.load(0, STATE.SEGMENT_LIMIT + 4 * SEGMENT.CS)), VECTOR.GP);
  }
  jump(eip: Local<'i32'>): void {
    const { f, target, dispatch } = this.#frame;
    this.checkTarget(eip);
    f.set(target, i32.add(eip, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)));
    f.br(dispatch);
    this.ended = true;
  }
  branch(condition?: Expr<'i32'>): void {
    const { f, pc, budget, target, taken, dispatch, targetFault, link } = this.#frame;
    const go = (): void => {
      if (!this.#form.near) {
        const eip = f.let(i32.add(this.nextEip(), this.relative()));
        if (this.width === 2) f.set(eip, i32.and(eip, 0xffff));
        this.checkTarget(eip);
        f.set(target, i32.add(eip, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)));
        f.br(dispatch);
        return;
      }
      const record = f.let(this.#field32(RECORD.IMM));
      f.if(i32.eqz(record), () => {
        const place = f.let(this.#place());
        const offset = i32.add(i32.add(i32.shr_u(place, 4), i32.and(place, 15)), this.relative());
        countedLookup(f, budget, record, () => f.call(link, pc, i32.add(i32.load(0, STATE.CODE_PAGE), offset)));
        f.brIf(targetFault, i32.eqz(record));
      });
      f.set(pc, record);
      f.br(taken);
    };
    if (condition) f.if(condition, go);
    else {
      go();
      this.ended = true;
    }
  }

  /** Offset of the stack pointer plus `delta` in a local, wrapped to its size. */
  #stackOffset(delta: number): Local<'i32'> {
    const moved = i32.add(i32.load(0, STATE.GPR + 16), delta);
    return this.f.let(this.#form.flatStack ? moved : i32.and(moved, i32.load(0, STATE.STACK_MASK)));
  }
  /** Linear address of a stack access after the segment's limit check. */
  #stackLinear(offset: Local<'i32'>, width: number, write: boolean): Local<'i32'> {
    if (this.#form.flatStack) return offset;
    const lo = i32.load(0, (write ? STATE.SEGMENT_WRITE_LO : STATE.SEGMENT_READ_LO) + 4 * SEGMENT.SS);
    const hi = i32.load(0, (write ? STATE.SEGMENT_WRITE_HI : STATE.SEGMENT_READ_HI) + 4 * SEGMENT.SS);
    const last = this.f.let(i32.add(offset, width - 1));
    this.raiseIf(i32.or(i32.or(i32.lt_u(offset, lo), i32.gt_u(last, hi)), i32.lt_u(last, offset)), VECTOR.SS);
    return this.f.let(i32.add(offset, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.SS)));
  }
  pushValue(width: 2 | 4, value: I32): void {
    const stable = this.#stable(value);
    this.#storeLinear(this.#stackLinear(this.#stackOffset(-width), width, true), width, stable);
  }
  peekStack(width: 2 | 4, depth = 0): Local<'i32'> {
    return this.#loadLinear(this.#stackLinear(this.#stackOffset(depth), width, false), width);
  }
  #setStackPointer(value: Expr<'i32'>): void {
    if (this.#form.flatStack) {
      this.f.store(0, value, STATE.GPR + 16);
      return;
    }
    const mask = i32.load(0, STATE.STACK_MASK);
    this.f.store(0, i32.or(i32.and(i32.load(0, STATE.GPR + 16), i32.not(mask)), i32.and(value, mask)), STATE.GPR + 16);
  }
  moveStack(bytes: I32): void {
    this.#setStackPointer(i32.add(i32.load(0, STATE.GPR + 16), bytes));
  }
  peekFrame(width: 2 | 4): Local<'i32'> {
    const frame = i32.load(0, STATE.GPR + 20);
    const offset = this.f.let(this.#form.flatStack ? frame : i32.and(frame, i32.load(0, STATE.STACK_MASK)));
    return this.#loadLinear(this.#stackLinear(offset, width, false), width);
  }
  moveStackToFrame(width: 2 | 4): void {
    this.#setStackPointer(i32.add(i32.load(0, STATE.GPR + 20), width));
  }
}
