/** Stand-ins for what the board gives a device: a clock moved by hand, recording lines, a recording log. */
import { expect } from 'vitest';
import type { AccessSize, BusRegion } from '../../devices/bus.ts';
import type { Alarm, Clock, Nanoseconds } from '../../devices/clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../../devices/device.ts';
import type { EdgeLine, LevelSource } from '../../devices/interrupt-line.ts';
import { loadState, saveState } from '../../devices/state.ts';

class MockAlarm implements Alarm {
  deadline = Infinity;
  readonly name: string;
  readonly callback: () => void;

  constructor(name: string, callback: () => void) {
    this.name = name;
    this.callback = callback;
  }

  set(at: Nanoseconds): void {
    if (Number.isNaN(at)) throw new Error(`alarm ${this.name} set to NaN`);
    this.deadline = at;
  }

  cancel(): void {
    this.deadline = Infinity;
  }
}

/** Virtual time that moves only when told to. */
export class MockClock implements Clock {
  #now: Nanoseconds;
  readonly #alarms: MockAlarm[] = [];
  /** How many callbacks have run; a measure for alarm storms. */
  fired = 0;

  constructor(start: Nanoseconds = 0) {
    this.#now = start;
  }

  now(): Nanoseconds {
    return this.#now;
  }

  alarm(name: string, callback: () => void): Alarm {
    const alarm = new MockAlarm(name, callback);
    this.#alarms.push(alarm);
    return alarm;
  }

  #next(): MockAlarm | undefined {
    let first: MockAlarm | undefined;
    for (const alarm of this.#alarms)
      if (alarm.deadline < Infinity && (!first || alarm.deadline < first.deadline)) first = alarm;
    return first;
  }

  /** Earliest deadline set, or `Infinity`. */
  get nextDeadline(): Nanoseconds {
    return this.#next()?.deadline ?? Infinity;
  }

  /** Moves to `now() + ns`, running every alarm due on the way at its own time, earliest first. */
  advance(ns: Nanoseconds): void {
    this.advanceTo(this.#now + ns);
  }

  advanceTo(end: Nanoseconds): void {
    for (let alarm = this.#next(); alarm && alarm.deadline <= end; alarm = this.#next()) {
      this.#now = Math.max(this.#now, alarm.deadline);
      alarm.deadline = Infinity;
      this.fired++;
      alarm.callback();
    }
    this.#now = end;
  }

  /** Runs alarms until `done()` holds. Fails when none is left or `limit` nanoseconds have passed. */
  advanceUntil(done: () => boolean, limit: Nanoseconds = 10e9): void {
    const end = this.#now + limit;
    while (!done()) {
      const next = this.nextDeadline;
      if (next > end) throw new Error(`condition not met within ${limit} ns`);
      this.advanceTo(Math.max(next, this.#now));
    }
  }
}

/** A line that remembers its level and counts transitions; fits both kinds of interrupt wire. */
export class RecordedLine implements EdgeLine, LevelSource {
  level = false;
  /** Low-to-high transitions seen. */
  rises = 0;
  falls = 0;

  set(high: boolean): void {
    if (high === this.level) return;
    this.level = high;
    if (high) this.rises++;
    else this.falls++;
  }
}

export interface RecordedLog extends DeviceLog {
  /** `device: what` with ` value` in hexadecimal where given, in order. */
  readonly messages: string[];
}

export function recordLog(): RecordedLog {
  const messages: string[] = [];
  const note = (device: string, what: string, value?: number): void => {
    messages.push(`${device}: ${what}${value === undefined ? '' : ` ${value.toString(16)}`}`);
  };
  return { messages, unimplemented: note, guestError: note };
}

export interface MockHost extends DeviceHost {
  readonly clock: MockClock;
  readonly log: RecordedLog;
}

export function mockHost(start: Nanoseconds = 0): MockHost {
  return { clock: new MockClock(start), log: recordLog() };
}

/** Reads as the bus would: accesses wider than the region allows are split, low byte first. */
export function readPort(region: BusRegion, offset: number, size: AccessSize = 1): number {
  const widest = region.widest ?? 1;
  if (size <= widest) return region.read(offset, size);
  let value = 0;
  for (let i = 0; i < size; i += widest) value |= region.read(offset + i, widest) << (8 * i);
  return value >>> 0;
}

export function writePort(region: BusRegion, offset: number, value: number, size: AccessSize = 1): void {
  const widest = region.widest ?? 1;
  if (size <= widest) return region.write(offset, size, value);
  const mask = widest === 1 ? 0xff : 0xffff;
  for (let i = 0; i < size; i += widest) region.write(offset + i, widest, (value >>> (8 * i)) & mask);
}

/** Saves `from`, loads into `into`, and asserts that saving `into` gives the same again. */
export function transferState(from: Device, into: Device): void {
  const saved = saveState(from.state);
  expect(Object.keys(saved).length).toBeGreaterThan(1);
  loadState(into.name, into.state, structuredClone(saved));
  expect(saveState(into.state)).toEqual(saved);
}

/** Throws any sequence of reads and writes at a region; the device must survive and answer in range. */
export function hammer(region: BusRegion, clock: MockClock, rounds: number, seed = 1): void {
  let x = seed >>> 0 || 1;
  const random = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
  for (let i = 0; i < rounds; i++) {
    const offset = random() % region.length;
    if (random() & 1) {
      const value = region.read(offset, 1);
      if (!(Number.isInteger(value) && value >= 0 && value <= 0xff))
        throw new Error(`${region.name}: read of ${offset} gave ${value}`);
    } else {
      region.write(offset, 1, random() & 0xff);
    }
    if ((random() & 7) === 0) clock.advance(random() % 2_000_000);
  }
}
