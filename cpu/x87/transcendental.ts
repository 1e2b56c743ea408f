/**
 * F2XM1, FYL2X, FYL2XP1, FPTAN, FPATAN, FSIN, FCOS, FSINCOS: operands, special values and exceptions (Intel SDM volume 2, the tables of
 * each instruction); the functions themselves are in functions.ts. Results are rounded to 64 bits by the rounding control.
 */
import type { Core, Helper } from '../helpers.ts';
import { enter } from './environment.ts';
import { EXPONENT_BIAS, EXPONENT_MAX, INTEGER_BIT, STATUS } from './format.ts';
import * as functions from './functions.ts';
import type { Scaled } from './functions.ts';
import * as quickly from './quick-functions.ts';
import type { Quick } from './quick-functions.ts';
import {
  type Extended,
  INDEFINITE,
  infinity,
  isDenormal,
  isInfinite,
  isNaN,
  isUnsupported,
  isZero,
  RegisterFile,
  zero,
} from './register-file.ts';

const isSpecial = (x: Extended): boolean => isNaN(x) || isUnsupported(x);
const ONE: Extended = { sign: 0, exponent: EXPONENT_BIAS, significand: INTEGER_BIT };

/** The value of a finite register. */
const scaled = (x: Extended): Scaled => ({
  value: x.sign ? -x.significand : x.significand,
  scale: (x.exponent || 1) - EXPONENT_BIAS - 63,
});
const magnitude = (x: Extended): Scaled => ({ ...scaled(x), value: x.significand });

/** Rounds a computed value; its last bits are an approximation unless it is exact. Processors report PE even then. */
function rounded(registers: RegisterFile, { value, scale }: Scaled, exact = false): Extended {
  const sign = value < 0n ? 0x8000 : 0;
  return registers.round(sign, value < 0n ? -value : value, scale, !exact, STATUS.PE);
}

/** Thrown inside an operation when an unmasked exception stops the instruction. */
const STOPPED = Symbol('unmasked x87 exception');

/** Signals; leaves the instruction if the exception is unmasked. */
function signal(registers: RegisterFile, flags: number): void {
  if (registers.signal(flags)) throw STOPPED;
}
function invalid(registers: RegisterFile): Extended {
  signal(registers, STATUS.IE);
  return INDEFINITE;
}
function propagate(registers: RegisterFile, operands: readonly Extended[]): Extended {
  const result = registers.propagate(operands);
  if (!result) throw STOPPED;
  return result;
}
function denormalOperands(registers: RegisterFile, operands: readonly Extended[]): void {
  signal(registers, operands.some(isDenormal) ? STATUS.DE : 0);
}

/** Frame of every instruction: traps, bookkeeping, the quick way, and the way out of unmasked exceptions. */
const instruction =
  (opcode: number, quick: Quick, execute: (registers: RegisterFile) => void): Helper =>
  ({ state }: Core) => {
    enter(state, true);
    const registers = new RegisterFile(state);
    registers.record(opcode);
    if (quick(state)) return;
    try {
      execute(registers);
    } catch (reason) {
      if (reason !== STOPPED) throw reason;
    }
  };

/** ST(0) = f(ST(0)). */
const unary = (opcode: number, quick: Quick, compute: (registers: RegisterFile, x: Extended) => Extended): Helper =>
  instruction(opcode, quick, (registers) => {
    if (registers.isEmpty(0)) {
      signal(registers, STATUS.IE | STATUS.SF);
      registers.set(0, INDEFINITE);
      return;
    }
    const x = registers.get(0);
    registers.set(0, isSpecial(x) ? propagate(registers, [x]) : compute(registers, x));
  });

/** ST(1) = f(ST(1), ST(0)), then a pop. */
const binary = (
  opcode: number,
  quick: Quick,
  compute: (registers: RegisterFile, y: Extended, x: Extended) => Extended,
): Helper =>
  instruction(opcode, quick, (registers) => {
    let result: Extended;
    if (registers.isEmpty(0) || registers.isEmpty(1)) {
      signal(registers, STATUS.IE | STATUS.SF);
      result = INDEFINITE;
    } else {
      const x = registers.get(0);
      const y = registers.get(1);
      result = isSpecial(x) || isSpecial(y) ? propagate(registers, [y, x]) : compute(registers, y, x);
    }
    registers.set(1, result);
    registers.pop();
  });

const f2xm1 = unary(0x1f0, quickly.quickExponential, (registers, x) => {
  if (isInfinite(x)) {
    registers.signal(0);
    return x.sign ? { ...ONE, sign: 0x8000 } : x;
  }
  denormalOperands(registers, [x]);
  if (isZero(x)) return x;
  if (x.exponent >= EXPONENT_BIAS) {
    // 2^1 - 1 and 2^-1 - 1 are exact; beyond, the result is undefined and ST(0) stays. PE is reported all the same.
    registers.signal(STATUS.PE);
    if (x.significand !== INTEGER_BIT || x.exponent > EXPONENT_BIAS) return x;
    return x.sign ? { ...ONE, sign: 0x8000, exponent: EXPONENT_BIAS - 1 } : x;
  }
  return rounded(registers, functions.exponentialLessOne(scaled(x)));
});

/** y times a logarithm. */
function product(registers: RegisterFile, y: Extended, logarithm: Scaled, exact: boolean): Extended {
  const factor = scaled(y);
  return rounded(registers, { value: factor.value * logarithm.value, scale: factor.scale + logarithm.scale }, exact);
}

const fyl2x = binary(0x1f1, quickly.quickLogarithm, (registers, y, x) => {
  const isOne = x.exponent === EXPONENT_BIAS && x.significand === INTEGER_BIT;
  if (x.sign && !isZero(x)) return invalid(registers);
  if (isZero(x)) {
    // log2(0) = -infinity
    if (isZero(y)) return invalid(registers);
    if (isInfinite(y)) {
      registers.signal(0);
      return infinity(y.sign ^ 0x8000);
    }
    signal(registers, STATUS.ZE);
    return infinity(y.sign ^ 0x8000);
  }
  if (isInfinite(x) ? isZero(y) : isOne && isInfinite(y)) return invalid(registers);
  denormalOperands(registers, [x, y]);
  if (isInfinite(x)) return infinity(y.sign);
  const below = x.exponent < EXPONENT_BIAS ? 0x8000 : 0;
  if (isInfinite(y)) return infinity(y.sign ^ below);
  if (isOne || isZero(y)) return zero(y.sign ^ below);
  const power = (x.significand & (x.significand - 1n)) === 0n;
  return product(registers, y, functions.logarithm(magnitude(x)), power);
});

const fyl2xp1 = binary(0x1f9, quickly.quickLogarithmOnePlus, (registers, y, x) => {
  if (x.sign && isInfinite(x)) return invalid(registers);
  if (isZero(x) ? isInfinite(y) : isInfinite(x) && isZero(y)) return invalid(registers);
  denormalOperands(registers, [x, y]);
  const sign = x.sign ^ y.sign;
  if (isInfinite(y) || isInfinite(x)) return infinity(sign);
  if (isZero(x) || isZero(y)) return zero(sign);
  if (x.sign && x.exponent >= EXPONENT_BIAS) {
    // -1 and below: undefined, and ST(0) on real parts.
    registers.signal(STATUS.PE);
    return x;
  }
  return product(registers, y, functions.logarithmOnePlus(scaled(x)), false);
});

const fpatan = binary(0x1f3, quickly.quickArctangent, (registers, y, x) => {
  denormalOperands(registers, [x, y]);
  const turned = (quarters: number): Extended => {
    if (quarters === 0) return zero(y.sign);
    const result = rounded(registers, functions.quarterTurns(quarters));
    return { ...result, sign: y.sign };
  };
  if (isInfinite(y)) return turned(isInfinite(x) ? (x.sign ? 3 : 1) : 2);
  if (isZero(y) || isInfinite(x)) return turned(x.sign ? 4 : 0);
  if (isZero(x)) return turned(2);
  const { value, scale } = functions.arctangent(magnitude(y), scaled(x));
  return rounded(registers, { value: y.sign ? -value : value, scale });
});

/** From this exponent on (|x| >= 2^63) trigonometric instructions set C2 and leave the operand. */
const RANGE = EXPONENT_BIAS + 63;
const outOfRange = (x: Extended): boolean => x.exponent >= RANGE && x.exponent !== EXPONENT_MAX;

/** Sine (0) or cosine (1) of an angle: the function shifted by its quadrant. */
function circular(
  registers: RegisterFile,
  { rest, quadrant }: ReturnType<typeof functions.reduceAngle>,
  shift: 0 | 1,
): Extended {
  const turn = (quadrant + shift) & 3;
  const { value, scale } = turn & 1 ? functions.cosine(rest) : functions.sine(rest);
  return rounded(registers, { value: turn & 2 ? -value : value, scale });
}

const trigonometric = (opcode: number, quick: Quick, shift: 0 | 1): Helper =>
  instruction(opcode, quick, (registers) => {
    registers.setConditionCodes(STATUS.C2, 0);
    if (registers.isEmpty(0)) {
      signal(registers, STATUS.IE | STATUS.SF);
      registers.set(0, INDEFINITE);
      return;
    }
    const x = registers.get(0);
    if (isSpecial(x)) registers.set(0, propagate(registers, [x]));
    else if (isInfinite(x)) registers.set(0, invalid(registers));
    else if (outOfRange(x)) registers.setConditionCodes(STATUS.C1 | STATUS.C2, STATUS.C2);
    else {
      denormalOperands(registers, [x]);
      if (isZero(x)) registers.set(0, shift ? ONE : x);
      else {
        registers.set(0, circular(registers, functions.reduceAngle(scaled(x)), shift));
      }
    }
  });

/** FPTAN and FSINCOS: a result in ST(0) and a second one pushed. */
const pushing = (
  opcode: number,
  quick: Quick,
  compute: (registers: RegisterFile, x: Extended) => [Extended, Extended],
): Helper =>
  instruction(opcode, quick, (registers) => {
    registers.setConditionCodes(STATUS.C2, 0);
    let results: [Extended, Extended] = [INDEFINITE, INDEFINITE];
    if (registers.isEmpty(0)) signal(registers, STATUS.IE | STATUS.SF);
    else if (!registers.isEmpty(7)) signal(registers, STATUS.IE | STATUS.SF | STATUS.C1);
    else {
      const x = registers.get(0);
      if (isSpecial(x)) {
        const nan = propagate(registers, [x]);
        results = [nan, nan];
      } else if (isInfinite(x)) invalid(registers);
      else if (outOfRange(x)) {
        registers.setConditionCodes(STATUS.C1 | STATUS.C2, STATUS.C2);
        return;
      } else {
        denormalOperands(registers, [x]);
        results = compute(registers, x);
      }
    }
    registers.set(0, results[0]);
    registers.push(results[1]);
  });

const fsincos = pushing(0x1fb, quickly.quickSineCosine, (registers, x) => {
  if (isZero(x)) return [x, ONE];
  const reduced = functions.reduceAngle(scaled(x));
  const cosine = circular(registers, reduced, 1);
  return [circular(registers, reduced, 0), cosine];
});

const fptan = pushing(0x1f2, quickly.quickTangent, (registers, x) => {
  if (isZero(x)) return [x, ONE];
  const { rest, quadrant } = functions.reduceAngle(scaled(x));
  const sine = functions.sine(rest);
  const cosine = functions.cosine(rest);
  // tan(r + pi/2) = -cos(r) / sin(r)
  const ratio =
    quadrant & 1 ? functions.divide({ ...cosine, value: -cosine.value }, sine) : functions.divide(sine, cosine);
  return [rounded(registers, ratio), ONE];
});

export const transcendentalHelpers: Record<string, Helper> = {
  x87_f2xm1: f2xm1,
  x87_fyl2x: fyl2x,
  x87_fyl2xp1: fyl2xp1,
  x87_fptan: fptan,
  x87_fpatan: fpatan,
  x87_fsin: trigonometric(0x1fe, quickly.quickSine(0), 0),
  x87_fcos: trigonometric(0x1ff, quickly.quickSine(1), 1),
  x87_fsincos: fsincos,
};
