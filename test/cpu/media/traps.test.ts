/** When MMX and SSE instructions fault: Intel SDM volume 3, tables 12-1 and 13-1, and the exception lists of volume 2. */
import { describe, expect, it } from 'vitest';
import { createProcessor } from '../../../cpu/index.ts';
import type { X86Processor } from '../../../cpu/core.ts';
import { REGION, STATE } from '../../../cpu/layout.ts';
import { type ProcessorBus, StopReason } from '../../../cpu/processor.ts';

const RAM_BYTES = 0x10000;
const CODE = 0x1000;
const HANDLERS = 0x2000;
const DATA = 0x4000;
const HLT = 0xf4;
const [UD, NM, GP, MF, XM] = [6, 7, 13, 16, 19];
const CR0 = { EM: 4, TS: 8, NE: 0x20 };
const CR4 = { OSFXSR: 0x200, OSXMMEXCPT: 0x400 };
const BX = DATA;

const BUS: ProcessorBus = {
  readPort: () => 0xff,
  writePort: () => {},
  readMemory: () => 0xff,
  writeMemory: () => {},
  acknowledgeInterrupt: () => 0,
  timeStamp: () => 0,
  log: () => {},
  setFerr: () => {},
};

interface Setup {
  cr0?: number;
  cr4?: number;
  mxcsr?: number;
  xmm?: readonly bigint[];
  bx?: number;
  /** The dword at DATA. */
  data?: number;
  fsw?: number;
  features?: Record<string, boolean>;
}

const processors = new Map<string, X86Processor>();
/** One processor for each set of features: making one takes longer than all its cases. */
function processorWith(features: Record<string, boolean>): X86Processor {
  const key = JSON.stringify(features);
  let processor = processors.get(key);
  if (!processor) {
    processor = createProcessor({ ramBytes: RAM_BYTES, videoBytes: 0, romBytes: 0, cpuid: { features } }, BUS);
    processor.mapPages(0, RAM_BYTES / 4096, { read: REGION.GUEST, write: REGION.GUEST });
    processors.set(key, processor);
  }
  processor.reset();
  return processor;
}

/** Runs one instruction in real mode with BX pointing at data; vector of its exception, undefined if it went through. */
function run(code: readonly number[], setup: Setup = {}) {
  const processor = processorWith(setup.features ?? {});
  const { state, ram } = processor;
  const view = new DataView(ram.buffer, ram.byteOffset, ram.byteLength);
  for (let vector = 0; vector < 32; vector++) {
    view.setUint32(4 * vector, HANDLERS + 16 * vector, true);
    ram[HANDLERS + 16 * vector] = HLT;
  }
  processor.writePhysical(CODE, Uint8Array.from([...code, HLT]));
  view.setUint32(DATA, setup.data ?? 0, true);
  processor.setRegisters({
    cr0: 0x10 | CR0.NE | (setup.cr0 ?? 0),
    cr4: setup.cr4 ?? CR4.OSFXSR | CR4.OSXMMEXCPT,
    cs: { selector: 0, base: 0, limit: 0xffff, attributes: 0x9b },
    eip: CODE,
    esp: 0x8000,
    ebx: setup.bx ?? BX,
    edi: DATA,
  });
  state.set(STATE.MXCSR, setup.mxcsr ?? 0x1f80);
  state.set(STATE.X87_STATUS, setup.fsw ?? 0);
  setup.xmm?.forEach((value, n) => state.view.setBigUint64(STATE.XMM + 16 * n, value, true));
  expect(processor.run(100)).toBe(StopReason.Halted);
  const at = state.eip - 1;
  const vector = at >= HANDLERS && at < HANDLERS + 512 ? (at - HANDLERS) >> 4 : undefined;
  const returnIp = view.getUint16(0x8000 - 6, true);
  if (vector !== undefined) expect(returnIp, 'a fault returns to its instruction').toBe(CODE);
  return { vector, state, processor };
}

const PADDB = [0x0f, 0xfc, 0xc1];
const EMMS = [0x0f, 0x77];
const PAVGB = [0x0f, 0xe0, 0xc1];
const ADDPS = [0x0f, 0x58, 0xc1];
const PADDB_XMM = [0x66, 0x0f, 0xfc, 0xc1];
const LDMXCSR = [0x0f, 0xae, 0x17];
const STMXCSR = [0x0f, 0xae, 0x1f];
const MOVNTI = [0x0f, 0xc3, 0x07];
const PREFETCHT0 = [0x0f, 0x18, 0x0f];
const MFENCE = [0x0f, 0xae, 0xf0];
const SFENCE = [0x0f, 0xae, 0xf8];
const CVTTPS2PI = [0x0f, 0x2c, 0xc1];
const MOVDQ2Q = [0xf2, 0x0f, 0xd6, 0xc1];
const MASKMOVQ = [0x0f, 0xf7, 0xc1];
const MASKMOVDQU = [0x66, 0x0f, 0xf7, 0xc1];
const DIVSS = [0xf3, 0x0f, 0x5e, 0xc1];
const MOVAPS_LOAD = [0x0f, 0x28, 0x07];
const MOVUPS_LOAD = [0x0f, 0x10, 0x07];
const ADDPS_LOAD = [0x0f, 0x58, 0x07];
const ADDSS_LOAD = [0xf3, 0x0f, 0x58, 0x07];
const MOVNTPS = [0x0f, 0x2b, 0x07];

describe('traps of the control registers', () => {
  const table: [string, readonly number[], number | undefined, number | undefined, number | undefined][] = [
    // name, code, with CR0.EM, with CR0.TS, without CR4.OSFXSR
    ['PADDB mm', PADDB, UD, NM, undefined],
    ['EMMS', EMMS, UD, NM, undefined],
    ['PAVGB mm', PAVGB, UD, NM, undefined],
    ['MASKMOVQ', MASKMOVQ, UD, NM, undefined],
    ['ADDPS', ADDPS, UD, NM, UD],
    ['PADDB xmm', PADDB_XMM, UD, NM, UD],
    ['MASKMOVDQU', MASKMOVDQU, UD, NM, UD],
    ['LDMXCSR', LDMXCSR, UD, NM, UD],
    ['STMXCSR', STMXCSR, UD, NM, UD],
    ['CVTTPS2PI', CVTTPS2PI, UD, NM, UD],
    ['MOVDQ2Q', MOVDQ2Q, UD, NM, UD],
    ['MOVNTI', MOVNTI, undefined, undefined, undefined],
    ['PREFETCHT0', PREFETCHT0, undefined, undefined, undefined],
    ['MFENCE', MFENCE, undefined, undefined, undefined],
    ['SFENCE', SFENCE, undefined, undefined, undefined],
  ];
  it.each(table)('%s', (_name, code, em, ts, noOsfxsr) => {
    expect(run(code).vector).toBeUndefined();
    expect(run(code, { cr0: CR0.EM }).vector).toBe(em);
    expect(run(code, { cr0: CR0.TS }).vector).toBe(ts);
    expect(run(code, { cr0: CR0.EM | CR0.TS }).vector).toBe(em);
    expect(run(code, { cr4: 0 }).vector).toBe(noOsfxsr);
  });
});

describe('a pending x87 error', () => {
  const pending = { fsw: 0x8081 };
  it('stops instructions that use MMX registers', () => {
    for (const code of [PADDB, EMMS, MASKMOVQ, CVTTPS2PI, MOVDQ2Q]) expect(run(code, pending).vector).toBe(MF);
  });
  it('does not concern XMM instructions', () => {
    for (const code of [ADDPS, PADDB_XMM, LDMXCSR, MASKMOVDQU]) expect(run(code, pending).vector).toBeUndefined();
  });
});

describe('features', () => {
  it('an instruction of a withheld feature is undefined', () => {
    expect(run(PADDB, { features: { mmx: false } }).vector).toBe(UD);
    expect(run(ADDPS, { features: { sse: false } }).vector).toBe(UD);
    expect(run(PADDB_XMM, { features: { sse2: false } }).vector).toBe(UD);
    expect(run(ADDPS, { features: { sse2: false } }).vector).toBeUndefined();
    expect(run([0xf2, 0x0f, 0x7c, 0xc1]).vector).toBe(UD);
    expect(run([0xf2, 0x0f, 0x7c, 0xc1], { features: { sse3: true } }).vector).toBeUndefined();
    expect(run([0x66, 0x0f, 0x38, 0x00, 0xc1]).vector).toBe(UD);
  });
  it('LOCK is not allowed', () => {
    expect(run([0xf0, ...ADDPS]).vector).toBe(UD);
  });
});

describe('alignment', () => {
  it('16-byte operands must be aligned where the instruction says so', () => {
    for (const code of [MOVAPS_LOAD, ADDPS_LOAD, MOVNTPS]) {
      expect(run(code, { bx: DATA + 8 }).vector).toBe(GP);
      expect(run(code, { bx: DATA }).vector).toBeUndefined();
    }
    for (const code of [MOVUPS_LOAD, ADDSS_LOAD]) expect(run(code, { bx: DATA + 5 }).vector).toBeUndefined();
  });
  it('an operand beyond the segment raises #GP', () => {
    expect(run(MOVUPS_LOAD, { bx: 0xfff8 }).vector).toBe(GP);
    expect(run(ADDSS_LOAD, { bx: 0xfffc }).vector).toBeUndefined();
    expect(run(ADDSS_LOAD, { bx: 0xfffd }).vector).toBe(GP);
  });
});

describe('floating-point exceptions', () => {
  const ONE = 0x3f80_0000n;
  const divideByZero = { xmm: [ONE, 0n], mxcsr: 0x1f80 & ~0x200 };

  it('unmasked: #XM, flag set, destination unchanged', () => {
    const { vector, state } = run(DIVSS, divideByZero);
    expect(vector).toBe(XM);
    expect(state.get(STATE.MXCSR)).toBe(0x1d84);
    expect(state.view.getBigUint64(STATE.XMM, true)).toBe(ONE);
  });
  it('unmasked without CR4.OSXMMEXCPT: #UD', () => {
    expect(run(DIVSS, { ...divideByZero, cr4: CR4.OSFXSR }).vector).toBe(UD);
  });
  it('masked: infinity', () => {
    const { vector, state } = run(DIVSS, { xmm: [ONE, 0n] });
    expect(vector).toBeUndefined();
    expect(state.view.getUint32(STATE.XMM, true)).toBe(0x7f80_0000);
    expect(state.get(STATE.MXCSR)).toBe(0x1f84);
  });
  it('a flag already set does not raise', () => {
    expect(run(ADDPS, { mxcsr: 0x003f & ~0x20 }).vector).toBeUndefined();
  });
  it('unmasked in COMISS: EFLAGS unchanged', () => {
    const quietNaN = 0x7fc0_0000n;
    const { vector, state } = run([0x0f, 0x2f, 0xc1], { xmm: [quietNaN, ONE], mxcsr: 0x1f00 });
    expect(vector).toBe(XM);
    expect(state.eflags & 0x8d5).toBe(0);
  });
  it('LDMXCSR: reserved bits raise #GP', () => {
    const rejected = run(LDMXCSR, { data: 0x1_0000 });
    expect(rejected.vector).toBe(GP);
    expect(rejected.state.get(STATE.MXCSR)).toBe(0x1f80);
    expect(run(LDMXCSR, { data: 0xffc0 }).state.get(STATE.MXCSR)).toBe(0xffc0);
  });
});
