import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../devices/device.ts';
import { I8259Pair } from '../../devices/i8259/i8259.ts';
import { hammer, mockHost, RecordedLine, transferState } from './support.ts';

function make() {
  const host = mockHost();
  const intr = new RecordedLine();
  const pics = new I8259Pair(host, { request: (asserted) => intr.set(asserted) });
  const { master, slave, edgeLevel } = pics;
  const line = (irq: number, high: boolean) => pics.input(irq).set(high);
  return {
    host,
    intr,
    pics,
    master,
    slave,
    elcr: edgeLevel,
    line,
    pulse: (irq: number) => {
      line(irq, true);
      line(irq, false);
    },
    /** The initialisation that a PC BIOS does, vectors as NT and Linux remap them. */
    initialise: (icw4Master = 1, icw4Slave = 1) => {
      for (const [port, base, icw3, icw4] of [
        [master, 0x30, 0x04, icw4Master],
        [slave, 0x38, 0x02, icw4Slave],
      ] as const) {
        port.write(0, 1, 0x11);
        port.write(1, 1, base);
        port.write(1, 1, icw3);
        port.write(1, 1, icw4);
      }
    },
    isr: (port = master) => {
      port.write(0, 1, 0x0b);
      return port.read(0, 1);
    },
    irr: (port = master) => {
      port.write(0, 1, 0x0a);
      return port.read(0, 1);
    },
  };
}

function ready(...icw4: [number?, number?]) {
  const t = make();
  t.initialise(...icw4);
  return t;
}

describe('i8259 pair', () => {
  it('requests nothing before it is initialised, and in the middle of it', () => {
    const t = make();
    t.pulse(1);
    expect(t.intr.level).toBe(false);
    t.master.write(0, 1, 0x11);
    t.line(3, true);
    t.master.write(1, 1, 0x30);
    t.master.write(1, 1, 0x04);
    expect(t.intr.level).toBe(false);
    t.master.write(1, 1, 0x01);
    expect(t.intr.level).toBe(true);
    expect(t.pics.acknowledge()).toBe(0x33);
  });

  it('clears mask, service and edge memory at ICW1', () => {
    const t = ready();
    t.master.write(1, 1, 0xff);
    t.line(4, true);
    t.initialise();
    expect(t.master.read(1, 1)).toBe(0);
    expect(t.irr()).toBe(0);
    t.line(4, false);
    t.line(4, true);
    expect(t.irr()).toBe(0x10);
  });

  it('vectors master and slave requests, the latter through IR2', () => {
    const t = ready();
    t.pulse(12);
    expect(t.intr.level).toBe(true);
    expect(t.pics.acknowledge()).toBe(0x3c);
    expect(t.isr()).toBe(0x04);
    expect(t.isr(t.slave)).toBe(0x10);
    expect(t.intr.level).toBe(false);
    t.slave.write(0, 1, 0x20);
    t.master.write(0, 1, 0x62);
    expect([t.isr(), t.isr(t.slave)]).toEqual([0, 0]);
  });

  it('nests by priority: IRQ 0 highest, slave requests between IRQ 1 and IRQ 3', () => {
    const t = ready();
    for (const irq of [7, 3, 15, 8, 1, 0]) t.pulse(irq);
    const order: number[] = [];
    while (t.intr.level) {
      const vector = t.pics.acknowledge();
      order.push(vector - 0x30);
      if (vector >= 0x38) t.slave.write(0, 1, 0x20);
      t.master.write(0, 1, 0x20);
    }
    expect(order).toEqual([0, 1, 8, 15, 3, 7]);
  });

  it('holds lower requests back while a higher one is in service', () => {
    const t = ready();
    t.pulse(3);
    t.pics.acknowledge();
    t.pulse(4);
    expect(t.intr.level).toBe(false);
    t.pulse(1);
    expect(t.intr.level).toBe(true);
    expect(t.pics.acknowledge()).toBe(0x31);
    t.master.write(0, 1, 0x20);
    expect(t.isr()).toBe(0x08);
    expect(t.intr.level).toBe(false);
    t.master.write(0, 1, 0x63);
    expect(t.pics.acknowledge()).toBe(0x34);
  });

  it('latches one edge and needs a new one afterwards', () => {
    const t = ready();
    t.line(1, true);
    expect(t.pics.acknowledge()).toBe(0x31);
    t.master.write(0, 1, 0x20);
    expect(t.intr.level).toBe(false);
    t.line(1, false);
    t.line(1, true);
    expect(t.intr.level).toBe(true);
  });

  it('follows a level line: asks again until it is released, and forgets when it drops', () => {
    const t = ready();
    t.elcr.write(1, 1, 0x0a);
    t.line(9, true);
    expect(t.pics.acknowledge()).toBe(0x39);
    t.slave.write(0, 1, 0x20);
    t.master.write(0, 1, 0x20);
    expect(t.intr.level).toBe(true);
    t.line(9, false);
    expect(t.intr.level).toBe(false);
    expect(t.irr(t.slave)).toBe(0);
  });

  it('answers a vanished request with IRQ 7, without service bit', () => {
    const t = ready();
    t.elcr.write(0, 1, 0x20);
    t.line(5, true);
    t.line(5, false);
    expect(t.pics.acknowledge()).toBe(0x37);
    expect(t.isr()).toBe(0);
  });

  it('raises what was pending at the moment it is unmasked', () => {
    const t = ready();
    t.master.write(1, 1, 0x10);
    t.pulse(4);
    expect(t.intr.level).toBe(false);
    expect(t.irr()).toBe(0x10);
    t.master.write(1, 1, 0);
    expect(t.pics.acknowledge()).toBe(0x34);
  });

  it('passes over masked levels in service in special mask mode', () => {
    const t = ready();
    t.pulse(1);
    t.pics.acknowledge();
    t.pulse(6);
    expect(t.intr.level).toBe(false);
    t.master.write(0, 1, 0x68);
    t.master.write(1, 1, 0x02);
    expect(t.intr.level).toBe(true);
    expect(t.pics.acknowledge()).toBe(0x36);
    // A non-specific EOI ends the unmasked level only.
    t.master.write(0, 1, 0x20);
    expect(t.isr()).toBe(0x02);
    t.master.write(0, 1, 0x48);
    t.pulse(6);
    expect(t.intr.level).toBe(false);
  });

  it('lets a slave interrupt itself in special fully nested mode only', () => {
    for (const nested of [false, true]) {
      const t = ready(nested ? 0x11 : 0x01);
      t.pulse(12);
      expect(t.pics.acknowledge()).toBe(0x3c);
      t.pulse(9);
      expect(t.intr.level).toBe(nested);
      if (nested) expect(t.pics.acknowledge()).toBe(0x39);
    }
  });

  it('rotates priorities with and without naming the level', () => {
    const t = ready();
    t.pulse(4);
    t.pics.acknowledge();
    t.master.write(0, 1, 0xa0);
    t.pulse(4);
    t.pulse(5);
    t.pulse(0);
    expect(t.pics.acknowledge()).toBe(0x35);
    t.master.write(0, 1, 0xe5);
    expect(t.pics.acknowledge()).toBe(0x30);
    t.master.write(0, 1, 0x20);
    expect(t.pics.acknowledge()).toBe(0x34);
    t.master.write(0, 1, 0x20);
    t.master.write(0, 1, 0xc2);
    t.pulse(0);
    t.pulse(3);
    expect(t.pics.acknowledge()).toBe(0x33);
  });

  it('ends interrupts itself in automatic EOI mode, rotating if told to', () => {
    const t = ready(0x03);
    t.pulse(3);
    expect(t.pics.acknowledge()).toBe(0x33);
    expect(t.isr()).toBe(0);
    t.master.write(0, 1, 0x80);
    t.pulse(3);
    t.pics.acknowledge();
    t.pulse(3);
    t.pulse(4);
    expect(t.pics.acknowledge()).toBe(0x34);
  });

  it('is polled: the read acknowledges and gives level and request bit', () => {
    const t = ready();
    t.master.write(0, 1, 0x0c);
    expect(t.master.read(0, 1) & 0x80).toBe(0);
    t.pulse(3);
    t.master.write(0, 1, 0x0c);
    expect(t.master.read(0, 1)).toBe(0x83);
    expect(t.intr.level).toBe(false);
    expect(t.isr()).toBe(0x08);
  });

  it('keeps ELCR to the inputs that may be level-triggered', () => {
    const t = make();
    t.elcr.write(0, 1, 0xff);
    t.elcr.write(1, 1, 0xff);
    expect([t.elcr.read(0, 1), t.elcr.read(1, 1)]).toEqual([0xf8, 0xde]);
    expect([3, 8, 9, 13].map((irq) => t.pics.isLevel(irq))).toEqual([true, false, true, false]);
    t.pics.reset(ResetCause.Hard);
    expect(t.elcr.read(0, 1)).toBe(0);
  });

  it('refuses lines that do not exist', () => {
    const t = make();
    expect(() => t.pics.input(2)).toThrow(RangeError);
    expect(() => t.pics.input(16)).toThrow(RangeError);
  });

  it('keeps requests and services across a saved state', () => {
    const [a, b] = [ready(), make()];
    a.pulse(12);
    a.pics.acknowledge();
    a.pulse(1);
    a.line(15, true);
    transferState(a.pics, b.pics);
    expect(b.intr.level).toBe(true);
    expect(b.pics.acknowledge()).toBe(0x31);
    expect(b.isr(b.slave)).toBe(0x10);
  });

  it('survives anything', () => {
    const t = make();
    for (let seed = 1; seed < 20; seed++) {
      hammer(t.master, t.host.clock, 100, seed);
      hammer(t.slave, t.host.clock, 100, seed);
      t.pulse([0, 1, 3, 4, 7, 8, 9, 15][seed & 7]!);
      expect(t.pics.acknowledge()).toBeLessThan(256);
    }
  });
});
