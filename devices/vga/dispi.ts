/**
 * The Bochs VBE display interface ("DISPI"), through which SeaVGABIOS and many guests set packed-pixel modes.
 *
 * Source: Bochs documentation "VBE display interface" (interface version B0C5h); behaviour that SeaVGABIOS relies on.
 * Models: ids B0C0h-B0C5h, resolution, 4/8/15/16/24/32 bits per pixel, 64 KiB bank, virtual width and offsets, GETCAPS,
 * 8-bit DAC, no-clear, memory size. Does not model: separate read and write banks, 32 KiB bank granularity, DDC.
 */
import type { BusRegion } from '../bus.ts';
import type { Field } from '../state.ts';

/** Indices of port 1CEh. */
const DispiIndex = {
  Id: 0,
  XRes: 1,
  YRes: 2,
  Bpp: 3,
  Enable: 4,
  Bank: 5,
  VirtWidth: 6,
  VirtHeight: 7,
  XOffset: 8,
  YOffset: 9,
  VideoMemory64K: 10,
} as const;

/** Bits of the Enable register. */
const DispiEnable = {
  Enabled: 0x01,
  GetCaps: 0x02,
  Dac8Bit: 0x20,
  LinearFrameBuffer: 0x40,
  NoClear: 0x80,
} as const;

const ID_FIRST = 0xb0c0;
const ID_LAST = 0xb0c5;
const MAX_XRES = 2560;
const MAX_YRES = 1600;
const MAX_BPP = 32;
const DEPTHS: readonly number[] = [4, 8, 15, 16, 24, 32];
const BANK_BYTES = 0x10000;

/** What the interface does to the adapter around it. */
export interface DispiTarget {
  /** Bytes of video memory. */
  readonly videoBytes: number;
  setDacWidth(eightBits: boolean): void;
  /** Zeroes video memory. */
  clear(from: number, bytes: number): void;
  /** Mode, bank or offsets changed. */
  changed(): void;
}

export class Dispi {
  id = ID_LAST;
  index = 0;
  xres = 0;
  yres = 0;
  bpp = 8;
  enable = 0;
  bank = 0;
  virtWidth = 0;
  xOffset = 0;
  yOffset = 0;
  /** Ports 1CEh-1D0h: index, data, and data again at the even address some guests use. */
  readonly ports: BusRegion;
  readonly #target: DispiTarget;

  constructor(target: DispiTarget) {
    this.#target = target;
    this.ports = {
      name: 'bochs dispi',
      length: 3,
      widest: 2,
      read: (offset, size) => {
        const value = offset === 0 ? this.index : this.#read();
        return size === 1 ? value & 0xff : value;
      },
      write: (offset, _size, value) => {
        if (offset === 0) this.index = value;
        else this.#write(value);
      },
    };
  }

  get enabled(): boolean {
    return (this.enable & DispiEnable.Enabled) !== 0;
  }

  /** Bytes from one line to the next; in the planar 4-bit modes, plane addresses. */
  get pitch(): number {
    return this.#pitchOf(this.virtWidth);
  }

  /** First displayed byte, or plane address. */
  get start(): number {
    return this.yOffset * this.pitch + this.#pitchOf(this.xOffset);
  }

  /** Bank as bytes, or plane addresses in the planar modes. */
  get bankOffset(): number {
    return this.bank * BANK_BYTES;
  }

  /** Back to plain VGA, as writing 0 to Enable does. */
  disable(): void {
    if (this.enable === 0) return;
    this.enable = 0;
    this.#target.setDacWidth(false);
    this.#target.changed();
  }

  /** After loading a state: a mode that this memory cannot show, or no mode at all, is off. */
  loaded(): void {
    const depth = DEPTHS.includes(this.bpp);
    if (!depth) this.bpp = 8;
    const fits =
      depth &&
      this.xres <= MAX_XRES &&
      this.yres <= MAX_YRES &&
      this.xOffset + this.xres <= this.virtWidth &&
      (this.yOffset + this.yres) * this.pitch <= this.#space &&
      this.bankOffset < this.#space;
    if (!fits) this.enable = 0;
  }

  reset(): void {
    this.id = ID_LAST;
    this.index = 0;
    this.xres = 0;
    this.yres = 0;
    this.bpp = 8;
    this.bank = 0;
    this.virtWidth = 0;
    this.xOffset = 0;
    this.yOffset = 0;
    this.disable();
  }

  /** Bytes or plane addresses one line can count in all of memory. */
  get #space(): number {
    return this.bpp === 4 ? this.#target.videoBytes / 4 : this.#target.videoBytes;
  }

  #pitchOf(pixels: number): number {
    return this.bpp === 4 ? pixels >> 3 : pixels * ((this.bpp + 7) >> 3);
  }

  #virtHeight(): number {
    const pitch = this.pitch;
    return pitch === 0 ? 0 : Math.min(Math.floor(this.#space / pitch), 0xffff);
  }

  #read(): number {
    const caps = (this.enable & DispiEnable.GetCaps) !== 0;
    switch (this.index) {
      case DispiIndex.Id:
        return this.id;
      case DispiIndex.XRes:
        return caps ? MAX_XRES : this.xres;
      case DispiIndex.YRes:
        return caps ? MAX_YRES : this.yres;
      case DispiIndex.Bpp:
        return caps ? MAX_BPP : this.bpp;
      case DispiIndex.Enable:
        return this.enable;
      case DispiIndex.Bank:
        return this.bank;
      case DispiIndex.VirtWidth:
        return this.virtWidth;
      case DispiIndex.VirtHeight:
        return this.#virtHeight();
      case DispiIndex.XOffset:
        return this.xOffset;
      case DispiIndex.YOffset:
        return this.yOffset;
      case DispiIndex.VideoMemory64K:
        return this.#target.videoBytes / 0x10000;
      default:
        return 0;
    }
  }

  #write(value: number): void {
    switch (this.index) {
      case DispiIndex.Id:
        if (value >= ID_FIRST && value <= ID_LAST) this.id = value;
        break;
      // Resolution and depth are fixed while a mode is on.
      case DispiIndex.XRes:
        if (!this.enabled && value <= MAX_XRES) this.xres = value;
        break;
      case DispiIndex.YRes:
        if (!this.enabled && value <= MAX_YRES) this.yres = value;
        break;
      case DispiIndex.Bpp:
        if (!this.enabled && (value === 0 || DEPTHS.includes(value))) this.bpp = value || 8;
        break;
      case DispiIndex.Enable:
        this.#setEnable(value);
        break;
      case DispiIndex.Bank:
        if (value * BANK_BYTES < this.#space) this.bank = value;
        this.#target.changed();
        break;
      case DispiIndex.VirtWidth:
        this.#setVirtWidth(value);
        break;
      case DispiIndex.XOffset:
        if (this.enabled && value + this.xres <= this.virtWidth) this.xOffset = value;
        this.#target.changed();
        break;
      case DispiIndex.YOffset:
        if (this.enabled && value + this.yres <= this.#virtHeight()) this.yOffset = value;
        this.#target.changed();
        break;
    }
  }

  #setEnable(value: number): void {
    const bits =
      DispiEnable.Enabled |
      DispiEnable.GetCaps |
      DispiEnable.Dac8Bit |
      DispiEnable.LinearFrameBuffer |
      DispiEnable.NoClear;
    if (!(value & DispiEnable.Enabled)) {
      const wasEnabled = this.enabled;
      this.enable = value & DispiEnable.GetCaps;
      if (wasEnabled) {
        this.#target.setDacWidth(false);
        this.#target.changed();
      }
      return;
    }
    const turnsOn = !this.enabled;
    if (turnsOn) {
      const pitch = this.#pitchOf(this.xres);
      // A mode that does not fit stays off, as a guest can read back.
      if (pitch === 0 || this.yres === 0 || pitch * this.yres > this.#space) return;
      this.virtWidth = this.xres;
      this.xOffset = 0;
      this.yOffset = 0;
      this.bank = 0;
      if (!(value & DispiEnable.NoClear)) {
        const bytes = pitch * this.yres * (this.bpp === 4 ? 4 : 1);
        this.#target.clear(0, bytes);
      }
    }
    this.enable = value & bits;
    this.#target.setDacWidth((value & DispiEnable.Dac8Bit) !== 0);
    this.#target.changed();
  }

  #setVirtWidth(value: number): void {
    if (!this.enabled || value < this.xres) return;
    const pitch = this.#pitchOf(value);
    if (pitch * this.yres > this.#space) return;
    this.virtWidth = value;
    this.xOffset = 0;
    this.yOffset = 0;
    this.#target.changed();
  }
}

/** What a saved state holds of a `Dispi`. */
export const DISPI_FIELDS: readonly Field[] = [
  { name: 'id', type: 'u16' },
  { name: 'index', type: 'u16' },
  { name: 'xres', type: 'u16' },
  { name: 'yres', type: 'u16' },
  { name: 'bpp', type: 'u8' },
  { name: 'enable', type: 'u16' },
  { name: 'bank', type: 'u16' },
  { name: 'virtWidth', type: 'u16' },
  { name: 'xOffset', type: 'u16' },
  { name: 'yOffset', type: 'u16' },
];
