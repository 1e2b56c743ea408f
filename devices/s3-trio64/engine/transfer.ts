/**
 * Pixel data between the CPU and a command that waits for it: how the words written to E2E8 become pixels and bits, and
 * how pixels become the words read from it.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.3 "Image transfer", registers 9AE8 (bits 12, 10-8, 1) and E2E8.
 * Models: 8, 16 and 32-bit units, narrower writes that are joined, byte order of data across the planes, padding at the
 * ends of rows (per unit, or per byte with bus size 11), read-back through and across the planes.
 * Does not model: the byte order bit for data through the planes: pixels arrive low byte first, as every driver sends
 * them with the bit set.
 */
import type { Field } from '../../state.ts';
import { sourceIndex } from './blocks.ts';
import type { Pipeline } from './pipeline.ts';
import { Select } from './pipeline.ts';
import type { EngineRegisters } from './registers.ts';
import { Multi } from './registers.ts';
import type { Surface } from './surface.ts';
import type { Walk } from './walk.ts';
import { Command, Step } from './walk.ts';

/** Bytes of a unit by command bits 10-9. */
const BUS_BYTES = [1, 2, 4, 4] as const;
const BYTE_PADDED = 3;

export class Transfer {
  /** A command waits for data, or (reading) has some ready. */
  active = false;
  reading = false;
  /** Bytes written so far of the next unit, low byte first. */
  held = 0;
  heldBytes = 0;
  /** Pixels done since `takePixels`. */
  #pixels = 0;
  #regs: EngineRegisters;
  #walk: Walk;
  #pipeline: Pipeline;
  #surface: Surface;

  constructor(regs: EngineRegisters, walk: Walk, pipeline: Pipeline, surface: Surface) {
    this.#regs = regs;
    this.#walk = walk;
    this.#pipeline = pipeline;
    this.#surface = surface;
  }

  /** A walk that has been set up waits for data. */
  begin(): void {
    this.active = true;
    this.reading = !(this.#regs.command & Command.Write);
    this.held = 0;
    this.heldBytes = 0;
  }

  end(): void {
    this.active = false;
    this.reading = false;
  }

  /** How many pixels were done since this was asked last. */
  takePixels(): number {
    const pixels = this.#pixels;
    this.#pixels = 0;
    return pixels;
  }

  /** Bits of the CPU choose or make the pixels. */
  get #acrossPlane(): boolean {
    const { command, multi } = this.#regs;
    return (command & Command.AcrossPlane) !== 0 || multi[Multi.PixelControl]! >> 6 === Select.Cpu;
  }

  get #busSize(): number {
    return (this.#regs.command >> 9) & 3;
  }

  get #unitBytes(): number {
    const bus = BUS_BYTES[this.#busSize]!;
    return this.#acrossPlane ? bus : Math.max(bus, this.#surface.layout.bytes);
  }

  /** @param size bytes of the access @returns whether the command is complete */
  write(size: number, value: number): boolean {
    // An 8-bit bus takes the low byte of whatever is written.
    const bytes = this.#busSize === 0 ? 1 : size;
    for (let i = 0; i < bytes && this.active && !this.reading; i++) {
      this.held = (this.held | (((value >>> (8 * i)) & 0xff) << (8 * this.heldBytes))) >>> 0;
      if (++this.heldBytes < this.#unitBytes) continue;
      const unit = this.held;
      const length = this.heldBytes;
      this.held = 0;
      this.heldBytes = 0;
      const done = this.#acrossPlane ? this.#writeBits(unit, length) : this.#writeColors(unit, length);
      if (done) this.end();
    }
    return !this.active;
  }

  #place(color: number, bit: boolean): Step {
    const walk = this.#walk;
    if (this.#regs.command & Command.Draw && !walk.skipped)
      this.#pipeline.plot(walk.x, walk.y, sourceIndex(walk, this.#surface), color, bit);
    this.#pixels++;
    return walk.advance();
  }

  #writeBits(unit: number, length: number): boolean {
    const swap = (this.#regs.command & Command.ByteSwap) !== 0;
    const bytePadded = this.#busSize === BYTE_PADDED;
    for (let i = 0; i < length; i++) {
      const byte = (unit >>> (8 * (swap ? i : length - 1 - i))) & 0xff;
      for (let mask = 0x80; mask; mask >>= 1) {
        const set = (byte & mask) !== 0;
        const step = this.#place(set ? -1 : 0, set);
        if (step === Step.Done) return true;
        if (step === Step.Pixel) continue;
        if (bytePadded) break;
        return false;
      }
    }
    return false;
  }

  #writeColors(unit: number, length: number): boolean {
    const { bytes } = this.#surface.layout;
    for (let i = 0; i < length; i += bytes) {
      const step = this.#place(unit >>> (8 * i), true);
      if (step !== Step.Pixel) return step === Step.Done;
    }
    return false;
  }

  /** @param size bytes of the access @returns the data; ones when there are none */
  read(size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) {
      if (this.heldBytes === 0) {
        if (!this.active || !this.reading) return 0xffffffff >>> (32 - 8 * size);
        this.held = (this.#acrossPlane ? this.#readBits() : this.#readColors()) >>> 0;
        this.heldBytes = this.#unitBytes;
      }
      value |= (this.held & 0xff) << (8 * i);
      this.held >>>= 8;
      this.heldBytes--;
    }
    return value >>> 0;
  }

  #take(): number {
    return this.#surface.read(sourceIndex(this.#walk, this.#surface));
  }

  #next(): Step {
    this.#pixels++;
    const step = this.#walk.advance();
    if (step === Step.Done) this.end();
    return step;
  }

  #readColors(): number {
    const { bytes } = this.#surface.layout;
    let unit = 0;
    for (let i = 0; i < this.#unitBytes; i += bytes) {
      unit |= this.#take() << (8 * i);
      if (this.#next() !== Step.Pixel) break;
    }
    return unit;
  }

  #readBits(): number {
    const length = this.#unitBytes;
    const swap = (this.#regs.command & Command.ByteSwap) !== 0;
    let unit = 0;
    for (let i = 0; i < length; i++) {
      const shift = 8 * (swap ? i : length - 1 - i);
      for (let bit = 7; bit >= 0; bit--) {
        if (this.#pipeline.isSet(this.#take())) unit |= 1 << (shift + bit);
        if (this.#next() !== Step.Pixel) return unit;
      }
    }
    return unit;
  }
}

/** What a saved state holds of a `Transfer`. */
export const TRANSFER_FIELDS: readonly Field[] = [
  { name: 'active', type: 'bool' },
  { name: 'reading', type: 'bool' },
  { name: 'held', type: 'u32' },
  { name: 'heldBytes', type: 'u8' },
];
