/**
 * Firmware configuration device: how the machine describes itself to its BIOS.
 *
 * Source: the interface as the QEMU project specifies it (docs/specs/fw_cfg: selector 510h, data 511h, DMA 514h).
 * Models: selector and data ports, the DMA interface (read, skip, select), signature, id, file directory.
 * Does not model: writes by the guest (obsolete on the data port; refused with the error bit by DMA), items that change
 * while the machine runs.
 */
import type { AccessSize, BusRegion, DmaMemory } from '../bus.ts';
import type { Device, DeviceHost } from '../device.ts';
import type { StateDeclaration } from '../state.ts';

/** Selector values of fixed items. */
export const FwCfgKey = {
  Signature: 0x00,
  Id: 0x01,
  CpuCount: 0x05,
  Numa: 0x0d,
  BootMenu: 0x0e,
  MaxCpus: 0x0f,
  FileDirectory: 0x19,
  FirstFile: 0x20,
} as const;

export interface FwCfgFile {
  /** At most 55 characters of ASCII. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface FwCfgOptions {
  readonly memory: DmaMemory;
  /** Items by selector, besides signature, id and directory. */
  readonly items?: ReadonlyMap<number, Uint8Array>;
  readonly files?: readonly FwCfgFile[];
}

const NAME_LENGTH = 56;
const DIRECTORY_ENTRY = 64;
/** Bits 14 and 15 of a selector: write access and architecture-local items. */
const SELECTOR_MASK = 0xbfff;
const ID_TRADITIONAL = 1;
const ID_DMA = 2;
/** Control word of a DMA request. */
const Control = { Error: 1, Read: 2, Skip: 4, Select: 8, Write: 16 } as const;
const DESCRIPTOR_LENGTH = 16;
/** Longest transfer of one request; no item comes near. */
const MAX_TRANSFER = 64 << 20;
const CHUNK = 64 << 10;
const DMA_SIGNATURE = [0x51, 0x45, 0x4d, 0x55, 0x20, 0x43, 0x46, 0x47]; // "QEMU CFG"
const DMA_HIGH = 4;
const DMA_LOW = 8;

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const little32 = (value: number): Uint8Array => Uint8Array.of(value, value >> 8, value >> 16, value >> 24);
const swap32 = (v: number): number => ((v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24)) >>> 0;

export class FwCfg implements Device {
  readonly name = 'fw-cfg';
  /** Ports 510h-51Bh. */
  readonly region: BusRegion;
  readonly state: StateDeclaration;
  selector = 0;
  position = 0;
  /** Upper half of the DMA descriptor's address. */
  dmaHigh = 0;
  readonly #host: DeviceHost;
  readonly #memory: DmaMemory;
  readonly #items: Map<number, Uint8Array>;

  /** @throws RangeError for a file name that is too long or given twice */
  constructor(host: DeviceHost, options: FwCfgOptions) {
    this.#host = host;
    this.#memory = options.memory;
    this.#items = new Map(options.items);
    this.#items.set(FwCfgKey.Signature, ascii('QEMU'));
    this.#items.set(FwCfgKey.Id, little32(ID_TRADITIONAL | ID_DMA));
    this.#items.set(FwCfgKey.FileDirectory, this.#directory(options.files ?? []));
    this.region = {
      name: 'firmware configuration',
      length: 12,
      widest: 4,
      read: (offset, size) => this.#read(offset, size),
      write: (offset, size, value) => this.#write(offset, size, value),
    };
    this.state = {
      target: this,
      version: 1,
      fields: [
        { name: 'selector', type: 'u16' },
        { name: 'position', type: 'u32' },
        { name: 'dmaHigh', type: 'u32' },
      ],
    };
  }

  /** Gives files their selectors in order of name, and lists them. */
  #directory(files: readonly FwCfgFile[]): Uint8Array {
    const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
    const bytes = new Uint8Array(4 + DIRECTORY_ENTRY * sorted.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, sorted.length);
    sorted.forEach((file, i) => {
      if (file.name.length >= NAME_LENGTH) throw new RangeError(`fw_cfg file name too long: ${file.name}`);
      if (file.name === sorted[i - 1]?.name) throw new RangeError(`fw_cfg file given twice: ${file.name}`);
      const at = 4 + DIRECTORY_ENTRY * i;
      const key = FwCfgKey.FirstFile + i;
      view.setUint32(at, file.bytes.length);
      view.setUint16(at + 4, key);
      bytes.set(ascii(file.name), at + 8);
      this.#items.set(key, file.bytes);
    });
    return bytes;
  }

  reset(): void {
    this.selector = 0;
    this.position = 0;
    this.dmaHigh = 0;
  }

  #select(selector: number): void {
    this.selector = selector & 0xffff;
    this.position = 0;
  }

  #item(): Uint8Array | undefined {
    return this.#items.get(this.selector & SELECTOR_MASK);
  }

  #next(): number {
    const item = this.#item();
    return item && this.position < item.length ? item[this.position++]! : 0;
  }

  #read(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#readByte(offset + i) << (8 * i);
    return value >>> 0;
  }

  #readByte(offset: number): number {
    if (offset === 1) return this.#next();
    if (offset >= DMA_HIGH && offset < DMA_HIGH + 8) return DMA_SIGNATURE[offset - DMA_HIGH]!;
    return offset === 0 ? 0 : 0xff;
  }

  #write(offset: number, size: AccessSize, value: number): void {
    if (offset === 0 && size === 2) this.#select(value);
    else if (offset === DMA_HIGH && size === 4) this.dmaHigh = swap32(value);
    else if (offset === DMA_LOW && size === 4) this.#transfer(swap32(value));
    else this.#host.log.guestError(this.name, `${size}-byte write at offset ${offset}`, value);
  }

  /** Carries out the request whose descriptor is at `low` (and `dmaHigh`). Fields are big-endian. */
  #transfer(low: number): void {
    const address = this.dmaHigh * 0x1_0000_0000 + low;
    this.dmaHigh = 0;
    const descriptor = new Uint8Array(DESCRIPTOR_LENGTH);
    this.#memory.read(address, descriptor);
    const view = new DataView(descriptor.buffer);
    const control = view.getUint32(0);
    const length = view.getUint32(4);
    const target = view.getUint32(8) * 0x1_0000_0000 + view.getUint32(12);
    if (control & Control.Select) this.#select(control >>> 16);
    let result = 0;
    if (control & Control.Read) {
      if (length > MAX_TRANSFER) result = Control.Error;
      else this.#copy(target, length);
    } else if (control & Control.Write) {
      result = Control.Error;
    } else if (control & Control.Skip) {
      this.position = Math.min(this.position + length, 0xffffffff);
    }
    view.setUint32(0, result);
    this.#memory.write(address, descriptor.subarray(0, 4));
  }

  /** The item's bytes from the present position on; zeros beyond its end. */
  #copy(target: number, length: number): void {
    const item = this.#item() ?? new Uint8Array(0);
    for (let done = 0; done < length; done += CHUNK) {
      const chunk = new Uint8Array(Math.min(CHUNK, length - done));
      chunk.set(item.subarray(this.position, this.position + chunk.length));
      this.#memory.write(target + done, chunk);
      this.position = Math.min(this.position + chunk.length, item.length);
    }
  }
}
