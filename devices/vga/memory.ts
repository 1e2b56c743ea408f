/**
 * VGA display memory as the processor reaches it: the window at A0000h with latches, write modes 0-3, read modes 0-1,
 * odd/even and chain-4 addressing; and the linear frame buffer.
 *
 * Source: IBM VGA XGA Technical Reference Manual, "Graphics Controller" and "Display Memory Organization".
 * Layout: plane p of address a is byte 4a + p, so that one 32-bit word holds the four planes of an address, and chain-4
 * memory is contiguous bytes, as the Super VGA chips have it. (The IBM VGA itself leaves gaps between chain-4 groups of
 * four; software can tell only by leaving chain-4 without clearing memory.)
 * Does not model: the odd/even page bit of Miscellaneous Output, 64 KiB boards (Sequencer 04h bit 1), and access times.
 */
import type { AccessSize, BusRegion } from '../bus.ts';
import { Gfx, Seq } from './registers.ts';

const PAGE_SHIFT = 12;
export const PAGE_BYTES = 1 << PAGE_SHIFT;

/** Length of the legacy window, A0000h-BFFFFh. */
const WINDOW_BYTES = 0x20000;

/** Start and length within the legacy window by Memory Map Select (Graphics 06h bits 3-2). */
const WINDOWS: readonly (readonly [start: number, length: number])[] = [
  [0x00000, 0x20000],
  [0x00000, 0x10000],
  [0x10000, 0x08000],
  [0x18000, 0x08000],
];

/** Bit p of a nibble spread to byte p of a word. */
const PLANES = Uint32Array.from({ length: 16 }, (_, nibble) => {
  let word = 0;
  for (let p = 0; p < 4; p++) if (nibble & (1 << p)) word |= 0xff << (8 * p);
  return word;
});

/** A stretch of the legacy window that is plain memory for the time being. */
export interface DirectWindow {
  /** Offset within the legacy window (0 = A0000h). */
  readonly start: number;
  readonly length: number;
  /** Byte offset into video memory. */
  readonly offset: number;
}

/**
 * Reports and clears what the processor wrote to video memory by itself: sets `into[i]` to 1 if page `first + i` (4 KiB
 * units) was written since the last call and to 0 if not; returns whether any was.
 */
export type TakeDirty = (first: number, pages: number, into: Uint8Array) => boolean;

/** Bank of the window while an extension takes it over. */
export const Banking = {
  /** Plain VGA. */
  None: 0,
  /** The 64 KiB window shows video memory as bytes. */
  Packed: 1,
  /** The window works like a VGA's, its addresses offset by the bank. */
  Planar: 2,
} as const;
export type Banking = (typeof Banking)[keyof typeof Banking];

/** How the window at A0000h is set up beside the VGA's own registers. */
export interface WindowSetting {
  /** The window answers (Miscellaneous Output bit 1, PCI command bit 1). */
  readonly enabled: boolean;
  readonly banking: Banking;
  /** Bytes (packed) or plane addresses (planar; in chain-4 mode a plane address is four bytes). */
  readonly bank: number;
  /** The window is A0000h-AFFFFh whatever Memory Map Select says. */
  readonly fixed: boolean;
}

/** Registers in place of memory at A0000h-AFFFFh. */
export type WindowOverlay = Pick<BusRegion, 'read' | 'write'>;

const OVERLAY_BYTES = 0x10000;

export class VideoMemory {
  readonly bytes: Uint8Array;
  /** The four planes of each address as one little-endian word. */
  readonly words: Uint32Array;
  /** The four latches, plane 0 in the low byte; unsigned. */
  latch = 0;
  /** A0000h-BFFFFh. */
  readonly window: BusRegion;
  /** All of video memory as bytes. Length is the next power of two; what lies beyond the memory reads as ones. */
  readonly linearFrameBuffer: BusRegion;

  /** Called when the directly usable part of the window changes, `undefined` when every access must come through `window`. */
  onDirectWindow: ((direct: DirectWindow | undefined) => void) | undefined;

  readonly #seq: Uint8Array;
  readonly #gfx: Uint8Array;
  readonly #dirty: Uint8Array;
  readonly #takeDirty: TakeDirty | undefined;
  #enabled = false;
  #banking: Banking = Banking.None;
  #bank = 0;
  #fixed = false;
  #overlay: WindowOverlay | undefined;
  #direct: DirectWindow | undefined;

  // What follows derives from the registers; `update` computes it.
  #start = 0;
  #length = 0;
  #chain4 = false;
  #simple = false;

  /**
   * @param bytes video memory; a multiple of 4 KiB, at least 256 KiB, aligned to 4 bytes in its buffer
   * @throws RangeError if it is not
   */
  constructor(bytes: Uint8Array, seq: Uint8Array, gfx: Uint8Array, takeDirty?: TakeDirty) {
    if (bytes.length < 0x40000 || bytes.length % PAGE_BYTES !== 0 || bytes.byteOffset % 4 !== 0)
      throw new RangeError(
        `video memory must be a multiple of 4 KiB, at least 256 KiB, aligned; got ${bytes.length} bytes`,
      );
    this.bytes = bytes;
    this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    this.#seq = seq;
    this.#gfx = gfx;
    this.#dirty = new Uint8Array(bytes.length >>> PAGE_SHIFT);
    this.#takeDirty = takeDirty;
    this.window = {
      name: 'vga window',
      length: WINDOW_BYTES,
      widest: 4,
      read: (offset, size) => this.#readWindow(offset, size),
      write: (offset, size, value) => this.#writeWindow(offset, size, value),
    };
    let length = PAGE_BYTES;
    while (length < bytes.length) length *= 2;
    this.linearFrameBuffer = {
      name: 'vga linear frame buffer',
      length,
      widest: 4,
      read: (offset, size) => this.#readLinear(offset, size),
      write: (offset, size, value) => this.#writeLinear(offset, size, value),
    };
  }

  setWindow({ enabled, banking, bank, fixed }: WindowSetting): void {
    this.#enabled = enabled;
    this.#banking = banking;
    this.#bank = bank;
    this.#fixed = fixed;
    this.update();
  }

  /** Puts registers over A0000h-AFFFFh, or takes them away; they answer whether the window does or not. */
  setOverlay(overlay: WindowOverlay | undefined): void {
    this.#overlay = overlay;
    this.update();
  }

  /** To be called after any change of Sequencer or Graphics Controller registers. */
  update(): void {
    const seq = this.#seq;
    const gfx = this.#gfx;
    const packed = this.#banking === Banking.Packed;
    const [start, length] = packed || this.#fixed ? WINDOWS[1]! : WINDOWS[(gfx[Gfx.Miscellaneous]! >> 2) & 3]!;
    this.#start = start;
    this.#length = this.#enabled ? length : 0;
    this.#chain4 = (seq[Seq.MemoryMode]! & 0x08) !== 0;
    // Graphics 05h bits 3 and 1-0: read mode and write mode.
    this.#simple =
      packed ||
      (this.#chain4 &&
        seq[Seq.MapMask] === 0x0f &&
        gfx[Gfx.EnableSetReset] === 0 &&
        gfx[Gfx.DataRotate] === 0 &&
        (gfx[Gfx.Mode]! & 0x0b) === 0 &&
        gfx[Gfx.BitMask] === 0xff);
    this.#announceDirect();
  }

  /** Marks bytes as changed for whoever draws them. */
  markDirty(from: number, bytes: number): void {
    if (bytes <= 0) return;
    this.#dirty.fill(1, from >>> PAGE_SHIFT, ((from + bytes - 1) >>> PAGE_SHIFT) + 1);
  }

  /** As `TakeDirty`, for writes from every side. */
  takeDirty(first: number, pages: number, into: Uint8Array): boolean {
    let any = this.#takeDirty?.(first, pages, into) ?? false;
    if (!this.#takeDirty) into.fill(0, 0, pages);
    for (let i = 0; i < pages; i++) {
      if (!this.#dirty[first + i]) continue;
      this.#dirty[first + i] = 0;
      into[i] = 1;
      any = true;
    }
    return any;
  }

  #announceDirect(): void {
    const offset = this.#byteBank;
    const length = Math.min(this.#length, this.bytes.length - offset);
    const covered = this.#overlay !== undefined && this.#start < OVERLAY_BYTES;
    const direct = this.#simple && !covered && length > 0 ? { start: this.#start, length, offset } : undefined;
    const old = this.#direct;
    if (direct?.start === old?.start && direct?.length === old?.length && direct?.offset === old?.offset) return;
    this.#direct = direct;
    this.onDirectWindow?.(direct);
  }

  /** Bank in bytes, where the window shows bytes in their order. */
  get #byteBank(): number {
    return this.#banking === Banking.Planar ? 4 * this.#bank : this.#bank;
  }

  #readWindow(offset: number, size: AccessSize): number {
    if (this.#overlay && offset < OVERLAY_BYTES) return this.#overlay.read(offset, size);
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  #writeWindow(offset: number, size: AccessSize, value: number): void {
    if (this.#overlay && offset < OVERLAY_BYTES) {
      this.#overlay.write(offset, size, value);
      return;
    }
    for (let i = 0; i < size; i++) this.#writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  #readByte(offset: number): number {
    const at = offset - this.#start;
    if (at < 0 || at >= this.#length) return 0xff;
    if (this.#banking === Banking.Packed) return this.bytes[this.#bank + at] ?? 0xff;
    const gfx = this.#gfx;
    let plane = gfx[Gfx.ReadMapSelect]!;
    let address = at;
    if (this.#chain4) {
      plane = at & 3;
      address = this.#chainedAddress(at);
    } else {
      if (gfx[Gfx.Mode]! & 0x10) plane = (plane & 2) | (at & 1);
      address = this.#planeAddress(at);
    }
    const latch = this.words[address] ?? 0xffffffff;
    this.latch = latch;
    if (!(gfx[Gfx.Mode]! & 0x08)) return (latch >>> (8 * plane)) & 0xff;
    const differs = (latch ^ PLANES[gfx[Gfx.ColorCompare]!]!) & PLANES[gfx[Gfx.ColorDontCare]!]!;
    return ~(differs | (differs >>> 8) | (differs >>> 16) | (differs >>> 24)) & 0xff;
  }

  #writeByte(offset: number, value: number): void {
    const at = offset - this.#start;
    if (at < 0 || at >= this.#length) return;
    if (this.#simple) {
      const to = this.#byteBank + at;
      if (to >= this.bytes.length) return;
      this.bytes[to] = value;
      this.#dirty[to >>> PAGE_SHIFT] = 1;
      return;
    }
    let planes = this.#seq[Seq.MapMask]!;
    let address: number;
    if (this.#chain4) {
      planes &= 1 << (at & 3);
      address = this.#chainedAddress(at);
    } else {
      // Sequencer 04h bit 2 clear: even addresses reach planes 0 and 2, odd ones 1 and 3.
      if (!(this.#seq[Seq.MemoryMode]! & 0x04)) planes &= at & 1 ? 0x0a : 0x05;
      address = this.#planeAddress(at);
    }
    if (planes === 0 || address >= this.words.length) return;
    const mask = PLANES[planes]!;
    this.words[address] = (this.words[address]! & ~mask) | (this.#compose(value) & mask);
    this.#dirty[address >>> (PAGE_SHIFT - 2)] = 1;
  }

  #chainedAddress(at: number): number {
    return (this.#banking === Banking.Planar ? this.#bank : 0) + (at >> 2);
  }

  /** Graphics 06h bit 1 (chain odd/even) takes address bit 0 for the choice of planes. */
  #planeAddress(at: number): number {
    const address = this.#gfx[Gfx.Miscellaneous]! & 0x02 ? at & ~1 : at;
    return this.#banking === Banking.Planar ? this.#bank + address : address & 0xffff;
  }

  /** The word that the write mode makes of a processor byte, before the map mask. */
  #compose(value: number): number {
    const gfx = this.#gfx;
    const mode = gfx[Gfx.Mode]! & 3;
    const latch = this.latch;
    if (mode === 1) return latch;
    const setReset = PLANES[gfx[Gfx.SetReset]!]!;
    let bitMask = gfx[Gfx.BitMask]!;
    let data: number;
    if (mode === 2) {
      data = PLANES[value & 0x0f]!;
    } else {
      const by = gfx[Gfx.DataRotate]! & 7;
      const rotated = ((value >>> by) | (value << (8 - by))) & 0xff;
      if (mode === 3) {
        bitMask &= rotated;
        data = setReset;
      } else {
        const enabled = PLANES[gfx[Gfx.EnableSetReset]!]!;
        data = (Math.imul(rotated, 0x01010101) & ~enabled) | (setReset & enabled);
      }
    }
    switch (gfx[Gfx.DataRotate]! & 0x18) {
      case 0x08:
        data &= latch;
        break;
      case 0x10:
        data |= latch;
        break;
      case 0x18:
        data ^= latch;
        break;
    }
    const bits = Math.imul(bitMask, 0x01010101);
    return (data & bits) | (latch & ~bits);
  }

  #readLinear(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= (this.bytes[offset + i] ?? 0xff) << (8 * i);
    return value >>> 0;
  }

  #writeLinear(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size && offset + i < this.bytes.length; i++) {
      this.bytes[offset + i] = value >>> (8 * i);
      this.#dirty[(offset + i) >>> PAGE_SHIFT] = 1;
    }
  }
}
