/**
 * How virtual time follows host time. A pacer sets the rate after each run of the processor, and when the
 * processor halts how long to sleep.
 *
 * - real: virtual time tracks host time. While the guest computes, the time per instruction is what instructions have
 *   lately cost the host, corrected so that a difference vanishes within a fraction of a second; while it is idle the
 *   host thread sleeps until the next alarm is due.
 * - fast: a fixed time per instruction; idle time is skipped. Repeatable, and as fast as the host allows.
 * - fixed: a fixed time per instruction, but never ahead of host time: a guest slowed down to a given speed. Repeatable.
 */
import type { Nanoseconds } from '../../devices/clock.ts';
import type { ClockConfiguration } from './configuration.ts';
import type { Scheduler } from './scheduler.ts';

/** Monotonic host time in milliseconds, with fractions. */
export type HostTime = () => number;

const DEFAULT_INSTRUCTIONS_PER_SECOND = 100_000_000;

export interface Pacer {
  /** Called when the machine starts to run or resumes: the time that passed until now is not made up. */
  start(): void;
  /** Called after each run of the processor with the instructions it executed and the host milliseconds it took. */
  ran(instructions: number, milliseconds: number): void;
  /**
   * Milliseconds to sleep before the next slice while the processor can run; 0 for at once.
   */
  hold(): number;
  /**
   * The processor is halted: lets virtual time pass up to `deadline` as far as allowed, and returns the milliseconds
   * to sleep before asking again; 0 when the deadline has been reached.
   */
  idle(deadline: Nanoseconds): number;
}

const NS_PER_MS = 1e6;

/** Host time that is ahead of virtual time by more than this is given up: the host was suspended or overloaded. */
const MAX_LAG_NS = 1e9;
/** Time in which a difference is to be made up. */
const HORIZON_MS = 100;
/** Bounds of the correction: virtual time runs at 1/4 to 4 times the measured speed. */
const MIN_CORRECTION = 0.25;
const MAX_CORRECTION = 4;
/** Bounds of the rate: 4 GHz to 1 MHz worth of instructions. */
const MIN_NS = 0.25;
const MAX_NS = 1000;
/** Weight of the newest run in the measured cost of an instruction, and how far it may lie from what was measured. */
const SMOOTHING = 0.1;
const OUTLIER = 4;
/** Runs of fewer instructions measure their surroundings rather than instructions. */
const MIN_SAMPLE = 1000;
/** The longest sleep; also what a machine without any alarm sleeps. */
const MAX_SLEEP_MS = 1000;
/** Shorter sleeps cost more than they save. */
const MIN_HOLD_MS = 1;

class RealPacer implements Pacer {
  readonly #scheduler: Scheduler;
  readonly #hostTime: HostTime;
  /** Host time in ms at which virtual time was 0. */
  #origin = 0;
  #cost: number;

  constructor(scheduler: Scheduler, hostTime: HostTime) {
    this.#scheduler = scheduler;
    this.#hostTime = hostTime;
    this.#cost = scheduler.nsPerInstruction;
  }

  start(): void {
    this.#origin = this.#hostTime() - this.#scheduler.now() / NS_PER_MS;
  }

  /** Virtual time as the host's clock would have it, after giving up a lag that is too large. */
  #target(): Nanoseconds {
    const target = (this.#hostTime() - this.#origin) * NS_PER_MS;
    const excess = target - this.#scheduler.now() - MAX_LAG_NS;
    if (excess <= 0) return target;
    this.#origin += excess / NS_PER_MS;
    return target - excess;
  }

  ran(instructions: number, milliseconds: number): void {
    if (instructions >= MIN_SAMPLE) {
      const sample = (milliseconds * NS_PER_MS) / instructions;
      const low = Math.max(MIN_NS, this.#cost / OUTLIER);
      const high = Math.min(MAX_NS, this.#cost * OUTLIER);
      this.#cost += SMOOTHING * (Math.min(Math.max(sample, low), high) - this.#cost);
    }
    const lag = (this.#target() - this.#scheduler.now()) / NS_PER_MS;
    const correction = Math.min(Math.max(1 + lag / HORIZON_MS, MIN_CORRECTION), MAX_CORRECTION);
    this.#scheduler.setRate(Math.min(Math.max(this.#cost * correction, MIN_NS), MAX_NS));
  }

  hold(): number {
    return 0;
  }

  idle(deadline: Nanoseconds): number {
    const target = this.#target();
    if (target >= deadline) {
      // To the deadline and no further: alarms that are overdue run one by one, each at its own time, with the
      // processor running in between.
      this.#scheduler.advanceTo(deadline);
      return 0;
    }
    this.#scheduler.advanceTo(target);
    return Math.min((deadline - target) / NS_PER_MS, MAX_SLEEP_MS);
  }
}

class FastPacer implements Pacer {
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  start(): void {
    // Host time plays no part.
  }

  ran(): void {
    // The rate is fixed.
  }

  hold(): number {
    return 0;
  }

  idle(deadline: Nanoseconds): number {
    if (deadline === Infinity) return MAX_SLEEP_MS;
    this.#scheduler.advanceTo(deadline);
    return 0;
  }
}

class FixedPacer implements Pacer {
  readonly #scheduler: Scheduler;
  readonly #hostTime: HostTime;
  #origin = 0;

  constructor(scheduler: Scheduler, hostTime: HostTime) {
    this.#scheduler = scheduler;
    this.#hostTime = hostTime;
  }

  start(): void {
    this.#origin = this.#hostTime() - this.#scheduler.now() / NS_PER_MS;
  }

  /** Milliseconds by which `time` is ahead of the host; what the host cannot keep up with is given up. */
  #ahead(time: Nanoseconds): number {
    const ahead = time / NS_PER_MS - (this.#hostTime() - this.#origin);
    if (ahead < -MAX_LAG_NS / NS_PER_MS) this.#origin -= ahead + MAX_LAG_NS / NS_PER_MS;
    return ahead;
  }

  ran(): void {
    // The rate is fixed.
  }

  hold(): number {
    const ahead = this.#ahead(this.#scheduler.now());
    return ahead >= MIN_HOLD_MS ? Math.min(ahead, MAX_SLEEP_MS) : 0;
  }

  idle(deadline: Nanoseconds): number {
    if (deadline === Infinity) return MAX_SLEEP_MS;
    // Virtual time stays until the host has reached the deadline: stopping half-way would depend on the host.
    const ahead = this.#ahead(deadline);
    if (ahead > 0) return Math.min(ahead, MAX_SLEEP_MS);
    this.#scheduler.advanceTo(deadline);
    return 0;
  }
}

/** Virtual nanoseconds per instruction to begin with. */
export function initialRate(clock: ClockConfiguration): number {
  const perSecond = clock.kind === 'real' ? undefined : clock.instructionsPerSecond;
  return 1e9 / (perSecond ?? DEFAULT_INSTRUCTIONS_PER_SECOND);
}

export function createPacer(clock: ClockConfiguration, scheduler: Scheduler, hostTime: HostTime): Pacer {
  switch (clock.kind) {
    case 'real':
      return new RealPacer(scheduler, hostTime);
    case 'fast':
      return new FastPacer(scheduler);
    case 'fixed':
      return new FixedPacer(scheduler, hostTime);
  }
}
