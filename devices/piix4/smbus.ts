/**
 * SMBus host controller of the PIIX4 (part of function 3) with nothing on the bus.
 *
 * Data sheet: Intel 82371AB, 290562, sections 7.3 and 12. Models: the host interface; every transaction ends with a device
 * error, because no device answers its address. Does not model: the slave interface and shadow ports (storage only).
 */
import type { BusRegion } from '../bus.ts';
import type { Alarm, Clock } from '../clock.ts';
import type { Field } from '../state.ts';

const SMBHSTSTS = 0x00;
const SMBSLVSTS = 0x01;
const SMBHSTCNT = 0x02;
const SMBBLKDAT = 0x07;
const HOST_BUSY = 0x01;
const DEV_ERR = 0x04;
const FAILED = 0x10;
const INTERRUPT_CAUSES = 0x1e;
const INTEREN = 0x01;
const KILL = 0x02;
const START = 0x40;
/** One address byte with start condition and missing acknowledge, at about 100 kHz. */
const TRANSACTION = 100_000;

export class SmbusHost {
  readonly region: BusRegion;
  readonly registers = new Uint8Array(16);
  readonly block = new Uint8Array(32);
  blockIndex = 0;
  readonly fields: readonly Field[] = [
    { name: 'registers', type: { bytes: 16 } },
    { name: 'block', type: { bytes: 32 } },
    { name: 'blockIndex', type: 'u8' },
    { name: 'deadline', type: { optional: 'f64' } },
  ];
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #changed: () => void;

  /** @param changed called when `interrupting` may have changed */
  constructor(clock: Clock, changed: () => void) {
    this.#clock = clock;
    this.#changed = changed;
    this.#alarm = clock.alarm('piix4.smbus transaction', () => this.#noAnswer());
    this.region = {
      name: 'PIIX4 SMBus',
      length: 16,
      read: (offset) => this.#read(offset),
      write: (offset, _size, value) => this.#write(offset, value),
    };
  }

  /** Whether the host interface asks for an interrupt. */
  get interrupting(): boolean {
    return (this.registers[SMBHSTCNT]! & INTEREN) !== 0 && (this.registers[SMBHSTSTS]! & INTERRUPT_CAUSES) !== 0;
  }

  get deadline(): number | undefined {
    return this.#alarm.deadline === Infinity ? undefined : this.#alarm.deadline;
  }

  set deadline(at: number | undefined) {
    if (at === undefined) this.#alarm.cancel();
    else this.#alarm.set(at);
  }

  reset(): void {
    this.registers.fill(0);
    this.block.fill(0);
    this.blockIndex = 0;
    this.#alarm.cancel();
  }

  loaded(): void {
    this.blockIndex &= 31;
  }

  #noAnswer(): void {
    this.registers[SMBHSTSTS] = (this.registers[SMBHSTSTS]! & ~HOST_BUSY) | DEV_ERR;
    this.#changed();
  }

  #read(offset: number): number {
    if (offset === SMBHSTCNT) this.blockIndex = 0; // the read resets the index into the block buffer
    if (offset !== SMBBLKDAT) return this.registers[offset]!;
    const value = this.block[this.blockIndex]!;
    this.blockIndex = (this.blockIndex + 1) & 31;
    return value;
  }

  #write(offset: number, value: number): void {
    const { registers } = this;
    if (offset === SMBHSTSTS) registers[offset]! &= ~(value & INTERRUPT_CAUSES);
    else if (offset === SMBSLVSTS) registers[offset]! &= ~value;
    else if (offset === SMBBLKDAT) {
      this.block[this.blockIndex] = value;
      this.blockIndex = (this.blockIndex + 1) & 31;
    } else if (offset === SMBHSTCNT) this.#control(value);
    else registers[offset] = value;
    this.#changed();
  }

  #control(value: number): void {
    const { registers } = this;
    registers[SMBHSTCNT] = value & ~START;
    if (value & KILL) {
      if (registers[SMBHSTSTS]! & HOST_BUSY) {
        this.#alarm.cancel();
        registers[SMBHSTSTS] = (registers[SMBHSTSTS]! & ~HOST_BUSY) | FAILED;
      }
    } else if (value & START && !(registers[SMBHSTSTS]! & HOST_BUSY)) {
      registers[SMBHSTSTS]! |= HOST_BUSY;
      this.#alarm.set(this.#clock.now() + TRANSACTION);
    }
  }
}
