/**
 * 8254 programmable interval timer as built into the PIIX4: three counters at 315/264 MHz (1.193182 MHz).
 *
 * Data sheet: Intel 82C54 (231244); Intel 82371AB PIIX4 (290562), "Interval timer".
 * Models: all six modes, binary and BCD, latch and read-back commands, gates, null count. Counts are computed from
 * virtual time when somebody looks, so a count in flight moves smoothly and costs nothing otherwise.
 * Does not model: output edges closer together than about 10 us on a listened-to channel (they merge into one, so a
 * guest cannot storm the host with alarms); the counts that the data sheet calls illegal (1 in modes 2 and 3) hold OUT high.
 */
import type { BusRegion } from '../bus.ts';
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { EdgeLine } from '../interrupt-line.ts';
import type { StateDeclaration } from '../state.ts';
import { Counter } from './counter.ts';

/** Clock periods per nanosecond: 14.318181 MHz / 12. */
const CLOCKS = 315;
const NANOSECONDS = 264_000;
/** Closest spacing of alarms, in clocks. */
const MIN_ALARM_CLOCKS = 12;

/** Input frequency of the counters in Hz. */
export const I8254_FREQUENCY = (CLOCKS / NANOSECONDS) * 1e9;

export interface I8254Options {
  /** OUT 0: IRQ 0. */
  readonly irq: EdgeLine;
  /** Told of every change of OUT 2 when given (a speaker); without it channel 2 costs no alarms. */
  readonly onOutput2?: (high: boolean) => void;
}

export class I8254 implements Device {
  readonly name = 'i8254';
  /** Ports 40h-43h: counters 0-2 and the control word. */
  readonly counters: BusRegion = {
    name: 'i8254 counters',
    length: 4,
    read: (offset) => this.#read(offset),
    write: (offset, _size, value) => this.#write(offset, value),
  };
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #outputs: readonly (((high: boolean) => void) | undefined)[];
  readonly #alarms: readonly (Alarm | undefined)[];
  private readonly channels = [new Counter(), new Counter(), new Counter()] as const;
  /** Clock periods since power-on to which the counters have been advanced. */
  private tick = 0;

  constructor(host: DeviceHost, options: I8254Options) {
    this.#clock = host.clock;
    this.#log = host.log;
    this.#outputs = [(high) => options.irq.set(high), undefined, options.onOutput2];
    this.#alarms = this.#outputs.map((output, i) =>
      output ? host.clock.alarm(`i8254 out ${i}`, () => this.#touch()) : undefined,
    );
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'tick', type: 'f64' },
        { name: 'channels', type: { list: Counter.fields, length: 3 } },
      ],
      loaded: () => {
        if (!Number.isFinite(this.tick)) this.tick = this.#tickAt(this.#clock.now());
        for (const channel of this.channels) channel.rose = false;
        this.#outputs.forEach((output, i) => output?.(this.channels[i]!.out));
        this.#schedule();
      },
    };
    this.reset(ResetCause.PowerOn);
  }

  /** The part has no reset pin: only power-on puts it in a known state (mode 0, outputs low, not counting). */
  reset(cause: ResetCause): void {
    if (cause !== ResetCause.PowerOn) return;
    this.tick = this.#tickAt(this.#clock.now());
    this.channels.forEach((channel, i) => {
      channel.writeControl(0x30);
      channel.register = 0;
      channel.element = 0;
      channel.gate = i !== 2;
      channel.rose = false;
    });
    this.#touch();
  }

  /** Drives the gate of a counter. On a PC gates 0 and 1 are tied high, gate 2 is bit 0 of port 61h. */
  setGate(channel: 0 | 1 | 2, high: boolean): void {
    this.#sync();
    this.channels[channel].setGate(high);
    this.#touch();
  }

  /** Present level of an output; OUT 2 is bit 5 of port 61h. */
  output(channel: 0 | 1 | 2): boolean {
    this.#sync();
    return this.channels[channel].out;
  }

  #tickAt(now: Nanoseconds): number {
    // The bias (under a nanosecond) keeps an alarm at a clock edge from landing just before it by rounding.
    return Math.floor((now * CLOCKS) / NANOSECONDS + 1e-3);
  }

  #sync(): void {
    const tick = this.#tickAt(this.#clock.now());
    const clocks = tick - this.tick;
    if (clocks <= 0) return;
    this.tick = tick;
    for (const channel of this.channels) channel.advance(clocks);
  }

  /** Brings counters, outputs and alarms up to the present. */
  #touch(): void {
    this.#sync();
    this.#outputs.forEach((output, i) => {
      const channel = this.channels[i]!;
      if (output) {
        if (channel.rose) {
          output(false);
          output(true);
        }
        output(channel.out);
      }
      channel.rose = false;
    });
    this.#schedule();
  }

  #schedule(): void {
    this.#alarms.forEach((alarm, i) => {
      if (!alarm) return;
      const clocks = this.channels[i]!.clocksToEdge();
      if (clocks === Infinity) alarm.cancel();
      else alarm.set(Math.ceil(((this.tick + Math.max(clocks, MIN_ALARM_CLOCKS)) * NANOSECONDS) / CLOCKS));
    });
  }

  #read(offset: number): number {
    if (offset === 3) return 0xff;
    this.#sync();
    return this.channels[offset]!.readByte();
  }

  #write(offset: number, value: number): void {
    this.#sync();
    if (offset !== 3) {
      const illegal = this.channels[offset]!.writeCount(value);
      if (illegal !== undefined) this.#log.guestError(this.name, `illegal count in counter ${offset}`, illegal);
    } else if (value >> 6 === 3) {
      this.#readBack(value);
      return;
    } else {
      const channel = this.channels[value >> 6]!;
      if ((value & 0x30) === 0) {
        channel.latchCount();
        return;
      }
      channel.writeControl(value);
    }
    this.#touch();
  }

  #readBack(value: number): void {
    if (value & 1) this.#log.guestError(this.name, 'reserved bit in read-back command', value);
    this.channels.forEach((channel, i) => {
      if (!(value & (2 << i))) return;
      if (!(value & 0x20)) channel.latchCount();
      if (!(value & 0x10)) channel.latchStatus();
    });
  }
}
