/** Processor state as TypeScript helpers see it: named access to the bytes that generated code uses. */
import { STATE } from './layout.ts';

/** EFLAGS bits (Intel SDM volume 1, section 3.4.3). */
export const EFLAGS = {
  CF: 0x1,
  PF: 0x4,
  AF: 0x10,
  ZF: 0x40,
  SF: 0x80,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  OF: 0x800,
  IOPL: 0x3000,
  NT: 0x4000,
  RF: 0x10000,
  VM: 0x20000,
  AC: 0x40000,
  VIF: 0x80000,
  VIP: 0x100000,
  ID: 0x200000,
} as const;
/** The six status flags kept in FLAG_RESULT and FLAG_CARRY. */
export const STATUS_FLAGS = 0x8d5;

export const CR0 = {
  PE: 1,
  MP: 2,
  EM: 4,
  TS: 8,
  ET: 0x10,
  NE: 0x20,
  WP: 0x10000,
  AM: 0x40000,
  NW: 0x20000000,
  CD: 0x40000000,
  PG: 0x80000000 | 0,
} as const;
export const CR4 = {
  VME: 1,
  PVI: 2,
  TSD: 4,
  DE: 8,
  PSE: 0x10,
  PAE: 0x20,
  MCE: 0x40,
  PGE: 0x80,
  PCE: 0x100,
  OSFXSR: 0x200,
  OSXMMEXCPT: 0x400,
} as const;

/** Exception vectors. */
export const VECTOR = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  XM: 19,
} as const;

/** An exception on its way to delivery. Thrown inside helpers and caught at their boundary; never leaves the processor. */
export class CpuFault {
  readonly vector: number;
  readonly errorCode: number | undefined;
  constructor(vector: number, errorCode: number | undefined) {
    this.vector = vector;
    this.errorCode = errorCode;
  }
}

function parityEven(byte: number): boolean {
  byte ^= byte >> 4;
  return ((0x9669 >> (byte & 15)) & 1) === 1;
}

export class CpuState {
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly u32: Uint32Array;
  readonly i32: Int32Array;
  readonly view: DataView;

  constructor(memory: WebAssembly.Memory) {
    this.memory = memory;
    this.u8 = new Uint8Array(memory.buffer);
    this.u16 = new Uint16Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.i32 = new Int32Array(memory.buffer);
    this.view = new DataView(memory.buffer);
  }

  /** A state word by byte offset, signed (`get`) or unsigned (`getU`). */
  get(offset: number): number {
    return this.i32[offset >> 2]!;
  }
  getU(offset: number): number {
    return this.u32[offset >> 2]!;
  }
  set(offset: number, value: number): void {
    this.i32[offset >> 2] = value;
  }

  /** General registers by number; unsigned. */
  reg32(n: number): number {
    return this.u32[n]!;
  }
  setReg32(n: number, value: number): void {
    this.i32[n] = value;
  }
  reg16(n: number): number {
    return this.u16[n << 1]!;
  }
  setReg16(n: number, value: number): void {
    this.u16[n << 1] = value;
  }
  /** AL CL DL BL AH CH DH BH. */
  reg8(n: number): number {
    return this.u8[((n & 3) << 2) | (n >> 2)]!;
  }
  setReg8(n: number, value: number): void {
    this.u8[((n & 3) << 2) | (n >> 2)] = value;
  }

  /** The complete EFLAGS register. */
  get eflags(): number {
    const low = this.i32[STATE.FLAG_RESULT >> 2]!;
    const high = this.i32[(STATE.FLAG_RESULT >> 2) + 1]!;
    const carry = this.i32[STATE.FLAG_CARRY >> 2]!;
    return (
      this.i32[STATE.EFLAGS >> 2]! |
      (carry >>> 31) |
      (parityEven((low ^ high) & 0xff) ? EFLAGS.PF : 0) |
      ((carry & 8) << 1) |
      (low === 0 ? EFLAGS.ZF : 0) |
      (high < 0 ? EFLAGS.SF : 0) |
      ((carry ^ (carry << 1)) < 0 ? EFLAGS.OF : 0)
    );
  }
  set eflags(value: number) {
    this.i32[STATE.EFLAGS >> 2] = (value & ~STATUS_FLAGS) | 2;
    this.setStatusFlags(value);
  }
  /** Sets CF PF AF ZF SF OF from an EFLAGS image, the other bits stay. */
  setStatusFlags(value: number): void {
    const low = value & EFLAGS.ZF ? 0 : 1;
    // The low byte of `low` has even parity when 0 and odd when 1; byte 4 corrects it to the wanted PF.
    const fix = (low === 0) === ((value & EFLAGS.PF) !== 0) ? 0 : 1;
    this.i32[STATE.FLAG_RESULT >> 2] = low;
    this.i32[(STATE.FLAG_RESULT >> 2) + 1] = (value & EFLAGS.SF ? 0x80000000 : 0) | fix;
    const cf = value & EFLAGS.CF;
    const of = (value & EFLAGS.OF) >> 11;
    this.i32[STATE.FLAG_CARRY >> 2] = (cf << 31) | ((cf ^ of) << 30) | ((value & EFLAGS.AF) >> 1);
  }
  /** Changes single status flags: bits of `mask` take their value from `value`. */
  updateStatusFlags(mask: number, value: number): void {
    this.setStatusFlags((this.eflags & ~mask) | (value & mask));
  }

  get eip(): number {
    return this.u32[STATE.EIP >> 2]!;
  }
  set eip(value: number) {
    this.i32[STATE.EIP >> 2] = value;
  }
  get cpl(): number {
    return this.i32[STATE.CPL >> 2]!;
  }
  get cr0(): number {
    return this.i32[STATE.CR0 >> 2]!;
  }
  get cr4(): number {
    return this.i32[STATE.CR4 >> 2]!;
  }
  get protectedMode(): boolean {
    return (this.i32[STATE.CR0 >> 2]! & 1) !== 0;
  }
  get virtual8086(): boolean {
    return (this.i32[STATE.EFLAGS >> 2]! & EFLAGS.VM) !== 0;
  }
  get iopl(): number {
    return (this.i32[STATE.EFLAGS >> 2]! >> 12) & 3;
  }

  /** Segment registers by number (SEGMENT): hidden parts, unsigned. */
  selector(n: number): number {
    return this.u32[(STATE.SEGMENT_SELECTOR >> 2) + n]!;
  }
  segmentBase(n: number): number {
    return this.u32[(STATE.SEGMENT_BASE >> 2) + n]!;
  }
  segmentLimit(n: number): number {
    return this.u32[(STATE.SEGMENT_LIMIT >> 2) + n]!;
  }
  /** True if a segment begins at 0, covers 4 GiB and is writable. */
  isFlat(n: number): boolean {
    return (
      this.i32[(STATE.SEGMENT_BASE >> 2) + n] === 0 &&
      this.i32[(STATE.SEGMENT_READ_LO >> 2) + n] === 0 &&
      this.i32[(STATE.SEGMENT_READ_HI >> 2) + n] === -1 &&
      this.i32[(STATE.SEGMENT_WRITE_LO >> 2) + n] === 0 &&
      this.i32[(STATE.SEGMENT_WRITE_HI >> 2) + n] === -1
    );
  }
  segmentAttributes(n: number): number {
    return this.u32[(STATE.SEGMENT_ATTRIBUTES >> 2) + n]!;
  }
}
