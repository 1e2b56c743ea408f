/**
 * Transcendental instructions: the pairs of doubles of the quick way against the big integers, which run when the inexact exception is
 * unmasked. Results and status must be the same bit for bit. X87_QUICK_CASES sets the number of operands per instruction.
 */
import { describe, expect, it } from 'vitest';
import type { Core, DecodedOperands } from '../../../cpu/helpers.ts';
import { STATE } from '../../../cpu/layout.ts';
import { CpuState } from '../../../cpu/state.ts';
import { STATUS, SUMMARY } from '../../../cpu/x87/format.ts';
import { x87Helpers } from '../../../cpu/x87/helpers.ts';
import * as quickly from '../../../cpu/x87/quick-functions.ts';

const CASES = Number(process.env['X87_QUICK_CASES'] ?? 2000);
const MASKED = 0x37f;
const INEXACT_UNMASKED = MASKED & ~STATUS.PE;
const BIAS = 0x3fff;
const TOP = 3;

/** A small generator (xorshift32), so that failures repeat. */
let seed = 0x1234567;
function random(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}
interface Operand {
  readonly word: number;
  readonly high: number;
  readonly low: number;
}
/** A number with an exponent from `from` to `to`, now and then with few bits. */
function operand(from: number, to: number, signed: boolean): Operand {
  const exponent = from + (random() % (to - from + 1)) + BIAS;
  const short = random() % 4 === 0;
  return {
    word: exponent | (signed && random() & 1 ? 0x8000 : 0),
    high: ((random() | 0x8000_0000) >>> (short ? 20 : 0)) << (short ? 20 : 0),
    low: short ? 0 : random(),
  };
}

/** States are used in turn: making one takes longer than a case. */
const states = [0, 1].map(() => new CpuState(new WebAssembly.Memory({ initial: 1 })));
let turn = 0;
function prepared(control: number, operands: readonly Operand[]): CpuState {
  const state = states[turn++ & 1]!;
  state.u8.fill(0, STATE.X87_REGISTERS, STATE.X87_REGISTERS + 128);
  state.set(STATE.X87_IN_USE, 0);
  state.set(STATE.X87_CONTROL, control);
  state.set(STATE.X87_STATUS, STATUS.C2 | STATUS.C1 | STATUS.C3);
  state.set(STATE.X87_TOP, TOP);
  operands.forEach(({ word, high, low }, i) => {
    const at = STATE.X87_REGISTERS + 16 * ((TOP + i) & 7);
    state.set(at, low);
    state.set(at + 4, high);
    state.u16[(at + 8) >> 1] = word;
    state.set(STATE.X87_IN_USE, state.get(STATE.X87_IN_USE) | (1 << ((TOP + i) & 7)));
  });
  return state;
}
/** All that an instruction may change, but the instruction pointer. */
function image(state: CpuState): string {
  const words = [STATE.X87_STATUS, STATE.X87_TOP, STATE.X87_IN_USE].map((at) => state.get(at).toString(16));
  const registers = Buffer.from(state.u8.slice(STATE.X87_REGISTERS, STATE.X87_REGISTERS + 128)).toString('hex');
  return `${words.join(' ')} ${registers}`;
}

/** Instruction, quick way, exponents of ST(0) and ST(1), whether ST(0) may be negative. */
const INSTRUCTIONS: readonly (readonly [
  name: string,
  quick: quickly.Quick,
  st0: readonly [number, number],
  st1: readonly [number, number] | undefined,
  signed: boolean,
])[] = [
  ['fsin', quickly.quickSine(0), [-25, 18], undefined, true],
  ['fcos', quickly.quickSine(1), [-15, 18], undefined, true],
  ['fsincos', quickly.quickSineCosine, [-15, 18], undefined, true],
  ['fptan', quickly.quickTangent, [-25, 18], undefined, true],
  ['f2xm1', quickly.quickExponential, [-40, -1], undefined, true],
  ['fyl2x', quickly.quickLogarithm, [-3000, 3000], [-100, 100], false],
  ['fyl2x', quickly.quickLogarithm, [-1, 0], [-3, 3], false],
  ['fyl2xp1', quickly.quickLogarithmOnePlus, [-40, -3], [-20, 20], true],
  ['fpatan', quickly.quickArctangent, [-6, 6], [-6, 6], true],
  ['fpatan', quickly.quickArctangent, [-30, 30], [-30, 30], true],
];

describe('transcendental instructions on pairs of doubles', () => {
  for (const [name, quick, range0, range1, signed] of INSTRUCTIONS)
    it(`${name}, exponents ${range0.join(' to ')}: ${CASES} operands as with big integers`, () => {
      let taken = 0;
      for (let n = 0; n < CASES; n++) {
        const operands = [operand(...range0, signed), ...(range1 ? [operand(...range1, true)] : [])];
        const fast = prepared(MASKED, operands);
        if (!quick(fast)) {
          expect(image(fast), 'nothing changed').toBe(image(prepared(MASKED, operands)));
          continue;
        }
        taken++;
        const exact = prepared(INEXACT_UNMASKED, operands);
        x87Helpers[`x87_${name}`]!({ state: exact } as Core, {} as DecodedOperands);
        exact.set(STATE.X87_STATUS, exact.get(STATE.X87_STATUS) & ~SUMMARY);
        expect(image(fast), JSON.stringify(operands)).toBe(image(exact));
      }
      expect(taken).toBeGreaterThan(CASES * 0.9);
    });

  it('leaves what is not usual to the exact way', () => {
    const one = { word: BIAS, high: 0x8000_0000, low: 0 };
    const half = { word: BIAS - 1, high: 0x8000_0000, low: 0 };
    expect(quickly.quickSine(0)(prepared(0x77f, [half])), 'rounding down').toBe(false);
    expect(quickly.quickSine(0)(prepared(INEXACT_UNMASKED, [half])), 'inexact unmasked').toBe(false);
    expect(quickly.quickSine(0)(prepared(MASKED, [])), 'empty').toBe(false);
    expect(quickly.quickSine(0)(prepared(MASKED, [{ ...half, word: 0x7fff }])), 'infinity').toBe(false);
    expect(quickly.quickSine(0)(prepared(MASKED, [{ ...half, word: 0 }])), 'denormal').toBe(false);
    expect(quickly.quickSine(0)(prepared(MASKED, [{ ...half, high: 0x4000_0000 }])), 'unnormal').toBe(false);
    expect(quickly.quickExponential(prepared(MASKED, [one])), 'F2XM1 of 1').toBe(false);
    expect(quickly.quickLogarithm(prepared(MASKED, [one, half])), 'logarithm of 1').toBe(false);
    expect(quickly.quickArctangent(prepared(MASKED, [one])), 'ST(1) empty').toBe(false);
    expect(quickly.quickTangent(prepared(MASKED, [one, one, one, one, one, one, one, one])), 'full').toBe(false);
  });
});
