/**
 * Arithmetic, comparisons and control of the x87, written against the emitter: the common cases in place, everything else by the
 * functions of `defineX87`. Intel SDM volume 1, chapter 8 and volume 2.
 */
import { type Expr, i32, type Label, type Local } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { CR0, VECTOR } from '../state.ts';
import { available, type Context, fastOrGeneral, record, type Slot, Stack, type Value, wait } from './access.ts';
import { QUIET } from './compare.ts';
import * as fast from './fast-arithmetic.ts';
import {
  control,
  CONTROL_FIXED,
  CONTROL_WRITABLE,
  EXCEPTIONS,
  isErrorPending,
  status,
  STATUS,
  SUMMARY,
  top,
} from './format.ts';
import { call, type Emit, kind, type MemoryFormat, popIf, readOperand, run, unpackOperand } from './operands.ts';

export type Operation = 'Add' | 'Multiply' | 'Subtract' | 'SubtractReverse' | 'Divide' | 'DivideReverse';

/** `a op b` into a register; branches to `general` for numbers that can raise exceptions as operands. */
function compute(c: Context, stack: Stack, operation: string, to: Slot, a: Value, b: Value, general: Label): void {
  const { f } = c;
  const inPlace = fast.IN_PLACE[operation];
  const byFunction = (name: string): void => {
    const address = i32.add(to.offset, STATE.X87_REGISTERS);
    const done = call(c, operation + name, address, a.exponent, a.significand, b.exponent, b.significand);
    f.brIf(general, i32.eqz(done));
  };
  if (inPlace && c.compact) {
    byFunction('Numbers');
    return;
  }
  f.if(
    fast.bothNormal(a, b),
    () => {
      if (inPlace) fast.computeInto(c, stack, inPlace, to, a, b, general);
      else fast.divideInto(c, to, a, b);
    },
    () => byFunction('Special'),
  );
}
const baseOf = (operation: Operation): string => operation.replace('Reverse', '');

/** Integer operands are rare: their instructions are not worth the room of a short path. */
function arithmeticInPlace(
  c: Context,
  format: MemoryFormat,
  fast: (general: Label) => void,
  general: () => void,
): void {
  if (kind(format) === 'Integer') general();
  else fastOrGeneral(c, fast, general);
}

/** FADD … FDIVR, FIADD … FIDIVR with memory. */
export const arithmeticMemory =
  (operation: Operation, format: MemoryFormat): Emit =>
  (c) => {
    const { f } = c;
    const word = wait(c);
    const value = readOperand(c, format);
    record(c);
    arithmeticInPlace(
      c,
      format,
      (general) => {
        const stack = new Stack(c, word);
        f.brIf(general, i32.eqz(stack.holds(stack.top)));
        const a = stack.read(stack.top);
        const b = unpackOperand(f, format, value, general);
        const [left, right] = operation.endsWith('Reverse') ? [b, a] : [a, b];
        compute(c, stack, baseOf(operation), stack.top, left, right, general);
      },
      () => run(c, `${operation}Memory`, call(c, `Operand${kind(format)}`, value)),
    );
  };

/** Register forms. `toTop`: ST(0) = ST(0) op ST(i), else ST(i) = ST(i) op ST(0); Reverse exchanges the operands. */
export const arithmeticRegister =
  (operation: Operation, toTop: boolean, pop = false): Emit =>
  (c) => {
    const { f } = c;
    const word = wait(c);
    record(c);
    const reverse = operation.endsWith('Reverse');
    const i = f.let(c.rmNumber());
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        const other = stack.slot(i);
        const a = stack.read(stack.top);
        const b = stack.read(other);
        f.brIf(general, i32.eqz(stack.bothHold(stack.top, other)));
        const [left, right] = toTop !== reverse ? [a, b] : [b, a];
        compute(c, stack, baseOf(operation), toTop ? stack.top : other, left, right, general);
        if (pop) stack.pop();
      },
      () => {
        const destination = toTop ? i32.const(0) : i;
        const source = toTop ? i : i32.const(0);
        const complete = call(
          c,
          baseOf(operation),
          destination,
          reverse ? source : destination,
          reverse ? destination : source,
        );
        if (pop) popIf(c, complete);
        else f.drop(complete);
      },
    );
  };

/** FCOM, FCOMP, FICOM, FICOMP with memory. */
export const compareMemory =
  (format: MemoryFormat, pop: boolean): Emit =>
  (c) => {
    const { f } = c;
    const word = wait(c);
    const value = readOperand(c, format);
    record(c);
    arithmeticInPlace(
      c,
      format,
      (general) => {
        const stack = new Stack(c, word);
        const b = unpackOperand(f, format, value, general);
        f.brIf(general, i32.eqz(stack.holds(stack.top)));
        stack.reportConditions(fast.compareNumbers(f, stack.read(stack.top), b, general));
        if (pop) stack.pop();
      },
      () => {
        const complete = call(c, 'CompareMemory', call(c, `Operand${kind(format)}`, value));
        if (pop) popIf(c, complete);
        else f.drop(complete);
      },
    );
  };
/** Condition codes of ST(0) compared with ST(i); branches to `general` unless both are in use and normal numbers or zeros. */
function compareWith(c: Context, stack: Stack, i: Expr<'i32'>, general: Label): Local<'i32'> {
  const other = stack.slot(i);
  c.f.brIf(general, i32.eqz(stack.bothHold(stack.top, other)));
  return fast.compareNumbers(c.f, stack.read(stack.top), stack.read(other), general);
}
/** FCOM, FUCOM and their popping forms. */
export const compareRegister =
  (quiet: boolean, pops: 0 | 1 | 2): Emit =>
  (c) => {
    const word = wait(c);
    record(c);
    const i = c.f.let(pops === 2 ? i32.const(1) : c.rmNumber());
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        stack.reportConditions(compareWith(c, stack, i, general));
        if (pops) stack.pop(pops);
      },
      () => {
        const complete = call(c, 'Compare', i, quiet ? QUIET : 0);
        if (pops === 0) c.f.drop(complete);
        else
          c.f.if(complete, () => {
            for (let n = 0; n < pops; n++) run(c, 'Pop');
          });
      },
    );
  };
/** FTST: ST(0) compared with 0. */
export const test: Emit = (c) => {
  const word = wait(c);
  record(c);
  fastOrGeneral(
    c,
    (general) => {
      const stack = new Stack(c, word);
      const x = stack.read(stack.top);
      c.f.brIf(general, i32.eqz(i32.and(stack.holds(stack.top), fast.isNormal(x))));
      stack.reportConditions(i32.and(i32.shr_u(x.exponent, 7), STATUS.C0));
    },
    () => run(c, 'Test'),
  );
};
/** FCOMI, FUCOMI and their popping forms. OF, SF and AF become 0. */
export const compareFlags =
  (quiet: boolean, pop: boolean): Emit =>
  (c) => {
    const word = wait(c);
    record(c);
    const i = c.f.let(c.rmNumber());
    const image = c.f.local('i32');
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        c.f.set(image, i32.shr_u(compareWith(c, stack, i, general), 8));
        if (pop) stack.pop();
      },
      () => {
        c.f.set(image, call(c, 'CompareFlags', i, quiet ? QUIET : 0));
        if (pop) popIf(c, i32.eqz(i32.and(image, 2)));
      },
    );
    c.setStatusFlags(i32.and(image, 0x45));
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
  const word = wait(c);
  const value = c.load(2);
  fastOrGeneral(
    c,
    (general) => {
      const written = c.f.let(i32.or(i32.and(value, CONTROL_WRITABLE), CONTROL_FIXED));
      // Exceptions on record that the new masks let through, or summary bits to be taken back.
      c.f.brIf(general, i32.and(word, i32.or(i32.and(i32.not(written), EXCEPTIONS), SUMMARY)));
      c.f.store(0, written, STATE.X87_CONTROL);
      c.f.store(0, 0, STATE.X87_ERROR);
    },
    () => run(c, 'SetControl', value),
  );
};
