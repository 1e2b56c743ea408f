/** What a helper is told of its instruction. */
import type { DecodedOperands } from './helpers.ts';

/** The operand record handed to helpers; one object, rewritten for each call. */
export class Operands implements DecodedOperands {
  operandSize: 2 | 4 = 4;
  width: 1 | 2 | 4 = 4;
  addressSize: 2 | 4 = 4;
  isMemory = false;
  address = 0;
  segment = 0;
  reg = 0;
  rm = 0;
  imm = 0;
  disp = 0;
  rep: 0 | 0xf3 | 0xf2 = 0;
}
