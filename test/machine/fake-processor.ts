/** A processor without instructions: memory, page map and pins are real, what it "executes" is a script. */
import type {
  AccessSize,
  PageTarget,
  Processor,
  ProcessorBus,
  ProcessorOptions,
  RegisterState,
  TripleFaultReport,
} from '../../cpu/processor.ts';
import { StopReason } from '../../cpu/processor.ts';

const PAGE = 0x1000;

/** One step of a script; returns true to stay (the step runs again). Undefined script: HLT for ever. */
export type Step = (cpu: FakeProcessor) => boolean | void;

export class FakeProcessor implements Processor {
  readonly linearMemory: WebAssembly.Memory;
  readonly ram: Uint8Array;
  readonly video: Uint8Array;
  readonly rom: Uint8Array;
  readonly bus: ProcessorBus;
  executed = 0;
  halted = false;
  tripleFault: TripleFaultReport | undefined;
  interruptRequest = false;
  nmis = 0;
  a20 = true;
  resets = 0;
  inits = 0;
  readonly script: Step[] = [];
  #read = new Map<number, number>();
  #write = new Map<number, number>();
  #dirty: Uint8Array;
  #left = 0;
  #stopped = false;

  constructor(options: ProcessorOptions, bus: ProcessorBus) {
    this.bus = bus;
    const { ramBytes, videoBytes, romBytes } = options;
    const total = 0x10000 + ramBytes + videoBytes + romBytes;
    this.linearMemory = new WebAssembly.Memory({ initial: Math.ceil(total / 0x10000) });
    const { buffer } = this.linearMemory;
    this.ram = new Uint8Array(buffer, 0x10000, ramBytes);
    this.video = new Uint8Array(buffer, 0x10000 + ramBytes, videoBytes);
    this.rom = new Uint8Array(buffer, 0x10000 + ramBytes + videoBytes, romBytes);
    this.#dirty = new Uint8Array(buffer.byteLength / PAGE);
  }

  run(instructions: number): StopReason {
    this.#left = instructions;
    this.#stopped = false;
    while (this.#left > 0) {
      if (this.tripleFault) return StopReason.Shutdown;
      if (this.halted && !this.interruptRequest) return StopReason.Halted;
      this.halted = false;
      const step = this.script[0];
      this.executed++;
      this.#left--;
      if (!step) this.halted = true;
      else if (step(this) !== true && this.script[0] === step) this.script.shift();
      if (this.#stopped) return StopReason.Requested;
    }
    return StopReason.Budget;
  }

  limit(instructions: number): void {
    this.#left = Math.min(this.#left, instructions);
  }

  stop(): void {
    this.#stopped = true;
  }

  setInterruptRequest(asserted: boolean): void {
    this.interruptRequest = asserted;
  }

  setIgnne(): void {}
  raiseNmi(): void {
    this.nmis++;
  }

  setA20(enabled: boolean): void {
    this.a20 = enabled;
  }

  reset(): void {
    this.resets++;
    this.halted = false;
    this.tripleFault = undefined;
  }

  init(): void {
    this.inits++;
    this.halted = false;
  }

  mapPages(address: number, count: number, target: PageTarget): void {
    if (address % PAGE !== 0 || !Number.isInteger(count) || count < 1) throw new RangeError('not pages');
    for (let i = 0; i < count; i++) {
      const page = address / PAGE + i;
      if (target.read === undefined) this.#read.delete(page);
      else this.#read.set(page, target.read + i * PAGE);
      if (target.write === undefined) this.#write.delete(page);
      else this.#write.set(page, target.write + i * PAGE);
    }
  }

  /** A guest's load and store, through the page map or the bus. */
  load(address: number, size: AccessSize = 1): number {
    const base = this.#read.get(Math.floor(address / PAGE));
    if (base === undefined) return this.bus.readMemory(address, size);
    const view = new DataView(this.linearMemory.buffer, base + (address % PAGE));
    return size === 1 ? view.getUint8(0) : size === 2 ? view.getUint16(0, true) : view.getUint32(0, true);
  }

  store(address: number, value: number, size: AccessSize = 1): void {
    const base = this.#write.get(Math.floor(address / PAGE));
    if (base === undefined) {
      this.bus.writeMemory(address, size, value);
      return;
    }
    this.#dirty[Math.floor(base / PAGE)] = 1;
    const view = new DataView(this.linearMemory.buffer, base + (address % PAGE));
    if (size === 1) view.setUint8(0, value);
    else if (size === 2) view.setUint16(0, value, true);
    else view.setUint32(0, value, true);
  }

  in(port: number, size: AccessSize = 1): number {
    return this.bus.readPort(port, size);
  }

  out(port: number, value: number, size: AccessSize = 1): void {
    this.bus.writePort(port, size, value);
  }

  /** Reads PCI configuration space by mechanism 1. */
  pciRead(slot: number, number: number, register: number, size: AccessSize = 4): number {
    this.out(0xcf8, (0x80000000 | (slot << 11) | (number << 8) | (register & 0xfc)) >>> 0, 4);
    return this.in(0xcfc + (register & 3), size);
  }

  pciWrite(slot: number, number: number, register: number, value: number, size: AccessSize = 4): void {
    this.out(0xcf8, (0x80000000 | (slot << 11) | (number << 8) | (register & 0xfc)) >>> 0, 4);
    this.out(0xcfc + (register & 3), value, size);
  }

  readPhysical(address: number, into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) {
      const base = this.#read.get(Math.floor((address + i) / PAGE));
      into[i] = base === undefined ? 0xff : new Uint8Array(this.linearMemory.buffer)[base + ((address + i) % PAGE)]!;
    }
  }

  writePhysical(address: number, from: Uint8Array): void {
    from.forEach((byte, i) => {
      if (this.#write.has(Math.floor((address + i) / PAGE))) this.store(address + i, byte);
    });
  }

  translate(linear: number): number {
    return linear;
  }

  takeDirty(offset: number, pages: number, into: Uint8Array): boolean {
    const first = offset / PAGE;
    into.set(this.#dirty.subarray(first, first + pages));
    this.#dirty.fill(0, first, first + pages);
    return into.subarray(0, pages).includes(1);
  }

  registers(): RegisterState {
    const segment = { selector: 0, base: 0, limit: 0xffff, attributes: 0x93 };
    const table = { base: 0, limit: 0xffff };
    return {
      ...{ eax: 1, ecx: 2, edx: 3, ebx: 4, esp: 5, ebp: 6, esi: 7, edi: 8, eip: 0xfff0, eflags: 2 },
      ...{ cs: segment, ds: segment, es: segment, ss: segment, fs: segment, gs: segment, ldtr: segment, tr: segment },
      ...{ gdtr: table, idtr: table, cr0: 0x10, cr2: 0, cr3: 0, cr4: 0, dr: [], cpl: 0 },
    };
  }

  setRegisters(): void {}
}
