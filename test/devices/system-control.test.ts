import { describe, expect, it } from 'vitest';
import { ResetCause } from '../../devices/device.ts';
import { I8254 } from '../../devices/i8254/i8254.ts';
import { SystemControl } from '../../devices/system-control/system-control.ts';
import { hammer, mockHost, RecordedLine, transferState } from './support.ts';

function make() {
  const host = mockHost();
  const pit = new I8254(host, { irq: new RecordedLine() });
  const irq13 = new RecordedLine();
  const events: string[] = [];
  const control = new SystemControl(host, {
    setGate2: (high) => pit.setGate(2, high),
    output2: () => pit.output(2),
    onSpeaker: (enabled) => events.push(`speaker ${enabled}`),
    onNmi: () => events.push('nmi'),
    onA20: (enabled) => events.push(`a20 ${enabled}`),
    onReset: () => events.push('reset'),
    coprocessorIrq: irq13,
    onIgnne: (asserted) => events.push(`ignne ${asserted}`),
    onPost: (code) => events.push(`post ${code.toString(16)}`),
    onShutdown: () => events.push('shutdown'),
  });
  return { host, pit, irq13, events, control };
}

describe('system control ports', () => {
  it('toggles the refresh bit every 15.085 us', () => {
    const t = make();
    let toggles = 0;
    let last = t.control.nmiStatus.read(0, 1) & 0x10;
    for (let i = 0; i < 10_000; i++) {
      t.host.clock.advance(1000);
      const now = t.control.nmiStatus.read(0, 1) & 0x10;
      if (now !== last) toggles++;
      last = now;
    }
    expect(toggles).toBe(Math.floor(10e6 / 15_085));
  });

  it('times 10 ms with counter 2 as calibration loops do', () => {
    const t = make();
    t.control.nmiStatus.write(0, 1, (t.control.nmiStatus.read(0, 1) & ~0x02) | 0x01);
    t.pit.counters.write(3, 1, 0xb0);
    t.pit.counters.write(2, 1, 11931 & 0xff);
    t.pit.counters.write(2, 1, 11931 >> 8);
    let microseconds = 0;
    while (!(t.control.nmiStatus.read(0, 1) & 0x20)) {
      t.host.clock.advance(1000);
      microseconds++;
    }
    expect(microseconds).toBeGreaterThanOrEqual(9_999);
    expect(microseconds).toBeLessThanOrEqual(10_001);
  });

  it('reports speaker data changes and keeps the low four bits', () => {
    const t = make();
    t.control.nmiStatus.write(0, 1, 0xff);
    expect(t.control.nmiStatus.read(0, 1) & 0xcf).toBe(0x0f);
    t.control.nmiStatus.write(0, 1, 0);
    expect(t.events).toEqual(['speaker true', 'speaker false']);
  });

  it('latches NMI sources until they are cleared by disabling them', () => {
    const t = make();
    t.control.raiseSerr();
    t.control.raiseIochk();
    expect(t.events).toEqual(['nmi', 'nmi']);
    expect(t.control.nmiStatus.read(0, 1) & 0xc0).toBe(0xc0);
    t.control.nmiStatus.write(0, 1, 0x04);
    expect(t.control.nmiStatus.read(0, 1) & 0xc0).toBe(0x40);
    t.control.raiseSerr();
    expect(t.events.length).toBe(2);
  });

  it('gates A20 and resets at the rising edge of bit 0 of port 92h', () => {
    const t = make();
    t.control.fast.write(0, 1, 0x02);
    expect(t.control.fast.read(0, 1)).toBe(0x02);
    t.control.fast.write(0, 1, 0x03);
    t.control.fast.write(0, 1, 0x03);
    t.control.fast.write(0, 1, 0x00);
    t.control.fast.write(0, 1, 0x01);
    expect(t.events.filter((event) => event === 'reset').length).toBe(2);
    expect(t.events.filter((event) => event.startsWith('a20'))).toEqual([
      'a20 true',
      'a20 true',
      'a20 true',
      'a20 false',
      'a20 false',
    ]);
  });

  it('raises IRQ 13 for FERR# and asserts IGNNE# from the write to F0h until FERR# goes', () => {
    const t = make();
    t.control.setFerr(true);
    expect(t.irq13.level).toBe(true);
    t.control.coprocessor.write(0, 1, 0);
    expect(t.irq13.level).toBe(false);
    expect(t.events).toEqual(['ignne true']);
    t.control.setFerr(false);
    expect(t.events).toEqual(['ignne true', 'ignne false']);
    t.control.coprocessor.write(0, 1, 0);
    expect(t.events.length).toBe(2);
    t.control.setFerr(true);
    expect(t.irq13.rises).toBe(2);
  });

  it('recognises the shutdown text only as a whole', () => {
    const t = make();
    const write = (text: string) => {
      for (const letter of text) t.control.shutdown.write(0, 1, letter.charCodeAt(0));
    };
    write('Shutdow');
    expect(t.events).toEqual([]);
    write('xShutSShutdown');
    expect(t.events).toEqual(['shutdown']);
  });

  it('passes POST codes on and reads them back', () => {
    const t = make();
    t.control.post.write(0, 1, 0x7f);
    expect(t.control.post.read(0, 1)).toBe(0x7f);
    expect(t.events).toEqual(['post 7f']);
  });

  it('is quiet after reset and moves its state', () => {
    const [a, b] = [make(), make()];
    a.control.nmiStatus.write(0, 1, 0x03);
    a.control.setFerr(true);
    a.control.raiseIochk();
    transferState(a.control, b.control);
    expect(b.irq13.level).toBe(true);
    expect(b.control.nmiStatus.read(0, 1) & 0x43).toBe(0x43);
    b.control.reset(ResetCause.Hard);
    expect(b.irq13.level).toBe(false);
    expect(b.control.nmiStatus.read(0, 1) & 0xcf).toBe(0);
  });

  it('survives anything', () => {
    const t = make();
    const { nmiStatus, fast, post, delay, coprocessor, shutdown } = t.control;
    for (const region of [nmiStatus, fast, post, delay, coprocessor, shutdown]) hammer(region, t.host.clock, 300);
  });
});
