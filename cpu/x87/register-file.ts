/** The register stack as TypeScript helpers see it: values, exceptions, rounding. */
import { SEGMENT, STATE } from '../layout.ts';
import type { CpuState } from '../state.ts';
import {
  EXCEPTIONS,
  EXPONENT_BIAS,
  EXPONENT_MAX,
  EXPONENT_WRAP,
  INDEFINITE_EXPONENT,
  INDEFINITE_SIGNIFICAND,
  INTEGER_BIT,
  QUIET_BIT,
  ROUND,
  STATUS,
  SUMMARY,
} from './format.ts';

/** A register's 80 bits taken apart. */
export interface Extended {
  /** 0 or 0x8000. */
  readonly sign: number;
  /** Biased. */
  readonly exponent: number;
  readonly significand: bigint;
}
export const INDEFINITE: Extended = {
  sign: 0x8000,
  exponent: INDEFINITE_EXPONENT & EXPONENT_MAX,
  significand: INDEFINITE_SIGNIFICAND,
};
export const zero = (sign: number): Extended => ({ sign, exponent: 0, significand: 0n });
export const infinity = (sign: number): Extended => ({ sign, exponent: EXPONENT_MAX, significand: INTEGER_BIT });

export const isZero = (x: Extended): boolean => x.exponent === 0 && x.significand === 0n;
export const isDenormal = (x: Extended): boolean => x.exponent === 0 && x.significand !== 0n;
export const isUnsupported = (x: Extended): boolean => x.exponent !== 0 && x.significand < INTEGER_BIT;
export const isInfinite = (x: Extended): boolean => x.exponent === EXPONENT_MAX && x.significand === INTEGER_BIT;
export const isNaN = (x: Extended): boolean => x.exponent === EXPONENT_MAX && x.significand > INTEGER_BIT;

/** Bits needed for a positive number. */
export function bitLength(value: bigint): number {
  const text = value.toString(16);
  return text.length * 4 - (Math.clz32(parseInt(text[0]!, 16)) - 28);
}

/** Whether a discarded fraction rounds away from zero; `half` compares it with one half of the last place (-1, 0, 1). */
export function roundsUp(mode: number, negative: boolean, odd: boolean, half: number, exact: boolean): boolean {
  if (exact) return false;
  if (mode === ROUND.NEAREST) return half > 0 || (half === 0 && odd);
  return mode === (negative ? ROUND.DOWN : ROUND.UP);
}

export class RegisterFile {
  readonly #state: CpuState;
  constructor(state: CpuState) {
    this.#state = state;
  }

  get control(): number {
    return this.#state.get(STATE.X87_CONTROL);
  }
  get rounding(): number {
    return (this.control >> 10) & 3;
  }
  #physical(i: number): number {
    return (this.#state.get(STATE.X87_TOP) + i) & 7;
  }
  isEmpty(i: number): boolean {
    return ((this.#state.get(STATE.X87_IN_USE) >> this.#physical(i)) & 1) === 0;
  }
  get(i: number): Extended {
    const at = STATE.X87_REGISTERS + 16 * this.#physical(i);
    const word = this.#state.u16[(at + 8) >> 1]!;
    return {
      sign: word & 0x8000,
      exponent: word & EXPONENT_MAX,
      significand: this.#state.view.getBigUint64(at, true),
    };
  }
  /** Fills a register and marks it in use. */
  set(i: number, value: Extended): void {
    const n = this.#physical(i);
    const at = STATE.X87_REGISTERS + 16 * n;
    this.#state.view.setBigUint64(at, value.significand, true);
    this.#state.u16[(at + 8) >> 1] = value.sign | value.exponent;
    this.#state.set(STATE.X87_IN_USE, this.#state.get(STATE.X87_IN_USE) | (1 << n));
  }
  pop(): void {
    this.#state.set(STATE.X87_IN_USE, this.#state.get(STATE.X87_IN_USE) & ~(1 << this.#physical(0)));
    this.#state.set(STATE.X87_TOP, this.#physical(1));
  }
  push(value: Extended): void {
    this.#state.set(STATE.X87_TOP, this.#physical(7));
    this.set(0, value);
  }

  /** Sets exception flags and C1 (cleared unless given); true if one of them is unmasked. */
  signal(flags: number): boolean {
    const status = (this.#state.get(STATE.X87_STATUS) & ~STATUS.C1) | flags;
    const unmasked = flags & ~this.control & EXCEPTIONS;
    this.#state.set(STATE.X87_STATUS, unmasked ? status | SUMMARY : status);
    return unmasked !== 0;
  }
  setConditionCodes(mask: number, codes: number): void {
    this.#state.set(STATE.X87_STATUS, (this.#state.get(STATE.X87_STATUS) & ~mask) | codes);
  }

  /**
   * (-1)^sign * magnitude * 2^scale, magnitude > 0, rounded to 64 bits by the rounding control; signals what that raises.
   * `inexact`: magnitude is itself an approximation; `also`: flags to signal besides.
   */
  round(sign: number, magnitude: bigint, scale: number, inexact = false, also = 0): Extended {
    const mode = this.rounding;
    let flags = also;
    let exponent = scale + bitLength(magnitude) - 1 + EXPONENT_BIAS;
    /** Rounds to a last place of weight 2^weight. */
    const roundAt = (weight: number): { significand: bigint; exact: boolean; up: boolean } => {
      const drop = BigInt(weight - scale);
      const kept = drop > 0n ? magnitude >> drop : magnitude << -drop;
      const fraction = drop > 0n ? magnitude - (kept << drop) : 0n;
      const half = drop > 0n ? 1n << (drop - 1n) : 1n;
      const exact = fraction === 0n && !inexact;
      const side = fraction > half ? 1 : fraction < half ? -1 : 0;
      const up = roundsUp(mode, sign !== 0, (kept & 1n) === 1n, side, exact);
      return { significand: up ? kept + 1n : kept, exact, up };
    };
    const lastPlace = (biased: number): number => biased - EXPONENT_BIAS - 63;
    const denormal = exponent <= 0;
    // Tiny: below the normal numbers even after rounding as if the exponent had no bound.
    const tiny = exponent < 0 || (exponent === 0 && roundAt(lastPlace(0)).significand >> 64n === 0n);
    const wrapped = tiny && !(this.control & STATUS.UE);
    const rounding = roundAt(lastPlace(denormal && !wrapped ? 1 : exponent));
    let { significand, up } = rounding;
    if (!rounding.exact) flags |= STATUS.PE;
    // What is reported inexact in any case is tiny in any case, too.
    if (wrapped || (tiny && flags & STATUS.PE)) flags |= STATUS.UE;
    if (denormal && !wrapped) exponent = significand >= INTEGER_BIT ? 1 : 0;
    else if (significand >> 64n) {
      significand >>= 1n;
      exponent++;
    }
    if (wrapped) exponent += EXPONENT_WRAP;
    if (exponent >= EXPONENT_MAX) {
      if (this.control & STATUS.OE) {
        up = roundsUp(mode, sign !== 0, false, 1, false);
        flags |= STATUS.OE | STATUS.PE;
        exponent = up ? EXPONENT_MAX : EXPONENT_MAX - 1;
        significand = up ? INTEGER_BIT : (1n << 64n) - 1n;
      } else {
        exponent -= EXPONENT_WRAP;
        flags |= STATUS.OE;
      }
    }
    this.signal(flags | (up ? STATUS.C1 : 0));
    return { sign, exponent, significand };
  }

  /** The NaN that an operation on NaNs delivers: signals IE for signalling ones; undefined if IE is unmasked or none is a NaN. */
  propagate(operands: readonly Extended[]): Extended | undefined {
    if (operands.some(isUnsupported)) return this.signal(STATUS.IE) ? undefined : INDEFINITE;
    const nans = operands.filter(isNaN);
    const signalling = nans.filter((x) => !(x.significand & QUIET_BIT));
    if (signalling.length && this.signal(STATUS.IE)) return undefined;
    if (!signalling.length) this.signal(0);
    // A quiet NaN wins over a signalling one, the larger significand over the smaller, plus over minus.
    const candidates =
      signalling.length && signalling.length < nans.length ? nans.filter((x) => !signalling.includes(x)) : nans;
    const chosen = candidates.reduce((a, b) =>
      b.significand > a.significand || (b.significand === a.significand && b.sign < a.sign) ? b : a,
    );
    return { ...chosen, significand: chosen.significand | QUIET_BIT };
  }

  /** Instruction pointer and opcode of a non-control instruction. */
  record(opcode: number): void {
    this.#state.set(STATE.X87_IP, this.#state.eip);
    this.#state.set(STATE.X87_CS, this.#state.selector(SEGMENT.CS));
    this.#state.set(STATE.X87_OPCODE, opcode);
  }
  recordData(linear: number, segment: number): void {
    this.#state.set(STATE.X87_DP, linear - this.#state.segmentBase(segment));
    this.#state.set(STATE.X87_DS, this.#state.selector(segment));
  }
}
