/**
 * MC146818 real-time clock with the 256 bytes of CMOS RAM of the PIIX4.
 *
 * Data sheet: Motorola MC146818 (ADI856); Intel 82371AB PIIX4 (290562), "Real time clock".
 * Models: the clock and calendar in BCD and binary, 12 and 24 hours, with a century byte kept in step; periodic, alarm
 * and update-ended interrupts; UIP, SET and the divider reset; NMI mask; the extended bank.
 * Does not model: daylight saving (DSE), the square-wave output, time bases other than 32.768 kHz (the divider then
 * stands still), garbage in the time registers while UIP is set, RAM locks (RTCCFG).
 */
import type { BusRegion } from '../bus.ts';
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';
import { alarmMatches, readCalendar, Register, writeCalendar } from './calendar.ts';

/** Register B. */
const SET = 0x80;
const PIE = 0x40;
const AIE = 0x20;
const UIE = 0x10;
const SQWE = 0x08;
const DSE = 0x01;
/** Register C. */
const IRQF = 0x80;
const PF = 0x40;
const AF = 0x20;
const UF = 0x10;

const SECOND = NANOSECONDS_PER_SECOND;
const DAY_MS = 86_400_000;
/** UIP rises 244 us before an update, which takes 1984 us. */
const UPDATE_IN_PROGRESS: Nanoseconds = 244_000 + 1_984_000;
/** After a divider reset the first update comes half a second later. */
const FIRST_UPDATE: Nanoseconds = SECOND / 2;
const CHECKSUM = 0x2e;
const CHECKED = [0x10, 0x2d] as const;

export interface Mc146818Options {
  /** IRQ 8. */
  readonly irq: EdgeLine;
  /** Time that the clock shows at virtual time 0: ms since 1970 of the wall time wanted, local or UTC as the board decides. */
  readonly startTime: number;
  /** Register that holds the century (default 32h). */
  readonly century?: number;
  /** Bit 7 of port 70h: NMI is masked while `true`. */
  readonly onNmiMask?: (masked: boolean) => void;
  /** A byte of CMOS RAM (0Eh-FFh) was changed by the guest; lets the board keep it. */
  readonly onStore?: (index: number, value: number) => void;
}

export class Mc146818 implements Device {
  readonly name = 'mc146818';
  /** Ports 70h-71h: index (write-only) and data of bytes 00h-7Fh. */
  readonly standard: BusRegion;
  /** Ports 72h-73h: index and data of bytes 80h-FFh. */
  readonly extended: BusRegion;
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #options: Mc146818Options;
  readonly #century: number;
  readonly #alarm: Alarm;
  private readonly bytes = new Uint8Array(256);
  private index = 0;
  private extendedIndex = 0;
  /** Virtual time of the last update; every second and every period counts from it. */
  private phase: Nanoseconds = 0;
  /** Virtual time up to which the registers are right. */
  private synced: Nanoseconds = 0;

  constructor(host: DeviceHost, options: Mc146818Options) {
    this.#clock = host.clock;
    this.#log = host.log;
    this.#options = options;
    this.#century = options.century ?? 0x32;
    this.#alarm = host.clock.alarm('mc146818', () => this.#touch());
    this.standard = {
      name: 'mc146818 cmos',
      length: 2,
      read: (offset) => (offset === 0 ? 0xff : this.#read(this.index)),
      write: (offset, _size, value) => {
        if (offset === 1) return this.#write(this.index, value);
        this.index = value & 0x7f;
        options.onNmiMask?.((value & 0x80) !== 0);
      },
    };
    this.extended = {
      name: 'mc146818 extended cmos',
      length: 2,
      read: (offset) => (offset === 0 ? this.extendedIndex : this.#read(0x80 | this.extendedIndex)),
      write: (offset, _size, value) => {
        if (offset === 1) this.#write(0x80 | this.extendedIndex, value);
        else this.extendedIndex = value & 0x7f;
      },
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'bytes', type: { bytes: 256 } },
        { name: 'index', type: 'u8' },
        { name: 'extendedIndex', type: 'u8' },
        { name: 'phase', type: 'f64' },
        { name: 'synced', type: 'f64' },
      ],
      loaded: () => {
        options.irq.set((this.bytes[Register.C]! & IRQF) !== 0);
        this.#schedule();
      },
    };
    this.reset(ResetCause.PowerOn);
  }

  /** Clears interrupt enables and flags; power-on also sets the clock. CMOS RAM is never cleared: it has a battery. */
  reset(cause: ResetCause): void {
    const bytes = this.bytes;
    this.#sync();
    if (cause === ResetCause.PowerOn) {
      bytes[Register.A] = 0x26;
      bytes[Register.B] = 0x02;
      this.setTime(this.#options.startTime + this.#clock.now() / 1e6);
    }
    bytes[Register.B]! &= ~(PIE | AIE | UIE | SQWE);
    bytes[Register.C] = 0;
    this.#options.irq.set(false);
    this.#touch();
  }

  /** Time that the guest's clock shows now, ms since 1970 as if it were UTC. */
  get time(): number {
    this.#sync();
    const fraction = this.#updating ? Math.max(0, this.#clock.now() - this.phase) / 1e6 : 0;
    return readCalendar(this.bytes, this.#century) + fraction;
  }

  /** Sets the clock as the battery-backed part would have been set before power-on. */
  setTime(time: number): void {
    const whole = Math.floor(time / 1000) * 1000;
    this.phase = this.#clock.now() - (time - whole) * 1e6;
    this.synced = this.#clock.now();
    writeCalendar(this.bytes, this.#century, whole);
    this.bytes[Register.DayOfWeek] = new Date(whole).getUTCDay() + 1;
    this.#touch();
  }

  /** Stored byte 0 .. 255 as the battery keeps it, without the side effects of a guest's read. */
  peek(index: number): number {
    this.#sync();
    return this.bytes[index & 0xff]!;
  }

  /**
   * Fills CMOS RAM before the guest starts.
   * @throws RangeError unless the bytes lie within 0Eh .. FFh
   */
  preload(index: number, values: ArrayLike<number>): void {
    if (index <= Register.D || index + values.length > this.bytes.length)
      throw new RangeError(`CMOS bytes ${index} .. ${index + values.length - 1} are not all RAM`);
    this.bytes.set(values, index);
  }

  /** Sets 2Eh-2Fh to the sum of 10h-2Dh, high byte first, as the AT BIOS checks it. */
  updateChecksum(): void {
    let sum = 0;
    for (let i: number = CHECKED[0]; i <= CHECKED[1]; i++) sum += this.bytes[i]!;
    this.bytes[CHECKSUM] = sum >> 8;
    this.bytes[CHECKSUM + 1] = sum & 0xff;
  }

  /** The divider chain runs: 32.768 kHz time base selected. */
  get #running(): boolean {
    return (this.bytes[Register.A]! & 0x70) === 0x20;
  }

  get #updating(): boolean {
    return this.#running && !(this.bytes[Register.B]! & SET);
  }

  /** Nanoseconds between periodic flags, or 0 when RS selects none. */
  get #period(): Nanoseconds {
    const rate = this.bytes[Register.A]! & 15;
    if (rate === 0 || !this.#running) return 0;
    // RS = 1 and 2 repeat 256 Hz and 128 Hz of RS = 8 and 9.
    return (SECOND / 32768) * 2 ** ((rate < 3 ? rate + 7 : rate) - 1);
  }

  #sync(): void {
    const now = this.#clock.now();
    if (now <= this.synced) return;
    const period = this.#period;
    if (period && Math.floor((now - this.phase) / period) > Math.floor((this.synced - this.phase) / period))
      this.bytes[Register.C]! |= PF;
    this.synced = now;
    if (!this.#running) return;
    const seconds = Math.floor((now - this.phase) / SECOND);
    if (seconds <= 0) return;
    this.phase += seconds * SECOND;
    if (this.#updating) this.#update(seconds);
  }

  #update(seconds: number): void {
    const bytes = this.bytes;
    const before = readCalendar(bytes, this.#century);
    const after = before + seconds * 1000;
    // Each second is compared with the alarm, but a time of day comes back after a day at the latest.
    for (let i = Math.min(seconds, DAY_MS / 1000); i > 0 && !(bytes[Register.C]! & AF); i--) {
      writeCalendar(bytes, this.#century, after - (i - 1) * 1000);
      if (
        alarmMatches(bytes[Register.SecondsAlarm]!, bytes[Register.Seconds]!) &&
        alarmMatches(bytes[Register.MinutesAlarm]!, bytes[Register.Minutes]!) &&
        alarmMatches(bytes[Register.HoursAlarm]!, bytes[Register.Hours]!)
      )
        bytes[Register.C]! |= AF;
    }
    writeCalendar(bytes, this.#century, after);
    const days = Math.floor(after / DAY_MS) - Math.floor(before / DAY_MS);
    if (days > 0) bytes[Register.DayOfWeek] = ((bytes[Register.DayOfWeek]! + 6 + days) % 7) + 1;
    bytes[Register.C]! |= UF;
  }

  /** Brings registers, interrupt and alarm up to the present. */
  #touch(): void {
    this.#sync();
    const { bytes } = this;
    if (bytes[Register.B]! & bytes[Register.C]! & (PF | AF | UF)) {
      bytes[Register.C]! |= IRQF;
      this.#options.irq.set(true);
    }
    this.#schedule();
  }

  #schedule(): void {
    const b = this.bytes[Register.B]!;
    let deadline = Infinity;
    // While IRQF is set no further interrupt can come, so nothing needs to be timed until register C is read.
    if (!(this.bytes[Register.C]! & IRQF)) {
      const period = this.#period;
      if (b & PIE && period) deadline = this.phase + (Math.floor((this.synced - this.phase) / period) + 1) * period;
      if (b & (AIE | UIE) && this.#updating) deadline = Math.min(deadline, this.phase + SECOND);
    }
    if (deadline === Infinity) this.#alarm.cancel();
    else this.#alarm.set(deadline);
  }

  #read(index: number): number {
    this.#sync();
    const value = this.bytes[index]!;
    switch (index) {
      case Register.A:
        return value | (this.#updating && this.phase + SECOND - this.#clock.now() <= UPDATE_IN_PROGRESS ? 0x80 : 0);
      case Register.C:
        this.bytes[Register.C] = 0;
        this.#options.irq.set(false);
        this.#schedule();
        return value;
      case Register.D:
        return 0x80;
      default:
        return value;
    }
  }

  #write(index: number, value: number): void {
    this.#sync();
    const bytes = this.bytes;
    switch (index) {
      case Register.A: {
        const ran = this.#running;
        bytes[Register.A] = value & 0x7f;
        if (this.#running && !ran) this.phase = this.#clock.now() - (SECOND - FIRST_UPDATE);
        const divider = value & 0x70;
        if (divider !== 0x20 && divider < 0x60) this.#log.unimplemented(this.name, 'time base in register A', value);
        break;
      }
      case Register.B:
        // Setting SET clears UIE: an update cannot end that will not happen.
        bytes[Register.B] = value & SET ? value & ~UIE : value;
        if (value & DSE) this.#log.unimplemented(this.name, 'daylight saving (DSE)');
        if (value & SQWE) this.#log.unimplemented(this.name, 'square-wave output (SQWE)');
        break;
      case Register.C:
      case Register.D:
        return;
      default:
        bytes[index] = value;
        if (index > Register.D) this.#options.onStore?.(index, value);
        return;
    }
    this.#touch();
  }
}
