/** The receive process: from a frame on the wire to descriptors in guest memory. */
import type { Field } from '../state.ts';
import type { AddressFilter } from './address-filter.ts';
import type { BusPort, Descriptor } from './bus-port.ts';
import { bufferSize1, bufferSize2 } from './bus-port.ts';
import { ethernetCrc } from './ethernet-crc.ts';
import { Mode, OWN, ReceiveState, ReceiveStatus, Status } from './registers.ts';

const CRC = 4;
/** Shortest frame without its check sequence; shorter ones are padded as the sender's chip would have. */
const MINIMUM = 60;
/** Longest frame with its check sequence that is not marked as too long. */
const TOO_LONG = 1518;
/** Longest frame taken from the wire, without its check sequence. */
export const RECEIVE_LIMIT = 2044;
const HEADER = 14;
/** Values of the length field from here on are types. */
const FIRST_TYPE = 1500;
/** Descriptors that one frame may use up: a ring of empty buffers that cannot be closed must end. */
const MAX_DESCRIPTORS = 512;
const COUNTER = 0xffff;

/** What became of a frame. */
export type Reception = 'received' | 'filtered' | 'missed' | 'stopped';

export interface ReceiverOptions {
  readonly port: BusPort;
  readonly filter: AddressFilter;
  /** CSR6. */
  readonly mode: () => number;
  readonly raise: (causes: number) => void;
}

export class Receiver {
  state: number = ReceiveState.Stopped;
  base = 0;
  current = 0;
  /** CSR8 bits 15-0, and their overflow. */
  missed = 0;
  missedOverflow = false;
  readonly fields: readonly Field[] = [
    { name: 'state', type: 'u8' },
    { name: 'base', type: 'u32' },
    { name: 'current', type: 'u32' },
    { name: 'missed', type: 'u16' },
    { name: 'missedOverflow', type: 'bool' },
  ];
  readonly #options: ReceiverOptions;
  readonly #frame = new Uint8Array(RECEIVE_LIMIT + CRC);
  readonly #descriptor: Descriptor = { status: 0, control: 0, buffer1: 0, buffer2: 0 };

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  reset(): void {
    this.state = ReceiveState.Stopped;
    this.base = 0;
    this.current = 0;
    this.missed = 0;
    this.missedOverflow = false;
  }

  /** CSR3: also where the process begins. */
  setBase(address: number): void {
    this.base = (address & ~3) >>> 0;
    this.current = this.base;
  }

  start(): void {
    if (this.state !== ReceiveState.Stopped) return;
    this.state = ReceiveState.Waiting;
    this.#acquire();
  }

  stop(): void {
    if (this.state === ReceiveState.Stopped) return;
    this.state = ReceiveState.Stopped;
    this.#options.raise(Status.ReceiveStopped);
  }

  /** CSR2: looks at the descriptor again. @returns whether the process can receive */
  poll(): boolean {
    if (this.state === ReceiveState.Suspended && this.ready) this.state = ReceiveState.Waiting;
    return this.state === ReceiveState.Waiting;
  }

  /** Whether a frame would find a descriptor now. */
  get ready(): boolean {
    const { port } = this.#options;
    if (this.state === ReceiveState.Stopped || !port.enabled) return false;
    return port.fetch(this.current, this.#descriptor) && this.#descriptor.status >= OWN;
  }

  /** Looks at the current descriptor; without one the process is suspended, which is told once. */
  #acquire(): boolean {
    if (this.ready) {
      this.state = ReceiveState.Waiting;
      return true;
    }
    if (this.state === ReceiveState.Waiting) {
      this.state = ReceiveState.Suspended;
      this.#options.raise(Status.ReceiveBufferUnavailable);
    }
    return false;
  }

  /** @param frame from the destination address on, without check sequence */
  receive(frame: Uint8Array): Reception {
    if (this.state === ReceiveState.Stopped || frame.length < HEADER || frame.length > RECEIVE_LIMIT) return 'stopped';
    const mode = this.#options.mode();
    const multicast = (frame[0]! & 1) !== 0;
    const match = this.#options.filter.check(frame.subarray(0, 6)) === 'match';
    const any = (mode & (Mode.Promiscuous | Mode.ReceiveAll)) !== 0;
    if (!match && !any && !(multicast && mode & Mode.PassAllMulticast)) return 'filtered';
    if (!this.#acquire()) {
      if (this.missed === COUNTER) this.missedOverflow = true;
      this.missed = (this.missed + 1) & COUNTER;
      return 'missed';
    }
    const length = Math.max(frame.length, MINIMUM) + CRC;
    const bytes = this.#frame;
    bytes.set(frame);
    bytes.fill(0, frame.length, length - CRC);
    new DataView(bytes.buffer).setUint32(length - CRC, ethernetCrc(bytes.subarray(0, length - CRC)), true);
    const type = (frame[12]! << 8) | frame[13]!;
    let status = (length << 16) | (multicast ? ReceiveStatus.Multicast : 0);
    if (!match && !(multicast && mode & Mode.PassAllMulticast)) status |= ReceiveStatus.FilteringFail;
    if (type >= FIRST_TYPE) status |= ReceiveStatus.FrameType;
    if (length > TOO_LONG) status |= ReceiveStatus.TooLong;
    return this.#store(bytes.subarray(0, length), status) ? 'received' : 'missed';
  }

  /** Fills descriptors, of which the first is acquired. @returns false after a bus error */
  #store(bytes: Uint8Array, status: number): boolean {
    const { port, raise } = this.#options;
    const descriptor = this.#descriptor;
    let done = 0;
    let flags: number = ReceiveStatus.First;
    for (let used = 1; ; used++) {
      const { control, buffer1, buffer2 } = descriptor;
      for (const [address, size] of [
        [buffer1, bufferSize1(control) & ~3],
        [buffer2, bufferSize2(control) & ~3],
      ] as const) {
        const part = bytes.subarray(done, done + size);
        if (!port.write(address, part)) return false;
        done += part.length;
      }
      const at = this.current;
      const next = port.next(at, descriptor, this.base);
      if (done === bytes.length) {
        this.current = next;
        port.close(at, status | flags | ReceiveStatus.Last);
        break;
      }
      this.current = next;
      const more = used < MAX_DESCRIPTORS && next !== at && port.fetch(next, descriptor) && descriptor.status >= OWN;
      if (!port.enabled) return false;
      if (!more) {
        const error = ReceiveStatus.DescriptorError | ReceiveStatus.ErrorSummary | ReceiveStatus.Last;
        port.close(at, status | flags | error);
        break;
      }
      port.close(at, flags);
      flags = 0;
    }
    raise(Status.ReceiveInterrupt);
    this.#acquire();
    return true;
  }
}
