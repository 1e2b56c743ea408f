/** A processor in real mode that runs one SSE instruction, for tests that care about values and MXCSR alone. */
import { createProcessor } from '../../../cpu/index.ts';
import { REGION, STATE } from '../../../cpu/layout.ts';
import { StopReason } from '../../../cpu/processor.ts';

const RAM_BYTES = 0x10000;
const CODE = 0x1000;
const OSFXSR_OSXMMEXCPT = 0x600;
const HLT = 0xf4;

export class FloatMachine {
  readonly #processor = createProcessor(
    { ramBytes: RAM_BYTES, videoBytes: 0, romBytes: 0, cpuid: { features: { sse3: true, ssse3: true } } },
    {
      readPort: () => 0xff,
      writePort: () => {},
      readMemory: () => 0xff,
      writeMemory: () => {},
      acknowledgeInterrupt: () => 0,
      timeStamp: () => 0,
      log: () => {},
      setFerr: () => {},
    },
  );

  constructor() {
    this.#processor.mapPages(0, RAM_BYTES / 4096, { read: REGION.GUEST, write: REGION.GUEST });
    this.#processor.setRegisters({
      cr4: OSFXSR_OSXMMEXCPT,
      cs: { selector: 0, base: 0, limit: 0xffff, attributes: 0x9b },
    });
  }

  /** Code to run, without the HLT. */
  load(code: readonly number[]): void {
    this.#processor.writePhysical(CODE, Uint8Array.from([...code, HLT]));
  }
  /** Runs the loaded code with these values in XMM0 and XMM1. */
  run(xmm0: Uint8Array, xmm1: Uint8Array, mxcsr: number): void {
    const { state } = this.#processor;
    state.u8.set(xmm0, STATE.XMM);
    state.u8.set(xmm1, STATE.XMM + 16);
    state.set(STATE.MXCSR, mxcsr);
    this.#processor.setRegisters({ eip: CODE });
    if (this.#processor.run(1000) !== StopReason.Halted) throw new Error('the instruction did not end at HLT');
  }
  get xmm0(): Uint8Array {
    return this.#processor.state.u8.slice(STATE.XMM, STATE.XMM + 16);
  }
  get eax(): number {
    return this.#processor.state.reg32(0);
  }
  get eflags(): number {
    return this.#processor.state.eflags;
  }
  get mxcsr(): number {
    return this.#processor.state.get(STATE.MXCSR);
  }
}
