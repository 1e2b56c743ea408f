/**
 * The one table of linear memory: processor state, translation tables, decoded instructions, guest memory.
 * Generated code addresses state with constants from here; TypeScript helpers see the same bytes through `CpuState`.
 */

/** Byte offsets within the state page at linear-memory address 0. Offsets below 256 fit the byte fields of a record. */
export const STATE = {
  /** EAX ECX EDX EBX ESP EBP ESI EDI, 4 bytes each; AL = GPR + 0, AH = GPR + 1. */
  GPR: 0x00,
  /** Always 0: base of an address without base register. */
  ZERO: 0x20,
  /** Linear address computed by an address record for the instruction record after it. */
  ADDRESS: 0x24,
  /** Segment order everywhere: ES CS SS DS FS GS, 4 bytes each. */
  SEGMENT_BASE: 0x28,
  /** Lowest and highest valid offset for reads: limit, expand-down and usability in one pair (lo > hi: no access). */
  SEGMENT_READ_LO: 0x40,
  SEGMENT_READ_HI: 0x58,
  SEGMENT_WRITE_LO: 0x70,
  SEGMENT_WRITE_HI: 0x88,
  /** 16-bit selectors, 4 bytes apart. */
  SEGMENT_SELECTOR: 0xa0,
  /** Raw limit (byte granular) and attributes: bits 0-7 access byte, 12-15 G D/B L AVL. */
  SEGMENT_LIMIT: 0xb8,
  SEGMENT_ATTRIBUTES: 0xd0,

  /** Result of the last flag-setting operation, i64: ZF = low half is 0, SF = bit 63, PF = even parity of low byte XOR byte 4. */
  FLAG_RESULT: 0x100,
  /** Carries of the last flag-setting operation: CF = bit 31, OF = bit 31 XOR bit 30, AF = bit 3. */
  FLAG_CARRY: 0x108,
  /** EFLAGS without CF PF AF ZF SF OF (those bits are 0 here); bit 1 is set. */
  EFLAGS: 0x10c,
  /** EIP between runs, and of the instruction a helper or a fault belongs to. */
  EIP: 0x110,
  /** Linear address of the page being executed, and the EIP of its first byte. */
  CODE_PAGE: 0x114,
  CODE_EIP: 0x118,
  /** Instructions left; negative stops at the next taken branch or block end. */
  BUDGET: 0x11c,
  /** Non-zero: a slow access failed; vector, error code and flags of the fault to deliver. */
  FAULT: 0x120,
  FAULT_VECTOR: 0x124,
  FAULT_ERROR: 0x128,
  /** Why `run` left generated code. */
  EXIT_REASON: 0x12c,
  /** Linear-memory address of the translation tables for the current privilege. */
  TLB_READ: 0x130,
  TLB_WRITE: 0x134,
  /** Fetch table for the current privilege (never the all-slow one). */
  TLB_FETCH: 0x1d4,
  /** Tag of valid jump-cache entries: generation and mode key in one word. */
  CODE_TAG: 0x138,
  /** Mode key, see MODE. */
  MODE_KEY: 0x13c,
  /** Non-zero: x87 instructions raise #NM (CR0.EM or CR0.TS). */
  FPU_TRAP: 0x140,
  /** 0 MMX/SSE usable; else the vector that MMX / SSE instructions raise (6 or 7). */
  MMX_TRAP: 0x144,
  SSE_TRAP: 0x148,
  CPL: 0x14c,
  CR0: 0x150,
  CR2: 0x154,
  CR3: 0x158,
  CR4: 0x15c,
  /** DR0-DR7, 4 bytes each. */
  DR: 0x160,
  GDTR_BASE: 0x180,
  GDTR_LIMIT: 0x184,
  IDTR_BASE: 0x188,
  IDTR_LIMIT: 0x18c,
  LDTR_SELECTOR: 0x190,
  LDTR_BASE: 0x194,
  LDTR_LIMIT: 0x198,
  LDTR_ATTRIBUTES: 0x19c,
  TR_SELECTOR: 0x1a0,
  TR_BASE: 0x1a4,
  TR_LIMIT: 0x1a8,
  TR_ATTRIBUTES: 0x1ac,
  /** Level of the INTR pin; non-zero: interrupt pending. */
  INTR: 0x1b0,
  /** Where RMW slow paths keep the linear address between load and store. */
  RMW_ADDRESS: 0x1b4,
  SYSENTER_CS: 0x1b8,
  SYSENTER_ESP: 0x1bc,
  SYSENTER_EIP: 0x1c0,
  /** i64 added to the bus's time stamp by RDTSC: what the guest wrote to the TSC. */
  TSC_OFFSET: 0x1e0,

  /** x87: eight physical registers of 16 bytes: i64 mantissa, then u16 sign and exponent as in memory (12 bytes used + 4 spare). */
  X87_REGISTERS: 0x200,
  X87_CONTROL: 0x280,
  /** Status word without TOP (bits 11-13 are 0 here). */
  X87_STATUS: 0x284,
  X87_TOP: 0x288,
  /** Bit i set: physical register i is in use (not empty). */
  X87_IN_USE: 0x28c,
  X87_IP: 0x290,
  X87_CS: 0x294,
  X87_DP: 0x298,
  X87_DS: 0x29c,
  X87_OPCODE: 0x2a0,
  /** Error reporting with CR0.NE = 0: bit 0 FERR# asserted for the pending exception, bit 7 IGNNE# asserted. 0 when none is pending. */
  X87_ERROR: 0x2a4,
  MXCSR: 0x2a8,
  /** XMM0-XMM7, 16 bytes each, 16-byte aligned. MMX registers live in the mantissas of X87_REGISTERS. */
  XMM: 0x300,
  /** While decoding a block: the record whose status flags nothing has read yet, and the record of the instruction before; 0 = none. */
  PENDING_FLAGS: 0x1e8,
  PREVIOUS_RECORD: 0x1ec,
  /** PAE: the four page-directory-pointer entries, loaded with CR3; low halves, 4 bytes each (the high halves are reserved). */
  PDPTE: 0x1f0,
  /** Scratch space for helper functions of generated code. */
  SCRATCH: 0x400,
  /** Mask of the stack pointer: 0xffff or 0xffffffff by SS.B. */
  STACK_MASK: 0x1c4,
  /** Bump pointer of the record ring. */
  NEXT_RECORD: 0x1c8,
  /** Host (linear-memory) address of the page a read-modify-write goes to, 0 = through the slow path. */
  RMW_HOST: 0x1cc,
  /** Non-zero: stop before the next instruction if the budget allows it. */
  STOP: 0x1dc,
  /** Linear address at which the interpreter last took over from compiled code, other than for one instruction. */
  LEFT_AT: 0x2ac,
  /** Memory accesses of compiled code until the next one that leaves though it need not: JitOptions.forcedExits. */
  FORCED_EXIT: 0x2b0,
  /** Counts how often the record ring was emptied. */
  RECORD_EPOCH: 0x1d8,
  /** Set by the decoder: bytes the last instruction took. */
  DECODED_LENGTH: 0x1d0,
  /** Operands of more than 4 bytes on their way through a slow access (64 bytes). */
  TRANSFER: 0x7c0,
  /** Instruction bytes gathered for an instruction that cannot be decoded in place (32 bytes). */
  FETCH_WINDOW: 0x800,
  /** Records of the one instruction decoded from the window: address, operation, end. */
  WINDOW_RECORDS: 0x840,
} as const;

/** Bits of the mode key: what decoded records depend on besides the bytes themselves. */
export const MODE = {
  /** CS.D: 32-bit operands and addresses by default. */
  CODE32: 1,
  /** SS.B: stack operations use ESP. */
  STACK32: 2,
  /** DS, ES and SS have base 0, cover 4 GiB and are writable: their accesses need no base and no limit check. */
  FLAT: 4,
  /** CS ends inside this page: every instruction fetch is checked against the limit. */
  CHECKED: 8,
} as const;

/** Segment numbers as encoded in ModRM and used in every segment table. */
export const SEGMENT = { ES: 0, CS: 1, SS: 2, DS: 3, FS: 4, GS: 5 } as const;

/** GPR numbers. */
export const GPR = { EAX: 0, ECX: 1, EDX: 2, EBX: 3, ESP: 4, EBP: 5, ESI: 6, EDI: 7 } as const;

/**
 * A decoded instruction, 16 bytes. Memory operands are always `[base] + disp` flat linear: anything else (index,
 * segment base or limit, 16-bit addressing) is computed by an address record in front of it, which leaves the linear
 * address in STATE.ADDRESS and is itself named as base.
 */
export const RECORD = {
  SIZE: 16,
  /** u16: index of the handler in the interpreter's dispatch table. */
  HANDLER: 0,
  /** u16: page offset of the instruction << 4 | its length. */
  PLACE: 2,
  /** u8: state offset of the register operand (ModRM.reg or opcode bits). */
  REG: 4,
  /** u8: state offset of the r/m register, or of the base register of a memory operand. */
  RM: 5,
  /** u8: state offset of the index register | scale (0-3). Address records only. */
  INDEX: 6,
  /** u8: segment number * 4 of the memory operand. */
  SEGMENT: 7,
  /** i32: displacement; for branches the distance from the next instruction. */
  DISP: 8,
  /** i32: immediate; for branches within the page the linked record, 0 = not linked yet. */
  IMM: 12,
} as const;

export const PAGE_SIZE = 4096;
const MIB = 1 << 20;

/** Fixed regions after the state page. */
export const REGION = {
  /** Decoder tables (written once at start-up). */
  DECODE_TABLES: 0x10000,
  DECODE_TABLES_END: 0x80000,
  /** Jump cache: 16 bytes an entry: linear address, tag, record, unused. */
  JUMP_CACHE: 0x80000,
  JUMP_CACHE_ENTRIES: 0x4000,
  /** Where compiled code has been left for the interpreter: linear address and count, 8 bytes an entry; see EXIT_COUNT. */
  EXIT_SITES: 0xc0000,
  EXIT_SITES_ENTRIES: 0x2000,
  EXIT_COUNTS: 0xd0000,
  /** Block hash: host address of the first byte, mode key + 1, record, unused; 16 bytes an entry. */
  BLOCK_HASH: 0x100000,
  BLOCK_HASH_ENTRIES: 0x20000,
  /** Entries of compiled regions, see ENTRY_POINT, and the regions themselves, see COMPILED. Number 0 of both is not used. */
  ENTRY_POINTS: 3 * MIB,
  ENTRY_POINTS_END: 3.5 * MIB,
  COMPILED: 3.5 * MIB,
  COMPILED_END: 4 * MIB,
  /** Translation tables: one i32 addend a page, TLB_SLOW = slow. Supervisor and user privilege. */
  TLB_SUPERVISOR_READ: 4 * MIB,
  TLB_SUPERVISOR_WRITE: 8 * MIB,
  TLB_USER_READ: 12 * MIB,
  TLB_USER_WRITE: 16 * MIB,
  /** All entries slow: in force while alignment checks or data breakpoints watch every access. */
  TLB_ALL_SLOW: 20 * MIB,
  /** Physical page map: linear-memory offset of the page, or PHYSICAL_BUS. Read and write side. */
  PHYSICAL_READ: 24 * MIB,
  PHYSICAL_WRITE: 28 * MIB,
  /** One i32 for each page of linear memory: address of its code-page descriptor, 0 = holds no decoded code. */
  CODE_PAGES: 32 * MIB,
  /** For each compiled region, by slot, where its computed branches may go: see TARGET. */
  TARGETS: 36 * MIB,
  /** Ring of decoded records, block headers and code-page descriptors. */
  RECORDS: 38 * MIB,
  RECORDS_END: 100 * MIB,
  /** Guest memory starts here: RAM, then video memory, then firmware images. */
  GUEST: 100 * MIB,
} as const;

/** Header in front of a block's records, 16 bytes. */
export const BLOCK = {
  SIZE: 16,
  /** Next block of the same page, 0 = last. */
  NEXT: 0,
  /** u16 page offset of the first byte, u16 page offset after the last byte. */
  START: 4,
  END: 6,
  /** u16 number of records; u16 number of the compiled region's entry that its first record leads to, 0 = none. */
  COUNT: 8,
  ENTRY: 10,
  KEY: 12,
} as const;

/** Descriptor of a page that holds decoded code. */
export const CODE_PAGE = {
  SIZE: 16 + 512,
  FIRST_BLOCK: 0,
  /** One bit for each byte of the page that some block covers. */
  COVERED: 16,
} as const;

/** A place where the interpreter may enter compiled code, 32 bytes. */
export const ENTRY_POINT = {
  SIZE: 32,
  /** Address of its COMPILED entry. */
  REGION: 0,
  /** u16: number to call the region's function with; u16: handler that the block's first record had. */
  INDEX: 4,
  HANDLER: 6,
  /** Linear address of its page, as compiled. */
  PAGE: 8,
  /** How often control came here straight from another region, and the address of the last such region's COMPILED entry. */
  ARRIVALS: 12,
  FROM: 16,
} as const;

/** Table of a region's computed branches: pairs of EIP, as compiled, and entry number, hashed by EIP. */
export const TARGET = { ENTRIES: 64, TABLE_SIZE: 512 } as const;

/** Words at REGION.EXIT_COUNTS: how often compiled code was left how, in the order of LEAVE, and found not to be mapped as compiled. */
export const EXIT_COUNT = { branch: 0, side: 4, fall: 8, helper: 12, invalid: 16 } as const;

/** A region of compiled code, 256 bytes. */
export const COMPILED = {
  SIZE: 256,
  /** CODE_TAG under which its pages were last found mapped as compiled, 0 = never; and how far from there they lay then. */
  TAG: 0,
  DELTA: 4,
  /** Its function's place in the table. */
  SLOT: 8,
  /** 0: some of its code has changed. */
  ALIVE: 12,
  CS_BASE: 16,
  CS_LIMIT: 20,
  PAGE_COUNT: 24,
  /** Pairs of linear page address, as compiled, and linear-memory address of the page. */
  PAGES: 32,
  MAX_PAGES: 28,
} as const;

/** TLB entry of a page that must take the slow path. */
export const TLB_SLOW = 0xfff;
/** Physical map entry of a page the bus answers for. */
export const PHYSICAL_BUS = 1;
