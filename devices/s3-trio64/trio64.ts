/**
 * S3 Trio64 (86C764): a VGA with extended registers, linear frame buffer, hardware cursor and 2D graphics engine.
 *
 * Data sheet: S3 Trio32/Trio64 Integrated Graphics Accelerators (DB014-B); VGADOC4, S3.
 * Models: locks and identification (registers.ts), straps, the clock synthesizer (clocks.ts), banks and the linear window,
 * memory-mapped registers, packed-pixel modes (scanout.ts), the hardware cursor (cursor.ts), the graphics engine
 * (engine/), subsystem status and interrupts for vertical retrace and engine, the set-up ports 46E8h and 102h. The DISPI
 * interface of the VGA core stays usable until an S3 mode is set, for video BIOSes that know nothing else.
 * Does not model: DDC (this revision has no pins for it), feature connector, the RS2 registers of external DACs,
 * big-endian apertures (CR53 bits 2-1), fast text fetch, sleep by 46E8h, memory sizes that differ from the straps.
 */
import type { Alarm } from '../clock.ts';
import type { DeviceHost } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { BusRegion } from '../bus.ts';
import type { LevelSource } from '../interrupt-line.ts';
import type { Field } from '../state.ts';
import type { CursorOverlay } from '../vga/cursor.ts';
import { Banking } from '../vga/memory.ts';
import { Crtc } from '../vga/registers.ts';
import type { Scanout } from '../vga/scanout.ts';
import { nextRetrace, retraceBegan } from '../vga/timing.ts';
import type { DisplayTiming } from '../vga/timing.ts';
import type { VgaOptions, WindowState } from '../vga/vga.ts';
import { Vga } from '../vga/vga.ts';
import { POWER_ON_CLOCKS, pllFrequency } from './clocks.ts';
import { CURSOR_FIELDS, HardwareCursor } from './cursor.ts';
import { Engine, ENGINE_FIELDS } from './engine/engine.ts';
import { EnginePorts } from './engine/ports.ts';
import type { LinearWindow } from './linear.ts';
import { engineLayout, linearWindow } from './linear.ts';
import { Cr, Sr, TRIO64_MASKS, crtcWritable, identified, lockedBits, sequencerWritable, straps } from './registers.ts';
import { packedFormat, trio64Scanout, trio64Timing } from './scanout.ts';
import { Subsystem, SUBSYSTEM_FIELDS } from './subsystem.ts';

export const DEVICE_ID = 0x8811;
const REVISION = 0;
const CHIP_ID = 0xe1;
const MIB = 1 << 20;

const CRTC_INDEX_BITS = 0x7f;
const CLOCK_PROGRAMMED = 3;
/** CR58 bits 1-0; closed. */
const LARGEST_WINDOW = 0x03;
/** Nanoseconds. */
const SHORTEST_FRAME = 1e6;

export interface Trio64Options extends VgaOptions {
  /** INTA#. */
  readonly irq: LevelSource;
  /** The linear frame buffer shows elsewhere, or no longer. */
  readonly onLinearWindow?: (window: LinearWindow | undefined) => void;
}

export class Trio64 extends Vga {
  override readonly name = 's3-trio64';
  readonly cursor = new HardwareCursor();
  readonly engine: Engine;
  readonly subsystem: Subsystem;
  readonly enginePorts: EnginePorts;
  /** Port 42E8h and 4AE8h, 46E8h, 102h. */
  readonly controlPorts: readonly { readonly base: number; readonly region: BusRegion }[];
  /** 4AE8h. */
  advancedFunction = 0;
  /** Ports 46E8h and 102h: storage. */
  setupSelect = 0;
  setupOption = 0;
  /** The PCI function learns of the address that CR59 and CR5A hold. */
  onLinearBase: ((high: number, low: number) => void) | undefined;
  readonly #straps: { readonly cr36: number; readonly cr37: number };
  readonly #onLinearWindow: ((window: LinearWindow | undefined) => void) | undefined;
  #linear: LinearWindow | undefined;
  readonly #retrace: Alarm;
  readonly #engineDone: Alarm;

  /** @throws RangeError if the memory is not 1, 2, 3, 4, 6 or 8 MiB */
  constructor(host: DeviceHost, options: Trio64Options) {
    super(host, options, TRIO64_MASKS);
    this.#straps = straps(options.memory.length / MIB);
    this.#onLinearWindow = options.onLinearWindow;
    this.subsystem = new Subsystem(options.irq);
    this.engine = new Engine(this.memory.bytes, (from, bytes) => this.memory.markDirty(from, bytes), {
      clock: host.clock,
      log: host.log,
      layout: () => engineLayout(this.crtc.values, this.advancedFunction),
      memoryClock: () =>
        pllFrequency(this.sequencer.values[Sr.MemoryClockLow]!, this.sequencer.values[Sr.MemoryClockHigh]!),
      started: () => this.#engineStarted(),
    });
    this.enginePorts = new EnginePorts({
      engine: this.engine,
      enabled: () => this.#engineEnabled,
      wide: () => engineLayout(this.crtc.values, this.advancedFunction).bytes === 4,
      subsystem: () => [this.subsystem.control, this.setupOption],
      writeControl: (port, value) => this.#writeControl(port, value),
      readControl: (port) => this.#readControl(port),
    });
    const control = (base: number, length: number): { base: number; region: BusRegion } => ({
      base,
      region: {
        name: `s3-trio64 ${base.toString(16)}`,
        length,
        widest: 2,
        read: (offset, size) => {
          const word = this.#readControl(base);
          return size === 2 ? word : (word >> (8 * offset)) & 0xff;
        },
        write: (offset, size, value) => this.#writeControlPart(base, offset, size, value),
      },
    });
    this.controlPorts = [control(0x102, 1), control(0x42e8, 2), control(0x46e8, 2), control(0x4ae8, 2)];
    this.#retrace = host.clock.alarm('s3-trio64 retrace', () => this.#retraceBegan());
    this.#engineDone = host.clock.alarm('s3-trio64 engine', () => this.#engineChecked());
  }

  override reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    super.reset(cause);
    const crtc = this.crtc.values;
    crtc[Cr.Configuration1] = this.#straps.cr36;
    crtc[Cr.Configuration2] = this.#straps.cr37;
    // A video BIOS for the chip leaves the largest window; drivers that only open it rely on that. One that does not know
    // the chip leaves what is here.
    crtc[Cr.LinearControl] = LARGEST_WINDOW;
    const seq = this.sequencer.values;
    seq.set(POWER_ON_CLOCKS.mclk, Sr.MemoryClockLow);
    seq.set(POWER_ON_CLOCKS.dclk, Sr.DotClockLow);
    this.cursor.reset();
    this.engine.reset();
    this.subsystem.reset();
    this.advancedFunction = 0;
    this.setupSelect = 0;
    this.setupOption = 0;
    this.enginePorts.latch = 0;
    this.#retrace.cancel();
    this.#engineDone.cancel();
    this.modeChanged();
  }

  /** The linear frame buffer as the PCI base address register moves it. */
  setLinearBase(high: number, low: number): void {
    const crtc = this.crtc.values;
    // The register of the PCI function lacks the low bits of CR5A.
    if (crtc[Cr.LinearHigh] !== high || (crtc[Cr.LinearLow]! & 0x80) !== (low & 0x80)) {
      crtc[Cr.LinearHigh] = high;
      crtc[Cr.LinearLow] = low & 0x80;
    }
    this.memoryChanged();
  }

  override scanout(): Scanout {
    if (this.dispi.enabled) return super.scanout();
    return trio64Scanout({ ...this.#registers(), videoBytes: this.memory.bytes.length });
  }

  /** What lies over the picture: the hardware cursor, in the enhanced modes. */
  cursorOverlay(): CursorOverlay | undefined {
    if (this.dispi.enabled || !packedFormat(this.crtc.values, this.graphics.values)) return undefined;
    return this.cursor.overlay(this.crtc.values, this.memory.bytes);
  }

  #registers() {
    return {
      seq: this.sequencer.values,
      gfx: this.graphics.values,
      attr: this.attribute.values,
      crtc: this.crtc.values,
      paletteConnected: this.paletteConnected,
    };
  }

  protected override crtTiming(): DisplayTiming {
    return trio64Timing(this.#registers(), this.dotClock());
  }

  protected override dotClock(): number {
    if (((this.miscOutput >> 2) & 3) !== CLOCK_PROGRAMMED) return super.dotClock();
    return pllFrequency(this.sequencer.values[Sr.DotClockLow]!, this.sequencer.values[Sr.DotClockHigh]!);
  }

  // ---- memory ------------------------------------------------------------------------------------------------------

  protected override window(): WindowState {
    if (this.dispi.enabled) return super.window();
    const crtc = this.crtc.values;
    const enhanced = (crtc[Cr.MemoryConfiguration]! & 0x08) !== 0;
    const linear = linearWindow(crtc, this.advancedFunction, this.memory.bytes.length);
    // The linear window takes the place of the legacy one, unless it is that one.
    const hidden = linear !== undefined && linear.length > 0x10000 && linear.base !== 0xa0000;
    const banked = (crtc[Cr.MemoryConfiguration]! & 0x01) !== 0;
    if (!enhanced && !banked) return { banking: Banking.None, bank: 0, hidden };
    return { banking: Banking.Planar, bank: banked ? this.#bank() << 14 : 0, fixed: enhanced, hidden };
  }

  /** CPU bank in units of 64 KiB: CR6A where it is used, else CR35 and CR51. */
  #bank(): number {
    const crtc = this.crtc.values;
    const all = crtc[Cr.SystemControl4]! & 0x7f;
    return all || (crtc[Cr.RegisterLock]! & 0x0f) | ((crtc[Cr.SystemControl2]! & 0x0c) << 2);
  }

  protected override memoryChanged(): void {
    super.memoryChanged();
    // Not while the base class is being constructed.
    if (!this.enginePorts) return;
    this.memory.setOverlay(this.memoryDecoded && this.#registersInMemory ? this.enginePorts.window : undefined);
    const linear = this.memoryDecoded ? this.#linearWindow() : undefined;
    const old = this.#linear;
    if (linear?.base === old?.base && linear?.length === old?.length) return;
    this.#linear = linear;
    this.#onLinearWindow?.(linear);
  }

  #linearWindow(): LinearWindow | undefined {
    const crtc = this.crtc.values;
    if (!this.dispi.enabled) return linearWindow(crtc, this.advancedFunction, this.memory.bytes.length);
    const base = ((crtc[Cr.LinearHigh]! << 24) | (crtc[Cr.LinearLow]! << 16)) >>> 0;
    return base === 0 ? undefined : { base, length: this.memory.bytes.length };
  }

  // ---- CRTC and sequencer ------------------------------------------------------------------------------------------

  protected override readCrtc(index: number): number {
    index &= CRTC_INDEX_BITS;
    switch (index) {
      case Cr.DeviceIdHigh:
        return DEVICE_ID >> 8;
      case Cr.DeviceIdLow:
        return DEVICE_ID & 0xff;
      case Cr.Revision:
        return REVISION;
      case Cr.ChipId:
        return identified(this.crtc.values) ? CHIP_ID : 0xff;
      case Cr.CursorMode:
        this.cursor.rewind();
        return this.crtc.values[index]!;
      case Cr.CursorForeground:
        return this.cursor.readForeground();
      case Cr.CursorBackground:
        return this.cursor.readBackground();
      case Cr.BiosFlag3:
        return this.crtc.values[Cr.LinearHigh]!;
      case Cr.BiosFlag4:
        return this.crtc.values[Cr.LinearLow]! & 0x80;
      case Cr.GeneralOutput:
        return (this.crtc.values[index]! & 0xf0) | ((this.miscOutput >> 2) & 3);
      default:
        return super.readCrtc(index);
    }
  }

  protected override writeCrtc(index: number, value: number): void {
    index &= CRTC_INDEX_BITS;
    const { values } = this.crtc;
    if (index < 0x20) {
      const locked = lockedBits(index, values);
      const merged = (values[index]! & locked) | (value & ~locked);
      // The VGA's own protection is among these locks.
      if (index <= Crtc.Overflow) this.crtc.write(index, merged);
      else super.writeCrtc(index, merged);
      this.timingChanged();
      if (index === Crtc.VerticalRetraceEnd) this.#verticalInterrupt();
      return;
    }
    if (!crtcWritable(index, values)) return;
    switch (index) {
      case Cr.CursorForeground:
        this.cursor.writeForeground(value);
        return;
      case Cr.CursorBackground:
        this.cursor.writeBackground(value);
        return;
    }
    this.crtc.write(index, value);
    if (index >= Cr.CursorMode && index <= Cr.CursorOriginY) return;
    switch (index) {
      case Cr.BackwardCompatibility1:
        this.#verticalInterrupt();
        break;
      case Cr.Miscellaneous1:
      case Cr.Miscellaneous2:
      case Cr.SystemControl1:
      case Cr.LinearControl:
        // Somebody sets an S3 mode.
        this.dispi.disable();
        break;
      case Cr.LinearHigh:
      case Cr.LinearLow:
        this.onLinearBase?.(values[Cr.LinearHigh]!, values[Cr.LinearLow]! & 0x80);
        break;
      case Cr.ExternalControl:
        if (value & 0x02) this.engine.stop();
        break;
    }
    this.modeChanged();
  }

  protected override writeSequencer(index: number, value: number): void {
    if (index < 0x05) {
      // CR34 bit 5 locks the dots per character.
      if (index === 1 && this.crtc.values[Cr.BackwardCompatibility3]! & 0x20)
        value = (value & ~0x01) | (this.sequencer.values[1]! & 0x01);
      super.writeSequencer(index, value);
    } else if (sequencerWritable(index, this.sequencer.values)) {
      super.writeSequencer(index, value);
    }
  }

  protected override readSequencer(index: number): number {
    // Firmware waits for the test counter to move.
    if (index === Sr.ClockTest) return this.host.clock.now() & 0xff;
    return super.readSequencer(index);
  }

  protected override writeMiscOutput(value: number): void {
    // CR34 bit 7 locks the clock select.
    if (this.crtc.values[Cr.BackwardCompatibility3]! & 0x80) value = (value & ~0x0c) | (this.miscOutput & 0x0c);
    super.writeMiscOutput(value);
  }

  protected override writeAttribute(index: number, value: number): void {
    // CR33 bit 6 locks the palette and the border colour.
    if (this.crtc.values[Cr.BackwardCompatibility2]! & 0x40 && (index < 0x10 || index === 0x11)) return;
    super.writeAttribute(index, value);
  }

  /** RS2 selects registers that only external DACs have. */
  get #externalDac(): boolean {
    return ((this.crtc.values[Cr.DacControl]! & 0x03) | (this.crtc.values[Cr.ExtendedMode]! & 0x02)) !== 0;
  }

  protected override readDac(offset: number): number {
    return this.#externalDac ? 0xff : super.readDac(offset);
  }

  protected override writeDac(offset: number, value: number): void {
    // CR33 bit 4 locks the DAC.
    if (this.#externalDac || this.crtc.values[Cr.BackwardCompatibility2]! & 0x10) return;
    super.writeDac(offset, value);
  }

  // ---- control ports and interrupts --------------------------------------------------------------------------------

  get #engineEnabled(): boolean {
    return (this.crtc.values[Cr.SystemConfiguration]! & 0x01) !== 0;
  }

  get #registersInMemory(): boolean {
    return (
      (this.crtc.values[Cr.MemoryControl1]! & 0x10) !== 0 ||
      (this.#engineEnabled && (this.advancedFunction & 0x20) !== 0)
    );
  }

  #readControl(port: number): number {
    switch (port) {
      case 0x102:
        return this.setupOption;
      case 0x42e8:
        if (!this.#engineEnabled) return 0xffff;
        this.#noticeRetrace();
        return this.subsystem.read(packedFormat(this.crtc.values, this.graphics.values) !== undefined);
      case 0x46e8:
        return this.setupSelect;
      default:
        return this.#engineEnabled ? this.advancedFunction : 0xffff;
    }
  }

  #writeControlPart(base: number, offset: number, size: number, value: number): void {
    if (size === 2) this.#writeControl(base, value);
    else if (base === 0x42e8) this.#writeSubsystem(value << (8 * offset), 0xff << (8 * offset));
    else if (offset === 0) this.#writeControl(base, value);
  }

  #writeControl(port: number, value: number): void {
    switch (port) {
      case 0x102:
        this.setupOption = value & 0x01;
        break;
      case 0x42e8:
        this.#writeSubsystem(value, 0xffff);
        break;
      case 0x46e8:
        this.setupSelect = value & 0x1f;
        break;
      case 0x4ae8:
        if (!this.#engineEnabled) break;
        this.advancedFunction = value & 0xff;
        this.memoryChanged();
        break;
    }
  }

  /** Sets the status bit of a retrace that began since it was cleared. */
  #noticeRetrace(): void {
    const now = this.host.clock.now();
    if (retraceBegan(this.timing(), this.subsystem.watchedSince, now)) this.subsystem.retrace();
    this.subsystem.watchedSince = now;
  }

  #writeSubsystem(value: number, bits: number): void {
    if (!this.#engineEnabled) return;
    this.#noticeRetrace();
    if (this.subsystem.write(value, bits)) this.engine.stop();
    this.#verticalInterrupt();
  }

  get #interruptsEnabled(): boolean {
    return (this.crtc.values[Cr.BackwardCompatibility1]! & 0x10) !== 0;
  }

  /** Vertical retrace interrupts: the VGA's by CR11, and the chip's own by 42E8. */
  #verticalInterrupt(): void {
    const end = this.crtc.values[Crtc.VerticalRetraceEnd]!;
    if (!(end & 0x10)) this.subsystem.vgaPending = false;
    this.subsystem.vgaEnabled = !(end & 0x20) && (end & 0x10) !== 0;
    this.subsystem.setEnabled(this.#interruptsEnabled);
    const wanted = this.#interruptsEnabled && this.subsystem.wantsRetrace;
    if (!wanted) this.#retrace.cancel();
    else if (this.#retrace.deadline === Infinity) this.#armRetrace();
  }

  #armRetrace(): void {
    const timing = this.timing();
    // Frames that no monitor could show do not interrupt each.
    const pause = timing.frameTime < SHORTEST_FRAME ? SHORTEST_FRAME : 0;
    const at = nextRetrace(timing, this.host.clock.now() + pause);
    if (at !== undefined) this.#retrace.set(at);
  }

  protected override timingChanged(): void {
    super.timingChanged();
    if (!this.enginePorts || !this.#interruptsEnabled || !this.subsystem.wantsRetrace) return;
    this.#retrace.cancel();
    this.#armRetrace();
  }

  #retraceBegan(): void {
    this.subsystem.retrace();
    this.subsystem.watchedSince = this.host.clock.now();
    this.#verticalInterrupt();
  }

  #engineStarted(): void {
    this.#engineDone.set(this.engine.busyUntil);
  }

  #engineChecked(): void {
    if (this.engine.transfer.active) return;
    if (this.engine.busy) this.#engineStarted();
    else this.subsystem.engineDone();
  }

  // ---- saved states ------------------------------------------------------------------------------------------------

  protected override furtherState(): readonly Field[] {
    return [
      { name: 'cursor', type: { record: CURSOR_FIELDS } },
      { name: 'engine', type: { record: ENGINE_FIELDS } },
      { name: 'subsystem', type: { record: SUBSYSTEM_FIELDS } },
      { name: 'enginePorts', type: { record: [{ name: 'latch', type: 'u8' }] } },
      { name: 'advancedFunction', type: 'u8' },
      { name: 'setupSelect', type: 'u8' },
      { name: 'setupOption', type: 'u8' },
    ];
  }

  protected override stateLoaded(): void {
    this.cursor.loaded();
    super.stateLoaded();
    this.engine.loaded();
    this.#retrace.cancel();
    this.#verticalInterrupt();
    if (this.engine.busy && !this.engine.transfer.active) this.#engineStarted();
    else this.#engineDone.cancel();
  }
}
