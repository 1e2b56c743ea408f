/**
 * Sectors and addresses of a data CD.
 * Source: ECMA-130 (CD-ROM), clauses 14 (sectors), 20 (addresses), annex A (error correction by RSPC) and B (EDC).
 */

const RAW_SECTOR_BYTES = 2352;
const SYNC_BYTES = 12;
const HEADER_BYTES = 4;
const USER_BYTES = 2048;
const EDC_AT = 2064;
const ECC_AT = SYNC_BYTES;
const P_AT = 2076;
const Q_AT = 2248;
const FRAMES_PER_SECOND = 75;
/** Block 0 is at 00:02:00. */
const LEAD_IN = 150;

/** Minute, second, frame of a block, in binary. */
export function blockToMsf(block: number): [minute: number, second: number, frame: number] {
  const frames = block + LEAD_IN;
  const seconds = Math.floor(frames / FRAMES_PER_SECOND);
  return [Math.floor(seconds / 60) & 0xff, seconds % 60, frames % FRAMES_PER_SECOND];
}

/** Block at an address in binary minutes, seconds, frames; negative before 00:02:00. */
export function msfToBlock(minute: number, second: number, frame: number): number {
  return (minute * 60 + second) * FRAMES_PER_SECOND + frame - LEAD_IN;
}

const bcd = (value: number): number => ((Math.floor(value / 10) % 10) << 4) | (value % 10);

/** Reflected form of (x^16 + x^15 + x^2 + 1)(x^16 + x^2 + x + 1). */
const EDC_POLYNOMIAL = 0xd8018001;

const edcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? EDC_POLYNOMIAL : 0);
  return crc >>> 0;
});

function edc(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = (crc >>> 8) ^ edcTable[(crc ^ byte) & 0xff]!;
  return crc >>> 0;
}

/** Multiplication by the primitive element in GF(2^8) with x^8 + x^4 + x^3 + x^2 + 1. */
const timesAlpha = (value: number): number => ((value << 1) ^ (value & 0x80 ? 0x11d : 0)) & 0xff;

/** Division by alpha + 1. */
const overAlphaPlusOne = ((): Uint8Array => {
  const table = new Uint8Array(256);
  for (let value = 0; value < 256; value++) table[timesAlpha(value) ^ value] = value;
  return table;
})();

/**
 * Parity of one RSPC code word: with weights alpha^(n-1) ... alpha, 1 both the plain and the weighted sum become 0.
 * @param at place of the i-th data byte, relative to the header
 */
function parity(sector: Uint8Array, length: number, at: (i: number) => number): [number, number] {
  let sum = 0;
  let weighted = 0;
  for (let i = 0; i < length; i++) {
    const byte = sector[ECC_AT + at(i)]!;
    sum ^= byte;
    weighted = timesAlpha(weighted) ^ byte;
  }
  weighted = timesAlpha(timesAlpha(weighted));
  const first = overAlphaPlusOne[sum ^ weighted]!;
  return [first, sum ^ first];
}

function addParity(sector: Uint8Array): void {
  for (let column = 0; column < 86; column++) {
    const [p0, p1] = parity(sector, 24, (row) => column + 86 * row);
    sector[P_AT + column] = p0;
    sector[P_AT + 86 + column] = p1;
  }
  for (let diagonal = 0; diagonal < 52; diagonal++) {
    const word = diagonal >> 1;
    const [q0, q1] = parity(sector, 43, (i) => 2 * ((44 * i + 43 * word) % 1118) + (diagonal & 1));
    sector[Q_AT + diagonal] = q0;
    sector[Q_AT + 52 + diagonal] = q1;
  }
}

/** The 2352 bytes of a mode 1 sector as they are on the disc (before scrambling). */
export function rawSector(block: number, user: Uint8Array): Uint8Array {
  const sector = new Uint8Array(RAW_SECTOR_BYTES);
  sector.fill(0xff, 1, SYNC_BYTES - 1);
  sector.set(blockToMsf(block).map(bcd), SYNC_BYTES);
  sector[SYNC_BYTES + 3] = 1;
  sector.set(user.subarray(0, USER_BYTES), SYNC_BYTES + HEADER_BYTES);
  const check = edc(sector.subarray(0, EDC_AT));
  for (let i = 0; i < 4; i++) sector[EDC_AT + i] = check >>> (8 * i);
  addParity(sector);
  return sector;
}

/** Parts of a mode 1 sector that byte 9 of READ CD asks for, and their size for one sector. */
export interface SectorSelection {
  readonly bytes: number;
  /** Copies the selected parts into `into` at `at`. */
  extract(raw: Uint8Array, into: Uint8Array, at: number): void;
}

const USER_ONLY = 0x10;

/** @param flags byte 9 of READ CD: 80h sync, 60h headers, 10h user data, 08h EDC and ECC, 06h C2 error data */
export function selectSector(flags: number): SectorSelection {
  const parts: [from: number, to: number][] = [];
  if (flags & 0x80) parts.push([0, 12]);
  if (flags & 0x20) parts.push([12, 16]); // a mode 1 sector has no sub-header (40h)
  if (flags & USER_ONLY) parts.push([16, 2064]);
  if (flags & 0x08) parts.push([2064, 2352]);
  const c2 = [0, 294, 296, 0][(flags >> 1) & 3]!;
  const bytes = parts.reduce((sum, [from, to]) => sum + to - from, c2);
  return {
    bytes,
    extract(raw, into, at) {
      for (const [from, to] of parts) {
        into.set(raw.subarray(from, to), at);
        at += to - from;
      }
      into.fill(0, at, at + c2); // no C2 errors
    },
  };
}
