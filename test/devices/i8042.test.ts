import { describe, expect, it } from 'vitest';
import { I8042 } from '../../devices/i8042/controller.ts';
import { Keyboard } from '../../devices/i8042/keyboard.ts';
import { KEYS } from '../../devices/i8042/keys.ts';
import { Mouse } from '../../devices/i8042/mouse.ts';
import { hammer, mockHost, RecordedLine, transferState } from './support.ts';

function make() {
  const host = mockHost();
  const { clock } = host;
  const irq1 = new RecordedLine();
  const irq12 = new RecordedLine();
  const leds: number[] = [];
  const a20: boolean[] = [];
  let resets = 0;
  const keyboard = new Keyboard(host, { onLeds: (mask) => leds.push(mask) });
  const mouse = new Mouse(host);
  const kbc = new I8042(host, {
    keyboardIrq: irq1,
    auxIrq: irq12,
    keyboard,
    mouse,
    onA20: (enabled) => a20.push(enabled),
    onReset: () => resets++,
  });
  const status = () => kbc.command.read(0, 1);
  const command = (value: number) => kbc.command.write(0, 1, value);
  const data = (value: number) => kbc.data.write(0, 1, value);
  /** Everything that arrives within `ms`, auxiliary bytes with 100h. */
  const drain = (ms = 20): number[] => {
    const out: number[] = [];
    for (let i = 0; i < ms * 10; i++) {
      while (status() & 1) out.push((status() & 0x20 ? 0x100 : 0) | kbc.data.read(0, 1));
      clock.advance(100_000);
    }
    return out;
  };
  const aux = (...bytes: number[]): number[] => {
    const out: number[] = [];
    for (const byte of bytes) {
      command(0xd4);
      data(byte);
      out.push(...drain().map((value) => value - 0x100));
    }
    return out;
  };
  return {
    host,
    clock,
    irq1,
    irq12,
    leds,
    a20,
    resets: () => resets,
    keyboard,
    mouse,
    kbc,
    status,
    command,
    data,
    drain,
    aux,
    send: (...bytes: number[]) =>
      bytes.flatMap((byte) => {
        data(byte);
        return drain();
      }),
    ask: (value: number) => {
      command(value);
      return kbc.data.read(0, 1);
    },
    commandByte: (value: number) => {
      command(0x60);
      data(value);
    },
  };
}

/** As a BIOS leaves it: both ports on, with interrupts; translation as asked. */
function ready(translate = true) {
  const t = make();
  t.commandByte(translate ? 0x47 : 0x07);
  return t;
}

describe('i8042 controller', () => {
  it('passes the start-up sequence of a BIOS', () => {
    const t = make();
    t.command(0xad);
    t.command(0xa7);
    expect(t.status() & 0x05).toBe(0);
    expect(t.ask(0xaa)).toBe(0x55);
    expect(t.status() & 0x04).toBe(0x04);
    expect(t.ask(0xab)).toBe(0x00);
    expect(t.ask(0xa9)).toBe(0x00);
    t.command(0xae);
    expect(t.send(0xff)).toEqual([0xfa, 0xaa]);
    expect(t.send(0xf5)).toEqual([0xfa]);
    expect(t.send(0xf0, 0x02)).toEqual([0xfa, 0xfa]);
    t.commandByte(0x61);
    expect(t.send(0xf4)).toEqual([0xfa]);
    expect(t.ask(0x20)).toBe(0x61);
  });

  it('keeps the data byte readable after it was taken', () => {
    const t = make();
    expect(t.ask(0xaa)).toBe(0x55);
    expect(t.status() & 1).toBe(0);
    expect(t.kbc.data.read(0, 1)).toBe(0x55);
  });

  it('says whether the last write was a command', () => {
    const t = make();
    t.command(0x60);
    expect(t.status() & 0x08).toBe(0x08);
    t.data(0x45);
    expect(t.status() & 0x08).toBe(0);
    expect(t.status() & 0x10).toBe(0x10);
  });

  it('has 32 bytes of RAM', () => {
    const t = make();
    t.command(0x7f);
    t.data(0xa5);
    t.command(0x61);
    t.data(0x5a);
    expect([t.ask(0x3f), t.ask(0x21)]).toEqual([0xa5, 0x5a]);
  });

  it('loops a byte back as keyboard data (D2)', () => {
    const t = ready();
    t.command(0xd2);
    t.data(0x1e);
    expect(t.irq1.level).toBe(true);
    expect(t.status() & 0x21).toBe(0x01);
    expect(t.kbc.data.read(0, 1)).toBe(0x1e);
    expect(t.irq1.level).toBe(false);
  });

  it('loops a byte back as auxiliary data with IRQ 12 (D3)', () => {
    const t = ready();
    t.command(0xd3);
    t.data(0x5a);
    expect(t.irq12.level).toBe(true);
    expect(t.irq1.level).toBe(false);
    expect(t.status() & 0x21).toBe(0x21);
    expect(t.kbc.data.read(0, 1)).toBe(0x5a);
    expect(t.irq12.level).toBe(false);
  });

  it('interrupts only for ports whose bit is set', () => {
    const t = make();
    t.commandByte(0x00);
    t.command(0xd3);
    t.data(1);
    expect(t.irq12.level).toBe(false);
    t.commandByte(0x02);
    expect(t.irq12.level).toBe(true);
  });

  it('gates A20 through the output port and its shortcuts', () => {
    const t = make();
    t.a20.length = 0;
    t.command(0xd1);
    t.data(0xdd);
    t.command(0xdf);
    t.command(0xdd);
    expect(t.a20).toEqual([false, true, false]);
    expect(t.ask(0xd0) & 0x03).toBe(0x01);
    t.command(0xd1);
    t.data(0xdf);
    expect(t.ask(0xd0) & 0x03).toBe(0x03);
    expect(t.resets()).toBe(0);
  });

  it('resets the processor by pulse and by output port', () => {
    const t = make();
    t.command(0xfe);
    t.command(0xff);
    expect(t.resets()).toBe(1);
    t.command(0xd1);
    t.data(0x02);
    expect(t.resets()).toBe(2);
  });

  it('holds a disabled port back without losing anything', () => {
    const t = ready();
    t.command(0xad);
    t.keyboard.press('KeyA');
    t.keyboard.release('KeyA');
    expect(t.drain()).toEqual([]);
    t.command(0xae);
    expect(t.drain()).toEqual([0x1e, 0x9e]);
  });

  it('gives each byte an edge of its own, not before the last was read, and after some time', () => {
    const t = ready();
    t.keyboard.press('ArrowUp');
    expect(t.irq1.rises).toBe(0);
    t.clock.advance(1e6);
    expect(t.irq1.rises).toBe(1);
    t.clock.advance(10e6);
    expect(t.irq1.rises).toBe(1);
    expect(t.kbc.data.read(0, 1)).toBe(0xe0);
    expect(t.status() & 1).toBe(0);
    t.clock.advance(1e6);
    expect(t.irq1.rises).toBe(2);
    expect(t.kbc.data.read(0, 1)).toBe(0x48);
  });

  it('lets a controller answer pass while device bytes wait, and loses neither', () => {
    const t = ready();
    t.keyboard.press('KeyB');
    t.clock.advance(1e6);
    t.keyboard.press('KeyC');
    t.command(0x20);
    expect(t.kbc.data.read(0, 1)).toBe(0x30);
    expect(t.kbc.data.read(0, 1)).toBe(0x47);
    expect(t.drain()).toEqual([0x2e]);
  });

  it('turns the keyboard clock on when the host sends a byte', () => {
    const t = ready();
    t.command(0xad);
    expect(t.send(0xee)).toEqual([0xee]);
    expect(t.ask(0x20) & 0x10).toBe(0);
  });

  it('reports unknown commands once and goes on', () => {
    const t = make();
    t.command(0xb8);
    expect(t.host.log.messages).toEqual(['i8042: command b8']);
  });
});

describe('PS/2 keyboard', () => {
  const typed = (t: ReturnType<typeof make>, code: string) => {
    t.keyboard.press(code);
    const pressed = t.drain();
    t.keyboard.release(code);
    return [pressed, t.drain()];
  };

  it.each([
    ['KeyA', [0x1c], [0xf0, 0x1c]],
    ['Digit1', [0x16], [0xf0, 0x16]],
    ['Enter', [0x5a], [0xf0, 0x5a]],
    ['NumpadEnter', [0xe0, 0x5a], [0xe0, 0xf0, 0x5a]],
    ['ControlRight', [0xe0, 0x14], [0xe0, 0xf0, 0x14]],
    ['F7', [0x83], [0xf0, 0x83]],
    ['MetaLeft', [0xe0, 0x1f], [0xe0, 0xf0, 0x1f]],
    ['PrintScreen', [0xe0, 0x12, 0xe0, 0x7c], [0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12]],
    ['Pause', [0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77], []],
  ])('sends %s in set 2', (code, pressed, released) => {
    expect(typed(ready(false), code)).toEqual([pressed, released]);
  });

  it.each([
    ['KeyA', [0x1e], [0x9e]],
    ['Escape', [0x01], [0x81]],
    ['F7', [0x41], [0xc1]],
    ['F11', [0x57], [0xd7]],
    ['IntlBackslash', [0x56], [0xd6]],
    ['Delete', [0xe0, 0x53], [0xe0, 0xd3]],
    ['PrintScreen', [0xe0, 0x2a, 0xe0, 0x37], [0xe0, 0xb7, 0xe0, 0xaa]],
    ['Pause', [0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5], []],
    ['ContextMenu', [0xe0, 0x5d], [0xe0, 0xdd]],
  ])('sends %s translated to set 1', (code, pressed, released) => {
    expect(typed(ready(), code)).toEqual([pressed, released]);
  });

  it('sends the same in native set 1 as through translation, for every key', () => {
    const [a, b] = [ready(), ready(false)];
    expect(b.send(0xf0, 0x01)).toEqual([0xfa, 0xfa]);
    for (const { code } of KEYS) expect([code, typed(b, code)]).toEqual([code, typed(a, code)]);
  });

  it('has no two keys with one code', () => {
    const sent = KEYS.map((key) => `${key.extended} ${key.set2}`);
    // Pause and Num Lock share 77h: Pause sends it behind E1.
    expect(sent.length - new Set(sent).size).toBe(1);
    const set3 = KEYS.map((key) => key.set3).filter((code) => code !== 0);
    expect(new Set(set3).size).toBe(set3.length);
  });

  it('wraps navigation keys in shifts while Num Lock is lit, and undoes held ones otherwise', () => {
    const t = ready();
    t.send(0xed, 0x02);
    expect(typed(t, 'Home')).toEqual([
      [0xe0, 0x2a, 0xe0, 0x47],
      [0xe0, 0xc7, 0xe0, 0xaa],
    ]);
    t.send(0xed, 0x00);
    t.keyboard.press('ShiftLeft');
    expect(t.drain()).toEqual([0x2a]);
    expect(typed(t, 'Home')).toEqual([
      [0xe0, 0xaa, 0xe0, 0x47],
      [0xe0, 0xc7, 0xe0, 0x2a],
    ]);
  });

  it('has Ctrl+Pause as Break and Alt+PrintScreen as SysRq', () => {
    const t = ready();
    t.keyboard.press('ControlLeft');
    t.keyboard.press('Pause');
    expect(t.drain()).toEqual([0x1d, 0xe0, 0x46, 0xe0, 0xc6]);
    t.keyboard.release('ControlLeft');
    t.keyboard.press('AltLeft');
    t.drain();
    expect(typed(t, 'PrintScreen')).toEqual([[0x54], [0xd4]]);
  });

  it('repeats a key pressed again', () => {
    const t = ready();
    for (let i = 0; i < 3; i++) t.keyboard.press('KeyX');
    t.keyboard.release('KeyX');
    t.keyboard.release('KeyX');
    expect(t.drain()).toEqual([0x2d, 0x2d, 0x2d, 0xad]);
  });

  it('has set 3 with its key types', () => {
    const t = ready(false);
    expect(t.send(0xf0, 0x03, 0xf0, 0x00)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0x03]);
    expect(typed(t, 'KeyA')).toEqual([[0x1c], []]);
    expect(typed(t, 'ShiftLeft')).toEqual([[0x12], [0xf0, 0x12]]);
    expect(typed(t, 'F1')).toEqual([[0x07], []]);
    expect(t.send(0xfc, 0x07)).toEqual([0xfa, 0xfa]);
    expect(t.send(0xf4)).toEqual([0xfa]);
    expect(typed(t, 'F1')).toEqual([[0x07], [0xf0, 0x07]]);
    expect(t.send(0xf8)).toEqual([0xfa]);
    expect(typed(t, 'KeyA')).toEqual([[0x1c], [0xf0, 0x1c]]);
  });

  it('identifies itself, plain and translated', () => {
    expect(ready(false).send(0xf2)).toEqual([0xfa, 0xab, 0x83]);
    expect(ready().send(0xf2)).toEqual([0xfa, 0xab, 0x41]);
  });

  it('reports the current set translated, as drivers expect it', () => {
    expect(ready().send(0xf0, 0x00)).toEqual([0xfa, 0xfa, 0x41]);
  });

  it('answers the other commands', () => {
    const t = ready(false);
    expect(t.send(0xee)).toEqual([0xee]);
    expect(t.send(0xf3, 0x20)).toEqual([0xfa, 0xfa]);
    expect(t.send(0xf6)).toEqual([0xfa]);
    expect(t.send(0xfe)).toEqual([0xfa]);
    expect(t.send(0xe1)).toEqual([0xfe]);
    expect(t.send(0xed, 0x05)).toEqual([0xfa, 0xfa]);
    expect(t.leds.at(-1)).toBe(5);
    // A command in place of the parameter is taken as a command.
    expect(t.send(0xed, 0xf4)).toEqual([0xfa, 0xfa]);
  });

  it('does not scan between F5 and F4', () => {
    const t = ready();
    t.send(0xf5);
    t.keyboard.press('KeyA');
    expect(t.drain()).toEqual([]);
    t.send(0xf4);
    t.keyboard.press('KeyB');
    expect(t.drain()).toEqual([0x30]);
  });

  it('refuses a key that does not fit, whole, and says when there is room', () => {
    const t = ready();
    let sent = 0;
    while (t.keyboard.press('ArrowLeft')) sent++;
    expect(sent).toBe(128);
    const bytes = t.drain(400);
    expect(bytes.length).toBe(256);
    expect(bytes.every((byte, i) => byte === (i % 2 ? 0x4b : 0xe0))).toBe(true);
    expect(t.keyboard.press('NoSuchKey')).toBe(false);
  });
});

describe('PS/2 mouse', () => {
  it('resets to a standard mouse and identifies', () => {
    const t = ready();
    expect(t.aux(0xff)).toEqual([0xfa, 0xaa, 0x00]);
    expect(t.aux(0xf2)).toEqual([0xfa, 0x00]);
    expect(t.aux(0xe9)).toEqual([0xfa, 0x00, 2, 100]);
  });

  it('becomes a wheel mouse and a five-button mouse by the rate knocks', () => {
    const t = ready();
    t.aux(0xf3, 200, 0xf3, 100, 0xf3, 80);
    expect(t.aux(0xf2)).toEqual([0xfa, 0x03]);
    t.aux(0xf3, 200, 0xf3, 200, 0xf3, 80);
    expect(t.aux(0xf2)).toEqual([0xfa, 0x04]);
    t.aux(0xff);
    expect(t.aux(0xf2)).toEqual([0xfa, 0x00]);
  });

  it('keeps the wheel over the reset that Windows NT does after 200, 100, 80, 60', () => {
    const t = ready();
    t.aux(0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf3, 60, 0xff);
    expect(t.aux(0xf2)).toEqual([0xfa, 0x03]);
  });

  it('reports movement as nine-bit counts, Y upwards, bit 3 set', () => {
    const t = ready();
    t.aux(0xf4);
    t.mouse.move(5, -3);
    expect(t.drain()).toEqual([0x108, 0x105, 0x103]);
    t.mouse.move(-1, 2);
    expect(t.drain()).toEqual([0x138, 0x1ff, 0x1fe]);
    t.mouse.buttons(1);
    expect(t.drain()).toEqual([0x109, 0x100, 0x100]);
    expect(t.irq12.rises).toBe(1 + 3 * 3);
  });

  it('splits movement that exceeds nine bits and loses nothing', () => {
    const t = ready();
    t.aux(0xf4);
    t.mouse.move(600, 0);
    const bytes = t.drain(50).map((byte) => byte & 0xff);
    let sum = 0;
    for (let i = 0; i < bytes.length; i += 3) sum += bytes[i + 1]! - (bytes[i]! & 0x10 ? 256 : 0);
    expect(bytes.length).toBe(9);
    expect(sum).toBe(600);
  });

  it('puts the wheel into the fourth byte', () => {
    const t = ready();
    t.aux(0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf4);
    t.mouse.move(0, 0, 1);
    expect(t.drain()).toEqual([0x108, 0x100, 0x100, 0x101]);
    t.mouse.move(0, 0, -2);
    expect(t.drain()).toEqual([0x108, 0x100, 0x100, 0x1fe]);
    t.aux(0xf3, 200, 0xf3, 200, 0xf3, 80);
    t.mouse.buttons(0x10);
    expect(t.drain()).toEqual([0x108, 0x100, 0x100, 0x120]);
  });

  it('does not swallow a click shorter than a sample', () => {
    const t = ready();
    t.aux(0xf4);
    t.mouse.buttons(1);
    t.mouse.buttons(0);
    expect(t.drain()).toEqual([0x109, 0x100, 0x100, 0x108, 0x100, 0x100]);
  });

  it('joins movement between samples at the rate set', () => {
    const t = ready();
    t.aux(0xf3, 20, 0xf4);
    t.drain(100);
    let bytes = 0;
    for (let i = 0; i < 1000; i++) {
      t.mouse.move(1, 0);
      bytes += t.drain(1).length;
    }
    expect(bytes / 3).toBeGreaterThanOrEqual(18);
    expect(bytes / 3).toBeLessThanOrEqual(22);
  });

  it('is silent until enabled, and in remote mode until read', () => {
    const t = ready();
    t.mouse.move(1, 1);
    expect(t.drain()).toEqual([]);
    t.aux(0xf0, 0xf4);
    t.mouse.move(3, 0);
    expect(t.drain()).toEqual([]);
    expect(t.aux(0xeb)).toEqual([0xfa, 0x08, 3, 0]);
    t.aux(0xea);
    t.mouse.move(2, 0);
    expect(t.drain()).toEqual([0x108, 0x102, 0x100]);
  });

  it('scales 2:1 in stream mode', () => {
    const t = ready();
    t.aux(0xe7, 0xf4);
    expect(t.aux(0xe9)).toEqual([0xfa, 0x30, 2, 100]);
    const sent: number[] = [];
    for (const count of [1, 2, 3, 4, 5, 6, -4]) {
      t.mouse.move(count, 0);
      sent.push(((t.drain()[1]! & 0xff) << 24) >> 24);
    }
    expect(sent).toEqual([1, 1, 3, 6, 9, 12, -6]);
  });

  it('echoes in wrap mode', () => {
    const t = ready();
    expect(t.aux(0xee, 0xf2, 0x55, 0xec, 0xf2)).toEqual([0xfa, 0xf2, 0x55, 0xfa, 0xfa, 0x00]);
  });

  it('refuses what a plain mouse does not know, TrackPoint and bad parameters among it', () => {
    const t = ready();
    expect(t.aux(0xe1)).toEqual([0xfe]);
    expect(t.aux(0xe8, 0x07)).toEqual([0xfa, 0xfe]);
    expect(t.aux(0xf3, 0x00)).toEqual([0xfa, 0xfe]);
    expect(t.aux(0xe6, 0xe6, 0xe6, 0xe9)).toEqual([0xfa, 0xfa, 0xfa, 0xfa, 0x00, 2, 100]);
  });

  it('shows buttons in its status', () => {
    const t = ready();
    t.mouse.buttons(0b111);
    expect(t.aux(0xe9)[1]).toBe(0x07);
    t.mouse.buttons(0b010);
    expect(t.aux(0xe9)[1]).toBe(0x01);
  });

  it('drops whole packets only when nobody reads', () => {
    const t = ready();
    t.aux(0xf4);
    for (let i = 0; i < 100; i++) {
      t.mouse.buttons(i & 1 ? 0 : 1);
      t.clock.advance(20e6);
    }
    t.mouse.buttons(2);
    const bytes = t.drain(100).map((byte) => byte & 0xff);
    expect(bytes.length % 3).toBe(0);
    for (let i = 0; i < bytes.length; i += 3) expect(bytes[i]! & 0xc8).toBe(0x08);
    expect(bytes.at(-3)! & 7).toBe(2);
  });
});

describe('i8042 state', () => {
  it('moves with bytes under way', () => {
    const [a, b] = [ready(), make()];
    a.aux(0xf4);
    a.keyboard.press('KeyQ');
    a.keyboard.press('KeyW');
    a.mouse.move(7, 0);
    a.clock.advance(0.45e6);
    a.command(0x20);
    b.clock.advanceTo(a.clock.now());
    transferState(a.keyboard, b.keyboard);
    transferState(a.mouse, b.mouse);
    transferState(a.kbc, b.kbc);
    expect(b.irq1.level).toBe(true);
    const bytes = a.drain();
    expect(bytes).toEqual([0x10, 0x47, 0x11, 0x108, 0x107, 0x100]);
    expect(b.drain()).toEqual(bytes);
    b.keyboard.release('KeyQ');
    expect(b.drain()).toEqual([0x90]);
  });

  it('moves with self tests and a mouse sample under way', () => {
    const [a, b] = [ready(), make()];
    a.aux(0xf3, 20, 0xf4);
    a.mouse.move(1, 0);
    expect(a.drain(2).length).toBe(3);
    a.mouse.move(1, 0);
    a.data(0xff);
    expect(a.drain(2)).toEqual([0xfa]);
    b.clock.advanceTo(a.clock.now());
    transferState(a.keyboard, b.keyboard);
    transferState(a.mouse, b.mouse);
    transferState(a.kbc, b.kbc);
    expect(b.drain(20)).toEqual([0xaa]);
    expect(b.drain(60)).toEqual([0x108, 0x101, 0x100]);
  });

  it('survives anything', () => {
    const t = ready();
    for (let seed = 1; seed < 8; seed++) {
      hammer(t.kbc.command, t.clock, 200, seed);
      hammer(t.kbc.data, t.clock, 200, seed);
      t.command(0xd4);
      t.keyboard.press('KeyA');
      t.mouse.move(1, 1, 1);
    }
    t.drain(100);
    expect(t.clock.fired).toBeLessThan(50_000);
  });
});
