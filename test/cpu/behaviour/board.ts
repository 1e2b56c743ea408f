/** A board for behaviour tests: memory, a few ports, an interrupt source, and one page of device memory. */
import { createProcessor, type X86Processor } from '../../../cpu/index.ts';
import type { InstructionDefinition } from '../../../cpu/opcodes/definition.ts';
import { type AccessSize, type RegisterState, StopReason } from '../../../cpu/processor.ts';
import { jit as defaultJit, type JitConfiguration } from '../../lock-step/configurations.ts';

export const RAM_BYTES = 16 << 20;
/** Device memory: a page that only the bus answers for. */
export const DEVICE_PAGE = 0xf0000000;

export const PORT = { EXIT: 0xf4, TEXT: 0xe9 } as const;

export class Board {
  readonly cpu: X86Processor;
  /** What the program wrote to port E9h. */
  text = '';
  exitCode: number | undefined;
  /** Called for each port and device access; the value for reads. */
  onRead!: (port: number, size: AccessSize) => number;
  onWrite!: (port: number, size: AccessSize, value: number) => void;
  onDeviceRead!: (address: number, size: AccessSize) => number;
  onDeviceWrite!: (address: number, size: AccessSize, value: number) => void;
  /** Contents of the device page. */
  readonly device = new DataView(new ArrayBuffer(4096 + 4));
  /** Vectors the interrupt source gives out, in order; the request stays up while there are any. */
  readonly vectors: number[] = [];

  constructor(romBytes = 0, jit: JitConfiguration = defaultJit, instructions: readonly InstructionDefinition[] = []) {
    this.cpu = createProcessor(
      { ramBytes: RAM_BYTES, videoBytes: 0, romBytes, jit, instructions },
      {
        readPort: (port, size) => this.onRead(port, size),
        writePort: (port, size, value) => {
          if (port === PORT.TEXT) this.text += String.fromCharCode(value & 0xff);
          else if (port === PORT.EXIT) {
            this.exitCode = value & 0xff;
            this.cpu.stop();
          } else this.onWrite(port, size, value);
        },
        readMemory: (address, size) =>
          address >= DEVICE_PAGE && address < DEVICE_PAGE + 4096 ? this.onDeviceRead(address, size) : 0xffffffff,
        writeMemory: (address, size, value) => {
          if (address >= DEVICE_PAGE && address < DEVICE_PAGE + 4096) this.onDeviceWrite(address, size, value);
        },
        acknowledgeInterrupt: () => {
          const vector = this.vectors.shift() ?? 0xff;
          this.cpu.setInterruptRequest(this.vectors.length > 0);
          return vector;
        },
        timeStamp: () => this.cpu.executed,
        log: () => {},
        setFerr: () => {},
      },
    );
    this.reset();
  }

  /** As new: memory is 0, nothing is pending, the callbacks are the plain ones. */
  reset(): void {
    this.text = '';
    this.exitCode = undefined;
    this.vectors.length = 0;
    this.onRead = () => 0xff;
    this.onWrite = () => {};
    this.onDeviceRead = (address, size) => {
      const offset = address & 0xfff;
      if (size === 1) return this.device.getUint8(offset);
      return size === 2 ? this.device.getUint16(offset, true) : this.device.getUint32(offset, true);
    };
    this.onDeviceWrite = (address, size, value) => {
      const offset = address & 0xfff;
      if (size === 1) this.device.setUint8(offset, value);
      else if (size === 2) this.device.setUint16(offset, value, true);
      else this.device.setUint32(offset, value, true);
    };
    this.cpu.mapPages(0, RAM_BYTES / 4096, { read: this.cpu.ram.byteOffset, write: this.cpu.ram.byteOffset });
    this.cpu.writePhysical(0, new Uint8Array(RAM_BYTES));
    this.cpu.setInterruptRequest(false);
    this.cpu.setA20(true);
    this.cpu.reset();
  }

  interrupt(vector: number): void {
    this.vectors.push(vector);
    this.cpu.setInterruptRequest(true);
  }

  /** Flat 32-bit segments in ring 0, interrupts off, at `eip`. */
  enterFlat(eip: number, changes: Partial<RegisterState> = {}): void {
    const flat = (selector: number, access: number) => ({
      selector,
      base: 0,
      limit: 0xffffffff,
      attributes: 0xc000 | access,
    });
    const data = flat(0x10, 0x93);
    this.cpu.setRegisters({
      cs: flat(0x08, 0x9b),
      ds: data,
      es: data,
      fs: data,
      gs: data,
      ss: data,
      cr0: 0x11,
      eip,
      esp: 0x9000,
      eflags: 2,
      ...changes,
    });
  }

  /** Real mode at `cs`:`ip` with the other segments 0. */
  enterReal(cs: number, ip: number, changes: Partial<RegisterState> = {}): void {
    const segment = (selector: number) => ({ selector, base: selector * 16, limit: 0xffff, attributes: 0x93 });
    this.cpu.setRegisters({
      cs: segment(cs),
      ds: segment(0),
      es: segment(0),
      ss: segment(0),
      fs: segment(0),
      gs: segment(0),
      idtr: { base: 0, limit: 0x3ff },
      cr0: 0x10,
      eip: ip,
      esp: 0x7c00,
      eflags: 2,
      ...changes,
    });
  }

  load(address: number, ...parts: (number | readonly number[])[]): void {
    this.cpu.writePhysical(address, Uint8Array.from(parts.flat()));
  }
  dword(address: number): number {
    return new DataView(this.cpu.ram.buffer, this.cpu.ram.byteOffset).getUint32(address, true);
  }

  /** Runs in slices of `slice` instructions until something other than the budget ends a run, at most `most`. */
  run(most = 1_000_000, slice = most): StopReason {
    const end = this.cpu.executed + most;
    for (;;) {
      const reason = this.cpu.run(Math.min(slice, end - this.cpu.executed));
      if (reason !== StopReason.Budget || this.cpu.executed >= end) return reason;
    }
  }
}

/** Little-endian bytes of a 32-bit value. */
export const le32 = (value: number): number[] => [
  value & 0xff,
  (value >>> 8) & 0xff,
  (value >>> 16) & 0xff,
  value >>> 24,
];
