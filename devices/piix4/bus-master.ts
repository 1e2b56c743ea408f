/**
 * One channel of the PIIX4 bus master IDE function: command, status and descriptor table pointer.
 *
 * Sources: Intel 82371AB, 290562, section 5.2; SFF-8038i 1.0. Models: PRD tables, abort, the status combinations of SFF-8038i
 * section 3.1. Does not model: the FIFO, transfer rates, data corruption by wrong descriptors (a transfer in the wrong
 * direction waits for ever).
 */
import type { BusRegion, DmaMemory } from '../bus.ts';
import type { Alarm, Clock } from '../clock.ts';
import type { Field } from '../state.ts';
import type { DmaEngine, IdeDrive } from '../ide/drive.ts';
import { Phase } from '../ide/drive.ts';

const BMICX = 0;
const BMISX = 2;
const BMIDTPX = 4;
const START = 0x01;
const TO_MEMORY = 0x08;
const ACTIVE = 0x01;
const ERROR = 0x02;
const INTERRUPT = 0x04;
const DRIVE_CAPABLE = 0x60;
const END_OF_TABLE = 0x8000;

const SETUP_DELAY = 10_000;
const NANOSECONDS_PER_BYTE = 0.5;

export interface BusMasterHooks {
  readonly clock: Clock;
  readonly memory: DmaMemory;
  /** Whether the function may master the bus (PCI command bit 2). */
  mayMaster(): boolean;
  /** The drive selected on this channel. */
  drive(): IdeDrive | undefined;
}

export class BusMasterChannel implements DmaEngine {
  /** The eight bytes of this channel. */
  readonly region: BusRegion;
  command = 0;
  status = 0;
  table = 0;
  // Progress through the table: next descriptor, rest of the present one, whether it is the last.
  next = 0;
  address = 0;
  left = 0;
  last = false;
  /** Level of the channel's interrupt line. */
  line = false;
  readonly fields: readonly Field[] = [
    { name: 'command', type: 'u8' },
    { name: 'status', type: 'u8' },
    { name: 'table', type: 'u32' },
    { name: 'next', type: 'u32' },
    { name: 'address', type: 'u32' },
    { name: 'left', type: 'u32' },
    { name: 'last', type: 'bool' },
    { name: 'line', type: 'bool' },
    { name: 'deadline', type: { optional: 'f64' } },
  ];
  readonly #hooks: BusMasterHooks;
  readonly #alarm: Alarm;
  readonly #descriptor = new Uint8Array(8);

  constructor(name: string, hooks: BusMasterHooks) {
    this.#hooks = hooks;
    this.#alarm = hooks.clock.alarm(`${name} bus master`, () => this.#transfer());
    this.region = {
      name: `${name} bus master`,
      length: 8,
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value),
    };
  }

  get deadline(): number | undefined {
    return this.#alarm.deadline === Infinity ? undefined : this.#alarm.deadline;
  }

  set deadline(at: number | undefined) {
    if (at === undefined) this.#alarm.cancel();
    else this.#alarm.set(at);
  }

  reset(): void {
    this.#alarm.cancel();
    this.command = 0;
    this.status = 0;
    this.table = 0;
    this.#rewind();
  }

  /** Follows the channel's interrupt line, whose rising edge is latched in the status. */
  setInterruptLine(high: boolean): void {
    if (high && !this.line) this.status |= INTERRUPT;
    this.line = high;
  }

  /** Starts the transfer, a moment later, once the engine runs and the drive asks in the same direction. */
  schedule(): void {
    if (this.#alarm.deadline !== Infinity) return;
    const drive = this.#ready();
    if (drive) this.#alarm.set(this.#hooks.clock.now() + SETUP_DELAY + drive.dmaBytes * NANOSECONDS_PER_BYTE);
  }

  #ready(): IdeDrive | undefined {
    if (!(this.status & ACTIVE) || !this.#hooks.mayMaster()) return undefined;
    const drive = this.#hooks.drive();
    const direction = this.command & TO_MEMORY ? 'in' : 'out';
    return drive?.phase === Phase.Dma && drive.dmaDirection === direction ? drive : undefined;
  }

  #transfer(): void {
    this.#alarm.cancel();
    this.#ready()?.transferDma(this);
    this.schedule();
  }

  toMemory(from: Uint8Array): number {
    return this.#move(from.length, (address, at, length) =>
      this.#hooks.memory.write(address, from.subarray(at, at + length)),
    );
  }

  fromMemory(into: Uint8Array): number {
    return this.#move(into.length, (address, at, length) =>
      this.#hooks.memory.read(address, into.subarray(at, at + length)),
    );
  }

  /** Walks the table over `bytes` bytes. The engine stops being active when the last descriptor is used up. */
  #move(bytes: number, piece: (address: number, at: number, length: number) => void): number {
    let at = 0;
    while (at < bytes && this.status & ACTIVE) {
      if (this.left === 0) this.#fetch();
      const length = Math.min(this.left, bytes - at);
      piece(this.address, at, length);
      at += length;
      this.address = (this.address + length) >>> 0;
      this.left -= length;
      if (this.left === 0 && this.last) this.status &= ~ACTIVE;
    }
    return at;
  }

  /** Reads the next descriptor; the table does not leave its 64 KiB. */
  #fetch(): void {
    const entry = this.#descriptor;
    this.#hooks.memory.read(this.next, entry);
    this.address = (entry[0]! | (entry[1]! << 8) | (entry[2]! << 16) | (entry[3]! << 24)) & ~1;
    this.address >>>= 0;
    this.left = (entry[4]! | (entry[5]! << 8)) & 0xfffe || 0x10000;
    this.last = ((entry[6]! | (entry[7]! << 8)) & END_OF_TABLE) !== 0;
    this.next = ((this.next & 0xffff0000) | ((this.next + 8) & 0xffff)) >>> 0;
  }

  #rewind(): void {
    this.next = this.table;
    this.left = 0;
    this.last = false;
  }

  #read(offset: number): number {
    if (offset >= BMIDTPX) return (this.table >>> (8 * (offset - BMIDTPX))) & 0xff;
    if (offset === BMICX) return this.command;
    return offset === BMISX ? this.status : 0;
  }

  #write(offset: number, value: number): void {
    if (offset >= BMIDTPX) {
      const shift = 8 * (offset - BMIDTPX);
      this.table = ((this.table & ~(0xff << shift)) | (value << shift)) & ~3;
      this.table >>>= 0;
    } else if (offset === BMISX) {
      const kept = this.status & ~DRIVE_CAPABLE & ~(value & (ERROR | INTERRUPT));
      this.status = kept | (value & DRIVE_CAPABLE);
    } else if (offset === BMICX) {
      const changed = value ^ this.command;
      this.command = value & (START | TO_MEMORY);
      if (changed & START) this.#startOrStop();
    }
  }

  #startOrStop(): void {
    this.#alarm.cancel();
    if (this.command & START) {
      this.status |= ACTIVE;
      this.#rewind();
      this.schedule();
    } else {
      this.status &= ~ACTIVE;
    }
  }
}
