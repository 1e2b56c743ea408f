/** DHCP messages as bytes (RFC 2131, RFC 2132, RFC 3396 for options that come in parts). */
import { read32, write16, write32 } from './packet.ts';

export const DhcpType = {
  Discover: 1,
  Offer: 2,
  Request: 3,
  Decline: 4,
  Ack: 5,
  Nak: 6,
  Release: 7,
  Inform: 8,
} as const;

export const DhcpOption = {
  Pad: 0,
  SubnetMask: 1,
  Router: 3,
  DomainServer: 6,
  HostName: 12,
  WinsServer: 44,
  RequestedAddress: 50,
  LeaseTime: 51,
  Overload: 52,
  MessageType: 53,
  ServerIdentifier: 54,
  RenewalTime: 58,
  RebindingTime: 59,
  ClientIdentifier: 61,
  TftpServer: 66,
  BootFile: 67,
  UserClass: 77,
  End: 255,
} as const;

const MAGIC = 0x63825363;
const FIXED = 236;
const OPTIONS = FIXED + 4;
const BOOT_REQUEST = 1;
const BOOT_REPLY = 2;
const ETHERNET = 1;
const BROADCAST_FLAG = 0x80;
/** BOOTP relays and old clients expect at least this much. */
const MINIMUM_MESSAGE = 300;
const SERVER_NAME = 44;
const FILE = 108;
const FILE_BYTES = 128;

export interface DhcpRequest {
  readonly type: number;
  readonly transaction: number;
  readonly seconds: number;
  readonly broadcast: boolean;
  /** 0 unless the client has an address that it can be reached at. */
  readonly clientAddress: number;
  readonly relayAddress: number;
  /** Six bytes. */
  readonly hardwareAddress: Uint8Array;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

function readOptions(bytes: Uint8Array, into: Map<number, Uint8Array>): void {
  for (let at = 0; at < bytes.length && bytes[at] !== DhcpOption.End;) {
    if (bytes[at] === DhcpOption.Pad) {
      at++;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) return;
    const code = bytes[at]!;
    const value = bytes.subarray(at + 2, at + 2 + length);
    const before = into.get(code);
    into.set(code, before ? Uint8Array.of(...before, ...value) : value.slice());
    at += 2 + length;
  }
}

/** @returns undefined if this is not a client's DHCP message over Ethernet */
export function readDhcp(bytes: Uint8Array): DhcpRequest | undefined {
  if (bytes.length < OPTIONS || bytes[0] !== BOOT_REQUEST || bytes[1] !== ETHERNET || bytes[2] !== 6) return undefined;
  if (read32(bytes, FIXED) !== MAGIC) return undefined;
  const options = new Map<number, Uint8Array>();
  readOptions(bytes.subarray(OPTIONS), options);
  const overload = options.get(DhcpOption.Overload)?.[0] ?? 0;
  if (overload & 1) readOptions(bytes.subarray(FILE, FILE + FILE_BYTES), options);
  if (overload & 2) readOptions(bytes.subarray(SERVER_NAME, FILE), options);
  const type = options.get(DhcpOption.MessageType);
  if (type?.length !== 1) return undefined;
  return {
    type: type[0]!,
    transaction: read32(bytes, 4),
    seconds: (bytes[8]! << 8) | bytes[9]!,
    broadcast: (bytes[10]! & BROADCAST_FLAG) !== 0,
    clientAddress: read32(bytes, 12),
    relayAddress: read32(bytes, 24),
    hardwareAddress: bytes.slice(28, 34),
    options,
  };
}

export interface DhcpReply {
  readonly type: number;
  /** Address given to the client; 0 for NAK and answers to INFORM. */
  readonly address: number;
  /** Where the boot file comes from; 0 for none. */
  readonly nextServer: number;
  readonly bootFile: string;
  readonly options: readonly (readonly [code: number, value: Uint8Array])[];
}

export function dhcpReply(request: DhcpRequest, reply: DhcpReply): Uint8Array {
  const tail: number[] = [DhcpOption.MessageType, 1, reply.type];
  for (const [code, value] of reply.options) tail.push(code, value.length, ...value);
  tail.push(DhcpOption.End);
  const bytes = new Uint8Array(Math.max(MINIMUM_MESSAGE, OPTIONS + tail.length));
  bytes[0] = BOOT_REPLY;
  bytes[1] = ETHERNET;
  bytes[2] = 6;
  write32(bytes, 4, request.transaction);
  write16(bytes, 8, 0);
  if (request.broadcast) bytes[10] = BROADCAST_FLAG;
  if (reply.type !== DhcpType.Nak) write32(bytes, 12, request.clientAddress);
  write32(bytes, 16, reply.address);
  write32(bytes, 20, reply.nextServer);
  write32(bytes, 24, request.relayAddress);
  bytes.set(request.hardwareAddress, 28);
  bytes.set(new TextEncoder().encode(reply.bootFile).subarray(0, FILE_BYTES - 1), FILE);
  write32(bytes, FIXED, MAGIC);
  bytes.set(tail, OPTIONS);
  return bytes;
}

/** Addresses as the bytes of an option. */
export function addressBytes(...addresses: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * addresses.length);
  addresses.forEach((address, i) => write32(bytes, 4 * i, address));
  return bytes;
}
