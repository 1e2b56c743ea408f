import { describe, expect, it } from 'vitest';
import type { BusRegion } from '../../devices/bus.ts';
import { PciFunction } from '../../devices/pci.ts';
import { loadState, saveState } from '../../devices/state.ts';
import { PciRig } from './pci-rig.ts';

const region = (name: string, length: number): BusRegion => ({
  name,
  length,
  widest: 4,
  read: () => 0x5a,
  write: () => undefined,
});

function networkCard(): { card: PciFunction; io: BusRegion; memory: BusRegion } {
  const io = region('card I/O', 128);
  const memory = region('card memory', 4096);
  const identity = { vendor: 0x1011, device: 9, revision: 0x20, classCode: 0x020000, interruptPin: 1 } as const;
  const card = new PciFunction(identity, [
    { kind: 'io', region: io },
    { kind: 'memory', region: memory },
  ]);
  return { card, io, memory };
}

describe('PCI configuration mechanism 1', () => {
  it('answers in byte, word and double-word lanes', () => {
    const rig = new PciRig();
    rig.add(10, 0, networkCard().card);
    expect(rig.read(10, 0, 0)).toBe(0x00091011);
    expect(rig.read(10, 0, 2, 2)).toBe(0x0009);
    expect(rig.read(10, 0, 1, 1)).toBe(0x10);
    expect(rig.read(10, 0, 8)).toBe(0x02000020);
    expect(rig.read(10, 0, 0x3d, 1)).toBe(1);
  });

  it('reads all ones from absent functions, other buses and with the enable bit clear', () => {
    const rig = new PciRig();
    rig.add(10, 0, networkCard().card);
    expect(rig.read(11, 0, 0)).toBe(0xffffffff);
    expect(rig.read(10, 1, 0, 2)).toBe(0xffff);
    rig.io.out(0xcf8, 0x80010000 | (10 << 11), 4);
    expect(rig.io.in(0xcfc, 4)).toBe(0xffffffff);
    rig.io.out(0xcf8, 10 << 11, 4);
    expect(rig.io.in(0xcfc, 4)).toBe(0xffffffff);
  });

  it('takes CONFIG_ADDRESS only as a double word', () => {
    const rig = new PciRig();
    rig.io.out(0xcf8, 0x80005000, 4);
    rig.io.out(0xcf8, 0x12);
    rig.io.out(0xcfa, 0x1234, 2);
    expect(rig.io.in(0xcf8, 4)).toBe(0x80005000);
    expect(rig.io.in(0xcf8)).toBe(0xff);
    rig.io.out(0xcf8, 0xffffffff, 4);
    expect(rig.io.in(0xcf8, 4)).toBe(0x80fffffc);
  });

  it('sizes base address registers the way firmware does', () => {
    const rig = new PciRig();
    rig.add(10, 0, networkCard().card);
    rig.write(10, 0, 0x10, 0xffffffff);
    rig.write(10, 0, 0x14, 0xffffffff);
    rig.write(10, 0, 0x18, 0xffffffff);
    expect(rig.read(10, 0, 0x10)).toBe(0xffffff81);
    expect(rig.read(10, 0, 0x14)).toBe(0xfffff000);
    expect(rig.read(10, 0, 0x18)).toBe(0);
  });

  it('places ranges while they are enabled, moves and removes them', () => {
    const rig = new PciRig();
    const { card, io, memory } = networkCard();
    rig.add(10, 0, card);
    rig.write(10, 0, 0x10, 0xec00);
    rig.write(10, 0, 0x14, 0xfebff000);
    expect(rig.io.places.has(io)).toBe(false);
    rig.write(10, 0, 4, 1, 2);
    expect(rig.io.places.get(io)).toBe(0xec00);
    expect(rig.memory.places.has(memory)).toBe(false);
    rig.write(10, 0, 4, 3, 2);
    expect(rig.memory.places.get(memory)).toBe(0xfebff000);
    rig.write(10, 0, 0x10, 0xe880);
    expect(rig.io.places.get(io)).toBe(0xe880);
    rig.write(10, 0, 4, 0, 2);
    expect(rig.io.places.has(io)).toBe(false);
  });

  it('follows a reset and a loaded state of the functions', () => {
    const rig = new PciRig();
    const { card, io } = networkCard();
    rig.add(10, 0, card);
    rig.write(10, 0, 0x10, 0xec00);
    rig.write(10, 0, 4, 1, 2);
    const saved = saveState(rig.bus.state);
    const config = card.config.slice();
    card.resetConfig();
    rig.bus.reset();
    expect(rig.io.places.has(io)).toBe(false);
    card.config.set(config);
    loadState(rig.bus.name, rig.bus.state, saved);
    expect(rig.io.places.get(io)).toBe(0xec00);
    expect(rig.io.in(0xcf8, 4)).toBe(saved['configAddress']);
  });

  it('refuses a taken slot and one that does not exist', () => {
    const rig = new PciRig();
    rig.add(10, 0, networkCard().card);
    expect(() => rig.add(10, 0, networkCard().card)).toThrow(RangeError);
    expect(() => rig.add(32, 0, networkCard().card)).toThrow(RangeError);
  });
});
