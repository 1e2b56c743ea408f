/** Datagrams of guests through sockets of the host: one socket for each port of a guest, which hears only those it spoke to. */
import type { Alarm, Clock } from '../../devices/clock.ts';
import type { Closeable, HostEndpoint, HostSockets, HostUdpSocket } from './host-sockets.ts';
import type { Target } from './nat.ts';
import type { Ipv4Packet, UdpDatagram } from './packet.ts';
import { readUdp } from './packet.ts';

const MAX_FLOWS = 512;
/** Peers of one flow; the one met first is forgotten. */
const MAX_PEERS = 256;
const IDLE_NS = 120e9;
const SWEEP_NS = 15e9;
const FIRST_PORT = 49_152;
const PORTS = 16_384;

export interface UdpTranslationOptions {
  readonly clock: Clock;
  readonly sockets: HostSockets;
  readonly send: (source: number, destination: number, datagram: UdpDatagram) => void;
  readonly onProblem: (message: string) => void;
}

interface Flow {
  readonly socket: HostUdpSocket;
  /** By the host's view of a peer: as whom the guest knows it. */
  readonly peers: Map<string, { readonly address: number; readonly port: number }>;
  lastUsed: number;
}

/** A port of the gateway that stands for a peer which reached a forwarded port. */
interface Visitor {
  readonly address: string;
  readonly port: number;
  readonly socket: HostUdpSocket;
  lastUsed: number;
}

export class UdpTranslation {
  readonly #options: UdpTranslationOptions;
  readonly #flows = new Map<string, Flow>();
  /** By the guest's view: its own port and that of the gateway. */
  readonly #visitors = new Map<string, Visitor>();
  readonly #sweep: Alarm;
  #nextPort = 0;

  constructor(options: UdpTranslationOptions) {
    this.#options = options;
    this.#sweep = options.clock.alarm('network datagram flows', () => this.#expire());
  }

  get open(): number {
    return this.#flows.size + this.#visitors.size;
  }

  /** @param target where a port of the packet's destination leads */
  receive(packet: Ipv4Packet, target: (port: number) => Target | undefined): 'sent' | 'ignored' | 'forbidden' {
    const { source, destination } = packet;
    const datagram = readUdp(source, destination, packet.payload);
    if (!datagram) return 'ignored';
    const { sourcePort, destinationPort } = datagram;
    const now = this.#options.clock.now();
    const visitor = this.#visitors.get(`${source}:${sourcePort}/${destination}:${destinationPort}`);
    if (visitor) {
      visitor.lastUsed = now;
      visitor.socket.send(datagram.data.slice(), visitor.address, visitor.port);
      return 'sent';
    }
    const to = target(destinationPort);
    if (!to) return 'forbidden';
    const flow = this.#flow(source, sourcePort);
    if (!flow) return 'ignored';
    flow.lastUsed = now;
    const peer = `${to.address}:${to.port}`;
    if (!flow.peers.has(peer) && flow.peers.size >= MAX_PEERS) flow.peers.delete([...flow.peers.keys()][0]!);
    flow.peers.set(peer, { address: destination, port: destinationPort });
    flow.socket.send(datagram.data.slice(), to.address, to.port);
    return 'sent';
  }

  #flow(guest: number, guestPort: number): Flow | undefined {
    const key = `${guest}:${guestPort}`;
    const existing = this.#flows.get(key);
    if (existing || this.#flows.size >= MAX_FLOWS) return existing;
    const { sockets, send, clock } = this.#options;
    const peers: Flow['peers'] = new Map();
    const socket = sockets.udp(
      undefined,
      (bytes, address, port) => {
        const peer = peers.get(`${address}:${port}`);
        if (!peer) return;
        flow.lastUsed = clock.now();
        send(peer.address, guest, { sourcePort: peer.port, destinationPort: guestPort, data: bytes });
      },
      () => this.#flows.delete(key),
    );
    const flow: Flow = { socket, peers, lastUsed: clock.now() };
    this.#flows.set(key, flow);
    this.#watch();
    return flow;
  }

  /** Hands what reaches a port of the host to the guest, each peer by a port of the gateway. */
  forward(
    endpoint: HostEndpoint,
    gateway: number,
    guest: number,
    guestPort: number,
    failed: (message: string) => void,
  ): Closeable {
    const { sockets, send, clock } = this.#options;
    const ports = new Map<string, number>();
    const socket = sockets.udp(
      endpoint,
      (bytes, address, port) => {
        const name = `${address}:${port}`;
        let alias = ports.get(name);
        let key = `${guest}:${guestPort}/${gateway}:${alias ?? 0}`;
        if (alias === undefined || !this.#visitors.has(key)) {
          if (this.#visitors.size >= MAX_FLOWS) return;
          alias = FIRST_PORT + (this.#nextPort++ % PORTS);
          key = `${guest}:${guestPort}/${gateway}:${alias}`;
          if (ports.size >= MAX_FLOWS) ports.clear();
          ports.set(name, alias);
          this.#visitors.set(key, { address, port, socket, lastUsed: clock.now() });
          this.#watch();
        }
        this.#visitors.get(key)!.lastUsed = clock.now();
        send(gateway, guest, { sourcePort: alias, destinationPort: guestPort, data: bytes });
      },
      failed,
    );
    return socket;
  }

  #watch(): void {
    if (this.#sweep.deadline === Infinity) this.#sweep.set(this.#options.clock.now() + SWEEP_NS);
  }

  #expire(): void {
    const oldest = this.#options.clock.now() - IDLE_NS;
    for (const [key, flow] of this.#flows) {
      if (flow.lastUsed > oldest) continue;
      flow.socket.close();
      this.#flows.delete(key);
    }
    for (const [key, visitor] of this.#visitors) if (visitor.lastUsed <= oldest) this.#visitors.delete(key);
    if (this.open > 0) this.#watch();
  }

  close(): void {
    this.#sweep.cancel();
    for (const { socket } of this.#flows.values()) socket.close();
    this.#flows.clear();
    this.#visitors.clear();
  }
}
