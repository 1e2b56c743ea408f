/**
 * The same register scripts run on our ISA devices and on QEMU's, reached through its qtest port without a processor.
 * What the data sheets fix must come out the same; where the two differ by right, the script stays away or masks the
 * bits, and says so. Skipped where QEMU is not installed, unless CI is set.
 */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BusRegion } from '../../devices/bus.ts';
import { ResetCause } from '../../devices/device.ts';
import { I8042 } from '../../devices/i8042/controller.ts';
import { Keyboard } from '../../devices/i8042/keyboard.ts';
import { Mouse } from '../../devices/i8042/mouse.ts';
import { I8237Pair } from '../../devices/i8237/i8237.ts';
import { I8259Pair } from '../../devices/i8259/i8259.ts';
import { I82078 } from '../../devices/i82078/i82078.ts';
import { Ns16550 } from '../../devices/ns16550/ns16550.ts';
import { mockHost, RecordedLine } from './support.ts';

const QEMU = '/usr/bin/qemu-system-i386';
const present = fs.existsSync(QEMU) || process.env['CI'] !== undefined;

/** A 1.44M disk whose sectors start with their number. */
function floppyImage(): Uint8Array {
  const data = new Uint8Array(1440 * 1024);
  for (let i = 0; i < 2880; i++) data.set([i & 0xff, i >> 8, 0x5a], i * 512);
  return data;
}

/** One step of a script. Reads and peeks are what is compared, under the mask. */
type Step =
  | { readonly out: number; readonly value: number }
  | { readonly in: number; readonly mask?: number }
  | { readonly irq: number; readonly high: boolean }
  | { readonly poke: number; readonly bytes: readonly number[] }
  | { readonly peek: number; readonly length: number }
  | { readonly settle: true };

/** Runs scripts; gives what the `in` and `peek` steps saw. */
interface Subject {
  run(script: readonly Step[]): Promise<(number | string)[]>;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function ours(): Subject {
  const host = mockHost();
  const ram = new Uint8Array(0x100000);
  const line = () => new RecordedLine();
  const ports = new Map<number, readonly [BusRegion, number]>();
  const map = (base: number, region: BusRegion) => {
    for (let i = 0; i < region.length; i++) ports.set(base + i, [region, i]);
  };
  const pics = new I8259Pair(host, { request: () => undefined });
  const dma = new I8237Pair(host, {
    read: (address, into) => into.set(ram.subarray(address, address + into.length)),
    write: (address, from) => ram.set(from, address),
  });
  dma.reset(ResetCause.PowerOn);
  const keyboard = new Keyboard(host);
  const mouse = new Mouse(host);
  const kbc = new I8042(host, {
    keyboardIrq: line(),
    auxIrq: line(),
    keyboard,
    mouse,
    onA20: () => undefined,
    onReset: () => undefined,
  });
  const uart = new Ns16550(host, { instance: 0, irq: line(), onTransmit: () => undefined, fast: true });
  uart.modemStatus = { cts: true, dsr: true, ri: false, dcd: true };
  const fdc = new I82078(host, { irq: line(), dma: dma.channel(2), fast: true });
  const image = floppyImage();
  fdc.insert(0, {
    size: image.length,
    readOnly: false,
    read: (offset, into) => into.set(image.subarray(offset, offset + into.length)),
    write: (offset, from) => image.set(from, offset),
    flush: () => undefined,
  });
  map(0x00, dma.low);
  map(0x20, pics.master);
  map(0x60, kbc.data);
  map(0x64, kbc.command);
  map(0x80, dma.pages);
  map(0xa0, pics.slave);
  map(0xc0, dma.high);
  map(0x3f0, fdc.registers);
  map(0x3f7, fdc.control);
  map(0x3f8, uart.registers);
  map(0x4d0, pics.edgeLevel);
  return {
    run: async (script) => {
      const seen: (number | string)[] = [];
      for (const step of script) {
        if ('out' in step) {
          const [region, offset] = ports.get(step.out)!;
          region.write(offset, 1, step.value);
        } else if ('in' in step) {
          const [region, offset] = ports.get(step.in)!;
          seen.push(region.read(offset, 1) & (step.mask ?? 0xff));
        } else if ('irq' in step) {
          pics.input(step.irq).set(step.high);
        } else if ('poke' in step) {
          ram.set(step.bytes, step.poke);
        } else if ('peek' in step) {
          seen.push(hex(ram.subarray(step.peek, step.peek + step.length)));
        } else {
          host.clock.advance(20e6);
        }
        // QEMU's UART loops characters back at once.
        if ('out' in step && step.out === 0x3f8) host.clock.advance(0);
      }
      return seen;
    },
  };
}

/** Where `-M pc` of the machine version named below has its interrupt controllers. */
const QEMU_PICS = ['/machine/unattached/device[6]', '/machine/unattached/device[7]'] as const;

class Qemu implements Subject {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #waiting: ((line: string) => void)[] = [];

  constructor(folder: string) {
    const floppy = path.join(folder, 'floppy.img');
    fs.writeFileSync(floppy, floppyImage());
    this.#process = spawn(QEMU, [
      ...['-M', 'pc-i440fx-7.2', '-S', '-qtest', 'stdio', '-qtest-log', 'none', '-display', 'none', '-nodefaults'],
      ...['-m', '16', '-serial', 'null', '-drive', `file=${floppy},format=raw,if=floppy,index=0`],
    ]);
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      if (line.startsWith('OK') || line.startsWith('FAIL')) this.#waiting.shift()?.(line);
    });
  }

  stop(): void {
    this.#process.kill();
  }

  #ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#waiting.push((line) =>
        line.startsWith('OK') ? resolve(line.slice(3)) : reject(new Error(`${command}: ${line}`)),
      );
      this.#process.stdin.write(`${command}\n`);
    });
  }

  async run(script: readonly Step[]): Promise<(number | string)[]> {
    const seen: Promise<number | string>[] = [];
    let last: Promise<unknown> = Promise.resolve();
    for (const step of script) {
      if ('out' in step) {
        last = this.#ask(`outb ${step.out} ${step.value}`);
      } else if ('in' in step) {
        const value = this.#ask(`inb ${step.in}`).then((text) => Number(text) & (step.mask ?? 0xff));
        seen.push((last = value) as Promise<number>);
      } else if ('irq' in step) {
        const pic = QEMU_PICS[step.irq >> 3];
        last = this.#ask(`set_irq_in ${pic} unnamed-gpio-in ${step.irq & 7} ${step.high ? 1 : 0}`);
      } else if ('poke' in step) {
        last = this.#ask(`write ${step.poke} ${step.bytes.length} 0x${hex(Uint8Array.from(step.bytes))}`);
      } else if ('peek' in step) {
        const value = this.#ask(`read ${step.peek} ${step.length}`).then((text) => text.slice(2));
        seen.push((last = value) as Promise<string>);
      } else {
        await last;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    return Promise.all(seen);
  }
}

function random(seed: number): (below: number) => number {
  let x = seed * 2654435761 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const out = (port: number, ...values: number[]): Step[] => values.map((value) => ({ out: port, value }));

describe.skipIf(!present)('legacy devices against QEMU (skipped: qemu-system-i386 is not installed)', () => {
  let folder: string;
  let qemu: Qemu;

  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'legacy-'));
  });

  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  /** Runs the script on both from power-on and compares, naming the first step that differs. */
  async function compare(script: readonly Step[]): Promise<void> {
    qemu = new Qemu(folder);
    try {
      const [a, b] = await Promise.all([ours().run(script), qemu.run(script)]);
      const reads = script.flatMap((step, i) => ('in' in step || 'peek' in step ? [i] : []));
      const differs = a.findIndex((value, i) => value !== b[i]);
      const context = differs < 0 ? [] : script.slice(Math.max(0, reads[differs]! - 12), reads[differs]! + 1);
      expect({ ours: a[differs], context }).toEqual({ ours: b[differs], context });
      expect(a.length).toBe(b.length);
      expect(a.length).toBeGreaterThan(0);
    } finally {
      qemu.stop();
    }
  }

  describe('i8259', () => {
    const initialise = [
      ...out(0x20, 0x11),
      ...out(0x21, 0x30, 0x04, 0x01),
      ...out(0xa0, 0x11),
      ...out(0xa1, 0x38, 0x02, 0x01),
    ];

    it.each([
      ['master', 0x20, [0, 1, 3, 4, 5, 6, 7], false],
      ['slave', 0xa0, [8, 9, 10, 11, 12, 13, 14, 15], false],
      // QEMU's non-specific EOI takes masked levels too in special mask mode, which the data sheet denies.
      ['master, special mask', 0x20, [0, 1, 3, 4, 5, 6, 7], true],
    ] as const)('random scripts, %s', async (_name, port, lines, special) => {
      for (let seed = 1; seed <= 4; seed++) {
        const next = random(seed + port);
        const script: Step[] = [...initialise, ...out(0x4d0 + (port >> 7), next(256) & (port === 0x20 ? 0xf8 : 0xde))];
        for (let i = 0; i < 500; i++) {
          switch (next(9)) {
            case 0:
            case 1:
            case 2:
              script.push({ irq: lines[next(lines.length)]!, high: next(2) === 1 });
              break;
            case 3:
              script.push(...out(port + 1, next(256) & next(256)));
              break;
            case 4:
              script.push(
                ...out(port, [0x60, 0xe0, 0xc0, special ? 0x60 : 0x20, special ? 0x60 : 0xa0][next(5)]! | next(8)),
              );
              break;
            case 5:
              script.push(...out(port, 0x0a), { in: port, mask: 0xff }, ...out(port, 0x0b), { in: port });
              break;
            case 6:
              // Without a request the level bits of a poll are undefined.
              script.push(...out(port, 0x0c), { in: port, mask: 0x80 });
              break;
            case 7:
              script.push({ in: port + 1 });
              break;
            case 8:
              if (special) script.push(...out(port, 0x48 | (next(2) << 5)));
              break;
          }
        }
        await compare(script);
      }
    });

    it('polled levels', async () => {
      const script: Step[] = [...initialise];
      for (const irq of [7, 3, 1, 6]) script.push({ irq, high: true }, { irq, high: false });
      for (let i = 0; i < 4; i++) script.push(...out(0x20, 0x0c), { in: 0x20 }, ...out(0x20, 0x20));
      await compare(script);
    });
  });

  it('i8237: registers, byte pointer and masks', async () => {
    const script: Step[] = [];
    const next = random(5);
    for (const [base, step] of [
      [0x00, 1],
      [0xc0, 2],
    ] as const) {
      for (let i = 0; i < 300; i++) {
        const register = next(8);
        const kind = next(6);
        const at = base + register * step;
        // Whole words: QEMU takes a value over with its second byte only.
        if (kind < 2) script.push(...out(base + 0x0c * step, 0), ...out(at, next(256), next(256)));
        else if (kind < 4) script.push({ in: at });
        else if (kind === 4) script.push(...out(base + 0x0c * step, 0));
        else script.push({ in: base + 8 * step, mask: 0x0f });
      }
    }
    for (const page of [1, 2, 3, 7, 9, 0xa, 0xb]) script.push(...out(0x80 + page, 0x10 + page), { in: 0x80 + page });
    await compare(script);
  });

  describe('i8042', () => {
    /** Reads status and data until the buffer is empty; the rest reads the last byte on both. */
    const drain = (bytes: number): Step[] =>
      Array.from({ length: bytes }, (): Step[] => [{ settle: true }, { in: 0x64, mask: 0x21 }, { in: 0x60 }]).flat();

    it('controller commands', async () => {
      const script: Step[] = [];
      for (const command of [0xaa, 0xa9, 0xab]) script.push(...out(0x64, command), ...drain(1));
      script.push(...out(0x64, 0x60), ...out(0x60, 0x47), ...out(0x64, 0x20), ...drain(1));
      for (const command of [0xd2, 0xd3]) script.push(...out(0x64, command), ...out(0x60, 0x5a), ...drain(1));
      for (const command of [0xa7, 0xa8, 0xad, 0xae])
        script.push(...out(0x64, command), ...out(0x64, 0x20), ...drain(1));
      await compare(script);
    });

    it('keyboard commands, plain and translated', async () => {
      const script: Step[] = [];
      for (const mode of [0x47, 0x07]) {
        script.push(...out(0x64, 0x60), ...out(0x60, mode));
        for (const [bytes, answers] of [
          [[0xee], 1],
          [[0xf2], 3],
          [[0xed, 0x02], 2],
          [[0xf3, 0x00], 2],
          [[0xf0, 0x02], 2],
          [[0xf0, 0x00], 3],
          [[0xf6], 1],
          [[0xf5], 1],
          [[0xf4], 1],
          [[0xff], 2],
          [[0xe5], 1],
        ] as const) {
          // Each byte is answered before the next; the last takes the rest of the answers.
          bytes.forEach((byte, i) => {
            script.push(...out(0x60, byte), ...drain(i === bytes.length - 1 ? answers - i : 1));
          });
        }
      }
      await compare(script);
    });

    it('mouse commands', async () => {
      const script: Step[] = [...out(0x64, 0x60), ...out(0x60, 0x47)];
      const send = (answers: number, ...bytes: number[]) => {
        for (const byte of bytes) script.push(...out(0x64, 0xd4), ...out(0x60, byte), ...drain(answers));
      };
      send(3, 0xff);
      send(2, 0xf2);
      send(4, 0xe9);
      send(1, 0xf3, 200, 0xf3, 100, 0xf3, 80);
      send(2, 0xf2);
      send(1, 0xe8, 0x03, 0xe7, 0xf4);
      send(4, 0xe9);
      send(1, 0xf3, 200, 0xf3, 200, 0xf3, 80);
      send(2, 0xf2);
      send(1, 0xee, 0xf2, 0x12, 0xec, 0xf0);
      send(4, 0xe9);
      send(1, 0xea, 0xf5, 0xe6, 0xf6);
      send(4, 0xe9);
      await compare(script);
    });
  });

  it('ns16550: registers and loopback', async () => {
    const script: Step[] = [];
    const next = random(11);
    const base = 0x3f8;
    script.push(...out(base + 3, 0x03), ...out(base + 4, 0x1b));
    for (let i = 0; i < 1500; i++) {
      switch (next(10)) {
        case 0:
          // Without the modem interrupt: QEMU has no delta bits in loopback.
          script.push(...out(base + 1, next(8)));
          break;
        case 1:
          // Enable and clear; levels 4-14 would wait for a time-out that needs a running clock in QEMU.
          script.push(...out(base + 2, [0x00, 0x01, 0x07, 0x03][next(4)]!));
          break;
        case 2:
          script.push(...out(base + 4, 0x10 | next(16)));
          break;
        case 3:
        case 4:
          script.push(...out(base, next(256)));
          break;
        case 5:
          script.push({ in: base });
          break;
        case 6:
          script.push({ in: base + 2 });
          break;
        case 7:
          script.push({ in: base + 5 });
          break;
        case 8:
          script.push({ in: base + 6, mask: 0xf0 });
          break;
        case 9:
          script.push(...out(base + 7, next(256)), { in: base + 7 }, { in: base + 1 }, { in: base + 4 });
          break;
      }
    }
    await compare(script);
  });

  describe('i82078', () => {
    const AT = 0x20000;
    const dma = (mode: number, count: number): Step[] => [
      ...out(0x0a, 6),
      ...out(0x0c, 0),
      ...out(0x0b, mode | 2),
      ...out(0x04, AT & 0xff, (AT >> 8) & 0xff),
      ...out(0x05, (count - 1) & 0xff, (count - 1) >> 8),
      ...out(0x81, AT >> 16),
      ...out(0x0a, 2),
    ];
    const command = (bytes: readonly number[], results: number): Step[] => [
      ...out(0x3f5, ...bytes),
      { settle: true },
      { in: 0x3f4, mask: 0xd0 },
      ...Array.from({ length: results }, () => ({ in: 0x3f5 })),
      { in: 0x3f4, mask: 0xd0 },
    ];
    const start: Step[] = [
      // The cascade channel lets the first controller through.
      ...out(0xd6, 0xc0),
      ...out(0xd4, 0x00),
      ...out(0x3f2, 0x00, 0x1c),
      { settle: true },
      ...[0, 1, 2, 3].flatMap(() => command([0x08], 2)),
      ...command([0x08], 1),
      ...command([0x03, 0xdf, 0x02], 0),
      ...out(0x3f7, 0),
      ...command([0x07, 0], 0),
      ...command([0x08], 2),
    ];

    it('reads, over heads and cylinder ends', async () => {
      const script = [...start];
      for (const [code, cylinder, head, sector, count] of [
        [0x46, 0, 0, 1, 1],
        [0x46, 5, 1, 3, 4],
        [0xe6, 7, 0, 1, 36],
        [0xe6, 7, 0, 17, 4],
        [0x46, 79, 1, 17, 1],
      ] as const) {
        script.push(...command([0x0f, head << 2, cylinder], 0), ...command([0x08], 2));
        script.push(...dma(0x44, count * 512));
        // ST0 repeats the head; QEMU reports the side that would come next.
        const [st0, ...rest] = command([code, head << 2, cylinder, head, sector, 2, 18, 0x1b, 0xff], 7).slice(-8);
        script.push(...command([code, head << 2, cylinder, head, sector, 2, 18, 0x1b, 0xff], 7).slice(0, -8));
        script.push({ ...st0, mask: 0xc3 } as Step, ...rest);
        script.push({ peek: AT, length: 2 }, { peek: AT + (count - 1) * 512, length: 3 });
        script.push({ in: 0x08, mask: 0x0f });
      }
      await compare(script);
    });

    it('writes and reads back', async () => {
      const script = [...start, ...command([0x0f, 0, 2], 0), ...command([0x08], 2)];
      script.push({ poke: AT, bytes: Array.from({ length: 1024 }, (_, i) => (i * 7) & 0xff) }, ...dma(0x48, 1024));
      script.push(...command([0x45, 0, 2, 0, 4, 2, 18, 0x1b, 0xff], 7));
      script.push({ poke: AT, bytes: [0, 0, 0, 0] }, ...dma(0x44, 1536));
      script.push(...command([0x46, 0, 2, 0, 3, 2, 18, 0x1b, 0xff], 7));
      script.push({ peek: AT, length: 4 }, { peek: AT + 512, length: 16 }, { peek: AT + 1535, length: 1 });
      await compare(script);
    });

    it('controller commands', async () => {
      await compare([
        ...start,
        ...command([0x10], 1),
        ...command([0x13, 0x00, 0x57, 0x20], 0),
        ...command([0x94], 1),
        ...command([0x14], 1),
        ...command([0x04, 0x00], 1),
        ...command([0x0f, 0x04, 12], 0),
        ...command([0x08], 2),
        ...command([0x04, 0x04], 1),
        ...command([0x1f], 1),
      ]);
    });
  });
});
