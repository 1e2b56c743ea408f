/**
 * What every drive on an IDE cable has: the command block registers, one buffer for data in both directions, INTRQ.
 *
 * Standards: ATA/ATAPI-5 (T13/1321D) clauses 7 (registers) and 9 (protocols); ATA/ATAPI-6 for the 48-bit registers.
 * Models: PIO data in and out, DMA with an engine on the host side, non-data commands, software reset, diagnostics.
 * Every command takes virtual time: BSY is set by the write of the command and the work is done by an alarm.
 * Does not model: overlapped and queued commands, PIO cycle timing, CRC errors.
 */
import type { Alarm } from '../clock.ts';
import { ResetCause } from '../device.ts';
import type { Device, DeviceHost } from '../device.ts';
import type { Field, StateDeclaration } from '../state.ts';

/** Status register. */
export const Status = { BSY: 0x80, DRDY: 0x40, DF: 0x20, DSC: 0x10, DRQ: 0x08, ERR: 0x01 } as const;
/** Error register. */
export const ErrorBit = { UNC: 0x40, IDNF: 0x10, ABRT: 0x04 } as const;

/** Command block offsets. */
export const Register = { Data: 0, Error: 1, Count: 2, Low: 3, Mid: 4, High: 5, Device: 6, Status: 7 } as const;

export const DEVICE_LBA = 0x40;
export const DEVICE_SELECT = 0x10;

/** What a drive is doing. The first three can be seen from outside, in the others BSY is set and the alarm runs. */
export const Phase = {
  Idle: 0,
  /** DRQ: the host reads the buffer. */
  DataIn: 1,
  /** DRQ: the host fills the buffer. */
  DataOut: 2,
  /** A command was written and starts when the alarm goes off. */
  Command: 3,
  /** A block was read by the host; the next one is being fetched. */
  NextBlock: 4,
  /** A block was filled by the host; it is being consumed. */
  Consume: 5,
  /** Waits for, or is in, a DMA transfer. */
  Dma: 6,
  /** A reset was released, or a diagnostic runs that the other drive reports. */
  Reset: 7,
  /** A diagnostic runs that ends with an interrupt. */
  Diagnostic: 8,
} as const;
export type Phase = (typeof Phase)[keyof typeof Phase];

/** The host side of a DMA transfer. Both return the bytes moved: fewer than asked when the host's descriptors end. */
export interface DmaEngine {
  toMemory(from: Uint8Array): number;
  fromMemory(into: Uint8Array): number;
}

/** What a drive drives on its cable. */
export interface Cable {
  /** INTRQ may have changed. */
  interruptChanged(): void;
  /** The drive asks for DMA (DMARQ). */
  dmaRequested(): void;
}

/** Largest piece of data handled at once: a whole 28-bit DMA command. */
export const BUFFER_BYTES = 256 * 512;
/** Bytes beyond the buffer that a wide access may touch; always 0 for reads. */
const SLACK = 4;

const COMMAND_DELAY = 8_000;
const RESET_DELAY = 50_000;
const BLOCK_DELAY = 4_000;
const NANOSECONDS_PER_BYTE = 0.5;

export abstract class IdeDrive implements Device {
  readonly name: string;
  abstract readonly state: StateDeclaration;
  protected readonly host: DeviceHost;
  readonly #alarm: Alarm;
  #cable: Cable | undefined;

  // Command block; bits 15-8 of the last five hold the previous content (48-bit commands).
  status = 0;
  error = 0;
  command = 0;
  feature = 0;
  count = 0;
  low = 0;
  mid = 0;
  high = 0;
  device = 0;
  interrupt = false;
  phase: Phase = Phase.Idle;

  protected readonly buffer = new Uint8Array(BUFFER_BYTES + SLACK);
  /** Next byte that moves between host and buffer, and the end of the present block. */
  position = 0;
  limit = 0;
  /** Bytes of the buffer that hold data, where that is more than the present block. */
  filled = 0;

  protected constructor(host: DeviceHost, name: string) {
    this.host = host;
    this.name = name;
    this.#alarm = host.clock.alarm(`${name} command`, () => this.#continue());
  }

  /** Fields of every drive; subclasses put them in their declaration and call `restored` after loading. */
  protected static readonly fields: readonly Field[] = [
    { name: 'status', type: 'u8' },
    { name: 'error', type: 'u8' },
    { name: 'command', type: 'u8' },
    { name: 'feature', type: 'u16' },
    { name: 'count', type: 'u16' },
    { name: 'low', type: 'u16' },
    { name: 'mid', type: 'u16' },
    { name: 'high', type: 'u16' },
    { name: 'device', type: 'u8' },
    { name: 'interrupt', type: 'bool' },
    { name: 'phase', type: 'u8' },
    { name: 'position', type: 'u32' },
    { name: 'limit', type: 'u32' },
    { name: 'filled', type: 'u32' },
    { name: 'held', type: { buffer: BUFFER_BYTES } },
    { name: 'deadline', type: { optional: 'f64' } },
  ];

  /** The part of the buffer in use, as saved. */
  get held(): Uint8Array {
    return this.buffer.subarray(0, Math.min(BUFFER_BYTES, Math.max(this.limit, this.filled)));
  }

  set held(bytes: Uint8Array) {
    this.buffer.set(bytes);
  }

  get deadline(): number | undefined {
    return this.#alarm.deadline === Infinity ? undefined : this.#alarm.deadline;
  }

  set deadline(at: number | undefined) {
    if (at === undefined) this.#alarm.cancel();
    else this.#alarm.set(at);
  }

  /** After loading: keeps indices inside the buffer whatever the saved state said, and drives the cable. */
  protected restored(): void {
    this.filled = Math.min(this.filled, BUFFER_BYTES);
    this.limit = Math.min(this.limit, BUFFER_BYTES);
    this.position = Math.min(this.position, Math.max(this.limit, this.filled));
    this.#cable?.interruptChanged();
    if (this.phase === Phase.Dma) this.#cable?.dmaRequested();
  }

  connect(cable: Cable): void {
    this.#cable = cable;
  }

  // ---- what subclasses implement -------------------------------------------------------------------------------

  /** Carries out `command`. */
  protected abstract execute(): void;
  /** Delivers the next block of a data-in command, or ends it. */
  protected abstract nextBlock(): void;
  /** Takes `buffer[0 .. limit]` that the host has filled. */
  protected abstract consume(): void;
  /** The host has read all of the present block. */
  protected abstract drained(): void;
  /** Direction of the DMA transfer under way and size in bytes of its next piece. */
  abstract readonly dmaDirection: 'in' | 'out';
  abstract readonly dmaBytes: number;
  /** Moves a piece of at most `BUFFER_BYTES`; called by the channel, some time after `dmaRequested`. */
  abstract transferDma(engine: DmaEngine): void;
  /** Puts the signature into the registers and sets the status after reset (ATA/ATAPI-5 clause 9.12). */
  protected abstract sign(): void;
  /** What a reset of any kind clears beyond the registers. */
  protected abstract resetSettings(hard: boolean): void;
  /** Whether a command is accepted now; only DEVICE RESET breaks into a busy device. */
  protected acceptsWhileBusy(_command: number): boolean {
    return false;
  }

  // ---- registers -----------------------------------------------------------------------------------------------

  /** @param previous HOB: gives the previous content of the 16-bit registers */
  readRegister(register: number, previous: boolean): number {
    if (this.status & Status.BSY) return this.status;
    const shift = previous ? 8 : 0;
    switch (register) {
      case Register.Error:
        return this.error;
      case Register.Count:
        return (this.count >> shift) & 0xff;
      case Register.Low:
        return (this.low >> shift) & 0xff;
      case Register.Mid:
        return (this.mid >> shift) & 0xff;
      case Register.High:
        return (this.high >> shift) & 0xff;
      default:
        return this.device | 0xa0;
    }
  }

  /** Status register: reading it withdraws the interrupt. */
  readStatus(): number {
    if (this.interrupt) {
      this.interrupt = false;
      this.#cable?.interruptChanged();
    }
    return this.status;
  }

  /** Feature, count, address and device registers; both drives of a cable receive these writes. */
  writeRegister(register: number, value: number): void {
    if (this.status & Status.BSY) return;
    const push = (old: number): number => ((old & 0xff) << 8) | value;
    switch (register) {
      case Register.Error:
        this.feature = push(this.feature);
        break;
      case Register.Count:
        this.count = push(this.count);
        break;
      case Register.Low:
        this.low = push(this.low);
        break;
      case Register.Mid:
        this.mid = push(this.mid);
        break;
      case Register.High:
        this.high = push(this.high);
        break;
      case Register.Device:
        this.device = value;
        break;
    }
  }

  writeCommand(value: number): void {
    if (this.status & Status.BSY && !this.acceptsWhileBusy(value)) {
      this.host.log.guestError(this.name, 'command while busy', value);
      return;
    }
    this.lower();
    this.command = value;
    this.error = 0;
    this.busy(Phase.Command, COMMAND_DELAY);
  }

  // ---- data register -------------------------------------------------------------------------------------------

  readData(size: 1 | 2 | 4): number {
    if (this.phase !== Phase.DataIn) return 0xffffffff >>> (32 - 8 * size);
    const { buffer, position: at } = this;
    let value = buffer[at]!;
    if (size > 1) value |= buffer[at + 1]! << 8;
    if (size > 2) value = (value | (buffer[at + 2]! << 16) | (buffer[at + 3]! << 24)) >>> 0;
    this.position = at + size;
    if (this.position >= this.limit) this.drained();
    return value;
  }

  writeData(size: 1 | 2 | 4, value: number): void {
    if (this.phase !== Phase.DataOut) return;
    const { buffer, position: at } = this;
    buffer[at] = value;
    if (size > 1) buffer[at + 1] = value >> 8;
    if (size > 2) {
      buffer[at + 2] = value >> 16;
      buffer[at + 3] = value >> 24;
    }
    this.position = at + size;
    if (this.position >= this.limit) this.#filled();
  }

  /** String input: as many bytes of the present block as fit into `into`; returns how many. */
  readBlock(into: Uint8Array): number {
    if (this.phase !== Phase.DataIn) return 0;
    const length = Math.min(into.length, this.limit - this.position);
    into.set(this.buffer.subarray(this.position, this.position + length));
    this.position += length;
    if (this.position >= this.limit) this.drained();
    return length;
  }

  /** String output: as many bytes as the present block still takes; returns how many. */
  writeBlock(from: Uint8Array): number {
    if (this.phase !== Phase.DataOut) return 0;
    const length = Math.min(from.length, this.limit - this.position);
    this.buffer.set(from.subarray(0, length), this.position);
    this.position += length;
    if (this.position >= this.limit) this.#filled();
    return length;
  }

  #filled(): void {
    this.busy(Phase.Consume, BLOCK_DELAY + this.limit * NANOSECONDS_PER_BYTE);
  }

  // ---- resets --------------------------------------------------------------------------------------------------

  reset(cause: ResetCause): void {
    if (cause === ResetCause.Soft) return;
    this.beginReset(true);
    this.endReset();
  }

  /** SRST went high, or RESET#: stops everything. */
  beginReset(hard: boolean): void {
    this.#alarm.cancel();
    this.lower();
    this.phase = Phase.Idle;
    this.status = Status.BSY;
    this.position = 0;
    this.limit = 0;
    this.filled = 0;
    this.resetSettings(hard);
  }

  /** SRST went low again: the drive is ready after a while. */
  endReset(): void {
    this.busy(Phase.Reset, RESET_DELAY);
  }

  /**
   * EXECUTE DEVICE DIAGNOSTIC, which both drives carry out at once.
   * @param interrupting whether this drive raises INTRQ when done: device 0 does
   */
  diagnose(interrupting: boolean): void {
    this.lower();
    this.busy(interrupting ? Phase.Diagnostic : Phase.Reset, RESET_DELAY);
  }

  /** Device 0 answers 01h: it passed, and device 1 passed or is absent. */
  protected finishReset(): void {
    this.phase = Phase.Idle;
    this.error = 0x01;
    this.count = 0x01;
    this.low = 0x01;
    this.device = 0;
    this.sign();
  }

  // ---- tools for subclasses ------------------------------------------------------------------------------------

  protected raise(): void {
    this.interrupt = true;
    this.#cable?.interruptChanged();
  }

  protected lower(): void {
    if (!this.interrupt) return;
    this.interrupt = false;
    this.#cable?.interruptChanged();
  }

  /** Sets BSY and continues in `phase` after `delay` nanoseconds. */
  protected busy(phase: Phase, delay: number): void {
    this.phase = phase;
    this.status = Status.BSY;
    this.#alarm.set(this.host.clock.now() + delay);
  }

  /** Fetches the next block as a drive would: after a moment. */
  protected fetchNext(bytes: number): void {
    this.busy(Phase.NextBlock, BLOCK_DELAY + bytes * NANOSECONDS_PER_BYTE);
  }

  /** Offers `buffer[position .. limit]` to the host, with more behind it up to `filled`. */
  protected offer(position: number, limit: number, filled: number = limit): void {
    this.phase = Phase.DataIn;
    this.position = position;
    this.limit = limit;
    this.filled = filled;
    this.status = Status.DRDY | Status.DSC | Status.DRQ;
    this.raise();
  }

  /** Asks the host for `length` bytes, which go into the buffer at `position`. */
  protected demand(length: number, interrupt: boolean, position = 0): void {
    this.phase = Phase.DataOut;
    this.position = position;
    this.limit = position + length;
    this.filled = 0;
    this.status = Status.DRDY | Status.DSC | Status.DRQ;
    if (interrupt) this.raise();
  }

  protected requestDma(): void {
    this.phase = Phase.Dma;
    this.position = 0;
    this.limit = 0;
    this.filled = 0;
    this.status = Status.DRDY | Status.DSC | Status.DRQ;
    this.#cable?.dmaRequested();
  }

  /** Ends the command without error. */
  protected complete(): void {
    this.phase = Phase.Idle;
    this.status = Status.DRDY | Status.DSC;
    this.raise();
  }

  /** Ends the command with an error. */
  protected fail(error: number): void {
    this.phase = Phase.Idle;
    this.error = error;
    this.status = Status.DRDY | Status.DSC | Status.ERR;
    this.raise();
  }

  #continue(): void {
    switch (this.phase) {
      case Phase.Command:
        return this.execute();
      case Phase.NextBlock:
        return this.nextBlock();
      case Phase.Consume:
        return this.consume();
      case Phase.Reset:
        return this.finishReset();
      case Phase.Diagnostic:
        this.finishReset();
        return this.raise();
      default:
        return;
    }
  }
}
