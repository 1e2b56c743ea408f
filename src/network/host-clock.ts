/** The host's time as a clock for network parts that belong to no machine. Its alarms keep no program alive. */
import type { Alarm, Clock, Nanoseconds } from '../../devices/clock.ts';

const NS_PER_MS = 1e6;
/** Longest delay that host timers take. */
const MAX_DELAY_MS = 2 ** 31 - 1;

class HostAlarm implements Alarm {
  deadline: Nanoseconds = Infinity;
  readonly #clock: Clock;
  readonly #callback: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(clock: Clock, callback: () => void) {
    this.#clock = clock;
    this.#callback = callback;
  }

  set(at: Nanoseconds): void {
    this.cancel();
    this.deadline = at;
    if (at === Infinity) return;
    const delay = Math.min(Math.max(0, (at - this.#clock.now()) / NS_PER_MS), MAX_DELAY_MS);
    this.#timer = setTimeout(() => {
      if (this.#clock.now() < at) return this.set(at);
      this.deadline = Infinity;
      this.#callback();
    }, Math.ceil(delay));
    (this.#timer as { unref?: () => void }).unref?.();
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.deadline = Infinity;
  }
}

export class HostClock implements Clock {
  now(): Nanoseconds {
    return performance.now() * NS_PER_MS;
  }

  alarm(_name: string, callback: () => void): Alarm {
    return new HostAlarm(this, callback);
  }
}
