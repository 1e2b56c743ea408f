/**
 * The processor as the board sees it. `cpu/` knows memory and this small bus; it never sees a device.
 */
import type { InstructionDefinition } from './opcodes/definition.ts';

/** Bytes of a port or memory access. */
export type AccessSize = 1 | 2 | 4;

/** What the processor needs from the board. None of these may throw. */
export interface ProcessorBus {
  readPort(port: number, size: AccessSize): number;
  writePort(port: number, size: AccessSize, value: number): void;
  /** Physical memory that `mapPages` left unmapped: device memory, ROM writes, holes. Never crosses a page. */
  readMemory(address: number, size: AccessSize): number;
  writeMemory(address: number, size: AccessSize, value: number): void;
  /** INTA cycle: the vector of the highest pending request. Called only while INTR is asserted. */
  acknowledgeInterrupt(): number;
  /** Value of the time-stamp counter now (RDTSC), as a float >= 0 below 2^64. */
  timeStamp(): number;
  /** Receives one line for each distinct event worth a log: unknown MSR, unimplemented opcode. */
  log(message: string): void;
  /** FERR# pin: raised when an unmasked x87 error is pending with CR0.NE = 0 (IRQ 13 on a PC). */
  setFerr(asserted: boolean): void;
}

/** Why `run` returned. */
export const StopReason = {
  /** The instruction budget is used up. */
  Budget: 0,
  /** HLT with nothing pending. `run` may be called again when an interrupt line has changed; it returns Halted until then. */
  Halted: 1,
  /** Triple fault: the processor is in shutdown until reset. `tripleFault` holds the report. */
  Shutdown: 2,
  /** `stop()` was called, from a bus callback or between runs. */
  Requested: 3,
} as const;
export type StopReason = (typeof StopReason)[keyof typeof StopReason];

/** A segment register with its hidden part. */
export interface SegmentState {
  selector: number;
  base: number;
  limit: number;
  /** Descriptor access byte and flags as in bytes 5 and 6 of a descriptor: bits 0-7 access, 12-15 G/D/L/AVL nibble. */
  attributes: number;
}

/** A snapshot of the architectural registers, for events, debuggers and tests. All values unsigned. */
export interface RegisterState {
  eax: number;
  ecx: number;
  edx: number;
  ebx: number;
  esp: number;
  ebp: number;
  esi: number;
  edi: number;
  eip: number;
  eflags: number;
  cs: SegmentState;
  ds: SegmentState;
  es: SegmentState;
  ss: SegmentState;
  fs: SegmentState;
  gs: SegmentState;
  ldtr: SegmentState;
  tr: SegmentState;
  gdtr: { base: number; limit: number };
  idtr: { base: number; limit: number };
  cr0: number;
  cr2: number;
  cr3: number;
  cr4: number;
  dr: number[];
  cpl: number;
}

/** How the processor came to shut down. */
export interface TripleFaultReport {
  /** Vector and error code of the fault that could not be delivered, and of those before it, oldest first. */
  chain: { vector: number; errorCode: number | undefined }[];
  registers: RegisterState;
}

/** What CPUID reports; by default a Pentium III. */
export interface CpuidConfiguration {
  /** 12 characters, `GenuineIntel` by default. */
  vendor?: string;
  /** Up to 48 characters. */
  brand?: string;
  family?: number;
  model?: number;
  stepping?: number;
  /** Highest basic leaf reported (default 2; Windows NT 4 needs <= 2). */
  maxLeaf?: number;
  /** Leaf 1 EDX/ECX bits to withhold or add, by name: `sse2`, `pae`, `sep` … */
  features?: Partial<Record<string, boolean>>;
}

/** How the compiling tier behaves. */
export interface JitOptions {
  /** Every so many memory accesses compiled code leaves for the interpreter though it need not, at least 1: for tests. */
  readonly forcedExits?: number;
  /** Samples at one place before a region is compiled around it, at least 1. */
  readonly threshold?: number;
  /** Instructions between two samples, at least 1. */
  readonly interval?: number;
  /** Samples from the one that chose a region to the one at which it is compiled, both included; at least 1. */
  readonly patience?: number;
}

/** Sizes of the parts of linear memory, fixed for the life of a processor. */
export interface ProcessorOptions {
  /** Guest RAM in bytes, a multiple of 4 KiB. */
  ramBytes: number;
  /** Instructions besides those of `cpu/opcodes`, or in place of them: for experiments. */
  instructions?: readonly InstructionDefinition[];
  /** The compiling tier: on unless false; its options, for tests and measurements. */
  jit?: boolean | JitOptions | undefined;
  /** Video memory in bytes, a multiple of 4 KiB; lives in the same linear memory. */
  videoBytes: number;
  /** Room for firmware images in bytes, a multiple of 4 KiB. */
  romBytes: number;
  cpuid?: CpuidConfiguration;
  /** Count what `profile` reports, which costs some speed; with a clock for what takes host time. */
  profile?: ProfileClock | undefined;
}

export interface ProfileClock {
  /** Host time in milliseconds from any origin. */
  now(): number;
}

/** Where a guest's time went in the processor since its creation; lists are sorted, the largest first, and hold the largest only. */
export interface ProcessorProfile {
  /** Instructions between two samples, about; 0: nothing is sampled without the compiling tier. */
  sampleInterval: number;
  samples: number;
  /** Of these in compiled code, and at privilege level 3. */
  compiledSamples: number;
  userSamples: number;
  /** Linear addresses of branch targets, whatever address space was in force; `compiled` are samples too. */
  places: { linear: number; samples: number; compiled: number }[];
  /** Compiled regions that there are now, by the samples inside: the place each was made around, how often it was made of others. */
  regions: { linear: number; samples: number; instructions: number; entries: number; merged: number }[];
  /**
   * How often compiled code was left: by a branch to code outside (another region or the interpreter) or because its budget was used
   * up, for one instruction it does not carry out itself, at its end, by a helper that changed what comes next; and how often it could
   * not be entered as its pages are mapped elsewhere. Modulo 2^32.
   */
  exits: { branch: number; side: number; fall: number; helper: number; invalid: number };
  /** Instructions that were left to the interpreter. Approximate: places may push each other out. */
  sideExits: { linear: number; count: number }[];
  /** Instructions carried out outside generated code. */
  helpers: { mnemonic: string; count: number }[];
  compiler: {
    regions: number;
    liveRegions: number;
    modules: number;
    /** Instructions compiled, and bytes of WebAssembly made of them. */
    instructions: number;
    bytes: number;
    /** Host time. */
    milliseconds: number;
    /** Decoded blocks taken back because their bytes changed. */
    blocksTakenBack: number;
  };
}

/** Where a page of guest physical memory lives: an offset into `linearMemory`, or `undefined` for the bus. */
export interface PageTarget {
  /** Byte offset into linear memory of the first page to read from, or undefined: reads go to the bus. */
  read: number | undefined;
  write: number | undefined;
}

/** An i686: executes instructions when told to, and reaches everything but memory through its `ProcessorBus`. */
export interface Processor {
  /** Linear memory; never grows, so views stay valid. */
  readonly linearMemory: WebAssembly.Memory;
  readonly ram: Uint8Array;
  readonly video: Uint8Array;
  readonly rom: Uint8Array;

  /**
   * Executes up to `instructions` guest instructions. REP iterations count one each.
   * The overshoot is at most one basic block.
   */
  run(instructions: number): StopReason;
  /** Instructions executed since creation; exact also from inside bus callbacks. */
  readonly executed: number;
  /** Lowers what is left of the present budget, from a bus callback; an alarm moved closer. */
  limit(instructions: number): void;
  /** Makes `run` return `Requested` as soon as the present instruction is complete. */
  stop(): void;

  /** Level of the INTR pin. */
  setInterruptRequest(asserted: boolean): void;
  /** Level of the IGNNE# pin: x87 errors pending with CR0.NE = 0 are ignored while asserted. */
  setIgnne(asserted: boolean): void;
  /** Edge on the NMI pin. */
  raiseNmi(): void;
  /** A20M#: when disabled, bit 20 of every physical address is 0. */
  setA20(enabled: boolean): void;
  /** RESET#: power-on register values, caches and TLB empty. RAM is left as it is. */
  reset(): void;
  /** INIT#: as reset, but x87, SSE registers, MSRs and the time-stamp counter are kept. */
  init(): void;

  /**
   * Maps `count` pages from physical `address` (4 KiB aligned) on; consecutive pages follow each other in linear
   * memory. Undefined sides go to the bus. Flushes what depended on the old mapping.
   */
  mapPages(address: number, count: number, target: PageTarget): void;
  /** Physical access for bus masters, loaders and debuggers: RAM, video and ROM as mapped, holes read FFh. Invalidates decoded code. */
  readPhysical(address: number, into: Uint8Array): void;
  writePhysical(address: number, from: Uint8Array): void;
  /** Linear address to physical as the present page tables say, without side effects; undefined if not present. */
  translate(linear: number): number | undefined;
  /** Reports and clears pages written since the last call within a range of linear memory (4 KiB aligned): one byte 0/1 per page. */
  takeDirty(offset: number, pages: number, into: Uint8Array): boolean;

  /** Where time went, if the options ask for it. */
  profile?(): ProcessorProfile | undefined;

  registers(): RegisterState;
  /** Changes registers; segment selectors given alone load real-mode bases. For loaders (multiboot), debuggers and tests. */
  setRegisters(changes: Partial<RegisterState>): void;
  readonly halted: boolean;
  /** The report of the triple fault that shut the processor down, until reset. */
  readonly tripleFault: TripleFaultReport | undefined;
}

/** The x87 unit as it is kept: values in physical order, TOP apart from the status word. */
export interface X87Snapshot {
  /** Eight registers of 16 bytes: mantissa, sign and exponent, 6 spare bytes. The MMX registers are their mantissas. */
  registers: Uint8Array;
  control: number;
  /** Without TOP. */
  status: number;
  top: number;
  /** Bit i: physical register i is not empty. */
  inUse: number;
  instructionPointer: number;
  codeSelector: number;
  dataPointer: number;
  dataSelector: number;
  opcode: number;
  /** Reporting of errors with CR0.NE = 0: bit 0 FERR#, bit 7 IGNNE#. */
  reported: number;
}

/** All that a processor goes on from, besides memory and the levels of its pins: nothing that was decoded, translated or compiled. */
export interface ProcessorSnapshot {
  registers: RegisterState;
  x87: X87Snapshot;
  mxcsr: number;
  /** XMM0-XMM7, 16 bytes each. */
  xmm: Uint8Array;
  sysenter: { cs: number; esp: number; eip: number };
  /** 64 bits added to the bus's time stamp by RDTSC. */
  timeStampOffset: { low: number; high: number };
  /** The four page-directory-pointer entries of PAE paging, as loaded with CR3. */
  pointerTable: number[];
  halted: boolean;
  /** What the last instruction holds back until the next is complete: after STI interrupts, after MOV SS debug traps too. */
  shadow: 'none' | 'interrupts' | 'traps';
  /** A debug trap is due before the next instruction; DR6 has its causes. */
  trapPending: boolean;
  tripleFault: TripleFaultReport | undefined;
}

/** A processor whose state can be taken out between two runs, and put into another one. */
export interface SavableProcessor extends Processor {
  /** False while an NMI waits or is being handled, which a snapshot does not hold. */
  readonly settled: boolean;
  /** Between two runs only. */
  capture(): ProcessorSnapshot;
  /** Into a processor that was reset; memory map and pins are the board's business. @throws RangeError for arrays of a wrong length */
  restore(snapshot: ProcessorSnapshot): void;
  /** Told of every physical access from outside before it is carried out: memory that is still to be provided can be. */
  onPhysicalAccess: ((address: number, length: number) => void) | undefined;
}
