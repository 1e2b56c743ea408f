/**
 * The virtual clock: time is what the processor has executed. Between two calls of `rebase` it advances by a fixed
 * number of nanoseconds for each instruction, so `now()` is exact to the instruction and a run is repeatable whenever
 * the rate is. How virtual time relates to host time is not known here; see pacing.ts.
 */
import type { Alarm, Clock, Nanoseconds } from '../../devices/clock.ts';

/** What the scheduler needs of the processor. */
export interface InstructionCounter {
  /** Instructions executed since creation, exact also from inside bus callbacks. */
  readonly executed: number;
  limit(instructions: number): void;
}

/** Callbacks run by one `runDue`; a device that re-arms in the past cannot keep the processor from its next instruction. */
const MAX_CALLBACKS = 10_000;
const IDLE = -1;

class ScheduledAlarm implements Alarm {
  deadline: Nanoseconds = Infinity;
  /** Place in the heap, or IDLE. */
  place = IDLE;
  /** Order of arming: alarms with equal deadlines run first come, first served. */
  order = 0;
  readonly name: string;
  readonly callback: () => void;
  readonly #scheduler: Scheduler;

  constructor(scheduler: Scheduler, name: string, callback: () => void) {
    this.#scheduler = scheduler;
    this.name = name;
    this.callback = callback;
  }

  set(at: Nanoseconds): void {
    this.#scheduler.arm(this, at);
  }

  cancel(): void {
    this.#scheduler.disarm(this);
  }
}

/** An alarm that was set: its name, which of those of that name it is, and its deadline. */
export type PendingAlarm = readonly [name: string, instance: number, deadline: Nanoseconds];

/** The clock between two runs of the processor. */
export interface ClockState {
  /** Virtual time of the last rebase, and instructions executed since. */
  readonly base: Nanoseconds;
  readonly sinceBase: number;
  readonly nsPerInstruction: number;
  /** In the order in which they will run. */
  readonly pending: readonly PendingAlarm[];
}

const earlier = (a: ScheduledAlarm, b: ScheduledAlarm): boolean =>
  a.deadline < b.deadline || (a.deadline === b.deadline && a.order < b.order);

export class Scheduler implements Clock {
  #processor: InstructionCounter | undefined;
  #base: Nanoseconds = 0;
  #baseExecuted = 0;
  #nsPerInstruction: number;
  /** Binary heap over `earlier`. */
  readonly #heap: ScheduledAlarm[] = [];
  #order = 0;
  /** Every alarm ever made, by name. */
  readonly #alarms = new Map<string, ScheduledAlarm[]>();

  /** @param nsPerInstruction virtual nanoseconds per executed instruction, > 0 */
  constructor(nsPerInstruction: number) {
    this.#nsPerInstruction = nsPerInstruction;
  }

  /** Connects the processor whose instructions are counted. Time stands still before. */
  attach(processor: InstructionCounter): void {
    this.#processor = processor;
    this.#baseExecuted = processor.executed;
  }

  now(): Nanoseconds {
    const processor = this.#processor;
    return processor ? this.#base + (processor.executed - this.#baseExecuted) * this.#nsPerInstruction : this.#base;
  }

  get nsPerInstruction(): number {
    return this.#nsPerInstruction;
  }

  /** Changes the rate from here on; time itself does not jump. */
  setRate(nsPerInstruction: number): void {
    this.#rebase(this.now());
    this.#nsPerInstruction = nsPerInstruction;
  }

  /** Lets time pass without instructions: the processor is halted. Ignored if `to` is in the past. */
  advanceTo(to: Nanoseconds): void {
    if (to > this.now()) this.#rebase(to);
  }

  #rebase(now: Nanoseconds): void {
    this.#base = now;
    this.#baseExecuted = this.#processor?.executed ?? 0;
  }

  alarm(name: string, callback: () => void): Alarm {
    const alarm = new ScheduledAlarm(this, name, callback);
    const namesakes = this.#alarms.get(name);
    if (namesakes) namesakes.push(alarm);
    else this.#alarms.set(name, [alarm]);
    return alarm;
  }

  capture(): ClockState {
    const inOrder = [...this.#heap].sort((a, b) => (earlier(a, b) ? -1 : 1));
    return {
      base: this.#base,
      sinceBase: (this.#processor?.executed ?? 0) - this.#baseExecuted,
      nsPerInstruction: this.#nsPerInstruction,
      pending: inOrder.map((alarm) => [alarm.name, this.#alarms.get(alarm.name)!.indexOf(alarm), alarm.deadline]),
    };
  }

  /** Sets the time, to the last bit what it was; alarms stay. */
  restoreTime(saved: Omit<ClockState, 'pending'>): void {
    this.#base = saved.base;
    this.#baseExecuted = (this.#processor?.executed ?? 0) - saved.sinceBase;
    this.#nsPerInstruction = saved.nsPerInstruction;
  }

  /**
   * Sets alarms as they were, in the order in which they will run. Devices have set theirs from their own state before; those
   * that nothing is known of stay as the devices set them.
   */
  restoreAlarms(pending: readonly PendingAlarm[]): void {
    for (const [name, instance, deadline] of pending) {
      const alarm = this.#alarms.get(name)?.[instance];
      if (alarm) this.arm(alarm, deadline);
    }
  }

  /** Earliest deadline, or `Infinity`. */
  get nextDeadline(): Nanoseconds {
    return this.#heap[0]?.deadline ?? Infinity;
  }

  /** Names and deadlines of the alarms that are set, earliest first; for traces. */
  pending(): { name: string; deadline: Nanoseconds }[] {
    return [...this.#heap].sort((a, b) => (earlier(a, b) ? -1 : 1)).map(({ name, deadline }) => ({ name, deadline }));
  }

  /** Instructions until the earliest deadline: at least 1, `Infinity` if no alarm is set. */
  headroom(): number {
    return Math.max(1, this.#instructionsUntil(this.nextDeadline));
  }

  #instructionsUntil(deadline: Nanoseconds): number {
    return Math.ceil((deadline - this.now()) / this.#nsPerInstruction);
  }

  /** Runs the callbacks whose deadline has come, earliest first. Call between runs of the processor. */
  runDue(): void {
    for (let ran = 0; ran < MAX_CALLBACKS; ran++) {
      const first = this.#heap[0];
      if (!first || first.deadline > this.now()) return;
      this.disarm(first);
      first.callback();
    }
  }

  /** Internal to alarms. */
  arm(alarm: ScheduledAlarm, at: Nanoseconds): void {
    if (Number.isNaN(at)) throw new TypeError(`alarm ${alarm.name}: the deadline is not a number`);
    this.disarm(alarm);
    if (at === Infinity) return;
    alarm.deadline = at;
    alarm.order = this.#order++;
    alarm.place = this.#heap.length;
    this.#heap.push(alarm);
    this.#up(alarm);
    // Set from inside a bus callback: the budget given to the processor reaches past the new deadline.
    if (alarm.place === 0) this.#processor?.limit(Math.max(0, this.#instructionsUntil(at)));
  }

  /** Internal to alarms. */
  disarm(alarm: ScheduledAlarm): void {
    const { place } = alarm;
    if (place === IDLE) return;
    alarm.place = IDLE;
    alarm.deadline = Infinity;
    const last = this.#heap.pop()!;
    if (last === alarm) return;
    last.place = place;
    this.#heap[place] = last;
    this.#up(last);
    this.#down(last);
  }

  #up(alarm: ScheduledAlarm): void {
    const heap = this.#heap;
    while (alarm.place > 0) {
      const parent = heap[(alarm.place - 1) >> 1]!;
      if (!earlier(alarm, parent)) return;
      this.#swap(alarm, parent);
    }
  }

  #down(alarm: ScheduledAlarm): void {
    const heap = this.#heap;
    for (;;) {
      const left = heap[2 * alarm.place + 1];
      const right = heap[2 * alarm.place + 2];
      const child = left && right && earlier(right, left) ? right : left;
      if (!child || !earlier(child, alarm)) return;
      this.#swap(child, alarm);
    }
  }

  #swap(a: ScheduledAlarm, b: ScheduledAlarm): void {
    const place = a.place;
    this.#heap[(a.place = b.place)] = a;
    this.#heap[(b.place = place)] = b;
  }
}
