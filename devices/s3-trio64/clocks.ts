/**
 * The clock synthesizer of the Trio64: two phase-locked loops, for memory (MCLK) and dots (DCLK).
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 9 "Clock Synthesis", registers SR10-SR15.
 * Models: frequencies from the M, N and R parameters.
 * Does not model: lock time, the limits of the oscillator, the load bits of SR15 (values act when they are written).
 */

/** Reference crystal in hertz. */
const REFERENCE = 14_318_180;

/**
 * f = REFERENCE * (M + 2) / ((N + 2) * 2^R)
 * @param low bits 4-0 N, bits 7-5 R
 * @param high bits 6-0 M
 * @returns hertz
 */
export function pllFrequency(low: number, high: number): number {
  return (REFERENCE * ((high & 0x7f) + 2)) / (((low & 0x1f) + 2) * 2 ** (low >> 5));
}

/** Register pairs after power-on: MCLK about 54.6 MHz, DCLK 25.06 MHz. */
export const POWER_ON_CLOCKS = { mclk: [0x42, 0x3b], dclk: [0x46, 0x36] } as const;
