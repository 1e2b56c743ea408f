/**
 * The port bus and the memory bus: which region answers at which address. Both flatten their mappings when one changes,
 * so that an access is a look-up; both split accesses that are wider than a region (or that cross its end), low byte
 * first, as the ISA bus does. Addresses that nothing answers read as ones, ignore writes and are logged once.
 */
import type { AccessSize, Bus, BusRegion, Mapping } from '../../devices/bus.ts';
import type { DeviceLog } from '../../devices/device.ts';

interface Placed {
  readonly base: number;
  /** Last address. */
  readonly last: number;
  readonly region: BusRegion;
  readonly widest: AccessSize;
  readonly priority: number;
}

const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0') + 'h';

/** Placing, replacing and removing; what both buses share. */
abstract class RangeBus implements Bus {
  protected readonly placed: Placed[] = [];
  protected readonly log: DeviceLog;
  readonly #limit: number;
  readonly #digits: number;

  protected constructor(log: DeviceLog, limit: number, digits: number) {
    this.log = log;
    this.#limit = limit;
    this.#digits = digits;
  }

  map(base: number, region: BusRegion, priority = 0): Mapping {
    const last = base + region.length - 1;
    const range = `${hex(base, this.#digits)}-${hex(last, this.#digits)}`;
    if (!(Number.isInteger(base) && Number.isInteger(last) && base >= 0 && last >= base && last < this.#limit))
      throw new RangeError(`${region.name}: ${range} is not a range of this bus`);
    const other = this.placed.find((p) => p.priority === priority && p.base <= last && base <= p.last);
    if (other)
      throw new RangeError(
        `${region.name} at ${range} overlaps ${other.region.name} at ${hex(other.base, this.#digits)}-${hex(other.last, this.#digits)}`,
      );
    const placed: Placed = { base, last, region, widest: region.widest ?? 1, priority };
    this.placed.push(placed);
    this.changed(base, last);
    return {
      base,
      region,
      unmap: () => {
        const at = this.placed.indexOf(placed);
        if (at < 0) return;
        this.placed.splice(at, 1);
        this.changed(base, last);
      },
    };
  }

  /** The map, for people: one line per region in order of address. */
  describe(): string[] {
    return [...this.placed]
      .sort((a, b) => a.base - b.base || b.priority - a.priority)
      .map((p) => `${hex(p.base, this.#digits)}-${hex(p.last, this.#digits)} ${p.region.name}`);
  }

  /** Name of what answers at an address. */
  nameAt(address: number): string | undefined {
    return this.at(address)?.region.name;
  }

  /** The highest mapping at an address. */
  protected at(address: number): Placed | undefined {
    let found: Placed | undefined;
    for (const p of this.placed)
      if (p.base <= address && address <= p.last && (!found || p.priority > found.priority)) found = p;
    return found;
  }

  protected abstract changed(base: number, last: number): void;
}

const PORTS = 0x10000;

export class PortBus extends RangeBus {
  readonly #table: (Placed | undefined)[] = Array.from<Placed | undefined>({ length: PORTS });
  /** Bit 0: an unknown read was logged, bit 1: an unknown write. */
  readonly #logged = new Uint8Array(PORTS);

  constructor(log: DeviceLog) {
    super(log, PORTS, 4);
  }

  protected changed(base: number, last: number): void {
    for (let port = base; port <= last; port++) this.#table[port] = this.at(port);
  }

  read(port: number, size: AccessSize): number {
    const p = this.#table[port];
    if (p && size <= p.widest && port + size - 1 <= p.last && (size === 1 || this.#table[port + size - 1] === p))
      return p.region.read(port - p.base, size) >>> 0;
    if (size === 1) {
      this.#unknown(port, 1, undefined);
      return 0xff;
    }
    const half = (size / 2) as AccessSize;
    const low = this.read(port, half);
    return (low | (this.read((port + half) & 0xffff, half) << (8 * half))) >>> 0;
  }

  write(port: number, size: AccessSize, value: number): void {
    const p = this.#table[port];
    if (p && size <= p.widest && port + size - 1 <= p.last && (size === 1 || this.#table[port + size - 1] === p)) {
      p.region.write(port - p.base, size, value);
      return;
    }
    if (size === 1) {
      this.#unknown(port, 2, value);
      return;
    }
    const half = (size / 2) as AccessSize;
    this.write(port, half, half === 1 ? value & 0xff : value & 0xffff);
    this.write((port + half) & 0xffff, half, value >>> (8 * half));
  }

  #unknown(port: number, kind: 1 | 2, value: number | undefined): void {
    if (this.#logged[port]! & kind) return;
    this.#logged[port]! |= kind;
    this.log.unimplemented('port bus', `${kind === 1 ? 'read of' : 'write to'} port ${hex(port, 4)}`, value);
  }
}

/** A stretch of addresses that one mapping answers. */
interface Segment {
  readonly first: number;
  readonly last: number;
  readonly placed: Placed;
}

const MEMORY = 0x1_0000_0000;
const PAGE_SHIFT = 12;
/** Unknown pages remembered as logged; beyond these nothing more is said. */
const MAX_LOGGED_PAGES = 256;

export class MemoryBus extends RangeBus {
  /** Disjoint, in order of address. */
  #segments: Segment[] = [];
  #recent: Segment | undefined;
  readonly #logged = new Set<number>();

  constructor(log: DeviceLog) {
    super(log, MEMORY, 8);
  }

  protected changed(): void {
    this.#recent = undefined;
    const edges = [...new Set(this.placed.flatMap((p) => [p.base, p.last + 1]))].sort((a, b) => a - b);
    this.#segments = [];
    for (let i = 0; i + 1 < edges.length; i++) {
      const placed = this.at(edges[i]!);
      if (placed) this.#segments.push({ first: edges[i]!, last: edges[i + 1]! - 1, placed });
    }
  }

  #find(address: number): Segment | undefined {
    const recent = this.#recent;
    if (recent && recent.first <= address && address <= recent.last) return recent;
    let low = 0;
    let high = this.#segments.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const segment = this.#segments[middle]!;
      if (address < segment.first) high = middle - 1;
      else if (address > segment.last) low = middle + 1;
      else return (this.#recent = segment);
    }
    return undefined;
  }

  /** @param address physical, unsigned */
  read(address: number, size: AccessSize): number {
    const segment = this.#find(address);
    if (segment && size <= segment.placed.widest && address + size - 1 <= segment.last)
      return segment.placed.region.read(address - segment.placed.base, size) >>> 0;
    if (size === 1) {
      this.#unknown(address, 'read of');
      return 0xff;
    }
    const half = (size / 2) as AccessSize;
    const low = this.read(address, half);
    return (low | (this.read((address + half) % MEMORY, half) << (8 * half))) >>> 0;
  }

  write(address: number, size: AccessSize, value: number): void {
    const segment = this.#find(address);
    if (segment && size <= segment.placed.widest && address + size - 1 <= segment.last) {
      segment.placed.region.write(address - segment.placed.base, size, value);
      return;
    }
    if (size === 1) {
      this.#unknown(address, 'write to');
      return;
    }
    const half = (size / 2) as AccessSize;
    this.write(address, half, half === 1 ? value & 0xff : value & 0xffff);
    this.write((address + half) % MEMORY, half, value >>> (8 * half));
  }

  #unknown(address: number, what: string): void {
    const page = Math.floor(address / (1 << PAGE_SHIFT));
    if (this.#logged.has(page) || this.#logged.size >= MAX_LOGGED_PAGES) return;
    this.#logged.add(page);
    this.log.unimplemented('memory bus', `${what} address ${hex(address, 8)}`);
  }
}
