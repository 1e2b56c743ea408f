/**
 * Flattens what the processor sees at each physical page: RAM, shadow RAM by the host bridge's attributes, the BIOS ROM
 * below 1 MiB and at the top of 4 GiB, the linear frame buffer. Everything else goes to the memory bus.
 *
 * ```
 * 00000000-0009FFFF  RAM
 * 000A0000-000BFFFF  bus (video window), or RAM while SMRAM is open
 * 000C0000-000FFFFF  per PAM field and direction: RAM, or ROM (reads, E0000 up) and bus
 * 00100000-top       RAM, at most up to DFFFFFFF
 * wherever the BAR says, above RAM and below the ROM: video memory
 * 100000000 - ROM size up: ROM
 * ```
 */
import type { MemoryAttributes } from '../../devices/i440bx/host-bridge.ts';
import type { DirectWindow } from '../../devices/vga/memory.ts';
import type { PageTarget, Processor } from '../../cpu/processor.ts';

const PAGE = 0x1000;
const VIDEO_WINDOW = 0xa0000;
const EXTENDED = 0x100000;
const FOUR_GIB = 0x1_0000_0000;
/** The last 128 KiB below 1 MiB show the end of the ROM. */
const LOW_ROM = 0xe0000;

/** What the map needs of the processor. */
export type MappedProcessor = Pick<Processor, 'ram' | 'video' | 'rom' | 'mapPages'>;

export class MemoryMap {
  readonly #processor: MappedProcessor;
  /** Where the frame buffer shows now, as placed: first address and length. */
  #video: { readonly base: number; readonly length: number } | undefined;

  /** The part of the video window that is plain video memory now. */
  #window: DirectWindow | undefined;
  /** SMRAM is open: A0000-BFFFF is RAM. */
  #smramOpen = false;

  /** Maps RAM and ROM. The legacy area is left to the bus until `applyAttributes` is called. */
  constructor(processor: MappedProcessor) {
    this.#processor = processor;
    const { ram, rom } = processor;
    const low = Math.min(ram.length, VIDEO_WINDOW);
    this.#map(0, low, { read: ram.byteOffset, write: ram.byteOffset });
    const high = ram.byteOffset + EXTENDED;
    this.#map(EXTENDED, ram.length - EXTENDED, { read: high, write: high });
    this.#map(FOUR_GIB - rom.length, rom.length, { read: rom.byteOffset, write: undefined });
  }

  #map(address: number, length: number, target: PageTarget): void {
    if (length > 0) this.#processor.mapPages(address, length / PAGE, target);
  }

  /** Routes stretches of A0000-FFFFF as PAM and SMRAM say. */
  applyAttributes(changes: readonly MemoryAttributes[]): void {
    const { ram } = this.#processor;
    for (const { from, length, read, write } of changes) {
      if (from === VIDEO_WINDOW) this.#smramOpen = read === 'dram';
      const shadow = ram.byteOffset + from;
      this.#map(from, length, {
        read: read === 'dram' ? shadow : this.#romAt(from),
        write: write === 'dram' ? shadow : undefined,
      });
      if (from === VIDEO_WINDOW) this.#showWindow();
    }
  }

  /** Maps part of A0000-BFFFF straight to video memory, or leaves all of it to the bus. */
  placeWindow(window: DirectWindow | undefined): void {
    const old = this.#window;
    this.#window = window;
    if (this.#smramOpen) return;
    if (old) this.#map(VIDEO_WINDOW + old.start, old.length, { read: undefined, write: undefined });
    this.#showWindow();
  }

  #showWindow(): void {
    if (this.#smramOpen || !this.#window) return;
    const { start, length, offset } = this.#window;
    const at = this.#processor.video.byteOffset + offset;
    this.#map(VIDEO_WINDOW + start, length, { read: at, write: at });
  }

  /** Linear-memory offset of the ROM byte that shows at a legacy address, if one does. */
  #romAt(address: number): number | undefined {
    const { rom } = this.#processor;
    const offset = rom.length - (EXTENDED - address);
    return address >= LOW_ROM && offset >= 0 ? rom.byteOffset + offset : undefined;
  }

  /**
   * Shows video memory at a physical address, or nowhere. RAM and ROM are decoded first: where a guest places the frame
   * buffer over them, they stay.
   * @param base multiple of 4 KiB
   * @param length how much of it shows; default all
   */
  placeVideo(base: number | undefined, length = this.#processor.video.length): void {
    const { ram, rom, video } = this.#processor;
    if (this.#video) this.#map(this.#video.base, this.#video.length, { read: undefined, write: undefined });
    this.#video = undefined;
    if (base === undefined) return;
    const first = Math.max(base, ram.length, EXTENDED);
    const end = Math.min(base + length, FOUR_GIB - rom.length);
    if (first >= end) return;
    const offset = video.byteOffset + (first - base);
    this.#video = { base: first, length: end - first };
    this.#map(first, end - first, { read: offset, write: offset });
  }

  /**
   * Copies the ROM's end into the RAM below it: what the firmware does first where it is behind a bridge whose shadow
   * RAM is disabled. Needed at each hard reset where the bridge claims that the F segment is memory already.
   */
  preloadShadow(): void {
    const { ram, rom } = this.#processor;
    const length = Math.min(rom.length, EXTENDED - LOW_ROM);
    ram.set(rom.subarray(rom.length - length), EXTENDED - length);
  }
}
