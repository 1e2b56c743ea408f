/** SSE floating point as functions of a WebAssembly module. */
import type { FunctionRef, ModuleBuilder } from '../emitter/index.ts';
import { defineApproximations } from './approximate.ts';
import { defineVectorArithmetic } from './arithmetic.ts';
import { defineVectorCompare } from './compare.ts';
import { defineConversions } from './convert.ts';
import { defineExceptions, FUNCTION_PREFIX } from './mxcsr.ts';
import { defineSoft } from './soft-arithmetic.ts';

/** Defines the functions over the processor state at the start of the module's memory, and returns them by name. */
export function defineMedia(m: ModuleBuilder): Record<string, FunctionRef> {
  const exceptions = defineExceptions(m);
  const soft = defineSoft(m, exceptions);
  const functions = {
    ...defineVectorArithmetic(m, exceptions, soft),
    ...defineVectorCompare(m, exceptions),
    ...defineConversions(m, exceptions, soft),
    ...defineApproximations(m),
  };
  return Object.fromEntries(Object.entries(functions).map(([name, ref]) => [FUNCTION_PREFIX + name, ref]));
}
