import { describe, expect, it } from 'vitest';
import { ParallelPort } from '../../devices/parallel-port/parallel-port.ts';
import { hammer, mockHost, RecordedLine, transferState } from './support.ts';

function make() {
  const host = mockHost();
  const irq = new RecordedLine();
  const bytes: number[] = [];
  let initialised = 0;
  const port = new ParallelPort(host, { irq, onByte: (byte) => bytes.push(byte), onInitialise: () => initialised++ });
  const get = (register: number) => port.registers.read(register, 1);
  const put = (register: number, value: number) => port.registers.write(register, 1, value);
  return { host, irq, bytes, initialised: () => initialised, port, get, put };
}

/** SELECT IN and INIT# high: what a driver leaves. */
const IDLE = 0x0c;

describe('parallel port', () => {
  it('is idle with a selected printer', () => {
    const t = make();
    expect(t.get(1)).toBe(0xdf);
    t.port.printer = { online: false, paperOut: true, error: true };
    expect(t.get(1)).toBe(0x67);
  });

  it('answers the register probes of drivers', () => {
    const t = make();
    for (const control of [0x0c, 0x0e]) {
      t.put(2, control);
      expect(t.get(2)).toBe(0xc0 | control);
    }
    for (const data of [0xaa, 0x55]) {
      t.put(0, data);
      expect(t.get(0)).toBe(data);
    }
    // With the direction bit set the data drivers are off.
    t.put(2, 0x2c);
    expect(t.get(0)).toBe(0xff);
    t.put(2, 0x0c);
    expect(t.get(0)).toBe(0x55);
  });

  it('takes a byte at the strobe, is busy, acknowledges and interrupts at the end of ACK#', () => {
    const t = make();
    t.put(2, IDLE | 0x10);
    t.put(0, 0x41);
    t.put(2, IDLE | 0x11);
    t.put(2, IDLE | 0x10);
    expect(t.bytes).toEqual([0x41]);
    expect(t.get(1)).toBe(0x5f);
    t.host.clock.advance(12_000);
    expect(t.get(1)).toBe(0x1f);
    expect(t.irq.level).toBe(false);
    t.host.clock.advance(4_000);
    expect(t.get(1)).toBe(0xdf);
    expect(t.irq.rises).toBe(1);
    t.put(2, IDLE | 0x11);
    t.put(2, IDLE | 0x10);
    t.host.clock.advance(20_000);
    expect(t.irq.rises).toBe(2);
  });

  it('does not interrupt unless enabled, and ignores strobes while busy', () => {
    const t = make();
    for (let i = 0; i < 3; i++) {
      t.put(0, i);
      t.put(2, IDLE | 1);
      t.put(2, IDLE);
    }
    t.host.clock.advance(20_000);
    expect(t.bytes).toEqual([0]);
    expect(t.irq.rises).toBe(0);
    expect(t.host.log.messages.length).toBe(2);
  });

  it('initialises the printer at the falling edge of INIT#', () => {
    const t = make();
    t.put(2, IDLE);
    t.put(2, 0x08);
    t.put(2, IDLE);
    expect(t.initialised()).toBe(1);
  });

  it('moves its state in the middle of the handshake', () => {
    const [a, b] = [make(), make()];
    a.put(2, IDLE | 0x10);
    a.put(2, IDLE | 0x11);
    a.host.clock.advance(11_000);
    b.host.clock.advance(11_000);
    transferState(a.port, b.port);
    expect(b.get(1)).toBe(0x1f);
    b.host.clock.advance(5_000);
    expect(b.irq.rises).toBe(1);
  });

  it('survives anything', () => {
    const t = make();
    hammer(t.port.registers, t.host.clock, 3000);
  });
});
