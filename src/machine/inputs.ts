/** Keyboard, mouse and their controller, with a queue that hands typed keys to the guest at a pace it can follow. */
import type { BusRegion } from '../../devices/bus.ts';
import type { Alarm } from '../../devices/clock.ts';
import type { Device, DeviceHost } from '../../devices/device.ts';
import { I8042 } from '../../devices/i8042/controller.ts';
import { Keyboard } from '../../devices/i8042/keyboard.ts';
import { KEYS, KEY_INDEX } from '../../devices/i8042/keys.ts';
import { Mouse } from '../../devices/i8042/mouse.ts';
import { translate } from '../../devices/i8042/translation.ts';
import type { EdgeLine } from '../../devices/interrupt-line.ts';
import type { StateDeclaration } from '../../devices/state.ts';

export interface InputsOptions {
  readonly keyboardIrq: EdgeLine;
  readonly mouseIrq: EdgeLine;
  readonly onA20: (enabled: boolean) => void;
  readonly onReset: () => void;
  readonly onLeds: (leds: { scroll: boolean; num: boolean; caps: boolean }) => void;
}

export interface KeyEvent {
  /** A `KeyboardEvent.code`. */
  readonly code: string;
  readonly down: boolean;
}

/** Between two key events, in virtual time: about 60 key strokes per second. */
const PACE_NS = 8e6;
/** Before a key that did not fit is tried again. */
const RETRY_NS = 4e6;
/** Key events that may wait; what comes beyond is refused. */
const QUEUE_LIMIT = 20_000;
const EXTENDED_PREFIX = 0xe0;
const RELEASE = 0x80;

/** Keys by set 1 make code, with 100h for those behind E0. */
const BY_SET_1 = new Map(KEYS.map((key) => [translate(key.set2) | (key.extended ? 0x100 : 0), key.code]));

/** Whether there is such a key. */
export const isKey = (code: string): boolean => KEY_INDEX.has(code);

/** Set 1 scan codes as key events; what is no key is left out. */
export function fromSet1(bytes: Iterable<number>): KeyEvent[] {
  const events: KeyEvent[] = [];
  let extended = 0;
  for (const byte of bytes) {
    if (byte === EXTENDED_PREFIX) {
      extended = 0x100;
      continue;
    }
    const code = BY_SET_1.get((byte & ~RELEASE) | extended);
    if (code !== undefined) events.push({ code, down: !(byte & RELEASE) });
    extended = 0;
  }
  return events;
}

export class Inputs {
  readonly keyboard: Keyboard;
  readonly mouse: Mouse;
  readonly devices: readonly Device[];
  readonly #controller: I8042;
  readonly #clock: DeviceHost['clock'];
  readonly #alarm: Alarm;
  readonly #queue: KeyEvent[] = [];
  #emptied: (() => void)[] = [];

  constructor(host: DeviceHost, options: InputsOptions) {
    this.#clock = host.clock;
    this.keyboard = new Keyboard(host, {
      onLeds: (mask) => options.onLeds({ scroll: (mask & 1) !== 0, num: (mask & 2) !== 0, caps: (mask & 4) !== 0 }),
    });
    this.mouse = new Mouse(host);
    this.#controller = new I8042(host, {
      keyboardIrq: options.keyboardIrq,
      auxIrq: options.mouseIrq,
      keyboard: this.keyboard,
      mouse: this.mouse,
      onA20: options.onA20,
      onReset: options.onReset,
    });
    this.devices = [this.#controller, this.keyboard, this.mouse];
    this.#alarm = host.clock.alarm('typed keys', () => this.#next());
  }

  readonly name = 'typed-keys';

  /** Typed keys that the guest has not taken: `KeyA+ KeyA-`. */
  get state(): StateDeclaration {
    const held = { waiting: this.#queue.map(({ code, down }) => `${code}${down ? '+' : '-'}`).join(' ') };
    return {
      target: held,
      version: 1,
      fields: [{ name: 'waiting', type: 'string' }],
      loaded: () => {
        const events = held.waiting.split(' ').map((key) => ({ code: key.slice(0, -1), down: key.endsWith('+') }));
        this.#queue.splice(0, Infinity, ...events.filter(({ code }) => isKey(code)).slice(0, QUEUE_LIMIT));
        if (this.#queue.length > 0) this.#alarm.set(this.#clock.now());
      },
    };
  }

  ports(): (readonly [number, BusRegion])[] {
    return [
      [0x60, this.#controller.data],
      [0x64, this.#controller.command],
    ];
  }

  /**
   * Queues key events.
   * @param done called when the keyboard has taken the last of them
   * @returns false if the queue is full; nothing was queued then
   */
  queue(events: readonly KeyEvent[], done?: () => void): boolean {
    if (this.#queue.length + events.length > QUEUE_LIMIT) return false;
    const idle = this.#queue.length === 0;
    this.#queue.push(...events);
    if (done) this.#emptied.push(done);
    if (idle)
      this.#alarm.set(Math.max(this.#clock.now(), this.#alarm.deadline === Infinity ? 0 : this.#alarm.deadline));
    return true;
  }

  /** Whether a key press still waits; releases alone change nothing that a typist would miss. */
  get pressesWaiting(): boolean {
    return this.#queue.some((event) => event.down);
  }

  #next(): void {
    const event = this.#queue[0];
    if (!event) {
      const emptied = this.#emptied;
      this.#emptied = [];
      for (const done of emptied) done();
      return;
    }
    // One at a time: a guest that is slow to fetch, or deaf for a while, gets the rest later rather than not at all.
    const taken =
      this.keyboard.waiting === 0 && (event.down ? this.keyboard.press(event.code) : this.keyboard.release(event.code));
    if (taken) this.#queue.shift();
    this.#alarm.set(this.#clock.now() + (taken ? PACE_NS : RETRY_NS));
  }

  /** Forgets what was typed but not taken; for a reset. */
  clear(): void {
    this.#queue.length = 0;
    this.#alarm.set(this.#clock.now());
  }
}
