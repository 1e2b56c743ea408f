/** MXCSR (Intel SDM volume 1, section 10.2.3) and how a floating-point function reports its exceptions. */
import { type Expr, type FunctionRef, type Global, i32, type ModuleBuilder, select } from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import { CR4, VECTOR } from '../state.ts';

export const MXCSR = {
  IE: 0x01,
  DE: 0x02,
  ZE: 0x04,
  OE: 0x08,
  UE: 0x10,
  PE: 0x20,
  /** Denormal operands count as zero. */
  DAZ: 0x40,
  IM: 0x80,
  DM: 0x100,
  ZM: 0x200,
  OM: 0x400,
  UM: 0x800,
  PM: 0x1000,
  /** Rounding control, 2 bits: nearest, down, up, toward zero. */
  RC: 0x6000,
  /** Tiny results become zero while underflow is masked. */
  FZ: 0x8000,
} as const;
export const RC_SHIFT = 13;
/** Distance from an exception flag to its mask. */
const MASK_SHIFT = 7;
/** Bits that can be set: MXCSR_MASK of the FXSAVE image. */
export const MXCSR_WRITABLE = 0xffff;

/** Exceptions found before an operation is carried out; unmasked, they keep the others from being reported. */
const PRECOMPUTATION = MXCSR.IE | MXCSR.DE | MXCSR.ZE;

/** Non-zero after a floating-point function: the vector of its unmasked exception. Taken and cleared by the instruction. */
export const PENDING = STATE.SCRATCH + 0x80;

export const mxcsr = (): Expr<'i32'> => i32.load(0, STATE.MXCSR);

/** Rounding to nearest, inexact masked and recorded already: an inexact result needs no bookkeeping. */
export const quietRounding = (): Expr<'i32'> =>
  i32.eq(i32.and(mxcsr(), MXCSR.RC | MXCSR.PM | MXCSR.PE), MXCSR.PM | MXCSR.PE);

/** The exception flags of the instruction in progress, and the function that puts them into MXCSR. */
export interface Exceptions {
  readonly flags: Global<'i32'>;
  /** () Enters the flags into MXCSR, leaves the vector of an unmasked exception in PENDING, and clears the flags. */
  readonly settle: FunctionRef;
}

export function defineExceptions(m: ModuleBuilder): Exceptions {
  const flags = m.global('i32');
  const settle = m.function([], undefined, (f) => {
    const before = f.let(mxcsr());
    const found = f.let(flags as Expr<'i32'>);
    f.setGlobal(flags, i32.const(0));
    const unmasked = f.let(i32.and(found, i32.not(i32.shr_u(before, MASK_SHIFT))));
    f.if(i32.and(unmasked, PRECOMPUTATION), () => f.set(found, i32.and(found, PRECOMPUTATION)));
    f.store(0, i32.or(before, found), STATE.MXCSR);
    f.if(unmasked, () =>
      f.store(
        0,
        select(i32.and(i32.load(0, STATE.CR4), CR4.OSXMMEXCPT), i32.const(VECTOR.XM), i32.const(VECTOR.UD)),
        PENDING,
      ),
    );
  });
  return { flags, settle };
}

/** Adds to the exception flags of the instruction in progress. */
export function signal(
  f: { setGlobal(g: Global<'i32'>, v: Expr<'i32'>): void },
  e: Exceptions,
  found: Expr<'i32'> | number,
): void {
  f.setGlobal(e.flags, i32.or(e.flags, found));
}

/** The functions of the module that the instructions call are exported under these names. */
export const FUNCTION_PREFIX = 'sse_';
