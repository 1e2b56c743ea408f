/** The cable of a network adapter: what waits, what is missed, what is dropped. */
import { describe, expect, it } from 'vitest';
import { AdapterWire, WIRE_QUEUE_LIMIT } from '../../src/machine/adapter-wire.ts';
import { BROADCAST, ChipRig, OWN, frame } from '../devices/dec21140/rig.ts';

function plugged(descriptors: number) {
  const rig = new ChipRig();
  const wire = new AdapterWire(rig.host.clock, 'adapter', Uint8Array.of(0, 3, 0xff, 0, 0, 1));
  wire.attach(rig.chip);
  rig.receiveRing(0x10000, descriptors);
  const given = (): number =>
    Array.from({ length: descriptors }, (_, i) => rig.get32(0x10000 + 16 * i)).filter((status) => status < OWN).length;
  return { rig, wire, given, clock: rig.host.clock };
}

describe('towards the guest', () => {
  it('hands frames on in order, at the pace of the wire', () => {
    const { rig, wire, given, clock } = plugged(40);
    rig.write(6, 0x42);
    for (let i = 0; i < 30; i++) wire.input(frame(BROADCAST, 1000 + i));
    expect(given()).toBe(0);
    clock.advance(1000);
    expect(given()).toBeGreaterThan(0);
    expect(given()).toBeLessThan(30);
    clock.advance(1e6);
    expect(given()).toBe(30);
    const lengths = Array.from({ length: 30 }, (_, i) => ((rig.get32(0x10000 + 16 * i) >>> 16) & 0x3fff) - 4);
    expect(lengths).toEqual(Array.from({ length: 30 }, (_, i) => 1000 + i));
  });

  it('holds frames for a while when the adapter has no buffers, and then lets it miss them', () => {
    const { rig, wire, given, clock } = plugged(2);
    rig.write(6, 0x42);
    for (let i = 0; i < 5; i++) wire.input(frame(BROADCAST, 64));
    clock.advance(5e6);
    expect([given(), wire.pending, wire.statistics.framesMissed]).toEqual([2, 3, 0]);
    rig.put32(0x10000, OWN);
    clock.advance(1e6);
    expect([wire.pending, wire.statistics.framesReceived]).toEqual([2, 3]);
    clock.advance(100e6);
    expect([wire.pending, wire.statistics.framesMissed, rig.read(8)]).toEqual([0, 2, 0xe0000002]);
  });

  it('drops and counts what is beyond the queue, and everything without a link', () => {
    const { wire, clock } = plugged(1);
    for (let i = 0; i < WIRE_QUEUE_LIMIT + 7; i++) wire.input(frame(BROADCAST, 64));
    expect([wire.pending, wire.statistics.framesDropped]).toEqual([WIRE_QUEUE_LIMIT, 7]);
    // A station that is not receiving takes them all, for nothing.
    clock.advance(100e6);
    expect([wire.pending, wire.statistics.framesReceived, wire.statistics.framesMissed]).toEqual([0, 0, 0]);
    wire.link = false;
    wire.input(frame(BROADCAST, 64));
    expect(wire.pending).toBe(0);
  });
});
