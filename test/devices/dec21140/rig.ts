/** A 21140A with memory, as a driver sees it. */
import { Dec21140 } from '../../../devices/dec21140/dec21140.ts';
import { TestMemory } from '../pci-rig.ts';
import { RecordedLine, mockHost } from '../support.ts';
import type { MockHost } from '../support.ts';

export const MAC: Uint8Array = Uint8Array.of(0x00, 0x03, 0xff, 0x12, 0x34, 0x56);
export const BROADCAST: Uint8Array = new Uint8Array(6).fill(0xff);
const MEMORY = 1 << 20;
export const OWN = 0x80000000;

export class ChipRig {
  readonly host: MockHost = mockHost();
  readonly memory: TestMemory = new TestMemory(MEMORY);
  readonly irq: RecordedLine = new RecordedLine();
  readonly sent: Uint8Array[] = [];
  ready = 0;
  readonly chip: Dec21140;

  constructor(instance = 0, multifunction = false) {
    this.chip = new Dec21140(this.host, {
      instance,
      multifunction,
      macAddress: MAC,
      memory: this.memory,
      reaches: (address, length) => address + length <= MEMORY,
      irq: this.irq,
      onTransmit: (frame) => void this.sent.push(frame.slice()),
      onReceiveReady: () => void this.ready++,
    });
    this.chip.writeConfig(0x10, 4, 0xec01);
    this.chip.writeConfig(0x04, 2, 7);
  }

  read(csr: number): number {
    return this.chip.bars[0]!.region.read(8 * csr, 4);
  }

  write(csr: number, value: number): void {
    this.chip.bars[0]!.region.write(8 * csr, 4, value >>> 0);
  }

  get32(address: number): number {
    return new DataView(this.memory.bytes.buffer).getUint32(address, true);
  }

  put32(address: number, ...values: number[]): void {
    values.forEach((value, i) => this.memory.put32(address + 4 * i, value >>> 0));
  }

  /** Descriptors in a ring of four longwords each; every receive buffer has `size` bytes. @returns buffer addresses */
  receiveRing(base: number, count: number, size = 1536): number[] {
    const buffers = Array.from({ length: count }, (_, i) => base + 0x1000 + i * 0x800);
    buffers.forEach((buffer, i) => this.put32(base + 16 * i, OWN, size | (i === count - 1 ? 1 << 25 : 0), buffer, 0));
    this.write(3, base);
    return buffers;
  }

  /** Queues a whole frame in one descriptor. */
  queue(descriptor: number, frame: Uint8Array, control = 0, buffer: number = descriptor + 0x40): void {
    this.memory.write(buffer, frame);
    this.put32(descriptor, OWN, (0xe0000000 | control | frame.length) >>> 0, buffer, 0);
  }

  /** A setup frame through the transmit ring at 8000h; the receive process need not run. */
  setup(addresses: readonly Uint8Array[], type = 0): void {
    const frame = new Uint8Array(192);
    for (let i = 0; i < 16; i++) {
      const address = addresses[i] ?? addresses[0]!;
      for (let b = 0; b < 6; b++) frame[12 * i + 4 * (b >> 1) + (b & 1)] = address[b]!;
    }
    this.sendSetup(frame, type);
  }

  sendSetup(frame: Uint8Array, type: number): void {
    this.memory.write(0x8100, frame);
    const filter = (type & 2 ? 1 << 28 : 0) | (type & 1 ? 1 << 22 : 0);
    this.put32(0x8000, OWN, (0x80000000 | (1 << 27) | filter | (1 << 25) | 192) >>> 0, 0x8100, 0);
    this.write(4, 0x8000);
    this.write(6, this.read(6) | (1 << 13));
    this.write(1, 0);
    this.host.clock.advance(100_000);
  }
}

export function frame(
  destination: Uint8Array,
  length: number,
  type = 0x0800,
  source: Uint8Array = Uint8Array.of(2, 0, 0, 0, 0, 1),
): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(destination);
  bytes.set(source, 6);
  bytes[12] = type >> 8;
  bytes[13] = type;
  for (let i = 14; i < length; i++) bytes[i] = i * 7;
  return bytes;
}
