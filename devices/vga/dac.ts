/**
 * The video DAC: 256 palette entries of 18 bits behind ports 3C6h-3C9h.
 *
 * Source: Inmos IMSG171/176 data sheet; IBM VGA XGA Technical Reference Manual, "Video Digital-to-Analog Converter".
 * Models: PEL mask, separate read and write sequences with auto-increment after the third byte, the state register,
 * and an 8-bit-per-gun option (Bochs DISPI). Does not model: the analogue side, snow during palette writes.
 */

import type { Field } from '../state.ts';

/** DAC state register (read of 3C7h) after the write, and after the read address was set. */
const STATE_WRITE = 0x00;
const STATE_READ = 0x03;

export class Dac {
  /** Three bytes per entry: red, green, blue; 6 bits each, or 8 when `wide`. */
  readonly palette = new Uint8Array(768);
  mask = 0xff;
  index = 0;
  /** Which of red, green, blue comes next. */
  component = 0;
  reading = false;
  /** Guns have 8 bits. Use `setWide` to change it. */
  wide = false;
  /** Red and green wait here until blue completes a write. */
  readonly pending = new Uint8Array(2);
  /** Changes whenever a displayed colour may have. */
  generation = 0;

  readMask(): number {
    return this.mask;
  }

  writeMask(value: number): void {
    if (this.mask === value) return;
    this.mask = value;
    this.generation++;
  }

  readState(): number {
    return this.reading ? STATE_READ : STATE_WRITE;
  }

  readIndex(): number {
    return this.index;
  }

  /** 3C7h. */
  setReadIndex(value: number): void {
    this.index = value;
    this.component = 0;
    this.reading = true;
  }

  /** 3C8h. */
  setWriteIndex(value: number): void {
    this.index = value;
    this.component = 0;
    this.reading = false;
  }

  readData(): number {
    const value = this.palette[this.index * 3 + this.component]!;
    this.#advance();
    return value;
  }

  writeData(value: number): void {
    const gun = this.wide ? value : value & 0x3f;
    if (this.component < 2) {
      this.pending[this.component] = gun;
    } else {
      const at = this.index * 3;
      this.palette[at] = this.pending[0]!;
      this.palette[at + 1] = this.pending[1]!;
      this.palette[at + 2] = gun;
      this.generation++;
    }
    this.#advance();
  }

  /** Switches the gun width; the colours on screen stay. */
  setWide(wide: boolean): void {
    if (wide === this.wide) return;
    this.wide = wide;
    for (let i = 0; i < 768; i++) this.palette[i] = wide ? this.palette[i]! << 2 : this.palette[i]! >> 2;
    this.generation++;
  }

  /** All colours as seen through the PEL mask, as RGBA bytes in memory order; 6-bit full scale becomes 255. */
  colors(into: Uint32Array): void {
    for (let i = 0; i < 256; i++) {
      const at = (i & this.mask) * 3;
      const r = this.#eight(this.palette[at]!);
      const g = this.#eight(this.palette[at + 1]!);
      const b = this.#eight(this.palette[at + 2]!);
      into[i] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
    }
  }

  /** After loading a state. */
  loaded(): void {
    this.component %= 3;
    this.generation++;
  }

  reset(): void {
    this.palette.fill(0);
    this.pending.fill(0);
    this.mask = 0xff;
    this.index = 0;
    this.component = 0;
    this.reading = false;
    this.wide = false;
    this.generation++;
  }

  #eight(gun: number): number {
    return this.wide ? gun : (gun << 2) | (gun >> 4);
  }

  #advance(): void {
    if (++this.component < 3) return;
    this.component = 0;
    this.index = (this.index + 1) & 0xff;
  }
}

/** What a saved state holds of a `Dac`. */
export const DAC_FIELDS: readonly Field[] = [
  { name: 'palette', type: { bytes: 768 } },
  { name: 'mask', type: 'u8' },
  { name: 'index', type: 'u8' },
  { name: 'component', type: 'u8' },
  { name: 'reading', type: 'bool' },
  { name: 'wide', type: 'bool' },
  { name: 'pending', type: { bytes: 2 } },
];
