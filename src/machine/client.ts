/** The host's side of the line: sends requests and sorts what comes back. */
import { ErrorCode, VirtualServerError } from './errors.ts';
import { fromErrorMessage } from './protocol.ts';
import type { Line, Message, Operation, Operations, Request } from './protocol.ts';

/** A machine's thread, or what stands for one. */
export interface MachineThread extends Line<Request, Message> {
  /** Calls `listener` once if the thread dies by itself. */
  onDeath(listener: (message: string) => void): void;
  terminate(): Promise<void>;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Requests under way when the machine ends get this long to be answered. */
const FAREWELL_MS = 1000;

export class Client {
  readonly #thread: MachineThread;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #idle: (() => void) | undefined;

  /** @param listener receives events and screens */
  constructor(thread: MachineThread, listener: (message: Message) => void, died: (message: string) => void) {
    this.#thread = thread;
    thread.receive((message) => {
      if (message.kind === 'result') this.#settle(message.id)?.resolve(message.value);
      else if (message.kind === 'error') this.#settle(message.id)?.reject(fromErrorMessage(message.error));
      else listener(message);
    });
    thread.onDeath((message) => {
      this.#rejectAll(new VirtualServerError(ErrorCode.Crashed, message));
      died(message);
    });
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (this.#pending.size === 0) this.#idle?.();
    return pending;
  }

  #rejectAll(error: Error): void {
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#idle?.();
  }

  /** @param transfer message ports in the argument */
  request<O extends Operation>(
    operation: O,
    argument: Operations[O][0],
    transfer: readonly Transferable[] = [],
  ): Promise<Operations[O][1]> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#thread.send({ id, operation, argument } as Request, transfer);
    });
  }

  /** Lets requests under way be answered, then ends the thread. */
  async close(): Promise<void> {
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, FAREWELL_MS);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    await this.#thread.terminate();
    this.#rejectAll(new VirtualServerError(ErrorCode.Aborted, 'the machine has ended'));
  }
}
