/** A machine in the caller's own thread, for hosts without workers and for tests: the same messages, handed over in turns. */
import type { MachineThread } from './client.ts';
import type { MachineHostServices } from './host-services.ts';
import type { Message, Request } from './protocol.ts';
import { serveMachine } from './server.ts';

export function startInline(services: MachineHostServices): MachineThread {
  let toHost: ((message: Message) => void) | undefined;
  let toMachine: ((request: Request) => void) | undefined;
  let ended = false;
  serveMachine(
    {
      // Copied, so that neither side sees the other's objects change.
      send: (message) => {
        const copy = structuredClone(message);
        queueMicrotask(() => !ended && toHost?.(copy));
      },
      receive: (listener) => (toMachine = listener),
    },
    services,
  );
  return {
    send: (request) => {
      // Arguments go as they are: bytes of media that are to be written belong to the caller.
      queueMicrotask(() => !ended && toMachine?.(request));
    },
    receive: (listener) => (toHost = listener),
    onDeath: () => {},
    terminate: () => {
      ended = true;
      return Promise.resolve();
    },
  };
}
