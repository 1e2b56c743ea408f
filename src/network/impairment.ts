/** A bad line, for tests: bandwidth, delay, loss and reordering, repeatable from a seed. */
import type { Alarm, Clock } from '../../devices/clock.ts';

export interface ImpairmentConfiguration {
  /** Bits per second; default unlimited. */
  readonly bandwidth?: number;
  /** Milliseconds. */
  readonly delayMs?: number;
  /** Probability 0 to 1 that a frame is lost. */
  readonly loss?: number;
  /** Probability 0 to 1 that a frame is held back until after later ones. */
  readonly reorder?: number;
  /** Default 1. */
  readonly seed?: number;
}

/** How much longer a frame out of order takes. */
const REORDER_NS = 2e6;
/** Frames under way; more are lost. */
const QUEUE_LIMIT = 2048;
const NS_PER_SECOND = 1e9;

/** Numbers from 0 to 1 (xorshift32); the same seed gives the same ones. */
export function seededRandom(seed: number): () => number {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 0x1_0000_0000;
  };
}

/** One direction of the line. */
export class Impairment {
  readonly statistics = { passed: 0, lost: 0, reordered: 0 };
  readonly #settings: ImpairmentConfiguration;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  readonly #deliver: (frame: Uint8Array) => void;
  readonly #random: () => number;
  /** Sorted by the time of arrival. */
  readonly #flying: { readonly at: number; readonly frame: Uint8Array }[] = [];
  #busyUntil = 0;

  constructor(clock: Clock, settings: ImpairmentConfiguration, deliver: (frame: Uint8Array) => void) {
    this.#settings = settings;
    this.#clock = clock;
    this.#deliver = deliver;
    this.#random = seededRandom(settings.seed ?? 1);
    this.#alarm = clock.alarm('network impairment', () => this.#arrive());
  }

  send(frame: Uint8Array): void {
    const { bandwidth, delayMs = 0, loss = 0, reorder = 0 } = this.#settings;
    if (this.#random() < loss || this.#flying.length >= QUEUE_LIMIT) {
      this.statistics.lost++;
      return;
    }
    const now = this.#clock.now();
    const late = this.#random() < reorder;
    if (late) this.statistics.reordered++;
    this.#busyUntil = Math.max(now, this.#busyUntil);
    if (bandwidth !== undefined) this.#busyUntil += (frame.length * 8 * NS_PER_SECOND) / bandwidth;
    const at = this.#busyUntil + delayMs * 1e6 + (late ? REORDER_NS : 0);
    let place = this.#flying.length;
    while (place > 0 && this.#flying[place - 1]!.at > at) place--;
    this.#flying.splice(place, 0, { at, frame });
    this.#alarm.set(this.#flying[0]!.at);
  }

  #arrive(): void {
    while (this.#flying.length > 0 && this.#flying[0]!.at <= this.#clock.now()) {
      this.statistics.passed++;
      this.#deliver(this.#flying.shift()!.frame);
    }
    if (this.#flying.length > 0) this.#alarm.set(this.#flying[0]!.at);
  }

  close(): void {
    this.#flying.length = 0;
    this.#alarm.cancel();
  }
}
