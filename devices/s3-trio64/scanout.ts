/**
 * What a Trio64 puts on the screen: the VGA's modes with longer counters, and packed pixels in five formats.
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), CRTC registers CR31, CR3A, CR42, CR43, CR51, CR5D, CR5E, CR67, CR69.
 * Models: 8 bits per pixel (CR3A bit 4), 15, 16, 24 and 32 (CR67 bits 7-4), start address and pitch beyond the VGA's,
 * eleven-bit vertical and nine-bit horizontal counts, interlace as a picture of full height, line compare, DPMS.
 * Does not model: pixel panning in packed modes, the border, fast text fetch (CR31 bit 6), the streams bits of CR67.
 */
import { Crtc, Gfx, Seq } from '../vga/registers.ts';
import type { BlankScanout, PackedScanout, PixelFormat, Scanout, VgaRegisters } from '../vga/scanout.ts';
import { vgaScanout } from '../vga/scanout.ts';
import type { DisplayTiming } from '../vga/timing.ts';
import { crtcTiming, verticalCounts } from '../vga/timing.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import { Cr, Sr } from './registers.ts';

interface PackedFormat {
  readonly format: PixelFormat;
  readonly bytes: number;
  /** Characters of eight dots that the CRTC counts for eight pixels. */
  readonly charactersPerEight: number;
}

const INDEXED: PackedFormat = { format: 'indexed8', bytes: 1, charactersPerEight: 1 };

/** By CR67 bits 7-4. */
const COLOR_MODES: Readonly<Record<number, PackedFormat>> = {
  0x1: INDEXED,
  0x3: { format: 'rgb555', bytes: 2, charactersPerEight: 2 },
  0x5: { format: 'rgb565', bytes: 2, charactersPerEight: 2 },
  0x7: { format: 'rgb888', bytes: 3, charactersPerEight: 3 },
  0xd: { format: 'rgb8888', bytes: 4, charactersPerEight: 1 },
};

/** The packed format that the registers select, `undefined` in the VGA's own modes. */
export function packedFormat(crtc: Uint8Array, gfx: Uint8Array): PackedFormat | undefined {
  if (!(gfx[Gfx.Miscellaneous]! & 0x01)) return undefined;
  const mode = crtc[Cr.Miscellaneous2]! >> 4;
  if (mode > 1 && COLOR_MODES[mode]) return COLOR_MODES[mode];
  return crtc[Cr.Miscellaneous1]! & 0x10 && gfx[Gfx.Mode]! & 0x40 ? INDEXED : undefined;
}

const bit = (value: number, from: number, to: number): number => ((value >> from) & 1) << to;

/** Vertical counts in scan lines, horizontal ones in characters, with the bits of CR5D and CR5E. */
function counts(crtc: Uint8Array) {
  const vertical = verticalCounts(crtc);
  const over = crtc[Cr.VerticalOverflow]!;
  const by = crtc[Crtc.ModeControl]! & 0x04 ? 2 : 1;
  const wide = crtc[Cr.HorizontalOverflow]!;
  const interlaced = crtc[Cr.ModeControl]! & 0x20 ? 2 : 1;
  return {
    total: vertical.total + bit(over, 0, 10) * by,
    displayed: (vertical.displayed + bit(over, 1, 10) * by) * interlaced,
    retraceStart: vertical.retraceStart + bit(over, 4, 10) * by,
    lineCompare:
      (crtc[Crtc.LineCompare]! |
        bit(crtc[Crtc.Overflow]!, 4, 8) |
        bit(crtc[Crtc.MaximumScanLine]!, 6, 9) |
        bit(over, 6, 10)) *
      interlaced,
    columns: (crtc[Crtc.HorizontalDisplayEnd]! | bit(wide, 1, 8)) + 1,
    characters: (crtc[Crtc.HorizontalTotal]! | bit(wide, 0, 8)) + 5,
    interlaced,
  };
}

/** Bits 16-20 of the start address: CR69 where it is used, else CR31 and CR51. */
function startHigh(crtc: Uint8Array): number {
  const all = crtc[Cr.SystemControl3]! & 0x1f;
  if (all) return all;
  return ((crtc[Cr.MemoryConfiguration]! >> 4) & 3) | ((crtc[Cr.SystemControl2]! & 3) << 2);
}

/** Offset register with its two extensions, of which that of CR51 wins. */
function offset(crtc: Uint8Array): number {
  const high = (crtc[Cr.SystemControl2]! >> 4) & 3 || (crtc[Cr.ExtendedMode]! >> 2) & 1;
  return crtc[Crtc.Offset]! | (high << 8);
}

export interface Trio64Registers extends VgaRegisters {
  /** Bytes of video memory, a power of two or not. */
  readonly videoBytes: number;
}

function blanked({ seq, crtc, paletteConnected }: VgaRegisters): boolean {
  return (
    (seq[Seq.ClockingMode]! & 0x20) !== 0 ||
    !(crtc[Crtc.ModeControl]! & 0x80) ||
    !paletteConnected ||
    (crtc[Cr.ExternalSync1]! & 0x06) !== 0 ||
    (seq[Sr.Sync]! & 0x50) !== 0
  );
}

export function trio64Scanout(registers: Trio64Registers): Scanout {
  const { crtc, gfx } = registers;
  const packed = packedFormat(crtc, gfx);
  const { displayed, lineCompare, columns } = counts(crtc);
  const start = crtc[Crtc.StartAddressLow]! | (crtc[Crtc.StartAddressHigh]! << 8) | (startHigh(crtc) << 16);
  if (packed) return packedScanout(registers, packed, start);

  // Beyond 256 KiB only with enhanced memory mapping.
  const enhanced = (crtc[Cr.MemoryConfiguration]! & 0x08) !== 0;
  const scan = vgaScanout(registers, enhanced ? (registers.videoBytes >> 2) - 1 : 0xffff);
  if (scan.kind === 'blank' || blanked(registers)) return { kind: 'blank', width: scanWidth(scan), height: displayed };
  const longer = {
    start: scan.start + (startHigh(crtc) << 16),
    pitch: offset(crtc) * 2,
    lines: displayed,
    splitLine: lineCompare + 1,
  };
  return scan.kind === 'text'
    ? { ...scan, ...longer, columns }
    : { ...scan, ...longer, width: columns * (scan.shift === 'bytes' ? 4 : 8) };
}

function scanWidth(scan: ReturnType<typeof vgaScanout>): number {
  return scan.kind === 'text' ? scan.columns * scan.cellWidth : scan.width;
}

function packedScanout(registers: Trio64Registers, packed: PackedFormat, start: number): PackedScanout | BlankScanout {
  const { crtc, videoBytes } = registers;
  const { displayed, lineCompare, columns } = counts(crtc);
  const width = Math.floor((columns * 8) / packed.charactersPerEight);
  const maximumScan = crtc[Crtc.MaximumScanLine]!;
  const repeat = (maximumScan & 0x80 ? 2 : 1) * ((maximumScan & 0x1f) + 1);
  const height = Math.max(1, Math.floor(displayed / repeat));
  if (blanked(registers)) return { kind: 'blank', width, height };
  const splitLine = Math.ceil((lineCompare + 1) / repeat);
  return {
    kind: 'packed',
    format: packed.format,
    width,
    height,
    start: (start * 4) % videoBytes,
    pitch: offset(crtc) * 8,
    wrap: videoBytes,
    ...(splitLine < height ? { splitLine } : {}),
  };
}

/** @param dotClock hertz */
export function trio64Timing(registers: VgaRegisters, dotClock: number): DisplayTiming {
  const { crtc, gfx, seq } = registers;
  const base = crtcTiming(crtc, seq, dotClock);
  const { total, displayed, retraceStart, columns, characters, interlaced } = counts(crtc);
  const packed = packedFormat(crtc, gfx);
  const dots = packed || seq[Seq.ClockingMode]! & 0x01 ? 8 : 9;
  const slow = !packed && seq[Seq.ClockingMode]! & 0x08 ? 2 : 1;
  // The character clock runs faster by as much as a format has more characters to a pixel.
  const character = (NANOSECONDS_PER_SECOND * dots * slow) / (dotClock * (packed?.charactersPerEight ?? 1));
  return {
    ...base,
    lineTime: characters * character,
    frameTime: characters * character * total,
    activeTime: columns * character,
    activeLines: displayed / interlaced,
    totalLines: total,
    retraceStart,
  };
}
