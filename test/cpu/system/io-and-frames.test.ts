import { describe, expect, it } from 'vitest';
import { dataBreakpoint, instructionBreakpoint, singleStepTrap } from '../../../cpu/debug/index.ts';
import { STATE } from '../../../cpu/layout.ts';
import { EFLAGS } from '../../../cpu/state.ts';
import { FakeCore, LAYOUT, protectedCore, stackTop, v86Core } from './fake-core.ts';

const { TSS } = LAYOUT;

describe('I/O permission', () => {
  it('needs clear bits in the map of the TSS for every port touched', () => {
    const core = protectedCore(3);
    const { memory, state } = core;
    memory.write16(TSS + 0x66, 0x68);
    state.setReg16(2, 0x3f7);
    expect(core.fault('in_dx', { width: 1 })).toBe('none');
    memory.write8(TSS + 0x68 + (0x3f8 >> 3), 1);
    expect(core.fault('in_dx', { width: 1 })).toBe('none');
    expect(core.fault('in_dx', { width: 2 })).toBe('#GP(0)');
    expect(core.ports).toHaveLength(2);
    state.set(STATE.EFLAGS, 0x3002);
    expect(core.fault('in_dx', { width: 2 })).toBe('none');
  });
  it('reads two bytes of the map, both within the limit', () => {
    const core = protectedCore(3);
    core.memory.write16(TSS + 0x66, 0x68);
    core.state.setReg16(2, 0x10);
    core.state.set(STATE.TR_LIMIT, 0x68 + 2);
    expect(core.fault('out_dx', { width: 1 })).toBe('#GP(0)');
    core.state.set(STATE.TR_LIMIT, 0x68 + 3);
    expect(core.fault('out_dx', { width: 1 })).toBe('none');
  });
  it('a 16-bit TSS has no map; V86 mode asks the map even with IOPL 3', () => {
    const core = protectedCore(3);
    core.memory.write16(TSS + 0x66, 0x68);
    core.state.set(STATE.TR_ATTRIBUTES, 0x83);
    expect(core.fault('in_imm', { width: 1, imm: 0x60 })).toBe('#GP(0)');
    const v86 = v86Core(3);
    expect(v86.fault('in_imm', { width: 1, imm: 0x60 })).toBe('#GP(0)');
    v86.memory.write16(TSS + 0x66, 0x68);
    expect(v86.fault('in_imm', { width: 1, imm: 0x60 })).toBe('none');
  });
});

describe('INS and OUTS', () => {
  it('repeat as far as the budget allows and stay on the instruction while elements are left', () => {
    const core = protectedCore(0);
    const { state } = core;
    // The first iteration has been counted already.
    state.set(STATE.BUDGET, 1023);
    state.setReg32(1, 1500);
    state.setReg32(7, 0x10000);
    state.setReg16(2, 0x1f0);
    core.portValue = 0xabcd;
    expect(core.run('ins', { width: 2, rep: 0xf3 })).toBe('jump');
    expect([state.reg32(1), state.reg32(7), state.eip]).toEqual([476, 0x10000 + 2048, 0x100]);
    expect(state.get(STATE.BUDGET)).toBe(0);
    state.set(STATE.BUDGET, 1000);
    core.run('ins', { width: 2, rep: 0xf3 });
    expect([state.reg32(1), state.reg32(7), state.eip]).toEqual([0, 0x10000 + 3000, 0x102]);
    expect(state.get(STATE.BUDGET)).toBe(1000 - 475);
    expect(core.memory.read16(0x10000 + 2998)).toBe(0xabcd);
    expect(core.memory.read16(0x10000 + 3000)).toBe(0);
  });
  it('INS reads no port when the destination faults, and keeps what was done', () => {
    const core = protectedCore(0);
    core.state.setReg32(1, 4);
    core.state.setReg32(7, 0x10ffc);
    core.memory.readOnly.add(0x11);
    expect(core.fault('ins', { width: 2, rep: 0xf3 })).toBe('#PF(2)');
    expect(core.ports).toHaveLength(2);
    expect([core.state.reg32(1), core.state.reg32(7)]).toEqual([2, 0x11000]);
  });
  it('go down with DF and wrap with 16-bit addresses', () => {
    const core = protectedCore(0);
    core.state.set(STATE.EFLAGS, 0x402);
    core.state.setReg32(6, 0xabcd0000);
    core.run('outs', { width: 1, addressSize: 2, segment: 3 });
    expect(core.state.reg32(6)).toBe(0xabcdffff);
  });
  it('with a count of 0 do nothing, not even ask for permission', () => {
    const core = protectedCore(3);
    core.state.setReg32(1, 0);
    expect(core.fault('outs', { width: 1, rep: 0xf3 })).toBe('none');
    expect(core.state.eip).toBe(core.nextEip);
  });
});

describe('breakpoints', () => {
  function withBreakpoint(condition: number, length: number, address: number): FakeCore {
    const core = protectedCore(0);
    core.state.set(STATE.DR + 4, address);
    core.state.set(STATE.DR + 28, 0x404 | (condition << 20) | (length << 22));
    return core;
  }
  const dr6 = (core: FakeCore): number => core.state.getU(STATE.DR + 24);
  it('on instructions match the first byte unless RF is set', () => {
    const core = withBreakpoint(0, 0, 0x1000);
    expect(instructionBreakpoint(core, 0x1001)).toBe(false);
    expect(instructionBreakpoint(core, 0x1000)).toBe(true);
    expect(dr6(core)).toBe(0xffff0ff2);
    core.state.set(STATE.EFLAGS, EFLAGS.RF | 2);
    expect(instructionBreakpoint(core, 0x1000)).toBe(false);
  });
  it('on data match any overlap with the aligned range', () => {
    const core = withBreakpoint(1, 3, 0x2002);
    expect(dataBreakpoint(core, 0x1ffd, 4, 'write')).toBe(true);
    expect(dataBreakpoint(core, 0x2004, 4, 'write')).toBe(false);
    expect(dataBreakpoint(core, 0x2000, 1, 'read')).toBe(false);
    expect(dataBreakpoint(withBreakpoint(3, 0, 0x2000), 0x2000, 1, 'read')).toBe(true);
  });
  it('on ports need CR4.DE and come after the access', () => {
    const core = withBreakpoint(2, 1, 0x1f0);
    core.state.setReg16(2, 0x1f1);
    core.run('in_dx', { width: 1 });
    expect(core.events).not.toContain('debug-trap');
    core.state.set(STATE.CR4, 8);
    core.run('in_dx', { width: 1 });
    expect(core.events).toContain('debug-trap');
    expect(core.ports).toHaveLength(2);
  });
  it('causes add up in DR6', () => {
    const core = withBreakpoint(0, 0, 0x1000);
    instructionBreakpoint(core, 0x1000);
    expect(singleStepTrap(core).vector).toBe(1);
    expect(dr6(core)).toBe(0xffff4ff2);
  });
});

describe('ENTER, PUSHA, POPA, CMPXCHG8B', () => {
  it('ENTER copies the pointers of the enclosing frames', () => {
    const core = protectedCore(0);
    core.state.setReg32(5, 0xa000);
    core.memory.write32(0xa000 - 4, 0x1111);
    core.memory.write32(0xa000 - 8, 0x2222);
    core.run('enter', { imm: 0x20, disp: 3 });
    const frame = LAYOUT.STACK0 - 4;
    expect([core.state.reg32(5), core.state.reg32(4)]).toEqual([frame, frame - 12 - 0x20]);
    expect([0, 4, 8, 12].map((n) => core.memory.read32(frame - n))).toEqual([0xa000, 0x1111, 0x2222, frame]);
  });
  it('ENTER faults when the new top of the stack cannot be written', () => {
    const core = protectedCore(0);
    core.memory.readOnly.add((LAYOUT.STACK0 - 0x1000) >> 12);
    expect(core.fault('enter', { imm: 0x1000 - 8, disp: 0 })).toBe('#PF(2)');
    expect(core.state.reg32(4)).toBe(LAYOUT.STACK0);
  });
  it('PUSHA that meets a fault in the middle writes nothing', () => {
    const core = protectedCore(0);
    core.state.setReg32(4, 0x9010);
    core.memory.readOnly.add(8);
    core.memory.write32(0x900c, 0x5a5a5a5a);
    expect(core.fault('pusha')).toBe('#PF(2)');
    expect([core.memory.read32(0x900c), core.state.reg32(4)]).toEqual([0x5a5a5a5a, 0x9010]);
  });
  it('POPA leaves ESP to the pops', () => {
    const core = protectedCore(0);
    for (let n = 0; n < 8; n++) core.state.setReg32(n, n === 4 ? LAYOUT.STACK0 : n * 3);
    core.run('pusha');
    expect(stackTop(core, 8)).toEqual([21, 18, 15, LAYOUT.STACK0, 9, 6, 3, 0]);
    core.run('popa');
    expect(core.state.reg32(4)).toBe(LAYOUT.STACK0);
  });
  it('CMPXCHG8B writes in either case, so that read-only memory always faults', () => {
    const core = protectedCore(0);
    core.memory.write32(0x600, 1);
    core.memory.write32(0x604, 2);
    core.state.setReg32(0, 9);
    core.run('cmpxchg8b', { isMemory: true, address: 0x600 });
    expect([core.state.reg32(0), core.state.reg32(2), core.state.eflags & EFLAGS.ZF]).toEqual([1, 2, 0]);
    core.state.setReg32(3, 7);
    core.state.setReg32(1, 8);
    core.run('cmpxchg8b', { isMemory: true, address: 0x600 });
    expect([core.memory.read32(0x600), core.memory.read32(0x604), core.state.eflags & EFLAGS.ZF]).toEqual([
      7,
      8,
      EFLAGS.ZF,
    ]);
    core.memory.readOnly.add(0);
    expect(core.fault('cmpxchg8b', { isMemory: true, address: 0x600 })).toBe('#PF(2)');
  });
});

describe('POPF, PUSHF, STI', () => {
  it('POPF changes IOPL and IF only with the privilege for it', () => {
    const core = protectedCore(3);
    core.memory.write32(LAYOUT.STACK3, 0x00257fd7 | 0x20000 | 0x180000);
    core.run('popf');
    expect(core.state.eflags).toBe(0x244dd7);
    const ring0 = protectedCore(0);
    ring0.memory.write32(LAYOUT.STACK0, 0x3202);
    ring0.run('popf');
    expect(ring0.state.eflags).toBe(0x3202);
    expect(ring0.state.eip).toBe(0x102);
  });
  it('STI holds interrupts back for one instruction, but only when it sets IF', () => {
    const core = protectedCore(0);
    core.run('sti');
    expect(core.events).toContain('shadow');
    core.events.length = 0;
    core.run('sti');
    expect(core.events).not.toContain('shadow');
  });
  it('PVI gives ring 3 a virtual interrupt flag', () => {
    const core = protectedCore(3);
    expect(core.fault('sti')).toBe('#GP(0)');
    core.state.set(STATE.CR4, 2);
    core.run('sti');
    expect(core.state.get(STATE.EFLAGS) & (EFLAGS.IF | EFLAGS.VIF)).toBe(EFLAGS.VIF);
  });
});
