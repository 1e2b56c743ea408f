/** Corner cases of the x87 as a processor (AMD family 1Ah) answered them. */
import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { GUEST_BYTES, Machine } from './instruction-module.ts';

const CODE = 0x1000;
const TOP = 6;
/** C0, C2 and C3 are undefined after most of these. */
const COMPARED = 0xbaff;

/** [what, code, control word, ST(0), ST(1), ST(0) afterwards, status word afterwards] */
const CASES: readonly (readonly [string, string, number, string, string, string, number])[] = [
  [
    'FSCALE, overflow unmasked and beyond the wrapped range, toward zero',
    'd9fd',
    0xf40,
    '0000000000000080ff3f',
    '00000000000000a00e40',
    '0000000000000080ff7f',
    0xb2a8,
  ],
  [
    'FSCALE, underflow unmasked and beyond the wrapped range, upward',
    'd9fd',
    0xb40,
    '0000000000000080ff3f',
    '000000000000ff9f0ec0',
    '00000000000000000000',
    0xb0b0,
  ],
  [
    'FPREM by infinity, pseudo-denormal',
    'd9f8',
    0x34a,
    '05000000000000800080',
    '0000000000000080ff7f',
    '05000000000000800180',
    0x3002,
  ],
  [
    'FPREM by infinity, denormal with underflow unmasked',
    'd9f8',
    0x76b,
    '00000000000000400000',
    '0000000000000080ffff',
    '00000000000000800060',
    0xb092,
  ],
  [
    'FYL2X, exact denormal result',
    'd9f1',
    0xe72,
    '0000000000000080ef3f',
    '00000000000100000000',
    '00000000001000000080',
    0x3832,
  ],
  [
    'FSIN of a pseudo-denormal, to nearest',
    'd9fe',
    0x37f,
    '00000000000000800000',
    '0100000000000080ff3f',
    '00000000000000800100',
    0x3222,
  ],
  [
    'FYL2XP1 of less than -1',
    'd9f9',
    0xb7f,
    '3b2be31814fee1ddede0',
    '0000000000000080ef3f',
    '3b2be31814fee1ddede0',
    0x3820,
  ],
  [
    'FST m64, overflow unmasked',
    'dd1500800000',
    0x647,
    'd166dc069e67269255e6',
    '00000000000000000000',
    'd166dc069e67269255e6',
    0xb088,
  ],
];

describe('x87 corner cases', () => {
  const machine = new Machine();
  const { state, guest } = machine;
  const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
  const register = (i: number, status: number): number => STATE.X87_REGISTERS + 16 * ((((status >> 11) & 7) + i) & 7);

  it.each(CASES)('%s', (_, code, control, st0, st1, expected, expectedStatus) => {
    guest.fill(0xf4, 0, GUEST_BYTES);
    guest.set(bytes(code), CODE);
    state.set(STATE.X87_CONTROL, control);
    state.set(STATE.X87_STATUS, 0);
    state.set(STATE.X87_TOP, TOP);
    state.set(STATE.X87_IN_USE, 0xc0);
    state.u8.set(bytes(st0), register(0, TOP << 11));
    state.u8.set(bytes(st1), register(1, TOP << 11));
    machine.run(CODE);
    const status = state.get(STATE.X87_STATUS) | (state.get(STATE.X87_TOP) << 11);
    const at = register(0, status);
    expect(Buffer.from(state.u8.slice(at, at + 10)).toString('hex')).toBe(expected);
    expect(status & COMPARED).toBe(expectedStatus & COMPARED);
  });
});
