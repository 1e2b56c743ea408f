/** A core over a plain byte array, paging off: enough for helpers, and a record of what they asked of the processor. */
import type { Core, DecodedOperands, LinearMemory } from '../../../cpu/helpers.ts';
import { STATE } from '../../../cpu/layout.ts';
import type { CpuidConfiguration } from '../../../cpu/processor.ts';
import { setSegment, writeRealSegment } from '../../../cpu/segmentation/segment.ts';
import { parseDescriptor } from '../../../cpu/segmentation/descriptor.ts';
import { CpuFault, CpuState, VECTOR } from '../../../cpu/state.ts';
import { createCpuid, systemHelpers } from '../../../cpu/system/index.ts';
import { deliverException, type FaultChain } from '../../../cpu/exceptions/index.ts';

const MEMORY_BYTES = 0x40000;
/** What real mode reaches: 1 MiB and 64 KiB less 16 bytes, rounded up. */
export const REAL_MODE_BYTES = 0x110000;

class FakeMemory implements LinearMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Pages (address >> 12) that raise #PF on any access, and on writes. */
  readonly absent: Set<number> = new Set();
  readonly readOnly: Set<number> = new Set();
  readonly #core: () => FakeCore;
  constructor(core: () => FakeCore, size: number) {
    this.bytes = new Uint8Array(size);
    this.view = new DataView(this.bytes.buffer);
    this.#core = core;
  }
  #check(address: number, size: number, write: boolean): number {
    for (const at of [address, (address + size - 1) >>> 0]) {
      const page = at >>> 12;
      if (at >= this.bytes.length || this.absent.has(page) || (write && this.readOnly.has(page))) {
        this.#core().state.set(STATE.CR2, at);
        throw new CpuFault(VECTOR.PF, write ? 2 : 0);
      }
    }
    return address;
  }
  read8(a: number): number {
    return this.view.getUint8(this.#check(a, 1, false));
  }
  read16(a: number): number {
    return this.view.getUint16(this.#check(a, 2, false), true);
  }
  read32(a: number): number {
    return this.view.getUint32(this.#check(a, 4, false), true);
  }
  write8(a: number, v: number): void {
    this.view.setUint8(this.#check(a, 1, true), v);
  }
  write16(a: number, v: number): void {
    this.view.setUint16(this.#check(a, 2, true), v, true);
  }
  write32(a: number, v: number): void {
    this.view.setUint32(this.#check(a, 4, true), v, true);
  }
  readSystem8(a: number): number {
    return this.read8(a);
  }
  readSystem16(a: number): number {
    return this.read16(a);
  }
  readSystem32(a: number): number {
    return this.read32(a);
  }
  writeSystem8(a: number, v: number): void {
    this.write8(a, v);
  }
  writeSystem16(a: number, v: number): void {
    this.write16(a, v);
  }
  writeSystem32(a: number, v: number): void {
    this.write32(a, v);
  }
  probeWrite(a: number, size: number): void {
    this.#check(a, size, true);
  }
  probeRead(a: number, size: number): void {
    this.#check(a, size, false);
  }
}

export class FakeCore implements Core {
  readonly state: CpuState = new CpuState(new WebAssembly.Memory({ initial: 1 }));
  readonly memory: FakeMemory;
  readonly cpuid: ReturnType<typeof createCpuid>;
  nextEip = 0;
  executed = 0;
  readPhysical(address: number, into: Uint8Array): void {
    into.forEach((_, i) => (into[i] = this.memory.readSystem8(address + i)));
  }
  /** What was asked of the processor, in order. */
  readonly events: string[] = [];
  readonly ports: { port: number; size: number; value?: number }[] = [];
  portValue = 0xffffffff;
  stamp = 0;
  readonly logs: string[] = [];
  readonly bus: Core['bus'] = {
    readPort: (port, size) => {
      this.ports.push({ port, size });
      return size === 4 ? this.portValue : this.portValue & ((1 << (size * 8)) - 1);
    },
    writePort: (port, size, value) => void this.ports.push({ port, size, value }),
    readMemory: () => 0xff,
    writeMemory: () => undefined,
    acknowledgeInterrupt: () => 0x20,
    timeStamp: () => this.stamp,
    log: (message) => void this.logs.push(message),
    setFerr: () => undefined,
  };

  constructor(configuration: CpuidConfiguration = {}, memoryBytes = MEMORY_BYTES) {
    this.memory = new FakeMemory(() => this, memoryBytes);
    this.cpuid = createCpuid(configuration);
    const { state } = this;
    state.eflags = 2;
    state.set(STATE.CR0, 0x10);
    state.set(STATE.BUDGET, 0x100000);
    state.set(STATE.IDTR_LIMIT, 0x3ff);
    state.set(STATE.GDTR_LIMIT, 0xffff);
    state.set(STATE.DR + 24, 0xffff0ff0);
    state.set(STATE.DR + 28, 0x400);
    for (let n = 0; n < 6; n++) writeRealSegment(this, n, 0);
  }
  flushTlb(keepGlobal: boolean): void {
    this.events.push(keepGlobal ? 'flush-local' : 'flush-all');
  }
  invalidatePage(linear: number): void {
    this.events.push(`invalidate ${linear.toString(16)}`);
  }
  modeChanged(): void {
    if (this.events.at(-1) !== 'mode') this.events.push('mode');
  }
  halt(): void {
    this.events.push('halt');
  }
  shadowInterrupts(): void {
    this.events.push('shadow');
  }
  debugTrap(): void {
    this.events.push('debug-trap');
  }
  unblockNmi(): void {
    this.events.push('unblock-nmi');
  }

  /** Puts a descriptor built from its parts into the table at `base`. */
  describe(
    table: number,
    selector: number,
    parts: { base?: number; limit?: number; access: number; flags?: number },
  ): void {
    const { base = 0, limit = 0xfffff, access, flags = 0 } = parts;
    const at = table + (selector & 0xfff8);
    this.memory.write32(at, ((base & 0xffff) << 16) | (limit & 0xffff));
    this.memory.write32(
      at + 4,
      (base & 0xff000000) | (flags << 20) | (limit & 0xf0000) | (access << 8) | ((base >>> 16) & 0xff),
    );
  }
  /** Puts a call, interrupt, trap or task gate at an address. */
  gate(at: number, selector: number, offset: number, access: number, parameters = 0): void {
    this.memory.write32(at, (selector << 16) | (offset & 0xffff));
    this.memory.write32(at + 4, (offset & 0xffff0000) | (access << 8) | parameters);
  }
  /** Loads a segment register from the table at `table` without checks, as set-up. */
  load(n: number, selector: number, table: number): void {
    const at = table + (selector & 0xfff8);
    setSegment(this, n, selector, parseDescriptor(selector, at, this.memory.read32(at), this.memory.read32(at + 4)));
  }

  /** Runs a helper; throws what it throws. */
  run(name: string, operands: Partial<DecodedOperands> = {}): 'jump' | undefined {
    const result = systemHelpers[name]!(this, { ...DEFAULT_OPERANDS, ...operands });
    if (result !== 'jump') this.state.eip = this.nextEip;
    return result ?? undefined;
  }
  /** Runs a helper that must fault: `vector` or `vector:errorCode` in decimal and hex. */
  fault(name: string, operands: Partial<DecodedOperands> = {}): string {
    try {
      this.run(name, operands);
    } catch (error) {
      if (error instanceof CpuFault) return describeFault(error);
      throw error;
    }
    return 'none';
  }
  deliver(vector: number, errorCode?: number): FaultChain | undefined {
    return deliverException(this, new CpuFault(vector, errorCode));
  }
}

export function describeFault(fault: { vector: number; errorCode: number | undefined }): string {
  const name = Object.entries(VECTOR).find(([, vector]) => vector === fault.vector)?.[0] ?? String(fault.vector);
  return fault.errorCode === undefined ? `#${name}` : `#${name}(${fault.errorCode.toString(16)})`;
}

const DEFAULT_OPERANDS: DecodedOperands = {
  operandSize: 4,
  width: 4,
  addressSize: 4,
  isMemory: false,
  address: 0,
  segment: 3,
  reg: 0,
  rm: 0,
  imm: 0,
  disp: 0,
  rep: 0,
};

/** Addresses and selectors of the protected-mode set-up below. */
export const LAYOUT = {
  GDT: 0x1000,
  LDT: 0x2000,
  IDT: 0x3000,
  TSS: 0x4000,
  TSS2: 0x5000,
  STACK0: 0x9000,
  STACK3: 0xa000,
  CODE0: 0x08,
  DATA0: 0x10,
  CODE3: 0x1b,
  DATA3: 0x23,
  TSS_SELECTOR: 0x28,
  TSS2_SELECTOR: 0x30,
  LDT_SELECTOR: 0x38,
  CODE0_16: 0x40,
  DATA0_16: 0x48,
  CONFORMING: 0x50,
  /** Free for a test's own descriptor. */
  FREE: 0x58,
} as const;

/** Protected mode at privilege `cpl` (0 or 3), flat 32-bit segments, TSS and tables in place, handlers at vector * 0x10 + 0x8000. */
export function protectedCore(cpl: 0 | 3, configuration: CpuidConfiguration = {}): FakeCore {
  const core = new FakeCore(configuration);
  const { state, memory } = core;
  const { GDT, IDT } = LAYOUT;
  state.set(STATE.CR0, 0x11);
  state.set(STATE.GDTR_BASE, GDT);
  state.set(STATE.GDTR_LIMIT, 0xff);
  state.set(STATE.IDTR_BASE, IDT);
  state.set(STATE.IDTR_LIMIT, 0x7ff);
  core.describe(GDT, LAYOUT.CODE0, { access: 0x9a, flags: 0xc });
  core.describe(GDT, LAYOUT.DATA0, { access: 0x92, flags: 0xc });
  core.describe(GDT, LAYOUT.CODE3, { access: 0xfa, flags: 0xc });
  core.describe(GDT, LAYOUT.DATA3, { access: 0xf2, flags: 0xc });
  core.describe(GDT, LAYOUT.TSS_SELECTOR, { base: LAYOUT.TSS, limit: 0xfff, access: 0x8b });
  core.describe(GDT, LAYOUT.TSS2_SELECTOR, { base: LAYOUT.TSS2, limit: 0x67, access: 0x89 });
  core.describe(GDT, LAYOUT.LDT_SELECTOR, { base: LAYOUT.LDT, limit: 0xff, access: 0x82 });
  core.describe(GDT, LAYOUT.CODE0_16, { limit: 0xffff, access: 0x9a });
  core.describe(GDT, LAYOUT.DATA0_16, { limit: 0xffff, access: 0x92 });
  core.describe(GDT, LAYOUT.CONFORMING, { access: 0x9e, flags: 0xc });
  for (let vector = 0; vector < 0x100; vector++) {
    core.gate(IDT + vector * 8, LAYOUT.CODE0, 0x8000 + vector * 0x10, 0x8e);
  }
  state.set(STATE.TR_SELECTOR, LAYOUT.TSS_SELECTOR);
  state.set(STATE.TR_BASE, LAYOUT.TSS);
  state.set(STATE.TR_LIMIT, 0xfff);
  state.set(STATE.TR_ATTRIBUTES, 0x8b);
  memory.write32(LAYOUT.TSS + 4, LAYOUT.STACK0);
  memory.write32(LAYOUT.TSS + 8, LAYOUT.DATA0);
  memory.write16(LAYOUT.TSS + 0x66, 0xfff);
  const data = cpl === 0 ? LAYOUT.DATA0 : LAYOUT.DATA3;
  for (const n of [0, 2, 3, 4, 5]) core.load(n, data, GDT);
  core.load(1, cpl === 0 ? LAYOUT.CODE0 : LAYOUT.CODE3, GDT);
  state.set(STATE.CPL, cpl);
  state.setReg32(4, cpl === 0 ? LAYOUT.STACK0 : LAYOUT.STACK3);
  state.eip = 0x100;
  core.nextEip = 0x102;
  return core;
}

/** V86 mode with CS = DS = SS = 1000h, SP = 100h, at `iopl`. */
export function v86Core(iopl: number, cr4 = 0): FakeCore {
  const core = protectedCore(3);
  const { state } = core;
  state.set(STATE.EFLAGS, 0x20202 | (iopl << 12));
  state.set(STATE.CR4, cr4);
  for (let n = 0; n < 6; n++) {
    setSegment(core, n, 0x1000, { base: 0x10000, limit: 0xffff, attributes: 0xf3 });
  }
  state.setReg32(4, 0x100);
  return core;
}

/** The `count` dwords (or words) at the top of the stack. */
export function stackTop(core: FakeCore, count: number, size: 2 | 4 = 4): number[] {
  const { state, memory } = core;
  const big = (state.segmentAttributes(2) & 0x4000) !== 0;
  const top = state.segmentBase(2) + (big ? state.reg32(4) : state.reg16(4));
  return Array.from({ length: count }, (_, n) =>
    size === 4 ? memory.read32(top + n * 4) : memory.read16(top + n * 2),
  );
}
