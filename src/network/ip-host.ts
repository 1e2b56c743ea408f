/**
 * The built-in station of a virtual network: answers ARP for its addresses, echoes pings, puts fragments together (RFC 815) and makes
 * them, and hands what is not for itself to a router.
 */
import type { Alarm, Clock } from '../../devices/clock.ts';
import type { Arp, Ipv4Packet, UdpDatagram } from './packet.ts';
import {
  ARP_REPLY,
  ARP_REQUEST,
  BROADCAST_IP,
  BROADCAST_MAC,
  EtherType,
  IPV4_HEADER,
  IpProtocol,
  MTU,
  arpFrame,
  checksum,
  etherType,
  ethernetFrame,
  ipv4Packet,
  readArp,
  readIpv4,
  readUdp,
  udpSegment,
  write16,
} from './packet.ts';

export interface UdpContext {
  readonly source: number;
  readonly destination: number;
  readonly sourceMac: Uint8Array;
}

export type UdpService = (datagram: UdpDatagram, context: UdpContext) => void;

export interface IpHostOptions {
  readonly clock: Clock;
  readonly macAddress: Uint8Array;
  /** Addresses that are the station's own; the first is what it speaks from. */
  readonly addresses: readonly number[];
  readonly network: number;
  readonly mask: number;
  readonly send: (frame: Uint8Array) => void;
}

/** Takes packets for addresses that are not the station's own, and TCP and UDP for those that are and no service wants. */
export interface Router {
  packet(packet: Ipv4Packet): void;
}

const ICMP_ECHO_REPLY = 0;
export const ICMP_UNREACHABLE = 3;
const ICMP_ECHO = 8;
export const Unreachable = { Host: 1, Protocol: 2, Port: 3, Prohibited: 13 } as const;
/** Addresses that the station remembers, and packets that wait for one. */
const MAX_NEIGHBOURS = 4096;
const MAX_WAITING = 64;
const REASSEMBLY_NS = 30e9;
const MAX_REASSEMBLIES = 16;
const MAX_DATAGRAM = 65_535;
/** ICMP errors quote the header and eight bytes. */
const QUOTED = 8;

interface Reassembly {
  readonly parts: { readonly at: number; readonly bytes: Uint8Array }[];
  readonly first: Ipv4Packet;
  size: number;
  total: number | undefined;
  readonly expires: number;
}

export class IpHost {
  readonly #options: IpHostOptions;
  readonly #own: ReadonlySet<number>;
  readonly #services = new Map<number, UdpService>();
  readonly #neighbours = new Map<number, Uint8Array>();
  readonly #waiting: { readonly to: number; readonly packet: Uint8Array }[] = [];
  readonly #reassemblies = new Map<string, Reassembly>();
  readonly #expiry: Alarm;
  #identification = 1;
  router: Router | undefined;

  constructor(options: IpHostOptions) {
    this.#options = options;
    this.#own = new Set(options.addresses);
    this.#expiry = options.clock.alarm('network reassembly', () => this.#expire());
  }

  get address(): number {
    return this.#options.addresses[0]!;
  }

  isOwn(address: number): boolean {
    return this.#own.has(address);
  }

  isLocal(address: number): boolean {
    const { network, mask } = this.#options;
    return (address & mask) >>> 0 === network;
  }

  /** Serves a UDP port of the station's addresses and of the broadcast address. */
  serve(port: number, service: UdpService): void {
    this.#services.set(port, service);
  }

  /** Takes a service away. */
  withdraw(port: number): void {
    this.#services.delete(port);
  }

  close(): void {
    this.#expiry.cancel();
    this.#reassemblies.clear();
    this.#waiting.length = 0;
  }

  // ---- in --------------------------------------------------------------------------------------------------------

  /** A frame from the network. */
  receive(frame: Uint8Array): void {
    const { macAddress } = this.#options;
    const group = (frame[0]! & 1) !== 0;
    if (!group && !macAddress.every((byte, i) => byte === frame[i])) return;
    if (etherType(frame) === EtherType.Arp) {
      const arp = readArp(frame);
      if (arp) this.#arp(arp);
      return;
    }
    const packet = readIpv4(frame);
    if (!packet) return;
    const sourceMac = frame.slice(6, 12);
    if (packet.source !== 0 && this.isLocal(packet.source)) this.#learn(packet.source, sourceMac);
    if (!packet.moreFragments && packet.fragmentOffset === 0) this.#packet(packet, sourceMac);
    else this.#fragment(packet, sourceMac);
  }

  #arp(arp: Arp): void {
    const { macAddress } = this.#options;
    if (arp.senderIp !== 0 && this.isLocal(arp.senderIp)) this.#learn(arp.senderIp, arp.senderMac);
    if (arp.operation !== ARP_REQUEST || !this.#own.has(arp.targetIp)) return;
    this.#options.send(
      arpFrame(arp.senderMac, {
        operation: ARP_REPLY,
        senderMac: macAddress,
        senderIp: arp.targetIp,
        targetMac: arp.senderMac,
        targetIp: arp.senderIp,
      }),
    );
  }

  #learn(address: number, mac: Uint8Array): void {
    if (this.#own.has(address) || (mac[0]! & 1) !== 0) return;
    if (this.#neighbours.size >= MAX_NEIGHBOURS && !this.#neighbours.has(address)) this.#neighbours.clear();
    this.#neighbours.set(address, mac);
    for (let i = 0; i < this.#waiting.length;) {
      const { to, packet } = this.#waiting[i]!;
      if (to !== address) {
        i++;
        continue;
      }
      this.#waiting.splice(i, 1);
      this.#frame(mac, packet);
    }
  }

  #fragment(packet: Ipv4Packet, sourceMac: Uint8Array): void {
    const key = `${packet.source}/${packet.destination}/${packet.protocol}/${packet.identification}`;
    let reassembly = this.#reassemblies.get(key);
    if (!reassembly) {
      if (this.#reassemblies.size >= MAX_REASSEMBLIES) this.#reassemblies.delete([...this.#reassemblies.keys()][0]!);
      const expires = this.#options.clock.now() + REASSEMBLY_NS;
      reassembly = { parts: [], first: packet, size: 0, total: undefined, expires };
      this.#reassemblies.set(key, reassembly);
      this.#expiry.set(expires);
    }
    const { fragmentOffset: at, payload } = packet;
    const { parts } = reassembly;
    const overlaps = parts.some((part) => at < part.at + part.bytes.length && part.at < at + payload.length);
    if (overlaps || at + payload.length > MAX_DATAGRAM - IPV4_HEADER) {
      // Fragments over one another are an attack, not an accident (RFC 5722 says so for IPv6); a repeated one is neither.
      if (!parts.some((part) => part.at === at && part.bytes.length === payload.length)) this.#reassemblies.delete(key);
      return;
    }
    parts.push({ at, bytes: payload.slice() });
    reassembly.size += payload.length;
    if (!packet.moreFragments) reassembly.total = at + payload.length;
    if (reassembly.size !== reassembly.total) return;
    this.#reassemblies.delete(key);
    const whole = new Uint8Array(reassembly.total);
    for (const part of parts) whole.set(part.bytes, part.at);
    this.#packet({ ...packet, fragmentOffset: 0, moreFragments: false, payload: whole }, sourceMac);
  }

  #expire(): void {
    const now = this.#options.clock.now();
    let next = Infinity;
    for (const [key, { expires }] of this.#reassemblies) {
      if (expires <= now) this.#reassemblies.delete(key);
      else next = Math.min(next, expires);
    }
    if (next < Infinity) this.#expiry.set(next);
  }

  #packet(packet: Ipv4Packet, sourceMac: Uint8Array): void {
    const { source, destination, protocol, payload } = packet;
    const { network, mask } = this.#options;
    const broadcast = destination === BROADCAST_IP || destination === (network | ~mask) >>> 0;
    const mine = this.#own.has(destination);
    if ((mine || broadcast) && protocol === IpProtocol.Udp) {
      const datagram = readUdp(source, destination, payload);
      const service = datagram && this.#services.get(datagram.destinationPort);
      if (service) return service(datagram, { source, destination, sourceMac });
    }
    if (broadcast || destination >>> 28 === 14) return;
    if (mine && protocol === IpProtocol.Icmp) return this.#echo(packet);
    this.router?.packet(packet);
  }

  #echo({ source, destination, payload }: Ipv4Packet): void {
    if (payload.length < 8 || payload[0] !== ICMP_ECHO || checksum(payload, 0, payload.length) !== 0) return;
    const reply = payload.slice();
    reply[0] = ICMP_ECHO_REPLY;
    write16(reply, 2, 0);
    write16(reply, 2, checksum(reply, 0, reply.length));
    this.sendIp(destination, source, IpProtocol.Icmp, reply);
  }

  // ---- out -------------------------------------------------------------------------------------------------------

  /** Sends a packet to a station of this network, in fragments if need be. */
  sendIp(source: number, destination: number, protocol: number, payload: Uint8Array): void {
    const identification = this.#identification;
    this.#identification = (this.#identification + 1) & 0xffff;
    const room = (MTU - IPV4_HEADER) & ~7;
    if (payload.length <= MTU - IPV4_HEADER) {
      const dontFragment = protocol === IpProtocol.Tcp;
      return this.#route(
        destination,
        ipv4Packet({ source, destination, protocol, identification, payload, dontFragment }),
      );
    }
    for (let at = 0; at < payload.length; at += room) {
      const part = payload.subarray(at, at + room);
      const moreFragments = at + room < payload.length;
      this.#route(
        destination,
        ipv4Packet({
          source,
          destination,
          protocol,
          identification,
          payload: part,
          fragmentOffset: at,
          moreFragments,
        }),
      );
    }
  }

  sendUdp(source: number, destination: number, datagram: UdpDatagram): void {
    this.sendIp(source, destination, IpProtocol.Udp, udpSegment(source, destination, datagram));
  }

  /** Sends a datagram to a station that has no address yet. */
  sendUdpTo(mac: Uint8Array, source: number, destination: number, datagram: UdpDatagram): void {
    const payload = udpSegment(source, destination, datagram);
    const identification = this.#identification++ & 0xffff;
    const packet = ipv4Packet({ source, destination, protocol: IpProtocol.Udp, identification, payload });
    this.#frame(destination === BROADCAST_IP ? BROADCAST_MAC : mac, packet);
  }

  /** Tells the sender of a packet that it cannot be delivered (RFC 792; never about ICMP errors or group addresses). */
  unreachable(packet: Ipv4Packet, code: number): void {
    const type = packet.payload[0];
    if (packet.protocol === IpProtocol.Icmp && type !== ICMP_ECHO) return;
    const quoted = packet.payload.subarray(0, QUOTED);
    const message = new Uint8Array(8 + packet.header.length + quoted.length);
    message[0] = ICMP_UNREACHABLE;
    message[1] = code;
    message.set(packet.header, 8);
    message.set(quoted, 8 + packet.header.length);
    write16(message, 2, checksum(message, 0, message.length));
    this.sendIp(this.address, packet.source, IpProtocol.Icmp, message);
  }

  #route(destination: number, packet: Uint8Array): void {
    const { macAddress, send } = this.#options;
    if (destination === BROADCAST_IP) return this.#frame(BROADCAST_MAC, packet);
    const mac = this.#neighbours.get(destination);
    if (mac) return this.#frame(mac, packet);
    if (!this.isLocal(destination)) return;
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push({ to: destination, packet });
    send(
      arpFrame(BROADCAST_MAC, {
        operation: ARP_REQUEST,
        senderMac: macAddress,
        senderIp: this.address,
        targetMac: new Uint8Array(6),
        targetIp: destination,
      }),
    );
  }

  #frame(mac: Uint8Array, packet: Uint8Array): void {
    this.#options.send(ethernetFrame(mac, this.#options.macAddress, EtherType.Ipv4, packet));
  }
}
