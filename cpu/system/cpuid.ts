/** CPUID (Intel SDM volume 2, "CPUID"; leaf 2 descriptors table 3-12): a processor of the Pentium III class by default. */
import type { Helper } from '../helpers.ts';
import { GPR } from '../layout.ts';
import type { CpuidConfiguration } from '../processor.ts';
import { CR4 } from '../state.ts';

/** Feature bits of leaf 1: EDX 0-31, ECX 32-63. */
const FEATURE_BITS = {
  fpu: 0, vme: 1, de: 2, pse: 3, tsc: 4, msr: 5, pae: 6, mce: 7, cx8: 8, apic: 9, sep: 11, mtrr: 12, pge: 13, mca: 14,
  cmov: 15, pat: 16, pse36: 17, psn: 18, clfsh: 19, ds: 21, acpi: 22, mmx: 23, fxsr: 24, sse: 25, sse2: 26, ss: 27, htt: 28,
  tm: 29, pbe: 31, sse3: 32, monitor: 35, ssse3: 41, cx16: 45, hypervisor: 63,
} as const; // prettier-ignore
export type FeatureName = keyof typeof FEATURE_BITS;

const DEFAULT_FEATURES: readonly FeatureName[] = [
  'fpu', 'vme', 'de', 'pse', 'tsc', 'msr', 'pae', 'cx8', 'sep', 'pge', 'cmov', 'mmx', 'fxsr', 'sse', 'sse2',
]; // prettier-ignore

/** CR4 bits and the feature each needs. PCE belongs to the family. */
const CR4_FEATURES: readonly (readonly [number, FeatureName])[] = [
  [CR4.VME, 'vme'],
  [CR4.PVI, 'vme'],
  [CR4.TSD, 'tsc'],
  [CR4.DE, 'de'],
  [CR4.PSE, 'pse'],
  [CR4.PAE, 'pae'],
  [CR4.PGE, 'pge'],
  [CR4.OSFXSR, 'fxsr'],
  [CR4.OSXMMEXCPT, 'sse'],
];

/** EAX EBX ECX EDX, as unsigned numbers. */
export type CpuidLeaf = readonly [number, number, number, number];

/** Features that are not reported by default but may be: instructions the processor has, and marks without meaning to it. */
const OPTIONAL_FEATURES: readonly FeatureName[] = ['sse3', 'ssse3', 'ss', 'htt', 'hypervisor'];

const EMPTY: CpuidLeaf = [0, 0, 0, 0];

/**
 * Leaf 2: one pass of the instruction (01); instruction TLB 4 KiB 32 entries (01), 4 MiB 2 entries (02); data TLB 4 KiB 64 entries
 * (03), 4 MiB 8 entries (04); L1 16 KiB code (08) and data (0C); L2 256 KiB, 8 ways (82).
 */
const CACHE_LEAF: CpuidLeaf = [0x03020101, 0, 0, 0x0c040882];

const HIGHEST_EXTENDED = 0x80000004;

function littleEndian(text: string, offset: number): number {
  let value = 0;
  for (let n = 3; n >= 0; n--)
    value = (value << 8) | (offset + n < text.length ? text.charCodeAt(offset + n) & 0xff : 0);
  return value >>> 0;
}

export class CpuidTable {
  /** Family with the extended family added. */
  readonly family: number;
  /** CR4 bits that may be set; the others are reserved. */
  readonly cr4Mask: number;
  /** Type, family, model, stepping: leaf 1 EAX, and EDX after reset. */
  readonly signature: number;
  readonly #features: ReadonlySet<string>;
  readonly #leaves: ReadonlyMap<number, CpuidLeaf>;
  readonly #highest: CpuidLeaf;

  /** @throws RangeError for values CPUID cannot express and features the processor does not have */
  constructor(configuration: CpuidConfiguration = {}) {
    const {
      vendor = 'GenuineIntel',
      brand = 'Intel(R) Pentium(R) III CPU',
      family = 6,
      model = 8,
      stepping = 3,
      maxLeaf = 2,
    } = configuration;
    const inRange = (value: number, max: number): boolean => Number.isInteger(value) && value >= 0 && value <= max;
    if (!inRange(family, 15 + 255) || !inRange(model, 255) || !inRange(stepping, 15) || !inRange(maxLeaf, 0x7fffffff)) {
      throw new RangeError('CPUID family, model, stepping or highest leaf out of range');
    }
    if (!/^[ -~]{12}$/.test(vendor)) throw new RangeError(`a CPUID vendor has 12 ASCII characters, found '${vendor}'`);
    if (!/^[ -~]{0,48}$/.test(brand)) throw new RangeError('a CPUID brand has up to 48 ASCII characters');
    const features = new Set<string>(DEFAULT_FEATURES);
    for (const [name, wanted] of Object.entries(configuration.features ?? {})) {
      if (!(name in FEATURE_BITS)) throw new RangeError(`unknown CPUID feature '${name}'`);
      const available =
        DEFAULT_FEATURES.includes(name as FeatureName) || OPTIONAL_FEATURES.includes(name as FeatureName);
      if (wanted && !available) throw new RangeError(`CPUID feature '${name}' is not implemented`);
      if (wanted) features.add(name);
      else features.delete(name);
    }
    this.family = family;
    this.#features = features;
    this.cr4Mask = CR4_FEATURES.reduce(
      (mask, [bit, name]) => (features.has(name) ? mask | bit : mask),
      family >= 6 ? CR4.PCE : 0,
    );

    const words = [0, 0];
    for (const name of features) {
      const bit = FEATURE_BITS[name as FeatureName];
      words[bit >> 5]! |= 1 << (bit & 31);
    }
    this.signature =
      stepping |
      ((model & 15) << 4) |
      (Math.min(family, 15) << 8) |
      ((model >> 4) << 16) |
      (Math.max(family - 15, 0) << 20);
    const leaves = new Map<number, CpuidLeaf>([
      [0, [maxLeaf, littleEndian(vendor, 0), littleEndian(vendor, 8), littleEndian(vendor, 4)]],
      [1, [this.signature >>> 0, 0, words[1]! >>> 0, words[0]! >>> 0]],
      [2, CACHE_LEAF],
    ]);
    this.#highest = leaves.get(Math.min(maxLeaf, 3)) ?? EMPTY;
    for (const leaf of [1, 2]) if (leaf > maxLeaf) leaves.delete(leaf);
    leaves.set(0x80000000, [HIGHEST_EXTENDED, 0, 0, 0]);
    leaves.set(0x80000001, EMPTY);
    for (let n = 0; n < 3; n++) {
      const word = (w: number): number => littleEndian(brand.slice(0, 48), n * 16 + w * 4);
      leaves.set(0x80000002 + n, [word(0), word(1), word(2), word(3)]);
    }
    this.#leaves = leaves;
    this.#maxLeaf = maxLeaf;
  }

  readonly #maxLeaf: number;

  has(feature: FeatureName): boolean {
    return this.#features.has(feature);
  }

  /** Leaves beyond the highest, basic or extended, answer as the highest basic one. */
  leaf(index: number): CpuidLeaf {
    index >>>= 0;
    const known = this.#leaves.get(index);
    if (known !== undefined) return known;
    return index <= this.#maxLeaf ? EMPTY : this.#highest;
  }
}

/** The table for a configuration. @throws RangeError for values CPUID cannot express and features the processor does not have */
export function createCpuid(configuration: CpuidConfiguration = {}): CpuidTable {
  return new CpuidTable(configuration);
}

export const cpuidHelpers: Record<string, Helper> = {
  cpuid: (core) => {
    const { state } = core;
    const [eax, ebx, ecx, edx] = core.cpuid.leaf(state.reg32(GPR.EAX));
    state.setReg32(GPR.EAX, eax);
    state.setReg32(GPR.EBX, ebx);
    state.setReg32(GPR.ECX, ecx);
    state.setReg32(GPR.EDX, edx);
  },
};
