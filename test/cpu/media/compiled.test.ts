/**
 * Random programs of x87, MMX and SSE instructions: interpreted and compiled they leave the same registers and memory. MEDIA_PROGRAMS sets
 * the number of programs.
 */
import { describe, expect, it } from 'vitest';
import { createProcessor, StopReason } from '../../../cpu/index.ts';
import type { X86Processor } from '../../../cpu/core.ts';
import { STATE } from '../../../cpu/layout.ts';
import { mmxDefinitions } from '../../../cpu/opcodes/mmx.ts';
import { sseDefinitions } from '../../../cpu/opcodes/sse.ts';
import { x87Definitions } from '../../../cpu/opcodes/x87.ts';
import type { ProcessorOptions } from '../../../cpu/processor.ts';

const PROGRAMS = Number(process.env['MEDIA_PROGRAMS'] ?? 15);
const RAM_BYTES = 0x40000;
const CODE = 0x10000;
const CONTROLS = 0x1f000;
const DATA = 0x20000;
const DATA_BYTES = 1024;
const ITERATIONS = 120;
/** Instructions a turn: the programs are interrupted in the middle, and sampled. */
const SLICE = 1009;

/** A small generator (xorshift32), so that failures repeat. */
let seed = 0x6b8b4567;
function bits(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}
const random = (below: number): number => bits() % below;
const pick = <T>(values: readonly T[]): T => values[random(values.length)]!;
const little = (value: number): number[] => [0, 8, 16, 24].map((at) => (value >>> at) & 0xff);

/** Instructions that need more than their operands, change what may fault, or are helpers with tests of their own. */
const LEFT_OUT =
  /ldmxcsr|stmxcsr|fldenv|frstor|fxrstor|fxsave|fnsave|fnstenv|maskmov|wait|fbld|fbstp|fninit|fldcw|fnstcw/;

const address = (): number[] => little(DATA + 16 * random(DATA_BYTES / 16));

/** A maker of instances for each line of the opcode tables. Only EAX and EDX are used as general registers. */
function makers(definitions: typeof x87Definitions): (() => number[])[] {
  return definitions
    .filter(({ mnemonic }) => !LEFT_OUT.test(mnemonic))
    .map(({ encoding, operands }) => {
      const parts = encoding.split(' ');
      const isX87 = /^d[89a-f]$/.test(parts[0]!);
      const selector = isX87 ? parts[1]! : parts.find((part) => part.startsWith('/'));
      const opcode = parts
        .slice(0, isX87 ? 1 : undefined)
        .filter((part) => part !== 'np' && !part.startsWith('/'))
        .map((part) => parseInt(part, 16));
      const kinds = operands.split(',').map((operand) => operand[0]!);
      const memoryOnly = isX87 || kinds.includes('M');
      const registerOnly = kinds.includes('N') || kinds.includes('U');
      return () => {
        if (selector === undefined) return opcode;
        if (!selector.startsWith('/'))
          return [...opcode, parseInt(selector, 16) + (selector.endsWith('+i') ? random(8) : 0)];
        const reg = selector === '/r' ? (kinds.includes('G') ? pick([0, 2]) : random(8)) : Number(selector[1]);
        const inMemory = memoryOnly || (!registerOnly && random(2) === 1);
        const rm = kinds.includes('E') ? pick([0, 2]) : random(8);
        const operand = inMemory ? [(reg << 3) | 5, ...address()] : [0xc0 | (reg << 3) | rm];
        return [...opcode, ...operand, ...(operands.endsWith('Ib') ? [random(256)] : [])];
      };
    });
}
const X87 = makers(x87Definitions);
const ALL = [...X87, ...makers(mmxDefinitions), ...makers(sseDefinitions)];

/** FNINIT, FLDCW and LDMXCSR, six loads, then a loop over the instructions. */
function program(): Uint8Array {
  const from = random(3) === 0 ? X87 : ALL;
  const body = Array.from({ length: 5 + random(50) }, () => pick(from)()).flat();
  return Uint8Array.from([
    ...[0xdb, 0xe3, 0xd9, 0x2d, ...little(CONTROLS), 0x0f, 0xae, 0x15, ...little(CONTROLS + 4)],
    ...Array.from({ length: 6 }, () => [0xdd, 0x05, ...address()]).flat(),
    ...[0xbd, ...little(ITERATIONS)],
    ...body,
    ...[0x4d, 0x0f, 0x85, ...little(-(body.length + 7)), 0xf4],
  ]);
}
function randomData(): Uint8Array {
  const bytes = new Uint8Array(DATA_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < DATA_BYTES; at += 8) {
    view.setUint32(at, bits(), true);
    view.setUint32(at + 4, bits(), true);
    const kind = random(5);
    if (kind === 0) view.setFloat64(at, (random(2) ? 1 : -1) * (1 + random(1000) / 997), true);
    if (kind === 1) view.setFloat32(at, 1 + random(1000) / 333, true);
    if (kind === 1) view.setFloat32(at + 4, -1 - random(100) / 77, true);
    if (kind === 2) view.setBigUint64(at, BigInt(random(1000)), true);
    if (kind === 3) view.setUint32(at + 4, 0x3ff00000 + random(0x100000), true);
  }
  return bytes;
}

function make(jit: ProcessorOptions['jit']): X86Processor {
  const processor = createProcessor(
    { ramBytes: RAM_BYTES, videoBytes: 0, romBytes: 0, jit, cpuid: { features: { sse3: true, ssse3: true } } },
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
  const { byteOffset } = processor.ram;
  processor.mapPages(0, RAM_BYTES / 4096, { read: byteOffset, write: byteOffset });
  return processor;
}
const flat = (selector: number, access: number) => ({
  selector,
  base: 0,
  limit: 0xffffffff,
  attributes: 0xc000 | access,
});

/** Runs a program to its HLT; all that it may have changed. */
function outcome(processor: X86Processor, code: Uint8Array, data: Uint8Array, controls: Uint8Array): string {
  const { state } = processor;
  const segment = flat(16, 0x93);
  processor.reset();
  processor.writePhysical(CODE, code);
  processor.writePhysical(DATA, data);
  processor.writePhysical(CONTROLS, controls);
  processor.setRegisters({
    cr0: 0x33,
    cr4: 0x600,
    eip: CODE,
    eflags: 2,
    esp: 0x8000,
    cs: flat(8, 0x9b),
    ds: segment,
    es: segment,
    ss: segment,
  });
  state.u8.fill(0, STATE.X87_REGISTERS, STATE.X87_REGISTERS + 128);
  state.u8.set(data.subarray(0, 128), STATE.XMM);
  let reason: StopReason;
  do reason = processor.run(SLICE);
  while (reason === StopReason.Budget);
  const left = new Uint8Array(DATA_BYTES);
  processor.readPhysical(DATA, left);
  const hex = (from: number, bytes: number): string => Buffer.from(state.u8.slice(from, from + bytes)).toString('hex');
  return [
    reason,
    state.eip.toString(16),
    state.eflags.toString(16),
    hex(STATE.GPR, 32),
    hex(STATE.X87_REGISTERS, STATE.MXCSR + 4 - STATE.X87_REGISTERS),
    hex(STATE.XMM, 128),
    Buffer.from(left).toString('hex'),
  ].join('\n');
}

describe('x87, MMX and SSE', () => {
  it(`do the same compiled as interpreted (${PROGRAMS} programs)`, { timeout: 30_000 + 2000 * PROGRAMS }, () => {
    const interpreter = make(false);
    const compiler = make({ threshold: 1, interval: 1, patience: 1 });
    for (let n = 0; n < PROGRAMS; n++) {
      const code = program();
      const data = randomData();
      const controls = new DataView(new ArrayBuffer(8));
      controls.setUint16(0, pick([0x37f, 0x37f, 0x37f, 0x27f, 0x07f, 0x77f, 0xb7f, 0xf7f]), true);
      controls.setUint32(4, pick([0x1f80, 0x1fa0, 0x1fa0, 0x9fc0, 0x3fa0]), true);
      const run = (processor: X86Processor): string => outcome(processor, code, data, new Uint8Array(controls.buffer));
      expect(run(compiler), `program ${n}: ${Buffer.from(code).toString('hex')}`).toBe(run(interpreter));
    }
    expect(compiler.jitStatistics?.regions).toBeGreaterThan(PROGRAMS / 2);
  });
});
