/** Listeners and iterators over a machine's events. */
import type { MachineEvent, MachineEventOf, MachineEventType } from './events.ts';

/** Events that an iterator may fall behind; the oldest are dropped beyond. */
const QUEUE_LIMIT = 10_000;

class EventQueue implements AsyncIterableIterator<MachineEvent> {
  readonly #events: MachineEvent[] = [];
  #waiting: ((result: IteratorResult<MachineEvent>) => void)[] = [];
  #ended = false;
  readonly #remove: (queue: EventQueue) => void;

  constructor(remove: (queue: EventQueue) => void) {
    this.#remove = remove;
  }

  push(event: MachineEvent): void {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting({ done: false, value: event });
      return;
    }
    if (this.#events.length >= QUEUE_LIMIT) this.#events.shift();
    this.#events.push(event);
  }

  end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting) waiting({ done: true, value: undefined });
    this.#waiting = [];
  }

  next(): Promise<IteratorResult<MachineEvent>> {
    const event = this.#events.shift();
    if (event) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<MachineEvent>> {
    this.#remove(this);
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Makes a function `Disposable`. */
export const disposable = (dispose: () => void): Disposable => ({ [Symbol.dispose]: dispose });

export class EventHub {
  readonly #listeners = new Set<(event: MachineEvent) => void>();
  readonly #queues = new Set<EventQueue>();
  #ended = false;

  /** Delivers an event. A listener that throws does not keep it from the others; the error surfaces as uncaught. */
  emit(event: MachineEvent): void {
    for (const queue of this.#queues) queue.push(event);
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  onEvent(listener: (event: MachineEvent) => void): Disposable {
    // A function of its own for each registration, so that the same listener may be registered twice.
    const own = (event: MachineEvent): void => listener(event);
    this.#listeners.add(own);
    return disposable(() => this.#listeners.delete(own));
  }

  on<T extends MachineEventType>(type: T, listener: (event: MachineEventOf<T>) => void): Disposable {
    return this.onEvent((event) => {
      if (event.type === type) listener(event as MachineEventOf<T>);
    });
  }

  iterate(): AsyncIterableIterator<MachineEvent> {
    const queue = new EventQueue((ended) => this.#queues.delete(ended));
    if (this.#ended) queue.end();
    else this.#queues.add(queue);
    return queue;
  }

  /** Ends all iterations; no more events will come. */
  end(): void {
    this.#ended = true;
    for (const queue of this.#queues) queue.end();
    this.#queues.clear();
  }
}
