/**
 * Network address translation in user space: connections and datagrams of guests end here and go on from sockets of the host.
 * Needs no privileges. Pings are answered by the gateway alone: sockets for ICMP need privileges.
 */
import type { Clock } from '../../devices/clock.ts';
import type { Closeable, HostSockets } from './host-sockets.ts';
import { seededRandom } from './impairment.ts';
import { Unreachable } from './ip-host.ts';
import type { IpHost, Router } from './ip-host.ts';
import type { Ipv4Packet } from './packet.ts';
import { IpProtocol, formatIpv4, parseIpv4 } from './packet.ts';
import type { Policy } from './policy.ts';
import { TcpFlag, readTcp, tcpSegment } from './tcp-segment.ts';
import type { TcpSegment } from './tcp-segment.ts';
import { TcpTranslation } from './tcp-translation.ts';
import { UdpTranslation } from './udp-translation.ts';

/** A port of the host that leads to a guest. */
export interface PortForward {
  readonly protocol: 'tcp' | 'udp';
  /** Where the host listens; default the loopback address. */
  readonly hostAddress?: string;
  readonly hostPort: number;
  /** Default the first address that the DHCP server gives out. */
  readonly guestAddress?: string;
  readonly guestPort: number;
}

export interface NatOptions {
  readonly clock: Clock;
  readonly host: IpHost;
  readonly sockets: HostSockets;
  readonly policy: Policy;
  /** Address that stands for the host's loopback. */
  readonly gateway: number;
  /** Address that stands for the host's name server. */
  readonly dns: number;
  readonly firstGuest: number;
  readonly forwards?: readonly PortForward[];
  /** For initial sequence numbers. */
  readonly seed: number;
  readonly onProblem: (message: string) => void;
}

/** Where a guest's packet goes to. */
export interface Target {
  readonly address: string;
  readonly port: number;
}

const LOOPBACK = '127.0.0.1';
const DNS_PORT = 53;
const NOTHING = new Uint8Array(0);

export class Nat implements Router {
  readonly #options: NatOptions;
  readonly #tcp: TcpTranslation;
  readonly #udp: UdpTranslation;
  readonly #listeners: Closeable[] = [];

  constructor(options: NatOptions) {
    const { clock, host, sockets } = options;
    this.#options = options;
    const random = seededRandom(options.seed);
    this.#tcp = new TcpTranslation({
      clock,
      sockets,
      sequence: () => Math.floor(random() * 0x1_0000_0000),
      send: (source, destination, segment) =>
        host.sendIp(source, destination, IpProtocol.Tcp, tcpSegment(source, destination, segment)),
    });
    this.#udp = new UdpTranslation({
      clock,
      sockets,
      send: (source, destination, datagram) => host.sendUdp(source, destination, datagram),
      onProblem: options.onProblem,
    });
    for (const forward of options.forwards ?? []) this.#forward(forward);
  }

  /** Connections and datagram flows that are open. */
  get open(): { readonly tcp: number; readonly udp: number } {
    return { tcp: this.#tcp.open, udp: this.#udp.open };
  }

  #forward({ protocol, hostAddress, hostPort, guestAddress, guestPort }: PortForward): void {
    const { gateway, firstGuest, onProblem } = this.#options;
    const endpoint = { address: hostAddress ?? LOOPBACK, port: hostPort };
    const guest = (guestAddress === undefined ? undefined : parseIpv4(guestAddress)) ?? firstGuest;
    const failed = (message: string): void => onProblem(`port ${hostPort} is not forwarded: ${message}`);
    const side = protocol === 'tcp' ? this.#tcp : this.#udp;
    this.#listeners.push(side.forward(endpoint, gateway, guest, guestPort, failed));
  }

  packet(packet: Ipv4Packet): void {
    const { host } = this.#options;
    // What claims to come from elsewhere would never be answered.
    if (!host.isLocal(packet.source) || host.isOwn(packet.source)) return;
    if (packet.protocol === IpProtocol.Tcp) this.#tcpPacket(packet);
    else if (packet.protocol === IpProtocol.Udp) this.#udpPacket(packet);
    else host.unreachable(packet, host.isOwn(packet.destination) ? Unreachable.Protocol : Unreachable.Prohibited);
  }

  /** @returns undefined if the guest may not go there */
  #target(address: number, port: number): Target | undefined {
    const { gateway, dns, policy, sockets, host } = this.#options;
    if (address === gateway) return policy.hostLoopback ? { address: LOOPBACK, port } : undefined;
    if (address === dns) {
      const server = sockets.nameServers()[0];
      return policy.dns && port === DNS_PORT && server !== undefined ? { address: server, port } : undefined;
    }
    if (host.isLocal(address) || !policy.allows(address, port)) return undefined;
    return { address: formatIpv4(address), port };
  }

  #tcpPacket(packet: Ipv4Packet): void {
    const { source, destination, payload } = packet;
    const segment = readTcp(source, destination, payload);
    if (!segment || this.#tcp.receive(source, destination, segment)) return;
    const opening = (segment.flags & (TcpFlag.Syn | TcpFlag.Ack | TcpFlag.Rst)) === TcpFlag.Syn;
    if (!opening) return this.#refuse(source, destination, segment);
    const target = this.#target(destination, segment.destinationPort);
    if (!target) return this.#refuse(source, destination, segment);
    const accepted = this.#tcp.connect(source, destination, segment, target, (reason) => {
      if (reason === 'unreachable') this.#options.host.unreachable(packet, Unreachable.Host);
      else if (reason === 'refused') this.#refuse(source, destination, segment);
    });
    if (!accepted) this.#refuse(source, destination, segment);
  }

  /** A reset for a segment that belongs to nothing (RFC 9293, section 3.10.7.1). */
  #refuse(source: number, destination: number, segment: TcpSegment): void {
    const { host } = this.#options;
    if (segment.flags & TcpFlag.Rst) return;
    const length = segment.data.length + (segment.flags & TcpFlag.Syn ? 1 : 0) + (segment.flags & TcpFlag.Fin ? 1 : 0);
    const acknowledges = (segment.flags & TcpFlag.Ack) !== 0;
    const reset: TcpSegment = {
      sourcePort: segment.destinationPort,
      destinationPort: segment.sourcePort,
      sequence: acknowledges ? segment.acknowledgement : 0,
      acknowledgement: acknowledges ? 0 : (segment.sequence + length) >>> 0,
      flags: TcpFlag.Rst | (acknowledges ? 0 : TcpFlag.Ack),
      window: 0,
      data: NOTHING,
    };
    host.sendIp(destination, source, IpProtocol.Tcp, tcpSegment(destination, source, reset));
  }

  #udpPacket(packet: Ipv4Packet): void {
    const { host } = this.#options;
    const { source, destination } = packet;
    const outcome = this.#udp.receive(packet, (port) => this.#target(destination, port));
    if (outcome !== 'forbidden') return;
    host.unreachable({ ...packet, source }, host.isOwn(destination) ? Unreachable.Port : Unreachable.Prohibited);
  }

  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#tcp.close();
    this.#udp.close();
  }
}
