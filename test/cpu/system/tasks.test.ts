import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { CR0, EFLAGS } from '../../../cpu/state.ts';
import { type FakeCore, LAYOUT, protectedCore, stackTop } from './fake-core.ts';

const { GDT, IDT, TSS, TSS2, TSS_SELECTOR, TSS2_SELECTOR } = LAYOUT;

/** Fills the second TSS with a ring-0 task at 600h. */
function prepareTask(core: FakeCore, changes: Record<number, number> = {}): void {
  const { memory } = core;
  const fields: Record<number, number> = { 0x1c: 0x7000, 0x20: 0x600, 0x24: 0x202, 0x60: LAYOUT.LDT_SELECTOR };
  for (let n = 0; n < 8; n++) fields[0x28 + n * 4] = 0x11110000 + n;
  fields[0x38] = 0xb000;
  for (let n = 0; n < 6; n++) fields[0x48 + n * 4] = LAYOUT.DATA0;
  fields[0x4c] = LAYOUT.CODE0;
  for (const [offset, value] of Object.entries({ ...fields, ...changes })) memory.write32(TSS2 + Number(offset), value);
}
const accessByte = (core: FakeCore, selector: number): number => core.memory.read8(GDT + (selector & 0xfff8) + 5);

describe('task switch by JMP', () => {
  it('saves the old task, loads the new one and moves the busy bit', () => {
    const core = protectedCore(0);
    prepareTask(core);
    const { state, memory } = core;
    state.eflags = 0x3247;
    state.setReg32(0, 0xcafe);
    state.set(STATE.DR + 28, 0x7ff);
    core.run('far_jmp_ptr', { imm: TSS2_SELECTOR, disp: 0xdead });
    expect([memory.read32(TSS + 0x20), memory.read32(TSS + 0x24), memory.read32(TSS + 0x28)]).toEqual([
      0x102, 0x3247, 0xcafe,
    ]);
    expect([memory.read16(TSS + 0x48), memory.read16(TSS + 0x4c)]).toEqual([LAYOUT.DATA0, LAYOUT.CODE0]);
    expect([accessByte(core, TSS_SELECTOR), accessByte(core, TSS2_SELECTOR)]).toEqual([0x89, 0x8b]);
    expect([state.eip, state.reg32(0), state.reg32(4), state.reg32(7)]).toEqual([
      0x600, 0x11110000, 0xb000, 0x11110007,
    ]);
    expect([state.get(STATE.TR_SELECTOR), state.get(STATE.LDTR_BASE)]).toEqual([TSS2_SELECTOR, LAYOUT.LDT]);
    expect(state.cr0 & CR0.TS).toBe(CR0.TS);
    expect(state.eflags).toBe(0x202);
    // Local breakpoint enables (bits 0, 2, 4, 6, 8) are gone, global ones stay.
    expect(state.get(STATE.DR + 28)).toBe(0x6aa);
  });
  it('loads CR3 only while paging', () => {
    const core = protectedCore(0);
    prepareTask(core);
    core.state.set(STATE.CR0, core.state.cr0 | CR0.PG);
    core.run('far_jmp_ptr', { imm: TSS2_SELECTOR });
    expect(core.state.get(STATE.CR3)).toBe(0x7000);
    expect(core.events).toContain('flush-local');
    const other = protectedCore(0);
    prepareTask(other);
    other.run('far_jmp_ptr', { imm: TSS2_SELECTOR });
    expect(other.state.get(STATE.CR3)).toBe(0);
  });
  it.each([
    [
      'a busy TSS',
      (core: FakeCore) => core.describe(GDT, TSS2_SELECTOR, { base: TSS2, limit: 0x67, access: 0x8b }),
      '#GP(30)',
    ],
    [
      'an absent TSS',
      (core: FakeCore) => core.describe(GDT, TSS2_SELECTOR, { base: TSS2, limit: 0x67, access: 0x09 }),
      '#NP(30)',
    ],
    [
      'a short TSS',
      (core: FakeCore) => core.describe(GDT, TSS2_SELECTOR, { base: TSS2, limit: 0x66, access: 0x89 }),
      '#TS(30)',
    ],
    ['an old TSS that cannot be written', (core: FakeCore) => core.memory.readOnly.add(TSS >> 12), '#PF(2)'],
  ])('refuses %s without changing anything', (_name, prepare, expected) => {
    const core = protectedCore(0);
    prepareTask(core);
    prepare(core);
    const state = core.state.u8.slice(0, 0x150);
    const memory = core.memory.bytes.slice();
    expect(core.fault('far_jmp_ptr', { imm: TSS2_SELECTOR })).toBe(expected);
    expect(core.state.u8.slice(0, 0x150)).toEqual(state);
    expect(Buffer.compare(core.memory.bytes, memory)).toBe(0);
  });
  it('refuses a TSS that the privilege of the program does not reach', () => {
    const core = protectedCore(3);
    prepareTask(core);
    expect(core.fault('far_jmp_ptr', { imm: TSS2_SELECTOR })).toBe('#GP(30)');
  });
  it.each([
    ['CS', 0x4c, LAYOUT.DATA0, '#TS(10)'],
    ['a null CS', 0x4c, 0, '#TS(0)'],
    ['SS', 0x50, LAYOUT.DATA3, '#TS(20)'],
    ['DS', 0x54, LAYOUT.TSS_SELECTOR, '#TS(28)'],
    ['the LDT', 0x60, LAYOUT.DATA0, '#TS(10)'],
    ['an EIP beyond the limit', 0x4c, LAYOUT.CODE0_16, '#GP(0)'],
  ])('faults in the new task for %s', (_name, offset, value, expected) => {
    const core = protectedCore(0);
    prepareTask(core, { [offset]: value, 0x20: 0x12345 });
    expect(core.fault('far_jmp_ptr', { imm: TSS2_SELECTOR })).toBe(expected);
    expect([core.state.get(STATE.TR_SELECTOR), core.state.eip]).toEqual([TSS2_SELECTOR, 0x12345]);
  });
  it('enters V86 mode for an image with VM set', () => {
    const core = protectedCore(0);
    prepareTask(core, { 0x24: 0x23202, 0x4c: 0x1234, 0x20: 0x10 });
    core.run('far_jmp_ptr', { imm: TSS2_SELECTOR });
    expect([core.state.virtual8086, core.state.cpl, core.state.segmentBase(1)]).toEqual([true, 3, 0x12340]);
  });
  it('announces a debug trap for the T bit', () => {
    const core = protectedCore(0);
    prepareTask(core, { 0x64: 1 });
    core.run('far_jmp_ptr', { imm: TSS2_SELECTOR });
    expect(core.events).toContain('debug-trap');
    expect(core.state.get(STATE.DR + 24) & 0x8000).toBe(0x8000);
  });
});

describe('nested tasks', () => {
  it('CALL links the tasks and IRET goes back', () => {
    const core = protectedCore(0);
    prepareTask(core);
    core.state.eflags = 0x202;
    core.run('far_call_ptr', { imm: TSS2_SELECTOR });
    expect(core.memory.read16(TSS2)).toBe(TSS_SELECTOR);
    expect(core.state.eflags & EFLAGS.NT).toBe(EFLAGS.NT);
    expect([accessByte(core, TSS_SELECTOR), accessByte(core, TSS2_SELECTOR)]).toEqual([0x8b, 0x8b]);
    core.state.set(STATE.TR_LIMIT, 0x67);
    core.nextEip = 0x777;
    core.run('iret');
    expect([core.state.eip, core.state.get(STATE.TR_SELECTOR), core.state.eflags & EFLAGS.NT]).toEqual([
      0x102,
      TSS_SELECTOR,
      0,
    ]);
    expect([accessByte(core, TSS_SELECTOR), accessByte(core, TSS2_SELECTOR)]).toEqual([0x8b, 0x89]);
    expect([core.memory.read32(TSS2 + 0x20), core.memory.read32(TSS2 + 0x24)]).toEqual([0x777, 0x202]);
  });
  it('IRET refuses a link that is no busy TSS', () => {
    const core = protectedCore(0);
    core.state.eflags = 0x4002;
    core.memory.write16(TSS, TSS2_SELECTOR);
    expect(core.fault('iret')).toBe('#TS(30)');
  });
  it('an exception through a task gate leaves its error code on the new stack', () => {
    const core = protectedCore(3);
    prepareTask(core);
    core.gate(IDT + 8 * 8, TSS2_SELECTOR, 0, 0x85);
    core.state.eflags = 0x202;
    core.deliver(8, 0);
    expect([core.state.eip, core.state.cpl, core.state.reg32(4)]).toEqual([0x600, 0, 0xaffc]);
    expect(stackTop(core, 1)).toEqual([0]);
    expect(core.memory.read32(TSS + 0x20)).toBe(0x100);
  });
  it('refuses a task gate to the running task with the selector as error code', () => {
    const core = protectedCore(0);
    core.gate(IDT + 0x20 * 8, TSS_SELECTOR, 0, 0x85);
    expect(core.fault('int_imm', { imm: 0x20 })).toBe('#GP(28)');
  });
});

describe('16-bit TSS', () => {
  it('saves and loads words', () => {
    const core = protectedCore(0);
    const { memory, state } = core;
    core.describe(GDT, TSS2_SELECTOR, { base: TSS2, limit: 0x2b, access: 0x81 });
    const words: Record<number, number> = {
      0x0e: 0x600,
      0x10: 0x202,
      0x1a: 0xb000,
      0x22: 0x10,
      0x24: 8,
      0x26: 0x10,
      0x28: 0x10,
    };
    for (const [offset, value] of Object.entries(words)) memory.write16(TSS2 + Number(offset), value);
    core.run('far_call_ptr', { imm: TSS2_SELECTOR });
    expect([state.eip, state.reg16(4), state.eflags & EFLAGS.NT]).toEqual([0x600, 0xb000, EFLAGS.NT]);
    expect([state.selector(4), state.selector(5)]).toEqual([0, 0]);
    core.nextEip = 0x666;
    core.run('iret');
    expect([memory.read16(TSS2 + 0x0e), memory.read16(TSS2 + 0x24), state.eip]).toEqual([0x666, 8, 0x102]);
    expect(memory.read16(TSS2 + 0x2a)).toBe(0);
  });
});
