import { describe, expect, it } from 'vitest';
import { STATE } from '../../../cpu/layout.ts';
import { GeneralDetectFault } from '../../../cpu/debug/index.ts';
import { deliverException } from '../../../cpu/exceptions/index.ts';
import { createCpuid } from '../../../cpu/system/index.ts';
import { FakeCore, LAYOUT, protectedCore } from './fake-core.ts';

function set(core: FakeCore, helper: string, reg: number, value: number): string {
  core.state.setReg32(1, value);
  return core.fault(helper, { reg, rm: 1 });
}

describe('control registers', () => {
  it('CR0 refuses paging without protection and NW without CD, ignores reserved bits, keeps ET', () => {
    const core = new FakeCore();
    expect(set(core, 'mov_to_cr', 0, 0x80000000)).toBe('#GP(0)');
    expect(set(core, 'mov_to_cr', 0, 0x20000000)).toBe('#GP(0)');
    expect(core.state.cr0).toBe(0x10);
    expect(set(core, 'mov_to_cr', 0, 0x0000ffc1)).toBe('none');
    expect(core.state.cr0).toBe(0x11);
    expect(core.events).toContain('flush-all');
    expect(core.state.eip).toBe(core.nextEip);
  });
  it('CR3 keeps global translations and its defined bits', () => {
    const core = protectedCore(0);
    set(core, 'mov_to_cr', 3, 0x12345fff);
    expect(core.state.getU(STATE.CR3)).toBe(0x12345018);
    expect(core.events).toContain('flush-local');
  });
  it('CR4 refuses bits of features that CPUID does not report', () => {
    const core = protectedCore(0);
    expect(set(core, 'mov_to_cr', 4, 0x40)).toBe('#GP(0)');
    expect(set(core, 'mov_to_cr', 4, 0x800)).toBe('#GP(0)');
    expect(set(core, 'mov_to_cr', 4, 0x79f)).toBe('none');
    const old = protectedCore(0, { features: { sse: false, sse2: false, fxsr: false } });
    expect(set(old, 'mov_to_cr', 4, 0x200)).toBe('#GP(0)');
  });
  it('CR1 and CR5 to CR7 do not exist', () => {
    for (const reg of [1, 5, 6, 7]) expect(new FakeCore().fault('mov_from_cr', { reg })).toBe('#UD');
  });
  it('LMSW can set PE but not clear it', () => {
    const core = protectedCore(0);
    core.state.setReg16(0, 0x000e);
    core.run('lmsw', { rm: 0 });
    expect(core.state.cr0).toBe(0x1f);
    core.run('clts');
    expect(core.state.cr0).toBe(0x17);
    core.run('smsw', { operandSize: 2, rm: 2 });
    expect(core.state.reg32(2)).toBe(0x17);
  });
  it('belong to ring 0', () => {
    const core = protectedCore(3);
    for (const name of [
      'mov_to_cr',
      'mov_from_cr',
      'mov_to_dr',
      'mov_from_dr',
      'lmsw',
      'clts',
      'invd',
      'wbinvd',
      'rdmsr',
      'wrmsr',
      'hlt',
    ]) {
      expect(core.fault(name)).toBe('#GP(0)');
    }
    for (const name of ['invlpg', 'lgdt', 'lidt']) expect(core.fault(name, { isMemory: true })).toBe('#GP(0)');
  });
});

describe('SYSENTER and SYSEXIT', () => {
  it('go to flat ring 0 and back to flat ring 3', () => {
    const core = protectedCore(3);
    const { state } = core;
    expect(core.fault('sysenter')).toBe('#GP(0)');
    state.set(STATE.SYSENTER_CS, 8);
    state.set(STATE.SYSENTER_ESP, 0x8888);
    state.set(STATE.SYSENTER_EIP, 0x7777);
    state.eflags = 0x202;
    core.run('sysenter');
    expect([state.cpl, state.selector(1), state.selector(2), state.eip, state.reg32(4), state.eflags]).toEqual([
      0, 8, 0x10, 0x7777, 0x8888, 2,
    ]);
    state.setReg32(1, 0x1111);
    state.setReg32(2, 0x2222);
    core.run('sysexit');
    expect([state.cpl, state.selector(1), state.selector(2), state.eip, state.reg32(4)]).toEqual([
      3, 0x1b, 0x23, 0x2222, 0x1111,
    ]);
    expect([state.segmentAttributes(1), state.segmentAttributes(2)]).toEqual([0xc0fb, 0xc0f3]);
    expect(core.fault('sysexit')).toBe('#GP(0)');
  });
});

describe('model-specific registers', () => {
  const access = (core: FakeCore, name: string, index: number, low = 0, high = 0): string => {
    core.state.setReg32(1, index);
    core.state.setReg32(0, low);
    core.state.setReg32(2, high);
    return core.fault(name);
  };
  it('the time-stamp counter counts on from what was written', () => {
    const core = protectedCore(0);
    core.stamp = 0x1_8000_0000;
    core.run('rdtsc');
    expect([core.state.reg32(0), core.state.reg32(2)]).toEqual([0x80000000, 1]);
    access(core, 'wrmsr', 0x10, 0xfffffff0, 5);
    core.stamp += 0x20;
    access(core, 'rdmsr', 0x10);
    expect([core.state.reg32(0), core.state.reg32(2)]).toEqual([0x10, 6]);
  });
  it('RDTSC obeys CR4.TSD outside ring 0', () => {
    const core = protectedCore(3);
    expect(core.fault('rdtsc')).toBe('none');
    core.state.set(STATE.CR4, 4);
    expect(core.fault('rdtsc')).toBe('#GP(0)');
  });
  it('unknown ones raise #GP(0) and are logged once each', () => {
    const core = protectedCore(0);
    for (let n = 0; n < 3; n++) expect(access(core, 'rdmsr', 0x1b)).toBe('#GP(0)');
    expect(access(core, 'wrmsr', 0xc0000080)).toBe('#GP(0)');
    expect(core.logs).toHaveLength(2);
  });
  it('the log does not grow without bound', () => {
    const core = protectedCore(0);
    for (let n = 0; n < 2000; n++) access(core, 'rdmsr', 0x4000_0000 + n);
    expect(core.logs.length).toBeLessThanOrEqual(256);
  });
  it('SYSENTER registers keep what is written', () => {
    const core = protectedCore(0);
    access(core, 'wrmsr', 0x176, 0xc0001234);
    access(core, 'rdmsr', 0x176);
    expect(core.state.reg32(0)).toBe(0xc0001234);
  });
});

describe('CPUID', () => {
  const text = (...values: number[]): string =>
    String.fromCharCode(...values.flatMap((v) => [0, 8, 16, 24].map((shift) => (v >>> shift) & 0xff))).replace(
      /\0+$/,
      '',
    );
  it('names a GenuineIntel family 6 model 8 stepping 3 with at most leaf 2', () => {
    const table = createCpuid();
    const [max, b, c, d] = table.leaf(0);
    expect([max, text(b, d, c)]).toEqual([2, 'GenuineIntel']);
    expect(table.leaf(1)[0]).toBe(0x683);
    // FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV MMX FXSR SSE SSE2; no APIC (9), MTRR (12).
    expect(table.leaf(1)[3]).toBe(0x0780a97f);
    expect(table.leaf(1)[2]).toBe(0);
    expect(table.leaf(2)[0] & 0xff).toBe(1);
  });
  it('answers leaves beyond the last as the last basic one', () => {
    const table = createCpuid();
    expect(table.leaf(3)).toEqual(table.leaf(2));
    expect(table.leaf(0x40000000)).toEqual(table.leaf(2));
    expect(table.leaf(0x80000005)).toEqual(table.leaf(2));
  });
  it('has the configured vendor, brand, signature and features', () => {
    const brand = 'A brand of its own';
    const table = createCpuid({
      vendor: 'ConnectixCPU',
      brand,
      family: 15,
      model: 0x24,
      stepping: 1,
      maxLeaf: 1,
      features: { sse2: false, ssse3: true },
    });
    const [, b, c, d] = table.leaf(0);
    expect(text(b, d, c)).toBe('ConnectixCPU');
    expect(table.leaf(0x80000000)[0]).toBe(0x80000004);
    expect(text(...table.leaf(0x80000002), ...table.leaf(0x80000003), ...table.leaf(0x80000004))).toBe(brand);
    expect(table.leaf(1)[0]).toBe(0x20f41);
    expect([table.has('sse2'), table.has('ssse3'), table.leaf(1)[2]]).toEqual([false, true, 0x200]);
    expect(table.leaf(2)).toEqual(table.leaf(1));
  });
  it('refuses what it cannot express', () => {
    expect(() => createCpuid({ stepping: 16 })).toThrow(RangeError);
    expect(() => createCpuid({ features: { warp: true } })).toThrow(RangeError);
    expect(() => createCpuid({ features: { apic: true } })).toThrow(RangeError);
    expect(createCpuid({ features: { pae: false } }).has('pae')).toBe(false);
  });
});

describe('debug registers', () => {
  const dr = (n: number): number => STATE.DR + n * 4;
  it('DR4 and DR5 are DR6 and DR7 unless debug extensions are on', () => {
    const core = protectedCore(0);
    expect(set(core, 'mov_to_dr', 5, 0xffffffff)).toBe('none');
    // GD now guards the registers.
    expect(core.fault('mov_from_dr', { reg: 0 })).toBe('#DB');
    expect(core.state.getU(dr(6))).toBe(0xffff2ff0);
    core.state.set(dr(7), 0x400);
    core.state.set(STATE.CR4, 8);
    expect(core.fault('mov_from_dr', { reg: 4 })).toBe('#UD');
  });
  it('keep fixed bits', () => {
    const core = protectedCore(0);
    set(core, 'mov_to_dr', 6, 0);
    core.run('mov_from_dr', { reg: 6, rm: 2 });
    expect(core.state.reg32(2)).toBe(0xffff0ff0);
    set(core, 'mov_to_dr', 7, 0);
    core.run('mov_from_dr', { reg: 7, rm: 2 });
    expect(core.state.reg32(2)).toBe(0x400);
  });
  it('a #DB handler is entered with GD clear; general detect sets RF in the image', () => {
    const core = protectedCore(0);
    core.state.set(dr(7), 0x2400);
    core.deliver(1);
    expect(core.state.get(dr(7))).toBe(0x400);
    expect(core.memory.read32(LAYOUT.STACK0 - 4) & 0x10000).toBe(0);
    const detected = protectedCore(0);
    deliverException(detected, new GeneralDetectFault());
    expect(detected.memory.read32(LAYOUT.STACK0 - 4) & 0x10000).toBe(0x10000);
  });
});
