/**
 * The indexed register files of the VGA: one address register and one data register in front of a small array.
 * Register names and bit masks: IBM VGA XGA Technical Reference Manual (1992), section 2 "VGA Function".
 */

/** Sequencer, ports 3C4h/3C5h. */
export const Seq = { Reset: 0, ClockingMode: 1, MapMask: 2, CharacterMapSelect: 3, MemoryMode: 4 } as const;

/** Graphics controller, ports 3CEh/3CFh. */
export const Gfx = {
  SetReset: 0,
  EnableSetReset: 1,
  ColorCompare: 2,
  DataRotate: 3,
  ReadMapSelect: 4,
  Mode: 5,
  Miscellaneous: 6,
  ColorDontCare: 7,
  BitMask: 8,
} as const;

/** Attribute controller, port 3C0h; 00h-0Fh are the internal palette. */
export const Attr = {
  ModeControl: 0x10,
  OverscanColor: 0x11,
  ColorPlaneEnable: 0x12,
  HorizontalPelPanning: 0x13,
  ColorSelect: 0x14,
} as const;

/** CRT controller, ports 3x4h/3x5h. */
export const Crtc = {
  HorizontalTotal: 0x00,
  HorizontalDisplayEnd: 0x01,
  StartHorizontalBlanking: 0x02,
  EndHorizontalBlanking: 0x03,
  StartHorizontalRetrace: 0x04,
  EndHorizontalRetrace: 0x05,
  VerticalTotal: 0x06,
  Overflow: 0x07,
  PresetRowScan: 0x08,
  MaximumScanLine: 0x09,
  CursorStart: 0x0a,
  CursorEnd: 0x0b,
  StartAddressHigh: 0x0c,
  StartAddressLow: 0x0d,
  CursorLocationHigh: 0x0e,
  CursorLocationLow: 0x0f,
  VerticalRetraceStart: 0x10,
  VerticalRetraceEnd: 0x11,
  VerticalDisplayEnd: 0x12,
  Offset: 0x13,
  UnderlineLocation: 0x14,
  StartVerticalBlanking: 0x15,
  EndVerticalBlanking: 0x16,
  ModeControl: 0x17,
  LineCompare: 0x18,
} as const;

/** Writable bits per register; the others read as 0. */
export const SEQUENCER_MASKS: readonly number[] = [0x03, 0x3d, 0x0f, 0x3f, 0x0e];
export const GRAPHICS_MASKS: readonly number[] = [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff];
export const ATTRIBUTE_MASKS: readonly number[] = [...Array<number>(16).fill(0x3f), 0xef, 0xff, 0x3f, 0x0f, 0x0f];
export const CRTC_MASKS: readonly number[] = Array.from({ length: 25 }, (_, index) => {
  const narrow: Readonly<Record<number, number>> = { 0x08: 0x7f, 0x0a: 0x3f, 0x0b: 0x7f, 0x14: 0x7f, 0x17: 0xef };
  return narrow[index] ?? 0xff;
});

/** Registers behind an index. Indices beyond the last one read as 0 and ignore writes. */
export class IndexedRegisters {
  /** Value of the address register. */
  index = 0;
  readonly values: Uint8Array;
  readonly #masks: readonly number[];

  constructor(masks: readonly number[]) {
    this.#masks = masks;
    this.values = new Uint8Array(masks.length);
  }

  read(index: number): number {
    return this.values[index] ?? 0;
  }

  write(index: number, value: number): void {
    const mask = this.#masks[index];
    if (mask !== undefined) this.values[index] = value & mask;
  }

  clear(): void {
    this.index = 0;
    this.values.fill(0);
  }
}
