/**
 * The cable between a network adapter and whatever it is plugged into. Towards the guest frames wait in a queue while the
 * adapter has no buffer, as a switch holds them for a paused station, but not for ever.
 */
import type { Alarm, Clock } from '../../devices/clock.ts';
import type { Dec21140, NetworkStatistics } from '../../devices/dec21140/dec21140.ts';

/** Frames that may wait for the guest; what comes beyond is dropped and counted. */
export const WIRE_QUEUE_LIMIT = 1024;
/** Longest that the first of them waits for a buffer before the adapter has to miss it. */
const PATIENCE_NS = 20e6;
/** Before an adapter without buffers is asked again. */
const RETRY_NS = 200_000;
const NS_PER_BYTE = 8;
/** Wire time that is done at once. */
const BURST_NS = 50_000;
const OVERHEAD = 24;

/** What an adapter sent and received, and what was lost on the way to it. */
export interface AdapterStatistics extends NetworkStatistics {
  /** Frames that came faster than the guest took them. */
  readonly framesDropped: number;
}

export class AdapterWire {
  /** Takes what the guest sends; the array is the receiver's own. Undefined: nothing is plugged in. */
  output: ((frame: Uint8Array) => void) | undefined;
  /** Six bytes. */
  readonly macAddress: Uint8Array;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  #queue: Uint8Array[] = [];
  #head = 0;
  #adapter: Dec21140 | undefined;
  #waitingSince: number | undefined;
  #dropped = 0;

  constructor(clock: Clock, name: string, macAddress: Uint8Array) {
    this.#clock = clock;
    this.macAddress = macAddress;
    this.#alarm = clock.alarm(`${name} wire`, () => this.#deliver());
  }

  /** Plugs the cable into the adapter. */
  attach(adapter: Dec21140): void {
    this.#adapter = adapter;
  }

  /** Whether the adapter sees a link. */
  get link(): boolean {
    return this.#adapter?.link ?? false;
  }

  set link(up: boolean) {
    if (this.#adapter) this.#adapter.link = up;
    if (!up) this.clear();
  }

  get pending(): number {
    return this.#queue.length - this.#head;
  }

  get statistics(): AdapterStatistics {
    return { ...this.#adapter!.statistics, framesDropped: this.#dropped };
  }

  /** Frames for the guest; to be called between runs of the processor or from inside one, alike. */
  input(frame: Uint8Array): void {
    if (!this.link) return;
    if (this.pending >= WIRE_QUEUE_LIMIT) {
      this.#dropped++;
      return;
    }
    this.#queue.push(frame);
    this.#schedule(this.#clock.now());
  }

  /** The adapter has buffers again. */
  ready(): void {
    if (this.pending > 0) this.#schedule(this.#clock.now());
  }

  /** From the guest. */
  transmitted(frame: Uint8Array): void {
    this.output?.(frame.slice());
  }

  clear(): void {
    this.#queue = [];
    this.#head = 0;
    this.#waitingSince = undefined;
    this.#alarm.cancel();
  }

  #schedule(at: number): void {
    if (at < this.#alarm.deadline) this.#alarm.set(at);
  }

  #deliver(): void {
    const adapter = this.#adapter;
    const now = this.#clock.now();
    let wire = 0;
    while (adapter && this.#head < this.#queue.length && wire < BURST_NS) {
      if (!adapter.canReceive) {
        this.#waitingSince ??= now;
        if (now - this.#waitingSince < PATIENCE_NS) return this.#alarm.set(now + RETRY_NS);
      }
      this.#waitingSince = undefined;
      const frame = this.#queue[this.#head++]!;
      adapter.receive(frame);
      wire += (frame.length + OVERHEAD) * NS_PER_BYTE;
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else {
      this.#alarm.set(now + wire);
    }
  }
}
