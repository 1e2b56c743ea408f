/** Helpers in real mode against captures of an 80286: every case that is one helper's instruction. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { deliverException } from '../../../cpu/exceptions/index.ts';
import { writeRealSegment } from '../../../cpu/segmentation/segment.ts';
import { CpuFault } from '../../../cpu/state.ts';
import { FakeCore, REAL_MODE_BYTES } from './fake-core.ts';
import { decodeHelper } from './helper-decoder.ts';

interface Case {
  f: string;
  b: string;
  i: number[];
  m: [number, string][];
  o: Record<string, number>;
  w?: [number, string][];
  x?: number;
  xf?: number;
  u?: number;
}

const FILE = new URL('../../../../shared/conformance/realmode/sst80286.jsonl.gz', import.meta.url);
const GPRS = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds'];
/** Flags that the 80286 has in real mode. */
const FLAGS = 0x0fd7;

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

function run(core: FakeCore, expected: Uint8Array, names: string[], test: Case): string[] | undefined {
  const { state, memory } = core;
  const initial = Object.fromEntries(names.map((name, n) => [name, test.i[n]!]));
  memory.bytes.fill(0);
  for (const [at, bytes] of test.m) memory.bytes.set(hex(bytes), at);
  GPRS.forEach((name, n) => state.setReg32(n, initial[name]!));
  SEGMENTS.forEach((name, n) => writeRealSegment(core, n, initial[name]!));
  state.eflags = initial['flags']!;
  state.eip = initial['ip']!;
  const window = new Uint8Array(32);
  window.set(hex(test.b).subarray(0, 32));
  const decoded = decodeHelper(core, window);
  if (decoded === undefined || decoded.locked || decoded.helper === 'hlt') return undefined;
  core.nextEip = (state.eip + decoded.length) & 0xffff;
  expected.set(memory.bytes);
  let vector: number | undefined;
  try {
    const operands = decoded.operands();
    if (core.run(decoded.helper, operands) !== 'jump') state.eip = core.nextEip;
  } catch (error) {
    if (!(error instanceof CpuFault)) throw error;
    vector = error.vector;
    deliverException(core, error);
  }
  const differences: string[] = [];
  if (vector !== undefined && vector !== test.x) differences.push(`exception ${vector}, not ${test.x}`);
  // The HLT behind the instruction, or at the handler or the target, has executed too.
  const final = { ip: initial['ip']! + test.b.length / 2 + 1, ...initial, ...test.o };
  const compare = (name: string, actual: number, mask = -1): void => {
    if (((actual ^ final[name as 'ip']) & mask) !== 0)
      differences.push(`${name} ${actual.toString(16)}, not ${final[name as 'ip'].toString(16)}`);
  };
  GPRS.forEach((name, n) => compare(name, state.reg16(n)));
  SEGMENTS.forEach((name, n) => compare(name, state.selector(n)));
  compare('ip', (state.eip + 1) & 0xffff);
  compare('flags', state.eflags, FLAGS & ~(test.u ?? 0));
  for (const [at, bytes] of test.w ?? []) expected.set(hex(bytes), at);
  if (Buffer.compare(expected, memory.bytes) === 0) return differences;
  const masks = new Map<number, number>();
  if (test.xf !== undefined) {
    const ignore = (test.u ?? 0) | ~FLAGS;
    masks.set(test.xf, ~ignore & 0xff).set(test.xf + 1, (~ignore >> 8) & 0xff);
  }
  for (let at = 0; at < expected.length && differences.length < 6; at++) {
    const difference = expected[at]! ^ memory.bytes[at]!;
    if ((difference & (masks.get(at) ?? 0xff)) === 0) continue;
    // PUSHF and interrupts: bits 12-15 of FLAGS read as 0 on the 80286.
    differences.push(`memory ${at.toString(16)}: ${memory.bytes[at]!.toString(16)}, not ${expected[at]!.toString(16)}`);
  }
  return differences;
}

const present = existsSync(FILE) || process.env['CI'] !== undefined;

describe.skipIf(!present)(
  `real-mode vectors${present ? '' : ' (skipped: no ../shared/conformance beside the checkout)'}`,
  () => {
    it('helpers do what the processor did', () => {
      const lines = gunzipSync(readFileSync(FILE)).toString('utf8').split('\n').filter(Boolean);
      const { regs } = JSON.parse(lines[0]!) as { regs: string[] };
      const core = new FakeCore({}, REAL_MODE_BYTES);
      const expected = new Uint8Array(REAL_MODE_BYTES);
      const failures: string[] = [];
      let ran = 0;
      for (const line of lines.slice(1)) {
        const test = JSON.parse(line) as Case;
        const differences = run(core, expected, regs, test);
        if (differences === undefined) continue;
        ran++;
        if (differences.length > 0) failures.push(`${test.f} ${test.b}: ${differences.join('; ')}`);
      }
      expect(failures.slice(0, 10)).toEqual([]);
      expect(ran).toBeGreaterThan(7_000);
    });
  },
);
