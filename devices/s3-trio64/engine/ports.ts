/**
 * The graphics engine's registers as the processor reaches them: at ports 82E8h-EAEAh and in the memory window at
 * A0000h-AFFFFh, there at the port numbers, at packed addresses from 8100h, and as an image transfer area.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), sections 13.2 "Register access" and 18; CR53 bit 4, 4AE8 bit 5.
 * Models: byte, word and double-word accesses (a byte pair acts with its high byte), the halves of 32-bit registers by
 * MISC bits 4 and 9, read-back of every register, image transfer anywhere in A0000h-A7FFFh.
 * Does not model: VGA registers in the memory window (later chips have them there).
 */
import type { AccessSize, BusRegion } from '../../bus.ts';
import type { WindowOverlay } from '../../vga/memory.ts';
import type { Engine } from './engine.ts';
import { Misc, Multi } from './registers.ts';

const COORDINATE = 0x0fff;

/** Registers that only the packed layout gives addresses of their own, by offset: multifunction indices. */
const PACKED_MULTI: Readonly<Record<number, number>> = {
  0x8138: Multi.ScissorsTop,
  0x813a: Multi.ScissorsLeft,
  0x813c: Multi.ScissorsBottom,
  0x813e: Multi.ScissorsRight,
  0x8140: Multi.PixelControl,
  0x8142: Multi.Miscellaneous2,
  0x8144: Multi.Miscellaneous,
  0x8146: Multi.ReadSelect,
  0x8148: Multi.MinorAxisCount,
};

/** Port of the other registers of the packed layout; the high halves of 32-bit registers are two beyond. */
const PACKED: Readonly<Record<number, number>> = {
  0x8100: 0x82e8,
  0x8102: 0x86e8,
  0x8104: 0x82ea,
  0x8106: 0x86ea,
  0x8108: 0x8ae8,
  0x810a: 0x8ee8,
  0x810c: 0x8aea,
  0x810e: 0x8eea,
  0x8110: 0x92e8,
  0x8112: 0x92ea,
  0x8118: 0x9ae8,
  0x811c: 0x9ee8,
  0x8134: 0xb6e8,
  0x8136: 0xbae8,
  0x814a: 0x96e8,
  0x814c: 0x96ea,
  0x8154: 0xeae8,
  0x8156: 0xeaea,
};

/** Colours and masks in the packed layout are 32 bits wide. */
const PACKED_WIDE: Readonly<Record<number, WideRegister>> = {
  0x8120: 'background',
  0x8124: 'foreground',
  0x8128: 'writeMask',
  0x812c: 'readMask',
  0x8130: 'compare',
};

type WideRegister = 'background' | 'foreground' | 'writeMask' | 'readMask' | 'compare';

const WIDE: Readonly<Record<number, WideRegister>> = {
  0xa2e8: 'background',
  0xa6e8: 'foreground',
  0xaae8: 'writeMask',
  0xaee8: 'readMask',
  0xb2e8: 'compare',
};

const PIXEL_TRANSFER = 0xe2e8;
/** Ports of the register file: base and length. */
const PORTS: readonly (readonly [base: number, length: number])[] = [
  ...[0x82e8, 0x86e8, 0x8ae8, 0x8ee8, 0x92e8, 0x96e8, 0x9ae8, 0x9ee8].map((base) => [base, 4] as const),
  ...[0xa2e8, 0xa6e8, 0xaae8, 0xaee8, 0xb2e8, 0xb6e8, 0xbae8, 0xbee8].map((base) => [base, 4] as const),
  [PIXEL_TRANSFER, 4],
  [0xeae8, 4],
];
/** Below this offset the memory window takes pixels only. */
const REGISTER_WINDOW = 0x8000;

export interface EnginePortsOptions {
  readonly engine: Engine;
  /** The engine's registers answer (CR40 bit 0). */
  enabled(): boolean;
  /** Colour registers are written in halves (32 bits per pixel). */
  wide(): boolean;
  /** What BEE8 reads for subsystem control and setup mode. */
  subsystem(): readonly [control: number, setup: number];
  /** Other ports of the chip in the memory window (42E8, 4AE8). */
  writeControl(port: number, value: number): void;
  readControl(port: number): number;
}

export class EnginePorts {
  readonly regions: readonly { readonly base: number; readonly region: BusRegion }[];
  /** A0000h-AFFFFh while registers are mapped there. */
  readonly window: WindowOverlay;
  /** Low byte of a register that is written in bytes. */
  latch = 0;
  readonly #options: EnginePortsOptions;

  constructor(options: EnginePortsOptions) {
    this.#options = options;
    this.regions = PORTS.map(([base, length]) => ({
      base,
      region: {
        name: `s3-trio64 ${base.toString(16)}`,
        length,
        widest: 4,
        read: (offset: number, size: AccessSize) =>
          options.enabled() ? this.#read(base + offset, size) : 0xffffffff >>> (32 - 8 * size),
        write: (offset: number, size: AccessSize, value: number) => {
          if (options.enabled()) this.#write(base + offset, size, value);
        },
      },
    }));
    this.window = {
      read: (offset, size) => (offset < REGISTER_WINDOW ? options.engine.readPixels(size) : this.#read(offset, size)),
      write: (offset, size, value) => {
        if (offset < REGISTER_WINDOW) options.engine.writePixels(size, value);
        else this.#write(offset, size, value);
      },
    };
  }

  #write(port: number, size: AccessSize, value: number): void {
    if ((port & ~3) === PIXEL_TRANSFER) {
      this.#options.engine.writePixels(size, value);
      return;
    }
    if (size === 4) {
      const register = WIDE[port] ?? PACKED_WIDE[port];
      if (register) {
        this.#options.engine.enqueue();
        this.#options.engine.regs[register] = value >>> 0;
        return;
      }
      this.#writeWord(port, value & 0xffff);
      this.#writeWord(port + 2, value >>> 16);
    } else if (size === 2) {
      this.#writeWord(port, value);
    } else if (port & 1) {
      this.#writeWord(port - 1, this.latch | (value << 8));
      this.latch = 0;
    } else {
      this.#writeLowByte(port, value);
    }
  }

  /**
   * The low byte of a pair. Registers whose high byte starts something wait for it; the others change at once, because
   * drivers write eight-bit colours and mixes as bytes.
   */
  #writeLowByte(port: number, value: number): void {
    this.latch = value;
    const { regs } = this.#options.engine;
    const register = WIDE[port] ?? PACKED_WIDE[port];
    if (register) {
      const shift = this.#upper(port) ? 16 : 0;
      regs[register] = ((regs[register] & ~(0xff << shift)) | (value << shift)) >>> 0;
    } else if (port === 0xb6e8 || port === 0x8134) {
      regs.backgroundMix = value;
    } else if (port === 0xbae8 || port === 0x8136) {
      regs.foregroundMix = value;
    }
  }

  /** Whether a word goes to the upper half of a 32-bit register. */
  #upper(port: number): boolean {
    if (PACKED_WIDE[port]) return false;
    const misc = this.#options.engine.regs.multi[Multi.Miscellaneous]!;
    return this.#options.wide() && (misc & Misc.UpperWord) !== 0 && !(misc & Misc.Registers32);
  }

  #writeWide(register: WideRegister, port: number, value: number, upper: boolean): void {
    const { regs } = this.#options.engine;
    regs[register] = (upper ? (regs[register] & 0xffff) | (value << 16) : (regs[register] & ~0xffff) | value) >>> 0;
    const misc = regs.multi[Multi.Miscellaneous]!;
    if (WIDE[port] && !(misc & Misc.Registers32)) regs.multi[Multi.Miscellaneous] = misc ^ Misc.UpperWord;
  }

  #writeWord(port: number, value: number): void {
    const { engine } = this.#options;
    const { regs, edges } = engine;
    engine.enqueue();
    const multi = PACKED_MULTI[port];
    if (multi !== undefined) {
      regs.multi[multi] = value & COORDINATE;
      return;
    }
    const wide = WIDE[port] ?? PACKED_WIDE[port];
    if (wide) {
      this.#writeWide(wide, port, value, this.#upper(port));
      return;
    }
    const upper = WIDE[port - 2] ?? PACKED_WIDE[port - 2];
    if (upper) {
      this.#writeWide(upper, 0, value, true);
      return;
    }
    switch (PACKED[port] ?? port) {
      case 0x42e8:
      case 0x4ae8:
        this.#options.writeControl(port, value);
        break;
      case 0x82e8:
        regs.currentY = value & COORDINATE;
        edges[0].fresh = true;
        break;
      case 0x82ea:
        regs.currentY2 = value & COORDINATE;
        edges[1].fresh = true;
        break;
      case 0x86e8:
        regs.currentX = value & COORDINATE;
        edges[0].fresh = true;
        break;
      case 0x86ea:
        regs.currentX2 = value & COORDINATE;
        edges[1].fresh = true;
        break;
      case 0x8ae8:
        regs.destinationY = value & 0x3fff;
        edges[0].fresh = true;
        break;
      case 0x8aea:
        regs.destinationY2 = value & 0x3fff;
        edges[1].fresh = true;
        break;
      case 0x8ee8:
        regs.destinationX = value & 0x3fff;
        edges[0].fresh = true;
        break;
      case 0x8eea:
        regs.destinationX2 = value & 0x3fff;
        edges[1].fresh = true;
        break;
      case 0x92e8:
        regs.errorTerm = value & 0x3fff;
        break;
      case 0x92ea:
        regs.errorTerm2 = value & 0x3fff;
        break;
      case 0x96e8:
        regs.majorCount = value & COORDINATE;
        break;
      case 0x96ea:
        regs.majorCount2 = value & COORDINATE;
        break;
      case 0x9ae8:
        engine.command(value);
        break;
      case 0x9ee8:
        engine.shortStroke(value);
        break;
      case 0xb6e8:
        regs.backgroundMix = value & 0xff;
        break;
      case 0xbae8:
        regs.foregroundMix = value & 0xff;
        break;
      case 0xbee8:
        regs.multi[value >> 12] = value & COORDINATE;
        break;
      case 0xeae8:
        engine.patternY = value & COORDINATE;
        break;
      case 0xeaea:
        engine.patternX = value & COORDINATE;
        break;
    }
  }

  #read(port: number, size: AccessSize): number {
    const { engine } = this.#options;
    if ((port & ~3) === PIXEL_TRANSFER) return engine.readPixels(size);
    if (size === 4) {
      const register = WIDE[port] ?? PACKED_WIDE[port];
      if (register) return engine.regs[register] >>> 0;
      return (this.#read(port, 2) | (this.#read(port + 2, 2) << 16)) >>> 0;
    }
    const word = this.#readWord(port & ~1);
    const value = size === 2 ? word : port & 1 ? word >> 8 : word & 0xff;
    // The read-back pointer moves with the high byte.
    if ((PACKED[port & ~1] ?? port & ~1) === 0xbee8 && (size === 2 || port & 1)) engine.regs.nextReadBack();
    return value;
  }

  #readWord(port: number): number {
    const { engine } = this.#options;
    const { regs } = engine;
    const multi = PACKED_MULTI[port];
    if (multi !== undefined) return regs.multi[multi]!;
    const wide = WIDE[port] ?? PACKED_WIDE[port];
    if (wide) return (this.#upper(port) ? regs[wide] >>> 16 : regs[wide]) & 0xffff;
    const upper = WIDE[port - 2] ?? PACKED_WIDE[port - 2];
    if (upper) return regs[upper] >>> 16;
    switch (PACKED[port] ?? port) {
      case 0x42e8:
      case 0x4ae8:
        return this.#options.readControl(port);
      case 0x82e8:
        return regs.currentY;
      case 0x82ea:
        return regs.currentY2;
      case 0x86e8:
        return regs.currentX;
      case 0x86ea:
        return regs.currentX2;
      case 0x8ae8:
        return regs.destinationY;
      case 0x8aea:
        return regs.destinationY2;
      case 0x8ee8:
        return regs.destinationX;
      case 0x8eea:
        return regs.destinationX2;
      case 0x92e8:
        return regs.errorTerm;
      case 0x92ea:
        return regs.errorTerm2;
      case 0x96e8:
        return regs.majorCount;
      case 0x96ea:
        return regs.majorCount2;
      case 0x9ae8:
        return engine.status();
      case 0x9ee8:
        return regs.shortStroke;
      case 0xb6e8:
        return regs.backgroundMix;
      case 0xbae8:
        return regs.foregroundMix;
      case 0xbee8:
        return regs.readBack(this.#options.subsystem());
      case 0xeae8:
        return engine.patternY;
      case 0xeaea:
        return engine.patternX;
      default:
        return 0xffff;
    }
  }
}
