/**
 * Instructions of the register stack: what the handlers of both tiers call. Each takes stack indices, checks for stack
 * overflow and underflow, and returns 1 if the instruction is complete, so that a pop may follow (0: an unmasked exception stopped it).
 */
import {
  type Expr,
  type FunctionBuilder,
  i32,
  i64,
  type Local,
  type ModuleBuilder,
  select,
  type ValueType,
} from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import type { Arithmetic } from './arithmetic.ts';
import { UNORDERED } from './compare.ts';
import type { Conversions } from './conversions.ts';
import {
  clearC1,
  CONDITION_CODES,
  control,
  CONVERTED,
  INDEFINITE_EXPONENT,
  INDEFINITE_SIGNIFICAND,
  inUse,
  isInUse,
  loadExponent,
  loadSignificand,
  OPERAND,
  physical,
  registerAddress,
  ROUND,
  setInUse,
  setTop,
  STATUS,
  status,
  storeRegister,
  top,
} from './format.ts';
import type { I32Function } from './rounding.ts';
import { type Define, defineControl, defineMoves } from './moves.ts';
import type { Scaling } from './scaling.ts';
import type { Specials } from './specials.ts';

/**
 * The constants rounded to nearest; `above`: that is more than the exact value, so rounding down takes one unit off (else rounding up
 * adds one); undefined: exact.
 */
const CONSTANTS: readonly { exponent: number; significand: bigint; above?: boolean }[] = [
  { exponent: 0x3fff, significand: 0x8000_0000_0000_0000n },
  { exponent: 0x4000, significand: 0xd49a_784b_cd1b_8afen, above: false },
  { exponent: 0x3fff, significand: 0xb8aa_3b29_5c17_f0bcn, above: true },
  { exponent: 0x4000, significand: 0xc90f_daa2_2168_c235n, above: true },
  { exponent: 0x3ffd, significand: 0x9a20_9a84_fbcf_f799n, above: true },
  { exponent: 0x3ffe, significand: 0xb172_17f7_d1cf_79acn, above: true },
  { exponent: 0, significand: 0n },
];

export interface StackParts {
  signal: I32Function;
  specials: Specials;
  arithmetic: Arithmetic;
  conversions: Conversions;
  compare: I32Function;
  examine: I32Function;
  scaling: Scaling;
}

export function defineStack(m: ModuleBuilder, parts: StackParts): Record<string, I32Function> {
  const { signal, specials, arithmetic, conversions, compare, examine, scaling } = parts;
  const functions: Record<string, I32Function> = {};
  const define: Define = (name, params, build) => (functions[`x87${name}`] = m.function(params, 'i32', build));

  define('Pop', [], (f) => {
    f.store(0, i32.and(inUse(), i32.not(i32.shl(1, top()))), STATE.X87_IN_USE);
    setTop(f, physical(1));
    f.return(1);
  });

  // Loads

  /** Stack overflow: masked, the new top becomes the indefinite. */
  const overflow = m.function([], 'i32', (f) => {
    f.if(i32.and(f.call(signal, STATUS.IE | STATUS.SF | STATUS.C1), STATUS.IE), () => f.return(0));
    setTop(f, physical(7));
    setInUse(f, top());
    storeRegister(f, f.let(registerAddress(top())), INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
    f.return(1);
  });
  /**
   * A push; `write` puts the value at an address and may return early. The register written is free, so that a value
   * which an unmasked exception keeps back does no harm.
   */
  const push = (
    name: string,
    params: readonly ValueType[],
    write: (f: FunctionBuilder, address: Local<'i32'>) => void,
  ): I32Function =>
    define(name, params, (f) => {
      const n = f.let(physical(7));
      f.if(isInUse(n), () => f.return(f.call(overflow)));
      write(f, f.let(registerAddress(n)));
      setTop(f, n);
      setInUse(f, n);
      f.return(1);
    });
  /** Pushes what a conversion delivers; a signalling NaN becomes quiet and invalid, a denormal signals. */
  const pushConverted = (name: string, type: ValueType, conversion: I32Function): I32Function =>
    push(name, [type], (f, address) => {
      const flags = f.let(f.call(conversion, address, f.params[0]!));
      // An unmasked denormal exception is reported with the push done.
      f.if(i32.and(f.call(signal, flags), STATUS.IE), () => f.return(0));
      f.if(i32.and(flags, STATUS.IE), () => f.store64(address, i64.or(loadSignificand(address), 1n << 62n)));
    });
  pushConverted('LoadSingle', 'i32', conversions.fromSingle);
  pushConverted('LoadDouble', 'i64', conversions.fromDouble);
  push('LoadInteger', ['i64'], (f, address) => {
    f.run(conversions.fromInteger, address, f.params[0]!);
    clearC1(f);
  });
  push('LoadExtended', ['i64', 'i32'], (f, address) => {
    storeRegister(f, address, f.params[1] as Local<'i32'>, f.params[0] as Local<'i64'>);
    clearC1(f);
  });
  // (n): FLD1 FLDL2T FLDL2E FLDPI FLDLG2 FLDLN2 FLDZ
  push('LoadConstant', ['i32'], (f, address) => {
    const which = f.params[0] as Local<'i32'>;
    const mode = f.let(i32.and(i32.shr_u(control(), 10), 3));
    CONSTANTS.forEach(({ exponent, significand, above }, n) =>
      f.if(i32.eq(which, n), () => {
        const adjust =
          above === undefined
            ? i64.const(0n)
            : above
              ? i64.extend_s(i32.sub(0, i32.and(mode, 1)))
              : i64.extend_u(i32.eq(mode, ROUND.UP));
        storeRegister(f, address, exponent, i64.add(significand, adjust));
      }),
    );
    clearC1(f);
  });
  define('LoadRegister', ['i32'], (f) => {
    const source = f.let(physical(f.params[0] as Local<'i32'>));
    const n = f.let(physical(7));
    const address = f.let(registerAddress(n));
    f.if(
      isInUse(source),
      () => {
        f.if(isInUse(n), () => f.return(f.call(overflow)));
        const from = f.let(registerAddress(source));
        storeRegister(f, address, loadExponent(from), loadSignificand(from));
        clearC1(f);
      },
      () => f.if(i32.eqz(f.call(specials.underflow, address)), () => f.return(0)),
    );
    setTop(f, n);
    setInUse(f, n);
    f.return(1);
  });

  // Stores to memory: 1 with the image at CONVERTED.

  const storeTop = (
    name: string,
    params: readonly ValueType[],
    indefinite: (f: FunctionBuilder) => void,
    convert: (f: FunctionBuilder, address: Local<'i32'>) => void,
  ): I32Function =>
    define(name, params, (f) => {
      f.if(i32.eqz(isInUse(top())), () => {
        f.if(i32.and(f.call(signal, STATUS.IE | STATUS.SF), STATUS.IE), () => f.return(0));
        indefinite(f);
        f.return(1);
      });
      convert(f, f.let(registerAddress(top())));
    });
  storeTop(
    'StoreSingle',
    [],
    (f) => f.store(0, 0xffc0_0000, CONVERTED),
    (f, address) => f.return(f.call(conversions.toSingle, address)),
  );
  storeTop(
    'StoreDouble',
    [],
    (f) => f.store64(0, 0xfff8_0000_0000_0000n, CONVERTED),
    (f, address) => f.return(f.call(conversions.toDouble, address)),
  );
  storeTop(
    'StoreExtended',
    [],
    (f) => storeRegister(f, CONVERTED, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND),
    (f, address) => {
      storeRegister(f, CONVERTED, loadExponent(address), loadSignificand(address));
      clearC1(f);
      f.return(1);
    },
  );
  // (size in bytes, 1 = truncate whatever the rounding control)
  storeTop(
    'StoreInteger',
    ['i32', 'i32'],
    (f) => f.store64(0, i64.shl(1n, i64.extend_u(i32.sub(i32.shl(f.params[0] as Local<'i32'>, 3), 1))), CONVERTED),
    (f, address) => {
      const mode = select(f.params[1] as Local<'i32'>, i32.const(ROUND.ZERO), i32.and(i32.shr_u(control(), 10), 3));
      f.return(f.call(conversions.toInteger, address, f.params[0]!, mode));
    },
  );

  // Memory operands of arithmetic: converted into OPERAND; the result goes to the operation as its flags.

  define('OperandSingle', ['i32'], (f) => f.return(f.call(conversions.fromSingle, i32.const(OPERAND), f.params[0]!)));
  define('OperandDouble', ['i64'], (f) => f.return(f.call(conversions.fromDouble, i32.const(OPERAND), f.params[0]!)));
  define('OperandInteger', ['i64'], (f) => f.return(f.call(conversions.fromInteger, i32.const(OPERAND), f.params[0]!)));

  // Arithmetic

  /** (destination, a, b) as stack indices. */
  const registers = (name: string, operation: I32Function): void => {
    define(name, ['i32', 'i32', 'i32'], (f) => {
      const [destination, a, b] = f.params as unknown as [Local<'i32'>, Local<'i32'>, Local<'i32'>];
      f.set(a, physical(a));
      f.set(b, physical(b));
      f.set(destination, physical(destination));
      f.if(
        i32.and(isInUse(a), isInUse(b)),
        () =>
          f.return(
            f.call(operation, registerAddress(destination), registerAddress(a), registerAddress(b), i32.const(0)),
          ),
        () => {
          f.if(i32.eqz(f.call(specials.underflow, registerAddress(destination))), () => f.return(0));
          setInUse(f, destination);
          f.return(1);
        },
      );
      f.return(0);
    });
  };
  /** (flags of the memory operand): ST(0) op memory, or memory op ST(0). */
  const withMemory = (name: string, operation: I32Function, reverse: boolean): void => {
    define(`${name}Memory`, ['i32'], (f) => {
      const flags = f.params[0] as Local<'i32'>;
      const address = f.let(registerAddress(top()));
      f.if(i32.eqz(isInUse(top())), () => {
        f.if(i32.eqz(f.call(specials.underflow, address)), () => f.return(0));
        setInUse(f, top());
        f.return(1);
      });
      // IE is found again from the operand itself.
      f.set(flags, i32.and(flags, STATUS.DE));
      const operand = i32.const(OPERAND);
      f.return(f.call(operation, address, reverse ? operand : address, reverse ? address : operand, flags));
    });
  };
  for (const [name, operation, reversible] of [
    ['Add', arithmetic.add.complete, false],
    ['Subtract', arithmetic.subtract.complete, true],
    ['Multiply', arithmetic.multiply.complete, false],
    ['Divide', arithmetic.divide.complete, true],
  ] as const) {
    registers(name, operation);
    withMemory(name, operation, false);
    if (reversible) withMemory(`${name}Reverse`, operation, true);
  }

  /** Operations on ST(0) in place. */
  const unary = (name: string, apply: (f: FunctionBuilder, address: Local<'i32'>) => void): void => {
    define(name, [], (f) => {
      const address = f.let(registerAddress(top()));
      f.if(i32.eqz(isInUse(top())), () => {
        f.if(i32.eqz(f.call(specials.underflow, address)), () => f.return(0));
        setInUse(f, top());
        f.return(1);
      });
      apply(f, address);
      f.return(1);
    });
  };
  unary('SquareRoot', (f, address) => f.return(f.call(arithmetic.squareRoot, address, address)));
  unary('Round', (f, address) => f.return(f.call(conversions.roundToInteger, address, address)));
  unary('ChangeSign', (f, address) => {
    f.store16(address, i32.xor(loadExponent(address), 0x8000), 8);
    clearC1(f);
  });
  unary('Absolute', (f, address) => {
    f.store16(address, i32.and(loadExponent(address), 0x7fff), 8);
    clearC1(f);
  });

  // (1 = FPREM1)
  define('PartialRemainder', ['i32'], (f) => {
    const a = f.let(registerAddress(top()));
    f.store(0, i32.and(status(), ~(STATUS.C1 | STATUS.C2)), STATE.X87_STATUS);
    f.if(i32.eqz(i32.and(isInUse(top()), isInUse(physical(1)))), () => {
      f.if(i32.eqz(f.call(specials.underflow, a)), () => f.return(0));
      setInUse(f, top());
      f.return(1);
    });
    f.return(f.call(scaling.remainder, a, registerAddress(physical(1)), f.params[0]!));
  });
  define('Scale', [], (f) => {
    const a = f.let(registerAddress(top()));
    f.if(i32.eqz(i32.and(isInUse(top()), isInUse(physical(1)))), () => {
      f.if(i32.eqz(f.call(specials.underflow, a)), () => f.return(0));
      setInUse(f, top());
      f.return(1);
    });
    f.return(f.call(scaling.scale, a, registerAddress(physical(1))));
  });
  // FXTRACT: the exponent replaces ST(0), the significand is pushed.
  define('Extract', [], (f) => {
    const n = f.let(physical(7));
    const exponent = f.let(registerAddress(top()));
    const significand = f.let(registerAddress(n));
    const flags = f.let(
      select(
        isInUse(top()),
        select(isInUse(n), i32.const(STATUS.IE | STATUS.SF | STATUS.C1), i32.const(0)),
        i32.const(STATUS.IE | STATUS.SF),
      ),
    );
    f.if(
      flags,
      () => {
        f.if(i32.and(f.call(signal, flags), STATUS.IE), () => f.return(0));
        storeRegister(f, exponent, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
        storeRegister(f, significand, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND);
        setInUse(f, top());
      },
      () => f.if(i32.eqz(f.call(scaling.extract, exponent, significand)), () => f.return(0)),
    );
    setTop(f, n);
    setInUse(f, n);
    f.return(1);
  });

  // Comparison

  /** Sets the condition codes from a comparison's result and returns 1, or 0 after an unmasked exception. */
  const conclude = (f: FunctionBuilder, result: Local<'i32'>): void => {
    f.store(
      0,
      i32.or(i32.and(status(), ~(CONDITION_CODES & ~STATUS.C1)), i32.and(result, CONDITION_CODES)),
      STATE.X87_STATUS,
    );
    f.return(i32.eqz(i32.and(result, 1)));
  };
  const stackFault = (f: FunctionBuilder): Expr<'i32'> =>
    i32.or(i32.and(f.call(signal, STATUS.IE | STATUS.SF), STATUS.IE), UNORDERED);
  /** (index, flags): ST(0) with ST(index) -> as `compare`. */
  const compareRegisters = m.function(['i32', 'i32'], 'i32', (f) => {
    const [index, flags] = f.params as unknown as [Local<'i32'>, Local<'i32'>];
    f.set(index, physical(index));
    f.if(i32.eqz(i32.and(isInUse(top()), isInUse(index))), () => f.return(stackFault(f)));
    f.return(f.call(compare, registerAddress(top()), registerAddress(index), flags));
  });
  // (index, 0 or QUIET)
  define('Compare', ['i32', 'i32'], (f) => {
    const result = f.let(f.call(compareRegisters, f.params[0]!, f.params[1]!));
    conclude(f, result);
  });
  // (index, 0 or QUIET) -> EFLAGS image with ZF PF CF, bit 1 set if an unmasked exception forbids to pop
  define('CompareFlags', ['i32', 'i32'], (f) => {
    // C1 becomes 0 on a stack fault only.
    const full = i32.and(isInUse(top()), isInUse(physical(f.params[0] as Local<'i32'>)));
    const c1 = f.let(i32.and(status(), i32.shl(full, 9)));
    const result = f.let(f.call(compareRegisters, f.params[0]!, f.params[1]!));
    f.store(0, i32.or(status(), c1), STATE.X87_STATUS);
    f.return(i32.or(i32.shr_u(result, 8), i32.shl(i32.and(result, 1), 1)));
  });
  // (flags of the memory operand)
  define('CompareMemory', ['i32'], (f) => {
    const result = f.local('i32');
    f.if(
      isInUse(top()),
      () =>
        f.set(
          result,
          f.call(compare, registerAddress(top()), i32.const(OPERAND), i32.and(f.params[0] as Local<'i32'>, STATUS.DE)),
        ),
      () => f.set(result, stackFault(f)),
    );
    conclude(f, result);
  });
  define('Test', [], (f) => {
    storeRegister(f, OPERAND, 0, 0n);
    f.return(f.call(functions['x87CompareMemory']!, i32.const(0)));
  });
  define('Examine', [], (f) => {
    const address = f.let(registerAddress(top()));
    const codes = f.let(i32.const(STATUS.C3 | STATUS.C0));
    f.if(isInUse(top()), () => f.set(codes, f.call(examine, address)));
    f.set(codes, i32.or(codes, i32.shl(i32.shr_u(loadExponent(address), 15), 9)));
    f.store(0, i32.or(i32.and(status(), ~CONDITION_CODES), codes), STATE.X87_STATUS);
    f.return(1);
  });

  defineMoves(define, functions, signal, specials);
  defineControl(define);
  return functions;
}
