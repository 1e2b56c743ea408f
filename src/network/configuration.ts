/** What a network adapter is plugged into, as plain data. */
import { DhcpSettingsError, resolveDhcp } from './dhcp-settings.ts';
import type { DhcpConfiguration } from './dhcp-settings.ts';
import type { ImpairmentConfiguration } from './impairment.ts';
import { isStationAddress, parseMac } from './mac-address.ts';
import type { PortForward } from './nat.ts';
import { parseIpv4 } from './packet.ts';
import { parseRule } from './policy.ts';
import type { PolicyConfiguration } from './policy.ts';

/** Files for network boots. */
export interface PxeConfiguration {
  /** Folder whose files clients may read by TFTP. */
  readonly folder: string;
  /**
   * File that clients are told to boot. Default: `boot.ipxe` for iPXE if there is one, else the first of `pxelinux.0`, `lpxelinux.0`,
   * `undionly.kpxe` and `grldr` that exists.
   */
  readonly bootFile?: string;
}

interface Named {
  /** Adapters with the same kind and name share a network; default the kind's own. */
  readonly name?: string;
}

/** Guests only. */
export interface InternalConnection extends Named {
  readonly kind: 'internal';
  /** A DHCP server on the network; default none, as in the product. */
  readonly dhcp?: DhcpConfiguration;
  /** Serves boot files; needs `dhcp`. */
  readonly pxe?: PxeConfiguration;
}

/**
 * The outside world through address translation, with a DHCP server. In the default network 10.0.2.0/24 the gateway is 10.0.2.2, the
 * name server 10.0.2.3, and guests begin at 10.0.2.16.
 */
export interface NatConnection extends Named, PolicyConfiguration {
  readonly kind: 'nat';
  /** Base of the subnet, which has 24 bits; default 10.0.2.0. */
  readonly network?: string;
  readonly forwards?: readonly PortForward[];
  readonly pxe?: PxeConfiguration;
}

/** A stream of frames, each after its length in four bytes: QEMU's `-netdev stream`, passt. */
export interface StreamConnection {
  readonly kind: 'stream';
  /** A Unix socket (or named pipe) instead of host and port. */
  readonly path?: string;
  /** Default the loopback address. */
  readonly host?: string;
  readonly port?: number;
  /** Wait for a peer instead of calling one. */
  readonly listen?: boolean;
}

/** A frame in each UDP datagram: QEMU's `-netdev dgram`. */
export interface DatagramConnection {
  readonly kind: 'dgram';
  /** Where frames come in; the host defaults to the loopback address. */
  readonly local: { readonly host?: string; readonly port: number };
  readonly remote: { readonly host?: string; readonly port: number };
}

/** A frame in each binary message of a WebSocket. */
export interface WebSocketConnection {
  readonly kind: 'websocket';
  readonly url: string;
}

/** `none`: not connected, but still there; the program may plug in a virtual network later. */
export type NetworkConnection =
  | { readonly kind: 'none' }
  | InternalConnection
  | NatConnection
  | StreamConnection
  | DatagramConnection
  | WebSocketConnection;

/** A network adapter of the guest, a DEC 21140A. */
export interface NetworkAdapterConfiguration {
  /** `00-03-FF-12-34-56`; default an address made as the original product made them, anew for each machine. */
  readonly macAddress?: string;
  /** Default: not connected. */
  readonly connection?: NetworkConnection;
  /** Writes what passes on the adapter's network to this file, in the pcapng format. */
  readonly capture?: string;
  /** Makes the cable a bad one, in both directions; for tests. */
  readonly impairment?: ImpairmentConfiguration;
  /** File in which the leases of the network's DHCP server are kept; default none. */
  readonly leases?: string;
}

export const MAX_ADAPTERS = 4;
/** The base of a NAT network and how many bits of it are its own. */
export const NAT_NETWORK = '10.0.2.0';
export const NAT_MASK = '255.255.255.0';

type Fail = (key: string, message: string) => never;

const isPort = (port: unknown): boolean => Number.isInteger(port) && (port as number) > 0 && (port as number) < 65_536;

function checkForward(key: string, forward: PortForward, fail: Fail): void {
  const { protocol, hostAddress, hostPort, guestAddress, guestPort } = forward;
  if (protocol !== 'tcp' && protocol !== 'udp') fail(`${key}.protocol`, 'must be tcp or udp');
  if (!isPort(hostPort)) fail(`${key}.hostPort`, 'must be a port from 1 to 65535');
  if (!isPort(guestPort)) fail(`${key}.guestPort`, 'must be a port from 1 to 65535');
  for (const address of [hostAddress, guestAddress])
    if (address !== undefined && parseIpv4(address) === undefined) fail(key, `'${address}' is not an IPv4 address`);
}

function checkDhcp(key: string, dhcp: DhcpConfiguration, fail: Fail): void {
  try {
    resolveDhcp(dhcp);
  } catch (error) {
    if (error instanceof DhcpSettingsError) fail(`${key}.${error.setting}`, error.message);
    throw error;
  }
}

function checkConnection(key: string, connection: NetworkConnection, fail: Fail): void {
  switch (connection.kind) {
    case 'none':
      return;
    case 'internal':
      if (connection.dhcp) checkDhcp(`${key}.dhcp`, connection.dhcp, fail);
      else if (connection.pxe) fail(`${key}.pxe`, 'needs a DHCP server');
      return;
    case 'nat':
      if (connection.network !== undefined) checkDhcp(key, { network: connection.network, mask: NAT_MASK }, fail);
      for (const rule of connection.allow ?? [])
        if (parseRule(rule) === undefined) fail(`${key}.allow`, `'${rule}' is not a rule such as 10.1.0.0/16:80-443`);
      connection.forwards?.forEach((forward, i) => checkForward(`${key}.forwards[${i}]`, forward, fail));
      return;
    case 'stream':
      if ((connection.path === undefined) === (connection.port === undefined))
        fail(key, 'needs either a path or a port');
      if (connection.port !== undefined && !isPort(connection.port)) fail(`${key}.port`, 'must be from 1 to 65535');
      return;
    case 'dgram':
      if (!isPort(connection.local?.port) || !isPort(connection.remote?.port))
        fail(key, 'needs the ports of both ends, from 1 to 65535');
      return;
    case 'websocket':
      if (!/^wss?:\/\//.test(connection.url)) fail(`${key}.url`, 'must begin with ws:// or wss://');
      return;
    default:
      fail(`${key}.kind`, `unknown kind '${String((connection as { kind: unknown }).kind)}'`);
  }
}

function checkImpairment(key: string, impairment: ImpairmentConfiguration, fail: Fail): void {
  const { bandwidth, delayMs, loss, reorder } = impairment;
  for (const [name, value] of [
    ['loss', loss],
    ['reorder', reorder],
  ] as const)
    if (value !== undefined && !(value >= 0 && value <= 1)) fail(`${key}.${name}`, 'must lie between 0 and 1');
  if (bandwidth !== undefined && !(bandwidth >= 1000))
    fail(`${key}.bandwidth`, 'must be at least 1000 bits per second');
  if (delayMs !== undefined && !(delayMs >= 0 && delayMs <= 60_000))
    fail(`${key}.delayMs`, 'must lie between 0 and 60000');
}

/** Checks all that can be known without opening anything. @param fail throws; it is given the name of the property */
export function checkNetwork(adapters: readonly NetworkAdapterConfiguration[], fail: Fail): void {
  if (adapters.length > MAX_ADAPTERS) fail('network', `at most ${MAX_ADAPTERS} adapters`);
  adapters.forEach(({ macAddress, connection, impairment }, i) => {
    const key = `network[${i}]`;
    const address = macAddress === undefined ? undefined : parseMac(macAddress);
    if (macAddress !== undefined && !(address && isStationAddress(address)))
      fail(`${key}.macAddress`, `'${macAddress}' is not the address of a station, such as 00-03-FF-12-34-56`);
    if (connection) checkConnection(`${key}.connection`, connection, fail);
    if (impairment) checkImpairment(`${key}.impairment`, impairment, fail);
  });
}
