/**
 * Writer of the script `etc/table-loader`, by which the firmware places blobs in guest memory and links them.
 * Source: SeaBIOS, interface of its linker/loader: entries of 128 bytes, little-endian, file names of 56 bytes.
 */

const ENTRY = 128;
const NAME = 56;
const Command = { Allocate: 1, AddPointer: 2, AddChecksum: 3 } as const;
const Zone = { high: 1, fseg: 2 } as const;

export class TableLoader {
  readonly #entries: Uint8Array[] = [];

  #entry(command: number): { view: DataView; name: (at: number, name: string) => void } {
    const bytes = new Uint8Array(ENTRY);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, command, true);
    this.#entries.push(bytes);
    const name = (at: number, text: string): void => {
      if (text.length >= NAME) throw new RangeError(`file name too long: ${text}`);
      for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
    };
    return { view, name };
  }

  /** Loads a file: anywhere in memory (`high`), or below 1 MiB in the F segment (`fseg`). */
  allocate(file: string, alignment: number, zone: keyof typeof Zone): void {
    const { view, name } = this.#entry(Command.Allocate);
    name(4, file);
    view.setUint32(60, alignment, true);
    view.setUint8(64, Zone[zone]);
  }

  /** Adds the address of `target` to the number of `size` bytes at `offset` in `file`. */
  addPointer(file: string, target: string, offset: number, size: 1 | 2 | 4 | 8): void {
    const { view, name } = this.#entry(Command.AddPointer);
    name(4, file);
    name(60, target);
    view.setUint32(116, offset, true);
    view.setUint8(120, size);
  }

  /** Sets the byte at `offset` so that `length` bytes from `start` on sum to 0. */
  addChecksum(file: string, offset: number, start: number, length: number): void {
    const { view, name } = this.#entry(Command.AddChecksum);
    name(4, file);
    view.setUint32(60, offset, true);
    view.setUint32(64, start, true);
    view.setUint32(68, length, true);
  }

  build(): Uint8Array {
    const bytes = new Uint8Array(ENTRY * this.#entries.length);
    this.#entries.forEach((entry, i) => bytes.set(entry, ENTRY * i));
    return bytes;
  }
}
