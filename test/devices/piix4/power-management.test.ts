import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../../devices/device.ts';
import type { PowerManagementOptions } from '../../../devices/piix4/power-management.ts';
import { Piix4PowerManagement } from '../../../devices/piix4/power-management.ts';
import { PciRig } from '../pci-rig.ts';
import { hammer, mockHost, RecordedLine, transferState } from '../support.ts';

const BASE = 0x600;
const SMBUS = 0x700;
const PMSTS = BASE;
const PMEN = BASE + 2;
const PMCNTRL = BASE + 4;
const PMTMR = BASE + 8;
const TICK = 1e9 / 3_579_545.4545;

function build(extra: Partial<PowerManagementOptions> = {}) {
  const host = mockHost();
  const sci = new RecordedLine();
  const smbusInterrupt = new RecordedLine();
  let powerOffs = 0;
  const pm = new Piix4PowerManagement(host, { sci, smbusInterrupt, onPowerOff: () => powerOffs++, ...extra });
  pm.reset(ResetCause.PowerOn);
  const rig = new PciRig();
  rig.add(7, 3, pm);
  // As firmware does it.
  rig.write(7, 3, 0x40, BASE | 1);
  rig.write(7, 3, 0x80, 1, 1);
  rig.write(7, 3, 0x90, SMBUS | 1);
  rig.write(7, 3, 0xd2, 0x09, 1);
  rig.write(7, 3, 0x04, 1, 2);
  return { host, clock: host.clock, sci, smbusInterrupt, pm, rig, io: rig.io, powerOffs: () => powerOffs };
}

describe('PIIX4 function 3', () => {
  it('identifies itself and places its blocks', () => {
    const { rig, io } = build();
    expect(rig.read(7, 3, 0)).toBe(0x71138086);
    expect(rig.read(7, 3, 8)).toBe(0x06800002);
    expect(rig.read(7, 3, 0x3d, 1)).toBe(1);
    expect(rig.read(7, 3, 0x40)).toBe(BASE | 1);
    rig.write(7, 3, 0x40, 0xffffffff);
    expect(rig.read(7, 3, 0x40)).toBe(0xffc1);
    expect(io.find(0xffc8)).toBeDefined();
    expect(io.find(BASE)).toBeUndefined();
    rig.write(7, 3, 0x90, 0xffffffff);
    expect(rig.read(7, 3, 0x90)).toBe(0xfff1);
    rig.write(7, 3, 0x80, 0, 1);
    expect(io.find(0xffc8)).toBeUndefined();
    rig.write(7, 3, 0xd2, 0, 1);
    expect(io.find(0xfff0)).toBeUndefined();
  });

  it('answers at a fixed second address and keeps the old one when the board relocates it', () => {
    const fixed = build({ aliasBase: 0x400 });
    expect(fixed.io.find(0x408)).toBeDefined();
    expect(fixed.io.find(BASE + 8)).toBeDefined();
    fixed.rig.write(7, 3, 0x40, 0x401); // the same address twice is one
    expect(fixed.io.find(0x408)).toBeDefined();

    const { pm, rig, io, clock } = build();
    pm.relocate(0x400, 0x440);
    rig.bus.settle();
    clock.advance(1e9);
    expect(io.in(0x408, 4)).toBe(io.in(PMTMR, 4));
    expect(io.find(0x440)).toBeDefined();
    expect(io.find(SMBUS)).toBeUndefined();
    expect(rig.read(7, 3, 0x40)).toBe(0x401);
  });

  it('counts 3.579545 MHz in 24 bits', () => {
    const { clock, io } = build();
    clock.advanceTo(1e9);
    expect(io.in(PMTMR, 4)).toBe(3_579_545);
    expect(io.in(PMTMR, 2) | (io.in(PMTMR + 2) << 16)).toBe(3_579_545);
    clock.advanceTo(0x1000000 * TICK + 10 * TICK);
    expect(io.in(PMTMR, 4)).toBeLessThan(12);
    io.out(PMTMR, 0x1234, 4);
    expect(io.in(PMTMR, 4)).toBeLessThan(12);
  });

  it('sets TMROF_STS when bit 23 changes, either way, and raises the SCI only when enabled', () => {
    const { clock, io, sci, pm } = build();
    clock.advanceTo(0x7ffff0 * TICK);
    expect(io.in(PMSTS, 2) & 1).toBe(0);
    clock.advanceTo(0x800010 * TICK);
    expect(io.in(PMSTS, 2) & 1).toBe(1);
    expect(sci.level).toBe(false);
    io.out(PMEN, 1, 2);
    expect(sci.level).toBe(false);
    pm.smiCommand(0xf1);
    expect(io.in(PMCNTRL, 2) & 1).toBe(1);
    expect(sci.level).toBe(true);
    io.out(PMSTS, 1, 2);
    expect(sci.level).toBe(false);
    clock.advanceTo(0x1000010 * TICK);
    expect(sci.level).toBe(true);
    pm.smiCommand(0xf0);
    expect(sci.level).toBe(false);
  });

  it('has one overflow alarm in 2.3 seconds', () => {
    const { clock } = build();
    clock.advance(100e9);
    expect(clock.fired).toBe(Math.floor(100e9 / (0x800000 * TICK)));
  });

  it('tells the guest of the power button', () => {
    const { io, pm, sci } = build();
    expect(pm.pressPowerButton()).toBe(false);
    expect(io.in(PMSTS, 2)).toBe(0x100);
    io.out(PMSTS, 0x100, 2);
    pm.smiCommand(0xf1);
    io.out(PMEN, 0x100, 2);
    expect(pm.pressPowerButton()).toBe(true);
    expect(sci.level).toBe(true);
    io.out(PMSTS, 0xff, 2); // other bits
    expect(sci.level).toBe(true);
    io.out(PMSTS, 0x100, 2);
    expect(sci.level).toBe(false);
  });

  it('clears a status bit without touching its neighbours by byte access', () => {
    const { io, pm } = build();
    pm.pressPowerButton();
    pm.rtcAlarm();
    io.out(PMSTS + 1, 0x04);
    expect(io.in(PMSTS, 2)).toBe(0x100);
  });

  it('turns off on SUS_EN with type 0 and wakes at once from other sleep types', () => {
    const { host, io, powerOffs } = build();
    io.out(PMCNTRL, 0x0001, 2);
    expect(powerOffs()).toBe(0);
    io.out(PMCNTRL, 0x2401, 2);
    expect(powerOffs()).toBe(0);
    expect(host.log.messages.join()).toContain('sleep state');
    expect(io.in(PMSTS, 2) & 0x8000).toBe(0x8000);
    expect(io.in(PMCNTRL, 2)).toBe(0x0401);
    io.out(PMCNTRL, 0x2001, 2);
    expect(powerOffs()).toBe(1);
  });

  it('sets GBL_STS on BIOS_RLS', () => {
    const { io, pm, sci } = build();
    pm.smiCommand(0xf1);
    io.out(PMEN, 0x20, 2);
    io.out(BASE + 0x28, 0x03, 4);
    expect(io.in(PMSTS, 2)).toBe(0x20);
    expect(io.in(BASE + 0x28, 4)).toBe(1);
    expect(sci.level).toBe(true);
  });

  it('keeps general purpose outputs and reads inputs as pulled up', () => {
    const { io } = build();
    expect(io.in(BASE + 0x34, 4)).toBe(0x7fffbfff);
    io.out(BASE + 0x34, 0x12345678, 4);
    expect(io.in(BASE + 0x34, 4)).toBe(0x12345678);
    io.out(BASE + 0x30, 0, 4);
    expect(io.in(BASE + 0x30, 2)).toBe(0xffff);
  });

  it('answers every SMBus transaction with a device error', () => {
    const { clock, io, smbusInterrupt } = build();
    expect(io.in(SMBUS)).toBe(0);
    io.out(SMBUS + 4, 0xa1);
    io.out(SMBUS + 3, 0x02);
    io.out(SMBUS + 2, 0x49); // start, byte data, interrupt
    expect(io.in(SMBUS)).toBe(0x01);
    expect(io.in(SMBUS + 2)).toBe(0x09);
    clock.advance(1e6);
    expect(io.in(SMBUS)).toBe(0x04);
    expect(smbusInterrupt.level).toBe(true);
    io.out(SMBUS, 0x1f);
    expect(io.in(SMBUS)).toBe(0);
    expect(smbusInterrupt.level).toBe(false);
    io.out(SMBUS + 2, 0x48);
    io.out(SMBUS + 2, 0x02); // kill
    expect(io.in(SMBUS)).toBe(0x10);
    clock.advance(1e6);
    expect(io.in(SMBUS)).toBe(0x10);
  });

  it('goes back to its power-on state on a hard reset', () => {
    const { io, pm, rig, sci } = build();
    pm.smiCommand(0xf1);
    io.out(PMEN, 0x100, 2);
    pm.pressPowerButton();
    pm.reset(ResetCause.Soft);
    expect(sci.level).toBe(true);
    pm.reset(ResetCause.Hard);
    rig.bus.settle();
    expect(sci.level).toBe(false);
    expect(io.find(BASE)).toBeUndefined();
    expect(rig.read(7, 3, 0x40)).toBe(1);
  });

  it('saves and loads in the middle of an SMBus transaction with the SCI asserted', () => {
    const from = build();
    from.clock.advance(3e9);
    from.pm.smiCommand(0xf1);
    from.io.out(PMEN, 0x100, 2);
    from.pm.pressPowerButton();
    from.io.out(SMBUS + 2, 0x48);
    const into = build();
    into.clock.advance(3e9);
    transferState(from.pm, into.pm);
    expect(into.sci.level).toBe(true);
    expect(into.io.in(SMBUS)).toBe(1);
    into.clock.advance(1e6);
    expect(into.io.in(SMBUS)).toBe(4);
  });

  it('survives any sequence of accesses', () => {
    const { clock, rig, io } = build();
    for (const [region] of io.places) if (region !== rig.bus.region) hammer(region, clock, 20_000, 7);
  });
});
