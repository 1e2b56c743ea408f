/**
 * The DHCP server of a virtual network (RFC 2131). It serves the guests of the network and nobody else. A client keeps its address
 * over restarts: leases outlive the server through a store.
 */
import type { DhcpRequest } from './dhcp-message.ts';
import { DhcpOption, DhcpType, addressBytes, dhcpReply, readDhcp } from './dhcp-message.ts';
import type { DhcpSettings } from './dhcp-settings.ts';
import { BROADCAST_IP, read32 } from './packet.ts';

/** A lease as it is kept. */
export interface Lease {
  /** Hexadecimal: client identifier, or `mac:` and the hardware address. */
  readonly client: string;
  readonly address: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** Where leases are kept between runs. */
export interface LeaseStore {
  load(): readonly Lease[];
  save(leases: readonly Lease[]): void;
}

/** What a network boot needs to know. */
export interface BootOffer {
  /** Address of the TFTP server. */
  readonly server: number;
  /** The file for a client; `userClass` is what it calls itself, `iPXE` for one. */
  file(userClass: string): string | undefined;
}

export interface DhcpServerOptions {
  readonly settings: DhcpSettings;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly store?: LeaseStore;
  readonly boot?: BootOffer;
  readonly onLease?: (lease: { readonly macAddress: Uint8Array; readonly address: number }) => void;
}

/** A message for a client. */
export interface DhcpAnswer {
  readonly bytes: Uint8Array;
  /** Where to send it: an address, or everybody. */
  readonly destination: number;
  readonly hardwareAddress: Uint8Array;
}

/** An offer is held open for so long. */
const OFFER_MS = 60_000;
/** An address that a client found in use is left alone for so long. */
const DECLINED_MS = 600_000;
/** Clients that the server remembers; the lease that ended first makes room. */
const MAX_LEASES = 65_536;
const IDENTIFIER_BYTES = 64;

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

export class DhcpServer {
  readonly #options: DhcpServerOptions;
  readonly #leases = new Map<string, Lease>();
  readonly #owners = new Map<number, string>();

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    for (const lease of options.store?.load() ?? []) if (this.#inRange(lease.address)) this.#keep(lease);
  }

  get leases(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  #inRange(address: number): boolean {
    const { start, end } = this.#options.settings;
    return address >= start && address <= end;
  }

  #keep(lease: Lease): void {
    const before = this.#leases.get(lease.client);
    if (before) this.#owners.delete(before.address);
    const owner = this.#owners.get(lease.address);
    if (owner !== undefined) this.#leases.delete(owner);
    if (this.#leases.size >= MAX_LEASES && !this.#leases.has(lease.client)) this.#evict();
    this.#leases.set(lease.client, lease);
    this.#owners.set(lease.address, lease.client);
  }

  #evict(): void {
    let oldest: Lease | undefined;
    for (const lease of this.#leases.values()) if (!oldest || lease.expires < oldest.expires) oldest = lease;
    if (oldest) this.#forget(oldest);
  }

  #forget(lease: Lease): void {
    this.#leases.delete(lease.client);
    this.#owners.delete(lease.address);
  }

  /** @param bytes of a datagram to port 67 @returns what to send to port 68 of the client */
  handle(bytes: Uint8Array): DhcpAnswer | undefined {
    const request = readDhcp(bytes);
    if (!request) return undefined;
    switch (request.type) {
      case DhcpType.Discover:
        return this.#discover(request);
      case DhcpType.Request:
        return this.#request(request);
      case DhcpType.Inform:
        return this.#answer(request, DhcpType.Ack, 0);
      case DhcpType.Decline:
        this.#decline(request);
        return undefined;
      case DhcpType.Release:
        this.#release(request);
        return undefined;
      default:
        return undefined;
    }
  }

  #clientOf({ options, hardwareAddress }: DhcpRequest): string {
    const identifier = options.get(DhcpOption.ClientIdentifier);
    return identifier && identifier.length > 1
      ? hex(identifier.subarray(0, IDENTIFIER_BYTES))
      : `mac:${hex(hardwareAddress)}`;
  }

  #free(address: number): boolean {
    const owner = this.#owners.get(address);
    return owner === undefined || this.#leases.get(owner)!.expires <= this.#options.now();
  }

  /** The address for a client: the one it had, the one it asks for, an unused one, or one whose lease has ended. */
  #choose(client: string, wanted: number | undefined): number | undefined {
    const { start, end } = this.#options.settings;
    const own = this.#leases.get(client);
    if (own && this.#inRange(own.address)) return own.address;
    if (wanted !== undefined && this.#inRange(wanted) && this.#free(wanted)) return wanted;
    for (let address = start; address <= end; address++) if (!this.#owners.has(address)) return address;
    for (let address = start; address <= end; address++) if (this.#free(address)) return address;
    return undefined;
  }

  #requested(request: DhcpRequest): number | undefined {
    const option = request.options.get(DhcpOption.RequestedAddress);
    return option?.length === 4 ? read32(option, 0) : undefined;
  }

  /** Whether the message names another server. */
  #forAnother(request: DhcpRequest): boolean {
    const server = request.options.get(DhcpOption.ServerIdentifier);
    return server?.length === 4 && read32(server, 0) !== this.#options.settings.serverAddress;
  }

  #discover(request: DhcpRequest): DhcpAnswer | undefined {
    const client = this.#clientOf(request);
    const address = this.#choose(client, this.#requested(request));
    if (address === undefined) return undefined;
    const held = this.#leases.get(client);
    const expires = Math.max(held?.address === address ? held.expires : 0, this.#options.now() + OFFER_MS);
    this.#keep({ client, address, expires });
    return this.#answer(request, DhcpType.Offer, address);
  }

  #request(request: DhcpRequest): DhcpAnswer | undefined {
    if (this.#forAnother(request)) return undefined;
    const client = this.#clientOf(request);
    const wanted = this.#requested(request) ?? request.clientAddress;
    const held = this.#leases.get(client);
    // A client that moved here from elsewhere, or whose address was given away meanwhile, begins anew.
    const allowed = this.#inRange(wanted) && (held ? held.address === wanted : this.#free(wanted));
    if (!allowed) return this.#answer(request, DhcpType.Nak, 0);
    const { settings, store, now, onLease } = this.#options;
    this.#keep({ client, address: wanted, expires: now() + settings.leaseSeconds * 1000 });
    store?.save(this.leases);
    onLease?.({ macAddress: request.hardwareAddress, address: wanted });
    return this.#answer(request, DhcpType.Ack, wanted);
  }

  #decline(request: DhcpRequest): void {
    const address = this.#requested(request);
    const held = this.#leases.get(this.#clientOf(request));
    if (address === undefined || held?.address !== address) return;
    this.#forget(held);
    this.#keep({ client: `declined:${address}`, address, expires: this.#options.now() + DECLINED_MS });
  }

  #release(request: DhcpRequest): void {
    const held = this.#leases.get(this.#clientOf(request));
    if (held?.address !== request.clientAddress) return;
    // The address stays known as this client's, for it may come back.
    this.#keep({ ...held, expires: this.#options.now() });
    this.#options.store?.save(this.leases);
  }

  #answer(request: DhcpRequest, type: number, address: number): DhcpAnswer {
    const { settings } = this.#options;
    const options: (readonly [number, Uint8Array])[] = [
      [DhcpOption.ServerIdentifier, addressBytes(settings.serverAddress)],
    ];
    const offer = type !== DhcpType.Nak ? this.#bootFile(request) : undefined;
    if (address !== 0) {
      options.push(
        [DhcpOption.LeaseTime, addressBytes(settings.leaseSeconds)],
        [DhcpOption.RenewalTime, addressBytes(settings.renewalSeconds)],
        [DhcpOption.RebindingTime, addressBytes(settings.rebindingSeconds)],
      );
    }
    if (type !== DhcpType.Nak) {
      options.push([DhcpOption.SubnetMask, addressBytes(settings.mask)]);
      if (settings.gateway !== undefined) options.push([DhcpOption.Router, addressBytes(settings.gateway)]);
      if (settings.dnsServers.length > 0) options.push([DhcpOption.DomainServer, addressBytes(...settings.dnsServers)]);
      if (settings.winsServers.length > 0) options.push([DhcpOption.WinsServer, addressBytes(...settings.winsServers)]);
    }
    const bytes = dhcpReply(request, {
      type,
      address,
      nextServer: offer?.server ?? 0,
      bootFile: offer?.file ?? '',
      options,
    });
    const { broadcast, clientAddress, hardwareAddress } = request;
    const reachable = type === DhcpType.Nak || (broadcast && clientAddress === 0) ? 0 : clientAddress || address;
    return { bytes, destination: reachable || BROADCAST_IP, hardwareAddress };
  }

  #bootFile(request: DhcpRequest): { server: number; file: string } | undefined {
    const { boot } = this.#options;
    const userClass = request.options.get(DhcpOption.UserClass);
    const file = boot?.file(userClass ? new TextDecoder().decode(userClass) : '');
    return boot && file !== undefined ? { server: boot.server, file } : undefined;
  }
}
