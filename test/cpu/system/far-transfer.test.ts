import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { FakeCore, LAYOUT, protectedCore, stackTop } from './fake-core.ts';

const { GDT, TSS, FREE } = LAYOUT;
const GATE = FREE | 3;

describe('far transfers in real mode', () => {
  it('keep the limit of the segment and load the base', () => {
    const core = new FakeCore();
    core.state.set(STATE.SEGMENT_LIMIT + 4, 0xffffffff);
    core.run('far_jmp_ptr', { operandSize: 2, imm: 0x1234, disp: 0x10 });
    expect([core.state.segmentBase(1), core.state.segmentLimit(1), core.state.eip]).toEqual([
      0x12340, 0xffffffff, 0x10,
    ]);
  });
  it('CALL and RET are inverse', () => {
    const core = new FakeCore();
    core.state.setReg32(4, 0x200);
    core.nextEip = 0x55;
    core.run('far_call_ptr', { operandSize: 2, imm: 0x1234, disp: 0x10 });
    expect(stackTop(core, 2, 2)).toEqual([0x55, 0]);
    core.run('far_ret_imm', { operandSize: 2, imm: 6 });
    expect([core.state.eip, core.state.selector(1), core.state.reg16(4)]).toEqual([0x55, 0, 0x206]);
  });
});

describe('call gates', () => {
  function withGate(access = 0xec, parameters = 0, offset = 0x1234): FakeCore {
    const core = protectedCore(3);
    core.gate(GDT + FREE, LAYOUT.CODE0, offset, access, parameters);
    return core;
  }
  it('switch to the inner stack and copy parameters in order', () => {
    const core = withGate(0xec, 2);
    core.state.setReg32(4, LAYOUT.STACK3 - 8);
    core.memory.write32(LAYOUT.STACK3 - 8, 0xaaaa);
    core.memory.write32(LAYOUT.STACK3 - 4, 0xbbbb);
    core.run('far_call_ptr', { imm: GATE, disp: 0x9999 });
    const { state } = core;
    expect([state.cpl, state.selector(1), state.eip, state.selector(2)]).toEqual([0, 8, 0x1234, 0x10]);
    expect(stackTop(core, 6)).toEqual([0x102, 0x1b, 0xaaaa, 0xbbbb, LAYOUT.STACK3 - 8, 0x23]);
    // RET with the parameters' size goes back and drops them on both stacks.
    core.run('far_ret_imm', { imm: 8 });
    expect([state.cpl, state.eip, state.selector(2), state.reg32(4)]).toEqual([3, 0x102, 0x23, LAYOUT.STACK3]);
  });
  it('of 16 bits push words', () => {
    const core = withGate(0xe4, 1);
    core.memory.write16(LAYOUT.STACK3, 0x7777);
    core.run('far_call_ptr', { imm: GATE });
    expect(core.state.reg32(4)).toBe(LAYOUT.STACK0 - 10);
    expect(stackTop(core, 5, 2)).toEqual([0x102, 0x1b, 0x7777, LAYOUT.STACK3, 0x23]);
  });
  it.each([
    ['whose DPL the caller does not reach', (core: FakeCore) => core.gate(GDT + FREE, 8, 0, 0x8c), '#GP(58)'],
    ['that are absent', (core: FakeCore) => core.gate(GDT + FREE, 8, 0, 0x6c), '#NP(58)'],
    ['with a null selector', (core: FakeCore) => core.gate(GDT + FREE, 0, 0, 0xec), '#GP(0)'],
    ['to data', (core: FakeCore) => core.gate(GDT + FREE, 0x10, 0, 0xec), '#GP(10)'],
    ['to absent code', (core: FakeCore) => core.describe(GDT, 8, { access: 0x1a }), '#NP(8)'],
    ['without a stack selector', (core: FakeCore) => core.memory.write32(TSS + 8, 0), '#TS(0)'],
    ['with a stack of code', (core: FakeCore) => core.memory.write32(TSS + 8, 8), '#TS(8)'],
    ['without room on the inner stack', (core: FakeCore) => core.memory.write32(TSS + 4, 2), '#PF(2)'],
  ])('%s are refused without changing anything', (_name, prepare, expected) => {
    const core = withGate();
    prepare(core);
    if (expected === '#PF(2)') core.memory.absent.add(0xfffff).add(0);
    const before = core.state.u8.slice(0, 0x150);
    expect(core.fault('far_call_ptr', { imm: GATE })).toBe(expected);
    expect(core.state.u8.slice(0, 0x150)).toEqual(before);
  });
  it('do not let JMP change the privilege', () => {
    expect(withGate().fault('far_jmp_ptr', { imm: GATE })).toBe('#GP(8)');
    const core = withGate();
    core.gate(GDT + FREE, LAYOUT.CONFORMING, 0x1234, 0xec);
    core.run('far_jmp_ptr', { imm: GATE });
    expect([core.state.cpl, core.state.selector(1), core.state.eip]).toEqual([3, 0x53, 0x1234]);
  });
});

describe('direct far transfers in protected mode', () => {
  it.each([
    ['null', 0, '#GP(0)'],
    ['data', LAYOUT.DATA3, '#GP(20)'],
    ['inner code', LAYOUT.CODE0, '#GP(8)'],
    ['beyond the table', 0x1003, '#GP(1000)'],
    ['in an absent LDT', 0x0f, '#GP(c)'],
    ['an LDT descriptor', LAYOUT.LDT_SELECTOR, '#GP(38)'],
  ])('refuse a selector that is %s', (_name, imm, expected) => {
    expect(protectedCore(3).fault('far_jmp_ptr', { imm })).toBe(expected);
    expect(protectedCore(3).fault('far_call_ptr', { imm })).toBe(expected);
  });
  it('take conforming code at the privilege of the program', () => {
    const core = protectedCore(3);
    core.run('far_jmp_ptr', { imm: LAYOUT.CONFORMING, disp: 0x40 });
    expect([core.state.cpl, core.state.selector(1), core.state.eip]).toEqual([3, 0x53, 0x40]);
    expect(core.memory.read8(GDT + LAYOUT.CONFORMING + 5)).toBe(0x9f);
  });
  it('RET to an outer level checks the outer stack', () => {
    const core = protectedCore(0);
    const top = LAYOUT.STACK0 - 16;
    [0x400, 0x1b, 0x5000, 0x10].forEach((value, n) => core.memory.write32(top + n * 4, value));
    core.state.setReg32(4, top);
    expect(core.fault('far_ret')).toBe('#GP(10)');
    core.memory.write32(top + 12, 0x23);
    core.run('far_ret');
    expect([core.state.cpl, core.state.reg32(4), core.state.eip]).toEqual([3, 0x5000, 0x400]);
    expect([0, 3, 4, 5].map((n) => core.state.selector(n))).toEqual([0, 0, 0, 0]);
  });
});
