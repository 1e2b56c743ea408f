/**
 * Meaning of the x87 instructions written against the emitter: memory access, traps and bookkeeping here, everything else in the
 * functions of `defineX87`. Intel SDM volume 1, chapter 8 and volume 2.
 */
import { type Expr, i32, i64 } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import type { InstructionContext } from '../semantics/context.ts';
import { CR0, VECTOR } from '../state.ts';
import { QUIET } from './compare.ts';
import { control, CONVERTED, isErrorPending, status, SUMMARY, top } from './format.ts';

type Context = InstructionContext;
export type Emit = (c: InstructionContext) => void;
/** Formats of memory operands. */
export type MemoryFormat = 'single' | 'double' | 'word' | 'dword' | 'qword' | 'extended';
export type Operation = 'Add' | 'Multiply' | 'Subtract' | 'SubtractReverse' | 'Divide' | 'DivideReverse';

/** #NM when CR0.EM or CR0.TS is set. */
function available(c: Context): void {
  c.raiseIf(i32.ne(i32.load(0, STATE.FPU_TRAP), 0), VECTOR.NM);
}
/** What every waiting instruction does first: #NM, then the exception an earlier instruction left pending. */
function wait(c: Context): void {
  available(c);
  c.raiseIf(isErrorPending(), VECTOR.MF);
}

/** Keeps instruction pointer, opcode and data pointer for the environment image. */
function record(c: Context): void {
  const { f } = c;
  f.store(0, c.eip(), STATE.X87_IP);
  f.store(0, i32.load(0, STATE.SEGMENT_SELECTOR + 4), STATE.X87_CS);
  f.store(0, c.x87Opcode, STATE.X87_OPCODE);
  if (!c.isMemory) return;
  const segment = f.let(i32.shl(c.segmentNumber(), 2));
  f.store(0, i32.sub(c.address(), i32.load(segment, STATE.SEGMENT_BASE)), STATE.X87_DP);
  f.store(0, i32.load(segment, STATE.SEGMENT_SELECTOR), STATE.X87_DS);
}

const run = (c: Context, name: string, ...args: (Expr | number)[]): void => c.f.run(c.fn(`x87${name}`), ...args);
const call = (c: Context, name: string, ...args: (Expr | number)[]): Expr<'i32'> =>
  c.f.call(c.fn(`x87${name}`), ...args);
/** Pops after an instruction that reports completion. */
const popIf = (c: Context, complete: Expr<'i32'>): void => c.f.if(complete, () => run(c, 'Pop'));

/** Reads the memory operand, with all its faults. */
function readOperand(c: Context, format: MemoryFormat): Expr {
  switch (format) {
    case 'single':
      return c.load(4);
    case 'double':
    case 'qword':
      return c.loadI64();
    case 'word':
      return i64.extend_s(i32.extend16_s(c.load(2)));
    case 'dword':
      return i64.extend_s(c.load(4));
    case 'extended':
      throw new Error('extended operands have two parts');
  }
}
const kind = (format: MemoryFormat): string =>
  format === 'single' ? 'Single' : format === 'double' ? 'Double' : 'Integer';

/** FADD … FDIVR, FIADD … FIDIVR with memory. */
export const arithmeticMemory =
  (operation: Operation, format: MemoryFormat): Emit =>
  (c) => {
    wait(c);
    const value = readOperand(c, format);
    record(c);
    run(c, `${operation}Memory`, call(c, `Operand${kind(format)}`, value));
  };

/** Register forms. `toTop`: ST(0) = ST(0) op ST(i), else ST(i) = ST(i) op ST(0); Reverse exchanges the operands. */
export const arithmeticRegister =
  (operation: Operation, toTop: boolean, pop = false): Emit =>
  (c) => {
    wait(c);
    record(c);
    const reverse = operation.endsWith('Reverse');
    const i = c.f.let(c.rmNumber());
    const destination = toTop ? i32.const(0) : i;
    const source = toTop ? i : i32.const(0);
    const complete = call(
      c,
      reverse ? operation.slice(0, -'Reverse'.length) : operation,
      destination,
      reverse ? source : destination,
      reverse ? destination : source,
    );
    if (pop) popIf(c, complete);
    else c.f.drop(complete);
  };

/** FCOM, FCOMP, FICOM, FICOMP with memory. */
export const compareMemory =
  (format: MemoryFormat, pop: boolean): Emit =>
  (c) => {
    wait(c);
    const value = readOperand(c, format);
    record(c);
    const complete = call(c, 'CompareMemory', call(c, `Operand${kind(format)}`, value));
    if (pop) popIf(c, complete);
    else c.f.drop(complete);
  };
/** FCOM, FUCOM and their popping forms. */
export const compareRegister =
  (quiet: boolean, pops: 0 | 1 | 2): Emit =>
  (c) => {
    wait(c);
    record(c);
    const complete = call(c, 'Compare', pops === 2 ? 1 : c.rmNumber(), quiet ? QUIET : 0);
    if (pops === 0) c.f.drop(complete);
    else
      c.f.if(complete, () => {
        for (let i = 0; i < pops; i++) run(c, 'Pop');
      });
  };
/** FCOMI, FUCOMI and their popping forms. OF, SF and AF become 0. */
export const compareFlags =
  (quiet: boolean, pop: boolean): Emit =>
  (c) => {
    wait(c);
    record(c);
    const image = c.f.let(call(c, 'CompareFlags', c.rmNumber(), quiet ? QUIET : 0));
    c.setStatusFlags(i32.and(image, 0x45));
    if (pop) popIf(c, i32.eqz(i32.and(image, 2)));
  };

/** FLD and FILD. */
export const load =
  (format: MemoryFormat): Emit =>
  (c) => {
    wait(c);
    if (format === 'extended') {
      const significand = c.loadI64();
      const exponent = c.load(2, 8);
      record(c);
      run(c, 'LoadExtended', significand, exponent);
      return;
    }
    const value = readOperand(c, format);
    record(c);
    run(c, `Load${kind(format)}`, value);
  };

const SIZE: Record<MemoryFormat, number> = { single: 4, double: 8, word: 2, dword: 4, qword: 8, extended: 10 };

/** FST, FSTP, FIST, FISTP and FISTTP. */
export const store =
  (format: MemoryFormat, pop: boolean, truncate = false): Emit =>
  (c) => {
    wait(c);
    c.address();
    c.probeWrite(SIZE[format]);
    record(c);
    const complete =
      format === 'single' || format === 'double'
        ? call(c, `Store${kind(format)}`)
        : format === 'extended'
          ? call(c, 'StoreExtended')
          : call(c, 'StoreInteger', SIZE[format], truncate ? 1 : 0);
    c.f.if(complete, () => {
      switch (format) {
        case 'word':
          c.store(2, i32.load16_u(0, CONVERTED));
          break;
        case 'single':
        case 'dword':
          c.store(4, i32.load(0, CONVERTED));
          break;
        default:
          c.storeI64(i64.load(0, CONVERTED));
          if (format === 'extended') c.store(2, i32.load16_u(0, CONVERTED + 8), 8);
      }
      if (pop) run(c, 'Pop');
    });
  };

/** An instruction that is one function without arguments. */
export const simple =
  (name: string): Emit =>
  (c) => {
    wait(c);
    record(c);
    run(c, name);
  };
/** One function that takes the number of ST(i). */
export const withIndex =
  (name: string, pop = false): Emit =>
  (c) => {
    wait(c);
    record(c);
    const complete = call(c, name, c.rmNumber());
    if (pop) popIf(c, complete);
    else c.f.drop(complete);
  };
/** One function with constant arguments (FINCSTP, FDECSTP, load constant). */
export const withConstant =
  (name: string, ...args: number[]): Emit =>
  (c) => {
    wait(c);
    record(c);
    run(c, name, ...args);
  };
/** FCMOVcc; `condition` as in Jcc. */
export const conditionalMove =
  (condition: number): Emit =>
  (c) => {
    wait(c);
    record(c);
    const truth = c.f.let(c.condition(condition));
    run(c, 'ConditionalMove', c.rmNumber(), truth);
  };
/** FFREEP: FFREE, then a pop. */
export const freePop: Emit = (c) => {
  wait(c);
  record(c);
  run(c, 'Free', c.rmNumber());
  run(c, 'Pop');
};

// Control instructions: they leave the instruction and data pointers alone.

export const nop: Emit = (c) => wait(c);
/** FENI, FDISI, FSETPM: coprocessor controls of older parts, without effect and without wait. */
export const legacyNop: Emit = (c) => available(c);
/** WAIT: #NM only if CR0.MP and CR0.TS are both set. */
export const fwait: Emit = (c) => {
  const trapped = CR0.MP | CR0.TS;
  c.raiseIf(i32.eq(i32.and(i32.load(0, STATE.CR0), trapped), trapped), VECTOR.NM);
  c.raiseIf(isErrorPending(), VECTOR.MF);
};
export const initialize: Emit = (c) => {
  available(c);
  run(c, 'Initialize');
};
export const clearExceptions: Emit = (c) => {
  available(c);
  c.f.store(0, i32.and(status(), ~(0x7f | SUMMARY)), STATE.X87_STATUS);
  c.f.store(0, 0, STATE.X87_ERROR);
};
const statusWord = (): Expr<'i32'> => i32.or(status(), i32.shl(top(), 11));
export const storeStatusAx: Emit = (c) => {
  available(c);
  c.writeGpr(0, 2, statusWord());
};
export const storeStatus: Emit = (c) => {
  available(c);
  c.store(2, statusWord());
};
export const storeControl: Emit = (c) => {
  available(c);
  c.store(2, control());
};
export const loadControl: Emit = (c) => {
  wait(c);
  run(c, 'SetControl', c.load(2));
};
