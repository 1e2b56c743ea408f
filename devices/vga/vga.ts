/**
 * VGA adapter: the register-level core, with the Bochs DISPI interface for packed-pixel modes.
 *
 * Source: IBM VGA XGA Technical Reference Manual (1992), section 2; IBM PS/2 Model 50/60 Technical Reference, "Video
 * Subsystem". The unofficial CRTC registers 22h, 24h and 26h as in VGADOC4.
 * Models: Miscellaneous Output, Feature Control, Input Status 0 and 1 by the time, Sequencer, Graphics Controller,
 * Attribute Controller with its flip-flop, CRTC with write protection, DAC, the memory window (memory.ts), what is on
 * the screen (scanout.ts), DISPI (dispi.ts).
 * Does not model: the vertical-retrace interrupt line (only its status bit), light pen, feature connector, the two
 * video-feedback bits of Input Status 1, register changes in the middle of a frame, EGA-compatible clock select 2 and 3.
 *
 * A Super VGA chip extends `Vga`: it passes masks of larger register files, overrides the `read…`/`write…` methods for
 * its further indices, `window`, `dotClock`, `crtTiming` and `scanout`, and adds to the saved state with `furtherState`.
 */
import type { AccessSize, BusRegion } from '../bus.ts';
import type { Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { Field, StateDeclaration } from '../state.ts';
import { Dac, DAC_FIELDS } from './dac.ts';
import { Dispi, DISPI_FIELDS } from './dispi.ts';
import type { DirectWindow, TakeDirty } from './memory.ts';
import { Banking, VideoMemory } from './memory.ts';
import {
  ATTRIBUTE_MASKS,
  Attr,
  Crtc,
  CRTC_MASKS,
  Gfx,
  GRAPHICS_MASKS,
  IndexedRegisters,
  Seq,
  SEQUENCER_MASKS,
} from './registers.ts';
import type { PixelFormat, Scanout } from './scanout.ts';
import { attributePalette, planeAddressing, vgaScanout } from './scanout.ts';
import type { DisplayTiming } from './timing.ts';
import { beamAt, crtcTiming, genericTiming, retraceBegan } from './timing.ts';

const DOT_CLOCKS: readonly number[] = [25_175_000, 28_322_000, 25_175_000, 25_175_000];

/** Miscellaneous Output bits. */
const MISC_COLOR_ADDRESS = 0x01;
const MISC_ENABLE_RAM = 0x02;

/** Input Status bits. */
const STATUS0_SWITCH_SENSE = 0x10;
const STATUS0_RETRACE_PENDING = 0x80;
const STATUS1_NOT_DISPLAYING = 0x01;
const STATUS1_RETRACE = 0x08;

const PALETTE_ADDRESS_SOURCE = 0x20;
const CRTC_PROTECT = 0x80;
const LINE_COMPARE_BIT8 = 0x10;
const RETRACE_NOT_CLEARED = 0x10;

const FORMATS: Readonly<Record<number, PixelFormat>> = {
  8: 'indexed8',
  15: 'rgb555',
  16: 'rgb565',
  24: 'rgb888',
  32: 'rgb8888',
};

export interface VgaOptions {
  /** Video memory; see `VideoMemory` for what is demanded of it. Its contents belong to the board, saved states included. */
  readonly memory: Uint8Array;
  /** Writes the processor made to video memory past the device; absent if there are none. */
  readonly takeDirty?: TakeDirty;
  /**
   * Called whenever a stretch of the legacy window becomes plain memory (chain-4 modes and packed DISPI banks) or stops
   * being so. The board may map those pages straight to video memory; it need not.
   */
  readonly onDirectWindow?: (direct: DirectWindow | undefined) => void;
}

/** Writable bits of every sequencer and CRTC register of a chip that has more than a VGA. */
export interface ExtendedMasks {
  readonly sequencer: readonly number[];
  readonly crtc: readonly number[];
}

/** Where the processor's window shows, and what it shows. */
export interface WindowState {
  readonly banking: Banking;
  /** Bytes (packed) or plane addresses (planar). */
  readonly bank: number;
  /** The window is A0000h-AFFFFh whatever Memory Map Select says. */
  readonly fixed?: boolean;
  /** The window does not answer. */
  readonly hidden?: boolean;
}

export class Vga implements Device {
  readonly name: string = 'vga';
  readonly state: StateDeclaration;
  readonly memory: VideoMemory;
  readonly dac = new Dac();
  readonly dispi: Dispi;
  readonly sequencer: IndexedRegisters;
  readonly graphics = new IndexedRegisters(GRAPHICS_MASKS);
  readonly attribute = new IndexedRegisters(ATTRIBUTE_MASKS);
  readonly crtc: IndexedRegisters;

  /** Ports 3B0h-3BBh: CRTC and status at their monochrome addresses. */
  readonly monochromePorts: BusRegion;
  /** Ports 3C0h-3CFh. */
  readonly commonPorts: BusRegion;
  /** Ports 3D0h-3DFh: CRTC and status at their colour addresses. */
  readonly colorPorts: BusRegion;

  miscOutput = 0;
  featureControl = 0;
  /** Port 3C3h bit 0. */
  subsystemEnable = 1;
  /** The next write to 3C0h is data. */
  attributeData = false;
  /** When the retrace latch of Input Status 0 was last cleared. */
  retraceCleared: Nanoseconds = 0;

  protected readonly host: DeviceHost;
  #memoryDecoded = true;
  #timing: DisplayTiming | undefined;

  /** @throws RangeError if the memory does not fit a VGA; see `VideoMemory` */
  constructor(host: DeviceHost, options: VgaOptions, masks?: ExtendedMasks) {
    this.host = host;
    this.sequencer = new IndexedRegisters(masks?.sequencer ?? SEQUENCER_MASKS);
    this.crtc = new IndexedRegisters(masks?.crtc ?? CRTC_MASKS);
    this.memory = new VideoMemory(options.memory, this.sequencer.values, this.graphics.values, options.takeDirty);
    this.memory.onDirectWindow = options.onDirectWindow;
    this.dispi = new Dispi({
      videoBytes: options.memory.length,
      setDacWidth: (eightBits) => this.dac.setWide(eightBits),
      clear: (from, bytes) => {
        this.memory.bytes.fill(0, from, from + bytes);
        this.memory.markDirty(from, bytes);
      },
      changed: () => this.modeChanged(),
    });
    this.monochromePorts = this.#crtcPorts('vga monochrome ports', 12, false);
    this.colorPorts = this.#crtcPorts('vga colour ports', 16, true);
    this.commonPorts = {
      name: 'vga ports',
      length: 16,
      read: (offset) => this.#readCommon(offset),
      write: (offset, _size, value) => this.#writeCommon(offset, value),
    };
    this.state = this.#declareState();
    this.modeChanged();
  }

  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.sequencer.clear();
    this.graphics.clear();
    this.attribute.clear();
    this.crtc.clear();
    this.dac.reset();
    this.dispi.reset();
    this.miscOutput = 0;
    this.featureControl = 0;
    this.subsystemEnable = 1;
    this.attributeData = false;
    this.retraceCleared = this.host.clock.now();
    this.memory.latch = 0;
    this.modeChanged();
  }

  /** Lets the memory window answer or not: the memory-space bit of a PCI function. */
  setMemoryDecoded(decoded: boolean): void {
    this.#memoryDecoded = decoded;
    this.memoryChanged();
  }

  /** What is on the screen now. */
  scanout(): Scanout {
    const { dispi } = this;
    const attr = this.attribute.values;
    if (!dispi.enabled) {
      const registers = {
        seq: this.sequencer.values,
        gfx: this.graphics.values,
        attr,
        crtc: this.crtc.values,
        paletteConnected: this.paletteConnected,
      };
      return vgaScanout(registers);
    }
    const { xres: width, yres: height, start, pitch } = dispi;
    if (!this.paletteConnected || this.sequencer.values[Seq.ClockingMode]! & 0x20)
      return { kind: 'blank', width, height };
    const format = FORMATS[dispi.bpp];
    if (format) return { kind: 'packed', format, width, height, start, pitch };
    return {
      kind: 'planar',
      shift: 'planes',
      start,
      pitch,
      width,
      lines: height,
      repeat: 1,
      rowHeight: 1,
      presetRowScan: 0,
      splitLine: height,
      splitStart: 0,
      pan: dispi.xOffset & 7,
      splitPan: 0,
      countShift: 0,
      addressing: {
        ...planeAddressing(this.crtc.values, this.memory.words.length - 1),
        mode: 'byte',
        rowScan13: false,
        rowScan14: false,
      },
      palette: attributePalette(attr),
    };
  }

  /** Timing of the present mode. */
  timing(): DisplayTiming {
    this.#timing ??= this.dispi.enabled ? genericTiming(this.dispi.yres) : this.crtTiming();
    return this.#timing;
  }

  /** Timing that the CRTC registers make. */
  protected crtTiming(): DisplayTiming {
    return crtcTiming(this.crtc.values, this.sequencer.values, this.dotClock());
  }

  /** Whether Address Mode bit 5 of the attribute index connects the palette to the display. */
  get paletteConnected(): boolean {
    return (this.attribute.index & PALETTE_ADDRESS_SOURCE) !== 0;
  }

  /** Hertz, as Miscellaneous Output selects it. */
  protected dotClock(): number {
    return DOT_CLOCKS[(this.miscOutput >> 2) & 3]!;
  }

  protected readSequencer(index: number): number {
    return this.sequencer.read(index);
  }

  protected writeSequencer(index: number, value: number): void {
    this.sequencer.write(index, value);
    this.timingChanged();
    this.memory.update();
  }

  protected readGraphics(index: number): number {
    return this.graphics.read(index);
  }

  protected writeGraphics(index: number, value: number): void {
    this.graphics.write(index, value);
    // A packed-pixel mode never selects text: somebody is setting a plain VGA text mode.
    if (index === Gfx.Miscellaneous && !(value & 0x01)) this.dispi.disable();
    this.memory.update();
  }

  protected readCrtc(index: number): number {
    switch (index) {
      case 0x22:
        return (this.memory.latch >>> (8 * this.graphics.values[Gfx.ReadMapSelect]!)) & 0xff;
      case 0x24:
        return this.attributeData ? 0x80 : 0;
      case 0x26:
        return this.attribute.index;
      default:
        return this.crtc.read(index);
    }
  }

  protected writeCrtc(index: number, value: number): void {
    const { values } = this.crtc;
    if (index <= Crtc.Overflow && values[Crtc.VerticalRetraceEnd]! & CRTC_PROTECT) {
      if (index !== Crtc.Overflow) return;
      value = (values[index]! & ~LINE_COMPARE_BIT8) | (value & LINE_COMPARE_BIT8);
    }
    if (index === Crtc.VerticalRetraceEnd && !(values[index]! & RETRACE_NOT_CLEARED))
      this.retraceCleared = this.host.clock.now();
    this.crtc.write(index, value);
    this.timingChanged();
  }

  /** To be called when something that `timing` depends on has changed. */
  protected timingChanged(): void {
    this.#timing = undefined;
  }

  /** To be called when something that the window, `timing` or `scanout` depend on has changed. */
  protected modeChanged(): void {
    this.timingChanged();
    this.memoryChanged();
  }

  /** To be called when something that `window` depends on has changed. */
  protected memoryChanged(): void {
    const on = (this.miscOutput & MISC_ENABLE_RAM) !== 0 && (this.subsystemEnable & 1) !== 0;
    const { banking, bank, fixed = false, hidden = false } = this.window();
    this.memory.setWindow({ enabled: on && this.#memoryDecoded && !hidden, banking, bank, fixed });
  }

  /** What the processor's window is like now. */
  protected window(): WindowState {
    const { dispi } = this;
    if (!dispi.enabled) return { banking: Banking.None, bank: 0 };
    return { banking: dispi.bpp === 4 ? Banking.Planar : Banking.Packed, bank: dispi.bankOffset };
  }

  /** Whether the memory-space bit of the PCI function lets memory answer. */
  protected get memoryDecoded(): boolean {
    return this.#memoryDecoded;
  }

  /** Fields that a chip adds to the saved state. Called by the constructor: it must not depend on the instance. */
  protected furtherState(): readonly Field[] {
    return [];
  }

  /** After a state was loaded. */
  protected stateLoaded(): void {
    this.dac.loaded();
    this.dispi.loaded();
    this.memory.markDirty(0, this.memory.bytes.length);
    this.modeChanged();
  }

  #crtcPorts(name: string, length: number, color: boolean): BusRegion {
    const selected = (): boolean => ((this.miscOutput & MISC_COLOR_ADDRESS) !== 0) === color;
    return {
      name,
      length,
      read: (offset: number, _size: AccessSize): number => {
        // SeaVGABIOS resets the attribute flip-flop at 3DAh in monochrome modes too, so status answers at both addresses.
        if (!selected() && offset !== 10) return 0xff;
        switch (offset) {
          case 4:
            return this.crtc.index;
          case 5:
            return this.readCrtc(this.crtc.index);
          case 10:
            return this.#readStatus1();
          default:
            return 0xff;
        }
      },
      write: (offset, _size, value) => {
        if (!selected()) return;
        if (offset === 4) this.crtc.index = value;
        else if (offset === 5) this.writeCrtc(this.crtc.index, value);
        else if (offset === 10) this.featureControl = value & 0x0b;
      },
    };
  }

  /** @param offset 6 mask, 7 state, 8 index, 9 data */
  protected readDac(offset: number): number {
    const { dac } = this;
    switch (offset) {
      case 0x6:
        return dac.readMask();
      case 0x7:
        return dac.readState();
      case 0x8:
        return dac.readIndex();
      default:
        return dac.readData();
    }
  }

  /** @param offset 6 mask, 7 read index, 8 write index, 9 data */
  protected writeDac(offset: number, value: number): void {
    const { dac } = this;
    switch (offset) {
      case 0x6:
        dac.writeMask(value);
        break;
      case 0x7:
        dac.setReadIndex(value);
        break;
      case 0x8:
        dac.setWriteIndex(value);
        break;
      case 0x9:
        dac.writeData(value);
        break;
    }
  }

  #readCommon(offset: number): number {
    switch (offset) {
      case 0x0:
        return this.attribute.index;
      case 0x1:
        return this.attribute.read(this.attribute.index & 0x1f);
      case 0x2:
        return this.#readStatus0();
      case 0x3:
        return this.subsystemEnable;
      case 0x4:
        return this.sequencer.index;
      case 0x5:
        return this.readSequencer(this.sequencer.index);
      case 0x6:
      case 0x7:
      case 0x8:
      case 0x9:
        return this.readDac(offset);
      case 0xa:
        return this.featureControl;
      case 0xc:
        return this.miscOutput;
      case 0xe:
        return this.graphics.index;
      case 0xf:
        return this.readGraphics(this.graphics.index);
      default:
        return 0xff;
    }
  }

  #writeCommon(offset: number, value: number): void {
    switch (offset) {
      case 0x0:
        this.#writeAttributePort(value);
        break;
      case 0x2:
        this.writeMiscOutput(value);
        break;
      case 0x3:
        this.subsystemEnable = value & 1;
        this.memoryChanged();
        break;
      case 0x4:
        this.sequencer.index = value;
        break;
      case 0x5:
        this.writeSequencer(this.sequencer.index, value);
        break;
      case 0x6:
      case 0x7:
      case 0x8:
      case 0x9:
        this.writeDac(offset, value);
        break;
      case 0xe:
        this.graphics.index = value;
        break;
      case 0xf:
        this.writeGraphics(this.graphics.index, value);
        break;
    }
  }

  protected writeMiscOutput(value: number): void {
    this.miscOutput = value;
    this.timingChanged();
    this.memoryChanged();
  }

  protected writeAttribute(index: number, value: number): void {
    // The internal palette can be written only while it is disconnected from the display.
    if (index >= Attr.ModeControl || !this.paletteConnected) this.attribute.write(index, value);
  }

  #writeAttributePort(value: number): void {
    if (!this.attributeData) this.attribute.index = value & 0x3f;
    else this.writeAttribute(this.attribute.index & 0x1f, value);
    this.attributeData = !this.attributeData;
  }

  #readStatus0(): number {
    const armed = (this.crtc.values[Crtc.VerticalRetraceEnd]! & RETRACE_NOT_CLEARED) !== 0;
    const pending = armed && retraceBegan(this.timing(), this.retraceCleared, this.host.clock.now());
    return STATUS0_SWITCH_SENSE | (pending ? STATUS0_RETRACE_PENDING : 0);
  }

  #readStatus1(): number {
    this.attributeData = false;
    const beam = beamAt(this.timing(), this.host.clock.now());
    return (beam.displaying ? 0 : STATUS1_NOT_DISPLAYING) | (beam.verticalRetrace ? STATUS1_RETRACE : 0);
  }

  #declareState(): StateDeclaration {
    const indexed = (registers: IndexedRegisters): readonly Field[] => [
      { name: 'index', type: 'u8' },
      { name: 'values', type: { bytes: registers.values.length } },
    ];
    return {
      target: this,
      version: 1,
      fields: [
        { name: 'miscOutput', type: 'u8' },
        { name: 'featureControl', type: 'u8' },
        { name: 'subsystemEnable', type: 'u8' },
        { name: 'attributeData', type: 'bool' },
        { name: 'retraceCleared', type: 'f64' },
        { name: 'sequencer', type: { record: indexed(this.sequencer) } },
        { name: 'graphics', type: { record: indexed(this.graphics) } },
        { name: 'attribute', type: { record: indexed(this.attribute) } },
        { name: 'crtc', type: { record: indexed(this.crtc) } },
        { name: 'memory', type: { record: [{ name: 'latch', type: 'u32' }] } },
        { name: 'dac', type: { record: DAC_FIELDS } },
        { name: 'dispi', type: { record: DISPI_FIELDS } },
        ...this.furtherState(),
      ],
      loaded: () => this.stateLoaded(),
    };
  }
}
