/**
 * A virtual network of the program: a switch on the host's side, to which machines of any thread connect, with a DHCP server if wanted.
 * Traffic never leaves the program, and the host has no place on it.
 */
import type { Clock } from '../../devices/clock.ts';
import type { Lease, LeaseStore } from './dhcp-server.ts';
import { resolveDhcp } from './dhcp-settings.ts';
import type { DhcpConfiguration } from './dhcp-settings.ts';
import type { FramePort } from './frame-pipe.ts';
import { FramePipe } from './frame-pipe.ts';
import { Gateway } from './gateway.ts';
import { HostClock } from './host-clock.ts';
import type { Sink } from './networks.ts';
import { pcapngHeader, pcapngPacket } from './pcapng.ts';
import type { PortStatistics, SwitchPort } from './switch.ts';
import { VirtualSwitch } from './switch.ts';

export interface VirtualNetworkOptions {
  /** Default `Internal Network`. */
  readonly name?: string;
  /** A DHCP server; default none, as in the product. */
  readonly dhcp?: DhcpConfiguration;
  /** Where leases are kept between runs. */
  readonly leases?: LeaseStore;
  /** Default: the host's time. */
  readonly clock?: Clock;
}

/** A place on a network. */
export interface NetworkPlug {
  /** To be given to the machine, once. */
  readonly port: FramePort;
  readonly statistics: PortStatistics;
  /** Lets the station see what others on the network send to one another. */
  promiscuous: boolean;
  close(): void;
}

export class VirtualNetwork {
  readonly name: string;
  readonly #switch = new VirtualSwitch();
  readonly #clock: Clock;
  readonly #gateway: Gateway | undefined;
  readonly #plugs = new Set<NetworkPlug>();
  #sink: Sink | undefined;

  /** @throws DhcpSettingsError */
  constructor(options: VirtualNetworkOptions = {}) {
    this.name = options.name ?? 'Internal Network';
    this.#clock = options.clock ?? new HostClock();
    if (!options.dhcp) return;
    this.#gateway = new Gateway({
      clock: this.#clock,
      network: this.#switch,
      dhcp: resolveDhcp(options.dhcp),
      now: () => Date.now(),
      leases: options.leases,
      onProblem: () => {},
    });
  }

  /** Leases of the DHCP server. */
  get leases(): readonly Lease[] {
    return this.#gateway?.dhcp.leases ?? [];
  }

  /** Ports of the network, that of its DHCP server among them. */
  get ports(): readonly SwitchPort[] {
    return this.#switch.ports;
  }

  /** Makes a place for a station in another thread. @param name for statistics */
  connect(name: string): NetworkPlug {
    const { port1, port2 } = new MessageChannel();
    const station = this.#switch.attach(name, { receive: (frame) => pipe.send(frame) });
    const close = (): void => {
      this.#plugs.delete(plug);
      station.close();
      pipe.close();
    };
    const pipe = new FramePipe(port1, {
      receive: (frame) => {
        station.send(frame);
        return true;
      },
      writable: () => station.resume(),
      closed: close,
    });
    // The network alone keeps no program alive.
    (port1 as { unref?: () => void }).unref?.();
    const plug: NetworkPlug = {
      port: port2 as FramePort,
      statistics: station.statistics,
      get promiscuous() {
        return station.promiscuous;
      },
      set promiscuous(on: boolean) {
        station.promiscuous = on;
      },
      close,
    };
    this.#plugs.add(plug);
    return plug;
  }

  /** Writes all traffic to a sink, in the pcapng format; undefined ends it. */
  capture(sink: Sink | undefined): void {
    this.#sink?.close();
    this.#sink = sink;
    sink?.write(pcapngHeader(this.name));
    const start = BigInt(Date.now()) * 1_000_000n - BigInt(Math.round(this.#clock.now()));
    this.#switch.tap =
      sink && ((frame) => sink.write(pcapngPacket(start + BigInt(Math.round(this.#clock.now())), frame)));
  }

  close(): void {
    for (const plug of [...this.#plugs]) plug.close();
    this.#gateway?.close();
    this.capture(undefined);
  }
}
