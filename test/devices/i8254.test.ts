import { describe, expect, it } from 'vitest';
import { I8254, I8254_FREQUENCY } from '../../devices/i8254/i8254.ts';
import type { MockHost } from './support.ts';
import { hammer, mockHost, RecordedLine, transferState } from './support.ts';

const TICK = 264_000 / 315;

function make(host: MockHost = mockHost(), onOutput2?: (high: boolean) => void) {
  const irq = new RecordedLine();
  const pit = new I8254(host, onOutput2 ? { irq, onOutput2 } : { irq });
  const io = pit.counters;
  return {
    host,
    irq,
    pit,
    /** Sets to the middle of a clock period, so that rounding plays no part. */
    ticks: (n: number) => host.clock.advance(n * TICK),
    program: (channel: number, mode: number, count: number, bcd = 0) => {
      io.write(3, 1, (channel << 6) | 0x30 | (mode << 1) | bcd);
      io.write(channel, 1, count & 0xff);
      io.write(channel, 1, count >> 8);
    },
    latch: (channel: number) => {
      io.write(3, 1, channel << 6);
      const low = io.read(channel, 1);
      return low | (io.read(channel, 1) << 8);
    },
    status: (channel: number) => {
      io.write(3, 1, 0xe0 | (2 << channel));
      return io.read(channel, 1);
    },
    io,
  };
}

/** Half a clock off, so that nothing sits exactly on an edge. */
function offGrid(): MockHost {
  return mockHost(TICK / 2);
}

/** Output and count after each of `n` clocks, read through a status-and-count latch like a guest's. */
function trace(t: ReturnType<typeof make>, channel: number, n: number): string[] {
  const out: string[] = [];
  for (let i = 0; i < n; i++) {
    t.ticks(1);
    out.push(`${t.pit.output(channel as 0) ? 'H' : 'L'}${t.latch(channel).toString(16)}`);
  }
  return out;
}

describe('i8254 timing diagrams of the data sheet', () => {
  it('mode 0: low until terminal count, then high while the count goes on', () => {
    const t = make(offGrid());
    t.program(0, 0, 4);
    expect(t.pit.output(0)).toBe(false);
    expect(trace(t, 0, 8)).toEqual(['L4', 'L3', 'L2', 'L1', 'H0', 'Hffff', 'Hfffe', 'Hfffd']);
  });

  it('mode 0: gate low pauses, first byte of a new count stops the counting and drops OUT', () => {
    const t = make(offGrid());
    t.program(2, 0, 3);
    expect(trace(t, 2, 2)).toEqual(['L3', 'L3']);
    t.pit.setGate(2, true);
    expect(trace(t, 2, 4)).toEqual(['L2', 'L1', 'H0', 'Hffff']);
    t.io.write(2, 1, 2);
    expect(t.pit.output(2)).toBe(false);
    t.ticks(5);
    expect(t.latch(2)).toBe(0xffff);
    t.io.write(2, 1, 0);
    expect(trace(t, 2, 3)).toEqual(['L2', 'L1', 'H0']);
  });

  it('mode 1: one-shot started and restarted by the gate', () => {
    const t = make(offGrid());
    t.program(2, 1, 3);
    t.ticks(3);
    expect(t.pit.output(2)).toBe(true);
    t.pit.setGate(2, true);
    expect(trace(t, 2, 4)).toEqual(['L3', 'L2', 'L1', 'H0']);
    t.pit.setGate(2, false);
    t.pit.setGate(2, true);
    expect(trace(t, 2, 2)).toEqual(['L3', 'L2']);
    t.pit.setGate(2, false);
    t.pit.setGate(2, true);
    expect(trace(t, 2, 4)).toEqual(['L3', 'L2', 'L1', 'H0']);
  });

  it('mode 2: low for the last clock of each period', () => {
    const t = make(offGrid());
    t.program(0, 2, 3);
    expect(trace(t, 0, 7)).toEqual(['H3', 'H2', 'L1', 'H3', 'H2', 'L1', 'H3']);
  });

  it('mode 2: a new count waits for the end of the period, a gate restarts', () => {
    const t = make(offGrid());
    t.pit.setGate(2, true);
    t.program(2, 2, 4);
    expect(trace(t, 2, 2)).toEqual(['H4', 'H3']);
    t.io.write(2, 1, 5);
    t.io.write(2, 1, 0);
    expect(trace(t, 2, 3)).toEqual(['H2', 'L1', 'H5']);
    t.pit.setGate(2, false);
    expect(trace(t, 2, 2)).toEqual(['H5', 'H5']);
    t.pit.setGate(2, true);
    expect(trace(t, 2, 5)).toEqual(['H5', 'H4', 'H3', 'H2', 'L1']);
    t.pit.setGate(2, false);
    expect(t.pit.output(2)).toBe(true);
  });

  it('mode 3: even counts by two', () => {
    const t = make(offGrid());
    t.program(0, 3, 4);
    expect(trace(t, 0, 9)).toEqual(['H4', 'H2', 'L4', 'L2', 'H4', 'H2', 'L4', 'L2', 'H4']);
  });

  it('mode 3: an odd count is high for one clock more', () => {
    const t = make(offGrid());
    t.program(0, 3, 5);
    expect(trace(t, 0, 11)).toEqual(['H4', 'H2', 'H0', 'L4', 'L2', 'H4', 'H2', 'H0', 'L4', 'L2', 'H4']);
  });

  it('mode 4: a strobe of one clock, N + 1 clocks after the count', () => {
    const t = make(offGrid());
    t.program(0, 4, 3);
    expect(trace(t, 0, 6)).toEqual(['H3', 'H2', 'H1', 'L0', 'Hffff', 'Hfffe']);
  });

  it('mode 5: the strobe is started by the gate', () => {
    const t = make(offGrid());
    t.program(2, 5, 3);
    t.ticks(4);
    t.pit.setGate(2, true);
    expect(trace(t, 2, 6)).toEqual(['H3', 'H2', 'H1', 'L0', 'Hffff', 'Hfffe']);
  });

  it('jumps over many periods to the same place as clock by clock', () => {
    for (const mode of [0, 2, 3, 4]) {
      for (const count of [2, 3, 7, 10, 65535]) {
        const [a, b] = [make(offGrid()), make(offGrid())];
        a.program(1, mode, count);
        b.program(1, mode, count);
        a.ticks(123);
        for (let i = 0; i < 123; i++) {
          b.ticks(1);
          b.pit.output(1);
        }
        expect([mode, count, a.latch(1), a.pit.output(1)]).toEqual([mode, count, b.latch(1), b.pit.output(1)]);
      }
    }
  });
});

describe('i8254 registers', () => {
  it('counts in BCD', () => {
    const t = make(offGrid());
    t.program(0, 2, 0x1000, 1);
    t.ticks(2);
    expect(t.latch(0)).toBe(0x0999);
    t.program(0, 2, 0, 1);
    t.ticks(2);
    expect(t.latch(0)).toBe(0x9999);
  });

  it('takes 0 as 65536', () => {
    const t = make(offGrid());
    t.program(0, 2, 0);
    t.ticks(1);
    expect(t.latch(0)).toBe(0);
    t.ticks(1);
    expect(t.latch(0)).toBe(0xffff);
    t.ticks(65536);
    expect(t.latch(0)).toBe(0xffff);
  });

  it('keeps the first latch until it was read, and then reads live', () => {
    const t = make(offGrid());
    t.program(0, 2, 0x1234);
    t.ticks(5);
    t.io.write(3, 1, 0);
    t.ticks(0x100);
    t.io.write(3, 1, 0);
    expect([t.io.read(0, 1), t.io.read(0, 1)]).toEqual([0x30, 0x12]);
    expect(t.io.read(0, 1)).toBe(0x30);
    expect(t.io.read(0, 1)).toBe(0x11);
  });

  it('reads back status before count: output, null count, access, mode, BCD', () => {
    const t = make(offGrid());
    t.program(0, 3, 1000);
    // OUT high, count not yet loaded, both bytes, mode 3.
    expect(t.status(0)).toBe(0xc0 | 0x30 | 0x06);
    t.ticks(1);
    expect(t.status(0)).toBe(0x80 | 0x30 | 0x06);
    t.ticks(501);
    t.io.write(3, 1, 0xc2);
    t.ticks(50);
    expect(t.io.read(0, 1)).toBe(0x36);
    expect(t.io.read(0, 1) | (t.io.read(0, 1) << 8)).toBe(1000 - 2);
  });

  it('sets null count again when a new count waits', () => {
    const t = make(offGrid());
    t.program(0, 2, 100);
    t.ticks(10);
    t.io.write(0, 1, 50);
    expect(t.status(0) & 0x40).toBe(0);
    t.io.write(0, 1, 0);
    expect(t.status(0) & 0x40).toBe(0x40);
    t.ticks(100);
    expect(t.status(0) & 0x40).toBe(0);
  });

  it('has single-byte access modes and separate toggles for reading and writing', () => {
    const t = make(offGrid());
    t.io.write(3, 1, 0x14);
    t.io.write(0, 1, 0x80);
    t.ticks(1);
    expect([t.io.read(0, 1), t.io.read(0, 1)]).toEqual([0x80, 0x80]);
    t.io.write(3, 1, 0x24);
    t.io.write(0, 1, 0x80);
    t.ticks(1);
    expect(t.io.read(0, 1)).toBe(0x80);
    t.ticks(1);
    expect(t.io.read(0, 1)).toBe(0x7f);
    t.program(0, 2, 0x1234);
    t.ticks(1);
    expect(t.io.read(0, 1)).toBe(0x34);
    t.io.write(0, 1, 0x78);
    expect(t.io.read(0, 1)).toBe(0x12);
    t.io.write(0, 1, 0x56);
    t.ticks(0x1234);
    expect(t.latch(0)).toBe(0x5678);
  });

  it('reads the control port as ones', () => {
    expect(make().io.read(3, 1)).toBe(0xff);
  });
});

describe('i8254 read faster than the real bus allows', () => {
  it('reads a new count at once, as the fast calibration of Linux expects', () => {
    const t = make(offGrid());
    t.pit.setGate(2, true);
    t.program(2, 0, 0xffff);
    t.host.clock.advance(10);
    expect([t.io.read(2, 1), t.io.read(2, 1)]).toEqual([0xff, 0xff]);
    t.program(2, 3, 5);
    expect(t.latch(2)).toBe(4);
    t.program(2, 3, 0);
    expect(t.latch(2)).toBe(0);
  });
});

describe('i8254 in time', () => {
  it('runs at 1.193182 MHz', () => {
    expect(I8254_FREQUENCY).toBeCloseTo(1193181.818, 2);
  });

  it('gives 18.2 interrupts a second with the BIOS setting, at the exact rate over an hour', () => {
    const t = make();
    t.program(0, 3, 0);
    // The mode write itself took OUT from its power-on level to high.
    t.irq.rises = 0;
    t.host.clock.advance(3600e9);
    expect(t.irq.rises).toBe(Math.floor((3600 * I8254_FREQUENCY) / 65536));
  });

  it('gives an interrupt for every period of mode 2', () => {
    const t = make(offGrid());
    t.program(0, 2, 11932);
    t.irq.rises = 0;
    t.host.clock.advance(1e9);
    expect(t.irq.rises).toBe(Math.floor(I8254_FREQUENCY / 11932));
    // One alarm per period: the one-clock low pulse has none of its own.
    expect(t.host.clock.fired).toBeLessThan(110);
  });

  it('fires a one-shot in mode 0 once, on time', () => {
    const t = make(offGrid());
    t.program(0, 0, 1193);
    t.ticks(1193);
    expect(t.irq.level).toBe(false);
    t.ticks(1);
    expect(t.irq.level).toBe(true);
    t.ticks(1e6);
    expect(t.irq.rises).toBe(1);
    expect(t.host.clock.nextDeadline).toBe(Infinity);
  });

  it('does not storm the host when a guest asks for extreme rates', () => {
    for (const [mode, count] of [
      [2, 1],
      [2, 2],
      [3, 1],
      [3, 2],
      [3, 3],
    ] as const) {
      const t = make();
      t.program(0, mode, count);
      t.host.clock.advance(10e6);
      expect(t.host.clock.fired).toBeLessThanOrEqual(1000);
    }
  });

  it('moves in small steps under a polling guest', () => {
    const t = make();
    t.program(2, 0, 0xffff);
    t.pit.setGate(2, true);
    let last = 0xffff;
    for (let i = 0; i < 1000; i++) {
      t.host.clock.advance(1500);
      const now = t.latch(2);
      expect(last - now).toBeGreaterThanOrEqual(0);
      expect(last - now).toBeLessThanOrEqual(2);
      last = now;
    }
    expect(last).toBe(0xffff - Math.floor(1_500_000 / TICK) + 1);
  });

  it('tells a speaker of output changes only when there is one', () => {
    const levels: boolean[] = [];
    const t = make(offGrid(), (high) => levels.push(high));
    t.pit.setGate(2, true);
    levels.length = 0;
    t.program(2, 3, 1193);
    t.host.clock.advance(10.2e6);
    const changes = levels.filter((level, i) => i > 0 && level !== levels[i - 1]).length;
    expect(changes).toBeGreaterThanOrEqual(20);
    expect(changes).toBeLessThanOrEqual(21);
    const silent = make();
    silent.pit.setGate(2, true);
    silent.program(2, 3, 1193);
    silent.host.clock.advance(10e6);
    expect(silent.host.clock.fired).toBe(0);
  });

  it('goes on after its state moved to another machine', () => {
    const [a, b] = [make(offGrid()), make(offGrid())];
    a.program(0, 2, 1000);
    a.program(2, 3, 77);
    a.pit.setGate(2, true);
    a.ticks(12345);
    a.io.write(3, 1, 0xc2);
    b.ticks(12345);
    transferState(a.pit, b.pit);
    expect(b.io.read(0, 1)).toBe(a.io.read(0, 1));
    for (const t of [a, b]) t.ticks(5000);
    expect(b.latch(0)).toBe(a.latch(0));
    expect(b.latch(2)).toBe(a.latch(2));
    expect(b.irq.rises).toBeGreaterThanOrEqual(5);
  });

  it('survives anything', () => {
    const t = make();
    hammer(t.io, t.host.clock, 3000);
    expect(t.host.clock.fired).toBeLessThan(500_000);
  });
});
