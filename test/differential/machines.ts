/** The two machines that run an image: the processor of this project, and QEMU. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProcessor, type SavableX86Processor } from '../../cpu/index.ts';
import type { RegisterState } from '../../cpu/processor.ts';
import { StopReason } from '../../cpu/processor.ts';
import { ENTRY, IMAGE_BASE } from './image.ts';
import { jit as defaultJit, type JitConfiguration } from '../lock-step/configurations.ts';

const RAM_BYTES = 16 << 20;
const PORT = { TEXT: 0xe9, EXIT: 0xf4, RESUME: 0x80 } as const;
const FEATURES = { sse2: true, sse3: false, ssse3: false };

/** The processor with an image loaded as a multiboot loader leaves it, and what it wrote. */
export class Machine {
  readonly cpu: SavableX86Processor;
  finished = false;
  /** Stop whenever the harness is about to go back to a program. */
  stopsAtResume = false;
  #output = new Uint8Array(1 << 16);
  #length = 0;

  constructor(image: Uint8Array, jit: JitConfiguration = defaultJit) {
    this.cpu = createProcessor(
      { ramBytes: RAM_BYTES, videoBytes: 0, romBytes: 0, jit, cpuid: { features: FEATURES } },
      {
        readPort: () => 0xff,
        writePort: (port, _size, value) => {
          if (port === PORT.TEXT) this.#write(value);
          else if (port === PORT.RESUME && this.stopsAtResume) this.cpu.stop();
          else if (port === PORT.EXIT) {
            this.finished = true;
            this.cpu.stop();
          }
        },
        readMemory: () => 0xffffffff,
        writeMemory: () => {},
        acknowledgeInterrupt: () => 0xff,
        timeStamp: () => 0,
        log: () => {},
        setFerr: () => {},
      },
    );
    const { cpu } = this;
    cpu.mapPages(0, RAM_BYTES / 4096, { read: cpu.ram.byteOffset, write: cpu.ram.byteOffset });
    cpu.writePhysical(IMAGE_BASE, image);
    const flat = (selector: number, access: number) => ({
      selector,
      base: 0,
      limit: 0xffffffff,
      attributes: 0xc000 | access,
    });
    const data = flat(0x10, 0x93);
    const state: Partial<RegisterState> = { ds: data, es: data, fs: data, gs: data, ss: data, cs: flat(8, 0x9b) };
    cpu.setRegisters({ ...state, cr0: 0x11, eip: ENTRY, esp: 0x9000, eflags: 2 });
  }

  #write(value: number): void {
    if (this.#length === this.#output.length) {
      const larger = new Uint8Array(this.#output.length * 2);
      larger.set(this.#output);
      this.#output = larger;
    }
    this.#output[this.#length++] = value;
  }

  /** What was written to port E9h. */
  get output(): Uint8Array {
    return this.#output.subarray(0, this.#length);
  }

  /** Runs until the harness ends or nothing is written in `patience` instructions. */
  run(patience = 2_000_000): void {
    while (!this.finished) {
      const before = this.#length;
      const reason = this.cpu.run(patience);
      if (reason === StopReason.Shutdown || reason === StopReason.Halted || this.#length === before) return;
    }
  }
}

/** True if QEMU can be started. */
export const qemuInstalled = (): boolean => spawnSync('qemu-system-i386', ['--version']).status === 0;

/** What the harness writes under QEMU. */
export function runQemu(image: Uint8Array, timeout = 60_000): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'differential-'));
  try {
    const kernel = join(folder, 'image');
    const output = join(folder, 'output');
    writeFileSync(kernel, image);
    const machine = ['-M', 'pc', '-accel', 'tcg', '-cpu', 'pentium3,+sse2', '-m', '16', '-display', 'none'];
    const devices = ['-net', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=1'];
    spawnSync('qemu-system-i386', [...machine, ...devices, '-debugcon', `file:${output}`, '-kernel', kernel], {
      timeout,
    });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
