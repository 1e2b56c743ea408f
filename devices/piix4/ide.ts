/**
 * Intel 82371AB (PIIX4) function 1: IDE interface with bus master (8086:7111).
 *
 * Data sheet: Intel 82371AB, 290562, chapter 5; SFF-8038i 1.0.
 * Models: both channels at their legacy ports with decode enables, the bus master registers, storage of the timing registers.
 * Does not model: timing of PIO and Ultra DMA cycles, prefetch and posting, native mode (the part has none).
 */
import type { AccessSize, BusRegion, DmaMemory } from '../bus.ts';
import type { Device, DeviceHost } from '../device.ts';
import { ResetCause } from '../device.ts';
import { IdeChannel } from '../ide/channel.ts';
import type { IdeDrive } from '../ide/drive.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { PciRange, RangeChange } from '../pci.ts';
import { PciFunction } from '../pci.ts';
import type { StateDeclaration } from '../state.ts';
import { BusMasterChannel } from './bus-master.ts';

const COMMAND = 0x04;
const IO_ENABLE = 0x01;
const BUS_MASTER_ENABLE = 0x04;
const BMIBA = 4;
const IDETIM = [0x40, 0x42] as const;
const DECODE_ENABLE = 0x80;
const COMMAND_BLOCK = [0x1f0, 0x170] as const;
const CONTROL_BLOCK = [0x3f6, 0x376] as const;

export interface Piix4IdeOptions {
  readonly memory: DmaMemory;
  /** Interrupt inputs of the primary (IRQ 14) and secondary channel (IRQ 15). */
  readonly irq: readonly [EdgeLine, EdgeLine];
}

export class Piix4Ide extends PciFunction implements Device {
  readonly name = 'piix4.ide';
  readonly state: StateDeclaration;
  readonly primary: IdeChannel;
  readonly secondary: IdeChannel;
  readonly busMaster0: BusMasterChannel;
  readonly busMaster1: BusMasterChannel;

  constructor(host: DeviceHost, options: Piix4IdeOptions) {
    // The bus master region needs the channels, and the channels need `this`; the tuple is filled below, before any access.
    const masters: BusMasterChannel[] = [];
    const bmRegion: BusRegion = {
      name: 'PIIX4 bus master IDE',
      length: 16,
      read: (offset) => masters[offset >> 3]!.region.read(offset & 7, 1),
      write: (offset, _size, value) => masters[offset >> 3]!.region.write(offset & 7, 1, value),
    };
    super({ vendor: 0x8086, device: 0x7111, revision: 1, classCode: 0x010180 }, [
      ...new Array<undefined>(BMIBA).fill(undefined),
      { kind: 'io', region: bmRegion },
    ]);
    const channel = (index: 0 | 1): IdeChannel => {
      const name = `ide${index}`;
      const master = new BusMasterChannel(name, {
        clock: host.clock,
        memory: options.memory,
        mayMaster: () => (this.config[COMMAND]! & BUS_MASTER_ENABLE) !== 0,
        drive: () => result.selected,
      });
      masters.push(master);
      const result = new IdeChannel(name, {
        irq: {
          set: (high) => {
            master.setInterruptLine(high);
            options.irq[index].set(high);
          },
        },
        onDmaRequest: () => master.schedule(),
      });
      return result;
    };
    this.primary = channel(0);
    this.secondary = channel(1);
    this.busMaster0 = masters[0]!;
    this.busMaster1 = masters[1]!;

    const { writable } = this;
    writable[COMMAND] = IO_ENABLE | BUS_MASTER_ENABLE;
    this.clearable[0x07] = 0x38;
    writable[0x0d] = 0xf0; // master latency timer
    writable.fill(0xff, 0x40, 0x44); // IDETIM
    writable[0x44] = 0xff; // SIDETIM
    writable[0x48] = 0x0f; // UDMACTL
    writable[0x4a] = 0x33; // UDMATIM
    writable[0x4b] = 0x33;
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'config', type: { bytes: 256 } },
        { name: 'busMaster0', type: { record: this.busMaster0.fields } },
        { name: 'busMaster1', type: { record: this.busMaster1.fields } },
      ],
    };
    this.#defaults();
  }

  #defaults(): void {
    this.config[0x06] = 0x80;
    this.config[0x07] = 0x02;
  }

  channel(index: 0 | 1): IdeChannel {
    return index === 0 ? this.primary : this.secondary;
  }

  /**
   * Everything with a state of its own behind this function: channels and drives. Load these before the function itself,
   * and the interrupt controllers after all: a half-loaded channel may move its interrupt line.
   */
  devices(): Device[] {
    const drives: (IdeDrive | undefined)[] = [0, 1].flatMap((c) => {
      const channel = this.channel(c as 0 | 1);
      return [channel.drive(0), channel.drive(1)];
    });
    return [this.primary, this.secondary, ...drives.filter((drive) => drive !== undefined)];
  }

  /** Resets the function itself; `devices()` are reset by the board. */
  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.resetConfig();
    this.#defaults();
    this.busMaster0.reset();
    this.busMaster1.reset();
  }

  override ranges(): PciRange[] {
    const io = (this.config[COMMAND]! & IO_ENABLE) !== 0;
    const legacy = ([0, 1] as const).flatMap((index): PciRange[] => {
      const decoded = io && (this.config[IDETIM[index] + 1]! & DECODE_ENABLE) !== 0;
      const { commandBlock, controlBlock } = this.channel(index);
      return [
        { kind: 'io', region: commandBlock, at: decoded ? COMMAND_BLOCK[index] : undefined },
        { kind: 'io', region: controlBlock, at: decoded ? CONTROL_BLOCK[index] : undefined },
      ];
    });
    return [...super.ranges(), ...legacy];
  }

  override writeConfig(offset: number, size: AccessSize, value: number): RangeChange[] {
    const changes = super.writeConfig(offset, size, value);
    // A transfer may have waited for the permission to master the bus.
    this.busMaster0.schedule();
    this.busMaster1.schedule();
    return changes;
  }
}
