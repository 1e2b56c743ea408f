/**
 * Virtual network files (`.vnc`): the same XML as machine configurations. No file of the original product is public and its key names
 * are not known; the keys below are this product's own, and others are kept as they are.
 */
import { DhcpSettingsError, resolveDhcp } from '../network/dhcp-settings.ts';
import type { DhcpConfiguration } from '../network/dhcp-settings.ts';
import { VmcDocument } from './document.ts';
import { VmcError, VmcErrorCode } from './errors.ts';

/** A virtual network as its file describes it. */
export interface VncConfiguration {
  readonly name: string;
  /** 16 bytes; what `virtual_network/id` of machine configurations refers to. */
  readonly id: Uint8Array | undefined;
  readonly notes: string;
  /** Adapter of the host; empty = guests only. */
  readonly hostAdapter: string;
  /** The DHCP server; undefined while it is off. */
  readonly dhcp: DhcpConfiguration | undefined;
}

const NAME = 'virtual_network/name';
const ID = 'virtual_network/id';
const NOTES = 'virtual_network/notes';
const HOST_ADAPTER = 'virtual_network/host_adapter';
const DHCP = 'virtual_network/dhcp';
const ID_BYTES = 16;

const ADDRESSES = [
  ['network', 'network'],
  ['mask', 'mask'],
  ['start', 'first_address'],
  ['end', 'last_address'],
  ['serverAddress', 'server_address'],
  ['gateway', 'gateway'],
] as const;
const LISTS = [
  ['dnsServers', 'dns_servers'],
  ['winsServers', 'wins_servers'],
] as const;
const TIMES = [
  ['leaseSeconds', 'lease_seconds'],
  ['renewalSeconds', 'renewal_seconds'],
  ['rebindingSeconds', 'rebinding_seconds'],
] as const;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** @throws VmcError naming the key */
export function readVnc(document: VmcDocument): VncConfiguration {
  const name = document.string(NAME);
  if (name === undefined || name === '')
    throw new VmcError(VmcErrorCode.MissingKey, 'the network has no name', { fileName: document.fileName, key: NAME });
  return {
    name,
    id: document.bytes(ID, ID_BYTES),
    notes: document.string(NOTES) ?? '',
    hostAdapter: document.string(HOST_ADAPTER) ?? '',
    dhcp: document.boolean(`${DHCP}/enabled`) === true ? readDhcpServer(document) : undefined,
  };
}

function readDhcpServer(document: VmcDocument): DhcpConfiguration {
  const dhcp: Mutable<DhcpConfiguration> = {};
  for (const [property, key] of ADDRESSES) {
    const value = document.string(`${DHCP}/${key}`);
    if (value) dhcp[property] = value;
  }
  for (const [property, key] of LISTS) {
    const value = document.string(`${DHCP}/${key}`);
    if (value) dhcp[property] = value.split(/[\s,;]+/).filter((address) => address !== '');
  }
  for (const [property, key] of TIMES) {
    const value = document.integer(`${DHCP}/${key}`);
    if (value !== undefined) dhcp[property] = value;
  }
  try {
    resolveDhcp(dhcp);
  } catch (error) {
    if (!(error instanceof DhcpSettingsError)) throw error;
    const known = [...ADDRESSES, ...LISTS, ...TIMES].find(([property]) => property === error.setting);
    const key = `${DHCP}/${known?.[1] ?? ''}`;
    throw new VmcError(VmcErrorCode.BadValue, error.message, { fileName: document.fileName, key, cause: error });
  }
  return dhcp;
}

/** Writes the network into a document; keys that it does not know stay. `VmcDocument.create` makes an empty one. */
export function writeVnc(document: VmcDocument, network: VncConfiguration): void {
  const text = (key: string, value: string): void => document.set(key, { type: 'string', value });
  text(NAME, network.name);
  if (network.id) document.set(ID, { type: 'bytes', value: network.id });
  text(NOTES, network.notes);
  text(HOST_ADAPTER, network.hostAdapter);
  const { dhcp } = network;
  document.set(`${DHCP}/enabled`, { type: 'boolean', value: dhcp !== undefined });
  if (!dhcp) return;
  for (const [property, key] of ADDRESSES) text(`${DHCP}/${key}`, dhcp[property] ?? '');
  for (const [property, key] of LISTS) text(`${DHCP}/${key}`, (dhcp[property] ?? []).join(' '));
  for (const [property, key] of TIMES) {
    const value = dhcp[property];
    if (value === undefined) document.remove(`${DHCP}/${key}`);
    else document.set(`${DHCP}/${key}`, { type: 'integer', value });
  }
}

/** @param bytes the whole file @throws VmcError, exit code 3 */
export function parseVnc(bytes: Uint8Array, fileName: string): VncConfiguration {
  return readVnc(VmcDocument.parse(bytes, fileName));
}
