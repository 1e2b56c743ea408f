/**
 * The compiling tier: samples where the interpreter spends its time, chooses regions around hot places, compiles them in
 * batches and keeps as many as memory allows. Semantics and precision are the interpreter's: a region counts every instruction and
 * looks at the budget where the interpreter does, so that what a guest sees does not depend on what has been compiled.
 */
import type { DecodeTables } from '../decoder/tables.ts';
import { BLOCK, STATE } from '../layout.ts';
import type { CpuState } from '../state.ts';
import type { JitOptions } from '../processor.ts';
import { type CompilerEnvironment, compileRegions } from './compiler.ts';
import type { Profiler } from './profile.ts';
import { type Batch, type Region, Regions } from './regions.ts';
import { MAX_INSTRUCTIONS, type Selection, Selector } from './select.ts';

export interface JitStatistics {
  samples: number;
  interpreted: number;
  regions: number;
  modules: number;
  killed: number;
  instructions: number;
  /** Bytes of WebAssembly made. */
  bytes: number;
}

const MAX_MODULES = 600;
/** Regions that wait for company, and samples that they wait at most (from the one that chose the first of them). */
const BATCH = 16;
const PATIENCE = 64;
/**
 * Every so many samples the regions that control passes between more often than this are made one, of so many instructions at
 * most.
 */
const MERGE_SAMPLES = 500;
const MERGE_ARRIVALS = 1000;
const MAX_MERGED = 1200;
/** Times that a region may have been made of others: each starts as slow code again. */
const MAX_AGE = 6;

/** Regions to be made one. */
interface Cluster {
  readonly regions: Set<Region>;
  readonly starts: Set<number>;
  addresses: ReadonlySet<number>;
}

export class Jit {
  readonly interval: number;
  readonly statistics: JitStatistics = {
    samples: 0,
    interpreted: 0,
    regions: 0,
    modules: 0,
    killed: 0,
    instructions: 0,
    bytes: 0,
  };
  readonly #state: CpuState;
  readonly #selector: Selector;
  readonly #regions: Regions;
  readonly #environment: CompilerEnvironment;
  readonly #threshold: number;
  readonly #patience: number;
  readonly #profiler: Profiler | undefined;
  /** Samples by header of the decoded block. */
  #counts = new Map<number, number>();
  #pending: Region[] = [];
  #pendingSince = 0;
  /** Number of the sample at which to look for regions to be merged. */
  #mergeAt = MERGE_SAMPLES;
  #batches: Batch[] = [];

  constructor(
    state: CpuState,
    tables: DecodeTables,
    table: WebAssembly.Table,
    environment: CompilerEnvironment,
    options: JitOptions = {},
    profiler?: Profiler,
  ) {
    this.#state = state;
    this.#selector = new Selector(state, tables);
    this.#regions = new Regions(state, table);
    this.#environment = environment;
    this.#threshold = options.threshold ?? 40;
    this.#patience = options.patience ?? PATIENCE;
    this.interval = options.interval ?? 4000;
    this.#profiler = profiler;
  }

  /** Regions that there are now. */
  get regions(): ReadonlySet<Region> {
    return this.#regions.all;
  }

  /** Execution has been found at STATE.EIP, in the interpreter or in compiled code. */
  sample(linear: number, compiled: boolean): void {
    const { statistics } = this;
    statistics.samples++;
    this.#profiler?.sample(linear, compiled, this.#state.cpl);
    if (!compiled) {
      statistics.interpreted++;
      this.#count(linear);
    }
    // Looking at all regions costs as much as there are.
    if (statistics.samples >= this.#mergeAt) {
      this.#mergeAt = statistics.samples + MERGE_SAMPLES + 8 * this.#regions.all.size;
      this.#merge();
    }
    if (
      this.#pending.length &&
      (this.#pending.length >= BATCH || statistics.samples - this.#pendingSince >= this.#patience - 1)
    )
      this.compile();
  }

  #count(linear: number): void {
    let header = this.#selector.blockAt(linear);
    if (header === 0) return;
    if (this.#state.u16[(header + BLOCK.ENTRY) >> 1] !== 0) {
      // On its way back into compiled code: what matters is where it had been left.
      linear = this.#state.getU(STATE.LEFT_AT);
      header = this.#selector.blockAt(linear);
      if (header === 0 || this.#state.u16[(header + BLOCK.ENTRY) >> 1] !== 0) return;
    }
    const count = (this.#counts.get(header) ?? 0) + 1;
    if (count < this.#threshold) {
      this.#counts.set(header, count);
      return;
    }
    this.#counts.delete(header);
    if (this.#counts.size > 20000) this.#counts.clear();
    this.#choose(linear);
  }

  #choose(linear: number): void {
    const selection = this.#selector.select([linear], MAX_INSTRUCTIONS);
    if (selection && selection.count > 1) this.#await(selection, []);
  }

  /** Makes one region of those that control keeps passing between. */
  #merge(): void {
    const key = this.#state.get(STATE.MODE_KEY);
    const clusters = new Map<Region, Cluster>();
    const clusterOf = (region: Region): Cluster => {
      const { addresses, starts } = region.selection;
      return clusters.get(region) ?? { regions: new Set([region]), starts: new Set(starts), addresses };
    };
    for (const { region, linear, from } of this.#regions.takeArrivals(MERGE_ARRIVALS)) {
      if (region.selection.key !== key || from.selection.key !== key) continue;
      if (region.age >= MAX_AGE || from.age >= MAX_AGE) continue;
      const a = clusterOf(from);
      const b = clusterOf(region);
      if (a === b) continue;
      const addresses = new Set(a.addresses);
      for (const address of b.addresses) addresses.add(address);
      if (addresses.size > MAX_MERGED) continue;
      a.addresses = addresses;
      for (const member of b.regions) a.regions.add(member);
      for (const start of b.starts) a.starts.add(start);
      a.starts.add(linear);
      for (const member of a.regions) clusters.set(member, a);
    }
    for (const { regions, starts } of new Set(clusters.values())) {
      const selection = this.#selector.select([...starts], MAX_MERGED);
      // Too many pages, or not mapped at present: the result would be no better than its parts.
      if (!selection || [...starts].some((start) => !selection.nodes.has(start))) continue;
      this.#await(selection, [...regions]);
    }
  }

  #await(selection: Selection, replaces: readonly Region[]): void {
    while (!this.#regions.hasRoom(selection.roots.size)) {
      const oldest = this.#batches.shift();
      if (!oldest) return;
      this.#drop(oldest);
    }
    if (this.#pending.length === 0) this.#pendingSince = this.statistics.samples;
    this.#pending.push(this.#regions.reserve(selection, replaces));
  }

  /** Compiles what has been chosen. */
  compile(): void {
    const regions = this.#pending.filter((region) => region.alive);
    this.#pending = [];
    if (regions.length === 0) return;
    const batch: Batch = { live: 0, regions: [] };
    const work = (): ReturnType<typeof compileRegions> => compileRegions(regions, this.#environment);
    const { bytes, compiled } = this.#profiler ? this.#profiler.compiling(work) : work();
    this.statistics.bytes += bytes;
    for (const { region, emitted, code } of compiled) {
      this.#regions.install(region, code, emitted, batch);
      this.statistics.regions++;
      this.statistics.instructions += region.selection.count;
    }
    this.statistics.modules++;
    this.#batches.push(batch);
    this.#batches = this.#batches.filter(({ live }) => live > 0);
    while (this.#batches.length > MAX_MODULES) this.#drop(this.#batches.shift()!);
  }

  #drop(batch: Batch): void {
    for (const region of [...batch.regions]) this.#regions.kill(region);
  }

  /** The decoder has taken a block back. */
  blockKilled(header: number): void {
    this.statistics.killed++;
    this.#counts.delete(header);
    this.#regions.blockKilled(header);
  }

  /** All decoded code is about to go. */
  clear(): void {
    this.#regions.clear();
    this.#pending = [];
    this.#batches = [];
    this.#counts.clear();
  }
}
