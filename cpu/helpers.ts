/**
 * The contract between generated code and the helpers in TypeScript: instructions that are rare, long or privileged.
 * A helper sees a decoded record and a `Core`; both tiers call the same one.
 */
import type { ProcessorBus } from './processor.ts';
import type { CpuidTable } from './system/cpuid.ts';
import type { CpuState } from './state.ts';

/**
 * Guest memory by linear address, through paging, as the current instruction sees it. Addresses are taken modulo 2^32;
 * accesses may cross pages. Every method raises the faults of the access (#PF, #AC) by throwing CpuFault, with nothing written.
 * Plain methods use the current privilege; `System` ones are supervisor accesses whatever CPL is (descriptor tables, TSS).
 */
export interface LinearMemory {
  read8(linear: number): number;
  read16(linear: number): number;
  /** Unsigned. */
  read32(linear: number): number;
  write8(linear: number, value: number): void;
  write16(linear: number, value: number): void;
  write32(linear: number, value: number): void;
  readSystem8(linear: number): number;
  readSystem16(linear: number): number;
  readSystem32(linear: number): number;
  writeSystem8(linear: number, value: number): void;
  writeSystem16(linear: number, value: number): void;
  writeSystem32(linear: number, value: number): void;
  /** Raises what a write of `size` bytes would raise, writes nothing. `system`: as supervisor. */
  probeWrite(linear: number, size: number, system?: boolean): void;
  probeRead(linear: number, size: number, system?: boolean): void;
}

/** What helpers work on. */
export interface Core {
  readonly state: CpuState;
  readonly memory: LinearMemory;
  readonly bus: ProcessorBus;
  /** What CPUID answers; also names the features the processor has. */
  readonly cpuid: CpuidTable;
  /** EIP of the byte after the present instruction (the instruction's own EIP is `state.eip`). */
  nextEip: number;

  /** Physical memory as mapped; what the bus answers for reads as ones. */
  readPhysical(address: number, into: Uint8Array): void;

  /** Translation tables: all entries, all but global ones, or those of one page; the jump cache follows. */
  flushTlb(keepGlobal: boolean): void;
  invalidatePage(linear: number): void;
  /**
   * To be called after anything the mode key or the trap words depend on has changed: segment registers, CPL, CR0,
   * CR4, EFLAGS.VM. (Control transfers to other privileges call it too.)
   */
  modeChanged(): void;
  /** Enters the halted state (HLT) after this instruction. */
  halt(): void;
  /** The next instruction runs before interrupts are recognised; after MOV SS and POP SS, but not STI, before debug exceptions too. */
  shadowInterrupts(holdsTraps: boolean): void;
  /** A #DB trap is due when this instruction is complete; DR6 holds its causes already. */
  debugTrap(): void;
  /** IRET ends the blocking of further NMIs. */
  unblockNmi(): void;
  /** Instructions executed since creation, for logs and time stamps. */
  readonly executed: number;
}

/**
 * Outcome of a helper. `undefined`: go on with the next instruction. `'jump'`: `state.eip` has been set, or mode, privilege or
 * interrupt state has changed so that the next instruction must be looked up anew. Without it the wrapper still looks for a changed
 * mode key or generation, for interrupts that may now be taken, for debug traps and stop requests.
 */
export type HelperResult = void | 'jump';

/** The decoded operands a helper may ask for; filled by the wrapper before each call. */
export interface DecodedOperands {
  /** Operand size of the instruction: 2 or 4. */
  readonly operandSize: 2 | 4;
  /** Width of the form in bytes: 1 for byte forms, else the operand size. */
  readonly width: 1 | 2 | 4;
  /** Address size: 2 or 4. */
  readonly addressSize: 2 | 4;
  /** True if the r/m operand is in memory. */
  readonly isMemory: boolean;
  /** Linear address of the memory operand (segment limit already checked), unsigned. */
  readonly address: number;
  /** Segment number of the memory operand. */
  readonly segment: number;
  /** ModRM.reg as a number 0-7 (or the register in the opcode's low bits where there is no ModRM). */
  readonly reg: number;
  /** ModRM.rm as a number 0-7 when `isMemory` is false. */
  readonly rm: number;
  /** Immediate, sign-extended where the instruction does; far pointers: `disp` = offset, `imm` = selector; ENTER: `disp` = level. */
  readonly imm: number;
  readonly disp: number;
  /** 0 none, 0xf3 REP/REPE, 0xf2 REPNE. */
  readonly rep: 0 | 0xf3 | 0xf2;
}

export type Helper = (core: Core, op: DecodedOperands) => HelperResult;
