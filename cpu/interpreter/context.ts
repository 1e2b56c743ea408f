/**
 * InstructionContext for the interpreter tier: operands come from the decoded record at `pc`, registers and flags live in
 * the state page, memory goes through the one-compare translation tables with a call-out for everything else.
 */
import {
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type I32,
  i64,
  type I64,
  type Label,
  type Local,
  v128,
  type V128,
} from '../emitter/index.ts';
import { MODE, RECORD, SEGMENT, STATE } from '../layout.ts';
import type { Width } from '../semantics/context.ts';
import { VECTOR } from '../state.ts';
import { type FormDescription, OperandContext, type RecordField } from './operand-context.ts';

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
  /** Has a helper carry out the record at `pc`; `handler` names it. */
  readonly helper: Label;
  readonly handler: Local<'i32'>;
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

export class InterpreterContext extends OperandContext {
  readonly #frame: Frame;
  #rmwHost: Local<'i32'> | undefined;

  readonly #fallback: number | undefined;

  /** @param fallback handler of the helper of the same instruction */
  constructor(frame: Frame, form: FormDescription, fallback?: number) {
    super(frame.f, form);
    this.#frame = frame;
    this.#fallback = fallback;
  }

  needHelper(condition: I32): void {
    const { f, helper, handler } = this.#frame;
    const fallback = this.#fallback;
    if (fallback === undefined) throw new Error('the instruction has no helper');
    f.if(condition, () => {
      f.set(handler, fallback);
      f.br(helper);
    });
  }
  plainStringOnly(): void {
    this.needHelper(
      i32.or(
        i32.or(this.field('INDEX') as Expr<'i32'>, i32.xor(this.field('SEGMENT'), 4 * SEGMENT.DS)),
        i32.eqz(i32.and(i32.load(0, STATE.MODE_KEY), MODE.FLAT)),
      ),
    );
  }

  protected field(name: RecordField): Expr<'i32'> {
    return i32.load8_u(this.#frame.pc, RECORD[name]);
  }
  protected displacement(): Expr<'i32'> {
    return i32.load(this.#frame.pc, RECORD.DISP);
  }
  immediate(): Expr<'i32'> {
    return i32.load(this.#frame.pc, RECORD.IMM);
  }
  protected loadRegister(offset: I32, width: Width): Expr<'i32'> {
    return this.loadHost(offset, width);
  }
  protected storeRegister(offset: I32, width: Width, value: I32): void {
    this.storeHost(offset, width, value);
  }

  #callOut(call: () => void): void {
    const { f, budget, fault } = this.#frame;
    f.store(0, budget, STATE.BUDGET);
    call();
    f.set(budget, i32.load(0, STATE.BUDGET));
    f.brIf(fault, i32.load(0, STATE.FAULT));
  }

  protected loadLinear(linear: Local<'i32'>, width: Width): Local<'i32'> {
    const { f, tlbRead, slow } = this.#frame;
    const value = f.local('i32');
    const entry = this.entry(tlbRead, linear);
    f.if(
      this.needsSlow(linear, entry, width),
      () => this.#callOut(() => f.set(value, f.call(slow.read, linear, width))),
      () => f.set(value, this.loadHost(i32.add(linear, entry), width)),
    );
    return value;
  }
  protected storeLinear(linear: Local<'i32'>, width: Width, value: I32): void {
    const { f, tlbWrite, slow } = this.#frame;
    const stable = this.stable(value);
    const entry = this.entry(tlbWrite, linear);
    f.if(
      this.needsSlow(linear, entry, width),
      () => this.#callOut(() => f.run(slow.write, linear, width, stable)),
      () => this.storeHost(i32.add(linear, entry), width, stable),
    );
  }
  loadI64(displacement = 0): Local<'i64'> {
    const { f, tlbRead, slow } = this.#frame;
    const linear = this.at(displacement);
    const value = f.local('i64');
    const entry = this.entry(tlbRead, linear);
    f.if(
      this.needsSlow(linear, entry, 8),
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
    const linear = this.at(displacement);
    const stable = f.let(typeof value === 'bigint' ? i64.const(value) : value);
    const entry = this.entry(tlbWrite, linear);
    f.if(
      this.needsSlow(linear, entry, 8),
      () =>
        this.#callOut(() => {
          f.store64(0, stable, STATE.TRANSFER);
          f.run(slow.writeBlock, linear, 8);
        }),
      () => f.store64(i32.add(linear, entry), stable),
    );
  }
  loadV128(aligned: boolean): Local<'v128'> {
    if (aligned) this.checkAligned();
    const { f, tlbRead, slow } = this.#frame;
    const linear = this.address();
    const value = f.local('v128');
    const entry = this.entry(tlbRead, linear);
    f.if(
      this.needsSlow(linear, entry, 16),
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
    if (aligned) this.checkAligned();
    const { f, tlbWrite, slow } = this.#frame;
    const linear = this.address();
    const stable = f.let(value);
    const entry = this.entry(tlbWrite, linear);
    f.if(
      this.needsSlow(linear, entry, 16),
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
    const entry = this.entry(tlbWrite, linear);
    f.if(this.needsSlow(linear, entry, size), () => this.#callOut(() => f.run(slow.probeWrite, linear, size)));
  }

  readForWrite(width: Width): Expr<'i32'> {
    if (!this.isMemory) return this.loadRegister(this.field('RM'), width);
    const { f, tlbWrite, slow } = this.#frame;
    const linear = this.address();
    const host = f.local('i32');
    const value = f.local('i32');
    const entry = this.entry(tlbWrite, linear);
    f.if(
      this.needsSlow(linear, entry, width),
      () => {
        this.#callOut(() => f.set(value, f.call(slow.readForWrite, linear, width)));
        f.set(host, 0);
      },
      () => {
        f.set(host, i32.add(linear, entry));
        f.set(value, this.loadHost(host, width));
      },
    );
    this.#rmwHost = host;
    return value;
  }
  writeBack(width: Width, value: I32): void {
    if (!this.isMemory) {
      this.storeRegister(this.field('RM'), width, value);
      return;
    }
    const host = this.#rmwHost;
    if (!host) throw new Error('writeBack without readForWrite');
    const { f, slow } = this.#frame;
    const stable = this.stable(value);
    f.if(
      host,
      () => this.storeHost(host, width, stable),
      () => this.#callOut(() => f.run(slow.write, this.address(), width, stable)),
    );
  }

  readXmmReg(): V128 {
    return v128.load(this.field('REG'), STATE.XMM);
  }
  writeXmmReg(value: V128): void {
    this.f.storeV128(this.field('REG'), value, STATE.XMM);
  }
  readXmmRm(): V128 {
    return v128.load(this.field('RM'), STATE.XMM);
  }
  writeXmmRm(value: V128): void {
    this.f.storeV128(this.field('RM'), value, STATE.XMM);
  }
  readMmxReg(): I64 {
    return i64.load(this.field('REG'), STATE.X87_REGISTERS);
  }
  writeMmxReg(value: I64): void {
    this.f.store64(this.field('REG'), value, STATE.X87_REGISTERS);
    this.f.store16(this.field('REG'), 0xffff, STATE.X87_REGISTERS + 8);
  }
  readMmxRm(): I64 {
    return i64.load(this.field('RM'), STATE.X87_REGISTERS);
  }
  writeMmxRm(value: I64): void {
    this.f.store64(this.field('RM'), value, STATE.X87_REGISTERS);
    this.f.store16(this.field('RM'), 0xffff, STATE.X87_REGISTERS + 8);
  }

  protected leaveWith(condition: I32, vector: I32, errorCode: number): void {
    const { f, fault } = this.#frame;
    f.if(condition, () => {
      f.store(0, vector, STATE.FAULT_VECTOR);
      f.store(0, errorCode, STATE.FAULT_ERROR);
      f.br(fault);
    });
  }
  #place(): Expr<'i32'> {
    return i32.load16_u(this.#frame.pc, RECORD.PLACE);
  }
  eip(): Expr<'i32'> {
    return i32.add(i32.load(0, STATE.CODE_EIP), i32.shr_u(this.#place(), 4));
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
  protected resultLow(): Expr<'i32'> {
    return i32.load(0, STATE.FLAG_RESULT);
  }
  protected resultHigh(): Expr<'i32'> {
    return i32.load(0, STATE.FLAG_RESULT + 4);
  }
  protected setResultHalves(low: Local<'i32'>, high: Expr<'i32'>): void {
    this.f.store(0, low, STATE.FLAG_RESULT);
    this.f.store(0, high, STATE.FLAG_RESULT + 4);
  }
  carry(): Expr<'i32'> {
    return i32.load(0, STATE.FLAG_CARRY);
  }
  nextEip(): Expr<'i32'> {
    const place = this.f.let(this.#place());
    const next = i32.add(i32.load(0, STATE.CODE_EIP), i32.add(i32.shr_u(place, 4), i32.and(place, 15)));
    return this.width === 2 ? i32.and(next, 0xffff) : next;
  }
  relative(): Expr<'i32'> {
    return this.displacement();
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
      if (!this.form.near) {
        const eip = f.let(i32.add(this.nextEip(), this.relative()));
        if (this.width === 2) f.set(eip, i32.and(eip, 0xffff));
        this.checkTarget(eip);
        f.set(target, i32.add(eip, i32.load(0, STATE.SEGMENT_BASE + 4 * SEGMENT.CS)));
        f.br(dispatch);
        return;
      }
      const record = f.let(this.immediate());
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
}
