/**
 * What the adapter puts on the screen, derived from its registers: a description from which a renderer can draw a frame
 * without knowing a single register. It is the state at one moment; changes in the middle of a frame do not appear.
 *
 * Source: IBM VGA XGA Technical Reference Manual, "CRT Controller", "Attribute Controller", "Sequencer".
 * Does not model: the border, skew of cursor and display enable, blinking in graphics modes, the slower address counter
 * (count by two or four) in text modes, interlace.
 */
import { Attr, Crtc, Gfx, Seq } from './registers.ts';
import { verticalCounts } from './timing.ts';

/** How the CRTC's memory address counter becomes an address of the four planes. */
export interface PlaneAddressing {
  readonly mode: 'byte' | 'word' | 'dword';
  /** Counter bit that becomes address bit 0 in word mode (Mode Control bit 5). */
  readonly wordBit: 13 | 15;
  /** Address bits 13 and 14 come from the row scan counter (Mode Control bits 0 and 1 clear). */
  readonly rowScan13: boolean;
  readonly rowScan14: boolean;
  /** Addresses wrap here. */
  readonly mask: number;
}

/** How the address counter moves over the screen. All counts in units of the counter. */
export interface CounterScan {
  readonly start: number;
  /** From one character row to the next. */
  readonly pitch: number;
  /** Scan lines on the screen. */
  readonly lines: number;
  /** Times each scan line is sent: 2 with double scanning. */
  readonly repeat: number;
  /** Height of a character row in scan lines, before `repeat`. */
  readonly rowHeight: number;
  /** Scan line within the row that the screen starts with. */
  readonly presetRowScan: number;
  /** First scan line of the lower window; `lines` or more if there is none. */
  readonly splitLine: number;
  /** Counter at the start of the lower window: 0, or the byte panning. */
  readonly splitStart: number;
  /** Pixels, in units of the mode, that the picture is shifted to the left. */
  readonly pan: number;
  readonly splitPan: number;
}

export interface BlankScanout {
  readonly kind: 'blank';
  readonly width: number;
  readonly height: number;
}

export interface TextScanout extends CounterScan {
  readonly kind: 'text';
  readonly columns: number;
  readonly cellWidth: number;
  readonly addressing: PlaneAddressing;
  /** Plane 2 addresses of the character generators for attribute bit 3 clear and set. */
  readonly fonts: readonly [number, number];
  readonly cursor: {
    readonly address: number;
    readonly startLine: number;
    readonly endLine: number;
    readonly enabled: boolean;
  };
  /** Attribute bit 7 means blinking rather than a bright background. */
  readonly blink: boolean;
  /** The ninth dot of characters C0h-DFh repeats the eighth. */
  readonly lineGraphics: boolean;
  /** Scan line of the underline in cells with an underline attribute. */
  readonly underlineLine: number;
  /** DAC index of each of the 16 attribute colours. */
  readonly palette: Uint8Array;
}

/** Pixels made from the four planes by the VGA shift registers. */
export interface PlanarScanout extends CounterScan {
  readonly kind: 'planar';
  /**
   * `planes`: one bit per plane, 8 pixels per address; `pairs`: two bits of plane 0 (2), then 1 (3), 8 pixels per
   * address; `bytes`: a byte of each plane in turn, 4 pixels per address.
   */
  readonly shift: 'planes' | 'pairs' | 'bytes';
  /** Pixels per line. */
  readonly width: number;
  /** Addresses stay for 2^countShift addresses' worth of pixels. */
  readonly countShift: number;
  readonly addressing: PlaneAddressing;
  /** DAC index of each of the 16 attribute colours; `bytes` does not use it. */
  readonly palette: Uint8Array;
}

export type PixelFormat = 'indexed8' | 'rgb555' | 'rgb565' | 'rgb888' | 'rgb8888';

/** Packed pixels one after the other. */
export interface PackedScanout {
  readonly kind: 'packed';
  readonly format: PixelFormat;
  readonly width: number;
  readonly height: number;
  /** Byte offset of the first pixel. */
  readonly start: number;
  /** Bytes from line to line. */
  readonly pitch: number;
  /** Addresses wrap after as many bytes; absent where no line reaches the end of memory. */
  readonly wrap?: number;
  /** First line of the lower window, which starts at byte 0; absent if there is none. */
  readonly splitLine?: number;
}

export type Scanout = BlankScanout | TextScanout | PlanarScanout | PackedScanout;

/** Scan lines that always show the same: double scanning, and rows higher than one line that do not address by line. */
export function linesPerPictureLine(scan: PlanarScanout): number {
  const byLine = scan.addressing.rowScan13 || scan.addressing.rowScan14;
  return scan.repeat * (byLine ? 1 : scan.rowHeight);
}

/** Pixels of the picture, with repeated scan lines counted once in graphics modes. */
export function scanoutSize(scan: Scanout): { readonly width: number; readonly height: number } {
  switch (scan.kind) {
    case 'text':
      return { width: scan.columns * scan.cellWidth, height: scan.lines };
    case 'planar':
      return { width: scan.width, height: Math.max(1, Math.floor(scan.lines / linesPerPictureLine(scan))) };
    case 'blank':
    case 'packed':
      return { width: scan.width, height: scan.height };
  }
}

/** The register files of a plain VGA. */
export interface VgaRegisters {
  readonly seq: Uint8Array;
  readonly gfx: Uint8Array;
  readonly attr: Uint8Array;
  readonly crtc: Uint8Array;
  /** Address Mode bit 5 of the attribute index: the palette is connected to the display. */
  readonly paletteConnected: boolean;
}

/** DAC indices of the 16 internal palette entries, through Color Plane Enable, P54S and Color Select. */
export function attributePalette(attr: Uint8Array): Uint8Array {
  const select = attr[Attr.ColorSelect]!;
  const replaced = (attr[Attr.ModeControl]! & 0x80) !== 0;
  const enabled = attr[Attr.ColorPlaneEnable]! & 0x0f;
  return Uint8Array.from({ length: 16 }, (_, color) => {
    const entry = attr[color & enabled]!;
    const low = replaced ? (entry & 0x0f) | ((select & 0x03) << 4) : entry;
    return low | ((select & 0x0c) << 4);
  });
}

/** Character Map Select values 0-7 in KiB of plane 2. */
const FONT_KIB: readonly number[] = [0, 16, 32, 48, 8, 24, 40, 56];

function fontAddresses(select: number): readonly [number, number] {
  const b = (select & 0x03) | ((select >> 2) & 0x04);
  const a = ((select >> 2) & 0x03) | ((select >> 3) & 0x04);
  return [FONT_KIB[b]! * 1024, FONT_KIB[a]! * 1024];
}

/** Word mode wins over byte mode only when double-word mode is off. */
export function planeAddressing(crtc: Uint8Array, mask: number): PlaneAddressing {
  const mode = crtc[Crtc.ModeControl]!;
  return {
    mode: crtc[Crtc.UnderlineLocation]! & 0x40 ? 'dword' : mode & 0x40 ? 'byte' : 'word',
    wordBit: mode & 0x20 ? 15 : 13,
    rowScan13: !(mode & 0x01),
    rowScan14: !(mode & 0x02),
    mask,
  };
}

/** Address of the planes for a value of the memory address counter. */
export function planeAddress(addressing: PlaneAddressing, counter: number, rowScan: number): number {
  let address: number;
  if (addressing.mode === 'byte') address = counter;
  else if (addressing.mode === 'word') address = (counter << 1) | ((counter >> addressing.wordBit) & 1);
  else address = (counter << 2) | ((counter >> 14) & 3);
  if (addressing.rowScan13) address = (address & ~0x2000) | ((rowScan & 1) << 13);
  if (addressing.rowScan14) address = (address & ~0x4000) | ((rowScan & 2) << 13);
  return address & addressing.mask;
}

function lineCompare(crtc: Uint8Array): number {
  return crtc[Crtc.LineCompare]! | ((crtc[Crtc.Overflow]! & 0x10) << 4) | ((crtc[Crtc.MaximumScanLine]! & 0x40) << 3);
}

/** Pixel panning in dots. Values above those the mode knows act like none. */
function panDots(value: number, nineDots: boolean, halfClock: boolean): number {
  if (halfClock) return (value & 7) >> 1;
  if (!nineDots) return value & 7;
  return value === 8 ? 0 : (value & 7) + 1;
}

/**
 * @param mask wrap of plane addresses: FFFFh on a VGA with 256 KiB
 */
export function vgaScanout(registers: VgaRegisters, mask = 0xffff): BlankScanout | TextScanout | PlanarScanout {
  const { seq, gfx, attr, crtc } = registers;
  const graphics = (gfx[Gfx.Miscellaneous]! & 0x01) !== 0;
  const mode = attr[Attr.ModeControl]!;
  const nineDots = !graphics && !(seq[Seq.ClockingMode]! & 0x01);
  const cellWidth = nineDots ? 9 : 8;
  const columns = crtc[Crtc.HorizontalDisplayEnd]! + 1;
  const lines = verticalCounts(crtc).displayed;

  const screenOff = (seq[Seq.ClockingMode]! & 0x20) !== 0;
  const noSync = !(crtc[Crtc.ModeControl]! & 0x80);
  if (screenOff || noSync || !registers.paletteConnected)
    return { kind: 'blank', width: columns * cellWidth, height: lines };

  const addressing = planeAddressing(crtc, mask);
  const bytes = graphics && (gfx[Gfx.Mode]! & 0x40) !== 0;
  const halfClock = bytes && (mode & 0x40) !== 0;
  const pan = panDots(attr[Attr.HorizontalPelPanning]!, nineDots, halfClock);
  const bytePan = (crtc[Crtc.PresetRowScan]! >> 5) & 3;
  const maximumScan = crtc[Crtc.MaximumScanLine]!;
  const scan: CounterScan = {
    start: ((crtc[Crtc.StartAddressHigh]! << 8) | crtc[Crtc.StartAddressLow]!) + bytePan,
    pitch: crtc[Crtc.Offset]! * 2,
    lines,
    repeat: maximumScan & 0x80 ? 2 : 1,
    rowHeight: (maximumScan & 0x1f) + 1,
    presetRowScan: crtc[Crtc.PresetRowScan]! & 0x1f,
    splitLine: lineCompare(crtc) + 1,
    splitStart: mode & 0x20 ? 0 : bytePan,
    pan,
    splitPan: mode & 0x20 ? 0 : pan,
  };
  const palette = attributePalette(attr);

  if (!graphics) {
    const start = crtc[Crtc.CursorStart]!;
    return {
      kind: 'text',
      ...scan,
      columns,
      cellWidth,
      addressing,
      fonts: fontAddresses(seq[Seq.CharacterMapSelect]!),
      cursor: {
        address: (crtc[Crtc.CursorLocationHigh]! << 8) | crtc[Crtc.CursorLocationLow]!,
        startLine: start & 0x1f,
        endLine: crtc[Crtc.CursorEnd]! & 0x1f,
        enabled: !(start & 0x20) && (start & 0x1f) <= (crtc[Crtc.CursorEnd]! & 0x1f),
      },
      blink: (mode & 0x08) !== 0,
      lineGraphics: (mode & 0x04) !== 0,
      underlineLine: crtc[Crtc.UnderlineLocation]! & 0x1f,
      palette,
    };
  }

  // Chain-4 memory is contiguous here (see memory.ts), so that the counter itself numbers its words.
  const chain4 = (seq[Seq.MemoryMode]! & 0x08) !== 0;
  return {
    kind: 'planar',
    ...scan,
    shift: bytes ? 'bytes' : gfx[Gfx.Mode]! & 0x20 ? 'pairs' : 'planes',
    width: columns * (bytes ? 4 : 8),
    countShift: crtc[Crtc.UnderlineLocation]! & 0x20 ? 2 : crtc[Crtc.ModeControl]! & 0x08 ? 1 : 0,
    addressing: chain4 && addressing.mode === 'dword' ? { ...addressing, mode: 'byte' } : addressing,
    palette,
  };
}
