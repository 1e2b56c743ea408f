/** Loads, stores and moves of x87 registers, written against the emitter. Intel SDM volume 1, section 8.3.3 and volume 2. */
import { type Expr, i32, i64, type Label } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { type Context, fastOrGeneral, record, type Slot, Stack, wait } from './access.ts';
import * as convert from './fast-conversions.ts';
import { CONVERTED, EXPONENT_BIAS, INTEGER_BIT } from './format.ts';
import { call, type Emit, kind, type MemoryFormat, popIf, readOperand, run, unpackOperand } from './operands.ts';

/** The register a push goes to; branches to `general` if it is in use. */
function free(c: Context, stack: Stack, general: Label): Slot {
  const slot = stack.slot(7);
  c.f.brIf(general, stack.holds(slot));
  return slot;
}
/** FLD and FILD. */
export const load =
  (format: MemoryFormat): Emit =>
  (c) => {
    const { f } = c;
    const word = wait(c);
    if (format === 'extended') {
      const significand = c.loadI64();
      const exponent = c.load(2, 8);
      record(c);
      fastOrGeneral(
        c,
        (general) => {
          const stack = new Stack(c, word);
          const to = free(c, stack, general);
          stack.write(to, exponent, significand);
          stack.push(to);
          stack.report();
        },
        () => run(c, 'LoadExtended', significand, exponent),
      );
      return;
    }
    const value = readOperand(c, format);
    record(c);
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        const to = free(c, stack, general);
        const { exponent, significand } = unpackOperand(f, format, value, general);
        stack.write(to, exponent, significand);
        stack.push(to);
        stack.report();
      },
      () => run(c, `Load${kind(format)}`, value),
    );
  };

const SIZE: Record<MemoryFormat, number> = { single: 4, double: 8, word: 2, dword: 4, qword: 8, extended: 10 };

/** What a store does to the stack where nothing is special: rounds ST(0), writes it, and commits. */
function storeFast(
  c: Context,
  stack: Stack,
  format: Exclude<MemoryFormat, 'extended'>,
  truncate: boolean,
  general: Label,
): void {
  const { f } = c;
  f.brIf(general, i32.eqz(stack.holds(stack.top)));
  const x = stack.read(stack.top);
  let flags: Expr<'i32'>;
  if (format === 'single') {
    const rounded = convert.toSingle(f, x, general);
    c.store(4, rounded.image);
    flags = rounded.flags;
  } else {
    const rounded =
      format === 'double'
        ? convert.toDouble(f, x, general)
        : convert.toInteger(f, x, SIZE[format] as 2 | 4 | 8, truncate, general);
    if (SIZE[format] === 8) c.storeI64(rounded.image);
    else c.store(format === 'word' ? 2 : 4, i32.wrap(rounded.image));
    flags = rounded.flags;
  }
  record(c);
  stack.report(flags);
}
/** FST, FSTP, FIST, FISTP and FISTTP. */
export const store =
  (format: MemoryFormat, pop: boolean, truncate = false): Emit =>
  (c) => {
    const { f } = c;
    const word = wait(c);
    c.address();
    const general = (): void => {
      c.probeWrite(SIZE[format]);
      record(c);
      const complete =
        format === 'single' || format === 'double'
          ? call(c, `Store${kind(format)}`)
          : format === 'extended'
            ? call(c, 'StoreExtended')
            : call(c, 'StoreInteger', SIZE[format], truncate ? 1 : 0);
      f.if(complete, () => {
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
    if (format === 'extended') {
      general();
      return;
    }
    fastOrGeneral(
      c,
      (otherwise) => {
        const stack = new Stack(c, word);
        storeFast(c, stack, format, truncate, otherwise);
        if (pop) stack.pop();
      },
      general,
    );
  };

/** FLD ST(i). */
export const loadRegister: Emit = (c) => {
  const word = wait(c);
  record(c);
  const i = c.f.let(c.rmNumber());
  fastOrGeneral(
    c,
    (general) => {
      const stack = new Stack(c, word);
      const from = stack.slot(i);
      const to = free(c, stack, general);
      c.f.brIf(general, i32.eqz(stack.holds(from)));
      const { exponent, significand } = stack.read(from);
      stack.write(to, exponent, significand);
      stack.push(to);
      stack.report();
    },
    () => run(c, 'LoadRegister', i),
  );
};
/** FST ST(i), FSTP ST(i). */
export const storeRegister =
  (pop: boolean): Emit =>
  (c) => {
    const word = wait(c);
    record(c);
    const i = c.f.let(c.rmNumber());
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        c.f.brIf(general, i32.eqz(stack.holds(stack.top)));
        const to = stack.slot(i);
        const { exponent, significand } = stack.read(stack.top);
        stack.write(to, exponent, significand);
        const used = c.f.let(i32.or(stack.used, i32.shl(1, to.number)));
        if (pop) stack.pop(1, used);
        else c.f.store(0, used, STATE.X87_IN_USE);
        stack.report();
      },
      () => {
        const complete = call(c, 'StoreRegister', i);
        if (pop) popIf(c, complete);
        else c.f.drop(complete);
      },
    );
  };
/** FXCH. */
export const exchange: Emit = (c) => {
  const word = wait(c);
  record(c);
  const i = c.f.let(c.rmNumber());
  fastOrGeneral(
    c,
    (general) => {
      const stack = new Stack(c, word);
      const other = stack.slot(i);
      c.f.brIf(general, i32.eqz(stack.bothHold(stack.top, other)));
      const a = stack.read(stack.top);
      const b = stack.read(other);
      stack.write(other, a.exponent, a.significand);
      stack.write(stack.top, b.exponent, b.significand);
      stack.report();
    },
    () => run(c, 'Exchange', i),
  );
};
/** FCHS and FABS: the sign of ST(0) inverted or cleared. */
export const changeSign =
  (name: 'ChangeSign' | 'Absolute'): Emit =>
  (c) => {
    const word = wait(c);
    record(c);
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        c.f.brIf(general, i32.eqz(stack.holds(stack.top)));
        const { offset } = stack.top;
        const exponent = i32.load16_u(offset, STATE.X87_REGISTERS + 8);
        c.f.store16(
          offset,
          name === 'ChangeSign' ? i32.xor(exponent, 0x8000) : i32.and(exponent, 0x7fff),
          STATE.X87_REGISTERS + 8,
        );
        stack.report();
      },
      () => run(c, name),
    );
  };
/** FLD1 and FLDZ. */
export const loadExact =
  (one: boolean): Emit =>
  (c) => {
    const word = wait(c);
    record(c);
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        const to = free(c, stack, general);
        stack.write(to, one ? EXPONENT_BIAS : 0, one ? INTEGER_BIT : 0n);
        stack.push(to);
        stack.report();
      },
      () => run(c, 'LoadConstant', one ? 0 : 6),
    );
  };

/** FCMOVcc; `condition` as in Jcc. */
export const conditionalMove =
  (condition: number): Emit =>
  (c) => {
    const word = wait(c);
    record(c);
    const truth = c.f.let(c.condition(condition));
    const i = c.f.let(c.rmNumber());
    fastOrGeneral(
      c,
      (general) => {
        const stack = new Stack(c, word);
        const from = stack.slot(i);
        c.f.brIf(general, i32.eqz(stack.bothHold(stack.top, from)));
        c.f.if(truth, () => {
          const { exponent, significand } = stack.read(from);
          stack.write(stack.top, exponent, significand);
        });
      },
      () => run(c, 'ConditionalMove', i, truth),
    );
  };
