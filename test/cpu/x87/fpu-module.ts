/** The FPU's functions alone in a module, over a memory that holds nothing but the state page. */
import { ModuleBuilder } from '../../../cpu/emitter/index.ts';
import { STATE } from '../../../cpu/layout.ts';
import { defineX87 } from '../../../cpu/x87/index.ts';

export type FpuFunction = (...args: (number | bigint)[]) => number;

export class Fpu {
  readonly memory = new WebAssembly.Memory({ initial: 1 });
  readonly view: DataView = new DataView(this.memory.buffer);
  readonly functions: Record<string, FpuFunction>;

  constructor() {
    const m = new ModuleBuilder();
    m.importMemory('e', 'memory', 1);
    for (const [name, ref] of Object.entries(defineX87(m))) m.export(name, ref);
    const instance = new WebAssembly.Instance(new WebAssembly.Module(m.build()), { e: { memory: this.memory } });
    this.functions = instance.exports as Record<string, FpuFunction>;
  }

  call(name: string, ...args: (number | bigint)[]): number {
    return this.functions[`x87${name}`]!(...args);
  }
  get(offset: number): number {
    return this.view.getInt32(offset, true);
  }
  set(offset: number, value: number): void {
    this.view.setInt32(offset, value, true);
  }
  /** All registers in use, TOP 0, no flags, the given control word. */
  reset(control: number): void {
    this.set(STATE.X87_CONTROL, control);
    this.set(STATE.X87_STATUS, 0);
    this.set(STATE.X87_TOP, 0);
    this.set(STATE.X87_IN_USE, 0xff);
  }
  /** A physical register as the number that its 80 bits make. */
  register(n: number): bigint {
    const at = STATE.X87_REGISTERS + 16 * n;
    return (BigInt(this.view.getUint16(at + 8, true)) << 64n) | this.view.getBigUint64(at, true);
  }
  setRegister(n: number, value: bigint): void {
    const at = STATE.X87_REGISTERS + 16 * n;
    this.view.setBigUint64(at, value & 0xffff_ffff_ffff_ffffn, true);
    this.view.setUint16(at + 8, Number(value >> 64n), true);
  }
  /** The memory image a store has left. */
  converted(bytes: number): bigint {
    return this.view.getBigUint64(STATE.SCRATCH, true) & ((1n << BigInt(8 * bytes)) - 1n);
  }
}
