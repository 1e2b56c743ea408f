/**
 * PS/2 mouse with wheel (IntelliMouse) and, when asked for, five buttons (IntelliMouse Explorer).
 *
 * Source: IBM PS/2 Hardware Interface Technical Reference, "Mouse"; Microsoft IntelliMouse notes on the sample-rate knock.
 * Models: stream, remote and wrap modes, scaling, sample rate, resolution (as a stored value), status, identification.
 * Does not model: vendor extensions (they are refused, as a plain mouse does), counts scaled by the resolution.
 */
import type { Alarm, Clock, Nanoseconds } from '../clock.ts';
import { NANOSECONDS_PER_SECOND } from '../clock.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { StateDeclaration } from '../state.ts';
import type { Ps2Device } from './ps2-port.ts';

const ACK = 0xfa;
const RESEND = 0xfe;
/** Bytes of packets that may wait; a packet that does not fit stays in the counters. */
const QUEUE_LIMIT = 16;
const ANSWER_LIMIT = 16;
const SELF_TEST_TIME: Nanoseconds = 5_000_000;
const MAX_COUNT = 255;
const MAX_ACCUMULATED = 32767;

const Id = { Standard: 0, Wheel: 3, Explorer: 4 } as const;
/** Sample rates in the order that asks for an identity. */
const KNOCKS = [
  { rates: [200, 100, 80], id: Id.Wheel },
  { rates: [200, 200, 80], id: Id.Explorer },
] as const;
/** Windows NT resets after this and goes on to expect a wheel. */
const NT_KNOCK = [200, 100, 80, 60] as const;
const SCALED = [0, 1, 1, 3, 6, 9] as const;

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

export class Mouse implements Device, Ps2Device {
  readonly name = 'ps2-mouse';
  readonly state: StateDeclaration;
  readonly #clock: Clock;
  readonly #log: DeviceLog;
  readonly #selfTest: Alarm;
  readonly #sample: Alarm;
  #notify: () => void = () => undefined;
  private answers: number[] = [];
  private queue: number[] = [];
  private id: number = Id.Standard;
  private reporting = false;
  private remote = false;
  private wrap = false;
  private scaled = false;
  private resolution = 2;
  private rate = 100;
  /** The last four sample rates set, newest last. */
  private readonly rates = new Uint8Array(4);
  private command = 0;
  private last = 0;
  private dx = 0;
  private dy = 0;
  private dz = 0;
  private held = 0;
  /** Buttons in the last packet. */
  private reported = 0;
  private nextSample: Nanoseconds = 0;
  private selfTestEnd: Nanoseconds = Infinity;

  constructor(host: DeviceHost) {
    this.#clock = host.clock;
    this.#log = host.log;
    this.#selfTest = host.clock.alarm('ps2-mouse self test', () => {
      this.selfTestEnd = Infinity;
      this.#answer(0xaa, Id.Standard);
    });
    this.#sample = host.clock.alarm('ps2-mouse sample', () => this.#report());
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'answers', type: { buffer: ANSWER_LIMIT } },
        { name: 'queue', type: { buffer: QUEUE_LIMIT } },
        ...['reporting', 'remote', 'wrap', 'scaled'].map((name) => ({ name, type: 'bool' }) as const),
        ...['id', 'resolution', 'rate', 'command', 'last', 'held', 'reported'].map(
          (name) => ({ name, type: 'u8' }) as const,
        ),
        { name: 'rates', type: { bytes: 4 } },
        ...['dx', 'dy', 'dz'].map((name) => ({ name, type: 'i32' }) as const),
        { name: 'nextSample', type: 'f64' },
        { name: 'selfTestEnd', type: 'f64' },
      ],
      loaded: () => {
        this.answers = [...this.answers];
        this.queue = [...this.queue];
        this.#selfTest.set(this.selfTestEnd);
        this.#report();
        this.#notify();
      },
    };
    this.reset(ResetCause.PowerOn);
  }

  /** Power-on state; other resets do not reach the mouse. */
  reset(cause: ResetCause): void {
    if (cause !== ResetCause.PowerOn) return;
    this.answers = [];
    this.command = 0;
    this.last = 0;
    this.held = 0;
    this.id = Id.Standard;
    this.rates.fill(0);
    this.nextSample = 0;
    this.selfTestEnd = Infinity;
    this.#selfTest.cancel();
    this.#defaults();
  }

  #defaults(): void {
    this.queue = [];
    this.reporting = this.remote = this.wrap = this.scaled = false;
    this.resolution = 2;
    this.rate = 100;
    this.#clearCounts();
    this.reported = this.held;
  }

  #clearCounts(): void {
    this.dx = this.dy = this.dz = 0;
  }

  // ---- the host's side

  /** Moves by counts: `dx` to the right, `dy` downwards (towards the user), `dz` the wheel towards the user (scroll down). */
  move(dx: number, dy: number, dz = 0): void {
    const add = (sum: number, value: number): number =>
      clamp(sum + Math.trunc(value), -MAX_ACCUMULATED, MAX_ACCUMULATED);
    this.dx = add(this.dx, dx);
    this.dy = add(this.dy, dy);
    this.dz = add(this.dz, dz);
    this.#report();
  }

  /** Sets which buttons are down: bit 0 left, 1 right, 2 middle, 3 and 4 the side buttons. */
  buttons(mask: number): void {
    if ((mask & 0x1f) === this.held) return;
    this.held = mask & 0x1f;
    // A press must not be swallowed by the release that follows within the same sample.
    if (this.#streaming && this.#visible(this.held) !== this.#visible(this.reported)) this.#queuePacket();
    this.#report();
  }

  /** Whether the guest has switched the mouse on. */
  get enabled(): boolean {
    return this.reporting;
  }

  // ---- packets

  get #streaming(): boolean {
    return this.reporting && !this.remote && !this.wrap;
  }

  #visible(mask: number): number {
    return this.id === Id.Explorer ? mask : mask & 7;
  }

  get #changed(): boolean {
    return (
      this.dx !== 0 ||
      this.dy !== 0 ||
      (this.dz !== 0 && this.id !== Id.Standard) ||
      this.#visible(this.held) !== this.#visible(this.reported)
    );
  }

  /** Sends what has changed, not more often than the sample rate and never more than one packet of movement ahead. */
  #report(): void {
    if (!this.#streaming || !this.#changed) return this.#sample.cancel();
    if (this.queue.length > 0) return;
    if (this.#clock.now() < this.nextSample) return this.#sample.set(this.nextSample);
    this.#queuePacket();
  }

  #queuePacket(): void {
    if (this.queue.length + 4 > QUEUE_LIMIT) return;
    this.queue.push(...this.#packet(this.scaled));
    this.nextSample = this.#clock.now() + NANOSECONDS_PER_SECOND / this.rate;
    this.#notify();
  }

  /** Makes a packet and takes what it holds out of the counters; what exceeds nine bits stays for the next one. */
  #packet(scaled: boolean): number[] {
    const x = clamp(this.dx, -MAX_COUNT, MAX_COUNT);
    const y = clamp(this.dy, -MAX_COUNT, MAX_COUNT);
    this.dx -= x;
    this.dy -= y;
    this.reported = this.held;
    const sentX = scaled ? scale(x) : x;
    const sentY = scaled ? scale(-y) : -y;
    const packet = [
      0x08 | (this.held & 7) | (sentX < 0 ? 0x10 : 0) | (sentY < 0 ? 0x20 : 0),
      sentX & 0xff,
      sentY & 0xff,
    ];
    if (this.id === Id.Standard) {
      this.dz = 0;
      return packet;
    }
    const z = clamp(this.dz, -8, 7);
    this.dz -= z;
    packet.push(this.id === Id.Explorer ? (z & 0x0f) | ((this.held & 0x18) << 1) : z & 0xff);
    return packet;
  }

  // ---- the controller's side

  attach(ready: () => void): void {
    this.#notify = ready;
  }

  get pending(): boolean {
    return this.answers.length > 0 || (this.queue.length > 0 && this.command === 0 && this.selfTestEnd === Infinity);
  }

  take(): number {
    const answer = this.answers.shift();
    if (answer !== undefined) return (this.last = answer);
    this.last = this.queue.shift() ?? 0;
    if (this.queue.length === 0) this.#report();
    return this.last;
  }

  #answer(...bytes: readonly number[]): void {
    if (this.answers.length + bytes.length <= ANSWER_LIMIT) this.answers.push(...bytes);
    else this.#log.guestError(this.name, 'answers are never read', bytes[0]);
    this.#notify();
  }

  receive(byte: number): void {
    if (this.wrap && byte !== 0xec && byte !== 0xff) return this.#answer(byte);
    // A command drops the packets not yet sent, so that its answer comes first and whole.
    this.queue = [];
    const command = this.command;
    this.command = 0;
    if (command === 0) this.#execute(byte);
    else this.#parameter(command, byte);
  }

  #parameter(command: number, value: number): void {
    if (command === 0xe8) {
      if (value > 3) return this.#answer(RESEND);
      this.resolution = value;
    } else {
      if (value === 0 || value > 200) return this.#answer(RESEND);
      this.rate = value;
      this.rates.copyWithin(0, 1);
      this.rates[3] = value;
      for (const { rates, id } of KNOCKS) if (rates.every((rate, i) => rate === this.rates[1 + i])) this.id = id;
    }
    this.#answer(ACK);
  }

  #execute(command: number): void {
    switch (command) {
      case 0xe6:
      case 0xe7:
        this.scaled = command === 0xe7;
        this.#answer(ACK);
        break;
      case 0xe8:
      case 0xf3:
        this.command = command;
        this.#answer(ACK);
        break;
      case 0xe9:
        this.#answer(ACK, this.#status(), this.resolution, this.rate);
        break;
      case 0xea:
        this.remote = false;
        this.#clearCounts();
        this.#answer(ACK);
        break;
      case 0xeb:
        this.#answer(ACK, ...this.#packet(false));
        break;
      case 0xec:
        this.wrap = false;
        this.#answer(ACK);
        break;
      case 0xee:
        this.wrap = true;
        this.#answer(ACK);
        break;
      case 0xf0:
        this.remote = true;
        this.#clearCounts();
        this.#answer(ACK);
        break;
      case 0xf2:
        this.#answer(ACK, this.id);
        break;
      case 0xf4:
        this.reporting = true;
        this.#clearCounts();
        this.reported = this.held;
        this.#answer(ACK);
        break;
      case 0xf5:
        this.reporting = false;
        this.#answer(ACK);
        break;
      case 0xf6:
        this.#defaults();
        this.#answer(ACK);
        break;
      case 0xfe:
        this.#answer(this.last);
        break;
      case 0xff:
        this.#restart();
        break;
      default:
        this.#log.guestError(this.name, 'unknown command', command);
        this.#answer(RESEND);
    }
  }

  #restart(): void {
    this.answers = [];
    if (!NT_KNOCK.every((rate, i) => rate === this.rates[i])) this.id = Id.Standard;
    this.rates.fill(0);
    this.#defaults();
    this.#answer(ACK);
    this.selfTestEnd = this.#clock.now() + SELF_TEST_TIME;
    this.#selfTest.set(this.selfTestEnd);
  }

  #status(): number {
    return (
      (this.remote ? 0x40 : 0) |
      (this.reporting ? 0x20 : 0) |
      (this.scaled ? 0x10 : 0) |
      (this.held & 1 ? 0x04 : 0) |
      (this.held & 4 ? 0x02 : 0) |
      (this.held & 2 ? 0x01 : 0)
    );
  }
}

/** 2:1 scaling of stream mode: small counts by table, larger ones doubled (and kept within nine bits). */
function scale(count: number): number {
  const size = Math.abs(count);
  const scaled = size < SCALED.length ? SCALED[size]! : Math.min(2 * size, MAX_COUNT);
  return count < 0 ? -scaled : scaled;
}
