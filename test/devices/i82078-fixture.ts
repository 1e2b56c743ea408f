/** An i82078 with its DMA controller, memory and a diskette whose sectors hold their own numbers. */
import { ResetCause } from '../../devices/device.ts';
import { I8237Pair } from '../../devices/i8237/i8237.ts';
import { I82078 } from '../../devices/i82078/i82078.ts';
import type { FloppyMedia } from '../../devices/i82078/media.ts';
import { mockHost, RecordedLine } from './support.ts';

export class MemoryFloppy implements FloppyMedia {
  readonly data: Uint8Array;
  readonly readOnly: boolean;
  flushes = 0;

  constructor(kib: number, readOnly = false) {
    this.data = new Uint8Array(kib * 1024);
    // Each sector starts with its own number.
    for (let i = 0; i < this.data.length / 512; i++) this.data.set([i & 0xff, i >> 8], i * 512);
    this.readOnly = readOnly;
  }

  get size(): number {
    return this.data.length;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.data.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): void {
    this.data.set(from, offset);
  }

  flush(): void {
    this.flushes++;
  }
}

/** Memory address used for DMA. */
export const AT = 0x10000;

export function make(options: { fast?: boolean; drives?: [boolean, boolean] } = { fast: true }) {
  const host = mockHost();
  const ram = new Uint8Array(0x40000);
  const dma = new I8237Pair(host, {
    read: (address, into) => into.set(ram.subarray(address, address + into.length)),
    write: (address, from) => ram.set(from, address),
  });
  dma.reset(ResetCause.PowerOn);
  const irq = new RecordedLine();
  const motors: [number, boolean][] = [];
  const fdc = new I82078(host, { irq, dma: dma.channel(2), onMotor: (...motor) => motors.push(motor), ...options });
  const get = (register: number) => fdc.registers.read(register, 1);
  const put = (register: number, value: number) => fdc.registers.write(register, 1, value);
  const command = (...bytes: number[]) => {
    for (const byte of bytes) {
      if ((get(4) & 0xc0) !== 0x80) throw new Error(`not ready for a command: ${get(4).toString(16)}`);
      put(5, byte);
    }
  };
  const result = (): number[] => {
    const bytes: number[] = [];
    while ((get(4) & 0xc0) === 0xc0 && bytes.length < 20) bytes.push(get(5));
    return bytes;
  };
  const interrupt = () => host.clock.advanceUntil(() => irq.level);
  const sense = () => {
    command(0x08);
    return result();
  };
  return {
    host,
    ram,
    dma,
    irq,
    motors,
    fdc,
    get,
    put,
    command,
    result,
    interrupt,
    sense,
    /** `kind` 44h: device to memory; 48h: memory to device. */
    setDma: (kind: number, count: number) => {
      dma.low.write(0x0a, 1, 6);
      dma.low.write(0x0c, 1, 0);
      dma.low.write(0x0b, 1, kind | 2);
      dma.low.write(4, 1, AT & 0xff);
      dma.low.write(4, 1, (AT >> 8) & 0xff);
      dma.low.write(5, 1, (count - 1) & 0xff);
      dma.low.write(5, 1, (count - 1) >> 8);
      dma.pages.write(1, 1, AT >> 16);
      dma.low.write(0x0a, 1, 2);
    },
    /** Runs a command to its interrupt and gives the result. */
    run: (...bytes: number[]) => {
      command(...bytes);
      interrupt();
      return result();
    },
    seek: (drive: number, cylinder: number) => {
      command(0x0f, drive, cylinder);
      interrupt();
      return sense();
    },
  };
}

/** Reset done, motor A on, DMA, 500 kbit/s, recalibrated: as a driver leaves it before the first transfer. */
export function ready(media: FloppyMedia | undefined = new MemoryFloppy(1440), options?: Parameters<typeof make>[0]) {
  const t = make(options);
  if (media) t.fdc.insert(0, media);
  t.put(2, 0x1c);
  t.interrupt();
  for (let i = 0; i < 4; i++) t.sense();
  t.command(0x03, 0xdf, 0x02);
  t.fdc.control.write(0, 1, 0);
  t.command(0x07, 0x00);
  t.interrupt();
  t.sense();
  return t;
}

/** Number of a sector as `MemoryFloppy` stores it. */
export const lba = (cylinder: number, head: number, sector: number) => (cylinder * 2 + head) * 18 + sector - 1;
export const at = (t: ReturnType<typeof make>, index = 0) =>
  t.ram[AT + 512 * index]! | (t.ram[AT + 512 * index + 1]! << 8);
