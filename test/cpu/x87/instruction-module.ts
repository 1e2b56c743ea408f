/**
 * x87 instructions without a processor: every line of the opcode table becomes a function (address, rm, segment) over a small flat
 * memory, and `Machine.run` decodes and executes one instruction stream of them. Exceptions are reported, not delivered.
 */
import {
  asI32,
  asI64,
  type Expr,
  type FunctionBuilder,
  type FunctionRef,
  i32,
  i64,
  type I32,
  type I64,
  type Local,
  ModuleBuilder,
} from '../../../cpu/emitter/index.ts';
import type { Core, DecodedOperands, LinearMemory } from '../../../cpu/helpers.ts';
import { STATE } from '../../../cpu/layout.ts';
import type { InstructionDefinition } from '../../../cpu/opcodes/definition.ts';
import { x87Definitions } from '../../../cpu/opcodes/x87.ts';
import type { InstructionContext, Width } from '../../../cpu/semantics/context.ts';
import { CpuFault, CpuState } from '../../../cpu/state.ts';
import { x87Helpers } from '../../../cpu/x87/helpers.ts';
import { defineX87 } from '../../../cpu/x87/index.ts';

/** Guest address 0 within linear memory. */
export const GUEST = 0x10000;
export const GUEST_BYTES = 0x40000;

/** What semantics of the FPU ask for; anything else is an error of the test. */
function context(
  f: FunctionBuilder,
  functions: Record<string, FunctionRef & { result: 'i32' }>,
  isMemory: boolean,
  compact: boolean,
): InstructionContext {
  const [address, rm, segment, eip] = f.params as unknown as [Local<'i32'>, Local<'i32'>, Local<'i32'>, Local<'i32'>];
  const at = (displacement: number): Expr<'i32'> => i32.add(address, displacement);
  const part = {
    f,
    width: 4 as Width,
    isMemory,
    compact,
    x87Opcode: i32.const(0),
    address: () => address,
    load: (width: Width, displacement = 0) => f.let((width === 2 ? i32.load16_u : i32.load)(at(displacement), GUEST)),
    loadI64: (displacement = 0) => f.let(i64.load(at(displacement), GUEST)),
    store: (width: Width, value: I32, displacement = 0) =>
      width === 2 ? f.store16(at(displacement), value, GUEST) : f.store(at(displacement), value, GUEST),
    storeI64: (value: I64, displacement = 0) => f.store64(at(displacement), asI64(value), GUEST),
    probeWrite: () => {},
    readGpr: (n: number) => i32.load(0, n * 4),
    writeGpr: (n: number, width: Width, value: I32) =>
      width === 2 ? f.store16(0, value, n * 4) : f.store(0, value, n * 4),
    rmNumber: () => rm,
    eip: () => eip,
    segmentNumber: () => segment,
    raiseIf: (condition: I32, vector: I32) => f.if(condition, () => f.return(asI32(vector))),
    // The test keeps the status flags as an EFLAGS image in FLAG_CARRY.
    setStatusFlags: (image: I32) => f.store(0, i32.and(image, 0x8d5), STATE.FLAG_CARRY),
    condition: (code: number) => {
      const mask = { 1: 0x01, 2: 0x40, 3: 0x41, 5: 0x04 }[code >> 1]!;
      const set = i32.ne(i32.and(i32.load(0, STATE.FLAG_CARRY), mask), 0);
      return code & 1 ? i32.eqz(set) : set;
    },
    fn: (name: string) => functions[name]!,
  };
  return part as unknown as InstructionContext;
}

type Handler = (address: number, rm: number, segment: number, eip: number) => number;

/** Outcome of an instruction stream: the exception that ended it, and where. */
export interface Outcome {
  readonly vector: number | undefined;
  readonly eip: number;
}

export class Machine {
  readonly memory = new WebAssembly.Memory({
    initial: (GUEST + GUEST_BYTES) >> 16,
    maximum: (GUEST + GUEST_BYTES) >> 16,
  });
  readonly state: CpuState = new CpuState(this.memory);
  readonly guest: Uint8Array = new Uint8Array(this.memory.buffer, GUEST, GUEST_BYTES);
  /** By opcode byte (d8-df, 9b, fae): memory forms by reg, register forms by ModRM byte. */
  readonly #definitions = new Map<string, InstructionDefinition>();
  readonly #handlers: Record<string, Handler>;
  readonly #core: Core;

  /** `compact`: the code that InstructionContext.compact asks for. */
  constructor(compact = false) {
    const m = new ModuleBuilder();
    m.importMemory('e', 'memory', (GUEST + GUEST_BYTES) >> 16);
    const functions = defineX87(m);
    for (const definition of x87Definitions) {
      const [opcode, selector] = definition.encoding.replace('0f ', '0f').split(' ') as [string, string | undefined];
      const first = parseInt(selector ?? '', 16);
      const isMemory = selector?.startsWith('/') ?? false;
      if (isMemory || selector === undefined) this.#definitions.set(`${opcode}${selector ?? ''}`, definition);
      else {
        const stack = selector.endsWith('+i');
        for (let i = 0; i < (stack ? 8 : 1); i++)
          this.#definitions.set(`${opcode}${(first + i).toString(16)}`, definition);
      }
      if (!definition.emit) continue;
      const { emit } = definition;
      m.export(
        definition.encoding,
        m.function(['i32', 'i32', 'i32', 'i32'], 'i32', (f) => {
          emit(context(f, functions, isMemory, compact));
          f.return(-1);
        }),
      );
    }
    const instance = new WebAssembly.Instance(new WebAssembly.Module(m.build()), { e: { memory: this.memory } });
    this.#handlers = instance.exports as Record<string, Handler>;
    const view = new DataView(this.memory.buffer, GUEST, GUEST_BYTES);
    const memory: Partial<LinearMemory> = {
      read8: (a) => view.getUint8(a),
      read16: (a) => view.getUint16(a, true),
      read32: (a) => view.getUint32(a, true),
      write8: (a, v) => view.setUint8(a, v),
      write16: (a, v) => view.setUint16(a, v, true),
      write32: (a, v) => view.setUint32(a, v, true),
      probeRead: () => {},
      probeWrite: () => {},
    };
    for (let n = 0; n < 6; n++)
      for (const limit of [STATE.SEGMENT_READ_HI, STATE.SEGMENT_WRITE_HI]) this.state.set(limit + 4 * n, -1);
    this.#core = { state: this.state, memory: memory as LinearMemory } as Core;
  }

  /** Bases of FS and GS; the other segments are flat. */
  segmentBases: readonly [number, number] = [0, 0];

  get eflags(): number {
    return this.state.get(STATE.FLAG_CARRY);
  }
  set eflags(value: number) {
    this.state.set(STATE.FLAG_CARRY, value & 0x8d5);
  }

  /** Executes until a byte that is no x87 instruction (undefined), an exception, or a form that the table lacks. */
  run(eip: number): Outcome {
    for (;;) {
      const start = eip;
      let operandSize: 2 | 4 = 4;
      let addressSize: 2 | 4 = 4;
      let base = 0;
      for (; [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67].includes(this.guest[eip]!); eip++) {
        if (this.guest[eip] === 0x66) operandSize = 2;
        if (this.guest[eip] === 0x67) addressSize = 2;
        if (this.guest[eip] === 0x64 || this.guest[eip] === 0x65) base = this.segmentBases[this.guest[eip]! & 1]!;
      }
      let opcode = this.guest[eip++]!.toString(16).padStart(2, '0');
      if (opcode === '9b') {
        const vector = this.#handlers['9b']!(0, 0, 0, start);
        if (vector >= 0) return { vector, eip: start };
        continue;
      }
      if (opcode === '0f') opcode += this.guest[eip++]!.toString(16).padStart(2, '0');
      if (!/^d[89a-f]$|^0fae$/.test(opcode)) return { vector: undefined, eip: start };
      const modrm = this.guest[eip++]!;
      const isMemory = modrm < 0xc0;
      let address = 0;
      if (isMemory) [address, eip] = this.#address(modrm, eip, addressSize);
      address = (address + base) >>> 0;
      const definition = this.#definitions.get(opcode + (isMemory ? `/${(modrm >> 3) & 7}` : modrm.toString(16)));
      if (!definition) return { vector: undefined, eip: start };
      const vector = this.#execute(
        definition,
        { address, segment: 3, operandSize, addressSize, isMemory, rm: modrm & 7 },
        start,
      );
      if (vector >= 0) return { vector, eip: start };
    }
  }

  #execute(definition: InstructionDefinition, op: Partial<DecodedOperands>, eip: number): number {
    if (definition.helper === undefined)
      return this.#handlers[definition.encoding]!(op.address ?? 0, op.rm ?? 0, 3, eip);
    try {
      x87Helpers[definition.helper]!(this.#core, op as DecodedOperands);
      return -1;
    } catch (fault) {
      if (fault instanceof CpuFault) return fault.vector;
      throw fault;
    }
  }

  #address(modrm: number, eip: number, size: 2 | 4): [number, number] {
    const view = new DataView(this.memory.buffer, GUEST, GUEST_BYTES);
    const mod = modrm >> 6;
    const rm = modrm & 7;
    const r = (n: number): number => this.state.reg32(n);
    let base: number;
    let wide = mod === 2;
    if (size === 2) {
      base = [r(3) + r(6), r(3) + r(7), r(5) + r(6), r(5) + r(7), r(6), r(7), r(5), r(3)][rm]!;
      if (mod === 0 && rm === 6) [base, wide] = [0, true];
    } else if (rm === 4) {
      const sib = this.guest[eip++]!;
      const index = (sib >> 3) & 7;
      base = (sib & 7) === 5 && mod === 0 ? 0 : r(sib & 7);
      if ((sib & 7) === 5 && mod === 0) wide = true;
      if (index !== 4) base += r(index) << (sib >> 6);
    } else if (rm === 5 && mod === 0) [base, wide] = [0, true];
    else base = r(rm);
    if (mod === 1) base += view.getInt8(eip++);
    else if (wide) {
      base += size === 4 ? view.getInt32(eip, true) : view.getInt16(eip, true);
      eip += size;
    }
    return [size === 4 ? base >>> 0 : base & 0xffff, eip];
  }
}
