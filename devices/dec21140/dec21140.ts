/**
 * DEC/Intel 21140A PCI Fast Ethernet controller (1011:0009 revision 20h) as the adapter of the original product.
 *
 * Data sheets: Digital Semiconductor 21140A PCI Fast Ethernet LAN Controller Hardware Reference Manual (EC-QN7NG); 21X4 Serial
 * ROM Format 4.09. Models: CSR0-CSR15, descriptor rings and chains with skip, setup frames and all filtering modes, transmit
 * automatic polling, the general-purpose timer, serial ROM, MII management with one PHY, the general-purpose port,
 * loopback, jabber, missed frames, master aborts, and reset. Does not model: the boot ROM behind CSR9, big-endian modes
 * (logged), FIFOs and their thresholds (no underflow, no FIFO overflow, no early receive), collisions and heartbeat,
 * capture effect, the receive watchdog, power-down modes (the bits are storage), a wire slower than 1 Gbit/s, and partial
 * writes of registers (ignored).
 */
import type { AccessSize, BusRegion, DmaMemory } from '../bus.ts';
import type { Alarm } from '../clock.ts';
import type { Device, DeviceHost } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { LevelSource } from '../interrupt-line.ts';
import type { RangeChange } from '../pci.ts';
import { PciFunction } from '../pci.ts';
import type { StateDeclaration } from '../state.ts';
import { AddressFilter, FilterType } from './address-filter.ts';
import { BusPort } from './bus-port.ts';
import { GeneralPurposeTimer } from './general-purpose-timer.ts';
import { MicrowireEeprom } from './microwire-eeprom.ts';
import { MiiPhy } from './mii-phy.ts';
import type { Reception } from './receiver.ts';
import { Receiver } from './receiver.ts';
import { ABNORMAL_CAUSES, BusMode, Mode, NORMAL_CAUSES, Serial, Status, TransmitStatus } from './registers.ts';
import { LINK_PIN, buildSromImage } from './srom-image.ts';
import { Transmitter } from './transmitter.ts';

export const SUBSYSTEM = 0x2114;
/** Subsystem vendor of function 0; the others count on. */
export const SUBSYSTEM_VENDOR = 0x0a00;

const COMMAND = 0x04;
const COMMAND_BITS_LOW = 0x47;
const COMMAND_BITS_HIGH = 0x01;
const BUS_MASTER_ENABLE = 0x04;
const STATUS_LOW = 0x06;
const STATUS_HIGH = 0x07;
const RECEIVED_MASTER_ABORT = 0x20;
const CSR_PORTS = 128;
/** The registers repeat in the memory range, which guests of the original found to be a page. */
const CSR_PAGE = 0x1000;

const CSR0_ONES = 0xfe000000;
const CSR0_WRITABLE = 0x01beffff & ~BusMode.SoftwareReset;
const CSR5_ONES = 0xfc000000;
const CSR5_CLEARABLE = 0x00006fef;
const CSR6_RESET = 0x32000040;
const CSR6_ONES = 0x32000000;
const CSR6_WRITABLE = 0xc0fefeea;
const CSR7_ONES = 0xfffe0000;
const CSR7_WRITABLE = 0x0001efef;
const CSR8_ONES = 0xe0000000;
const CSR9_ONES = 0xfff08300;
const CSR9_WRITABLE = 0x00077c00;
const CSR9_RESET = 0x00001400;
const CSR10_WRITABLE = 0x0003ffff;
const CSR12_ONES = 0xfffffe00;
const CSR12_DIRECTION = 0x100;
const CSR14_CONSTANT = 0x1c09fdc0;
const CSR15_ONES = 0xfffffec8;
const CSR15_WRITABLE = 0x37;
const JABBER_DISABLE = 1;
/** CSR5 bits 25-23: master abort. */
const ERROR_MASTER_ABORT = 1;

/** From a poll demand to the first descriptor: gathers what a driver queues in one go. */
const DEMAND_NS = 2_000;
/** Wire time of a byte. Guests never outrun the host by more than this; the media they see is still called 100 Mbit/s. */
const NS_PER_BYTE = 8;
/** Wire time that is done at once; the next alarm comes when it is over. */
const BURST_NS = 50_000;
const MAX_STEPS = 64;
/** CSR0 bits 19-17: period of the automatic poll in nanoseconds. */
const AUTO_POLL_NS = [0, 200_000, 800_000, 1_600_000, 12_800, 25_600, 51_200, 102_400] as const;

/** Counters since power-on; frames are counted without check sequences. */
export interface NetworkStatistics {
  framesSent: number;
  bytesSent: number;
  framesReceived: number;
  bytesReceived: number;
  /** Frames for this station that found no buffer. */
  framesMissed: number;
}

export interface Dec21140Options {
  /** Function number, 0 to 3. */
  readonly instance: number;
  /** Further functions follow: the header of function 0 says so. */
  readonly multifunction: boolean;
  /** Six bytes. */
  readonly macAddress: Uint8Array;
  readonly memory: DmaMemory;
  /** Whether bus masters find something at the whole range. */
  readonly reaches: (address: number, length: number) => boolean;
  readonly irq: LevelSource;
  /** A frame for the wire, from the destination address to before the check sequence. The array is used again. */
  readonly onTransmit: (frame: Uint8Array) => void;
  /** The receive process may have found buffers again. */
  readonly onReceiveReady: () => void;
}

export class Dec21140 extends PciFunction implements Device {
  readonly name: string;
  readonly state: StateDeclaration;
  readonly statistics: NetworkStatistics = {
    framesSent: 0,
    bytesSent: 0,
    framesReceived: 0,
    bytesReceived: 0,
    framesMissed: 0,
  };
  csr0 = 0;
  /** Causes, bits 14-0. */
  causes = 0;
  errorCode = 0;
  csr6 = CSR6_RESET;
  csr7 = 0;
  csr9 = CSR9_RESET;
  csr10 = 0;
  /** General-purpose port: 1 = output. */
  direction = 0;
  pins = 0;
  csr15 = 0;
  /** A bus error has cut the chip off the bus until it is reset. */
  busFault = false;
  readonly filter = new AddressFilter();
  readonly eeprom: MicrowireEeprom;
  readonly phy = new MiiPhy();
  readonly receiver: Receiver;
  readonly transmitter: Transmitter;
  readonly timer: GeneralPurposeTimer;
  readonly #host: DeviceHost;
  readonly #options: Dec21140Options;
  readonly #alarm: Alarm;
  #linked = true;

  constructor(host: DeviceHost, options: Dec21140Options) {
    const { instance } = options;
    const access = {
      widest: 4 as const,
      read: (offset: number, size: AccessSize) => this.#readPart(offset, size),
      write: (offset: number, size: AccessSize, value: number) => this.#writePart(offset, size, value),
    };
    const name = `dec21140.${instance}`;
    const ports: BusRegion = { name: `${name} ports`, length: CSR_PORTS, ...access };
    const page: BusRegion = { name: `${name} registers`, length: CSR_PAGE, ...access };
    const ids = { subsystemVendor: SUBSYSTEM_VENDOR + instance, subsystem: SUBSYSTEM };
    super(
      {
        vendor: 0x1011,
        device: 0x0009,
        revision: 0x20,
        classCode: 0x020000,
        ...ids,
        multifunction: options.multifunction && instance === 0,
        interruptPin: 1,
      },
      [
        { kind: 'io', region: ports },
        { kind: 'memory', region: page },
      ],
    );
    this.name = name;
    this.#host = host;
    this.#options = options;
    this.#alarm = host.clock.alarm(`${name} transmit`, () => this.#transmit());
    this.eeprom = new MicrowireEeprom(buildSromImage({ macAddress: options.macAddress, ...ids }));
    this.timer = new GeneralPurposeTimer(host.clock, `${name} timer`, () => this.#raise(Status.TimerExpired));
    const raise = (causes: number): void => this.#raise(causes);
    const port = new BusPort({
      memory: options.memory,
      reaches: options.reaches,
      enabled: () => (this.config[COMMAND]! & BUS_MASTER_ENABLE) !== 0 && !this.busFault,
      skip: () => (this.csr0 & BusMode.DescriptorSkip) >> 2,
      onMasterAbort: () => this.#masterAbort(),
    });
    this.receiver = new Receiver({ port, filter: this.filter, mode: () => this.csr6, raise });
    this.transmitter = new Transmitter({
      port,
      filter: this.filter,
      raise,
      clear: (causes) => (this.causes &= ~causes),
      send: (frame) => this.#send(frame),
      jabberDisabled: () => (this.csr15 & JABBER_DISABLE) !== 0,
      note: (what, value) => this.#host.log.guestError(name, what, value),
    });

    const { writable, clearable } = this;
    writable[COMMAND] = COMMAND_BITS_LOW;
    writable[COMMAND + 1] = COMMAND_BITS_HIGH;
    clearable[STATUS_HIGH] = 0xf9;
    writable[0x0c] = 0xff; // cache line size
    writable[0x0d] = 0xff; // latency timer
    writable[0x41] = 0xff; // CFDD: for the driver
    writable[0x43] = 0xc0; // CFDD: sleep and snooze modes
    this.#configDefaults();
    this.state = this.#declareState();
    this.#softwareReset();
  }

  #declareState(): StateDeclaration {
    return {
      target: this,
      version: 1,
      fields: [
        { name: 'config', type: { bytes: 256 } },
        { name: 'csr0', type: 'u32' },
        { name: 'causes', type: 'u32' },
        { name: 'errorCode', type: 'u8' },
        { name: 'csr6', type: 'u32' },
        { name: 'csr7', type: 'u32' },
        { name: 'csr9', type: 'u32' },
        { name: 'csr10', type: 'u32' },
        { name: 'direction', type: 'u8' },
        { name: 'pins', type: 'u8' },
        { name: 'csr15', type: 'u32' },
        { name: 'busFault', type: 'bool' },
        { name: 'filter', type: { record: this.filter.fields } },
        { name: 'eeprom', type: { record: this.eeprom.fields } },
        { name: 'phy', type: { record: this.phy.fields } },
        { name: 'receiver', type: { record: this.receiver.fields } },
        { name: 'transmitter', type: { record: this.transmitter.fields } },
        { name: 'timer', type: { record: this.timer.fields } },
        { name: 'transmitAt', type: { optional: 'f64' } },
      ],
      loaded: () => {
        this.filter.loaded();
        this.#updateLine();
      },
    };
  }

  get transmitAt(): number | undefined {
    return this.#alarm.deadline === Infinity ? undefined : this.#alarm.deadline;
  }

  set transmitAt(at: number | undefined) {
    if (at === undefined) this.#alarm.cancel();
    else this.#alarm.set(at);
  }

  #configDefaults(): void {
    this.config[STATUS_LOW] = 0x80; // fast back-to-back
    this.config[STATUS_HIGH] = 0x02; // medium device select timing
    this.config[0x3e] = 0x14; // minimum grant
    this.config[0x3f] = 0x28; // maximum latency
  }

  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.resetConfig();
    this.#configDefaults();
    this.#softwareReset();
    this.eeprom.reset();
    this.phy.reset();
    if (!this.#linked) this.phy.setLink(false);
  }

  /** What the chip does at CSR0 bit 0 as well: everything but configuration space, serial ROM and PHY. */
  #softwareReset(): void {
    this.csr0 = 0;
    this.causes = 0;
    this.errorCode = 0;
    this.csr6 = CSR6_RESET;
    this.csr7 = 0;
    this.csr9 = CSR9_RESET;
    this.csr10 = 0;
    this.direction = 0;
    this.pins = 0;
    this.csr15 = 0;
    this.busFault = false;
    this.filter.reset();
    this.receiver.reset();
    this.transmitter.reset();
    this.timer.reset();
    this.#alarm.cancel();
    this.#updateLine();
  }

  override writeConfig(offset: number, size: AccessSize, value: number): RangeChange[] {
    const mastered = this.config[COMMAND]! & BUS_MASTER_ENABLE;
    const changes = super.writeConfig(offset, size, value);
    // What the driver started earlier has waited for the permission.
    if (!mastered && this.config[COMMAND]! & BUS_MASTER_ENABLE) {
      this.#demandTransmit();
      if (this.receiver.poll()) this.#options.onReceiveReady();
    }
    return changes;
  }

  // ---- the wire --------------------------------------------------------------------------------------------------

  /** Whether the cable is plugged in. */
  get link(): boolean {
    return this.#linked;
  }

  set link(up: boolean) {
    this.#linked = up;
    this.phy.setLink(up);
  }

  /** Whether a frame would find a buffer now. A station that is not receiving at all takes everything, for nothing. */
  get canReceive(): boolean {
    return !this.#listening || this.receiver.ready;
  }

  get #listening(): boolean {
    return (this.csr6 & Mode.StartReceive) !== 0 && (this.csr6 & Mode.Loopback) === 0 && this.#linked;
  }

  /** A frame from the wire: destination address to before the check sequence. */
  receive(frame: Uint8Array): Reception {
    if (!this.#listening) return 'stopped';
    const outcome = this.receiver.receive(frame);
    const { statistics } = this;
    if (outcome === 'received') {
      statistics.framesReceived++;
      statistics.bytesReceived += frame.length;
    } else if (outcome === 'missed') {
      statistics.framesMissed++;
    }
    return outcome;
  }

  #send(frame: Uint8Array): number {
    if (this.csr6 & Mode.Loopback) {
      this.receiver.receive(frame);
      return 0;
    }
    if (!this.#linked) {
      // Carrier is not watched in full-duplex operation.
      return this.csr6 & Mode.FullDuplex ? 0 : TransmitStatus.LossOfCarrier | TransmitStatus.NoCarrier;
    }
    this.statistics.framesSent++;
    this.statistics.bytesSent += frame.length;
    this.#options.onTransmit(frame);
    return 0;
  }

  #demandTransmit(): void {
    if (!this.transmitter.poll() || this.#alarm.deadline !== Infinity) return;
    this.#alarm.set(this.#host.clock.now() + DEMAND_NS);
  }

  /** Runs the transmit process for a burst of wire time. */
  #transmit(): void {
    const { transmitter } = this;
    const quiet = this.#autoPolling;
    this.#autoPolling = false;
    transmitter.poll();
    let wire = 0;
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const bytes = transmitter.step(quiet && steps === 0);
      if (bytes === undefined) return this.#autoPoll();
      wire += bytes * NS_PER_BYTE;
      if (wire >= BURST_NS) break;
    }
    this.#alarm.set(this.#host.clock.now() + Math.max(wire, DEMAND_NS));
  }

  /** The pending alarm is the chip's own poll. Saved states take it for a demand, which differs by one cause at most. */
  #autoPolling = false;

  #autoPoll(): void {
    const period = AUTO_POLL_NS[(this.csr0 & BusMode.AutoPoll) >>> 17]!;
    if (period === 0 || !this.transmitter.poll()) return;
    this.#autoPolling = true;
    this.transmitter.suspend();
    this.#alarm.set(this.#host.clock.now() + period);
  }

  #masterAbort(): void {
    if (this.busFault) return;
    this.busFault = true;
    this.errorCode = ERROR_MASTER_ABORT;
    this.config[STATUS_HIGH]! |= RECEIVED_MASTER_ABORT;
    this.#raise(Status.FatalBusError);
  }

  // ---- interrupts ------------------------------------------------------------------------------------------------

  #raise(causes: number): void {
    this.causes |= causes;
    this.#updateLine();
  }

  #summaries(): number {
    const enabled = this.causes & this.csr7;
    return (
      (enabled & NORMAL_CAUSES ? Status.NormalSummary : 0) | (enabled & ABNORMAL_CAUSES ? Status.AbnormalSummary : 0)
    );
  }

  #updateLine(): void {
    this.#options.irq.set((this.#summaries() & this.csr7) !== 0);
  }

  // ---- registers -------------------------------------------------------------------------------------------------

  #readPart(offset: number, size: AccessSize): number {
    const value = this.readCsr((offset >> 3) & 15, (offset & 7) >= 4);
    return size === 4 ? value : (value >>> (8 * (offset & 3))) & (size === 2 ? 0xffff : 0xff);
  }

  #writePart(offset: number, size: AccessSize, value: number): void {
    if (size === 4) {
      if ((offset & 7) < 4) this.writeCsr((offset >> 3) & 15, value);
    } else {
      this.#host.log.guestError(this.name, `partial write of CSR${(offset >> 3) & 15}`);
    }
  }

  /** @param gap the longword after the register, where nothing is */
  readCsr(index: number, gap = false): number {
    if (gap) return 0xffffffff;
    const { receiver } = this;
    switch (index) {
      case 0:
        return (CSR0_ONES | this.csr0) >>> 0;
      case 3:
        return receiver.base;
      case 4:
        return this.transmitter.base;
      case 5:
        return this.#readStatus();
      case 6:
        return (CSR6_ONES | (this.csr6 & ~this.#filterModeMask) | this.#filterMode()) >>> 0;
      case 7:
        return (CSR7_ONES | this.csr7) >>> 0;
      case 8: {
        const value = CSR8_ONES | (receiver.missedOverflow ? 1 << 16 : 0) | receiver.missed;
        receiver.missed = 0;
        receiver.missedOverflow = false;
        return value >>> 0;
      }
      case 9:
        return this.#readSerial();
      case 10:
        return this.csr10;
      case 11:
        return this.timer.read();
      case 12:
        return (CSR12_ONES | this.#readPins()) >>> 0;
      case 14:
        return CSR14_CONSTANT;
      case 15:
        return (CSR15_ONES | this.csr15) >>> 0;
      default:
        // CSR1, CSR2 and CSR13
        return 0xffffffff;
    }
  }

  writeCsr(index: number, value: number): void {
    switch (index) {
      case 0:
        if (value & BusMode.SoftwareReset) this.#softwareReset();
        this.csr0 = value & CSR0_WRITABLE;
        if (value & (BusMode.BigEndianBuffers | BusMode.DescriptorByteOrder))
          this.#host.log.unimplemented(this.name, 'big-endian mode');
        if (value & BusMode.AutoPoll) this.#demandTransmit();
        return;
      case 1:
        return this.#demandTransmit();
      case 2:
        if (this.receiver.poll()) this.#options.onReceiveReady();
        return;
      case 3:
        return this.receiver.setBase(value);
      case 4:
        return this.transmitter.setBase(value);
      case 5:
        this.causes &= ~(value & CSR5_CLEARABLE);
        return this.#updateLine();
      case 6:
        return this.#writeMode(value);
      case 7:
        this.csr7 = value & CSR7_WRITABLE;
        return this.#updateLine();
      case 9:
        return this.#writeSerial(value);
      case 10:
        this.csr10 = value & CSR10_WRITABLE;
        return;
      case 11:
        return this.timer.write(value, this.#tickNs());
      case 12:
        if (value & CSR12_DIRECTION) this.direction = value & 0xff;
        else this.pins = value & 0xff;
        return;
      case 15:
        this.csr15 = value & CSR15_WRITABLE;
    }
  }

  #readStatus(): number {
    const processes = (this.transmitter.state << 20) | (this.receiver.state << 17);
    return (CSR5_ONES | (this.errorCode << 23) | processes | this.#summaries() | this.causes) >>> 0;
  }

  readonly #filterModeMask = Mode.HashPerfect | Mode.HashOnly | Mode.InverseFiltering;

  /** CSR6 shows which kind of setup frame came last. */
  #filterMode(): number {
    switch (this.filter.type) {
      case FilterType.HashPerfect:
        return Mode.HashPerfect;
      case FilterType.HashOnly:
        return Mode.HashPerfect | Mode.HashOnly;
      case FilterType.InversePerfect:
        return Mode.InverseFiltering;
      default:
        return 0;
    }
  }

  #writeMode(value: number): void {
    this.csr6 = (value & CSR6_WRITABLE) >>> 0;
    if (value & Mode.StartReceive) {
      this.receiver.start();
      if (this.receiver.ready) this.#options.onReceiveReady();
    } else {
      this.receiver.stop();
    }
    if (value & Mode.StartTransmit) {
      this.transmitter.start();
      this.#demandTransmit();
    } else {
      this.transmitter.stop();
      this.#alarm.cancel();
    }
  }

  /** Nanoseconds of a timer tick: 2048 clocks of 25 MHz at 100 Mbit/s, of 2.5 MHz at 10. */
  #tickNs(): number {
    const fast = (this.csr6 & Mode.PortSelect) !== 0 && (this.csr6 & Mode.TransmitThreshold10) === 0;
    return fast ? 81_920 : 819_200;
  }

  #readPins(): number {
    const inputs = this.#linked ? 0xff : 0xff & ~(1 << LINK_PIN);
    return (this.pins & this.direction) | (inputs & ~this.direction);
  }

  #readSerial(): number {
    let data = 0xff; // also what an absent boot ROM reads as
    if (this.csr9 & Serial.RomSelect) {
      data = (data & ~Serial.RomDataOut) | (this.eeprom.output ? Serial.RomDataOut : 0);
    }
    const line = this.csr9 & Serial.ManagementRead ? this.phy.output : (this.csr9 & Serial.ManagementDataOut) !== 0;
    return CSR9_ONES + this.csr9 + data + (line ? Serial.ManagementDataIn : 0);
  }

  #writeSerial(value: number): void {
    this.csr9 = value & CSR9_WRITABLE;
    const selected = (value & Serial.RomSelect) !== 0;
    this.eeprom.drive(
      selected && (value & Serial.RomChipSelect) !== 0,
      selected && (value & Serial.RomClock) !== 0,
      (value & Serial.RomDataIn) !== 0,
    );
    const listening = (value & Serial.ManagementRead) !== 0;
    this.phy.drive(
      (value & Serial.ManagementClock) !== 0,
      listening ? undefined : (value & Serial.ManagementDataOut) !== 0,
    );
  }
}
