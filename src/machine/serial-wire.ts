/** The far end of a serial cable: takes what the guest sends, and feeds the UART as fast as it accepts bytes. */
import type { Ns16550 } from '../../devices/ns16550/ns16550.ts';
import type { StateDeclaration } from '../../devices/state.ts';

/** Bytes waiting for the guest; more than this are dropped, as on a line without flow control. */
const INPUT_LIMIT = 1 << 20;

export class SerialWire {
  readonly #queue: Uint8Array[] = [];
  #position = 0;
  #queued = 0;
  #uart: Ns16550 | undefined;

  /** Connects the UART; a cable with a ready peer at its other end. */
  connect(uart: Ns16550): void {
    this.#uart = uart;
    uart.modemStatus = { cts: true, dsr: true, ri: false, dcd: true };
  }

  /** Bytes not yet taken by the guest. */
  get pending(): number {
    return this.#queued;
  }

  /** Bytes on their way to the guest. */
  get state(): StateDeclaration {
    const held = { waiting: new Uint8Array(this.#queued) };
    let at = 0;
    this.#queue.forEach((chunk, i) => {
      const rest = i === 0 ? chunk.subarray(this.#position) : chunk;
      held.waiting.set(rest, at);
      at += rest.length;
    });
    return {
      target: held,
      version: 1,
      fields: [{ name: 'waiting', type: { buffer: INPUT_LIMIT } }],
      loaded: () => {
        const waiting = Uint8Array.from(held.waiting);
        this.#queue.splice(0, Infinity, ...(waiting.length > 0 ? [waiting] : []));
        this.#position = 0;
        this.#queued = waiting.length;
      },
    };
  }

  /** Sends bytes to the guest. @returns how many were taken into the queue */
  send(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, INPUT_LIMIT - this.#queued);
    if (taken.length > 0) {
      this.#queue.push(taken.slice());
      this.#queued += taken.length;
      this.feed();
    }
    return taken.length;
  }

  /** Gives the UART what it takes now; to be called whenever it can receive again. */
  feed(): void {
    const uart = this.#uart;
    while (uart?.canReceive && this.#queue.length > 0) {
      const chunk = this.#queue[0]!;
      // Taken out of the queue first: `receive` may ask for more before it returns.
      const byte = chunk[this.#position++]!;
      this.#queued--;
      if (this.#position === chunk.length) {
        this.#queue.shift();
        this.#position = 0;
      }
      uart.receive(byte);
    }
  }
}
