/** A sample of the captured cases, each compiled before it is executed, and the proof that it is compiled code that is tested. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JitContext } from '../../cpu/jit/context.ts';
import { CONFIGURATIONS } from '../lock-step/configurations.ts';
import { HardwareRunner } from './hardware-runner.ts';
import { absence, openVectors, vectorsPresent } from './vectors.ts';

const STEP = Number(process.env['VS_VECTOR_STEP'] ?? 20);
/** How much of each group is compiled at least: not what always leaves, nor cases that begin with TF or RF set. */
const COMPILED_SHARE: Readonly<Record<string, number>> = {
  int: 0.95,
  p16: 0.95,
  seg: 0.75,
  x87: 0.95,
  mmx: 0.95,
  sse: 0.95,
  seq: 0.95,
};

function sample(group: string, jit = CONFIGURATIONS['first']!, step = STEP) {
  const file = openVectors(group);
  const runner = new HardwareRunner(file.header, { features: { sse3: true, ssse3: true }, jit });
  const failures: string[] = [];
  let ran = 0;
  for (const test of file.cases(step)) {
    ran++;
    const differences = runner.run(test);
    if (differences.length > 0) failures.push(`${test.f} ${test.b}: ${differences.join('; ')}`);
  }
  return { failures, ran, compiled: runner.compiled };
}

describe.skipIf(!vectorsPresent)(`captured cases in compiled code${absence}`, () => {
  it.each(Object.keys(COMPILED_SHARE))('%s', (group) => {
    const { failures, ran, compiled } = sample(group);
    expect(failures.slice(0, 10)).toEqual([]);
    expect(compiled / ran).toBeGreaterThan(COMPILED_SHARE[group]!);
  });
});

describe.skipIf(!vectorsPresent)(`a fault planted in the compiler${absence}`, () => {
  afterEach(() => vi.restoreAllMocks());
  type Planted = 'setCarry' | 'setResult' | 'storeLinear' | 'writeXmmReg' | 'storeRegister' | 'writeMmxReg';
  const prototype = JitContext.prototype as unknown as Record<Planted, () => void>;
  const cases: readonly (readonly [Planted, string])[] = [
    ['setCarry', 'int'],
    ['setResult', 'p16'],
    ['storeRegister', 'int'],
    ['storeLinear', 'int'],
    ['writeXmmReg', 'sse'],
    ['writeMmxReg', 'mmx'],
  ];
  it.each(cases)('is found by them: no %s', (method, group) => {
    vi.spyOn(prototype, method).mockImplementation(() => {});
    expect(sample(group, false, 200).failures).toEqual([]);
    const { failures, ran } = sample(group, undefined, 200);
    expect(failures.length / ran).toBeGreaterThan(0.02);
  });
});
