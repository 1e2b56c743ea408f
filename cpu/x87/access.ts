/**
 * What x87 instructions do around their meaning, emitted in place: traps, bookkeeping, the register stack. Each instruction has a short path
 * for what programs do nearly always (registers in use as they should be, normal numbers, masked exceptions) and leaves everything
 * else to the functions of `defineX87`, which are complete by themselves.
 */
import { type Expr, type I32, i32, i64, type Label, type Local, select } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import type { InstructionContext } from '../semantics/context.ts';
import { VECTOR } from '../state.ts';
import { CONDITION_CODES, inUse, isErrorPending, status, STATUS, top } from './format.ts';

export type Context = InstructionContext;

/** #NM when CR0.EM or CR0.TS is set. */
export function available(c: Context): void {
  c.raiseIf(i32.ne(i32.load(0, STATE.FPU_TRAP), 0), VECTOR.NM);
}

/**
 * What every waiting instruction does first: #NM, then the exception an earlier instruction left pending. Returns the status
 * word, which memory accesses do not change.
 */
export function wait(c: Context): Local<'i32'> {
  const word = c.f.let(status());
  const trap = i32.load(0, STATE.FPU_TRAP);
  c.f.if(i32.or(trap, i32.and(word, STATUS.ES)), () =>
    c.raiseIf(i32.or(trap, isErrorPending()), select(trap, i32.const(VECTOR.NM), i32.const(VECTOR.MF))),
  );
  return word;
}

/** Keeps instruction pointer, opcode and data pointer for the environment image. */
export function record(c: Context): void {
  const { f } = c;
  f.store(0, c.eip(), STATE.X87_IP);
  f.store(0, i32.load(0, STATE.SEGMENT_SELECTOR + 4), STATE.X87_CS);
  f.store(0, c.x87Opcode, STATE.X87_OPCODE);
  if (!c.isMemory) return;
  const segment = f.let(i32.shl(c.segmentNumber(), 2));
  f.store(0, i32.sub(c.address(), i32.load(segment, STATE.SEGMENT_BASE)), STATE.X87_DP);
  f.store(0, i32.load(segment, STATE.SEGMENT_SELECTOR), STATE.X87_DS);
}

/**
 * `fast` does the instruction or branches to `general` with nothing committed; then `general` does it. Ends behind both.
 */
export function fastOrGeneral(c: Context, fast: (general: Label) => void, general: () => void): void {
  const { f } = c;
  f.block((done) => {
    f.block((otherwise) => {
      fast(otherwise);
      f.br(done);
    });
    general();
  });
}

/** A number as the registers hold it. */
export interface Value {
  /** Sign (bit 15) and biased exponent. */
  readonly exponent: Local<'i32'>;
  readonly significand: Local<'i64'>;
}

/** A physical register. */
export interface Slot {
  readonly number: Local<'i32'>;
  /** Offset from STATE.X87_REGISTERS. */
  readonly offset: Local<'i32'>;
}

/** The register stack as the instruction found it. */
export class Stack {
  readonly word: Local<'i32'>;
  readonly used: Local<'i32'>;
  readonly top: Slot;
  readonly #c: Context;

  constructor(c: Context, word: Local<'i32'>) {
    this.#c = c;
    this.word = word;
    this.used = c.f.let(inUse());
    this.top = this.#slot(top());
  }

  #slot(number: Expr<'i32'>): Slot {
    const { f } = this.#c;
    const n = f.let(number);
    return { number: n, offset: f.let(i32.shl(n, 4)) };
  }
  /** ST(i). */
  slot(i: I32): Slot {
    return this.#slot(i32.and(i32.add(this.top.number, i), 7));
  }
  /** 1 if the register holds a value. */
  holds({ number }: Slot): Expr<'i32'> {
    return i32.and(i32.shr_u(this.used, number), 1);
  }
  /** 1 if both do. */
  bothHold(a: Slot, b: Slot): Expr<'i32'> {
    return i32.and(i32.and(i32.shr_u(this.used, a.number), i32.shr_u(this.used, b.number)), 1);
  }

  read({ offset }: Slot): Value {
    const { f } = this.#c;
    return {
      significand: f.let(i64.load(offset, STATE.X87_REGISTERS)),
      exponent: f.let(i32.load16_u(offset, STATE.X87_REGISTERS + 8)),
    };
  }
  write({ offset }: Slot, exponent: I32, significand: Expr<'i64'> | bigint): void {
    const { f } = this.#c;
    f.store64(offset, significand, STATE.X87_REGISTERS);
    f.store16(offset, exponent, STATE.X87_REGISTERS + 8);
  }

  /** The register below the top becomes the top, in use. It was free. */
  push(slot: Slot): void {
    const { f } = this.#c;
    f.store(0, slot.number, STATE.X87_TOP);
    f.store(0, i32.or(this.used, i32.shl(1, slot.number)), STATE.X87_IN_USE);
  }
  /** Frees the top and `count - 1` registers above it. `used`: registers in use before. */
  pop(count = 1, used: I32 = this.used): void {
    const { f } = this.#c;
    const freed = f.let(i32.shl((1 << count) - 1, this.top.number));
    // Behind register 7 comes register 0.
    const both = count === 1 ? freed : i32.or(freed, i32.shr_u(freed, 8));
    f.store(0, i32.and(used, i32.not(both)), STATE.X87_IN_USE);
    f.store(0, i32.and(i32.add(this.top.number, count), 7), STATE.X87_TOP);
  }

  /** The status word with C1 and the flags of an instruction without unmasked exceptions. */
  report(flags: I32 = 0): void {
    this.#c.f.store(0, i32.or(i32.and(this.word, ~STATUS.C1), flags), STATE.X87_STATUS);
  }
  reportConditions(codes: I32): void {
    this.#c.f.store(0, i32.or(i32.and(this.word, ~CONDITION_CODES), codes), STATE.X87_STATUS);
  }
}
