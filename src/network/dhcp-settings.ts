/** The settings of a virtual network's DHCP server and the product's rules for them. */
import { formatIpv4, parseIpv4 } from './packet.ts';

/** As configured; addresses in dotted form. */
export interface DhcpConfiguration {
  /** Base of the subnet; default 10.237.0.0. */
  readonly network?: string;
  /** Default 255.255.255.0. */
  readonly mask?: string;
  /** First and last address given out; default the seventeenth of the subnet and the last but one. */
  readonly start?: string;
  readonly end?: string;
  /** Address of the server itself, before the range; default the first of the subnet. */
  readonly serverAddress?: string;
  readonly gateway?: string;
  readonly dnsServers?: readonly string[];
  readonly winsServers?: readonly string[];
  /** Seconds, at least 60; default 129600 (36 hours). */
  readonly leaseSeconds?: number;
  /** Seconds until a client renews its lease, at least 30; default 86400. */
  readonly renewalSeconds?: number;
  /** Seconds until it asks any server, at least 45; default 115200. */
  readonly rebindingSeconds?: number;
}

/** Checked, addresses as numbers. */
export interface DhcpSettings {
  readonly network: number;
  readonly mask: number;
  readonly start: number;
  readonly end: number;
  readonly serverAddress: number;
  readonly gateway: number | undefined;
  readonly dnsServers: readonly number[];
  readonly winsServers: readonly number[];
  readonly leaseSeconds: number;
  readonly renewalSeconds: number;
  readonly rebindingSeconds: number;
}

/** Addresses at the beginning of a subnet that are never given out: the network's own and fifteen for servers. */
export const RESERVED_ADDRESSES = 16;
/** In seconds. */
export const MINIMUM_SECONDS = { lease: 60, renewal: 30, rebinding: 45 } as const;
const MAXIMUM_SECONDS = 0xffffffff;
const DEFAULT_SECONDS = { lease: 129_600, renewal: 86_400, rebinding: 115_200 } as const;
/** Servers in a list option, of which a reply has two: what a message can hold without splitting options. */
const MAX_SERVERS = 16;
/** Prefix lengths of subnets that have addresses beyond the reserved ones. */
const MAX_PREFIX = 27;
const MIN_PREFIX = 8;

/** A setting that the rules forbid; `setting` is its name. */
export class DhcpSettingsError extends Error {
  override name = 'DhcpSettingsError';
  readonly setting: string;

  constructor(setting: string, message: string) {
    super(`${setting}: ${message}`);
    this.setting = setting;
  }
}

function fail(setting: string, message: string): never {
  throw new DhcpSettingsError(setting, message);
}

function address(setting: string, text: string): number {
  return parseIpv4(text) ?? fail(setting, `'${text}' is not an IPv4 address`);
}

function list(setting: string, texts: readonly string[] = []): number[] {
  if (texts.length > MAX_SERVERS) fail(setting, `at most ${MAX_SERVERS} addresses`);
  return texts.map((text) => address(setting, text));
}

function seconds(setting: string, value: number, minimum: number): number {
  if (!(Number.isInteger(value) && value >= minimum && value <= MAXIMUM_SECONDS))
    fail(setting, `must be a whole number of seconds from ${minimum} to ${MAXIMUM_SECONDS}, found ${value}`);
  return value;
}

function checkMask(mask: number): void {
  const hosts = ~mask >>> 0;
  const prefix = Math.clz32(hosts);
  if ((hosts & (hosts + 1)) !== 0 || prefix < MIN_PREFIX || prefix > MAX_PREFIX)
    fail('mask', `${formatIpv4(mask)} is not a mask of ${MIN_PREFIX} to ${MAX_PREFIX} bits`);
}

/** @throws DhcpSettingsError naming the setting */
export function resolveDhcp(given: DhcpConfiguration): DhcpSettings {
  const network = address('network', given.network ?? '10.237.0.0');
  const mask = address('mask', given.mask ?? '255.255.255.0');
  checkMask(mask);
  if ((network & ~mask) !== 0) fail('network', `${formatIpv4(network)} has bits outside the mask`);
  const last = (network | ~mask) >>> 0;
  const first = network + RESERVED_ADDRESSES;
  const start = given.start === undefined ? first : address('start', given.start);
  const end = given.end === undefined ? last - 1 : address('end', given.end);
  if (start < first || start >= last)
    fail('start', `must lie from ${formatIpv4(first)} to ${formatIpv4(last - 1)}: the first 16 addresses are reserved`);
  if (end < start || end >= last) fail('end', `must lie from ${formatIpv4(start)} to ${formatIpv4(last - 1)}`);
  const serverAddress = given.serverAddress === undefined ? network + 1 : address('serverAddress', given.serverAddress);
  if (serverAddress <= network || serverAddress >= start)
    fail('serverAddress', `must lie in the subnet, before ${formatIpv4(start)}`);
  const leaseSeconds = seconds('leaseSeconds', given.leaseSeconds ?? DEFAULT_SECONDS.lease, MINIMUM_SECONDS.lease);
  // The defaults shrink with the lease, in the proportions that clients use themselves (RFC 2131, section 4.4.5).
  const renewalSeconds = seconds(
    'renewalSeconds',
    given.renewalSeconds ?? Math.min(DEFAULT_SECONDS.renewal, Math.floor(leaseSeconds / 2)),
    MINIMUM_SECONDS.renewal,
  );
  const rebindingSeconds = seconds(
    'rebindingSeconds',
    given.rebindingSeconds ?? Math.min(DEFAULT_SECONDS.rebinding, Math.floor((leaseSeconds * 7) / 8)),
    MINIMUM_SECONDS.rebinding,
  );
  if (renewalSeconds >= rebindingSeconds) fail('renewalSeconds', 'must be less than the rebinding time');
  if (rebindingSeconds >= leaseSeconds) fail('rebindingSeconds', 'must be less than the lease time');
  return {
    network,
    mask,
    start,
    end,
    serverAddress,
    gateway: given.gateway === undefined ? undefined : address('gateway', given.gateway),
    dnsServers: list('dnsServers', given.dnsServers),
    winsServers: list('winsServers', given.winsServers),
    leaseSeconds,
    renewalSeconds,
    rebindingSeconds,
  };
}
