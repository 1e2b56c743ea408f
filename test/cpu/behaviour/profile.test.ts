/** What the profile says about programs whose course is known. */
import { describe, expect, it } from 'vitest';
import { createProcessor } from '../../../cpu/index.ts';
import type { ProcessorProfile } from '../../../cpu/processor.ts';
import { CONFIGURATIONS } from '../../lock-step/configurations.ts';
import { le32 } from './board.ts';

const RAM = 1 << 20;
const LOOP = 0x1000;
const ROUNDS = 5000;
/** loop: INC EAX; IN AL, 60h; LOOP loop; HLT */
const PROGRAM = [0xb9, ...le32(ROUNDS), 0x40, 0xe4, 0x60, 0xe2, 0xfb, 0xf4];

/** Runs the program; the clock advances by 3 ms each time it is read. */
function run(jit: (typeof CONFIGURATIONS)[string], profile = true) {
  let time = 0;
  let reads = 0;
  const processor = createProcessor(
    { ramBytes: RAM, videoBytes: 0, romBytes: 0, jit, ...(profile ? { profile: { now: () => (time += 3) } } : {}) },
    {
      readPort: () => ++reads & 0xff,
      writePort: () => {},
      readMemory: () => 0xff,
      writeMemory: () => {},
      acknowledgeInterrupt: () => 0xff,
      timeStamp: () => 0,
      log: () => {},
      setFerr: () => {},
    },
  );
  processor.mapPages(0, RAM / 4096, { read: processor.ram.byteOffset, write: processor.ram.byteOffset });
  processor.writePhysical(LOOP, Uint8Array.from(PROGRAM));
  const flat = (selector: number, access: number) => ({
    selector,
    base: 0,
    limit: 0xffffffff,
    attributes: 0xc000 | access,
  });
  const data = flat(0x10, 0x93);
  const segments = { cs: flat(8, 0x9b), ds: data, es: data, fs: data, gs: data, ss: data };
  processor.setRegisters({ ...segments, cr0: 0x11, eip: LOOP, esp: 0x9000, eflags: 2 });
  processor.run(10 * ROUNDS);
  expect(reads).toBe(ROUNDS);
  expect(processor.halted).toBe(true);
  return processor.profile();
}

const inLoop = (linear: number): boolean => linear >= LOOP && linear < LOOP + PROGRAM.length;

describe('the profile of a loop with a port access', () => {
  it('counts every helper call, and finds the loop in compiled code', () => {
    const report = run({ threshold: 3, interval: 50, patience: 1 }) as ProcessorProfile;
    const called = Object.fromEntries(report.helpers.map(({ mnemonic, count }) => [mnemonic, count]));
    expect(called).toMatchObject({ in: ROUNDS, hlt: 1 });
    expect(report.sampleInterval).toBe(50);
    // Three instructions a round.
    expect(report.samples).toBeGreaterThan((3 * ROUNDS) / 50 / 2);
    expect(report.samples).toBeLessThanOrEqual((3 * ROUNDS) / 50 + 2);
    expect(report.userSamples).toBe(0);
    expect(report.compiledSamples).toBeGreaterThan(0.8 * report.samples);
    expect(report.places.every(({ linear }) => inLoop(linear))).toBe(true);
    expect(report.places.reduce((sum, { samples }) => sum + samples, 0)).toBe(report.samples);
    expect(report.regions.length).toBeGreaterThan(0);
    expect(report.regions.reduce((sum, { samples }) => sum + samples, 0)).toBe(report.compiledSamples);
    expect(inLoop(report.regions[0]!.linear)).toBe(true);
    const { compiler } = report;
    expect(compiler.modules).toBeGreaterThan(0);
    // Two readings of the clock for each module.
    expect(compiler.milliseconds).toBe(3 * compiler.modules);
    expect(compiler.bytes).toBeGreaterThan(compiler.instructions);
    expect(compiler.liveRegions).toBeLessThanOrEqual(compiler.regions);
  });

  it('tells interpreted places from compiled ones', () => {
    const report = run({ threshold: 1_000_000, interval: 50 })!;
    expect(report.samples).toBeGreaterThan(100);
    expect(report.compiledSamples).toBe(0);
    expect(report.places[0]!.compiled).toBe(0);
    expect(report.regions).toEqual([]);
    expect(report.exits).toEqual({ branch: 0, side: 0, fall: 0, helper: 0, invalid: 0 });
    expect(report.compiler).toMatchObject({ regions: 0, bytes: 0, milliseconds: 0 });
  });

  it('counts helpers without the compiler, and samples nothing', () => {
    const report = run(false)!;
    expect(report).toMatchObject({ sampleInterval: 0, samples: 0, places: [] });
    expect(report.helpers.find(({ mnemonic }) => mnemonic === 'in')).toEqual({ mnemonic: 'in', count: ROUNDS });
  });

  it('is not there unless asked for', () => {
    expect(run(true, false)).toBeUndefined();
  });
});
