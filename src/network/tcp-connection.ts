/**
 * One end of a TCP connection with a guest (RFC 9293): windows, retransmission (RFC 6298), slow start, fast retransmit and recovery
 * (RFC 5681, RFC 6582), segments out of order, half-closed connections, zero windows. The other side of it is a socket of the host.
 */
import type { Alarm, Clock } from '../../devices/clock.ts';
import { TcpReceiveQueue } from './tcp-receive-queue.ts';
import { TcpSendBuffer } from './tcp-send-buffer.ts';
import type { TcpSegment } from './tcp-segment.ts';
import { TcpFlag, sequenceDifference } from './tcp-segment.ts';

/** What the connection tells its owner. */
export interface TcpEvents {
  send(segment: TcpSegment): void;
  /** Both sides know each other. */
  connected(): void;
  /** In order; the array may be kept. */
  data(bytes: Uint8Array): void;
  /** The guest has sent all it had to. */
  ended(): void;
  /** The guest has taken bytes of what was written: there may be room for more. */
  drained(): void;
  /** Over, one way or the other; the last event. */
  closed(reason: 'done' | 'reset' | 'timeout'): void;
}

export interface TcpOptions {
  readonly clock: Clock;
  readonly name: string;
  readonly localPort: number;
  readonly remotePort: number;
  readonly initialSequence: number;
  readonly events: TcpEvents;
}

const State = {
  SynSent: 0,
  SynReceived: 1,
  Established: 2,
  /** Both directions are through; what is left are copies of the guest's last segment. */
  TimeWait: 3,
  Closed: 4,
} as const;

const MSS = 1460;
const MINIMUM_MSS = 64;
const DEFAULT_MSS = 536;
const WINDOW_SCALE = 6;
/** Bytes that the guest may send before the host has taken them; with the number of connections it bounds the host's memory. */
export const RECEIVE_WINDOW: number = 256 << 10;
const INITIAL_WINDOW_SEGMENTS = 10;
const MAX_CONGESTION_WINDOW = 4 << 20;
const DUPLICATES = 3;
const MS = 1e6;
const INITIAL_RTO = 1000 * MS;
const MINIMUM_RTO = 200 * MS;
const MAXIMUM_RTO = 60_000 * MS;
const CLOCK_GRANULARITY = MS;
const MAX_RETRIES = 12;
/** Short: guests that write in small pieces wait for each acknowledgement (RFC 896). */
const DELAYED_ACK = MS;
const TIME_WAIT = 2000 * MS;

export class TcpConnection {
  readonly #clock: Clock;
  readonly #events: TcpEvents;
  readonly #localPort: number;
  readonly #remotePort: number;
  readonly #retransmit: Alarm;
  readonly #delayedAck: Alarm;
  readonly #sent: TcpSendBuffer;
  #received: TcpReceiveQueue | undefined;
  #state: number;
  #mss = DEFAULT_MSS;
  #sendScale = 0;
  #scaling = false;
  #sendWindow = 0;
  /** Sequence number and acknowledgement of the segment that set the window last. */
  #windowSequence = 0;
  #windowAcknowledgement = 0;
  /** Sequence number to send next; after a time-out it goes back. */
  #next: number;
  /** The highest that `#next` has been. */
  #highest: number;
  #congestionWindow = INITIAL_WINDOW_SEGMENTS * MSS;
  #threshold = MAX_CONGESTION_WINDOW;
  #duplicates = 0;
  /** Highest sequence number sent when a loss was noticed; recovery lasts until it is acknowledged. */
  #recover: number | undefined;
  #rto = INITIAL_RTO;
  #smoothed: number | undefined;
  #variation = 0;
  /** The segment whose round trip is being measured, and when it left. */
  #timed: { readonly sequence: number; readonly at: number } | undefined;
  #retries = 0;
  #unacknowledged = 0;
  #finQueued = false;
  #finSent = false;
  #finReceived = false;
  /** Bytes handed to the owner that it has not taken. */
  #held = 0;
  #advertised = 0;
  /** What was acknowledged last. */
  #acknowledgedUpTo = 0;

  private constructor(options: TcpOptions, state: number) {
    const { clock, name, initialSequence } = options;
    this.#clock = clock;
    this.#events = options.events;
    this.#localPort = options.localPort;
    this.#remotePort = options.remotePort;
    this.#state = state;
    this.#sent = new TcpSendBuffer((initialSequence + 1) >>> 0);
    this.#next = initialSequence;
    this.#highest = initialSequence;
    this.#retransmit = clock.alarm(`${name} retransmission`, () => this.#timeout());
    this.#delayedAck = clock.alarm(`${name} acknowledgement`, () => this.#acknowledge());
  }

  /** Answers a guest's SYN. */
  static accept(options: TcpOptions, syn: TcpSegment): TcpConnection {
    const connection = new TcpConnection(options, State.SynReceived);
    connection.#greeted(syn);
    connection.#sendSyn();
    return connection;
  }

  /** Calls a guest. */
  static open(options: TcpOptions): TcpConnection {
    const connection = new TcpConnection(options, State.SynSent);
    connection.#sendSyn();
    return connection;
  }

  /** Bytes written and not yet acknowledged by the guest. */
  get unsent(): number {
    return this.#sent.length;
  }

  get closed(): boolean {
    return this.#state === State.Closed;
  }

  // ---- the owner's side ------------------------------------------------------------------------------------------

  write(bytes: Uint8Array): void {
    if (this.#finQueued || this.#state === State.Closed) return;
    this.#sent.append(bytes);
    this.#transmit();
  }

  /** Nothing more will be written. */
  end(): void {
    if (this.#finQueued || this.#state === State.Closed) return;
    this.#finQueued = true;
    this.#transmit();
  }

  /** The owner has taken bytes that it was handed before: the window opens. */
  consumed(bytes: number): void {
    this.#held = Math.max(0, this.#held - bytes);
    // Only a window that has opened by much is worth a segment of its own.
    const opened = this.#received ? this.#window() - this.#advertised : 0;
    if (opened >= this.#widest() >> 2 && this.#state !== State.Closed) this.#acknowledge();
  }

  /** Breaks the connection off. */
  reset(): void {
    if (this.#state === State.Closed) return;
    this.#send(TcpFlag.Rst | TcpFlag.Ack, this.#highest, NOTHING);
    this.#finish('reset');
  }

  #finish(reason: 'done' | 'reset' | 'timeout'): void {
    if (this.#state === State.Closed) return;
    this.#state = State.Closed;
    this.#retransmit.cancel();
    this.#delayedAck.cancel();
    this.#sent.clear();
    this.#received?.clear();
    this.#events.closed(reason);
  }

  // ---- segments from the guest -----------------------------------------------------------------------------------

  receive(segment: TcpSegment): void {
    const { flags } = segment;
    if (this.#state === State.Closed) return;
    if (this.#state === State.SynSent) return this.#receiveInSynSent(segment);
    const received = this.#received!;
    const offset = sequenceDifference(segment.sequence, received.next);
    const length = segment.data.length + (flags & TcpFlag.Fin ? 1 : 0) + (flags & TcpFlag.Syn ? 1 : 0);
    if (offset > this.#window() || offset + length < 0) {
      // Far away or long known.
      if (!(flags & TcpFlag.Rst)) this.#acknowledge();
      return;
    }
    if (flags & TcpFlag.Rst) {
      // Only at the very place it is believed (RFC 5961).
      if (offset === 0) this.#finish('reset');
      else this.#acknowledge();
      return;
    }
    if (flags & TcpFlag.Syn) {
      if (this.#state === State.SynReceived) this.#sendSyn();
      else this.#acknowledge();
      return;
    }
    if (!(flags & TcpFlag.Ack) || !this.#acknowledged(segment)) return;
    this.#take(segment);
    this.#transmit();
    this.#concludeIfThrough();
  }

  #receiveInSynSent(segment: TcpSegment): void {
    const { flags } = segment;
    const answers = (flags & TcpFlag.Ack) !== 0 && segment.acknowledgement === this.#sent.first;
    if (flags & TcpFlag.Rst) {
      if (answers) this.#finish('reset');
      return;
    }
    if (!answers || !(flags & TcpFlag.Syn)) return;
    this.#greeted(segment);
    this.#establish(segment);
    this.#acknowledge();
    this.#transmit();
  }

  /** What the guest's SYN says. */
  #greeted({ sequence, mss, windowScale, window }: TcpSegment): void {
    this.#received = new TcpReceiveQueue((sequence + 1) >>> 0, RECEIVE_WINDOW);
    this.#mss = Math.max(MINIMUM_MSS, Math.min(MSS, mss ?? DEFAULT_MSS));
    this.#scaling = windowScale !== undefined;
    this.#sendScale = Math.min(14, windowScale ?? 0);
    this.#sendWindow = window;
    this.#windowSequence = sequence;
    this.#congestionWindow = INITIAL_WINDOW_SEGMENTS * this.#mss;
  }

  #establish({ sequence, acknowledgement }: TcpSegment): void {
    this.#state = State.Established;
    this.#next = this.#sent.first;
    this.#windowSequence = sequence;
    this.#windowAcknowledgement = acknowledgement;
    this.#retransmit.cancel();
    this.#retries = 0;
    this.#rto = INITIAL_RTO;
    this.#events.connected();
  }

  /** @returns false if the segment must not be looked at further */
  #acknowledged(segment: TcpSegment): boolean {
    const { acknowledgement: ack } = segment;
    if (this.#state === State.SynReceived) {
      if (ack !== this.#sent.first) {
        this.#send(TcpFlag.Rst, ack, NOTHING);
        return false;
      }
      this.#establish(segment);
      this.#sendWindow = segment.window << this.#sendScale;
      return this.#isOpen();
    }
    if (sequenceDifference(ack, this.#highest) > 0) {
      this.#acknowledge();
      return false;
    }
    const advance = sequenceDifference(ack, this.#sent.first);
    const window = segment.window << this.#sendScale;
    if (advance > 0) this.#progress(ack, advance);
    else if (advance === 0 && segment.data.length === 0 && window === this.#sendWindow) this.#duplicate(segment);
    this.#updateWindow(segment, window);
    return this.#isOpen();
  }

  #isOpen(): boolean {
    return this.#state !== State.Closed;
  }

  #updateWindow({ sequence, acknowledgement }: TcpSegment, window: number): void {
    const newer = sequenceDifference(sequence, this.#windowSequence);
    if (newer < 0) return;
    if (newer === 0 && sequenceDifference(acknowledgement, this.#windowAcknowledgement) < 0) return;
    const opened = window > 0 && this.#sendWindow === 0;
    this.#sendWindow = window;
    this.#windowSequence = sequence;
    this.#windowAcknowledgement = acknowledgement;
    if (!opened) return;
    // What was sent into the closed window was thrown away.
    this.#retries = 0;
    this.#next = this.#sent.first;
    this.#finSent = false;
  }

  #progress(ack: number, advance: number): void {
    if (this.#timed && sequenceDifference(ack, this.#timed.sequence) > 0) {
      this.#measure(this.#clock.now() - this.#timed.at);
      this.#timed = undefined;
    }
    const bytes = Math.min(advance, this.#sent.length);
    this.#sent.release(bytes);
    if (advance > bytes) {
      this.#sent.first = ack;
      this.#finSent = true;
    }
    if (sequenceDifference(ack, this.#next) > 0) this.#next = ack;
    this.#retries = 0;
    this.#duplicates = 0;
    if (this.#recover !== undefined) {
      if (sequenceDifference(ack, this.#recover) >= 0) {
        this.#recover = undefined;
        this.#congestionWindow = this.#threshold;
      } else {
        // A partial acknowledgement: the next hole is where it ends.
        this.#congestionWindow = Math.max(this.#mss, this.#congestionWindow - bytes + this.#mss);
        this.#resend();
      }
    } else if (this.#congestionWindow < this.#threshold) {
      this.#congestionWindow += Math.min(bytes, 2 * this.#mss);
    } else {
      this.#congestionWindow += Math.max(1, Math.floor((this.#mss * this.#mss) / this.#congestionWindow));
    }
    this.#congestionWindow = Math.min(this.#congestionWindow, MAX_CONGESTION_WINDOW);
    if (this.#outstanding() > 0) this.#retransmit.set(this.#clock.now() + this.#rto);
    else this.#retransmit.cancel();
    if (bytes > 0) this.#events.drained();
  }

  #duplicate({ flags }: TcpSegment): void {
    if (this.#outstanding() === 0 || flags & TcpFlag.Fin) return;
    this.#duplicates++;
    if (this.#recover !== undefined) {
      this.#congestionWindow += this.#mss;
    } else if (this.#duplicates === DUPLICATES) {
      this.#threshold = Math.max(this.#outstanding() >> 1, 2 * this.#mss);
      this.#congestionWindow = this.#threshold + DUPLICATES * this.#mss;
      this.#recover = this.#highest;
      this.#timed = undefined;
      this.#resend();
    }
  }

  /** Round-trip time, RFC 6298 section 2. */
  #measure(sample: number): void {
    if (this.#smoothed === undefined) {
      this.#smoothed = sample;
      this.#variation = sample / 2;
    } else {
      this.#variation += (Math.abs(this.#smoothed - sample) - this.#variation) / 4;
      this.#smoothed += (sample - this.#smoothed) / 8;
    }
    const rto = this.#smoothed + Math.max(CLOCK_GRANULARITY, 4 * this.#variation);
    this.#rto = Math.min(Math.max(rto, MINIMUM_RTO), MAXIMUM_RTO);
  }

  /** Takes data and the end of it. */
  #take({ sequence, data, flags }: TcpSegment): void {
    const received = this.#received!;
    if (data.length === 0 && !(flags & TcpFlag.Fin)) return;
    if (this.#finReceived) return this.#acknowledge();
    const inOrder = sequence === received.next && received.gaps === 0;
    const room = this.#window();
    const pieces = received.accept(sequence, data, (flags & TcpFlag.Fin) !== 0, room);
    for (const piece of pieces) {
      this.#held += piece.length;
      this.#events.data(piece);
      if (this.#state === State.Closed) return;
    }
    if (received.finished) {
      this.#finReceived = true;
      this.#acknowledge();
      this.#events.ended();
      return;
    }
    // Taking the data may have told of it already.
    if (inOrder && this.#acknowledgedUpTo === received.next) return;
    // Every second segment at once, and everything that tells of a hole or fills one.
    if (!inOrder || ++this.#unacknowledged >= 2) this.#acknowledge();
    else if (this.#delayedAck.deadline === Infinity) this.#delayedAck.set(this.#clock.now() + DELAYED_ACK);
  }

  #concludeIfThrough(): void {
    const flushed = this.#finSent && this.#outstanding() === 0;
    if (!flushed || !this.#finReceived || this.#state !== State.Established) return;
    this.#state = State.TimeWait;
    this.#retransmit.set(this.#clock.now() + TIME_WAIT);
  }

  // ---- segments to the guest -------------------------------------------------------------------------------------

  /** Sequence numbers sent and not acknowledged. */
  #outstanding(): number {
    return sequenceDifference(this.#next, this.#sent.first);
  }

  /** The widest window that can be told. */
  #widest(): number {
    return this.#scaling ? RECEIVE_WINDOW : 0xffff;
  }

  #window(): number {
    return Math.max(0, Math.min(this.#widest(), RECEIVE_WINDOW - this.#held));
  }

  #send(flags: number, sequence: number, data: Uint8Array): void {
    const window = this.#window();
    const scaled = this.#scaling ? window >> WINDOW_SCALE : window;
    this.#advertised = window;
    this.#acknowledgedUpTo = this.#received?.next ?? 0;
    this.#unacknowledged = 0;
    this.#delayedAck.cancel();
    this.#events.send({
      sourcePort: this.#localPort,
      destinationPort: this.#remotePort,
      sequence,
      acknowledgement: flags & TcpFlag.Ack ? this.#received!.next : 0,
      flags,
      window: Math.min(scaled, 0xffff),
      data,
    });
  }

  #sendSyn(): void {
    const answering = this.#received !== undefined;
    const first = (this.#sent.first - 1) >>> 0;
    this.#events.send({
      sourcePort: this.#localPort,
      destinationPort: this.#remotePort,
      sequence: first,
      acknowledgement: answering ? this.#received!.next : 0,
      flags: TcpFlag.Syn | (answering ? TcpFlag.Ack : 0),
      window: 0xffff,
      mss: MSS,
      ...(this.#scaling || !answering ? { windowScale: WINDOW_SCALE } : {}),
      data: NOTHING,
    });
    this.#advertised = 0xffff;
    this.#moveTo(this.#sent.first);
    this.#retransmit.set(this.#clock.now() + this.#rto);
  }

  #moveTo(next: number): void {
    this.#next = next;
    if (sequenceDifference(next, this.#highest) > 0) this.#highest = next;
  }

  /** With the highest sequence number: one that has gone back after a time-out would look like a copy, and its news be ignored. */
  #acknowledge(): void {
    if (this.#received && this.#state !== State.Closed) this.#send(TcpFlag.Ack, this.#highest, NOTHING);
  }

  /** Sends what the windows allow. */
  #transmit(): void {
    if (this.#state !== State.Established) return;
    const window = Math.min(this.#sendWindow, this.#congestionWindow);
    for (;;) {
      const outstanding = this.#outstanding();
      const left = this.#sent.length - outstanding;
      const size = Math.min(left, this.#mss, window - outstanding);
      if (left < 0) return; // the FIN is out
      if (size <= 0) {
        if (left === 0) this.#sendFin();
        else if (outstanding === 0 && this.#retransmit.deadline === Infinity) this.#persist();
        return;
      }
      // No small segments while others are under way: the window may open further.
      if (size < left && size < this.#mss && outstanding > 0) return;
      const at = this.#next;
      const data = this.#sent.read(outstanding, size);
      // Only what is sent for the first time tells a round trip (Karn's rule).
      const fresh = sequenceDifference(at, this.#highest) >= 0;
      if (fresh && this.#timed === undefined && this.#recover === undefined)
        this.#timed = { sequence: at, at: this.#clock.now() };
      this.#moveTo((at + size) >>> 0);
      this.#send(TcpFlag.Ack | (size === left ? TcpFlag.Psh : 0), at, data);
      if (this.#retransmit.deadline === Infinity) this.#retransmit.set(this.#clock.now() + this.#rto);
    }
  }

  #sendFin(): void {
    if (!this.#finQueued || this.#finSent) return;
    this.#finSent = true;
    const at = this.#next;
    this.#moveTo((at + 1) >>> 0);
    this.#send(TcpFlag.Fin | TcpFlag.Ack, at, NOTHING);
    if (this.#retransmit.deadline === Infinity) this.#retransmit.set(this.#clock.now() + this.#rto);
  }

  /** The guest's window is closed: asks from time to time. */
  #persist(): void {
    this.#retransmit.set(this.#clock.now() + this.#rto);
  }

  /** Sends the first unacknowledged segment again. */
  #resend(): void {
    const first = this.#sent.first;
    const size = Math.min(this.#sent.length, this.#mss, Math.max(0, this.#outstanding()));
    if (size > 0) this.#send(TcpFlag.Ack, first, this.#sent.read(0, size));
    else if (this.#finSent) this.#send(TcpFlag.Fin | TcpFlag.Ack, first, NOTHING);
  }

  #timeout(): void {
    if (this.#state === State.TimeWait) return this.#finish('done');
    if (++this.#retries > MAX_RETRIES) {
      this.#send(TcpFlag.Rst | (this.#received ? TcpFlag.Ack : 0), this.#highest, NOTHING);
      return this.#finish('timeout');
    }
    this.#timed = undefined;
    this.#rto = Math.min(this.#rto * 2, MAXIMUM_RTO);
    if (this.#state !== State.Established) return this.#sendSyn();
    if (this.#sendWindow === 0 && this.#sent.length > 0) {
      // One byte beyond the window: the answer says whether it is still closed. A guest that answers is alive.
      this.#retries = Math.min(this.#retries, 2);
      this.#send(TcpFlag.Ack, this.#sent.first, this.#sent.read(0, 1));
      if (this.#outstanding() === 0) this.#moveTo((this.#next + 1) >>> 0);
      this.#retransmit.set(this.#clock.now() + this.#rto);
      return;
    }
    this.#threshold = Math.max(this.#outstanding() >> 1, 2 * this.#mss);
    this.#congestionWindow = this.#mss;
    this.#duplicates = 0;
    // What was under way may all be lost: it is sent again as the window grows.
    this.#recover = undefined;
    if (this.#sent.length > 0) {
      this.#next = this.#sent.first;
      this.#finSent = false;
      this.#transmit();
    } else {
      this.#resend();
    }
    this.#retransmit.set(this.#clock.now() + this.#rto);
  }
}

const NOTHING = new Uint8Array(0);
