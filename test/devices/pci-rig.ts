/** A PCI bus with a port and memory space behind it, as the board would wire it. */
import type { AccessSize, BusRegion, DmaMemory } from '../../devices/bus.ts';
import type { PciFunction, RangeChange } from '../../devices/pci.ts';
import { PciBus } from '../../devices/pci-bus.ts';
import { readPort, writePort } from './support.ts';

export class PortSpace {
  readonly places = new Map<BusRegion, number>();

  place(change: RangeChange): void {
    if (this.places.get(change.region) !== change.from)
      throw new Error(`${change.region.name} was not at ${change.from}`);
    if (change.to === undefined) this.places.delete(change.region);
    else this.places.set(change.region, change.to);
  }

  find(port: number): { region: BusRegion; offset: number } | undefined {
    for (const [region, base] of this.places)
      if (port >= base && port < base + region.length) return { region, offset: port - base };
    return undefined;
  }

  in(port: number, size: AccessSize = 1): number {
    const found = this.find(port);
    return found ? readPort(found.region, found.offset, size) : 0xffffffff >>> (32 - 8 * size);
  }

  out(port: number, value: number, size: AccessSize = 1): void {
    const found = this.find(port);
    if (found) writePort(found.region, found.offset, value, size);
  }
}

export class PciRig {
  readonly io = new PortSpace();
  readonly memory = new PortSpace();
  readonly bus: PciBus;

  constructor(resetControl?: BusRegion) {
    this.bus = new PciBus({
      place: (change) => (change.kind === 'io' ? this.io : this.memory).place(change),
      ...(resetControl ? { resetControl } : {}),
    });
    this.io.place({ kind: 'io', region: this.bus.region, from: undefined, to: 0xcf8 });
  }

  add(slot: number, number: number, pciFunction: PciFunction): void {
    this.bus.add(slot, number, pciFunction);
  }

  #select(slot: number, number: number, register: number): void {
    this.io.out(0xcf8, (0x80000000 | (slot << 11) | (number << 8) | (register & 0xfc)) >>> 0, 4);
  }

  read(slot: number, number: number, register: number, size: AccessSize = 4): number {
    this.#select(slot, number, register);
    return this.io.in(0xcfc + (register & 3), size);
  }

  write(slot: number, number: number, register: number, value: number, size: AccessSize = 4): void {
    this.#select(slot, number, register);
    this.io.out(0xcfc + (register & 3), value, size);
  }
}

export class TestMemory implements DmaMemory {
  readonly bytes: Uint8Array;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  read(address: number, into: Uint8Array): void {
    for (let i = 0; i < into.length; i++) into[i] = this.bytes[address + i] ?? 0xff;
  }

  write(address: number, from: Uint8Array): void {
    for (let i = 0; i < from.length; i++) if (address + i < this.bytes.length) this.bytes[address + i] = from[i]!;
  }

  put32(address: number, value: number): void {
    new DataView(this.bytes.buffer).setUint32(address, value, true);
  }
}
