/** CSR11, the general-purpose timer: counts down 16 bits and raises an interrupt cause. */
import type { Alarm, Clock } from '../clock.ts';
import type { Field } from '../state.ts';

const COUNT = 0xffff;
const CONTINUOUS = 1 << 16;
const ONES = 0xfffe0000;
const DEFAULT_TICK_NS = 819_200;

export class GeneralPurposeTimer {
  /** What was written. */
  reload = 0;
  continuous = false;
  tickNs = DEFAULT_TICK_NS;
  readonly fields: readonly Field[] = [
    { name: 'reload', type: 'u16' },
    { name: 'continuous', type: 'bool' },
    { name: 'tickNs', type: 'u32' },
    { name: 'deadline', type: { optional: 'f64' } },
  ];
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #expired: () => void;

  constructor(clock: Clock, name: string, expired: () => void) {
    this.#clock = clock;
    this.#expired = expired;
    this.#alarm = clock.alarm(name, () => this.#expire());
  }

  get deadline(): number | undefined {
    return this.#alarm.deadline === Infinity ? undefined : this.#alarm.deadline;
  }

  set deadline(at: number | undefined) {
    if (at === undefined) this.#alarm.cancel();
    else this.#alarm.set(at);
  }

  reset(): void {
    this.reload = 0;
    this.continuous = false;
    this.tickNs = DEFAULT_TICK_NS;
    this.#alarm.cancel();
  }

  /** @param tickNs nanoseconds of a count; 0 counts stop the timer */
  write(value: number, tickNs: number): void {
    this.reload = value & COUNT;
    this.continuous = (value & CONTINUOUS) !== 0;
    this.tickNs = tickNs;
    if (this.reload === 0) this.#alarm.cancel();
    else this.#alarm.set(this.#clock.now() + this.reload * tickNs);
  }

  read(): number {
    const left = this.#alarm.deadline - this.#clock.now();
    const count = left === Infinity ? 0 : Math.min(COUNT, Math.max(0, Math.ceil(left / this.tickNs)));
    return (ONES | (this.continuous ? CONTINUOUS : 0) | count) >>> 0;
  }

  #expire(): void {
    if (this.continuous) this.#alarm.set(this.#clock.now() + Math.max(1, this.reload) * this.tickNs);
    this.#expired();
  }
}
