/**
 * PCI function of the S3 Trio64 (5333:8811, revision 00).
 *
 * Data sheet: S3 Trio32/Trio64 (DB014-B), section 11.1 "PCI Configuration Space Registers".
 * Models: identification, command register, one memory range of 8 MiB whose address is the same storage as CR59 and CR5A
 * (where memory shows inside it is the chip's affair), the legacy ranges and the accelerator's ports, interrupt pin A.
 * Does not model: the expansion ROM register (the video BIOS comes with the firmware), palette snooping (the bit is
 * storage), I/O decoding by parts.
 */
import type { Device } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { AccessSize, BusRegion } from '../bus.ts';
import type { PciRange, RangeChange } from '../pci.ts';
import { PciFunction } from '../pci.ts';
import type { StateDeclaration } from '../state.ts';
import { legacyRanges } from '../vga/pci-vga.ts';
import type { Trio64 } from './trio64.ts';
import { DEVICE_ID } from './trio64.ts';

const IDENTITY = { vendor: 0x5333, device: DEVICE_ID, revision: 0, classCode: 0x030000, interruptPin: 1 } as const;

const COMMAND = 0x04;
const COMMAND_IO = 0x01;
const COMMAND_MEMORY = 0x02;
const COMMAND_BITS = 0x23;
const STATUS_HIGH = 0x07;
const DEVSEL_MEDIUM = 0x02;
const BAR0 = 0x10;

/** Gives the base address register its size; the chip itself places what shows there. */
const APERTURE: BusRegion = {
  name: 's3-trio64 aperture',
  length: 8 << 20,
  widest: 4,
  read: (_offset, size) => 0xffffffff >>> (32 - 8 * size),
  write: () => {},
};

export class PciTrio64 extends PciFunction implements Device {
  readonly name = 's3-trio64-pci';
  readonly state: StateDeclaration;
  readonly #chip: Trio64;

  constructor(chip: Trio64) {
    super(IDENTITY, [{ kind: 'memory', region: APERTURE }]);
    this.#chip = chip;
    this.writable[COMMAND] = COMMAND_BITS;
    chip.onLinearBase = (high, low) => this.config.set([low, high], BAR0 + 2);
    this.#defaults();
    this.state = {
      target: this,
      version: 1,
      fields: [{ name: 'config', type: { bytes: 256 } }],
      loaded: () => this.#decode(),
    };
  }

  override ranges(): PciRange[] {
    const chip = this.#chip;
    const command = this.config[COMMAND]!;
    return [
      ...legacyRanges(chip, command),
      ...[...chip.controlPorts, ...chip.enginePorts.regions].map(({ base, region }): PciRange => ({
        kind: 'io',
        region,
        at: command & COMMAND_IO ? base : undefined,
      })),
    ];
  }

  override writeConfig(offset: number, size: AccessSize, value: number): RangeChange[] {
    const changes = super.writeConfig(offset, size, value);
    this.#decode();
    return changes;
  }

  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.resetConfig();
    this.#defaults();
  }

  #defaults(): void {
    this.config[STATUS_HIGH] = DEVSEL_MEDIUM;
    this.#decode();
  }

  #decode(): void {
    this.#chip.setMemoryDecoded((this.config[COMMAND]! & COMMAND_MEMORY) !== 0);
    this.#chip.setLinearBase(this.config[BAR0 + 3]!, this.config[BAR0 + 2]!);
  }
}
