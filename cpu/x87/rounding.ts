/**
 * Signalling and rounding: the functions through which every x87 result goes. Exceptions and their masked responses are
 * those of the Intel SDM, volume 1, sections 4.9 and 8.5; tininess is detected after rounding.
 */
import {
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  type I32,
  i32,
  i64,
  type Local,
  type ModuleBuilder,
  select,
} from '../emitter/index.ts';
import { STATE } from '../layout.ts';
import {
  control,
  EXCEPTIONS,
  EXPONENT_MAX,
  EXPONENT_WRAP,
  INTEGER_BIT,
  status,
  STATUS,
  storeRegister,
  SUMMARY,
} from './format.ts';

export type I32Function = FunctionRef & { result: 'i32' };

/**
 * Sets exception flags and C1 (cleared unless given) in the status word; unmasked ones also set ES and B.
 * (flags) -> the unmasked ones among the exception flags.
 */
export function defineSignal(m: ModuleBuilder): I32Function {
  return m.function(['i32'], 'i32', (f) => {
    const flags = f.params[0] as Local<'i32'>;
    const unmasked = f.let(i32.and(i32.and(flags, i32.not(control())), EXCEPTIONS));
    f.store(
      0,
      i32.or(i32.or(i32.and(status(), ~STATUS.C1), flags), select(unmasked, i32.const(SUMMARY), i32.const(0))),
      STATE.X87_STATUS,
    );
    f.return(unmasked);
  });
}

/** Shifts significand:extra right by `count` >= 1, keeping a sticky bit. */
export function shiftRightSticky(
  f: FunctionBuilder,
  significand: Local<'i64'>,
  extra: Local<'i64'>,
  count: Local<'i32'>,
): void {
  const sticky = f.let(i64.extend_u(i64.ne(extra, 0n)));
  f.if(
    i32.lt_u(count, 64),
    () => {
      const wide = f.let(i64.extend_u(count));
      f.set(extra, i64.or(i64.shl(significand, i64.sub(64n, wide)), sticky));
      f.set(significand, i64.shr_u(significand, wide));
    },
    () => {
      f.set(
        extra,
        select(
          i32.eq(count, 64),
          i64.or(significand, sticky),
          i64.extend_u(i32.or(i64.ne(significand, 0n), i64.ne(extra, 0n))),
        ),
      );
      f.set(significand, 0n);
    },
  );
}

/** 1 if round to nearest even goes up: `extra` is the fraction below the last place of `odd`. */
const nearestUp = (odd: Expr<'i64'>, extra: Local<'i64'>): Expr<'i32'> =>
  i32.and(i64.lt_s(extra, 0n), i32.or(i64.ne(i64.shl(extra, 1n), 0n), i32.wrap(i64.and(odd, 1n))));

/** 1 if a value with this fraction `extra` (of one unit of `odd`'s last place) rounds away from zero under `mode`; `sign` is 0 or not 0. */
export function roundsUp(mode: I32, sign: I32, odd: Expr<'i64'>, extra: Local<'i64'>): Expr<'i32'> {
  // DOWN (1) rounds negative values away from zero, UP (2) positive ones, ZERO (3) none.
  const directed = i32.and(i64.ne(extra, 0n), i32.eq(mode, select(sign, i32.const(1), i32.const(2))));
  return select(i32.eqz(mode), nearestUp(odd, extra), directed);
}

/**
 * The general case of `round`: any precision and rounding mode, overflow, underflow.
 * (destination, sign, exponent, significand, extra, control word) -> 1
 */
function defineRoundGeneral(m: ModuleBuilder, signal: I32Function): I32Function {
  return m.function(['i32', 'i32', 'i32', 'i64', 'i64', 'i32'], 'i32', (f) => {
    const [destination, sign, exponent, significand, extra, cw] = f.params as unknown as [
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i64'>,
      Local<'i64'>,
      Local<'i32'>,
    ];
    const mode = f.let(i32.and(i32.shr_u(cw, 10), 3));
    /** Bits of the significand beyond the precision: 40 (single), 11 (double), 0. The reserved value 1 acts as 3. */
    const drop = f.let(
      i64.extend_u(i32.and(i32.shr_u(i32.const(0x00_0b_00_28), i32.shl(i32.and(i32.shr_u(cw, 8), 3), 3)), 0x3f)),
    );
    const flags = f.let(i32.const(0));
    const kept = f.local('i64');
    const fraction = f.local('i64');
    const up = f.local('i32');
    const split = (): void => {
      f.set(kept, i64.shr_u(significand, drop));
      f.set(
        fraction,
        select(i64.eqz(drop), extra, i64.or(i64.shl(significand, i64.sub(64n, drop)), i64.extend_u(i64.ne(extra, 0n)))),
      );
      f.set(up, roundsUp(mode, sign, kept, fraction));
    };
    const denormal = f.let(i32.const(0));
    const tiny = f.let(i32.const(0));
    /** Below the wrapped range with underflow unmasked (FSCALE): zero whatever the mode. */
    const vanished = f.let(i32.const(0));
    f.if(i32.le_s(exponent, 0), () => {
      split();
      f.set(tiny, i32.or(i32.lt_s(exponent, 0), i64.ne(i64.shl(i64.add(kept, i64.extend_u(up)), drop), 0n)));
      f.if(
        i32.and(i32.and(tiny, i32.eqz(i32.and(cw, STATUS.UE))), i32.gt_s(exponent, -EXPONENT_WRAP)),
        () => {
          f.set(exponent, i32.add(exponent, EXPONENT_WRAP));
          f.set(flags, STATUS.UE);
        },
        () => {
          f.set(denormal, 1);
          f.set(vanished, i32.and(tiny, i32.eqz(i32.and(cw, STATUS.UE))));
          const count = f.let(i32.sub(1, exponent));
          shiftRightSticky(f, significand, extra, count);
        },
      );
    });
    split();
    f.set(up, i32.and(up, i32.eqz(vanished)));
    f.set(flags, i32.or(flags, select(i64.eqz(fraction), i32.const(0), i32.const(STATUS.PE))));
    f.set(significand, i64.shl(i64.add(kept, i64.extend_u(up)), drop));
    f.if(
      denormal,
      () => {
        f.set(exponent, i64.lt_s(significand, 0n));
        f.if(i32.and(tiny, i64.ne(fraction, 0n)), () => f.set(flags, i32.or(flags, STATUS.UE)));
      },
      () => {
        f.if(i64.eqz(significand), () => {
          f.set(significand, INTEGER_BIT);
          f.set(exponent, i32.add(exponent, 1));
        });
        f.if(i32.ge_s(exponent, EXPONENT_MAX), () => {
          f.if(
            i32.or(i32.and(cw, STATUS.OE), i32.ge_s(exponent, EXPONENT_MAX + EXPONENT_WRAP)),
            () => {
              f.set(flags, STATUS.OE | STATUS.PE);
              // Out of the wrapped range (FSCALE): infinity whatever the mode.
              f.set(up, i32.or(i32.eqz(mode), i32.eq(mode, select(sign, i32.const(1), i32.const(2)))));
              f.set(up, i32.or(up, i32.eqz(i32.and(cw, STATUS.OE))));
              f.set(exponent, i32.sub(EXPONENT_MAX, i32.eqz(up)));
              f.set(significand, select(up, i64.const(INTEGER_BIT), i64.shl(-1n, drop)));
            },
            () => {
              f.set(exponent, i32.sub(exponent, EXPONENT_WRAP));
              f.set(flags, i32.or(flags, STATUS.OE));
            },
          );
        });
      },
    );
    storeRegister(f, destination, i32.or(sign, exponent), significand);
    f.run(signal, i32.or(flags, i32.shl(up, 9)));
    f.return(1);
  });
}

export interface Rounding {
  /** (destination address, sign 0/8000h, biased exponent, significand, extra) -> 1 */
  round: I32Function;
  /** The same to 64 bits whatever the precision control, for the operations it does not govern. */
  roundFull: I32Function;
}

/**
 * Rounds significand.extra (integer bit set, 64 further bits with the last one sticky) to the precision and rounding mode of the
 * control word, stores it and signals. Exponents may lie outside the format. The result is always written: unmasked
 * overflow and underflow deliver a register result with wrapped exponent, or as if masked where even that is out of range (FSCALE).
 */
export function defineRound(m: ModuleBuilder, signal: I32Function): Rounding {
  const general = defineRoundGeneral(m, signal);
  const round = m.function(['i32', 'i32', 'i32', 'i64', 'i64'], 'i32', (f) => {
    const [destination, sign, exponent, significand, extra] = f.params as unknown as [
      Local<'i32'>,
      Local<'i32'>,
      Local<'i32'>,
      Local<'i64'>,
      Local<'i64'>,
    ];
    const cw = f.let(control());
    // Round to nearest, inexact masked, and no way to leave the range: one path for each precision.
    const nearest = (precision: number, drop: bigint): void =>
      f.if(i32.eq(i32.and(cw, 0xf20), precision | STATUS.PE), () => {
        if (drop) {
          f.set(extra, i64.or(i64.shl(significand, 64n - drop), i64.extend_u(i64.ne(extra, 0n))));
          f.set(significand, i64.shr_u(significand, drop));
        }
        const up = f.let(nearestUp(significand, extra));
        f.set(significand, i64.add(significand, i64.extend_u(up)));
        if (drop) f.set(significand, i64.shl(significand, drop));
        f.if(i64.eqz(significand), () => {
          f.set(significand, INTEGER_BIT);
          f.set(exponent, i32.add(exponent, 1));
        });
        storeRegister(f, destination, i32.or(sign, exponent), significand);
        f.store(
          0,
          i32.or(i32.and(status(), ~STATUS.C1), i32.or(i32.shl(i64.ne(extra, 0n), 5), i32.shl(up, 9))),
          STATE.X87_STATUS,
        );
        f.return(1);
      });
    f.if(i32.lt_u(i32.sub(exponent, 1), EXPONENT_MAX - 2), () => {
      nearest(0x300, 0n);
      nearest(0x200, 11n);
      nearest(0, 40n);
    });
    f.return(f.call(general, destination, sign, exponent, significand, extra, cw));
  });
  const roundFull = m.function(['i32', 'i32', 'i32', 'i64', 'i64'], 'i32', (f) => {
    const [destination, sign, exponent, significand, extra] = f.params as unknown as [Expr, Expr, Expr, Expr, Expr];
    f.return(f.call(general, destination, sign, exponent, significand, extra, i32.or(control(), 0x300)));
  });
  return { round, roundFull };
}
