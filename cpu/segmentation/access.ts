/** Memory by segment and offset, with the checks of the segment (Intel SDM volume 3, section 5.3). */
import type { Core } from '../helpers.ts';
import { SEGMENT, STATE } from '../layout.ts';
import { CpuFault, VECTOR } from '../state.ts';

type Size = 1 | 2 | 4;

/** True if `size` bytes from `offset` lie within [lo, hi]. A segment of the full 4 GiB wraps around. */
export function inRange(offset: number, size: number, lo: number, hi: number): boolean {
  if (lo === 0 && hi === 0xffffffff) return true;
  return offset >= lo && offset + size - 1 <= hi;
}

function linear(core: Core, segment: number, offset: number, size: number, loTable: number, hiTable: number): number {
  const { state } = core;
  const slot = segment << 2;
  offset >>>= 0;
  if (!inRange(offset, size, state.getU(loTable + slot), state.getU(hiTable + slot))) {
    throw new CpuFault(segment === SEGMENT.SS ? VECTOR.SS : VECTOR.GP, 0);
  }
  return (state.segmentBase(segment) + offset) >>> 0;
}

/** Linear address of a readable operand. @throws CpuFault #GP(0) or #SS(0) */
export function readAddress(core: Core, segment: number, offset: number, size: number): number {
  return linear(core, segment, offset, size, STATE.SEGMENT_READ_LO, STATE.SEGMENT_READ_HI);
}
/** Linear address of a writable operand. @throws CpuFault #GP(0) or #SS(0) */
export function writeAddress(core: Core, segment: number, offset: number, size: number): number {
  return linear(core, segment, offset, size, STATE.SEGMENT_WRITE_LO, STATE.SEGMENT_WRITE_HI);
}

/** Memory by linear address and width, with the privilege of the program. */
export function readWidth(core: Core, address: number, size: Size): number {
  if (size === 1) return core.memory.read8(address);
  return size === 2 ? core.memory.read16(address) : core.memory.read32(address);
}
export function writeWidth(core: Core, address: number, size: Size, value: number): void {
  if (size === 1) core.memory.write8(address, value & 0xff);
  else if (size === 2) core.memory.write16(address, value & 0xffff);
  else core.memory.write32(address, value >>> 0);
}

export function segmentedRead(core: Core, segment: number, offset: number, size: Size): number {
  return readWidth(core, readAddress(core, segment, offset, size), size);
}
export function segmentedWrite(core: Core, segment: number, offset: number, size: Size, value: number): void {
  writeWidth(core, writeAddress(core, segment, offset, size), size, value);
}
