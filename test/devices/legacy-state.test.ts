/**
 * A state saved at any moment goes on exactly as the original does: random accesses, a transfer into a fresh device in
 * the middle, then the same accesses on both, comparing every read, every interrupt edge and every byte sent out.
 */
import { describe, expect, it } from 'vitest';
import type { BusRegion } from '../../devices/bus.ts';
import type { Device } from '../../devices/device.ts';
import { I8042 } from '../../devices/i8042/controller.ts';
import { Keyboard } from '../../devices/i8042/keyboard.ts';
import { KEYS } from '../../devices/i8042/keys.ts';
import { Mouse } from '../../devices/i8042/mouse.ts';
import { I8237Pair } from '../../devices/i8237/i8237.ts';
import { I8254 } from '../../devices/i8254/i8254.ts';
import { I8259Pair } from '../../devices/i8259/i8259.ts';
import { I82078 } from '../../devices/i82078/i82078.ts';
import { Mc146818 } from '../../devices/mc146818/mc146818.ts';
import { Ns16550 } from '../../devices/ns16550/ns16550.ts';
import { ParallelPort } from '../../devices/parallel-port/parallel-port.ts';
import { SystemControl } from '../../devices/system-control/system-control.ts';
import type { MockHost } from './support.ts';
import { mockHost, transferState } from './support.ts';

type Random = (below: number) => number;

interface Subject {
  readonly devices: readonly Device[];
  readonly regions: readonly BusRegion[];
  /** Something from outside: a line, a key, a character. */
  stimulate?(next: Random): void;
  /** Writes that random ones would hardly hit, such as whole commands. */
  script?(next: Random): readonly (readonly [region: number, offset: number, value: number])[];
}

/** Makes a device whose effects go to `note`. */
type Make = (host: MockHost, note: (event: string) => void) => Subject;

function randomFrom(seed: number): Random {
  let x = (seed * 2654435761) >>> 0 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

/** A wire that notes changes. */
const wire = (name: string, note: (event: string) => void) => {
  let level = false;
  return {
    set: (high: boolean) => {
      if (high === level) return;
      level = high;
      note(`${name} ${high}`);
    },
  };
};

const SUBJECTS: Readonly<Record<string, Make>> = {
  i8254: (host, note) => {
    const pit = new I8254(host, { irq: wire('irq0', note), onOutput2: wire('out2', note).set });
    return {
      devices: [pit],
      regions: [pit.counters],
      stimulate: (next) => pit.setGate(2, next(2) === 1),
      script: (next) => {
        const channel = next(3);
        return [
          [0, 3, (channel << 6) | 0x30 | next(16)],
          [0, channel, next(256)],
          [0, channel, next(3)],
        ];
      },
    };
  },
  i8259: (host, note) => {
    const pics = new I8259Pair(host, { request: (asserted) => note(`intr ${asserted}`) });
    for (const [region, base] of [
      [pics.master, 0x30],
      [pics.slave, 0x38],
    ] as const)
      [0x11, base, base === 0x30 ? 4 : 2, 1].forEach((value, i) => region.write(i === 0 ? 0 : 1, 1, value));
    return {
      devices: [pics],
      regions: [pics.master, pics.slave, pics.edgeLevel],
      stimulate: (next) => {
        const irq = [0, 1, 3, 4, 7, 8, 9, 15][next(8)]!;
        pics.input(irq).set(next(2) === 1);
        if (next(4) === 0) note(`vector ${pics.acknowledge()}`);
      },
    };
  },
  mc146818: (host, note) => {
    const rtc = new Mc146818(host, { irq: wire('irq8', note), startTime: Date.UTC(2006, 0, 31, 23, 59, 50) });
    return {
      devices: [rtc],
      regions: [rtc.standard, rtc.extended],
      script: (next) => [
        [0, 0, [10, 11, 11, 12, 0, 1, 3, 5][next(8)]!],
        [0, 1, [0x26, 0x23, 0x76, 0x42, 0x12, 0x32, 0xff, 0x00][next(8)]!],
      ],
    };
  },
  i8042: (host, note) => {
    const keyboard = new Keyboard(host, { onLeds: (mask) => note(`leds ${mask}`) });
    const mouse = new Mouse(host);
    const kbc = new I8042(host, {
      keyboardIrq: wire('irq1', note),
      auxIrq: wire('irq12', note),
      keyboard,
      mouse,
      onA20: (enabled) => note(`a20 ${enabled}`),
      onReset: () => note('reset'),
    });
    return {
      devices: [keyboard, mouse, kbc],
      regions: [kbc.data, kbc.command],
      stimulate: (next) => {
        const { code } = KEYS[next(KEYS.length)]!;
        if (next(2)) keyboard.press(code);
        else keyboard.release(code);
        mouse.move(next(600) - 300, next(20), next(5) - 2);
        mouse.buttons(next(32));
      },
      script: (next) => {
        const data = [0xf3, 200, 100, 80, 0xf4, 0xff, 0xf0, 0x03, 0xed, 0xf2, 0xe9, 0xeb][next(12)]!;
        const command = [0xd4, 0x60, 0x20, 0xd3, 0xae, 0xa8][next(6)]!;
        return [
          [1, 0, command],
          [0, 0, command === 0x60 ? 0x47 : data],
        ];
      },
    };
  },
  ns16550: (host, note) => {
    const uart = new Ns16550(host, {
      instance: 0,
      irq: wire('irq4', note),
      onTransmit: (byte) => note(`sent ${byte}`),
      onBreak: (active) => note(`break ${active}`),
    });
    return {
      devices: [uart],
      regions: [uart.registers],
      stimulate: (next) => {
        uart.receive(next(256), next(4) ? 0 : next(32));
        uart.modemStatus = { cts: !!next(2), dsr: !!next(2), ri: !!next(2), dcd: !!next(2) };
      },
      script: (next) => [
        [0, 3, 0x03],
        [0, 2, 1 | (next(4) << 6)],
        [0, 4, 0x08 | (next(8) ? 0 : 0x10)],
        [0, 1, next(16)],
        [0, 0, next(256)],
      ],
    };
  },
  'parallel port': (host, note) => {
    const port = new ParallelPort(host, { irq: wire('irq7', note), onByte: (byte) => note(`byte ${byte}`) });
    return { devices: [port], regions: [port.registers] };
  },
  'system control': (host, note) => {
    const control = new SystemControl(host, {
      setGate2: wire('gate', note).set,
      output2: () => false,
      onSpeaker: wire('speaker', note).set,
      onNmi: () => note('nmi'),
      onA20: (enabled) => note(`a20 ${enabled}`),
      onReset: () => note('reset'),
      coprocessorIrq: wire('irq13', note),
      onIgnne: wire('ignne', note).set,
    });
    return {
      devices: [control],
      regions: [control.nmiStatus, control.fast, control.post, control.coprocessor],
      stimulate: (next) => {
        const what = next(4);
        if (what < 2) control.setFerr(what === 1);
        else if (what === 2) control.raiseSerr();
        else control.raiseIochk();
      },
    };
  },
  'i82078 with i8237': (host, note) => {
    const ram = new Uint8Array(0x1000000);
    const dma = new I8237Pair(host, {
      read: (address, into) => into.set(ram.subarray(address, address + into.length)),
      write: (address, from) => note(`memory ${address} ${from.length} ${from[0]}`),
    });
    const fdc = new I82078(host, { irq: wire('irq6', note), dma: dma.channel(2), drives: [true, true] });
    fdc.insert(0, {
      size: 1440 * 1024,
      readOnly: false,
      read: (offset, into) => into.fill(offset >> 9),
      write: (offset, from) => note(`disk ${offset} ${from[0]}`),
      flush: () => note('flush'),
    });
    return {
      devices: [dma, fdc],
      regions: [fdc.registers, fdc.control, dma.low, dma.pages],
      script: (next) => {
        const fdcData = (...values: number[]) => values.map((value) => [0, 5, value] as const);
        const enable = [
          [2, 0x0b, next(2) ? 0x46 : 0x4a],
          [2, 0x05, 0xff],
          [2, 0x05, 0x07],
          [2, 0x0a, 2],
          [0, 2, 0x1c],
          [1, 0, 0],
        ] as const;
        const cylinder = next(3);
        switch (next(7)) {
          case 0:
            return [...enable, ...fdcData(0x0f, 0, cylinder)];
          case 1:
            return [...enable, ...fdcData(0xe6, 0, cylinder, 0, 1 + next(18), 2, 18, 0x1b, 0xff)];
          case 2:
            return [...enable, ...fdcData(0xc5, 4, cylinder, 1, 1 + next(18), 2, 18, 0x1b, 0xff)];
          case 3:
            return fdcData(0x08);
          case 4:
            return fdcData(0x4a, 0);
          case 5:
            return fdcData(0x03, 0xdf, 0x02 | (next(4) ? 0 : 1));
          default:
            return [
              [0, 2, 0x18],
              [0, 2, 0x1c],
            ];
        }
      },
    };
  },
};

interface Rig extends Subject {
  readonly host: MockHost;
  readonly events: string[];
}

function build(make: Make): Rig {
  const host = mockHost();
  const events: string[] = [];
  return { host, events, ...make(host, (event) => events.push(event)) };
}

function step(rig: Rig, next: Random): void {
  const { regions, host, events } = rig;
  const region = regions[next(regions.length)]!;
  const offset = next(region.length);
  switch (next(6)) {
    case 0:
      region.write(offset, 1, next(256));
      break;
    case 1:
    case 2:
      events.push(`${region.name} ${offset} = ${region.read(offset, 1)}`);
      break;
    case 3:
      rig.stimulate?.(next);
      break;
    case 4:
      for (const [index, at, value] of rig.script?.(next) ?? []) regions[index]!.write(at, 1, value);
      break;
    case 5:
      host.clock.advance(next(4) ? next(200_000) : next(50_000_000));
      break;
  }
}

describe('saved state in the middle of anything', () => {
  it.each(Object.keys(SUBJECTS))('%s', (name) => {
    let reads = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const original = build(SUBJECTS[name]!);
      const copy = build(SUBJECTS[name]!);
      const before = randomFrom(seed);
      for (let i = 0; i < 150; i++) step(original, before);
      copy.host.clock.advanceTo(original.host.clock.now());
      original.devices.forEach((device, i) => transferState(device, copy.devices[i]!));
      original.events.length = 0;
      copy.events.length = 0;
      const [a, b] = [randomFrom(seed + 1000), randomFrom(seed + 1000)];
      for (let i = 0; i < 150; i++) {
        step(original, a);
        step(copy, b);
        // Wires were brought to their level while loading; from then on every event is the same.
        expect({ seed, i, events: copy.events }).toEqual({ seed, i, events: original.events });
        reads += original.events.length;
        original.events.length = 0;
        copy.events.length = 0;
      }
    }
    expect(reads).toBeGreaterThan(100);
  });
});
