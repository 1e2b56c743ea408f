/**
 * The register file of the graphics engine: what the ports 82E8h-BEE8h and their memory-mapped copies hold.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 18 "Enhanced Commands Registers".
 * Models: coordinates with their second sets, colours and masks in two halves, mixes, multifunction registers and their
 * read-back.
 * Does not model: the raster operation registers of the 868 and 968.
 */
import type { Field } from '../../state.ts';

/** Indices of the multifunction register BEE8 (bits 15-12). */
export const Multi = {
  MinorAxisCount: 0x0,
  ScissorsTop: 0x1,
  ScissorsLeft: 0x2,
  ScissorsBottom: 0x3,
  ScissorsRight: 0x4,
  PixelControl: 0xa,
  Miscellaneous2: 0xd,
  Miscellaneous: 0xe,
  ReadSelect: 0xf,
} as const;

/** Bits of Multifunction Control Miscellaneous. */
export const Misc = {
  UpperWord: 0x0010,
  ClipOutside: 0x0020,
  CompareNotEqual: 0x0080,
  CompareEnable: 0x0100,
  Registers32: 0x0200,
} as const;

/** Sign extension of the 14-bit step and error registers. */
const signed14 = (value: number): number => ((value & 0x3fff) << 18) >> 18;

export class EngineRegisters {
  currentX = 0;
  currentY = 0;
  currentX2 = 0;
  currentY2 = 0;
  destinationX = 0;
  destinationY = 0;
  destinationX2 = 0;
  destinationY2 = 0;
  errorTerm = 0;
  errorTerm2 = 0;
  majorCount = 0;
  majorCount2 = 0;
  command = 0;
  shortStroke = 0;
  background = 0;
  foreground = 0;
  writeMask = 0;
  readMask = 0;
  compare = 0;
  backgroundMix = 0;
  foregroundMix = 0;
  /** Multifunction registers by index, 12 bits each. */
  readonly multi = new Uint16Array(16);

  reset(): void {
    this.currentX = this.currentY = this.currentX2 = this.currentY2 = 0;
    this.destinationX = this.destinationY = this.destinationX2 = this.destinationY2 = 0;
    this.errorTerm = this.errorTerm2 = this.majorCount = this.majorCount2 = 0;
    this.command = this.shortStroke = 0;
    this.background = this.foreground = this.writeMask = this.readMask = this.compare = 0;
    this.backgroundMix = this.foregroundMix = 0;
    this.multi.fill(0);
  }

  get axialStep(): number {
    return signed14(this.destinationY);
  }

  get diagonalStep(): number {
    return signed14(this.destinationX);
  }

  get error(): number {
    return signed14(this.errorTerm);
  }

  /** Register that READ_SEL chooses, as BEE8 reads it. @param subsystem what reads of indices 8 and 9 give */
  readBack(subsystem: readonly [control: number, setup: number]): number {
    const { multi } = this;
    const index = multi[Multi.ReadSelect]! & 0xf;
    switch (index) {
      case 0x0:
      case 0x1:
      case 0x2:
      case 0x3:
      case 0x4:
        return multi[index]!;
      case 0x5:
        return multi[Multi.PixelControl]!;
      case 0x6:
        return multi[Multi.Miscellaneous]!;
      case 0x7:
        return this.command & 0x0fff;
      case 0x8:
        return subsystem[0];
      case 0x9:
        return subsystem[1];
      case 0xa:
        return multi[Multi.Miscellaneous2]!;
      default:
        return 0xffff;
    }
  }

  /** READ_SEL moves on by itself. */
  nextReadBack(): void {
    const { multi } = this;
    multi[Multi.ReadSelect] = (multi[Multi.ReadSelect]! + 1) & 0xf;
  }
}

/** What a saved state holds of the registers. */
export const REGISTER_FIELDS: readonly Field[] = [
  ...[
    'currentX',
    'currentY',
    'currentX2',
    'currentY2',
    'destinationX',
    'destinationY',
    'destinationX2',
    'destinationY2',
    'errorTerm',
    'errorTerm2',
    'majorCount',
    'majorCount2',
    'command',
    'shortStroke',
    'backgroundMix',
    'foregroundMix',
  ].map((name): Field => ({ name, type: 'u16' })),
  ...['background', 'foreground', 'writeMask', 'readMask', 'compare'].map((name): Field => ({ name, type: 'u32' })),
  { name: 'multi', type: { u16s: 16 } },
];
