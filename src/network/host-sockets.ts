/** The sockets of the host as the address translation uses them; Node has them, a page has not. */

export type ConnectFailure = 'refused' | 'unreachable' | 'timeout';

export interface HostTcpHandlers {
  connected(): void;
  failed(reason: ConnectFailure): void;
  data(bytes: Uint8Array): void;
  /** The peer has sent all it had to. */
  ended(): void;
  /** Bytes handed to `write` have left. */
  flushed(bytes: number): void;
  /** The peer broke the connection off. */
  reset(): void;
}

export interface HostTcpSocket {
  write(bytes: Uint8Array): void;
  end(): void;
  destroy(): void;
  pause(): void;
  resume(): void;
}

export interface HostUdpSocket {
  send(bytes: Uint8Array, address: string, port: number): void;
  close(): void;
}

export type HostUdpListener = (bytes: Uint8Array, address: string, port: number) => void;

/** A place to listen at. */
export interface HostEndpoint {
  readonly address: string;
  readonly port: number;
}

export interface Closeable {
  close(): void;
}

export interface HostSockets {
  connect(address: string, port: number, handlers: HostTcpHandlers): HostTcpSocket;
  /** @param accept gives the handlers for a connection that came in @param failed the place is taken, for one */
  listen(
    endpoint: HostEndpoint,
    accept: (socket: HostTcpSocket) => HostTcpHandlers,
    failed: (message: string) => void,
  ): Closeable;
  /** @param endpoint where to listen; undefined: a free port for talking to others */
  udp(endpoint: HostEndpoint | undefined, listener: HostUdpListener, failed: (message: string) => void): HostUdpSocket;
  /** IPv4 addresses of the host's interfaces, the loopback aside. */
  ownAddresses(): readonly string[];
  /** IPv4 name servers of the host. */
  nameServers(): readonly string[];
}
