/** The transmit process: from descriptors in guest memory to a frame on the wire, and setup frames to the filter. */
import type { Field } from '../state.ts';
import type { AddressFilter } from './address-filter.ts';
import { SETUP_FRAME } from './address-filter.ts';
import type { BusPort, Descriptor } from './bus-port.ts';
import { bufferSize1, bufferSize2 } from './bus-port.ts';
import { OWN, Status, TransmitControl, TransmitState, TransmitStatus } from './registers.ts';

/** Shortest frame without its check sequence. */
const MINIMUM = 60;
const CRC = 4;
const HEADER = 14;
/** The jabber timer cuts a frame off that is longer. */
const JABBER = 2048;
/** All ones but the ownership bit: how a setup descriptor is closed. */
const SETUP_DONE = 0x7fffffff;
/** Preamble, start delimiter and the gap between frames, in bytes. */
const OVERHEAD = 20;

export interface TransmitterOptions {
  readonly port: BusPort;
  readonly filter: AddressFilter;
  readonly raise: (causes: number) => void;
  /** Takes causes back: the end of a frame clears the early transmit interrupt. */
  readonly clear: (causes: number) => void;
  /** Puts a frame without check sequence on the wire. @returns error bits of TDES0 */
  readonly send: (frame: Uint8Array) => number;
  /** CSR15 bit 0. */
  readonly jabberDisabled: () => boolean;
  readonly note: (what: string, value?: number) => void;
}

export class Transmitter {
  state: number = TransmitState.Stopped;
  base = 0;
  current = 0;
  /** The frame so far, when its descriptors do not come at once; what exceeds the jabber limit is counted only. */
  readonly frame = new Uint8Array(JABBER);
  length = 0;
  readonly fields: readonly Field[] = [
    { name: 'state', type: 'u8' },
    { name: 'base', type: 'u32' },
    { name: 'current', type: 'u32' },
    { name: 'frame', type: { bytes: JABBER } },
    { name: 'length', type: 'u32' },
  ];
  readonly #options: TransmitterOptions;
  readonly #descriptor: Descriptor = { status: 0, control: 0, buffer1: 0, buffer2: 0 };
  readonly #setup = new Uint8Array(SETUP_FRAME);
  readonly #excess = new Uint8Array(JABBER);

  constructor(options: TransmitterOptions) {
    this.#options = options;
  }

  reset(): void {
    this.state = TransmitState.Stopped;
    this.base = 0;
    this.current = 0;
    this.length = 0;
  }

  /** CSR4: also where the process begins. */
  setBase(address: number): void {
    this.base = (address & ~3) >>> 0;
    this.current = this.base;
  }

  start(): void {
    if (this.state !== TransmitState.Stopped) return;
    this.state = TransmitState.Reading;
    this.length = 0;
  }

  stop(): void {
    if (this.state === TransmitState.Stopped) return;
    this.state = TransmitState.Stopped;
    this.#options.raise(Status.TransmitStopped);
  }

  /** CSR1 or the automatic poll. @returns whether there may be something to send */
  poll(): boolean {
    if (this.state === TransmitState.Suspended) this.state = TransmitState.Reading;
    return this.state !== TransmitState.Stopped;
  }

  /** Waits for the chip's own poll. */
  suspend(): void {
    if (this.state !== TransmitState.Stopped) this.state = TransmitState.Suspended;
  }

  /**
   * Handles one descriptor.
   * @param quiet the poll was the chip's own: finding nothing is not told again
   * @returns bytes of wire time used, or undefined when the process has nothing to do
   */
  step(quiet: boolean): number | undefined {
    const { port, raise } = this.#options;
    const descriptor = this.#descriptor;
    if (this.state !== TransmitState.Reading || !port.enabled) return undefined;
    if (!port.fetch(this.current, descriptor)) return undefined;
    if (descriptor.status < OWN) {
      this.state = TransmitState.Suspended;
      if (!quiet) raise(Status.TransmitBufferUnavailable);
      return undefined;
    }
    const { control } = descriptor;
    if (control & TransmitControl.Setup && !(control & TransmitControl.First)) return this.#loadFilter();
    if (control & TransmitControl.First) this.length = 0;
    if (!this.#gather(descriptor.buffer1, bufferSize1(control))) return undefined;
    if (!this.#gather(descriptor.buffer2, bufferSize2(control))) return undefined;
    if (!(control & TransmitControl.Last)) {
      this.#advance(0);
      return 0;
    }
    return this.#send();
  }

  #gather(address: number, size: number): boolean {
    const { port } = this.#options;
    const at = this.length;
    const into = at + size <= JABBER ? this.frame.subarray(at, at + size) : this.#excess.subarray(0, size);
    if (!port.read(address, into)) return false;
    // A frame without end stays beyond the limit.
    this.length = Math.min(at + size, 2 * JABBER);
    return true;
  }

  /** Closes the current descriptor and moves on. */
  #advance(status: number): void {
    const { port } = this.#options;
    const at = this.current;
    this.current = port.next(at, this.#descriptor, this.base);
    port.close(at, status);
  }

  #loadFilter(): number | undefined {
    const { port, filter, raise, note } = this.#options;
    const { control, buffer1 } = this.#descriptor;
    if (bufferSize1(control) === SETUP_FRAME) {
      if (!port.read(buffer1, this.#setup)) return undefined;
      const type = (control & TransmitControl.FilterType1 ? 2 : 0) | (control & TransmitControl.FilterType0 ? 1 : 0);
      filter.load(this.#setup, type);
    } else {
      note('setup frame of another size than 192 bytes', bufferSize1(control));
    }
    this.#advance(SETUP_DONE);
    if (control & TransmitControl.InterruptOnCompletion) raise(Status.TransmitInterrupt);
    return 0;
  }

  #send(): number {
    const { raise, clear, jabberDisabled, send, note } = this.#options;
    const { control } = this.#descriptor;
    let { length } = this;
    this.length = 0;
    if (length > JABBER && !jabberDisabled()) {
      this.#advance(TransmitStatus.JabberTimeout | TransmitStatus.ErrorSummary);
      raise(Status.TransmitJabberTimeout);
      this.stop();
      return JABBER;
    }
    let status = 0;
    if (length > JABBER || length < HEADER) {
      // No station would take it for a frame.
      note('frame without a header or longer than any station takes', length);
    } else {
      if (length < MINIMUM && !(control & TransmitControl.PaddingDisable)) {
        this.frame.fill(0, length, MINIMUM);
        length = MINIMUM;
      }
      // Without a check sequence of the chip's the last four bytes are the driver's own.
      const data = control & TransmitControl.CrcDisable ? length - CRC : length;
      if (data >= HEADER) status = send(this.frame.subarray(0, data));
    }
    this.#advance(status ? status | TransmitStatus.ErrorSummary : 0);
    if (control & TransmitControl.InterruptOnCompletion) {
      clear(Status.EarlyTransmit);
      raise(Status.TransmitInterrupt);
    } else {
      raise(Status.EarlyTransmit);
    }
    return length + CRC + OVERHEAD;
  }
}
