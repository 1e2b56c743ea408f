/**
 * Sums, products and quotients of normal numbers, emitted in place (see arithmetic.ts for the complete operations): straight-line code on
 * 64-bit significands with 128-bit intermediate results. Rounding to nearest with 64 bits is in place too; other
 * precisions, rounding modes and results outside the range of normal numbers go to `x87RoundResult`.
 */
import {
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  i64,
  type Label,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import type { Context, Slot, Stack, Value } from './access.ts';
import { multiplyWide } from './arithmetic.ts';
import { control, EXPONENT_BIAS, EXPONENT_MAX, INTEGER_BIT, status, STATUS } from './format.ts';

/** A result before rounding: significand with its integer bit set, and 64 bits of fraction below it, the last one sticky. */
interface Unrounded {
  /** 0 or 8000h. */
  readonly sign: Expr<'i32'>;
  readonly exponent: Local<'i32'>;
  readonly significand: Local<'i64'>;
  readonly extra: Local<'i64'>;
}
/** Computes, or branches to `general`. */
export type FastOperation = (f: FunctionBuilder, a: Value, b: Value, general: Label) => Unrounded;

const magnitude = (exponent: Expr<'i32'>): Expr<'i32'> => i32.and(exponent, EXPONENT_MAX);
const signsDiffer = (a: Value, b: Value): Expr<'i32'> => i32.and(i32.xor(a.exponent, b.exponent), 0x8000);

/** 1 if the number is normal. */
export const isNormal = ({ exponent, significand }: Value): Expr<'i32'> =>
  i32.and(i32.lt_u(i32.sub(magnitude(exponent), 1), EXPONENT_MAX - 1), i64.lt_s(significand, 0n));
export const bothNormal = (a: Value, b: Value): Expr<'i32'> =>
  i32.and(
    i32.and(
      i32.lt_u(i32.sub(magnitude(a.exponent), 1), EXPONENT_MAX - 1),
      i32.lt_u(i32.sub(magnitude(b.exponent), 1), EXPONENT_MAX - 1),
    ),
    i64.lt_s(i64.and(a.significand, b.significand), 0n),
  );

/** 1 if round to nearest even goes up: `extra` is the fraction below the last place of `significand`. */
export const nearestUp = (significand: Expr<'i64'>, extra: Expr<'i64'>): Expr<'i32'> =>
  i64.gt_u(i64.or(extra, i64.and(significand, 1n)), INTEGER_BIT);

const sum =
  (subtract: boolean): FastOperation =>
  (f, a, b, general) => {
    const distance = f.let(i32.sub(magnitude(a.exponent), magnitude(b.exponent)));
    const swap = f.let(i32.lt_s(distance, 0));
    const signOfB = subtract ? i32.xor(b.exponent, 0x8000) : b.exponent;
    const high = f.let(select(swap, b.significand as Expr<'i64'>, a.significand));
    const low = f.let(select(swap, a.significand as Expr<'i64'>, b.significand));
    const exponent = f.let(magnitude(select(swap, b.exponent as Expr<'i32'>, a.exponent)));
    const sign = f.let(i32.and(select(swap, signOfB, a.exponent), 0x8000));
    f.set(distance, select(swap, i32.sub(0, distance), distance));
    f.brIf(general, i32.gt_u(distance, 63));
    const places = f.let(i64.extend_u(distance));
    // By 64 - distance places, which for distance 0 is no shift that there is.
    const extra = f.let(i64.shl(i64.shl(low, 1n), i64.xor(places, 63n)));
    f.set(low, i64.shr_u(low, places));
    const significand = f.local('i64');
    const opposite = signsDiffer(a, b);
    f.if(
      subtract ? i32.eqz(opposite) : opposite,
      () => {
        f.set(significand, i64.sub(i64.sub(high, low), i64.extend_u(i64.ne(extra, 0n))));
        // With equal exponents the other one may be the larger.
        f.if(i64.gt_u(low, high), () => {
          f.set(significand, i64.sub(0n, significand));
          f.set(sign, i32.xor(sign, 0x8000));
        });
        f.brIf(general, i64.eqz(significand));
        f.set(extra, i64.sub(0n, extra));
        const zeros = f.let(i64.clz(significand));
        f.set(significand, i64.or(i64.shl(significand, zeros), i64.shr_u(i64.shr_u(extra, 1n), i64.xor(zeros, 63n))));
        f.set(extra, i64.shl(extra, zeros));
        f.set(exponent, i32.sub(exponent, i32.wrap(zeros)));
      },
      () => {
        f.set(significand, i64.add(high, low));
        f.if(i64.lt_u(significand, high), () => {
          f.set(extra, i64.or(i64.or(i64.shl(significand, 63n), i64.shr_u(extra, 1n)), i64.and(extra, 1n)));
          f.set(significand, i64.or(i64.shr_u(significand, 1n), INTEGER_BIT));
          f.set(exponent, i32.add(exponent, 1));
        });
      },
    );
    return { sign, exponent, significand, extra };
  };
const add = sum(false);
const subtract = sum(true);

const multiply: FastOperation = (f, a, b) => {
  const { high, low } = multiplyWide(f, a.significand, b.significand);
  // The product of two numbers of 64 bits has 127 or 128.
  const short = f.let(i64.xor(i64.shr_u(high, 63n), 1n));
  const exponent = f.let(
    i32.sub(i32.sub(i32.add(magnitude(a.exponent), magnitude(b.exponent)), EXPONENT_BIAS - 1), i32.wrap(short)),
  );
  f.set(high, i64.or(i64.shl(high, short), i64.and(i64.shr_u(low, 63n), short)));
  f.set(low, i64.shl(low, short));
  return { sign: f.let(signsDiffer(a, b)), exponent, significand: high, extra: low };
};

/** Rounds a result into the register at `address` + `base` and reports it. `word`: the status word before. */
function roundInto(
  f: FunctionBuilder,
  round: FunctionRef,
  address: Expr<'i32'>,
  base: number,
  word: Expr<'i32'>,
  result: Unrounded,
): void {
  const { sign, exponent, significand, extra } = result;
  f.if(
    i32.and(i32.eq(i32.and(control(), 0xf20), 0x320), i32.lt_u(i32.sub(exponent, 1), EXPONENT_MAX - 2)),
    () => {
      const up = f.let(nearestUp(significand, extra));
      f.set(significand, i64.add(significand, i64.extend_u(up)));
      f.if(i64.eqz(significand), () => {
        f.set(significand, INTEGER_BIT);
        f.set(exponent, i32.add(exponent, 1));
      });
      f.store64(address, significand, base);
      f.store16(address, i32.or(sign, exponent), base + 8);
      const flags = i32.or(i32.shl(i64.ne(extra, 0n), 5), i32.shl(up, 9));
      f.store(0, i32.or(i32.and(word, ~STATUS.C1), flags), STATE.X87_STATUS);
    },
    () => f.run(round, i32.add(address, base), sign, exponent, significand, extra),
  );
}

/** `a op b` of normal numbers into a register, in place; branches to `general` for what does not come out as a normal number. */
export function computeInto(
  c: Context,
  stack: Stack,
  operation: FastOperation,
  { offset }: Slot,
  a: Value,
  b: Value,
  general: Label,
): void {
  const result = operation(c.f, a, b, general);
  roundInto(c.f, c.fn('x87RoundResult'), offset, STATE.X87_REGISTERS, stack.word, result);
}

/** The operations that are emitted in place or as functions of the module. */
export const IN_PLACE: Readonly<Partial<Record<string, FastOperation>>> = {
  Add: add,
  Subtract: subtract,
  Multiply: multiply,
};

/**
 * The same as functions (destination, exponent and significand of a, of b) -> 1, or 0 if nothing has been done. `special`: where
 * not both are normal.
 */
export function defineOnNumbers(
  m: ModuleBuilder,
  operation: FastOperation,
  round: FunctionRef,
  special: FunctionRef & { result: 'i32' },
): FunctionRef & { result: 'i32' } {
  return m.function(['i32', 'i32', 'i64', 'i32', 'i64'], 'i32', (f) => {
    const [destination, exponentA, significandA, exponentB, significandB] = f.params as unknown as [
      Local<'i32'>,
      Local<'i32'>,
      Local<'i64'>,
      Local<'i32'>,
      Local<'i64'>,
    ];
    const a = { exponent: exponentA, significand: significandA };
    const b = { exponent: exponentB, significand: significandB };
    f.if(i32.eqz(bothNormal(a, b)), () =>
      f.return(f.call(special, destination, exponentA, significandA, exponentB, significandB)),
    );
    f.block((general) => {
      roundInto(f, round, destination, 0, status(), operation(f, a, b, general));
      f.return(1);
    });
    f.return(0);
  });
}

/** The quotient of two normal numbers into a register, by a function. */
export function divideInto(c: Context, destination: Slot, a: Value, b: Value): void {
  const exponent = i32.add(i32.sub(magnitude(a.exponent), magnitude(b.exponent)), EXPONENT_BIAS - 1);
  c.f.run(
    c.fn('x87DivideNormal'),
    i32.add(destination.offset, STATE.X87_REGISTERS),
    signsDiffer(a, b),
    exponent,
    a.significand,
    b.significand,
  );
}

/** Condition codes C3 and C0 of a comparison; branches to `general` unless both are normal numbers, zeros or infinities. */
export function compareNumbers(f: FunctionBuilder, a: Value, b: Value, general: Label): Local<'i32'> {
  const ea = f.let(magnitude(a.exponent));
  const eb = f.let(magnitude(b.exponent));
  const isPlain = (e: Local<'i32'>, { significand }: Value): Expr<'i32'> =>
    i32.or(
      i32.and(i32.eq(e, EXPONENT_MAX), i64.eq(significand, INTEGER_BIT)),
      i32.or(
        i32.and(i32.lt_u(i32.sub(e, 1), EXPONENT_MAX - 1), i64.lt_s(significand, 0n)),
        i64.eqz(i64.or(significand, i64.extend_u(e))),
      ),
    );
  f.if(i32.eqz(bothNormal(a, b)), () => f.brIf(general, i32.eqz(i32.and(isPlain(ea, a), isPlain(eb, b)))));
  const less = select(i32.eq(ea, eb), i64.lt_u(a.significand, b.significand), i32.lt_u(ea, eb));
  const signA = f.let(i32.shr_u(a.exponent, 15));
  const differ = f.let(i32.xor(signA, i32.shr_u(b.exponent, 15)));
  const sameNumber = i32.and(i32.eq(ea, eb), i64.eq(a.significand, b.significand));
  // Of different signs only zeros are equal.
  const equal = select(differ, i64.eqz(i64.or(a.significand, b.significand)), sameNumber);
  const below = select(differ, signA as Expr<'i32'>, i32.xor(less, signA));
  return f.let(select(equal, i32.const(STATUS.C3), i32.shl(below, 8)));
}
