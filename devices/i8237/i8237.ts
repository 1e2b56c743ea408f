/**
 * The two cascaded 8237A DMA controllers of the PIIX4 with their page registers.
 *
 * Data sheet: Intel 8237A (231466); Intel 82371AB PIIX4 (290562), "DMA controller" and DMA registers.
 * Models: base and current registers, byte pointer, single/block/demand transfers (alike: the device asks for as much
 * as it wants), auto-initialise, address decrement, verify, masks, status, software-visible requests, page registers.
 * Does not model: memory-to-memory transfer, priorities and bus timing (a transfer takes no time), transfers started by
 * the request register without a device, gating of channels 0-3 by the mask of the cascade channel.
 */
import type { BusRegion, DmaMemory } from '../bus.ts';
import type { Device, DeviceHost, DeviceLog } from '../device.ts';
import { ResetCause } from '../device.ts';
import type { Field, StateDeclaration } from '../state.ts';

/** What a request for a transfer came to. */
export interface DmaResult {
  /** Bytes moved; less than asked for when the terminal count came first, 0 when the channel is masked or disabled. */
  readonly done: number;
  /** The count ran out with the last byte. */
  readonly terminalCount: boolean;
}

/** A DMA channel as the device on its DREQ line sees it. */
export interface DmaChannel {
  /** The channel would answer a request now. */
  readonly ready: boolean;
  /** Memory to device: fills `into` from the start. Stops at the terminal count. */
  read(into: Uint8Array): DmaResult;
  /** Device to memory. Stops at the terminal count. */
  write(from: Uint8Array): DmaResult;
}

/** Mode register. */
const Transfer = { Verify: 0, Write: 1, Read: 2, Illegal: 3 } as const;
const MODE_AUTO_INITIALISE = 0x10;
const MODE_DECREMENT = 0x20;
/** Command register: controller disable; memory-to-memory. */
const COMMAND_DISABLE = 0x04;
const COMMAND_MEMORY = 0x01;

const PAGE_CHANNEL: Readonly<Record<number, number>> = {
  0x7: 0,
  0x3: 1,
  0x1: 2,
  0x2: 3,
  0xf: 4,
  0xb: 5,
  0x9: 6,
  0xa: 7,
};
const NONE: DmaResult = { done: 0, terminalCount: false };

class Channel {
  static readonly fields: readonly Field[] = [
    { name: 'baseAddress', type: 'u16' },
    { name: 'baseCount', type: 'u16' },
    { name: 'address', type: 'u16' },
    { name: 'count', type: 'u16' },
    { name: 'mode', type: 'u8' },
  ];

  baseAddress = 0;
  baseCount = 0;
  address = 0;
  /** Transfers left minus one. */
  count = 0;
  mode = 0;
}

class Controller {
  static readonly fields: readonly Field[] = [
    { name: 'channels', type: { list: Channel.fields, length: 4 } },
    { name: 'command', type: 'u8' },
    { name: 'mask', type: 'u8' },
    { name: 'requests', type: 'u8' },
    { name: 'reached', type: 'u8' },
    { name: 'highByte', type: 'bool' },
  ];

  readonly channels = [new Channel(), new Channel(), new Channel(), new Channel()];
  command = 0;
  mask = 0x0f;
  /** Software requests. */
  requests = 0;
  /** Status bits 0-3: terminal count reached since the last read. */
  reached = 0;
  /** Byte pointer flip-flop. */
  highByte = false;

  clear(): void {
    this.command = 0;
    this.mask = 0x0f;
    this.requests = 0;
    this.reached = 0;
    this.highByte = false;
  }
}

export class I8237Pair implements Device {
  readonly name = 'i8237';
  /** Ports 00h-0Fh: channels 0-3. */
  readonly low: BusRegion;
  /** Ports C0h-DFh: channels 4-7, each register at two addresses. */
  readonly high: BusRegion;
  /** Ports 80h-8Fh; those without a channel are plain storage. */
  readonly pages: BusRegion;
  readonly state: StateDeclaration;
  readonly #log: DeviceLog;
  readonly #memory: DmaMemory;
  private readonly controllers = [new Controller(), new Controller()] as const;
  private readonly pageRegisters = new Uint8Array(16);
  readonly #pagePort = new Uint8Array(8);

  constructor(host: DeviceHost, memory: DmaMemory) {
    this.#log = host.log;
    this.#memory = memory;
    for (const [port, channel] of Object.entries(PAGE_CHANNEL)) this.#pagePort[channel] = Number(port);
    const [first, second] = this.controllers;
    this.low = {
      name: 'i8237 channels 0-3',
      length: 16,
      read: (offset) => this.#read(first, offset),
      write: (offset, _size, value) => this.#write(first, offset, value),
    };
    this.high = {
      name: 'i8237 channels 4-7',
      length: 32,
      read: (offset) => this.#read(second, offset >> 1),
      write: (offset, _size, value) => this.#write(second, offset >> 1, value),
    };
    this.pages = {
      name: 'dma pages',
      length: 16,
      read: (offset) => this.pageRegisters[offset]!,
      write: (offset, _size, value) => {
        this.pageRegisters[offset] = value;
      },
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'controllers', type: { list: Controller.fields, length: 2 } },
        { name: 'pageRegisters', type: { bytes: 16 } },
      ],
    };
  }

  reset(cause: ResetCause): void {
    for (const controller of this.controllers) {
      controller.clear();
      if (cause === ResetCause.PowerOn)
        for (const channel of controller.channels) Object.assign(channel, new Channel());
    }
    this.pageRegisters.fill(0);
  }

  /**
   * The DREQ/DACK pair of a channel, for the device wired to it.
   * @throws RangeError unless 0 .. 3 or 5 .. 7
   */
  channel(number: number): DmaChannel {
    if (!(Number.isInteger(number) && number >= 0 && number < 8 && number !== 4))
      throw new RangeError(`no DMA channel ${number}`);
    const ready = (): boolean => this.#ready(number);
    return {
      get ready() {
        return ready();
      },
      read: (into) => this.#transfer(number, Transfer.Read, into),
      write: (from) => this.#transfer(number, Transfer.Write, from),
    };
  }

  #ready(number: number): boolean {
    const controller = this.controllers[number >> 2]!;
    return !(controller.command & COMMAND_DISABLE) && !(controller.mask & (1 << (number & 3)));
  }

  /** Moves bytes in the longest runs that neither wrap the address nor pass the terminal count. */
  #transfer(number: number, wanted: number, bytes: Uint8Array): DmaResult {
    if (!this.#ready(number)) return NONE;
    const controller = this.controllers[number >> 2]!;
    const channel = controller.channels[number & 3]!;
    const shift = number >= 4 ? 1 : 0;
    const kind = (channel.mode >> 2) & 3;
    if (kind !== wanted && kind !== Transfer.Verify)
      this.#log.guestError(this.name, `channel ${number} is programmed for the other direction`, channel.mode);
    const total = bytes.length >> shift;
    let done = 0;
    while (done < total) {
      const down = (channel.mode & MODE_DECREMENT) !== 0;
      const toWrap = down ? channel.address + 1 : 0x10000 - channel.address;
      const run = Math.min(total - done, channel.count + 1, toWrap);
      const lowest = down ? channel.address - run + 1 : channel.address;
      const part = bytes.subarray(done << shift, (done + run) << shift);
      this.#move(this.#physical(number, lowest), part, kind, wanted, down, 1 << shift);
      done += run;
      channel.address = (channel.address + (down ? -run : run)) & 0xffff;
      const finished = run === channel.count + 1;
      channel.count = (channel.count - run) & 0xffff;
      if (finished) {
        this.#terminalCount(controller, channel, number & 3);
        return { done: done << shift, terminalCount: true };
      }
    }
    return { done: done << shift, terminalCount: false };
  }

  #physical(number: number, address: number): number {
    const page = this.pageRegisters[this.#pagePort[number]!]!;
    // Word channels drive A17-A1 from the counter, so bit 0 of the page is not used.
    return number >= 4 ? ((page & 0xfe) << 16) | (address << 1) : (page << 16) | address;
  }

  #move(at: number, part: Uint8Array, kind: number, wanted: number, down: boolean, unit: number): void {
    if (kind !== wanted) {
      // No memory cycle in the device's direction: what it reads is the floating bus.
      if (wanted === Transfer.Read) part.fill(0xff);
      return;
    }
    if (wanted === Transfer.Read) {
      this.#memory.read(at, part);
      if (down) reverseUnits(part, unit);
    } else {
      this.#memory.write(at, down ? reverseUnits(part.slice(), unit) : part);
    }
  }

  #terminalCount(controller: Controller, channel: Channel, index: number): void {
    const bit = 1 << index;
    controller.reached |= bit;
    controller.requests &= ~bit;
    if (channel.mode & MODE_AUTO_INITIALISE) {
      channel.address = channel.baseAddress;
      channel.count = channel.baseCount;
    } else {
      controller.mask |= bit;
    }
  }

  #read(controller: Controller, register: number): number {
    if (register < 8) {
      const channel = controller.channels[register >> 1]!;
      const value = register & 1 ? channel.count : channel.address;
      const high = controller.highByte;
      controller.highByte = !high;
      return high ? value >> 8 : value & 0xff;
    }
    switch (register) {
      case 8: {
        const status = controller.reached | (controller.requests << 4);
        controller.reached = 0;
        return status;
      }
      case 0x0d:
        // The temporary register is loaded by memory-to-memory transfers only.
        return 0;
      case 0x0f:
        return 0xf0 | controller.mask;
      default:
        return 0xff;
    }
  }

  #write(controller: Controller, register: number, value: number): void {
    if (register < 8) {
      const channel = controller.channels[register >> 1]!;
      const high = controller.highByte;
      controller.highByte = !high;
      const put = (old: number): number => (high ? (old & 0x00ff) | (value << 8) : (old & 0xff00) | value);
      // Base and current register take the byte together.
      if (register & 1) {
        channel.baseCount = put(channel.baseCount);
        channel.count = put(channel.count);
      } else {
        channel.baseAddress = put(channel.baseAddress);
        channel.address = put(channel.address);
      }
      return;
    }
    const bit = 1 << (value & 3);
    switch (register) {
      case 8:
        controller.command = value;
        if (value & COMMAND_MEMORY) this.#log.unimplemented(this.name, 'memory-to-memory transfer', value);
        break;
      case 9:
        if (value & 4) {
          controller.requests |= bit;
          this.#log.unimplemented(this.name, 'software request', value);
        } else {
          controller.requests &= ~bit;
        }
        break;
      case 0x0a:
        if (value & 4) controller.mask |= bit;
        else controller.mask &= ~bit;
        break;
      case 0x0b:
        controller.channels[value & 3]!.mode = value & 0xfc;
        break;
      case 0x0c:
        controller.highByte = false;
        break;
      case 0x0d:
        controller.clear();
        break;
      case 0x0e:
        controller.mask = 0;
        break;
      case 0x0f:
        controller.mask = value & 0x0f;
        break;
    }
  }
}

/** Reverses the order of 1- or 2-byte units in place. */
function reverseUnits(bytes: Uint8Array, unit: number): Uint8Array {
  bytes.reverse();
  if (unit === 2)
    for (let i = 0; i + 1 < bytes.length; i += 2) {
      const low = bytes[i + 1]!;
      bytes[i + 1] = bytes[i]!;
      bytes[i] = low;
    }
  return bytes;
}
