/** Memory images of the FPU in real-address and protected formats, pointers, and error reporting with CR0.NE = 0. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Core, DecodedOperands, LinearMemory } from '../../../cpu/helpers.ts';
import { SEGMENT, STATE } from '../../../cpu/layout.ts';
import { CpuFault, CpuState, CR0, CR4, VECTOR } from '../../../cpu/state.ts';
import { reportExternally, setIgnne } from '../../../cpu/x87/errors.ts';
import { x87Helpers } from '../../../cpu/x87/helpers.ts';

const state = new CpuState(new WebAssembly.Memory({ initial: 1 }));
const image = new DataView(new ArrayBuffer(0x1000));
const ferr: boolean[] = [];
let halts = 0;
const memory: Partial<LinearMemory> = {
  read8: (a) => image.getUint8(a),
  read16: (a) => image.getUint16(a, true),
  read32: (a) => image.getUint32(a, true),
  write8: (a, v) => image.setUint8(a, v),
  write16: (a, v) => image.setUint16(a, v, true),
  write32: (a, v) => image.setUint32(a, v, true),
  probeRead: () => {},
  probeWrite: () => {},
};
const core = {
  state,
  memory,
  bus: { setFerr: (asserted: boolean) => ferr.push(asserted) },
  halt: () => halts++,
} as unknown as Core;

const run = (name: string, operandSize: 2 | 4 = 4, address = 0): void => {
  x87Helpers[`x87_${name}`]!(core, { address, segment: SEGMENT.DS, operandSize } as DecodedOperands);
};
const words = (count: number, size: 2 | 4): number[] =>
  Array.from({ length: count }, (_, i) => (size === 4 ? image.getUint32(4 * i, true) : image.getUint16(2 * i, true)));

beforeEach(() => {
  state.u8.fill(0);
  new Uint8Array(image.buffer).fill(0);
  ferr.length = 0;
  halts = 0;
  for (let n = 0; n < 6; n++)
    for (const limit of [STATE.SEGMENT_READ_HI, STATE.SEGMENT_WRITE_HI]) state.set(limit + 4 * n, -1);
  state.set(STATE.CR0, CR0.PE | CR0.NE);
  state.set(STATE.X87_CONTROL, 0x37f);
  state.set(STATE.X87_STATUS, 0x4001);
  state.set(STATE.X87_TOP, 6);
  // Physical registers 6 (1.0), 7 (0) and 0 (a NaN) hold values.
  state.set(STATE.X87_IN_USE, 0xc1);
  state.view.setBigUint64(STATE.X87_REGISTERS + 96, 1n << 63n, true);
  state.u16[(STATE.X87_REGISTERS + 104) >> 1] = 0x3fff;
  state.view.setBigUint64(STATE.X87_REGISTERS, 3n << 62n, true);
  state.u16[(STATE.X87_REGISTERS + 8) >> 1] = 0x7fff;
  state.set(STATE.X87_IP, 0x12345);
  state.set(STATE.X87_CS, 0x1b);
  state.set(STATE.X87_DP, 0xabcde);
  state.set(STATE.X87_DS, 0x23);
  state.set(STATE.X87_OPCODE, 0x5d9);
});

/** Tags from register 7 down: zero, valid, five empty, special. */
const TAGS = 0b01_00_11_11_11_11_11_10;

describe('environment image', () => {
  it('has the 32-bit protected format', () => {
    run('fnstenv');
    const [control, status, tags, ip, cs, dp, ds] = words(7, 4);
    expect([control! & 0xffff, status! & 0xffff, tags! & 0xffff]).toEqual([0x37f, 0x7001, TAGS]);
    expect([ip, cs! & 0x7ffffff, dp, ds! & 0xffff]).toEqual([0x12345, 0x5d9001b, 0xabcde, 0x23]);
  });
  it('has the 16-bit protected format', () => {
    run('fnstenv', 2);
    expect(words(7, 2)).toEqual([0x37f, 0x7001, TAGS, 0x2345, 0x1b, 0xbcde, 0x23]);
  });
  it('has linear addresses in the real-address formats', () => {
    state.set(STATE.CR0, CR0.NE);
    state.set(STATE.X87_CS, 0xf000);
    state.set(STATE.X87_IP, 0xfff0);
    state.set(STATE.X87_DS, 0x1000);
    state.set(STATE.X87_DP, 0x234);
    run('fnstenv', 2);
    expect(words(7, 2)).toEqual([0x37f, 0x7001, TAGS, 0xfff0, 0xf5d9, 0x0234, 0x1000]);
    run('fnstenv', 4);
    const [, , , ip, opcode, dp, high] = words(7, 4);
    expect([ip! & 0xffff, opcode! & 0xfffffff, dp! & 0xffff, high! & 0xfffffff]).toEqual([
      0xfff0, 0xf5d9, 0x234, 0x1000,
    ]);
  });
  it('FNSTENV masks all exceptions and with that ends a pending one', () => {
    state.set(STATE.X87_CONTROL, 0x37e);
    state.set(STATE.X87_STATUS, 0x8081);
    run('fnstenv');
    expect(state.get(STATE.X87_CONTROL)).toBe(0x37f);
    expect(state.get(STATE.X87_STATUS)).toBe(0x01);
  });
  it.each([2, 4] as const)('FNSAVE and FRSTOR bring back everything (operand size %i)', (size) => {
    const before = state.u8.slice(STATE.X87_REGISTERS, STATE.X87_DP);
    run('fnsave', size);
    expect(state.get(STATE.X87_CONTROL)).toBe(0x37f);
    expect(state.get(STATE.X87_IN_USE)).toBe(0);
    // ST(0) follows the environment.
    expect(image.getUint16(7 * size + 8, true)).toBe(0x3fff);
    state.u8.fill(0, STATE.X87_REGISTERS, STATE.X87_REGISTERS + 128);
    run('frstor', size);
    const after = state.u8.slice(STATE.X87_REGISTERS, STATE.X87_DP);
    if (size === 2) after.set(before.subarray(0x90, 0x94), 0x90); // a 16-bit image has 16 bits of IP
    expect(after).toEqual(before);
  });
  it('FLDENV with an unmasked exception leaves it pending', () => {
    run('fnstenv');
    image.setUint16(0, 0x37e, true);
    run('fldenv');
    expect(state.get(STATE.X87_STATUS) & 0x8080).toBe(0x8080);
    expect(() => run('fldenv')).toThrow(CpuFault);
  });
  it('raises #GP(0) for an image beyond the segment limit, before anything is written', () => {
    state.set(STATE.SEGMENT_WRITE_HI + 4 * SEGMENT.DS, 107);
    run('fnsave');
    state.set(STATE.SEGMENT_WRITE_HI + 4 * SEGMENT.DS, 106);
    image.setUint8(0, 0x55);
    expect(() => run('fnsave')).toThrow(expect.objectContaining({ vector: VECTOR.GP, errorCode: 0 }));
    expect(image.getUint8(0)).toBe(0x55);
  });
  it('raises #NM with CR0.TS', () => {
    state.set(STATE.FPU_TRAP, 1);
    for (const name of ['fnstenv', 'fxsave', 'fsin'])
      expect(() => run(name)).toThrow(expect.objectContaining({ vector: VECTOR.NM }));
  });
});

describe('FXSAVE', () => {
  it('leaves XMM and MXCSR alone on restore without CR4.OSFXSR', () => {
    state.set(STATE.MXCSR, 0x1f80);
    state.set(STATE.XMM, 0x11111111);
    run('fxsave');
    expect(image.getUint32(160, true)).toBe(0);
    image.setUint32(160, 0x22222222, true);
    image.setUint32(24, 0x1fff, true);
    run('fxrstor');
    expect(state.get(STATE.XMM)).toBe(0x11111111);
    expect(state.get(STATE.MXCSR)).toBe(0x1f80);
    state.set(STATE.CR4, CR4.OSFXSR);
    run('fxrstor');
    expect(state.get(STATE.XMM)).toBe(0x22222222);
    expect(state.get(STATE.MXCSR)).toBe(0x1fff);
  });
  it('wants 16-byte alignment and no reserved MXCSR bits', () => {
    state.set(STATE.CR4, CR4.OSFXSR);
    expect(() => run('fxsave', 4, 8)).toThrow(expect.objectContaining({ vector: VECTOR.GP }));
    image.setUint32(24, 0x10000, true);
    expect(() => run('fxrstor')).toThrow(expect.objectContaining({ vector: VECTOR.GP }));
  });
});

describe('errors with CR0.NE = 0', () => {
  beforeEach(() => {
    state.set(STATE.CR0, CR0.PE);
    state.set(STATE.X87_CONTROL, 0x37e);
    state.set(STATE.X87_STATUS, 0x8081);
  });
  it('assert FERR# once and halt at the instruction', () => {
    expect(reportExternally(core)).toBe(true);
    expect(reportExternally(core)).toBe(true);
    expect(ferr).toEqual([false, true]);
    expect(halts).toBe(2);
  });
  it('are #MF with CR0.NE = 1', () => {
    state.set(STATE.CR0, CR0.PE | CR0.NE);
    expect(reportExternally(core)).toBe(false);
    expect(ferr).toEqual([]);
  });
  it('do not stop instructions while IGNNE# is asserted, until they are cleared', () => {
    reportExternally(core);
    expect(() => run('fsin')).toThrow(expect.objectContaining({ vector: VECTOR.MF }));
    setIgnne(state, true);
    run('fsin');
    run('fnstenv');
    // Cleared: the next error is reported anew.
    state.set(STATE.X87_CONTROL, 0x37e);
    state.set(STATE.X87_STATUS, 0x8081);
    expect(() => run('fsin')).toThrow(expect.objectContaining({ vector: VECTOR.MF }));
    reportExternally(core);
    expect(ferr).toEqual([false, true, false, true]);
  });
});
