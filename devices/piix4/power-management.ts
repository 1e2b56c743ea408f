/**
 * Intel 82371AB (PIIX4) function 3: power management and SMBus (8086:7113).
 *
 * Data sheet: Intel 82371AB, 290562, chapters 7 (registers), 11 (power management) and 12 (SMBus).
 * Models: placement of the register blocks, PM1 status/enable/control with SCI, the 24-bit PM timer, general purpose
 * events, soft off, the power button, ACPI enable and disable through the SMI command port.
 * Does not model: SMM and SMI#, device traps and idle timers (DEVACT, DEVRES are storage), clock control (reading P_LVL2/3
 * does nothing), sleep states other than soft off: a request for one wakes at once.
 */
import type { AccessSize, BusRegion } from '../bus.ts';
import type { Alarm } from '../clock.ts';
import { ResetCause } from '../device.ts';
import type { Device, DeviceHost } from '../device.ts';
import type { LevelSource } from '../interrupt-line.ts';
import type { PciRange, RangeChange } from '../pci.ts';
import { PciFunction } from '../pci.ts';
import type { StateDeclaration } from '../state.ts';
import { SmbusHost } from './smbus.ts';

const PMBASE = 0x40;
const DEVACTB = 0x58;
const PMREGMISC = 0x80;
const SMBBASE = 0x90;
const SMBHSTCFG = 0xd2;

/** Offsets from PMBASE. */
const Pm = {
  PMSTS: 0x00,
  PMEN: 0x02,
  PMCNTRL: 0x04,
  PMTMR: 0x08,
  GPSTS: 0x0c,
  GPEN: 0x0e,
  P_LVL2: 0x14,
  P_LVL3: 0x15,
  GLBSTS: 0x18,
  DEVSTS: 0x1c,
  GLBCTL: 0x28,
  GPI: 0x30,
  GPO: 0x34,
} as const;

/** PMSTS and PMEN bits. */
const TMROF = 0x0001;
const GBL = 0x0020;
const PWRBTN = 0x0100;
const RTC = 0x0400;
const RSM = 0x8000;
/** PMCNTRL bits. */
const SCI_EN = 0x0001;
const SUS_EN = 0x2000;
const SOFT_OFF = 0;

const ACPI_ENABLE = 0xf1;
const ACPI_DISABLE = 0xf0;

/** The timer counts 315/88 MHz = 3.579545 MHz. */
const TICKS_PER_NANOSECOND = 315 / 88_000;
const HALF_PERIOD_TICKS = 0x800000;

export interface PowerManagementOptions {
  /** This function's share of the SCI: the level line of IRQ 9. */
  readonly sci: LevelSource;
  /** SMBus interrupts, where SMBHSTCFG routes them to IRQ 9; left out, they go nowhere. */
  readonly smbusInterrupt?: LevelSource;
  /** The guest asked for soft off (SUS_EN with SUS_TYP 0). Called from inside the port write. */
  onPowerOff(): void;
  /** A second address at which the power management block answers while it is enabled; `relocate` sets it too. */
  readonly aliasBase?: number;
}

export class Piix4PowerManagement extends PciFunction implements Device {
  readonly name = 'piix4.pm';
  readonly state: StateDeclaration;
  readonly #host: DeviceHost;
  readonly #options: PowerManagementOptions;
  readonly #block: BusRegion;
  readonly #alias: BusRegion;
  readonly #smbus: SmbusHost;
  readonly #overflow: Alarm;
  /** Power management registers by offset, little endian; the timer is computed. */
  readonly registers = new Uint8Array(64);
  /** 0: no alias. */
  aliasBase = 0;
  /** Half periods of the timer already turned into TMROF_STS. */
  overflows = 0;

  constructor(host: DeviceHost, options: PowerManagementOptions) {
    super({ vendor: 0x8086, device: 0x7113, revision: 2, classCode: 0x068000, interruptPin: 1 });
    this.#host = host;
    this.#options = options;
    const { writable } = this;
    writable[0x04] = 0x01;
    this.clearable[0x07] = 0x78;
    writable[0x3c] = 0xff;
    writable.set([0xc0, 0xff], PMBASE);
    writable.fill(0xff, 0x44, DEVACTB + 4); // CNTA, CNTB, GPICTL, DEVRESD, DEVACTA, DEVACTB
    writable.fill(0xff, 0x5c, 0x7c); // DEVRES
    writable[PMREGMISC] = 0x01;
    writable.set([0xf0, 0xff], SMBBASE);
    writable[SMBHSTCFG] = 0x0f;
    writable.fill(0xff, 0xd3, 0xd6); // SMBSLVC, SMBSHDW1, SMBSHDW2
    const block = (name: string): BusRegion => ({
      name,
      length: 64,
      widest: 4,
      read: (offset, size) => this.#read(offset, size),
      write: (offset, size, value) => this.#write(offset, size, value),
    });
    this.#block = block('PIIX4 power management');
    this.#alias = block('PIIX4 power management (second address)');
    this.#overflow = host.clock.alarm('piix4.pm timer overflow', () => this.#timerOverflow());
    this.#smbus = new SmbusHost(host.clock, () => this.#updateSmbusInterrupt());
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'config', type: { bytes: 256 } },
        { name: 'registers', type: { bytes: 64 } },
        { name: 'aliasBase', type: 'u16' },
        { name: 'overflows', type: 'f64' },
        { name: 'smbus', type: { record: this.#smbus.fields } },
      ],
      loaded: () => {
        this.#smbus.loaded();
        this.#armOverflow();
        this.#updateSci();
        this.#updateSmbusInterrupt();
      },
    };
    this.#defaults();
  }

  /** The SMBus host controller, exposed for the state declaration. */
  get smbus(): SmbusHost {
    return this.#smbus;
  }

  #defaults(): void {
    const { config, registers } = this;
    config[0x06] = 0x80;
    config[0x07] = 0x02;
    config[PMBASE] = 0x01;
    config[SMBBASE] = 0x01;
    registers.fill(0);
    registers.fill(0xff, Pm.GPI, Pm.GPI + 3); // inputs are pulled up
    registers.set([0xff, 0xbf, 0xff, 0x7f], Pm.GPO);
    this.aliasBase = this.#options.aliasBase ?? 0;
    this.overflows = this.#halfPeriods();
    this.#armOverflow();
  }

  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.resetConfig();
    this.#defaults();
    this.#smbus.reset();
    this.#updateSci();
    this.#updateSmbusInterrupt();
  }

  override ranges(): PciRange[] {
    const enabled = (this.config[PMREGMISC]! & 1) !== 0;
    const pmBase = enabled ? this.#base(PMBASE) : undefined;
    const alias = enabled && this.aliasBase !== pmBase ? this.aliasBase || undefined : undefined;
    const smbus = this.config[SMBHSTCFG]! & this.config[0x04]! & 1 ? this.#base(SMBBASE) : undefined;
    return [
      { kind: 'io', region: this.#block, at: pmBase },
      { kind: 'io', region: this.#alias, at: alias },
      { kind: 'io', region: this.#smbus.region, at: smbus },
    ];
  }

  #base(register: number): number | undefined {
    return (this.config[register]! & 0xfe) | (this.config[register + 1]! << 8) || undefined;
  }

  override writeConfig(offset: number, size: AccessSize, value: number): RangeChange[] {
    const changes = super.writeConfig(offset, size, value);
    this.#updateSmbusInterrupt();
    return changes;
  }

  /**
   * Firmware handover: places both blocks at the addresses the ACPI tables name and enables them. The address that the
   * firmware had chosen for the power management block stays decoded, because its run-time services keep reading the
   * timer there. Call `PciBus.settle` afterwards.
   * @param pmBase multiple of 64
   * @param smbBase multiple of 16
   */
  relocate(pmBase: number, smbBase: number): void {
    const { config } = this;
    if (config[PMREGMISC]! & 1) this.aliasBase = this.#base(PMBASE) ?? this.aliasBase;
    config.set([(pmBase & 0xc0) | 1, pmBase >> 8], PMBASE);
    config.set([(smbBase & 0xf0) | 1, smbBase >> 8], SMBBASE);
    config[0x04]! |= 1;
    config[PMREGMISC]! |= 1;
    config[SMBHSTCFG]! |= 1;
  }

  /** The SMI command port B2h was written: carries out ACPI enable (F1h) and disable (F0h), ignores the rest. */
  smiCommand(value: number): void {
    if (value === ACPI_ENABLE) this.#put16(Pm.PMCNTRL, this.#get16(Pm.PMCNTRL) | SCI_EN);
    else if (value === ACPI_DISABLE) this.#put16(Pm.PMCNTRL, this.#get16(Pm.PMCNTRL) & ~SCI_EN);
    else return;
    this.#updateSci();
  }

  /**
   * Presses the power button for a moment.
   * @returns whether an operating system that handles the button is told (ACPI mode with the button enabled)
   */
  pressPowerButton(): boolean {
    this.#raise(PWRBTN);
    return (this.#get16(Pm.PMCNTRL) & SCI_EN) !== 0 && (this.#get16(Pm.PMEN) & PWRBTN) !== 0;
  }

  /** The RTC alarm line went active (RTC_STS). */
  rtcAlarm(): void {
    this.#raise(RTC);
  }

  #raise(status: number): void {
    this.#put16(Pm.PMSTS, this.#get16(Pm.PMSTS) | status);
    this.#updateSci();
  }

  #get16(offset: number): number {
    return this.registers[offset]! | (this.registers[offset + 1]! << 8);
  }

  #put16(offset: number, value: number): void {
    this.registers[offset] = value;
    this.registers[offset + 1] = value >> 8;
  }

  #updateSci(): void {
    const enabled = (this.#get16(Pm.PMCNTRL) & SCI_EN) !== 0;
    const fixed = this.#get16(Pm.PMSTS) & this.#get16(Pm.PMEN) & (TMROF | GBL | PWRBTN | RTC);
    const general = this.#get16(Pm.GPSTS) & this.#get16(Pm.GPEN);
    this.#options.sci.set(enabled && (fixed | general) !== 0);
  }

  #updateSmbusInterrupt(): void {
    const toIrq9 = (this.config[SMBHSTCFG]! & 0x0e) === 0x08;
    this.#options.smbusInterrupt?.set(toIrq9 && this.#smbus.interrupting);
  }

  #ticks(): number {
    return Math.floor(this.#host.clock.now() * TICKS_PER_NANOSECOND);
  }

  #halfPeriods(): number {
    return Math.floor(this.#ticks() / HALF_PERIOD_TICKS);
  }

  #armOverflow(): void {
    // Rounded up, so that the count has certainly passed the half period when the alarm goes off.
    this.#overflow.set(Math.ceil(((this.overflows + 1) * HALF_PERIOD_TICKS) / TICKS_PER_NANOSECOND) + 1);
  }

  /** TMROF_STS is set whenever bit 23 of the timer changes, every 2.343 s. */
  #timerOverflow(): void {
    const halfPeriods = this.#halfPeriods();
    if (halfPeriods > this.overflows) {
      this.overflows = halfPeriods;
      this.#raise(TMROF);
    }
    this.#armOverflow();
  }

  #read(offset: number, size: AccessSize): number {
    if (offset === Pm.PMTMR && size === 4) return this.#ticks() % 0x1000000;
    if (offset < 2) this.#timerOverflow();
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  #readByte(offset: number): number {
    if (offset >= Pm.PMTMR && offset < Pm.PMTMR + 4) {
      return ((this.#ticks() % 0x1000000) >>> (8 * (offset - Pm.PMTMR))) & 0xff;
    }
    return this.registers[offset & 63]!;
  }

  #write(offset: number, size: AccessSize, value: number): void {
    this.#timerOverflow();
    for (let i = 0; i < size && offset + i < 64; i++) this.#writeByte(offset + i, (value >>> (8 * i)) & 0xff);
    this.#updateSci();
  }

  #writeByte(offset: number, value: number): void {
    const { registers } = this;
    switch (offset & ~1) {
      case Pm.PMSTS:
      case Pm.GPSTS:
      case Pm.GLBSTS:
      case Pm.DEVSTS:
      case Pm.DEVSTS + 2:
        registers[offset]! &= ~value; // written with 1 to clear
        return;
      case Pm.PMCNTRL:
        this.#writeControl(offset & 1, value);
        return;
      case Pm.PMTMR:
      case Pm.PMTMR + 2:
      case Pm.P_LVL2:
      case Pm.GPI:
        return;
      case Pm.GLBCTL:
        // BIOS_RLS, written by SMM firmware, tells the operating system that the global lock is free.
        if (offset === Pm.GLBCTL && value & 0x02) this.#put16(Pm.PMSTS, this.#get16(Pm.PMSTS) | GBL);
        registers[offset] = offset === Pm.GLBCTL ? value & ~0x02 : value;
        return;
      default:
        if (offset !== Pm.GPI + 2) registers[offset] = value;
    }
  }

  #writeControl(high: number, value: number): void {
    if (!high) {
      this.registers[Pm.PMCNTRL] = value & 0x03; // GBL_RLS (bit 2) is write-only
      return;
    }
    this.registers[Pm.PMCNTRL + 1] = value & 0x1c; // SUS_EN is write-only
    if (!((value << 8) & SUS_EN)) return;
    const type = (value >> 2) & 7;
    if (type === SOFT_OFF) {
      this.#options.onPowerOff();
      return;
    }
    // The operating system waits for RSM_STS after it has asked for sleep.
    this.#host.log.unimplemented(this.name, 'sleep state, SUS_TYP', type);
    this.#put16(Pm.PMSTS, this.#get16(Pm.PMSTS) | RSM);
  }
}
