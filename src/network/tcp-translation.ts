/** TCP connections of guests joined with sockets of the host, in both directions. */
import type { Clock } from '../../devices/clock.ts';
import type {
  Closeable,
  ConnectFailure,
  HostEndpoint,
  HostSockets,
  HostTcpHandlers,
  HostTcpSocket,
} from './host-sockets.ts';
import type { Target } from './nat.ts';
import { TcpConnection } from './tcp-connection.ts';
import type { TcpEvents, TcpOptions } from './tcp-connection.ts';
import type { TcpSegment } from './tcp-segment.ts';

/** Connections at once; a guest that wants more is refused. */
const MAX_CONNECTIONS = 512;
/** Bytes from the host that wait for the guest: the socket is paused above the first and resumed below the second. */
const HIGH_WATER = 256 << 10;
const LOW_WATER = 128 << 10;
const FIRST_PORT = 49_152;
const PORTS = 16_384;

export interface TcpTranslationOptions {
  readonly clock: Clock;
  readonly sockets: HostSockets;
  /** An initial sequence number. */
  readonly sequence: () => number;
  readonly send: (source: number, destination: number, segment: TcpSegment) => void;
}

interface Flow {
  socket: HostTcpSocket | undefined;
  /** Undefined while the host's side is being connected. */
  connection: TcpConnection | undefined;
  paused: boolean;
}

const keyOf = (guest: number, guestPort: number, remote: number, remotePort: number): string =>
  `${guest}:${guestPort}/${remote}:${remotePort}`;

export class TcpTranslation {
  readonly #options: TcpTranslationOptions;
  readonly #flows = new Map<string, Flow>();
  #nextPort = 0;

  constructor(options: TcpTranslationOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#flows.size;
  }

  /** @returns whether the segment belongs to a connection */
  receive(source: number, destination: number, segment: TcpSegment): boolean {
    const flow = this.#flows.get(keyOf(source, segment.sourcePort, destination, segment.destinationPort));
    // A repeated SYN while the host still connects belongs to it as well.
    flow?.connection?.receive(segment);
    return flow !== undefined;
  }

  /**
   * A guest opens a connection.
   * @returns false if there are too many already
   */
  connect(
    source: number,
    destination: number,
    syn: TcpSegment,
    target: Target,
    failed: (reason: ConnectFailure) => void,
  ): boolean {
    if (this.#flows.size >= MAX_CONNECTIONS) return false;
    const key = keyOf(source, syn.sourcePort, destination, syn.destinationPort);
    const flow: Flow = { socket: undefined, connection: undefined, paused: false };
    this.#flows.set(key, flow);
    const greeting = { ...syn, data: syn.data.slice() };
    flow.socket = this.#options.sockets.connect(target.address, target.port, {
      ...this.#hostSide(flow),
      connected: () => {
        if (this.#flows.get(key) !== flow) return;
        const options = this.#connection(key, flow, destination, syn.destinationPort, source, syn.sourcePort);
        flow.connection = TcpConnection.accept(options, greeting);
      },
      failed: (reason) => {
        if (this.#flows.get(key) !== flow) return;
        this.#flows.delete(key);
        failed(reason);
      },
    });
    return true;
  }

  /** Listens on the host and opens a connection to the guest for each that comes in. */
  forward(
    endpoint: HostEndpoint,
    gateway: number,
    guest: number,
    guestPort: number,
    failed: (message: string) => void,
  ): Closeable {
    return this.#options.sockets.listen(
      endpoint,
      (socket) => {
        const port = FIRST_PORT + (this.#nextPort++ % PORTS);
        const key = keyOf(guest, guestPort, gateway, port);
        const flow: Flow = { socket, connection: undefined, paused: false };
        if (this.#flows.size >= MAX_CONNECTIONS || this.#flows.has(key)) {
          socket.destroy();
        } else {
          this.#flows.set(key, flow);
          flow.connection = TcpConnection.open(this.#connection(key, flow, gateway, port, guest, guestPort));
        }
        return { ...this.#hostSide(flow), connected: () => {}, failed: () => {} };
      },
      failed,
    );
  }

  #hostSide(flow: Flow): Omit<HostTcpHandlers, 'connected' | 'failed'> {
    return {
      data: (bytes) => {
        const { connection } = flow;
        if (!connection) return;
        connection.write(bytes);
        if (connection.unsent > HIGH_WATER && !flow.paused) {
          flow.paused = true;
          flow.socket?.pause();
        }
      },
      ended: () => flow.connection?.end(),
      flushed: (bytes) => flow.connection?.consumed(bytes),
      reset: () => flow.connection?.reset(),
    };
  }

  #connection(
    key: string,
    flow: Flow,
    local: number,
    localPort: number,
    remote: number,
    remotePort: number,
  ): TcpOptions {
    const { clock, sequence, send } = this.#options;
    const events: TcpEvents = {
      send: (segment) => send(local, remote, segment),
      connected: () => {},
      data: (bytes) => flow.socket?.write(bytes),
      ended: () => flow.socket?.end(),
      drained: () => {
        if (!flow.paused || !flow.connection || flow.connection.unsent > LOW_WATER) return;
        flow.paused = false;
        flow.socket?.resume();
      },
      closed: (reason) => {
        this.#flows.delete(key);
        if (reason === 'done') flow.socket?.end();
        else flow.socket?.destroy();
      },
    };
    return { clock, name: `tcp ${key}`, localPort, remotePort, initialSequence: sequence(), events };
  }

  close(): void {
    for (const flow of [...this.#flows.values()]) {
      flow.connection?.reset();
      flow.socket?.destroy();
    }
    this.#flows.clear();
  }
}
