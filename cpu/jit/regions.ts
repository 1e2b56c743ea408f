/** Compiled regions in linear memory and in the function table: entering, finding and killing them. */
import { HANDLER } from '../decoder/tables.ts';
import { REGION_SLOTS } from '../interpreter/generate.ts';
import { BLOCK, COMPILED, ENTRY_POINT, PAGE_SIZE, RECORD, REGION, TARGET } from '../layout.ts';
import type { CpuState } from '../state.ts';
import { type EmittedRegion, targetPlace } from './emit.ts';
import type { Selection } from './select.ts';

const MAX_ENTRIES = (REGION.ENTRY_POINTS_END - REGION.ENTRY_POINTS) / ENTRY_POINT.SIZE;

/** The modules that regions were compiled in; a module lives as long as one of its regions does. */
export interface Batch {
  live: number;
  readonly regions: Region[];
}

export interface Region {
  readonly selection: Selection;
  /** Address of its COMPILED entry. */
  readonly address: number;
  readonly slot: number;
  /** Entry numbers and the headers of their blocks. */
  readonly entries: { number: number; header: number; linear: number }[];
  /** How often it was made of other regions. */
  readonly age: number;
  /** Regions that this one takes the place of. */
  readonly replaces: readonly Region[];
  batch: Batch | undefined;
  alive: boolean;
}

export class Regions {
  readonly #state: CpuState;
  readonly #table: WebAssembly.Table;
  readonly #freeSlots: number[] = [];
  readonly #freeEntries: number[] = [];
  /** Regions that contain instructions of a decoded block, by its header. */
  readonly #byBlock = new Map<number, Set<Region>>();
  readonly #byEntry = new Map<number, Region>();
  readonly #byAddress = new Map<number, Region>();
  readonly all = new Set<Region>();

  constructor(state: CpuState, table: WebAssembly.Table) {
    this.#state = state;
    this.#table = table;
    for (let n = REGION_SLOTS - 1; n > 0; n--) this.#freeSlots.push(n);
    for (let n = MAX_ENTRIES - 1; n > 0; n--) this.#freeEntries.push(n);
  }

  /** Places for one more region with so many entries. */
  hasRoom(entries: number): boolean {
    return this.#freeSlots.length > 0 && this.#freeEntries.length >= entries;
  }

  /** Reserves a region's place; it is entered once `install` has its function. */
  reserve(selection: Selection, replaces: readonly Region[] = []): Region {
    const slot = this.#freeSlots.pop()!;
    const region: Region = {
      selection,
      address: REGION.COMPILED + slot * COMPILED.SIZE,
      slot,
      entries: [],
      age: replaces.reduce((age, { age: other }) => Math.max(age, other + 1), 0),
      replaces,
      batch: undefined,
      alive: true,
    };
    for (const header of selection.blocks) {
      let set = this.#byBlock.get(header);
      if (!set) this.#byBlock.set(header, (set = new Set()));
      set.add(region);
    }
    this.all.add(region);
    this.#byAddress.set(region.address, region);
    return region;
  }

  install(region: Region, code: unknown, { roots, shift }: EmittedRegion, batch: Batch): void {
    const { i32, u16 } = this.#state;
    const { selection, address } = region;
    for (const replaced of region.replaces) this.kill(replaced);
    region.batch = batch;
    batch.regions.push(region);
    batch.live++;
    const at = address >> 2;
    i32.fill(0, at, at + (COMPILED.SIZE >> 2));
    i32[at + (COMPILED.SLOT >> 2)] = region.slot;
    i32[at + (COMPILED.ALIVE >> 2)] = 1;
    i32[at + (COMPILED.CS_BASE >> 2)] = selection.base;
    i32[at + (COMPILED.CS_LIMIT >> 2)] = selection.limit;
    i32[at + (COMPILED.PAGE_COUNT >> 2)] = selection.pages.length;
    selection.pages.forEach(({ linear, host }, i) => {
      i32[at + (COMPILED.PAGES >> 2) + 2 * i] = linear;
      i32[at + (COMPILED.PAGES >> 2) + 2 * i + 1] = host;
    });
    const targets = (REGION.TARGETS + region.slot * TARGET.TABLE_SIZE) >> 2;
    for (let place = 0; place < TARGET.ENTRIES; place++) {
      // An EIP that has another place stands for an empty one.
      let elsewhere = 0;
      while (targetPlace(elsewhere, shift) === place) elsewhere++;
      i32[targets + 2 * place] = elsewhere;
    }
    roots.forEach((root, index) => {
      const eip = (root - selection.base) >>> 0;
      const at = targets + 2 * targetPlace(eip, shift);
      i32[at] = eip;
      i32[at + 1] = index;
    });
    this.#table.set(region.slot, code as () => number);
    roots.forEach((root, index) => {
      const header = selection.rootBlocks.get(root);
      const number = header && this.#freeEntries.pop();
      if (!header || !number) return;
      this.#releaseEntry(header);
      const record = header + BLOCK.SIZE;
      const entry = REGION.ENTRY_POINTS + number * ENTRY_POINT.SIZE;
      i32[(entry + ENTRY_POINT.REGION) >> 2] = address;
      u16[(entry + ENTRY_POINT.INDEX) >> 1] = index;
      u16[(entry + ENTRY_POINT.HANDLER) >> 1] = u16[(record + RECORD.HANDLER) >> 1]!;
      i32[(entry + ENTRY_POINT.PAGE) >> 2] = root & ~(PAGE_SIZE - 1);
      i32[(entry + ENTRY_POINT.ARRIVALS) >> 2] = 0;
      u16[(header + BLOCK.ENTRY) >> 1] = number;
      u16[(record + RECORD.HANDLER) >> 1] = HANDLER.region;
      region.entries.push({ number, header, linear: root });
      this.#byEntry.set(number, region);
    });
  }

  /** The region that a decoded block leads to, if any. */
  enteredAt(header: number): Region | undefined {
    const number = this.#state.u16[(header + BLOCK.ENTRY) >> 1]!;
    return number ? this.#byEntry.get(number) : undefined;
  }

  /** Entries that control has come to from another region at least so often since the last call, and those regions. */
  takeArrivals(least: number): { region: Region; linear: number; from: Region }[] {
    const { i32 } = this.#state;
    const found: { region: Region; linear: number; from: Region }[] = [];
    for (const region of this.all)
      for (const { number, linear } of region.entries) {
        const at = (REGION.ENTRY_POINTS + number * ENTRY_POINT.SIZE) >> 2;
        const arrivals = i32[at + (ENTRY_POINT.ARRIVALS >> 2)]!;
        i32[at + (ENTRY_POINT.ARRIVALS >> 2)] = 0;
        const from = this.#byAddress.get(i32[at + (ENTRY_POINT.FROM >> 2)]!);
        if (arrivals >= least && from && from !== region) found.push({ region, linear, from });
      }
    return found;
  }

  /** A block's first record is its own again. */
  #releaseEntry(header: number): void {
    const { u16 } = this.#state;
    const number = u16[(header + BLOCK.ENTRY) >> 1]!;
    if (number === 0) return;
    const record = (header + BLOCK.SIZE + RECORD.HANDLER) >> 1;
    // Stale by now if the block has been taken back.
    if (u16[record] === HANDLER.region)
      u16[record] = u16[(REGION.ENTRY_POINTS + number * ENTRY_POINT.SIZE + ENTRY_POINT.HANDLER) >> 1]!;
    u16[(header + BLOCK.ENTRY) >> 1] = 0;
    const owner = this.#byEntry.get(number);
    this.#byEntry.delete(number);
    this.#freeEntries.push(number);
    if (owner) {
      const i = owner.entries.findIndex((e) => e.number === number);
      if (i >= 0) owner.entries.splice(i, 1);
    }
  }

  /** Some bytes of a decoded block have changed. */
  blockKilled(header: number): void {
    const regions = this.#byBlock.get(header);
    if (regions) for (const region of [...regions]) this.kill(region);
  }

  kill(region: Region): void {
    if (!region.alive) return;
    region.alive = false;
    this.all.delete(region);
    this.#byAddress.delete(region.address);
    for (const header of region.selection.blocks) {
      const set = this.#byBlock.get(header);
      set?.delete(region);
      if (set?.size === 0) this.#byBlock.delete(header);
    }
    for (const { header } of [...region.entries]) this.#releaseEntry(header);
    const at = region.address >> 2;
    this.#state.i32[at + (COMPILED.ALIVE >> 2)] = 0;
    this.#state.i32[at + (COMPILED.TAG >> 2)] = 0;
    if (region.batch) {
      this.#table.set(region.slot, null);
      region.batch.live--;
    }
    this.#freeSlots.unshift(region.slot);
  }

  clear(): void {
    for (const region of [...this.all]) this.kill(region);
  }
}
