import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../devices/device.ts';
import type { Mc146818Options } from '../../devices/mc146818/mc146818.ts';
import { Mc146818 } from '../../devices/mc146818/mc146818.ts';
import { hammer, mockHost, RecordedLine, transferState } from './support.ts';

const MS = 1e6;

function make(start = Date.UTC(2006, 5, 22, 13, 45, 30), options: Partial<Mc146818Options> = {}) {
  const host = mockHost();
  const irq = new RecordedLine();
  const rtc = new Mc146818(host, { irq, startTime: start, ...options });
  const get = (index: number) => {
    rtc.standard.write(0, 1, index);
    return rtc.standard.read(1, 1);
  };
  const put = (index: number, value: number) => {
    rtc.standard.write(0, 1, index);
    rtc.standard.write(1, 1, value);
  };
  return {
    host,
    clock: host.clock,
    irq,
    rtc,
    get,
    put,
    time: () => [4, 2, 0].map(get),
    date: () => [0x32, 9, 8, 7, 6].map(get),
  };
}

describe('mc146818 clock', () => {
  it('shows the start time in BCD and 24 hours', () => {
    const t = make();
    expect(t.time()).toEqual([0x13, 0x45, 0x30]);
    // 22 June 2006 was a Thursday: day 5 counting from Sunday = 1.
    expect(t.date()).toEqual([0x20, 0x06, 0x06, 0x22, 5]);
    expect(t.get(0x0d)).toBe(0x80);
    expect(t.get(0x0a)).toBe(0x26);
    expect(t.get(0x0b)).toBe(0x02);
  });

  it('rolls over year and century, through a leap day', () => {
    const t = make(Date.UTC(1999, 11, 31, 23, 59, 59));
    t.clock.advance(1000 * MS);
    expect([...t.date(), ...t.time()]).toEqual([0x20, 0x00, 0x01, 0x01, 7, 0, 0, 0]);
    t.clock.advance(59 * 86400e9);
    expect(t.date()).toEqual([0x20, 0x00, 0x02, 0x29, 3]);
    t.clock.advance(86400e9);
    expect(t.date().slice(2, 4)).toEqual([0x03, 0x01]);
  });

  it('has binary and 12-hour forms', () => {
    const t = make();
    t.put(0x0b, 0x84 | 0x02);
    t.put(4, 23);
    t.put(2, 59);
    t.put(0, 58);
    t.put(0x0b, 0x06);
    expect(t.time()).toEqual([23, 59, 58]);
    t.put(0x0b, 0x80);
    t.put(4, 0x92);
    t.put(2, 0x59);
    t.put(0, 0x59);
    t.put(0x0b, 0x00);
    t.clock.advance(1000 * MS);
    expect(t.time()).toEqual([0x81, 0, 0]);
    t.clock.advance(11 * 3600e9);
    expect(t.get(4)).toBe(0x12);
    t.clock.advance(3600e9);
    expect(t.get(4)).toBe(0x01);
  });

  it('stands still while SET is on and keeps what was written', () => {
    const t = make();
    t.put(0x0b, 0x82);
    t.put(0, 0x15);
    t.clock.advance(5000 * MS);
    expect(t.get(0)).toBe(0x15);
    t.put(0x0b, 0x02);
    t.clock.advance(1000 * MS);
    expect(t.get(0)).toBe(0x16);
  });

  it('shows UIP for about 2.2 ms before each update, and never while SET', () => {
    const t = make();
    t.clock.advance(997 * MS);
    expect(t.get(0x0a) & 0x80).toBe(0);
    t.clock.advance(1.5 * MS);
    expect(t.get(0x0a) & 0x80).toBe(0x80);
    expect(t.get(0)).toBe(0x30);
    t.put(0x0b, 0x82);
    expect(t.get(0x0a) & 0x80).toBe(0);
    t.put(0x0b, 0x02);
    t.clock.advance(1.6 * MS);
    expect(t.get(0x0a) & 0x80).toBe(0);
    expect(t.get(0)).toBe(0x31);
  });

  it('updates half a second after the divider is released', () => {
    const t = make();
    t.put(0x0a, 0x76);
    t.clock.advance(3000 * MS);
    expect(t.get(0)).toBe(0x30);
    t.put(0x0a, 0x26);
    t.clock.advance(499 * MS);
    expect(t.get(0)).toBe(0x30);
    t.clock.advance(2 * MS);
    expect(t.get(0)).toBe(0x31);
  });

  it('tells its time to the board', () => {
    const t = make(Date.UTC(2003, 0, 1));
    t.clock.advance(1500 * MS);
    expect(t.rtc.time).toBeCloseTo(Date.UTC(2003, 0, 1) + 1500, 3);
    t.rtc.setTime(Date.UTC(2004, 1, 28, 12, 0, 0, 250));
    t.clock.advance(750 * MS);
    expect(t.time()).toEqual([0x12, 0, 0x01]);
    expect(t.get(7)).toBe(0x28);
  });
});

describe('mc146818 interrupts', () => {
  it('is periodic at 1024 Hz, and silent until register C is read', () => {
    const t = make();
    t.put(0x0b, 0x42);
    t.clock.advance(10 * MS);
    expect(t.irq.rises).toBe(1);
    expect(t.clock.fired).toBe(1);
    expect(t.get(0x0c)).toBe(0xc0);
    expect(t.irq.level).toBe(false);
    expect(t.get(0x0c)).toBe(0);
    let ticks = 0;
    for (let i = 0; i < 10_000; i++) {
      t.clock.advance(0.1 * MS);
      if (t.irq.level) ticks++;
      t.get(0x0c);
    }
    expect(ticks).toBe(1024);
  });

  it.each([
    [1, 256],
    [2, 128],
    [3, 8192],
    [6, 1024],
    [10, 64],
    [15, 2],
  ])('rate select %i is %i Hz', (rate, hertz) => {
    const t = make();
    t.put(0x0a, 0x20 | rate);
    t.put(0x0b, 0x42);
    let ticks = 0;
    t.clock.advanceTo(4e9 / hertz + 1);
    t.get(0x0c);
    const start = t.clock.now();
    while (ticks < 8) {
      t.clock.advanceUntil(() => t.irq.level);
      t.get(0x0c);
      ticks++;
    }
    expect((t.clock.now() - start) / 8e9).toBeCloseTo(1 / hertz, 8);
  });

  it('sets PF without interrupt when only polled', () => {
    const t = make();
    t.get(0x0c);
    t.clock.advance(1 * MS);
    expect(t.get(0x0c) & 0xc0).toBe(0x40);
    expect(t.irq.rises).toBe(0);
    expect(t.clock.fired).toBe(0);
  });

  it('ends each update with an interrupt', () => {
    const t = make();
    t.put(0x0b, 0x12);
    t.clock.advance(999 * MS);
    expect(t.irq.level).toBe(false);
    t.clock.advance(2 * MS);
    expect(t.irq.level).toBe(true);
    expect(t.get(0x0c) & 0x90).toBe(0x90);
    t.clock.advance(1000 * MS);
    expect(t.irq.rises).toBe(2);
  });

  it('wakes at the alarm, and every minute with wildcards', () => {
    const t = make();
    t.put(5, 0x13);
    t.put(3, 0x45);
    t.put(1, 0x35);
    t.put(0x0b, 0x22);
    t.clock.advance(4999 * MS);
    expect(t.irq.level).toBe(false);
    t.clock.advance(2 * MS);
    expect(t.get(0x0c) & 0xa0).toBe(0xa0);
    t.put(5, 0xff);
    t.put(3, 0xc0);
    t.clock.advance(60_000 * MS);
    expect(t.irq.rises).toBe(2);
  });

  it('notices an alarm that passed while nobody looked', () => {
    const t = make();
    t.put(5, 0x14);
    t.put(3, 0x00);
    t.put(1, 0x00);
    t.clock.advance(3600e9);
    expect(t.get(0x0c) & 0x20).toBe(0x20);
    t.clock.advance(3600e9);
    expect(t.get(0x0c) & 0x20).toBe(0);
  });

  it('raises the interrupt when an enable meets a flag already set', () => {
    const t = make();
    t.clock.advance(2 * MS);
    t.put(0x0b, 0x42);
    expect(t.irq.level).toBe(true);
  });

  it('drops enables and flags at reset but keeps time and memory', () => {
    const t = make();
    t.put(0x40, 0x5a);
    t.put(0x0b, 0x72);
    t.clock.advance(2000 * MS);
    t.rtc.reset(ResetCause.Hard);
    expect(t.irq.level).toBe(false);
    expect([t.get(0x0b), t.get(0x0c), t.get(0x40), t.get(0)]).toEqual([0x02, 0, 0x5a, 0x32]);
  });
});

describe('mc146818 memory', () => {
  it('has two banks, an NMI mask and a callback for what changes', () => {
    const stored: number[][] = [];
    const masks: boolean[] = [];
    const t = make(0, { onStore: (...change) => stored.push(change), onNmiMask: (masked) => masks.push(masked) });
    t.put(0x8f, 0x0a);
    expect(masks).toEqual([true]);
    expect(t.get(0x0f)).toBe(0x0a);
    t.rtc.extended.write(0, 1, 0x05);
    t.rtc.extended.write(1, 1, 0x77);
    expect(t.rtc.extended.read(1, 1)).toBe(0x77);
    expect(t.rtc.peek(0x85)).toBe(0x77);
    t.put(0, 0x11);
    expect(stored).toEqual([
      [0x0f, 0x0a],
      [0x85, 0x77],
    ]);
  });

  it('is preloaded, with the checksum over 10h-2Dh', () => {
    const t = make();
    t.rtc.preload(0x10, [0x40, 0xff, 0xff]);
    t.rtc.preload(0x2d, [0x03]);
    t.rtc.updateChecksum();
    expect([t.get(0x2e), t.get(0x2f)]).toEqual([0x02, 0x41]);
    expect(() => t.rtc.preload(0x0a, [0])).toThrow(RangeError);
    expect(() => t.rtc.preload(0xff, [0, 0])).toThrow(RangeError);
  });

  it('keeps running after its state moved', () => {
    const [a, b] = [make(), make(0)];
    a.put(0x0b, 0x12);
    a.clock.advance(300.25 * MS);
    b.clock.advance(300.25 * MS);
    transferState(a.rtc, b.rtc);
    b.clock.advance(699 * MS);
    expect(b.irq.level).toBe(false);
    b.clock.advance(1 * MS);
    expect(b.irq.level).toBe(true);
    expect(b.time()).toEqual([0x13, 0x45, 0x31]);
  });

  it('survives anything', () => {
    const t = make();
    hammer(t.rtc.standard, t.clock, 5000);
    for (let i = 0; i < 14; i++) t.put(i, 0xee);
    t.clock.advance(100e9);
    expect(t.get(0)).toBeLessThan(256);
  });
});
