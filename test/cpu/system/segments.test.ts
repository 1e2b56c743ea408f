import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { setSegment } from '../../../cpu/segmentation/segment.ts';
import { EFLAGS } from '../../../cpu/state.ts';
import { FakeCore, LAYOUT, protectedCore, v86Core } from './fake-core.ts';

const { GDT, FREE } = LAYOUT;
const DS = 3;

/** READ_LO, READ_HI, WRITE_LO, WRITE_HI of a segment; an empty range as undefined. */
function ranges(core: FakeCore, n: number): [string | undefined, string | undefined] {
  const { state } = core;
  const range = (lo: number, hi: number): string | undefined => {
    const [from, to] = [state.getU(lo + n * 4), state.getU(hi + n * 4)];
    return from > to ? undefined : `${from.toString(16)}-${to.toString(16)}`;
  };
  return [range(STATE.SEGMENT_READ_LO, STATE.SEGMENT_READ_HI), range(STATE.SEGMENT_WRITE_LO, STATE.SEGMENT_WRITE_HI)];
}

describe('valid offsets of a segment', () => {
  it.each([
    ['writable data', 0x93, 0xfff, ['0-fff', '0-fff']],
    ['read-only data', 0x91, 0xfff, ['0-fff', undefined]],
    ['readable code', 0x9b, 0xfff, ['0-fff', undefined]],
    ['execute-only code', 0x99, 0xfff, [undefined, undefined]],
    ['expand-down 16-bit data', 0x97, 0xfff, ['1000-ffff', '1000-ffff']],
    ['expand-down 32-bit data', 0x4097, 0xfff, ['1000-ffffffff', '1000-ffffffff']],
    ['read-only expand-down data', 0x4095, 0xfff, ['1000-ffffffff', undefined]],
    ['expand-down data of nothing', 0x97, 0xffff, [undefined, undefined]],
    ['expand-down data of nothing, 32 bits', 0xc097, 0xffffffff, [undefined, undefined]],
    ['conforming readable code', 0x9f, 0xfff, ['0-fff', undefined]],
    ['absent data', 0x13, 0xfff, [undefined, undefined]],
  ])('%s', (_name, attributes, limit, expected) => {
    const core = new FakeCore();
    setSegment(core, DS, 8, { base: 0, limit, attributes });
    expect(ranges(core, DS)).toEqual(expected);
    expect(core.events.at(-1)).toBe('mode');
  });
});

describe('loading segment registers', () => {
  it('keeps limit and size in real mode', () => {
    const core = new FakeCore();
    setSegment(core, DS, 8, { base: 0, limit: 0xffffffff, attributes: 0xc093 });
    core.state.setReg16(0, 0x1234);
    core.run('mov_sreg_rm', { reg: DS, rm: 0, operandSize: 2 });
    expect([core.state.segmentBase(DS), core.state.segmentLimit(DS), core.state.segmentAttributes(DS)]).toEqual([
      0x12340, 0xffffffff, 0xc093,
    ]);
  });
  it('sets the limit to FFFFh in V86 mode', () => {
    const core = v86Core(0);
    core.state.setReg16(0, 0x2345);
    core.run('mov_sreg_rm', { reg: DS, rm: 0 });
    expect([core.state.segmentBase(DS), core.state.segmentLimit(DS), core.state.segmentAttributes(DS)]).toEqual([
      0x23450, 0xffff, 0xf3,
    ]);
  });
  it('sets the accessed bit in the table, and does not write when it is set', () => {
    const core = protectedCore(0);
    core.describe(GDT, FREE, { access: 0x92, flags: 0xc });
    core.state.setReg16(0, FREE);
    core.run('mov_sreg_rm', { reg: DS, rm: 0 });
    expect(core.memory.read8(GDT + FREE + 5)).toBe(0x93);
    expect(core.state.segmentLimit(DS)).toBe(0xffffffff);
    core.memory.readOnly.add(GDT >> 12);
    expect(core.fault('mov_sreg_rm', { reg: DS, rm: 0 })).toBe('none');
  });
  it('a table that cannot be written faults before anything changes', () => {
    const core = protectedCore(0);
    core.describe(GDT, FREE, { access: 0x92, flags: 0xc });
    core.memory.readOnly.add(GDT >> 12);
    core.state.setReg16(0, FREE);
    expect(core.fault('mov_sreg_rm', { reg: DS, rm: 0 })).toBe('#PF(2)');
    expect(core.state.selector(DS)).toBe(LAYOUT.DATA0);
  });
  it('POP SS uses the old stack size for the pointer, and holds interrupts back', () => {
    const core = protectedCore(0);
    core.memory.write32(LAYOUT.STACK0, LAYOUT.DATA0_16);
    core.run('pop_sreg', { reg: 2 });
    expect([core.state.selector(2), core.state.reg32(4)]).toEqual([LAYOUT.DATA0_16, LAYOUT.STACK0 + 4]);
    expect(core.events).toContain('shadow');
  });
  it('LSS loads the pair and does not hold interrupts back', () => {
    const core = protectedCore(0);
    core.memory.write32(0x600, 0x12345678);
    core.memory.write16(0x604, LAYOUT.DATA0);
    core.run('lss', { isMemory: true, address: 0x600, reg: 4 });
    expect(core.state.reg32(4)).toBe(0x12345678);
    expect(core.events).not.toContain('shadow');
  });
  it('uses the LDT for selectors with TI set', () => {
    const core = protectedCore(0);
    core.describe(LAYOUT.LDT, 0x14, { base: 0x5000, limit: 0x7f, access: 0x92 });
    core.state.setReg16(0, LAYOUT.LDT_SELECTOR);
    core.run('lldt', { rm: 0 });
    core.state.setReg16(0, 0x14);
    core.run('mov_sreg_rm', { reg: DS, rm: 0 });
    expect(core.state.segmentBase(DS)).toBe(0x5000);
    core.state.setReg16(1, 0);
    core.run('lldt', { rm: 1 });
    expect(core.fault('mov_sreg_rm', { reg: DS, rm: 0 })).toBe('#GP(14)');
  });
});

describe('descriptor tables', () => {
  it('LGDT takes 24 bits of base with 16-bit operands', () => {
    const core = new FakeCore();
    core.memory.write16(0x600, 0x1ff);
    core.memory.write32(0x602, 0xab123456);
    core.run('lgdt', { operandSize: 2, isMemory: true, address: 0x600 });
    expect([core.state.getU(STATE.GDTR_LIMIT), core.state.getU(STATE.GDTR_BASE)]).toEqual([0x1ff, 0x123456]);
    core.run('lgdt', { operandSize: 4, isMemory: true, address: 0x600 });
    expect(core.state.getU(STATE.GDTR_BASE)).toBe(0xab123456);
    core.run('sgdt', { operandSize: 4, isMemory: true, address: 0x610 });
    expect([core.memory.read16(0x610), core.memory.read32(0x612)]).toEqual([0x1ff, 0xab123456]);
  });
  it('LTR marks the TSS busy, once', () => {
    const core = protectedCore(0);
    core.state.setReg16(0, LAYOUT.TSS2_SELECTOR);
    core.run('ltr', { rm: 0 });
    expect(core.memory.read8(GDT + LAYOUT.TSS2_SELECTOR + 5)).toBe(0x8b);
    expect([core.state.get(STATE.TR_BASE), core.state.get(STATE.TR_ATTRIBUTES)]).toEqual([LAYOUT.TSS2, 0x8b]);
    expect(core.fault('ltr', { rm: 0 })).toBe('#GP(30)');
  });
  it('the protected-mode instructions are undefined in real and V86 mode', () => {
    for (const core of [new FakeCore(), v86Core(3)]) {
      for (const name of ['lldt', 'sldt', 'ltr', 'str', 'lar', 'lsl', 'verr', 'verw', 'arpl'])
        expect(core.fault(name)).toBe('#UD');
    }
  });
  it.each([
    ['lar', LAYOUT.CODE0, 0xc09a00],
    ['lar', LAYOUT.TSS_SELECTOR, 0x008b00],
    ['lsl', LAYOUT.CODE0, 0xffffffff],
    ['lsl', LAYOUT.LDT_SELECTOR, 0xff],
  ])('%s of %i', (name, selector, expected) => {
    const core = protectedCore(0);
    core.state.setReg32(0, selector);
    core.run(name, { reg: 1, rm: 0 });
    expect(core.state.eflags & EFLAGS.ZF).toBe(EFLAGS.ZF);
    expect(core.state.reg32(1)).toBe(expected);
  });
  it('LSL refuses gates, LAR interrupt gates, and both leave the register', () => {
    const core = protectedCore(0);
    core.gate(GDT + FREE, 8, 0, 0x8c);
    core.state.setReg32(0, FREE);
    core.state.setReg32(1, 77);
    core.run('lsl', { reg: 1, rm: 0 });
    expect([core.state.eflags & EFLAGS.ZF, core.state.reg32(1)]).toEqual([0, 77]);
    core.run('lar', { reg: 1, rm: 0 });
    expect(core.state.eflags & EFLAGS.ZF).toBe(EFLAGS.ZF);
    core.gate(GDT + FREE, 8, 0, 0x8e);
    core.run('lar', { reg: 1, rm: 0 });
    expect(core.state.eflags & EFLAGS.ZF).toBe(0);
  });
});
