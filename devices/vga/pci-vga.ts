/**
 * The PCI function in front of the VGA core: S3 Trio64 identity, frame buffer behind one base address register.
 *
 * Source: S3 Trio32/Trio64 data book DB014-B, "PCI Configuration Space"; PCI Local Bus Specification 2.1, section 6.
 * Models: identification 5333:8811 revision 0, command register, one prefetchable memory range for the linear frame
 * buffer, and the legacy ranges, which answer only while the command register enables them.
 * Does not model: the expansion ROM register (the video BIOS comes with the firmware), palette snooping (the bit is
 * storage), and the coupling of the base address with the chip's own CR59/CR5A.
 */
import type { Device } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { AccessSize } from '../bus.ts';
import type { PciRange, RangeChange } from '../pci.ts';
import { PciFunction } from '../pci.ts';
import type { StateDeclaration } from '../state.ts';
import type { Vga } from './vga.ts';

const IDENTITY = { vendor: 0x5333, device: 0x8811, revision: 0, classCode: 0x030000, interruptPin: 1 } as const;

const COMMAND = 0x04;
const COMMAND_IO = 0x01;
const COMMAND_MEMORY = 0x02;
const COMMAND_BITS = 0x23;
const STATUS_HIGH = 0x07;
const DEVSEL_MEDIUM = 0x02;
const BAR0 = 0x10;
const BAR_PREFETCHABLE = 0x08;

/** The ranges of a VGA that have no base address register, as the command register enables them. */
export function legacyRanges(vga: Vga, command: number): PciRange[] {
  const io = command & COMMAND_IO;
  return [
    { kind: 'memory', region: vga.memory.window, at: command & COMMAND_MEMORY ? 0xa0000 : undefined },
    { kind: 'io', region: vga.monochromePorts, at: io ? 0x3b0 : undefined },
    { kind: 'io', region: vga.commonPorts, at: io ? 0x3c0 : undefined },
    { kind: 'io', region: vga.colorPorts, at: io ? 0x3d0 : undefined },
    { kind: 'io', region: vga.dispi.ports, at: io ? 0x1ce : undefined },
  ];
}

export class PciVga extends PciFunction implements Device {
  readonly name = 'vga-pci';
  readonly state: StateDeclaration;
  readonly #vga: Vga;

  constructor(vga: Vga) {
    super(IDENTITY, [{ kind: 'memory', region: vga.memory.linearFrameBuffer }]);
    this.#vga = vga;
    this.writable[COMMAND] = COMMAND_BITS;
    this.#defaults();
    this.state = {
      target: this,
      version: 1,
      fields: [{ name: 'config', type: { bytes: 256 } }],
      loaded: () => this.#decode(),
    };
  }

  override ranges(): PciRange[] {
    return [...super.ranges(), ...legacyRanges(this.#vga, this.config[COMMAND]!)];
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
    this.config[BAR0]! |= BAR_PREFETCHABLE;
    this.#decode();
  }

  #decode(): void {
    this.#vga.setMemoryDecoded((this.config[COMMAND]! & COMMAND_MEMORY) !== 0);
  }
}
