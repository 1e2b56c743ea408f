/** The networks of one machine: makes what its adapters are plugged into, and plugs them in. */
import type { Clock } from '../../devices/clock.ts';
import type {
  DatagramConnection,
  InternalConnection,
  NatConnection,
  NetworkAdapterConfiguration,
  NetworkConnection,
  PxeConfiguration,
  StreamConnection,
  WebSocketConnection,
} from './configuration.ts';
import { NAT_MASK, NAT_NETWORK } from './configuration.ts';
import type { LeaseStore } from './dhcp-server.ts';
import { resolveDhcp } from './dhcp-settings.ts';
import type { DhcpConfiguration } from './dhcp-settings.ts';
import type { FramePort } from './frame-pipe.ts';
import { FramePipe } from './frame-pipe.ts';
import { Gateway } from './gateway.ts';
import type { HostSockets } from './host-sockets.ts';
import { Impairment } from './impairment.ts';
import type { ImpairmentConfiguration } from './impairment.ts';
import { formatIpv4, parseIpv4 } from './packet.ts';
import { pcapngHeader, pcapngPacket } from './pcapng.ts';
import type { SwitchPort } from './switch.ts';
import { VirtualSwitch } from './switch.ts';
import type { TftpFiles } from './tftp-server.ts';

/** A way for frames out of this program. */
export interface Transport {
  send(frame: Uint8Array): void;
  close(): void;
}

export type TransportConnection = StreamConnection | DatagramConnection | WebSocketConnection;

export interface TransportEvents {
  receive(frame: Uint8Array): void;
  problem(message: string): void;
}

/** A file that grows. */
export interface Sink {
  write(bytes: Uint8Array): void;
  close(): void;
}

/** What networks need of the host. What is missing makes the connection that needs it fail with a message. */
export interface NetworkServices {
  readonly sockets?: HostSockets;
  openTransport?(connection: TransportConnection, events: TransportEvents): Transport;
  openSink?(path: string): Sink;
  openLeases?(path: string): LeaseStore;
  openFolder?(folder: string): TftpFiles;
  /** Milliseconds since 1970. */
  wallClock(): number;
}

/** The cable of an adapter, as the machine gives it. */
export interface AdapterCable {
  output: ((frame: Uint8Array) => void) | undefined;
  link: boolean;
  input(frame: Uint8Array): void;
}

export interface NetworksOptions {
  readonly clock: Clock;
  readonly adapters: readonly NetworkAdapterConfiguration[];
  readonly cables: readonly AdapterCable[];
  readonly services: NetworkServices;
  /** There is something for the guest: an idle machine must look at it. */
  readonly wake: () => void;
  readonly onProblem: (adapter: number, message: string) => void;
  readonly onLease: (lease: { readonly macAddress: Uint8Array; readonly address: string }) => void;
}

/** A host cannot do what a connection asks for. */
export class NetworkError extends Error {
  override name = 'NetworkError';
}

const DNS_OFFSET = 3;
const GATEWAY_OFFSET = 2;
const NAT_LEASE_SECONDS = 86_400;

interface Network {
  readonly wire: VirtualSwitch;
  readonly parts: { close(): void }[];
}

interface Plug {
  port: SwitchPort | undefined;
  pipe: FramePipe | undefined;
  readonly impairments: Impairment[];
}

export class Networks {
  readonly #options: NetworksOptions;
  readonly #networks = new Map<string, Network>();
  readonly #plugs: Plug[];
  readonly #sinks: Sink[] = [];

  /** @throws NetworkError, or what the host says of a file or a folder; nothing stays open then */
  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#plugs = options.adapters.map(() => ({ port: undefined, pipe: undefined, impairments: [] }));
    try {
      options.adapters.forEach((adapter, i) => this.#plugIn(i, adapter));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #plugIn(index: number, adapter: NetworkAdapterConfiguration): void {
    const cable = this.#options.cables[index]!;
    const connection = adapter.connection ?? { kind: 'none' };
    if (connection.kind === 'none') {
      cable.link = false;
      return;
    }
    const network = this.#network(index, adapter, connection);
    const plug = this.#plugs[index]!;
    const port = network.wire.attach(`adapter ${index}`, { receive: this.#towardsGuest(index) });
    plug.port = port;
    cable.output = this.#impaired(index, adapter.impairment, (frame) => port.send(frame));
    cable.link = true;
    if (adapter.capture !== undefined && network.wire.tap === undefined) this.#capture(adapter.capture, network, index);
  }

  #towardsGuest(index: number): (frame: Uint8Array) => boolean {
    const { cables, wake, adapters } = this.#options;
    const cable = cables[index]!;
    const deliver = this.#impaired(index, adapters[index]!.impairment, (frame) => {
      cable.input(frame);
      wake();
    });
    return (frame) => {
      deliver(frame);
      wake();
      return true;
    };
  }

  #impaired(
    index: number,
    settings: ImpairmentConfiguration | undefined,
    deliver: (frame: Uint8Array) => void,
  ): (frame: Uint8Array) => void {
    if (!settings) return deliver;
    const { impairments } = this.#plugs[index]!;
    // The directions lose different frames.
    const seed = (settings.seed ?? 1) + impairments.length * 7919;
    const impairment = new Impairment(this.#options.clock, { ...settings, seed }, deliver);
    impairments.push(impairment);
    return (frame) => impairment.send(frame);
  }

  #network(
    index: number,
    adapter: NetworkAdapterConfiguration,
    connection: Exclude<NetworkConnection, { kind: 'none' }>,
  ): Network {
    const shared = connection.kind === 'internal' || connection.kind === 'nat';
    const key = shared ? `${connection.kind} ${connection.name ?? ''}` : `adapter ${index}`;
    const existing = this.#networks.get(key);
    if (existing) return existing;
    const network: Network = { wire: new VirtualSwitch(), parts: [] };
    this.#networks.set(key, network);
    if (connection.kind === 'internal') this.#internal(network, index, adapter, connection);
    else if (connection.kind === 'nat') this.#nat(network, index, adapter, connection);
    else this.#transport(network, index, connection);
    return network;
  }

  #internal(
    network: Network,
    index: number,
    adapter: NetworkAdapterConfiguration,
    { dhcp, pxe }: InternalConnection,
  ): void {
    if (dhcp) network.parts.push(this.#gateway(network, index, adapter, dhcp, pxe));
  }

  #nat(network: Network, index: number, adapter: NetworkAdapterConfiguration, connection: NatConnection): void {
    const { sockets } = this.#options.services;
    if (!sockets) throw new NetworkError('address translation needs sockets, which this host has not');
    const base = parseIpv4(connection.network ?? NAT_NETWORK)!;
    const gateway = formatIpv4(base + GATEWAY_OFFSET);
    const dhcp: DhcpConfiguration = {
      network: formatIpv4(base),
      mask: NAT_MASK,
      serverAddress: gateway,
      gateway,
      dnsServers: [formatIpv4(base + DNS_OFFSET)],
      leaseSeconds: NAT_LEASE_SECONDS,
    };
    const { allow, hostLoopback, forwards } = connection;
    const nat: NonNullable<ConstructorParameters<typeof Gateway>[0]['nat']> = {
      sockets,
      dns: base + DNS_OFFSET,
      forwards,
      seed: base,
      ...(allow ? { allow } : {}),
      ...(hostLoopback === undefined ? {} : { hostLoopback }),
    };
    network.parts.push(this.#gateway(network, index, adapter, dhcp, connection.pxe, nat));
  }

  #gateway(
    network: Network,
    index: number,
    adapter: NetworkAdapterConfiguration,
    dhcp: DhcpConfiguration,
    pxe: PxeConfiguration | undefined,
    nat?: NonNullable<ConstructorParameters<typeof Gateway>[0]['nat']>,
  ): Gateway {
    const { clock, services, onLease, onProblem } = this.#options;
    const files = pxe && services.openFolder?.(pxe.folder);
    if (pxe && !files) throw new NetworkError('boot files need a file system, which this host has not');
    return new Gateway({
      clock,
      network: network.wire,
      dhcp: resolveDhcp(dhcp),
      now: () => services.wallClock(),
      leases: adapter.leases === undefined ? undefined : services.openLeases?.(adapter.leases),
      onLease: ({ macAddress, address }) => onLease({ macAddress, address: formatIpv4(address) }),
      pxe: files && { files, bootFile: pxe?.bootFile },
      nat,
      onProblem: (message) => onProblem(index, message),
    });
  }

  #transport(network: Network, index: number, connection: TransportConnection): void {
    const { services, onProblem } = this.#options;
    if (!services.openTransport) throw new NetworkError(`this host has no ${connection.kind} connections`);
    const port = network.wire.attach(connection.kind, {
      receive: (frame) => {
        transport.send(frame);
        return true;
      },
    });
    const transport = services.openTransport(connection, {
      receive: (frame) => port.send(frame),
      problem: (message) => onProblem(index, message),
    });
    network.parts.push(transport);
  }

  #capture(path: string, network: Network, index: number): void {
    const { services, clock } = this.#options;
    const sink = services.openSink?.(path);
    if (!sink) throw new NetworkError('captures need a file system, which this host has not');
    this.#sinks.push(sink);
    sink.write(pcapngHeader(`adapter ${index}`));
    // Virtual time from where the wall clock stood: a capture of a repeatable run has repeatable intervals.
    const start = BigInt(Math.round(services.wallClock())) * 1_000_000n - BigInt(Math.round(clock.now()));
    network.wire.tap = (frame) => sink.write(pcapngPacket(start + BigInt(Math.round(clock.now())), frame));
  }

  // ---- virtual networks of the program ---------------------------------------------------------------------------

  /** Plugs an adapter into a network that lives elsewhere; undefined leaves it unplugged. */
  connect(index: number, port: FramePort | undefined): void {
    const plug = this.#plugs[index]!;
    const cable = this.#options.cables[index]!;
    this.#unplug(plug);
    cable.output = undefined;
    cable.link = false;
    if (!port) return;
    const pipe = new FramePipe(port, {
      receive: this.#towardsGuest(index),
      // The other side is gone: the program unplugged the network.
      closed: () => {
        if (plug.pipe !== pipe) return;
        plug.pipe = undefined;
        cable.output = undefined;
        cable.link = false;
      },
    });
    plug.pipe = pipe;
    const { impairment } = this.#options.adapters[index]!;
    cable.output = this.#impaired(index, impairment, (frame) => void pipe.send(frame));
    cable.link = true;
  }

  #unplug(plug: Plug): void {
    plug.port?.close();
    plug.pipe?.close();
    for (const impairment of plug.impairments) impairment.close();
    plug.impairments.length = 0;
    plug.port = undefined;
    plug.pipe = undefined;
  }

  close(): void {
    for (const cable of this.#options.cables) cable.output = undefined;
    for (const plug of this.#plugs) this.#unplug(plug);
    for (const { parts } of this.#networks.values()) for (const part of parts) part.close();
    this.#networks.clear();
    for (const sink of this.#sinks) sink.close();
    this.#sinks.length = 0;
  }
}
