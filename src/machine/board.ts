/**
 * The Virtual Server board: every part, where it answers, and which wires join it to the others.
 *
 * ```
 * 00:00.0 i440bx         host bridge, PAM and SMRAM        IRQ 0 i8254      IRQ 8  mc146818
 * 00:07.0 piix4.isa      PIRQ routing, reset control           1 keyboard       9  SCI, PIRQA
 * 00:07.1 piix4.ide      two channels, bus master              3 COM2          11  PIRQD
 * 00:07.3 piix4.pm       ACPI, SMBus                           4 COM1          12  mouse
 * 00:08.0 s3-trio64      or a plain VGA with DISPI             6 floppy        13  FERR#
 * 00:0a.n dec21140       up to four network adapters
 *         ISA: i8254 i8259 i8237 mc146818 i8042 ns16550 x 2    7 LPT1          14  IDE primary
 *         parallel-port i82078 system-control fw-cfg                           15  IDE secondary
 * ```
 */
import type { BusRegion, DmaMemory, Mapping } from '../../devices/bus.ts';
import type { Device, DeviceHost } from '../../devices/device.ts';
import { ResetCause } from '../../devices/device.ts';
import type { EdgeLine } from '../../devices/interrupt-line.ts';
import { LevelLine } from '../../devices/interrupt-line.ts';
import type { RangeChange } from '../../devices/pci.ts';
import type { StateDeclaration } from '../../devices/state.ts';
import { DebugExit, debugConsole } from '../../devices/debug-port/debug-port.ts';
import { Dec21140 } from '../../devices/dec21140/dec21140.ts';
import { FwCfg } from '../../devices/fw-cfg/index.ts';
import { I8237Pair } from '../../devices/i8237/i8237.ts';
import { I8254 } from '../../devices/i8254/i8254.ts';
import { I8259Pair } from '../../devices/i8259/i8259.ts';
import { I440bx } from '../../devices/i440bx/host-bridge.ts';
import { Mc146818 } from '../../devices/mc146818/mc146818.ts';
import { Ns16550 } from '../../devices/ns16550/ns16550.ts';
import { ParallelPort } from '../../devices/parallel-port/parallel-port.ts';
import { PciBus } from '../../devices/pci-bus.ts';
import { Piix4Ide } from '../../devices/piix4/ide.ts';
import { Piix4IsaBridge } from '../../devices/piix4/isa-bridge.ts';
import { Piix4PowerManagement } from '../../devices/piix4/power-management.ts';
import { SystemControl } from '../../devices/system-control/system-control.ts';
import type { PciFunction } from '../../devices/pci.ts';
import type { Vga } from '../../devices/vga/vga.ts';
import { AdapterWire } from './adapter-wire.ts';
import type { Processor, ProcessorBus, ProcessorOptions, ProfileClock, SavableProcessor } from '../../cpu/processor.ts';
import { describeToFirmware } from '../firmware/configuration.ts';
import type { FirmwareImages } from '../firmware/images.ts';
import {
  ELCR,
  ELCR_PORT,
  FLOPPY,
  FW_CFG_BASE,
  PARALLEL_PORT,
  PIRQ_ROUTES,
  PM_BASE,
  SCI_IRQ,
  SERIAL_PORTS,
  SMBUS_BASE,
  Slot,
  SouthBridgeFunction,
  pirqOf,
} from './board-layout.ts';
import { MemoryBus, PortBus } from './bus-map.ts';
import { fillCmos } from './cmos.ts';
import type { ResolvedConfiguration } from './defaults.ts';
import type { LoggedMessage } from './device-log.ts';
import { OnceLog } from './device-log.ts';
import { Drives } from './drives.ts';
import type { DiskError, DriveMedia } from './drives.ts';
import { Inputs } from './inputs.ts';
import { LazyMemory, type LazyMemoryOptions } from './lazy-memory.ts';
import { MemoryMap } from './memory-map.ts';
import { AccessCounter } from './profile.ts';
import type { Scheduler } from './scheduler.ts';
import { SerialWire } from './serial-wire.ts';
import type { PciIdentifier } from './video.ts';
import { createVideo, firmwareIdentity } from './video.ts';

export type CreateProcessor = (options: ProcessorOptions, bus: ProcessorBus) => Processor;

/** What the board tells the machine around it. Called from inside a run of the processor. */
export interface BoardSignals {
  /** Hard: the whole board; Soft: the processor alone (INIT#). To be carried out between runs, by `reset`. */
  onReset(cause: ResetCause): void;
  onPowerOff(): void;
  onDebugExit(value: number): void;
  onSerialOutput(port: number, byte: number): void;
  onParallelOutput(byte: number): void;
  /** A byte written to port E9h or 402h. */
  onDebugOutput(byte: number): void;
  onLeds(leds: { scroll: boolean; num: boolean; caps: boolean }): void;
  /** The guest opened or closed the tray of an optical drive. */
  onTray(device: string, open: boolean): void;
  onDiskError(error: DiskError): void;
  /** The host has no space for what the guest wrote: the guest should not go on before there is. */
  onHostFull?(device: string, message: string): void;
  onLog(message: LoggedMessage): void;
}

export interface BoardOptions {
  readonly configuration: ResolvedConfiguration;
  readonly firmware: FirmwareImages;
  readonly media: DriveMedia;
  readonly scheduler: Scheduler;
  readonly createProcessor: CreateProcessor;
  /** What the guest's clock shows at virtual time 0, milliseconds since 1970. */
  readonly clockStart: number;
  readonly signals: BoardSignals;
  /** Times a profile, if the configuration asks for one; nothing else looks at host time. */
  readonly profileClock?: ProfileClock;
}

/** The time-stamp counter runs at 1 GHz of virtual time, whatever instructions cost. */
const TSC_PER_NANOSECOND = 1;
const INTERRUPTS = 16;
const CASCADE = 2;
/** Ports of emulator conventions: debug consoles of Bochs and SeaBIOS, and where test guests leave with a code. */
const DEBUG_CONSOLE = 0xe9;
const FIRMWARE_CONSOLE = 0x402;
const APM_SHUTDOWN = 0x8900;

export class Board {
  readonly processor: Processor;
  readonly ports: PortBus;
  readonly memoryBus: MemoryBus;
  /** Only while the configuration asks for a profile. */
  readonly accesses: AccessCounter | undefined;
  readonly log: OnceLog;
  readonly scheduler: Scheduler;
  readonly pic: I8259Pair;
  readonly rtc: Mc146818;
  readonly vga: Vga;
  readonly pci: PciBus;
  readonly hostBridge: I440bx;
  readonly isaBridge: Piix4IsaBridge;
  readonly powerManagement: Piix4PowerManagement;
  readonly drives: Drives;
  readonly inputs: Inputs;
  readonly serial: readonly SerialWire[];
  /** A cable for each network adapter, unplugged at the far end. */
  readonly network: readonly AdapterWire[];
  /** Every device, in the order in which they are reset; the PCI bus last. */
  readonly devices: readonly Device[];
  readonly #memoryMap: MemoryMap;
  readonly #systemControl: SystemControl;
  readonly #video: PciFunction;
  /** Who the display adapter seems to be until the firmware boots. */
  readonly #firmwareVideo: PciIdentifier;
  /** Where PCI ranges are placed now, with a priority of their own each: guests may place them over anything. */
  readonly #placed = new Map<BusRegion, Mapping>();
  readonly #priorities = new Map<BusRegion, number>();
  #nmiMasked = false;

  constructor(options: BoardOptions) {
    const { configuration, firmware, scheduler, signals, media } = options;
    this.scheduler = scheduler;
    this.log = new OnceLog((message) => signals.onLog(message));
    this.ports = new PortBus(this.log);
    this.memoryBus = new MemoryBus(this.log);
    const host: DeviceHost = { clock: scheduler, log: this.log };
    const profile = configuration.profile ? options.profileClock : undefined;
    this.accesses = profile && new AccessCounter(profile);
    const bus = this.#processorBus(signals);

    this.processor = options.createProcessor(
      {
        ramBytes: configuration.memoryBytes,
        videoBytes: configuration.videoBytes,
        romBytes: firmware.bios.length,
        cpuid: configuration.cpuid,
        jit: configuration.jit,
        profile,
      },
      this.accesses?.counted(bus) ?? bus,
    );
    const { processor } = this;
    processor.rom.set(firmware.bios);
    scheduler.attach(processor);
    this.#memoryMap = new MemoryMap(processor);
    const memory = dmaView(processor);

    this.pic = new I8259Pair(host, { request: (asserted) => processor.setInterruptRequest(asserted) });
    const lines = Array.from({ length: INTERRUPTS }, (_, irq) =>
      irq === CASCADE ? undefined : new LevelLine((asserted) => this.pic.input(irq).set(asserted)),
    );
    const irq = (number: number): EdgeLine => lines[number]!.source();

    const pit = new I8254(host, { irq: irq(0) });
    this.rtc = new Mc146818(host, {
      irq: irq(8),
      startTime: options.clockStart,
      onNmiMask: (masked) => (this.#nmiMasked = masked),
    });
    const dma = new I8237Pair(host, memory);
    this.#systemControl = new SystemControl(host, {
      setGate2: (high) => pit.setGate(2, high),
      output2: () => pit.output(2),
      onNmi: () => !this.#nmiMasked && processor.raiseNmi(),
      onA20: (enabled) => this.#setA20('fast', enabled),
      onReset: () => signals.onReset(ResetCause.Soft),
      coprocessorIrq: irq(13),
      onIgnne: (asserted) => this.processor.setIgnne(asserted),
      onShutdown: () => signals.onPowerOff(),
    });
    this.inputs = new Inputs(host, {
      keyboardIrq: irq(1),
      mouseIrq: irq(12),
      onA20: (enabled) => this.#setA20('keyboard', enabled),
      onReset: () => signals.onReset(ResetCause.Soft),
      onLeds: (leds) => signals.onLeds(leds),
    });

    const wires = SERIAL_PORTS.map(() => new SerialWire());
    this.serial = wires;
    const uarts = SERIAL_PORTS.flatMap((place, instance) => {
      if (configuration.serial[instance]!.kind === 'none') return [];
      const uart = new Ns16550(host, {
        instance,
        irq: irq(place.irq),
        fast: true,
        onTransmit: (byte) => signals.onSerialOutput(instance, byte),
        onReceiveReady: () => wires[instance]!.feed(),
      });
      wires[instance]!.connect(uart);
      this.ports.map(place.base, uart.registers);
      return [uart];
    });
    const printers = configuration.parallel.kind === 'none' ? [] : [this.#parallelPort(host, irq, signals)];

    this.hostBridge = new I440bx({
      memoryBytes: configuration.memoryBytes,
      onMemoryAttributes: (changes) => this.#memoryMap.applyAttributes(changes),
      onPostFinished: () => this.#handOver(),
    });
    this.isaBridge = new Piix4IsaBridge({
      irq: lines,
      onSmiCommand: (value) => this.powerManagement.smiCommand(value),
      onReset: (cause) => signals.onReset(cause),
    });
    this.powerManagement = new Piix4PowerManagement(host, {
      sci: lines[SCI_IRQ]!.source(),
      onPowerOff: () => signals.onPowerOff(),
      aliasBase: PM_BASE,
    });
    const ide = new Piix4Ide(host, { memory, irq: [irq(14), irq(15)] });
    this.drives = new Drives(host, {
      ide,
      media,
      floppies: configuration.floppies.length,
      floppyIrq: irq(FLOPPY.irq),
      floppyDma: dma.channel(FLOPPY.dma),
      onTray: (device, open) => signals.onTray(device, open),
      onError: (error) => signals.onDiskError(error),
      onHostFull: (device, message) => signals.onHostFull?.(device, message),
    });
    const video = createVideo(configuration.videoAdapter, host, {
      memory: processor.video,
      takeDirty: (first, pages, into) => processor.takeDirty(processor.video.byteOffset + first * 0x1000, pages, into),
      onDirectWindow: (direct) => this.#memoryMap.placeWindow(direct),
      onLinearWindow: (linear) => this.#memoryMap.placeVideo(linear?.base, linear?.length),
      irq: this.isaBridge.pirq(INTERRUPT_A).source(),
    });
    this.vga = video.adapter;
    this.#video = video.pci;
    this.#firmwareVideo = firmwareIdentity(firmware.videoBios, video.pci.identity);
    const adapters = this.#networkAdapters(host, memory, configuration);
    this.network = adapters.map(({ wire }) => wire);
    const fwCfg = this.#firmwareConfiguration(host, memory, options);
    const debugExit = configuration.debugExit && {
      at: configuration.debugExit.port,
      device: new DebugExit(configuration.debugExit.size, (value) => signals.onDebugExit(value)),
    };

    this.pci = new PciBus({ place: (change) => this.#place(change), resetControl: this.isaBridge.resetControl });
    this.pci.add(Slot.HostBridge, 0, this.hostBridge);
    this.pci.add(Slot.SouthBridge, SouthBridgeFunction.Isa, this.isaBridge);
    this.pci.add(Slot.SouthBridge, SouthBridgeFunction.Ide, ide);
    this.pci.add(Slot.SouthBridge, SouthBridgeFunction.PowerManagement, this.powerManagement);
    this.pci.add(Slot.Video, 0, video.pci);
    adapters.forEach(({ adapter }, i) => this.pci.add(Slot.Network, i, adapter));

    const control = this.#systemControl;
    this.#mapPorts([
      [0x00, dma.low],
      [0x20, this.pic.master],
      [0x40, pit.counters],
      [0x61, control.nmiStatus],
      [0x70, this.rtc.standard],
      [0x72, this.rtc.extended],
      [0x80, dma.pages],
      [0x80, control.post, 1],
      [0x92, control.fast],
      [0xa0, this.pic.slave],
      [0xb2, this.isaBridge.apm],
      [0xc0, dma.high],
      [DEBUG_CONSOLE, debugConsole('debug console', (byte) => signals.onDebugOutput(byte))],
      [0xed, control.delay],
      [0xf0, control.coprocessor],
      [FIRMWARE_CONSOLE, debugConsole('firmware console', (byte) => signals.onDebugOutput(byte))],
      [ELCR_PORT, this.pic.edgeLevel],
      [FW_CFG_BASE, fwCfg.region],
      [0xcf8, this.pci.region],
      [APM_SHUTDOWN, control.shutdown],
      ...(debugExit ? [[debugExit.at, debugExit.device.port, 1] as const] : []),
      ...this.inputs.ports(),
      ...this.drives.ports(),
    ]);
    this.memoryBus.map(0xc0000, WRITE_PROTECTED, LOWEST_PRIORITY);

    this.devices = [
      this.pic,
      pit,
      this.rtc,
      dma,
      control,
      ...this.inputs.devices,
      ...uarts,
      ...printers,
      fwCfg,
      ...(debugExit ? [debugExit.device] : []),
      this.hostBridge,
      this.isaBridge,
      this.powerManagement,
      ide,
      ...ide.devices(),
      ...this.drives.devices,
      this.vga,
      video.pci,
      ...adapters.map(({ adapter }) => adapter),
      this.pci,
    ];
    if (configuration.cmos) this.rtc.preload(FIRST_CMOS_RAM, configuration.cmos.subarray(FIRST_CMOS_RAM));
    fillCmos(this.rtc, {
      memoryBytes: configuration.memoryBytes,
      floppies: configuration.floppies.length,
      disks: media.disks.map((disk) => disk?.geometry),
    });
    this.#memoryMap.applyAttributes(this.hostBridge.memoryAttributes());
    this.reset(ResetCause.PowerOn);
  }

  /**
   * Carries out a reset between two runs of the processor: Soft resets the processor alone, the others every device.
   */
  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) {
      this.processor.init();
      return;
    }
    for (const device of this.devices) device.reset(cause);
    this.#identifyVideo(this.#firmwareVideo);
    this.#memoryMap.preloadShadow();
    this.#a20.fast = false;
    this.#a20.keyboard = true;
    this.processor.setA20(true);
    this.processor.reset();
  }

  readonly #a20 = { fast: false, keyboard: true };

  /** What the board itself remembers between its parts. */
  get state(): StateDeclaration {
    const held = { fastA20: this.#a20.fast, keyboardA20: this.#a20.keyboard, nmiMasked: this.#nmiMasked };
    return {
      target: held,
      version: 1,
      fields: (['fastA20', 'keyboardA20', 'nmiMasked'] as const).map((name) => ({ name, type: 'bool' })),
      loaded: () => {
        this.#nmiMasked = held.nmiMasked;
        this.#setA20('fast', held.fastA20);
        this.#setA20('keyboard', held.keyboardA20);
      },
    };
  }

  /** Provides RAM from now on as it is wanted; see `LazyMemory`. */
  provideMemory(options: Pick<LazyMemoryOptions, 'blockBytes' | 'blocks' | 'load' | 'failed'>): LazyMemory {
    return new LazyMemory({ ...options, processor: this.processor as SavableProcessor, bus: this.memoryBus });
  }

  /** A20 is enabled while either of its two sources asks for it. */
  #setA20(source: 'fast' | 'keyboard', enabled: boolean): void {
    this.#a20[source] = enabled;
    this.processor.setA20(this.#a20.fast || this.#a20.keyboard);
  }

  #processorBus(signals: BoardSignals): ProcessorBus {
    return {
      readPort: (port, size) => this.ports.read(port, size),
      writePort: (port, size, value) => this.ports.write(port, size, value),
      readMemory: (address, size) => this.memoryBus.read(address, size),
      writeMemory: (address, size, value) => this.memoryBus.write(address, size, value),
      acknowledgeInterrupt: () => this.pic.acknowledge(),
      timeStamp: () => Math.floor(this.scheduler.now() * TSC_PER_NANOSECOND),
      log: (message) => signals.onLog({ level: 'warning', source: 'processor', message }),
      setFerr: (asserted) => this.#systemControl.setFerr(asserted),
    };
  }

  #parallelPort(host: DeviceHost, irq: (number: number) => EdgeLine, signals: BoardSignals): ParallelPort {
    const port = new ParallelPort(host, {
      instance: 0,
      irq: irq(PARALLEL_PORT.irq),
      onByte: (byte) => signals.onParallelOutput(byte),
    });
    this.ports.map(PARALLEL_PORT.base, port.registers);
    return port;
  }

  #networkAdapters(
    host: DeviceHost,
    memory: DmaMemory,
    { network, memoryBytes }: ResolvedConfiguration,
  ): { adapter: Dec21140; wire: AdapterWire }[] {
    return network.map(({ macAddress }, instance) => {
      const wire = new AdapterWire(host.clock, `dec21140.${instance}`, macAddress);
      const adapter = new Dec21140(host, {
        instance,
        multifunction: network.length > 1,
        macAddress,
        memory,
        reaches: (address, length) => address + length <= memoryBytes,
        irq: this.isaBridge.pirq(INTERRUPT_A).source(),
        onTransmit: (frame) => wire.transmitted(frame),
        onReceiveReady: () => wire.ready(),
      });
      wire.attach(adapter);
      return { adapter, wire };
    });
  }

  #firmwareConfiguration(host: DeviceHost, memory: DmaMemory, options: BoardOptions): FwCfg {
    const { configuration, firmware } = options;
    const { vendor } = configuration.cpuid;
    return new FwCfg(host, {
      memory,
      ...describeToFirmware({
        memoryBytes: configuration.memoryBytes,
        serial: configuration.serial.map((port) => port.kind !== 'none'),
        parallel: configuration.parallel.kind !== 'none',
        floppies: configuration.floppies,
        ide: configuration.ide,
        boot: configuration.boot,
        smbios: configuration.smbios,
        ...(vendor === undefined ? {} : { cpuVendor: vendor }),
        videoBios: firmware.videoBios,
        video: this.#firmwareVideo,
      }),
    });
  }

  #mapPorts(table: readonly (readonly [base: number, region: BusRegion, priority?: number])[]): void {
    for (const [base, region, priority] of table) this.ports.map(base, region, priority);
  }

  /** A PCI function decodes a range elsewhere, or no longer. */
  #place({ kind, region, to }: RangeChange): void {
    if (region === this.vga.memory.linearFrameBuffer) {
      this.#memoryMap.placeVideo(to);
      return;
    }
    this.#placed.get(region)?.unmap();
    this.#placed.delete(region);
    if (to === undefined) return;
    let priority = this.#priorities.get(region);
    if (priority === undefined) this.#priorities.set(region, (priority = -1 - this.#priorities.size));
    const bus = kind === 'io' ? this.ports : this.memoryBus;
    this.#placed.set(region, bus.map(to, region, priority));
  }

  #identifyVideo({ vendor, device }: PciIdentifier): void {
    this.#video.config.set([vendor & 0xff, vendor >> 8, device & 0xff, device >> 8]);
  }

  /**
   * The firmware is about to boot: puts interrupt routing, identities and the power management block where guests of the
   * original product find them.
   */
  #handOver(): void {
    PIRQ_ROUTES.forEach((route, i) => this.isaBridge.writeConfig(0x60 + i, 1, route));
    this.pic.edgeLevel.write(0, 1, ELCR & 0xff);
    this.pic.edgeLevel.write(1, 1, ELCR >> 8);
    for (let slot = 0; slot < 32; slot++) {
      for (let number = 0; number < 8; number++) {
        const pciFunction = this.pci.at(slot, number);
        const pin = pciFunction?.identity.interruptPin;
        if (!pciFunction || !pin) continue;
        const route = PIRQ_ROUTES[pirqOf(slot, pin)]!;
        pciFunction.writeConfig(0x3c, 1, route & 0x80 ? 0 : route);
      }
    }
    this.#identifyVideo(this.#video.identity);
    this.powerManagement.relocate(PM_BASE, SMBUS_BASE);
    this.pci.settle();
    this.hostBridge.finishPost();
  }
}

/** Every adapter interrupts at pin A. */
const INTERRUPT_A = 0;
const FIRST_CMOS_RAM = 0x0e;
const LOWEST_PRIORITY = -1000;

/** Shadow RAM that is write-protected, and what shows through where nothing is: reads give ones, writes vanish silently. */
const WRITE_PROTECTED: BusRegion = {
  name: 'write-protected',
  length: 0x40000,
  widest: 4,
  read: (_offset, size) => 0xffffffff >>> (32 - 8 * size),
  write: () => {},
};

/** Guest memory for bus masters, whose addresses may have more than 32 bits. */
function dmaView(processor: Processor): DmaMemory {
  const inside = (address: number, length: number): boolean => address >= 0 && address + length <= 0x1_0000_0000;
  return {
    read: (address, into) => {
      if (inside(address, into.length)) processor.readPhysical(address, into);
      else into.fill(0xff);
    },
    write: (address, from) => {
      if (inside(address, from.length)) processor.writePhysical(address, from);
    },
  };
}
