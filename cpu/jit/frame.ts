/** Locals, exits and addresses that all instructions of a region's function share. */
import {
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  type I32,
  i64,
  type Label,
  type Local,
  select,
} from '../emitter/index.ts';
import type { FlagOperands } from '../interpreter/operand-context.ts';
import { STATE } from '../layout.ts';
import type { Width } from '../semantics/context.ts';

export interface Exits {
  /** EXIT_EIP is where to go on, by a branch, by falling through, or with the interpreter carrying out an instruction. */
  readonly branch: Label;
  readonly fall: Label;
  readonly side: Label;
}

export class RegionFrame {
  readonly f: FunctionBuilder;
  readonly registers: readonly Local<'i32'>[];
  readonly flagResult: Local<'i64'>;
  readonly flagCarry: Local<'i32'>;
  readonly budget: Local<'i32'>;
  readonly tlbRead: Local<'i32'>;
  readonly tlbWrite: Local<'i32'>;
  /** Linear address computed by an address record. */
  readonly addressLocal: Local<'i32'>;
  /** Computed branch target (EIP), condition of a conditional branch, and where an exit goes on. */
  readonly target: Local<'i32'>;
  readonly condition: Local<'i32'>;
  readonly exitEip: Local<'i32'>;
  /** How far the code lies from where it was compiled for. */
  readonly delta: Local<'i32'>;
  readonly operandA: Local<'i32'>;
  readonly operandB: Local<'i32'>;
  readonly operandResult: Local<'i32'>;
  readonly operandCarry: Local<'i32'>;
  /** Where the flags come from, as far as it is known at this point of the code. */
  flagOperands: FlagOperands | undefined;
  /** Instructions carried out that `budget` does not count yet. */
  pending = 0;
  /** EIP, as compiled, of the instruction being emitted. */
  currentEip = 0;
  exits!: Exits;
  /** Limit of the code segment. */
  readonly limit: number;
  readonly #functions: ReadonlyMap<string, FunctionRef>;

  readonly #forcedExits: number;

  constructor(f: FunctionBuilder, limit: number, functions: ReadonlyMap<string, FunctionRef>, forcedExits: number) {
    this.#forcedExits = forcedExits;
    this.f = f;
    this.limit = limit;
    this.#functions = functions;
    this.registers = Array.from({ length: 8 }, () => f.local('i32'));
    this.flagResult = f.local('i64');
    this.flagCarry = f.local('i32');
    this.budget = f.local('i32');
    this.tlbRead = f.local('i32');
    this.tlbWrite = f.local('i32');
    this.addressLocal = f.local('i32');
    this.target = f.local('i32');
    this.condition = f.local('i32');
    this.exitEip = f.local('i32');
    this.delta = f.local('i32');
    this.operandA = f.local('i32');
    this.operandB = f.local('i32');
    this.operandResult = f.local('i32');
    this.operandCarry = f.local('i32');
  }

  /** State from memory into locals, all but what only the start of the function needs. */
  load(): void {
    const { f } = this;
    this.registers.forEach((register, n) => f.set(register, i32.load(0, STATE.GPR + 4 * n)));
    f.set(this.flagResult, i64.load(0, STATE.FLAG_RESULT));
    f.set(this.flagCarry, i32.load(0, STATE.FLAG_CARRY));
    f.set(this.budget, i32.load(0, STATE.BUDGET));
  }
  store(): void {
    const { f } = this;
    this.registers.forEach((register, n) => f.store(0, register, STATE.GPR + 4 * n));
    f.store64(0, this.flagResult, STATE.FLAG_RESULT);
    f.store(0, this.flagCarry, STATE.FLAG_CARRY);
    f.store(0, this.budget, STATE.BUDGET);
  }

  /** A general register by state offset, a constant. */
  loadRegister(offset: I32, width: Width): Expr<'i32'> {
    const at = constantOf(offset);
    if (at === STATE.ZERO) return i32.const(0);
    const register = at === STATE.ADDRESS ? this.addressLocal : this.registers[at >> 2]!;
    if (width === 4) return register;
    return width === 2 ? i32.and(register, 0xffff) : i32.and(i32.shr_u(register, 8 * (at & 3)), 0xff);
  }
  storeRegister(offset: I32, width: Width, value: Expr<'i32'>): void {
    const at = constantOf(offset);
    const register = this.registers[at >> 2]!;
    if (width === 4) {
      this.f.set(register, value);
      return;
    }
    const shift = width === 2 ? 0 : 8 * (at & 3);
    const mask = width === 2 ? 0xffff : 0xff;
    const part = i32.shl(i32.and(value, mask), shift);
    this.f.set(register, i32.or(i32.and(register, ~(mask << shift)), part));
  }

  eip(compiled: number): Expr<'i32'> {
    return i32.add(this.delta, compiled | 0);
  }
  fn(name: string): FunctionRef & { result: 'i32' } {
    const found = this.#functions.get(name);
    if (!found) throw new Error(`no generated function is called ${name}`);
    return found as FunctionRef & { result: 'i32' };
  }

  /** Brings `budget` up to date. */
  settle(): void {
    if (this.pending) this.f.set(this.budget, i32.sub(this.budget, this.pending));
    this.pending = 0;
  }
  /** Leaves the region at an address as compiled. */
  leave(exit: Label, compiled: number): void {
    const { f } = this;
    f.set(this.exitEip, i32.const(compiled));
    if (this.pending) f.set(this.budget, i32.sub(this.budget, this.pending));
    f.br(exit);
  }
  /** As `leaveIf`, and every so many times in any case if that is asked for. */
  leaveAccessIf(condition: Expr<'i32'>): void {
    if (!this.#forcedExits) {
      this.leaveIf(condition);
      return;
    }
    const left = this.f.let(i32.sub(i32.load(0, STATE.FORCED_EXIT), 1));
    const now = this.f.let(i32.le_s(left, 0));
    this.f.store(0, select(now, i32.const(this.#forcedExits), left as Expr<'i32'>), STATE.FORCED_EXIT);
    this.leaveIf(i32.or(condition, now));
  }
  /** Leaves in front of the present instruction if the condition holds. */
  leaveIf(condition: I32): void {
    this.f.if(condition, () => this.leave(this.exits.side, this.currentEip));
  }
}

function constantOf(offset: I32): number {
  const value = typeof offset === 'number' ? offset : offset.constant;
  if (value === undefined) throw new Error('a register number of compiled code must be constant');
  return value;
}
