/**
 * PS/2 keyboard with 101/102 keys plus the Windows and media keys.
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "101/102-key keyboard".
 * Models: scan code sets 1, 2 and 3 with prefixes, the shift-state dependent sequences of the navigation keys, Print
 * Screen and Pause; all host commands; set 3 key types.
 * Does not model: typematic repeat of its own (the host repeats a key by pressing it again), the rate set by F3, key
 * roll-over limits. The queue is longer than a real keyboard's 16 bytes, and a key that does not fit is refused whole.
 */
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { StateDeclaration } from '../state.ts';
import type { Key } from './keys.ts';
import { KEY_INDEX, KEYS, KeyType } from './keys.ts';
import type { Ps2Device } from './ps2-port.ts';
import { BREAK_PREFIX, translate } from './translation.ts';

const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
const ID = [0xab, 0x83] as const;
const EXTENDED = 0xe0;

/** Bytes of key codes that may wait. */
const QUEUE_LIMIT = 256;
const ANSWER_LIMIT = 16;
/** Length of the self test; a real one takes 300-500 ms, which nothing depends on. */
const SELF_TEST_TIME: Nanoseconds = 5_000_000;

const LED_NUM_LOCK = 0x02;

/** Keys whose codes depend on Shift and Num Lock. */
const NAVIGATION = new Set([
  'Insert',
  'Delete',
  'Home',
  'End',
  'PageUp',
  'PageDown',
  'ArrowLeft',
  'ArrowUp',
  'ArrowRight',
  'ArrowDown',
]);

export interface KeyboardOptions {
  /** The guest set the lamps: bit 0 Scroll Lock, 1 Num Lock, 2 Caps Lock. */
  readonly onLeds?: (mask: number) => void;
  /** Key codes were fetched and a refused key would fit now. */
  readonly onReady?: () => void;
}

export class Keyboard implements Device, Ps2Device {
  readonly name = 'ps2-keyboard';
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #options: KeyboardOptions;
  readonly #selfTest: Alarm;
  #notify: () => void = () => undefined;
  private answers: number[] = [];
  private queue: number[] = [];
  private scanning = true;
  private set = 2;
  private leds = 0;
  /** Command that waits for a parameter; 0 = none. */
  private command = 0;
  private last = 0;
  private selfTestEnd: Nanoseconds = Infinity;
  /** 1 for each key of `KEYS` that is down. */
  private readonly down = new Uint8Array(KEYS.length);
  private readonly types = new Uint8Array(KEYS.length);

  constructor(host: DeviceHost, options: KeyboardOptions = {}) {
    this.#clock = host.clock;
    this.#log = host.log;
    this.#options = options;
    this.#selfTest = host.clock.alarm('ps2-keyboard self test', () => {
      this.selfTestEnd = Infinity;
      this.#answer(SELF_TEST_PASSED);
    });
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'answers', type: { buffer: ANSWER_LIMIT } },
        { name: 'queue', type: { buffer: QUEUE_LIMIT } },
        { name: 'scanning', type: 'bool' },
        ...['set', 'leds', 'command', 'last'].map((name) => ({ name, type: 'u8' }) as const),
        { name: 'selfTestEnd', type: 'f64' },
        { name: 'down', type: { bytes: KEYS.length } },
        { name: 'types', type: { bytes: KEYS.length } },
      ],
      loaded: () => {
        this.answers = [...this.answers];
        this.queue = [...this.queue];
        this.#selfTest.set(this.selfTestEnd);
        this.#options.onLeds?.(this.leds);
        this.#notify();
      },
    };
    this.reset(ResetCause.PowerOn);
  }

  /** Power-on state; other resets do not reach the keyboard. */
  reset(cause: ResetCause): void {
    if (cause !== ResetCause.PowerOn) return;
    this.answers = [];
    this.queue = [];
    this.command = 0;
    this.last = 0;
    this.selfTestEnd = Infinity;
    this.#selfTest.cancel();
    this.down.fill(0);
    this.#setLeds(0);
    this.#defaults();
    this.scanning = true;
  }

  #defaults(): void {
    this.set = 2;
    this.queue = [];
    KEYS.forEach((key, i) => (this.types[i] = key.type));
  }

  // ---- the host's side

  /**
   * A key goes down, or repeats while it is held.
   * @param code `KeyboardEvent.code`, e.g. `KeyA`, `Enter`, `ArrowUp`
   * @returns false if the key is unknown or its codes do not fit now; nothing was sent then
   */
  press(code: string): boolean {
    const index = KEY_INDEX.get(code);
    if (index === undefined) return false;
    const repeat = this.down[index] === 1;
    if (!this.#send(this.#make(KEYS[index]!, index, repeat))) return false;
    this.down[index] = 1;
    return true;
  }

  /** A key goes up. Returns as `press`; a key that is not down is no change and gives true. */
  release(code: string): boolean {
    const index = KEY_INDEX.get(code);
    if (index === undefined) return false;
    if (!this.down[index]) return true;
    if (!this.#send(this.#break(KEYS[index]!, index))) return false;
    this.down[index] = 0;
    return true;
  }

  /** Bytes of key codes that the guest has not fetched. */
  get waiting(): number {
    return this.queue.length;
  }

  #send(codes: readonly number[]): boolean {
    // A disabled keyboard does not scan: what happens meanwhile is lost, as on the real part.
    if (!this.scanning || codes.length === 0) return true;
    if (this.queue.length + codes.length > QUEUE_LIMIT) return false;
    this.queue.push(...codes);
    this.#notify();
    return true;
  }

  #isDown(...codes: readonly string[]): boolean {
    return codes.some((code) => this.down[KEY_INDEX.get(code)!] === 1);
  }

  /** Make or release sequence of one code in set 1 or 2. */
  #code(code: number, extended: boolean, released: boolean): number[] {
    const prefix = extended ? [EXTENDED] : [];
    if (this.set === 1) return [...prefix, translate(code) | (released ? 0x80 : 0)];
    return released ? [...prefix, BREAK_PREFIX, code] : [...prefix, code];
  }

  /** Shift codes sent around a navigation key: `undo` takes effect before its make, `redo` after its release. */
  #shifts(key: Key, released: boolean): number[] {
    const left = this.#isDown('ShiftLeft');
    const right = this.#isDown('ShiftRight');
    const shifted = left || right;
    const navigation = NAVIGATION.has(key.code);
    if ((navigation && !(this.leds & LED_NUM_LOCK) && shifted) || (key.code === 'NumpadDivide' && shifted))
      return [...(left ? this.#code(0x12, true, !released) : []), ...(right ? this.#code(0x59, true, !released) : [])];
    if (navigation && this.leds & LED_NUM_LOCK && !shifted) return this.#code(0x12, true, released);
    return [];
  }

  #make(key: Key, index: number, repeat: boolean): number[] {
    if (this.set === 3) {
      const type = this.types[index]!;
      const repeats = type === KeyType.Typematic || type === KeyType.TypematicMakeBreak;
      return key.set3 === 0 || (repeat && !repeats) ? [] : [key.set3];
    }
    if (key.code === 'Pause') return repeat ? [] : this.#pause();
    if (key.code === 'PrintScreen') {
      if (this.#isDown('AltLeft', 'AltRight')) return this.#code(0x84, false, false);
      const plain = !repeat && !this.#isDown('ShiftLeft', 'ShiftRight', 'ControlLeft', 'ControlRight');
      return [...(plain ? this.#code(0x12, true, false) : []), ...this.#code(key.set2, true, false)];
    }
    return [...(repeat ? [] : this.#shifts(key, false)), ...this.#code(key.set2, key.extended, false)];
  }

  #break(key: Key, index: number): number[] {
    if (this.set === 3) {
      const type = this.types[index]!;
      const breaks = type === KeyType.MakeBreak || type === KeyType.TypematicMakeBreak;
      return key.set3 === 0 || !breaks ? [] : [BREAK_PREFIX, key.set3];
    }
    if (key.code === 'Pause') return [];
    if (key.code === 'PrintScreen') {
      if (this.#isDown('AltLeft', 'AltRight')) return this.#code(0x84, false, true);
      const plain = !this.#isDown('ShiftLeft', 'ShiftRight', 'ControlLeft', 'ControlRight');
      return [...this.#code(key.set2, true, true), ...(plain ? this.#code(0x12, true, true) : [])];
    }
    return [...this.#code(key.set2, key.extended, true), ...this.#shifts(key, true)];
  }

  /** Pause sends make and release together; with Ctrl it is Break. */
  #pause(): number[] {
    if (this.#isDown('ControlLeft', 'ControlRight'))
      return [...this.#code(0x7e, true, false), ...this.#code(0x7e, true, true)];
    const one = (released: boolean): number[] => [
      0xe1,
      ...this.#code(0x14, false, released),
      ...this.#code(0x77, false, released),
    ];
    return [...one(false), ...one(true)];
  }

  // ---- the controller's side

  attach(ready: () => void): void {
    this.#notify = ready;
  }

  get pending(): boolean {
    // No key code goes between a command and its parameter.
    return this.answers.length > 0 || (this.queue.length > 0 && this.command === 0 && this.selfTestEnd === Infinity);
  }

  take(): number {
    const answer = this.answers.shift();
    if (answer !== undefined) return (this.last = answer);
    this.last = this.queue.shift() ?? 0;
    if (this.queue.length === QUEUE_LIMIT / 2) this.#options.onReady?.();
    return this.last;
  }

  #answer(...bytes: readonly number[]): void {
    if (this.answers.length + bytes.length <= ANSWER_LIMIT) this.answers.push(...bytes);
    else this.#log.guestError(this.name, 'answers are never read', bytes[0]);
    this.#notify();
  }

  #setLeds(mask: number): void {
    this.leds = mask & 7;
    this.#options.onLeds?.(this.leds);
  }

  receive(byte: number): void {
    const command = this.command;
    this.command = 0;
    // A parameter is below 80h; anything else is a new command in place of the expected parameter.
    if (command !== 0 && (byte < 0x80 || (command >= 0xfb && command <= 0xfd))) this.#parameter(command, byte);
    else this.#execute(byte);
  }

  #parameter(command: number, value: number): void {
    switch (command) {
      case 0xed:
        this.#setLeds(value);
        this.#answer(ACK);
        break;
      case 0xf0:
        if (value > 3) {
          this.#answer(RESEND);
        } else if (value === 0) {
          this.#answer(ACK, this.set);
        } else {
          this.set = value;
          this.queue = [];
          this.#answer(ACK);
        }
        break;
      case 0xf3:
        // The host repeats held keys at its own rate.
        this.#answer(ACK);
        break;
      default: {
        // FB, FC, FD: the type of one key, until another command ends the list.
        const type = command === 0xfb ? KeyType.Typematic : command === 0xfc ? KeyType.MakeBreak : KeyType.Make;
        const index = KEYS.findIndex((key) => key.set3 === value && value !== 0);
        if (index >= 0) {
          this.types[index] = type;
          this.command = command;
          this.#answer(ACK);
        } else {
          this.#execute(value);
        }
      }
    }
  }

  #execute(command: number): void {
    switch (command) {
      case 0xed:
      case 0xf0:
      case 0xf3:
        this.command = command;
        this.#answer(ACK);
        break;
      case 0xfb:
      case 0xfc:
      case 0xfd:
        this.scanning = false;
        this.command = command;
        this.#answer(ACK);
        break;
      case 0xee:
        this.#answer(0xee);
        break;
      case 0xf2:
        this.#answer(ACK, ...ID);
        break;
      case 0xf4:
        this.queue = [];
        this.scanning = true;
        this.#answer(ACK);
        break;
      case 0xf5:
        this.#defaults();
        this.scanning = false;
        this.#answer(ACK);
        break;
      case 0xf6:
        this.#defaults();
        this.#answer(ACK);
        break;
      case 0xf7:
        this.#setTypes(KeyType.Typematic);
        break;
      case 0xf8:
        this.#setTypes(KeyType.MakeBreak);
        break;
      case 0xf9:
        this.#setTypes(KeyType.Make);
        break;
      case 0xfa:
        this.#setTypes(KeyType.TypematicMakeBreak);
        break;
      case 0xfe:
        this.#answer(this.last);
        break;
      case 0xff:
        this.answers = [];
        this.#defaults();
        this.#setLeds(0);
        this.scanning = true;
        this.#answer(ACK);
        this.selfTestEnd = this.#clock.now() + SELF_TEST_TIME;
        this.#selfTest.set(this.selfTestEnd);
        break;
      default:
        this.#log.guestError(this.name, 'unknown command', command);
        this.#answer(RESEND);
    }
  }

  #setTypes(type: number): void {
    this.types.fill(type);
    this.#answer(ACK);
  }
}
