/**
 * Intel 82371AB (PIIX4) function 0: PCI-to-ISA bridge (8086:7110).
 *
 * Data sheet: Intel 82371AB, 290562, sections 4.1 (configuration) and 4.2 (APM, reset control).
 * Models: PIRQ routing, APM control and status ports, the reset control register, storage of chip selects and options.
 * Does not model: DMA channels behind distributed or PC/PCI DMA, serial IRQ, positive/subtractive decode of the X-bus
 * devices (the board always maps them), recovery times. System management mode: an SMI command is a callback, and the
 * status port reads as if the handler had run.
 */
import type { AccessSize, BusRegion } from '../bus.ts';
import { ResetCause } from '../device.ts';
import type { Device } from '../device.ts';
import { LevelLine } from '../interrupt-line.ts';
import type { LevelSource } from '../interrupt-line.ts';
import type { RangeChange } from '../pci.ts';
import { PciFunction } from '../pci.ts';
import type { StateDeclaration } from '../state.ts';

const PIRQRC = 0x60;
const XBCS = 0x4e;
const RTCCFG = 0xcb;
/** IRQs a PIRQ may be routed to (PIRQRC bits 3-0); the other codes are reserved and route nowhere. */
const ROUTABLE = 0b1101_1110_1111_1000;

export interface IsaBridgeOptions {
  /** Interrupt controller inputs 0-15; those that no PIRQ may reach may be left out. */
  readonly irq: readonly (LevelLine | undefined)[];
  /** A byte written to the APM control port B2h (would raise SMI#). */
  onSmiCommand(value: number): void;
  /** A reset by the reset control register CF9h: Hard (SRST set) or Soft (INIT of the processor). */
  onReset(cause: ResetCause): void;
}

export class Piix4IsaBridge extends PciFunction implements Device {
  readonly name = 'piix4.isa';
  readonly state: StateDeclaration;
  /** Ports B2h (APMC) and B3h (APMS). */
  readonly apm: BusRegion;
  /** Port CF9h, one byte; handed to the PCI bus, which owns CF8h-CFFh. */
  readonly resetControl: BusRegion;
  apmControl = 0;
  apmStatus = 0;
  resetRegister = 0;
  readonly #options: IsaBridgeOptions;
  readonly #pirqs: readonly LevelLine[];
  /** `#wires[pirq][irq]`: this PIRQ's driver on that interrupt input. */
  readonly #wires: readonly (LevelSource | undefined)[][];

  constructor(options: IsaBridgeOptions) {
    super({ vendor: 0x8086, device: 0x7110, revision: 1, classCode: 0x060100, multifunction: true });
    this.#options = options;
    const { writable } = this;
    writable[0x04] = 0x08; // special cycles; I/O, memory and master enable are wired to 1
    writable[0x05] = 0x01;
    this.clearable[0x07] = 0x78;
    writable[0x4c] = 0x7f; // IORT
    writable[XBCS] = 0xff;
    writable[0x4f] = 0x07;
    writable.fill(0x8f, PIRQRC, PIRQRC + 4);
    writable[0x64] = 0xff; // SERIRQC
    writable[0x69] = 0xfe; // TOM
    writable[0x6a] = 0xff; // MSTAT
    writable[0x6b] = 0x80;
    writable.fill(0x8f, 0x76, 0x78); // MBDMA
    writable[0x80] = 0x7f; // APICBASE, no I/O APIC behind it
    writable[0x82] = 0x0f; // DLC
    writable.fill(0xff, 0x90, 0x96); // PDMACFG, DDMABP
    writable.fill(0xff, 0xb0, 0xb4); // GENCFG
    writable[RTCCFG] = 0x3d;
    this.#pirqs = [0, 1, 2, 3].map((n) => new LevelLine(() => this.#route(n)));
    this.#wires = this.#pirqs.map(() =>
      options.irq.map((line, n) => (ROUTABLE & (1 << n) ? line?.source() : undefined)),
    );
    this.apm = {
      name: 'PIIX4 APM',
      length: 2,
      read: (offset) => (offset === 0 ? this.apmControl : this.apmStatus),
      write: (offset, _size, value) => this.#writeApm(offset, value),
    };
    this.resetControl = {
      name: 'PIIX4 reset control',
      length: 1,
      read: () => this.resetRegister,
      write: (_offset, _size, value) => this.#writeResetControl(value),
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'config', type: { bytes: 256 } },
        { name: 'apmControl', type: 'u8' },
        { name: 'apmStatus', type: 'u8' },
        { name: 'resetRegister', type: 'u8' },
      ],
      loaded: () => this.#routeAll(),
    };
    this.#defaults();
  }

  #defaults(): void {
    const { config } = this;
    config[0x04] = 0x07;
    config[0x06] = 0x80; // fast back-to-back
    config[0x07] = 0x02; // medium DEVSEL#
    config[0x4c] = 0x4d;
    config[XBCS] = 0x03;
    config.fill(0x80, PIRQRC, PIRQRC + 4);
    config[0x64] = 0x10;
    config[0x69] = 0x02;
    config[0x76] = 0x04;
    config[0x77] = 0x04;
    config[RTCCFG] = 0x21;
  }

  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.resetConfig();
    this.#defaults();
    this.apmControl = 0;
    this.apmStatus = 0;
    this.resetRegister = 0;
    this.#routeAll();
  }

  /** PIRQA#-PIRQD# (0-3): a wired-OR that the board connects to the INTx# pins of the slots. */
  pirq(number: 0 | 1 | 2 | 3): LevelLine {
    return this.#pirqs[number]!;
  }

  /** IRQ that a PIRQ is routed to, or `undefined` if its routing is off. */
  routeOf(number: number): number | undefined {
    const route = this.config[PIRQRC + number]!;
    const irq = route & 0x0f;
    return route & 0x80 || !(ROUTABLE & (1 << irq)) ? undefined : irq;
  }

  /** Whether ports 72h/73h reach the upper 128 bytes of CMOS memory (RTCCFG bit 2). */
  get upperCmosEnabled(): boolean {
    return (this.config[RTCCFG]! & 0x04) !== 0;
  }

  /** Whether writes to the firmware hub are let through (XBCS bit 2). */
  get biosWriteEnabled(): boolean {
    return (this.config[XBCS]! & 0x04) !== 0;
  }

  override writeConfig(offset: number, size: AccessSize, value: number): RangeChange[] {
    const changes = super.writeConfig(offset, size, value);
    this.#routeAll();
    return changes;
  }

  #routeAll(): void {
    for (let n = 0; n < 4; n++) this.#route(n);
  }

  /** Releases before it asserts, so moving an active PIRQ gives the new input a clean edge. */
  #route(pirq: number): void {
    const target = this.#pirqs[pirq]!.asserted ? this.routeOf(pirq) : undefined;
    const wires = this.#wires[pirq];
    if (!wires) return;
    wires.forEach((wire, irq) => {
      if (irq !== target) wire?.set(false);
    });
    if (target !== undefined) wires[target]?.set(true);
  }

  #writeApm(offset: number, value: number): void {
    if (offset === 1) {
      this.apmStatus = value;
      return;
    }
    this.apmControl = value;
    // Firmware waits here for its SMI handler to clear the status port. Without SMM the command is carried out by the
    // board, and the status reads as the handler would have left it.
    this.apmStatus = 0;
    this.#options.onSmiCommand(value);
  }

  #writeResetControl(value: number): void {
    const rising = value & ~this.resetRegister & 0x04;
    this.resetRegister = value & 0x06;
    if (rising) this.#options.onReset(value & 0x02 ? ResetCause.Hard : ResetCause.Soft);
  }
}
