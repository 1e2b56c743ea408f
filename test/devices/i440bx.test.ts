import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../devices/device.ts';
import type { MemoryAttributes } from '../../devices/i440bx/host-bridge.ts';
import { I440bx } from '../../devices/i440bx/host-bridge.ts';
import { PciRig } from './pci-rig.ts';
import { transferState } from './support.ts';

const MIB = 1 << 20;

function build(onPostFinished?: () => void) {
  const changes: MemoryAttributes[] = [];
  const bridge = new I440bx({
    memoryBytes: 128 * MIB,
    onMemoryAttributes: (list) => changes.push(...list),
    ...(onPostFinished ? { onPostFinished } : {}),
  });
  bridge.reset(ResetCause.PowerOn);
  changes.length = 0;
  const rig = new PciRig();
  rig.add(0, 0, bridge);
  return { bridge, rig, changes, write: (at: number, value: number) => rig.write(0, 0, at, value, 1) };
}

describe('82443BX', () => {
  it('identifies itself as the bridge without AGP', () => {
    const { rig } = build();
    expect(rig.read(0, 0, 0)).toBe(0x71928086);
    expect(rig.read(0, 0, 4)).toBe(0x02000006);
    expect(rig.read(0, 0, 8)).toBe(0x06000003);
    expect(rig.read(0, 0, 0x0e, 1)).toBe(0);
    expect(rig.read(0, 0, 0x34, 1)).toBe(0);
    rig.write(0, 0, 0x10, 0xffffffff);
    expect(rig.read(0, 0, 0x10)).toBe(8);
    rig.write(0, 0, 0, 0x12345678);
    expect(rig.read(0, 0, 0)).toBe(0x71928086);
  });

  it('reports all memory in its row boundaries, cumulative in units of 8 MiB', () => {
    const { rig } = build();
    expect(rig.read(0, 0, 0x67, 1)).toBe(16);
    const boundaries = Array.from({ length: 8 }, (_, i) => rig.read(0, 0, 0x60 + i, 1));
    expect([...boundaries].sort((a, b) => a - b)).toEqual(boundaries);
  });

  it('routes each PAM field to its own stretch', () => {
    const { changes, write } = build();
    write(0x59, 0x30);
    expect(changes).toEqual([{ from: 0xf0000, length: 0x10000, read: 'dram', write: 'dram' }]);
    changes.length = 0;
    write(0x5a, 0x21);
    expect(changes).toEqual([
      { from: 0xc0000, length: 0x4000, read: 'dram', write: 'bus' },
      { from: 0xc4000, length: 0x4000, read: 'bus', write: 'dram' },
    ]);
    changes.length = 0;
    write(0x5f, 0x30);
    expect(changes).toEqual([{ from: 0xec000, length: 0x4000, read: 'dram', write: 'dram' }]);
    changes.length = 0;
    write(0x5f, 0x30);
    expect(changes).toEqual([]);
  });

  it('covers C0000-FFFFF without gaps', () => {
    let at = 0xa0000;
    for (const { from, length } of build().bridge.memoryAttributes()) {
      expect(from).toBe(at);
      at += length;
    }
    expect(at).toBe(0x100000);
  });

  it('opens, closes and locks SMRAM', () => {
    const { rig, changes, write } = build();
    expect(rig.read(0, 0, 0x72, 2)).toBe(0x3802);
    write(0x72, 0x4a);
    expect(changes).toEqual([{ from: 0xa0000, length: 0x20000, read: 'dram', write: 'dram' }]);
    changes.length = 0;
    write(0x72, 0x5a); // locking closes
    expect(changes).toEqual([{ from: 0xa0000, length: 0x20000, read: 'bus', write: 'bus' }]);
    expect(rig.read(0, 0, 0x72, 1)).toBe(0x1a);
    write(0x72, 0x4a);
    expect(rig.read(0, 0, 0x72, 1) & 0x50).toBe(0x10);
  });

  it('keeps everything over a soft reset and nothing over a hard one', () => {
    const { bridge, rig, changes, write } = build();
    write(0x59, 0x30);
    changes.length = 0;
    bridge.reset(ResetCause.Soft);
    expect(rig.read(0, 0, 0x59, 1)).toBe(0x30);
    bridge.reset(ResetCause.Hard);
    expect(rig.read(0, 0, 0x59, 1)).toBe(0);
    expect(changes).toEqual([{ from: 0xf0000, length: 0x10000, read: 'bus', write: 'bus' }]);
  });

  it('hands over after POST: other identity until the F segment is protected', () => {
    const log: string[] = [];
    const { bridge, rig, write } = build(() => log.push(`PAM0 ${bridge.config[0x59]!.toString(16)}`));
    expect(rig.read(0, 0, 0)).toBe(0x12378086);
    expect(rig.read(0, 0, 8, 1)).toBe(2);
    expect(rig.read(0, 0, 0x59, 1)).toBe(0x10);
    write(0x59, 0x10);
    expect(log).toEqual([]);
    write(0x59, 0x30);
    write(0x5a, 0x33);
    expect(log).toEqual([]);
    write(0x59, 0x10);
    expect(log).toEqual(['PAM0 10']);
    bridge.finishPost();
    expect(rig.read(0, 0, 0)).toBe(0x71928086);
    expect(rig.read(0, 0, 8, 1)).toBe(3);
    write(0x59, 0x30);
    write(0x59, 0x10);
    expect(log).toHaveLength(1);
    bridge.reset(ResetCause.Hard);
    expect(rig.read(0, 0, 0)).toBe(0x12378086);
  });

  it('reports its routing again when a state is loaded', () => {
    const from = build();
    from.write(0x5e, 0x11);
    const into = build();
    transferState(from.bridge, into.bridge);
    expect(into.changes.map((c) => c.from)).toEqual([0xe0000, 0xe4000]);
  });
});
