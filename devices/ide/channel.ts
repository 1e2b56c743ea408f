/**
 * One IDE cable: the command and control block registers of a channel with up to two drives.
 *
 * Standards: ATA/ATAPI-5 (T13/1321D) clauses 7 and 9.16 (single device configurations).
 * Models: selection, registers written to both drives, INTRQ of the selected drive gated by nIEN, SRST, the answers of
 * an absent device 1 and of an empty cable.
 * Does not model: the drive address register (3F7h belongs to the floppy controller).
 */
import type { AccessSize, BusRegion } from '../bus.ts';
import type { StateDeclaration } from '../state.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { Device } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { IdeDrive } from './drive.ts';
import { DEVICE_SELECT, Register } from './drive.ts';

/** Device control register. */
const NIEN = 0x02;
const SRST = 0x04;
const HOB = 0x80;
const EXECUTE_DEVICE_DIAGNOSTIC = 0x90;

/** The command block, with the whole-block access that string instructions may use on the data register. */
export interface CommandBlock extends BusRegion {
  /** Reads up to `into.length` bytes of the block now offered; returns the count, 0 if there is none. */
  readData(into: Uint8Array): number;
  /** Writes up to `from.length` bytes of the block now demanded; returns the count taken, 0 if none is. */
  writeData(from: Uint8Array): number;
}

export interface ChannelHooks {
  /** INTRQ as the host adapter sees it. */
  readonly irq: EdgeLine;
  /** A drive asks for DMA. */
  onDmaRequest(): void;
}

export class IdeChannel implements Device {
  readonly name: string;
  readonly state: StateDeclaration;
  /** Eight ports, e.g. 1F0h-1F7h. */
  readonly commandBlock: CommandBlock;
  /** One port, e.g. 3F6h: device control (write), alternate status (read). */
  readonly controlBlock: BusRegion;
  control = 0;
  selectedUnit = 0;
  readonly #drives: [IdeDrive | undefined, IdeDrive | undefined] = [undefined, undefined];
  readonly #hooks: ChannelHooks;

  constructor(name: string, hooks: ChannelHooks) {
    this.name = name;
    this.#hooks = hooks;
    this.commandBlock = {
      name: `${name} command block`,
      length: 8,
      widest: 4,
      read: (offset, size) => this.#read(offset, size),
      write: (offset, size, value) => this.#write(offset, size, value),
      readData: (into) => this.selected?.readBlock(into) ?? 0,
      writeData: (from) => this.selected?.writeBlock(from) ?? 0,
    };
    this.controlBlock = {
      name: `${name} control block`,
      length: 1,
      read: () => this.#alternateStatus(),
      write: (_offset, _size, value) => this.#writeControl(value),
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'control', type: 'u8' },
        { name: 'selectedUnit', type: 'u8' },
      ],
      loaded: () => {
        this.selectedUnit &= 1;
        this.#updateInterrupt();
      },
    };
  }

  /**
   * Puts a drive on the cable.
   * @throws RangeError if the unit is taken
   */
  attach(unit: 0 | 1, drive: IdeDrive): void {
    if (this.#drives[unit]) throw new RangeError(`${this.name}: unit ${unit} is taken by ${this.#drives[unit]!.name}`);
    this.#drives[unit] = drive;
    drive.connect({
      interruptChanged: () => this.#updateInterrupt(),
      dmaRequested: () => this.#hooks.onDmaRequest(),
    });
  }

  drive(unit: 0 | 1): IdeDrive | undefined {
    return this.#drives[unit];
  }

  get selected(): IdeDrive | undefined {
    return this.#drives[this.selectedUnit];
  }

  /** The drives are devices of their own and reset themselves. */
  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.control = 0;
    this.selectedUnit = 0;
    this.#updateInterrupt();
  }

  #updateInterrupt(): void {
    this.#hooks.irq.set(!(this.control & NIEN) && (this.selected?.interrupt ?? false));
  }

  get #empty(): boolean {
    return !this.#drives[0] && !this.#drives[1];
  }

  #read(offset: number, size: AccessSize): number {
    if (offset === Register.Data) {
      if (this.selected) return this.selected.readData(size);
      return this.#empty ? 0xffffffff >>> (32 - 8 * size) : 0;
    }
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  /** An empty cable floats high; with one drive on it the other unit reads as zeros. */
  #readByte(register: number): number {
    const drive = this.selected;
    if (register > Register.Status || (!drive && this.#empty)) return 0xff;
    if (!drive) return 0;
    return register === Register.Status ? drive.readStatus() : drive.readRegister(register, (this.control & HOB) !== 0);
  }

  #write(offset: number, size: AccessSize, value: number): void {
    if (offset === Register.Data) {
      this.selected?.writeData(size, value);
      return;
    }
    for (let i = 0; i < size; i++) this.#writeByte(offset + i, (value >>> (8 * i)) & 0xff);
  }

  #writeByte(register: number, value: number): void {
    this.control &= ~HOB;
    if (register < Register.Status) {
      this.#drives[0]?.writeRegister(register, value);
      this.#drives[1]?.writeRegister(register, value);
      if (register === Register.Device) {
        this.selectedUnit = value & DEVICE_SELECT ? 1 : 0;
        this.#updateInterrupt();
      }
    } else if (register === Register.Status) {
      if (value === EXECUTE_DEVICE_DIAGNOSTIC) this.#diagnose();
      else this.selected?.writeCommand(value);
    }
  }

  #diagnose(): void {
    this.selectedUnit = 0;
    this.#drives[0]?.diagnose(true);
    this.#drives[1]?.diagnose(false);
    this.#updateInterrupt();
  }

  #alternateStatus(): number {
    if (this.#empty) return 0xff;
    return this.selected?.status ?? 0;
  }

  #writeControl(value: number): void {
    const changed = value ^ this.control;
    this.control = value & (HOB | SRST | NIEN);
    if (changed & SRST) {
      for (const drive of this.#drives) {
        if (value & SRST) drive?.beginReset(false);
        else drive?.endReset();
      }
      this.selectedUnit = 0;
    }
    this.#updateInterrupt();
  }
}
