/** Counts where a guest's time goes in the processor, when that is asked for: sampled places, exits of compiled code, helpers, compiling. */
import type { Helper } from '../helpers.ts';
import { EXIT_COUNT, REGION } from '../layout.ts';
import type { ProcessorProfile, ProfileClock } from '../processor.ts';
import type { CpuState } from '../state.ts';
import type { Jit } from './jit.ts';
import type { Region } from './regions.ts';

/** Places told apart; samples of further ones appear in the sums alone. */
const MAX_PLACES = 65536;
/** Lines of each list of the report. */
const LONGEST = 25;

interface Place {
  samples: number;
  compiled: number;
}

export class Profiler {
  readonly #clock: ProfileClock;
  readonly #places = new Map<number, Place>();
  readonly #helpers = new Map<string, { count: number }>();
  #samples = 0;
  #compiled = 0;
  #user = 0;
  #compileMilliseconds = 0;

  constructor(clock: ProfileClock) {
    this.#clock = clock;
  }

  /** Execution has been found at a linear address, in compiled code or in the interpreter, at a privilege level. */
  sample(linear: number, compiled: boolean, cpl: number): void {
    this.#samples++;
    if (compiled) this.#compiled++;
    if (cpl === 3) this.#user++;
    let place = this.#places.get(linear);
    if (!place) {
      if (this.#places.size >= MAX_PLACES) return;
      this.#places.set(linear, (place = { samples: 0, compiled: 0 }));
    }
    place.samples++;
    if (compiled) place.compiled++;
  }

  /** The helper, with its calls counted under a mnemonic. */
  counted(mnemonic: string, helper: Helper): Helper {
    const counter = this.#helpers.get(mnemonic) ?? { count: 0 };
    this.#helpers.set(mnemonic, counter);
    return (core, operands) => {
      counter.count++;
      return helper(core, operands);
    };
  }

  /** Does the work of compiling, and takes its time. */
  compiling<T>(work: () => T): T {
    const start = this.#clock.now();
    try {
      return work();
    } finally {
      this.#compileMilliseconds += this.#clock.now() - start;
    }
  }

  report(state: CpuState, jit: Jit | undefined): ProcessorProfile {
    const exits = (offset: number): number => state.getU(REGION.EXIT_COUNTS + offset);
    return {
      sampleInterval: jit?.interval ?? 0,
      samples: this.#samples,
      compiledSamples: this.#compiled,
      userSamples: this.#user,
      places: largest(
        [...this.#places].map(([linear, place]) => ({ linear, ...place })),
        ({ samples }) => samples,
      ),
      regions: largest(this.#regions(jit), ({ samples }) => samples),
      exits: {
        branch: exits(EXIT_COUNT.branch),
        side: exits(EXIT_COUNT.side),
        fall: exits(EXIT_COUNT.fall),
        helper: exits(EXIT_COUNT.helper),
        invalid: exits(EXIT_COUNT.invalid),
      },
      sideExits: largest(sideExits(state), ({ count }) => count),
      helpers: largest(
        [...this.#helpers].map(([mnemonic, { count }]) => ({ mnemonic, count })),
        ({ count }) => count,
      ),
      compiler: {
        regions: jit?.statistics.regions ?? 0,
        liveRegions: jit?.regions.size ?? 0,
        modules: jit?.statistics.modules ?? 0,
        instructions: jit?.statistics.instructions ?? 0,
        bytes: jit?.statistics.bytes ?? 0,
        milliseconds: this.#compileMilliseconds,
        blocksTakenBack: jit?.statistics.killed ?? 0,
      },
    };
  }

  /** Regions that there are now, with the samples taken inside; a place in several of them counts for one. */
  #regions(jit: Jit | undefined): ProcessorProfile['regions'] {
    const owners = new Map<number, Region>();
    for (const region of jit?.regions ?? [])
      for (const address of region.selection.addresses) owners.set(address, region);
    const samples = new Map<Region, number>();
    for (const [linear, { compiled }] of this.#places) {
      const owner = compiled > 0 ? owners.get(linear) : undefined;
      if (owner) samples.set(owner, (samples.get(owner) ?? 0) + compiled);
    }
    return [...samples].map(([{ selection, entries, age }, count]) => ({
      linear: selection.starts[0]!,
      samples: count,
      instructions: selection.count,
      entries: entries.length,
      merged: age,
    }));
  }
}

/** Places at which compiled code left an instruction to the interpreter. */
function sideExits({ i32 }: CpuState): ProcessorProfile['sideExits'] {
  const found: { linear: number; count: number }[] = [];
  for (let n = 0; n < REGION.EXIT_SITES_ENTRIES; n++) {
    const at = (REGION.EXIT_SITES >> 2) + 2 * n;
    const count = i32[at + 1]! >>> 0;
    if (count > 0) found.push({ linear: i32[at]! >>> 0, count });
  }
  return found;
}

/** The largest of a list, those without use left out. */
function largest<T>(list: readonly T[], size: (item: T) => number): T[] {
  return list
    .filter((item) => size(item) > 0)
    .sort((a, b) => size(b) - size(a))
    .slice(0, LONGEST);
}
