/** FBLD and FBSTP: 18-digit packed decimal integers. Intel SDM volume 1, section 4.7 and table 4-4. */
import type { Helper } from '../helpers.ts';
import { enter } from './environment.ts';
import { EXPONENT_BIAS, STATUS } from './format.ts';
import { bitLength, INDEFINITE, isInfinite, isNaN, isUnsupported, RegisterFile, roundsUp } from './register-file.ts';

const BYTES = 10;
const LARGEST = 999_999_999_999_999_999n;
/** Opcode fields DF /4 and DF /6 without the address bits of ModRM. */
const FOP = { fbld: 0x720, fbstp: 0x730 } as const;

const fbld: Helper = ({ state, memory }, op) => {
  enter(state, true);
  memory.probeRead(op.address, BYTES);
  const registers = new RegisterFile(state);
  registers.record(FOP.fbld);
  registers.recordData(op.address, op.segment);
  // Digits above 9 are not checked by processors either; each counts for its value.
  let magnitude = 0n;
  for (let i = 8; i >= 0; i--) {
    const byte = memory.read8(op.address + i);
    magnitude = magnitude * 100n + BigInt((byte >> 4) * 10 + (byte & 15));
  }
  const sign = memory.read8(op.address + 9) & 0x80 ? 0x8000 : 0;
  if (!registers.isEmpty(7)) {
    if (!registers.signal(STATUS.IE | STATUS.SF | STATUS.C1)) registers.push(INDEFINITE);
    return;
  }
  registers.signal(0);
  if (magnitude === 0n) {
    registers.push({ sign, exponent: 0, significand: 0n });
    return;
  }
  const length = bitLength(magnitude);
  registers.push({
    sign,
    exponent: EXPONENT_BIAS + length - 1,
    significand: magnitude << BigInt(64 - length),
  });
};

/** The decimal image of ST(0), or undefined after an unmasked exception. */
function packed(registers: RegisterFile): Uint8Array | undefined {
  const image = new Uint8Array(BYTES);
  const indefinite = (flags: number): Uint8Array | undefined => {
    image.set([0xc0, 0xff, 0xff], 7);
    return registers.signal(flags) ? undefined : image;
  };
  if (registers.isEmpty(0)) return indefinite(STATUS.IE | STATUS.SF);
  const value = registers.get(0);
  if (isNaN(value) || isInfinite(value) || isUnsupported(value) || value.exponent >= EXPONENT_BIAS + 64)
    return indefinite(STATUS.IE);
  const places = BigInt(EXPONENT_BIAS + 63 - Math.max(value.exponent, EXPONENT_BIAS - 2));
  let magnitude = value.significand >> places;
  const fraction = value.significand - (magnitude << places);
  const half = places ? 1n << (places - 1n) : 1n;
  const up = roundsUp(
    registers.rounding,
    value.sign !== 0,
    (magnitude & 1n) === 1n,
    fraction > half ? 1 : fraction < half ? -1 : 0,
    fraction === 0n,
  );
  if (up) magnitude++;
  if (magnitude > LARGEST) return indefinite(STATUS.IE);
  registers.signal((fraction ? STATUS.PE : 0) | (up ? STATUS.C1 : 0));
  for (let i = 0; i < 9; i++) {
    const pair = Number(magnitude % 100n);
    image[i] = (Math.floor(pair / 10) << 4) | (pair % 10);
    magnitude /= 100n;
  }
  image[9] = value.sign >> 8;
  return image;
}

const fbstp: Helper = ({ state, memory }, op) => {
  enter(state, true);
  memory.probeWrite(op.address, BYTES);
  const registers = new RegisterFile(state);
  registers.record(FOP.fbstp);
  registers.recordData(op.address, op.segment);
  const image = packed(registers);
  if (!image) return;
  image.forEach((byte, i) => memory.write8(op.address + i, byte));
  registers.pop();
};

export const decimalHelpers: Record<string, Helper> = { x87_fbld: fbld, x87_fbstp: fbstp };
