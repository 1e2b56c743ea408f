/** A Trio64 behind its PCI function, with ports and memory by the addresses that drivers use. */
import type { BusRegion } from '../../../devices/bus.ts';
import { ResetCause } from '../../../devices/device.ts';
import type { LinearWindow } from '../../../devices/s3-trio64/linear.ts';
import { PciTrio64 } from '../../../devices/s3-trio64/pci-trio64.ts';
import { Trio64 } from '../../../devices/s3-trio64/trio64.ts';
import type { DirectWindow } from '../../../devices/vga/memory.ts';
import type { MockHost } from '../support.ts';
import { mockHost, readPort, RecordedLine, writePort } from '../support.ts';

export interface Trio64Bench {
  readonly chip: Trio64;
  readonly pci: PciTrio64;
  readonly vram: Uint8Array;
  readonly host: MockHost;
  readonly irq: RecordedLine;
  /** What the chip last announced. */
  readonly windows: { linear: LinearWindow | undefined; direct: DirectWindow | undefined };
  in(port: number, size?: 1 | 2 | 4): number;
  out(port: number, value: number, size?: 1 | 2 | 4): void;
  /** Indexed registers: CRTC and sequencer. */
  cr(index: number, value?: number): number;
  sr(index: number, value?: number): number;
  /** Memory at A0000h-BFFFFh. */
  peek(address: number, size?: 1 | 2 | 4): number;
  poke(address: number, value: number, size?: 1 | 2 | 4): void;
  unlock(): void;
}

const LEGACY = 0xa0000;

export function trio64Bench(mebibytes = 1): Trio64Bench {
  const host = mockHost();
  const vram = new Uint8Array(mebibytes << 20);
  const irq = new RecordedLine();
  const windows: Trio64Bench['windows'] = { linear: undefined, direct: undefined };
  const chip = new Trio64(host, {
    memory: vram,
    irq,
    onLinearWindow: (linear) => (windows.linear = linear),
    onDirectWindow: (direct) => (windows.direct = direct),
  });
  const pci = new PciTrio64(chip);
  chip.reset(ResetCause.PowerOn);
  pci.reset(ResetCause.PowerOn);
  pci.writeConfig(0x04, 1, 3);
  const find = (port: number): readonly [BusRegion, number] => {
    for (const { kind, region, at } of pci.ranges())
      if (kind === 'io' && at !== undefined && port >= at && port < at + region.length) return [region, port - at];
    throw new Error(`nothing at port ${port.toString(16)}`);
  };
  const bench: Trio64Bench = {
    chip,
    pci,
    vram,
    host,
    irq,
    windows,
    in: (port, size = 1) => readPort(...find(port), size),
    out: (port, value, size = 1) => writePort(...find(port), value, size),
    cr(index, value) {
      bench.out(0x3d4, index);
      if (value !== undefined) bench.out(0x3d5, value);
      return bench.in(0x3d5);
    },
    sr(index, value) {
      bench.out(0x3c4, index);
      if (value !== undefined) bench.out(0x3c5, value);
      return bench.in(0x3c5);
    },
    peek: (address, size = 1) => chip.memory.window.read(address - LEGACY, size),
    poke: (address, value, size = 1) => chip.memory.window.write(address - LEGACY, size, value),
    unlock() {
      bench.cr(0x38, 0x48);
      bench.cr(0x39, 0xa5);
      bench.sr(0x08, 0x06);
    },
  };
  bench.out(0x3c2, 0x03);
  return bench;
}

/** Numbers that look random and are the same in every run. */
export function randomNumbers(seed: number): (below: number) => number {
  let x = seed >>> 0 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

/** Pixel length field of CR50 by bytes per pixel. */
const PIXEL_LENGTH = { 1: 0x00, 2: 0x10, 4: 0x30 } as const;

/** Opens the graphics engine with 1024 (8 and 16 bits) or 640 (32 bits) pixels to a line. */
export function openEngine(bench: Trio64Bench, bytes: 1 | 2 | 4): { pitch: number } {
  bench.unlock();
  bench.cr(0x40, 0x01);
  bench.cr(0x50, PIXEL_LENGTH[bytes] | (bytes === 4 ? 0x40 : 0));
  return { pitch: bytes === 4 ? 640 : 1024 };
}
