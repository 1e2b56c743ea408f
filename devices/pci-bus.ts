/**
 * PCI bus 0 behind configuration mechanism 1 (CONFIG_ADDRESS CF8h, CONFIG_DATA CFCh).
 *
 * Data sheets: Intel 82443BX (290633) section 3.1, PCI Local Bus Specification 2.1 section 3.7.4.1.
 * Models: double-word CONFIG_ADDRESS, byte lanes of CONFIG_DATA, absent functions (all ones), placement of the ranges that
 * functions decode, the byte at CF9h handed to the south bridge.
 * Does not model: configuration mechanism 2, buses behind bridges, special cycles, parity and system errors.
 */
import type { AccessSize, BusRegion } from './bus.ts';
import type { Device } from './device.ts';
import type { PciFunction, RangeChange } from './pci.ts';
import type { StateDeclaration } from './state.ts';

const ENABLE = 0x80000000;
const CONFIG_DATA = 4;
const RESET_CONTROL = 1;

export interface PciBusOptions {
  /** Maps, moves or unmaps a range; called whenever what a function decodes has changed. Ranges may overlap: guests do that. */
  place(change: RangeChange): void;
  /** The one-byte reset control register at CF9h (PIIX4 `resetControl`); only byte accesses reach it. */
  readonly resetControl?: BusRegion;
}

const allOnes = (size: AccessSize): number => 0xffffffff >>> (32 - 8 * size);

/**
 * The bus keeps what it has placed apart from what the functions decode, so `settle` can bring the two together after
 * anything: reset and load this device after the functions on it.
 */
export class PciBus implements Device {
  readonly name = 'pci-bus';
  /** Ports CF8h-CFFh. */
  readonly region: BusRegion;
  readonly state: StateDeclaration;
  configAddress = 0;
  readonly #options: PciBusOptions;
  readonly #functions = new Map<number, PciFunction>();
  readonly #placed = new Map<BusRegion, number>();

  constructor(options: PciBusOptions) {
    this.#options = options;
    this.region = {
      name: 'PCI configuration mechanism 1',
      length: 8,
      widest: 4,
      read: (offset, size) => this.#read(offset, size),
      write: (offset, size, value) => this.#write(offset, size, value),
    };
    this.state = {
      target: this,
      version: 1,
      fields: [{ name: 'configAddress', type: 'u32' }],
      loaded: () => this.settle(),
    };
  }

  /**
   * Plugs a function in.
   * @param slot device number 0-31
   * @param number function number 0-7
   * @throws RangeError if the place is taken or does not exist
   */
  add(slot: number, number: number, pciFunction: PciFunction): void {
    const key = (slot << 3) | number;
    if (!(slot >= 0 && slot < 32 && number >= 0 && number < 8)) throw new RangeError(`no PCI slot ${slot}.${number}`);
    if (this.#functions.has(key)) throw new RangeError(`PCI slot ${slot}.${number} is taken`);
    this.#functions.set(key, pciFunction);
    this.settle();
  }

  /** The function in a slot, for firmware tables and debuggers. */
  at(slot: number, number: number): PciFunction | undefined {
    return this.#functions.get((slot << 3) | number);
  }

  reset(): void {
    this.configAddress = 0;
    this.settle();
  }

  /** Places every range where its function decodes it now; needed after state was changed other than by `writeConfig`. */
  settle(): void {
    const moves: RangeChange[] = [];
    for (const pciFunction of this.#functions.values()) {
      for (const { kind, region, at } of pciFunction.ranges()) {
        const from = this.#placed.get(region);
        if (from !== at) moves.push({ kind, region, from, to: at });
      }
    }
    this.#apply(moves);
  }

  #apply(changes: readonly RangeChange[]): void {
    for (const change of changes) {
      if (change.to === undefined) this.#placed.delete(change.region);
      else this.#placed.set(change.region, change.to);
      this.#options.place(change);
    }
  }

  /** The function and register that CONFIG_ADDRESS selects, if bit 31 is set and the function exists on bus 0. */
  #selected(): PciFunction | undefined {
    const address = this.configAddress;
    if (!(address & ENABLE) || address & 0xff0000) return undefined;
    return this.#functions.get((address >>> 8) & 0xff);
  }

  #read(offset: number, size: AccessSize): number {
    if (offset >= CONFIG_DATA) {
      const register = (this.configAddress & 0xfc) | (offset & 3);
      return this.#selected()?.readConfig(register, size) ?? allOnes(size);
    }
    if (offset === 0 && size === 4) return this.configAddress;
    if (offset === RESET_CONTROL && size === 1) return this.#options.resetControl?.read(0, 1) ?? 0xff;
    return allOnes(size);
  }

  #write(offset: number, size: AccessSize, value: number): void {
    if (offset >= CONFIG_DATA) {
      const register = (this.configAddress & 0xfc) | (offset & 3);
      this.#apply(this.#selected()?.writeConfig(register, size, value) ?? []);
    } else if (offset === 0 && size === 4) {
      this.configAddress = (value & 0x80fffffc) >>> 0;
    } else if (offset === RESET_CONTROL && size === 1) {
      this.#options.resetControl?.write(0, 1, value);
    }
  }
}
