/**
 * The processor with snapshots: what it goes on from, in architectural terms. Translations, decoded and compiled code are
 * never part of one; a restored processor finds them again.
 *
 * What lasts from one instruction to the next only (interrupt shadow, debug trap) is known by the count of executed
 * instructions at which it began: it is in force as long as none was executed since.
 */
import { X86Processor } from './core.ts';
import { STATE } from './layout.ts';
import type { ProcessorBus, ProcessorOptions, ProcessorSnapshot, SavableProcessor, X87Snapshot } from './processor.ts';
import type { CpuState } from './state.ts';

const X87_BYTES = 128;
const XMM_BYTES = 128;
const POINTERS = 4;

const X87_WORDS = [
  ['control', STATE.X87_CONTROL],
  ['status', STATE.X87_STATUS],
  ['top', STATE.X87_TOP],
  ['inUse', STATE.X87_IN_USE],
  ['instructionPointer', STATE.X87_IP],
  ['codeSelector', STATE.X87_CS],
  ['dataPointer', STATE.X87_DP],
  ['dataSelector', STATE.X87_DS],
  ['opcode', STATE.X87_OPCODE],
  ['reported', STATE.X87_ERROR],
] as const;

function captureX87(state: CpuState): X87Snapshot {
  const words = Object.fromEntries(X87_WORDS.map(([name, offset]) => [name, state.getU(offset)]));
  return {
    registers: state.u8.slice(STATE.X87_REGISTERS, STATE.X87_REGISTERS + X87_BYTES),
    ...words,
  } as unknown as X87Snapshot;
}

function restoreX87(state: CpuState, x87: X87Snapshot): void {
  state.u8.set(x87.registers, STATE.X87_REGISTERS);
  for (const [name, offset] of X87_WORDS) state.set(offset, x87[name]);
  state.set(STATE.X87_TOP, x87.top & 7);
}

function checkLength(what: string, length: number, wanted: number): void {
  if (length !== wanted) throw new RangeError(`${what}: ${length} instead of ${wanted} elements`);
}

export class SavableX86Processor extends X86Processor implements SavableProcessor {
  onPhysicalAccess: ((address: number, length: number) => void) | undefined;
  #shadowedAt = -1;
  #shadowHoldsTraps = false;
  #trapAt = -1;
  #nmi = false;

  override shadowInterrupts(holdsTraps: boolean): void {
    this.#shadowedAt = this.executed;
    this.#shadowHoldsTraps = holdsTraps;
    super.shadowInterrupts(holdsTraps);
  }

  override debugTrap(): void {
    this.#trapAt = this.executed;
    super.debugTrap();
  }

  override raiseNmi(): void {
    this.#nmi = true;
    super.raiseNmi();
  }

  override unblockNmi(): void {
    this.#nmi = false;
    super.unblockNmi();
  }

  override init(): void {
    super.init();
    // The base class resets itself before there are fields of this one.
    if (!(#nmi in this)) return;
    this.#shadowedAt = this.#trapAt = -1;
    this.#nmi = false;
  }

  override readPhysical(address: number, into: Uint8Array): void {
    this.onPhysicalAccess?.(address, into.length);
    super.readPhysical(address, into);
  }

  override writePhysical(address: number, from: Uint8Array): void {
    this.onPhysicalAccess?.(address, from.length);
    super.writePhysical(address, from);
  }

  get settled(): boolean {
    return !this.#nmi;
  }

  capture(): ProcessorSnapshot {
    const { state, executed } = this;
    const shadowed = this.#shadowedAt === executed;
    return {
      registers: this.registers(),
      x87: captureX87(state),
      mxcsr: state.getU(STATE.MXCSR),
      xmm: state.u8.slice(STATE.XMM, STATE.XMM + XMM_BYTES),
      sysenter: {
        cs: state.getU(STATE.SYSENTER_CS),
        esp: state.getU(STATE.SYSENTER_ESP),
        eip: state.getU(STATE.SYSENTER_EIP),
      },
      timeStampOffset: { low: state.getU(STATE.TSC_OFFSET), high: state.getU(STATE.TSC_OFFSET + 4) },
      pointerTable: Array.from({ length: POINTERS }, (_, n) => state.getU(STATE.PDPTE + 4 * n)),
      halted: this.halted,
      shadow: !shadowed ? 'none' : this.#shadowHoldsTraps ? 'traps' : 'interrupts',
      trapPending: this.#trapAt === executed,
      tripleFault: this.tripleFault,
    };
  }

  restore(snapshot: ProcessorSnapshot): void {
    const { registers, x87, xmm, pointerTable, sysenter, timeStampOffset } = snapshot;
    checkLength('x87 registers', x87.registers.length, X87_BYTES);
    checkLength('XMM registers', xmm.length, XMM_BYTES);
    checkLength('debug registers', registers.dr.length, 8);
    checkLength('pointer table', pointerTable.length, POINTERS);
    const { state } = this;
    restoreX87(state, x87);
    state.set(STATE.MXCSR, snapshot.mxcsr);
    state.u8.set(xmm, STATE.XMM);
    state.set(STATE.SYSENTER_CS, sysenter.cs);
    state.set(STATE.SYSENTER_ESP, sysenter.esp);
    state.set(STATE.SYSENTER_EIP, sysenter.eip);
    state.set(STATE.TSC_OFFSET, timeStampOffset.low);
    state.set(STATE.TSC_OFFSET + 4, timeStampOffset.high);
    pointerTable.forEach((entry, n) => state.set(STATE.PDPTE + 4 * n, entry));
    this.setRegisters({ ...registers, cpl: registers.cpl & 3 });
    if (snapshot.halted) this.halt();
    if (snapshot.shadow !== 'none') this.shadowInterrupts(snapshot.shadow === 'traps');
    if (snapshot.trapPending) this.debugTrap();
    this.tripleFault = snapshot.tripleFault;
  }
}

/** Makes a processor in its reset state. @throws RangeError for sizes that are not multiples of 4 KiB */
export function createProcessor(options: ProcessorOptions, bus: ProcessorBus): SavableX86Processor {
  return new SavableX86Processor(options, bus);
}
