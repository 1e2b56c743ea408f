import { describe, expect, it } from 'vitest';
import type { Ns16550Options } from '../../devices/ns16550/ns16550.ts';
import { LineError, Ns16550 } from '../../devices/ns16550/ns16550.ts';
import { hammer, mockHost, RecordedLine, transferState } from './support.ts';

const [DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7];

function make(options: Partial<Ns16550Options> = {}) {
  const host = mockHost();
  const irq = new RecordedLine();
  const sent: number[] = [];
  const modem: boolean[][] = [];
  const uart = new Ns16550(host, {
    instance: 0,
    irq,
    onTransmit: (byte) => sent.push(byte),
    onModemControl: (...lines) => modem.push(lines),
    ...options,
  });
  const get = (register: number) => uart.registers.read(register, 1);
  const put = (register: number, value: number) => uart.registers.write(register, 1, value);
  return {
    host,
    clock: host.clock,
    irq,
    sent,
    modem,
    uart,
    get,
    put,
    setup: (divisor = 1, lcr = 0x03, fcr = 0x00, mcr = 0x0b) => {
      put(LCR, 0x80);
      put(DATA, divisor & 0xff);
      put(IER, divisor >> 8);
      put(LCR, lcr);
      put(IIR, fcr);
      put(MCR, mcr);
      return undefined;
    },
    feed: (...bytes: number[]) => {
      for (const byte of bytes) {
        host.clock.advanceUntil(() => uart.canReceive);
        uart.receive(byte);
      }
      host.clock.advance(100_000);
    },
  };
}

/** One 8N1 character at 115200 baud. */
const CHARACTER = (10 * 1e9) / 115200;

describe('ns16550', () => {
  it('has the reset state of the data sheet', () => {
    const t = make();
    expect([IER, IIR, LCR, MCR, LSR, MSR].map((register) => t.get(register))).toEqual([0, 1, 0, 0, 0x60, 0]);
    expect(t.irq.level).toBe(false);
  });

  it('keeps divisor and scratch register', () => {
    const t = make();
    t.setup(0x1234);
    t.put(SCR, 0xa5);
    t.put(LCR, 0x83);
    expect([t.get(DATA), t.get(IER), t.get(SCR)]).toEqual([0x34, 0x12, 0xa5]);
    t.put(LCR, 0x03);
    expect(t.get(IER)).toBe(0);
  });

  it('sends at the baud rate', () => {
    const t = make();
    t.setup(12);
    t.put(DATA, 0x41);
    expect(t.get(LSR)).toBe(0x20);
    t.put(DATA, 0x42);
    expect(t.get(LSR)).toBe(0x00);
    t.clock.advance(12 * CHARACTER - 1000);
    expect(t.sent).toEqual([]);
    t.clock.advance(2000);
    expect(t.sent).toEqual([0x41]);
    expect(t.get(LSR)).toBe(0x20);
    t.clock.advance(12 * CHARACTER);
    expect(t.sent).toEqual([0x41, 0x42]);
    expect(t.get(LSR)).toBe(0x60);
  });

  it('counts start, parity and stop bits, and masks to the word length', () => {
    const t = make();
    // 5 data bits, parity, 2 stop bits: 9 bits.
    t.setup(1, 0x0c);
    t.put(DATA, 0xff);
    t.clock.advance(CHARACTER * 0.9 - 100);
    expect(t.sent).toEqual([]);
    t.clock.advance(200);
    expect(t.sent).toEqual([0x1f]);
  });

  it('holds sixteen characters in the transmit FIFO', () => {
    const t = make();
    t.setup(1, 0x03, 0x01);
    for (let i = 0; i < 17; i++) t.put(DATA, i);
    expect(t.get(LSR) & 0x20).toBe(0);
    t.clock.advance(20 * CHARACTER);
    expect(t.sent).toEqual(Array.from({ length: 17 }, (_, i) => i));
    expect(t.get(LSR)).toBe(0x60);
  });

  it('sends without delay in fast mode, but not from inside the write', () => {
    const t = make({ fast: true });
    t.setup(0x180, 0x03, 0x01);
    for (const byte of [1, 2, 3]) t.put(DATA, byte);
    expect(t.sent).toEqual([]);
    t.clock.advance(0);
    expect(t.sent).toEqual([1, 2, 3]);
  });

  it('re-arms the THRE interrupt: enabling raises it, IIR or a write takes it back', () => {
    const t = make();
    t.setup();
    t.put(IER, 0x02);
    expect(t.irq.level).toBe(true);
    expect(t.get(IIR)).toBe(0x02);
    expect(t.irq.level).toBe(false);
    expect(t.get(IIR)).toBe(0x01);
    // Again by disabling and enabling.
    t.put(IER, 0x00);
    t.put(IER, 0x02);
    expect(t.irq.level).toBe(true);
    t.put(DATA, 1);
    // The character went straight to the shift register, so the holding register is empty again.
    expect(t.irq.level).toBe(true);
    t.put(DATA, 2);
    expect(t.irq.level).toBe(false);
    t.clock.advance(1.5 * CHARACTER);
    expect(t.irq.level).toBe(true);
    expect(t.get(IIR)).toBe(0x02);
  });

  it('gates its interrupt with OUT2', () => {
    const t = make();
    t.setup(1, 3, 0, 0x03);
    t.put(IER, 0x02);
    expect(t.irq.level).toBe(false);
    t.put(MCR, 0x0b);
    expect(t.irq.level).toBe(true);
  });

  it('receives one character at a time without FIFO, held back by the host', () => {
    const t = make();
    t.setup();
    t.put(IER, 0x01);
    expect(t.uart.receive(0x55)).toBe(true);
    expect(t.uart.receive(0x56)).toBe(false);
    expect(t.get(LSR) & 1).toBe(0);
    t.clock.advance(CHARACTER + 1);
    expect(t.irq.level).toBe(true);
    expect(t.get(IIR)).toBe(0x04);
    expect(t.uart.canReceive).toBe(false);
    expect(t.get(DATA)).toBe(0x55);
    expect(t.irq.level).toBe(false);
    expect(t.uart.canReceive).toBe(true);
  });

  it('feeds a host queue through onReceiveReady without loss', () => {
    const queue = Array.from({ length: 500 }, (_, i) => i & 0xff);
    const t = make({ fast: true, onReceiveReady: () => pump() });
    const pump = (): void => {
      while (queue.length > 0 && t.uart.receive(queue[0]!)) queue.shift();
    };
    t.setup(1, 0x03, 0xc1);
    pump();
    const got: number[] = [];
    for (let i = 0; i < 200; i++) {
      t.clock.advance(10_000);
      while (t.get(LSR) & 1) got.push(t.get(DATA));
    }
    expect(got).toEqual(Array.from({ length: 500 }, (_, i) => i & 0xff));
  });

  it('interrupts at the trigger level, and by time-out below it', () => {
    const t = make();
    t.setup(1, 0x03, 0x81);
    t.put(IER, 0x01);
    expect(t.get(IIR)).toBe(0xc1);
    for (let i = 0; i < 8; i++) {
      expect(t.irq.level).toBe(false);
      t.uart.receive(i);
      t.clock.advance(CHARACTER + 1);
    }
    expect(t.get(IIR)).toBe(0xc4);
    t.get(DATA);
    expect(t.irq.level).toBe(false);
    t.clock.advance(3.9 * CHARACTER);
    expect(t.irq.level).toBe(false);
    t.clock.advance(0.2 * CHARACTER);
    expect(t.get(IIR)).toBe(0xcc);
    t.get(DATA);
    expect(t.get(IIR)).toBe(0xc1);
    for (let i = 2; i < 8; i++) expect(t.get(DATA)).toBe(i);
    expect(t.get(LSR) & 1).toBe(0);
    t.clock.advance(10 * CHARACTER);
    expect(t.irq.level).toBe(false);
  });

  it('clears FIFOs by command and when they are switched', () => {
    const t = make();
    t.setup(1, 3, 0x01);
    t.feed(1, 2, 3);
    t.put(IIR, 0x03);
    expect(t.get(LSR) & 1).toBe(0);
    t.feed(4);
    t.put(IIR, 0x00);
    expect(t.get(LSR) & 1).toBe(0);
    expect(t.get(IIR)).toBe(0x01);
  });

  it('attaches errors to their character, with the highest interrupt priority', () => {
    const t = make();
    t.setup(1, 3, 0x01);
    t.put(IER, 0x05);
    t.feed(0x11);
    t.uart.receive(0x22, LineError.Parity);
    t.clock.advance(2 * CHARACTER);
    // The bad character is not at the top yet.
    expect(t.get(LSR) & 0x9e).toBe(0x80);
    t.get(DATA);
    expect(t.get(IIR)).toBe(0xc6);
    expect(t.get(LSR) & 0x9e).toBe(0x84);
    expect(t.get(LSR) & 0x9e).toBe(0);
    expect(t.get(DATA)).toBe(0x22);
  });

  it('sees a break as a null character with BI and FE, and sends one', () => {
    const breaks: boolean[] = [];
    const t = make({ onBreak: (active) => breaks.push(active) });
    t.setup();
    t.uart.receiveBreak();
    t.clock.advance(2 * CHARACTER);
    expect(t.get(LSR) & 0x1f).toBe(0x19);
    expect(t.get(DATA)).toBe(0);
    t.put(LCR, 0x43);
    t.put(LCR, 0x03);
    expect(breaks).toEqual([true, false]);
  });

  it('loops data and modem lines back, and overruns there', () => {
    const t = make();
    t.uart.modemStatus = { cts: true, dsr: true, ri: false, dcd: true };
    t.setup(1, 3, 0, 0x1a);
    expect(t.get(MSR) & 0xf0).toBe(0x90);
    t.put(MCR, 0x15);
    expect(t.get(MSR) & 0xf0).toBe(0x60);
    t.put(DATA, 0x5a);
    t.clock.advance(2 * CHARACTER);
    expect(t.sent).toEqual([]);
    t.put(DATA, 0x5b);
    t.clock.advance(2 * CHARACTER);
    expect(t.get(LSR) & 0x03).toBe(0x03);
    expect(t.get(DATA)).toBe(0x5b);
    expect(t.uart.canReceive).toBe(false);
    t.put(MCR, 0x0b);
    expect(t.get(MSR) & 0xf0).toBe(0xb0);
    expect(t.modem.at(-1)).toEqual([true, true]);
  });

  it('keeps a full FIFO on overrun', () => {
    const t = make();
    t.setup(1, 3, 0x01, 0x10);
    for (let i = 0; i < 17; i++) {
      t.put(DATA, i);
      t.clock.advance(2 * CHARACTER);
    }
    expect(t.get(LSR) & 0x02).toBe(0x02);
    expect(t.get(LSR) & 0x02).toBe(0);
    expect(Array.from({ length: 16 }, () => t.get(DATA))).toEqual(Array.from({ length: 16 }, (_, i) => i));
  });

  it('marks changes of the modem lines; RI only at its trailing edge', () => {
    const t = make();
    t.setup();
    t.put(IER, 0x08);
    t.uart.modemStatus = { cts: true, dsr: false, ri: true, dcd: false };
    expect(t.irq.level).toBe(true);
    expect(t.get(IIR)).toBe(0x00);
    expect(t.get(MSR)).toBe(0x51);
    expect(t.get(MSR)).toBe(0x50);
    expect(t.irq.level).toBe(false);
    t.uart.modemStatus = { cts: true, dsr: false, ri: false, dcd: false };
    expect(t.get(MSR)).toBe(0x14);
  });

  it('shows DTR and RTS to the host', () => {
    const t = make();
    t.put(MCR, 0x01);
    t.put(MCR, 0x03);
    expect(t.modem.slice(-2)).toEqual([
      [true, false],
      [true, true],
    ]);
  });

  it('moves its state with characters in both directions', () => {
    const [a, b] = [make(), make()];
    a.setup(3, 3, 0x41);
    a.put(IER, 0x01);
    for (const byte of [1, 2, 3]) a.put(DATA, byte);
    a.uart.receive(0x77);
    a.clock.advance(1.5 * CHARACTER);
    b.clock.advance(1.5 * CHARACTER);
    transferState(a.uart, b.uart);
    b.clock.advance(20 * CHARACTER);
    expect(b.sent).toEqual([1, 2, 3]);
    expect(b.get(IIR)).toBe(0xcc);
    expect(b.get(DATA)).toBe(0x77);
  });

  it('survives anything', () => {
    for (const fast of [false, true]) {
      const t = make({ fast });
      hammer(t.uart.registers, t.clock, 5000);
      expect(t.clock.fired).toBeLessThan(20_000);
    }
  });
});
