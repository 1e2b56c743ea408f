/** The machine's side of the line: carries out requests on a `Machine` and sends its events. */
import type { Emit } from './host-services.ts';
import type { MachineHostServices } from './host-services.ts';
import { Machine } from './machine.ts';
import type { MachineEvent, MachineState } from './events.ts';
import { ErrorCode, VirtualServerError } from './errors.ts';
import { fromSet1, isKey } from './inputs.ts';
import type { KeyEvent } from './inputs.ts';
import { toErrorMessage } from './protocol.ts';
import type { Line, Message, Operation, Operations, Request } from './protocol.ts';

/** Most bytes of guest memory given at once. */
const MAX_READ = 16 << 20;

type Handlers = { [O in Operation]: (argument: Operations[O][0]) => Operations[O][1] | Promise<Operations[O][1]> };

function noProfile(): never {
  throw new VirtualServerError(ErrorCode.InvalidState, 'no profile is kept: the configuration does not ask for one');
}

/** Serves one machine over a line until the thread ends. */
export function serveMachine(line: Line<Message, Request>, services: MachineHostServices): void {
  const server = new MachineServer(line, services);
  line.receive((request) => void server.handle(request));
}

class MachineServer {
  readonly #line: Line<Message, Request>;
  readonly #services: MachineHostServices;
  #machine: Machine | undefined;
  #name = '';
  #sequence = 0;
  #watch: { intervalMs: number | undefined; pixels: boolean } = { intervalMs: undefined, pixels: false };
  /** Typing that waits for the guest; given up when the machine ends. */
  readonly #typing = new Set<() => void>();
  readonly #handlers: Handlers;

  constructor(line: Line<Message, Request>, services: MachineHostServices) {
    this.#line = line;
    this.#services = services;
    this.#handlers = this.#createHandlers();
  }

  async handle({ id, operation, argument }: Request): Promise<void> {
    try {
      const handler = this.#handlers[operation] as (argument: unknown) => unknown;
      const value = await handler(argument);
      this.#line.send({ kind: 'result', id, value });
    } catch (error) {
      this.#line.send({ kind: 'error', id, error: toErrorMessage(error) });
    }
  }

  readonly #emit: Emit = (type, data, vtime, reason) => {
    const time = new Date(this.#services.wallClock()).toISOString();
    const event = { seq: ++this.#sequence, time, vtime, vm: this.#name, type, ...(reason ? { reason } : {}), data };
    // The last moment at which there is one; the thread ends with the run.
    const ending = type === 'vm.state.changed' && (data as { state: MachineState }).state === 'DeleteMachine';
    const profile = ending ? this.#machine?.profile() : undefined;
    if (profile) this.#line.send({ kind: 'profile', profile });
    this.#line.send({ kind: 'event', event: event as unknown as MachineEvent });
    if (type !== 'vm.ended') return;
    for (const giveUp of this.#typing) giveUp();
    this.#typing.clear();
  };

  #on(): Machine {
    if (!this.#machine) throw new VirtualServerError(ErrorCode.InvalidState, 'the machine is turned off');
    return this.#machine;
  }

  #createHandlers(): Handlers {
    return {
      start: (configuration) => {
        if (this.#machine && this.#machine.state !== 'TurnedOff')
          throw new VirtualServerError(ErrorCode.InvalidState, `cannot start: the machine is ${this.#machine.state}`);
        const machine = new Machine(configuration, this.#services, this.#emit);
        this.#name = machine.configuration.name;
        machine.screenListener = (screen) => this.#line.send({ kind: 'screen', screen });
        machine.watchScreen(this.#watch.intervalMs, this.#watch.pixels);
        machine.powerOn();
        this.#machine = machine;
      },
      pause: () => this.#on().pause(),
      resume: () => this.#on().resume(),
      reset: () => this.#on().reset(),
      turnOff: (undo) => {
        this.#machine?.powerOff({ reason: 'host' }, undo);
        return this.#machine?.ended;
      },
      cancelCommit: () => this.#on().cancelCommit(),
      save: (path) => this.#on().save(path),
      pressPowerButton: () => this.#on().pressPowerButton(),
      readScreen: () => this.#on().screen.read(),
      screenImage: () => this.#on().screen.image(),
      watchScreen: (watch) => {
        this.#watch = watch;
        this.#machine?.watchScreen(watch.intervalMs, watch.pixels);
      },
      keys: (events) => this.#keys(events),
      scancodes: (bytes) => this.#keys(fromSet1(bytes)),
      moveMouse: ({ dx, dy, wheel }) => {
        this.#on().board.inputs.mouse.move(dx, dy, wheel);
        this.#on().wake();
      },
      mouseButtons: (mask) => {
        this.#on().board.inputs.mouse.buttons(mask);
        this.#on().wake();
      },
      serialInput: ({ port, bytes }) => {
        const taken = this.#on().board.serial[port]!.send(bytes);
        this.#on().wake();
        return taken;
      },
      setDisc: (media) => this.#on().setDisc(media),
      setFloppy: ({ drive, media }) => this.#on().setFloppy(drive, media),
      connectNetwork: ({ adapter, port }) => this.#on().connectNetwork(adapter, port),
      setLink: ({ adapter, up }) => this.#on().setLink(adapter, up),
      networkStatistics: (adapter) => this.#on().networkStatistics(adapter),
      statistics: () => this.#on().statistics(),
      profile: () => this.#on().profile() ?? noProfile(),
      registers: () => this.#on().registers(),
      readMemory: ({ address, length }) => {
        if (!(Number.isInteger(address) && Number.isInteger(length) && address >= 0 && length >= 0))
          throw new VirtualServerError(ErrorCode.InvalidConfiguration, 'address and length must be whole numbers');
        if (length > MAX_READ || address + length > 0x1_0000_0000)
          throw new VirtualServerError(ErrorCode.InvalidConfiguration, `at most ${MAX_READ} bytes below 4 GiB`);
        const bytes = new Uint8Array(length);
        this.#on().board.processor.readPhysical(address, bytes);
        return bytes;
      },
    };
  }

  #keys(events: readonly KeyEvent[]): Promise<void> {
    const unknown = events.find((event) => !isKey(event.code));
    if (unknown)
      throw new VirtualServerError(ErrorCode.InvalidConfiguration, `there is no key '${unknown.code}'`, {
        subject: unknown.code,
      });
    const machine = this.#on();
    const { inputs } = machine.board;
    return new Promise((resolve, reject) => {
      const giveUp = (): void => {
        if (inputs.pressesWaiting)
          reject(new VirtualServerError(ErrorCode.Aborted, 'the machine ended before all keys were taken'));
        else resolve();
      };
      const done = (): void => {
        this.#typing.delete(giveUp);
        resolve();
      };
      if (!inputs.queue(events, done)) {
        reject(new VirtualServerError(ErrorCode.InvalidState, 'too many keys are waiting already'));
        return;
      }
      this.#typing.add(giveUp);
      machine.wake();
    });
  }
}
