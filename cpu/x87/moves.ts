/** Moves within the register stack, and the control word: the rest of what handlers call. */
import { type FunctionBuilder, i32, type Local, select, type ValueType } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import {
  clearC1,
  control,
  CONTROL_DEFAULT,
  CONTROL_FIXED,
  CONTROL_WRITABLE,
  EXCEPTIONS,
  INDEFINITE_EXPONENT,
  INDEFINITE_SIGNIFICAND,
  inUse,
  isInUse,
  loadExponent,
  loadSignificand,
  physical,
  registerAddress,
  setInUse,
  setTop,
  status,
  STATUS,
  storeRegister,
  SUMMARY,
  top,
} from './format.ts';
import type { I32Function } from './rounding.ts';
import type { Specials } from './specials.ts';

/** Defines a function that semantics call as `x87` + name. */
export type Define = (name: string, params: readonly ValueType[], build: (f: FunctionBuilder) => void) => I32Function;

export function defineMoves(
  define: Define,
  functions: Record<string, I32Function>,
  signal: I32Function,
  specials: Specials,
): void {
  define('Exchange', ['i32'], (f) => {
    const n = f.let(physical(f.params[0] as Local<'i32'>));
    const a = f.let(registerAddress(top()));
    const b = f.let(registerAddress(n));
    const empty = f.let(i32.eqz(i32.and(isInUse(top()), isInUse(n))));
    f.if(
      empty,
      () => {
        f.if(i32.and(f.call(signal, STATUS.IE | STATUS.SF), STATUS.IE), () => f.return(0));
        // Each empty side is taken as the indefinite.
        f.if(i32.eqz(isInUse(top())), () => storeRegister(f, a, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND));
        f.if(i32.eqz(isInUse(n)), () => storeRegister(f, b, INDEFINITE_EXPONENT, INDEFINITE_SIGNIFICAND));
        setInUse(f, top());
        setInUse(f, n);
      },
      () => clearC1(f),
    );
    const exponent = f.let(loadExponent(a));
    const significand = f.let(loadSignificand(a));
    storeRegister(f, a, loadExponent(b), loadSignificand(b));
    storeRegister(f, b, exponent, significand);
    f.return(1);
  });
  define('StoreRegister', ['i32'], (f) => {
    const n = f.let(physical(f.params[0] as Local<'i32'>));
    const to = f.let(registerAddress(n));
    f.if(
      isInUse(top()),
      () => {
        const from = f.let(registerAddress(top()));
        storeRegister(f, to, loadExponent(from), loadSignificand(from));
        clearC1(f);
      },
      () => f.if(i32.eqz(f.call(specials.underflow, to)), () => f.return(0)),
    );
    setInUse(f, n);
    f.return(1);
  });
  // The undocumented encodings of FSTP in D9: with an empty ST(0) nothing is stored and nothing signalled.
  define('StoreRegisterIfFull', ['i32'], (f) => {
    f.if(isInUse(top()), () => f.return(f.call(functions['x87StoreRegister']!, f.params[0]!)));
    f.return(1);
  });
  // (index, condition): ST(0) = ST(index) if the condition holds
  define('ConditionalMove', ['i32', 'i32'], (f) => {
    const n = f.let(physical(f.params[0] as Local<'i32'>));
    const to = f.let(registerAddress(top()));
    f.if(i32.eqz(i32.and(isInUse(top()), isInUse(n))), () => {
      f.if(i32.eqz(f.call(specials.underflow, to)), () => f.return(0));
      setInUse(f, top());
      f.return(1);
    });
    f.if(f.params[1] as Local<'i32'>, () => {
      const from = f.let(registerAddress(n));
      storeRegister(f, to, loadExponent(from), loadSignificand(from));
    });
    f.return(1);
  });
  define('Free', ['i32'], (f) => {
    f.store(0, i32.and(inUse(), i32.not(i32.shl(1, physical(f.params[0] as Local<'i32'>)))), STATE.X87_IN_USE);
    clearC1(f);
    f.return(1);
  });
  // FINCSTP (1) and FDECSTP (7)
  define('Rotate', ['i32'], (f) => {
    setTop(f, physical(f.params[0] as Local<'i32'>));
    clearC1(f);
    f.return(1);
  });
}

export function defineControl(define: Define): void {
  const summarize = define('Summarize', [], (f) => {
    const pending = f.let(i32.and(i32.and(status(), i32.not(control())), EXCEPTIONS));
    f.if(i32.eqz(pending), () => f.store(0, 0, STATE.X87_ERROR));
    f.store(
      0,
      i32.or(i32.and(status(), ~SUMMARY), select(pending, i32.const(SUMMARY), i32.const(0))),
      STATE.X87_STATUS,
    );
    f.return(1);
  });
  define('SetControl', ['i32'], (f) => {
    f.store(0, i32.or(i32.and(f.params[0] as Local<'i32'>, CONTROL_WRITABLE), CONTROL_FIXED), STATE.X87_CONTROL);
    f.return(f.call(summarize));
  });
  define('Initialize', [], (f) => {
    f.store(0, CONTROL_DEFAULT, STATE.X87_CONTROL);
    for (const offset of [
      STATE.X87_STATUS,
      STATE.X87_TOP,
      STATE.X87_IN_USE,
      STATE.X87_IP,
      STATE.X87_CS,
      STATE.X87_DP,
      STATE.X87_DS,
      STATE.X87_OPCODE,
      STATE.X87_ERROR,
    ])
      f.store(0, 0, offset);
    f.return(1);
  });
}
