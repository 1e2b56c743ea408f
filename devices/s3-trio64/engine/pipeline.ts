/**
 * What happens to one pixel of the graphics engine: clipping, choice of mix, source, colour compare, mix, write mask.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 13.3, and registers B2E8, B6E8, BAE8, BEE8 index 1-4, A and E.
 * Models: inclusive scissors and their inverse, PIX_CNTL, the four sources of a mix, colour compare against the source.
 * Does not model: colour compare against the destination (not on this chip).
 */
import type { Fixed, Mix } from './mix.ts';
import { apply, fix, masked } from './mix.ts';
import type { EngineRegisters } from './registers.ts';
import { Misc, Multi } from './registers.ts';
import type { Surface } from './surface.ts';

/** What decides between the two mixes: PIX_CNTL bits 7-6. */
export const Select = { Foreground: 0, Cpu: 2, VideoMemory: 3 } as const;

/** Where a mix takes its source: bits 6-5 of the mix register. */
export const Source = { Background: 0, Foreground: 1, Cpu: 2, VideoMemory: 3 } as const;

interface Ink {
  readonly mix: Mix;
  readonly source: number;
}

const CODE = 0x0f;
const MIX_SOURCE_SHIFT = 5;

export class Pipeline {
  readonly #surface: Surface;
  top = 0;
  left = 0;
  bottom = 0;
  right = 0;
  #outside = false;
  select = 0;
  foreground: Ink = { mix: masked(0, 0), source: 0 };
  #background: Ink = { mix: masked(0, 0), source: 0 };
  #colors: readonly [background: number, foreground: number] = [0, 0];
  #readMask = 0;
  /** Source colour that is compared, or -1: none (colours are taken unsigned). */
  #compare = -1;
  #skipDifferent = false;

  constructor(surface: Surface) {
    this.#surface = surface;
  }

  /** Takes the registers over for one command. The surface must have the command's layout. */
  prepare(regs: EngineRegisters): void {
    const { multi } = regs;
    const misc = multi[Multi.Miscellaneous]!;
    const all = this.#surface.depthMask;
    this.top = multi[Multi.ScissorsTop]!;
    this.left = multi[Multi.ScissorsLeft]!;
    this.bottom = multi[Multi.ScissorsBottom]!;
    this.right = multi[Multi.ScissorsRight]!;
    this.#outside = (misc & Misc.ClipOutside) !== 0;
    this.select = (multi[Multi.PixelControl]! >> 6) & 3;
    const ink = (register: number): Ink => ({
      mix: masked(register & CODE, regs.writeMask),
      source: (register >> MIX_SOURCE_SHIFT) & 3,
    });
    this.foreground = ink(regs.foregroundMix);
    this.#background = ink(regs.backgroundMix);
    this.#colors = [regs.background | 0, regs.foreground | 0];
    this.#readMask = regs.readMask & all;
    this.#compare = misc & Misc.CompareEnable ? (regs.compare & all) >>> 0 : -1;
    this.#skipDifferent = (misc & Misc.CompareNotEqual) !== 0;
  }

  /** Pixels inside the scissors are drawn without a look at each: spans can be drawn at once. */
  get plain(): boolean {
    return !this.#outside && this.#compare < 0;
  }

  /** The two mixes with their colours, if video memory chooses between them and they take only colour registers. */
  expansion(): { readonly set: Fixed; readonly clear: Fixed; readonly mask: number } | undefined {
    const { foreground } = this;
    const background = this.#background;
    if (this.select !== Select.VideoMemory || foreground.source > Source.Foreground) return undefined;
    if (background.source > Source.Foreground) return undefined;
    return {
      set: fix(foreground.mix, this.color(foreground.source)),
      clear: fix(background.mix, this.color(background.source)),
      mask: this.#readMask,
    };
  }

  /** Colour of a mix whose source is a colour register. */
  color(source: number): number {
    return this.#colors[source === Source.Background ? 0 : 1]!;
  }

  /** Whether a pixel read from video memory counts as 1 across the planes. */
  isSet(pixel: number): boolean {
    return (pixel & this.#readMask) === this.#readMask;
  }

  /**
   * @param x 0 to 4095, as `y`
   * @param source index of the source pixel in video memory
   * @param cpu colour from the CPU
   * @param bit what the CPU's bit says, for `Select.Cpu`
   */
  plot(x: number, y: number, source: number, cpu: number, bit: boolean): void {
    const inside = y >= this.top && y <= this.bottom && x >= this.left && x <= this.right;
    if (inside === this.#outside) return;
    const surface = this.#surface;
    let chosen = true;
    if (this.select === Select.Cpu) chosen = bit;
    else if (this.select === Select.VideoMemory) chosen = this.isSet(surface.read(source));
    const ink = chosen ? this.foreground : this.#background;
    let color: number;
    if (ink.source === Source.Cpu) color = cpu;
    else if (ink.source === Source.VideoMemory) color = surface.read(source);
    else color = this.#colors[ink.source]!;
    if (this.#compare >= 0) {
      const equal = (color & surface.depthMask) >>> 0 === this.#compare;
      if (equal !== this.#skipDifferent) return;
    }
    const index = surface.at(x, y);
    surface.write(index, apply(ink.mix, color, surface.read(index)));
  }
}
