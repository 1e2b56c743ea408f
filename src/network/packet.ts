/**
 * Frames and packets as bytes: Ethernet (IEEE 802.3), ARP (RFC 826), IPv4 (RFC 791), UDP (RFC 768). Readers return undefined for
 * what is too short or does not add up; nothing here throws on a guest's bytes.
 */

export const EtherType = { Ipv4: 0x0800, Arp: 0x0806 } as const;
export const IpProtocol = { Icmp: 1, Tcp: 6, Udp: 17 } as const;
export const ETHERNET_HEADER = 14;
export const IPV4_HEADER = 20;
export const UDP_HEADER = 8;
/** Payload of an Ethernet frame. */
export const MTU = 1500;
export const BROADCAST_MAC: Uint8Array = new Uint8Array(6).fill(0xff);
export const BROADCAST_IP = 0xffffffff;
const TTL = 64;

export const read16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
export const read32 = (bytes: Uint8Array, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;

export function write16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

export function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** `10.0.2.15` as a number. @returns undefined if it is not an IPv4 address */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return undefined;
  return parts.reduce((value, part) => value * 256 + Number(part), 0);
}

export const formatIpv4 = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');

/** Ones' complement sum of 16-bit words (RFC 1071), not yet complemented. */
export function addWords(bytes: Uint8Array, from: number, to: number, sum = 0): number {
  let total = sum;
  let at = from;
  for (; at + 1 < to; at += 2) total += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < to) total += bytes[at]! << 8;
  // At most 32 Ki words: the sum fits 32 bits until it is folded.
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

export const checksum = (bytes: Uint8Array, from: number, to: number, sum = 0): number =>
  ~addWords(bytes, from, to, sum) & 0xffff;

/** Sum over the pseudo header of UDP and TCP. */
function pseudoHeader(source: number, destination: number, protocol: number, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;
}

/** Checksum of a UDP or TCP segment whose checksum field is zero. */
export const transportChecksum = (source: number, destination: number, protocol: number, segment: Uint8Array): number =>
  checksum(segment, 0, segment.length, pseudoHeader(source, destination, protocol, segment.length));

export function ethernetFrame(
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER + payload.length);
  frame.set(destination.subarray(0, 6), 0);
  frame.set(source.subarray(0, 6), 6);
  write16(frame, 12, type);
  frame.set(payload, ETHERNET_HEADER);
  return frame;
}

export const etherType = (frame: Uint8Array): number => (frame.length < ETHERNET_HEADER ? 0 : read16(frame, 12));

export interface Arp {
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderIp: number;
  readonly targetMac: Uint8Array;
  readonly targetIp: number;
}

const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

/** Reads the ARP packet of a frame: Ethernet and IPv4 only. */
export function readArp(frame: Uint8Array): Arp | undefined {
  const at = ETHERNET_HEADER;
  if (frame.length < at + ARP_LENGTH || etherType(frame) !== EtherType.Arp) return undefined;
  if (read16(frame, at) !== 1 || read16(frame, at + 2) !== EtherType.Ipv4) return undefined;
  if (frame[at + 4] !== 6 || frame[at + 5] !== 4) return undefined;
  return {
    operation: read16(frame, at + 6),
    senderMac: frame.slice(at + 8, at + 14),
    senderIp: read32(frame, at + 14),
    targetMac: frame.slice(at + 18, at + 24),
    targetIp: read32(frame, at + 24),
  };
}

export function arpFrame(destination: Uint8Array, arp: Arp): Uint8Array {
  const bytes = new Uint8Array(ARP_LENGTH);
  write16(bytes, 0, 1);
  write16(bytes, 2, EtherType.Ipv4);
  bytes[4] = 6;
  bytes[5] = 4;
  write16(bytes, 6, arp.operation);
  bytes.set(arp.senderMac, 8);
  write32(bytes, 14, arp.senderIp);
  bytes.set(arp.targetMac, 18);
  write32(bytes, 24, arp.targetIp);
  return ethernetFrame(destination, arp.senderMac, EtherType.Arp, bytes);
}

export interface Ipv4Packet {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly ttl: number;
  readonly identification: number;
  /** In bytes. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** Header with options, as it came: ICMP errors quote it. */
  readonly header: Uint8Array;
  readonly payload: Uint8Array;
}

/** Reads the packet of a frame. @returns undefined also when the header checksum is wrong */
export function readIpv4(frame: Uint8Array): Ipv4Packet | undefined {
  if (frame.length < ETHERNET_HEADER + IPV4_HEADER || etherType(frame) !== EtherType.Ipv4) return undefined;
  const bytes = frame.subarray(ETHERNET_HEADER);
  const header = (bytes[0]! & 15) * 4;
  const total = read16(bytes, 2);
  if (bytes[0]! >> 4 !== 4 || header < IPV4_HEADER || total < header || total > bytes.length) return undefined;
  if (checksum(bytes, 0, header) !== 0) return undefined;
  const fragment = read16(bytes, 6);
  return {
    source: read32(bytes, 12),
    destination: read32(bytes, 16),
    protocol: bytes[9]!,
    ttl: bytes[8]!,
    identification: read16(bytes, 4),
    fragmentOffset: (fragment & 0x1fff) * 8,
    moreFragments: (fragment & 0x2000) !== 0,
    header: bytes.subarray(0, header),
    payload: bytes.subarray(header, total),
  };
}

export interface Ipv4Out {
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly identification: number;
  readonly payload: Uint8Array;
  /** Multiple of 8. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  readonly dontFragment?: boolean;
}

export function ipv4Packet(out: Ipv4Out): Uint8Array {
  const { payload, fragmentOffset = 0, moreFragments = false, dontFragment = false } = out;
  const bytes = new Uint8Array(IPV4_HEADER + payload.length);
  bytes[0] = 0x45;
  write16(bytes, 2, bytes.length);
  write16(bytes, 4, out.identification);
  write16(bytes, 6, (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | (fragmentOffset >> 3));
  bytes[8] = TTL;
  bytes[9] = out.protocol;
  write32(bytes, 12, out.source);
  write32(bytes, 16, out.destination);
  write16(bytes, 10, checksum(bytes, 0, IPV4_HEADER));
  bytes.set(payload, IPV4_HEADER);
  return bytes;
}

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly data: Uint8Array;
}

/** Reads a UDP datagram; a wrong checksum makes it undefined, a missing one (0) does not. */
export function readUdp(source: number, destination: number, payload: Uint8Array): UdpDatagram | undefined {
  if (payload.length < UDP_HEADER) return undefined;
  const length = read16(payload, 4);
  if (length < UDP_HEADER || length > payload.length) return undefined;
  const bytes = payload.subarray(0, length);
  if (read16(bytes, 6) !== 0) {
    const sum = pseudoHeader(source, destination, IpProtocol.Udp, length);
    if (checksum(bytes, 0, length, sum) !== 0) return undefined;
  }
  return { sourcePort: read16(bytes, 0), destinationPort: read16(bytes, 2), data: bytes.subarray(UDP_HEADER) };
}

export function udpSegment(source: number, destination: number, datagram: UdpDatagram): Uint8Array {
  const { sourcePort, destinationPort, data } = datagram;
  const bytes = new Uint8Array(UDP_HEADER + data.length);
  write16(bytes, 0, sourcePort);
  write16(bytes, 2, destinationPort);
  write16(bytes, 4, bytes.length);
  bytes.set(data, UDP_HEADER);
  // A sum of zero is sent as ones: zero means that there is none.
  write16(bytes, 6, transportChecksum(source, destination, IpProtocol.Udp, bytes) || 0xffff);
  return bytes;
}
