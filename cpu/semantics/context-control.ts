/** What control transfers, stack operations and flag arithmetic need beyond the operands of InstructionContext. */
import type { Expr, I32, Local } from '../emitter/index.ts';
import type { InstructionContext, Width } from './context.ts';

/** How the status flags of an operation can be told from its operands: a - b, a + b, a bitwise result, or any other result (ZF and SF only). */
export type FlagSource = 'difference' | 'sum' | 'logic' | 'result';

export interface CoreContext extends InstructionContext {
  /** True if nothing can see the status flags of this instruction: the next one to touch them sets them all. */
  readonly flagsUnused: boolean;
  /** Notes what the flags derive from, for a conditional branch right behind. Operands are locals or constants, zero-extended; `carry`: CF as 0 or 1. */
  flagsFrom(source: FlagSource, width: Width, a: I32, b: I32, result: I32, carry?: Local<'i32'>): void;
  /** Result for ZF SF PF (any width: sign-extended here) and the carry word (see STATE.FLAG_CARRY), already aligned. */
  setResult(width: Width, result: I32): void;
  setCarry(word: I32): void;
  /** The carry word as it stands. */
  carry(): Expr<'i32'>;

  /** EIP of the next instruction. */
  nextEip(): Expr<'i32'>;
  /** Distance from the next instruction (relative branches). */
  relative(): Expr<'i32'>;

  /** Ends the instruction with a jump to `eip`, reduced to 16 bits when the operand size is 2; #GP(0) beyond the CS limit. */
  jump(eip: Local<'i32'>): void;
  /** Raises what `jump` would raise, so that a call can check before it pushes. */
  checkTarget(eip: Local<'i32'>): void;
  /** Ends the instruction with the relative branch of this form, taken if the condition holds (always if undefined). */
  branch(condition?: Expr<'i32'>): void;

  /** Writes below the top of stack; the pointer moves in `commitPush`. Several pushes: `depth` counts bytes already written. */
  pushValue(width: 2 | 4, value: I32): void;
  /** Reads at the top of stack plus `depth` bytes without moving the pointer. */
  peekStack(width: 2 | 4, depth?: number): Local<'i32'>;
  /** Moves the stack pointer by `bytes` (SP or ESP by SS.B). */
  moveStack(bytes: I32): void;
  /** LEAVE: the value at SS:[eBP] (BP or EBP by SS.B), and setting the stack pointer just above it. */
  peekFrame(width: 2 | 4): Local<'i32'>;
  moveStackToFrame(width: 2 | 4): void;

  /**
   * Moves the operand's address by `delta` bytes, wrapped to the address size, and checks the segment there: for bit
   * strings, whose forms have no check of their own (memoryBytes 0).
   */
  moveAddress(delta: I32, width: Width, write: boolean): void;
  /** Has the helper of the same instruction carry it out if the condition holds. Nothing may have been committed before. */
  needHelper(condition: I32): void;
  /** Leaves string instructions to their helper unless they have no repeat prefix, 32-bit addresses, flat segments and no override. */
  plainStringOnly(): void;
  /** Memory at a linear address; as `load` and `store`. */
  loadAt(linear: Local<'i32'>, width: Width): Local<'i32'>;
  storeAt(linear: Local<'i32'>, width: Width, value: I32): void;
  /** Address size of this form: 2 or 4 (loops and string instructions). */
  readonly addressSize: 2 | 4;
}
