/** Guests that need nothing but this folder, interpreted and compiled side by side; and what is said of a difference. */
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JitContext } from '../../cpu/jit/context.ts';
import { CONFIGURATIONS, jitConfiguration } from './configurations.ts';
import { guest } from './guests.ts';
import { runLockStep } from './lock-step.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const LENGTH = Number(process.env['LOCK_STEP_LENGTH'] ?? 1);
/** Image, configuration, and the share of samples that must be found in compiled code. */
const RUNS: readonly (readonly [string, string, number])[] = [
  ['demo', 'default', 0.1],
  ['demo', 'first', 0.5],
  ['demo', 'soon', 0.3],
  ['demo', 'exits', 0.1],
  ['kernels', 'default', 0.5],
  ['kernels', 'first', 0.8],
  ['kernels', 'soon', 0.8],
  // Code that comes by a few times only, so that little of it is compiled.
  ['footprint', 'default', 0.01],
];

describe('in lock step', { timeout: 60_000 * LENGTH }, () => {
  it.each(RUNS)('%s, configuration %s', (image, name, share) => {
    const { differences, executed, statistics } = runLockStep(guest(ROOT, image), {
      configurations: [false, CONFIGURATIONS[name]!],
      instructions: 4e6 * LENGTH,
      memoryEvery: 200,
    });
    expect(differences).toEqual([]);
    expect(executed).toBeGreaterThanOrEqual(4e6);
    expect(statistics!.regions).toBeGreaterThan(0);
    // Found running compiled code.
    expect(1 - statistics!.interpreted / statistics!.samples).toBeGreaterThan(share);
  });
});

describe('a fault planted in the compiler', () => {
  afterEach(() => vi.restoreAllMocks());
  const prototype = JitContext.prototype as unknown as Record<'setCarry' | 'storeLinear', () => void>;

  it('is found, with the last equal point, the fields and the code', { timeout: 60_000 }, () => {
    vi.spyOn(prototype, 'setCarry').mockImplementation(() => {});
    const { differences } = runLockStep(guest(ROOT, 'kernels'), { instructions: 4e6 });
    expect(differences.length).toBeGreaterThan(3);
    expect(differences.join('\n')).toMatch(/equal after \d+ chunks/);
    expect(differences.join('\n')).toMatch(/in steps: .+ \| /);
    expect(differences.join('\n')).toMatch(/code from there:\n[0-9A-Fa-f]{8}/);
  });
  it('is found in memory alone', { timeout: 60_000 }, () => {
    vi.spyOn(prototype, 'storeLinear').mockImplementation(() => {});
    const { differences } = runLockStep(guest(ROOT, 'footprint'), { instructions: 4e6, memoryEvery: 10 });
    expect(differences.length).toBeGreaterThan(1);
  });
});

describe('a configuration', () => {
  it('is a name or options', () => {
    expect(jitConfiguration('interpreter')).toBe(false);
    expect(jitConfiguration('{"threshold":3}')).toEqual({ threshold: 3 });
    expect(() => jitConfiguration('fast')).toThrow(/interpreter, default, first/);
  });
});
