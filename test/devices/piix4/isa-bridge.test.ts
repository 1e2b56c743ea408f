import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../../devices/device.ts';
import { LevelLine } from '../../../devices/interrupt-line.ts';
import { Piix4IsaBridge } from '../../../devices/piix4/isa-bridge.ts';
import { PciRig } from '../pci-rig.ts';
import { transferState } from '../support.ts';

function build() {
  const levels = new Array<boolean>(16).fill(false);
  const irq = levels.map((_, n) => new LevelLine((asserted) => void (levels[n] = asserted)));
  const resets: number[] = [];
  const smi: number[] = [];
  const bridge = new Piix4IsaBridge({ irq, onSmiCommand: (v) => smi.push(v), onReset: (cause) => resets.push(cause) });
  bridge.reset(ResetCause.PowerOn);
  const rig = new PciRig(bridge.resetControl);
  rig.add(7, 0, bridge);
  const active = (): number[] => levels.flatMap((level, n) => (level ? [n] : []));
  return { bridge, rig, irq, resets, smi, active };
}

describe('PIIX4 function 0', () => {
  it('has the identity and defaults of the data sheet', () => {
    const { rig } = build();
    expect(rig.read(7, 0, 0)).toBe(0x71108086);
    expect(rig.read(7, 0, 4)).toBe(0x02800007);
    expect(rig.read(7, 0, 8)).toBe(0x06010001);
    expect(rig.read(7, 0, 0x0c)).toBe(0x00800000);
    expect(rig.read(7, 0, 0x60)).toBe(0x80808080);
    expect(rig.read(7, 0, 0x4c, 1)).toBe(0x4d);
    expect(rig.read(7, 0, 0x4e, 2)).toBe(0x0003);
    expect(rig.read(7, 0, 0x69, 1)).toBe(0x02);
  });

  it('routes PIRQs, several to one interrupt', () => {
    const { bridge, rig, active } = build();
    const a = bridge.pirq(0).source();
    const d = bridge.pirq(3).source();
    a.set(true);
    expect(active()).toEqual([]);
    rig.write(7, 0, 0x60, 0x0b0b0909);
    expect(active()).toEqual([9]);
    d.set(true);
    expect(active()).toEqual([9, 11]);
    rig.write(7, 0, 0x63, 9, 1);
    expect(active()).toEqual([9]);
    a.set(false);
    expect(active()).toEqual([9]);
    d.set(false);
    expect(active()).toEqual([]);
  });

  it('ORs a PIRQ with the other sources of the interrupt', () => {
    const { bridge, rig, irq, active } = build();
    rig.write(7, 0, 0x60, 9, 1);
    const sci = irq[9]!.source();
    const pirq = bridge.pirq(0).source();
    sci.set(true);
    pirq.set(true);
    pirq.set(false);
    expect(active()).toEqual([9]);
    sci.set(false);
    expect(active()).toEqual([]);
  });

  it('routes nowhere with bit 7 set and for reserved codes 0, 1, 2, 8, 13', () => {
    const { bridge, rig, active } = build();
    bridge.pirq(1).source().set(true);
    for (const code of [0, 1, 2, 8, 13, 0x8b, 0x80]) {
      rig.write(7, 0, 0x61, code, 1);
      expect(active()).toEqual([]);
      expect(bridge.routeOf(1)).toBeUndefined();
    }
    for (const code of [3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15]) {
      rig.write(7, 0, 0x61, code, 1);
      expect(active()).toEqual([code]);
    }
    bridge.reset(ResetCause.Hard);
    expect(active()).toEqual([]);
  });

  it('reports SMI commands and lets the status port read 0 afterwards', () => {
    const { bridge, smi } = build();
    bridge.apm.write(1, 1, 0x01);
    expect(bridge.apm.read(1, 1)).toBe(1);
    bridge.apm.write(0, 1, 0xf1);
    expect(smi).toEqual([0xf1]);
    expect(bridge.apm.read(0, 1)).toBe(0xf1);
    expect(bridge.apm.read(1, 1)).toBe(0);
  });

  it('resets on a rising RCPU only, hard or soft by SRST', () => {
    const { rig, resets } = build();
    rig.io.out(0xcf9, 0x02);
    expect(resets).toEqual([]);
    rig.io.out(0xcf9, 0x06);
    expect(resets).toEqual([ResetCause.Hard]);
    rig.io.out(0xcf9, 0x06);
    expect(resets).toHaveLength(1);
    rig.io.out(0xcf9, 0x00);
    rig.io.out(0xcf9, 0x04);
    expect(resets).toEqual([ResetCause.Hard, ResetCause.Soft]);
    rig.io.out(0xcf8, 0x0600, 2); // not a byte access to CF9
    expect(rig.io.in(0xcf9)).toBe(0x04);
  });

  it('restores its routing from a saved state', () => {
    const from = build();
    from.rig.write(7, 0, 0x60, 5, 1);
    const into = build();
    into.bridge.pirq(0).source().set(true);
    transferState(from.bridge, into.bridge);
    expect(into.active()).toEqual([5]);
  });
});
