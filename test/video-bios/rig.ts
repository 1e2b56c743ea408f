/** The video BIOS on a real processor with nothing but memory and a Trio64 around it: calls INT 10h and looks at the screen. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createProcessor } from '../../cpu/index.ts';
import { ResetCause } from '../../devices/device.ts';
import { PciTrio64 } from '../../devices/s3-trio64/pci-trio64.ts';
import { Trio64 } from '../../devices/s3-trio64/trio64.ts';
import { Display } from '../../src/display/display.ts';
import type { Frame } from '../../src/display/frame.ts';
import { renderFrame } from '../../src/display/render.ts';
import { textLines } from '../../src/display/text.ts';
import { loadFirmware } from '../../src/firmware/node-loader.ts';
import { MemoryBus, PortBus } from '../../src/machine/bus-map.ts';
import { MemoryMap } from '../../src/machine/memory-map.ts';
import { Scheduler } from '../../src/machine/scheduler.ts';
import { recordLog } from '../devices/support.ts';

export interface Registers {
  ax: number;
  bx: number;
  cx: number;
  dx: number;
  si: number;
  di: number;
  bp: number;
  es: number;
}

const NAMES = ['ax', 'bx', 'cx', 'dx', 'si', 'di', 'bp', 'es'] as const;

/** Assembled from: call C000:0003 if byte 6000h is 0, else load the registers at 6010h, INT 10h, store them; HLT. */
const STUB = Buffer.from(
  'fa31c08ed88ed0bc0070803e00600075079a030000c0eb408b1e12608b0e14608b1616608b3618608b3e1a608b2e1c608e061e60' +
    'a11060cd10a31060891e1260890e14608916166089361860893e1a60892e1c608c061e60faf4ebfc',
  'hex',
);
const STUB_AT = 0x7000;
const KIND = 0x6000;
const BLOCK = 0x6010;
const ROM = 0xc0000;
const ROM_BYTES = 0x10000;
const FRAME_BUFFER = 0xe0000000;
const MOST_INSTRUCTIONS = 40e6;
/** Where callers' buffers are: segment 2000h. */
export const BUFFER = 0x20000;

const image = loadFirmware({}, 's3-trio64').videoBios;
export const SOURCE_IMAGE = readFileSync(join(import.meta.dirname, '../../src/video-bios/video-bios.bin'));

const rigs = new Map<number, BiosRig>();

/** A rig that has just been powered on; there is one for each size of video memory. */
export function poweredOn(mebibytes = 4): BiosRig {
  const known = rigs.get(mebibytes);
  if (known) {
    known.powerOn();
    return known;
  }
  const rig = new BiosRig(mebibytes);
  rigs.set(mebibytes, rig);
  return rig;
}

export class BiosRig {
  readonly chip: Trio64;
  readonly ports: PortBus;
  readonly display: Display;
  readonly ram: Uint8Array;
  readonly video: Uint8Array;
  readonly rom = image;
  readonly #pci: PciTrio64;
  readonly #processor: ReturnType<typeof createProcessor>;
  readonly #scheduler = new Scheduler(10);

  /** Powers on and lets the ROM start. */
  constructor(mebibytes = 4) {
    const log = recordLog();
    this.ports = new PortBus({ log: () => {}, ...log } as never);
    const memory = new MemoryBus(log as never);
    const processor = createProcessor(
      { ramBytes: 2 << 20, videoBytes: mebibytes << 20, romBytes: ROM_BYTES },
      {
        readPort: (port, size) => this.ports.read(port, size),
        writePort: (port, size, value) => this.ports.write(port, size, value),
        readMemory: (address, size) => memory.read(address, size),
        writeMemory: (address, size, value) => memory.write(address, size, value),
        acknowledgeInterrupt: () => 0,
        timeStamp: () => 0,
        log: () => {},
        setFerr: () => {},
      },
    );
    this.#processor = processor;
    this.#scheduler.attach(processor);
    this.ram = processor.ram;
    this.video = processor.video;
    processor.rom.fill(0xf4);
    processor.rom.set([0xea, STUB_AT & 0xff, STUB_AT >> 8, 0, 0], ROM_BYTES - 16);
    const map = new MemoryMap(processor);
    // The upper memory area is RAM here, so that the ROM can be put there.
    map.applyAttributes([{ from: ROM, length: 0x40000, read: 'dram', write: 'dram' }]);
    this.chip = new Trio64(
      { clock: this.#scheduler, log },
      {
        memory: processor.video,
        irq: { set: () => {} },
        takeDirty: (first, pages, into) => processor.takeDirty(processor.video.byteOffset + first * 4096, pages, into),
        onDirectWindow: (direct) => map.placeWindow(direct),
        onLinearWindow: (linear) => map.placeVideo(linear?.base, linear?.length),
      },
    );
    const pci = new PciTrio64(this.chip);
    pci.writeConfig(0x04, 1, 3);
    for (const { kind, region, at } of pci.ranges())
      if (at !== undefined) (kind === 'io' ? this.ports : memory).map(at, region);
    this.display = new Display(this.chip);
    this.#pci = pci;
    this.powerOn();
  }

  /** Clears memory, resets the chip and lets the ROM start. */
  powerOn(): void {
    this.ram.fill(0);
    this.video.fill(0);
    this.ram.set(this.rom, ROM);
    this.ram.set(STUB, STUB_AT);
    // INT 10h of a system BIOS: just returns.
    this.ram.set([0xcf], 0x600);
    new DataView(this.ram.buffer, this.ram.byteOffset).setUint32(0x40, 0x600, true);
    this.chip.reset(ResetCause.PowerOn);
    this.#pci.reset(ResetCause.PowerOn);
    this.#pci.writeConfig(0x10, 4, FRAME_BUFFER);
    this.#pci.writeConfig(0x04, 1, 3);
    this.#run(0);
  }

  #run(kind: number): void {
    this.ram[KIND] = kind;
    this.#processor.reset();
    const end = this.#processor.executed + MOST_INSTRUCTIONS;
    while (this.#processor.run(1_000_000) === 0)
      if (this.#processor.executed > end) throw new Error('INT 10h does not return');
  }

  /** INT 10h; registers that are not given are 0. */
  call(given: Partial<Registers>): Registers {
    const view = new DataView(this.ram.buffer, this.ram.byteOffset);
    NAMES.forEach((name, i) => view.setUint16(BLOCK + 2 * i, given[name] ?? 0, true));
    this.#run(1);
    return Object.fromEntries(
      NAMES.map((name, i) => [name, view.getUint16(BLOCK + 2 * i, true)]),
    ) as unknown as Registers;
  }

  word(address: number): number {
    return this.ram[address]! | (this.ram[address + 1]! << 8);
  }

  dword(address: number): number {
    return (this.word(address) | (this.word(address + 2) << 16)) >>> 0;
  }

  poke(address: number, ...bytes: number[]): void {
    this.#processor.writePhysical(address, Uint8Array.from(bytes));
  }

  frame(): Frame {
    return this.display.frame();
  }

  lines(): string[] {
    const frame = this.frame();
    return frame.kind === 'text' ? textLines(frame) : [];
  }

  /** Colour of a pixel of the picture, 0xRRGGBB. */
  pixel(x: number, y: number): number {
    const { width, data } = renderFrame(this.frame());
    const at = (y * width + x) * 4;
    return (data[at]! << 16) | (data[at + 1]! << 8) | data[at + 2]!;
  }
}
