import { describe, expect, it } from 'vitest';
import { deliverInterrupt } from '../../../cpu/exceptions/index.ts';
import { STATE } from '../../../cpu/layout.ts';
import { CpuFault, EFLAGS } from '../../../cpu/state.ts';
import { FakeCore, LAYOUT, protectedCore, stackTop, v86Core } from './fake-core.ts';

const { GDT, IDT, TSS } = LAYOUT;

describe('interrupts in real mode', () => {
  it('pushes FLAGS, CS and the IP behind INT, and clears IF and TF', () => {
    const core = new FakeCore();
    core.memory.write32(0x21 * 4, 0xf0001234);
    core.state.eflags = 0x302 | 1;
    core.state.setReg32(4, 0x100);
    core.nextEip = 0x502;
    core.state.eip = 0x500;
    core.run('int_imm', { imm: 0x21 });
    expect(core.state.eip).toBe(0x1234);
    expect(core.state.selector(1)).toBe(0xf000);
    expect(core.state.segmentBase(1)).toBe(0xf0000);
    expect(stackTop(core, 3, 2)).toEqual([0x502, 0, 0x303]);
    expect(core.state.eflags & 0x301).toBe(1);
  });

  it('raises #GP for a vector beyond the IDT limit, and shuts down when 8 is beyond it as well', () => {
    const core = new FakeCore();
    core.state.set(STATE.IDTR_LIMIT, 0x1f);
    expect(core.fault('int_imm', { imm: 8 })).toBe('#GP(0)');
    expect(core.deliver(13, 0)?.map((fault) => fault.vector)).toEqual([13, 13, 8, 13]);
  });
});

describe('interrupts in protected mode', () => {
  it('switches to the stack of the TSS on the way to ring 0', () => {
    const core = protectedCore(3);
    core.state.eflags = 0x4302;
    expect(deliverInterrupt(core, 0x20, 'external')).toBeUndefined();
    const { state } = core;
    expect([state.selector(1), state.eip, state.selector(2), state.cpl]).toEqual([8, 0x8200, 0x10, 0]);
    expect(state.reg32(4)).toBe(LAYOUT.STACK0 - 20);
    expect(stackTop(core, 5)).toEqual([0x100, 0x1b, 0x4302, LAYOUT.STACK3, 0x23]);
    expect(state.eflags & (EFLAGS.IF | EFLAGS.TF | EFLAGS.NT)).toBe(0);
  });

  it('pushes the error code and sets RF in the image for a fault', () => {
    const core = protectedCore(0);
    core.state.eflags = 0x202;
    core.deliver(14, 5);
    expect(stackTop(core, 4)).toEqual([5, 0x100, 8, 0x10202]);
  });

  it('leaves IF alone in a trap gate and pushes words through a 16-bit gate', () => {
    const core = protectedCore(0);
    core.gate(IDT + 0x30 * 8, LAYOUT.CODE0, 0x99998000, 0x87);
    core.state.eflags = 0x202;
    core.run('int_imm', { imm: 0x30 });
    expect(core.state.eip).toBe(0x8000);
    expect(core.state.eflags & 0x200).toBe(0x200);
    expect(core.state.reg32(4)).toBe(LAYOUT.STACK0 - 6);
    expect(stackTop(core, 3, 2)).toEqual([0x102, 8, 0x202]);
  });

  it('lets a program use only gates whose DPL reaches its privilege', () => {
    const core = protectedCore(3);
    expect(core.fault('int_imm', { imm: 0x80 })).toBe('#GP(402)');
    core.gate(IDT + 0x80 * 8, LAYOUT.CODE0, 0x1000, 0xee);
    expect(core.fault('int_imm', { imm: 0x80 })).toBe('none');
    expect(core.state.cpl).toBe(0);
  });

  it('stays in the privilege of the program for a conforming handler', () => {
    const core = protectedCore(3);
    core.gate(IDT + 0x80 * 8, LAYOUT.CONFORMING, 0x1000, 0xee);
    core.run('int_imm', { imm: 0x80 });
    expect([core.state.cpl, core.state.selector(1), core.state.reg32(4)]).toEqual([3, 0x53, LAYOUT.STACK3 - 12]);
  });

  it.each([
    ['a gate that is not present', (core: FakeCore) => core.gate(IDT + 8 * 0x80, 8, 0, 0x6e), '#NP(402)'],
    ['a descriptor that is no gate', (core: FakeCore) => core.gate(IDT + 8 * 0x80, 8, 0, 0xe9), '#GP(402)'],
    ['a null selector in the gate', (core: FakeCore) => core.gate(IDT + 8 * 0x80, 0, 0, 0xee), '#GP(0)'],
    ['a data segment as handler', (core: FakeCore) => core.gate(IDT + 8 * 0x80, 0x10, 0, 0xee), '#GP(10)'],
    ['a selector beyond the GDT', (core: FakeCore) => core.gate(IDT + 8 * 0x80, 0x100, 0, 0xee), '#GP(100)'],
    ['an offset beyond the limit', (core: FakeCore) => core.gate(IDT + 8 * 0x80, 0x40, 0x10000, 0xee), '#GP(0)'],
    ['a null stack selector', (core: FakeCore) => core.memory.write32(TSS + 8, 0), '#TS(0)'],
    ['a stack of another privilege', (core: FakeCore) => core.memory.write32(TSS + 8, 0x23), '#TS(20)'],
    ['a TSS that ends too early', (core: FakeCore) => core.state.set(STATE.TR_LIMIT, 8), '#TS(28)'],
    ['an absent stack segment', (core: FakeCore) => core.describe(GDT, 0x10, { access: 0x12 }), '#SS(10)'],
    ['a stack without room', (core: FakeCore) => core.describe(GDT, 0x10, { access: 0x92, limit: 0x8ffe }), '#SS(10)'],
  ])('refuses %s without changing anything', (_name, prepare, expected) => {
    const core = protectedCore(3);
    core.gate(IDT + 0x80 * 8, LAYOUT.CODE0, 0x1000, 0xee);
    prepare(core);
    const before = core.state.u8.slice(0, 0x200);
    expect(core.fault('int_imm', { imm: 0x80 })).toBe(expected);
    expect(core.state.u8.slice(0, 0x200)).toEqual(before);
  });

  it('sets the EXT bit in error codes for events that no instruction asked for', () => {
    const core = protectedCore(3);
    core.gate(IDT + 0x20 * 8, LAYOUT.DATA0, 0, 0x8e);
    deliverInterrupt(core, 0x20, 'external');
    expect(core.state.eip).toBe(0x80d0);
    expect(stackTop(core, 1)).toEqual([0x11]);
  });
});

describe('faults during delivery', () => {
  it('delivers the second fault after a benign first one', () => {
    const core = protectedCore(0);
    core.gate(IDT + 6 * 8, 0, 0, 0);
    core.deliver(6);
    expect(core.state.eip).toBe(0x80d0);
    expect(stackTop(core, 1)).toEqual([6 * 8 + 3]);
  });
  it('makes a double fault of two contributory ones, with error code 0', () => {
    const core = protectedCore(0);
    core.gate(IDT + 11 * 8, 0, 0, 0);
    expect(core.deliver(11, 0x50)).toBeUndefined();
    expect(core.state.eip).toBe(0x8080);
    expect(stackTop(core, 2)).toEqual([0, 0x100]);
  });
  it('delivers a page fault after a contributory fault, but doubles the reverse', () => {
    const core = protectedCore(3);
    core.memory.absent.add(LAYOUT.IDT >> 12);
    const chain = core.deliver(13, 0);
    expect(chain?.map((fault) => fault.vector)).toEqual([13, 14, 14, 8, 14]);
    const other = protectedCore(0);
    other.gate(IDT + 14 * 8, 0, 0, 0);
    other.deliver(14, 2);
    expect(other.state.eip).toBe(0x8080);
  });
  it('reports a triple fault and leaves the state as it was', () => {
    const core = protectedCore(0);
    core.state.set(STATE.IDTR_LIMIT, 0);
    const before = core.state.u8.slice(0, 0x200);
    expect(core.deliver(6)).toEqual([
      { vector: 6, errorCode: undefined },
      { vector: 13, errorCode: 0x33 },
      { vector: 13, errorCode: 0x6b },
      { vector: 8, errorCode: 0 },
      { vector: 13, errorCode: 0x43 },
    ]);
    expect(core.state.u8.slice(0, 0x200)).toEqual(before);
  });
});

describe('faults that do not combine', () => {
  it('end in shutdown when they never end', () => {
    const core = protectedCore(3);
    core.gate(IDT + 17 * 8, LAYOUT.CODE3, 0x1000, 0xee);
    // Stands for an alignment check: every push of the handler raises #AC again.
    core.memory.probeWrite = () => {
      throw new CpuFault(17, 0);
    };
    const chain = core.deliver(17, 0);
    expect(chain?.length).toBeGreaterThan(3);
    expect(chain?.every((fault) => fault.vector === 17)).toBe(true);
    expect(core.state.reg32(4)).toBe(LAYOUT.STACK3);
  });
});

describe('IRET', () => {
  it('returns to ring 3 and empties segments of ring 0', () => {
    const core = protectedCore(0);
    core.load(3, LAYOUT.DATA3, GDT);
    const top = LAYOUT.STACK0 - 20;
    [0x777, 0x1b, 0x13202, 0xa123, 0x23].forEach((value, n) => core.memory.write32(top + n * 4, value));
    core.state.setReg32(4, top);
    core.run('iret');
    const { state } = core;
    expect([state.eip, state.selector(1), state.cpl, state.reg32(4), state.selector(2)]).toEqual([
      0x777, 0x1b, 3, 0xa123, 0x23,
    ]);
    expect(state.selector(0)).toBe(0);
    expect(state.selector(3)).toBe(0x23);
    expect(state.eflags & 0x13200).toBe(0x13200);
    expect(core.events).toContain('unblock-nmi');
  });
  it('does not let ring 3 change IOPL, nor IF above it', () => {
    const core = protectedCore(3);
    const top = LAYOUT.STACK3 - 12;
    [0x777, 0x1b, 0x3202].forEach((value, n) => core.memory.write32(top + n * 4, value));
    core.state.setReg32(4, top);
    core.run('iret');
    expect(core.state.eflags & 0x3200).toBe(0);
  });
  it('refuses a return inwards', () => {
    const core = protectedCore(3);
    const top = LAYOUT.STACK3 - 12;
    [0x777, 0x08, 0x202].forEach((value, n) => core.memory.write32(top + n * 4, value));
    core.state.setReg32(4, top);
    expect(core.fault('iret')).toBe('#GP(8)');
  });
  it('enters V86 mode from ring 0', () => {
    const core = protectedCore(0);
    const top = LAYOUT.STACK0 - 36;
    [0x123, 0x1000, 0x20202, 0xfffe, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000].forEach((v, n) =>
      core.memory.write32(top + n * 4, v),
    );
    core.state.setReg32(4, top);
    core.run('iret');
    const { state } = core;
    expect([0, 1, 2, 3, 4, 5].map((n) => state.selector(n))).toEqual([0x3000, 0x1000, 0x2000, 0x4000, 0x5000, 0x6000]);
    expect([state.segmentBase(2), state.segmentLimit(2), state.reg32(4), state.cpl]).toEqual([
      0x20000, 0xffff, 0xfffe, 3,
    ]);
    expect(state.virtual8086).toBe(true);
  });
});

describe('V86 mode', () => {
  it('saves and empties the data segments on the way to ring 0', () => {
    const core = v86Core(3);
    deliverInterrupt(core, 0x20, 'external');
    const { state } = core;
    expect(state.virtual8086).toBe(false);
    expect([0, 3, 4, 5].map((n) => state.selector(n))).toEqual([0, 0, 0, 0]);
    expect(stackTop(core, 9)).toEqual([0x100, 0x1000, 0x23202, 0x100, 0x1000, 0x1000, 0x1000, 0x1000, 0x1000]);
  });
  it('needs IOPL 3 for INT n, CLI, STI, PUSHF, POPF and IRET', () => {
    const core = v86Core(0);
    for (const name of ['int_imm', 'cli', 'sti', 'pushf', 'popf', 'iret']) {
      expect(core.fault(name, { operandSize: 2, imm: 0x21 })).toBe('#GP(0)');
    }
    core.gate(IDT + 3 * 8, LAYOUT.CODE0, 0x8030, 0xee);
    expect(core.fault('int3')).toBe('none');
    expect(core.state.eip).toBe(0x8030);
  });
  it('refuses a handler outside ring 0', () => {
    const core = v86Core(3);
    core.gate(IDT + 0x21 * 8, LAYOUT.CODE3 & ~3, 0x1000, 0xee);
    expect(core.fault('int_imm', { imm: 0x21 })).toBe('#GP(18)');
  });
  it('redirects INT n through the program’s vectors under VME, with VIF in the place of IF', () => {
    const core = v86Core(0, 1);
    core.memory.write32(0x21 * 4, 0x20003456);
    core.state.set(STATE.EFLAGS, 0x20202 | EFLAGS.VIF);
    core.run('int_imm', { imm: 0x21 });
    const { state } = core;
    expect([state.selector(1), state.segmentBase(1), state.eip]).toEqual([0x2000, 0x20000, 0x3456]);
    expect(stackTop(core, 3, 2)).toEqual([0x102, 0x1000, 0x3202]);
    expect(state.get(STATE.EFLAGS) & (EFLAGS.VIF | EFLAGS.IF)).toBe(EFLAGS.IF);
    core.run('iret', { operandSize: 2 });
    expect([state.selector(1), state.eip, state.iopl]).toEqual([0x1000, 0x102, 0]);
    expect(state.get(STATE.EFLAGS) & EFLAGS.VIF).toBe(EFLAGS.VIF);
  });
  it('sends a vector whose redirection bit is set to the monitor', () => {
    const core = v86Core(0, 1);
    core.memory.write8(TSS + 0xfff - 32 + (0x21 >> 3), 2);
    expect(core.fault('int_imm', { imm: 0x21 })).toBe('#GP(0)');
  });
  it('virtualises CLI and STI and stops STI for a pending interrupt', () => {
    const core = v86Core(0, 1);
    core.run('sti');
    expect(core.state.get(STATE.EFLAGS) & EFLAGS.VIF).toBe(EFLAGS.VIF);
    core.run('cli');
    expect(core.state.get(STATE.EFLAGS) & EFLAGS.VIF).toBe(0);
    expect(core.state.get(STATE.EFLAGS) & EFLAGS.IF).toBe(EFLAGS.IF);
    core.state.set(STATE.EFLAGS, core.state.get(STATE.EFLAGS) | EFLAGS.VIP);
    expect(core.fault('sti')).toBe('#GP(0)');
  });
});
