/** Memory operands of x87 instructions, and how the instructions call the functions of `defineX87`. */
import { type Expr, type FunctionBuilder, i32, i64, type Label, type Local } from '../emitter/index.ts';
import type { Context, Value } from './access.ts';
import * as convert from './fast-conversions.ts';

export type Emit = (c: Context) => void;
/** Formats of memory operands. */
export type MemoryFormat = 'single' | 'double' | 'word' | 'dword' | 'qword' | 'extended';

export const run = (c: Context, name: string, ...args: (Expr | number)[]): void => c.f.run(c.fn(`x87${name}`), ...args);
export const call = (c: Context, name: string, ...args: (Expr | number)[]): Expr<'i32'> =>
  c.f.call(c.fn(`x87${name}`), ...args);
/** Pops after an instruction that reports completion. */
export const popIf = (c: Context, complete: Expr<'i32'>): void => c.f.if(complete, () => run(c, 'Pop'));

/** Reads the memory operand, with all its faults. */
export function readOperand(c: Context, format: MemoryFormat): Local {
  switch (format) {
    case 'single':
      return c.load(4);
    case 'double':
    case 'qword':
      return c.loadI64();
    case 'word':
      return c.f.let(i64.extend_s(i32.extend16_s(c.load(2))));
    case 'dword':
      return c.f.let(i64.extend_s(c.load(4)));
    case 'extended':
      throw new Error('extended operands have two parts');
  }
}
export const kind = (format: MemoryFormat): 'Single' | 'Double' | 'Integer' =>
  format === 'single' ? 'Single' : format === 'double' ? 'Double' : 'Integer';

/** The operand as a register holds it; branches to `general` for all but normal numbers and zero. */
export function unpackOperand(f: FunctionBuilder, format: MemoryFormat, value: Local, general: Label): Value {
  if (format === 'single') return convert.fromSingle(f, value as Local<'i32'>, general);
  if (format === 'double') return convert.fromDouble(f, value as Local<'i64'>, general);
  return convert.fromInteger(f, value as Local<'i64'>);
}
