/**
 * A learning Ethernet switch, the virtual network itself. Frames are handed on at once; a station that cannot take one has it
 * queued at its port, up to a limit, and what exceeds the limit is dropped and counted.
 */
import { MAC_BYTES } from './mac-address.ts';
import { ETHERNET_HEADER } from './packet.ts';

/** Frames that wait at one port. */
export const PORT_QUEUE_LIMIT = 1024;
/** Addresses that the switch remembers; the one heard of longest ago makes room. */
export const ADDRESS_LIMIT = 4096;
/** Longest frame that passes, without check sequence: one VLAN tag more than the usual. */
const MAX_FRAME = 1518;

export interface Station {
  /** Takes a frame, which it must not change. @returns false: busy, to be offered again after `SwitchPort.resume` */
  receive(frame: Uint8Array): boolean;
}

export interface PortStatistics {
  /** From the station into the switch. */
  framesIn: number;
  bytesIn: number;
  /** From the switch to the station. */
  framesOut: number;
  bytesOut: number;
  /** Frames for the station beyond the queue limit, and frames of illegal size from it. */
  dropped: number;
}

export class SwitchPort {
  readonly name: string;
  readonly statistics: PortStatistics = { framesIn: 0, bytesIn: 0, framesOut: 0, bytesOut: 0, dropped: 0 };
  /** The station may see frames that are not for it: what other stations of the network send, never the host's own. */
  promiscuous = false;
  readonly #switch: VirtualSwitch;
  readonly #station: Station;
  #queue: Uint8Array[] = [];
  #head = 0;
  #open = true;

  /** Internal to the switch. */
  constructor(owner: VirtualSwitch, name: string, station: Station) {
    this.#switch = owner;
    this.name = name;
    this.#station = station;
  }

  get open(): boolean {
    return this.#open;
  }

  /** Frames that wait. */
  get pending(): number {
    return this.#queue.length - this.#head;
  }

  /** A frame from the station, from the destination address on, without check sequence. It must not be changed afterwards. */
  send(frame: Uint8Array): void {
    if (!this.#open) return;
    if (frame.length < ETHERNET_HEADER || frame.length > MAX_FRAME) {
      this.statistics.dropped++;
      return;
    }
    this.statistics.framesIn++;
    this.statistics.bytesIn += frame.length;
    this.#switch.forward(this, frame);
  }

  /** The station can take frames again. */
  resume(): void {
    while (this.#open && this.#head < this.#queue.length) {
      const frame = this.#queue[this.#head]!;
      if (!this.#hand(frame)) break;
      this.#head++;
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > PORT_QUEUE_LIMIT) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Internal to the switch: a frame for the station. */
  deliver(frame: Uint8Array): void {
    if (this.pending === 0 && this.#hand(frame)) return;
    if (this.pending >= PORT_QUEUE_LIMIT) this.statistics.dropped++;
    else this.#queue.push(frame);
  }

  #hand(frame: Uint8Array): boolean {
    if (!this.#station.receive(frame)) return false;
    this.statistics.framesOut++;
    this.statistics.bytesOut += frame.length;
    return true;
  }

  /** Unplugs the station. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#queue = [];
    this.#head = 0;
    this.#switch.remove(this);
  }
}

/** An address as a number: 48 bits fit. */
function addressAt(frame: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < MAC_BYTES; i++) value = value * 256 + frame[at + i]!;
  return value;
}

const isGroup = (frame: Uint8Array): boolean => (frame[0]! & 1) !== 0;

export class VirtualSwitch {
  readonly #ports = new Set<SwitchPort>();
  /** In order of when they were last heard of. */
  readonly #addresses = new Map<number, SwitchPort>();
  /** Sees every frame that enters the switch, once; for captures. */
  tap: ((frame: Uint8Array) => void) | undefined;

  get ports(): readonly SwitchPort[] {
    return [...this.#ports];
  }

  /** Plugs a station in. */
  attach(name: string, station: Station): SwitchPort {
    const port = new SwitchPort(this, name, station);
    this.#ports.add(port);
    return port;
  }

  /** Internal to ports. */
  forward(from: SwitchPort, frame: Uint8Array): void {
    this.tap?.(frame);
    this.#learn(from, addressAt(frame, MAC_BYTES), (frame[MAC_BYTES]! & 1) !== 0);
    const known = isGroup(frame) ? undefined : this.#addresses.get(addressAt(frame, 0));
    for (const port of this.#ports) {
      if (port !== from && (known === undefined || known === port || port.promiscuous)) port.deliver(frame);
    }
  }

  #learn(from: SwitchPort, source: number, group: boolean): void {
    if (group) return;
    this.#addresses.delete(source);
    this.#addresses.set(source, from);
    if (this.#addresses.size <= ADDRESS_LIMIT) return;
    for (const oldest of this.#addresses.keys()) {
      this.#addresses.delete(oldest);
      break;
    }
  }

  /** Internal to ports. */
  remove(port: SwitchPort): void {
    this.#ports.delete(port);
    for (const [address, owner] of this.#addresses) if (owner === port) this.#addresses.delete(address);
  }
}
