/** Network adapters on the command line. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { MachineOptions } from '../machine/api.ts';
import type { NetworkAdapterConfiguration, NetworkConnection } from '../network/configuration.ts';
import type { ImpairmentConfiguration } from '../network/impairment.ts';
import { isStationAddress, parseMac } from '../network/mac-address.ts';
import type { PortForward } from '../network/nat.ts';
import { parseRule } from '../network/policy.ts';

/** What `addNetworkOptions` collects. */
export interface NetworkOptions {
  readonly net?: NetworkConnection[];
  readonly mac?: string[];
  readonly netAllow?: string[];
  readonly netHost?: boolean;
  readonly netForward?: PortForward[];
  readonly netDhcp?: boolean;
  readonly netLeases?: string;
  readonly netCapture?: string;
  readonly netImpair?: ImpairmentConfiguration;
  readonly pxe?: string;
}

const NET_FORMS =
  'Use none, internal, nat, stream:[HOST:]PORT[,listen], stream:PATH[,listen] or dgram:LOCAL_PORT:[HOST:]REMOTE_PORT.';

function port(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && /^\d{1,5}$/.test(text) && value > 0 && value < 65_536 ? value : undefined;
}

/** `HOST:PORT` or `PORT` */
function endpoint(text: string): { host?: string; port: number } | undefined {
  const at = text.lastIndexOf(':');
  const number = port(text.slice(at + 1));
  if (number === undefined || at === 0) return undefined;
  return { ...(at < 0 ? {} : { host: text.slice(0, at) }), port: number };
}

export function networkConnection(text: string): NetworkConnection {
  const [, kind = '', rest = ''] = /^([a-z]+)(?::(.*))?$/.exec(text) ?? [];
  if (rest === '' && (kind === 'none' || kind === 'nat' || kind === 'internal')) return { kind };
  if (kind === 'internal' || kind === 'nat') return { kind, name: rest };
  if (kind === 'stream' && rest !== '') {
    const listen = rest.endsWith(',listen') ? { listen: true } : {};
    const place = rest.replace(/,listen$/, '');
    const at = endpoint(place);
    if (at) return { kind, ...at, ...listen };
    if (place !== '') return { kind, path: place, ...listen };
  }
  if (kind === 'dgram') {
    const [, local, remote = ''] = /^(\d+):(.+)$/.exec(rest) ?? [];
    const localPort = port(local);
    const at = endpoint(remote);
    if (localPort !== undefined && at) return { kind, local: { port: localPort }, remote: at };
  }
  throw new InvalidArgumentError(NET_FORMS);
}

export function portForward(text: string): PortForward {
  const [, protocol = 'tcp', hostAddress, host, guestAddress, guest] =
    /^(?:(tcp|udp):)?(?:(\d+\.\d+\.\d+\.\d+):)?(\d+)-(?:(\d+\.\d+\.\d+\.\d+):)?(\d+)$/.exec(text) ?? [];
  const hostPort = port(host);
  const guestPort = port(guest);
  if (hostPort === undefined || guestPort === undefined)
    throw new InvalidArgumentError('Use [tcp:|udp:][ADDRESS:]HOST_PORT-[ADDRESS:]GUEST_PORT, such as 2222-22.');
  return {
    protocol: protocol as 'tcp' | 'udp',
    hostPort,
    guestPort,
    ...(hostAddress === undefined ? {} : { hostAddress }),
    ...(guestAddress === undefined ? {} : { guestAddress }),
  };
}

function macAddress(text: string): string {
  const address = parseMac(text);
  if (!address || !isStationAddress(address))
    throw new InvalidArgumentError('An address looks like 00-03-FF-12-34-56.');
  return text;
}

function rule(text: string): string {
  if (parseRule(text) === undefined)
    throw new InvalidArgumentError('Use ADDRESS[/BITS][:PORT[-PORT]], *[:PORT[-PORT]] or dns.');
  return text;
}

/** `loss=0.01,reorder=0.01,delay=5,bandwidth=1000000,seed=1` */
export function impairment(text: string): ImpairmentConfiguration {
  const result: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [, name, value] = /^(loss|reorder|delay|bandwidth|seed)=(\d+(?:\.\d+)?)$/.exec(part) ?? [];
    if (name === undefined)
      throw new InvalidArgumentError('Use loss=, reorder=, delay= (ms), bandwidth= (bits per second), seed=.');
    result[name === 'delay' ? 'delayMs' : name] = Number(value);
  }
  return result;
}

const list =
  <T>(parse: (text: string) => T) =>
  (text: string, before: T[] = []): T[] => [...before, parse(text)];

export function addNetworkOptions(command: Command): void {
  command
    .optionsGroup('Network (nothing is connected unless asked for):')
    .addOption(
      new Option(
        '--net <network>',
        'first, second ... adapter: none, internal[:NAME], nat, stream:[HOST:]PORT[,listen], dgram:PORT:[HOST:]PORT',
      ).argParser(list(networkConnection)),
    )
    .addOption(new Option('--mac <address>', 'address of the first, second ... adapter').argParser(list(macAddress)))
    .addOption(
      new Option(
        '--net-allow <rule>',
        'nat: reach only ADDRESS[/BITS][:PORT[-PORT]], *[:PORT], dns (repeatable)',
      ).argParser(list(rule)),
    )
    .option('--net-host', "nat: the gateway's address leads to the host's loopback")
    .addOption(
      new Option(
        '--net-forward <ports>',
        'nat: [tcp:|udp:]HOST_PORT-GUEST_PORT of the host leads to the guest',
      ).argParser(list(portForward)),
    )
    .option('--net-dhcp', 'internal: a DHCP server on the network')
    .option('--net-leases <file>', 'keep the leases of the DHCP server in a file')
    .option('--net-capture <file>', "write the traffic of the first adapter's network (pcapng)")
    .addOption(
      new Option('--net-impair <how>', 'a bad line: loss=, reorder=, delay=, bandwidth=, seed=').argParser(impairment),
    )
    .option('--pxe <folder>', 'boot files for clients on the network, by DHCP and TFTP (default network: internal)');
}

function connected(connection: NetworkConnection, options: NetworkOptions): NetworkConnection {
  const { netAllow, netHost, netForward, netDhcp, pxe } = options;
  const boot = pxe === undefined ? {} : { pxe: { folder: pxe } };
  if (connection.kind === 'nat') {
    return {
      ...connection,
      ...boot,
      ...(netAllow ? { allow: netAllow } : {}),
      ...(netHost ? { hostLoopback: true } : {}),
      ...(netForward ? { forwards: netForward } : {}),
    };
  }
  if (connection.kind === 'internal' && (netDhcp || pxe !== undefined))
    return { ...connection, dhcp: connection.dhcp ?? {}, ...boot };
  return connection;
}

/** The adapters of a configuration with what the command line says instead. */
export function withNetwork(base: MachineOptions, options: NetworkOptions): Pick<MachineOptions, 'network'> {
  const { mac = [], netCapture, netImpair, netLeases, pxe } = options;
  const net = options.net ?? (pxe === undefined ? [] : [{ kind: 'internal' } as const]);
  const before = base.network ?? [];
  const count = Math.max(before.length, net.length, mac.length);
  if (count === 0) return {};
  const network = Array.from({ length: count }, (_, i): NetworkAdapterConfiguration => {
    const adapter = before[i] ?? {};
    const connection = net[i] ?? adapter.connection;
    return {
      ...adapter,
      ...(connection ? { connection: connected(connection, options) } : {}),
      ...(mac[i] === undefined ? {} : { macAddress: mac[i] }),
      ...(netImpair ? { impairment: netImpair } : {}),
      ...(i === 0 && netCapture !== undefined ? { capture: netCapture } : {}),
      ...(i === 0 && netLeases !== undefined ? { leases: netLeases } : {}),
    };
  });
  return { network };
}
