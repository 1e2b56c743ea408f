/** The x87 FPU as functions of a WebAssembly module. */
import type { FunctionRef, ModuleBuilder } from '../emitter/index.ts';
import { defineArithmetic } from './arithmetic.ts';
import { defineCompare, defineExamine } from './compare.ts';
import { defineConversions } from './conversions.ts';
import { defineOnNumbers, IN_PLACE } from './fast-arithmetic.ts';
import { defineRound, defineSignal } from './rounding.ts';
import { defineScaling } from './scaling.ts';
import { defineSpecials } from './specials.ts';
import { defineStack } from './stack.ts';

/**
 * Defines the FPU's functions over the processor state at the start of the module's memory, and returns by name those that
 * instruction semantics call (`InstructionContext.fn`).
 */
export function defineX87(m: ModuleBuilder): Record<string, FunctionRef & { result: 'i32' }> {
  const signal = defineSignal(m);
  const { round, roundFull } = defineRound(m, signal);
  const specials = defineSpecials(m, signal);
  const arithmetic = defineArithmetic(m, signal, round, specials);
  const conversions = defineConversions(m, signal, specials);
  const compare = defineCompare(m, signal);
  const examine = defineExamine(m);
  const scaling = defineScaling(m, signal, roundFull, conversions.fromInteger, specials);
  return {
    ...defineStack(m, { signal, specials, arithmetic, conversions, compare, examine, scaling }),
    x87RoundResult: round,
    x87DivideNormal: arithmetic.divideNormal,
    x87AddSpecial: arithmetic.add.special,
    x87SubtractSpecial: arithmetic.subtract.special,
    x87MultiplySpecial: arithmetic.multiply.special,
    x87DivideSpecial: arithmetic.divide.special,
    x87AddNumbers: defineOnNumbers(m, IN_PLACE['Add']!, round, arithmetic.add.special),
    x87SubtractNumbers: defineOnNumbers(m, IN_PLACE['Subtract']!, round, arithmetic.subtract.special),
    x87MultiplyNumbers: defineOnNumbers(m, IN_PLACE['Multiply']!, round, arithmetic.multiply.special),
  };
}
