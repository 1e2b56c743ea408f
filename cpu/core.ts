/** The processor: linear memory, generated module, helpers and run loop put together behind the `Processor` contract. */
import { breakpointsEnabled, dataBreakpoint, instructionBreakpoint, singleStepTrap } from './debug/index.ts';
import { CodeCache } from './decoder/code-cache.ts';
import { DecodeTables, type HelperHandler } from './decoder/tables.ts';
import { deliverException, deliverInterrupt, deliverNmi, type FaultChain } from './exceptions/index.ts';
import type { Core, Helper } from './helpers.ts';
import { EXIT, generateProcessor, type Imports, REGION_SLOTS } from './interpreter/generate.ts';
import { memoryImports, recordFault } from './interpreter/memory-imports.ts';
import { MODE, PAGE_SIZE, RECORD, REGION, SEGMENT, STATE, TLB_SLOW } from './layout.ts';
import type { FunctionRef } from './emitter/index.ts';
import { Jit, type JitStatistics } from './jit/jit.ts';
import { Profiler } from './jit/profile.ts';
import { InstructionFetch } from './mmu/instruction-fetch.ts';
import { Mmu } from './mmu/mmu.ts';
import { Operands } from './operands.ts';
import { PhysicalMemory } from './physical.ts';
import { definitions, helpers, moduleParts } from './opcodes/index.ts';
import {
  type PageTarget,
  type Processor,
  type ProcessorBus,
  type ProcessorOptions,
  type RegisterState,
  StopReason,
  type TripleFaultReport,
} from './processor.ts';
import { applyRegisters, captureRegisters, initialRegisters } from './registers.ts';
import { CpuFault, CpuState, CR0, CR4, EFLAGS, VECTOR } from './state.ts';
import { setIgnne } from './x87/errors.ts';
import { type CpuidTable, createCpuid, type FeatureName } from './system/index.ts';

const WASM_PAGE = 65536;
const DECODE_AHEAD = 64;

interface BoundHelper extends HelperHandler {
  readonly run: Helper;
}

/** Instructions that deliver an interrupt themselves: no single-step trap follows them. */
const SOFTWARE_INTERRUPTS: ReadonlySet<string> = new Set(['int_imm', 'int3', 'int1', 'into']);
/** Instructions that set RF themselves, so that it must survive them. */
const SETS_RF: ReadonlySet<string> = new Set(['iret', 'popf']);

interface ProcessorModule {
  run(): number;
}

export class X86Processor implements Processor, Core {
  readonly memory: Mmu;
  readonly linearMemory: WebAssembly.Memory;
  readonly state: CpuState;
  readonly bus: ProcessorBus;
  readonly cpuid: CpuidTable;
  readonly ram: Uint8Array;
  readonly video: Uint8Array;
  readonly rom: Uint8Array;
  nextEip = 0;
  tripleFault: TripleFaultReport | undefined;

  readonly #mmu: Mmu;
  readonly #code: CodeCache;
  readonly #physical: PhysicalMemory;
  readonly #tables: DecodeTables;
  readonly #helpers: readonly BoundHelper[];
  readonly #module: ProcessorModule;
  /** Where the interpreter finds compiled regions. */
  readonly #table = new WebAssembly.Table({ element: 'anyfunc', initial: REGION_SLOTS });
  readonly #jit: Jit | undefined;
  readonly #profiler: Profiler | undefined;
  #stepping: ProcessorModule | undefined;
  readonly #imports: Imports;
  readonly #operands = new Operands();
  #generation = 0;
  /** Limits of code segments by number. */
  readonly #limits = [-1, 0xffff];
  #tagBefore = 0;
  #tableBefore = 0;
  #base = 0;
  #granted = 0;
  /** Budget taken out of STATE.BUDGET so that generated code stops soon; put back when it has. */
  #withheld = 0;
  /** Generated code is to stop for more than the end of a piece. */
  #attended = false;
  /** Generated code or a helper is running. */
  #running = false;
  #inHelper = false;
  #halted = false;
  #stopRequested = false;
  #nmiPending = false;
  #nmiBlocked = false;
  #shadow = false;
  /** The shadow holds back debug exceptions too (MOV SS, POP SS). */
  #trapShadow = false;
  /** The last instruction is a repeated one that has iterations left. */
  #midRepeat = false;
  #trapPending = false;
  /** The last helper delivered an exception or interrupt instead of completing. */
  #delivered = false;
  #setRf = false;

  constructor(options: ProcessorOptions, bus: ProcessorBus) {
    // The decoder looks some bytes ahead of an instruction at the very end.
    const bytes = REGION.GUEST + options.ramBytes + options.videoBytes + options.romBytes + DECODE_AHEAD;
    for (const part of [options.ramBytes, options.videoBytes, options.romBytes])
      if (!Number.isInteger(part) || part < 0 || part % PAGE_SIZE)
        throw new RangeError(`memory sizes must be multiples of 4096: ${part}`);
    const pages = Math.ceil(bytes / WASM_PAGE);
    this.linearMemory = new WebAssembly.Memory({ initial: pages });
    this.state = new CpuState(this.linearMemory);
    this.bus = bus;
    const { buffer } = this.linearMemory;
    this.ram = new Uint8Array(buffer, REGION.GUEST, options.ramBytes);
    this.video = new Uint8Array(buffer, REGION.GUEST + options.ramBytes, options.videoBytes);
    this.rom = new Uint8Array(buffer, REGION.GUEST + options.ramBytes + options.videoBytes, options.romBytes);
    this.cpuid = createCpuid(options.cpuid);
    this.#mmu = new Mmu(this.state, bus);
    this.memory = this.#mmu;
    this.#code = new CodeCache(
      this.state,
      (page) => this.#mmu.revokeWrites(page),
      (header) => {
        // A repeated instruction that overwrites itself is fetched anew.
        if (this.#inHelper) this.#attention();
        this.#jit?.blockKilled(header);
      },
      () => this.#jit?.clear(),
    );
    this.#mmu.codeCache = this.#code;
    this.#physical = new PhysicalMemory(this.state, this.#mmu, this.#code);
    this.#tables = new DecodeTables([...definitions, ...(options.instructions ?? [])], (feature) =>
      this.cpuid.has(feature as FeatureName),
    );
    this.state.u8.set(this.#tables.bytes, REGION.DECODE_TABLES);
    this.#profiler = options.profile && new Profiler(options.profile);
    this.#helpers = this.#tables.helperHandlers.map((info) => {
      const run = helpers[info.helper];
      if (!run) throw new Error(`no helper is called ${info.helper}`);
      return { ...info, run: this.#profiler?.counted(info.mnemonic, run) ?? run };
    });
    this.#imports = this.#makeImports();
    const main = this.#instantiate(false);
    this.#module = main.exports as unknown as ProcessorModule;
    if (options.jit !== false)
      this.#jit = new Jit(
        this.state,
        this.#tables,
        this.#table,
        {
          memory: this.linearMemory,
          helper: (record, handler) => this.#helper(record, handler),
          functions: main.functions,
          exports: main.exports,
          forcedExits: (typeof options.jit === 'object' && options.jit.forcedExits) || 0,
        },
        typeof options.jit === 'object' ? options.jit : {},
        this.#profiler,
      );
    this.reset();
  }

  #instantiate(stepping: boolean): { exports: WebAssembly.Exports; functions: ReadonlyMap<string, FunctionRef> } {
    const pages = this.linearMemory.buffer.byteLength / WASM_PAGE;
    const { bytes, functions } = generateProcessor(this.#tables, moduleParts, pages, stepping);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.linearMemory, table: this.#table, ...this.#imports } as WebAssembly.ModuleImports,
    });
    return { exports, functions };
  }

  #makeImports(): Imports {
    const { state } = this;
    const mmu = this.#mmu;
    const fetch = new InstructionFetch(state, mmu);
    return {
      ...memoryImports(state, mmu),
      helper: (record: number, handler: number) => this.#helper(record, handler),
      fetchWindow: (linear: number) => fetch.window(linear >>> 0),
      fetchFault: () => recordFault(state, fetch.takeFault()),
      protectPage: (hostPage: number) => this.#code.protect(hostPage),
      recordsFull: () => this.#code.clear(),
      probeCode: (linear: number, host: number) => (this.#mmu.leadsTo(linear >>> 0, host >>> 0) ? 1 : 0),
    };
  }

  // Helpers

  #helper(record: number, handler: number): number {
    const { state } = this;
    const { u8, u16, i32 } = state;
    const info = this.#helpers[handler - this.#tables.firstHelper]!;
    const place = u16[(record + RECORD.PLACE) >> 1]!;
    const eip = (i32[STATE.CODE_EIP >> 2]! + (place >> 4)) >>> 0;
    const op = this.#operands;
    state.eip = eip;
    this.nextEip = (eip + (place & 15)) >>> 0;
    const flags = u8[record + RECORD.INDEX]!;
    op.operandSize = info.operandSize;
    op.width = info.width;
    op.isMemory = info.isMemory;
    op.addressSize = !info.isX87 && flags & 1 ? 2 : 4;
    op.rep = info.isX87 || !(flags & 6) ? 0 : flags & 2 ? 0xf3 : 0xf2;
    op.reg = u8[record + RECORD.REG]!;
    op.rm = u8[record + RECORD.RM]!;
    if (info.registerOffsets && !info.isMemory) op.rm >>= 2;
    op.segment = u8[record + RECORD.SEGMENT]! >> 2;
    op.disp = i32[(record + RECORD.DISP) >> 2]!;
    op.imm = i32[(record + RECORD.IMM) >> 2]!;
    if (info.isMemory) op.address = (i32[op.rm >> 2]! + op.disp) >>> 0;
    this.#inHelper = true;
    try {
      if (info.run(this, op) === 'jump') {
        this.#midRepeat = op.rep !== 0 && state.eip === eip;
        // INTO may just go on.
        if (SOFTWARE_INTERRUPTS.has(info.helper) && state.eip !== this.nextEip) this.#delivered = true;
        if (SETS_RF.has(info.helper)) this.#setRf = true;
        return 1;
      }
    } catch (error) {
      if (!(error instanceof CpuFault)) throw error;
      this.#trapPending = false;
      this.#deliver(deliverException(this, error));
      return 1;
    } finally {
      this.#inHelper = false;
    }
    if (
      (i32[STATE.INTR >> 2] !== 0 && i32[STATE.EFLAGS >> 2]! & EFLAGS.IF) ||
      this.#stopRequested ||
      this.#trapPending ||
      this.#nmiPending ||
      i32[STATE.CODE_TAG >> 2] !== this.#tagBefore ||
      i32[STATE.TLB_READ >> 2] !== this.#tableBefore
    ) {
      state.eip = this.nextEip;
      return 1;
    }
    return 0;
  }

  #deliver(chain: FaultChain | undefined): void {
    this.#delivered = true;
    this.#halted = false;
    if (chain) this.tripleFault = { chain, registers: this.registers() };
  }

  // Core

  flushTlb(keepGlobal: boolean): void {
    this.#mmu.flush(keepGlobal);
    this.#nextGeneration();
  }

  invalidatePage(linear: number): void {
    if (this.#mmu.invalidate(linear)) this.#nextGeneration();
  }

  #nextGeneration(): void {
    this.#generation++;
    if (this.#generation === 0x1000000) {
      this.#generation = 1;
      this.state.i32.fill(0, REGION.JUMP_CACHE >> 2, (REGION.JUMP_CACHE + REGION.JUMP_CACHE_ENTRIES * 16) >> 2);
    }
    this.#setTag();
    this.#attention();
  }

  #setTag(): void {
    const { state } = this;
    const limit = this.#limitNumber(state.get(STATE.SEGMENT_LIMIT + 4 * SEGMENT.CS));
    state.set(
      STATE.CODE_TAG,
      (this.#generation << 8) | (limit << 5) | (state.cpl === 3 ? 0x10 : 0) | state.get(STATE.MODE_KEY),
    );
  }

  /** A number below 8 for a limit of the code segment: what has been found under one limit may lie beyond another. */
  #limitNumber(limit: number): number {
    const known = this.#limits.indexOf(limit);
    if (known >= 0) return known;
    if (this.#limits.length === 8) {
      this.#limits.length = 2;
      this.#generation++;
    }
    return this.#limits.push(limit) - 1;
  }

  modeChanged(): void {
    const { state } = this;
    const { cr0, cr4 } = state;
    const codeBig = (state.segmentAttributes(SEGMENT.CS) & 0x4000) !== 0;
    const stackBig = (state.segmentAttributes(SEGMENT.SS) & 0x4000) !== 0;
    const flat = state.isFlat(SEGMENT.ES) && state.isFlat(SEGMENT.SS) && state.isFlat(SEGMENT.DS);
    state.set(STATE.MODE_KEY, (codeBig ? MODE.CODE32 : 0) | (stackBig ? MODE.STACK32 : 0) | (flat ? MODE.FLAT : 0));
    state.set(STATE.STACK_MASK, stackBig ? -1 : 0xffff);
    const user = state.cpl === 3;
    const watching = breakpointsEnabled(this) && this.#watchesData();
    const aligned = user && (cr0 & CR0.AM) !== 0 && (state.get(STATE.EFLAGS) & EFLAGS.AC) !== 0;
    this.#mmu.watch = watching ? (linear, size, kind) => this.#dataAccess(linear, size, kind) : undefined;
    const read = user ? REGION.TLB_USER_READ : REGION.TLB_SUPERVISOR_READ;
    if (watching || aligned) {
      const first = REGION.TLB_ALL_SLOW >> 2;
      if (state.i32[first] !== TLB_SLOW) state.i32.fill(TLB_SLOW, first, first + (1 << 20));
      state.set(STATE.TLB_READ, REGION.TLB_ALL_SLOW);
      state.set(STATE.TLB_WRITE, REGION.TLB_ALL_SLOW);
    } else {
      state.set(STATE.TLB_READ, read);
      state.set(STATE.TLB_WRITE, user ? REGION.TLB_USER_WRITE : REGION.TLB_SUPERVISOR_WRITE);
    }
    state.set(STATE.TLB_FETCH, read);
    state.set(STATE.FPU_TRAP, cr0 & (CR0.EM | CR0.TS));
    const mmxTrap = cr0 & CR0.EM ? VECTOR.UD : cr0 & CR0.TS ? VECTOR.NM : 0;
    state.set(STATE.MMX_TRAP, mmxTrap);
    state.set(STATE.SSE_TRAP, cr0 & CR0.EM || !(cr4 & CR4.OSFXSR) ? VECTOR.UD : cr0 & CR0.TS ? VECTOR.NM : 0);
    this.#setTag();
  }

  /** True if some enabled breakpoint watches data (R/W field 1 or 3). */
  #watchesData(): boolean {
    const dr7 = this.state.get(STATE.DR + 28);
    for (let n = 0; n < 4; n++) if ((dr7 >> (2 * n)) & 3 && (dr7 >> (16 + 4 * n)) & 1) return true;
    return false;
  }

  #watchesCode(): boolean {
    const dr7 = this.state.get(STATE.DR + 28);
    for (let n = 0; n < 4; n++) if ((dr7 >> (2 * n)) & 3 && ((dr7 >> (16 + 4 * n)) & 3) === 0) return true;
    return false;
  }

  #dataAccess(linear: number, size: number, kind: 'read' | 'write'): void {
    if (dataBreakpoint(this, linear, size, kind)) this.debugTrap();
  }

  halt(): void {
    this.#halted = true;
  }
  shadowInterrupts(holdsTraps: boolean): void {
    this.#shadow = true;
    this.#trapShadow = holdsTraps;
  }
  debugTrap(): void {
    this.#trapPending = true;
    this.#attention();
  }
  unblockNmi(): void {
    this.#nmiBlocked = false;
  }

  // Run loop

  get executed(): number {
    return this.#base + this.#granted - this.#withheld - this.state.get(STATE.BUDGET);
  }
  get halted(): boolean {
    return this.#halted;
  }
  /** What the compiler has done; undefined without it. */
  get jitStatistics(): Readonly<JitStatistics> | undefined {
    return this.#jit?.statistics;
  }
  profile(): ReturnType<Profiler['report']> | undefined {
    return this.#profiler?.report(this.state, this.#jit);
  }

  run(instructions: number): StopReason {
    const { state } = this;
    this.#base = this.executed;
    this.#granted = Math.max(0, Math.min(instructions, 0x7fffffff) | 0);
    state.set(STATE.BUDGET, this.#granted);
    for (;;) {
      if (this.tripleFault) return StopReason.Shutdown;
      if (this.#stopRequested) {
        this.#stopRequested = false;
        state.set(STATE.STOP, 0);
        return StopReason.Requested;
      }
      if (!this.#shadow) this.#takeInterrupt();
      if (this.tripleFault) return StopReason.Shutdown;
      if (this.#halted && !this.#trapPending) return StopReason.Halted;
      if (state.get(STATE.BUDGET) <= 0) return StopReason.Budget;
      if (this.#shadow || this.#trapPending || state.get(STATE.EFLAGS) & (EFLAGS.TF | EFLAGS.RF) || this.#watching())
        this.#step();
      else this.#leave(this.#executeSampled());
    }
  }

  /** Runs generated code in short pieces; what it was doing at the end of each tells the compiler what is worth its while. */
  #executeSampled(): number {
    const { state } = this;
    const jit = this.#jit;
    if (!jit) return this.#execute(this.#module);
    for (;;) {
      const left = state.get(STATE.BUDGET);
      this.#attended = false;
      if (left > jit.interval) {
        state.set(STATE.BUDGET, jit.interval);
        this.#withheld = left - jit.interval;
      }
      const reason = this.#execute(this.#module);
      if (reason !== EXIT.budget && reason !== EXIT.budgetCompiled) return reason;
      jit.sample((state.eip + state.segmentBase(SEGMENT.CS)) >>> 0, reason === EXIT.budgetCompiled);
      if (this.#attended || state.get(STATE.BUDGET) <= 0) return reason;
    }
  }

  /** Runs generated code until it stops; the reason. */
  #execute(module: ProcessorModule): number {
    const { state } = this;
    this.#tagBefore = state.get(STATE.CODE_TAG);
    this.#tableBefore = state.get(STATE.TLB_READ);
    this.#midRepeat = false;
    this.#running = true;
    let reason: number;
    try {
      reason = module.run();
    } finally {
      this.#running = false;
      state.set(STATE.BUDGET, state.get(STATE.BUDGET) + this.#withheld);
      this.#withheld = 0;
    }
    return reason;
  }

  /** Something has happened inside an access that the run loop must see: generated code stops at the next branch. */
  #attention(): void {
    const { state } = this;
    const left = state.get(STATE.BUDGET);
    if (!this.#running) return;
    this.#attended = true;
    if (left <= 0) return;
    this.#withheld += left;
    state.set(STATE.BUDGET, 0);
  }

  #watching(): boolean {
    return (this.state.get(STATE.DR + 28) & 0xff) !== 0 && (this.#watchesCode() || this.#watchesData());
  }

  #leave(reason: number): void {
    if (reason !== EXIT.fault) return;
    const { state } = this;
    const error = state.get(STATE.FAULT_ERROR);
    state.set(STATE.FAULT, 0);
    this.#trapPending = false;
    this.#deliver(
      deliverException(this, new CpuFault(state.get(STATE.FAULT_VECTOR), error === -1 ? undefined : error)),
    );
  }

  /** One instruction, with the trap flag, breakpoints, RF and the interrupt shadow. */
  #step(): void {
    const { state } = this;
    const shadow = this.#shadow && this.#trapShadow;
    this.#shadow = this.#trapShadow = false;
    const flags = state.get(STATE.EFLAGS);
    if (this.#trapPending && !shadow) {
      this.#trap(new CpuFault(VECTOR.DB, undefined));
      return;
    }
    const linear = (state.eip + state.segmentBase(SEGMENT.CS)) >>> 0;
    if (!shadow && this.#watchesCode() && instructionBreakpoint(this, linear)) {
      // A fault, but the only one that does not set RF in the image pushed: the handler has to.
      this.#deliver(deliverException(this, new CpuFault(VECTOR.DB, undefined)));
      return;
    }
    this.#stepping ??= this.#instantiate(true).exports as unknown as ProcessorModule;
    this.#delivered = false;
    this.#setRf = false;
    this.#leave(this.#execute(this.#stepping));
    if (this.tripleFault || this.#delivered) return;
    if (flags & EFLAGS.RF && !this.#setRf && !this.#midRepeat)
      state.set(STATE.EFLAGS, state.get(STATE.EFLAGS) & ~EFLAGS.RF);
    // Loading SS holds back debug traps like interrupts.
    if (this.#trapShadow) return;
    if (flags & EFLAGS.TF) this.#trap(singleStepTrap(this));
    else if (this.#trapPending) this.#trap(new CpuFault(VECTOR.DB, undefined));
  }

  #trap(fault: CpuFault): void {
    this.#trapPending = false;
    this.#markRepeat();
    this.#deliver(deliverException(this, fault));
  }

  /** What comes between two iterations pushes an image with RF set (SDM volume 3, section 17.3.1.1). */
  #markRepeat(): void {
    const { state } = this;
    if (this.#midRepeat) state.set(STATE.EFLAGS, state.get(STATE.EFLAGS) | EFLAGS.RF);
    this.#midRepeat = false;
  }

  #takeInterrupt(): void {
    const { state } = this;
    // Debug traps of the instruction before come first.
    if (this.#trapPending) return;
    if (this.#nmiPending && !this.#nmiBlocked) {
      this.#nmiPending = false;
      this.#nmiBlocked = true;
      this.#markRepeat();
      this.#deliver(deliverNmi(this));
      return;
    }
    if (state.get(STATE.INTR) === 0 || !(state.get(STATE.EFLAGS) & EFLAGS.IF)) return;
    this.#markRepeat();
    const vector = this.bus.acknowledgeInterrupt();
    this.#deliver(deliverInterrupt(this, vector & 0xff, 'external'));
  }

  limit(instructions: number): void {
    const { state } = this;
    const budget = state.get(STATE.BUDGET);
    const left = budget + this.#withheld;
    const wanted = Math.max(0, Math.min(instructions, 0x7fffffff) | 0);
    if (wanted >= left) return;
    state.set(STATE.BUDGET, Math.min(budget, wanted));
    this.#withheld = wanted - Math.min(budget, wanted);
    this.#granted -= left - wanted;
  }
  stop(): void {
    this.#stopRequested = true;
    this.state.set(STATE.STOP, 1);
    this.limit(0);
    // From a memory access of generated code: with the records gone it stops after the instruction, not at the next branch.
    if (this.#running && !this.#inHelper) this.#code.written(this.#executingPage(), PAGE_SIZE);
  }
  /** Linear-memory address of the page of code being executed. */
  #executingPage(): number {
    const { state } = this;
    const linear = state.getU(STATE.CODE_PAGE);
    const entry = state.i32[(state.getU(STATE.TLB_FETCH) >> 2) + (linear >>> 12)]!;
    return entry === TLB_SLOW ? 0 : (linear + entry) >>> 0;
  }
  setInterruptRequest(asserted: boolean): void {
    this.state.set(STATE.INTR, asserted ? 1 : 0);
    if (asserted && this.state.get(STATE.EFLAGS) & EFLAGS.IF) this.#attention();
  }
  setIgnne(asserted: boolean): void {
    setIgnne(this.state, asserted);
  }
  raiseNmi(): void {
    this.#nmiPending = true;
    this.#attention();
  }
  setA20(enabled: boolean): void {
    const mask = enabled ? -1 : ~0x100000;
    if (this.#mmu.paging.a20Mask === mask) return;
    this.#mmu.paging.a20Mask = mask;
    this.flushTlb(false);
  }

  reset(): void {
    this.init();
    initialRegisters(this, true);
    this.#code.clear();
    this.flushTlb(false);
    this.modeChanged();
  }
  init(): void {
    this.tripleFault = undefined;
    this.#halted = this.#nmiPending = this.#nmiBlocked = false;
    this.#shadow = this.#trapShadow = this.#trapPending = this.#midRepeat = false;
    initialRegisters(this, false);
    this.flushTlb(false);
    this.modeChanged();
  }

  // Physical memory

  mapPages(address: number, count: number, target: PageTarget): void {
    this.#physical.map(address, count, target);
    this.flushTlb(false);
  }
  readPhysical(address: number, into: Uint8Array): void {
    this.#physical.read(address, into);
  }
  writePhysical(address: number, from: Uint8Array): void {
    this.#physical.write(address, from);
  }
  translate(linear: number): number | undefined {
    return this.#mmu.paging.probe(linear);
  }
  takeDirty(offset: number, pages: number, into: Uint8Array): boolean {
    return this.#mmu.takeDirty(offset, pages, into);
  }

  registers(): RegisterState {
    return captureRegisters(this.state);
  }
  setRegisters(changes: Partial<RegisterState>): void {
    applyRegisters(this, changes);
    this.#halted = false;
    this.flushTlb(false);
    this.modeChanged();
  }
}

/** Makes a processor in its reset state. @throws RangeError for sizes that are not multiples of 4 KiB */
export function createProcessor(options: ProcessorOptions, bus: ProcessorBus): X86Processor {
  return new X86Processor(options, bus);
}
