/**
 * Virtual time as devices see it. Every timer of a machine derives from this one clock, so that PIT, RTC, PM timer and
 * time-stamp counter never disagree. Devices never read host time.
 */

/** Virtual nanoseconds since power-on; a finite number >= 0, not necessarily whole. */
export type Nanoseconds = number;

export const NANOSECONDS_PER_SECOND = 1_000_000_000;

/** One pending callback on the virtual clock; a device owns as many as it has independent deadlines. */
export interface Alarm {
  /** Virtual time at which the callback runs; `Infinity` while none is set. */
  readonly deadline: Nanoseconds;
  /** (Re)arms the alarm. A time in the past runs the callback as soon as the processor next stops, never from inside this call. */
  set(at: Nanoseconds): void;
  cancel(): void;
}

export interface Clock {
  /** Current virtual time; exact to the instruction while the processor runs. Never goes back. */
  now(): Nanoseconds;
  /** Creates an idle alarm. The callback runs with `now()` >= the deadline. `name` appears in traces and saved states. */
  alarm(name: string, callback: () => void): Alarm;
}
