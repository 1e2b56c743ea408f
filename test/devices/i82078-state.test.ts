/** The i82078 in the middle of things: saved, robbed of its disk, hammered. */
import { describe, expect, it } from 'vitest';
import { at, make, MemoryFloppy, ready } from './i82078-fixture.ts';
import { hammer, transferState } from './support.ts';

describe('i82078 state and abuse', () => {
  it('moves in the middle of a transfer', () => {
    const [a, b] = [ready(new MemoryFloppy(1440), {}), make({})];
    b.fdc.insert(0, new MemoryFloppy(1440));
    a.setDma(0x44, 4 * 512);
    a.command(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    a.host.clock.advance(25e6);
    b.host.clock.advanceTo(a.host.clock.now());
    transferState(a.dma, b.dma);
    transferState(a.fdc, b.fdc);
    b.ram.set(a.ram);
    b.interrupt();
    expect(b.result()).toEqual([0, 0, 0, 0, 0, 5, 2]);
    expect([0, 1, 2, 3].map((i) => at(b, i))).toEqual([0, 1, 2, 3]);
  });

  it('moves in the middle of a command and of a result', () => {
    const [a, b] = [ready(), make()];
    b.fdc.insert(0, new MemoryFloppy(1440));
    a.command(0x0f, 0x00);
    transferState(a.fdc, b.fdc);
    b.command(9);
    b.host.clock.advance(1e9);
    b.command(0x08);
    expect(b.get(5)).toBe(0x20);
    transferState(b.fdc, a.fdc);
    expect(a.result()).toEqual([9]);
  });

  it('ends a transfer whose disk is taken away', () => {
    const t = ready(new MemoryFloppy(1440), {});
    t.setDma(0x44, 36 * 512);
    t.command(0xc6, 0, 0, 0, 1, 2, 18, 0x1b, 0xff);
    t.host.clock.advance(60e6);
    t.fdc.eject(0);
    t.interrupt();
    expect(t.result().slice(0, 2)).toEqual([0x40, 0x01]);
  });

  it('survives anything', () => {
    for (let seed = 1; seed < 8; seed++) {
      const t = ready();
      t.setDma(seed & 1 ? 0x44 : 0x48, 0x8000);
      t.host.clock.fired = 0;
      for (let i = 0; i < 20; i++) {
        hammer(t.fdc.registers, t.host.clock, 30, seed * 100 + i);
        t.put(2, 0x1c);
      }
      expect(t.host.clock.fired).toBeLessThan(100_000);
    }
  });

  it('comes back from anything by reset', () => {
    const t = ready();
    hammer(t.fdc.registers, t.host.clock, 500, 77);
    t.put(2, 0x00);
    t.put(2, 0x1c);
    t.fdc.control.write(0, 1, 0);
    t.interrupt();
    for (let i = 0; i < 4; i++) t.sense();
    t.command(0x03, 0xdf, 0x02);
    t.command(0x07, 0);
    t.interrupt();
    t.sense();
    t.setDma(0x44, 512);
    expect(t.run(0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff).slice(0, 3)).toEqual([0, 0, 0]);
  });
});
